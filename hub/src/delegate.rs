//! Delegates: a task that is given to an agent of a type, with a window and a journal of its own.
//!
//! ```text
//! delegate {agent, task} ─► bounds ─► child journal, Begin{agent, parent} ─► Entry::Delegated ─► its turn ─► its answer,
//!                           depth, total      linked upwards                 linked downwards               cut to a share
//! ```
//!
//! Its rights are the intersection of its type's with its caller's, at every call (`agent/rights.rs`); it ends with its caller's
//! turn; it runs alone. What came of one that a crash cut off is read from its journal and said: nothing is done again by
//! itself. Deliberately absent: agents that run side by side, since on one graphics card they take each other's cache.

mod approver;
mod begun;
mod past;
mod progress;
mod tool;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use toolpool_config::Thoroughness;
use toolpool_config::fixed::{DELEGATE_RESULT_TOKENS_MIN, STALLED_AFTER};
use toolpool_registry::TokenCounter;

pub(crate) use approver::approver;
pub use begun::Delegates;
pub(crate) use past::{begun_below, settle};
pub use tool::{DELEGATE, arguments, definition};

use crate::agent::{Above, Agent, Ended, Setup, Start, agent_type};
use crate::error::Error;
use crate::event::heartbeat;
use crate::journal::Sync;
use crate::journal::entry::{CallId, DelegatedNote, EndHow, Entry, Parent};
use past::Changes;

/// What is given to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The agent type.
    pub agent: String,
    /// What is to be done. The agent sees nothing else of the conversation.
    pub text: String,
    /// How thorough it is to be, where its type knows that.
    pub thoroughness: Option<Thoroughness>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct DelegateResult {
    /// The agent type.
    pub agent: String,
    /// Its session.
    pub session: String,
    /// How its turn ended.
    pub how: EndHow,
    /// What the person should know of that.
    pub note: Option<String>,
    /// Its last words, whole.
    pub text: String,
    /// As much of them as the caller's window has room for.
    pub shown: String,
    /// The artifact of the caller's session that holds them all, where some were left out.
    pub artifact: Option<String>,
    /// What it changed, and what its delegates did: the tool and what is known of the call.
    pub changed: Vec<String>,
}

impl DelegateResult {
    /// What the caller's model is told.
    #[must_use]
    pub fn told(&self) -> String {
        let changes = past::listed(&self.changed);
        let who = format!("agent `{}`, session {}", self.agent, self.session);
        let foot = match (self.how, &self.note) {
            (EndHow::Answered, _) => format!("[{who}: {changes}]"),
            (how, None) => format!(
                "[{who} ended without an answer ({}); {changes}]",
                past::ending(how)
            ),
            (how, Some(note)) => format!(
                "[{who} ended without an answer ({}: {note}); {changes}]",
                past::ending(how)
            ),
        };
        let rest = self
            .artifact
            .as_ref()
            .map(|name| format!("[cut; all of it is artifact {name}]"));
        let parts = [
            Some(self.shown.clone()).filter(|text| !text.is_empty()),
            rest,
            Some(foot),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
    }
}

/// What a `verify` agent found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether the answer holds.
    pub holds: bool,
    /// What is wrong with it, one sentence each.
    #[serde(default)]
    pub findings: Vec<String>,
}

/// Reads a verdict from an agent's answer: the first JSON object in it that is one.
#[must_use]
pub fn verdict(text: &str) -> Option<Verdict> {
    let starts = text.match_indices('{').map(|(at, _)| at);
    starts
        .filter_map(|at| {
            let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Verdict>();
            values.next()?.ok()
        })
        .next()
}

/// Answers a call of `delegate`. One that was begun before a crash is told of and not begun again.
///
/// # Errors
/// The journal's.
pub(crate) async fn answer(
    agent: &Agent,
    call: CallId,
    given: &serde_json::Map<String, serde_json::Value>,
    cancel: &CancellationToken,
) -> Result<(), Error> {
    let begun = agent.folds().delegates.of(call).cloned();
    let (text, failed) = match begun {
        Some(note) => past::told(agent.store(), &note),
        None => match arguments(given, &agent.hub().config().agents) {
            Err(sentence) => (sentence, true),
            Ok(task) => match run(agent, call, task, cancel).await {
                Ok(result) => (result.told(), result.how != EndHow::Answered),
                Err(error) => (sentence(&error), true),
            },
        },
    };
    let entry = Entry::Own {
        call,
        name: DELEGATE.to_owned(),
        text,
        failed,
    };
    agent.append(entry, Sync::Later).await.map(drop)
}

