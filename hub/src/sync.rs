//! The one writer of snapshots. Everything that changes the catalog comes here as a message; what
//! comes out is a new immutable snapshot, numbered one higher.
//!
//! ```text
//! fleet events ─┐
//! configuration ─┼─► Change ─► Writer ─► Snapshot ─► ArcSwap (readers) and watch (number)
//! vectors ───────┘               └──► embedding job (one at a time, beside the queries)
//! ```
//!
//! Messages that wait are taken together, so that eight servers coming up at once make few snapshots
//! and not eight. A tool is offered as soon as its server lists it: until its vector is there it is
//! ranked by words.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{mpsc, watch};
use toolpool_config::Config;
use toolpool_connectors::{FleetEvent, ServerStatus};
use toolpool_registry::embed::Encoder;
use toolpool_registry::{
    DocumentHash, Health, Rejected, ServerState, ServerTools, Snapshot, TokenCounter, VectorStore,
    read_tools,
};

use crate::catalog_file::{self, Offline};

/// While a large catalog is embedded, snapshots with the vectors so far follow at this distance.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);
/// Texts embedded between two messages to the writer.
const EMBED_CHUNK: usize = 64;

/// Something that changes the catalog.
#[expect(
    clippy::large_enum_variant,
    reason = "most changes are of the fleet: a box for each would save nothing"
)]
pub(crate) enum Change {
    /// From the servers.
    Fleet(FleetEvent),
    /// The configuration was replaced.
    Config(Arc<Config>),
    /// The encoder came up, or will not.
    Encoder(Option<Arc<Encoder>>),
    /// Vectors of a running job, `None` for a text that can't be embedded; `done` after its last ones.
    Vectors {
        vectors: Vec<(DocumentHash, Option<Vec<f32>>)>,
        done: bool,
    },
}

/// What readers hold of the writer.
pub(crate) struct Published {
    /// The newest snapshot.
    pub snapshot: Arc<arc_swap::ArcSwap<Snapshot>>,
    /// Its number, and whether nothing more is on its way.
    pub progress: watch::Receiver<Progress>,
}

/// How far the catalog is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Progress {
    /// Number of the newest snapshot.
    pub snapshot: u64,
    /// Whether every server has answered or failed once.
    pub servers: bool,
    /// Whether that is so and every tool that can have a vector has one.
    pub settled: bool,
}

/// The writer's own state; it lives in one task.
pub(crate) struct Writer {
    config: Arc<Config>,
    counter: TokenCounter,
    states: BTreeMap<String, ServerState>,
    lists: BTreeMap<String, Arc<ServerTools>>,
    offline: Offline,
    vectors: VectorStore,
    cache: Option<PathBuf>,
    encoder: Option<Arc<Encoder>>,
    encoder_settled: bool,
    embedding: bool,
    unembeddable: HashSet<DocumentHash>,
    changes: mpsc::UnboundedSender<Change>,
    snapshot: Arc<arc_swap::ArcSwap<Snapshot>>,
    progress: watch::Sender<Progress>,
    published: Instant,
}

impl Writer {
    /// A writer with an empty first snapshot, and the handle that readers take.
    pub(crate) fn new(
        config: Arc<Config>,
        counter: TokenCounter,
        offline: Offline,
        cache: Option<PathBuf>,
        changes: mpsc::UnboundedSender<Change>,
    ) -> (Writer, Published) {
        let first = Snapshot::empty();
        let snapshot = Arc::new(arc_swap::ArcSwap::from_pointee(first));
        let (progress, receiver) = watch::channel(Progress::default());
        let mut writer = Writer {
            states: BTreeMap::new(),
            lists: BTreeMap::new(),
            vectors: VectorStore::default(),
            encoder: None,
            encoder_settled: false,
            embedding: false,
            unembeddable: HashSet::new(),
            snapshot: snapshot.clone(),
            published: Instant::now(),
            config,
            counter,
            offline,
            cache,
            changes,
            progress,
        };
        writer.expect_servers();
        writer.read_offline();
        (
            writer,
            Published {
                snapshot,
                progress: receiver,
            },
        )
    }

