//! What is verified: the format of what is about to be written, what a write left behind, what the final answer claims.
//!
//! A pair of a write and its reader that the hub finds by itself needs no setting; `read_back` is for the servers whose names
//! do not tell.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifySettings {
    /// What becomes of a write whose content is not in the format that its path names.
    pub writes: WriteCheck,
    /// Whether a write is read back where a reader is known. Costs one read that is allowed without asking.
    pub effects: bool,
    /// Against what the final answer is held.
    pub claims: ClaimCheck,
}

impl Default for VerifySettings {
    fn default() -> VerifySettings {
        crate::Config::default().verify
    }
}

/// What becomes of a content that is not in its format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WriteCheck {
    /// The call is not made, and the model is told what is wrong and where.
    Refuse,
    /// The call is made, and the model is told.
    Warn,
    /// Nothing is looked at.
    Off,
}

/// How the final answer is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimCheck {
    /// Not at all.
    Off,
    /// Against the journal, without a model. A finding costs one more model call.
    Deterministic,
    /// The same, and then by the agent `verify`, which sees request, answer and effects and looks for itself: some model calls
    /// more in each turn that changed something.
    Agent,
}

/// The tool that shows what a write left behind: its name, or a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ReadBack {
    /// The server's own name of the reader. It is given those of the write's arguments that it must have.
    Tool(String),
    /// The reader, what it is given and what must be so.
    Table(ReadBackTable),
}

/// A reader, what it is given and what must be so.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadBackTable {
    /// The server's own name of the reader.
    pub tool: String,
    /// Its arguments. `{id}` stands for the write's argument `id`, `{result.id}` for the field of its result.
    #[serde(default)]
    pub arguments: BTreeMap<String, String>,
    /// Fields of what the reader shows (`order.status`), each with what it must be, written in the same way. Without any, the
    /// content must be there, or each argument of the write under its own name.
    #[serde(default)]
    pub compare: BTreeMap<String, String>,
    /// The write takes something away: the reader must not find it.
    #[serde(default)]
    pub gone: bool,
}

impl ReadBack {
    /// The server's own name of the reader.
    pub fn tool(&self) -> &str {
        match self {
            ReadBack::Tool(tool) => tool,
            ReadBack::Table(table) => &table.tool,
        }
    }

    /// All of it, with nothing said where only a name was.
    pub fn table(&self) -> ReadBackTable {
        match self {
            ReadBack::Tool(tool) => ReadBackTable {
                tool: tool.clone(),
                ..ReadBackTable::default()
            },
            ReadBack::Table(table) => table.clone(),
        }
    }
}
