//! Text in columns: widths as a terminal counts them, so that Chinese names and accents line up.
//!
//! Pure: rows and a width in, text out. Only the last column gives way when there is no room, since
//! what stands in the others (names, numbers) is of no use when cut.

use crate::cli::ui::{Look, Style};
use crate::cli::words::{cut, width};

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
}