    /// Runs until every sender is gone.
    pub(crate) async fn run(mut self, mut changes: mpsc::UnboundedReceiver<Change>) {
        self.publish();
        while let Some(first) = changes.recv().await {
            let mut visible = self.apply(first);
            while let Ok(next) = changes.try_recv() {
                visible |= self.apply(next);
            }
            if visible {
                self.publish();
            }
            self.embed();
            self.tell();
        }
    }

    /// Takes one change in; true where a new snapshot is due.
    fn apply(&mut self, change: Change) -> bool {
        match change {
            Change::Fleet(FleetEvent::Status(status)) => self.status(status),
            Change::Fleet(FleetEvent::Tools {
                server,
                tools,
                truncated,
                instructions,
            }) => {
                self.tools(&server, &tools, truncated, instructions);
            }
            Change::Fleet(FleetEvent::Gone { server }) => {
                self.states.remove(&server);
                self.lists.remove(&server);
            }
            Change::Fleet(FleetEvent::Warning { message }) => {
                tracing::warn!("{message}");
                return false;
            }
            Change::Config(config) => self.configure(config),
            Change::Encoder(encoder) => self.encoder(encoder),
            Change::Vectors { vectors, done } => {
                self.embedding &= !done;
                for (hash, vector) in vectors {
                    if let Some(vector) = vector {
                        self.vectors.insert(hash, vector);
                    }
                    if self.vectors.get(&hash).is_none() {
                        self.unembeddable.insert(hash);
                    }
                }
                if done {
                    self.save();
                }
                return done || self.published.elapsed() > PUBLISH_EVERY;
            }
        }
        true
    }

    fn status(&mut self, status: ServerStatus) {
        let state = self
            .states
            .entry(status.server.clone())
            .or_insert_with(|| ServerState::new(&status.server, Health::Starting));
        state.health = status.health;
        state.protocol = status.protocol;
        if let Some((name, version)) = status.info {
            (state.title, state.version) = (Some(name), Some(version));
        }
        state.start_ms = status.start_ms;
        state.instructions = status.instructions.or(state.instructions.take());
    }

    fn tools(
        &mut self,
        server: &str,
        raw: &[Value],
        truncated: bool,
        instructions: Option<String>,
    ) {
        let Some(config) = self.config.servers.get(server) else {
            return;
        };
        let mut list = read_tools(
            server,
            raw,
            config,
            &self.config.names,
            &self.counter,
            &self.config.limits,
            false,
        );
        if truncated {
            let reason = "the list goes on beyond what is read of it".to_owned();
            list.rejected.push(Rejected { name: None, reason });
        }
        for rejected in &list.rejected {
            tracing::warn!(server, tool = rejected.name.as_deref().unwrap_or("?"), reason = %rejected.reason, "tool left out");
        }
        if let Some(state) = self.states.get_mut(server) {
            state.instructions = instructions.or(state.instructions.take());
        }
        self.lists.insert(server.to_owned(), Arc::new(list));
    }

    /// Reads every list again under the new configuration; what the wire rejected stays rejected.
    fn configure(&mut self, config: Arc<Config>) {
        self.config = config;
        let old = std::mem::take(&mut self.lists);
        for (server, list) in old {
            let Some(config) = self.config.servers.get(&server) else {
                continue;
            };
            let raw: Vec<Value> = list.tools.iter().map(|tool| tool.raw.value()).collect();
            let mut read = read_tools(
                &server,
                &raw,
                config,
                &self.config.names,
                &self.counter,
                &self.config.limits,
                false,
            );
            read.rejected.extend(list.rejected.iter().cloned());
            self.lists.insert(server, Arc::new(read));
        }
        self.states
            .retain(|server, _| self.config.servers.contains_key(server));
        self.expect_servers();
        self.read_offline();
    }

    /// Every configured server has a state from the start, so that listings say what is missing.
    fn expect_servers(&mut self) {
        for (name, config) in &self.config.servers {
            let state = self.states.entry(name.clone()).or_insert_with(|| {
                ServerState::new(
                    name,
                    if config.enabled {
                        Health::Starting
                    } else {
                        Health::Disabled
                    },
                )
            });
            state.description = config.description.clone();
        }
    }

    fn read_offline(&mut self) {
        for (server, raw) in &self.offline {
            if self.config.servers.contains_key(server) {
                tracing::warn!(
                    server,
                    "the catalog's tools are left out: a server of that name is configured"
                );
                continue;
            }
            let list = read_tools(
                server,
                raw,
                &catalog_file::config(),
                &self.config.names,
                &self.counter,
                &self.config.limits,
                true,
            );
            self.states
                .insert(server.clone(), ServerState::new(server, Health::Offline));
            self.lists.insert(server.clone(), Arc::new(list));
        }
    }

