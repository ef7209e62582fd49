//! What must be true after every run, killed or not: of the journal, the server's ledger, what was printed, what the model was
//! sent.

use std::collections::BTreeSet;

use serde_json::Value;
use toolpool::event::replay;
use toolpool::journal::Entry;
use toolpool::journal::entry::{CallId, SettledBy, Verdict};
use toolpool::workflow::CallRecord;

use super::scene::Kept;
use super::task::{DESTRUCTIVE, WORDS, steps};
use crate::model::Recorded;

/// Everything there is to see.
pub(super) struct Look<'a> {
    pub(super) kept: &'a Kept,
    /// Durable events that any run has printed.
    pub(super) told: &'a [Value],
    /// The calls that the server has carried out.
    pub(super) ledger: Vec<Value>,
    /// What the model was asked.
    pub(super) requests: Vec<Recorded>,
}

impl Look<'_> {
    /// How often a call was carried out, by its key.
    pub(super) fn times(&self, call: CallId) -> usize {
        let key = format!("{}:{call}", self.kept.id);
        let is_it = |done: &&Value| done["key"] == key.as_str();
        self.ledger.iter().filter(is_it).count()
    }

    /// Calls that went to the server, or were to.
    fn calls(&self) -> impl Iterator<Item = &CallRecord> {
        let calls = self.kept.workflow.calls().iter();
        calls.filter(|record| record.name.contains("__"))
    }
}

/// The state of every call is the true one, and the server did nothing that is not in the journal. Answers how many calls
/// were looked at.
pub(super) fn states(look: &Look<'_>) -> Result<usize, String> {
    let mut looked = 0;
    for record in look.calls() {
        let times = look.times(record.call);
        let said = record.settled == Some(SettledBy::Person);
        let possible = match record.verdict {
            // What the person says is taken for true, and may not be.
            _ if said => times <= 1,
            Verdict::NotStarted => times == 0,
            Verdict::Completed if record.repeatable => times >= 1,
            Verdict::Completed | Verdict::Failed => times == 1,
            Verdict::InDoubt => record.repeatable || times <= 1,
        };
        if !possible {
            return Err(format!(
                "`{}` {} is {:?} in the journal and was carried out {times} times",
                record.name, record.call, record.verdict
            ));
        }
        looked += 1;
    }
    for done in &look.ledger {
        let known = look.calls().any(|record| {
            record.intended && done["key"] == format!("{}:{}", look.kept.id, record.call).as_str()
        });
        if !known {
            return Err(format!("the server was sent what no intent says: {done}"));
        }
    }
    Ok(looked)
}

/// Every durable event that was printed is in the journal, the same.
pub(super) fn nothing_is_lost(look: &Look<'_>) -> Result<(), String> {
    let kept: Result<Vec<Value>, _> = replay(&look.kept.lines, &look.kept.id)
        .iter()
        .map(serde_json::to_value)
        .collect();
    let kept = kept.map_err(|error| error.to_string())?;
    match look.told.iter().find(|told| !kept.contains(told)) {
        Some(lost) => Err(format!("it was printed and is not in the journal: {lost}")),
        None => Ok(()),
    }
}

/// Every conversation that the model was sent is one that any endpoint takes. Answers how many there were.
pub(super) fn histories(look: &Look<'_>) -> Result<usize, String> {
    for asked in &look.requests {
        let messages = asked.body["messages"].as_array();
        let messages = messages.ok_or("a request has no messages")?;
        valid(messages).map_err(|wrong| {
            let all = asked.body["messages"].to_string();
            format!("the model was sent a history that is not valid: {wrong}\n{all}")
        })?;
    }
    Ok(look.requests.len())
}

