//! The definitions of the tools, written for a small model: what it is for, then what it is not for, in few words.

use std::sync::Arc;

use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Value, json};
use toolpool_config::fixed::SEARCH_CONTEXT_MAX;

/// Every tool, by name.
pub(super) fn all() -> Vec<Tool> {
    let path = json!({ "type": "string", "description": "Folder to look in, relative to the workspace", "default": "." });
    let ignored = json!({ "type": "boolean", "description": "Also what .gitignore leaves out", "default": false });
    let glob = "`*.rs` for names, `src/**/*.rs` for paths";
    vec![
        tool(
            "file_info",
            "File info",
            "Tell what a path is: file or folder, size, text or binary, when it was changed.",
            &["path"],
            json!({ "path": { "type": "string", "description": "File or folder, relative to the workspace" } }),
            Some(json!({
                "type": "object",
                "properties": {
                    "path": { "type": "string" },
                    "kind": { "type": "string", "enum": KINDS },
                    "bytes": { "type": "integer" },
                    "content": { "type": "string", "description": "`text`, or what a binary file is" },
                    "entries": { "type": "integer", "description": "In a folder" },
                    "changed": { "type": "string", "description": "UTC" },
                },
                "required": ["path", "kind"],
            })),
        ),
        tool(
            "find_files",
            "Find files by name",
            "Find files by name or path pattern, in all folders. Does not look at their content: search_files does.",
            &["glob"],
            json!({
                "glob": { "type": "string", "description": format!("Name or path pattern: {glob}") },
                "path": path,
                "include_ignored": ignored,
            }),
            Some(entries()),
        ),
        tool(
            "list_files",
            "List files",
            "List the files and folders in a folder of the workspace, with sizes.",
            &[],
            json!({
                "path": path,
                "depth": { "type": "integer", "description": "Levels of folders to show", "minimum": 1, "default": 1 },
                "include_ignored": ignored,
            }),
            Some(entries()),
        ),
        tool(
            "read_file",
            "Read a file",
            "Read the text of a file in the workspace, all of it or some lines.",
            &["path"],
            json!({
                "path": { "type": "string", "description": "File, relative to the workspace" },
                "offset": { "type": "integer", "description": "First line to read", "minimum": 1, "default": 1 },
                "limit": { "type": "integer", "description": "Number of lines to read; all if left out", "minimum": 1 },
            }),
            None,
        ),
        tool(
            "search_files",
            "Search in files",
            "Search the content of the workspace's text files and return the matching lines with path and line number.",
            &["query"],
            json!({
                "query": { "type": "string", "description": "Text to search for", "minLength": 1 },
                "regex": { "type": "boolean", "description": "query is a regular expression", "default": false },
                "path": { "type": "string", "description": "Folder or file to search, relative to the workspace", "default": "." },
                "glob": { "type": "string", "description": format!("Only these files: {glob}") },
                "case_sensitive": { "type": "boolean", "description": "Tell upper from lower case", "default": false },
                "context": { "type": "integer", "description": "Lines to show around each match", "minimum": 0, "maximum": SEARCH_CONTEXT_MAX, "default": 0 },
                "include_ignored": ignored,
            }),
            Some(json!({
                "type": "object",
                "properties": {
                    "matches": { "type": "array", "items": {
                        "type": "object",
                        "properties": {
                            "path": { "type": "string" },
                            "line": { "type": "integer" },
                            "text": { "type": "string" },
                        },
                        "required": ["path", "line", "text"],
                    } },
                    "truncated": { "type": "boolean" },
                },
                "required": ["matches", "truncated"],
            })),
        ),
    ]
}

const KINDS: [&str; 4] = ["file", "folder", "link", "special"];

fn entries() -> Value {
    json!({
        "type": "object",
        "properties": {
            "entries": { "type": "array", "items": {
                "type": "object",
                "properties": {
                    "path": { "type": "string" },
                    "kind": { "type": "string", "enum": KINDS },
                    "bytes": { "type": "integer" },
                },
                "required": ["path", "kind"],
            } },
            "truncated": { "type": "boolean" },
        },
        "required": ["entries", "truncated"],
    })
}

fn tool(
    name: &'static str,
    title: &str,
    description: &'static str,
    required: &[&str],
    properties: Value,
    output: Option<Value>,
) -> Tool {
    let mut input =
        json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        input["required"] = json!(required);
    }
    let annotations = ToolAnnotations::with_title(title)
        .read_only(true)
        .destructive(false)
        .idempotent(true)
        .open_world(false);
    let tool = Tool::new(name, description, object(input))
        .with_title(title)
        .with_annotations(annotations);
    match output {
        Some(output) => tool.with_raw_output_schema(object(output)),
        None => tool,
    }
}

fn object(value: Value) -> Arc<serde_json::Map<String, Value>> {
    match value {
        Value::Object(object) => Arc::new(object),
        _ => Arc::default(),
    }
}
