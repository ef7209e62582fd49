//! The calls of one reply: which run side by side, which tool of the hub's own answers, and the one door for all others.
//!
//! Every call gets exactly one answer as an entry, also when the person stops in the middle. Calls of concurrent tools run
//! beside their neighbours, the rest alone; the conversation has the results in the order of the calls.

use std::sync::Arc;

use futures::future::join_all;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use toolpool_config::fixed::{
    PROGRESS_WAITING_MAX, RESULT_BYTES_PER_TOKEN, RESULT_PARTS_MAX, STALLED_AFTER,
};

use super::Agent;
use super::ask::Wanted;
use super::opinion::opinion;
use crate::artifact_tool::{self, READ_ARTIFACT};
use crate::caller::Caller;
use crate::error::Error;
use crate::event::{What, heartbeat};
use crate::execute::{Answer, Call, Desk, Refusal};
use crate::journal::Sync;
use crate::journal::entry::{CallId, Entry, RefusedWhy, TurnNo};
use crate::{delegate, manual, own, schedule, search};

/// Makes every call that has no answer yet.
pub(crate) async fn run(
    agent: &Agent,
    caller: &Caller,
    wanted: &[Wanted],
    cancel: &CancellationToken,
) -> Result<(), Error> {
    let concurrent: Vec<bool> = wanted
        .iter()
        .map(|wanted| concurrent(agent, caller, wanted))
        .collect();
    for group in schedule::groups(&concurrent) {
        let calls = wanted[group]
            .iter()
            .map(|wanted| one(agent, caller, wanted, cancel));
        for done in join_all(calls).await {
            done?;
        }
    }
    Ok(())
}

/// Whether a call may run beside others. What is not known may not.
fn concurrent(agent: &Agent, caller: &Caller, wanted: &Wanted) -> bool {
    let name = match wanted.call.name.as_str() {
        search::FIND | READ_ARTIFACT => return true,
        search::CALL => match search::call_arguments(wanted.call.arguments.object()) {
            Ok((name, _)) if name == READ_ARTIFACT => return true,
            Ok((name, _)) => name,
            Err(_) => return false,
        },
        name => name.to_owned(),
    };
    let snapshot = agent.hub().snapshot();
    let view = agent.hub().view(&snapshot, caller);
    view.resolve(&snapshot, &name)
        .is_some_and(|row| snapshot.tools()[row].claims.concurrent)
}

async fn one(
    agent: &Agent,
    caller: &Caller,
    wanted: &Wanted,
    cancel: &CancellationToken,
) -> Result<(), Error> {
    let (id, name) = (wanted.id, wanted.call.name.as_str());
    if let Some(fault) = &wanted.fault {
        return refuse(agent, id, name, RefusedWhy::Arguments, fault.clone()).await;
    }
    if cancel.is_cancelled() {
        let text = "not called: the person stopped the turn before it was sent".to_owned();
        return refuse(agent, id, name, RefusedWhy::Cancelled, text).await;
    }
    let arguments = wanted.call.arguments.object();
    match name {
        search::CALL if agent.own_tool(name).is_some() => match search::call_arguments(arguments) {
            // The hub's own tools are reached like any other, so that a list which does not hold one hides it from nobody.
            Ok((inner, arguments)) if is_own(agent, &inner) => {
                let mut repaired = Vec::new();
                match crate::repair::object(arguments, &mut repaired) {
                    Ok(arguments) => own_tool(agent, caller, id, &inner, arguments, cancel).await,
                    Err(kind) => {
                        let sentence =
                            format!("the arguments of `{inner}` are {kind}, not an object");
                        answer(agent, id, name, sentence, true).await
                    }
                }
            }
            Ok((inner, arguments)) => door(agent, id, inner, arguments, cancel).await,
            Err(sentence) => answer(agent, id, name, sentence, true).await,
        },
        name if is_own(agent, name) => own_tool(agent, caller, id, name, arguments, cancel).await,
        name => {
            let arguments = Some(Value::Object(arguments));
            door(agent, id, name.to_owned(), arguments, cancel).await
        }
    }
}

/// Whether the hub itself answers. What is kept of this session can be read in any: it is what its model was told.
fn is_own(agent: &Agent, name: &str) -> bool {
    name == READ_ARTIFACT || agent.own_tool(name).is_some()
}

/// Answers a call of one of the hub's own tools.
async fn own_tool(
    agent: &Agent,
    caller: &Caller,
    id: CallId,
    name: &str,
    arguments: Map<String, Value>,
    cancel: &CancellationToken,
) -> Result<(), Error> {
    match name {
        search::FIND => {
            let limit = agent.hub().config().limits.find_tools_max;
            let (text, failed) = match search::find_arguments(&arguments, limit) {
                Ok(find) => {
                    let found = agent.hub().find(caller, &find).await;
                    let mut text = crate::execute::text_of(&found);
                    if anything_kept(agent).await {
                        text = format!("{text}\n\n{}", artifact_tool::hint());
                    }
                    (text, false)
                }
                Err(sentence) => (sentence, true),
            };
            answer(agent, id, name, text, failed).await
        }
        own::STEPS => match own::steps_arguments(&arguments) {
            Ok(items) => {
                let text = own::steps_answer(&items);
                agent
                    .append(
                        Entry::Steps {
                            turn: id.turn,
                            items,
                        },
                        Sync::Later,
                    )
                    .await?;
                answer(agent, id, name, text, false).await
            }
            Err(sentence) => answer(agent, id, name, sentence, true).await,
        },
        READ_ARTIFACT => artifact(agent, id, &arguments).await,
        manual::DOCS => {
            let text = manual::answer(&arguments, &agent.hub().config());
            answer(agent, id, name, text, false).await
        }
        _ => delegate::answer(agent, id, &arguments, cancel).await,
    }
}

