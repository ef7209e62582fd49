//! What entries of long work carry: compactions, the prompt cache, verification, delegates.

use serde::{Deserialize, Serialize};

use super::{CallId, PoolTool, StepNo, TurnNo};

/// Why another pool was built, or was not: both sides of the comparison, in milliseconds. Where it was not, the tools whose
/// definitions stand behind the person's words instead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BorderNote {
    /// The turn.
    pub turn: TurnNo,
    /// The step.
    pub step: StepNo,
    /// Names among the best ranked that the pool in force does not have.
    pub missing: Vec<String>,
    /// What another pool is expected to save over the disclosure that stands in its place.
    pub gain_ms: f64,
    /// What reading the conversation again is expected to cost.
    pub cost_ms: f64,
    /// Milliseconds to read one token that is not cached, by which the cost was worked out.
    pub read_ms_per_token: f64,
    /// Whether that was measured in this session, or assumed.
    pub measured: bool,
    /// Whether another pool was built.
    pub rebuilt: bool,
    /// Tools that the pool does not have and the turn is told of, as their definitions stand behind the person's words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disclosed: Vec<PoolTool>,
}

/// How a part of the conversation is shown from here on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompactionNote {
    /// The turn; the last one where a person asked between turns.
    pub turn: TurnNo,
    /// The step that it was done for.
    pub step: StepNo,
    /// Which rung of the ladder.
    pub rung: Rung,
    /// Why.
    pub reason: CompactReason,
    /// What the person asked to keep in view, where they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focus: Option<String>,
    /// The first line that is shown in another form.
    pub from: u64,
    /// The last one.
    pub to: u64,
    /// SHA-256 of the messages of that range as they were shown before, as canonical JSON.
    pub sha256: String,
    /// Tokens of the request before.
    pub before: u32,
    /// Tokens of the request after.
    pub after: u32,
    /// Results that are one line from here on ([`Rung::Clear`]), with the artifact that holds each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cleared: Vec<Cleared>,
    /// What stands in place of the range; empty where only results were cleared.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What the audit of a summary found missing and appended: how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appended: Option<u32>,
}

/// A result that is shown as one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleared {
    /// The line that holds the result.
    pub seq: u64,
    /// The artifact that holds all of it.
    pub artifact: String,
    /// The line that is shown.
    pub line: String,
}

/// A rung of the ladder, from the cheapest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// Stale results become one line.
    Clear,
    /// Old steps become a list of operations.
    Digest,
    /// The model writes what is worth keeping; what it forgot is appended.
    Summary,
    /// A fresh window.
    Reset,
}

/// Why a conversation was compacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompactReason {
    /// The next request would not have fit.
    Room,
    /// The server said that a request did not fit.
    Overflow,
    /// The server read fewer tokens than were sent.
    Truncated,
    /// The person asked for it.
    Asked,
}

/// What a server had in its cache of one prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CacheNote {
    /// The turn.
    pub turn: TurnNo,
    /// The step.
    pub step: StepNo,
    /// Tokens of the prompt.
    pub prompt: u32,
    /// Tokens that could have been in the cache.
    pub predicted: u32,
    /// Tokens that were; none where the server does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<u32>,
    /// Why fewer were read from the cache than the prompt before had; none where nothing was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<CacheCause>,
    /// Where the first difference is, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Tokens that were read again although the server had read them for the prompt before; 0 where no cause is known.
    #[serde(default)]
    pub again: u32,
    /// SHA-256 of the system text, which stands in no other entry: what is sent after a restart is held against it.
    #[serde(default)]
    pub system: String,
    /// To whom the prompt was sent, and how.
    #[serde(default)]
    pub served: Served,
}

/// The circumstances of a request that are no part of its prompt and decide what a cache holds of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// Where the server answers.
    pub url: String,
    /// The model.
    pub model: String,
    /// Tokens of the server's window.
    pub window: u32,
    /// What the template was told beyond the conversation, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// The slot right before the request; none where the server shows none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<SlotSeen>,
    /// The slot right after the reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<SlotSeen>,
}