/// An error with its hint, for the model.
fn sentence(error: &Error) -> String {
    match error.hint() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    }
}

/// Gives a task to an agent and waits for its end. `call` is the caller's call that it stands for; one that the model did not
/// make is named by a place of its step that no call has.
///
/// # Errors
/// A type that does not exist, a bound that is reached, a journal that does not take it. What the agent itself fails at is
/// in the result.
pub async fn run(
    agent: &Agent,
    call: CallId,
    task: Task,
    cancel: &CancellationToken,
) -> Result<DelegateResult, Error> {
    let config = agent.hub().config();
    let kind = agent_type(&config, &task.agent)?.clone();
    let rights = agent.rights();
    let depth = rights.depth() + 1;
    // The hub's own check of an answer takes no agent's place.
    let own = call.is_own();
    if !own && depth > config.delegate.depth_max {
        let most = config.delegate.depth_max;
        return Err(Error::DelegateDepth { most });
    }
    let caller = agent.caller()?;
    if !own && agent.begun().fetch_add(1, Ordering::Relaxed) >= config.delegate.total_max {
        agent.begun().fetch_sub(1, Ordering::Relaxed);
        let most = config.delegate.total_max;
        return Err(Error::DelegateTotal { most });
    }
    let link = Parent {
        session: agent.session().to_owned(),
        call,
        depth,
        above: rights.types(),
        thoroughness: task.thoroughness.map(|one| one.to_string()),
    };
    let setup = Setup {
        hub: agent.hub().clone(),
        model: agent.model_for_delegate().await,
        approver: agent.approver(),
        store: agent.store().clone(),
        start: Start::New,
        profile: caller.profile.clone(),
        deny: agent.denied(),
        mode: Some(caller.rules.mode),
        folder: agent.folder(),
        remember: agent.remember(),
        agent: Some(task.agent.clone()),
        above: Some(Above::new(link, agent)),
    };
    let (mut child, opened) = Agent::open(setup).await?;
    let delegated = Entry::Delegated(DelegatedNote {
        call,
        agent: task.agent.clone(),
        session: opened.session.clone(),
        task: task.text.clone(),
    });
    agent.append(delegated, Sync::Now).await?;
    let events = child.events();
    let steps = kind
        .steps_max(task.thoroughness)
        .unwrap_or(config.agent.steps_max);
    let forward = tokio::spawn(progress::forward(
        events,
        agent.stream(),
        (call, task.agent.clone(), steps),
    ));
    let stream = agent.stream();
    let work = turn(&mut child, &task.text, cancel.child_token());
    let ended = heartbeat(&stream, "delegate", STALLED_AFTER, work).await;
    child.close().await;
    // Its stream is gone with it.
    let _ = forward.await;
    let ended = ended?;
    let share = kind.result_share.unwrap_or(config.delegate.result_share);
    let room = (f64::from(agent.window()) * share) as u32;
    let shown = head(
        &ended.text,
        room.max(DELEGATE_RESULT_TOKENS_MIN),
        agent.hub().counter(),
    );
    let artifact = match shown.len() < ended.text.len() {
        true => agent.keep(&ended.text),
        false => None,
    };
    Ok(DelegateResult {
        agent: task.agent,
        changed: Changes::of(agent.store(), &opened.session).named(),
        session: opened.session,
        how: ended.how,
        note: ended.note,
        shown: shown.to_owned(),
        text: ended.text,
        artifact,
    })
}

/// A turn of a turn: boxed, since a delegate may have delegates.
fn turn<'a>(
    child: &'a mut Agent,
    text: &'a str,
    cancel: CancellationToken,
) -> BoxFuture<'a, Result<Ended, Error>> {
    Box::pin(async move { child.turn(text, cancel).await })
}

/// As much of a text as takes no more tokens than this, whole lines where there are some.
pub(crate) fn head<'a>(text: &'a str, tokens: u32, counter: &TokenCounter) -> &'a str {
    if counter.count(text) <= tokens {
        return text;
    }
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let fits = ends.partition_point(|end| counter.count(&text[..*end]) <= tokens);
    let cut = &text[..ends[fits.saturating_sub(1)]];
    match cut.rfind('\n') {
        Some(line) if line > cut.len() / 2 => &cut[..line],
        _ => cut,
    }
}

impl Above {
    fn new(link: Parent, agent: &Agent) -> Above {
        Above {
            link,
            rights: Arc::new(agent.rights().clone()),
            begun: agent.begun().clone(),
            window: agent.window(),
        }
    }
}

#[cfg(test)]
mod tests;
