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

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use toolpool_config::fixed::{SESSION_ID_CHARS_MAX, SESSION_ID_TRIES_MAX};

use super::disk::{Disk, Handle, Lock, Locked};
use super::entry::{Begin, Entry, JournalKind, Line, TurnNo};
use super::line::{Newer, Sum};
use super::owner::Owner;
use super::recover::{self, Scan};
use super::{Apply, Artifacts, Clock, Journal, JournalError, Redactor, now_ms};
use crate::session::Session;
use crate::utc;
use crate::workflow::Workflow;

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

/// A session in a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Its id.
    pub id: String,
    /// Whether it is a conversation, or the calls of a serving process; none where that can't be read.
    pub what: Option<JournalKind>,
    /// When it began, in milliseconds since 1970.
    pub begun_ms: u64,
    /// When the last thing happened in it.
    pub last_ms: u64,
    /// The folder that it worked in.
    pub folder: Option<String>,
    /// The model that it began with.
    pub model: Option<String>,
    /// Turns that are part of the conversation.
    pub turns: usize,
    /// The person's first words, in one line.
    pub first_words: Option<String>,
    /// The turn that was begun and did not end, if there is one.
    pub open_turn: Option<TurnNo>,
    /// Calls of which it is not known whether they were carried out.
    pub in_doubt: usize,
    /// Bytes of its journal.
    pub bytes: u64,
    /// What is wrong with the file, one sentence each.
    pub damage: Vec<String>,
}

/// Why a session can't be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Not what ids look like.
    #[error("`{0}` is no id of a session")]
    Id(String),
    /// No such session.
    #[error("there is no session `{0}`")]
    Unknown(String),
    /// The beginning of several ids.
    #[error("`{prefix}` is the beginning of {} sessions", ids.len())]
    Several {
        /// As given.
        prefix: String,
        /// Those that begin with it.
        ids: Vec<String>,
    },
    /// Another process has it open.
    #[error("session `{id}` is in use{}", by(*pid))]
    InUse {
        /// The session.
        id: String,
        /// Which process, if that is known.
        pid: Option<u32>,
    },
    /// Its journal has no line.
    #[error("session `{0}` is empty: nothing of it was ever on the disk")]
    Empty(String),
    /// It has no such turn.
    #[error("session `{id}` has no turn {turn}")]
    NoTurn {
        /// The session.
        id: String,
        /// The turn.
        turn: TurnNo,
    },
    /// It is from a newer program. Nothing of it was changed.
    #[error("cannot read session `{id}`")]
    Newer {
        /// The session.
        id: String,
        /// What is not known.
        #[source]
        source: Newer,
    },
    /// The disk failed.
    #[error("cannot {what} session `{id}`")]
    Disk {
        /// What was being done.
        what: &'static str,
        /// The session.
        id: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The first line could not be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

fn by(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" by process {pid}"))
}