/// A slot of the server's cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotSeen {
    /// Its number.
    pub id: u32,
    /// What it worked on last, by a number that only grows; none where it did nothing since the server began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<u64>,
    /// Requests that this process had sent to it: more of them than ours are requests of the same conversation.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub asked: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What made a server read again what it had read already. Closed: each of them is provoked by a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheCause {
    /// A definition has other bytes under the same name.
    ToolBytes,
    /// The same definitions in another order.
    ToolOrder,
    /// Definitions came or went.
    ToolsChanged,
    /// The system text has other bytes.
    SystemBytes,
    /// The template was given other arguments, such as thinking on or off.
    TemplateArguments,
    /// The template leaves out reasoning of earlier turns.
    ReasoningStripped,
    /// A message that was sent before has other bytes.
    HistoryEdited,
    /// Arguments of a call were written again in other bytes.
    ArgumentsReserialized,
    /// The conversation was compacted.
    Compaction,
    /// Another window is in use.
    WindowChanged,
    /// Another model answers.
    ModelChanged,
    /// Another request of the same conversation used the slot: an opinion, a verdict, a summary, a delegate.
    OwnRequest,
    /// Somebody else used the slot.
    SlotTaken,
    /// The server was started again.
    ServerRestarted,
    /// The server dropped it for a reason that it does not tell, with the same bytes sent.
    ServerForgot,
}

impl CacheCause {
    /// All causes.
    pub const ALL: [CacheCause; 15] = [
        CacheCause::ToolBytes,
        CacheCause::ToolOrder,
        CacheCause::ToolsChanged,
        CacheCause::SystemBytes,
        CacheCause::TemplateArguments,
        CacheCause::ReasoningStripped,
        CacheCause::HistoryEdited,
        CacheCause::ArgumentsReserialized,
        CacheCause::Compaction,
        CacheCause::WindowChanged,
        CacheCause::ModelChanged,
        CacheCause::OwnRequest,
        CacheCause::SlotTaken,
        CacheCause::ServerRestarted,
        CacheCause::ServerForgot,
    ];

    /// It in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            CacheCause::ToolBytes => "tool bytes",
            CacheCause::ToolOrder => "tool order",
            CacheCause::ToolsChanged => "tools changed",
            CacheCause::SystemBytes => "system bytes",
            CacheCause::TemplateArguments => "template arguments",
            CacheCause::ReasoningStripped => "reasoning stripped",
            CacheCause::HistoryEdited => "history edited",
            CacheCause::ArgumentsReserialized => "arguments re-serialised",
            CacheCause::Compaction => "compaction",
            CacheCause::WindowChanged => "window changed",
            CacheCause::ModelChanged => "model changed",
            CacheCause::OwnRequest => "own request",
            CacheCause::SlotTaken => "slot taken",
            CacheCause::ServerRestarted => "server restarted",
            CacheCause::ServerForgot => "server forgot",
        }
    }
}

/// What was held against what is known, and how it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerifiedNote {
    /// The turn.
    pub turn: TurnNo,
    /// The step.
    pub step: StepNo,
    /// What was verified.
    pub what: Checked,
    /// The call that it is about; none for an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    /// Whether it holds.
    pub holds: bool,
    /// What was found, one sentence each; empty where it holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
    /// What the model is told as the next message, where it gets a chance to repair it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
}

/// What can be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Checked {
    /// The format of a content that is about to be written.
    Format,
    /// What a write left behind, read back.
    Effect,
    /// What the final answer claims, against the journal.
    Claims,
    /// The same, by a verify agent.
    Verdict,
}

/// A task that was given to an agent of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegatedNote {
    /// The call that gave it.
    pub call: CallId,
    /// The agent type.
    pub agent: String,
    /// The delegate's session.
    pub session: String,
    /// The task in the model's words.
    pub task: String,
}
