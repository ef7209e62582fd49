//! What a command wrote, within its bound: the first half and the last, since errors stand at either end.

use std::collections::VecDeque;

use super::text;

/// The first and the last half of what was written.
pub(super) struct Output {
    half: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: u64,
}

impl Output {
    pub(super) fn new(bytes_max: u64) -> Output {
        Output {
            half: usize::try_from(bytes_max / 2).unwrap_or(usize::MAX),
            head: Vec::new(),
            tail: VecDeque::new(),
            left_out: 0,
        }
    }

    /// Takes what was written next.
    pub(super) fn push(&mut self, piece: &[u8]) {
        let first = piece.len().min(self.half - self.head.len());
        self.head.extend_from_slice(&piece[..first]);
        let rest = &piece[first..];
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(self.half);
        self.tail.drain(..over);
        self.left_out += over as u64;
    }

    /// As it is shown.
    pub(super) fn text(&self) -> String {
        let (front, back) = self.tail.as_slices();
        let tail = [front, back].concat();
        match self.left_out {
            0 => String::from_utf8_lossy(&[&self.head[..], &tail].concat()).into_owned(),
            bytes => format!(
                "{}\n[{bytes} bytes left out]\n{}",
                String::from_utf8_lossy(text::cut(&self.head, self.head.len().saturating_sub(1))),
                String::from_utf8_lossy(&tail)
            ),
        }
    }

    /// Whether something is left out.
    pub(super) fn is_cut(&self) -> bool {
        self.left_out > 0
    }
}
