//! What a path that leads nowhere may have meant.
//!
//! Models mistype less than they misplace: the same name somewhere else comes first, then the nearest names in the folder where
//! the path went wrong.

use std::path::{Path, PathBuf};

use toolpool_config::fixed::SUGGEST_LOOKED_AT_FACTOR;

use super::confine::{Inside, Outside};
use super::walk::{self, Kind};
use super::{Refusal, Setting};

/// Likeness below which a name is no suggestion.
const LIKENESS_MIN: f64 = 0.8;

/// [`Root::resolve`](super::confine::Root::resolve), with the nearest existing names where nothing is there.
pub(super) fn resolve(setting: &Setting, path: &str) -> Result<Inside, Refusal> {
    match setting.root.resolve(path) {
        Ok(inside) => Ok(inside),
        Err(Outside::Refused(refusal)) => Err(refusal),
        Err(Outside::Missing(below)) => {
            let near = nearest(setting, &below)?;
            let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
            Err(Refusal(match near.as_slice() {
                [] => format!(
                    "there is no `{path}` in the workspace; list_files and find_files show what there is"
                ),
                near => format!(
                    "there is no `{path}` in the workspace; did you mean {}?",
                    near.join(" or ")
                ),
            }))
        }
    }
}

fn nearest(setting: &Setting, missing: &Path) -> Result<Vec<String>, Refusal> {
    let max = setting.limits.suggestions_max;
    let Some(name) = missing
        .file_name()
        .map(|name| name.to_string_lossy().to_lowercase())
    else {
        return Ok(Vec::new());
    };
    let mut near: Vec<String> = Vec::new();
    if let Ok(top) = setting.root.resolve(".") {
        let looked_at = setting
            .limits
            .list_entries_max
            .saturating_mul(SUGGEST_LOOKED_AT_FACTOR);
        for entry in walk::below(&setting.root, &top, None, false).take(looked_at) {
            setting.go_on()?;
            let same = entry
                .relative
                .file_name()
                .is_some_and(|other| other.to_string_lossy().to_lowercase() == name);
            if same && entry.kind != Kind::Special && near.len() < max {
                near.push(entry.shown());
            }
        }
    }
    let Some((folder, wrong)) = went_wrong(setting, missing) else {
        return Ok(near);
    };
    let mut there: Vec<(f64, String)> = walk::below(&setting.root, &folder, Some(1), true)
        .map(|entry| {
            let name = entry
                .relative
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .to_lowercase();
            (
                strsim::jaro_winkler(&name, &wrong.to_lowercase()),
                entry.shown(),
            )
        })
        .filter(|(likeness, shown)| *likeness >= LIKENESS_MIN && !near.contains(shown))
        .collect();
    there.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    near.extend(there.into_iter().map(|(_, shown)| shown));
    near.truncate(max);
    Ok(near)
}

/// The deepest folder on the way that exists, and the name that was not in it.
fn went_wrong(setting: &Setting, missing: &Path) -> Option<(Inside, String)> {
    let mut way: PathBuf = missing.to_owned();
    loop {
        let wrong = way.file_name()?.to_string_lossy().into_owned();
        way.pop();
        if let Ok(folder) = setting.root.resolve(&super::confine::shown(&way)) {
            return Some((folder, wrong));
        }
    }
}
