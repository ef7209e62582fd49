//! `list_files`: what is in a folder, some levels deep.

use serde::Deserialize;
use serde_json::{Value, json};

use super::walk::{self, Entry, Kind};
use super::{Answer, Refusal, Setting, confine, suggest};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    #[serde(default)]
    path: Option<String>,
    /// Levels of folders.
    #[serde(default)]
    depth: Option<usize>,
    #[serde(default)]
    include_ignored: bool,
}

pub(super) fn run(setting: &Setting, arguments: Arguments) -> Result<Answer, Refusal> {
    let inside = suggest::resolve(setting, arguments.path.as_deref().unwrap_or("."))?;
    let path = inside.shown();
    if !inside.absolute.is_dir() {
        return Err(Refusal(format!(
            "`{path}` is not a folder; read_file shows a file, file_info its size"
        )));
    }
    // Asked apart, because a walk goes past what it cannot open.
    if let Err(error) = inside.absolute.read_dir() {
        return Err(Refusal(format!(
            "`{path}` cannot be listed: {}",
            confine::plain(&error)
        )));
    }
    let depth = arguments.depth.unwrap_or(1).max(1);
    let max = setting.limits.list_entries_max;
    let (mut text, mut entries, mut more) = (String::new(), Vec::new(), false);
    for entry in walk::below(
        &setting.root,
        &inside,
        Some(depth),
        arguments.include_ignored,
    ) {
        setting.go_on()?;
        if entries.len() == max {
            more = true;
            break;
        }
        text.push_str(&line(&entry));
        entries.push(value(&entry));
    }
    if entries.is_empty() {
        text.push_str(&format!(
            "[`{path}` has nothing in it{}]",
            if arguments.include_ignored {
                ""
            } else {
                " that is not ignored"
            }
        ));
    }
    if more {
        text.push_str(&format!(
            "[only the first {max}; list a folder below `{path}`, or use find_files]"
        ));
    }
    Ok(Answer {
        text,
        structured: Some(json!({ "entries": entries, "truncated": more })),
    })
}

/// One line of a listing, with its end.
pub(super) fn line(entry: &Entry) -> String {
    let shown = entry.shown();
    match (entry.kind, entry.bytes()) {
        (Kind::File, Some(bytes)) => format!("{shown}  {}\n", walk::size(bytes)),
        (Kind::File | Kind::Folder, _) => format!("{shown}\n"),
        (kind, _) => format!("{shown}  ({})\n", kind.word()),
    }
}

/// One entry for programs.
pub(super) fn value(entry: &Entry) -> Value {
    let mut value = json!({ "path": confine::shown(&entry.relative), "kind": entry.kind.word() });
    if let Some(bytes) = entry.bytes() {
        value["bytes"] = bytes.into();
    }
    value
}
