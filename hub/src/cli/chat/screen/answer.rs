//! The answer while it comes: pieces put out as they are, made safe, without blank lines before the first word and
//! behind the last one.

use crate::cli::words::safe;

/// The answer of one step.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Whether a word of this step was put out.
    begun: bool,
    /// Whether a line is open on the screen.
    open: bool,
    /// White space that is put out only when a word follows.
    held: String,
}

impl Answer {
    /// Whether a line is open on the screen.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// A piece as it is to be put out; nothing while no word has come.
    pub(super) fn piece(&mut self, text: &str) -> String {
        let text = format!("{}{}", self.held, safe(text));
        let words = text.trim_end();
        if words.is_empty() {
            self.held = if self.begun { text } else { String::new() };
            return String::new();
        }
        self.held = text[words.len()..].to_owned();
        let words = if self.begun {
            words
        } else {
            words.trim_start()
        };
        self.begun = true;
        self.open = true;
        words.to_owned()
    }

    /// The end of the step: the text of the whole reply where none of it came as pieces.
    pub(super) fn end(&mut self, whole: &str) -> String {
        let mut out = if self.begun {
            String::new()
        } else {
            self.piece(whole)
        };
        out.push_str(&self.close());
        self.begun = false;
        out
    }

    /// Ends the line that is open.
    pub(super) fn close(&mut self) -> String {
        self.held.clear();
        if std::mem::take(&mut self.open) {
            "\n".into()
        } else {
            String::new()
        }
    }
}
