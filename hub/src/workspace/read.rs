//! `read_file`: the text of a file, or of some of its lines.
//!
//! The file is streamed, so a log of many gigabytes costs what is shown of it and the time to skip what comes before.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};

use serde::Deserialize;

use super::{Answer, Refusal, Setting, confine, seen, suggest, text, walk};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    path: String,
    /// The first line, from 1.
    #[serde(default)]
    offset: Option<u64>,
    /// Lines; all that fit where missing.
    #[serde(default)]
    limit: Option<u64>,
}

pub(super) fn run(setting: &Setting, arguments: Arguments) -> Result<Answer, Refusal> {
    let inside = suggest::resolve(setting, &arguments.path)?;
    let path = inside.shown();
    if inside.absolute.is_dir() {
        return Err(Refusal(format!(
            "`{path}` is a folder; list_files shows what is in it"
        )));
    }
    let mut file = setting.root.open_file(&inside)?;
    let cannot = |error: std::io::Error| {
        Refusal(format!(
            "`{path}` cannot be read: {}",
            confine::plain(&error)
        ))
    };
    let bytes = file.metadata().map_err(cannot)?.len();
    let refuse_binary = |kind: &str| {
        Refusal(format!(
            "`{path}` is {kind} ({}), not text",
            walk::size(bytes)
        ))
    };
    if let Some(kind) = text::not_text(&sniff(&mut file).map_err(cannot)?, &path) {
        return Err(refuse_binary(kind));
    }
    let before = hash(&mut file, setting.limits.edit_bytes_max).map_err(cannot)?;
    let first = arguments.offset.unwrap_or(1).max(1);
    let shown_max = usize::try_from(setting.limits.read_bytes_max).unwrap_or(usize::MAX);
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let skipped = skip(setting, &mut reader, first - 1)?.map_err(cannot)?;
    if skipped < first - 1 {
        return Err(Refusal(format!(
            "`{path}` has {skipped} lines; give an offset from 1 to {}",
            skipped.max(1)
        )));
    }
    let window =
        take(&mut reader, arguments.limit.unwrap_or(u64::MAX), shown_max).map_err(cannot)?;
    if first > 1 && window.lines == 0 && window.bytes.is_empty() && arguments.limit != Some(0) {
        return Err(Refusal(format!(
            "`{path}` has {skipped} lines; give an offset from 1 to {skipped}"
        )));
    }
    if window.bytes.contains(&0) {
        return Err(refuse_binary("a binary file"));
    }
    let at_end = !window.inside_line && reader.fill_buf().map_err(cannot)?.is_empty();
    let after = hash(&mut reader.into_inner(), setting.limits.edit_bytes_max).map_err(cannot)?;
    // A file that changed while it was read was not seen as it is.
    if let (Some(before), Some(after)) = (before, after)
        && before == after
    {
        setting.seen.note(&inside.relative, after);
    }
    let lossy = std::str::from_utf8(&window.bytes).is_err();
    let mut shown = String::from_utf8_lossy(&window.bytes).into_owned();
    let last = first + window.lines.saturating_sub(1);
    let mut notes = Vec::new();
    if window.inside_line {
        let line = first + window.lines;
        notes.push(match window.lines {
            0 => format!(
                "line {line} is cut after {} bytes; search_files finds what is in long lines",
                window.bytes.len()
            ),
            _ => format!(
                "lines {first} to {} of `{path}`; go on with offset {line}",
                line - 1
            ),
        });
        if window.lines > 0 {
            // A line that did not fit is left to the next call, whole.
            let kept = window
                .bytes
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |end| end + 1);
            shown = String::from_utf8_lossy(&window.bytes[..kept]).into_owned();
        }
    } else if !at_end {
        notes.push(format!(
            "lines {first} to {last} of `{path}`; go on with offset {}",
            last + 1
        ));
    } else if bytes == 0 {
        notes.push(format!("`{path}` is empty"));
    }
    if lossy {
        notes.push("it is not UTF-8; what could not be read is shown as \u{fffd}".to_owned());
    }
    if !notes.is_empty() {
        if !shown.is_empty() && !shown.ends_with('\n') {
            shown.push('\n');
        }
        shown.push_str(&format!("[{}]", notes.join("; ")));
    }
    Ok(Answer {
        text: shown,
        structured: None,
    })
}

/// The first bytes, with the file wound back.
pub(super) fn sniff(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::new();
    file.by_ref()
        .take(text::SNIFFED_BYTES as u64)
        .read_to_end(&mut start)?;
    file.rewind()?;
    Ok(start)
}

/// The hash of the whole content, with the file wound back; `None` for one that is too large to be edited.
fn hash(file: &mut File, bytes_max: u64) -> std::io::Result<Option<seen::Hash>> {
    file.rewind()?;
    let mut content = Vec::new();
    let read = file
        .by_ref()
        .take(bytes_max.saturating_add(1))
        .read_to_end(&mut content)?;
    file.rewind()?;
    Ok((read as u64 <= bytes_max).then(|| seen::hash(&content)))
}

/// Skips `lines` lines, or as many as there are; returns how many.
fn skip(
    setting: &Setting,
    reader: &mut impl BufRead,
    lines: u64,
) -> Result<std::io::Result<u64>, Refusal> {
    let mut skipped = 0;
    let mut inside_line = false;
    while skipped < lines {
        setting.go_on()?;
        let buffer = match reader.fill_buf() {
            Ok([]) => break,
            Ok(buffer) => buffer,
            Err(error) => return Ok(Err(error)),
        };
        let mut used = 0;
        for (at, _) in buffer
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
        {
            skipped += 1;
            used = at + 1;
            if skipped == lines {
                break;
            }
        }
        inside_line = skipped < lines && used < buffer.len();
        let used = if skipped == lines { used } else { buffer.len() };
        reader.consume(used);
    }
    // A last line without an end is one too.
    Ok(Ok(skipped + u64::from(inside_line)))
}

/// A run of lines.
struct Window {
    bytes: Vec<u8>,
    /// Whole lines in it; a last one without an end is whole.
    lines: u64,
    /// Whether it stops inside a line, because more does not fit.
    inside_line: bool,
}

fn take(reader: &mut impl BufRead, lines: u64, bytes_max: usize) -> std::io::Result<Window> {
    let mut window = Window {
        bytes: Vec::new(),
        lines: 0,
        inside_line: false,
    };
    while window.lines < lines {
        let left = bytes_max - window.bytes.len();
        let before = window.bytes.len();
        // One more than fits tells a line that fits exactly from one that does not.
        reader
            .by_ref()
            .take(left as u64 + 1)
            .read_until(b'\n', &mut window.bytes)?;
        if window.bytes.len() == before {
            break;
        }
        if window.bytes.len() > bytes_max {
            let kept = text::cut(&window.bytes, bytes_max).len();
            window.bytes.truncate(kept);
            window.inside_line = true;
            break;
        }
        window.lines += 1;
    }
    Ok(window)
}
