//! The small scales that rules are written in: effect, mode, decision, exposure, trust.
//!
//! Only names and their order live here; who decides what from them is the business of `registry` and `hub`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a call may do to the world, from harmless to worst; the order is by severity.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Changes nothing.
    ReadOnly,
    /// Changes something, but doing it twice is the same as doing it once.
    Idempotent,
    /// Adds or changes something; doing it twice does it twice.
    Mutating,
    /// May destroy or overwrite something. A tool that claims nothing is read as this.
    Destructive,
}

impl Effect {
    /// All effects, from harmless to worst.
    pub const ALL: [Effect; 4] = [
        Effect::ReadOnly,
        Effect::Idempotent,
        Effect::Mutating,
        Effect::Destructive,
    ];

    /// The name used in the file and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Effect::ReadOnly => "read-only",
            Effect::Idempotent => "idempotent",
            Effect::Mutating => "mutating",
            Effect::Destructive => "destructive",
        }
    }

    /// The effect of this name, whatever its case and with `_` for `-`.
    pub fn from_name(name: &str) -> Option<Effect> {
        let name = name.trim().to_ascii_lowercase().replace('_', "-");
        Effect::ALL.into_iter().find(|effect| {
            effect.name() == name || (*effect == Effect::ReadOnly && name == "readonly")
        })
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How much a session may do without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Only what is read-only by a trusted claim.
    Plan,
    /// What is not read-only and no rule allows is asked for.
    #[default]
    Ask,
    /// What the profile's `allow` list names is not asked for either; deny lists, deny rules and ask rules still hold.
    Auto,
}

impl Mode {
    /// The name used in the file and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Plan => "plan",
            Mode::Ask => "ask",
            Mode::Auto => "auto",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What may happen to a call; the order is by severity, and of several that apply the worst wins.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// It is made.
    Allow,
    /// A person is asked.
    Ask,
    /// It is not made.
    Deny,
}

impl Decision {
    /// The name used in the file.
    pub fn name(self) -> &'static str {
        match self {
            Decision::Allow => "allow",
            Decision::Ask => "ask",
            Decision::Deny => "deny",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a client sees in `tools/list` when the hub serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Exposure {
    /// Every tool of its view.
    All,
    /// The pinned tools, `find_tools` and `call_tool`.
    Search,
    /// `search` when the whole list would cost more than `serve.search_share` of the window, else `all`.
    #[default]
    Auto,
}

impl Exposure {
    /// The name used in the file and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Exposure::All => "all",
            Exposure::Search => "search",
            Exposure::Auto => "auto",
        }
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Whether a server's own annotations are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// Annotations inform ranking and display and may raise a gate; they never free a call.
    #[default]
    None,
    /// Annotations are taken as true.
    Annotations,
}

impl Trust {
    /// The name used in the file.
    pub fn name(self) -> &'static str {
        match self {
            Trust::None => "none",
            Trust::Annotations => "annotations",
        }
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
