//! What a project's file may not say. It comes with a folder that somebody else may have written, so it can make calls
//! stricter and never freer, and it leaves alone what the person said: their servers, their model, who is served and what is
//! written down. What it may set is listed here; everything else is taken out of it, with a warning that names the key.
//!
//! A server of its own it may bring, without trust. Deliberately absent: telling such a server from another of the same name
//! in the person's rules.

use std::collections::BTreeMap;

use crate::error::Problem;
use crate::node::{Entry, Node, Step, Value, dotted};

const HINT: &str = "set it in your own configuration if you mean it";

/// Takes out of a project's layer what is not its to say over the layers `below`, and says so.
pub(crate) fn only_stricter(layer: &mut Node, below: &Node) -> Vec<Problem> {
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
                let what = "a project's file may not allow calls; this rule is left out";
                said.push(
                    Problem::new(what)
                        .at(rule.origin.clone())
                        .hint("write it into your own configuration if you mean it"),
                );
            }
            !allows
        });
    }
    take_out(root, &mut Vec::new(), below, &mut said);
    said
}

/// What becomes of a key.
enum Fate {
    Stays,
    Goes,
    /// It depends on what is in it.
    Within,
}

fn take_out(
    table: &mut BTreeMap<String, Entry>,
    path: &mut Vec<String>,
    below: &Node,
    said: &mut Vec<Problem>,
) {
    table.retain(|key, entry| {
        path.push(key.clone());
        let keys: Vec<&str> = path.iter().map(String::as_str).collect();
        let fate = fate(&keys, &entry.node, below);
        let stays = match (fate, &mut entry.node.value) {
            (Fate::Stays, _) => true,
            (Fate::Within, Value::Table(inner)) => {
                let empty = inner.is_empty();
                take_out(inner, path, below, said);
                empty || !inner.is_empty()
            }
            (Fate::Goes | Fate::Within, _) => {
                let steps: Vec<Step> = path.iter().cloned().map(Step::Key).collect();
                let name = dotted(&steps);
                let what =
                    format!("a project's file may not make calls freer or set this; its `{name}` is left out");
                said.push(Problem::new(what).at(entry.node.origin.clone()).hint(HINT));
                false
            }
        };
        path.pop();
        stays
    });
}

fn fate(path: &[&str], node: &Node, below: &Node) -> Fate {
    let stays_if = |yes: bool| if yes { Fate::Stays } else { Fate::Goes };
    let theirs = |section: &str, name: &str| below.get(&[section, name]).is_some();
    match path {
        ["deny" | "rules" | "pin" | "exposure" | "pool" | "budget"]
        | ["model", "name" | "window" | "temperature"] => Fate::Stays,
        ["agent", "model_approver"] => stays_if(matches!(node.value, Value::Truth(true))),
        ["mode"] => stays_if(is_narrower(node, below.get(&["mode"]))),
        // One that the person wrote may free calls; one that the project brings only narrows.
        ["profile"] => stays_if(match &node.value {
            Value::Text(name) => below.get(&["profile"]).is_none() && !theirs("profiles", name),
            _ => true,
        }),
        ["profiles", name, "mode"] => {
            stays_if(is_narrower(node, below.get(&["profiles", name, "mode"])))
        }
        ["profiles", name, key] => stays_if(
            !theirs("profiles", name) || matches!(*key, "deny" | "pin" | "exposure" | "pool"),
        ),
        // What its commands may write, and where it looks, is never a project's to widen.
        ["servers", _, "confine" | "write_also" | "folder"] => Fate::Goes,
        ["servers", _, "trust"] => stays_if(is(node, "none")),
        ["servers", name, "enabled"] => {
            stays_if(!theirs("servers", name) || matches!(node.value, Value::Truth(false)))
        }
        ["servers", _, "tools", _, "effect"] => stays_if(is(node, "destructive")),
        ["servers", name, "tools", _, _] => stays_if(!theirs("servers", name)),
        ["servers", _, "tools"] | ["servers", _, "tools", _] => Fate::Within,
        ["servers", _, "deny" | "timeout_s" | "start_timeout_s"] => Fate::Stays,
        ["servers", name, _] => stays_if(!theirs("servers", name)),
        [_] | ["servers" | "profiles", _] => Fate::Within,
        _ => Fate::Goes,
    }
}

/// Whether a mode allows no more than the one below it, and never more than to ask. What is no mode is told of elsewhere.
fn is_narrower(node: &Node, below: Option<&Node>) -> bool {
    let rank = |node: &Node| {
        ["plan", "ask", "auto"]
            .iter()
            .position(|word| is(node, word))
    };
    let most = below.and_then(rank).unwrap_or(1).min(1);
    rank(node).is_none_or(|rank| rank <= most)
}

fn is(node: &Node, word: &str) -> bool {
    matches!(&node.value, Value::Text(text) if text.trim().eq_ignore_ascii_case(word))
}
