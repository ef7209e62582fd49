//! Agent types as Markdown: `agents/NAME.md` in the configuration folder, with front matter on top and the prompt below.
//!
//! ```text
//! ---                       +++
//! description: Reads logs   description = "Reads logs"
//! effects: read-only        effects = "read-only"
//! ---                       +++
//! You read logs.            You read logs.
//! ```
//!
//! `+++` is TOML. `---` is the part of YAML that such files use, and nothing else: `key: value`, `[a, b]`, and a list of `- item`
//! lines. A whole YAML reader would take what people did not mean (`no` is false, `1:20` is a number); what is not understood
//! here is a mistake with its line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, Problem};
use crate::layer::{Origin, Position};
use crate::limits::fixed::{AGENT_FILE_BYTES_MAX, AGENT_FILES_MAX};
use crate::node::{Entry, Node, Value};
use crate::read;

/// A file, and what it says.
pub(crate) type FileLayer = (PathBuf, Result<Node, Vec<Problem>>);

/// One layer for each file of the folder, by name. A folder that is not there has none.
///
/// # Errors
/// The folder or a file in it can't be read.
pub(crate) fn layers(folder: &Path) -> Result<Vec<FileLayer>, Error> {
    let cannot = |source| Error::Read {
        file: folder.to_owned(),
        source,
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(cannot(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let file = entry.map_err(cannot)?.path();
        if file.extension().is_some_and(|ending| ending == "md") {
            files.push(file);
        }
    }
    files.sort();
    if files.len() > AGENT_FILES_MAX {
        let what = format!(
            "there are {} agent types here, and {AGENT_FILES_MAX} are read at most",
            files.len()
        );
        let origin = Origin::User {
            file: folder.to_owned(),
            at: None,
        };
        return Ok(vec![(
            folder.to_owned(),
            Err(vec![Problem::new(what).at(origin)]),
        )]);
    }
    files
        .into_iter()
        .map(|file| {
            let text = std::fs::read(&file).map_err(|source| Error::Read {
                file: file.clone(),
                source,
            })?;
            let layer = layer(&file, text);
            Ok((file, layer))
        })
        .collect()
}

fn layer(file: &Path, bytes: Vec<u8>) -> Result<Node, Vec<Problem>> {
    let place = |at: Option<Position>| Origin::User {
        file: file.to_owned(),
        at,
    };
    let wrong = |what: &str| vec![Problem::new(what).at(place(None))];
    if bytes.len() > AGENT_FILE_BYTES_MAX {
        return Err(wrong("too long for an agent type"));
    }
    let text = String::from_utf8(bytes).map_err(|_| wrong("not text in UTF-8"))?;
    let text = text
        .strip_prefix('\u{feff}')
        .unwrap_or(&text)
        .replace("\r\n", "\n");
    let (fence, front, body, body_line) = parts(&text).ok_or_else(|| {
        vec![
            Problem::new("an agent type begins with front matter between two lines `---` or `+++`")
                .at(place(Some(Position { line: 1, column: 1 }))),
        ]
    })?;
    let mut table = match fence {
        // The fence was the first line: an empty one in its place keeps the numbers of the others.
        "+++" => match read::toml_text(&format!("\n{front}"), &place)?.value {
            Value::Table(table) => table,
            _ => BTreeMap::new(),
        },
        _ => simple(front, &place)?,
    };
    let name = match table
        .remove("name")
        .map(|entry| (entry.node.value, entry.node.origin))
    {
        None => file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        Some((Value::Text(name), _)) => name,
        Some((_, origin)) => return Err(vec![Problem::new("`name` must be a text").at(origin)]),
    };
    let at = place(Some(Position {
        line: body_line,
        column: 1,
    }));
    if let Some(there) = table.get("prompt") {
        let what = "the prompt is the text below the front matter, and stands in it as well";
        return Err(vec![Problem::new(what).at(there.key.clone())]);
    }
    let prompt = Node::new(Value::Text(body.trim().to_owned()), at.clone());
    table.insert(
        "prompt".to_owned(),
        Entry {
            key: at,
            node: prompt,
        },
    );
    let within = |key: String, table| {
        let key_at = place(None);
        let node = Node::new(Value::Table(table), place(None));
        BTreeMap::from([(key, Entry { key: key_at, node })])
    };
    let agents = within(name, table);
    Ok(Node::new(
        Value::Table(within("agents".to_owned(), agents)),
        place(None),
    ))
}

/// The fence, what is between the two, what is below, and the line on which that begins.
fn parts(text: &str) -> Option<(&str, &str, &str, usize)> {
    let (fence, rest) = text.split_once('\n')?;
    let fence = fence.trim_end();
    if fence != "---" && fence != "+++" {
        return None;
    }
    let (mut offset, mut line) = (0, 2);
    for one in rest.split_inclusive('\n') {
        if one.trim_end() == fence {
            let below = rest.get(offset + one.len()..).unwrap_or_default();
            return Some((fence, rest.get(..offset)?, below, line + 1));
        }
        offset += one.len();
        line += 1;
    }
    None
}

/// The part of YAML that is understood.
fn simple(
    front: &str,
    place: &dyn Fn(Option<Position>) -> Origin,
) -> Result<BTreeMap<String, Entry>, Vec<Problem>> {
    let mut table: BTreeMap<String, Entry> = BTreeMap::new();
    let mut open: Option<String> = None;
    let mut problems = Vec::new();
    for (index, line) in front.lines().enumerate() {
        let origin = place(Some(Position {
            line: index + 2,
            column: 1,
        }));
        let mut wrong = |what: String| problems.push(Problem::new(what).at(origin.clone()));
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        if let Some(item) = bare
            .strip_prefix("- ")
            .or_else(|| (bare == "-").then_some(""))
        {
            let list = open.as_ref().and_then(|key| table.get_mut(key));
            match list.map(|entry| &mut entry.node.value) {
                Some(Value::List(list)) => list.push(scalar(item, &origin)),
                _ => wrong(format!("`{bare}` is an item of no list")),
            }
            continue;
        }
        let Some((key, value)) = bare
            .split_once(':')
            .filter(|_| !line.starts_with([' ', '\t']))
        else {
            wrong(format!(
                "`{bare}` is not `key: value`; write the front matter as TOML between `+++` for more"
            ));
            continue;
        };
        let (key, value) = (key.trim().replace('-', "_"), value.trim());
        if table.contains_key(&key) {
            wrong(format!("`{key}` stands here twice"));
            continue;
        }
        let inner = value
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let value = match (value, inner) {
            ("", _) => Value::List(Vec::new()),
            (_, Some(inner)) => {
                let items = inner
                    .split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty());
                Value::List(items.map(|item| scalar(item, &origin)).collect())
            }
            ("|" | ">" | "|-" | ">-", _) | (_, None)
                if value.starts_with(['{', '|', '>', '&', '*', '!', '[']) =>
            {
                wrong(format!(
                    "`{value}` is not understood here; write the front matter as TOML between `+++` for more"
                ));
                continue;
            }
            _ => scalar(value, &origin).value,
        };
        open = matches!(&value, Value::List(list) if list.is_empty()).then(|| key.clone());
        let node = Node::new(value, origin.clone());
        table.insert(key, Entry { key: origin, node });
    }
    match problems.is_empty() {
        true => Ok(table),
        false => Err(problems),
    }
}

/// A text in quotes is one; else a truth, a number or a text.
fn scalar(text: &str, origin: &Origin) -> Node {
    let text = text.trim();
    let quoted = ['"', '\'']
        .iter()
        .find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    let value = match (quoted, text) {
        (Some(inner), _) => Value::Text(inner.to_owned()),
        (None, "true") => Value::Truth(true),
        (None, "false") => Value::Truth(false),
        (None, text) => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(whole), _) => Value::Whole(whole),
            (_, Ok(real)) if text.starts_with(|c: char| c.is_ascii_digit()) => Value::Real(real),
            _ => Value::Text(text.to_owned()),
        },
    };
    Node::new(value, origin.clone())
}
