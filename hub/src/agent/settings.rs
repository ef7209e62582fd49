//! What a person sets in the middle of a session. Each is an entry first, so that a resumed session has it too.

use toolpool_config::{Mode, Pattern};
use toolpool_registry::narrower;

use super::Agent;
use crate::caller::{Caller, patterns};
use crate::error::Error;
use crate::journal::Sync;
use crate::journal::entry::Entry;

impl Agent {
    /// Whom the agent's calls are made for, under the configuration as it is now and what the session set.
    ///
    /// # Errors
    /// A profile that is gone from the configuration.
    pub fn caller(&self) -> Result<Caller, Error> {
        let mut caller = self.rights.caller()?;
        caller.pool.window = self.window();
        Ok(caller)
    }

    /// How much the session may do without asking.
    pub fn mode(&self) -> Mode {
        self.folds().session.mode()
    }

    /// The patterns that the session itself denies.
    pub fn denied(&self) -> Vec<String> {
        self.folds().session.deny().to_vec()
    }

    /// The tools that the session itself pins.
    pub fn pinned(&self) -> Vec<String> {
        self.folds().session.pins().to_vec()
    }

    /// The files that the session pins.
    pub fn pinned_files(&self) -> Vec<String> {
        self.folds().session.pinned_files().to_vec()
    }

    /// Sets the mode.
    ///
    /// # Errors
    /// [`Error::AgentMode`] for one that its agent type does not have; the journal's.
    pub async fn set_mode(&mut self, mode: Mode) -> Result<(), Error> {
        if let Some((agent, kind, _)) = self.rights.agent()
            && let Some(most) = kind.mode
            && narrower(most, mode) != mode
        {
            return Err(Error::AgentMode { agent, most });
        }
        self.append(Entry::Mode { mode }, Sync::Now).await.map(drop)
    }

    /// Denies what the pattern matches, from the next call on.
    ///
    /// # Errors
    /// A pattern that can't be read; the journal's.
    pub async fn deny(&mut self, pattern: &str) -> Result<(), Error> {
        let read: Vec<Pattern> = patterns(&[pattern])?;
        debug_assert_eq!(read.len(), 1);
        let pattern = pattern.to_owned();
        self.append(Entry::Deny { pattern }, Sync::Now)
            .await
            .map(drop)
    }

    /// Lifts a pattern that the session added; false where it added none such.
    ///
    /// # Errors
    /// The journal's.
    pub async fn allow(&mut self, pattern: &str) -> Result<bool, Error> {
        if !self.denied().iter().any(|denied| denied == pattern) {
            return Ok(false);
        }
        let pattern = pattern.to_owned();
        self.append(Entry::Allow { pattern }, Sync::Now).await?;
        Ok(true)
    }

    /// Offers a tool in every pool from here on, or no longer.
    ///
    /// # Errors
    /// [`Error::NoTool`] for one that the session does not see; the journal's.
    pub async fn pin(&mut self, tool: &str, on: bool) -> Result<(), Error> {
        let snapshot = self.hub().snapshot();
        let view = self.hub().view(&snapshot, &self.caller()?);
        if on && view.resolve(&snapshot, tool).is_none() {
            return Err(Error::NoTool {
                name: tool.to_owned(),
            });
        }
        let tool = tool.to_owned();
        self.append(Entry::Pin { tool, on }, Sync::Now)
            .await
            .map(drop)
    }

    /// Shows a file again whenever the conversation goes on in a fresh window, or no longer. Whether it can be read is found out
    /// then, by the door.
    ///
    /// # Errors
    /// The journal's.
    pub async fn pin_file(&mut self, path: &str, on: bool) -> Result<(), Error> {
        let path = path.to_owned();
        self.append(Entry::PinFile { path, on }, Sync::Now)
            .await
            .map(drop)
    }

    /// Leaves the last turn out of the conversation, and answers the words that began it. What it did stays done.
    ///
    /// # Errors
    /// The journal's.
    pub async fn undo(&mut self) -> Result<Option<String>, Error> {
        self.close_interrupted().await?;
        let last = self
            .folds()
            .session
            .last_turn()
            .map(|(turn, words)| (turn, words.to_owned()));
        let Some((turn, text)) = last else {
            return Ok(None);
        };
        self.append(Entry::Undo { turn }, Sync::Now).await?;
        Ok(Some(text))
    }
}
