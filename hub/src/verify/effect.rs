//! What a write left behind: which tool shows it, what it should show, and whether it does. Pure; the door makes the call.
//!
//! ```text
//! write_file{path, content} ► read_file{path}      the lines of the content, in order
//! update_order{id, status}  ► get_order{id}        what the reader declares and the write named: `status`
//! delete_file{path}         ► read_file{path}      not found
//! ```
//!
//! A reader is the person's word (`read_back`), or a tool of the same server that only reads by a believed claim, is called
//! like the write (`write_file`, `read_file`), and needs nothing that the write was not given. Where the comparison could be
//! wrong for another reason than a missing effect, there is none: servers reformat, number lines and add headers.

use serde_json::{Map, Value};
use toolpool_config::fixed::{READ_BACK_BYTES_MAX, READ_BACK_LINE_CHARS_MAX, READ_BACK_LINES_SURE};
use toolpool_config::{ReadBackTable, ToolOverride};
use toolpool_registry::ToolMeta;

use super::write::writes;
use crate::execute::text_of;
use crate::memory::PATHS;

/// What a reader is to be given, and what it should show.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The reader's own name.
    pub reader: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// What it should show.
    pub wanted: Wanted,
}

/// What should be so after a write.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// This content, under this path.
    Content {
        /// The path.
        path: String,
        /// The content.
        content: String,
    },
    /// These fields.
    Fields(Vec<(String, Value)>),
    /// Nothing: it is gone.
    Gone,
}

/// A write that was carried out.
#[derive(Clone, Copy, Debug)]
pub struct Done<'a> {
    /// The tool.
    pub tool: &'a ToolMeta,
    /// What it was given.
    pub arguments: &'a Map<String, Value>,
    /// What it answered; null where that is not known.
    pub result: &'a Value,
}

/// How a write can be read back by the person's word, or else by one of `tools`, those of its server that the caller sees.
#[must_use]
pub fn plan<'a>(
    done: Done<'_>,
    said: Option<&ToolOverride>,
    tools: impl Iterator<Item = &'a ToolMeta>,
) -> Option<Plan> {
    if done.tool.claims.read_only() {
        return None;
    }
    match said.and_then(|said| said.read_back.as_ref()) {
        Some(back) => declared(done, &back.table(), tools),
        None => paired(done, tools),
    }
}

fn declared<'a>(
    done: Done<'_>,
    table: &ReadBackTable,
    mut tools: impl Iterator<Item = &'a ToolMeta>,
) -> Option<Plan> {
    let reader = tools.find(|tool| *tool.id.name == *table.tool)?;
    let filled = |from: &std::collections::BTreeMap<String, String>| {
        let pairs = from
            .iter()
            .map(|(name, text)| Some((name.clone(), fill(text, done)?)));
        pairs.collect::<Option<Vec<_>>>()
    };
    let arguments = match table.arguments.is_empty() {
        true => needed(reader, done.arguments)?,
        false => filled(&table.arguments)?.into_iter().collect(),
    };
    let wanted = if table.gone {
        Wanted::Gone
    } else if !table.compare.is_empty() {
        Wanted::Fields(filled(&table.compare)?)
    } else if let Some(content) = content(done) {
        content
    } else {
        let rest = done
            .arguments
            .iter()
            .filter(|(name, value)| !arguments.contains_key(*name) && is_plain(value));
        Wanted::Fields(
            rest.map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        )
    };
    Some(Plan {
        reader: table.tool.clone(),
        arguments,
        wanted,
    })
}

/// `{id}` is an argument of the write, `{result.id}` a field of its result; what is more than one of them is a text.
fn fill(text: &str, done: Done<'_>) -> Option<Value> {
    let value = |name: &str| match name.strip_prefix("result.") {
        Some(field) => shown(done.result)
            .into_iter()
            .find_map(|fields| at(&fields, field).cloned()),
        None => done.arguments.get(name).cloned(),
    };
    let whole = text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    if let Some(name) = whole.filter(|name| !name.contains(['{', '}'])) {
        return value(name);
    }
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, behind)) = rest.split_once('{') {
        let (name, after) = behind.split_once('}')?;
        out.push_str(before);
        let value = value(name)?;
        out.push_str(
            &value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned),
        );
        rest = after;
    }
    out.push_str(rest);
    Some(Value::String(out))
}

/// Verbs of writes whose readers the hub finds, and whether they take away.
const VERBS: [(&str, bool); 6] = [
    ("write", false),
    ("create", false),
    ("update", false),
    ("set", false),
    ("put", false),
    ("delete", true),
];

