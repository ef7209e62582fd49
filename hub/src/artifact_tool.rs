//! `read_artifact`: how the model reads what is kept of a result that was too long, or that has left the window.
//!
//! It has no definition in any pool, since its tokens would be paid in every request and it is of use only once something is kept: what
//! stands in place of a result says how it is called, `find_tools` says so too, and it answers to its own name and through
//! `call_tool` alike. A part is chosen by lines, or by bytes where a line is longer than what may be shown at once.
//!
//! Only artifacts of this session can be named: what is looked up are names of 64 digits in the session's own folder, and nothing that
//! the model writes is ever a path.

use serde_json::{Map, Value};
use toolpool_config::fixed::ARTIFACT_DIGITS_MIN;

use crate::execute::text_of;
use crate::journal::Artifacts;

/// Name of the tool.
pub const READ_ARTIFACT: &str = "read_artifact";

/// What is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The first digits of the artifact's name, or all of them.
    pub id: String,
    /// The first line, from 1.
    pub from: u64,
    /// Lines; as many as may be shown where missing.
    pub lines: Option<u64>,
    /// The first byte, from 0, in place of lines.
    pub offset: Option<u64>,
}

/// How it is called, for those who look for tools.
#[must_use]
pub fn hint() -> String {
    format!(
        "{READ_ARTIFACT} {{\"id\": \"<digits>\", \"from\": 1, \"lines\": 100}}: reads a part of a result that was kept whole; the id stands \
         where the result was. Call it by its name."
    )
}

/// Reads its arguments, forgiving the slips that have one meaning.
///
/// # Errors
/// One sentence for the model.
pub fn arguments(arguments: &Map<String, Value>) -> Result<Part, String> {
    let said = ["id", "artifact", "sha256", "name"]
        .iter()
        .find_map(|name| arguments.get(*name)?.as_str());
    let id = said
        .unwrap_or_default()
        .trim()
        .trim_start_matches("artifact ")
        .trim_matches(|c: char| matches!(c, '`' | '"' | '…' | '.' | ' '))
        .to_ascii_lowercase();
    if id.is_empty() {
        return Err(format!(
            "`{READ_ARTIFACT}` needs `id`: the digits that stand where the result was"
        ));
    }
    let digits = id.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    if !digits || !(ARTIFACT_DIGITS_MIN..=64).contains(&id.len()) {
        let shown: String = id.chars().take(64).collect();
        return Err(format!(
            "`{shown}` is no artifact's id: it has {ARTIFACT_DIGITS_MIN} to 64 of the digits 0-9 and a-f"
        ));
    }
    Ok(Part {
        id,
        from: number(arguments, "from")?.unwrap_or(1).max(1),
        lines: number(arguments, "lines")?.filter(|lines| *lines > 0),
        offset: number(arguments, "offset")?,
    })
}

fn number(arguments: &Map<String, Value>, name: &str) -> Result<Option<u64>, String> {
    match arguments.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_u64()
            .or_else(|| {
                value
                    .as_f64()
                    .filter(|number| *number >= 0.0 && number.fract() == 0.0)
                    .map(|number| number as u64)
            })
            .or_else(|| value.as_str()?.trim().parse().ok())
            .map(Some)
            .ok_or_else(|| {
                format!("`{name}` of `{READ_ARTIFACT}` must be a whole number from 0 on")
            }),
    }
}

/// The part, in at most about `bytes_max` bytes, with what to call for the next one. Blocks for as long as the disk takes.
///
/// # Errors
/// One sentence for the model.
pub fn read(artifacts: &Artifacts, part: &Part, bytes_max: usize) -> Result<String, String> {
    let names = artifacts
        .names(&part.id)
        .map_err(|error| format!("what is kept can't be listed: {error}"))?;
    let name = match names.as_slice() {
        [name] => name,
        [] => return Err(format!("this session has no artifact `{}`", part.id)),
        several => {
            return Err(format!(
                "{} artifacts begin with `{}`: give more of its digits",
                several.len(),
                part.id
            ));
        }
    };
    let bytes = artifacts
        .get(name)
        .map_err(|error| format!("the artifact `{}` can't be read: {error}", part.id))?;
    let text = as_read(&bytes);
    match part.offset {
        Some(offset) => by_bytes(&text, part, offset, bytes_max),
        None => by_lines(&text, part, bytes_max),
    }
}

/// What was kept as the model reads it: of a whole result of a server, what it says, and not how it was wrapped.
fn as_read(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let result = text
        .starts_with('{')
        .then(|| serde_json::from_str::<Value>(&text).ok())
        .flatten();
    match result {
        Some(result) if result["content"].is_array() => text_of(&result),
        _ => text.into_owned(),
    }
}

fn by_bytes(text: &str, part: &Part, offset: u64, bytes_max: usize) -> Result<String, String> {
    let from = usize::try_from(offset).unwrap_or(usize::MAX);
    if from >= text.len() {
        return Err(format!(
            "`offset` is {offset}, and the artifact has {} bytes",
            text.len()
        ));
    }
    let from = text.floor_char_boundary(from);
    let to = end(text, from, bytes_max);
    let all = text.len();
    let next = if to < all {
        format!("; go on with {}", call(&part.id, "offset", to as u64))
    } else {
        String::new()
    };
    Ok(format!(
        "{}\n[bytes {from} to {to} of {all}{next}]",
        &text[from..to]
    ))
}

fn by_lines(text: &str, part: &Part, bytes_max: usize) -> Result<String, String> {
    let all = text.lines().count() as u64;
    if part.from > all {
        return Err(format!(
            "`from` is {}, and the artifact has {all} lines",
            part.from
        ));
    }
    let last = part
        .lines
        .map_or(all, |lines| part.from.saturating_add(lines - 1).min(all));
    // Where the first line begins, in bytes.
    let skipped = usize::try_from(part.from - 1).unwrap_or(usize::MAX);
    let start: usize = text.split_inclusive('\n').take(skipped).map(str::len).sum();
    let (mut shown, mut to) = (String::new(), part.from - 1);
    for line in text[start..].lines() {
        if to == last || shown.len() + line.len() + 1 > bytes_max {
            break;
        }
        shown.push_str(line);
        shown.push('\n');
        to += 1;
    }
    if to < part.from {
        // One line is longer than what may be shown.
        let end = end(text, start, bytes_max);
        return Ok(format!(
            "{}\n[the beginning of line {} of {all}; go on with {}]",
            &text[start..end],
            part.from,
            call(&part.id, "offset", end as u64)
        ));
    }
    let next = if to < all {
        format!("; go on with {}", call(&part.id, "from", to + 1))
    } else {
        String::new()
    };
    Ok(format!(
        "{shown}[lines {} to {to} of {all}{next}]",
        part.from
    ))
}

/// Where a part that begins at `from` ends: at least one character behind.
fn end(text: &str, from: usize, bytes_max: usize) -> usize {
    let to = text.floor_char_boundary(from.saturating_add(bytes_max));
    if to > from {
        return to;
    }
    text[from..]
        .chars()
        .next()
        .map_or(from, |c| from + c.len_utf8())
}

fn call(id: &str, name: &str, value: u64) -> String {
    format!("{READ_ARTIFACT} {{\"id\": \"{id}\", \"{name}\": {value}}}")
}

#[cfg(test)]
mod tests;
