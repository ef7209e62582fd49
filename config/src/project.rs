//! What a project's file may not say. It comes with a folder that somebody else may have written, so it can make calls
//! stricter and never freer: what would free one is taken out of it, with a warning that names the place.

use crate::error::Problem;
use crate::node::{Entry, Node, Value};

/// Takes out of a project's layer what would free calls, and says so.
pub(crate) fn only_stricter(layer: &mut Node) -> Vec<Problem> {
    let mut said = Vec::new();
    let Value::Table(root) = &mut layer.value else {
        return said;
    };
    if let Some(Entry { node, .. }) = root.get_mut("rules")
        && let Value::List(rules) = &mut node.value
    {
        rules.retain(|rule| {
            let allows = rule
                .get(&["decision"])
                .is_some_and(|node| is(node, "allow"));
            if allows {
                said.push(
                    problem(
                        "a project's file may not allow calls; this rule is left out",
                        rule,
                    )
                    .hint("write it into your own configuration if you mean it"),
                );
            }
            !allows
        });
    }
    drop_where(
        root.get_mut("profiles"),
        "mode",
        |node| is(node, "auto"),
        &mut said,
    );
    drop_key(root, "mode", |node| is(node, "auto"), &mut said);
    drop_where(
        root.get_mut("servers"),
        "trust",
        |node| is(node, "annotations"),
        &mut said,
    );
    if let Some(Entry { node, .. }) = root.get_mut("servers")
        && let Value::Table(servers) = &mut node.value
    {
        for server in servers.values_mut() {
            if let Value::Table(server) = &mut server.node.value {
                let freer = |node: &Node| !is(node, "destructive");
                drop_where(server.get_mut("tools"), "effect", freer, &mut said);
            }
        }
    }
    said
}

type Table = std::collections::BTreeMap<String, Entry>;

/// Drops the key from every table of the section where the test holds.
fn drop_where(
    section: Option<&mut Entry>,
    key: &str,
    test: impl Fn(&Node) -> bool,
    said: &mut Vec<Problem>,
) {
    if let Some(Entry { node, .. }) = section
        && let Value::Table(tables) = &mut node.value
    {
        for entry in tables.values_mut() {
            if let Value::Table(table) = &mut entry.node.value {
                drop_key(table, key, &test, said);
            }
        }
    }
}

fn drop_key(table: &mut Table, key: &str, test: impl Fn(&Node) -> bool, said: &mut Vec<Problem>) {
    if let Some(entry) = table.get(key)
        && test(&entry.node)
    {
        let what = format!("a project's file may not make calls freer; its `{key}` is left out");
        said.push(
            problem(&what, &entry.node).hint("write it into your own configuration if you mean it"),
        );
        table.remove(key);
    }
}

fn problem(what: &str, node: &Node) -> Problem {
    Problem::new(what).at(node.origin.clone())
}

fn is(node: &Node, word: &str) -> bool {
    matches!(&node.value, Value::Text(text) if text.trim().eq_ignore_ascii_case(word))
}
