//! From the texts of a layer to its tree: TOML files, `TOOLPOOL_SECTION__KEY` variables, flags.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::Problem;
use crate::layer::{Origin, Position};
use crate::limits::fixed::SYNTAX_PROBLEMS_MAX;
use crate::node::{Entry, Node, Step, Value, dotted, split_list};

/// What settings in the environment start with.
const PREFIX: &str = "TOOLPOOL_";

/// The tree of a TOML text; `origin` gets each place.
pub(crate) fn toml_text(
    text: &str,
    origin: &dyn Fn(Option<Position>) -> Origin,
) -> Result<Node, Vec<Problem>> {
    let lines = Lines::new(text);
    let place = |offset: usize| origin(Some(lines.position(offset)));
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(errors
            .iter()
            .take(SYNTAX_PROBLEMS_MAX)
            .map(|error| {
                let at = error
                    .span()
                    .map_or_else(|| origin(None), |span| place(span.start));
                Problem::new(format!("not TOML: {}", error.message())).at(at)
            })
            .collect());
    }
    Ok(Node::new(table(root.get_ref(), &place), origin(None)))
}

fn table(from: &DeTable<'_>, place: &dyn Fn(usize) -> Origin) -> Value {
    let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| Entry {
        key: place(key.span().start),
        node: node(value, place),
    };
    Value::Table(
        from.iter()
            .map(|(key, value)| (key.get_ref().to_string(), entry((key, value))))
            .collect(),
    )
}

fn node(from: &Spanned<DeValue<'_>>, place: &dyn Fn(usize) -> Origin) -> Node {
    let value = match from.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Boolean(truth) => Value::Truth(*truth),
        DeValue::Datetime(time) => Value::Time(time.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::Text(number.to_string()), Value::Whole),
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .map_or_else(|_| Value::Text(number.to_string()), Value::Real),
        DeValue::Array(list) => Value::List(list.iter().map(|item| node(item, place)).collect()),
        DeValue::Table(inner) => table(inner, place),
    };
    Node::new(value, place(from.span().start))
}

/// The tree of settings in the environment, with names looked up in what lies below, since variables have no case and
/// no `-`. Variables that name no section (`TOOLPOOL_LOG`) and no key of the top level are left to others.
pub(crate) fn variables(env: &BTreeMap<String, String>, below: &Node, top: &[String]) -> Node {
    let mut root = empty(Origin::Default { at: None });
    for (variable, text) in env {
        let Some(name) = variable.strip_prefix(PREFIX) else {
            continue;
        };
        let path: Vec<&str> = name.split("__").collect();
        let first = path[0].to_ascii_lowercase();
        if path.iter().any(|part| part.is_empty()) || (path.len() == 1 && !top.contains(&first)) {
            continue;
        }
        let origin = Origin::Env {
            variable: variable.clone(),
        };
        let keys = spelled(&path, below);
        put(&mut root, &keys, given(text, &origin, &keys));
    }
    root
}

/// Each part as the tree below spells it, else in lower case; names of variables keep theirs.
fn spelled(path: &[&str], below: &Node) -> Vec<String> {
    let fold = |text: &str| text.to_ascii_lowercase().replace('-', "_");
    let (mut node, mut keys) = (Some(below), Vec::<String>::new());
    for part in path {
        let table = node.and_then(Node::table);
        let known = table.and_then(|table| table.keys().find(|key| fold(key) == fold(part)));
        let key = match known {
            Some(key) => key.clone(),
            None if keys.len() == 3 && keys[2] == "env" => (*part).to_owned(),
            None => part.to_ascii_lowercase(),
        };
        node = table
            .and_then(|table| table.get(&key))
            .map(|entry| &entry.node);
        keys.push(key);
    }
    keys
}

/// The tree of the flags, later ones over earlier ones, lists that add up added up.
pub(crate) fn flags(flags: &[(String, String)]) -> Result<Vec<Node>, Vec<Problem>> {
    let mut roots = Vec::new();
    for (flag, text) in flags {
        let origin = Origin::Flag { flag: flag.clone() };
        let keys = dotted_keys(flag).ok_or_else(|| {
            vec![Problem::new(format!("`{flag}` is not a dotted key")).at(origin.clone())]
        })?;
        let mut root = empty(origin.clone());
        put(&mut root, &keys, given(text, &origin, &keys));
        roots.push(root);
    }
    Ok(roots)
}

