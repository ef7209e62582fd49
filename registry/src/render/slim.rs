//! The shape of arguments and nothing else: names, types, enums, required marks. A cut schema accepts whatever the whole one
//! accepts, save that an optional argument is left out instead of being null, so that a grammar made from it never bars a
//! right call; what it no longer rules out, the door's check against the whole schema does.

use serde_json::{Map, Value, json};
use toolpool_config::fixed::{SCHEMA_HOPS_MAX, SLIM_BRANCHES_MAX, SLIM_DEPTH_MAX, SLIM_ENUM_MAX};

/// The whole schema, and how far into it the cut has come.
#[derive(Clone, Copy)]
struct At<'a> {
    root: &'a Value,
    depth: usize,
    hops: usize,
}

/// `schema` cut; always an object schema with properties.
pub(super) fn parameters(schema: &Value) -> Value {
    let at = At {
        root: schema,
        depth: 0,
        hops: 0,
    };
    let mut gathered = Gathered::default();
    gather(schema, at, true, &mut gathered);
    gathered.into_schema()
}

/// Properties of an object and of all it is combined from.
#[derive(Default)]
struct Gathered {
    properties: Map<String, Value>,
    required: Vec<String>,
}

impl Gathered {
    fn into_schema(mut self) -> Value {
        self.required
            .retain(|name| self.properties.contains_key(name));
        let mut schema = Map::new();
        schema.insert("type".to_owned(), json!("object"));
        schema.insert("properties".to_owned(), Value::Object(self.properties));
        if !self.required.is_empty() {
            schema.insert("required".to_owned(), json!(self.required));
        }
        Value::Object(schema)
    }
}

/// Adds what `schema` says of an object. `always` is false inside an alternative, which requires nothing of the others.
fn gather(schema: &Value, at: At<'_>, always: bool, into: &mut Gathered) {
    if at.hops > SCHEMA_HOPS_MAX {
        return;
    }
    let deeper = At {
        hops: at.hops + 1,
        ..at
    };
    if let Some(target) = reference(schema, at.root) {
        gather(target, deeper, always, into);
    }
    let required: Vec<&str> = strings(schema.get("required")).collect();
    if let Some(Value::Object(properties)) = schema.get("properties") {
        for (name, property) in properties {
            let cut = cut(
                property,
                At {
                    depth: at.depth + 1,
                    ..at
                },
                always && required.contains(&name.as_str()),
            );
            // Two alternatives that mean different things by one name allow either.
            match into.properties.get(name) {
                Some(before) if *before != cut => into.properties.insert(name.clone(), json!({})),
                _ => into.properties.insert(name.clone(), cut),
            };
        }
    }
    if always {
        for name in required {
            if !into.required.iter().any(|r| r == name) {
                into.required.push(name.to_owned());
            }
        }
    }
    for branch in list(schema.get("allOf")) {
        gather(branch, deeper, always, into);
    }
    for branch in list(schema.get("anyOf")).chain(list(schema.get("oneOf"))) {
        gather(branch, deeper, false, into);
    }
}

/// One property cut. A required one may have to be null, so there null stays a choice.
fn cut(schema: &Value, at: At<'_>, required: bool) -> Value {
    if at.hops > SCHEMA_HOPS_MAX {
        return json!({});
    }
    let deeper = At {
        hops: at.hops + 1,
        ..at
    };
    if let Some(target) = reference(schema, at.root) {
        return cut(target, deeper, required);
    }
    let Value::Object(fields) = schema else {
        return json!({});
    };
    if let Some(value) = fields.get("const") {
        return with_type(vec![value.clone()]);
    }
    if let Some(Value::Array(values)) = fields.get("enum") {
        return enumeration(values, required);
    }
    let branches: Vec<&Value> = list(fields.get("anyOf"))
        .chain(list(fields.get("oneOf")))
        .collect();
    let types = types(fields, required);
    if types.is_empty() && !branches.is_empty() {
        return alternatives(&branches, deeper, required);
    }
    let all: Vec<&Value> = list(fields.get("allOf")).collect();
    match types.as_slice() {
        [] => match all.as_slice() {
            [one] => cut(one, deeper, required),
            [] => json!({}),
            several => combined(several, deeper),
        },
        [one] => typed(one, schema, at),
        several => json!({"type": several}),
    }
}

/// Several schemas that all hold: objects are joined, anything else is told by the first that says a type.
fn combined(branches: &[&Value], at: At<'_>) -> Value {
    let cuts: Vec<Value> = branches
        .iter()
        .map(|branch| cut(branch, at, true))
        .collect();
    let is_object = |cut: &&Value| cut.get("type").and_then(Value::as_str) == Some("object");
    if cuts.iter().any(|cut| is_object(&cut)) {
        if at.depth > SLIM_DEPTH_MAX {
            return json!({"type": "object"});
        }
        let mut gathered = Gathered::default();
        branches
            .iter()
            .for_each(|branch| gather(branch, at, true, &mut gathered));
        return gathered.into_schema();
    }
    cuts.iter()
        .find_map(|cut| cut.get("type").map(bare))
        .unwrap_or_else(|| json!({}))
}

