//! `file_info`: what a path is, without reading it through.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::json;

use super::walk::{self, Kind};
use super::{Answer, Refusal, Setting, confine, read, suggest, text};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    path: String,
}

pub(super) fn run(setting: &Setting, arguments: Arguments) -> Result<Answer, Refusal> {
    let inside = suggest::resolve(setting, &arguments.path)?;
    let path = inside.shown();
    let cannot = |error: std::io::Error| {
        Refusal(format!(
            "`{path}` cannot be looked at: {}",
            confine::plain(&error)
        ))
    };
    let data = inside.absolute.symlink_metadata().map_err(cannot)?;
    let kind = Kind::of(data.file_type());
    let mut value = json!({ "path": path, "kind": kind.word() });
    let mut words = vec![format!("{path}: {}", kind.word())];
    if kind == Kind::File {
        value["bytes"] = data.len().into();
        words.push(format!("{} ({} bytes)", walk::size(data.len()), data.len()));
        let content = match setting.root.open_file(&inside) {
            Ok(mut file) => {
                text::not_text(&read::sniff(&mut file).map_err(cannot)?, &path).unwrap_or("text")
            }
            Err(_) => "not readable",
        };
        value["content"] = content.into();
        words.push(content.to_owned());
    }
    if kind == Kind::Folder
        && let Ok(entries) = inside.absolute.read_dir()
    {
        let count = entries
            .flatten()
            .filter(|entry| !confine::is_hidden(&entry.file_name()))
            .count();
        value["entries"] = count.into();
        words.push(format!("{count} entries"));
    }
    if let Ok(changed) = data.modified() {
        let changed = utc(changed);
        words.push(format!("changed {changed}"));
        value["changed"] = changed.into();
    }
    Ok(Answer {
        text: words.join(", "),
        structured: Some(value),
    })
}

/// A time as RFC 3339 in UTC, to the second. Times before 1970 are shown as its start.
fn utc(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH);
    crate::utc::text(since.map_or(0, |since| since.as_secs()))
}
