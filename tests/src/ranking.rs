//! A catalog of tools out of a file, embedded and ranked by the registry's own code: what the ranking figures and the
//! benchmarks stand on. Servers never run here; everything between a list and a ranking is the hub's.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use toolpool_config::{Builtin, Config, Confinement, ServerConfig, Transport, Trust};
use toolpool_connectors::runtime::{self, RuntimePlaces};
use toolpool_registry::{
    Allowance, Encoder, Health, ModelFiles, Pool, Query, Ranking, ServerState, Snapshot,
    TokenCounter, VectorStore, View, ViewRules, Want, assemble, rank, read_tools,
};

/// Texts embedded between two writes of the cache.
const ROUND: usize = 10_000;

/// Tools, ready to be ranked.
pub struct Corpus {
    /// The settings it is ranked with; the defaults unless changed.
    pub config: Config,
    /// The encoder, once [`Corpus::embed`] has run.
    pub encoder: Option<Encoder>,
    vectors: VectorStore,
    servers: Vec<Arc<toolpool_registry::ServerTools>>,
    snapshot: Arc<Snapshot>,
    view: View,
}

impl Corpus {
    /// A catalog of `tools`, each with `server`, `name`, `description` and `input_schema`, not embedded yet.
    #[must_use]
    pub fn new(tools: &[Value]) -> Corpus {
        let mut by_server: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for tool in tools {
            let server = tool["server"].as_str().unwrap_or_default();
            by_server.entry(server).or_default().push(tool);
        }
        let mut corpus = Corpus::empty();
        for (server, tools) in by_server {
            corpus.add(server, &tools);
        }
        corpus.refresh();
        corpus
    }

    /// The same from a file with a tool on each line, one server after the other as the hub reads them, so that memory holds what
    /// the hub's would.
    ///
    /// # Errors
    /// When the file cannot be read or a line is no JSON.
    pub fn read(path: &Path) -> anyhow::Result<Corpus> {
        let text = fs::read_to_string(path)?;
        let mut by_server: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for line in text.lines() {
            let tool: Value = serde_json::from_str(line)?;
            let server = tool["server"].as_str().unwrap_or_default();
            by_server.entry(server.to_owned()).or_default().push(line);
        }
        let mut corpus = Corpus::empty();
        for (server, lines) in by_server {
            let tools: Vec<Value> = lines
                .iter()
                .map(|line| serde_json::from_str(line))
                .collect::<Result<_, _>>()?;
            corpus.add(&server, &tools.iter().collect::<Vec<_>>());
        }
        corpus.refresh();
        Ok(corpus)
    }

    fn empty() -> Corpus {
        let mut config = Config::default();
        // A set is scored as it is: a server with more tools than a real one may have is still ranked whole.
        config.limits.tools_per_server_max = usize::MAX;
        Corpus {
            config,
            encoder: None,
            vectors: VectorStore::default(),
            servers: Vec::new(),
            snapshot: Arc::new(Snapshot::empty()),
            view: View::new(&Snapshot::empty(), &ViewRules::default()),
        }
    }

    fn add(&mut self, server: &str, tools: &[&Value]) {
        let definition = |tool: &&Value| {
            let schema = if tool["input_schema"].is_object() {
                tool["input_schema"].clone()
            } else {
                json!({"type": "object"})
            };
            json!({"name": tool["name"], "description": tool["description"], "inputSchema": schema})
        };
        let raw: Vec<Value> = tools.iter().map(definition).collect();
        let (names, limits) = (&self.config.names, &self.config.limits);
        self.servers.push(Arc::new(read_tools(
            server,
            &raw,
            &offline(),
            names,
            &TokenCounter::bundled(),
            limits,
            true,
        )));
    }

    /// Changes settings of the pool by `key=number`.
    ///
    /// # Errors
    /// When there is no such setting.
    pub fn set(&mut self, settings: &[String]) -> anyhow::Result<()> {
        for setting in settings {
            let (key, value) = setting
                .split_once('=')
                .with_context(|| format!("`{setting}` is not KEY=NUMBER"))?;
            let value: f64 = value
                .parse()
                .with_context(|| format!("`{value}` is not a number"))?;
            let pool = &mut self.config.pool;
            match key {
                "words_weight" => pool.words_weight = value,
                "clause_weight" => pool.clause_weight = value,
                "server_boost" => pool.server_boost = value,
                "duplicate_cosine" => pool.duplicate_cosine = value,
                "clauses_max" => self.config.limits.clauses_max = value as usize,
                "clause_words_min" => self.config.limits.clause_words_min = value as usize,
                "graph_from" => self.config.limits.graph_from = value as usize,
                _ => bail!("there is no setting `{key}`"),
            }
        }
        Ok(())
    }