/// Reads a part of what is kept, about as much of the window as any result gets.
async fn artifact(agent: &Agent, id: CallId, arguments: &Map<String, Value>) -> Result<(), Error> {
    let read = match artifact_tool::arguments(arguments) {
        Ok(part) => {
            let artifacts = agent.artifacts().clone();
            let bytes_max = part_bytes(agent, id.turn);
            let read = move || artifact_tool::read(&artifacts, &part, bytes_max);
            let read = tokio::task::spawn_blocking(read).await;
            read.unwrap_or_else(|error| Err(format!("it can't be read: {error}")))
        }
        Err(sentence) => Err(sentence),
    };
    let failed = read.is_err();
    let text = read.unwrap_or_else(|sentence| sentence);
    answer(agent, id, READ_ARTIFACT, text, failed).await
}

async fn anything_kept(agent: &Agent) -> bool {
    let artifacts = agent.artifacts().clone();
    let names = tokio::task::spawn_blocking(move || artifacts.names("")).await;
    names.is_ok_and(|names| names.is_ok_and(|names| !names.is_empty()))
}

/// Bytes of one result that the model reads. The results of a step stay together as long as it is the last one, and so they
/// have to fit together.
fn part_bytes(agent: &Agent, turn: TurnNo) -> usize {
    let reply = agent.folds().session.last_reply(turn);
    let parts = reply.map_or(1, |reply| reply.calls.len());
    let parts = parts.clamp(1, RESULT_PARTS_MAX) as f64;
    let bytes = f64::from(agent.window()) * RESULT_BYTES_PER_TOKEN / parts;
    (bytes as usize).min(agent.hub().config().limits.result_bytes_max as usize)
}

/// Through the one door, which leaves the entries and so the answer.
async fn door(
    agent: &Agent,
    id: CallId,
    name: String,
    arguments: Option<Value>,
    cancel: &CancellationToken,
) -> Result<(), Error> {
    // Anew for each call: what was denied since the step began is denied.
    let caller = &agent.caller()?;
    let (progress, reports) = mpsc::channel(PROGRESS_WAITING_MAX);
    let forward = tokio::spawn(forward(agent.stream(), id, reports));
    let call = Call {
        cancel: cancel.clone(),
        progress: Some(progress),
        ..Call::new(id, name, arguments)
    };
    let result = agent.through_the_door(caller, call).await;
    // The sender is gone with the call.
    let _ = forward.await;
    match result {
        // The answer is in the journal, and so is a refusal.
        Ok(_) => Ok(()),
        Err(Refusal::Unrecorded { source, .. }) => Err(source.into()),
        Err(_) => Ok(()),
    }
}

impl Agent {
    /// Makes a call of this session: written into its journal, its person asked.
    pub(crate) async fn through_the_door(
        &self,
        caller: &Caller,
        call: Call,
    ) -> Result<Answer, Refusal> {
        let (grants, task) = {
            let folds = self.folds();
            let task = folds.session.words(call.id.turn).unwrap_or_default();
            (folds.session.grants().to_vec(), Arc::<str>::from(task))
        };
        let stream = self.stream();
        let notify = |what| stream.passing(what);
        let artifact = |whole: &[u8]| {
            let text = std::str::from_utf8(whole).ok()?;
            let kept = self.artifacts.put(text);
            kept.inspect_err(|error| tracing::warn!(%error, "a whole result was not kept"))
                .ok()
        };
        let second = |question| opinion(self.model.clone(), self.window(), task.clone(), question);
        let config = self.hub().config();
        let desk = Desk {
            grants: &grants,
            text_bytes_max: part_bytes(self, call.id.turn),
            notify: Some(&notify),
            artifact: Some(&artifact),
            remember: self.remember.as_deref().map(|remember| remember as _),
            second: config.agent.model_approver.then_some(&second as _),
            ..Desk::new(&self.journal, &self.id, &*self.approver)
        };
        let work = self.hub().call_at(&desk, caller, call);
        heartbeat(&stream, "tool", STALLED_AFTER, work).await
    }
}

async fn forward(
    stream: crate::event::Stream,
    id: CallId,
    mut reports: mpsc::Receiver<toolpool_connectors::Progress>,
) {
    while let Some(report) = reports.recv().await {
        stream.passing(What::CallProgress {
            call: id.to_string(),
            progress: report.progress,
            total: report.total,
            message: report.message,
        });
    }
}

async fn answer(
    agent: &Agent,
    call: CallId,
    name: &str,
    text: String,
    failed: bool,
) -> Result<(), Error> {
    let entry = Entry::Own {
        call,
        name: name.to_owned(),
        text,
        failed,
    };
    agent.append(entry, Sync::Later).await.map(drop)
}

async fn refuse(
    agent: &Agent,
    call: CallId,
    name: &str,
    why: RefusedWhy,
    text: String,
) -> Result<(), Error> {
    let entry = Entry::Refused {
        call,
        name: name.to_owned(),
        why,
        text,
    };
    agent.append(entry, Sync::Later).await.map(drop)
}
