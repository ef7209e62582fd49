//! Asks the model: streams one reply, keeps it, and holds what the server says it read against what was sent.
//!
//! A server that read fewer tokens than were sent has cut the conversation in silence. Its reply is kept as evidence and is
//! no part of the conversation; the request is made again for the window that the server evidently has. A reply that was
//! stopped in the middle keeps what came.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use toolpool_config::fixed::{DELTAS_WAITING_MAX, EMPTY_REPLIES_MAX, SMALLER_MAX, STALLED_AFTER};
use toolpool_connectors::model::{Counted, Delta, ModelError, Reply, Stop, ToolCall, Usage};

use super::Agent;
use crate::budget::{self, Fit, Truncation};
use crate::error::Error;
use crate::event::{What, heartbeat};
use crate::journal::Sync;
use crate::journal::entry::{CallId, CompactReason, EndHow, Entry, StepNo, TurnNo};

/// What came of asking.
pub(crate) enum Asked {
    /// A reply that counts.
    Reply(Said),
    /// The request has to be made again.
    Again,
    /// The same, for a smaller window: the conversation has to be compacted first, for this reason.
    Smaller(CompactReason),
    /// The turn ends here.
    End(EndHow, Option<String>),
}

/// A reply that is part of the conversation.
pub(crate) struct Said {
    /// What is to be called.
    pub(crate) calls: Vec<Wanted>,
    /// What the person should know of it.
    pub(crate) note: Option<String>,
}

/// A call that the model wants made.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Its name in the journal.
    pub(crate) id: CallId,
    /// As it stands in the conversation.
    pub(crate) call: ToolCall,
    /// Why its arguments can't be used at all.
    pub(crate) fault: Option<String>,
}

/// What was tried in this turn already.
#[derive(Default)]
pub(crate) struct Tries {
    /// Requests made again for a smaller window.
    smaller: u32,
    /// Replies without a word.
    empty: u32,
}

/// Asks.
pub(crate) async fn ask(
    agent: &Agent,
    fit: Fit,
    turn: TurnNo,
    step: StepNo,
    tries: &mut Tries,
    cancel: &CancellationToken,
) -> Result<Asked, Error> {
    let request = fit.request();
    let counted = request.counted();
    let prompt = request.prompt().clone();
    let (sender, receiver) = mpsc::channel(DELTAS_WAITING_MAX);
    let partial = Arc::new(Mutex::new(String::new()));
    let forward = tokio::spawn(forward(agent.stream(), receiver, partial.clone()));
    let stream = agent.stream();
    let slot = agent.model().slot().await;
    let asked = agent.model().reply(request, sender, cancel.clone());
    let reply = heartbeat(&stream, "model", STALLED_AFTER, asked).await;
    // The sender is gone with the reply, so what is left to forward is little.
    let _ = forward.await;
    match reply {
        Ok(reply) => {
            let truncation = budget::truncated(counted, &reply.usage, agent.read_before(&prompt));
            let usage = reply.usage;
            let asked = keep(agent, reply, (counted, truncation), (turn, step), tries).await?;
            agent
                .cache((turn, step), (prompt, counted), &usage, slot)
                .await?;
            Ok(asked)
        }
        Err(ModelError::Cancelled) => {
            keep_partial(agent, &partial, counted, (turn, step)).await?;
            Ok(Asked::End(EndHow::Cancelled, None))
        }
        Err(ModelError::Overflow {
            prompt,
            window,
            message,
        }) => {
            if let Some(reported) = prompt {
                agent.model().learn(counted, reported);
            }
            // What was counted too low is room that was not there.
            let missed = prompt.map_or(1, |prompt| prompt.saturating_sub(counted.tokens));
            let seen = window.unwrap_or(counted.tokens).min(agent.window());
            let seen = seen.saturating_sub(missed);
            smaller(
                agent,
                turn,
                tries,
                (seen, CompactReason::Overflow),
                &format!("the server says that the request does not fit: {message}"),
            )
            .await
        }
        Err(error) => {
            keep_partial(agent, &partial, counted, (turn, step)).await?;
            let note = match error.hint() {
                Some(hint) => format!("{error}\nhint: {hint}"),
                None => error.to_string(),
            };
            Ok(Asked::End(EndHow::Failed, Some(note)))
        }
    }
}

/// Keeps what came of a reply that was stopped in its middle: it was shown, so it is part of the conversation.
async fn keep_partial(
    agent: &Agent,
    partial: &Mutex<String>,
    counted: Counted,
    at: (TurnNo, StepNo),
) -> Result<(), Error> {
    let text = std::mem::take(&mut *partial.lock().unwrap_or_else(PoisonError::into_inner));
    if text.trim().is_empty() {
        return Ok(());
    }
    let reply = Reply {
        text,
        stop: Stop::Cut,
        ..Reply::default()
    };
    let entry = entry(&reply, &[], counted, at, false);
    agent.append(entry, Sync::Later).await.map(drop)
}

