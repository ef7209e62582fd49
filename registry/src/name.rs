//! Exposed names: what clients and models call a tool. Many clients accept only letters, digits, `_` and `-`, and at most 64
//! of them, so names are made here and looked up ever after; nobody takes one apart again.
//!
//! A tool's name depends on its id alone, so that no other server's coming or going renames it: `server__tool`, and a hash of
//! the id behind it whenever something was lost (a character replaced, the end cut) or the join could be read two ways (a
//! server name with `__` in it). Names without a hash are then distinct by construction. Only a name that the person chose, or
//! one that a server forged, can still collide; the loser gets its hash, whatever order they arrived in.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::fingerprint::Fingerprint;
use crate::tool::{Row, ToolId, ToolMeta};

/// Between server and tool.
const JOINT: &str = "__";
/// Names of the hub's own two tools, which no other tool can have.
const RESERVED: [&str; 2] = ["find_tools", "call_tool"];
/// Hex digits of the id's hash in a name that needs it: one in four billion.
const HASH_DIGITS: usize = 8;
/// Room for a few letters and the hash, however small the setting.
const LENGTH_MIN: usize = 16;

/// The name of `id`, at most `length_max` characters; `chosen` is the person's, and is kept as it is where it is legal.
#[must_use]
pub fn exposed(id: &ToolId, chosen: Option<&str>, length_max: usize) -> String {
    let wanted = chosen.map_or_else(|| format!("{}{JOINT}{}", id.server, id.name), str::to_owned);
    let length_max = length_max.max(LENGTH_MIN);
    let legal: String = wanted
        .chars()
        .map(|c| if is_legal(c) { c } else { '_' })
        .collect();
    let ambiguous = chosen.is_none() && legal.find(JOINT) != Some(id.server.len());
    if legal == wanted
        && legal.len() <= length_max
        && !ambiguous
        && !RESERVED.contains(&legal.as_str())
    {
        legal
    } else {
        with_hash(&legal, id, HASH_DIGITS, length_max)
    }
}

fn is_legal(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// `legal` is ASCII, so that cutting by bytes is safe.
fn with_hash(legal: &str, id: &ToolId, digits: usize, length_max: usize) -> String {
    // The two halves of an id can hold any character but a server's name can't hold a newline, so the text is unambiguous.
    let hash = Fingerprint::of_text(&format!("{}\n{}", id.server, id.name)).to_string();
    let digits = digits.min(length_max - 2);
    let kept = legal.len().min(length_max - digits - 1);
    format!("{}_{}", &legal[..kept], &hash[..digits])
}

/// Exposed names of one snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameTable {
    rows: BTreeMap<Arc<str>, Row>,
}

impl NameTable {
    /// The tool of that very name.
    #[must_use]
    pub fn row(&self, exposed: &str) -> Option<Row> {
        self.rows.get(exposed).copied()
    }

    /// All names in byte order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, Row)> {
        self.rows.iter().map(|(name, row)| (name, *row))
    }

    /// How many names there are: one for each tool.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no tool at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// Names for `tools`, which are sorted by id. With it come the tools that lost a collision and the names they get instead: the
/// winner is the one the person named, else one whose name is whole, else the first by id.
#[must_use]
pub fn settle(tools: &[Arc<ToolMeta>], length_max: usize) -> (NameTable, Vec<(Row, String)>) {
    let length_max = length_max.max(LENGTH_MIN);
    let mut order: Vec<Row> = (0..tools.len()).collect();
    order.sort_by_key(|&row| {
        let tool = &tools[row];
        let whole = tool.exposed.len() == tool.id.server.len() + JOINT.len() + tool.id.name.len();
        (!tool.named_by_person, !whole, row)
    });
    let mut rows: BTreeMap<Arc<str>, Row> = BTreeMap::new();
    let mut losers = Vec::new();
    for row in order {
        if rows.contains_key(&tools[row].exposed) {
            losers.push(row);
        } else {
            rows.insert(Arc::clone(&tools[row].exposed), row);
        }
    }
    losers.sort_unstable();
    let mut renamed = Vec::with_capacity(losers.len());
    for row in losers {
        let tool = &tools[row];
        let free = (HASH_DIGITS..=64)
            .map(|digits| with_hash(&tool.exposed, &tool.id, digits, length_max))
            .find(|name| !rows.contains_key(name.as_str()));
        // A server would have to forge a tool's name for every length of another's hash.
        let name = free.unwrap_or_else(|| counted(&rows, length_max));
        rows.insert(name.as_str().into(), row);
        renamed.push((row, name));
    }
    (NameTable { rows }, renamed)
}

/// The first free name of a plain count; there are more of them than tools.
fn counted(taken: &BTreeMap<Arc<str>, Row>, length_max: usize) -> String {
    (0..=taken.len())
        .map(|n| format!("tool_{n}"))
        .find(|name| name.len() <= length_max && !taken.contains_key(name.as_str()))
        .expect("one of n + 1 names is not among n taken ones")
}

#[cfg(test)]
mod tests;
