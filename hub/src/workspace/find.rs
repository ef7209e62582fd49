//! `find_files`: the files whose name or path fits a glob.

use serde::Deserialize;
use serde_json::json;

use super::walk::{self, Glob, Kind};
use super::{Answer, Refusal, Setting, list, suggest};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    glob: String,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    include_ignored: bool,
}

pub(super) fn run(setting: &Setting, arguments: Arguments) -> Result<Answer, Refusal> {
    let inside = suggest::resolve(setting, arguments.path.as_deref().unwrap_or("."))?;
    if !inside.absolute.is_dir() {
        return Err(Refusal(format!(
            "`{}` is not a folder; give the folder to look in",
            inside.shown()
        )));
    }
    let glob = Glob::new(&arguments.glob, &inside)?;
    let max = setting.limits.list_entries_max;
    let (mut text, mut entries, mut more) = (String::new(), Vec::new(), false);
    for entry in walk::below(&setting.root, &inside, None, arguments.include_ignored) {
        setting.go_on()?;
        if entry.kind == Kind::Folder || !glob.matches(&entry.relative) {
            continue;
        }
        if entries.len() == max {
            more = true;
            break;
        }
        text.push_str(&list::line(&entry));
        entries.push(list::value(&entry));
    }
    if entries.is_empty() {
        let ignored = if arguments.include_ignored {
            ""
        } else {
            "; include_ignored looks at ignored files too"
        };
        text.push_str(&format!("[no file fits `{}`{ignored}]", arguments.glob));
    }
    if more {
        text.push_str(&format!(
            "[only the first {max}; give a longer glob or a folder]"
        ));
    }
    Ok(Answer {
        text,
        structured: Some(json!({ "entries": entries, "truncated": more })),
    })
}
