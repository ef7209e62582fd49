//! The journal: an append-only file of entries, one for each session, and the one place where anything becomes true.
//!
//! ```text
//! append(entry, sync) ─► owner ─ number, time, checksum, previous hash ─► disk ─► apply(&Line) ─► answer
//! ```
//!
//! One owner writes; everybody else holds a handle. `apply` is called for every line in order, for those read at the
//! start and for those appended later alike, so that recovery is not a second program.

pub mod entry;

use std::sync::{Arc, Mutex, PoisonError};

pub use entry::{Entry, Line};

/// Whether an append returns when the line is written, or when it is on the disk for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// When it is on the disk: what was appended before is then there too.
    Now,
    /// When it is written. A crash of the machine may lose it, a crash of the program does not.
    Later,
}

/// Called for every line, in order, before its append returns.
pub type Apply = Box<dyn FnMut(&Line) + Send>;

/// A handle to a journal's owner.
#[derive(Clone)]
pub struct Journal(Arc<Mutex<(u64, Apply)>>);

/// Why a journal did not take an entry. Whoever gets this does nothing that the entry would have stood for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The owner is gone or refuses since an earlier write failed.
    #[error("the journal is closed: {0}")]
    Closed(String),
}

impl JournalError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        None
    }
}

impl Journal {
    /// A journal that keeps nothing, for tests.
    pub fn memory(apply: Apply) -> Journal {
        Journal(Arc::new(Mutex::new((0, apply))))
    }

    /// Appends an entry and returns its number.
    ///
    /// # Errors
    /// The entry is not in the journal, or it is not known to be.
    pub async fn append(&self, entry: Entry, _sync: Sync) -> Result<u64, JournalError> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.0 += 1;
        let line = Line {
            seq: inner.0,
            at_ms: 0,
            entry,
        };
        (inner.1)(&line);
        Ok(line.seq)
    }
}
