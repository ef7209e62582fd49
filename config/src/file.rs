//! The shape of the file: what serde reads and what the JSON Schema describes.
//!
//! Where a section needs no second step its type is the public one. A server and a token differ: here each field may
//! be missing and strings still hold `${VAR}`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    AgentSettings, AgentType, BudgetSettings, Builtin, CompactionSettings, Confine, Decision,
    DelegateSettings, Effect, EmbeddingSettings, EventLogSettings, Exposure, Glob, Limits, Mode,
    NameSettings, Pattern, PoolSettings, Profile, ToolOverride, Trust, VerifySettings,
};

/// Settings of toolpool.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// The profile used when none is asked for.
    pub(crate) profile: Option<String>,
    /// How much a session may do without asking.
    pub(crate) mode: Mode,
    /// What a client sees in `tools/list`.
    pub(crate) exposure: Exposure,
    /// Tools that nobody may see or call. Lists of all layers add up.
    pub(crate) deny: Vec<Pattern>,
    /// What is allowed, asked about or denied, call by call. Rules of all layers add up; a deny wins over an ask, an ask
    /// over an allow, whatever their order. A project's file may not allow.
    pub(crate) rules: Vec<RuleFile>,
    /// Exposed names of tools that are always in the pool and in a served list.
    pub(crate) pin: Vec<String>,
    /// A `tokenizer.json` to count tokens with, in place of the bundled one.
    pub(crate) tokenizer: Option<PathBuf>,
    /// The servers, by names of letters, digits, `-` and `_`.
    pub(crate) servers: BTreeMap<String, ServerFile>,
    /// Named restrictions that a session or a client picks.
    #[serde(default)]
    pub(crate) profiles: BTreeMap<String, Profile>,
    /// Kinds of agents: a conversation may run as one, and a model may give one a task. A project's file may not add or change any.
    pub(crate) agents: BTreeMap<String, AgentType>,
    /// What a pool may cost and how tools are ranked for it.
    pub(crate) pool: PoolSettings,
    /// The encoder that reads tools and requests.
    pub(crate) embedding: EmbeddingSettings,
    /// How exposed names are made.
    pub(crate) names: NameSettings,
    /// How the hub serves clients.
    pub(crate) serve: ServeFile,
    /// Which model is talked to, and how.
    pub(crate) model: ModelFile,
    /// How a window is divided.
    pub(crate) budget: BudgetSettings,
    /// How a conversation that outgrows its window is made smaller.
    pub(crate) compaction: CompactionSettings,
    /// How the agent works.
    pub(crate) agent: AgentSettings,
    /// What is verified: what is about to be written, what a write left behind, what the final answer claims.
    pub(crate) verify: VerifySettings,
    /// How tasks are given to agents.
    pub(crate) delegate: DelegateSettings,
    /// What the event log holds.
    pub(crate) event_log: EventLogSettings,
    /// Every bound in the program.
    pub(crate) limits: Limits,
}

/// One server: `command` starts a child, `url` connects over HTTP, `builtin` runs a part of this program.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServerFile {
    /// The program of a stdio server.
    pub(crate) command: Option<String>,
    /// Its arguments; there is no shell between.
    pub(crate) args: Vec<String>,
    /// Variables added to its environment.
    pub(crate) env: BTreeMap<String, String>,
    /// Its working folder.
    pub(crate) cwd: Option<String>,
    /// The address of a streamable HTTP server.
    pub(crate) url: Option<String>,
    /// Headers added to every request.
    pub(crate) headers: BTreeMap<String, String>,
    /// A server that is part of this program.
    pub(crate) builtin: Option<Builtin>,
    /// The folder that a builtin server works on.
    pub(crate) folder: Option<String>,
    /// Whether the commands that a builtin server runs are held to writing in its folder.
    pub(crate) confine: Option<Confine>,
    /// Folders that they may write to besides.
    pub(crate) write_also: Vec<String>,
    /// `false` keeps it listed and never starts it.
    pub(crate) enabled: Option<bool>,
    /// Seconds that one call may take.
    pub(crate) timeout_s: Option<f64>,
    /// Seconds from start to the first list of tools.
    pub(crate) start_timeout_s: Option<f64>,
    /// Whether its annotations are believed.
    pub(crate) trust: Trust,
    /// Globs over its own tool names; empty means all.
    pub(crate) allow: Vec<Glob>,
    /// Globs over its own tool names that nobody may see or call. Lists of all layers add up.
    pub(crate) deny: Vec<Glob>,
    /// Your own word on single tools.
    pub(crate) tools: BTreeMap<String, ToolOverride>,
    /// A note for people.
    pub(crate) description: Option<String>,
}

