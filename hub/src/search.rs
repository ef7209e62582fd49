//! `find_tools` and `call_tool`: how a model reaches what its list does not hold.
//!
//! Both are the hub's own tools and always named the same, so that a client's list stays small and
//! stable while the catalog behind it changes. `find_tools` answers from the caller's view with slim
//! definitions, ranked and folded by the same code as the pool; `call_tool` enters by the one door.

use serde_json::{Map, Value, json};
use toolpool_registry::{Offered, Pool, Snapshot};

/// Name of the tool that searches.
pub const FIND: &str = "find_tools";
/// Name of the tool that calls what was found.
pub const CALL: &str = "call_tool";

/// What `find_tools` was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Find {
    /// What the tool should do, in words.
    pub query: String,
    /// At most so many tools.
    pub limit: usize,
}

/// Definition of `find_tools` as MCP lists it.
pub fn find_definition(limit_max: usize) -> Value {
    json!({
        "name": FIND,
        "title": "Find tools",
        "description": "Find tools by what they do. Say the task in a few words; returns the best tools with their parameters, to be called with call_tool.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "query": {"type": "string", "description": "What the tool should do"},
                "limit": {"type": "integer", "minimum": 1, "maximum": limit_max, "description": "How many tools at most"}
            },
            "required": ["query"]
        },
        "annotations": {"title": "Find tools", "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false}
    })
}

/// Definition of `call_tool` as MCP lists it. Its claims are the worst MCP knows, since it can reach
/// every tool in the caller's view.
pub fn call_definition() -> Value {
    json!({
        "name": CALL,
        "title": "Call a tool",
        "description": "Call a tool that find_tools returned, by its exact name.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "description": "Name of the tool"},
                "arguments": {"type": "object", "description": "Arguments as its parameters say"}
            },
            "required": ["name"]
        },
        "annotations": {"title": "Call a tool", "readOnlyHint": false, "destructiveHint": true, "idempotentHint": false, "openWorldHint": true}
    })
}

/// Reads the arguments of `find_tools`, forgiving the slips that have one meaning.
///
/// # Errors
/// One sentence for the model.
pub fn find_arguments(arguments: &Map<String, Value>, limit_max: usize) -> Result<Find, String> {
    let query = arguments
        .get("query")
        .and_then(Value::as_str)
        .map(str::trim)
        .unwrap_or_default();
    if query.is_empty() {
        return Err(format!(
            "`{FIND}` needs `query`: say in a few words what the tool should do"
        ));
    }
    let limit = match arguments.get("limit") {
        None | Some(Value::Null) => limit_max,
        Some(value) => value
            .as_u64()
            .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
            .filter(|limit| *limit > 0)
            .ok_or_else(|| {
                format!("`limit` of `{FIND}` must be a whole number from 1 to {limit_max}")
            })?
            .min(limit_max as u64) as usize,
    };
    Ok(Find {
        query: query.to_owned(),
        limit,
    })
}

/// Reads the arguments of `call_tool`: the tool's name, and its arguments in whatever form they came.
///
/// # Errors
/// One sentence for the model.
pub fn call_arguments(
    mut arguments: Map<String, Value>,
) -> Result<(String, Option<Value>), String> {
    let name = match arguments.remove("name") {
        Some(Value::String(name)) if !name.trim().is_empty() => name,
        _ => {
            return Err(format!(
                "`{CALL}` needs `name`: the exact name of a tool that `{FIND}` returned"
            ));
        }
    };
    if name == FIND || name == CALL {
        return Err(format!("`{name}` is called directly, not through `{CALL}`"));
    }
    Ok((name, arguments.remove("arguments")))
}

/// The answer of `find_tools` as a tool result. `missing` names the servers whose tools can't be
/// found now, each with the reason.
pub fn found(snapshot: &Snapshot, pool: &Pool, missing: &[String]) -> Value {
    let definitions: Vec<Value> = pool
        .offered
        .iter()
        .map(|offered| definition(snapshot, offered))
        .collect();
    let mut text = String::new();
    for definition in &definitions {
        text.push_str(&definition.to_string());
        text.push('\n');
    }
    if definitions.is_empty() {
        text.push_str("no tool matches; try other words\n");
    }
    for server in missing {
        text.push_str(&format!("not searched: {server}\n"));
    }
    let mut structured = json!({"tools": definitions});
    if !missing.is_empty() {
        structured["missing"] = json!(missing);
    }
    json!({"content": [{"type": "text", "text": text.trim_end()}], "structuredContent": structured})
}

/// The slim definition without its envelope: what `call_tool` needs to know.
pub(crate) fn definition(snapshot: &Snapshot, offered: &Offered) -> Value {
    let tool = &snapshot.tools()[offered.row];
    let slim: Value = serde_json::from_str(&tool.slim.text).expect("renderings are made as JSON");
    slim.get("function").cloned().unwrap_or(slim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_find_tools() {
        let read = |value: Value| find_arguments(value.as_object().expect("an object"), 5);
        assert_eq!(
            read(json!({"query": " a "})),
            Ok(Find {
                query: "a".into(),
                limit: 5
            })
        );
        assert_eq!(
            read(json!({"query": "a", "limit": "2"})).map(|find| find.limit),
            Ok(2)
        );
        assert_eq!(
            read(json!({"query": "a", "limit": 99})).map(|find| find.limit),
            Ok(5)
        );
        for bad in [
            json!({}),
            json!({"query": ""}),
            json!({"query": 1}),
            json!({"query": "a", "limit": 0}),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn arguments_of_call_tool() {
        let read = |value: Value| call_arguments(value.as_object().cloned().expect("an object"));
        assert_eq!(
            read(json!({"name": "a__b", "arguments": {"x": 1}})),
            Ok(("a__b".into(), Some(json!({"x": 1}))))
        );
        assert_eq!(read(json!({"name": "a__b"})), Ok(("a__b".into(), None)));
        for bad in [
            json!({}),
            json!({"name": ""}),
            json!({"name": "call_tool"}),
            json!({"name": "find_tools"}),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }
}