/// `system? (user assistant (tool for each call) ... )`, and the turn is the model's.
fn valid(messages: &[Value]) -> Result<(), String> {
    let mut last = "";
    let mut due: Vec<&Value> = Vec::new();
    for (place, message) in messages.iter().enumerate() {
        let text = |key: &str| message[key].as_str().unwrap_or_default();
        let (role, said) = (text("role"), text("content"));
        if role != "tool" && !due.is_empty() {
            return Err(format!("calls without a result before message {place}"));
        }
        let follows = match role {
            "system" => place == 0,
            // Nobody else speaks in the person's name.
            "user" if !said.starts_with(WORDS) => {
                return Err(format!("the person never said {said:?}"));
            }
            "user" => matches!(last, "" | "system" | "assistant"),
            "assistant" => matches!(last, "user" | "tool"),
            "tool" => !due.is_empty() && *due.remove(0) == message["tool_call_id"],
            _ => false,
        };
        if !follows {
            return Err(format!("message {place} is of `{role}` behind `{last}`"));
        }
        if role == "assistant" {
            let calls = message["tool_calls"].as_array();
            due = calls
                .into_iter()
                .flatten()
                .map(|call| &call["id"])
                .collect();
        }
        last = role;
    }
    if !due.is_empty() {
        return Err("the last calls have no result".into());
    }
    if !matches!(last, "user" | "tool") {
        return Err(format!("it is not the model's turn behind `{last}`"));
    }
    Ok(())
}

/// Whoever resumes a session hears of each call in doubt.
pub(super) fn told_of_doubts(
    open: &BTreeSet<CallId>,
    before: Option<&Kept>,
    stderr: &str,
) -> Result<(), String> {
    let sentences = stderr.matches("was sent and no answer came back").count();
    if sentences != open.len() {
        return Err(format!(
            "{} calls were in doubt and the person heard of {sentences}",
            open.len()
        ));
    }
    if before.is_some_and(|kept| kept.workflow.open_turn().is_some())
        && !stderr.contains("was interrupted")
    {
        return Err("a turn was interrupted and the person did not hear of it".into());
    }
    Ok(())
}

/// What the person said of each call in doubt is kept.
pub(super) fn settled(
    look: &Look<'_>,
    open: &BTreeSet<CallId>,
    happened: bool,
) -> Result<(), String> {
    let wanted = if happened {
        Verdict::Completed
    } else {
        Verdict::NotStarted
    };
    for call in open {
        let record = look.kept.workflow.call(*call);
        let kept = record.map(|record| (record.verdict, record.settled));
        if kept != Some((wanted, Some(SettledBy::Person))) {
            return Err(format!("{call} was settled by the person and is {kept:?}"));
        }
    }
    Ok(())
}

/// At the end: each call of the task was made once, and once more for each time that the person said it had not been. Answers
/// how many destructive ones were carried out more than once.
pub(super) fn nothing_twice(look: &Look<'_>) -> Result<usize, String> {
    let mut twice = 0;
    for (name, arguments) in steps().into_iter().flatten() {
        let of_it = |record: &&CallRecord| record.name == name && record.arguments == arguments;
        let (mut made, mut denied, mut believed) = (0, 0, 0);
        for record in look.kept.workflow.calls().iter().filter(of_it) {
            made += 1;
            let said = record.settled == Some(SettledBy::Person);
            denied += usize::from(said && record.verdict == Verdict::NotStarted);
            believed += usize::from(said && record.verdict == Verdict::Completed);
        }
        let call = format!("`{name}` with {arguments}");
        if made != denied + 1 {
            return Err(format!(
                "{call} was made {made} times, and {denied} times that was said not to have happened"
            ));
        }
        if !name.ends_with(DESTRUCTIVE) {
            continue;
        }
        let is_it = |done: &&Value| done["tool"] == DESTRUCTIVE && done["arguments"] == arguments;
        let times = look.ledger.iter().filter(is_it).count();
        if times == 0 && believed == 0 {
            return Err(format!("{call} never happened, and nobody said it did"));
        }
        if times > 1 + denied {
            return Err(format!("{call} happened {times} times"));
        }
        twice += usize::from(times > 1);
    }
    Ok(twice)
}

/// The journal in short, for people who look for what went wrong.
pub(super) fn text(kept: &Kept) -> String {
    let mut text = format!("  session {}\n", kept.id);
    for line in &kept.lines {
        let entry = serde_json::to_value(&line.entry).unwrap_or_default();
        let about = match &line.entry {
            Entry::Reply { text, calls, .. } => format!("{text:?}, {} calls", calls.len()),
            _ => ["call", "name", "verdict", "text", "how"]
                .iter()
                .filter_map(|key| entry[*key].as_str())
                .collect::<Vec<_>>()
                .join(" "),
        };
        let kind = entry["kind"].as_str().unwrap_or_default();
        text.push_str(&format!("  {} {kind} {about}\n", line.seq));
    }
    text
}
