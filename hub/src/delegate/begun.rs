//! Which calls began a session of their own, folded from the journal.

use std::collections::BTreeMap;

use crate::journal::entry::{CallId, DelegatedNote, Entry, Line};

/// The delegates of one session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delegates {
    all: BTreeMap<CallId, DelegatedNote>,
    count: u32,
}

impl Delegates {
    /// Takes in the next line.
    pub fn apply(&mut self, line: &Line) {
        if let Entry::Delegated(note) = &line.entry {
            // The hub's own check of an answer is none that somebody gave a task.
            self.count += u32::from(!note.call.is_own());
            self.all.insert(note.call, note.clone());
        }
    }

    /// The session that a call began.
    #[must_use]
    pub fn of(&self, call: CallId) -> Option<&DelegatedNote> {
        self.all.get(&call)
    }

    /// Each of them, by the call.
    pub fn all(&self) -> impl Iterator<Item = &DelegatedNote> {
        self.all.values()
    }

    /// How many there were that somebody gave a task.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }
}
