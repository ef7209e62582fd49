//! The layers, what comes out of them, and where each value came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::error::Problem;
use crate::{
    AgentSettings, AgentType, BudgetSettings, CompactionSettings, DelegateSettings,
    EmbeddingSettings, EventLogSettings, Exposure, Limits, Mode, ModelSettings, NameSettings,
    Pattern, PoolSettings, Profile, Rule, ServeSettings, ServerConfig, VerifySettings,
};

/// The whole configuration, checked and with variables put in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Config {
    /// The servers by name. The in-process `workspace` is always among them, unless another took its name.
    pub servers: BTreeMap<String, ServerConfig>,
    /// The profiles by name.
    pub profiles: BTreeMap<String, Profile>,
    /// The agent types by name.
    pub agents: BTreeMap<String, AgentType>,
    /// The profile used when none is asked for; it exists.
    pub profile: Option<String>,
    /// How much a session may do without asking.
    pub mode: Mode,
    /// What nobody may see or call, from all layers.
    pub deny: Vec<Pattern>,
    /// What is allowed, asked about or denied, call by call, from all layers.
    pub rules: Vec<Rule>,
    /// What a client sees in `tools/list`.
    pub exposure: Exposure,
    /// Exposed names of tools that are always in the pool and in a served list.
    pub pin: Vec<String>,
    /// What a pool may cost and how tools are ranked for it.
    pub pool: PoolSettings,
    /// The encoder that reads tools and requests.
    pub embedding: EmbeddingSettings,
    /// How exposed names are made.
    pub names: NameSettings,
    /// A `tokenizer.json` to count tokens with, in place of the bundled one.
    pub tokenizer: Option<PathBuf>,
    /// How the hub serves clients.
    pub serve: ServeSettings,
    /// Which model is talked to, and how.
    pub model: ModelSettings,
    /// How a window is divided.
    pub budget: BudgetSettings,
    /// How a conversation that outgrows its window is made smaller.
    pub compaction: CompactionSettings,
    /// How the agent works.
    pub agent: AgentSettings,
    /// What is verified.
    pub verify: VerifySettings,
    /// How tasks are given to agents.
    pub delegate: DelegateSettings,
    /// What the event log holds.
    pub event_log: EventLogSettings,
    /// Every bound in the program.
    pub limits: Limits,
}

/// Where to read from, as the caller found it.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The person's file; it may be missing on disk.
    pub user_file: Option<PathBuf>,
    /// The person's folder of agent types as Markdown; it may be missing on disk.
    pub agents_folder: Option<PathBuf>,
    /// The file of the current folder; it may be missing on disk.
    pub project_file: Option<PathBuf>,
    /// The environment: settings as `TOOLPOOL_SECTION__KEY`, everything else for `${VAR}`.
    pub env: BTreeMap<String, String>,
    /// Dotted keys with a TOML value or a bare string, in the order given.
    pub flags: Vec<(String, String)>,
}

/// A line and a column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case", tag = "layer")]
pub enum Origin {
    /// Compiled in.
    Default {
        /// Its place in the defaults.
        at: Option<Position>,
    },
    /// The person's file.
    User {
        /// The file.
        file: PathBuf,
        /// Its place in it.
        at: Option<Position>,
    },
    /// The file of the current folder.
    Project {
        /// The file.
        file: PathBuf,
        /// Its place in it.
        at: Option<Position>,
    },
    /// An environment variable.
    Env {
        /// Its name.
        variable: String,
    },
    /// A flag of the command line.
    Flag {
        /// Its dotted key.
        flag: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default { .. } => f.write_str("default"),
            Origin::User { file, at } | Origin::Project { file, at } => match at {
                Some(at) => write!(f, "{}:{}:{}", file.display(), at.line, at.column),
                None => write!(f, "{}", file.display()),
            },
            Origin::Env { variable } => write!(f, "environment variable `{variable}`"),
            Origin::Flag { flag } => write!(f, "flag `{flag}`"),
        }
    }
}

/// One value with where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValueAt {
    /// The dotted key; elements of a list that adds up have an index, as in `deny[0]`.
    pub key: String,
    /// The value as TOML, secrets hidden.
    pub value: String,
    /// Where it stands.
    pub origin: Origin,
    /// The values of lower layers that it replaced, the nearest first.
    pub overridden: Vec<(String, Origin)>,
}

/// What loading gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Every value with its origin, by key.
    pub values: Vec<ValueAt>,
    /// What is odd but does not stop the program, one sentence each.
    pub warnings: Vec<String>,
    /// The same with place and hint apart.
    pub problems: Vec<Problem>,
}
