//! What in a text has to be kept to the letter: paths, identifiers, numbers, URLs and quoted strings.
//!
//! ```text
//! line ─► URL      scheme://...                  to the next space or bracket that it did not open
//!      ─► quote    "...", `...`, '...', 「...」   whole where it is short, else as a line of its own
//!      ─► words    split at spaces, and where Chinese, Japanese, Korean or Thai meets ASCII
//!                  kept: a digit, / \ @ _ :: . - + # $ % = inside, camelCase, PascalCase, CAPITALS, --flags
//! ```
//!
//! Written by hand and not as patterns, since its rule is that nothing is dropped by mistake: what is kept needlessly costs a
//! few tokens, what is lost is a defect. So hyphenated prose (`read-only`) is kept with kebab-case names, and `and/or` with
//! paths. Absent on purpose: names of people and places, which are words like others where nobody quoted them.

mod word;

use std::collections::HashSet;

use toolpool_config::fixed::{FACT_BYTES_MAX, FACT_QUOTE_CHARS_MAX};

use word::{UNITS, is_number, number_start, tail_trimmed, trimmed, wide_mark};

pub(crate) use word::{kind, wide};

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// A path of a file or folder.
    Path,
    /// A URL.
    Url,
    /// Digits, with what belongs to them: sign, unit, date, version.
    Number,
    /// An identifier of any other form.
    Name,
    /// What stood in quotes.
    Quote,
}

/// A piece of a text, byte for byte as it stood there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Piece {
    /// What it is.
    pub(crate) kind: Kind,
    /// The piece.
    pub(crate) text: String,
}

/// The pieces of a text, in order, each once.
#[must_use]
pub(crate) fn pieces(text: &str) -> Vec<Piece> {
    let mut found = Found::default();
    for line in text.lines() {
        read(line, &mut found);
    }
    found.pieces
}

#[derive(Default)]
struct Found {
    pieces: Vec<Piece>,
    seen: HashSet<String>,
}

impl Found {
    fn add(&mut self, kind: Kind, text: &str) {
        if !text.is_empty() && self.seen.insert(text.to_owned()) {
            self.pieces.push(Piece {
                kind,
                text: text.to_owned(),
            });
        }
    }
}

fn read(line: &str, found: &mut Found) {
    let (mut at, mut plain) = (0, 0);
    let mut before: Option<char> = None;
    while let Some(c) = line[at..].chars().next() {
        let end = if let Some(end) = url_end(&line[at..], c, before) {
            words(&line[plain..at], found);
            url(&line[at..at + end], found);
            Some(at + end)
        } else if let Some(quote) = quoted(&line[at..], c, before) {
            words(&line[plain..at], found);
            let end = at + quote.end;
            quote_piece(&line[at + quote.from..at + quote.to], &line[end..], found);
            Some(end)
        } else {
            None
        };
        match end {
            Some(end) => {
                (at, plain) = (end, end);
                before = line[..end].chars().next_back();
            }
            None => {
                at += c.len_utf8();
                before = Some(c);
            }
        }
    }
    words(&line[plain..], found);
}

fn scheme_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | ':')
}

/// Where the URL ends that `text` begins with; none where it begins with none.
fn url_end(text: &str, first: char, before: Option<char>) -> Option<usize> {
    if !first.is_ascii_alphabetic() || before.is_some_and(scheme_char) {
        return None;
    }
    let scheme = text.find(|c| !scheme_char(c)).unwrap_or(text.len());
    if !text[..scheme].ends_with(':') || !text[scheme..].starts_with("//") {
        return None;
    }
    let stop = |c: char| {
        c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`' | '^' | '|' | '\\') || wide_mark(c)
    };
    let end = text.find(stop).unwrap_or(text.len());
    let url = tail_trimmed(&text[..end]);
    (url.len() > scheme + 2 && url.len() <= FACT_BYTES_MAX).then_some(url.len())
}

/// A URL, and where it runs into words of a script without spaces, also what comes before these.
fn url(text: &str, found: &mut Found) {
    if let Some(at) = text.find(wide) {
        let short = tail_trimmed(&text[..at]);
        if !short.ends_with("//") {
            found.add(Kind::Url, short);
        }
    }
    found.add(Kind::Url, text);
}

struct Quoted {
    from: usize,
    to: usize,
    /// Behind the closing mark.
    end: usize,
}

/// The quoted string that `text` begins with, in bytes.
fn quoted(text: &str, first: char, before: Option<char>) -> Option<Quoted> {
    let word_before = before.is_some_and(|c| c.is_alphanumeric() && !wide(c) || c == '_');
    // A mark that is never closed must not make the whole line be read once for each.
    let text = &text[..text.floor_char_boundary(4 * FACT_QUOTE_CHARS_MAX)];
    let plain = |close: &[char]| {
        let from = first.len_utf8();
        let to = from + text[from..].find(close)?;
        let mark = text[to..].chars().next()?;
        Some(Quoted {
            from,
            to,
            end: to + mark.len_utf8(),
        })
    };
    match first {
        '"' if !word_before => double(text, before == Some('\\')),
        '`' => {
            let run = text.len() - text.trim_start_matches('`').len();
            let to = run + text[run..].find(&text[..run])?;
            Some(Quoted {
                from: run,
                to,
                end: to + run,
            })
        }
        '\'' if !word_before => {
            let inner = &text[1..];
            inner
                .chars()
                .next()
                .filter(|c| !c.is_whitespace() && *c != '\'')?;
            let closes = |(at, _): &(usize, &str)| {
                !inner[at + 1..].starts_with(|c: char| c.is_alphanumeric() && !wide(c))
                    && !inner[..*at].ends_with(char::is_whitespace)
            };
            let (to, _) = inner.match_indices('\'').find(closes)?;
            Some(Quoted {
                from: 1,
                to: 1 + to,
                end: to + 2,
            })
        }
        '“' => plain(&['”']),
        '„' => plain(&['“', '”']),
        '«' => plain(&['»']),
        '»' => plain(&['«']),
        '‹' => plain(&['›']),
        '‘' if !word_before => plain(&['’']),
        '「' => plain(&['」']),
        '『' => plain(&['』']),
        '《' => plain(&['》']),
        _ => None,
    }
}

