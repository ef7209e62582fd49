//! A session as a script: entries of most kinds with their sync points, so that a disk can fail at each of them; and what folds make of
//! it, as text to be compared.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use serde_json::json;
use toolpool::journal::entry::{
    Begin, CallId, EndHow, IntentNote, JournalKind, OutcomeNote, StepItem, StepState, Verdict,
};
use toolpool::journal::{Apply, Entry, Line, Sync};
use toolpool::memory::Memory;
use toolpool::session::Session;
use toolpool::workflow::Workflow;
use toolpool_config::{Effect, Mode};
use toolpool_connectors::model::{Arguments, Counted, Stop, ToolCall, Usage};

/// How the session begins.
pub fn begin() -> Begin {
    Begin {
        session: String::new(),
        what: JournalKind::Session,
        program: "test".into(),
        folder: "/work".into(),
        model: Some("tiny".into()),
        profile: None,
        mode: Mode::Ask,
        deny: Vec::new(),
        forked: None,
        agent: None,
        parent: None,
    }
}

/// The entries behind the first, each with its sync point: three turns of two calls, one of which destroys something.
pub fn script() -> Vec<(Entry, Sync)> {
    let mut out = Vec::new();
    for turn in 1..=3 {
        let call = |index| CallId {
            turn,
            step: 1,
            index,
        };
        let text = format!("turn {turn}: wipe the disk and say so");
        out.push((Entry::User { turn, text }, Sync::Now));
        out.push((reply(turn, 1, "", &[call(0), call(1)]), Sync::Later));
        out.push((intent(call(0), "read", Effect::ReadOnly), Sync::Later));
        out.push((outcome(call(0), &"what was read ".repeat(90)), Sync::Later));
        out.push((intent(call(1), "wipe", Effect::Destructive), Sync::Now));
        out.push((outcome(call(1), "wiped"), Sync::Later));
        let items = vec![StepItem {
            text: format!("step of turn {turn}"),
            state: StepState::Doing,
        }];
        out.push((Entry::Steps { turn, items }, Sync::Later));
        out.push((reply(turn, 2, "It is wiped.", &[]), Sync::Later));
        let how = EndHow::Answered;
        let note = None;
        out.push((Entry::End { turn, how, note }, Sync::Now));
    }
    out
}

fn reply(turn: u32, step: u32, text: &str, calls: &[CallId]) -> Entry {
    Entry::Reply {
        turn,
        step,
        text: text.into(),
        reasoning: None,
        calls: calls
            .iter()
            .map(|call| ToolCall {
                id: call.to_string(),
                name: "disk__wipe".into(),
                arguments: Arguments::none(),
            })
            .collect(),
        faults: Default::default(),
        stop: Stop::Done,
        counted: Counted {
            tokens: 100,
            raw: 100,
            exact: true,
        },
        usage: Usage::default(),
        truncated: false,
    }
}

fn intent(call: CallId, tool: &str, effect: Effect) -> Entry {
    Entry::Intent(IntentNote {
        call,
        server: "disk".into(),
        tool: tool.into(),
        name: format!("disk__{tool}"),
        fingerprint: "f".into(),
        arguments: json!({ "path": "notes.txt" }),
        effect,
        repeatable: effect == Effect::ReadOnly,
        key: call.to_string(),
    })
}

fn outcome(call: CallId, text: &str) -> Entry {
    Entry::Outcome(OutcomeNote {
        call,
        verdict: Verdict::Completed,
        text: text.into(),
        result_sha256: None,
        artifact: None,
        elapsed_ms: 1,
        repairs: Vec::new(),
    })
}

/// All folds over one journal, and its lines.
#[derive(Debug, Default)]
pub struct Folds {
    /// The lines seen.
    pub lines: Vec<Line>,
    session: Session,
    workflow: Workflow,
    memory: Memory,
}

impl Folds {
    /// Takes in a line.
    pub fn apply(&mut self, line: &Line) {
        self.session.apply(line);
        self.workflow.apply(line);
        self.memory.apply(line);
        self.lines.push(line.clone());
    }

    /// All that they say.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for stored in self.session.messages() {
            writeln!(out, "{stored:?}").expect("a string takes all");
        }
        let (calls, memory) = (self.workflow.calls(), &self.memory);
        let (open, next) = (self.workflow.open_turn(), self.session.next_turn());
        write!(out, "{calls:?}\n{memory:?}\n{open:?} {next}").expect("a string takes all");
        out
    }

    /// What the entries so far amount to.
    pub fn of(entries: &[Entry]) -> Folds {
        let mut folds = Folds::default();
        for (entry, seq) in entries.iter().zip(1..) {
            folds.apply(&Line {
                seq,
                at_ms: 0,
                entry: entry.clone(),
            });
        }
        folds
    }
}

/// Folds that a journal feeds.
pub fn folding() -> (Apply, Arc<Mutex<Folds>>) {
    let folds = Arc::new(Mutex::new(Folds::default()));
    let into = folds.clone();
    let apply = move |line: &Line| {
        into.lock()
            .expect("folds do not panic over what a journal holds")
            .apply(line);
    };
    (Box::new(apply), folds)
}
