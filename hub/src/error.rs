//! What can go wrong in the hub, each with what to do about it.
//!
//! Refusals of a single call are not here: they are answers for the caller, not failures of the
//! hub (see `execute::Refusal`).

use std::path::PathBuf;

/// An error that a person hears about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration can't be used.
    #[error(transparent)]
    Config(#[from] toolpool_config::Error),
    /// A profile was asked for that the configuration does not hold. Never replaced by a default.
    #[error("there is no profile `{name}`")]
    NoProfile {
        /// The name asked for.
        name: String,
        /// The profiles that exist.
        known: Vec<String>,
    },
    /// A deny pattern that can't be read. Nothing is served with a list that was not understood.
    #[error("cannot read the deny pattern `{pattern}`: {reason}")]
    DenyPattern {
        /// The pattern as given.
        pattern: String,
        /// Why not.
        reason: String,
    },
    /// An offline catalog that can't be read.
    #[error("cannot read the catalog `{}`", path.display())]
    Catalog {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The address to serve on can't be used.
    #[error("cannot serve on `{address}`")]
    Listen {
        /// The address as given.
        address: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Serving beyond this machine without a token.
    #[error(
        "refusing to serve on `{address}` without a bearer token: it can be reached from other machines"
    )]
    NoToken {
        /// The address as given.
        address: String,
    },
    /// The journal did not take an entry, or could not be opened. Nothing is done that it does not hold.
    #[error(transparent)]
    Journal(#[from] crate::journal::JournalError),
    /// A session can't be opened, read or begun.
    #[error(transparent)]
    Store(#[from] crate::journal::StoreError),
    /// There is no session to go on with.
    #[error("there is no session of the folder `{}` yet", folder.display())]
    NoSession {
        /// The working folder.
        folder: PathBuf,
    },
    /// The journal has lost its first line.
    #[error(
        "session `{session}` has lost its first line, which says under which profile, mode and deny list it ran"
    )]
    NoBegin {
        /// The session.
        session: String,
    },
    /// There is no turn to ask again.
    #[error("there is nothing to ask again")]
    NoTurn,
    /// An agent type that the configuration does not hold. Never replaced by another.
    #[error("there is no agent type `{name}`")]
    NoAgent {
        /// The name as given.
        name: String,
        /// What it was probably meant to be.
        near: Option<String>,
        /// The types that exist.
        known: Vec<String>,
    },
    /// A session is gone on with under another agent type than its own.
    #[error("session `{session}` is not one of agent type `{agent}`")]
    OtherAgent {
        /// The session.
        session: String,
        /// The type asked for.
        agent: String,
        /// Its own, if it has one.
        own: Option<String>,
    },
    /// A mode that the session's agent type does not have.
    #[error("agent type `{agent}` does not go beyond mode `{most}`")]
    AgentMode {
        /// The type.
        agent: String,
        /// The most that it has.
        most: toolpool_config::Mode,
    },
    /// Agents would stand too deep below one another.
    #[error(
        "no further agent can be given a task here: at most {most} may stand one below the other"
    )]
    DelegateDepth {
        /// The bound.
        most: u32,
    },
    /// The conversation has begun as many agents as it may.
    #[error("no further agent can be given a task: this conversation has begun {most} already")]
    DelegateTotal {
        /// The bound.
        most: u32,
    },
    /// A tool that the session does not see.
    #[error("there is no tool `{name}`")]
    NoTool {
        /// The name as given.
        name: String,
    },
    /// A call that is not in doubt, or that nothing could settle.
    #[error("the call `{call}` is not in doubt")]
    NoDoubt {
        /// The call's id.
        call: String,
    },
    /// What a request takes could not be counted.
    #[error("cannot say what a request takes")]
    NoCount(#[source] Box<crate::budget::Refusal>),
    /// The MCP session with a client could not be started or ended badly.
    #[error("the session with the client ended")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// What to do next, where the hub knows.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint(),
            Self::NoProfile { known, .. } if known.is_empty() => {
                Some("add one as `[profiles.NAME]`; `toolpool config init` writes an example".into())
            }
            Self::NoProfile { known, .. } => Some(format!("the profiles are {}", list(known))),
            Self::DenyPattern { .. } => {
                Some("a pattern is a glob over `server__tool`, or `server:GLOB`, or `effect:destructive`".into())
            }
            Self::Catalog { .. } => {
                Some("a catalog is what `toolpool tools --json` prints, or a saved answer to `tools/list`".into())
            }
            Self::Listen { .. } => Some("choose another address with `--http 127.0.0.1:PORT`".into()),
            Self::NoToken { .. } => {
                Some("add `[serve.tokens.NAME]` with a `secret`, or serve on 127.0.0.1".into())
            }
            Self::NoSession { .. } => {
                Some("start one without `--continue`; `toolpool sessions list` shows those of other folders".into())
            }
            Self::NoBegin { session } => Some(format!(
                "`toolpool sessions export {session}` reads what is left of it"
            )),
            Self::NoAgent { near: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            Self::NoAgent { known, .. } => Some(format!("the agent types are {}", list(known))),
            Self::OtherAgent { own, agent, .. } => Some(match own {
                Some(own) => format!("it runs as `{own}`; begin another one with `--agent {agent}`"),
                None => format!("it runs as none; begin another one with `--agent {agent}`"),
            }),
            Self::DelegateDepth { .. } => Some("do it yourself, or raise `delegate.depth_max`".into()),
            Self::DelegateTotal { .. } => Some("do it yourself, or raise `delegate.total_max`".into()),
            Self::NoTool { .. } => Some("`toolpool tools` lists the tools that can be called".into()),
            Self::Journal(error) => error.hint(),
            Self::Store(error) => error.hint(),
            Self::NoCount(refusal) => refusal.hint(),
            Self::NoTurn | Self::NoDoubt { .. } | Self::AgentMode { .. } | Self::Client(_) => None,
        }
    }
}

/// Names in backticks, joined for a sentence.
pub fn list<S: AsRef<str>>(names: &[S]) -> String {
    names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect::<Vec<_>>()
        .join(", ")
}
