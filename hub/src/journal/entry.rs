//! What a journal holds: one enum, closed and versioned. What is not an entry did not happen.
//!
//! ```text
//! Begin | Resumed
//! User ─► Pool ─► Fit ─► Reply ─► Decision ─► Intent ─► Outcome ─┐   one call: Refused, or Decision ─► Intent ─► Outcome
//!                  ▲                          └► Refused ────────┤   in doubt: Intent without Outcome, or with one that does not know
//!                  └───────────── next step ─────────────────────┘
//! End
//! between: Steps, Mode, Deny, Allow, Pin, Grant, Undo, Settled, Warning
//! ```
//!
//! A reader that meets a kind it does not know stops with an error and changes nothing: the file is from a newer program.
//! Nothing here is derived from something else here; what can be worked out is worked out by the folds.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use toolpool_config::{Effect, Mode};
use toolpool_connectors::model::{Counted, Stop, ToolCall, Usage};

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

/// Which turn of a session, from 1. Never used twice, also after an undo.
pub type TurnNo = u32;
/// Which step of a turn, from 1.
pub type StepNo = u32;

/// A call, named for as long as the journal exists: nine letters and digits made of turn, step and place, since Mistral's
/// template takes no other id. Calls that belong to no turn have turn 0 and count up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId {
    /// The turn.
    pub turn: TurnNo,
    /// The step; for a call outside of turns the high part of its count.
    pub step: StepNo,
    /// Its place among the step's calls, from 0.
    pub index: u32,
}

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
    /// A request fits, and this is how.
    Fit {
        /// The turn.
        turn: TurnNo,
        /// The step.
        step: StepNo,
        /// What takes the room, as `/budget` prints it.
        table: BudgetTable,
        /// What was taken out of the conversation for good so that it fits, by the `seq` of the entries.
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

/// How a journal begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Begin {
    /// The session's id, which is also its folder's name.
    pub session: String,
    /// What it is: a conversation, or the calls of a serving process.
    pub what: JournalKind,
    /// The program's version.
    pub program: String,
    /// The working folder.
    pub folder: String,
    /// The model, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The profile in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The mode at the start.
    pub mode: Mode,
    /// The session's own deny list at the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
    /// The session that it was forked from. Its lines up to there are copied behind this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked: Option<Forked>,
}

/// What a journal is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JournalKind {
    /// A conversation with a model.
    Session,
    /// Calls of clients or of the command line.
    Process,
}

/// Where a session came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forked {
    /// The other session.
    pub session: String,
    /// The last of its turns that is part of this one.
    pub turn: TurnNo,
}

/// A pool as the journal keeps it. Definitions are kept as they were sent, so that a resumed epoch is byte-equal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PoolNote {
    /// The turn.
    pub turn: TurnNo,
    /// The step.
    pub step: StepNo,
    /// The snapshot that it was chosen from.
    pub snapshot: u64,
    /// What it was chosen for.
    pub query: String,
    /// Why it was built anew: `first`, `turn`, `deny`, `mode`, `pin`, `servers`.
    pub border: String,
    /// The tools, in the order offered.
    pub tools: Vec<PoolTool>,
    /// The best of those left out, with the reason; at most 20.
    pub best_out: Vec<PoolOut>,
    /// The others left out, counted by reason.
    pub others_out: BTreeMap<String, usize>,
    /// Tokens of all definitions.
    pub tokens: u32,
    /// Tokens they were allowed.
    pub allowance: u32,
}

/// A tool of a pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PoolTool {
    /// The name in its definition.
    pub name: String,
    /// Its server and own name; none for the hub's own tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<(String, String)>,
    /// The definition as sent.
    pub definition: String,
    /// Its tokens.
    pub tokens: u32,
    /// Why it is in, in words.
    pub reason: String,
    /// Its score, where it was ranked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
}

/// A tool that is not in a pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PoolOut {
    /// The exposed name.
    pub name: String,
    /// Why it is out, in words.
    pub reason: String,
    /// Its score, where it was ranked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
}

/// What takes the room of a request. The parts add up to `total`, and `total` with `free` to `window`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetTable {
    /// Tokens of prompt and reply together.
    pub window: u32,
    /// What takes them, in the order of the request, reserve and margin last.
    pub parts: Vec<Part>,
    /// Tokens of all parts.
    pub total: u32,
    /// Tokens that nothing takes; none where the parts are more than the window.
    pub free: u32,
    /// Whether the server counted, or a calibrated tokenizer.
    pub exact: bool,
}

/// One part of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What it is, such as `tools` or `history`.
    pub name: String,
    /// Its tokens.
    pub tokens: u32,
}

/// What was decided of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionNote {
    /// The call.
    pub call: CallId,
    /// Whose call: `agent`, or a client's principal.
    pub principal: String,
    /// The profile in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The server.
    pub server: String,
    /// The tool by the server's own name.
    pub tool: String,
    /// The exposed name.
    pub name: String,
    /// The effect as the gate read it.
    pub effect: Effect,
    /// The schema that the decision is bound to.
    pub fingerprint: String,
    /// SHA-256 of the canonical arguments that it is bound to.
    pub arguments_sha256: String,
    /// The end of it: whether the call is made.
    pub allowed: bool,
    /// Which rule, list, gate or mode decided, in words.
    pub reason: String,
    /// What decided.
    pub source: DecisionSource,
}

