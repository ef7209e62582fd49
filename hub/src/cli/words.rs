//! Words for a terminal: how wide they are, cut or wrapped to a width, made safe where they are somebody
//! else's; numbers and counts as people read them.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The text in at most `columns`, with `…` in place of what was cut.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut taken = 0;
    for c in text.chars() {
        let next = c.width().unwrap_or(0);
        if taken + next + 1 > columns {
            break;
        }
        taken += next;
        out.push(c);
    }
    let mut out = out.trim_end().to_owned();
    out.push('…');
    out
}

/// The text in lines of at most `columns`, broken at spaces where there are any.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && width(&line) + 1 + width(word) > columns {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
            while width(&line) > columns && split_at(&line, columns) < line.len() {
                let at = split_at(&line, columns);
                let rest = line.split_off(at);
                lines.push(std::mem::replace(&mut line, rest));
            }
        }
        // A word that filled its last line to the end leaves nothing over.
        if !line.is_empty() || paragraph.trim().is_empty() {
            lines.push(line);
        }
    }
    lines
}

/// Where to break a word that is too long: always behind at least one character.
fn split_at(text: &str, columns: usize) -> usize {
    let mut taken = 0;
    for (at, c) in text.char_indices() {
        taken += c.width().unwrap_or(0);
        if taken > columns && at > 0 {
            return at;
        }
    }
    text.len()
}

/// Text of someone else's, safe on a terminal: control characters give way, lines stay.
pub(crate) fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' | '\t' => out.push(c),
            // A colour or a cursor movement goes as a whole, not only its first character.
            '\x1b' if chars.peek() == Some(&'[') => {
                chars.next();
                while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
            }
            c if c.is_control() => {}
            // Marks that turn the direction of writing can make a text read as another one.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c => out.push(c),
        }
    }
    out
}

/// [`safe`], in one line.
pub(crate) fn one_line(text: &str) -> String {
    safe(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A number with its thousands apart: `61,034`.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count with its noun: `1 tool`, `2 tools`.
pub(crate) fn count(value: usize, noun: &str) -> String {
    let s = if value == 1 { "" } else { "s" };
    format!("{} {noun}{s}", number(value as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_counts_columns() {
        for (text, columns, wanted) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("搜索文件", 5, "搜索…"),
            ("搜索文件", 8, "搜索文件"),
            ("a bcd", 3, "a…"),
        ] {
            assert_eq!(cut(text, columns), wanted);
            assert!(width(&cut(text, columns)) <= columns);
        }
    }

    #[test]
    fn wrapping_breaks_at_spaces_and_long_words() {
        assert_eq!(wrap("read a file\n\nnow", 6), ["read a", "file", "", "now"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("搜索", 1), ["搜", "索"]);
    }

    #[test]
    fn what_a_server_says_cannot_move_the_cursor() {
        assert_eq!(
            safe("a\x1b[2Jb\rc\u{202e}d\n\te\u{7}\x1b[31;1mf"),
            "abcd\n\tef"
        );
        assert_eq!(one_line(" a\n b\tc "), "a b c");
    }

    #[test]
    fn numbers_and_counts() {
        for (value, wanted) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (61_034, "61,034"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(number(value), wanted);
        }
        assert_eq!(
            (count(1, "tool"), count(2, "tool")),
            ("1 tool".into(), "2 tools".into())
        );
    }
}
