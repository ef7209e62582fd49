//! Repairs the slips that small models make in arguments, and names each repair.
//!
//! A slip is a value whose meaning is beyond doubt and whose form is wrong: a number written as a
//! string, one item where a list is asked for, a key in another spelling. Anything that would need
//! a guess is left alone, so that validation refuses it with a sentence the model can act on.
//! Nothing is repaired in silence: every change comes back as one phrase.

use serde_json::{Map, Value};
use toolpool_config::fixed::REPAIR_DEPTH_MAX;

/// One change made to the arguments, as a phrase: "`count` from the string \"5\" to 5".
pub type Repair = String;

/// Brings the arguments of a call into an object: absent and `null` are `{}`, and a string that
/// holds a JSON object is read.
///
/// # Errors
/// The value's type, where it is neither.
pub fn object(
    arguments: Option<Value>,
    repairs: &mut Vec<Repair>,
) -> Result<Map<String, Value>, &'static str> {
    match arguments {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(Map::new()),
        Some(Value::String(text)) => match serde_json::from_str(&text) {
            Ok(Value::Object(map)) => {
                repairs.push("the arguments from a string to the JSON object in it".into());
                Ok(map)
            }
            _ => Err("a string"),
        },
        Some(other) => Err(kind(&other)),
    }
}

/// Repairs `arguments` towards `schema` (a JSON Schema object) and returns what was changed.
pub fn repair(schema: &Value, arguments: &mut Map<String, Value>) -> Vec<Repair> {
    let mut repairs = Vec::new();
    repair_object(schema, schema, arguments, "", 0, &mut repairs);
    repairs
}

fn repair_object(
    root: &Value,
    schema: &Value,
    object: &mut Map<String, Value>,
    path: &str,
    depth: usize,
    repairs: &mut Vec<Repair>,
) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    let open = schema
        .get("additionalProperties")
        .is_none_or(|open| open != &Value::Bool(false));
    rename_keys(properties, required(schema), open, object, path, repairs);
    for (key, property) in properties {
        let at = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        if object.get(key) == Some(&Value::Null)
            && !required(schema).any(|name| name == key)
            && !accepts(root, property, "null")
        {
            object.remove(key);
            repairs.push(format!("`{at}` left out, since it was null"));
            continue;
        }
        if let Some(value) = object.get_mut(key) {
            repair_value(root, property, value, &at, depth + 1, repairs);
        }
    }
}

/// Gives a key that the schema does not know the name of the one property it can only mean.
fn rename_keys<'a>(
    properties: &Map<String, Value>,
    required: impl Iterator<Item = &'a str> + Clone,
    open: bool,
    object: &mut Map<String, Value>,
    path: &str,
    repairs: &mut Vec<Repair>,
) {
    let unknown: Vec<String> = object
        .keys()
        .filter(|key| !properties.contains_key(*key))
        .cloned()
        .collect();
    for key in unknown {
        let mut same = properties
            .keys()
            .filter(|name| !object.contains_key(*name) && plain(name) == plain(&key));
        let Some(name) = same.next() else { continue };
        if same.next().is_some() {
            continue;
        }
        // A schema that takes any key may mean this one: rename only where the named one is missed.
        if open && !required.clone().any(|wanted| wanted == name) {
            continue;
        }
        let name = name.clone();
        if let Some(value) = object.remove(&key) {
            object.insert(name.clone(), value);
            let within = if path.is_empty() {
                String::new()
            } else {
                format!(" in `{path}`")
            };
            repairs.push(format!("the key `{key}`{within} to `{name}`"));
        }
    }
}

fn repair_value(
    root: &Value,
    schema: &Value,
    value: &mut Value,
    path: &str,
    depth: usize,
    repairs: &mut Vec<Repair>,
) {
    if depth > REPAIR_DEPTH_MAX {
        return;
    }
    let schema = local(root, schema);
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        return repair_choice(choices, value, path, repairs);
    }
    if !accepts(root, schema, kind_name(value))
        && let Some(better) = coerce(root, schema, value)
    {
        repairs.push(format!(
            "`{path}` from {} {} to {}",
            kind(value),
            short(value),
            short(&better)
        ));
        *value = better;
    }
    match value {
        Value::Object(inner) => repair_object(root, schema, inner, path, depth, repairs),
        Value::Array(items) => {
            if let Some(item) = schema.get("items") {
                for (index, entry) in items.iter_mut().enumerate() {
                    repair_value(
                        root,
                        item,
                        entry,
                        &format!("{path}[{index}]"),
                        depth + 1,
                        repairs,
                    );
                }
            }
        }
        _ => {}
    }
}

fn repair_choice(choices: &[Value], value: &mut Value, path: &str, repairs: &mut Vec<Repair>) {
    if choices.contains(value) {
        return;
    }
    let Some(text) = value.as_str() else { return };
    let mut same = choices
        .iter()
        .filter(|choice| choice.as_str().is_some_and(|c| plain(c) == plain(text)));
    if let (Some(choice), None) = (same.next(), same.next()) {
        repairs.push(format!(
            "`{path}` from {} to {}",
            short(value),
            short(choice)
        ));
        *value = choice.clone();
    }
}

