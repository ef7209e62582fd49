//! Servers, lists and snapshots for this crate's tests, and a small source of repeatable chance.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use toolpool_config::{
    Builtin, Config, Confinement, Limits, NameSettings, ServerConfig, Transport, Trust,
};

use crate::catalog::{ServerTools, read_tools};
use crate::snapshot::Snapshot;
use crate::tokens::TokenCounter;
use crate::vectors::VectorStore;

/// A server of which nothing is said.
pub(crate) fn server() -> ServerConfig {
    ServerConfig {
        transport: Transport::InProcess {
            name: Builtin::Workspace,
            folder: None,
            confinement: Confinement::default(),
        },
        enabled: true,
        timeout: Duration::from_secs(1),
        start_timeout: Duration::from_secs(1),
        trust: Trust::None,
        allow: Vec::new(),
        deny: Vec::new(),
        tools: BTreeMap::new(),
        unset: Vec::new(),
        description: None,
    }
}

/// A definition with one string parameter.
pub(crate) fn tool(name: &str, description: &str) -> Value {
    json!({
        "name": name,
        "description": description,
        "inputSchema": {"type": "object", "properties": {"text": {"type": "string", "description": "What to use"}}},
    })
}

/// The list of `server` under `config`.
pub(crate) fn read(server: &str, raw: &[Value], config: &ServerConfig) -> Arc<ServerTools> {
    let (names, limits) = (NameSettings::default(), Limits::default());
    Arc::new(read_tools(
        server,
        raw,
        config,
        &names,
        &TokenCounter::bundled(),
        &limits,
        false,
    ))
}

/// A snapshot of servers of which nothing is said.
pub(crate) fn snapshot(servers: &[(&str, &[Value])]) -> Snapshot {
    joined(
        1,
        servers
            .iter()
            .map(|(name, raw)| read(name, raw, &server()))
            .collect(),
        None,
    )
}

/// A snapshot of lists, without vectors.
pub(crate) fn joined(
    no: u64,
    lists: Vec<Arc<ServerTools>>,
    previous: Option<&Snapshot>,
) -> Snapshot {
    Snapshot::build(
        no,
        Vec::new(),
        lists,
        &VectorStore::default(),
        &Config::default(),
        previous,
    )
}

/// Repeatable chance (xorshift).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`, which is above 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits fit") % end
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
