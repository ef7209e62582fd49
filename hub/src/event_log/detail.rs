//! The details of each category. Closed and typed, so that whoever reads the log can rely on them; a sentence for people
//! stands only in `warning`, which each category has.

use serde::{Deserialize, Serialize};
use toolpool_registry::Health;

use super::{Category, Content, Level};
use crate::event::BudgetPart;

/// What happened, by category.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "category", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each variant is its category's details")]
pub enum Detail {
    Context(ContextDetail),
    Registry(RegistryDetail),
    Server(ServerDetail),
    Config(ConfigDetail),
    Pool(PoolDetail),
    Budget(RoomDetail),
    Permission(PermissionDetail),
    Tool(ToolDetail),
    Model(ModelDetail),
    Cache(CacheDetail),
    Compaction(CompactionDetail),
    Verification(VerificationDetail),
    Recovery(RecoveryDetail),
}

impl Detail {
    /// Its category.
    #[must_use]
    pub fn category(&self) -> Category {
        match self {
            Detail::Context(_) => Category::Context,
            Detail::Registry(_) => Category::Registry,
            Detail::Server(_) => Category::Server,
            Detail::Config(_) => Category::Config,
            Detail::Pool(_) => Category::Pool,
            Detail::Budget(_) => Category::Budget,
            Detail::Permission(_) => Category::Permission,
            Detail::Tool(_) => Category::Tool,
            Detail::Model(_) => Category::Model,
            Detail::Cache(_) => Category::Cache,
            Detail::Compaction(_) => Category::Compaction,
            Detail::Verification(_) => Category::Verification,
            Detail::Recovery(_) => Category::Recovery,
        }
    }

    /// A sentence that a person should read, in a category.
    #[must_use]
    pub fn warning(category: Category, text: String) -> Detail {
        match category {
            Category::Context => Detail::Context(ContextDetail::Warning { text }),
            Category::Registry => Detail::Registry(RegistryDetail::Warning { text }),
            Category::Server => Detail::Server(ServerDetail::Warning { text }),
            Category::Config => Detail::Config(ConfigDetail::Warning { text }),
            Category::Pool => Detail::Pool(PoolDetail::Warning { text }),
            Category::Budget => Detail::Budget(RoomDetail::Warning { text }),
            Category::Permission => Detail::Permission(PermissionDetail::Warning { text }),
            Category::Tool => Detail::Tool(ToolDetail::Warning { text }),
            Category::Model => Detail::Model(ModelDetail::Warning { text }),
            Category::Cache => Detail::Cache(CacheDetail::Warning { text }),
            Category::Compaction => Detail::Compaction(CompactionDetail::Warning { text }),
            Category::Verification => Detail::Verification(VerificationDetail::Warning { text }),
            Category::Recovery => Detail::Recovery(RecoveryDetail::Warning { text }),
        }
    }
}

/// Of the conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are those of the session's events")]
pub enum ContextDetail {
    Began {
        model: Option<String>,
        mode: Option<String>,
    },
    User {
        text: Content,
    },
    Steps {
        open: usize,
        doing: usize,
        done: usize,
    },
    Setting {
        name: String,
        value: String,
    },
    TurnEnd {
        how: String,
        note: Option<String>,
    },
    Dropped {
        records: u64,
    },
    Warning {
        text: String,
    },
}

/// Of the catalog.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "counts of what their names say")]
pub enum RegistryDetail {
    Snapshot {
        tools: usize,
        added: usize,
        removed: usize,
        changed: usize,
    },
    Warning {
        text: String,
    },
}

/// Of a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are those of the server's state")]
pub enum ServerDetail {
    Health {
        server: String,
        state: String,
        reason: Option<String>,
        tools: usize,
    },
    Gone {
        server: String,
    },
    Warning {
        text: String,
    },
}

impl ServerDetail {
    /// How much a state matters.
    pub(super) fn level(health: &Health) -> Level {
        match health {
            Health::Down { .. } => Level::Error,
            Health::Retrying { .. } => Level::Warn,
            _ => Level::Info,
        }
    }

