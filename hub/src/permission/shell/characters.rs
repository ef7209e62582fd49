//! The text itself: what may not stand in it, how much of it is read, and that the parser read all of it.
//!
//! These come before the parser: what people see must be what runs, and a parser that is handed ten thousand parentheses does
//! not come back.

use brush_parser::Token;
use toolpool_config::fixed::{SHELL_CHARS_MAX, SHELL_OPENINGS_MAX};

use super::{Doubt, Gate};

/// What ends the reading, if anything does.
pub(super) fn check(command: &str) -> Option<Doubt> {
    let shown = |c: char| format!("U+{:04X}", u32::from(c));
    if let Some(c) = command.chars().find(|c| is_control(*c)) {
        return Some(Doubt::new(Gate::Control, shown(c)));
    }
    if let Some(c) = command.chars().find(|c| is_invisible(*c)) {
        return Some(Doubt::new(Gate::Invisible, shown(c)));
    }
    if command.trim().is_empty() {
        return Some(Doubt::new(Gate::Empty, ""));
    }
    if let Some(c) = command.chars().find(|c| is_odd(*c)) {
        return Some(Doubt::new(Gate::Odd, shown(c)));
    }
    if command.chars().count() > SHELL_CHARS_MAX {
        return Some(Doubt::new(Gate::Long, ""));
    }
    (openings(command) > SHELL_OPENINGS_MAX).then(|| Doubt::new(Gate::Deep, ""))
}

/// What stands between the parser's tokens and is no white space, or differs from the token: comments and continued lines.
pub(super) fn lost(command: &str, tokens: &[Token]) -> Option<Doubt> {
    let characters: Vec<char> = command.chars().collect();
    let part = |from: usize, to: usize| -> String {
        characters.get(from..to).unwrap_or(&[]).iter().collect()
    };
    let mut end = 0;
    for token in tokens {
        let (start, stop) = (token.location().start.index, token.location().end.index);
        let (gap, read) = (part(end, start), part(start, stop));
        if !gap.chars().all(is_white) {
            return Some(Doubt::new(Gate::Comment, gap.trim()));
        }
        // The end of a line is an operator of its own.
        if read != token.to_str() && !read.chars().all(is_white) {
            return Some(Doubt::new(Gate::Comment, read));
        }
        end = end.max(stop);
    }
    let rest = part(end, characters.len());
    (!rest.chars().all(is_white)).then(|| Doubt::new(Gate::Comment, rest.trim()))
}

/// What a shell takes for space between words and lines.
fn is_white(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n')
}

/// Line ends and tabs aside.
fn is_control(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
}

/// Characters that show nothing or turn what stands around them: directions, joiners of nothing, tags, variation of nothing.
fn is_invisible(c: char) -> bool {
    matches!(u32::from(c),
        0x00ad | 0x034f | 0x061c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b | 0x200e..=0x200f
        | 0x202a..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0x1bca0..=0x1bca3
        | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
}

/// Beyond ASCII only letters and digits are plain: no spaces, dashes, slashes, quotes or semicolons that only look like ours,
/// and no letters in their compatibility forms.
fn is_odd(c: char) -> bool {
    let compatibility =
        matches!(u32::from(c), 0xff00..=0xffef | 0x1d400..=0x1d7ff | 0x2100..=0x214f);
    !c.is_ascii() && (!c.is_alphanumeric() || compatibility)
}

/// Everything that could open a nested part, whether or not it is quoted: an upper bound of the depth.
fn openings(command: &str) -> usize {
    let signs = command.matches(['(', '{', '[', '`']).count();
    let words = [
        "if", "while", "until", "for", "case", "select", "function", "[[",
    ];
    let keywords = command
        .split(|c: char| is_white(c) || ";&|(){}".contains(c))
        .filter(|word| words.contains(word))
        .count();
    signs + keywords
}