fn paired<'a>(done: Done<'_>, tools: impl Iterator<Item = &'a ToolMeta>) -> Option<Plan> {
    let name = done.tool.id.name.to_lowercase().replace('-', "_");
    let (verb, noun) = name.split_once('_')?;
    let (_, gone) = *VERBS.iter().find(|(known, _)| *known == verb)?;
    let content = content(done);
    if verb == "write" && content.is_none() {
        return None;
    }
    let candidates = tools.filter_map(|tool| {
        let reader = tool.id.name.to_lowercase().replace('-', "_");
        let (verb, of) = reader.split_once('_')?;
        let reads =
            matches!(verb, "read" | "get") && tool.claims.read_only() && tool.id != done.tool.id;
        let alike = match (of == noun, &content) {
            (true, _) => 2,
            (false, Some(_))
                if matches!(of, "file" | "text_file" | "file_content" | "file_contents") =>
            {
                1
            }
            _ => return None,
        };
        reads.then_some(())?;
        let arguments = needed(tool, done.arguments)?;
        arguments
            .keys()
            .all(|name| is_key(name))
            .then_some((alike, tool, arguments))
    });
    let (_, reader, arguments) =
        candidates.max_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.id.cmp(&a.1.id)))?;
    let wanted = match content {
        _ if gone => Wanted::Gone,
        Some(content) => content,
        None => fields(reader, done, &arguments)?,
    };
    Some(Plan {
        reader: reader.id.name.to_string(),
        arguments,
        wanted,
    })
}

/// A name that says which thing, and is not one of its properties: a title is no key.
fn is_key(name: &str) -> bool {
    PATHS.contains(&name)
        || matches!(name, "id" | "key" | "uuid" | "slug" | "number")
        || name.ends_with("_id")
        || name.ends_with("Id")
        || matches!(
            name,
            "owner" | "repo" | "project" | "branch" | "bucket" | "namespace"
        )
}

fn content(done: Done<'_>) -> Option<Wanted> {
    let [write] = writes(&done.tool.id.name, done.arguments)[..] else {
        return None;
    };
    let fits = !write.content.trim().is_empty() && write.content.len() <= READ_BACK_BYTES_MAX;
    fits.then(|| Wanted::Content {
        path: write.path.to_owned(),
        content: write.content.to_owned(),
    })
}

/// What the reader must be given, out of what the write was.
fn needed(reader: &ToolMeta, given: &Map<String, Value>) -> Option<Map<String, Value>> {
    let schema = reader.input_schema();
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if required.is_empty() {
        return None;
    }
    required
        .iter()
        .map(|name| Some(((*name).to_owned(), given.get(*name)?.clone())))
        .collect()
}

/// What the reader declares to show and the write was given.
fn fields(reader: &ToolMeta, done: Done<'_>, keys: &Map<String, Value>) -> Option<Wanted> {
    let schema = reader.output_schema()?;
    let properties = schema.get("properties")?.as_object()?;
    let shared = done.arguments.iter().filter(|(name, value)| {
        properties.contains_key(*name) && !keys.contains_key(*name) && is_plain(value)
    });
    let fields: Vec<(String, Value)> = shared
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    (!fields.is_empty()).then_some(Wanted::Fields(fields))
}

fn is_plain(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}

/// What speaks against a write: one sentence, or nothing where it holds. An error where that can't be told.
///
/// # Errors
/// Why not.
pub fn compare(
    wanted: &Wanted,
    read: Result<&Value, &str>,
) -> Result<Option<String>, &'static str> {
    let failed = |result: &Value| result.get("isError") == Some(&Value::Bool(true));
    match (wanted, read) {
        (Wanted::Gone, Err(_)) => Err("the reader gave no result"),
        (Wanted::Gone, Ok(result)) if failed(result) => Ok(None),
        (Wanted::Gone, Ok(result)) => {
            let text = text_of(result).to_lowercase();
            let marked = [
                "not found",
                "no such",
                "not exist",
                "deleted",
                "removed",
                "archived",
                "trash",
                "cancel",
                "404",
                "null",
            ];
            match text.trim().is_empty() || marked.iter().any(|mark| text.contains(mark)) {
                true => Err("what it shows may mean that it is gone"),
                false => Ok(Some("it is still there".to_owned())),
            }
        }
        (_, Err(_)) => Err("the reader gave no result"),
        // A reader fails for many reasons; only one of them speaks against the write.
        (_, Ok(result)) if failed(result) && !says_absent(result) => {
            Err("the reader failed, which may have another reason")
        }
        (Wanted::Content { path, .. }, Ok(result)) if failed(result) => {
            Ok(Some(format!("`{path}` can't be read")))
        }
        (Wanted::Fields(_), Ok(result)) if failed(result) => {
            Ok(Some("it can't be read".to_owned()))
        }
        (Wanted::Content { content, .. }, Ok(result)) => differs(content, result),
        (Wanted::Fields(wanted), Ok(result)) => other_fields(wanted, result),
    }
}

