//! A pool as a person or a program reads it: every tool by name, in or out, with what it costs and why. Made on request from
//! the pool and its snapshot, since a pool over a large catalog leaves out far more than anyone looks at.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::{Pool, Shape};
use crate::reason::Reason;
use crate::snapshot::Snapshot;

/// One tool of an explained pool.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// The name callers use.
    pub exposed: Arc<str>,
    /// Its server.
    pub server: Arc<str>,
    /// The server's own name for it.
    pub tool: Arc<str>,
    /// Which rendering it is offered in; none for a tool that is out.
    pub shape: Option<Shape>,
    /// What that costs, or what its cheapest rendering would.
    pub tokens: u32,
    /// The ranking's score, where it was ranked.
    pub score: Option<f32>,
    /// Why it is in or out.
    pub reason: Reason,
    /// The reason as a phrase.
    pub because: String,
}

impl Pool {
    /// Every tool that is in, then the best `out_max` that are out. `snapshot` is the one the pool was made from; of another
    /// one nothing is told.
    #[must_use]
    pub fn lines(&self, snapshot: &Snapshot, out_max: usize) -> Vec<Line> {
        if snapshot.no() != self.snapshot {
            return Vec::new();
        }
        let line = |row: usize, shape, tokens, score, reason: &Reason| {
            let tool = &snapshot.tools()[row];
            Line {
                exposed: Arc::clone(&tool.exposed),
                server: Arc::clone(&tool.id.server),
                tool: Arc::clone(&tool.id.name),
                shape,
                tokens,
                score,
                reason: reason.clone(),
                because: reason.to_string(),
            }
        };
        let offered = self
            .offered
            .iter()
            .map(|o| line(o.row, Some(o.shape), o.tokens, o.score, &o.reason));
        let out = self
            .left_out
            .iter()
            .take(out_max)
            .map(|o| line(o.row, None, o.tokens, o.score, &o.reason));
        offered.chain(out).collect()
    }

    /// How many tools beyond the best `out_max` are out, by the kind of reason.
    #[must_use]
    pub fn rest(&self, out_max: usize) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for out in self.left_out.iter().skip(out_max) {
            *counts.entry(out.reason.kind()).or_insert(0) += 1;
        }
        counts
    }
}
