//! One server as the rest of the program sees it: ready to start, variables already put in.
//!
//! The shape in the file is [`crate::file::ServerFile`]; there each field may be missing. Equality is by value, secrets
//! included: a reload reconnects exactly the servers that are not equal to what they were.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Effect, Glob, ReadBack, Secret, Trust};

/// A server and how far it is trusted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServerConfig {
    /// How it is reached.
    pub transport: Transport,
    /// A disabled server is listed, never started.
    pub enabled: bool,
    /// How long one call may take. Never zero.
    pub timeout: Duration,
    /// How long it may take from start to its first list of tools. Never zero.
    pub start_timeout: Duration,
    /// Whether its annotations are believed.
    pub trust: Trust,
    /// Globs over its own tool names; empty means all.
    pub allow: Vec<Glob>,
    /// Globs over its own tool names; wins over `allow`.
    pub deny: Vec<Glob>,
    /// What the person says about single tools, by the server's own name of the tool.
    pub tools: BTreeMap<String, ToolOverride>,
    /// Names of variables that its strings need and that are not set; it cannot start while there is one.
    pub unset: Vec<String>,
    /// What the person wrote about it.
    pub description: Option<String>,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// A child process that speaks on its standard streams.
    Stdio {
        /// The program, looked up in `PATH` unless it holds a slash.
        command: String,
        /// Its arguments, never passed through a shell.
        args: Vec<String>,
        /// Variables added to its environment.
        env: BTreeMap<String, Secret>,
        /// Its working folder; the hub's own when missing.
        cwd: Option<PathBuf>,
    },
    /// Streamable HTTP.
    Http {
        /// An `http` or `https` address.
        url: String,
        /// Headers added to every request.
        headers: BTreeMap<String, Secret>,
    },
    /// A server that is part of this program.
    InProcess {
        /// Which one.
        name: Builtin,
        /// The folder it works on; the hub's own working folder when missing.
        folder: Option<PathBuf>,
        /// Where the commands that it runs may write.
        confinement: Confinement,
    },
}

/// Where commands may write.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Confinement {
    /// Whether they are held at all.
    pub confine: Confine,
    /// Folders that they may write to besides the workspace.
    pub write_also: Vec<PathBuf>,
}

/// How far commands are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Confine {
    /// They write in the workspace, in a temporary folder of their own, and where `write_also` says.
    #[default]
    Workspace,
    /// They write where the hub itself may.
    None,
}

/// The servers that are part of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Builtin {
    /// Files of one folder.
    Workspace,
}

/// The person's own word on one tool.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ToolOverride {
    /// Shown in place of the server's name of the tool.
    pub name: Option<String>,
    /// Shown in place of the server's description.
    pub description: Option<String>,
    /// What a call does; believed, since the person says it.
    pub effect: Option<Effect>,
    /// Whether calls may run beside other calls.
    pub concurrent: Option<bool>,
    /// The tool of the same server that shows what a call of this one left behind.
    pub read_back: Option<ReadBack>,
}

impl ServerConfig {
    /// Whether the server's own allow and deny globs let a tool through, by the server's name of it.
    pub fn permits(&self, tool: &str) -> bool {
        !self.deny.iter().any(|glob| glob.denies(tool))
            && (self.allow.is_empty() || self.allow.iter().any(|glob| glob.allows(tool)))
    }
}
