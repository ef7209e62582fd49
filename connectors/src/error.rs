//! What can go wrong when a tool is called on a server, told apart by what its listener may do next.
//!
//! The one question that matters after a failure is whether the call may have had an effect: [`CallError::may_have_run`] answers
//! it. Failures to *start* a server are no errors here: they are the server's health (`Retrying`, `Down`), with the reason in words.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

/// Why a call has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// No server of that name is configured.
    #[error("there is no server `{server}`")]
    UnknownServer {
        /// The name asked for.
        server: Arc<str>,
    },
    /// The server is not up, so nothing was sent.
    #[error("server `{server}` is not ready: {reason}")]
    NotReady {
        /// The server.
        server: Arc<str>,
        /// Its health in words.
        reason: String,
    },
    /// No answer (and no progress) within the limit; the server was told to stop.
    #[error("server `{server}` did not answer `{tool}` within {} ms", .after.as_millis())]
    Timeout {
        /// The server.
        server: Arc<str>,
        /// The tool, by the server's own name.
        tool: String,
        /// How long the call was waited for.
        after: Duration,
    },
    /// The caller cancelled; the server was told.
    #[error("the call of `{tool}` on server `{server}` was cancelled")]
    Cancelled {
        /// The server.
        server: Arc<str>,
        /// The tool, by the server's own name.
        tool: String,
    },
    /// The connection ended before the answer came.
    #[error("server `{server}` went away during the call: {reason}")]
    Crashed {
        /// The server.
        server: Arc<str>,
        /// What is known: exit status, last words on stderr, or the transport's error.
        reason: String,
        /// Whether the request had left for the server, so that it may have been carried out.
        sent: bool,
    },
    /// The server answered with a JSON-RPC error.
    #[error("server `{server}` refused the call: {message} ({code})")]
    Rpc {
        /// The server.
        server: Arc<str>,
        /// JSON-RPC error code.
        code: i64,
        /// The server's words.
        message: String,
        /// The server's data, if any.
        data: Option<Value>,
    },
    /// The server asked for something that this hub does not do yet, such as input in the middle of a call.
    #[error("server `{server}` answered with something that is not supported: {what}")]
    Unsupported {
        /// The server.
        server: Arc<str>,
        /// What it asked for.
        what: String,
    },
}

impl CallError {
    /// Whether the tool may have been carried out although no result came back.
    pub fn may_have_run(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Cancelled { .. } => true,
            Self::Crashed { sent, .. } => *sent,
            Self::UnknownServer { .. }
            | Self::NotReady { .. }
            | Self::Rpc { .. }
            | Self::Unsupported { .. } => false,
        }
    }

    /// What a person can do about it, when that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownServer { .. } => {
                Some("run `toolpool servers` to see the configured servers".to_owned())
            }
            Self::NotReady { server, .. } => Some(format!(
                "run `toolpool doctor {server}` to see why it is not up"
            )),
            Self::Timeout { server, .. } => Some(format!(
                "raise `timeout` under `[servers.{server}]` if the tool needs longer"
            )),
            Self::Crashed { server, .. } => Some(format!(
                "run `toolpool doctor {server}` to see its last words on stderr"
            )),
            Self::Cancelled { .. } | Self::Rpc { .. } | Self::Unsupported { .. } => None,
        }
    }
}
