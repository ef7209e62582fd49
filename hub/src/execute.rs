//! The one door: every operation done for someone passes here, whoever asked and by whatever path.
//!
//! ```text
//! Proposed ─ resolve ─► Resolved ─ validate ─► Valid ─ decide ─► Approved ─ record ─► Recorded ─ run ─► Outcome ─ verify ─► Answer
//!            the name in           arguments,          rules,              Entry::Intent,        the          output schema, size,
//!            this caller's view    repairs, the        a person,           synced if it          server       Entry::Outcome;
//!                                  content's format    Entry::Decision     must not run twice                 a write is read back
//! ```
//!
//! Each step takes the value that only the step before can make, so none can be left out or reordered. A step that fails,
//! fails closed, with one sentence its listener can act on; what ends before anything was sent is an [`Entry::Refused`]. If
//! the journal does not take a decision or an intent, nothing is sent. This file and those in its folder are the only callers
//! of the fleet's methods that send something on someone's behalf.

#![expect(
    clippy::result_large_err,
    reason = "a refusal ends a call, so its size is paid once, and those who read it match on what is in it"
)]

mod approve;
mod back;
mod formed;
mod refusal;
mod resolve;
mod run;
mod text;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use toolpool_config::{Config, NewRule};
use toolpool_connectors::{Fleet, Progress};
use toolpool_registry::{Snapshot, ToolId, View};

pub use refusal::Refusal;
pub use text::{block_text, text_of};

use crate::approve::{Approver, Question};
use crate::caller::Caller;
use crate::event::What;
use crate::journal::entry::{CallId, Grant};
use crate::journal::{Entry, Journal, Redactor, Sync as Synced};
use crate::repair::Repair;
use crate::verify::Schemas;
use resolve::Proposed;

/// What someone wants done.
#[derive(Debug)]
pub struct Call {
    /// Its name in the journal.
    pub id: CallId,
    /// The exposed name as they wrote it.
    pub name: String,
    /// The arguments as they wrote them.
    pub arguments: Option<Value>,
    /// Members for the request's `_meta`.
    pub meta: Map<String, Value>,
    /// Ends the call when cancelled.
    pub cancel: CancellationToken,
    /// Where progress goes.
    pub progress: Option<mpsc::Sender<Progress>>,
}

impl Call {
    /// A call that nothing cancels and whose progress nobody hears.
    pub fn new(id: CallId, name: impl Into<String>, arguments: Option<Value>) -> Call {
        Call {
            id,
            name: name.into(),
            arguments,
            meta: Map::new(),
            cancel: CancellationToken::new(),
            progress: None,
        }
    }
}

/// What the door needs of the hub. Borrowed for one call.
pub struct Door<'a> {
    /// The catalog that this call sees from its first step to its last.
    pub snapshot: &'a Snapshot,
    /// What the caller may see of it.
    pub view: &'a View,
    /// Compiled schemas.
    pub schemas: &'a Schemas,
    /// The servers.
    pub fleet: &'a Fleet,
    /// Rules, bounds, and each server's own time limit.
    pub config: &'a Config,
    /// The hub's own folder.
    pub folder: &'a Path,
    /// Catalog and configuration as they are once a person has answered.
    pub now: &'a (dyn Fn() -> Now + Send + Sync),
    /// Where the call is written down, and who is asked.
    pub desk: &'a Desk<'a>,
}

/// The catalog and the configuration of one moment.
pub struct Now {
    /// The configuration.
    pub config: Arc<Config>,
    /// The catalog.
    pub snapshot: Arc<Snapshot>,
}

/// Hears passing events.
pub type Notify<'a> = dyn Fn(What) + Send + Sync + 'a;
/// Keeps bytes and says under which name.
pub type Keep<'a> = dyn Fn(&[u8]) -> Option<String> + Send + Sync + 'a;
/// Writes a rule, or says why it can't.
pub type Remember<'a> = dyn Fn(&NewRule) -> Result<(), String> + Send + Sync + 'a;
/// Turns an allow into an ask by giving a reason, and can do nothing else. Asked in mode `auto` about calls that the rules
/// allow and that do not only read. One that fails gives a reason.
pub type SecondOpinion<'a> =
    dyn Fn(Question) -> BoxFuture<'static, Option<String>> + Send + Sync + 'a;

