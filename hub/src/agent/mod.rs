//! The agent: one model, the tools that fit, and a journal that is the truth about both.
//!
//! ```text
//! open ─► Agent ── turn ─► (see `turn.rs`) ─► Ended
//!   │       ├─ settings: mode, deny list, pins, undo, each an entry first
//!   │       └─ events: what readers see, durable ones derived from the same entries
//!   └─ Opened: what was found damaged, interrupted, in doubt
//! ```
//!
//! An agent holds no state of its own beside its handles: what it knows are the folds over its journal, so that one that
//! was opened again after a kill is the one that was killed.

pub(crate) mod ask;
pub(crate) mod calls;
mod disclose;
pub(crate) mod enough;
mod instructions;
mod look;
mod open;
mod opinion;
mod own_tools;
mod pool;
mod prompt_cache;
mod recover;
pub(crate) mod request;
mod rights;
mod settings;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use toolpool_config::NewRule;
use toolpool_config::fixed::WINDOW_MIN;
use toolpool_connectors::model::{About, Message, Model, SharedModel};

pub use open::{Above, Opened, Setup, Start};
pub use recover::Doubt;
pub(crate) use rights::{Rights, agent_type};

use crate::approve::Approver;
use crate::cache::{Reads, Sent};
use crate::delegate::Delegates;
use crate::error::Error;
use crate::event::{Event, Stream};
use crate::event_log::Recorder;
use crate::hub::Hub;
use crate::journal::entry::{EndHow, Entry, Line, TurnNo};
use crate::journal::{Artifacts, Journal, Store, Sync};
use crate::memory::Memory;
use crate::session::Session;
use crate::turn;
use crate::workflow::Workflow;

/// What is known, worked out from the journal.
#[derive(Debug, Default)]
pub struct Folds {
    /// The conversation and its settings.
    pub session: Session,
    /// The task's steps, and every call with what is known of it.
    pub workflow: Workflow,
    /// The task, the files, the errors.
    pub memory: Memory,
    /// How prompts were read.
    pub reads: Reads,
    /// The sessions that its calls began.
    pub delegates: Delegates,
}

impl Folds {
    /// Takes in one line: live and on restart alike.
    pub fn apply(&mut self, line: &Line) {
        self.session.apply(line);
        self.workflow.apply(line);
        self.memory.apply(line);
        self.reads.apply(line);
        self.delegates.apply(line);
    }
}

/// Writes a rule into the person's configuration, or says why it can't.
pub type Remember = dyn Fn(&NewRule) -> Result<(), String> + Send + std::marker::Sync;

/// How a turn ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// How.
    pub how: EndHow,
    /// The model's last words in this turn; empty where it said none.
    pub text: String,
    /// What the person should know of it.
    pub note: Option<String>,
}

/// A session with a model.
pub struct Agent {
    hub: Arc<Hub>,
    model: SharedModel,
    store: Store,
    rights: Rights,
    /// Agents begun so far, counted over the whole conversation: its delegates count here too.
    begun: Arc<AtomicU32>,
    approver: Arc<dyn Approver>,
    journal: Journal,
    artifacts: Artifacts,
    remember: Option<Arc<Remember>>,
    /// A plain mutex: held to read or to take in a line, never across an await.
    folds: Arc<Mutex<Folds>>,
    stream: Stream,
    /// Readers that have heard how the session was opened: the event log is one, the first that asks for events the other.
    early: Mutex<Vec<UnboundedReceiver<Event>>>,
    id: String,
    /// Tokens that are used of the window: fewer than the model says once a server was seen to read fewer.
    window: AtomicU32,
    recorder: Recorder,
    /// The request before, to tell what broke the server's cache and what it does not read. A plain mutex, as above.
    last: Mutex<Option<Sent>>,
}

impl Agent {
    /// Opens a session.
    ///
    /// # Errors
    /// The journal's, a profile that does not exist, a pattern that can't be read.
    pub async fn open(setup: Setup) -> Result<(Agent, Opened), Error> {
        open::open(setup).await
    }

    /// Events from now on; several may listen. The first one hears how the session was opened as well.
    pub fn events(&self) -> UnboundedReceiver<Event> {
        let early = self
            .early
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        early.unwrap_or_else(|| self.stream.subscribe())
    }

