//! What the larger entries carry. Kept apart from the list of what can happen, so that the list can be read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toolpool_config::{Effect, Mode};

use super::{CallId, StepNo, TurnNo};

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
    /// The agent type, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The call that it was begun by, where it is a delegate's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
}

/// Whose delegate a session is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The session that it was begun in.
    pub session: String,
    /// The call there.
    pub call: CallId,
    /// How many delegates stand one above the other, this one among them: 1 for one that a conversation began.
    pub depth: u32,
    /// The agent types of those above it, from the outermost: their restrictions are its own also where it is gone on with later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub above: Vec<String>,
    /// How thorough it is to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thoroughness: Option<String>,
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
    /// Why it was built anew: `first`, `turn`, `deny`, `pin`, `room`, `compaction`; `tried` where it was only looked at.
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
    /// The rule, list entry or gate that decided or had it asked, as the person finds it in the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Who gave the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approver: Option<ApproverKind>,
    /// The agent type that asked; none for a conversation without one, and for clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

/// Who gave the answer to a call that was decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApproverKind {
    /// A person at the terminal.
    Terminal,
    /// The agent that delegated the task, within its own rights.
    Coordinator,
    /// Rules alone: nobody was asked.
    Autonomous,
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
    /// The agent type does not have it.
    AgentType,
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
