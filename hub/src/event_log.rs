//! The event log: what the process did, one line of JSON for each thing, in a category with details of its own type.
//!
//! ```text
//! session events ─┐
//! servers, config ─┼─► Recorder ─ channel ─► writer ─► STATE/log/000001.jsonl, 000002.jsonl, ...   ─► toolpool log
//! cache, recovery ─┘   (never waits)        (one thread)
//! ```
//!
//! It is for finding out afterwards why something went as it did, and nothing rests on it: the journal is the truth of a
//! session, so a log that can't be written is told once and forgotten, and a burst that is too large is dropped and counted.
//! What a person or a tool said stands here as size and hash, unless `event_log.content` asks for the words.
//!
//! Several processes write at once. Each line is one write to a file opened for appending, and files are never renamed: a
//! full one is left and the next number begun, so that no writer and no reader loses its place.

mod detail;
mod from_event;
mod hub;
mod read;
mod writer;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use detail::{
    CacheDetail, CompactionDetail, ConfigDetail, ContextDetail, Detail, ModelDetail,
    PermissionDetail, PoolDetail, RecoveryDetail, RegistryDetail, RoomDetail, ServerDetail,
    ToolDetail, VerificationDetail,
};
pub use from_event::from_event;
pub use hub::HubLog;
pub use read::{Filter, Reader};
pub use writer::Recorder;

/// The version of [`Record`].
pub const VERSION: u32 = 1;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this format.
    pub v: u32,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// The process that wrote it.
    pub pid: u32,
    /// How much it matters.
    pub level: Level,
    /// Where it belongs.
    #[serde(flatten)]
    pub place: Place,
    /// What happened.
    #[serde(flatten)]
    pub detail: Detail,
}

/// Where a record belongs: to a turn of a session, or to a state of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Place {
    /// In a session.
    Session {
        /// Its id.
        session: String,
        /// The turn; 0 outside of turns.
        turn: u32,
    },
    /// Outside of sessions.
    Hub {
        /// The number of the snapshot in force.
        snapshot: u64,
    },
}

/// How much a record matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// For whoever looks into the details.
    Debug,
    /// It went as it should.
    Info,
    /// A person may have to look at it.
    Warn,
    /// Something is lost or wrong.
    Error,
}

impl Level {
    /// All levels, from least.
    pub const ALL: [Level; 4] = [Level::Debug, Level::Info, Level::Warn, Level::Error];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// The conversation: its turns, steps and settings.
    Context,
    /// The catalog.
    Registry,
    /// Servers and how they are.
    Server,
    /// The configuration.
    Config,
    /// Which tools a request was offered.
    Pool,
    /// What takes the room of a request.
    Budget,
    /// Decisions on calls.
    Permission,
    /// Calls.
    Tool,
    /// The model and its server.
    Model,
    /// The prompt cache of the model's server.
    Cache,
    /// What is shown to the model in another form.
    Compaction,
    /// Results, writes and answers held against what is known.
    Verification,
    /// What was found after a crash.
    Recovery,
}

impl Category {
    /// All categories.
    pub const ALL: [Category; 13] = [
        Category::Context,
        Category::Registry,
        Category::Server,
        Category::Config,
        Category::Pool,
        Category::Budget,
        Category::Permission,
        Category::Tool,
        Category::Model,
        Category::Cache,
        Category::Compaction,
        Category::Verification,
        Category::Recovery,
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Category::Context => "context",
            Category::Registry => "registry",
            Category::Server => "server",
            Category::Config => "config",
            Category::Pool => "pool",
            Category::Budget => "budget",
            Category::Permission => "permission",
            Category::Tool => "tool",
            Category::Model => "model",
            Category::Cache => "cache",
            Category::Compaction => "compaction",
            Category::Verification => "verification",
            Category::Recovery => "recovery",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Category {
    type Err = String;

    fn from_str(text: &str) -> Result<Category, String> {
        let named = |category: &Category| category.name() == text;
        Category::ALL.into_iter().find(named).ok_or_else(|| {
            format!(
                "categories are {}",
                Category::ALL.map(Category::name).join(", ")
            )
        })
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Level, String> {
        let named = |level: &Level| level.name() == text;
        Level::ALL
            .into_iter()
            .find(named)
            .ok_or_else(|| format!("levels are {}", Level::ALL.map(Level::name).join(", ")))
    }
}

/// Somebody's words: how many and which, and only where that was asked for the words themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Bytes of the text.
    pub bytes: usize,
    /// SHA-256 of the text.
    pub sha256: String,
    /// The text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Content {
    /// What is kept of a text.
    #[must_use]
    pub fn of(text: &str, keep: bool) -> Content {
        let hash = Sha256::digest(text.as_bytes());
        Content {
            bytes: text.len(),
            sha256: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            text: keep.then(|| text.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests;
