//! Settings by section: pool, embedding, names, serve, model, budget, compaction, agent, event_log. Their defaults stand in `defaults/config.toml` only.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Secret;

/// What a pool may cost and how tools are ranked for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolSettings {
    /// A fixed allowance in tokens, in place of `share` and `tokens_max`.
    pub tokens: Option<u32>,
    /// The share of the window that tools may take, from 0 to 1.
    pub share: f64,
    /// The most tokens that `share` may come to.
    pub tokens_max: u32,
    /// The most tools in a pool.
    pub tools_max: usize,
    /// How many of the best ranked are offered with their full definition; the next ones are slim.
    pub full_max: usize,
    /// The window in tokens that is assumed while no model has said its own.
    pub window: u32,
    /// Weight of words against meaning in the score, from 0 to 1.
    pub words_weight: f64,
    /// Weight of a request's best clause against its whole text, from 0 to 1.
    pub clause_weight: f64,
    /// What the best tools of the owning server add to a tool's score.
    pub server_boost: f64,
    /// Cosine from which two tools of different servers count as the same.
    pub duplicate_cosine: f64,
    /// When a session gets another pool.
    pub rebuild: Rebuild,
}

/// When a session gets another pool. A changed list of tools makes the server read the whole conversation again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rebuild {
    /// At the start of a turn, where that is expected to save more than it costs.
    Pays,
    /// In every step, whatever it costs: to measure against.
    Step,
    /// Never, but for a tool that is denied or pinned: to measure against.
    Never,
}

/// Single pool settings in place of those under `[pool]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PoolOverrides {
    /// In place of `pool.tokens`.
    pub tokens: Option<u32>,
    /// In place of `pool.share`.
    pub share: Option<f64>,
    /// In place of `pool.tokens_max`.
    pub tokens_max: Option<u32>,
    /// In place of `pool.tools_max`.
    pub tools_max: Option<usize>,
    /// In place of `pool.full_max`.
    pub full_max: Option<usize>,
    /// In place of `pool.window`.
    pub window: Option<u32>,
    /// In place of `pool.words_weight`.
    pub words_weight: Option<f64>,
    /// In place of `pool.clause_weight`.
    pub clause_weight: Option<f64>,
    /// In place of `pool.server_boost`.
    pub server_boost: Option<f64>,
    /// In place of `pool.duplicate_cosine`.
    pub duplicate_cosine: Option<f64>,
}

impl PoolSettings {
    /// Tokens that tools may take: `tokens` where set, else the share of the window up to `tokens_max`.
    pub fn allowance_tokens(&self) -> u32 {
        match self.tokens {
            Some(tokens) => tokens,
            None => ((f64::from(self.window) * self.share) as u32).min(self.tokens_max),
        }
    }

    /// These settings with single ones replaced.
    pub fn with(&self, over: &PoolOverrides) -> PoolSettings {
        PoolSettings {
            tokens: over.tokens.or(self.tokens),
            share: over.share.unwrap_or(self.share),
            tokens_max: over.tokens_max.unwrap_or(self.tokens_max),
            tools_max: over.tools_max.unwrap_or(self.tools_max),
            full_max: over.full_max.unwrap_or(self.full_max),
            window: over.window.unwrap_or(self.window),
            words_weight: over.words_weight.unwrap_or(self.words_weight),
            clause_weight: over.clause_weight.unwrap_or(self.clause_weight),
            server_boost: over.server_boost.unwrap_or(self.server_boost),
            duplicate_cosine: over.duplicate_cosine.unwrap_or(self.duplicate_cosine),
            rebuild: self.rebuild,
        }
    }
}

impl Default for PoolSettings {
    fn default() -> PoolSettings {
        crate::Config::default().pool
    }
}

/// The encoder that reads tools and requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingSettings {
    /// Without it tools are ranked by words alone.
    pub enabled: bool,
    /// `builtin`, a folder with a model, or one of fastembed's names.
    pub model: String,
    /// The ONNX Runtime library; looked for in the usual places when missing.
    pub runtime: Option<PathBuf>,
    /// Whether the runtime and a named model may be fetched when they are not there.
    pub fetch: bool,
}

/// How exposed names are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NameSettings {
    /// The longest exposed name in characters, from 16 to 128; clients may add prefixes of their own.
    pub length_max: usize,
}