/// Whether a failure says that there is no such thing.
fn says_absent(result: &Value) -> bool {
    let text = text_of(result).to_lowercase();
    let marks = [
        "not found",
        "no such",
        "not exist",
        "n't exist",
        "enoent",
        "no file",
        "is no ",
        "404",
    ];
    marks.iter().any(|mark| text.contains(mark))
}

/// The first line of a content that a result does not show, in order.
fn differs(content: &str, result: &Value) -> Result<Option<String>, &'static str> {
    let mut shown = vec![text_of(result)];
    let structured = result.get("structuredContent");
    let from_text = serde_json::from_str(&shown[0]).ok();
    for value in structured.into_iter().chain(from_text.as_ref()) {
        texts(value, &mut shown);
    }
    let faults = shown.iter().map(|text| missing_line(content, text));
    // Whichever of the texts is the content; the first stands for all where none is.
    let faults: Option<Vec<Missing>> = faults.collect();
    match faults.and_then(|faults| faults.into_iter().next()) {
        None => Ok(None),
        Some(Missing { unsure: true, .. }) => Err("the reader may have left out the rest"),
        Some(Missing { said, .. }) => Ok(Some(said)),
    }
}

/// A line that is not shown.
struct Missing {
    said: String,
    /// Whether the reader may have stopped before it: it says so, or ends there after many lines.
    unsure: bool,
}

fn missing_line(content: &str, shown: &str) -> Option<Missing> {
    let line = |text: &'_ str| text.trim().to_owned();
    let mut rest = shown.lines().map(line).filter(|line| !line.is_empty());
    let lines: Vec<(usize, String)> = content
        .lines()
        .map(line)
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
        .collect();
    for (at, wanted) in &lines {
        let behind = rest.clone();
        let found = rest.any(|shown| {
            shown == *wanted
                || shown.ends_with(wanted.as_str())
                || shown.starts_with(wanted.as_str())
        });
        if !found {
            let quoted: String = wanted.chars().take(READ_BACK_LINE_CHARS_MAX).collect();
            return Some(Missing {
                said: format!("line {} is not there: `{quoted}`", at + 1),
                unsure: stops(behind, *at),
            });
        }
    }
    None
}

/// Whether what is shown behind the last line that was found looks like the end of a part.
fn stops(behind: impl Iterator<Item = String>, at: usize) -> bool {
    let marks = [
        "truncated",
        "omitted",
        "go on with",
        "more lines",
        "remaining",
        "is cut",
        "left out",
    ];
    let behind: Vec<String> = behind.map(|line| line.to_lowercase()).collect();
    let says = |line: &String| marks.iter().any(|mark| line.contains(mark));
    // One line may be a foot of the reader's own.
    behind.iter().rev().take(2).any(says) || (behind.len() <= 1 && at >= READ_BACK_LINES_SURE)
}

fn texts(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) => out.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, out)),
        Value::Object(fields) => fields.values().for_each(|item| texts(item, out)),
        _ => {}
    }
}

fn other_fields(
    wanted: &[(String, Value)],
    result: &Value,
) -> Result<Option<String>, &'static str> {
    let shown = shown(result);
    let mut compared = false;
    for (name, value) in wanted {
        let found = shown.iter().find_map(|fields| at(fields, name));
        let Some(found) = found else {
            continue;
        };
        compared = true;
        if !same(found, value) {
            let short = |value: &Value| {
                value
                    .to_string()
                    .chars()
                    .take(READ_BACK_LINE_CHARS_MAX)
                    .collect::<String>()
            };
            return Ok(Some(format!(
                "`{name}` is {} and not {}",
                short(found),
                short(value)
            )));
        }
    }
    match compared {
        true => Ok(None),
        false => Err("the reader shows none of the fields"),
    }
}

/// What a result shows as fields: its structured content, its text as JSON, and an only object in either.
fn shown(result: &Value) -> Vec<Value> {
    let text = serde_json::from_str::<Value>(&text_of(result)).ok();
    let mut out: Vec<Value> = result
        .get("structuredContent")
        .cloned()
        .into_iter()
        .chain(text)
        .filter(Value::is_object)
        .collect();
    let inner: Vec<Value> = out
        .iter()
        .filter_map(|fields| {
            let objects: Vec<&Value> = fields
                .as_object()?
                .values()
                .filter(|value| value.is_object())
                .collect();
            <[&Value; 1]>::try_from(objects)
                .ok()
                .map(|[only]| only.clone())
        })
        .collect();
    out.extend(inner);
    out
}

fn at<'a>(fields: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(fields, |fields, name| fields.get(name))
}

/// Equal, also where one side writes a number or a truth as text, or in other letters.
fn same(a: &Value, b: &Value) -> bool {
    let text = |value: &Value| match value {
        Value::String(text) => text.trim().to_lowercase(),
        other => other.to_string(),
    };
    let numbers = a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| a == b);
    a == b || numbers || text(a) == text(b)
}

#[cfg(test)]
mod tests;
