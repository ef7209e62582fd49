//! `config import`: the servers of other MCP clients, shown first and written only when told to.
//!
//! `--json`: `{"file", "written", "added": [name], "notes": [..], "sources": [{client, file, servers:
//! [{name, scope, toml}], untranslated: [..], hints: [..]}]}`. Secrets are hidden in all that is shown;
//! the written file holds them as the other client did, for its owner only.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;
use toolpool_config::import::{Client, Import, Merged, known_files, merge, read};
use toolpool_config::write_atomically;

use crate::cli::args::ImportArgs;
use crate::cli::import_text;
use crate::cli::report::{Done, Usage};
use crate::cli::start::Context;
use crate::error::list;

/// Names of clients as the flag takes them.
const CLIENTS: [(&str, Client); 7] = [
    ("claude-desktop", Client::ClaudeDesktop),
    ("claude-code", Client::ClaudeCode),
    ("cursor", Client::Cursor),
    ("vscode", Client::VsCode),
    ("windsurf", Client::Windsurf),
    ("gemini", Client::Gemini),
    ("codex", Client::Codex),
];

#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) file: PathBuf,
    pub(crate) written: bool,
    pub(crate) added: Vec<String>,
    pub(crate) notes: Vec<String>,
    pub(crate) sources: Vec<Source>,
}

#[derive(Serialize)]
pub(crate) struct Source {
    pub(crate) client: String,
    pub(crate) file: PathBuf,
    pub(crate) servers: Vec<Shown>,
    pub(crate) untranslated: Vec<String>,
    pub(crate) hints: Vec<String>,
}

#[derive(Serialize)]
pub(crate) struct Shown {
    pub(crate) name: String,
    pub(crate) scope: Option<PathBuf>,
    pub(crate) toml: String,
}

/// Runs the command.
pub(crate) fn run(context: &Context, args: ImportArgs) -> anyhow::Result<Done> {
    let client = args.client.as_deref().map(client).transpose()?;
    let mut imports = match &args.file {
        Some(file) => vec![read_file(client.unwrap_or(Client::Other), file)?],
        None => find(context, client),
    };
    let mut notes = if args.file.is_none() {
        leave_elsewhere(&mut imports, &context.surroundings.folder)
    } else {
        Vec::new()
    };
    let target = context
        .sources()
        .user_file
        .context("there is no place for a configuration file")?;
    let existing = match std::fs::read_to_string(&target) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read `{}`", target.display()));
        }
    };
    let Merged {
        text: merged,
        added,
        notes: more,
    } = merge(&existing, &imports, &target)?;
    notes.extend(more);
    let written = args.write && !added.is_empty();
    if written {
        write_atomically(&target, &merged)?;
    }
    let report = Report {
        file: target,
        written,
        added,
        notes,
        sources: imports.iter().map(source).collect(),
    };
    if context.global.json {
        context.ui.json(&report)?;
    } else {
        context
            .ui
            .print(&import_text::text(&report, &context.ui.out))?;
        if !report.added.is_empty() && !written {
            context
                .ui
                .hint("nothing was written; add `--write` to do so");
        }
    }
    if written {
        // What was just written must be what we read: a mistake in it is told now and not at the next start.
        context.load()?;
    }
    Ok(Done::Yes)
}

fn client(name: &str) -> Result<Client, Usage> {
    let plain = |name: &str| name.to_lowercase().replace(['-', ' ', '_'], "");
    let known = CLIENTS
        .iter()
        .find(|(known, _)| plain(known) == plain(name));
    known.map(|(_, client)| *client).ok_or_else(|| {
        let names: Vec<&str> = CLIENTS.iter().map(|(name, _)| *name).collect();
        Usage::new(format!("no client is known as `{name}`"))
            .hint(format!("the clients are {}", list(&names)))
    })
}

