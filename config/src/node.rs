//! The tree between TOML and serde: every value and every key knows where it stands.
//!
//! serde's own TOML reader knows spans of one text only. Here values of five layers lie in one tree, so that a mistake
//! or a listing can name the layer, the file and the line. What a value replaced is kept below it.

use std::collections::BTreeMap;

use crate::layer::Origin;

/// A value, where it stands and what it replaced.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) origin: Origin,
    /// The text as given, when it came from a variable or a flag: there a bare word is a string, `a,b` a list.
    pub(crate) raw: Option<String>,
    /// Values of lower layers, the nearest first.
    pub(crate) below: Vec<Node>,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(String),
    Whole(i64),
    Real(f64),
    Truth(bool),
    Time(String),
    List(Vec<Node>),
    Table(BTreeMap<String, Entry>),
}

/// A value of a table with the place of its key.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: Origin,
    pub(crate) node: Node,
}

/// One step into the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

impl Node {
    pub(crate) fn new(value: Value, origin: Origin) -> Node {
        Node {
            value,
            origin,
            raw: None,
            below: Vec::new(),
        }
    }

    pub(crate) fn table(&self) -> Option<&BTreeMap<String, Entry>> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The node under these keys.
    pub(crate) fn get(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter()
            .try_fold(self, |node, key| Some(&node.table()?.get(*key)?.node))
    }

    /// Where the value under these keys stands, or the nearest table above it.
    pub(crate) fn origin_of(&self, keys: &[&str]) -> Origin {
        let mut node = self;
        let mut origin = &self.origin;
        for key in keys {
            let Some(entry) = node.table().and_then(|table| table.get(*key)) else {
                break;
            };
            origin = match entry.node.value {
                Value::Table(_) => &entry.key,
                _ => &entry.node.origin,
            };
            node = &entry.node;
        }
        origin.clone()
    }

    /// Takes the value at this path away, putting back what it replaced; false when there is nothing to take.
    pub(crate) fn undo(&mut self, path: &[Step]) -> bool {
        match (path, &mut self.value) {
            ([Step::Key(key)], Value::Table(table)) => match table.get_mut(key) {
                Some(entry) if !entry.node.below.is_empty() => {
                    let mut below = std::mem::take(&mut entry.node.below);
                    entry.node = below.remove(0);
                    entry.node.below = below;
                    true
                }
                _ => table.remove(key).is_some(),
            },
            ([Step::Index(index)], Value::List(list)) if *index < list.len() => {
                list.remove(*index);
                true
            }
            ([Step::Key(key), rest @ ..], Value::Table(table)) => table
                .get_mut(key)
                .is_some_and(|entry| entry.node.undo(rest)),
            ([Step::Index(index), rest @ ..], Value::List(list)) => {
                list.get_mut(*index).is_some_and(|node| node.undo(rest))
            }
            _ => false,
        }
    }
}

/// The path as a dotted key of TOML, with indices in brackets.
pub(crate) fn dotted(path: &[Step]) -> String {
    let mut out = String::new();
    for step in path {
        match step {
            Step::Index(index) => out.push_str(&format!("[{index}]")),
            Step::Key(key) => {
                if !out.is_empty() {
                    out.push('.');
                }
                if !key.is_empty() && key.chars().all(is_bare) {
                    out.push_str(key);
                } else {
                    out.push_str(&format!("{key:?}"));
                }
            }
        }
    }
    out
}

fn is_bare(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == '-'
}

/// `a, b` as a list; commas inside `{}` and `[]` belong to a glob.
pub(crate) fn split_list(text: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0usize);
    for letter in text.chars() {
        match letter {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts
            .last_mut()
            .expect("the list starts with one part")
            .push(letter);
    }
    parts
        .iter()
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}
