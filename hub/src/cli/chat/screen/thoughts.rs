//! Reasoning, folded: a count while it comes, one line when it is over, the text where it is asked for.

use super::seconds;
use crate::cli::words;

/// The reasoning of one step.
#[derive(Debug, Default)]
pub(super) struct Thoughts {
    text: String,
    words: usize,
    /// Whether the last piece ended inside a word.
    inside: bool,
    began_ms: Option<u64>,
    last: String,
}

impl Thoughts {
    /// Takes in a piece.
    pub(super) fn piece(&mut self, text: &str, at_ms: u64) {
        self.began_ms.get_or_insert(at_ms);
        for c in text.chars() {
            let inside = !c.is_whitespace();
            self.words += usize::from(inside && !self.inside);
            self.inside = inside;
        }
        self.text.push_str(text);
    }

    /// The reply has the reasoning whole: it counts where no pieces came.
    pub(super) fn whole(&mut self, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
            text.clone_into(&mut self.last);
        }
    }

    /// What is said while it comes.
    pub(super) fn words_so_far(&self) -> String {
        format!("thinking, {}", words::count(self.words, "word"))
    }

    /// One line when it is over; nothing where there was none.
    pub(super) fn folded(&mut self, at_ms: u64) -> Option<String> {
        let began = self.began_ms.take()?;
        self.last = std::mem::take(&mut self.text);
        self.inside = false;
        let count = words::count(std::mem::take(&mut self.words), "word");
        let took = seconds(at_ms.saturating_sub(began));
        Some(format!("thought for {took}, {count}"))
    }

    /// The last reasoning that is over.
    pub(super) fn last(&self) -> &str {
        if self.text.is_empty() {
            &self.last
        } else {
            &self.text
        }
    }
}
