//! A tool as `tools --json` writes it. The raw definition travels along, so that what was written can be read back as a catalog
//! of offline tools; everything else in it is for programs that would otherwise have to work it out again.

use std::sync::Arc;

use serde::Serialize;

use crate::effect::Claims;
use crate::fingerprint::Fingerprint;
use crate::snapshot::Snapshot;
use crate::tool::{Json, Row};

/// One tool in full.
#[derive(Clone, Debug, Serialize)]
pub struct ToolRecord {
    /// The name callers use.
    pub exposed: Arc<str>,
    /// Its server.
    pub server: Arc<str>,
    /// The server's own name for it.
    pub tool: Arc<str>,
    /// Its person-readable name.
    pub title: Option<Arc<str>>,
    /// What it does, safe to show.
    pub description: Arc<str>,
    /// What calling it may do.
    #[serde(flatten)]
    pub claims: Claims,
    /// What its renderings cost.
    pub tokens: RecordTokens,
    /// Changes when the definition does.
    pub fingerprint: Fingerprint,
    /// Whether its server's own `allow` and `deny` let it through.
    pub permitted: bool,
    /// From a catalog file.
    pub offline: bool,
    /// The definition as the server sent it.
    pub raw: Json,
}

/// Tokens by rendering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RecordTokens {
    /// The whole definition.
    pub full: u32,
    /// One sentence and the shape of its arguments.
    pub slim: u32,
    /// A name and a few words.
    pub line: u32,
}

impl ToolRecord {
    /// The record of `row`; `None` where the snapshot has no such row.
    #[must_use]
    pub fn of(snapshot: &Snapshot, row: Row) -> Option<ToolRecord> {
        let tool = snapshot.tools().get(row)?;
        Some(ToolRecord {
            exposed: Arc::clone(&tool.exposed),
            server: Arc::clone(&tool.id.server),
            tool: Arc::clone(&tool.id.name),
            title: tool.title.clone(),
            description: Arc::clone(&tool.description),
            claims: tool.claims,
            tokens: RecordTokens {
                full: tool.full.tokens,
                slim: tool.slim.tokens,
                line: tool.line.tokens,
            },
            fingerprint: tool.fingerprint,
            permitted: tool.permitted,
            offline: tool.offline,
            raw: tool.raw.clone(),
        })
    }
}
