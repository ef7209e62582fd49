//! The one door: every operation done for someone passes here, whoever asked and by whatever path.
//!
//! ```text
//! Proposed ─ resolve ─► Resolved ─ validate ─► Valid ─ decide ─► Approved ─ record ─► Recorded ─ run ─► Outcome ─ verify ─► Answer
//!            the name in           arguments           the rules            the                 the          output schema,
//!            this caller's view    and repairs                              journal's place     server       size
//! ```
//!
//! Each step takes the value that only the step before can make, so none can be left out or
//! reordered. A step that fails, fails closed, with one sentence its listener can act on. This file
//! is the only caller of the fleet's methods that send something on someone's behalf.

#![expect(
    clippy::result_large_err,
    reason = "a refusal ends a call, so its size is paid once, and those who read it match on what is in it"
)]

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use toolpool_config::Config;
use toolpool_connectors::{CallError, CallRequest, Fleet, Progress};
use toolpool_registry::{Fingerprint, Snapshot, ToolId, ToolMeta, View, canonical};

use crate::caller::Caller;
use crate::near;
use crate::permission::{Decision, decide};
use crate::repair::{self, Repair};
use crate::verify::{Schemas, Side};
use crate::{cap, error::list};

/// What someone wants done.
#[derive(Debug, Default)]
pub struct Call {
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
    /// Bounds, and each server's own time limit.
    pub config: &'a Config,
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

/// A call that was not made, or has no result. Displays as one sentence for the caller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No such tool in this caller's view: unknown, hidden and denied are one answer.
    #[error("unknown tool `{name}`{}", suggest(suggestions))]
    Unknown {
        /// The name as given.
        name: String,
        /// Names from the caller's own view that come near.
        suggestions: Vec<Arc<str>>,
    },
    /// The arguments can't be used.
    #[error("invalid arguments for `{tool}`: {faults}{}", told(repairs))]
    Arguments {
        /// The exposed name.
        tool: Arc<str>,
        /// What is wrong, and where.
        faults: String,
        /// What was repaired before that.
        repairs: Vec<Repair>,
    },
    /// The tool comes from a catalog file.
    #[error("`{tool}` is offline: it comes from a catalog file and there is no server behind it")]
    Offline {
        /// The exposed name.
        tool: Arc<str>,
    },
    /// The server gave no result.
    #[error("{source}{}", in_doubt(source))]
    Server {
        /// The exposed name.
        tool: Arc<str>,
        /// What happened.
        #[source]
        source: CallError,
    },
}

impl Refusal {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { .. } => {
                Some("`toolpool tools` lists the tools that can be called".into())
            }
            Self::Arguments { tool, .. } => Some(format!(
                "`toolpool tools --name {tool}` shows its parameters"
            )),
            Self::Offline { .. } => {
                Some("configure its server under `[servers.NAME]` to call it".into())
            }
            Self::Server { source, .. } => source.hint(),
        }
    }
}

fn suggest(names: &[Arc<str>]) -> String {
    if names.is_empty() {
        String::new()
    } else {
        format!("; did you mean {}?", list(names))
    }
}

fn told(repairs: &[Repair]) -> String {
    if repairs.is_empty() {
        String::new()
    } else {
        format!(" (already repaired: {})", repairs.join("; "))
    }
}

fn in_doubt(error: &CallError) -> &'static str {
    if error.may_have_run() {
        "; whether it took effect is not known"
    } else {
        ""
    }
}

/// Takes a call through the door.
///
/// # Errors
/// The step that refused, as one sentence.
pub async fn execute(door: &Door<'_>, caller: &Caller, call: Call) -> Result<Answer, Refusal> {
    let resolved = Proposed(call).resolve(door)?;
    let valid = resolved.validate(door)?;
    let approved = valid.decide(caller)?;
    let recorded = approved.record();
    let outcome = recorded.run(door).await?;
    Ok(outcome.verify(door))
}

struct Proposed(Call);

struct Resolved {
    tool: Arc<ToolMeta>,
    call: Call,
    repairs: Vec<Repair>,
}

struct Valid {
    tool: Arc<ToolMeta>,
    call: Call,
    arguments: Map<String, Value>,
    repairs: Vec<Repair>,
}

/// Bound to server, schema and arguments: what was approved is what is sent, and nothing else.
struct Approved {
    valid: Valid,
    fingerprint: Fingerprint,
    canonical_arguments: String,
}

struct Recorded(Approved);

struct Outcome {
    tool: Arc<ToolMeta>,
    repairs: Vec<Repair>,
    result: Value,
    elapsed: Duration,
}

impl Proposed {
    fn resolve(self, door: &Door<'_>) -> Result<Resolved, Refusal> {
        let Proposed(call) = self;
        let mut repairs = Vec::new();
        let row = match door.view.resolve(door.snapshot, &call.name) {
            Some(row) => row,
            None => {
                let row = near::only(door.snapshot, door.view, &call.name).ok_or_else(|| {
                    Refusal::Unknown {
                        name: call.name.chars().take(128).collect(),
                        suggestions: near::suggestions(
                            door.snapshot,
                            door.view,
                            &call.name,
                            door.config.limits.suggestions_max,
                        ),
                    }
                })?;
                repairs.push(format!(
                    "the tool `{}` to `{}`",
                    call.name,
                    door.snapshot.tools()[row].exposed
                ));
                row
            }
        };
        Ok(Resolved {
            tool: door.snapshot.tools()[row].clone(),
            call,
            repairs,
        })
    }
}