    fn encoder(&mut self, encoder: Option<Arc<Encoder>>) {
        self.encoder_settled = true;
        self.encoder = encoder;
        let Some(encoder) = &self.encoder else { return };
        self.vectors = VectorStore::new(encoder.model(), encoder.dims());
        if let Some(path) = self.cache_path()
            && let Err(error) = self.vectors.load(&path)
        {
            tracing::warn!(%error, "the vectors are made anew");
        }
    }

    fn cache_path(&self) -> Option<PathBuf> {
        let model = self.encoder.as_ref()?.model();
        let name: String = model
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        Some(self.cache.as_ref()?.join(format!("{name}.vectors")))
    }

    fn publish(&mut self) {
        let previous = self.snapshot.load_full();
        for (server, state) in &mut self.states {
            let list = self.lists.get(server);
            state.tools = list.map_or(0, |list| list.tools.len());
            state.rejected = list.map(|list| list.rejected.clone()).unwrap_or_default();
        }
        let snapshot = Snapshot::build(
            previous.no() + 1,
            self.states.values().cloned().collect(),
            self.lists.values().cloned().collect(),
            &self.vectors,
            &self.config,
            Some(&previous),
        );
        self.snapshot.store(Arc::new(snapshot));
        self.published = Instant::now();
    }

    /// Starts a job for the tools that have no vector yet, unless one is running.
    fn embed(&mut self) {
        let Some(encoder) = self.encoder.clone() else {
            return;
        };
        if self.embedding {
            return;
        }
        let snapshot = self.snapshot.load();
        let missing: Vec<(DocumentHash, String)> = snapshot
            .tools()
            .iter()
            .map(|tool| &tool.document)
            .filter(|document| {
                self.vectors.get(&document.hash).is_none()
                    && !self.unembeddable.contains(&document.hash)
            })
            .map(|document| (document.hash, document.meaning.to_string()))
            .collect();
        if missing.is_empty() {
            return;
        }
        self.embedding = true;
        let changes = self.changes.clone();
        tokio::task::spawn_blocking(move || embed_all(&encoder, missing, &changes));
    }

    fn save(&self) {
        let Some(path) = self.cache_path() else {
            return;
        };
        let vectors = self.vectors.clone();
        tokio::task::spawn_blocking(move || {
            if let Some(folder) = path.parent()
                && let Err(error) = std::fs::create_dir_all(folder)
            {
                tracing::warn!(path = %path.display(), %error, "the vector cache is not written");
            } else if let Err(error) = vectors.save(&path) {
                tracing::warn!(%error, "the vector cache is not written");
            }
        });
    }

    fn tell(&self) {
        let servers = self.states.values().all(|state| state.health.is_settled());
        let snapshot = self.snapshot.load().no();
        let settled = servers && self.encoder_settled && !self.embedding;
        self.progress.send_if_modified(|progress| {
            let next = Progress {
                snapshot,
                servers,
                settled,
            };
            std::mem::replace(progress, next) != next
        });
    }
}

/// Embeds in chunks until done, or until nobody listens any more. A text that fails has no vector
/// and stays ranked by words; the failure is told once.
fn embed_all(
    encoder: &Encoder,
    missing: Vec<(DocumentHash, String)>,
    changes: &mpsc::UnboundedSender<Change>,
) {
    let mut told = false;
    for chunk in missing.chunks(EMBED_CHUNK) {
        let mut vectors = Vec::with_capacity(chunk.len());
        for (hash, text) in chunk {
            let vector = encoder.index().embed(text);
            if let Err(error) = &vector
                && !std::mem::replace(&mut told, true)
            {
                tracing::warn!(%error, "a tool could not be embedded; it is ranked by words");
            }
            vectors.push((*hash, vector.ok()));
        }
        if changes
            .send(Change::Vectors {
                vectors,
                done: false,
            })
            .is_err()
        {
            return;
        }
    }
    // A closed channel means that the hub is gone, and nobody waits for this.
    let _ = changes.send(Change::Vectors {
        vectors: Vec::new(),
        done: true,
    });
}
