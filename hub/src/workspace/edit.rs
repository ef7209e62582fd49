//! `edit_file`: one text in a file replaced by another, where the text stands exactly once and the file is as it was seen.
//!
//! A refusal says how the file really looks there, since a model that quotes nearly right needs one look and not a guess.

use std::io::Read;

use serde::Deserialize;
use serde_json::json;
use toolpool_config::WriteCheck;
use toolpool_config::fixed::NEAREST_LINE_CHARS_MAX;

use super::{Answer, Refusal, Setting, place, seen, suggest, text, walk, write};
use crate::verify::format;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    path: String,
    old: String,
    new: String,
    /// Every occurrence and not just the only one.
    #[serde(default)]
    all: bool,
}

/// Lines named when a text stands several times.
const PLACES_SHOWN: usize = 5;

pub(super) fn run(setting: &Setting, arguments: Arguments) -> Result<Answer, Refusal> {
    let Arguments {
        path: asked,
        old,
        new,
        all,
    } = arguments;
    let inside = suggest::resolve(setting, &asked)?;
    let path = inside.shown();
    if old.is_empty() {
        return Err(Refusal(
            "`old` is empty; quote the text to replace, or use write_file for a whole file"
                .to_owned(),
        ));
    }
    if old == new {
        return Err(Refusal(
            "`old` and `new` are the same; nothing would change".to_owned(),
        ));
    }
    let content = content(setting, &inside)?;
    match setting.seen.of(&inside.relative) {
        None => {
            return Err(Refusal(format!(
                "`{path}` has not been read yet; read it with read_file, then edit it"
            )));
        }
        Some(hash) if hash != seen::hash(content.as_bytes()) => {
            return Err(Refusal(format!(
                "`{path}` has changed since it was read; read it again, then edit it"
            )));
        }
        Some(_) => {}
    }
    let places: Vec<usize> = content.match_indices(&old).map(|(at, _)| at).collect();
    if places.is_empty() {
        return Err(Refusal(not_there(&path, &content, &old)));
    }
    if places.len() > 1 && !all {
        let lines: Vec<String> = places
            .iter()
            .take(PLACES_SHOWN)
            .map(|at| line_of(&content, *at).to_string())
            .collect();
        return Err(Refusal(format!(
            "`old` stands {} times in `{path}` (lines {}); quote more lines around the right one, or set all",
            places.len(),
            lines.join(", ")
        )));
    }
    let edited = content.replace(&old, &new);
    let broken = match setting.edits {
        WriteCheck::Off => None,
        WriteCheck::Refuse | WriteCheck::Warn => format::fault(&path, &edited),
    };
    // Who repairs a broken file in several edits is not stopped by what is left to do.
    let was_broken = || format::fault(&path, &content).is_some();
    if let Some(fault) = &broken
        && setting.edits == WriteCheck::Refuse
        && !fault.format.may_err()
        && !was_broken()
    {
        return Err(Refusal(format!(
            "`{path}` was not edited: with this edit {fault}; quote and replace enough that it stays whole"
        )));
    }
    let place = place::find(setting, &inside.shown(), place::Parents::Need)?;
    write::put(setting, &place, edited.as_bytes())?;
    let count = places.len();
    let times = if count == 1 { "once" } else { "everywhere" };
    let note = broken.map_or_else(String::new, |fault| format!("; note: {fault}"));
    Ok(Answer {
        text: format!(
            "edited `{path}` {times}, at line {}; it has {} now{note}",
            line_of(&content, places[0]),
            walk::size(edited.len() as u64)
        ),
        structured: Some(json!({
            "path": path,
            "bytes": edited.len(),
            "sha256": seen::hex(&seen::hash(edited.as_bytes())),
            "replaced": count,
        })),
    })
}

fn content(setting: &Setting, inside: &super::confine::Inside) -> Result<String, Refusal> {
    let path = inside.shown();
    if inside.absolute.is_dir() {
        return Err(Refusal(format!("`{path}` is a folder, not a file")));
    }
    let max = setting.limits.edit_bytes_max;
    let mut bytes = Vec::new();
    setting
        .root
        .open_file(inside)?
        .take(max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| {
            Refusal(format!(
                "`{path}` cannot be read: {}",
                super::confine::plain(&error)
            ))
        })?;
    if bytes.len() as u64 > max {
        return Err(Refusal(format!(
            "`{path}` has more than {}, too much to edit",
            walk::size(max)
        )));
    }
    if let Some(kind) = text::not_text(&bytes, &path) {
        return Err(Refusal(format!("`{path}` is {kind}, not text")));
    }
    String::from_utf8(bytes).map_err(|_| Refusal(format!("`{path}` is not UTF-8 text")))
}

/// The number of the line at this byte, from 1.
fn line_of(content: &str, at: usize) -> usize {
    content[..at].matches('\n').count() + 1
}

/// What the file has in place of the text that is not in it.
fn not_there(path: &str, content: &str, old: &str) -> String {
    if content.contains("\r\n") && content.contains(&old.replace('\n', "\r\n")) {
        return format!(
            "the lines of `{path}` end in \\r\\n; quote one line at a time, without its end"
        );
    }
    let wanted = old
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let nearest = content
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| {
            (
                strsim::normalized_levenshtein(line.trim(), wanted.trim()),
                at,
                line,
            )
        })
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    match nearest {
        // Alike to the letter, spaces at the ends aside: the difference is there, or on a later line.
        Some((_, at, line)) if line.trim() == wanted.trim() => format!(
            "`old` is not in `{path}` as quoted: line {} is `{}`, so look at its spaces and at the lines after it",
            at + 1,
            text::clip(line, 0, NEAREST_LINE_CHARS_MAX)
        ),
        Some((_, at, line)) => format!(
            "`old` is not in `{path}`; the nearest is line {}: `{}`; quote the file exactly",
            at + 1,
            text::clip(line, 0, NEAREST_LINE_CHARS_MAX)
        ),
        None => format!("`old` is not in `{path}`, which has no text; use write_file"),
    }
}
