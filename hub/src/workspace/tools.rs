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
        changing(
            "delete_file",
            "Delete a file",
            "Delete a file or an empty folder of the workspace; a folder with all that is in it when recursive.",
            &["path"],
            json!({
                "path": { "type": "string", "description": "File or folder, relative to the workspace" },
                "recursive": { "type": "boolean", "description": "A folder with what is in it", "default": false },
            }),
            json!({ "path": { "type": "string" }, "removed": { "type": "integer" } }),
            &["path", "removed"],
            Changes {
                destroys: true,
                idempotent: true,
                open_world: false,
            },
        ),
        changing(
            "edit_file",
            "Edit a file",
            "Replace a text in a file by another. Read the file first and quote old exactly: it must stand there once.",
            &["path", "old", "new"],
            json!({
                "path": { "type": "string", "description": "File, relative to the workspace" },
                "old": { "type": "string", "description": "Text to replace, exactly as in the file, with enough lines to be unique", "minLength": 1 },
                "new": { "type": "string", "description": "Text to put in its place" },
                "all": { "type": "boolean", "description": "Replace every occurrence", "default": false },
            }),
            json!({
                "path": { "type": "string" },
                "bytes": { "type": "integer" },
                "sha256": { "type": "string" },
                "replaced": { "type": "integer" },
            }),
            &["path", "bytes", "sha256", "replaced"],
            Changes {
                destroys: true,
                idempotent: false,
                open_world: false,
            },
        ),
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
        changing(
            "move_file",
            "Move or rename a file",
            "Move or rename a file or folder of the workspace. Does not replace what is there unless overwrite is set.",
            &["from", "to"],
            json!({
                "from": { "type": "string", "description": "File or folder, relative to the workspace" },
                "to": { "type": "string", "description": "Its new path, name included" },
                "overwrite": { "type": "boolean", "description": "Replace a file that is there", "default": false },
            }),
            json!({
                "path": { "type": "string" },
                "from": { "type": "string" },
                "bytes": { "type": "integer", "description": "Of a file" },
            }),
            &["path", "from"],
            Changes {
                destroys: true,
                idempotent: false,
                open_world: false,
            },
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
        changing(
            "run_command",
            "Run a command",
            "Run a shell command in the workspace and return its output and exit code. It has no input and cannot write outside \
             the workspace.",
            &["command"],
            json!({
                "command": { "type": "string", "description": "Shell command, such as `cargo test`", "minLength": 1 },
                "timeout_s": { "type": "number", "description": "Seconds after which it is stopped", "exclusiveMinimum": 0 },
                "cwd": { "type": "string", "description": "Folder to run it in, relative to the workspace", "default": "." },
            }),
            json!({
                "exit_code": { "type": ["integer", "null"], "description": "null when it was stopped" },
                "output": { "type": "string", "description": "What it wrote, errors included" },
                "timed_out": { "type": "boolean" },
                "truncated": { "type": "boolean" },
                "confined": { "type": "boolean", "description": "Whether it was kept from writing outside the workspace" },
            }),
            &["exit_code", "output", "timed_out", "truncated", "confined"],
            Changes {
                destroys: true,
                idempotent: false,
                open_world: true,
            },
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
        changing(
            "write_file",
            "Write a file",
            "Make a file in the workspace, or replace all of its content; folders on the way are made. To change a part, use edit_file.",
            &["path", "content"],
            json!({
                "path": { "type": "string", "description": "File, relative to the workspace" },
                "content": { "type": "string", "description": "The whole content" },
            }),
            json!({
                "path": { "type": "string" },
                "bytes": { "type": "integer" },
                "sha256": { "type": "string" },
                "created": { "type": "boolean" },
            }),
            &["path", "bytes", "sha256", "created"],
            Changes {
                destroys: true,
                idempotent: true,
                open_world: false,
            },
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

/// What a tool that changes something says of itself.
struct Changes {
    destroys: bool,
    idempotent: bool,
    open_world: bool,
}

#[expect(
    clippy::too_many_arguments,
    reason = "one row of a table, each column of another kind"
)]
fn changing(
    name: &'static str,
    title: &str,
    description: &'static str,
    required: &[&str],
    properties: Value,
    output: Value,
    output_required: &[&str],
    changes: Changes,
) -> Tool {
    let output = json!({ "type": "object", "properties": output, "required": output_required });
    let annotations = ToolAnnotations::with_title(title)
        .read_only(false)
        .destructive(changes.destroys)
        .idempotent(changes.idempotent)
        .open_world(changes.open_world);
    tool(name, title, description, required, properties, Some(output)).with_annotations(annotations)
}

fn object(value: Value) -> Arc<serde_json::Map<String, Value>> {
    match value {
        Value::Object(object) => Arc::new(object),
        _ => Arc::default(),
    }
}
