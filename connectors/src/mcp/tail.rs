//! The last words of a server on stderr, kept for messages about it.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The last bytes written, at most a bound of them. The mutex is a plain one: it is held for a copy, never across an await.
#[derive(Debug)]
pub(crate) struct Tail {
    bytes_max: usize,
    bytes: Mutex<VecDeque<u8>>,
}

impl Tail {
    /// Keeps the last `bytes_max` bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            bytes: Mutex::new(VecDeque::new()),
        }
    }

    /// Adds what was written.
    pub(crate) fn push(&self, chunk: &[u8]) {
        let mut bytes = self.lock();
        bytes.extend(&chunk[chunk.len().saturating_sub(self.bytes_max)..]);
        let surplus = bytes.len().saturating_sub(self.bytes_max);
        bytes.drain(..surplus);
    }

    /// Forgets the words of an earlier process.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// What is kept; where the bound cut a line, it starts with the next whole one.
    pub(crate) fn text(&self) -> String {
        let bytes: Vec<u8> = self.lock().iter().copied().collect();
        let cut = bytes.len() == self.bytes_max;
        let start = if cut {
            bytes
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1)
        } else {
            0
        };
        let whole = if start < bytes.len() {
            &bytes[start..]
        } else {
            &bytes[..]
        };
        String::from_utf8_lossy(whole).trim_end().to_owned()
    }

    /// The last line that says something, cut to a length that fits a sentence.
    pub(crate) fn last_line(&self) -> Option<String> {
        let text = self.text();
        let line = text
            .lines()
            .rev()
            .map(str::trim)
            .find(|line| !line.is_empty())?;
        Some(line.chars().take(200).collect())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_end_and_starts_with_a_whole_line() {
        for (bytes_max, chunks, text, last) in [
            (100, &["one\n", "two\n"][..], "one\ntwo", Some("two")),
            (8, &["one\n", "two\n", "three\n"], "three", Some("three")),
            (4, &["abcdefgh"], "efgh", Some("efgh")),
            (100, &["boom\n\n  \n"], "boom", Some("boom")),
            (100, &[], "", None),
        ] {
            let tail = Tail::new(bytes_max);
            chunks.iter().for_each(|chunk| tail.push(chunk.as_bytes()));
            assert_eq!(tail.text(), text);
            assert_eq!(tail.last_line().as_deref(), last);
        }
    }
}
