//! The folder of sessions: each has a folder of its own, with its journal, its lock, and its artifacts.
//!
//! ```text
//! <state>/sessions/20261124-215301-k3f9/journal.jsonl      the truth
//!                                       lock               the kernel's lock is on it; freed by a crash
//!                                       artifacts/<sha256> results that were cut, whole
//!                                       quarantine-1.bin   what was damaged, if anything ever was
//! ```
//!
//! Everything here blocks for as long as the disk takes, which is short. Reading takes no lock: a line is written whole, and what
//! is being written at that moment is left out.

mod error;
mod list;

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use toolpool_config::fixed::{SESSION_ID_CHARS_MAX, SESSION_ID_TRIES_MAX};

use super::disk::{Disk, Handle, Lock, Locked};
use super::entry::{Begin, Entry, Line};
use super::heads;
use super::line::Sum;
use super::owner::Owner;
use super::recover::{self, Scan};
use super::{Apply, Artifacts, Clock, Journal, Redactor, now_ms};
use crate::utc;

pub use error::StoreError;
pub(in crate::journal) use error::disk_error;
pub use list::Summary;

/// The journal's name in a session's folder.
pub(super) const JOURNAL: &str = "journal.jsonl";
const LOCK: &str = "lock";
const ARTIFACTS: &str = "artifacts";

/// Where sessions are kept.
#[derive(Clone)]
pub struct Store {
    root: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) clock: Clock,
    redactor: Redactor,
}

/// What was found when a journal was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// How many lines it has.
    pub lines: usize,
    /// What was damaged and was not told before, one sentence each. To be appended as [`Entry::Resumed`], which is what
    /// makes it told.
    pub damage: Vec<String>,
}

impl Store {
    /// Sessions under the program's state folder, by this machine's clock, with no secrets to replace.
    pub fn new(state_folder: PathBuf, disk: Arc<dyn Disk>) -> Store {
        Store {
            root: state_folder.join("sessions"),
            disk,
            clock: now_ms,
            redactor: Redactor::default(),
        }
    }

