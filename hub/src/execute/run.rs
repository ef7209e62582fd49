//! The last steps: the intent written, the call made, its result checked and written down.
//!
//! Once an intent is written an outcome follows it, also where the caller cancels or is gone: only a crash leaves a call
//! without one, and that is what *in doubt* means.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tokio::runtime::Handle;
use toolpool_config::{Config, Effect};
use toolpool_connectors::CallRequest;
use toolpool_registry::{Claims, Fingerprint, ToolMeta};

use super::approve::Approved;
use super::resolve::Valid;
use super::text::{fit, text_of};
use super::{Answer, Call, Door, Refusal};
use crate::caller::{Asks, Caller};
use crate::cap;
use crate::compact;
use crate::journal::Redactor;
use crate::journal::entry::{CallId, IntentNote, OutcomeNote, Verdict};
use crate::journal::{Entry, Journal, Sync};
use crate::repair::Repair;
use crate::verify::result::{failure_words, plain};
use crate::verify::{Schemas, Side};

/// The member of `_meta` by which a server can tell a repeated call.
const KEY: &str = "toolpool/idempotency-key";

/// A call whose intent is in the journal.
pub(super) struct Recorded {
    tool: Arc<ToolMeta>,
    call: Call,
    arguments: Map<String, Value>,
    repairs: Vec<Repair>,
    warnings: Vec<String>,
    /// A shorter time than the server's own.
    within: Option<Duration>,
    due: Due,
}

/// A call that was answered.
pub(super) struct Outcome {
    tool: Arc<ToolMeta>,
    repairs: Vec<Repair>,
    warnings: Vec<String>,
    result: Value,
    elapsed: Duration,
    due: Due,
}

/// An outcome that has to be written. Dropped without, it writes what is known then.
struct Due {
    journal: Journal,
    call: CallId,
    started: Instant,
    /// Whether the server may have heard of the call.
    sent: bool,
    open: bool,
}

impl Approved {
    pub(super) async fn record(
        self,
        door: &Door<'_>,
        caller: &Caller,
        secrets: &Redactor,
    ) -> Result<Recorded, Refusal> {
        let Approved {
            valid, fingerprint, ..
        } = self;
        if valid.call.cancel.is_cancelled() {
            return Err(valid.cancelled());
        }
        let (tool, id) = (&valid.tool, valid.call.id);
        let key = format!("{}:{id}", door.desk.session);
        let note = IntentNote {
            call: id,
            server: tool.id.server.to_string(),
            tool: tool.id.name.to_string(),
            name: tool.exposed.to_string(),
            fingerprint: fingerprint.to_string(),
            arguments: secrets.hide_in(&Value::Object(valid.arguments.clone())),
            effect: tool.claims.effect,
            repeatable: repeatable(&tool.claims),
            key: key.clone(),
        };
        // Held from before the append: an append that was given up half way may still have been written.
        let mut due = Due {
            journal: door.desk.journal.clone(),
            call: id,
            started: Instant::now(),
            sent: false,
            open: true,
        };
        let written = door
            .desk
            .journal
            .append(Entry::Intent(note), sync(&tool.claims, caller.asks))
            .await;
        if let Err(source) = written {
            due.open = false;
            return Err(valid.unrecorded(source));
        }
        let Valid {
            tool,
            mut call,
            arguments,
            repairs,
            warnings,
            ..
        } = valid;
        call.meta.insert(KEY.into(), json!(key));
        Ok(Recorded {
            tool,
            call,
            arguments,
            repairs,
            warnings,
            within: None,
            due,
        })
    }
}

/// Whether it may be sent again without harm, by a claim that is believed.
fn repeatable(claims: &Claims) -> bool {
    claims.read_only() || claims.idempotent
}

/// An intent must outlive the machine where running it twice would do harm. Calls of clients are many, and the client knows
/// what it sent, so that there only what may destroy something is worth a wait.
fn sync(claims: &Claims, asks: Asks) -> Sync {
    let wait = match asks {
        Asks::Client => claims.effect == Effect::Destructive,
        Asks::Hub | Asks::Typed => !repeatable(claims),
    };
    if wait { Sync::Now } else { Sync::Later }
}

impl Recorded {
    /// The same call, given up after this time.
    pub(super) fn within(self, within: Duration) -> Recorded {
        Recorded {
            within: Some(within),
            ..self
        }
    }

