//! Import of the servers that other MCP clients have configured.
//!
//! ```text
//! known_files ─ read: one client's text ─► Import: tables of ours, and what has no counterpart
//!                                             └─ merge: into the text of our file, comments kept ─► Merged
//! ```
//!
//! Nothing is written here and nothing is dropped in silence: what can't be translated is said in a sentence. Secrets
//! are taken over as they are, shown hidden, and come with a hint to move them to a variable.

mod dialect;
mod jsonc;
mod merge;
mod translate;

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use toml_edit::Table;

use crate::error::Error;
pub use merge::{Merged, merge};

/// A program whose configuration can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Client {
    /// Claude Desktop.
    ClaudeDesktop,
    /// Claude Code, its own file and `.mcp.json`.
    ClaudeCode,
    /// Cursor.
    Cursor,
    /// Visual Studio Code.
    VsCode,
    /// Windsurf.
    Windsurf,
    /// Gemini CLI.
    Gemini,
    /// Codex.
    Codex,
    /// A file the person names; its shape is found out.
    Other,
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Client::ClaudeDesktop => "Claude Desktop",
            Client::ClaudeCode => "Claude Code",
            Client::Cursor => "Cursor",
            Client::VsCode => "VS Code",
            Client::Windsurf => "Windsurf",
            Client::Gemini => "Gemini CLI",
            Client::Codex => "Codex",
            Client::Other => "file",
        })
    }
}

/// What one file holds.
#[derive(Debug, Clone)]
pub struct Import {
    /// Whose file it is.
    pub client: Client,
    /// The file.
    pub file: PathBuf,
    /// Its servers, under names that are legal here.
    pub servers: Vec<ImportedServer>,
    /// What has no counterpart, one sentence each.
    pub untranslated: Vec<String>,
    /// What is left to do by hand, one sentence each.
    pub hints: Vec<String>,
}

/// One server, ready to stand under `[servers.NAME]`.
#[derive(Debug, Clone)]
pub struct ImportedServer {
    /// Its name, legal here; [`merge`] may still change it where it is taken.
    pub name: String,
    /// The folder for which the client uses it, where it says so.
    pub scope: Option<PathBuf>,
    /// Its definition, secrets as they are.
    pub table: Table,
}

impl ImportedServer {
    /// Its definition as TOML with secrets hidden.
    pub fn shown(&self) -> String {
        translate::shown(&self.name, &self.table)
    }
}

/// Files of known clients that exist, below the home folder and in the current one.
pub fn known_files(home: &Path, cwd: &Path) -> Vec<(Client, PathBuf)> {
    const MAC: &str = "Library/Application Support";
    let at_home = [
        (
            Client::ClaudeDesktop,
            format!("{MAC}/Claude/claude_desktop_config.json"),
        ),
        (
            Client::ClaudeDesktop,
            ".config/Claude/claude_desktop_config.json".to_owned(),
        ),
        (Client::ClaudeCode, ".claude.json".to_owned()),
        (Client::Cursor, ".cursor/mcp.json".to_owned()),
        (Client::VsCode, ".config/Code/User/mcp.json".to_owned()),
        (Client::VsCode, format!("{MAC}/Code/User/mcp.json")),
        (
            Client::VsCode,
            ".config/Code - Insiders/User/mcp.json".to_owned(),
        ),
        (
            Client::VsCode,
            format!("{MAC}/Code - Insiders/User/mcp.json"),
        ),
        (
            Client::Windsurf,
            ".codeium/windsurf/mcp_config.json".to_owned(),
        ),
        (Client::Gemini, ".gemini/settings.json".to_owned()),
        (Client::Codex, ".codex/config.toml".to_owned()),
    ];
    let here = [
        (Client::ClaudeCode, ".mcp.json"),
        (Client::Cursor, ".cursor/mcp.json"),
        (Client::VsCode, ".vscode/mcp.json"),
        (Client::Gemini, ".gemini/settings.json"),
        (Client::Codex, ".codex/config.toml"),
    ];
    let all = at_home
        .into_iter()
        .map(|(client, file)| (client, home.join(file)))
        .chain(
            here.into_iter()
                .map(|(client, file)| (client, cwd.join(file))),
        );
    let mut files: Vec<(Client, PathBuf)> = Vec::new();
    for (client, file) in all {
        if file.is_file() && !files.iter().any(|(_, known)| *known == file) {
            files.push((client, file));
        }
    }
    files
}

