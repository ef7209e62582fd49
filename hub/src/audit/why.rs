//! Why something was as it was, read from the lines of one journal: a tool in a pool, a call, what a step saw.
//!
//! Only what the journal says is told, as it was then. What the catalog of today would do is another question, asked of the hub.

use serde::Serialize;
use serde_json::Value;

use super::{Audit, Record};
use crate::journal::entry::{
    BorderNote, BudgetTable, CacheNote, CallId, CompactionNote, DelegatedNote, Entry, Line,
    PoolNote, PoolTool, RefusedWhy, SettledBy, StepNo, TurnNo, Verdict,
};
use crate::session::{Session, Stored};

/// What a journal says of one tool.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToolStory {
    /// The exposed name.
    pub tool: String,
    /// What each pool says of it, in order.
    pub pools: Vec<InPool>,
    /// Borders that were looked at since it was missing.
    pub borders: Vec<BorderNote>,
    /// Calls of it.
    pub calls: Vec<Record>,
}

/// What one pool says of a tool.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InPool {
    /// The turn.
    pub turn: TurnNo,
    /// The step from which the pool was in force.
    pub step: StepNo,
    /// Why the pool was made.
    pub border: String,
    /// Whether the tool is in it; none where the pool does not name it.
    pub offered: Option<bool>,
    /// In one sentence.
    pub sentence: String,
}

/// What one pool says of a tool, in one sentence; none where it does not name it.
pub fn pool_sentence(pool: &PoolNote, tool: &str) -> Option<(bool, String)> {
    let when = pool_when(pool);
    let score = |score: Option<f32>| {
        score
            .map(|score| format!(", score {score:.2}"))
            .unwrap_or_default()
    };
    if let Some(offered) = pool.tools.iter().find(|offered| offered.name == tool) {
        let sentence = format!(
            "`{tool}` is in {when}: {}{}, {} tokens",
            offered.reason,
            score(offered.score),
            offered.tokens
        );
        return Some((true, sentence));
    }
    let out = pool.best_out.iter().find(|out| out.name == tool)?;
    let sentence = format!(
        "`{tool}` is not in {when}: {}{}",
        out.reason,
        score(out.score)
    );
    Some((false, sentence))
}

fn pool_when(pool: &PoolNote) -> String {
    format!(
        "the pool of turn {}, chosen for `{}`",
        pool.turn,
        pool.query.trim()
    )
}

