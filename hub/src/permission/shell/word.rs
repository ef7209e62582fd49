//! Reads one word of a command, far more strictly than a shell: plain characters, plain quotes and file patterns, nothing else.
//!
//! What every shell reads the same way becomes a [`Plain`] word; the first thing that is more becomes a doubt.

use super::{Doubt, Gate};

/// A word whose meaning does not depend on anything but files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plain {
    /// Without its quotes.
    pub(super) text: String,
    /// As it was written.
    pub(super) raw: String,
    /// Whether it is a file pattern.
    pub(super) glob: bool,
    /// Whether it begins as one, so that it could become anything.
    pub(super) glob_first: bool,
}

impl Plain {
    /// Whether it was written without any quotes.
    pub(super) fn bare(&self) -> bool {
        self.text == self.raw
    }
}

/// Reads a word as the parser found it.
pub(super) fn read(raw: &str) -> Result<Plain, Doubt> {
    let doubt = |gate: Gate| Err(Doubt::new(gate, raw));
    // `find` has these, and they mean one thing only.
    if let Some(sign @ ("(" | ")" | "!")) = raw.strip_prefix('\\') {
        return Ok(Plain {
            text: sign.to_owned(),
            raw: sign.to_owned(),
            glob: false,
            glob_first: false,
        });
    }
    let mut plain = Plain {
        text: String::new(),
        raw: raw.to_owned(),
        glob: false,
        glob_first: false,
    };
    let mut characters = raw.chars().peekable();
    let mut before = None;
    while let Some(c) = characters.next() {
        match c {
            '\'' => loop {
                match characters.next() {
                    None => return doubt(Gate::Unreadable),
                    Some('\'') => break,
                    Some('\n') => return doubt(Gate::Newline),
                    Some(quoted) => plain.text.push(quoted),
                }
            },
            '"' => loop {
                let next = characters.next();
                let after = characters.peek().copied();
                match (next, after) {
                    (None, _) => return doubt(Gate::Unreadable),
                    (Some('"'), _) => break,
                    (Some('\n'), _) => return doubt(Gate::Newline),
                    (Some('`'), _) | (Some('$'), Some('(')) => return doubt(Gate::Substitution),
                    (Some('$'), Some('"' | ' ' | '|' | ')')) => plain.text.push('$'),
                    (Some('$'), _) => return doubt(Gate::Expansion),
                    (Some('\\'), Some('"' | '`' | '\n')) => return doubt(Gate::Backslash),
                    (Some('\\'), Some(escaped @ ('$' | '\\'))) => {
                        characters.next();
                        plain.text.push(escaped);
                    }
                    (Some(quoted), _) => plain.text.push(quoted),
                }
            },
            '`' => return doubt(Gate::Substitution),
            '$' => match characters.peek() {
                None => plain.text.push('$'),
                Some('(') => return doubt(Gate::Substitution),
                Some('\'' | '"') => return doubt(Gate::Quoting),
                Some(_) => return doubt(Gate::Expansion),
            },
            '\\' => return doubt(Gate::Backslash),
            '{' | '}' => return doubt(Gate::Braces),
            '~' if matches!(before, None | Some('=' | ':')) => return doubt(Gate::Home),
            '=' if before.is_none() && raw.len() > 1 && !raw.starts_with("==") => {
                return doubt(Gate::Expansion);
            }
            '!' if characters.peek().is_some_and(|next| *next != '=') => {
                return doubt(Gate::Expansion);
            }
            '(' | ')' => return doubt(Gate::Glob),
            '<' | '>' => return doubt(Gate::Substitution),
            '|' | '&' | ';' | ' ' | '\t' | '\n' => return doubt(Gate::Unreadable),
            '*' | '?' | '[' => {
                // A bracket alone is a program.
                if raw != "[" {
                    plain.glob = true;
                    plain.glob_first |= plain.text.is_empty();
                }
                plain.text.push(c);
            }
            c => plain.text.push(c),
        }
        before = Some(c);
    }
    if plain.glob && reaches_up(&plain.text) {
        return doubt(Gate::Glob);
    }
    Ok(plain)
}

/// Whether a part of the pattern begins with a dot, and so may be `..`.
fn reaches_up(text: &str) -> bool {
    text.split('/')
        .any(|part| part.starts_with('.') && part.contains(['*', '?', '[']))
}

/// The word as a careless reader takes it: quotes and backslashes gone, variables left. To find what is denied, never to allow.
pub(super) fn loose(raw: &str) -> String {
    raw.chars()
        .filter(|c| !matches!(c, '\'' | '"' | '\\'))
        .collect()
}
