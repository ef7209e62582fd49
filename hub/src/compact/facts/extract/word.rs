//! What a single word is: a path, a number, a name, or prose; and where it begins and ends among the punctuation around it.
//!
//! Pure functions of one word. Where words begin in a line is the business of `extract.rs`.

use super::Kind;

/// Units that stand apart from their number and belong to it.
pub(super) const UNITS: [&str; 46] = [
    "%", "‰", "°C", "°F", "€", "$", "£", "¥", "EUR", "USD", "GBP", "CHF", "JPY", "ns", "µs", "us",
    "ms", "s", "sec", "min", "h", "d", "B", "kB", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB",
    "TiB", "px", "mm", "cm", "m", "km", "mg", "g", "kg", "Hz", "kHz", "MHz", "GHz", "W", "V",
];
/// Abbreviations that look like dotted names.
const ABBREVIATIONS: [&str; 6] = ["e.g", "i.e", "z.B", "d.h", "u.a", "p.s"];

/// What a single word is; none where it is prose.
#[must_use]
pub(crate) fn kind(word: &str) -> Option<Kind> {
    if word.contains("://") {
        return Some(Kind::Url);
    }
    if !word.chars().any(char::is_alphanumeric) {
        return matches!(word, "/" | "~").then_some(Kind::Path);
    }
    let digit = word.chars().any(char::is_numeric);
    let letter = word.chars().any(|c| c.is_alphabetic() && !wide(c));
    if word.contains(['/', '\\']) {
        return Some(if letter || !digit {
            Kind::Path
        } else {
            Kind::Number
        });
    }
    if digit {
        return Some(if letter && !measured(word) {
            Kind::Name
        } else {
            Kind::Number
        });
    }
    let letters: Vec<char> = word.chars().filter(|c| c.is_alphabetic()).collect();
    let upper = letters.iter().filter(|c| c.is_uppercase()).count();
    let lower = letters.iter().filter(|c| c.is_lowercase()).count();
    let named = word.contains(['@', '_', '#', '$', '%', '+', '~', '=', '*'])
        || (lower == 0 && upper >= 2)
        || (upper >= 2 && lower > 0)
        || letters
            .windows(2)
            .any(|two| two[0].is_lowercase() && two[1].is_uppercase())
        || flag(word)
        || joined(word);
    (named && !ABBREVIATIONS.contains(&word)).then_some(Kind::Name)
}

/// `--force`, `-rf`.
fn flag(word: &str) -> bool {
    let rest = word.trim_start_matches('-');
    rest.len() < word.len() && rest.starts_with(|c: char| c.is_alphabetic())
}

/// Whether something joins two parts of the word: `a.b`, `a-b`, `a:b`, `a&b`; or a leading dot, as in `.env`.
fn joined(word: &str) -> bool {
    let chars: Vec<char> = word.chars().collect();
    let inside = chars.windows(3).any(|three| {
        three[0].is_alphanumeric()
            && matches!(three[1], '.' | '-' | ':' | '&')
            && three[2].is_alphanumeric()
    });
    inside || word.contains("::") || (word.starts_with('.') && chars.len() > 1)
}

/// Digits, what stands within numbers, and at most a unit behind them: `1,299.00`, `-5`, `10ms`, `2024-01-02`.
fn measured(word: &str) -> bool {
    let end = word.trim_end_matches(|c: char| !c.is_numeric()).len();
    let (number, unit) = word.split_at(end);
    !number.is_empty()
        && number.chars().all(|c| {
            c.is_numeric()
                || matches!(
                    c,
                    '.' | ',' | ':' | '-' | '+' | '/' | '\'' | '$' | '€' | '£' | '¥'
                )
        })
        && (unit.is_empty() || UNITS.contains(&unit))
}