    /// Does what the person asks. A turn that was interrupted is over with it.
    ///
    /// # Errors
    /// The journal's: nothing is done that it does not take.
    pub async fn turn(&mut self, text: &str, cancel: CancellationToken) -> Result<Ended, Error> {
        self.close_interrupted().await?;
        let turn = self.folds().session.next_turn();
        let user = Entry::User {
            turn,
            text: text.to_owned(),
        };
        self.append(user, Sync::Now).await?;
        turn::run(self, turn, 1, &cancel).await
    }

    /// Asks the last words again, with the turn that they began left out.
    ///
    /// # Errors
    /// The journal's; [`Error::NoTurn`] where there is nothing to ask again.
    pub async fn retry(&mut self, cancel: CancellationToken) -> Result<Ended, Error> {
        let text = self.undo().await?.ok_or(Error::NoTurn)?;
        self.turn(&text, cancel).await
    }

    /// What the model is.
    pub fn about(&self) -> &About {
        self.model.about()
    }

    /// The session's id.
    pub fn session(&self) -> &str {
        &self.id
    }

    /// The conversation as it was said, whatever of it was compacted since.
    pub fn history(&self) -> Vec<Message> {
        let folds = self.folds();
        folds
            .session
            .messages_whole()
            .into_iter()
            .map(|stored| stored.message)
            .collect()
    }

    /// What is known, to look at. Held for a moment only.
    pub fn folds(&self) -> MutexGuard<'_, Folds> {
        self.folds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is left and lets the session go.
    pub async fn close(self) {
        // What was acknowledged is on the disk; a disk that fails now has nothing of ours left to lose.
        let _ = self.journal.close().await;
    }

    /// The agent type that it runs as.
    pub fn agent(&self) -> Option<String> {
        let folds = self.folds();
        folds.session.begin().and_then(|begin| begin.agent.clone())
    }

    pub(crate) fn rights(&self) -> &Rights {
        &self.rights
    }

    pub(crate) fn begun(&self) -> &Arc<AtomicU32> {
        &self.begun
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn approver(&self) -> Arc<dyn Approver> {
        self.approver.clone()
    }

    pub(crate) fn remember(&self) -> Option<Arc<Remember>> {
        self.remember.clone()
    }

    /// The folder that it works in.
    pub(crate) fn folder(&self) -> PathBuf {
        let folds = self.folds();
        let begin = folds.session.begin();
        begin
            .map(|begin| PathBuf::from(&begin.folder))
            .unwrap_or_default()
    }

    /// Keeps a text whole and says under which name; none where the disk does not take it.
    pub(crate) fn keep(&self, text: &str) -> Option<String> {
        let kept = self.artifacts.put(text);
        kept.inspect_err(|error| tracing::warn!(%error, "a whole result was not kept"))
            .ok()
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    pub(crate) fn artifacts(&self) -> &Artifacts {
        &self.artifacts
    }

    pub(crate) fn model(&self) -> &dyn Model {
        &*self.model
    }

    pub(crate) fn stream(&self) -> Stream {
        self.stream.clone()
    }

    pub(crate) async fn append(&self, entry: Entry, sync: Sync) -> Result<u64, Error> {
        Ok(self.journal.append(entry, sync).await?)
    }

    pub(crate) async fn warn(
        &self,
        turn: Option<TurnNo>,
        category: &str,
        text: String,
    ) -> Result<(), Error> {
        let entry = Entry::Warning {
            turn,
            category: category.to_owned(),
            text,
        };
        self.append(entry, Sync::Later).await.map(drop)
    }

    /// Ends a turn.
    pub(crate) async fn end(
        &self,
        turn: TurnNo,
        (how, note): (EndHow, Option<String>),
    ) -> Result<Ended, Error> {
        let end = Entry::End {
            turn,
            how,
            note: note.clone(),
        };
        self.append(end, Sync::Now).await?;
        let text = self.folds().session.last_words(turn).unwrap_or_default();
        Ok(Ended { how, text, note })
    }

    /// Tokens of the window that are used.
    pub(crate) fn window(&self) -> u32 {
        self.window.load(Ordering::Relaxed)
    }

    /// Uses no more of the window than a server was seen to have; answers what is used now.
    pub(crate) fn lower_window(&self, seen: u32) -> u32 {
        let lower = seen.max(WINDOW_MIN).min(self.window());
        self.window.store(lower, Ordering::Relaxed);
        lower
    }
}