/// A type alone, still legal: an array names its items.
fn bare(kind: &Value) -> Value {
    match kind.as_str() {
        Some("array") => json!({"type": "array", "items": {}}),
        _ => json!({"type": kind}),
    }
}

/// The types a schema names or implies. Null goes where the property can be left out instead.
fn types(fields: &Map<String, Value>, required: bool) -> Vec<String> {
    let mut types: Vec<String> = match fields.get("type") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => several
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ if fields.contains_key("properties") => vec!["object".to_owned()],
        _ if fields.contains_key("items") || fields.contains_key("prefixItems") => {
            vec!["array".to_owned()]
        }
        _ => Vec::new(),
    };
    let known = [
        "string", "number", "integer", "boolean", "array", "object", "null",
    ];
    types.retain(|t| known.contains(&t.as_str()));
    types.dedup();
    if !required && types.iter().any(|t| t != "null") {
        types.retain(|t| t != "null");
    }
    types
}

fn typed(kind: &str, schema: &Value, at: At<'_>) -> Value {
    match kind {
        "object" if at.depth > SLIM_DEPTH_MAX || schema.get("properties").is_none() => {
            json!({"type": "object"})
        }
        "object" => {
            let mut gathered = Gathered::default();
            gather(schema, at, true, &mut gathered);
            gathered.into_schema()
        }
        "array" => {
            let items = match schema.get("items") {
                Some(items @ Value::Object(_)) => cut(
                    items,
                    At {
                        hops: at.hops + 1,
                        ..at
                    },
                    true,
                ),
                _ => json!({}),
            };
            json!({"type": "array", "items": items})
        }
        scalar => json!({"type": scalar}),
    }
}

fn enumeration(values: &[Value], required: bool) -> Value {
    let mut kept: Vec<Value> = values.to_vec();
    if !required && kept.iter().any(|v| !v.is_null()) {
        kept.retain(|v| !v.is_null());
    }
    match (kept.len() <= SLIM_ENUM_MAX, kind_of(&kept)) {
        (true, _) if !kept.is_empty() => with_type(kept),
        (_, Some(kind)) => json!({"type": kind}),
        _ => json!({}),
    }
}

fn with_type(values: Vec<Value>) -> Value {
    match kind_of(&values) {
        Some(kind) => json!({"type": kind, "enum": values}),
        None => json!({"enum": values}),
    }
}

/// The one scalar type of all values.
fn kind_of(values: &[Value]) -> Option<&'static str> {
    let kind = |value: &Value| match value {
        Value::String(_) => Some("string"),
        Value::Bool(_) => Some("boolean"),
        Value::Number(n) if n.is_f64() => Some("number"),
        Value::Number(_) => Some("integer"),
        _ => None,
    };
    let first = kind(values.first()?)?;
    values
        .iter()
        .all(|value| kind(value) == Some(first))
        .then_some(first)
}

fn alternatives(branches: &[&Value], at: At<'_>, required: bool) -> Value {
    let is_null = |branch: &&&Value| branch.get("type").and_then(Value::as_str) == Some("null");
    let drops_null = !required && branches.iter().any(|branch| !is_null(&branch));
    let mut cuts: Vec<Value> = Vec::new();
    for branch in branches
        .iter()
        .filter(|branch| !(drops_null && is_null(branch)))
    {
        let cut = cut(branch, at, true);
        if !cuts.contains(&cut) {
            cuts.push(cut);
        }
    }
    let plain = |cut: &Value| match cut.as_object() {
        Some(fields) if fields.len() == 1 => fields
            .get("type")
            .and_then(Value::as_str)
            .map(str::to_owned),
        _ => None,
    };
    let kinds: Option<Vec<String>> = cuts.iter().map(plain).collect();
    match (cuts.len(), kinds) {
        (0, _) => json!({}),
        (1, _) => cuts.remove(0),
        (_, Some(kinds)) => json!({"type": kinds}),
        // An empty schema among them allows anything, and so do they all.
        (n, None) if n > SLIM_BRANCHES_MAX || cuts.contains(&json!({})) => json!({}),
        (_, None) => json!({"anyOf": cuts}),
    }
}

/// What a local reference points at; others are left alone, since nothing is fetched here.
fn reference<'a>(schema: &Value, root: &'a Value) -> Option<&'a Value> {
    let pointer = schema.get("$ref")?.as_str()?.strip_prefix('#')?;
    root.pointer(pointer)
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn strings(value: Option<&Value>) -> impl Iterator<Item = &str> {
    list(value).filter_map(Value::as_str)
}