fn dotted_keys(flag: &str) -> Option<Vec<String>> {
    let text = format!("{flag} = 0");
    if flag.contains(['\n', '\r', '=', '#']) {
        return None;
    }
    let parsed = DeTable::parse(&text).ok()?;
    let (mut keys, mut table) = (Vec::new(), parsed.get_ref());
    loop {
        let (key, value) = table.iter().next()?;
        keys.push(key.get_ref().to_string());
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => return Some(keys),
        }
    }
}

/// A value given as one word: TOML where it reads as such, else a string.
fn given(text: &str, origin: &Origin, keys: &[String]) -> Node {
    let mut value = match DeValue::parse(text.trim()) {
        Ok(value) => node(&value, &|_| origin.clone()),
        Err(_) => Node::new(Value::Text(text.to_owned()), origin.clone()),
    };
    if adds_up(keys.iter().map(String::as_str)) && !matches!(value.value, Value::List(_)) {
        value = list_of(text, origin);
    }
    value.raw = Some(text.to_owned());
    value
}

/// `a,b` as a list node.
pub(crate) fn list_of(text: &str, origin: &Origin) -> Node {
    let items = split_list(text)
        .into_iter()
        .map(|item| Node::new(Value::Text(item), origin.clone()));
    Node::new(Value::List(items.collect()), origin.clone())
}

/// Whether lists at this key add up over the layers: a later layer can never take a deny or a rule back.
pub(crate) fn adds_up<'a>(keys: impl Iterator<Item = &'a str>) -> bool {
    matches!(
        keys.collect::<Vec<_>>()[..],
        ["deny" | "rules"] | ["servers" | "profiles", _, "deny"]
    )
}

fn empty(origin: Origin) -> Node {
    Node::new(Value::Table(BTreeMap::new()), origin)
}

/// Puts a value under these keys, making tables on the way. A variable that stands where another wants a table (both
/// `X` and `X__Y` are set) gives way to it.
fn put(root: &mut Node, keys: &[String], value: Node) {
    let [key, rest @ ..] = keys else {
        *root = value;
        return;
    };
    if !matches!(root.value, Value::Table(_)) {
        *root = empty(root.origin.clone());
    }
    if let Value::Table(table) = &mut root.value {
        let entry = table.entry(key.clone()).or_insert_with(|| Entry {
            key: value.origin.clone(),
            node: empty(value.origin.clone()),
        });
        put(&mut entry.node, rest, value);
    }
}

/// All leaves of a tree with their paths; an empty list or table is a leaf.
pub(crate) fn leaves<'a>(
    node: &'a Node,
    path: &mut Vec<Step>,
    see: &mut dyn FnMut(String, &[Step], &'a Node),
) {
    match &node.value {
        Value::Table(table) if !table.is_empty() => {
            for (key, entry) in table {
                path.push(Step::Key(key.clone()));
                leaves(&entry.node, path, see);
                path.pop();
            }
        }
        Value::List(list) if path_adds_up(path) && !list.is_empty() => {
            for (index, item) in list.iter().enumerate() {
                path.push(Step::Index(index));
                see(dotted(path), path, item);
                path.pop();
            }
        }
        _ => see(dotted(path), path, node),
    }
}

fn path_adds_up(path: &[Step]) -> bool {
    adds_up(path.iter().map(|step| match step {
        Step::Key(key) => key.as_str(),
        Step::Index(_) => "",
    }))
}

/// Line starts of a text, to turn offsets into lines and columns.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Lines<'a> {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Lines {
            text,
            starts: std::iter::once(0).chain(ends).collect(),
        }
    }

    fn position(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset) - 1;
        let before = self.text.get(self.starts[line]..offset).unwrap_or("");
        Position {
            line: line + 1,
            column: before.chars().count() + 1,
        }
    }
}
