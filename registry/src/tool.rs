//! One tool as the registry keeps it. Its definition stays the text the server sent, because every parsed tree of it
//! costs five times the memory and is needed only when the tool is called or listed; what ranking, gates and pools
//! read on every turn is worked out once, when the list arrives. Health is absent: it belongs to the server.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::document::Document;
use crate::effect::Claims;
use crate::fingerprint::Fingerprint;

/// The place of a tool in one snapshot's list, which is sorted by [`ToolId`]. It means nothing in another snapshot.
pub type Row = usize;

/// What a tool is called for as long as it exists: the configured server's name and the server's own name for the tool.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ToolId {
    /// The server's name in the configuration; what a server says of its own name is not relied upon.
    pub server: Arc<str>,
    /// The tool's name as the server sent it, whatever characters it has.
    pub name: Arc<str>,
}

impl ToolId {
    /// The id of `name` on `server`.
    #[must_use]
    pub fn new(server: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        ToolId {
            server: server.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for ToolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.server, self.name)
    }
}

/// A JSON value kept as its text, key order and unknown fields as they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json(Arc<str>);

impl Json {
    /// Keeps `value` as compact text.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        Json(value.to_string().into())
    }

    /// The text, compact.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Parses the text; tens of microseconds for a large definition.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or(Value::Null)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        <&RawValue as serde::Deserialize>::deserialize(&mut serde_json::Deserializer::from_str(
            &self.0,
        ))
        .map_err(serde::ser::Error::custom)?
        .serialize(serializer)
    }
}

/// A definition as a model reads it, and what that costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendering {
    /// Canonical bytes: the same tool gives the same text in every run.
    pub text: Arc<str>,
    /// Tokens of `text` by the counter in use.
    pub tokens: u32,
}

/// Everything known of one tool. Immutable; a changed definition makes a new one.
#[derive(Clone, Debug)]
pub struct ToolMeta {
    /// Who offers it, under which name.
    pub id: ToolId,
    /// The name callers use; a key of the snapshot's name table.
    pub exposed: Arc<str>,
    /// The definition as the server sent it.
    pub raw: Json,
    /// The person-readable name, from `title` or the annotations, made safe to show.
    pub title: Option<Arc<str>>,
    /// The description, the person's in place of the server's where the configuration has one, made safe to show.
    pub description: Arc<str>,
    /// What calling it may do, and who says so.
    pub claims: Claims,
    /// Changes when the name, description or schemas that the server sent change.
    pub fingerprint: Fingerprint,
    /// The whole definition as a function of the chat API.
    pub full: Rendering,
    /// The same function with one sentence and a schema of names, types, enums and required marks.
    pub slim: Rendering,
    /// Name and a few words.
    pub line: Rendering,
    /// What the two searches index.
    pub document: Document,
    /// False when the server's own `allow` and `deny` leave it out: then no view sees it.
    pub permitted: bool,
    /// From a catalog file: it can be ranked and shown but not called.
    pub offline: bool,
    /// Whether the configuration chose `exposed`; such a name wins a collision.
    pub named_by_person: bool,
}

impl ToolMeta {
    /// The input schema as the server sent it; a definition without one was never admitted.
    #[must_use]
    pub fn input_schema(&self) -> Value {
        self.field("inputSchema")
            .unwrap_or_else(|| serde_json::json!({"type": "object"}))
    }

    /// The output schema, where the tool declares one.
    #[must_use]
    pub fn output_schema(&self) -> Option<Value> {
        self.field("outputSchema")
            .filter(|schema| !schema.is_null())
    }

    fn field(&self, key: &str) -> Option<Value> {
        match self.raw.value() {
            Value::Object(mut fields) => fields.swap_remove(key),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_key_order_and_serializes_as_itself() {
        let value: Value = serde_json::from_str(r#"{"z":1,"a":{"y":2,"b":[true,null]}}"#).unwrap();
        let json = Json::of(&value);
        assert_eq!(json.text(), r#"{"z":1,"a":{"y":2,"b":[true,null]}}"#);
        assert_eq!(json.value(), value);
        assert_eq!(
            serde_json::to_string(&[&json]).unwrap(),
            r#"[{"z":1,"a":{"y":2,"b":[true,null]}}]"#
        );
        assert_eq!(serde_json::to_value(&json).unwrap(), value);
    }
}