impl StoreError {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            StoreError::Id(_) | StoreError::Unknown(_) => {
                Some("`toolpool sessions list` shows those that are there".into())
            }
            StoreError::Several { ids, .. } => {
                Some(format!("they are {}", crate::error::list(ids)))
            }
            StoreError::InUse { .. } => Some(
                "leave it there first; `toolpool sessions show` reads it without opening it".into(),
            ),
            StoreError::Empty(id) => {
                Some(format!("remove it with `toolpool sessions delete {id}`"))
            }
            StoreError::NoTurn { id, .. } => {
                Some(format!("`toolpool sessions show {id}` shows its turns"))
            }
            StoreError::Newer { .. } => Some(
                "open it with the program that wrote it, or a newer one; nothing was changed"
                    .into(),
            ),
            StoreError::Journal(error) => error.hint(),
            StoreError::Disk { .. } => None,
        }
    }
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

    /// Every session, by id and so by the time it began.
    ///
    /// # Errors
    /// The folder can't be read. One session that can't be read is in the list, with the reason.
    pub fn list(&self) -> Result<Vec<Summary>, StoreError> {
        Ok(self
            .ids()?
            .into_iter()
            .map(|id| {
                self.summary(&id).unwrap_or_else(|error| Summary {
                    damage: vec![chain(&error)],
                    id,
                    ..Summary::default()
                })
            })
            .collect())
    }

    fn ids(&self) -> Result<Vec<String>, StoreError> {
        match self.disk.list(&self.root) {
            Ok(mut names) => {
                names.retain(|name| is_id(name));
                Ok(names)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(disk_error("list", "*")(error)),
        }
    }

    /// A session as a list shows it.
    ///
    /// # Errors
    /// As for [`Store::read`]; also where it is empty.
    pub fn summary(&self, id: &str) -> Result<Summary, StoreError> {
        let (bytes, scan) = self.scan(id)?;
        let (Some((first, _)), Some((last, _))) = (scan.records.first(), scan.records.last())
        else {
            return Err(StoreError::Empty(id.into()));
        };
        let (mut session, mut workflow) = (Session::default(), Workflow::default());
        for (record, _) in &scan.records {
            session.apply(&record.line);
            workflow.apply(&record.line);
        }
        let begin = session.begin();
        Ok(Summary {
            id: id.into(),
            what: begin.map(|begin| begin.what),
            begun_ms: first.line.at_ms,
            last_ms: last.line.at_ms,
            folder: begin.map(|begin| begin.folder.clone()),
            model: begin.and_then(|begin| begin.model.clone()),
            turns: session.turns(),
            first_words: session.first_words(),
            open_turn: workflow.open_turn(),
            in_doubt: workflow.in_doubt().len(),
            bytes: bytes.len() as u64,
            damage: scan.damage(),
        })
    }

    /// The conversation of this folder in which something happened last.
    ///
    /// # Errors
    /// The folder of sessions can't be read.
    pub fn newest(&self, folder: &Path) -> Result<Option<String>, StoreError> {
        let folder = folder.to_string_lossy();
        let mut sessions = self.list()?;
        sessions.retain(|session| {
            session.what == Some(JournalKind::Session)
                && session.folder.as_deref() == Some(&*folder)
        });
        Ok(latest(sessions))
    }

    /// The session that a person means: its id, the beginning of it when only one begins so, or `last`.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub fn find(&self, words: &str) -> Result<String, StoreError> {
        if words == "last" {
            let mut sessions = self.list()?;
            sessions.retain(|session| session.what == Some(JournalKind::Session));
            return latest(sessions).ok_or_else(|| StoreError::Unknown(words.into()));
        }
        if !is_id(words) {
            return Err(StoreError::Id(words.into()));
        }
        let mut ids = self.ids()?;
        if ids.iter().any(|id| id == words) {
            return Ok(words.into());
        }
        ids.retain(|id| id.starts_with(words));
        match ids.len() {
            0 => Err(StoreError::Unknown(words.into())),
            1 => Ok(ids.remove(0)),
            _ => Err(StoreError::Several {
                prefix: words.into(),
                ids,
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
        result.map_err(disk_error("delete", id))
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
    fn known(&self, id: &str) -> Result<(), StoreError> {
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

fn latest(sessions: Vec<Summary>) -> Option<String> {
    sessions
        .into_iter()
        .max_by(|a, b| (a.last_ms, &a.id).cmp(&(b.last_ms, &b.id)))
        .map(|session| session.id)
}

pub(super) fn disk_error(what: &'static str, id: &str) -> impl FnOnce(io::Error) -> StoreError {
    let id = id.to_owned();
    move |source| StoreError::Disk { what, id, source }
}

/// An error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut out = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        out.push_str(&format!(": {error}"));
        cause = error.source();
    }
    out
}

/// Small letters, digits and dashes: sorted by time, and never a way to another folder.
fn is_id(text: &str) -> bool {
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
