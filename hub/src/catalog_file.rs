//! Offline catalogs: tools from a file, to look at, rank and assemble pools from without any server.
//!
//! Two shapes are read: what `toolpool tools --json` writes (`{"tools": [{"server": ..., ...}]}`) and
//! a saved answer to `tools/list`, bare or inside its JSON-RPC envelope, whose tools are put under
//! the file's name. Definitions are the raw ones, so that a catalog ranks just as its servers did.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use toolpool_config::{Builtin, Confinement, ServerConfig, Transport, Trust};

use crate::error::Error;

/// Raw definitions by server.
pub type Offline = BTreeMap<String, Vec<Value>>;

/// Reads one catalog file.
///
/// # Errors
/// [`Error::Catalog`] with the place where the file stops making sense.
pub fn read(path: &Path) -> Result<Offline, Error> {
    let fail = |source: Box<dyn std::error::Error + Send + Sync>| Error::Catalog {
        path: path.to_owned(),
        source,
    };
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.into()))?;
    let value: Value = serde_json::from_str(&text).map_err(|error| fail(error.into()))?;
    let stem = path.file_stem().map_or_else(
        || "catalog".to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    );
    group(value, &stem).map_err(|reason| fail(reason.into()))
}

fn group(value: Value, stem: &str) -> Result<Offline, String> {
    let tools = match value {
        Value::Array(tools) => tools,
        Value::Object(mut object) => {
            let tools = object.remove("tools").or_else(|| {
                object
                    .get_mut("result")
                    .and_then(|result| result.get_mut("tools"))
                    .map(Value::take)
            });
            match tools {
                Some(Value::Array(tools)) => tools,
                _ => return Err("it holds no list `tools`".into()),
            }
        }
        _ => return Err("it is neither a list of tools nor an object with one".into()),
    };
    let mut servers = Offline::new();
    for (index, tool) in tools.into_iter().enumerate() {
        let Value::Object(mut entry) = tool else {
            return Err(format!("tool {index} is not an object"));
        };
        let server = match entry.get("server").and_then(Value::as_str) {
            Some(server) => server.to_owned(),
            None => stem.to_owned(),
        };
        let raw = match entry.remove("raw") {
            Some(raw) => raw,
            None => {
                entry.remove("server");
                Value::Object(entry)
            }
        };
        servers.entry(server).or_default().push(raw);
    }
    Ok(servers)
}

/// How the registry reads a catalog's tools: nothing in a file is trusted.
pub(crate) fn config() -> ServerConfig {
    ServerConfig {
        transport: Transport::InProcess {
            name: Builtin::Workspace,
            folder: None,
            confinement: Confinement::default(),
        },
        enabled: true,
        timeout: Duration::ZERO,
        start_timeout: Duration::ZERO,
        trust: Trust::None,
        allow: Vec::new(),
        deny: Vec::new(),
        tools: BTreeMap::new(),
        unset: Vec::new(),
        description: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_shapes_are_read() {
        let tool = json!({"name": "a", "inputSchema": {"type": "object"}});
        let named = json!({"server": "s", "name": "a", "inputSchema": {"type": "object"}});
        let record = json!({"server": "s", "tool": "a", "raw": tool});
        let rows = [
            (json!({"tools": [tool]}), "file"),
            (
                json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": [tool]}}),
                "file",
            ),
            (json!([named]), "s"),
            (json!({"tools": [record]}), "s"),
        ];
        for (value, server) in rows {
            let read = group(value.clone(), "file").expect("a catalog");
            assert_eq!(read.get(server), Some(&vec![tool.clone()]), "{value}");
        }
    }

    #[test]
    fn what_is_no_catalog_says_why() {
        for (value, reason) in [
            (json!({"servers": []}), "it holds no list `tools`"),
            (
                json!(1),
                "it is neither a list of tools nor an object with one",
            ),
            (json!([1]), "tool 0 is not an object"),
        ] {
            assert_eq!(group(value, "file"), Err(reason.to_owned()));
        }
    }
}