/// One rule over calls. What it names must all be met; what it leaves out is any.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleFile {
    /// What happens to a call that meets it.
    pub(crate) decision: Decision,
    /// A glob over servers' names.
    pub(crate) server: Option<Glob>,
    /// A glob over tools, by the server's own name or the exposed one. An allow without `server` reads exposed names only,
    /// since a server chooses its own.
    pub(crate) tool: Option<Glob>,
    /// In an allow this effect or a milder one, by a claim that is believed; else this or a worse one, and every tool of which
    /// nothing believed is known.
    pub(crate) effect: Option<Effect>,
    /// In an allow only: the tool's fingerprint, in hex. Once its definition is another, the rule holds no more. An answer
    /// "always" writes it.
    pub(crate) fingerprint: Option<String>,
    /// What arguments hold, by their names.
    #[serde(default)]
    pub(crate) arguments: BTreeMap<String, MatcherFile>,
    /// Why, for people and for the model.
    pub(crate) reason: Option<String>,
    /// Calls that the rule must meet; `toolpool config check` tries them.
    #[serde(default, rename = "match")]
    pub(crate) matches: Vec<ExampleFile>,
    /// Calls that it must not meet.
    #[serde(default)]
    pub(crate) no_match: Vec<ExampleFile>,
}

/// What one argument holds: exactly one of these.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MatcherFile {
    /// A path at or below this one.
    pub(crate) prefix: Option<String>,
    /// A URL at this host, or with `*.` in front at one below it; with `:port` at that port.
    pub(crate) host: Option<String>,
    /// A text of this regular expression: an allow wants the whole text, a deny or an ask any part of it.
    pub(crate) pattern: Option<String>,
    /// Exactly this value.
    pub(crate) equals: Option<serde_json::Value>,
}

/// A call to try a rule on.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExampleFile {
    /// The server's name.
    pub(crate) server: String,
    /// The server's own name of the tool.
    pub(crate) tool: String,
    /// The effect, believed; without it nothing is known of the tool.
    pub(crate) effect: Option<Effect>,
    /// The arguments.
    #[serde(default)]
    pub(crate) arguments: BTreeMap<String, serde_json::Value>,
}

/// How the hub serves clients.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServeFile {
    /// Host and port to listen on. Anything but loopback requires a token.
    pub(crate) address: String,
    /// Bearer tokens by a name of your choice.
    pub(crate) tokens: BTreeMap<String, TokenFile>,
    /// Origins that browsers may call from, besides loopback ones.
    pub(crate) allowed_origins: Vec<String>,
    /// Host headers that are answered, besides the address itself and loopback names.
    pub(crate) allowed_hosts: Vec<String>,
    /// Share of the window from which `exposure = "auto"` turns to `search`.
    pub(crate) search_share: f64,
}

/// One bearer token.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenFile {
    /// The token itself, best as `${VAR}`.
    pub(crate) secret: Option<String>,
    /// The profile that its bearer has and cannot leave.
    pub(crate) profile: Option<String>,
}

/// Which model is talked to, and how.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelFile {
    /// The model server's address, such as `http://127.0.0.1:8080`; looked for at `places` when missing.
    pub(crate) endpoint: Option<String>,
    /// The model's name as its server has it; the loaded or the first one when missing.
    pub(crate) name: Option<String>,
    /// Sent as a bearer token with every request, best as `${VAR}`.
    pub(crate) api_key: Option<String>,
    /// Use no more than this of the window. For Ollama this is the `num_ctx` of the session.
    pub(crate) window: Option<u32>,
    /// Where a model server is looked for, the first one that answers with a model first.
    pub(crate) places: Vec<String>,
    /// Silence of a model server in seconds after which a request is given up.
    pub(crate) silence_s: f64,
    /// Sent with every request where it is set; a model's own default otherwise.
    pub(crate) temperature: Option<f64>,
    /// What the model's template is told beyond the conversation, such as `{ enable_thinking = false }`; not for Ollama.
    pub(crate) template_arguments: BTreeMap<String, serde_json::Value>,
}
