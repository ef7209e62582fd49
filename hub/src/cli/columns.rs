//! Text in columns: widths as a terminal counts them, so that Chinese names and accents line up.
//!
//! Pure: rows and a width in, text out. Only the last column gives way when there is no room, since
//! what stands in the others (names, numbers) is of no use when cut.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::cli::ui::{Look, Style};

/// Between two columns.
const GAP: usize = 2;
/// The last column is not made narrower than this.
const LAST_MIN: usize = 16;

/// Which side a column leans to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// One cell: what it says, and how it is set apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    style: Option<Style>,
}

impl Cell {
    /// A plain cell.
    pub(crate) fn new(text: impl Into<String>) -> Cell {
        Cell {
            text: text.into(),
            style: None,
        }
    }

    /// A cell set apart.
    pub(crate) fn styled(style: Style, text: impl Into<String>) -> Cell {
        Cell {
            text: text.into(),
            style: Some(style),
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::new(text)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::new(text)
    }
}

/// Lays rows out under `heads` (none where they are empty), each row as many cells as there are heads.
pub(crate) fn table(
    heads: &[(&str, Align)],
    rows: &[Vec<Cell>],
    indent: usize,
    look: &Look,
) -> String {
    let mut widths: Vec<usize> = heads.iter().map(|(head, _)| width(head)).collect();
    for row in rows {
        for (at, cell) in row.iter().enumerate().take(widths.len()) {
            widths[at] = widths[at].max(width(&cell.text));
        }
    }
    if let Some((last, others)) = widths.split_last_mut() {
        let taken: usize = indent + others.iter().map(|width| width + GAP).sum::<usize>();
        *last = (*last).min(look.width.saturating_sub(taken).max(LAST_MIN));
    }
    let mut out = String::new();
    if heads.iter().any(|(head, _)| !head.is_empty()) {
        let cells: Vec<Cell> = heads
            .iter()
            .map(|(head, _)| Cell::styled(Style::Dim, *head))
            .collect();
        line(&mut out, heads, &cells, &widths, indent, look);
    }
    for row in rows {
        line(&mut out, heads, row, &widths, indent, look);
    }
    out
}

fn line(
    out: &mut String,
    heads: &[(&str, Align)],
    cells: &[Cell],
    widths: &[usize],
    indent: usize,
    look: &Look,
) {
    let mut text = " ".repeat(indent);
    // Spaces are owed until something follows them, so that no line ends in them.
    let mut owed = 0;
    for (at, cell) in cells.iter().enumerate().take(widths.len()) {
        let shown = cut(&cell.text, widths[at]);
        let pad = widths[at] - width(&shown);
        let (before, after) = if heads[at].1 == Align::Right {
            (pad, 0)
        } else {
            (0, pad)
        };
        if !shown.is_empty() {
            text.push_str(&" ".repeat(owed + before));
            match cell.style {
                Some(style) => text.push_str(&look.paint(style, &shown)),
                None => text.push_str(&shown),
            }
            owed = after + GAP;
        } else {
            owed += widths[at] + GAP;
        }
    }
    out.push_str(&text);
    out.push('\n');
}

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
            while width(&line) > columns {
                let at = split_at(&line, columns);
                let rest = line.split_off(at);
                lines.push(std::mem::replace(&mut line, rest));
            }
        }
        lines.push(line);
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

    const PLAIN: Look = Look {
        width: 40,
        color: false,
        unicode: true,
    };

    #[test]
    fn columns_line_up_and_the_last_gives_way() {
        let rows = vec![
            vec![
                Cell::new("git__status"),
                Cell::new("12"),
                Cell::new("Show the state of the working tree"),
            ],
            vec![Cell::new("搜索__文件"), Cell::new("1,234"), Cell::new("")],
        ];
        let heads = [
            ("NAME", Align::Left),
            ("TOKENS", Align::Right),
            ("ABOUT", Align::Left),
        ];
        let wanted = "\
NAME         TOKENS  ABOUT
git__status      12  Show the state of…
搜索__文件    1,234
";
        assert_eq!(table(&heads, &rows, 0, &PLAIN), wanted);
    }

    #[test]
    fn colours_do_not_move_columns() {
        let look = Look {
            color: true,
            ..PLAIN
        };
        let rows = vec![vec![Cell::styled(Style::Good, "a"), Cell::new("b")]];
        let heads = [("", Align::Left), ("", Align::Left)];
        assert_eq!(table(&heads, &rows, 2, &look), "  \x1b[32ma\x1b[0m  b\n");
    }

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