impl Resolved {
    fn validate(self, door: &Door<'_>) -> Result<Valid, Refusal> {
        let Resolved {
            tool,
            mut call,
            mut repairs,
        } = self;
        let refuse = |faults: String, repairs: &[Repair]| Refusal::Arguments {
            tool: tool.exposed.clone(),
            faults,
            repairs: repairs.to_vec(),
        };
        let mut arguments = repair::object(call.arguments.take(), &mut repairs)
            .map_err(|kind| refuse(format!("they are {kind}, not an object"), &repairs))?;
        let schema = tool.input_schema();
        let fingerprint = tool.fingerprint.to_string();
        let check = |arguments: &Map<String, Value>| {
            door.schemas.check(
                &fingerprint,
                Side::Input,
                &schema,
                &Value::Object(arguments.clone()),
            )
        };
        if check(&arguments).is_err() {
            repairs.extend(repair::repair(&schema, &mut arguments));
            check(&arguments).map_err(|faults| refuse(faults, &repairs))?;
        }
        Ok(Valid {
            tool,
            call,
            arguments,
            repairs,
        })
    }
}

impl Valid {
    fn decide(self, caller: &Caller) -> Result<Approved, Refusal> {
        match decide(&self.tool, &caller.rules) {
            Decision::Allow => Ok(Approved {
                fingerprint: self.tool.fingerprint,
                canonical_arguments: canonical(&Value::Object(self.arguments.clone())),
                valid: self,
            }),
            Decision::Deny(_) => Err(Refusal::Unknown {
                name: self.call.name,
                suggestions: Vec::new(),
            }),
        }
    }
}

impl Approved {
    /// Where the journal takes the intent before anything is sent. Without a journal the call is
    /// only traced, by hashes and not by content.
    fn record(self) -> Recorded {
        tracing::debug!(
            server = %self.valid.tool.id.server,
            tool = %self.valid.tool.id.name,
            fingerprint = %self.fingerprint,
            arguments_bytes = self.canonical_arguments.len(),
            "intent"
        );
        Recorded(self)
    }
}

impl Recorded {
    async fn run(self, door: &Door<'_>) -> Result<Outcome, Refusal> {
        let Valid {
            tool,
            call,
            arguments,
            repairs,
        } = self.0.valid;
        if tool.offline {
            return Err(Refusal::Offline {
                tool: tool.exposed.clone(),
            });
        }
        let request = CallRequest {
            tool: tool.id.name.to_string(),
            arguments,
            meta: call.meta,
            timeout: timeout(door.config, &tool.id.server),
            cancel: call.cancel,
            progress: call.progress,
        };
        let started = Instant::now();
        let reply = door
            .fleet
            .call_tool(&tool.id.server, request)
            .await
            .map_err(|source| Refusal::Server {
                tool: tool.exposed.clone(),
                source,
            })?;
        Ok(Outcome {
            tool,
            repairs,
            result: reply.result,
            elapsed: started.elapsed(),
        })
    }
}

fn timeout(config: &Config, server: &str) -> Duration {
    let usual = Duration::from_millis(config.limits.call_timeout_ms);
    config
        .servers
        .get(server)
        .map_or(usual, |server| server.timeout)
}

impl Outcome {
    fn verify(self, door: &Door<'_>) -> Answer {
        let Outcome {
            tool,
            repairs,
            mut result,
            elapsed,
        } = self;
        if let Some(fault) = output_fault(&tool, &result, door.schemas) {
            say(
                &mut result,
                &format!(
                    "the result of `{}` is not what the tool declares: {fault}",
                    tool.exposed
                ),
            );
            if let Value::Object(object) = &mut result {
                object.insert("isError".into(), Value::Bool(true));
            }
        }
        let (mut result, cut) = cap::cap(result, door.config.limits.result_bytes_max as usize);
        if !repairs.is_empty() {
            say(
                &mut result,
                &format!("note: the call was repaired: {}", repairs.join("; ")),
            );
        }
        Answer {
            tool: tool.id.clone(),
            exposed: tool.exposed.clone(),
            result,
            repairs,
            cut,
            elapsed,
        }
    }
}

fn output_fault(tool: &ToolMeta, result: &Value, schemas: &Schemas) -> Option<String> {
    if result.get("isError") == Some(&Value::Bool(true)) {
        return None;
    }
    let schema = tool.output_schema()?;
    let Some(structured) = result.get("structuredContent") else {
        return Some("it has no structured content".into());
    };
    schemas
        .check(
            &tool.fingerprint.to_string(),
            Side::Output,
            &schema,
            structured,
        )
        .err()
}

/// Puts a sentence of the hub's in front of the content.
fn say(result: &mut Value, sentence: &str) {
    let block = json!({"type": "text", "text": sentence});
    match result.get_mut("content") {
        Some(Value::Array(blocks)) => blocks.insert(0, block),
        _ => {
            if let Value::Object(object) = result {
                object.insert("content".into(), json!([block]));
            }
        }
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
mod tests {
    use super::*;

    #[test]
    fn a_sentence_goes_in_front_and_nothing_is_lost() {
        let mut result = json!({"content": [{"type": "text", "text": "a"}], "x": 1});
        say(&mut result, "note");
        assert_eq!(result["content"][0]["text"], "note");
        assert_eq!(result["content"][1]["text"], "a");
        let mut empty = json!({"structuredContent": {}});
        say(&mut empty, "note");
        assert_eq!(empty["content"][0]["text"], "note");
    }
}