    /// Sends it. `reader` is the tool that shows what it did, for the case that no answer comes.
    pub(super) async fn run(
        self,
        door: &Door<'_>,
        secrets: &Redactor,
        reader: Option<&str>,
    ) -> Result<Outcome, Refusal> {
        let Recorded {
            tool,
            call,
            arguments,
            repairs,
            warnings,
            within,
            mut due,
        } = self;
        let most = timeout(door.config, &tool.id.server);
        let request = CallRequest {
            tool: tool.id.name.to_string(),
            arguments,
            meta: call.meta,
            timeout: within.map_or(most, |within| within.min(most)),
            cancel: call.cancel,
            progress: call.progress,
        };
        (due.started, due.sent) = (Instant::now(), true);
        let reply = door.fleet.call_tool(&tool.id.server, request).await;
        let elapsed = due.started.elapsed();
        match reply {
            Ok(reply) => Ok(Outcome {
                tool,
                repairs,
                warnings,
                result: reply.result,
                elapsed,
                due,
            }),
            Err(source) => {
                let refusal = Refusal::Server {
                    tool: tool.exposed.clone(),
                    source,
                };
                let mut text = refusal.to_string();
                if let Some(reader) = reader.filter(|_| refusal.verdict() == Verdict::InDoubt) {
                    text.push_str(&format!("; `{reader}` shows whether it did"));
                }
                let text = secrets.hide(&text);
                let mut note = due.note(refusal.verdict(), fit(text, door.desk.text_bytes_max).0);
                note.repairs = repairs;
                due.write(note, &tool).await?;
                Err(refusal)
            }
        }
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
    pub(super) async fn verify(
        self,
        door: &Door<'_>,
        secrets: &Redactor,
    ) -> Result<Answer, Refusal> {
        let Outcome {
            tool,
            repairs,
            warnings,
            mut result,
            elapsed,
            due,
        } = self;
        let desk = door.desk;
        let sha256 = Fingerprint::of_text(&result.to_string()).to_string();
        let whole = desk.artifact.map(|_| secrets.hide_in(&result).to_string());
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
        let failed = result.get("isError") == Some(&Value::Bool(true));
        let failure = failure_words(&result);
        // Made plain before secrets are looked for: what takes one apart must not hide it.
        let (text, left_out) = plain(&text_of(&result));
        let text = secrets.hide(&text);
        let characters = text.chars().count();
        let (mut text, short) = fit(text, desk.text_bytes_max);
        let (mut result, cut) = cap::cap(result, door.config.limits.result_bytes_max as usize);
        let artifact = desk
            .artifact
            .zip(whole)
            .filter(|_| cut || short || left_out)
            .and_then(|(keep, whole)| keep(whole.as_bytes()));
        if let Some(artifact) = &artifact {
            text.push('\n');
            text.push_str(&compact::reference(artifact, characters));
        }
        if !repairs.is_empty() {
            let note = format!("note: the call was repaired: {}", repairs.join("; "));
            say(&mut result, &note);
            text.insert_str(0, &format!("{}\n", secrets.hide(&note)));
        }
        for warning in &warnings {
            say(&mut result, warning);
            text.insert_str(0, &format!("{}\n", secrets.hide(warning)));
        }
        if let Some(words) = failure {
            let note = format!(
                "note: the tool reports no failure, and its result says {}; look whether it worked",
                secrets.hide(&words)
            );
            text.push_str(&format!("\n{note}"));
        }
        let verdict = if failed {
            Verdict::Failed
        } else {
            Verdict::Completed
        };
        let note = OutcomeNote {
            result_sha256: Some(sha256),
            artifact,
            repairs: repairs.clone(),
            ..due.note(verdict, text.clone())
        };
        due.write(note, &tool).await?;
        Ok(Answer {
            tool: tool.id.clone(),
            exposed: tool.exposed.clone(),
            result,
            text,
            repairs,
            cut,
            elapsed,
        })
    }
}

impl Due {
    fn note(&self, verdict: Verdict, text: String) -> OutcomeNote {
        OutcomeNote {
            call: self.call,
            verdict,
            text,
            result_sha256: None,
            artifact: None,
            elapsed_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            repairs: Vec::new(),
        }
    }

    async fn write(mut self, note: OutcomeNote, tool: &ToolMeta) -> Result<(), Refusal> {
        // An append that was begun is written, also when nobody waits for it any more.
        self.open = false;
        let written = self.journal.append(Entry::Outcome(note), Sync::Later).await;
        written.map(|_| ()).map_err(|source| Refusal::Unrecorded {
            tool: tool.exposed.clone(),
            sent: true,
            source,
        })
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let (verdict, text) = match self.sent {
            true => (
                Verdict::InDoubt,
                "the call was given up while it ran; whether it took effect is not known",
            ),
            false => (
                Verdict::NotStarted,
                "the call was given up before anything was sent",
            ),
        };
        let note = self.note(verdict, text.into());
        let journal = self.journal.clone();
        // Without a runtime the process is ending; a missing outcome means the same.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { journal.append(Entry::Outcome(note), Sync::Later).await });
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
pub(super) fn say(result: &mut Value, sentence: &str) {
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

    #[test]
    fn an_intent_is_synced_where_running_twice_would_do_harm() {
        use toolpool_config::Trust;
        let claims = |trust, hints: Value| Claims::read(Some(&hints), trust, None);
        let mutating = || json!({"readOnlyHint": false, "destructiveHint": false});
        let idempotent =
            || json!({"readOnlyHint": false, "destructiveHint": false, "idempotentHint": true});
        for (trust, hints, own, clients) in [
            (
                Trust::Annotations,
                json!({"readOnlyHint": true}),
                Sync::Later,
                Sync::Later,
            ),
            (Trust::Annotations, idempotent(), Sync::Later, Sync::Later),
            (Trust::Annotations, mutating(), Sync::Now, Sync::Later),
            (
                Trust::Annotations,
                json!({"destructiveHint": true}),
                Sync::Now,
                Sync::Now,
            ),
            // What is not believed is the worst.
            (
                Trust::None,
                json!({"readOnlyHint": true}),
                Sync::Now,
                Sync::Now,
            ),
            (Trust::None, idempotent(), Sync::Now, Sync::Now),
            (Trust::None, json!({}), Sync::Now, Sync::Now),
        ] {
            let claims = claims(trust, hints.clone());
            assert_eq!(sync(&claims, Asks::Hub), own, "{hints}");
            assert_eq!(sync(&claims, Asks::Typed), own, "{hints}");
            assert_eq!(sync(&claims, Asks::Client), clients, "{hints}");
        }
    }
}
