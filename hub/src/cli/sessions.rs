//! `sessions list|show|export|delete`: conversations as they are kept. None of these opens a session, so each works beside a
//! running one; only `delete` takes its lock, and is refused while another process has it.
//!
//! `list --json`: `{"sessions": [summary]}`; `show --json`: `{"session": summary, "turns": [{turn, at_ms, undone, user, steps: [{step,
//! text, reasoning, truncated, calls: [call]}], end, note, warnings, compactions: [{step, rung, reason, before, after, cleared, text}]}],
//! "outside": [call]}` with each call `{call, name, effect, arguments, state, text, elapsed_ms, settled}`. What was compacted is here as
//! it was said.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use toolpool_config::Effect;

use crate::cli::args::{ExportFormat, SessionsCommand};
use crate::cli::report::Done;
use crate::cli::sessions_text;
use crate::cli::start::Context;
use crate::journal::entry::{
    CallId, CompactReason, CompactionNote, EndHow, Entry, JournalKind, Line, Rung, SettledBy,
    StepNo, TurnNo, Verdict,
};
use crate::journal::{RealDisk, Store, Summary};
use crate::workflow::{CallRecord, Workflow};

/// A session as people read it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Transcript {
    pub(crate) session: Summary,
    pub(crate) turns: Vec<Turn>,
    /// Calls that belong to no turn.
    pub(crate) outside: Vec<Call>,
}

/// One turn.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Turn {
    pub(crate) turn: TurnNo,
    pub(crate) at_ms: u64,
    /// Whether it is no part of the conversation any more.
    pub(crate) undone: bool,
    pub(crate) user: String,
    pub(crate) steps: Vec<Step>,
    pub(crate) end: Option<EndHow>,
    pub(crate) note: Option<String>,
    pub(crate) warnings: Vec<String>,
    pub(crate) compactions: Vec<Compacted>,
}

/// Where the model was shown something else from then on.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Compacted {
    /// The step that it was done for.
    pub(crate) step: StepNo,
    pub(crate) rung: Rung,
    pub(crate) reason: CompactReason,
    /// Tokens of the request.
    pub(crate) before: u32,
    pub(crate) after: u32,
    /// How many results became a line.
    pub(crate) cleared: usize,
    /// What stood in place of what was said before; empty where only results were cleared.
    pub(crate) text: String,
}

/// One reply with its calls.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) step: StepNo,
    pub(crate) text: String,
    pub(crate) reasoning: Option<String>,
    /// Whether it is not to be trusted, since its prompt was cut by the server.
    pub(crate) truncated: bool,
    pub(crate) calls: Vec<Call>,
}

/// One call.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Call {
    pub(crate) call: CallId,
    pub(crate) name: String,
    pub(crate) effect: Option<Effect>,
    pub(crate) arguments: Value,
    pub(crate) state: Verdict,
    pub(crate) text: Option<String>,
    pub(crate) elapsed_ms: Option<u64>,
    pub(crate) settled: Option<SettledBy>,
}

#[derive(Serialize)]
struct Listing {
    sessions: Vec<Summary>,
}

/// Runs one of the commands. None of them starts a server.
pub(crate) fn run(context: &Context, command: SessionsCommand) -> anyhow::Result<Done> {
    let store = Store::new(context.surroundings.state(), Arc::new(RealDisk));
    match command {
        SessionsCommand::List { all } => list(context, &store, all),
        SessionsCommand::Show { session, full } => {
            let transcript = read(&store, &session)?;
            if context.global.json {
                context.ui.json(&transcript)?;
            } else {
                let text = sessions_text::transcript(&transcript, full, &context.ui.out);
                context.ui.print(&text)?;
            }
            Ok(Done::Yes)
        }
        SessionsCommand::Export { session, format } => {
            let text = match format {
                ExportFormat::Jsonl => {
                    let raw = store.raw(&store.find(&session)?)?;
                    String::from_utf8_lossy(&raw).into_owned()
                }
                ExportFormat::Markdown => sessions_text::markdown(&read(&store, &session)?),
            };
            context.ui.print(&text)?;
            Ok(Done::Yes)
        }
        SessionsCommand::Delete { session } => {
            let id = store.find(&session)?;
            store.delete(&id)?;
            context.ui.say(&format!("session `{id}` is deleted"));
            Ok(Done::Yes)
        }
    }
}

fn list(context: &Context, store: &Store, all: bool) -> anyhow::Result<Done> {
    let mut sessions = store.list()?;
    // What can't be read is shown: it may be a conversation.
    sessions.retain(|session| all || session.what != Some(JournalKind::Process));
    sessions.sort_by(|a, b| (b.last_ms, &b.id).cmp(&(a.last_ms, &a.id)));
    let sessions = under_parents(sessions);
    if context.global.json {
        context.ui.json(&Listing { sessions })?;
    } else {
        let text = sessions_text::list(&sessions, &context.ui.out);
        context.ui.print(&text)?;
        if !sessions.is_empty() {
            context.ui.hint(
                "`toolpool --resume SESSION` goes on with one; the beginning of its name is enough",
            );
        }
    }
    Ok(Done::Yes)
}