    /// Embeds every tool that `cache` has no vector of, and keeps the vectors there.
    ///
    /// # Errors
    /// When there is no encoder.
    pub fn embed(&mut self, cache: &Path) -> anyhow::Result<()> {
        let encoder = encoder()?;
        fs::create_dir_all(cache)?;
        let file = cache.join(format!("{}.vectors", encoder.model()));
        self.vectors = VectorStore::new(encoder.model(), encoder.dims());
        self.vectors.load(&file)?;
        let mut missing: Vec<(_, Arc<str>)> = self
            .snapshot
            .tools()
            .iter()
            .map(|tool| (tool.document.hash, Arc::clone(&tool.document.meaning)))
            .filter(|(hash, _)| !self.vectors.contains(hash))
            .collect();
        missing.sort_unstable();
        missing.dedup();
        for round in missing.chunks(ROUND) {
            let texts: Vec<&str> = round.iter().map(|(_, text)| &**text).collect();
            for ((hash, _), vector) in round.iter().zip(encoder.index().embed_all(&texts)?) {
                self.vectors.insert(*hash, vector);
            }
            self.vectors.save(&file)?;
        }
        self.encoder = Some(encoder);
        self.refresh();
        Ok(())
    }

    /// The catalog as a snapshot.
    #[must_use]
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The view of a caller without rules.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The request made ready: with vectors where there is an encoder.
    ///
    /// # Errors
    /// When the encoder fails.
    pub fn query(&self, text: &str) -> anyhow::Result<Query> {
        Ok(match &self.encoder {
            Some(encoder) => Query::embedded(text, encoder.query(), &self.config.limits)?,
            None => Query::words(text, &self.config.limits),
        })
    }

    /// Ranks all tools for a request.
    ///
    /// # Errors
    /// When the encoder fails.
    pub fn rank(&self, text: &str) -> anyhow::Result<Ranking> {
        let query = self.query(text)?;
        Ok(rank(
            &self.snapshot,
            &self.view,
            &query,
            &self.config.pool,
            &self.config.limits,
        ))
    }

    /// The pool of a request: its best `tools_max` tools, slim, whatever they cost.
    ///
    /// # Errors
    /// When the encoder fails.
    pub fn pool(&self, text: &str, tools_max: usize) -> anyhow::Result<Pool> {
        let ranking = self.rank(text)?;
        let allowance = Allowance {
            tokens: u32::MAX,
            tools_max,
            full_max: 0,
        };
        Ok(assemble(
            &self.snapshot,
            &self.view,
            &ranking,
            allowance,
            Want::default(),
            &self.config.pool,
        ))
    }

    /// Builds the snapshot anew, after a change of settings or vectors.
    pub fn refresh(&mut self) {
        let states = self
            .servers
            .iter()
            .map(|list| ServerState::new(&list.server, Health::Offline))
            .collect();
        let snapshot = Snapshot::build(
            self.snapshot.no() + 1,
            states,
            self.servers.clone(),
            &self.vectors,
            &self.config,
            None,
        );
        self.view = View::new(&snapshot, &ViewRules::default());
        self.snapshot = Arc::new(snapshot);
    }
}

/// The built-in encoder on the ONNX Runtime that the hub itself would use: `ORT_DYLIB_PATH`, the system's, the user's cache,
/// else fetched into it.
///
/// # Errors
/// When there is no library to be had or none that works.
pub fn encoder() -> anyhow::Result<Encoder> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
        .context("there is no home folder to keep ONNX Runtime in")?;
    let places = RuntimePlaces {
        configured: None,
        env: std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from),
        exe_dir: None,
        system: runtime::system_folders(),
        cache_dir: cache.join("toolpool"),
    };
    let library = match runtime::locate(&places) {
        Some(library) => library,
        None => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(runtime::fetch(&places, FETCH_LIMIT, |_| {}))?,
    };
    Ok(Encoder::load(&library, ModelFiles::builtin())?)
}

/// How long the fetch of ONNX Runtime may take.
const FETCH_LIMIT: Duration = Duration::from_secs(600);

/// The JSON values of a file with one on each line.
///
/// # Errors
/// When the file cannot be read or a line is no JSON.
pub fn read_lines(path: &Path) -> anyhow::Result<Vec<Value>> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            serde_json::from_str(line)
                .with_context(|| format!("a line of `{}` is no JSON", path.display()))
        })
        .collect()
}

/// What the configuration says of a server that is only a list.
fn offline() -> ServerConfig {
    let limits = Config::default().limits;
    ServerConfig {
        transport: Transport::InProcess {
            name: Builtin::Workspace,
            folder: None,
            confinement: Confinement::default(),
        },
        enabled: false,
        timeout: Duration::from_millis(limits.call_timeout_ms),
        start_timeout: Duration::from_millis(limits.start_timeout_ms),
        trust: Trust::None,
        allow: Vec::new(),
        deny: Vec::new(),
        tools: BTreeMap::new(),
        unset: Vec::new(),
        description: None,
    }
}
