//! Who allowed what, folded from the journal: each call with the decision on it, what was sent, and what came of it.
//!
//! ```text
//! Reply ─► Decision ─► Intent ─► Outcome ─► Verified ─► Settled        joined by the call's id into one `Record`
//!      └► Refused (unknown, invalid)      └► Delegated ─► another journal whose `Begin.parent` names the call
//! ```
//!
//! The trail is the journal itself. Nothing here is written anywhere, so that it can't say something else than what happened,
//! and a call that was sent is in the same file, and under the same chain of hashes, as the decision that let it. What
//! one session hides from a fold over it alone, `trail` joins: the journals of delegates, at any depth.
//!
//! Deliberately absent: arguments and results. They are hashes here and stand in the journal; `why` shows them.

mod trail;
mod why;

use std::collections::HashMap;

use serde::Serialize;
use toolpool_config::Effect;

use crate::delegate::DELEGATE;
use crate::journal::entry::{
    ApproverKind, Begin, CallId, Checked, DecisionNote, DecisionSource, DelegatedNote, Entry, Line,
    RefusedWhy, SettledBy, Verdict,
};
use crate::search;

pub use trail::{Filter, Row, Trail, Under};
pub use why::{
    CallStory, Event, StepStory, ToolStory, call_story, pool_sentence, step_story, tool_story,
};

/// What was ruled on a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ruling {
    /// It may be made.
    Allow,
    /// It may not.
    Deny,
    /// It ended before there was anything to decide on: unknown, invalid, cancelled, its server not there.
    Refused,
    /// One of the hub's own tools answered: nothing to decide on.
    Own,
    /// Nothing is known of a decision. Where such a call was sent, its journal is not what the program wrote.
    None,
}

impl Ruling {
    /// Every ruling with its word.
    pub const ALL: [(Ruling, &'static str); 5] = [
        (Ruling::Allow, "allow"),
        (Ruling::Deny, "deny"),
        (Ruling::Refused, "refused"),
        (Ruling::Own, "own"),
        (Ruling::None, "none"),
    ];

    /// Its word.
    pub fn name(self) -> &'static str {
        let word = Ruling::ALL.iter().find(|(ruling, _)| *ruling == self);
        word.map_or("none", |(_, word)| word)
    }
}

/// Something that was held against what is known of a call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Held {
    /// What was verified.
    pub what: Checked,
    /// Whether it holds.
    pub holds: bool,
    /// What was found.
    pub findings: Vec<String>,
}

/// What is known of a call that was in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Settlement {
    /// What is known.
    pub verdict: Verdict,
    /// Who knows it.
    pub by: SettledBy,
}

/// The session that a call began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delegate {
    /// Its agent type.
    pub agent: String,
    /// Its session.
    pub session: String,
}

/// A call from its proposal to its end, without what it said.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// The call.
    pub call: CallId,
    /// The line that first names it.
    pub seq: u64,
    /// When that was written.
    pub at_ms: u64,
    /// The exposed name; until a decision, the name as the model or client wrote it.
    pub name: String,
    /// The tool that the model called to reach it, such as `call_tool`.
    pub via: Option<String>,
    /// Whose call: a session's agent, or a client's principal.
    pub principal: Option<String>,
    /// The profile in force.
    pub profile: Option<String>,
    /// The agent type that asked.
    pub agent: Option<String>,
    /// The server.
    pub server: Option<String>,
    /// The tool by the server's own name.
    pub tool: Option<String>,
    /// The effect as the gate read it.
    pub effect: Option<Effect>,
    /// The schema that the decision is bound to.
    pub fingerprint: Option<String>,
    /// SHA-256 of the canonical arguments that it is bound to.
    pub arguments_sha256: Option<String>,
    /// What was ruled.
    pub decision: Ruling,
    /// What decided.
    pub source: Option<DecisionSource>,
    /// The rule, list entry, gate or setting that decided or had it asked.
    pub rule: Option<String>,
    /// Who gave the answer.
    pub approver: Option<ApproverKind>,
    /// Why, in words.
    pub reason: Option<String>,
    /// Which step of the door refused it.
    pub refused: Option<RefusedWhy>,
    /// Whether an intent stands in the journal, and so it may have been sent.
    pub sent: bool,
    /// What came of it; of one that was sent and has no outcome, that it is in doubt.
    pub verdict: Option<Verdict>,
    /// SHA-256 of the whole result.
    pub result_sha256: Option<String>,
    /// Milliseconds from sending to the answer.
    pub elapsed_ms: Option<u64>,
    /// What was repaired in the name or the arguments.
    pub repairs: Vec<String>,
    /// What is known of it since it was in doubt.
    pub settled: Option<Settlement>,
    /// What was verified about it.
    pub verified: Vec<Held>,
    /// The session that it began.
    pub delegate: Option<Delegate>,
    /// Whether it is another session's, copied here by a fork.
    pub copied: bool,
}

