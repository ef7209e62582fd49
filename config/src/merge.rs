//! One layer laid over another.
//!
//! Tables merge deeply, `deny` lists add up, everything else is replaced and kept below. One exception guards
//! secrets: a *file* that says how a server is reached says it wholly, so that a command of another kind does not inherit
//! the tokens in its `env`. A project's file may not touch the person's servers at all: that is taken out before (project).

use std::collections::BTreeMap;

use crate::layer::Origin;
use crate::node::{Entry, Node, Value};
use crate::read::adds_up;

/// Keys that say how a server is reached.
const TRANSPORT: [&str; 8] = [
    "command", "args", "env", "cwd", "url", "headers", "builtin", "folder",
];

/// Keys of which a server has exactly one.
const KINDS: [&str; 3] = ["command", "url", "builtin"];

/// Lays `over` onto `base`.
pub(crate) fn merge(base: &mut Node, over: Node) {
    merge_at(base, over, &mut Vec::new());
}

fn merge_at(base: &mut Node, over: Node, path: &mut Vec<String>) {
    match (&mut base.value, over.value) {
        (Value::Table(low), Value::Table(high)) => {
            if path.len() == 2 && path[0] == "servers" {
                replace_transport(low, &high);
            }
            for (key, entry) in high {
                match low.get_mut(&key) {
                    Some(there) => {
                        there.key = entry.key;
                        path.push(key);
                        merge_at(&mut there.node, entry.node, path);
                        path.pop();
                    }
                    None => {
                        low.insert(key, entry);
                    }
                }
            }
        }
        (Value::List(low), Value::List(high)) if adds_up(path.iter().map(String::as_str)) => {
            low.extend(high);
            base.origin = over.origin;
        }
        (_, value) => {
            let mut lower = std::mem::replace(
                base,
                Node {
                    value,
                    origin: over.origin,
                    raw: over.raw,
                    below: Vec::new(),
                },
            );
            let older = std::mem::take(&mut lower.below);
            base.below.push(lower);
            base.below.extend(older);
        }
    }
}

fn replace_transport(low: &mut BTreeMap<String, Entry>, high: &BTreeMap<String, Entry>) {
    let named = KINDS
        .iter()
        .find_map(|kind| Some((*kind, high.get(*kind)?)));
    let Some((kind, entry)) = named else { return };
    let other_kind = !low.contains_key(kind);
    let from_file = matches!(
        entry.node.origin,
        Origin::User { .. } | Origin::Project { .. }
    );
    if other_kind || from_file {
        // Where the kind is the same, its old value stays to be listed as overridden.
        low.retain(|key, _| !TRANSPORT.contains(&key.as_str()) || key == kind);
    }
}
