//! `search_files`: the lines of text files in which something occurs.
//!
//! Files are read whole up to a bound and searched as bytes, so text that is not UTF-8 is searched too. What is no text is
//! left out in silence; what is too large is counted and said.

use std::io::Read;
use std::path::Path;

use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::{Value, json};
use toolpool_config::fixed::SEARCH_CONTEXT_MAX;

use super::confine::{Inside, shown};
use super::walk::{self, Glob, Kind};
use super::{Answer, Refusal, Setting, suggest, text};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    query: String,
    #[serde(default)]
    regex: bool,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    glob: Option<String>,
    #[serde(default)]
    case_sensitive: bool,
    #[serde(default)]
    context: usize,
    #[serde(default)]
    include_ignored: bool,
}

pub(super) fn run(setting: &Setting, arguments: Arguments) -> Result<Answer, Refusal> {
    let start = suggest::resolve(setting, arguments.path.as_deref().unwrap_or("."))?;
    let pattern = pattern(&arguments)?;
    let glob = arguments
        .glob
        .as_deref()
        .map(|glob| Glob::new(glob, &start))
        .transpose()?;
    let mut found = Found {
        context: arguments.context.min(SEARCH_CONTEXT_MAX),
        max: setting.limits.search_matches_max,
        line_chars_max: setting.limits.search_line_chars_max,
        text: String::new(),
        matches: Vec::new(),
        files: 0,
        more: false,
    };
    let mut too_large = 0_usize;
    let mut search = |inside: &Inside| -> Result<bool, Refusal> {
        setting.go_on()?;
        match load(setting, inside) {
            Loaded::Text(bytes) => found.search(&inside.relative, &bytes, &pattern),
            Loaded::TooLarge => too_large += 1,
            Loaded::Not => {}
        }
        Ok(!found.more)
    };
    if start.absolute.is_dir() {
        for entry in walk::below(&setting.root, &start, None, arguments.include_ignored) {
            let wanted = entry.kind == Kind::File
                && glob
                    .as_ref()
                    .is_none_or(|glob| glob.matches(&entry.relative));
            if wanted
                && !search(&Inside {
                    relative: entry.relative,
                    absolute: entry.absolute,
                })?
            {
                break;
            }
        }
    } else {
        // One file: why it cannot be searched is worth saying.
        setting.root.open_file(&start)?;
        search(&start)?;
    }
    Ok(found.answer(&arguments, too_large, setting.limits.search_file_bytes_max))
}

fn pattern(arguments: &Arguments) -> Result<Regex, Refusal> {
    if arguments.query.is_empty() {
        return Err(Refusal(
            "`query` is empty; give the text to search for".to_owned(),
        ));
    }
    let source = if arguments.regex {
        arguments.query.clone()
    } else {
        regex::escape(&arguments.query)
    };
    let built = RegexBuilder::new(&source)
        .case_insensitive(!arguments.case_sensitive)
        .multi_line(true)
        .crlf(true)
        .build();
    built.map_err(|error| {
        // The last line of the report says what is wrong; those before draw the pattern.
        let report = error.to_string();
        let why = report.lines().last().unwrap_or_default().trim_start_matches("error: ");
        Refusal(format!("`query` is not a regular expression: {why}; set regex to false to search for it as it is"))
    })
}

enum Loaded {
    Text(Vec<u8>),
    TooLarge,
    /// No text, gone, or not ours to read.
    Not,
}

fn load(setting: &Setting, inside: &Inside) -> Loaded {
    let max = setting.limits.search_file_bytes_max;
    let Ok(mut file) = setting.root.open_file(inside) else {
        return Loaded::Not;
    };
    let name = inside
        .relative
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    match super::read::sniff(&mut file) {
        Ok(start) if text::not_text(&start, &name).is_none() => {}
        _ => return Loaded::Not,
    }
    let mut bytes = Vec::new();
    match file.take(max + 1).read_to_end(&mut bytes) {
        Ok(read) if read as u64 <= max => Loaded::Text(bytes),
        Ok(_) => Loaded::TooLarge,
        Err(_) => Loaded::Not,
    }
}

/// What has been found so far.
struct Found {
    context: usize,
    max: usize,
    line_chars_max: usize,
    text: String,
    matches: Vec<Value>,
    files: usize,
    /// Whether there is more than is shown.
    more: bool,
}

