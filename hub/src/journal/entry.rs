//! What a journal holds: one enum, closed and versioned. What is not an entry did not happen.
//!
//! ```text
//! Begin | Resumed
//! User ─► Pool ─► Fit ─► Reply ─► Decision ─► Intent ─► Outcome ─┐   one call: Refused, or Decision ─► Intent ─► Outcome
//!                  ▲                          └► Refused ────────┤   in doubt: Intent without Outcome, or with one that does not know
//!                  └───────────── next step ─────────────────────┘
//! End
//! between: Steps, Mode, Deny, Allow, Pin, PinFile, Grant, Undo, Settled, Warning,
//!          Border, Cache, Compaction, Verified, Delegated
//! ```
//!
//! A reader that meets a kind it does not know stops with an error and changes nothing: the file is from a newer program.
//! Nothing here is derived from something else here; what can be worked out is worked out by the folds.

mod call_id;
mod long;
mod notes;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toolpool_config::Mode;
use toolpool_connectors::model::{Counted, Stop, ToolCall, Usage};

pub use call_id::CallId;
pub use long::*;
pub use notes::*;

/// The version of the lines. Raised when an older program could misread a newer file.
pub const VERSION: u32 = 1;

/// One entry with its place in the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its number, from 1, without gaps.
    pub seq: u64,
    /// Milliseconds since 1970, by this machine's clock. For people: order is `seq`.
    pub at_ms: u64,
    /// What happened.
    pub entry: Entry,
}

impl Entry {
    /// The call that a step of the door is about.
    #[must_use]
    pub fn call(&self) -> Option<CallId> {
        match self {
            Entry::Decision(note) => Some(note.call),
            Entry::Intent(note) => Some(note.call),
            Entry::Outcome(note) => Some(note.call),
            Entry::Refused { call, .. } | Entry::Own { call, .. } | Entry::Settled { call, .. } => {
                Some(*call)
            }
            _ => None,
        }
    }
}

/// Which turn of a session, from 1. Never used twice, also after an undo.
pub type TurnNo = u32;
/// Which step of a turn, from 1.
pub type StepNo = u32;

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Entry {
    /// A journal begins. Always the first line.
    Begin(Begin),
    /// Another process has opened it.
    Resumed {
        /// The program's version.
        program: String,
        /// What was found damaged, one sentence each.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        damage: Vec<String>,
    },
    /// The person's words. Synced before anything else happens.
    User {
        /// The turn that they begin.
        turn: TurnNo,
        /// The words.
        text: String,
    },
    /// The tools that the model is offered from here on: an epoch begins.
    Pool(PoolNote),
    /// Whether another pool was worth its re-read, with the figures it was decided by. Where it was, [`Entry::Pool`] follows.
    Border(BorderNote),
    /// A part of the conversation is shown to the model in another form from here on. The lines themselves stay.
    Compaction(CompactionNote),
    /// A request fits, and this is how.
    Fit {
        /// The turn.
        turn: TurnNo,
        /// The step.
        step: StepNo,
        /// What takes the room, as `/budget` prints it.
        table: BudgetTable,
        /// What was taken out of the conversation for good so that it fits, by the `seq` of the entries. Written by programs that
        /// had no [`Entry::Compaction`] yet.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        removed: Vec<u64>,
    },
    /// The model's reply, whole.
    Reply {
        /// The turn.
        turn: TurnNo,
        /// The step.
        step: StepNo,
        /// What it said, byte for byte.
        text: String,
        /// What it thought.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reasoning: Option<String>,
        /// What it wants called; each is answered by an [`Entry::Outcome`], an [`Entry::Refused`] or an [`Entry::Own`].
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        calls: Vec<ToolCall>,
        /// Calls whose arguments could not be used at all, with what the model is told: they are never made.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        faults: BTreeMap<CallId, String>,
        /// Why it ended.
        stop: Stop,
        /// What the prompt was counted as.
        counted: Counted,
        /// What the server reported.
        usage: Usage,
        /// Set where the server read fewer tokens than were sent: the reply is not to be trusted and not part of the conversation.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        truncated: bool,
    },
    /// What the server had of the prompt in its cache, and what it could have had.
    Cache(CacheNote),
    /// Something was held against what is known: a result, a write, the final answer.
    Verified(VerifiedNote),
    /// A call begins a session of its own, under an agent type.
    Delegated(DelegatedNote),
    /// Whether a call may be made, and who says so.
    Decision(DecisionNote),
    /// A call is about to be sent. Without an outcome behind it the call is in doubt.
    Intent(IntentNote),
    /// What became of a call that was sent.
    Outcome(OutcomeNote),
    /// A call that was not sent: unknown, invalid, denied, cancelled in time, or its server not there.
    Refused {
        /// The call.
        call: CallId,
        /// The tool as the model or client named it.
        name: String,
        /// Which step of the door refused.
        why: RefusedWhy,
        /// What the model or client was told.
        text: String,
    },
    /// What one of the hub's own tools answered (`find_tools`, `steps`): they reach no server and leave nothing in doubt.
    Own {
        /// The call.
        call: CallId,
        /// The tool.
        name: String,
        /// What the model was told.
        text: String,
        /// Whether that is a failure.
        failed: bool,
    },
    /// What is now known of a call that was in doubt.
    Settled {
        /// The call.
        call: CallId,
        /// What is known.
        verdict: Verdict,
        /// Who knows it.
        by: SettledBy,
        /// What the model is told.
        text: String,
    },
    /// The model's steps of its task, as a whole.
    Steps {
        /// The turn.
        turn: TurnNo,
        /// The steps.
        items: Vec<StepItem>,
    },
    /// The session's mode from here on.
    Mode {
        /// The mode.
        mode: Mode,
    },
    /// A pattern joins the session's deny list.
    Deny {
        /// The pattern as written.
        pattern: String,
    },
    /// A pattern that the session added leaves its deny list again.
    Allow {
        /// The pattern as written.
        pattern: String,
    },
    /// A tool is always offered, or no longer.
    Pin {
        /// The exposed name.
        tool: String,
        /// Whether it is pinned from here on.
        on: bool,
    },
    /// A file is shown again after a reset, or no longer.
    PinFile {
        /// The path as the person wrote it.
        path: String,
        /// Whether it is pinned from here on.
        on: bool,
    },
    /// The person allowed a kind of call for the rest of the session.
    Grant {
        /// What is allowed.
        grant: Grant,
    },
    /// This turn and all after it are no part of the conversation any more. What was done stays done.
    Undo {
        /// The first turn that is left out.
        turn: TurnNo,
    },
    /// Something a person should know.
    Warning {
        /// The turn, where it belongs to one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        turn: Option<TurnNo>,
        /// One of the event log's categories.
        category: String,
        /// One sentence.
        text: String,
    },
    /// A turn ends.
    End {
        /// The turn.
        turn: TurnNo,
        /// How.
        how: EndHow,
        /// For the person, where the model said nothing about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
}
