//! How prompts were read, folded from the journal: what `/cache` shows, and what is known of the request before after a restart.

use crate::journal::entry::{CacheNote, Entry, Line};

/// One prompt, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// What was expected and what came.
    pub note: CacheNote,
    /// Milliseconds that the server read, where it says.
    pub prompt_ms: Option<u64>,
    /// The line of the reply: what was sent stands before it.
    pub reply: u64,
}

impl Read {
    /// Milliseconds spent on what had been read before.
    #[must_use]
    pub fn again_ms(&self) -> Option<u64> {
        let read = self.note.prompt.saturating_sub(self.note.cached?);
        let again = u64::from(self.note.again);
        (read > 0).then_some(self.prompt_ms? * again / u64::from(read))
    }
}

/// All of them, in order.
#[derive(Clone, Debug, Default)]
pub struct Reads {
    reads: Vec<Read>,
    /// The last reply: its line, and how long its prompt took.
    reply: (u64, Option<u64>),
    compacted: bool,
}

impl Reads {
    /// Takes in the next line.
    pub fn apply(&mut self, line: &Line) {
        match &line.entry {
            Entry::Reply { usage, .. } => self.reply = (line.seq, usage.prompt_ms),
            Entry::Cache(note) => {
                let (reply, prompt_ms) = self.reply;
                self.compacted = false;
                self.reads.push(Read {
                    note: note.clone(),
                    prompt_ms,
                    reply,
                });
            }
            Entry::Compaction(_) => self.compacted = true,
            _ => {}
        }
    }

    /// What was read, in order.
    #[must_use]
    pub fn all(&self) -> &[Read] {
        &self.reads
    }

    /// Whether the conversation was compacted since the last prompt was read.
    #[must_use]
    pub fn compacted(&self) -> bool {
        self.compacted
    }
}