    /// How a server is.
    pub(super) fn of(server: &str, health: &Health, tools: usize) -> ServerDetail {
        let state = match health {
            Health::Disabled => "disabled",
            Health::Starting => "starting",
            Health::Ready => "ready",
            Health::Retrying { .. } => "retrying",
            Health::Down { .. } => "down",
            Health::Offline => "offline",
        };
        ServerDetail::Health {
            server: server.to_owned(),
            state: state.to_owned(),
            reason: health.reason().map(str::to_owned),
            tools,
        }
    }
}

/// Of the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "what their names say")]
pub enum ConfigDetail {
    Loaded { servers: usize, profiles: usize },
    Refused { reason: String },
    Warning { text: String },
}

/// Of a pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are those of the session's events")]
pub enum PoolDetail {
    Offered {
        step: u32,
        border: String,
        snapshot: u64,
        tools: Vec<String>,
        tokens: u32,
        allowance: u32,
    },
    Decided {
        step: u32,
        missing: Vec<String>,
        gain_ms: f64,
        cost_ms: f64,
        rebuilt: bool,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        disclosed: Vec<String>,
    },
    Warning {
        text: String,
    },
}

/// Of a request's room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are those of the session's events")]
pub enum RoomDetail {
    Fits {
        step: u32,
        window: u32,
        total: u32,
        parts: Vec<BudgetPart>,
        exact: bool,
        removed: usize,
    },
    Warning {
        text: String,
    },
}

/// Of a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are those of the session's events")]
pub enum PermissionDetail {
    Decided {
        call: String,
        name: String,
        allowed: bool,
        reason: String,
        source: String,
    },
    Asked {
        call: String,
        name: String,
        reason: String,
    },
    Warning {
        text: String,
    },
}

/// Of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are those of the session's events")]
pub enum ToolDetail {
    Proposed {
        step: u32,
        call: String,
        name: String,
        arguments: Content,
    },
    Running {
        call: String,
        name: String,
        effect: String,
        arguments: Content,
    },
    Finished {
        call: String,
        state: String,
        elapsed_ms: u64,
        text: Content,
    },
    Delegated {
        call: String,
        agent: String,
        delegate: String,
    },
    Warning {
        text: String,
    },
}

/// Of the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are those of the session's events")]
pub enum ModelDetail {
    Replied {
        step: u32,
        stop: String,
        text: Content,
        reasoning: Option<Content>,
        counted: u32,
        prompt: Option<u32>,
        reply: Option<u32>,
    },
    Loading {},
    Retrying {
        attempt: u32,
        why: String,
    },
    Stalled {
        on: String,
        silent_ms: u64,
    },
    Warning {
        text: String,
    },
}

/// Of the prompt cache.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum CacheDetail {
    /// A prompt was read.
    Read {
        /// The step.
        step: u32,
        /// Tokens of the prompt.
        prompt: u32,
        /// Tokens that could be in the cache, by what the prompt has in common with the one before it.
        predicted: u32,
        /// Tokens that were, where the server says.
        cached: Option<u32>,
        /// Why some were lost: one of a closed list.
        cause: Option<String>,
        /// Where the first difference is.
        place: Option<String>,
    },
    /// Something a person should know.
    Warning {
        /// One sentence.
        text: String,
    },
}

/// Of a compaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are those of the session's events")]
pub enum CompactionDetail {
    Compacted {
        step: u32,
        rung: String,
        reason: String,
        before: u32,
        after: u32,
        cleared: usize,
    },
    Warning {
        text: String,
    },
}

/// Of a verification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are those of the session's events")]
pub enum VerificationDetail {
    Checked {
        step: u32,
        // `what` is the tag's own name.
        check: String,
        call: Option<String>,
        holds: bool,
        findings: Vec<Content>,
    },
    Warning {
        text: String,
    },
}

/// Of what was found after a crash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are those of the session's events")]
pub enum RecoveryDetail {
    Opened {
        damage: Vec<String>,
    },
    Settled {
        call: String,
        state: String,
        by: String,
    },
    Warning {
        text: String,
    },
}