impl Found {
    fn search(&mut self, relative: &Path, bytes: &[u8], pattern: &Regex) {
        let lines = Lines::of(bytes);
        let mut hits: Vec<(usize, usize)> = Vec::new();
        let mut from = 0;
        while let Some(hit) = pattern.find_at(bytes, from) {
            let line = lines.at(hit.start());
            // The empty line that follows a last newline is none.
            if lines.range(line).is_empty() && lines.range(line).start == bytes.len() {
                break;
            }
            if self.matches.len() + hits.len() == self.max {
                self.more = true;
                break;
            }
            hits.push((line, hit.start() - lines.range(line).start));
            from = lines.next_start(line);
            if from >= bytes.len() {
                break;
            }
        }
        if hits.is_empty() {
            return;
        }
        if self.files > 0 {
            self.text.push('\n');
        }
        self.files += 1;
        let path = shown(relative);
        self.text.push_str(&format!("{path}\n"));
        let mut last_shown: Option<usize> = None;
        for (nth, &(line, column)) in hits.iter().enumerate() {
            let before = line
                .saturating_sub(self.context)
                .max(last_shown.map_or(0, |last| last + 1));
            if self.context > 0 && last_shown.is_some_and(|last| before > last + 1) {
                self.text.push_str("--\n");
            }
            for near in before..line {
                self.show(bytes, &lines, near, '-', 0);
            }
            let clipped = self.show(bytes, &lines, line, ':', column);
            self.matches
                .push(json!({ "path": path, "line": line + 1, "text": clipped }));
            let next_hit = hits.get(nth + 1).map_or(usize::MAX, |(next, _)| *next);
            let after = (line + self.context)
                .min(lines.count().saturating_sub(1))
                .min(next_hit.saturating_sub(1));
            for near in line + 1..=after {
                self.show(bytes, &lines, near, '-', 0);
            }
            last_shown = Some(after.max(line));
        }
    }

    /// Adds one numbered line and returns what of it is shown.
    fn show(
        &mut self,
        bytes: &[u8],
        lines: &Lines,
        line: usize,
        mark: char,
        column: usize,
    ) -> String {
        let content = String::from_utf8_lossy(&bytes[lines.range(line)]);
        let clipped = text::clip(content.trim_end_matches('\r'), column, self.line_chars_max);
        self.text
            .push_str(&format!("{}{mark} {clipped}\n", line + 1));
        clipped
    }

    fn answer(mut self, arguments: &Arguments, too_large: usize, bytes_max: u64) -> Answer {
        let mut notes = Vec::new();
        if self.matches.is_empty() {
            let as_text = if arguments.regex {
                ""
            } else {
                " as plain text"
            };
            notes.push(format!("`{}` was not found{as_text}", arguments.query));
        }
        if self.more {
            notes.push(format!(
                "only the first {} lines; narrow it with path or glob",
                self.max
            ));
        }
        if too_large > 0 {
            notes.push(format!(
                "{too_large} files over {} were left out",
                walk::size(bytes_max)
            ));
        }
        if !notes.is_empty() {
            self.text.push_str(&format!("[{}]", notes.join("; ")));
        }
        Answer {
            text: self.text,
            structured: Some(json!({ "matches": self.matches, "truncated": self.more })),
        }
    }
}

/// Where lines begin.
struct Lines {
    starts: Vec<usize>,
    end: usize,
}

impl Lines {
    fn of(bytes: &[u8]) -> Lines {
        let ends = bytes
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .map(|(at, _)| at + 1);
        Lines {
            starts: std::iter::once(0).chain(ends).collect(),
            end: bytes.len(),
        }
    }

    /// Lines; what follows a last newline is none unless there is something.
    fn count(&self) -> usize {
        let empty_last = self.starts.last() == Some(&self.end);
        self.starts.len() - usize::from(empty_last)
    }

    /// The line in which a byte is.
    fn at(&self, byte: usize) -> usize {
        self.starts.partition_point(|start| *start <= byte) - 1
    }

    fn next_start(&self, line: usize) -> usize {
        self.starts.get(line + 1).copied().unwrap_or(self.end)
    }

    /// A line without its newline.
    fn range(&self, line: usize) -> std::ops::Range<usize> {
        let start = self.starts[line];
        match self.starts.get(line + 1) {
            Some(next) => start..next - 1,
            None => start..self.end,
        }
    }
}