/// A string in double quotes. Where they are escaped, as in JSON within JSON, so is the closing one.
fn double(text: &str, escaped: bool) -> Option<Quoted> {
    let mut closing = text[1..].match_indices('"').map(|(at, _)| at + 1);
    let is_escaped = |at: usize| {
        let before = &text[1..at];
        (before.len() - before.trim_end_matches('\\').len()) % 2 == 1
    };
    let first = closing.clone().next()?;
    let at = closing
        .find(|at| is_escaped(*at) == escaped)
        .unwrap_or(first);
    let to = if escaped && is_escaped(at) {
        at - 1
    } else {
        at
    };
    Some(Quoted {
        from: 1,
        to: to.max(1),
        end: at + 1,
    })
}

fn quote_piece(content: &str, rest: &str, found: &mut Found) {
    let content = content.trim();
    if !content.chars().any(char::is_alphanumeric) {
        return;
    }
    let key = rest.trim_start().starts_with(':') && !content.contains(char::is_whitespace);
    if key {
        words(content, found);
    } else if content.chars().count() > FACT_QUOTE_CHARS_MAX {
        read(content, found);
    } else {
        found.add(
            kind(content)
                .filter(|_| !content.contains(' '))
                .unwrap_or(Kind::Quote),
            content,
        );
    }
}

/// Text without quotes and URLs.
fn words(text: &str, found: &mut Found) {
    let split = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '|' | '—'
                    | '–'
                    | '…'
                    | '→'
                    | '"'
                    | '`'
                    | ';'
                    | '<'
                    | '>'
                    | '“'
                    | '”'
                    | '„'
                    | '•'
            )
            || wide_mark(c)
    };
    let mut spans: Vec<(usize, usize)> = Vec::new();
    let mut from = 0;
    for (at, mark) in text.match_indices(split) {
        spans.push((from, at));
        from = at + mark.len();
    }
    spans.push((from, text.len()));
    let mut next = 0;
    while next < spans.len() {
        let (from, to) = spans[next];
        next += 1;
        let Some(first) = number_start(&text[from..to]) else {
            token(&text[from..to], found);
            continue;
        };
        // `1 234 567` and `5 GB` are one number each.
        let from = to - first.len();
        let (mut end, mut grouped) = (to, first.chars().filter(char::is_ascii_digit).count() <= 3);
        let one_space = |end: usize, start: usize| {
            matches!(&text[end..start], " " | "\u{A0}" | "\u{202F}" | "\u{2009}")
        };
        while let Some((start, stop)) = spans
            .get(next)
            .copied()
            .filter(|(start, _)| one_space(end, *start))
        {
            let word = tail_trimmed(&text[start..stop]);
            let digits = word.chars().take_while(char::is_ascii_digit).count();
            let group = grouped
                && digits == 3
                && word[3..]
                    .chars()
                    .all(|c| c.is_ascii_digit() || matches!(c, '.' | ','));
            let unit = UNITS.contains(&word);
            if !group && !unit {
                break;
            }
            end = start + word.len();
            next += 1;
            grouped = group && end == stop && word.len() == 3;
            if !grouped {
                break;
            }
        }
        if end == to {
            token(&text[from..to], found);
        } else {
            found.add(Kind::Number, &text[from..end]);
        }
    }
}

fn token(raw: &str, found: &mut Found) {
    if raw.len() > FACT_BYTES_MAX {
        // Code or Chinese without spaces. What is still too long is data, which nobody could repeat to the letter.
        for part in
            raw.split(|c: char| wide(c) || matches!(c, '(' | ')' | '[' | ']' | '{' | '}' | ','))
        {
            if part.len() <= FACT_BYTES_MAX {
                token(part, found);
            }
        }
        return;
    }
    let word = trimmed(raw);
    if !word.contains(wide) {
        return narrow(word, found);
    }
    // `docs/报告.md` is one path; in `订单4711的` only the number is meant.
    let chars: Vec<char> = word.chars().collect();
    let attached = chars.windows(2).any(|two| {
        let joint = |c: char| matches!(c, '/' | '\\' | '.' | '_' | '-');
        (wide(two[0]) && joint(two[1])) || (joint(two[0]) && wide(two[1]))
    });
    for run in word.split(wide) {
        let run = trimmed(run);
        if run.chars().any(char::is_alphanumeric) {
            narrow(run, found);
        }
    }
    if attached {
        let path = word.contains(['/', '\\']);
        found.add(if path { Kind::Path } else { Kind::Name }, word);
    }
}

/// A word of a script with spaces.
fn narrow(word: &str, found: &mut Found) {
    if word.contains(['(', ')', '[', ']', '{', '}']) {
        // `app/[id]/page.tsx` is one path, `f(a/b)` a path in brackets: both readings are kept.
        if word.contains(['/', '\\']) && !word.contains(['{', '}', '=', ',', '\'']) {
            found.add(Kind::Path, word);
        }
        for part in word.split(['(', ')', '[', ']', '{', '}']) {
            narrow(trimmed(part), found);
        }
        return;
    }
    if word.contains(',') && !is_number(word) {
        for part in word.split(',') {
            narrow(trimmed(part), found);
        }
        return;
    }
    if let Some(kind) = kind(word) {
        found.add(kind, word);
    }
}

#[cfg(test)]
mod tests;
