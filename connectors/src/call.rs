//! A call on its way out and its answer: our own types, so that the wire's stay at the edge.
//!
//! Results are the raw JSON as it came over the wire. Judging them (`isError`, output schemas, size) is the caller's business.

use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// One `tools/call`.
#[derive(Debug, Clone)]
pub struct CallRequest {
    /// The tool by the server's own name.
    pub tool: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// Members for the request's `_meta`; protocol members are added by the connection and win.
    pub meta: Map<String, Value>,
    /// How long to wait without an answer or progress. Progress starts it anew, up to `limits.call_timeouts_max` times.
    pub timeout: Duration,
    /// Cancelling it ends the call at once and tells the server.
    pub cancel: CancellationToken,
    /// Where progress goes. A full channel drops progress, never the call.
    pub progress: Option<mpsc::Sender<Progress>>,
}

impl CallRequest {
    /// A call without arguments, metadata or progress.
    pub fn new(tool: impl Into<String>, timeout: Duration) -> Self {
        Self {
            tool: tool.into(),
            arguments: Map::new(),
            meta: Map::new(),
            timeout,
            cancel: CancellationToken::new(),
            progress: None,
        }
    }
}

/// One progress report of a running call.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Grows with every report.
    pub progress: f64,
    /// What `progress` will be at the end, where the server knows.
    pub total: Option<f64>,
    /// The server's words.
    pub message: Option<String>,
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallReply {
    /// The `result` of `tools/call`, unknown members and all.
    pub result: Value,
}
