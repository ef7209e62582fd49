//! Names that come near: what a slip in a tool's name can only mean, and what to suggest where it is in doubt.
//!
//! Both look at the caller's view alone, so that a hidden name is neither repaired to nor suggested.

use std::sync::Arc;

use toolpool_registry::{Row, Snapshot, ToolMeta, View};

use crate::repair::plain;

/// The one tool in view that the name can only mean: the same letters in another spelling, or the server's own name for
/// it where no other server has that name.
pub fn only(snapshot: &Snapshot, view: &View, name: &str) -> Option<Row> {
    let wanted = plain(name);
    if wanted.is_empty() {
        return None;
    }
    let single = |same: &dyn Fn(&ToolMeta) -> bool| {
        let mut rows = view.rows().filter(|row| same(&snapshot.tools()[*row]));
        rows.next().filter(|_| rows.next().is_none())
    };
    single(&|tool| plain(&tool.exposed) == wanted)
        .or_else(|| single(&|tool| plain(&tool.id.name) == wanted))
}

/// At most `count` exposed names in view that differ from `name` in a third of its letters or less, nearest first.
pub fn suggestions(snapshot: &Snapshot, view: &View, name: &str, count: usize) -> Vec<Arc<str>> {
    let wanted = plain(name);
    let room = wanted.len().div_ceil(3);
    // Names of other lengths are no slips, and comparing them would cost their product.
    let edits = |other: &str| {
        let other = plain(other);
        (wanted.len().abs_diff(other.len()) <= room)
            .then(|| strsim::levenshtein(&wanted, &other))
            .filter(|edits| *edits <= room)
    };
    let mut near: Vec<(usize, Arc<str>)> = view
        .rows()
        .map(|row| &snapshot.tools()[row])
        .filter_map(|tool| {
            let nearest = edits(&tool.exposed)
                .into_iter()
                .chain(edits(&tool.id.name))
                .min()?;
            Some((nearest, tool.exposed.clone()))
        })
        .collect();
    near.sort();
    near.truncate(count);
    near.into_iter().map(|(_, name)| name).collect()
}