/// Every known file that can be read; one that can't is said and passed over.
fn find(context: &Context, client: Option<Client>) -> Vec<Import> {
    let files = known_files(&context.surroundings.home(), &context.surroundings.folder);
    let wanted = files
        .into_iter()
        .filter(|(found, _)| client.is_none_or(|client| client == *found));
    let mut imports = Vec::new();
    for (client, file) in wanted {
        match read_file(client, &file) {
            Ok(import) => imports.push(import),
            Err(error) => context.ui.warn(&format!("{error:#}")),
        }
    }
    imports
}

fn read_file(client: Client, file: &Path) -> anyhow::Result<Import> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read `{}`", file.display()))?;
    Ok(read(client, &text, file)?)
}

/// Servers that a client uses in another folder only are not taken over for all folders.
fn leave_elsewhere(imports: &mut [Import], folder: &Path) -> Vec<String> {
    let mut notes = Vec::new();
    for import in imports {
        let client = import.client;
        import.servers.retain(|server| match &server.scope {
            Some(scope) if scope != folder => {
                notes.push(format!(
                    "`{}` of {client} is left out: it is for `{}` only",
                    server.name,
                    scope.display()
                ));
                false
            }
            _ => true,
        });
    }
    notes
}

fn source(import: &Import) -> Source {
    let shown = |server: &toolpool_config::import::ImportedServer| Shown {
        name: server.name.clone(),
        scope: server.scope.clone(),
        toml: server.shown(),
    };
    Source {
        client: import.client.to_string(),
        file: import.file.clone(),
        servers: import.servers.iter().map(shown).collect(),
        untranslated: import.untranslated.clone(),
        hints: import.hints.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ui::Look;

    const PLAIN: Look = Look {
        width: 80,
        color: false,
        unicode: true,
    };

    #[test]
    fn clients_by_name_in_any_spelling() {
        assert_eq!(client("Claude Code").ok(), Some(Client::ClaudeCode));
        assert_eq!(client("vs-code").ok(), Some(Client::VsCode));
        assert!(client("emacs").is_err());
    }

    #[test]
    fn what_would_be_added_is_shown_without_secrets() {
        let json =
            r#"{"mcpServers": {"gh": {"command": "gh-mcp", "env": {"TOKEN": "abc123secret"}}}}"#;
        let import = read(Client::Cursor, json, Path::new("/h/.cursor/mcp.json"))
            .expect("a file of Cursor's");
        let merged = merge("", std::slice::from_ref(&import), Path::new("/c.toml"))
            .expect("an empty file takes it");
        let report = Report {
            file: "/c.toml".into(),
            written: false,
            added: merged.added,
            notes: merged.notes,
            sources: vec![source(&import)],
        };
        let shown = import_text::text(&report, &PLAIN);
        assert!(
            shown.starts_with("Cursor  /h/.cursor/mcp.json\n\n  [servers.gh]\n"),
            "{shown}"
        );
        assert!(
            shown.ends_with("would add 1 server to /c.toml: `gh`\n"),
            "{shown}"
        );
        assert!(!shown.contains("abc123secret"), "{shown}");
        assert!(
            !serde_json::to_string(&report)
                .expect("it serializes")
                .contains("abc123secret")
        );
    }

    #[test]
    fn servers_of_other_folders_stay_there() {
        let json = r#"{"projects": {"/a": {"mcpServers": {"x": {"command": "c"}}}, "/b": {"mcpServers": {"y": {"command": "d"}}}}}"#;
        let mut imports = [read(Client::ClaudeCode, json, Path::new("/h/.claude.json"))
            .expect("a file of Claude Code's")];
        let notes = leave_elsewhere(&mut imports, Path::new("/a"));
        assert_eq!(
            imports[0]
                .servers
                .iter()
                .map(|server| server.name.as_str())
                .collect::<Vec<_>>(),
            ["x"]
        );
        assert_eq!(
            notes,
            ["`y` of Claude Code is left out: it is for `/b` only"]
        );
    }
}
