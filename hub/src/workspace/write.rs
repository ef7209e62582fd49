//! `write_file`: a whole file, made or replaced in one step.

use rustix::fs::FileType;
use serde::Deserialize;
use serde_json::json;

use super::place::{self, Parents, Place};
use super::{Answer, Refusal, Setting, seen, walk};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    path: String,
    content: String,
}

pub(super) fn run(setting: &Setting, arguments: Arguments) -> Result<Answer, Refusal> {
    let place = target(setting, &arguments.path)?;
    let made = place.there()?.is_none();
    put(setting, &place, arguments.content.as_bytes())?;
    let path = place.shown();
    let bytes = arguments.content.len();
    let done = if made { "made" } else { "replaced" };
    Ok(Answer {
        text: format!("{done} `{path}`, {}", walk::size(bytes as u64)),
        structured: Some(json!({
            "path": path,
            "bytes": bytes,
            "sha256": seen::hex(&seen::hash(arguments.content.as_bytes())),
            "created": made,
        })),
    })
}

/// Where a file of this path is written. A link to a file in the workspace leads to that file.
pub(super) fn target(setting: &Setting, path: &str) -> Result<Place, Refusal> {
    let place = place::find(setting, path, Parents::Make)?;
    let kind = |place: &Place| -> Result<Option<FileType>, Refusal> {
        let there = place.there()?;
        Ok(there.map(|stat| FileType::from_raw_mode(stat.st_mode)))
    };
    let refused = |what: &str| Err(Refusal(format!("`{}` {what}", place.shown())));
    match kind(&place)? {
        None | Some(FileType::RegularFile) => Ok(place),
        Some(FileType::Directory) => refused("is a folder; give the name of a file in it"),
        Some(FileType::Symlink) => match setting.root.resolve(path) {
            Ok(inside) => {
                let behind = place::find(setting, &inside.shown(), Parents::Need)?;
                match kind(&behind)? {
                    Some(FileType::RegularFile) => Ok(behind),
                    _ => refused("is a link to something that is not a plain file"),
                }
            }
            Err(super::confine::Outside::Refused(refusal)) => Err(refusal),
            Err(super::confine::Outside::Missing(_)) => {
                refused("is a link to nowhere; delete it first, or give another name")
            }
        },
        Some(_) => refused("is not a plain file"),
    }
}

/// Writes, and remembers what was written as seen.
pub(super) fn put(setting: &Setting, place: &Place, content: &[u8]) -> Result<(), Refusal> {
    setting.go_on()?;
    place.write(content)?;
    setting.seen.note(&place.relative, seen::hash(content));
    Ok(())
}
