//! `servers`: what we connect to, and how each of them is.
//!
//! `--json`: `{"snapshot": N, "servers": [{name, state, reason, protocol, tools, tokens: {full, slim},
//! rejected: [{name, reason}], title, version, start_ms, transport, description, instructions}]}`.
//! `tools` and `tokens` count what the caller may see.

use std::collections::BTreeMap;

use serde::Serialize;
use toolpool_config::{Config, Transport};
use toolpool_registry::{Health, Rejected, Snapshot, View};

use crate::caller::Caller;
use crate::cli::columns::{self, Align, Cell};
use crate::cli::report::Done;
use crate::cli::start::Context;
use crate::cli::state;
use crate::cli::ui::{Look, Style};
use crate::cli::wait::{self, Until};
use crate::cli::with_hub;
use crate::cli::words::{self, number, one_line};

/// One server in a listing.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// One word: `ready`, `starting`, `retrying`, `down`, `disabled`, `offline`.
    pub(crate) state: &'static str,
    pub(crate) reason: Option<String>,
    pub(crate) protocol: Option<String>,
    pub(crate) tools: usize,
    pub(crate) tokens: Tokens,
    pub(crate) rejected: Vec<Rejected>,
    pub(crate) title: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) start_ms: Option<u64>,
    /// `stdio`, `http`, `in-process` or `catalog`.
    pub(crate) transport: &'static str,
    pub(crate) description: Option<String>,
    pub(crate) instructions: Option<String>,
}

/// What a server's tools cost.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Tokens {
    pub(crate) full: u64,
    pub(crate) slim: u64,
}

#[derive(Serialize)]
struct Listing {
    snapshot: u64,
    servers: Vec<Row>,
}

/// Runs the command.
pub(crate) async fn run(context: &Context) -> anyhow::Result<Done> {
    let config = context.load()?.config;
    with_hub(context, config, async |hub| {
        wait::settle(context, hub, Until::Servers).await?;
        let (config, snapshot) = (hub.config(), hub.snapshot());
        let caller = context.caller(&config)?;
        let servers = rows(&snapshot, &hub.view(&snapshot, &caller), &caller, &config);
        if context.global.json {
            context.ui.json(&Listing {
                snapshot: snapshot.no(),
                servers,
            })?;
        } else {
            let look = &context.ui.out;
            context.ui.print(&format!(
                "{}\n{}\n",
                text(&servers, look),
                state::summary(&servers, look)
            ))?;
            wait::hint_missing(context, &wait::missing(&snapshot, &caller));
        }
        Ok(Done::Yes)
    })
    .await
}

/// The servers that the caller's profile lets in.
pub(crate) fn rows(snapshot: &Snapshot, view: &View, caller: &Caller, config: &Config) -> Vec<Row> {
    let mut seen: BTreeMap<&str, (usize, Tokens)> = BTreeMap::new();
    for row in view.rows() {
        let entry = seen.entry(&snapshot.tools()[row].id.server).or_default();
        entry.0 += 1;
        entry.1.full += u64::from(snapshot.costs(row).full);
        entry.1.slim += u64::from(snapshot.costs(row).slim);
    }
    let admitted = snapshot
        .servers()
        .iter()
        .filter(|server| caller.rules.admits_server(&server.name));
    admitted
        .map(|server| {
            let (tools, tokens) = seen.get(&*server.name).copied().unwrap_or_default();
            Row {
                name: server.name.to_string(),
                state: state(&server.health),
                reason: server.health.reason().map(one_line),
                protocol: server.protocol.clone(),
                tools,
                tokens,
                rejected: server.rejected.clone(),
                title: server.title.as_deref().map(one_line),
                version: server.version.as_deref().map(one_line),
                start_ms: server.start_ms,
                transport: transport(config, &server.name),
                description: server.description.clone(),
                instructions: server.instructions.clone(),
            }
        })
        .collect()
}

/// A server's health as one word.
pub(crate) fn state(health: &Health) -> &'static str {
    match health {
        Health::Disabled => "disabled",
        Health::Starting => "starting",
        Health::Ready => "ready",
        Health::Retrying { .. } => "retrying",
        Health::Down { .. } => "down",
        Health::Offline => "offline",
    }
}

/// How a server is reached, as one word.
pub(crate) fn transport(config: &Config, server: &str) -> &'static str {
    match config.servers.get(server).map(|server| &server.transport) {
        Some(Transport::Stdio { .. }) => "stdio",
        Some(Transport::Http { .. }) => "http",
        Some(Transport::InProcess { .. }) => "in-process",
        None => "catalog",
    }
}

/// How a state is set apart.
pub(crate) fn style(state: &str) -> Style {
    match state {
        "ready" => Style::Good,
        "starting" | "retrying" => Style::Warn,
        "down" => Style::Bad,
        _ => Style::Dim,
    }
}

/// Milliseconds as a person reads them.
pub(crate) fn duration(ms: u64) -> String {
    if ms < 1000 {
        format!("{ms}ms")
    } else {
        format!("{:.1}s", ms as f64 / 1000.0)
    }
}

/// The listing as text.
pub(crate) fn text(servers: &[Row], look: &Look) -> String {
    if servers.is_empty() {
        return "no servers\n".into();
    }
    let heads = [
        ("SERVER", Align::Left),
        ("STATE", Align::Left),
        ("TOOLS", Align::Right),
        ("TOKENS", Align::Right),
        ("START", Align::Right),
        ("PROTOCOL", Align::Left),
        ("ABOUT", Align::Left),
    ];
    let rows: Vec<Vec<Cell>> = servers
        .iter()
        .map(|server| {
            let known = server.tools > 0 || matches!(server.state, "ready" | "offline");
            let count = |value: u64| {
                if known {
                    Cell::new(number(value))
                } else {
                    Cell::new("")
                }
            };
            vec![
                Cell::styled(Style::Name, server.name.clone()),
                Cell::styled(style(server.state), server.state),
                count(server.tools as u64),
                count(server.tokens.full),
                Cell::new(server.start_ms.map(duration).unwrap_or_default()),
                Cell::new(server.protocol.clone().unwrap_or_default()),
                Cell::styled(Style::Dim, about(server)),
            ]
        })
        .collect();
    columns::table(&heads, &rows, 0, look)
}

/// What is worth knowing of it in a few words: why it is not up, else what the person wrote of it, else
/// who it says it is.
fn about(server: &Row) -> String {
    if let Some(reason) = &server.reason {
        return reason.clone();
    }
    let mut words: Vec<String> = server.description.iter().cloned().collect();
    if words.is_empty() {
        words.extend(match (&server.title, &server.version) {
            (Some(title), Some(version)) => Some(format!("{title} {version}")),
            (Some(title), None) => Some(title.clone()),
            (None, _) => None,
        });
    }
    if !server.rejected.is_empty() {
        words.push(format!(
            "{} left out",
            words::count(server.rejected.len(), "tool")
        ));
    }
    if words.is_empty() && server.state == "offline" {
        words.push("from a catalog file".into());
    }
    words.join(", ")
}

#[cfg(test)]
mod tests;