/// Reads one file of a client. A client's file without servers gives none; a file of the person's choice
/// ([`Client::Other`]) must have some place for them.
///
/// # Errors
/// [`Error::Import`] when the text is neither JSON nor TOML, or not of a known shape.
pub fn read(client: Client, text: &str, file: &Path) -> Result<Import, Error> {
    let wrong = |reason: String| Error::Import {
        file: file.to_owned(),
        reason,
    };
    let root = parse(client, text, file).map_err(wrong)?;
    let Some(object) = root.as_object() else {
        return Err(wrong("it is not an object".to_owned()));
    };
    let mut import = Import {
        client,
        file: file.to_owned(),
        servers: Vec::new(),
        untranslated: Vec::new(),
        hints: Vec::new(),
    };
    let inputs = object
        .get("inputs")
        .or_else(|| object.get("mcp")?.get("inputs"))
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let found = groups(object);
    if found.is_empty() && client == Client::Other {
        return Err(wrong("it has no servers".to_owned()));
    }
    for group in found {
        for (name, server) in group.servers {
            translate::server(&mut import, inputs, group.scope, &group.off, &name, &server);
        }
    }
    Ok(import)
}

fn parse(client: Client, text: &str, file: &Path) -> Result<Value, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let from_toml = |text| toml::from_str::<Value>(text).map_err(|error| error.to_string());
    if client == Client::Codex || file.extension().is_some_and(|ending| ending == "toml") {
        return from_toml(text);
    }
    if text.trim().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_str(&jsonc::plain(text))
        .or_else(|error| from_toml(text).map_err(|_| error.to_string()))
}

/// A place in a file that holds servers.
struct Group<'a> {
    scope: Option<&'a str>,
    /// Names that the client has switched off elsewhere in its file.
    off: Vec<&'a str>,
    servers: Vec<(String, Value)>,
}

fn groups(root: &Map<String, Value>) -> Vec<Group<'_>> {
    let mut groups = Vec::new();
    let group = |scope, off, value| {
        Some(Group {
            scope,
            off,
            servers: servers_in(value)?,
        })
    };
    for key in ["mcpServers", "servers", "mcp_servers", "context_servers"] {
        groups.extend(
            root.get(key)
                .and_then(|value| group(None, Vec::new(), value)),
        );
    }
    let nested = root.get("mcp").and_then(Value::as_object);
    for key in ["servers", "mcpServers"] {
        let value = nested.and_then(|mcp| mcp.get(key));
        groups.extend(value.and_then(|value| group(None, Vec::new(), value)));
    }
    let projects = root.get("projects").and_then(Value::as_object);
    for (folder, project) in projects.into_iter().flatten() {
        let off = project.get("disabledMcpServers").and_then(Value::as_array);
        let off = off
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let value = project.get("mcpServers");
        groups.extend(value.and_then(|value| group(Some(folder.as_str()), off, value)));
    }
    let bare = !root.is_empty()
        && root
            .values()
            .all(|value| value.get("command").is_some() || value.get("url").is_some());
    if groups.is_empty() && bare {
        groups.extend(group(None, Vec::new(), &Value::Object(root.clone())));
    }
    groups
}

/// Servers by name, or as a list of objects that hold their name.
fn servers_in(value: &Value) -> Option<Vec<(String, Value)>> {
    match value {
        Value::Object(object) => {
            let pairs = object
                .iter()
                .map(|(name, server)| (name.clone(), server.clone()));
            Some(pairs.collect())
        }
        Value::Array(list) => Some(
            list.iter()
                .map(|server| {
                    let name = server
                        .get("name")
                        .and_then(Value::as_str)
                        .unwrap_or("server");
                    (name.to_owned(), server.clone())
                })
                .collect(),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
