//! Why a tool is in a pool or not, in one short phrase. Closed on purpose: a pool that cannot say why is a bug.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// Why a tool is in, or left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Reason {
    /// In: the person pinned it.
    Pinned,
    /// In: it was called a short while ago.
    InUse,
    /// In: it ranks well enough.
    Ranked {
        /// Its place in the ranking, from 1.
        rank: usize,
    },
    /// Out: what was left of the allowance did not hold it.
    OverTokens {
        /// Tokens of its cheapest rendering.
        needed: u32,
        /// Tokens that were left.
        left: u32,
    },
    /// Out: the pool had its number of tools.
    OverCount {
        /// That number.
        max: usize,
    },
    /// Out: a tool of another server that does the same is in.
    Duplicate {
        /// The exposed name of that tool.
        of: Arc<str>,
    },
    /// Out: the ranking found nothing that it has in common with the request.
    Unrelated,
    /// Out: it is not among the best, which are all that a ranking names.
    Unranked,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Pinned => f.write_str("pinned"),
            Reason::InUse => f.write_str("in use"),
            Reason::Ranked { rank } => write!(f, "ranked {rank}"),
            Reason::OverTokens { needed, left } => write!(f, "needs {needed} tokens, {left} left"),
            Reason::OverCount { max } => write!(f, "beyond {max} tools"),
            Reason::Duplicate { of } => write!(f, "same as {of}"),
            Reason::Unrelated => f.write_str("nothing in common"),
            Reason::Unranked => f.write_str("not among the best"),
        }
    }
}

impl Reason {
    /// Its kind as one word, as in JSON.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Reason::Pinned => "pinned",
            Reason::InUse => "in-use",
            Reason::Ranked { .. } => "ranked",
            Reason::OverTokens { .. } => "over-tokens",
            Reason::OverCount { .. } => "over-count",
            Reason::Duplicate { .. } => "duplicate",
            Reason::Unrelated => "unrelated",
            Reason::Unranked => "unranked",
        }
    }
}