/// Where the calls of one session, or of one serving process, are written down, and who is asked about them.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    /// The journal.
    pub journal: &'a Journal,
    /// The session's id, part of each call's idempotency key.
    pub session: &'a str,
    /// Asked where the rules say so.
    pub approver: &'a dyn Approver,
    /// What the person allowed for the session so far.
    pub grants: &'a [Grant],
    /// Bytes of a result that the model reads; the rest is cut and said.
    pub text_bytes_max: usize,
    /// Hears that a person is waited for.
    pub notify: Option<&'a Notify<'a>>,
    /// Keeps the whole of a result that was cut, secrets replaced, and says under which name.
    pub artifact: Option<&'a Keep<'a>>,
    /// Writes a rule into the person's configuration, or says why it can't.
    pub remember: Option<&'a Remember<'a>>,
    /// The model's opinion, where it is asked for one.
    pub second: Option<&'a SecondOpinion<'a>>,
}

impl<'a> Desk<'a> {
    /// A desk with nothing but what it must have.
    pub fn new(journal: &'a Journal, session: &'a str, approver: &'a dyn Approver) -> Desk<'a> {
        Desk {
            journal,
            session,
            approver,
            grants: &[],
            text_bytes_max: toolpool_config::fixed::RESULT_TEXT_BYTES_MAX,
            notify: None,
            artifact: None,
            remember: None,
            second: None,
        }
    }
}

/// A call that reached its server and came back.
#[derive(Debug)]
pub struct Answer {
    /// Which tool it was.
    pub tool: ToolId,
    /// Its exposed name.
    pub exposed: Arc<str>,
    /// The tool result as raw JSON: `content`, `structuredContent`, `isError`, and what else came.
    pub result: Value,
    /// The same as a model reads it and as the journal keeps it: capped, secrets replaced.
    pub text: String,
    /// What was changed in the name or the arguments.
    pub repairs: Vec<Repair>,
    /// Whether the result was cut to size.
    pub cut: bool,
    /// From sending to the answer.
    pub elapsed: Duration,
}

impl Answer {
    /// Whether the tool reported a failure of its own.
    pub fn is_error(&self) -> bool {
        self.result.get("isError") == Some(&Value::Bool(true))
    }
}

/// Takes a call through the door.
///
/// Dropped before the intent is written, the call is not made; dropped after it, its outcome is written as in doubt.
///
/// # Errors
/// The step that refused, as one sentence.
pub async fn execute(door: &Door<'_>, caller: &Caller, call: Call) -> Result<Answer, Refusal> {
    let secrets = Redactor::of(door.config);
    let (id, name) = (call.id, call.name.clone());
    let (recorded, written) = match prepare(door, caller, call, &secrets).await {
        Ok(prepared) => prepared,
        Err(refusal) => {
            write_refusal(door.desk, id, &name, &refusal, &secrets).await;
            return Err(refusal);
        }
    };
    let reader = written
        .as_ref()
        .and_then(|written| written.reader(door, caller));
    let outcome = recorded.run(door, &secrets, reader.as_deref()).await?;
    let mut answer = outcome.verify(door, &secrets).await?;
    if let Some(written) = written.filter(|_| !answer.is_error()) {
        written.look(door, caller, &mut answer, &secrets).await;
    }
    Ok(answer)
}

/// Every step before something is sent.
async fn prepare(
    door: &Door<'_>,
    caller: &Caller,
    call: Call,
    secrets: &Redactor,
) -> Result<(run::Recorded, Option<back::Written>), Refusal> {
    let resolved = Proposed(call).resolve(door, caller)?;
    let valid = resolved.validate(door)?.formed(door).await?;
    let written = back::Written::of(&valid, door);
    let approved = valid.decide(door, caller, secrets).await?;
    Ok((approved.record(door, caller, secrets).await?, written))
}

async fn write_refusal(
    desk: &Desk<'_>,
    call: CallId,
    name: &str,
    refusal: &Refusal,
    secrets: &Redactor,
) {
    let entry = Entry::Refused {
        call,
        name: secrets.hide(&resolve::shortened(name)),
        why: refusal.why(),
        text: secrets.hide(&refusal.to_string()),
    };
    if let Err(error) = desk.journal.append(entry, Synced::Later).await {
        // Nothing was sent, so nothing is lost but the note of it.
        tracing::warn!(%error, "a refusal was not written down");
    }
}

impl fmt::Debug for Door<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door")
            .field("snapshot", &self.snapshot.no())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