/// The value in the form the schema asks for, where only one reading exists.
fn coerce(root: &Value, schema: &Value, value: &Value) -> Option<Value> {
    let takes = |name| accepts(root, schema, name);
    match value {
        Value::String(text) => {
            let text = text.trim();
            if takes("integer")
                && let Ok(number) = text.parse::<i64>()
            {
                return Some(Value::from(number));
            }
            if takes("number")
                && let Ok(number) = text.parse::<f64>()
                && number.is_finite()
            {
                return Some(Value::from(number));
            }
            if takes("boolean")
                && let Some(truth) = truth(text)
            {
                return Some(Value::Bool(truth));
            }
            if (takes("object") && text.starts_with('{'))
                || (takes("array") && text.starts_with('['))
            {
                return serde_json::from_str(text).ok();
            }
            takes("array").then(|| Value::Array(vec![value.clone()]))
        }
        Value::Number(number) if takes("integer") => {
            let whole = number
                .as_f64()
                .filter(|n| n.fract() == 0.0 && n.abs() < 9e15)?;
            Some(Value::from(whole as i64))
        }
        Value::Number(_) | Value::Bool(_) if takes("string") => {
            Some(Value::String(value.to_string()))
        }
        Value::Number(_) | Value::Bool(_) | Value::Object(_) if takes("array") => {
            Some(Value::Array(vec![value.clone()]))
        }
        _ => None,
    }
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Whether the schema's `type` names the kind, following local references and unions. A schema
/// that names no type accepts everything, so nothing is repaired towards it.
fn accepts(root: &Value, schema: &Value, kind: &str) -> bool {
    let schema = local(root, schema);
    let named = |name: &str| name == kind || (name == "number" && kind == "integer");
    match schema.get("type") {
        Some(Value::String(name)) => named(name),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).any(named),
        _ => match schema
            .get("anyOf")
            .or_else(|| schema.get("oneOf"))
            .and_then(Value::as_array)
        {
            Some(options) => options
                .iter()
                .any(|option| option.get("$ref").is_none() && accepts(root, option, kind)),
            None => true,
        },
    }
}

/// The schema behind a reference within the same document, or the schema itself.
fn local<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => reference
            .strip_prefix('#')
            .and_then(|pointer| root.pointer(pointer))
            .unwrap_or(schema),
        None => schema,
    }
}

fn required(schema: &Value) -> impl Iterator<Item = &str> + Clone {
    schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// A name without case and separators, so that `filePath`, `file_path` and `File-Path` are one.
pub fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

fn kind_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "the boolean",
        Value::Number(_) => "the number",
        Value::String(_) => "the string",
        Value::Array(_) => "the array",
        Value::Object(_) => "the object",
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("{}...", &text[..cut]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn slips_are_repaired_and_named() {
        let schema = json!({
            "type": "object",
            "properties": {
                "count": {"type": "integer"},
                "ratio": {"type": "number"},
                "deep": {"type": "boolean"},
                "file_path": {"type": "string"},
                "tags": {"type": "array", "items": {"type": "string"}},
                "level": {"enum": ["low", "high"]},
                "note": {"type": "string"},
                "where": {"$ref": "#/$defs/place"}
            },
            "required": ["file_path"],
            "$defs": {"place": {"type": "object", "properties": {"line": {"type": "integer"}}}}
        });
        let rows = [
            (json!({"count": "5"}), json!({"count": 5})),
            (json!({"count": 5.0}), json!({"count": 5})),
            (json!({"ratio": "0.5"}), json!({"ratio": 0.5})),
            (json!({"deep": "True"}), json!({"deep": true})),
            (json!({"filePath": "a"}), json!({"file_path": "a"})),
            (json!({"tags": "x"}), json!({"tags": ["x"]})),
            (json!({"tags": "[\"x\"]"}), json!({"tags": ["x"]})),
            (json!({"tags": [1]}), json!({"tags": ["1"]})),
            (json!({"level": "HIGH"}), json!({"level": "high"})),
            (json!({"note": null}), json!({})),
            (
                json!({"where": "{\"line\": 3}"}),
                json!({"where": {"line": 3}}),
            ),
            (
                json!({"where": {"line": "3"}}),
                json!({"where": {"line": 3}}),
            ),
        ];
        for (given, wanted) in rows {
            let mut arguments = given.as_object().cloned().unwrap_or_default();
            let repairs = repair(&schema, &mut arguments);
            assert_eq!(Value::Object(arguments), wanted, "from {given}");
            assert_eq!(repairs.len(), 1, "from {given}: {repairs:?}");
        }
    }

    #[test]
    fn what_needs_a_guess_is_left_alone() {
        let schema = json!({
            "type": "object",
            "properties": {"count": {"type": "integer"}, "level": {"enum": ["low", "high"]}, "any": {}},
            "required": ["count"]
        });
        for given in [
            json!({"count": "five"}),
            json!({"count": 5.5}),
            json!({"level": "middle"}),
            json!({"any": "5"}),
            json!({"count": null}),
            json!({"extra": "5"}),
        ] {
            let mut arguments = given.as_object().cloned().unwrap_or_default();
            assert_eq!(
                repair(&schema, &mut arguments),
                Vec::<String>::new(),
                "from {given}"
            );
            assert_eq!(Value::Object(arguments), given);
        }
    }

    #[test]
    fn arguments_become_an_object_or_say_what_they_are() {
        let mut repairs = Vec::new();
        assert_eq!(object(None, &mut repairs), Ok(Map::new()));
        assert_eq!(object(Some(Value::Null), &mut repairs), Ok(Map::new()));
        assert!(repairs.is_empty());
        let read = object(Some(json!("{\"a\": 1}")), &mut repairs);
        assert_eq!(read.map(Value::Object), Ok(json!({"a": 1})));
        assert_eq!(repairs.len(), 1);
        assert_eq!(object(Some(json!([1])), &mut repairs), Err("the array"));
        assert_eq!(object(Some(json!("hello")), &mut repairs), Err("a string"));
    }
}
