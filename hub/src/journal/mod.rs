//! The journal: an append-only file of entries, one for each session, and the one place where anything becomes true.
//!
//! ```text
//! append(entry, sync) ─► owner ─ number, time, checksum, previous hash ─► disk ─► apply(&Line) ─► answer
//! ```
//!
//! | file | what |
//! |---|---|
//! | `entry.rs` | what can happen |
//! | `line.rs` | an entry in its envelope, as bytes |
//! | `recover.rs` | from bytes to lines, whatever happened to them |
//! | `prove.rs`, `heads.rs` | whether the lines are as they were written, and where they ended |
//! | `owner.rs` | the one thread that writes |
//! | `store.rs`, `artifacts.rs`, `fork.rs` | the folder of sessions: begun, opened again, listed, forked, deleted |
//! | `redact.rs` | secrets leave before anything is written |
//! | `disk.rs` | what all of it asks of a disk |
//!
//! One owner writes; everybody else holds a handle. `apply` is called for every line in order, for those read at the
//! start and for those appended later alike, so that recovery is not a second program. Absent on purpose: an index, a cache of
//! folded state, compaction of old lines. Reading 100,000 lines takes less than a second, and what is derived can't then be wrong.

pub mod artifacts;
pub mod disk;
pub mod entry;
mod fork;
mod heads;
pub mod line;
mod owner;
pub mod prove;
mod recover;
pub mod redact;
pub mod store;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::oneshot;

pub use artifacts::Artifacts;
pub use disk::{Disk, RealDisk};
pub use entry::{Entry, Line};
pub use heads::Head;
pub use prove::{Bad, Proof, Wrong};
pub use redact::{PLACE, Redactor};
pub use store::{Recovery, Store, StoreError, Summary};

use owner::Job;

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

/// Milliseconds since 1970. Handed in, so that a test's journal has the same bytes every time.
pub type Clock = fn() -> u64;

/// A handle to a journal's owner. The journal is closed when the last one is gone.
#[derive(Clone)]
pub struct Journal(Place);

#[derive(Clone)]
enum Place {
    /// Held for one apply, never across an await.
    Memory(Arc<Mutex<(u64, Apply)>>),
    Owner(mpsc::Sender<Job>),
}

/// Why a journal did not take an entry. Whoever gets this does nothing that the entry would have stood for.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The owner is gone or refuses since an earlier write failed.
    #[error("the journal is closed: {0}")]
    Closed(String),
    /// This write failed, and with it everything after it.
    #[error("cannot write to the journal `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Arc<std::io::Error>,
    },
}

impl JournalError {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            JournalError::Write { path, source } => Some(match source.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => format!(
                    "make room on the disk of `{}`, then resume the session",
                    path.display()
                ),
                _ => "see to the disk, then resume the session: what was acknowledged is in it"
                    .to_owned(),
            }),
            JournalError::Closed(_) => None,
        }
    }
}

impl Journal {
    /// A journal that keeps nothing, for tests.
    pub fn memory(apply: Apply) -> Journal {
        Journal(Place::Memory(Arc::new(Mutex::new((0, apply)))))
    }

    /// Appends an entry and returns its number. Appends made side by side share a sync. Dropping the future does not take the
    /// entry back.
    ///
    /// # Errors
    /// The entry is not in the journal, or it is not known to be.
    pub async fn append(&self, entry: Entry, sync: Sync) -> Result<u64, JournalError> {
        match &self.0 {
            Place::Memory(inner) => {
                let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
                inner.0 += 1;
                let line = Line {
                    seq: inner.0,
                    at_ms: 0,
                    entry,
                };
                (inner.1)(&line);
                Ok(line.seq)
            }
            Place::Owner(owner) => {
                let (answer, answered) = oneshot::channel();
                let job = Job::Append {
                    entry: Box::new(entry),
                    sync,
                    answer,
                };
                owner.send(job).map_err(|_| closed())?;
                answered.await.map_err(|_| closed())?
            }
        }
    }

    /// Writes and syncs what is still to be written, frees the lock, and refuses what comes later.
    ///
    /// # Errors
    /// What was appended with [`Sync::Later`] is not known to be on the disk.
    pub async fn close(&self) -> Result<(), JournalError> {
        let Place::Owner(owner) = &self.0 else {
            return Ok(());
        };
        let (answer, answered) = oneshot::channel();
        if owner.send(Job::Close(answer)).is_err() {
            return Ok(());
        }
        // Closed twice at once: the other one hears how it went.
        answered.await.unwrap_or(Ok(()))
    }
}

fn closed() -> JournalError {
    JournalError::Closed("its owner has ended".into())
}

/// This machine's clock.
pub fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}

#[cfg(test)]
mod tests;
