//! A call that was not made, or has no result: one sentence for whoever called, what a person can do, and what the journal
//! keeps of it.

use std::sync::Arc;

use toolpool_connectors::CallError;

use crate::error::list;
use crate::journal::JournalError;
use crate::journal::entry::{DecisionSource, RefusedWhy, Verdict};
use crate::permission::Judged;
use crate::repair::Repair;

/// A call that was not made, or has no result. Displays as one sentence for the caller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No such tool in this caller's view: unknown, hidden and denied are one answer.
    #[error("unknown tool `{name}`{}", suggest(suggestions))]
    Unknown {
        /// The name as given.
        name: String,
        /// Names from the caller's own view that come near.
        suggestions: Vec<Arc<str>>,
    },
    /// The arguments can't be used.
    #[error("invalid arguments for `{tool}`: {faults}{}", told(repairs))]
    Arguments {
        /// The exposed name.
        tool: Arc<str>,
        /// What is wrong, and where.
        faults: String,
        /// What was repaired before that.
        repairs: Vec<Repair>,
    },
    /// A tool in view, and a call of it that may not be made.
    #[error("{}", denial(tool, *by, words.as_deref()))]
    Denied {
        /// The exposed name.
        tool: Arc<str>,
        /// What denied it.
        by: DecisionSource,
        /// What whoever calls may hear of it.
        words: Option<String>,
    },
    /// Another tool than the one that was asked about.
    #[error(
        "`{tool}` changed while its approval was waited for, so it was not called; read its definition again first"
    )]
    Changed {
        /// The exposed name.
        tool: Arc<str>,
    },
    /// Cancelled before anything was sent.
    #[error("the call of `{tool}` was cancelled before anything was sent")]
    Cancelled {
        /// The exposed name.
        tool: Arc<str>,
    },
    /// The journal did not take what must be written before something is sent, or the outcome of what was.
    #[error("{}", unrecorded(tool, *sent))]
    Unrecorded {
        /// The exposed name.
        tool: Arc<str>,
        /// Whether the call was made.
        sent: bool,
        /// Why not.
        #[source]
        source: JournalError,
    },
    /// The tool comes from a catalog file.
    #[error("`{tool}` is offline: it comes from a catalog file and there is no server behind it")]
    Offline {
        /// The exposed name.
        tool: Arc<str>,
    },
    /// The server gave no result.
    #[error("{source}{}", in_doubt(source))]
    Server {
        /// The exposed name.
        tool: Arc<str>,
        /// What happened.
        #[source]
        source: CallError,
    },
}

impl Refusal {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { .. } => {
                Some("`toolpool tools` lists the tools that can be called".into())
            }
            Self::Arguments { tool, .. } => Some(format!(
                "`toolpool tools --name {tool}` shows its parameters"
            )),
            Self::Denied {
                by: DecisionSource::Rule,
                ..
            } => Some("`toolpool config show rules --origin` lists the rules".into()),
            Self::Offline { .. } => {
                Some("configure its server under `[servers.NAME]` to call it".into())
            }
            Self::Server { source, .. } => source.hint(),
            Self::Denied { .. }
            | Self::Changed { .. }
            | Self::Cancelled { .. }
            | Self::Unrecorded { .. } => None,
        }
    }

    /// What is known of the call. Where it was sent this is the verdict of its outcome.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Server { source, .. } => verdict(source),
            Self::Unrecorded { sent: true, .. } => Verdict::InDoubt,
            _ => Verdict::NotStarted,
        }
    }

    /// The step that refused, as the journal has it.
    pub(super) fn why(&self) -> RefusedWhy {
        match self {
            Self::Unknown { .. } => RefusedWhy::Unknown,
            Self::Arguments { .. } => RefusedWhy::Arguments,
            Self::Denied { .. } | Self::Changed { .. } => RefusedWhy::Denied,
            Self::Cancelled { .. } => RefusedWhy::Cancelled,
            Self::Unrecorded { .. } => RefusedWhy::Unrecorded,
            Self::Offline { .. } | Self::Server { .. } => RefusedWhy::NotReady,
        }
    }

    /// A denial as its caller hears it; of a tool that is hidden from them nothing.
    pub(super) fn denied(tool: Arc<str>, name: &str, judged: &Judged) -> Refusal {
        if judged.hides {
            Refusal::Unknown {
                name: super::resolve::shortened(name),
                suggestions: Vec::new(),
            }
        } else {
            Refusal::Denied {
                tool,
                by: judged.source,
                words: judged.words.clone(),
            }
        }
    }
}

/// What an error says of the call: a server that answers with one has not carried it out to an end.
fn verdict(error: &CallError) -> Verdict {
    match error {
        CallError::Rpc { .. } | CallError::Unsupported { .. } => Verdict::Failed,
        error if error.may_have_run() => Verdict::InDoubt,
        _ => Verdict::NotStarted,
    }
}

fn suggest(names: &[Arc<str>]) -> String {
    if names.is_empty() {
        String::new()
    } else {
        format!("; did you mean {}?", list(names))
    }
}

fn told(repairs: &[Repair]) -> String {
    if repairs.is_empty() {
        String::new()
    } else {
        format!(" (already repaired: {})", repairs.join("; "))
    }
}

/// One sentence that ends the matter: a model that is told why tends to look for a way around.
fn denial(tool: &str, source: DecisionSource, words: Option<&str>) -> String {
    let words = words.map(|words| format!(": {words}"));
    let words = words.as_deref().unwrap_or("");
    match source {
        DecisionSource::Rule | DecisionSource::DenyList => {
            format!(
                "this call of `{tool}` is denied by the person's rule{words}; do not try it again"
            )
        }
        DecisionSource::Gate => {
            format!(
                "this call of `{tool}` is denied{words}; do not try the same in another spelling"
            )
        }
        DecisionSource::Person | DecisionSource::Grant => {
            format!("the person said no to this call of `{tool}`{words}; do not try it again")
        }
        DecisionSource::NoPerson => format!(
            "this call of `{tool}` needs a person's approval and nobody is there to give it; do not try it again"
        ),
        DecisionSource::AgentType => {
            format!("`{tool}` is none of the tools of this agent{words}; do not try it again")
        }
        DecisionSource::Mode => {
            format!(
                "this call of `{tool}` is not possible in this mode{words}; do not try it again"
            )
        }
    }
}

fn unrecorded(tool: &str, sent: bool) -> String {
    if sent {
        format!(
            "`{tool}` was called, but what came of it could not be recorded; whether it took effect is not known"
        )
    } else {
        format!("`{tool}` was not called: the call could not be recorded")
    }
}

fn in_doubt(error: &CallError) -> &'static str {
    if error.may_have_run() {
        "; whether it took effect is not known"
    } else {
        ""
    }
}