impl Record {
    /// What is known of its end: a settlement says more than an outcome.
    pub fn end(&self) -> Option<Verdict> {
        self.settled.map(|settled| settled.verdict).or(self.verdict)
    }

    /// Whether it was sent although nothing in the journal let it. The program writes no such thing.
    pub fn unruled(&self) -> bool {
        self.sent && self.decision != Ruling::Allow
    }

    fn new(call: CallId, line: &Line, copied: bool) -> Record {
        Record {
            call,
            seq: line.seq,
            at_ms: line.at_ms,
            name: String::new(),
            via: None,
            principal: None,
            profile: None,
            agent: None,
            server: None,
            tool: None,
            effect: None,
            fingerprint: None,
            arguments_sha256: None,
            decision: Ruling::None,
            source: None,
            rule: None,
            approver: None,
            reason: None,
            refused: None,
            sent: false,
            verdict: None,
            result_sha256: None,
            elapsed_ms: None,
            repairs: Vec::new(),
            settled: None,
            verified: Vec::new(),
            delegate: None,
            copied,
        }
    }

    fn decided(&mut self, note: &DecisionNote) {
        self.named(&note.name);
        self.principal = Some(note.principal.clone());
        self.profile.clone_from(&note.profile);
        if note.agent.is_some() {
            self.agent.clone_from(&note.agent);
        }
        self.server = Some(note.server.clone());
        self.tool = Some(note.tool.clone());
        self.effect = Some(note.effect);
        self.fingerprint = Some(note.fingerprint.clone());
        self.arguments_sha256 = Some(note.arguments_sha256.clone());
        self.decision = match note.allowed {
            true => Ruling::Allow,
            false => Ruling::Deny,
        };
        self.source = Some(note.source);
        self.rule.clone_from(&note.rule);
        self.approver = note.approver;
        self.reason = Some(note.reason.clone());
    }

    /// Takes the name that a later entry has. A model that goes through `call_tool` names that one first.
    fn named(&mut self, name: &str) {
        if self.name == search::CALL && name != search::CALL {
            self.via = Some(std::mem::take(&mut self.name));
        }
        name.clone_into(&mut self.name);
    }
}

/// Every call of one journal.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    begin: Option<(Begin, u64)>,
    records: Vec<Record>,
    places: HashMap<CallId, usize>,
}