impl Default for NameSettings {
    fn default() -> NameSettings {
        crate::Config::default().names
    }
}

/// How the hub serves clients.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServeSettings {
    /// Host and port to listen on. Anything but loopback requires a token.
    pub address: String,
    /// Bearer tokens by a name of the person's choice; none means no token is asked for, on loopback only.
    pub tokens: BTreeMap<String, TokenConfig>,
    /// Origins that browsers may call from, besides loopback ones.
    pub allowed_origins: Vec<String>,
    /// Host headers that are answered, besides the address itself and loopback names.
    pub allowed_hosts: Vec<String>,
    /// Share of the window from which `exposure = "auto"` turns to `search`.
    pub search_share: f64,
}

/// One bearer token.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TokenConfig {
    /// The token itself.
    pub secret: Secret,
    /// The profile that its bearer has and cannot leave.
    pub profile: Option<String>,
}

/// Which model is talked to, and how.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelSettings {
    /// The model server's address, such as `http://127.0.0.1:8080`; looked for at `places` when missing.
    pub endpoint: Option<String>,
    /// The model's name as its server has it; the loaded or the first one when missing.
    pub name: Option<String>,
    /// Sent as a bearer token with every request.
    pub api_key: Option<Secret>,
    /// Use no more than this of the window. For Ollama this is the `num_ctx` of the session.
    pub window: Option<u32>,
    /// Where a model server is looked for, the first one that answers with a model first.
    pub places: Vec<String>,
    /// Silence of a model server in seconds after which a request is given up: a slow laptop reads a long prompt for minutes.
    pub silence_s: f64,
    /// Sent with every request where it is set; a model's own default otherwise.
    pub temperature: Option<f64>,
    /// What the model's template is told beyond the conversation, such as `{ enable_thinking = false }`; not for Ollama.
    pub template_arguments: BTreeMap<String, serde_json::Value>,
}

/// How a window is divided. Every part is a share of it, so that the same settings hold from 2,048 tokens to 262,144.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetSettings {
    /// The share of the window that is kept for the reply, from 0 to 1.
    pub reserve_share: f64,
    /// The fewest tokens that `reserve_share` may come to, as far as half the window allows.
    pub reserve_min: u32,
    /// The most tokens that `reserve_share` may come to.
    pub reserve_max: u32,
    /// The share of the window kept for what counting can miss.
    pub margin_share: f64,
    /// The most tokens that `margin_share` may come to.
    pub margin_max: u32,
    /// The share of the window in use from which a warning names the largest parts.
    pub warn_share: f64,
}

impl Default for BudgetSettings {
    fn default() -> BudgetSettings {
        crate::Config::default().budget
    }
}

/// How a conversation that outgrows its window is made smaller. Every bound is a share, so that the same settings hold for any window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompactionSettings {
    /// The share of the room for the conversation that is to be in use afterwards: less, and it holds for longer; more, and less is lost.
    pub target_share: f64,
    /// The share of the window up to which the newest steps stay as they are. The last one always does.
    pub protect_share: f64,
    /// The share of the window that the list of what was done may take.
    pub digest_share: f64,
    /// The share of the window that has to come free. A compaction that frees less is not made again: the next rung is.
    pub least_share: f64,
    /// Whether the model may be asked for a summary. Without it everything is done by rules alone.
    pub summary: bool,
}

impl Default for CompactionSettings {
    fn default() -> CompactionSettings {
        crate::Config::default().compaction
    }
}

/// How the agent works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentSettings {
    /// Said to the model after the hub's own instructions.
    pub instructions: Option<String>,
    /// Model calls in one turn, after which it is ended and told.
    pub steps_max: u32,
    /// Failed calls in a row of one turn, after which it is ended and told: error feedback helps a few times.
    pub failures_max: u32,
    /// The same call with the same result so often is a loop.
    pub repeats_max: u32,
    /// In mode `auto`, asks the model for its opinion of a call that the rules allow. It can only turn an allow into an ask.
    pub model_approver: bool,
}

impl Default for AgentSettings {
    fn default() -> AgentSettings {
        crate::Config::default().agent
    }
}

/// What the event log holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventLogSettings {
    /// Whether there is an event log.
    pub enabled: bool,
    /// Whether it holds what people, models and tools said, and not only sizes and hashes of it.
    pub content: bool,
}