/// The name under which a tool was offered, where it is given by its server's name for it and only one was meant by that.
fn exposed(lines: &[Line], tool: &str) -> String {
    let pools = lines.iter().filter_map(|line| match &line.entry {
        Entry::Pool(pool) => Some(pool),
        _ => None,
    });
    let offered = || pools.clone().flat_map(|pool| &pool.tools);
    let own = |offered: &&PoolTool| offered.id.as_ref().is_some_and(|(_, own)| own == tool);
    let mut names: Vec<&str> = offered()
        .filter(own)
        .map(|offered| offered.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    match names[..] {
        [name] if !offered().any(|offered| offered.name == tool) => name.to_owned(),
        _ => tool.to_owned(),
    }
}

/// What a journal says of a tool, in all turns or in one. The pool in force at a turn may be an earlier turn's.
pub fn tool_story(lines: &[Line], tool: &str, turn: Option<TurnNo>) -> ToolStory {
    let exposed = exposed(lines, tool);
    let tool = exposed.as_str();
    let wanted = |no: TurnNo| turn.is_none_or(|turn| turn == no);
    let mut story = ToolStory {
        tool: tool.to_owned(),
        pools: Vec::new(),
        borders: Vec::new(),
        calls: Vec::new(),
    };
    let mut before: Option<&PoolNote> = None;
    let mut pools: Vec<&PoolNote> = Vec::new();
    for line in lines {
        match &line.entry {
            Entry::Pool(pool) if turn.is_some_and(|turn| pool.turn < turn) => before = Some(pool),
            Entry::Pool(pool) if wanted(pool.turn) => pools.push(pool),
            Entry::Border(border)
                if wanted(border.turn)
                    && (border.missing.iter().any(|name| name == tool)
                        || border.disclosed.iter().any(|told| told.name == tool)) =>
            {
                story.borders.push(border.clone());
            }
            _ => {}
        }
    }
    // What was in force when the turn began, unless it made its own before it asked anything.
    if pools.first().is_none_or(|pool| pool.step > 1) {
        pools.extend(before);
        pools.rotate_right(usize::from(before.is_some()));
    }
    story.pools = pools.into_iter().map(|pool| in_pool(pool, tool)).collect();
    let audit = Audit::of(lines);
    let of_it = |record: &&Record| {
        let named = record.name == tool || record.tool.as_deref() == Some(tool);
        named && wanted(record.call.turn)
    };
    story.calls = audit.records().iter().filter(of_it).cloned().collect();
    story
}

fn in_pool(pool: &PoolNote, tool: &str) -> InPool {
    let (offered, sentence) = match pool_sentence(pool, tool) {
        Some((offered, sentence)) => (Some(offered), sentence),
        None => {
            let others: usize = pool.others_out.values().sum();
            let counted: Vec<String> = pool
                .others_out
                .iter()
                .map(|(reason, count)| format!("{count} {reason}"))
                .collect();
            let rest = match others {
                0 => "it was not in the view".to_owned(),
                _ => format!(
                    "it was not in the view, or one of those that are only counted ({})",
                    counted.join(", ")
                ),
            };
            let sentence = format!("`{tool}` is not in {}: {rest}", pool_when(pool));
            (None, sentence)
        }
    };
    InPool {
        turn: pool.turn,
        step: pool.step,
        border: pool.border.clone(),
        offered,
        sentence,
    }
}

/// One thing that happened to a call.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Event {
    /// The model asked for it.
    Proposed {
        /// The name as it wrote it.
        name: String,
        /// The arguments as it wrote them.
        arguments: Value,
        /// Why they can't be used at all, if so.
        fault: Option<String>,
    },
    /// It was decided on; the record has what and why.
    Decided {
        /// Whether it may be made.
        allowed: bool,
        /// Why.
        reason: String,
    },
    /// It was about to be sent.
    Intended {
        /// As it was sent, secrets replaced.
        arguments: Value,
        /// Whether it may be sent again without harm.
        repeatable: bool,
    },
    /// It began a session.
    Delegated(DelegatedNote),
    /// It came back.
    Ended {
        /// What is known.
        verdict: Verdict,
        /// What the model or client was told.
        text: String,
        /// Milliseconds it took.
        elapsed_ms: u64,
        /// What was repaired in it.
        repairs: Vec<String>,
        /// The artifact that holds the whole result.
        artifact: Option<String>,
    },
    /// One of the hub's own tools answered.
    Answered {
        /// What.
        text: String,
        /// Whether that is a failure.
        failed: bool,
    },
    /// It was not sent.
    Refused {
        /// Which step of the door refused.
        why: RefusedWhy,
        /// What the model or client was told.
        text: String,
    },
    /// Something about it was held against what is known.
    Verified {
        /// Whether it holds.
        holds: bool,
        /// What was found.
        findings: Vec<String>,
    },
    /// It was in doubt, and now something is known of it.
    Settled {
        /// What.
        verdict: Verdict,
        /// Who knows it.
        by: SettledBy,
        /// What the model is told.
        text: String,
    },
}

/// The whole story of a call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallStory {
    /// What it amounts to.
    pub record: Record,
    /// What happened, each with its line and its time.
    pub events: Vec<(u64, u64, Event)>,
}

/// The story of a call; none where the journal does not name it.
pub fn call_story(lines: &[Line], call: CallId) -> Option<CallStory> {
    let record = Audit::of(lines).record_of(call)?.clone();
    let told = |line: &Line| event(&line.entry, call).map(|event| (line.seq, line.at_ms, event));
    let events = lines.iter().filter_map(told).collect();
    Some(CallStory { record, events })
}