/// Keeps a reply, and says what it means.
async fn keep(
    agent: &Agent,
    reply: Reply,
    (counted, truncation): (Counted, Option<Truncation>),
    (turn, step): (TurnNo, StepNo),
    tries: &mut Tries,
) -> Result<Asked, Error> {
    let wanted = wanted(&reply, turn, step);
    let cut = truncation.is_some();
    agent
        .append(
            entry(&reply, &wanted, counted, (turn, step), cut),
            Sync::Later,
        )
        .await?;
    if let Some(truncation) = truncation {
        let seen = (truncation.read, CompactReason::Truncated);
        return smaller(agent, turn, tries, seen, &truncation.to_string()).await;
    }
    if let Some(reported) = reply.usage.prompt_tokens {
        agent.model().learn(counted, reported);
    }
    for call in &reply.calls {
        if let Some(repair) = &call.repair {
            agent
                .warn(
                    Some(turn),
                    "model",
                    format!("the arguments of `{}` were repaired: {repair}", call.name),
                )
                .await?;
        }
        if call.leaked {
            agent
                .warn(
                    Some(turn),
                    "model",
                    format!(
                        "a call of `{}` was found in the text of the reply",
                        call.name
                    ),
                )
                .await?;
        }
    }
    if wanted.is_empty() && reply.text.trim().is_empty() {
        tries.empty += 1;
        if tries.empty <= EMPTY_REPLIES_MAX && reply.stop != Stop::Length {
            return Ok(Asked::Again);
        }
        let note = match reply.stop {
            Stop::Length => "the room for the reply was used up before the model said anything",
            _ => "the model said nothing; `/retry` asks again",
        };
        return Ok(Asked::End(EndHow::Failed, Some(note.into())));
    }
    Ok(Asked::Reply(Said {
        calls: wanted,
        note: cut_off(reply.stop),
    }))
}

/// What the person should know of a reply that ended like this.
pub(crate) fn cut_off(stop: Stop) -> Option<String> {
    let why = match stop {
        Stop::Length => "its room was used up",
        Stop::Cut => "the connection ended in the middle of it",
        Stop::Done | Stop::Calls => return None,
    };
    Some(format!("the reply was cut off: {why}"))
}

/// Goes on with the window that the server evidently has.
async fn smaller(
    agent: &Agent,
    turn: TurnNo,
    tries: &mut Tries,
    (seen, reason): (u32, CompactReason),
    why: &str,
) -> Result<Asked, Error> {
    tries.smaller += 1;
    let window = agent.lower_window(seen);
    agent
        .warn(
            Some(turn),
            "recovery",
            format!("{why}; going on with a window of {window} tokens"),
        )
        .await?;
    if tries.smaller > SMALLER_MAX {
        return Ok(Asked::End(
            EndHow::Failed,
            Some(format!(
                "{why}; it was tried {SMALLER_MAX} times with less\nhint: start the server with a larger window"
            )),
        ));
    }
    Ok(Asked::Smaller(reason))
}

fn wanted(reply: &Reply, turn: TurnNo, step: StepNo) -> Vec<Wanted> {
    let one = |(index, call): (usize, &toolpool_connectors::model::ReplyCall)| {
        let id = CallId {
            turn,
            step,
            index: index as u32,
        };
        Wanted {
            id,
            call: ToolCall {
                id: id.to_string(),
                name: call.name.clone(),
                arguments: call.arguments.clone(),
            },
            fault: call.fault.clone(),
        }
    };
    reply.calls.iter().enumerate().map(one).collect()
}

fn entry(
    reply: &Reply,
    wanted: &[Wanted],
    counted: Counted,
    (turn, step): (TurnNo, StepNo),
    truncated: bool,
) -> Entry {
    Entry::Reply {
        turn,
        step,
        text: reply.text.clone(),
        reasoning: reply.reasoning.clone(),
        calls: wanted.iter().map(|wanted| wanted.call.clone()).collect(),
        faults: wanted
            .iter()
            .filter_map(|wanted| Some((wanted.id, wanted.fault.clone()?)))
            .collect(),
        stop: reply.stop,
        counted,
        usage: Usage { ..reply.usage },
        truncated,
    }
}

/// Turns deltas into passing events, and keeps the text for the case that the reply is stopped.
async fn forward(
    stream: crate::event::Stream,
    mut deltas: mpsc::Receiver<Delta>,
    partial: Arc<Mutex<String>>,
) {
    while let Some(delta) = deltas.recv().await {
        let what = match delta {
            Delta::Queued => What::Queued {},
            Delta::Loading => What::Loading {},
            Delta::Prefill {
                total,
                cached,
                processed,
            } => What::Prefill {
                percent: (u64::from(processed) * 100 / u64::from(total.max(1))).min(100) as u8,
                total,
                cached,
            },
            Delta::Reasoning(text) => What::Thinking { text },
            Delta::Text(text) => {
                partial
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push_str(&text);
                What::Text { text }
            }
            Delta::Call { name, .. } => What::CallBegun { name },
            Delta::Retrying { attempt, why, .. } => What::Retrying { attempt, why },
        };
        stream.passing(what);
    }
}
