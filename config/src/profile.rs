//! Profiles: a named set of servers, lists, mode and pool settings that a session or a client picks.
//!
//! A profile only narrows what the whole configuration lets through; `deny` of the configuration holds in each of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Exposure, Mode, Pattern, PoolOverrides};

/// A named set of restrictions and settings.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// Globs over server names; empty means all.
    pub servers: Vec<String>,
    /// What it lets through; empty means all.
    pub allow: Vec<Pattern>,
    /// What it stops; wins over `allow`.
    pub deny: Vec<Pattern>,
    /// In place of the configuration's `mode`.
    pub mode: Option<Mode>,
    /// In place of the configuration's `exposure`.
    pub exposure: Option<Exposure>,
    /// In place of single settings under `[pool]`.
    pub pool: PoolOverrides,
    /// Exposed names of tools that are always in the pool and in a served list.
    pub pin: Vec<String>,
    /// Whether `allow` may also free calls in mode `auto`: not where a project's file wrote the list.
    #[serde(skip)]
    pub frees: bool,
    /// What the person wrote about it.
    pub description: Option<String>,
}