    /// With another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Store {
        self.clock = clock;
        self
    }

    /// With secrets that are replaced before anything is written.
    #[must_use]
    pub fn with_redactor(mut self, redactor: Redactor) -> Store {
        self.redactor = redactor;
        self
    }

    /// Begins a session: its first line is on the disk when this returns. `begin.session` is overwritten with the new id, which is
    /// returned.
    ///
    /// # Errors
    /// The disk's.
    pub fn create(&self, begin: Begin, apply: Apply) -> Result<(Journal, String), StoreError> {
        let (id, lock, handle) = self.make()?;
        let mut owner = self.owner(handle, lock, apply);
        let begin = Begin {
            session: id.clone(),
            ..begin
        };
        owner.write_now(Entry::Begin(begin))?;
        let journal = owner.start().map_err(disk_error("begin", &id))?;
        Ok((journal, id))
    }

    /// A new, empty session, locked.
    pub(super) fn make(&self) -> Result<(String, Lock, Handle), StoreError> {
        let mut id = String::new();
        for _ in 0..SESSION_ID_TRIES_MAX {
            id = fresh_id((self.clock)());
            let folder = self.folder(&id);
            let result = self.disk.folder(&folder);
            result.map_err(disk_error("begin", &id))?;
            let locked = self.disk.lock(&folder.join(LOCK));
            let Locked::Ours(lock) = locked.map_err(disk_error("begin", &id))? else {
                continue;
            };
            match self.disk.create(&folder.join(JOURNAL)) {
                Ok(handle) => return Ok((id, lock, handle)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(disk_error("begin", &id)(error)),
            }
        }
        Err(disk_error("begin", &id)(
            io::ErrorKind::AlreadyExists.into(),
        ))
    }

    /// Opens a session to go on with it, and repairs what is damaged. `apply` has seen every line when this returns.
    ///
    /// # Errors
    /// It is not there, in use, empty or from a newer program; or the disk fails.
    pub fn open(&self, id: &str, apply: Apply) -> Result<(Journal, Recovery), StoreError> {
        let lock = self.lock(id)?;
        let path = self.folder(id).join(JOURNAL);
        let (bytes, scan) = self.scan(id)?;
        if scan.records.is_empty() {
            return Err(StoreError::Empty(id.into()));
        }
        let cannot = || disk_error("open", id);
        recover::repair(&*self.disk, &path, &bytes, &scan).map_err(cannot())?;
        let handle = self.disk.open(&path).map_err(cannot())?;
        let mut owner = self.owner(handle, lock, apply);
        (owner.seq, owner.sum) = scan.last();
        owner.len = scan
            .records
            .iter()
            .map(|(_, place)| place.len() as u64 + 1)
            .sum();
        let recovery = Recovery {
            lines: scan.records.len(),
            damage: scan.fresh_damage(),
        };
        for (record, _) in scan.records {
            (owner.apply)(&record.line);
        }
        let journal = owner.start().map_err(cannot())?;
        Ok((journal, recovery))
    }

    fn owner(&self, handle: Handle, lock: Lock, apply: Apply) -> Owner {
        Owner {
            disk: self.disk.clone(),
            handle,
            _lock: lock,
            clock: self.clock,
            redactor: self.redactor.clone(),
            apply,
            seq: 0,
            sum: Sum::NONE,
            len: 0,
            dirty: false,
            failed: None,
        }
    }

    fn lock(&self, id: &str) -> Result<Lock, StoreError> {
        self.known(id)?;
        match self.disk.lock(&self.folder(id).join(LOCK)) {
            Ok(Locked::Ours(lock)) => Ok(lock),
            Ok(Locked::Theirs { pid }) => Err(StoreError::InUse { id: id.into(), pid }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(StoreError::Unknown(id.into()))
            }
            Err(error) => Err(disk_error("lock", id)(error)),
        }
    }

    /// Reads a session without opening it: its lines, and what is damaged. Nothing is changed.
    ///
    /// # Errors
    /// It is not there or from a newer program, or can't be read.
    pub fn read(&self, id: &str) -> Result<(Vec<Line>, Vec<String>), StoreError> {
        let (_, scan) = self.scan(id)?;
        let damage = scan.damage();
        let lines = scan.records.into_iter().map(|(record, _)| record.line);
        Ok((lines.collect(), damage))
    }

    /// A session's whole lines, byte for byte.
    ///
    /// # Errors
    /// As for [`Store::read`].
    pub fn raw(&self, id: &str) -> Result<Vec<u8>, StoreError> {
        let (bytes, scan) = self.scan(id)?;
        let mut out = Vec::with_capacity(bytes.len());
        for (_, place) in scan.records {
            out.extend_from_slice(&bytes[place]);
            out.push(b'\n');
        }
        Ok(out)
    }

    fn scan(&self, id: &str) -> Result<(Vec<u8>, Scan), StoreError> {
        self.known(id)?;
        let bytes = match self.disk.read(&self.folder(id).join(JOURNAL)) {
            Ok(bytes) => bytes,
            // Its process ended between making the folder and the file.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(disk_error("read", id)(error)),
        };
        match recover::scan(&bytes) {
            Ok(scan) => Ok((bytes, scan)),
            Err(source) => Err(StoreError::Newer {
                id: id.into(),
                source,
            }),
        }
    }

    /// Removes a session with all that is kept of it.
    ///
    /// # Errors
    /// It is not there or in use, or the disk fails.
    pub fn delete(&self, id: &str) -> Result<(), StoreError> {
        let _lock = self.lock(id)?;
        let result = self.disk.remove(&self.folder(id));
        result.map_err(disk_error("delete", id))?;
        heads::forget(&self.folder(id).join(JOURNAL));
        Ok(())
    }

    /// Where a session's long results are kept.
    ///
    /// # Errors
    /// The id is none.
    pub fn artifacts(&self, id: &str) -> Result<Artifacts, StoreError> {
        self.known(id)?;
        Ok(Artifacts {
            disk: self.disk.clone(),
            folder: self.folder(id).join(ARTIFACTS),
            redactor: self.redactor.clone(),
        })
    }

    /// The folder of a session.
    pub fn folder(&self, id: &str) -> PathBuf {
        self.root.join(id)
    }

    /// Refuses what is no id before it becomes a path.
    pub(super) fn known(&self, id: &str) -> Result<(), StoreError> {
        if !is_id(id) {
            return Err(StoreError::Id(id.into()));
        }
        match self.disk.list(&self.folder(id)) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(StoreError::Unknown(id.into()))
            }
            Err(error) => Err(disk_error("read", id)(error)),
        }
    }
}

/// Small letters, digits and dashes: sorted by time, and never a way to another folder.
pub(super) fn is_id(text: &str) -> bool {
    (1..=SESSION_ID_CHARS_MAX).contains(&text.len())
        && !text.starts_with('-')
        && text
            .bytes()
            .all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// The time, and four letters that tell two sessions of one second apart.
fn fresh_id(now_ms: u64) -> String {
    // Letters that are not taken for one another.
    const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
    // What the standard library seeds its maps with: random, and no crate for four letters.
    let mut random = RandomState::new().hash_one(now_ms);
    let mut id = format!("{}-", utc::stamp(now_ms / 1000));
    for _ in 0..4 {
        id.push(char::from(
            LETTERS[(random % LETTERS.len() as u64) as usize],
        ));
        random /= LETTERS.len() as u64;
    }
    id
}

#[cfg(test)]
mod tests;
