//! From a journal's line to its events: pure, so that what was live and what is replayed can't differ.

use serde::Serialize;

use super::{BudgetPart, Cost, Event, Step, VERSION, What};
use crate::journal::Line;
use crate::journal::entry::{CallId, CompactReason, Entry, StepItem};

/// The events of a line, in order. `turn` is the open turn, 0 where none is; it is moved on by the lines that begin and
/// end one, so that the lines of a journal are taken in order, from the first.
#[must_use]
pub fn durable(line: &Line, session: &str, turn: &mut u32) -> Vec<Event> {
    if let Some(own) = turn_of(&line.entry) {
        *turn = own;
    }
    let events = what(&line.entry)
        .into_iter()
        .map(|what| Event {
            v: VERSION,
            session: session.to_owned(),
            turn: *turn,
            seq: line.seq,
            passing: 0,
            at_ms: line.at_ms,
            what,
        })
        .collect();
    if closes(&line.entry) {
        *turn = 0;
    }
    events
}

/// All durable events of a journal.
#[must_use]
pub fn replay<'a>(lines: impl IntoIterator<Item = &'a Line>, session: &str) -> Vec<Event> {
    let mut turn = 0;
    lines
        .into_iter()
        .flat_map(|line| durable(line, session, &mut turn))
        .collect()
}

/// The turn that an entry names itself. Calls name theirs in their id, and those outside of turns have 0 there.
fn turn_of(entry: &Entry) -> Option<u32> {
    let call = |call: &CallId| Some(call.turn);
    match entry {
        Entry::Begin(_) | Entry::Resumed { .. } | Entry::Undo { .. } => Some(0),
        Entry::User { turn, .. }
        | Entry::Fit { turn, .. }
        | Entry::Reply { turn, .. }
        | Entry::Steps { turn, .. }
        | Entry::End { turn, .. } => Some(*turn),
        Entry::Pool(note) => Some(note.turn),
        Entry::Border(note) => Some(note.turn),
        Entry::Cache(note) => Some(note.turn),
        Entry::Verified(note) => Some(note.turn),
        Entry::Delegated(note) => call(&note.call),
        // One that a person asked for is outside of turns, whichever turn it follows.
        Entry::Compaction(note) => (note.reason != CompactReason::Asked).then_some(note.turn),
        Entry::Decision(note) => call(&note.call),
        Entry::Intent(note) => call(&note.call),
        Entry::Outcome(note) => call(&note.call),
        Entry::Refused { call: id, .. }
        | Entry::Own { call: id, .. }
        | Entry::Settled { call: id, .. } => call(id),
        Entry::Warning { turn, .. } => *turn,
        Entry::Mode { .. }
        | Entry::Deny { .. }
        | Entry::Allow { .. }
        | Entry::Pin { .. }
        | Entry::PinFile { .. }
        | Entry::Grant { .. } => None,
    }
}

fn closes(entry: &Entry) -> bool {
    matches!(entry, Entry::End { .. })
}

