//! The wiring: configuration, servers, catalog and encoder, and what can be asked of them together.
//!
//! A hub is a handle. Its parts each have one owner (the fleet's tasks, the writer in `sync`), and a
//! request works on the snapshot it took at its start. Nothing here prints or reads the environment:
//! [`HubOptions`] carries what the command line found there.

mod pools;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use serde_json::{Map, Value};
use tokio::sync::{OnceCell, mpsc, watch};
use toolpool_config::fixed::VIEWS_KEPT_MAX;
use toolpool_config::{Config, Exposure};
use toolpool_connectors::{Fleet, FleetOptions, ServerStatus};
use toolpool_registry::embed::Encoder;
use toolpool_registry::{
    Fingerprint, Health, Snapshot, TokenCounter, ToolId, View, ViewRules, canonical,
};

use crate::approve::NoPerson;
use crate::caller::Caller;
use crate::catalog_file::Offline;
use crate::encoder::{self, EncoderPlaces, EncoderState};
use crate::event::durable;
use crate::event_log::{HubLog, Recorder};
use crate::execute::{self, Answer, Call, Desk, Door, Now, Refusal};
use crate::journal::entry::{Begin, CallId, Grant, JournalKind};
use crate::journal::{Entry, Journal, JournalError, Line, Store};
use crate::permission::{Judged, Policy, Proposal, decide};
use crate::sync::{Change, Progress, Published, Writer};
use crate::verify::Schemas;
use crate::workspace;
use crate::workspace::Launch;

pub use pools::PoolRequest;

/// What the hub is handed, so that it reads nothing from its surroundings.
#[derive(Clone)]
pub struct HubOptions {
    /// The folder that the embedded `workspace` server works in.
    pub folder: PathBuf,
    /// Where vectors are cached; `None` keeps them in memory only.
    pub cache: Option<PathBuf>,
    /// Where the encoder's parts are found and kept.
    pub encoder: EncoderPlaces,
    /// Our own program, for the guard that outlives a kill.
    pub guard_program: Option<PathBuf>,
    /// Variables that every child is started with.
    pub inherit_env: BTreeMap<String, String>,
    /// Counts tokens.
    pub counter: TokenCounter,
    /// Tools from catalog files.
    pub offline: Offline,
    /// Spreads the retries of hubs that started together.
    pub seed: u64,
    /// Where calls that belong to no session are written down, in a journal that is begun at the first of them; without one
    /// they are kept nowhere.
    pub store: Option<Store>,
    /// The event log.
    pub recorder: Recorder,
}

/// The journal of a process whose calls belong to no session.
struct ProcessJournal {
    journal: Journal,
    /// Its id.
    session: String,
}

/// The running hub.
pub struct Hub {
    config: ArcSwap<Config>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    progress: watch::Receiver<Progress>,
    encoder: ArcSwapOption<Encoder>,
    encoder_state: watch::Receiver<EncoderState>,
    fleet: Fleet,
    schemas: Schemas,
    folder: PathBuf,
    store: Option<Store>,
    own: OnceCell<ProcessJournal>,
    log: HubLog,
    /// Calls so far that belong to no turn.
    calls: AtomicU32,
    counter: TokenCounter,
    changes: mpsc::UnboundedSender<Change>,
    started: Instant,
    /// Views by snapshot and rules. A plain mutex: held for a look-up, never across an await.
    views: Mutex<Vec<(u64, ViewRules, Arc<View>)>>,
}

