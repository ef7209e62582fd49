//! Who is asked when the rules say *ask*: the terminal, or a fixed answer where no person is there.
//!
//! An approver hears what the call is and why it is asked about, and answers; it can widen nothing by itself. What it said
//! becomes an entry before anything is sent. A question is asked outside of the tool's own timeout.

use futures::future::BoxFuture;
use serde_json::Value;
use toolpool_config::Effect;

use crate::journal::entry::ApproverKind;

/// Asked about one call at a time.
///
/// The contract: a dropped future withdraws the question. An approver that fails answers [`Said::No`].
pub trait Approver: Send + Sync {
    /// Asks.
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Said>;

    /// Who answers: what the journal says of an answer that was given.
    fn kind(&self) -> ApproverKind;
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The call, where it has a name in the journal.
    pub call: String,
    /// The server.
    pub server: String,
    /// The tool by the server's own name.
    pub tool: String,
    /// The exposed name.
    pub name: String,
    /// What the tool says it does, safe to show.
    pub description: String,
    /// The arguments as they would be sent, secrets replaced.
    pub arguments: Value,
    /// What it may do, as the gate reads it.
    pub effect: Effect,
    /// Whether a yes that lasts is for these very arguments; else it is for the tool, whatever its arguments.
    pub exact: bool,
    /// Why it is asked about.
    pub reason: String,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// This call, this once.
    Once,
    /// This tool under this schema, with any arguments, until the session ends.
    Session,
    /// As for the session, and written as a rule into the person's configuration.
    Always,
    /// No, with what the model should know, if anything.
    No {
        /// The person's words for the model.
        why: Option<String>,
    },
    /// Nobody is there to ask: no, and the model is told that.
    Nobody,
}

/// Nobody is there: what is asked is denied, and says so.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPerson;

impl Approver for NoPerson {
    fn ask<'a>(&'a self, _question: &'a Question) -> BoxFuture<'a, Said> {
        Box::pin(async { Said::Nobody })
    }

    fn kind(&self) -> ApproverKind {
        ApproverKind::Autonomous
    }
}