fn what(entry: &Entry) -> Vec<What> {
    let what = match entry {
        Entry::Begin(begin) => What::Session {
            resumed: false,
            model: begin.model.clone(),
            mode: Some(word(&begin.mode)),
            damage: Vec::new(),
        },
        Entry::Resumed { damage, .. } => What::Session {
            resumed: true,
            model: None,
            mode: None,
            damage: damage.clone(),
        },
        Entry::User { text, .. } => What::User { text: text.clone() },
        Entry::Pool(note) => What::PoolChanged {
            step: note.step,
            border: note.border.clone(),
            tools: note.tools.iter().map(|tool| tool.name.clone()).collect(),
            tokens: note.tokens,
            allowance: note.allowance,
            snapshot: note.snapshot,
        },
        Entry::Fit {
            step,
            table,
            removed,
            ..
        } => What::Budget {
            step: *step,
            window: table.window,
            total: table.total,
            parts: table
                .parts
                .iter()
                .map(|part| BudgetPart {
                    name: part.name.clone(),
                    tokens: part.tokens,
                })
                .collect(),
            exact: table.exact,
            removed: removed.len(),
        },
        Entry::Border(note) => What::BorderDecided {
            step: note.step,
            missing: note.missing.clone(),
            gain_ms: note.gain_ms,
            cost_ms: note.cost_ms,
            rebuilt: note.rebuilt,
            disclosed: note
                .disclosed
                .iter()
                .map(|tool| tool.name.clone())
                .collect(),
        },
        Entry::Compaction(note) => What::Compacted {
            step: note.step,
            rung: word(&note.rung),
            reason: word(&note.reason),
            before: note.before,
            after: note.after,
            cleared: note.cleared.len(),
        },
        Entry::Cache(note) => What::CacheRead {
            step: note.step,
            prompt: note.prompt,
            predicted: note.predicted,
            cached: note.cached,
            cause: note.cause.as_ref().map(word),
            place: note.place.clone(),
        },
        Entry::Verified(note) => What::Verified {
            step: note.step,
            what: word(&note.what),
            call: note.call.map(|call| call.to_string()),
            holds: note.holds,
            findings: note.findings.clone(),
        },
        Entry::Delegated(note) => What::Delegated {
            call: note.call.to_string(),
            agent: note.agent.clone(),
            delegate: note.session.clone(),
        },
        Entry::Reply { .. } => return reply(entry),
        Entry::Decision(note) => {
            let (call, name, reason, source) = (
                note.call.to_string(),
                note.name.clone(),
                note.reason.clone(),
                word(&note.source),
            );
            if note.allowed {
                What::CallApproved {
                    call,
                    name,
                    reason,
                    source,
                }
            } else {
                What::CallDenied {
                    call,
                    name,
                    reason,
                    source,
                }
            }
        }
        Entry::Intent(note) => What::CallRunning {
            call: note.call.to_string(),
            name: note.name.clone(),
            arguments: note.arguments.clone(),
            effect: note.effect.name().to_owned(),
        },
        Entry::Outcome(note) => What::CallFinished {
            call: note.call.to_string(),
            state: word(&note.verdict),
            text: note.text.clone(),
            elapsed_ms: note.elapsed_ms,
        },
        Entry::Refused { call, text, .. } => What::CallFinished {
            call: call.to_string(),
            state: "not-started".into(),
            text: text.clone(),
            elapsed_ms: 0,
        },
        Entry::Own {
            call, text, failed, ..
        } => What::CallFinished {
            call: call.to_string(),
            state: if *failed { "failed" } else { "completed" }.into(),
            text: text.clone(),
            elapsed_ms: 0,
        },
        Entry::Settled {
            call, verdict, by, ..
        } => What::CallSettled {
            call: call.to_string(),
            state: word(verdict),
            by: word(by),
        },
        Entry::Steps { items, .. } => What::Steps {
            items: items.iter().map(step).collect(),
        },
        Entry::Mode { mode } => setting("mode", word(mode)),
        Entry::Deny { pattern } => setting("deny", pattern.clone()),
        Entry::Allow { pattern } => setting("allow", pattern.clone()),
        Entry::Pin { tool, on: true } => setting("pin", tool.clone()),
        Entry::Pin { tool, on: false } => setting("unpin", tool.clone()),
        Entry::PinFile { path, on: true } => setting("pin-file", path.clone()),
        Entry::PinFile { path, on: false } => setting("unpin-file", path.clone()),
        Entry::Grant { grant } => setting("grant", format!("{}/{}", grant.server, grant.tool)),
        Entry::Undo { turn } => setting("undo", turn.to_string()),
        Entry::Warning { category, text, .. } => What::Warning {
            category: category.clone(),
            text: text.clone(),
        },
        Entry::End { how, note, .. } => What::TurnEnd {
            how: word(how),
            note: note.clone(),
        },
    };
    vec![what]
}

/// A reply and the calls in it. Of one that is not to be trusted nothing is called.
fn reply(entry: &Entry) -> Vec<What> {
    let Entry::Reply {
        step,
        text,
        reasoning,
        calls,
        stop,
        counted,
        usage,
        truncated,
        ..
    } = entry
    else {
        return Vec::new();
    };
    let said = What::Reply {
        step: *step,
        text: text.clone(),
        reasoning: reasoning.clone(),
        stop: if *truncated {
            "truncated".into()
        } else {
            word(stop)
        },
        usage: Cost {
            counted: counted.tokens,
            prompt: usage.prompt_tokens,
            cached: usage.cached_tokens,
            reply: usage.reply_tokens,
        },
    };
    let calls = calls
        .iter()
        .filter(|_| !truncated)
        .map(|call| What::CallProposed {
            step: *step,
            call: call.id.clone(),
            name: call.name.clone(),
            arguments: call.arguments.text().to_owned(),
        });
    std::iter::once(said).chain(calls).collect()
}

fn step(item: &StepItem) -> Step {
    Step {
        text: item.text.clone(),
        state: word(&item.state),
    }
}

fn setting(name: &str, value: String) -> What {
    What::Setting {
        name: name.to_owned(),
        value,
    }
}

/// The name that a plain variant has in the journal: one word for one thing in every format.
fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => format!("{other:?}"),
    }
}
