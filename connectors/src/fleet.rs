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

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::future::join_all;
use serde_json::Value;
use tokio::{
    io::DuplexStream,
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use toolpool_config::{Limits, ServerConfig};
use toolpool_registry::Health;

use crate::{
    CallError, CallReply, CallRequest,
    guard::Guard,
    mcp::{Live, Owner, Shared, Tail, call, same_connection},
};

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

/// A cheap handle to all servers. When the last one is dropped without [`Fleet::shutdown`], the servers are stopped all the same, but
/// nobody waits for them.
#[derive(Clone)]
pub struct Fleet(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    events: mpsc::UnboundedSender<FleetEvent>,
    /// A plain mutex: held to look up or exchange a handle, never across an await.
    servers: Mutex<BTreeMap<String, Handle>>,
}

/// The fleet's end of the channels to one owner.
struct Handle {
    config: ServerConfig,
    status: watch::Receiver<ServerStatus>,
    live: watch::Receiver<Option<Arc<Live>>>,
    tail: Arc<Tail>,
    stop: DropGuard,
    task: JoinHandle<()>,
}

impl Fleet {
    /// Starts every enabled server and returns at once. Must be called inside a tokio runtime.
    pub fn start(
        servers: &BTreeMap<String, ServerConfig>,
        options: FleetOptions,
    ) -> (Self, mpsc::UnboundedReceiver<FleetEvent>) {
        let (events, receiver) = mpsc::unbounded_channel();
        let warnings = events.clone();
        let guard = Guard::new(options.guard_program.clone(), move |message| {
            // Nobody listening means that the fleet is being dropped.
            let _ = warnings.send(FleetEvent::Warning { message });
        });
        let shared = Arc::new(Shared { options, guard });
        let handles = servers
            .iter()
            .map(|(name, config)| (name.clone(), begin(name, config, &shared, &events)))
            .collect();
        (
            Self(Arc::new(Inner {
                shared,
                events,
                servers: Mutex::new(handles),
            })),
            receiver,
        )
    }

    /// Brings the fleet to a new configuration: reconnects what changed, stops what is gone, starts what is new. Returns when the
    /// servers that had to go are gone; the others come up meanwhile.
    pub async fn apply(&self, servers: &BTreeMap<String, ServerConfig>) {
        let mut leaving = Vec::new();
        {
            let mut handles = self.handles();
            let names: Vec<String> = handles.keys().cloned().collect();
            for name in names {
                let keep = match (handles.get_mut(&name), servers.get(&name)) {
                    (Some(handle), Some(config)) if same_connection(&handle.config, config) => {
                        handle.config = config.clone();
                        true
                    }
                    _ => false,
                };
                if !keep && let Some(handle) = handles.remove(&name) {
                    leaving.push((name, handle));
                }
            }
        }
        let stopping = leaving.into_iter().map(|(name, handle)| async move {
            handle.stop().await;
            name
        });
        for name in join_all(stopping).await {
            if !servers.contains_key(&name) {
                let _ = self.0.events.send(FleetEvent::Gone { server: name });
            }
        }
        let mut handles = self.handles();
        for (name, config) in servers {
            handles
                .entry(name.clone())
                .or_insert_with(|| begin(name, config, &self.0.shared, &self.0.events));
        }
    }

    /// Calls a tool and waits for its answer. Every call gets one: a result, or an error that says what is known.
    ///
    /// # Errors
    ///
    /// See [`CallError`]; [`CallError::may_have_run`] tells whether the call may have had its effect.
    pub async fn call_tool(
        &self,
        server: &str,
        request: CallRequest,
    ) -> Result<CallReply, CallError> {
        let live = {
            let handles = self.handles();
            let handle = handles
                .get(server)
                .ok_or_else(|| CallError::UnknownServer {
                    server: server.into(),
                })?;
            let live = handle.live.borrow().clone();
            live.ok_or_else(|| CallError::NotReady {
                server: server.into(),
                reason: match &handle.status.borrow().health {
                    // Its tools were just there: it is going away, or coming back.
                    Health::Ready => Health::Starting.to_string(),
                    health => health.to_string(),
                },
            })?
        };
        call(&live, server, request).await
    }

    /// Every configured server as it stands, by name. Never waits.
    pub fn status(&self) -> Vec<ServerStatus> {
        self.handles()
            .values()
            .map(|handle| ServerStatus {
                stderr_tail: handle.tail.text(),
                skipped_lines: match &*handle.live.borrow() {
                    Some(live) => live.tap.skipped(),
                    None => handle.status.borrow().skipped_lines,
                },
                ..handle.status.borrow().clone()
            })
            .collect()
    }

    /// Stops every server and waits until their processes are gone.
    pub async fn shutdown(&self) {
        let handles = std::mem::take(&mut *self.handles());
        join_all(handles.into_values().map(Handle::stop)).await;
        self.0.shared.guard.end();
    }

    fn handles(&self) -> MutexGuard<'_, BTreeMap<String, Handle>> {
        self.0
            .servers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handle {
    async fn stop(self) {
        drop(self.stop);
        // An owner that panicked has dropped its process, which ends it.
        let _ = self.task.await;
    }
}

/// Starts a server's owner.
fn begin(
    name: &str,
    config: &ServerConfig,
    shared: &Arc<Shared>,
    events: &mpsc::UnboundedSender<FleetEvent>,
) -> Handle {
    let health = if config.enabled {
        Health::Starting
    } else {
        Health::Disabled
    };
    let (status, status_seen) = watch::channel(ServerStatus::new(name, health));
    let (live, live_seen) = watch::channel(None);
    let tail = Arc::new(Tail::new(shared.options.limits.stderr_tail_bytes));
    let stop = CancellationToken::new();
    let owner = Owner {
        server: name.to_owned(),
        config: config.clone(),
        shared: Arc::clone(shared),
        tail: Arc::clone(&tail),
        status,
        live,
        events: events.clone(),
        stop: stop.clone(),
    };
    Handle {
        config: config.clone(),
        status: status_seen,
        live: live_seen,
        tail,
        stop: stop.drop_guard(),
        task: tokio::spawn(owner.run()),
    }
}

impl ServerStatus {
    fn new(server: &str, health: Health) -> Self {
        Self {
            server: server.to_owned(),
            health,
            protocol: None,
            info: None,
            instructions: None,
            start_ms: None,
            stderr_tail: String::new(),
            skipped_lines: 0,
            pid: None,
            attempts: 0,
            hint: None,
        }
    }
}
