//! The JSON Schema of the file, for editors and for people. `config/schema.json` is its committed copy.
//!
//! Two things are added to what the types say: nothing is required, since the defaults lie below every file, and each
//! setting shows its default.

use serde_json::{Map, Value, json};

use crate::file::File;
use crate::load::DEFAULTS;

/// The schema as `toolpool config schema` prints it.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(File).to_value();
    drop_required(&mut schema);
    let defaults: Value =
        toml::from_str(DEFAULTS).expect("the compiled-in defaults are read by a test");
    let definitions = schema.get("$defs").cloned().unwrap_or_default();
    add_defaults(&mut schema, &defaults);
    // Sections stand under `$defs`; each is used by one section only.
    for (section, value) in defaults.as_object().into_iter().flatten() {
        let reference = schema["properties"][section]["$ref"].as_str();
        let Some(name) = reference.and_then(|path| path.strip_prefix("#/$defs/")) else {
            continue;
        };
        let name = name.to_owned();
        if definitions.get(&name).is_some() {
            add_defaults(&mut schema["$defs"][&name], value);
        }
    }
    schema["title"] = json!("toolpool configuration");
    schema
}

fn drop_required(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.get("required").is_some_and(Value::is_array) {
                object.remove("required");
            }
            object.values_mut().for_each(drop_required);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_required),
        _ => {}
    }
}

fn add_defaults(schema: &mut Value, defaults: &Value) {
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (key, property) in properties.into_iter().flatten() {
        let (Some(default), Some(property)) = (defaults.get(key), property.as_object_mut()) else {
            continue;
        };
        if !default.is_object() {
            set_default(property, default);
        }
    }
}

fn set_default(property: &mut Map<String, Value>, default: &Value) {
    property.insert("default".to_owned(), default.clone());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `TOOLPOOL_BLESS=1 cargo test -p toolpool-config` writes the copy anew.
    #[test]
    fn the_committed_copy_is_current() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.json");
        let current = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
        if std::env::var_os("TOOLPOOL_BLESS").is_some() {
            std::fs::write(file, &current).unwrap();
        }
        let committed = std::fs::read_to_string(file).unwrap_or_default();
        assert!(
            committed == current,
            "config/schema.json is not current: run `toolpool config schema > config/schema.json`"
        );
    }

    #[test]
    fn settings_are_described_and_show_their_default() {
        let schema = schema();
        assert_eq!(schema["properties"]["mode"]["default"], "ask");
        assert_eq!(schema["additionalProperties"], false);
        let pool = &schema["$defs"]["PoolSettings"];
        assert_eq!(pool["properties"]["share"]["default"], 0.15);
        assert!(pool.get("required").is_none());
        let limits = schema["$defs"]["Limits"]["properties"].as_object().unwrap();
        for (name, limit) in limits {
            assert!(limit["description"].is_string(), "{name}");
            assert!(limit["default"].is_number(), "{name}");
        }
    }
}
