//! Settings of the hub: layered TOML, typed, with where each value came from.
//!
//! ```text
//! defaults ─ user file ─ project file ─ environment ─ flags
//!     └── each read into a tree that remembers its places (node, read)
//!           └── checked alone, all mistakes reported together (load)
//!                 └── merged: tables deeply, `deny` lists added up (merge)
//!                       └── typed (file), variables put in (expand), checked again (check) ── Loaded
//! ```
//!
//! Deliberately absent: any look at the real environment, HOME or standard folders. Callers hand in what they
//! found ([`Sources`]), so that a test can hand in something else.

mod agent;
mod check;
mod error;
mod expand;
mod file;
pub mod import;
mod init;
mod layer;
mod limits;
mod load;
mod merge;
mod node;
mod pattern;
mod policy;
mod profile;
mod project;
mod read;
mod redact;
mod resolve;
mod rule;
mod schema;
mod secret;
mod server;
mod settings;
mod typed;
mod verify;
mod write;

pub use agent::{AgentApprover, AgentType, DelegateSettings, Level, OwnTool, Thoroughness};
pub use error::{Error, Problem};
pub use init::starter;
pub use layer::{Config, Loaded, Origin, Position, Sources, ValueAt};
pub use limits::{Limits, fixed};
pub use load::load;
pub use pattern::{Glob, Pattern, PatternError, Subject};
pub use policy::{Decision, Effect, Exposure, Mode, Trust};
pub use profile::Profile;
pub use rule::{Matcher, NewRule, Proposed, Rule, add_rule};
pub use schema::schema;
pub use secret::Secret;
pub use server::{Builtin, Confine, Confinement, ServerConfig, ToolOverride, Transport};
pub use settings::{
    AgentSettings, BudgetSettings, CompactionSettings, EmbeddingSettings, EventLogSettings,
    ModelSettings, NameSettings, PoolOverrides, PoolSettings, Rebuild, ServeSettings, TokenConfig,
};
pub use verify::{ClaimCheck, ReadBack, ReadBackTable, VerifySettings, WriteCheck};
pub use write::write_atomically;
