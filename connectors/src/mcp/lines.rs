//! Bytes from a pipe cut into lines, with a bound on each, so that a child that floods its output cannot fill our memory.

use toolpool_config::fixed::LINE_HEAD_BYTES_MAX;

/// One line of a pipe.
#[derive(Debug, PartialEq)]
pub(crate) enum Line {
    /// A whole line without its end; never blank.
    Whole(Vec<u8>),
    /// A line beyond the bound: only its head was kept, to tell which request it answered.
    TooLong {
        /// The first bytes.
        head: Vec<u8>,
    },
}

/// Cuts a stream of chunks into lines.
#[derive(Debug)]
pub(crate) struct Lines {
    bytes_max: usize,
    held: Vec<u8>,
    too_long: bool,
}

impl Lines {
    /// Lines of at most `bytes_max` bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            held: Vec::new(),
            too_long: false,
        }
    }

    /// Takes a chunk and returns the lines that it completed, in order.
    pub(crate) fn feed(&mut self, chunk: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut pieces = chunk.split(|byte| *byte == b'\n');
        let last = pieces.next_back();
        for piece in pieces {
            self.hold(piece);
            lines.extend(self.finish());
        }
        self.hold(last.unwrap_or_default());
        lines
    }

    /// Ends the line in hand, as a pipe's end does.
    pub(crate) fn finish(&mut self) -> Option<Line> {
        let held = std::mem::take(&mut self.held);
        if std::mem::take(&mut self.too_long) {
            return Some(Line::TooLong { head: held });
        }
        let text = held.trim_ascii();
        match text.len() {
            0 => None,
            len if len == held.len() => Some(Line::Whole(held)),
            _ => Some(Line::Whole(text.to_vec())),
        }
    }

    fn hold(&mut self, piece: &[u8]) {
        if self.too_long {
            return;
        }
        if self.held.len() + piece.len() > self.bytes_max {
            let room = LINE_HEAD_BYTES_MAX
                .saturating_sub(self.held.len())
                .min(piece.len());
            self.held.extend_from_slice(&piece[..room]);
            self.held.truncate(LINE_HEAD_BYTES_MAX);
            self.held.shrink_to_fit();
            self.too_long = true;
        } else {
            self.held.extend_from_slice(piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(bytes_max: usize, chunks: &[&str]) -> Vec<String> {
        let mut lines = Lines::new(bytes_max);
        let mut seen: Vec<Line> = chunks
            .iter()
            .flat_map(|chunk| lines.feed(chunk.as_bytes()))
            .collect();
        seen.extend(lines.finish());
        seen.into_iter()
            .map(|line| match line {
                Line::Whole(text) => String::from_utf8(text).unwrap(),
                Line::TooLong { head } => format!("too long: {}", String::from_utf8(head).unwrap()),
            })
            .collect()
    }

    #[test]
    fn lines_are_whole_whatever_the_chunks() {
        for chunks in [
            &["a\nbc\n"][..],
            &["a", "\n", "b", "c\n"],
            &["", "a\nb", "c"],
            &["a\r\n\r\n\n  bc \r\n"],
        ] {
            assert_eq!(cut(10, chunks), ["a", "bc"], "{chunks:?}");
        }
    }

    #[test]
    fn a_line_at_the_bound_passes_and_one_beyond_it_costs_only_itself() {
        assert_eq!(
            cut(4, &["1234\n12345\nok\n"]),
            ["1234", "too long: 12345", "ok"]
        );
        assert_eq!(
            cut(4, &["12", "34", "56", "789\nok"]),
            ["too long: 123456", "ok"]
        );
    }

    #[test]
    fn of_a_line_beyond_the_bound_only_the_head_is_held() {
        let mut lines = Lines::new(1024);
        for _ in 0..1_000 {
            assert!(lines.feed(&[b'x'; 1_000]).is_empty());
            assert!(lines.held.capacity() <= 2_048);
        }
        assert_eq!(
            lines.finish(),
            Some(Line::TooLong {
                head: vec![b'x'; LINE_HEAD_BYTES_MAX]
            })
        );
    }
}
