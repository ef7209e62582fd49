//! Everything that happens in a session, as one closed, versioned enum: the terminal, `stream-json` and later a page are
//! readers of the same stream.
//!
//! ```text
//! Entry ── durable(&Line) ──► Event   kept: replaying a journal gives the same ones in the same order
//! model, servers, clock ────► Event   passing: deltas, progress, heartbeat, stalled; gone when they were seen
//! ```
//!
//! A durable event is worked out from its line alone, so replay can't differ from what was live. Consumers must take an
//! unknown `type` as something to pass over; the version is raised when a known one changes its meaning.

mod durable;
mod stream;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use durable::{durable, replay};
pub use stream::{Stream, heartbeat};

/// The version of [`Event`].
pub const VERSION: u32 = 1;

/// One event with its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// The version of this format.
    pub v: u32,
    /// The session's id.
    pub session: String,
    /// The turn; 0 outside of turns.
    pub turn: u32,
    /// For a durable event the number of its journal line; for a passing one the number of the last line before it.
    pub seq: u64,
    /// Counts the passing events behind that line, from 1; 0 in a durable one.
    pub passing: u32,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum What {
    // Durable.
    /// A session began, or was opened again.
    Session {
        /// Whether it existed before.
        resumed: bool,
        /// The model in use, where there is one.
        model: Option<String>,
        /// The mode in force.
        mode: Option<String>,
        /// What was found damaged.
        damage: Vec<String>,
    },
    /// The person's words are kept.
    User {
        /// The words.
        text: String,
    },
    /// The tools that the model is offered changed.
    PoolChanged {
        /// The step.
        step: u32,
        /// Why.
        border: String,
        /// Their names, in order.
        tools: Vec<String>,
        /// Tokens of their definitions.
        tokens: u32,
        /// Tokens they were allowed.
        allowance: u32,
        /// The catalog's snapshot.
        snapshot: u64,
    },
    /// A request fits, and this is how.
    Budget {
        /// The step.
        step: u32,
        /// Tokens of the window.
        window: u32,
        /// Tokens in use.
        total: u32,
        /// What takes them.
        parts: Vec<BudgetPart>,
        /// Whether the server counted.
        exact: bool,
        /// How many messages were taken out so that it fits.
        removed: usize,
    },
    /// The model's reply, whole.
    Reply {
        /// The step.
        step: u32,
        /// What it said.
        text: String,
        /// What it thought.
        reasoning: Option<String>,
        /// Why it ended.
        stop: String,
        /// What it cost.
        usage: Cost,
    },
    /// The model wants a tool called.
    CallProposed {
        /// The step.
        step: u32,
        /// The call.
        call: String,
        /// The name as the model wrote it.
        name: String,
        /// The arguments as the model wrote them.
        arguments: String,
    },
    /// The call may be made.
    CallApproved {
        /// The call.
        call: String,
        /// The tool's exposed name.
        name: String,
        /// Which rule or who said so.
        reason: String,
        /// What kind of rule or who: `mode`, `rule`, `grant`, `person`, ...
        source: String,
    },
    /// The call may not be made.
    CallDenied {
        /// The call.
        call: String,
        /// The tool's exposed name.
        name: String,
        /// Which rule or who said so.
        reason: String,
        /// What kind of rule or who.
        source: String,
    },
    /// The call is being made.
    CallRunning {
        /// The call.
        call: String,
        /// The tool's exposed name.
        name: String,
        /// The arguments as sent, secrets replaced.
        arguments: serde_json::Value,
        /// What it may do.
        effect: String,
    },
    /// The call is over, whichever way.
    CallFinished {
        /// The call.
        call: String,
        /// `completed`, `failed`, `in-doubt`, `not-started`.
        state: String,
        /// What the model is told.
        text: String,
        /// How long it took; 0 where nothing was sent.
        elapsed_ms: u64,
    },
    /// What became of a call that was in doubt.
    CallSettled {
        /// The call.
        call: String,
        /// What is known now.
        state: String,
        /// Who knows it.
        by: String,
    },
    /// The model's steps of its task.
    Steps {
        /// The steps.
        items: Vec<Step>,
    },
    /// Whether another pool was worth reading the conversation again.
    BorderDecided {
        /// The step.
        step: u32,
        /// Names among the best ranked that the pool does not have.
        missing: Vec<String>,
        /// Milliseconds that having them is expected to save.
        gain_ms: f64,
        /// Milliseconds that reading again is expected to cost.
        cost_ms: f64,
        /// Whether another pool was built.
        rebuilt: bool,
        /// Tools that the turn is told of in its place, behind the person's words.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        disclosed: Vec<String>,
    },
    /// A part of the conversation is shown to the model in another form from here on.
    Compacted {
        /// The step.
        step: u32,
        /// `clear`, `digest`, `summary`, `reset`.
        rung: String,
        /// `room`, `overflow`, `truncated`, `asked`.
        reason: String,
        /// Tokens of the request before.
        before: u32,
        /// Tokens of the request after.
        after: u32,
        /// Results that are one line now.
        cleared: usize,
    },
    /// What the server had of the prompt in its cache.
    CacheRead {
        /// The step.
        step: u32,
        /// Tokens of the prompt.
        prompt: u32,
        /// Tokens that could have been in the cache.
        predicted: u32,
        /// Tokens that were, where the server says.
        cached: Option<u32>,
        /// Why some were lost: one of a closed list.
        cause: Option<String>,
        /// Where the first difference is.
        place: Option<String>,
    },
    /// Something was held against what is known.
    Verified {
        /// The step.
        step: u32,
        /// `format`, `effect`, `claims`, `verdict`.
        what: String,
        /// The call that it is about.
        call: Option<String>,
        /// Whether it holds.
        holds: bool,
        /// What was found, one sentence each.
        findings: Vec<String>,
    },
    /// A call began a session of its own.
    Delegated {
        /// The call.
        call: String,
        /// The agent type.
        agent: String,
        /// The delegate's session.
        delegate: String,
    },
    /// Something about the session was set: mode, deny list, pin, grant, undo.
    Setting {
        /// Which.
        name: String,
        /// To what.
        value: String,
    },
    /// Something a person should know.
    Warning {
        /// A category of the event log.
        category: String,
        /// One sentence.
        text: String,
    },
    /// The turn is over.
    TurnEnd {
        /// How: `answered`, `cancelled`, `refused`, `failed`, `step-limit`, `failure-limit`, `loop`, `interrupted`.
        how: String,
        /// What the person should know of it.
        note: Option<String>,
    },

    // Passing.
    /// The server has the request and does not work on it yet.
    Queued {},
    /// The server loads the model.
    Loading {},
    /// The server reads the prompt.
    Prefill {
        /// How much of it, from 0 to 100.
        percent: u8,
        /// Tokens of the prompt.
        total: u32,
        /// Tokens found in the cache.
        cached: u32,
    },
    /// A piece of reasoning.
    Thinking {
        /// The piece.
        text: String,
    },
    /// A piece of the answer.
    Text {
        /// The piece.
        text: String,
    },
    /// The model is writing a call.
    CallBegun {
        /// The tool's name as far as it is known.
        name: String,
    },
    /// A running call reports progress.
    CallProgress {
        /// The call.
        call: String,
        /// Grows with every report.
        progress: f64,
        /// What it will be at the end, where the server knows.
        total: Option<f64>,
        /// The server's words.
        message: Option<String>,
    },
    /// A person is being asked about a call.
    WaitingForApproval {
        /// The call.
        call: String,
        /// The tool's exposed name.
        name: String,
        /// Why it is asked about.
        reason: String,
    },
    /// A request to the model failed in a way that passes, and is sent again.
    Retrying {
        /// Which try comes next.
        attempt: u32,
        /// What failed.
        why: String,
    },
    /// Still there: at most a second after the last event of a running turn.
    Heartbeat {
        /// What is being waited for: `model`, `tool`, `approval`, ...
        on: String,
        /// For how long.
        for_ms: u64,
    },
    /// What is waited for has been silent for long.
    Stalled {
        /// What is waited for.
        on: String,
        /// For how long it has been silent.
        silent_ms: u64,
    },
}

/// One part of a budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetPart {
    /// What it is.
    pub name: String,
    /// Its tokens.
    pub tokens: u32,
}

/// What a reply cost, as far as the server says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// Tokens of the prompt as the hub counted them.
    pub counted: u32,
    /// Tokens of the prompt as the server reports them.
    pub prompt: Option<u32>,
    /// Of those, cached.
    pub cached: Option<u32>,
    /// Tokens of the reply.
    pub reply: Option<u32>,
}

/// One step of the model's task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// What is to be done.
    pub text: String,
    /// `open`, `doing` or `done`.
    pub state: String,
}

/// The JSON Schema of [`Event`]; `event.schema.json` beside this file is the published copy.
#[must_use]
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Event).to_value();
    schema["title"] = format!("toolpool event, version {VERSION}").into();
    schema
}

#[cfg(test)]
mod tests;
