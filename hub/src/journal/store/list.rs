//! Sessions found and told apart: the list, and which one a person means.
//!
//! A summary is folded from the whole journal each time. Nothing is cached that could then be stale; some hundred sessions are read in the
//! time that a person takes for one glance.

use std::io;
use std::path::Path;

use serde::Serialize;

use super::error::{StoreError, chain, disk_error};
use super::{Store, is_id};
use crate::journal::entry::{JournalKind, TurnNo};
use crate::session::Session;
use crate::workflow::Workflow;

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
    /// The agent type that it runs as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The session that gave it its task, where it is a delegate's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
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

impl Summary {
    /// Whether a person talks in it: the journal of neither a serving process nor a delegate.
    pub fn is_conversation(&self) -> bool {
        self.what == Some(JournalKind::Session) && self.parent.is_none()
    }
}

impl Store {
    /// Every session, by id and so by the time it began.
    ///
    /// # Errors
    /// The folder can't be read. One session that can't be read is in the list, with the reason.
    pub fn list(&self) -> Result<Vec<Summary>, StoreError> {
        Ok(self
            .sessions()?
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

    /// Every session's id, in order.
    ///
    /// # Errors
    /// The folder can't be read.
    pub fn sessions(&self) -> Result<Vec<String>, StoreError> {
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
            agent: begin.and_then(|begin| begin.agent.clone()),
            // A person's copy of a delegate's session is a conversation.
            parent: begin
                .filter(|begin| begin.forked.is_none())
                .and_then(|begin| Some(begin.parent.as_ref()?.session.clone())),
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
            session.is_conversation() && session.folder.as_deref() == Some(&*folder)
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
            sessions.retain(Summary::is_conversation);
            return latest(sessions).ok_or_else(|| StoreError::Unknown(words.into()));
        }
        if !is_id(words) {
            return Err(StoreError::Id(words.into()));
        }
        let mut ids = self.sessions()?;
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
}

fn latest(sessions: Vec<Summary>) -> Option<String> {
    sessions
        .into_iter()
        .max_by(|a, b| (a.last_ms, &a.id).cmp(&(b.last_ms, &b.id)))
        .map(|session| session.id)
}