/// Delegates behind the session that gave them their task, in the order they were begun; the rest stays as it was. One whose
/// parent is not in the list stays where it is.
pub(crate) fn under_parents(sessions: Vec<Summary>) -> Vec<Summary> {
    let ids: BTreeSet<String> = sessions.iter().map(|session| session.id.clone()).collect();
    let is_child = |session: &Summary| {
        let parent = session.parent.as_ref();
        parent.is_some_and(|parent| *parent != session.id && ids.contains(parent))
    };
    let (mut children, tops): (Vec<Summary>, Vec<Summary>) =
        sessions.into_iter().partition(is_child);
    children.sort_by(|a, b| a.id.cmp(&b.id));
    let mut ordered = Vec::new();
    // The next one to show is the last one here.
    let mut waiting: Vec<Summary> = tops.into_iter().rev().collect();
    while let Some(next) = waiting.pop() {
        let (below, rest) = children
            .into_iter()
            .partition(|child: &Summary| child.parent.as_ref() == Some(&next.id));
        children = rest;
        waiting.extend(below.into_iter().rev());
        ordered.push(next);
    }
    // Two that name each other.
    ordered.extend(children);
    ordered
}

fn read(store: &Store, words: &str) -> anyhow::Result<Transcript> {
    let id = store.find(words)?;
    let session = store.summary(&id)?;
    let (lines, _) = store.read(&id)?;
    Ok(transcript(session, &lines))
}

/// The lines as turns, with what became of each call.
pub(crate) fn transcript(session: Summary, lines: &[Line]) -> Transcript {
    let mut workflow = Workflow::default();
    for line in lines {
        workflow.apply(line);
    }
    let mut turns: Vec<Turn> = Vec::new();
    let mut shown: BTreeSet<CallId> = BTreeSet::new();
    for line in lines {
        match &line.entry {
            Entry::User { turn, text } => turns.push(Turn {
                turn: *turn,
                at_ms: line.at_ms,
                user: text.clone(),
                ..Turn::default()
            }),
            Entry::Reply {
                turn,
                step,
                text,
                reasoning,
                calls,
                truncated,
                ..
            } => {
                let ids = calls.iter().filter_map(|call| call.id.parse().ok());
                let calls: Vec<CallId> = ids.filter(|_| !truncated).collect();
                shown.extend(&calls);
                let records = calls.iter().filter_map(|call| workflow.call(*call));
                let step = Step {
                    step: *step,
                    text: text.clone(),
                    reasoning: reasoning.clone(),
                    truncated: *truncated,
                    calls: records.map(call).collect(),
                };
                if let Some(turn) = named(&mut turns, *turn) {
                    turn.steps.push(step);
                }
            }
            Entry::Undo { turn } => turns
                .iter_mut()
                .filter(|undone| undone.turn >= *turn)
                .for_each(|undone| undone.undone = true),
            Entry::Warning {
                turn: Some(turn),
                text,
                ..
            } => {
                if let Some(turn) = named(&mut turns, *turn) {
                    turn.warnings.push(text.clone());
                }
            }
            Entry::Compaction(note) => {
                if let Some(turn) = named(&mut turns, note.turn) {
                    turn.compactions.push(compacted(note));
                }
            }
            Entry::End { turn, how, note } => {
                if let Some(turn) = named(&mut turns, *turn) {
                    turn.end = Some(*how);
                    turn.note.clone_from(note);
                }
            }
            _ => {}
        }
    }
    let rest = workflow.calls().iter();
    let outside = rest
        .filter(|record| !shown.contains(&record.call))
        .map(call)
        .collect();
    Transcript {
        session,
        turns,
        outside,
    }
}

fn named(turns: &mut [Turn], no: TurnNo) -> Option<&mut Turn> {
    turns.iter_mut().rev().find(|turn| turn.turn == no)
}

fn compacted(note: &CompactionNote) -> Compacted {
    Compacted {
        step: note.step,
        rung: note.rung,
        reason: note.reason,
        before: note.before,
        after: note.after,
        cleared: note.cleared.len(),
        text: note.text.clone(),
    }
}

fn call(record: &CallRecord) -> Call {
    Call {
        call: record.call,
        name: record.name.clone(),
        effect: record.effect,
        arguments: record.arguments.clone(),
        state: record.verdict,
        text: record.text.clone(),
        elapsed_ms: record.elapsed_ms,
        settled: record.settled,
    }
}

#[cfg(test)]
pub(crate) mod tests;
