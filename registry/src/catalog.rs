//! A server's list as it comes off the wire becomes typed tools here. One malformed tool never costs the list: it is left out
//! and named with the reason. What is merely odd is kept and read at its worst; only what could not be called, or not told
//! apart from another tool, is rejected. Health and collisions between servers are absent: the snapshot has those.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use toolpool_config::fixed::{REPORTED_NAME_CHARS_MAX, TITLE_CHARS_MAX, TOOL_NAME_CHARS_MAX};
use toolpool_config::{Limits, NameSettings, ServerConfig, ToolOverride};

use crate::document::Document;
use crate::effect::Claims;
use crate::fingerprint::Fingerprint;
use crate::health::Health;
use crate::name;
use crate::render::{self, Definition};
use crate::text;
use crate::tokens::TokenCounter;
use crate::tool::{Json, ToolId, ToolMeta};

/// Why a tool of a list was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// Its name, where it has a readable one.
    pub name: Option<String>,
    /// What is wrong with it, one phrase.
    pub reason: String,
}

/// What one server offers.
#[derive(Clone, Debug)]
pub struct ServerTools {
    /// The server's name in the configuration.
    pub server: Arc<str>,
    /// The good ones, in the order the server sent them.
    pub tools: Vec<Arc<ToolMeta>>,
    /// The others.
    pub rejected: Vec<Rejected>,
    /// What counted their tokens, for the tool that a collision gives another name.
    pub(crate) counter: TokenCounter,
}

/// One server as a snapshot shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerState {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// How it is.
    pub health: Health,
    /// The protocol revision that was negotiated.
    pub protocol: Option<String>,
    /// How many tools it offers.
    pub tools: usize,
    /// The tools that were left out of its list.
    pub rejected: Vec<Rejected>,
    /// What it tells clients of its use.
    pub instructions: Option<String>,
    /// What it calls itself.
    pub title: Option<String>,
    /// The version it gives.
    pub version: Option<String>,
    /// Milliseconds from its start to its first list.
    pub start_ms: Option<u64>,
    /// What the configuration says of it.
    pub description: Option<String>,
}

impl ServerState {
    /// A server of which nothing but its health is known.
    #[must_use]
    pub fn new(name: &str, health: Health) -> ServerState {
        ServerState {
            name: name.into(),
            health,
            protocol: None,
            tools: 0,
            rejected: Vec::new(),
            instructions: None,
            title: None,
            version: None,
            start_ms: None,
            description: None,
        }
    }
}

/// Reads the raw tools of one server. `offline` marks tools of a catalog file.
#[must_use]
pub fn read_tools(
    server: &str,
    raw: &[Value],
    config: &ServerConfig,
    names: &NameSettings,
    counter: &TokenCounter,
    limits: &Limits,
    offline: bool,
) -> ServerTools {
    let server: Arc<str> = server.into();
    let mut list = ServerTools {
        server: Arc::clone(&server),
        tools: Vec::with_capacity(raw.len().min(limits.tools_per_server_max)),
        rejected: Vec::new(),
        counter: counter.clone(),
    };
    let from = From {
        config,
        names,
        counter,
        limits,
        offline,
    };
    let mut seen = BTreeSet::new();
    for definition in raw {
        let name = definition.get("name").and_then(Value::as_str);
        let text = Json::of(definition);
        let fault = if list.tools.len() >= limits.tools_per_server_max {
            Some(format!(
                "beyond the {} tools a server may have",
                limits.tools_per_server_max
            ))
        } else {
            fault(definition, &text, limits).or_else(|| {
                (!seen.insert(name))
                    .then(|| "a tool of this name came before it in the list".to_owned())
            })
        };
        match (fault, name) {
            (None, Some(name)) => {
                let id = ToolId::new(Arc::clone(&server), name);
                list.tools
                    .push(Arc::new(read_tool(id, definition, text, &from)));
            }
            (fault, name) => list.rejected.push(Rejected {
                name: name.map(|name| text::one_line(name, REPORTED_NAME_CHARS_MAX)),
                reason: fault.unwrap_or_else(|| "it has no name".to_owned()),
            }),
        }
    }
    list
}

/// What the tools of one list are read under.
struct From<'a> {
    config: &'a ServerConfig,
    names: &'a NameSettings,
    counter: &'a TokenCounter,
    limits: &'a Limits,
    offline: bool,
}

