//! Why a session can't be had, each with what to do about it.

use std::io;

use crate::journal::JournalError;
use crate::journal::entry::TurnNo;
use crate::journal::line::Newer;

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
    /// A turn of it is still open, so that nothing can go on from its end.
    #[error("turn {turn} of session `{id}` has not ended")]
    OpenTurn {
        /// The session.
        id: String,
        /// The turn.
        turn: TurnNo,
    },
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
            StoreError::OpenTurn { id, .. } => Some(format!(
                "`toolpool --resume {id}` goes on with it; without a turn a fork begins at the last one that ended"
            )),
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

/// A failure of the disk at a session.
pub(in crate::journal) fn disk_error(
    what: &'static str,
    id: &str,
) -> impl FnOnce(io::Error) -> StoreError {
    let id = id.to_owned();
    move |source| StoreError::Disk { what, id, source }
}

/// An error with its causes in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut out = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        out.push_str(&format!(": {error}"));
        cause = error.source();
    }
    out
}