impl Audit {
    /// Takes in the next line.
    pub fn apply(&mut self, line: &Line) {
        match &line.entry {
            Entry::Begin(begin) => self.begin = Some((begin.clone(), line.at_ms)),
            Entry::Reply {
                calls,
                truncated: false,
                ..
            } => {
                for call in calls {
                    if let Ok(id) = call.id.parse() {
                        self.record(id, line).named(&call.name);
                    }
                }
            }
            Entry::Decision(note) => {
                let record = self.record(note.call, line);
                // A call that is sent again, after a crash, is decided on again.
                let again = matches!(record.decision, Ruling::Allow | Ruling::Deny);
                let record = match again {
                    true => self.fresh(note.call, line),
                    false => record,
                };
                record.decided(note);
            }
            Entry::Intent(note) => {
                let record = self.record(note.call, line);
                let again = record.sent;
                let record = match again {
                    true => self.fresh(note.call, line),
                    false => record,
                };
                record.named(&note.name);
                record.server = Some(note.server.clone());
                record.tool = Some(note.tool.clone());
                record.effect = Some(note.effect);
                record.sent = true;
                record.verdict = Some(Verdict::InDoubt);
            }
            Entry::Outcome(note) => {
                let record = self.record(note.call, line);
                record.verdict = Some(note.verdict);
                record.result_sha256.clone_from(&note.result_sha256);
                record.elapsed_ms = Some(note.elapsed_ms);
                record.repairs.clone_from(&note.repairs);
            }
            Entry::Refused {
                call,
                name,
                why,
                text,
            } => {
                let record = self.record(*call, line);
                record.refused = Some(*why);
                if record.decision == Ruling::None {
                    record.named(name);
                    record.decision = Ruling::Refused;
                    record.reason = Some(text.clone());
                }
            }
            Entry::Own {
                call, name, failed, ..
            } => {
                let record = self.record(*call, line);
                if record.decision == Ruling::None {
                    record.named(name);
                    record.decision = Ruling::Own;
                }
                record.verdict = Some(match failed {
                    true => Verdict::Failed,
                    false => Verdict::Completed,
                });
            }
            Entry::Settled {
                call, verdict, by, ..
            } => {
                self.record(*call, line).settled = Some(Settlement {
                    verdict: *verdict,
                    by: *by,
                });
            }
            Entry::Verified(note) => {
                if let Some(call) = note.call {
                    self.record(call, line).verified.push(Held {
                        what: note.what,
                        holds: note.holds,
                        findings: note.findings.clone(),
                    });
                }
            }
            Entry::Delegated(DelegatedNote {
                call,
                agent,
                session,
                ..
            }) => {
                let record = self.record(*call, line);
                // One that no reply asked for is the hub's own check of an answer.
                if record.name.is_empty() {
                    record.named(DELEGATE);
                    record.decision = Ruling::Own;
                }
                record.delegate = Some(Delegate {
                    agent: agent.clone(),
                    session: session.clone(),
                });
            }
            _ => {}
        }
    }

    /// The fold of these lines.
    pub fn of(lines: &[Line]) -> Audit {
        let mut audit = Audit::default();
        lines.iter().for_each(|line| audit.apply(line));
        audit
    }

    /// How the journal begins; none where its first line is lost.
    pub fn begin(&self) -> Option<&Begin> {
        self.begin.as_ref().map(|(begin, _)| begin)
    }

    /// Every call, in the order they were first named.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// What is known of a call; of one that was sent twice, of the last time.
    pub fn record_of(&self, call: CallId) -> Option<&Record> {
        self.places.get(&call).map(|place| &self.records[*place])
    }

    fn record(&mut self, call: CallId, line: &Line) -> &mut Record {
        match self.places.get(&call) {
            Some(place) => &mut self.records[*place],
            None => self.fresh(call, line),
        }
    }

    fn fresh(&mut self, call: CallId, line: &Line) -> &mut Record {
        // What a fork copied is older than the fork.
        let copied = self
            .begin
            .as_ref()
            .is_some_and(|(begin, at_ms)| begin.forked.is_some() && line.at_ms < *at_ms);
        let begin = self.begin.as_ref().map(|(begin, _)| begin);
        let record = Record {
            agent: begin.and_then(|begin| begin.agent.clone()),
            profile: begin.and_then(|begin| begin.profile.clone()),
            ..Record::new(call, line, copied)
        };
        self.places.insert(call, self.records.len());
        self.records.push(record);
        self.records
            .last_mut()
            .expect("a record was pushed on the line before")
    }
}

#[cfg(test)]
mod tests;