/// What makes `definition` unusable.
fn fault(definition: &Value, text: &Json, limits: &Limits) -> Option<String> {
    let Value::Object(fields) = definition else {
        return Some(format!("it is {} and not an object", kind(definition)));
    };
    match fields.get("name") {
        None => return Some("it has no name".to_owned()),
        Some(Value::String(name)) if name.trim().is_empty() => {
            return Some("its name is empty".to_owned());
        }
        Some(Value::String(name)) if name.chars().count() > TOOL_NAME_CHARS_MAX => {
            return Some(format!(
                "its name is longer than {} characters",
                TOOL_NAME_CHARS_MAX
            ));
        }
        Some(Value::String(_)) => {}
        Some(other) => return Some(format!("its name is {} and not a string", kind(other))),
    }
    match fields.get("inputSchema") {
        None => return Some("it has no input schema".to_owned()),
        Some(Value::Object(_)) => {}
        Some(other) => {
            return Some(format!(
                "its input schema is {} and not an object",
                kind(other)
            ));
        }
    }
    if u64::try_from(text.text().len()).unwrap_or(u64::MAX) > limits.tool_bytes_max {
        return Some(format!(
            "its definition is larger than {} bytes",
            limits.tool_bytes_max
        ));
    }
    is_deeper(definition, limits.schema_depth_max).then(|| {
        format!(
            "it is nested deeper than {} levels",
            limits.schema_depth_max
        )
    })
}

/// Whether `value` nests more than `levels`; stops looking there, so that no depth can exhaust the stack.
fn is_deeper(value: &Value, levels: usize) -> bool {
    let inner = |value: &Value| levels == 0 || is_deeper(value, levels - 1);
    match value {
        Value::Object(fields) => fields.values().any(inner),
        Value::Array(items) => items.iter().any(inner),
        _ => false,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn read_tool(id: ToolId, raw: &Value, text: Json, from: &From<'_>) -> ToolMeta {
    let said = from.config.tools.get(&*id.name);
    let chosen = said
        .and_then(|s| s.name.as_deref())
        .filter(|name| !name.trim().is_empty());
    let exposed = name::exposed(&id, chosen, from.names.length_max);
    let annotations = raw.get("annotations");
    let claims = Claims::read(annotations, from.config.trust, said);
    let title = raw
        .get("title")
        .or_else(|| annotations.and_then(|a| a.get("title")))
        .and_then(Value::as_str)
        .map(|title| text::one_line(title, TITLE_CHARS_MAX))
        .filter(|title| !title.is_empty());
    let description = description(raw, said, from.limits);
    let schema = raw.get("inputSchema").unwrap_or(&Value::Null);
    let renderings = render::all(
        &Definition {
            exposed: &exposed,
            description: if description.is_empty() {
                title.as_deref().unwrap_or("")
            } else {
                &description
            },
            schema,
            effect: claims.shown(),
        },
        from.counter,
    );
    ToolMeta {
        document: Document::of(&id.server, &id.name, &description, schema),
        fingerprint: Fingerprint::of_definition(raw),
        permitted: from.config.permits(&id.name),
        named_by_person: chosen.is_some(),
        offline: from.offline,
        title: title.map(Arc::from),
        description: description.into(),
        exposed: exposed.into(),
        full: renderings.full,
        slim: renderings.slim,
        line: renderings.line,
        raw: text,
        claims,
        id,
    }
}

/// `tool` under another name, which its renderings repeat.
pub(crate) fn renamed(tool: &ToolMeta, exposed: &str, counter: &TokenCounter) -> ToolMeta {
    let schema = tool.input_schema();
    let title = tool.title.as_deref().unwrap_or("");
    let renderings = render::all(
        &Definition {
            exposed,
            description: if tool.description.is_empty() {
                title
            } else {
                &tool.description
            },
            schema: &schema,
            effect: tool.claims.shown(),
        },
        counter,
    );
    ToolMeta {
        exposed: exposed.into(),
        full: renderings.full,
        slim: renderings.slim,
        line: renderings.line,
        ..tool.clone()
    }
}

fn description(raw: &Value, said: Option<&ToolOverride>, limits: &Limits) -> String {
    let sent = || raw.get("description").and_then(Value::as_str).unwrap_or("");
    let chosen = said.and_then(|s| s.description.as_deref());
    text::safe(chosen.unwrap_or_else(sent), limits.description_chars_max)
}

#[cfg(test)]
mod tests;