/// What decided on a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecisionSource {
    /// The mode alone.
    Mode,
    /// A rule of the configuration.
    Rule,
    /// A deny list.
    DenyList,
    /// A gate over commands.
    Gate,
    /// The person allowed this kind of call for the session.
    Grant,
    /// The person, asked for this call.
    Person,
    /// Nobody was there to ask.
    NoPerson,
}

/// A call that is about to be sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IntentNote {
    /// The call.
    pub call: CallId,
    /// The server.
    pub server: String,
    /// The tool by the server's own name.
    pub tool: String,
    /// The exposed name.
    pub name: String,
    /// The schema that it was approved under.
    pub fingerprint: String,
    /// The arguments as they are sent, secrets replaced.
    pub arguments: Value,
    /// The effect as the gate read it.
    pub effect: Effect,
    /// Whether it may be sent again without harm, by a claim the hub trusts.
    pub repeatable: bool,
    /// Sent to the server as `_meta["toolpool/idempotency-key"]`.
    pub key: String,
}

/// What became of a call that was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutcomeNote {
    /// The call.
    pub call: CallId,
    /// What is known.
    pub verdict: Verdict,
    /// What the model or client was told, capped.
    pub text: String,
    /// SHA-256 of the whole result as the server sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_sha256: Option<String>,
    /// The artifact that holds the whole result, where it was cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
    /// Milliseconds from sending to the answer.
    pub elapsed_ms: u64,
    /// What was repaired in the name or the arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<String>,
}

/// What is known of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It never reached its server.
    NotStarted,
    /// It was carried out.
    Completed,
    /// The server carried it out and reports that it failed.
    Failed,
    /// It may or may not have been carried out.
    InDoubt,
}

/// Who settled a call in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettledBy {
    /// The person said so.
    Person,
    /// It may be sent again without harm, and was.
    Repeat,
    /// Nobody could say: it stays open, and the model is told so.
    Nobody,
}

/// Which step of the door refused a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusedWhy {
    /// No such tool in the caller's view.
    Unknown,
    /// The arguments can't be used.
    Arguments,
    /// Denied by a rule, a list, a gate or the person.
    Denied,
    /// The caller cancelled before anything was sent.
    Cancelled,
    /// Its server was not there, so nothing was sent.
    NotReady,
    /// The journal could not take the intent, so nothing was sent.
    Unrecorded,
}

/// A kind of call that the person allowed for the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The server.
    pub server: String,
    /// The tool by the server's own name.
    pub tool: String,
    /// The schema that it is bound to: another schema is another tool.
    pub fingerprint: String,
    /// SHA-256 of the canonical arguments it is bound to; none where any arguments are allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments_sha256: Option<String>,
}

/// One step of the model's task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepItem {
    /// What is to be done.
    pub text: String,
    /// How far it is.
    pub state: StepState,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// Not begun.
    Open,
    /// Being worked on.
    Doing,
    /// Done.
    Done,
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndHow {
    /// With an answer.
    Answered,
    /// The person stopped it.
    Cancelled,
    /// The request did not fit and nothing more could be left out.
    Refused,
    /// The model or its server failed.
    Failed,
    /// Too many steps.
    StepLimit,
    /// Too many failed calls in a row.
    FailureLimit,
    /// The same call with the same result again and again.
    Loop,
    /// The process ended in the middle of it; said when the session is opened again.
    Interrupted,
}

impl CallId {
    /// Letters and digits of each of the three numbers.
    const DIGITS: usize = 3;

    /// The id of the `count`th call that belongs to no turn.
    #[must_use]
    pub fn outside(count: u32) -> CallId {
        let base = 36u32.pow(Self::DIGITS as u32);
        CallId {
            turn: 0,
            step: count / base,
            index: count % base,
        }
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for number in [self.turn, self.step, self.index] {
            let mut digits = [b'0'; Self::DIGITS];
            let mut rest = number;
            for place in digits.iter_mut().rev() {
                *place = b"0123456789abcdefghijklmnopqrstuvwxyz"[(rest % 36) as usize];
                rest /= 36;
            }
            f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)?;
        }
        Ok(())
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for CallId {
    type Err = String;

    fn from_str(text: &str) -> Result<CallId, String> {
        let wrong = || format!("`{text}` is no call id: it has nine letters and digits");
        if text.len() != 3 * Self::DIGITS || !text.is_ascii() {
            return Err(wrong());
        }
        let part =
            |at: usize| u32::from_str_radix(&text[at..at + Self::DIGITS], 36).map_err(|_| wrong());
        Ok(CallId {
            turn: part(0)?,
            step: part(Self::DIGITS)?,
            index: part(2 * Self::DIGITS)?,
        })
    }
}

impl Serialize for CallId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CallId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_id_is_nine_letters_and_digits_and_reads_back() {
        for (id, text) in [
            (
                CallId {
                    turn: 1,
                    step: 2,
                    index: 0,
                },
                "001002000",
            ),
            (
                CallId {
                    turn: 46_655,
                    step: 35,
                    index: 36,
                },
                "zzz00z010",
            ),
            (CallId::outside(46_656), "000001000"),
        ] {
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse(), Ok(id));
        }
        for bad in ["", "00100200", "0010020000", "00100200!", "é0100200"] {
            assert!(bad.parse::<CallId>().is_err(), "{bad}");
        }
    }
}