impl Hub {
    /// Starts every server and the encoder, and returns before any of them is up.
    pub fn start(config: Config, options: HubOptions) -> Arc<Hub> {
        let config = Arc::new(config);
        let folder = options.folder.clone();
        let (changes, inbox) = mpsc::unbounded_channel();
        let (writer, Published { snapshot, progress }) = Writer::new(
            config.clone(),
            options.counter.clone(),
            options.offline,
            options.cache,
            changes.clone(),
        );
        tokio::spawn(writer.run(inbox));
        let (fleet, mut events) = Fleet::start(
            &config.servers,
            FleetOptions {
                guard_program: options.guard_program.clone(),
                limits: config.limits.clone(),
                in_process: workspace::factory(
                    options.folder.clone(),
                    config.limits.clone(),
                    config.verify.writes,
                    Launch {
                        program: options.guard_program.clone(),
                        env: options.inherit_env.clone(),
                    },
                ),
                client_name: "toolpool".into(),
                client_version: env!("CARGO_PKG_VERSION").into(),
                roots: vec![options.folder],
                inherit_env: options.inherit_env,
                jitter_seed: options.seed,
            },
        );
        let to_writer = changes.clone();
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if to_writer.send(Change::Fleet(event)).is_err() {
                    break;
                }
            }
        });
        let (state, encoder_state) = watch::channel(EncoderState::Preparing {
            what: "starting".into(),
            bytes: None,
            total: None,
        });
        let hub = Arc::new(Hub {
            config: ArcSwap::new(config.clone()),
            snapshot,
            progress,
            encoder: ArcSwapOption::empty(),
            encoder_state,
            fleet,
            schemas: Schemas::default(),
            folder,
            store: options.store,
            own: OnceCell::new(),
            log: HubLog::new(options.recorder),
            calls: AtomicU32::new(0),
            counter: options.counter,
            changes: changes.clone(),
            started: Instant::now(),
            views: Mutex::default(),
        });
        tokio::spawn(hub.log.clone().follow(&hub));
        let settings = config.embedding.clone();
        let weak = Arc::downgrade(&hub);
        tokio::spawn(async move {
            let encoder = encoder::prepare(settings, options.encoder, state).await;
            if let Some(hub) = weak.upgrade() {
                hub.encoder.store(encoder.clone());
            }
            // The writer is gone only where the hub is.
            let _ = changes.send(Change::Encoder(encoder));
        });
        hub
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// The newest catalog. A request takes it once and keeps it to its end.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Changes with every snapshot.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// How far the encoder is, and how far its fetch.
    pub fn encoder_state(&self) -> watch::Receiver<EncoderState> {
        self.encoder_state.clone()
    }

    /// The state of each server as its connection has it, with its last words on stderr.
    pub fn status(&self) -> Vec<ServerStatus> {
        self.fleet.status()
    }

    /// The counter in use.
    pub fn counter(&self) -> &TokenCounter {
        &self.counter
    }

    /// Waits until every server has answered or failed once and the vectors are in, at most `limit`;
    /// false where the limit ended it.
    pub async fn settled(&self, limit: Duration) -> bool {
        let mut progress = self.progress.clone();
        let settled =
            tokio::time::timeout(limit, progress.wait_for(|progress| progress.settled)).await;
        matches!(settled, Ok(Ok(_)))
    }

    /// Waits for what starts with the hub, until `limits.first_list_wait_ms` after its start: for the servers, and where
    /// tools are ranked for their vectors too. Later it returns at once. Many clients read the list a single time, and
    /// one slow server must not hold back the others for long.
    pub async fn first(&self, vectors: bool) {
        let wait = Duration::from_millis(self.config.load().limits.first_list_wait_ms);
        let left = wait.saturating_sub(self.started.elapsed());
        let mut progress = self.progress.clone();
        let there = progress.wait_for(|p| p.settled || (p.servers && !vectors));
        // Both ends of the wait are fine: what is there is listed, what is missing is named.
        let _ = tokio::time::timeout(left, there).await;
    }

    /// Takes a new configuration: only the servers that changed reconnect, everything else follows
    /// with the next snapshot.
    pub async fn reload(&self, config: Config) {
        let config = Arc::new(config);
        self.config.store(config.clone());
        // The writer is gone only where the hub is shutting down.
        let _ = self.changes.send(Change::Config(config.clone()));
        self.fleet.apply(&config.servers).await;
    }

    /// Stops every server and waits until they are gone.
    pub async fn shutdown(&self) {
        // What changed since the log looked last would be lost with the hub.
        self.log.look(self);
        self.fleet.shutdown().await;
    }

    /// What a caller may see of a snapshot.
    pub fn view(&self, snapshot: &Snapshot, caller: &Caller) -> Arc<View> {
        let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        let known = views
            .iter()
            .find(|(no, rules, _)| *no == snapshot.no() && *rules == caller.rules);
        if let Some((_, _, view)) = known {
            return view.clone();
        }
        let view = Arc::new(View::new(snapshot, &caller.rules));
        let newest = self.progress.borrow().snapshot;
        views.retain(|(no, _, _)| *no >= newest);
        if views.len() >= VIEWS_KEPT_MAX {
            views.remove(0);
        }
        views.push((snapshot.no(), caller.rules.clone(), view.clone()));
        view
    }

    /// The name of the next call that belongs to no turn: of a client, or typed.
    pub fn next_call(&self) -> CallId {
        CallId::outside(self.calls.fetch_add(1, Ordering::Relaxed))
    }

    /// Takes a call that belongs to no session through the one door: it is written into the process's own journal, and nobody
    /// is there to ask.
    ///
    /// # Errors
    /// The refusal, as one sentence for the caller.
    pub async fn call(&self, caller: &Caller, call: Call) -> Result<Answer, Refusal> {
        let begun = self.own.get_or_try_init(async || self.begin_own());
        let own = begun.await.map_err(|source| Refusal::Unrecorded {
            tool: call.name.as_str().into(),
            sent: false,
            source,
        })?;
        let desk = Desk::new(&own.journal, &own.session, &NoPerson);
        self.call_at(&desk, caller, call).await
    }

    /// Begins the process's own journal.
    fn begin_own(&self) -> Result<ProcessJournal, JournalError> {
        let Some(store) = &self.store else {
            return Ok(ProcessJournal {
                journal: Journal::memory(Box::new(|_| {})),
                session: format!("process-{}", std::process::id()),
            });
        };
        let config = self.config();
        let begin = Begin {
            session: String::new(),
            what: JournalKind::Process,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            folder: self.folder.display().to_string(),
            model: None,
            profile: config.profile.clone(),
            mode: config.mode,
            deny: Vec::new(),
            forked: None,
            agent: None,
            parent: None,
        };
        let recorder = self.recorder().clone();
        let (mut session, mut turn) = (String::new(), 0);
        let log = move |line: &Line| {
            if let Entry::Begin(begin) = &line.entry {
                session.clone_from(&begin.session);
            }
            for event in durable(line, &session, &mut turn) {
                recorder.event(&event);
            }
        };
        let (journal, session) = store
            .create(begin, Box::new(log))
            .map_err(|error| JournalError::Closed(error.to_string()))?;
        Ok(ProcessJournal { journal, session })
    }

    /// The event log.
    pub fn recorder(&self) -> &Recorder {
        self.log.recorder()
    }

    /// Takes a call of a session through the one door.
    ///
    /// # Errors
    /// The refusal, as one sentence for the caller.
    pub async fn call_at(
        &self,
        desk: &Desk<'_>,
        caller: &Caller,
        call: Call,
    ) -> Result<Answer, Refusal> {
        let (config, snapshot) = (self.config(), self.snapshot());
        let view = self.view(&snapshot, caller);
        let door = Door {
            snapshot: &snapshot,
            view: &view,
            schemas: &self.schemas,
            fleet: &self.fleet,
            config: &config,
            folder: &self.folder,
            now: &|| Now {
                config: self.config(),
                snapshot: self.snapshot(),
            },
            desk,
        };
        execute::execute(&door, caller, call).await
    }

    /// What would be decided of a call if this caller made it now. Nothing is done, and nobody is asked; nothing where there is no
    /// such tool.
    pub fn judge(
        &self,
        caller: &Caller,
        grants: &[Grant],
        (server, tool): (&str, &str),
        arguments: &Map<String, Value>,
    ) -> Option<Judged> {
        let (config, snapshot) = (self.config(), self.snapshot());
        let row = snapshot.by_id(&ToolId::new(server, tool))?;
        let canonical = canonical(&Value::Object(arguments.clone()));
        let proposal = Proposal {
            tool: &snapshot.tools()[row],
            server: config.servers.get(server),
            folder: &self.folder,
            arguments,
            arguments_sha256: &Fingerprint::of_text(&canonical).to_string(),
        };
        let policy = Policy {
            view: &caller.rules,
            frees: caller.allow_frees,
            rules: &config.rules,
            grants,
            asks: caller.asks,
        };
        Some(decide(&proposal, &policy))
    }

    /// Whether a list for this caller holds every tool, or only pinned ones and the bridge.
    pub fn lists_all(&self, snapshot: &Snapshot, view: &View, caller: &Caller) -> bool {
        match caller.exposure {
            Exposure::All => true,
            Exposure::Search => false,
            Exposure::Auto => {
                let share = self.config.load().serve.search_share * f64::from(caller.pool.window);
                let cost: u64 = view
                    .rows()
                    .map(|row| u64::from(snapshot.tools()[row].full.tokens))
                    .sum();
                cost as f64 <= share
            }
        }
    }
}

/// The servers that a caller could see tools of and that are not answering, each with the reason.
pub fn missing(snapshot: &Snapshot, caller: &Caller) -> Vec<String> {
    snapshot
        .servers()
        .iter()
        .filter(|server| {
            !matches!(
                server.health,
                Health::Ready | Health::Disabled | Health::Offline
            )
        })
        .filter(|server| caller.rules.admits_server(&server.name))
        .map(|server| format!("server `{}` is {}", server.name, server.health))
        .collect()
}
