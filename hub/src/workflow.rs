//! What is being done, folded from the journal: the steps of the task, and every call with what is known of it.
//!
//! ```text
//!               Intent            Outcome
//! not started ──────────► in doubt ──────────► completed | failed | not started | in doubt ── Settled ──► ...
//!      └── Refused: not started      └── the process ended here: still in doubt
//! ```
//!
//! It is kept apart from the conversation: what was done stays done when a turn is undone or left out to save room.

mod tail;

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;
use toolpool_config::Effect;

use crate::journal::entry::{
    CallId, Entry, Line, RefusedWhy, SettledBy, StepItem, TurnNo, Verdict,
};

/// A call and what is known of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallRecord {
    /// The call.
    pub call: CallId,
    /// The line that first names it.
    pub seq: u64,
    /// The tool as the model or client named it, from the decision on the exposed name.
    pub name: String,
    /// The server, once the name was looked up.
    pub server: Option<String>,
    /// The tool by the server's own name.
    pub tool: Option<String>,
    /// The effect as the gate read it.
    pub effect: Option<Effect>,
    /// The schema that it was approved under.
    pub fingerprint: Option<String>,
    /// Whether it may be sent again without harm.
    pub repeatable: bool,
    /// The arguments as they were sent, else as the model wrote them.
    pub arguments: Value,
    /// Whether an intent was written, and so it may have been sent.
    pub intended: bool,
    /// What is known. A call that is under way is in doubt until it is answered.
    pub verdict: Verdict,
    /// Why the door refused it.
    pub refused: Option<RefusedWhy>,
    /// What the model or client was told.
    pub text: Option<String>,
    /// SHA-256 of the whole result.
    pub result_sha256: Option<String>,
    /// The artifact that holds the whole result.
    pub artifact: Option<String>,
    /// Milliseconds from sending to the answer.
    pub elapsed_ms: Option<u64>,
    /// Who settled it, if it was in doubt. `nobody` leaves it there.
    pub settled: Option<SettledBy>,
}

/// What is being done.
#[derive(Clone, Debug, Default)]
pub struct Workflow {
    calls: Vec<CallRecord>,
    places: HashMap<CallId, usize>,
    /// The steps as each turn left them, so that an undone turn's are gone.
    steps: Vec<(TurnNo, Vec<StepItem>)>,
    open: Option<TurnNo>,
    outside: u32,
}

impl Workflow {
    /// Takes in the next line.
    ///
    /// What the hub reads back by itself is no part of the work: nobody waits for it, and nothing of it is in doubt.
    pub fn apply(&mut self, line: &Line) {
        if line.entry.call().is_some_and(CallId::is_own) {
            return;
        }
        match &line.entry {
            Entry::User { turn, .. } => self.open = Some(*turn),
            Entry::End { turn, .. } if self.open == Some(*turn) => self.open = None,
            Entry::Undo { turn } => {
                self.steps.retain(|(of, _)| of < turn);
                if self.open.is_some_and(|open| open >= *turn) {
                    self.open = None;
                }
            }
            Entry::Reply {
                calls,
                truncated: false,
                ..
            } => {
                for call in calls {
                    if let Ok(id) = call.id.parse() {
                        let record = self.record(id, line.seq, &call.name);
                        record.arguments = Value::Object(call.arguments.object());
                    }
                }
            }
            Entry::Decision(decision) => {
                let record = self.record(decision.call, line.seq, &decision.name);
                record.server = Some(decision.server.clone());
                record.tool = Some(decision.tool.clone());
                record.effect = Some(decision.effect);
                record.fingerprint = Some(decision.fingerprint.clone());
            }
            Entry::Intent(intent) => {
                let record = self.record(intent.call, line.seq, &intent.name);
                record.server = Some(intent.server.clone());
                record.tool = Some(intent.tool.clone());
                record.effect = Some(intent.effect);
                record.fingerprint = Some(intent.fingerprint.clone());
                record.repeatable = intent.repeatable;
                record.arguments = intent.arguments.clone();
                record.intended = true;
                record.verdict = Verdict::InDoubt;
            }
            Entry::Outcome(outcome) => {
                let record = self.record(outcome.call, line.seq, "");
                record.verdict = outcome.verdict;
                record.text = Some(outcome.text.clone());
                record.result_sha256.clone_from(&outcome.result_sha256);
                record.artifact.clone_from(&outcome.artifact);
                record.elapsed_ms = Some(outcome.elapsed_ms);
            }
            Entry::Refused {
                call,
                name,
                why,
                text,
            } => {
                let record = self.record(*call, line.seq, name);
                record.refused = Some(*why);
                record.text = Some(text.clone());
            }
            Entry::Own {
                call,
                name,
                text,
                failed,
            } => {
                let record = self.record(*call, line.seq, name);
                record.text = Some(text.clone());
                record.verdict = if *failed {
                    Verdict::Failed
                } else {
                    Verdict::Completed
                };
            }
            Entry::Settled {
                call,
                verdict,
                by,
                text,
            } => {
                let record = self.record(*call, line.seq, "");
                record.verdict = *verdict;
                record.settled = Some(*by);
                record.text = Some(text.clone());
            }
            Entry::Steps { turn, items } => {
                self.steps.retain(|(of, _)| of != turn);
                self.steps.push((*turn, items.clone()));
            }
            _ => {}
        }
    }

    fn record(&mut self, call: CallId, seq: u64, name: &str) -> &mut CallRecord {
        let calls = &mut self.calls;
        let outside = &mut self.outside;
        let place = *self.places.entry(call).or_insert_with(|| {
            if call.turn == 0 {
                *outside += 1;
            }
            calls.push(CallRecord {
                call,
                seq,
                name: String::new(),
                server: None,
                tool: None,
                effect: None,
                fingerprint: None,
                repeatable: false,
                arguments: Value::Null,
                intended: false,
                verdict: Verdict::NotStarted,
                refused: None,
                text: None,
                result_sha256: None,
                artifact: None,
                elapsed_ms: None,
                settled: None,
            });
            calls.len() - 1
        });
        let record = &mut self.calls[place];
        if !name.is_empty() {
            name.clone_into(&mut record.name);
        }
        record
    }

    /// Every call, in the order they were first named.
    pub fn calls(&self) -> &[CallRecord] {
        &self.calls
    }

    /// What is known of a call.
    pub fn call(&self, call: CallId) -> Option<&CallRecord> {
        self.places.get(&call).map(|place| &self.calls[*place])
    }

    /// Calls that may or may not have been carried out, among them those that are under way and those of which nobody knew.
    pub fn in_doubt(&self) -> Vec<&CallRecord> {
        self.calls
            .iter()
            .filter(|record| record.verdict == Verdict::InDoubt)
            .collect()
    }

    /// The turn that was begun and has not ended.
    pub fn open_turn(&self) -> Option<TurnNo> {
        self.open
    }

    /// The model's steps of its task.
    pub fn steps(&self) -> &[StepItem] {
        self.steps.last().map_or(&[], |(_, items)| items)
    }

    /// The id of the next call that belongs to no turn.
    pub fn next_outside(&self) -> CallId {
        CallId::outside(self.outside)
    }

    /// The steps for the prompt's tail, in at most `tokens_max` as `count` counts them. Done steps are folded into their number
    /// first, then late ones. None where there are no steps, or no room for any.
    pub fn tail(&self, count: &dyn Fn(&str) -> u32, tokens_max: u32) -> Option<String> {
        tail::render(self.steps(), count, tokens_max)
    }
}

#[cfg(test)]
mod tests;
