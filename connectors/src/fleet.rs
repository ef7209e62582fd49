//! All servers at once: start them side by side, follow their health and tool lists, call their tools, stop them.
//!
//! Every server has one owner task; the fleet only holds channels to it. Nothing here waits for a server except
//! [`Fleet::call_tool`], [`Fleet::apply`] (for servers that must go) and [`Fleet::shutdown`].
//!
//! ```text
//! Fleet ── command ──► owner task ── owns ──► child or HTTP session or in-memory pipe
//!   ▲                     │
//!   └── watch: status, live connection      FleetEvent ──► whoever holds the receiver
//! ```

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use serde_json::Value;
use tokio::{io::DuplexStream, sync::mpsc};
use toolpool_config::{Limits, ServerConfig};
use toolpool_registry::Health;

use crate::{CallError, CallReply, CallRequest};

/// Starts an in-process server on one end of an in-memory pipe; it must return at once, with the server running in a task.
pub type InProcessFactory = Arc<dyn Fn(&ServerConfig, DuplexStream) + Send + Sync>;

/// What the fleet is handed, so that it reads nothing from the process.
#[derive(Clone)]
pub struct FleetOptions {
    /// Our own binary, run as `PROGRAM __guard` to end the servers should we be killed. `None` goes without.
    pub guard_program: Option<PathBuf>,
    /// Bounds and times.
    pub limits: Limits,
    /// Runs in-process servers.
    pub in_process: InProcessFactory,
    /// The name we give to servers.
    pub client_name: String,
    /// The version we give to servers.
    pub client_version: String,
    /// Folders answered to `roots/list`.
    pub roots: Vec<PathBuf>,
    /// The environment that stdio servers start from, before their own `env`: the caller picks them.
    pub inherit_env: BTreeMap<String, String>,
    /// Seed of the jitter between retries.
    pub jitter_seed: u64,
}

/// Something the fleet has to say.
#[derive(Debug, Clone)]
pub enum FleetEvent {
    /// A server's status changed.
    Status(ServerStatus),
    /// A server's tool list was read and differs from the one last sent.
    Tools {
        /// The server.
        server: String,
        /// The tools as they came over the wire, malformed ones too.
        tools: Vec<Value>,
        /// The list is not whole: a bound was reached, or a cursor repeated.
        truncated: bool,
        /// The server's instructions.
        instructions: Option<String>,
    },
    /// A server was removed; its tools are gone.
    Gone {
        /// The server.
        server: String,
    },
    /// Something a person should know that is no single server's health, such as a missing guard.
    Warning {
        /// One sentence.
        message: String,
    },
}

/// A server as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerStatus {
    /// The server's name in the configuration.
    pub server: String,
    /// Its health.
    pub health: Health,
    /// The protocol revision in use.
    pub protocol: Option<String>,
    /// Name and version it gave of itself.
    pub info: Option<(String, String)>,
    /// Its instructions.
    pub instructions: Option<String>,
    /// Milliseconds from the start of the connection until it was ready, last time.
    pub start_ms: Option<u64>,
    /// The last it said on stderr.
    pub stderr_tail: String,
    /// Lines on its stdout that were no JSON-RPC messages and were skipped.
    pub skipped_lines: u64,
    /// Its process, where it has one.
    pub pid: Option<u32>,
    /// Connections begun since it was configured.
    pub attempts: u32,
    /// What a person can do when it is not up.
    pub hint: Option<String>,
}

/// A cheap handle to all servers.
#[derive(Clone)]
pub struct Fleet {
    events: mpsc::UnboundedSender<FleetEvent>,
}

impl Fleet {
    /// Starts every enabled server and returns at once. Must be called inside a tokio runtime.
    pub fn start(
        _servers: &BTreeMap<String, ServerConfig>,
        _options: FleetOptions,
    ) -> (Self, mpsc::UnboundedReceiver<FleetEvent>) {
        let (events, receiver) = mpsc::unbounded_channel();
        (Self { events }, receiver)
    }

    /// Brings the fleet to a new configuration: reconnects what changed, stops what is gone, starts what is new.
    pub async fn apply(&self, _servers: &BTreeMap<String, ServerConfig>) {}

    /// Calls a tool and waits for its answer. Every call gets one: a result, or an error that says what is known.
    pub async fn call_tool(
        &self,
        server: &str,
        _request: CallRequest,
    ) -> Result<CallReply, CallError> {
        Err(CallError::UnknownServer {
            server: server.to_owned(),
        })
    }

    /// Every configured server as it stands, by name. Never waits.
    pub fn status(&self) -> Vec<ServerStatus> {
        let _ = &self.events;
        Vec::new()
    }

    /// Stops every server and waits until their processes are gone.
    pub async fn shutdown(&self) {}
}
