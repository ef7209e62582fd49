//! Reads a program's words by a table of the flags that keep it reading. A flag that is not in the table is a doubt.
//!
//! Long flags are taken by their whole name: the programs themselves also take what is shortened, so that a prefix of a flag
//! that writes is another name for it.

use std::path::Path;

use super::programs::path;
use super::word::Plain;
use super::{Doubt, Gate};

/// What a program takes besides flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operands {
    /// Paths to read.
    Paths,
    /// At most so many: the next one would be written to.
    PathsUpTo(usize),
    /// A pattern, then paths.
    Pattern,
    /// Words that name no file.
    Free,
    /// None.
    None,
}

/// A program that only reads, as long as its flags are among these.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader {
    /// Its name.
    pub(super) name: &'static str,
    /// Letters that stand alone.
    pub(super) letters: &'static str,
    /// Letters that take a value.
    pub(super) valued: &'static str,
    /// Long names: `name` stands alone, `name=` takes a value, `name=?` may have one attached, `name=@` takes a path.
    pub(super) long: &'static str,
    /// What else it takes.
    pub(super) operands: Operands,
    /// Flags after which the first operand is a path and no pattern.
    pub(super) no_pattern: &'static [&'static str],
    /// Whether a file that is named like a flag does no harm, so that a pattern may begin with a star.
    pub(super) any_name: bool,
    /// Whether `-5` is a number and no flag.
    pub(super) digits: bool,
}

/// What the words turned out to be.
#[derive(Debug, Default)]
pub(super) struct Read<'a> {
    /// Flags, long names without their value.
    pub(super) flags: Vec<&'a str>,
    /// Operands in order.
    pub(super) operands: Vec<&'a Plain>,
}

/// Reads `words`, the program's name left out.
pub(super) fn read<'a>(
    reader: &Reader,
    words: &'a [Plain],
    folder: &Path,
) -> Result<Read<'a>, Doubt> {
    let mut found = Read::default();
    let mut rest = words.iter();
    let mut flags_end = false;
    while let Some(word) = rest.next() {
        if word.glob_first && !reader.any_name && !flags_end {
            return Err(Doubt::new(Gate::Glob, word.raw.as_str()));
        }
        let text = word.text.as_str();
        if flags_end || text == "-" || !text.starts_with('-') {
            found.operands.push(word);
        } else if text == "--" {
            flags_end = true;
        } else {
            shape(reader, word)?;
            let takes_next = flag(reader, word, folder, &mut found.flags)?;
            if let Some(value) = takes_next {
                let next = rest
                    .next()
                    .ok_or_else(|| Doubt::new(Gate::Flag, word.raw.as_str()))?;
                value_of(word, next, value, folder)?;
            }
        }
    }
    operands(reader, &found, folder)?;
    Ok(found)
}

/// Quotes may stand around a flag's value, never inside its name.
fn shape(reader: &Reader, word: &Plain) -> Result<(), Doubt> {
    if word.bare() && !word.glob {
        return Ok(());
    }
    let head = word
        .raw
        .split(['\'', '"', '*', '?', '['])
        .next()
        .unwrap_or(word.raw.as_str());
    let short = match head.as_bytes() {
        [b'-', letter] => reader.valued.contains(char::from(*letter)),
        _ => false,
    };
    let long = head.starts_with("--") && head.contains('=');
    match short || long {
        true => Ok(()),
        false => Err(Doubt::new(Gate::Quoting, word.raw.as_str())),
    }
}

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Free,
    Path,
}

/// Knows one word of flags, or doubts it; says what its value is where the next word is one.
fn flag<'a>(
    reader: &Reader,
    word: &'a Plain,
    folder: &Path,
    flags: &mut Vec<&'a str>,
) -> Result<Option<Value>, Doubt> {
    let unknown = || Doubt::new(Gate::Flag, word.raw.as_str());
    let text = word.text.as_str();
    if let Some(long) = text.strip_prefix("--") {
        let (name, attached) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        let known = reader.long.split_whitespace().find_map(|known| {
            let (known, kind) = known
                .split_once('=')
                .map_or((known, None), |(k, kind)| (k, Some(kind)));
            (known == name).then_some(kind)
        });
        flags.push(text.split('=').next().unwrap_or(text));
        return match (known, attached) {
            (Some(None), None) | (Some(Some("?")), _) | (Some(Some("")), Some(_)) => Ok(None),
            (Some(Some("@")), Some(value)) => path_value(word, value, folder).map(|()| None),
            (Some(Some("")), None) => Ok(Some(Value::Free)),
            (Some(Some("@")), None) => Ok(Some(Value::Path)),
            (Some(_), _) | (None, _) => Err(unknown()),
        };
    }
    let letters = text.strip_prefix('-').ok_or_else(unknown)?;
    if reader.digits && letters.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    for (at, letter) in letters.char_indices() {
        if reader.valued.contains(letter) {
            flags.push(text);
            let attached = &letters[at + letter.len_utf8()..];
            return match attached.is_empty() {
                true => Ok(Some(Value::Free)),
                false => Ok(None),
            };
        }
        if !reader.letters.contains(letter) || !letter.is_ascii_alphanumeric() {
            return Err(unknown());
        }
    }
    flags.push(text);
    Ok(None)
}

/// The next word as a flag's value. One that looks like a flag itself could be one, should the table be wrong.
fn value_of(flag: &Plain, next: &Plain, value: Value, folder: &Path) -> Result<(), Doubt> {
    let number = next
        .text
        .strip_prefix('-')
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
    if next.glob || (next.text.starts_with('-') && !number) {
        return Err(Doubt::new(Gate::Flag, format!("{} {}", flag.raw, next.raw)));
    }
    match value {
        Value::Free => Ok(()),
        Value::Path => path_value(next, &next.text, folder),
    }
}

fn path_value(word: &Plain, value: &str, folder: &Path) -> Result<(), Doubt> {
    if super::path::leads_outside(value, folder) {
        return Err(Doubt::new(Gate::Outside, word.raw.as_str()));
    }
    if super::path::holds_secrets(value, word.glob) {
        return Err(Doubt::new(Gate::Secret, word.raw.as_str()));
    }
    Ok(())
}

fn operands(reader: &Reader, found: &Read<'_>, folder: &Path) -> Result<(), Doubt> {
    let given = &found.operands;
    let too_many = |at: usize| match given.get(at) {
        Some(word) => Err(Doubt::new(Gate::Operand, word.raw.as_str())),
        None => Ok(()),
    };
    let paths = match reader.operands {
        Operands::Free => return Ok(()),
        Operands::None => return too_many(0),
        Operands::Paths => given.as_slice(),
        Operands::PathsUpTo(max) => {
            too_many(max)?;
            // A pattern is as many words as it finds files.
            if let Some(word) = given.iter().find(|word| word.glob) {
                return Err(Doubt::new(Gate::Glob, word.raw.as_str()));
            }
            given.as_slice()
        }
        Operands::Pattern => {
            let all = found.flags.iter().any(|flag| {
                reader.no_pattern.iter().any(|no| {
                    // A letter may stand in a bundle, with its value behind it.
                    flag == no
                        || (no.len() == 2
                            && !flag.starts_with("--")
                            && flag.contains(no.trim_start_matches('-')))
                })
            });
            match given.split_first() {
                Some((pattern, rest)) if !all && !pattern.glob => rest,
                _ => given.as_slice(),
            }
        }
    };
    paths.iter().try_for_each(|word| path(word, folder))
}
