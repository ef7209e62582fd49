//! `move_file` and `delete_file`: names that change and names that go. Links are moved and deleted, never what they lead to.

use rustix::fs::FileType;
use serde::Deserialize;
use serde_json::json;

use super::place::{self, Parents, Place};
use super::{Answer, Refusal, Setting, suggest};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Move {
    from: String,
    to: String,
    #[serde(default)]
    overwrite: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Delete {
    path: String,
    /// Folders with what is in them.
    #[serde(default)]
    recursive: bool,
}

/// What is there, which must be something.
fn existing(setting: &Setting, path: &str) -> Result<(Place, FileType, u64), Refusal> {
    let place = place::find(setting, path, Parents::Need)?;
    match place.there()? {
        Some(stat) => {
            let bytes = u64::try_from(stat.st_size).unwrap_or(0);
            Ok((place, FileType::from_raw_mode(stat.st_mode), bytes))
        }
        // The nearest names, as for every path that leads nowhere.
        None => match suggest::resolve(setting, path) {
            Err(refusal) => Err(refusal),
            Ok(_) => Err(Refusal(format!("there is no `{path}` in the workspace"))),
        },
    }
}

pub(super) fn rename(setting: &Setting, arguments: Move) -> Result<Answer, Refusal> {
    let (from, kind, bytes) = existing(setting, &arguments.from)?;
    let to = place::find(setting, &arguments.to, Parents::Make)?;
    if from.relative == to.relative {
        return Err(Refusal(format!("`{}` is there already", from.shown())));
    }
    if let Some(stat) = to.there()?
        && FileType::from_raw_mode(stat.st_mode) == FileType::Directory
    {
        return Err(Refusal(format!(
            "`{}` is a folder; give the new name as well, such as `{}`",
            to.shown(),
            super::confine::shown(
                &to.relative
                    .join(from.relative.file_name().unwrap_or_default())
            )
        )));
    }
    setting.go_on()?;
    from.move_to(&to, arguments.overwrite)?;
    setting.seen.gone(&to.relative);
    setting.seen.moved(&from.relative, &to.relative);
    let mut structured = json!({ "path": to.shown(), "from": from.shown() });
    if kind == FileType::RegularFile {
        structured["bytes"] = bytes.into();
    }
    Ok(Answer {
        text: format!("moved `{}` to `{}`", from.shown(), to.shown()),
        structured: Some(structured),
    })
}

pub(super) fn delete(setting: &Setting, arguments: Delete) -> Result<Answer, Refusal> {
    let (place, kind, _) = existing(setting, &arguments.path)?;
    let path = place.shown();
    setting.go_on()?;
    let is_folder = kind == FileType::Directory;
    let removed = if is_folder && arguments.recursive {
        place.remove_all(setting)?
    } else {
        place.remove(is_folder)?;
        1
    };
    setting.seen.gone(&place.relative);
    let what = match removed {
        1 => String::new(),
        all => format!(" and what was in it, {all} entries in all"),
    };
    Ok(Answer {
        text: format!("deleted `{path}`{what}"),
        structured: Some(json!({ "path": path, "removed": removed })),
    })
}
