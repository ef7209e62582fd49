//! A fingerprint says whether a tool is still the one it was. It covers what a model and a caller rely on (name,
//! description, schemas) over canonical JSON, so that a server which only reorders keys has changed nothing.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// SHA-256 of the parts of a definition that matter; shown as lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint of a definition as the server sent it.
    #[must_use]
    pub fn of_definition(raw: &Value) -> Fingerprint {
        let part = |key: &str| raw.get(key).cloned().unwrap_or(Value::Null);
        let covered = Value::Array(vec![
            part("name"),
            part("description"),
            part("inputSchema"),
            part("outputSchema"),
        ]);
        Fingerprint::of_text(&canonical(&covered))
    }

    /// The fingerprint of a text.
    #[must_use]
    pub fn of_text(text: &str) -> Fingerprint {
        Fingerprint(Sha256::digest(text.as_bytes()).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// `value` as compact JSON with the keys of every object sorted by their bytes.
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write_canonical(value, &mut out);
    out
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_unstable_by_key(|(key, _)| key.as_str());
            out.push('{');
            for (i, (key, field)) in sorted.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_canonical(&Value::String(key.clone()), out);
                out.push(':');
                write_canonical(field, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn canonical_sorts_keys_at_every_depth_and_keeps_lists() {
        let value: Value =
            serde_json::from_str(r#"{"b":[{"z":1,"a":"\n\"ü"}],"a":null,"B":1.5}"#).unwrap();
        assert_eq!(
            canonical(&value),
            r#"{"B":1.5,"a":null,"b":[{"a":"\n\"ü","z":1}]}"#
        );
    }

    #[test]
    fn the_fingerprint_follows_what_matters_only() {
        let base = json!({"name": "a", "description": "d", "inputSchema": {"type": "object", "properties": {"x": {}}}});
        let reordered: Value = serde_json::from_str(
            r#"{"inputSchema":{"properties":{"x":{}},"type":"object"},"title":"t","description":"d","name":"a"}"#,
        )
        .unwrap();
        let of = Fingerprint::of_definition;
        assert_eq!(of(&base), of(&reordered));
        for (key, changed) in [
            ("name", json!("b")),
            ("description", json!("D")),
            ("inputSchema", json!({"type": "object"})),
            ("outputSchema", json!({"type": "object"})),
        ] {
            let mut other = base.clone();
            other[key] = changed;
            assert_ne!(of(&base), of(&other), "{key}");
        }
        assert_eq!(of(&base).to_string().len(), 64);
    }
}