fn event(entry: &Entry, wanted: CallId) -> Option<Event> {
    Some(match entry {
        Entry::Reply { calls, faults, .. } => {
            let id = wanted.to_string();
            let call = calls.iter().find(|call| call.id == id)?;
            Event::Proposed {
                name: call.name.clone(),
                arguments: Value::Object(call.arguments.object()),
                fault: faults.get(&wanted).cloned(),
            }
        }
        Entry::Decision(note) if note.call == wanted => Event::Decided {
            allowed: note.allowed,
            reason: note.reason.clone(),
        },
        Entry::Intent(note) if note.call == wanted => Event::Intended {
            arguments: note.arguments.clone(),
            repeatable: note.repeatable,
        },
        Entry::Delegated(note) if note.call == wanted => Event::Delegated(note.clone()),
        Entry::Outcome(note) if note.call == wanted => Event::Ended {
            verdict: note.verdict,
            text: note.text.clone(),
            elapsed_ms: note.elapsed_ms,
            repairs: note.repairs.clone(),
            artifact: note.artifact.clone(),
        },
        Entry::Own {
            call, text, failed, ..
        } if *call == wanted => Event::Answered {
            text: text.clone(),
            failed: *failed,
        },
        Entry::Refused {
            call, why, text, ..
        } if *call == wanted => Event::Refused {
            why: *why,
            text: text.clone(),
        },
        Entry::Verified(note) if note.call == Some(wanted) => Event::Verified {
            holds: note.holds,
            findings: note.findings.clone(),
        },
        Entry::Settled {
            call,
            verdict,
            by,
            text,
        } if *call == wanted => Event::Settled {
            verdict: *verdict,
            by: *by,
            text: text.clone(),
        },
        _ => return None,
    })
}

/// What was in the window at one step.
#[derive(Clone, Debug)]
pub struct StepStory {
    /// The turn.
    pub turn: TurnNo,
    /// The step.
    pub step: StepNo,
    /// The line that says how the request fit.
    pub seq: u64,
    /// When.
    pub at_ms: u64,
    /// What took the room.
    pub table: BudgetTable,
    /// The pool in force.
    pub pool: Option<PoolNote>,
    /// Whether another one was worth its re-read, where that was asked at this step.
    pub border: Option<BorderNote>,
    /// What was compacted for it.
    pub compactions: Vec<CompactionNote>,
    /// The messages as they were shown then, without the system message and what is put behind the last one.
    pub messages: Vec<Stored>,
    /// What the server had in its cache of it.
    pub cache: Option<CacheNote>,
}

/// What was in the window at a step, the last time that it was asked; none where there was no such step. The conversation is folded up
/// to that line, so that what was compacted or taken back later is there as it was.
pub fn step_story(lines: &[Line], turn: TurnNo, step: StepNo) -> Option<StepStory> {
    let at = lines.iter().rposition(
        |line| matches!(line.entry, Entry::Fit { turn: t, step: s, .. } if (t, s) == (turn, step)),
    )?;
    let Entry::Fit { table, .. } = &lines[at].entry else {
        return None;
    };
    let mut session = Session::default();
    let (mut border, mut compactions) = (None, Vec::new());
    for line in &lines[..=at] {
        session.apply(line);
        match &line.entry {
            Entry::Border(note) if (note.turn, note.step) == (turn, step) => {
                border = Some(note.clone());
            }
            Entry::Compaction(note) if (note.turn, note.step) == (turn, step) => {
                compactions.push(note.clone());
            }
            _ => {}
        }
    }
    let cache = lines[at..].iter().find_map(|line| match &line.entry {
        Entry::Cache(note) if (note.turn, note.step) == (turn, step) => Some(note.clone()),
        _ => None,
    });
    Some(StepStory {
        turn,
        step,
        seq: lines[at].seq,
        at_ms: lines[at].at_ms,
        table: table.clone(),
        pool: session.pool().cloned(),
        border,
        compactions,
        messages: session.messages(),
        cache,
    })
}