/// Whether a letter belongs to a script that puts no spaces between words, or attaches endings to foreign ones.
#[must_use]
pub(crate) fn wide(c: char) -> bool {
    // Full-width digits and letters are words like the narrow ones.
    if matches!(c, '\u{FF10}'..='\u{FF19}' | '\u{FF21}'..='\u{FF3A}' | '\u{FF41}'..='\u{FF5A}') {
        return false;
    }
    matches!(c,
        '\u{0E00}'..='\u{0E7F}' | '\u{1100}'..='\u{11FF}' | '\u{2E80}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7FF}'
        | '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE4F}' | '\u{FF00}'..='\u{FFEF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Punctuation of scripts that are written wide.
pub(super) fn wide_mark(c: char) -> bool {
    matches!(c,
        '\u{3000}'..='\u{3004}' | '\u{3008}'..='\u{3020}' | '\u{30FB}' | '\u{FF01}' | '\u{FF02}' | '\u{FF07}'..='\u{FF09}'
        | '\u{FF0C}' | '\u{FF1A}'..='\u{FF1F}' | '\u{FF3B}' | '\u{FF3D}' | '\u{FF5B}'..='\u{FF65}')
}

/// The word where it is a number to which more may belong, without what opens before it.
pub(super) fn number_start(word: &str) -> Option<&str> {
    let word = word.trim_start_matches(['(', '[', '{', '*', '\'', ':']);
    let digits = word.trim_start_matches(['-', '+', '−', '$', '€', '£', '¥']);
    let number = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.ends_with(|c: char| c.is_ascii_digit())
        && digits
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | ','));
    number.then_some(word)
}

/// Whether the commas of a word belong to one number: `1,299.00`, `3,5`, `1.234,50`.
pub(super) fn is_number(word: &str) -> bool {
    let core = word.trim_matches(|c: char| !c.is_numeric());
    if !core
        .chars()
        .all(|c| c.is_numeric() || matches!(c, '.' | ','))
    {
        return false;
    }
    let parts: Vec<&str> = core.split(',').collect();
    let thousands = parts[0].len() <= 3
        && parts[1..].iter().all(|part| {
            part.split('.')
                .next()
                .is_some_and(|digits| digits.len() == 3)
        });
    thousands || (parts.len() == 2 && parts[1].len() <= 2)
}

/// A word without the punctuation around it.
pub(super) fn trimmed(word: &str) -> &str {
    let mut word = tail_trimmed(word);
    loop {
        let mut chars = word.chars();
        let (Some(first), second) = (chars.next(), chars.next()) else {
            return word;
        };
        let named = |c: char| c.is_alphanumeric() || c == '_';
        let strip = match first {
            '(' | '[' | '{' => !closed_inside(word),
            ')' | ']' | '}' | ',' | ';' | ':' | '!' | '?' | '\'' | '’' | '‘' | '&' | '=' => {
                true
            }
            // A glob keeps its stars, emphasis does not.
            '*' => !(matches!(second, Some('.' | '/')) || word.starts_with("**/")),
            '.' => {
                !second.is_some_and(|c| named(c) || matches!(c, '/' | '\\' | '.'))
                    || word.starts_with("...")
            }
            '-' => !second.is_some_and(|c| named(c) || matches!(c, '-' | '.' | '$' | '€' | '£')),
            _ => false,
        };
        if !strip {
            return word;
        }
        word = tail_trimmed(&word[first.len_utf8()..]);
    }
}

/// Whether the bracket that a word begins with is closed before its end.
fn closed_inside(word: &str) -> bool {
    let mut depth = 0_i32;
    for (at, c) in word.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1 < word.len();
        }
    }
    false
}

/// A word without the punctuation behind it, and without brackets that it did not open.
pub(super) fn tail_trimmed(mut word: &str) -> &str {
    loop {
        let Some(last) = word.chars().next_back() else {
            return word;
        };
        let count = |c: char| word.chars().filter(|it| *it == c).count();
        let strip = match last {
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '’' | '…' => true,
            '*' => !word.ends_with("/*") && !word.ends_with("/**") && !word.ends_with("\\*"),
            ')' => count('(') < count(')'),
            ']' => count('[') < count(']'),
            '}' => count('{') < count('}'),
            _ => false,
        };
        let rest = if strip {
            &word[..word.len() - last.len_utf8()]
        } else if let Some(rest) = word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")) {
            rest
        } else {
            return word;
        };
        word = rest;
    }
}
