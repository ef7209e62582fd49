//! `doctor`: what is wrong, and what to do about it. Everything is started as `serve` would start it and
//! looked at once.
//!
//! `--json`: `{"ok", "version", "files": [{path, exists}], "encoder": {state, model, library, found, reason,
//! hint}, "cache": {path, bytes}, "servers": [{name, ok, state, reason, transport, protocol, title,
//! version, tools, rejected, start_ms, attempts, skipped_lines, stderr, todo: [..]}]}`.
//! The exit code is 1 where something is wrong; what is merely odd is told and costs nothing.

use std::path::{Path, PathBuf};

use serde::Serialize;
use toolpool_config::Config;
use toolpool_connectors::ServerStatus;
use toolpool_connectors::runtime::candidates;
use toolpool_registry::{Health, Rejected, Snapshot};

use crate::cli::args::DoctorArgs;
use crate::cli::config::{FileAt, files};
use crate::cli::doctor_text;
use crate::cli::report::{Done, Usage};
use crate::cli::servers;
use crate::cli::start::Context;
use crate::cli::wait::{self, Until};
use crate::cli::with_hub;
use crate::cli::words::{one_line, safe};
use crate::encoder::EncoderState;
use crate::error::list;

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Findings {
    pub(crate) ok: bool,
    pub(crate) version: &'static str,
    pub(crate) files: Vec<FileAt>,
    /// None where only one server was asked for.
    pub(crate) encoder: Option<EncoderFound>,
    pub(crate) cache: Cache,
    pub(crate) servers: Vec<ServerFound>,
}

/// The encoder and its runtime.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct EncoderFound {
    /// `ready`, `off`, `preparing` or `words`.
    pub(crate) state: &'static str,
    pub(crate) model: Option<String>,
    /// The ONNX Runtime library that is tried first.
    pub(crate) library: Option<PathBuf>,
    /// Who put it there.
    pub(crate) found: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) hint: Option<String>,
}

/// What is kept to be fast next time.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cache {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

/// One server.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ServerFound {
    pub(crate) name: String,
    pub(crate) ok: bool,
    pub(crate) state: &'static str,
    pub(crate) reason: Option<String>,
    pub(crate) transport: &'static str,
    pub(crate) protocol: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) tools: usize,
    pub(crate) rejected: Vec<Rejected>,
    pub(crate) start_ms: Option<u64>,
    pub(crate) attempts: u32,
    pub(crate) skipped_lines: u64,
    /// Its last words.
    pub(crate) stderr: String,
    pub(crate) todo: Vec<String>,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, args: DoctorArgs) -> anyhow::Result<Done> {
    let mut config = context.load()?.config;
    if let Some(server) = &args.server {
        only(&mut config, server)?;
    }
    let whole = args.server.is_none();
    with_hub(context, config, async |hub| {
        wait::settle(
            context,
            hub,
            if whole {
                Until::Everything
            } else {
                Until::Servers
            },
        )
        .await?;
        let (config, snapshot) = (hub.config(), hub.snapshot());
        let servers: Vec<ServerFound> = hub
            .status()
            .iter()
            .filter(|status| whole || args.server.as_deref() == Some(&status.server))
            .map(|status| server(status, &snapshot, &config))
            .collect();
        let encoder = whole.then(|| encoder(context, &config, &hub.encoder_state().borrow()));
        let findings = Findings {
            ok: servers.iter().all(|server| server.ok)
                && encoder
                    .as_ref()
                    .is_none_or(|encoder| is_well(encoder.state)),
            version: env!("CARGO_PKG_VERSION"),
            files: files(&context.sources()),
            encoder,
            cache: Cache {
                bytes: size(&context.surroundings.cache()),
                path: context.surroundings.cache(),
            },
            servers,
        };
        if context.global.json {
            context.ui.json(&findings)?;
        } else {
            context
                .ui
                .print(&doctor_text::text(&findings, &context.ui.out))?;
        }
        Ok(if findings.ok { Done::Yes } else { Done::No })
    })
    .await
}

/// Leaves one server in the configuration, and no encoder.
fn only(config: &mut Config, server: &str) -> Result<(), Usage> {
    if !config.servers.contains_key(server) {
        let names: Vec<&String> = config.servers.keys().collect();
        return Err(Usage::new(format!("there is no server `{server}`"))
            .hint(format!("the servers are {}", list(&names))));
    }
    config.servers.retain(|name, _| name == server);
    config.embedding.enabled = false;
    Ok(())
}

fn server(status: &ServerStatus, snapshot: &Snapshot, config: &Config) -> ServerFound {
    let state = snapshot.server(&status.server);
    let rejected = state
        .map(|state| state.rejected.clone())
        .unwrap_or_default();
    let ok = matches!(status.health, Health::Ready | Health::Disabled);
    ServerFound {
        name: status.server.clone(),
        ok,
        state: servers::state(&status.health),
        reason: status.health.reason().map(one_line),
        transport: servers::transport(config, &status.server),
        protocol: status.protocol.clone(),
        title: status.info.as_ref().map(|(name, _)| one_line(name)),
        version: status.info.as_ref().map(|(_, version)| one_line(version)),
        tools: state.map_or(0, |state| state.tools),
        todo: todo(
            status,
            servers::transport(config, &status.server),
            &rejected,
        ),
        rejected,
        start_ms: status.start_ms,
        attempts: status.attempts,
        skipped_lines: status.skipped_lines,
        stderr: safe(status.stderr_tail.trim()),
    }
}

/// What a person can do, most pressing first.
fn todo(status: &ServerStatus, transport: &str, rejected: &[Rejected]) -> Vec<String> {
    let name = &status.server;
    let mut todo = Vec::new();
    match &status.health {
        Health::Starting => todo.push(format!("it is still starting: wait longer with `--wait`, or raise `servers.{name}.start_timeout_s`")),
        Health::Retrying { .. } | Health::Down { .. } => todo.push(
            status.hint.clone().unwrap_or_else(|| match transport {
                "http" => format!("check `servers.{name}.url`, and that the server there is running"),
                _ => format!("check `[servers.{name}]`, and run its command by hand"),
            }),
        ),
        Health::Disabled | Health::Ready | Health::Offline => {}
    }
    if status.skipped_lines > 0 {
        todo.push("it writes other lines than messages to its stdout, which were skipped: they belong on stderr".into());
    }
    if !rejected.is_empty() {
        todo.push("tell its author of the tools that can't be used".into());
    }
    todo
}

fn encoder(context: &Context, config: &Config, state: &EncoderState) -> EncoderFound {
    let places = context.surroundings.encoder_places(config);
    let first = candidates(&places.runtime).into_iter().next();
    let found = EncoderFound {
        library: first.as_ref().map(|found| found.path.clone()),
        found: first.map(|found| found.source.to_string()),
        ..EncoderFound::default()
    };
    match state {
        EncoderState::Off => EncoderFound {
            state: "off",
            ..found
        },
        EncoderState::Ready { model } => EncoderFound {
            state: "ready",
            model: Some(model.clone()),
            ..found
        },
        EncoderState::Preparing { what, bytes, total } => EncoderFound {
            state: "preparing",
            reason: Some(wait::preparing(what, *bytes, *total)),
            hint: Some("wait longer with `--wait`".into()),
            ..found
        },
        EncoderState::Words { reason, hint } => EncoderFound {
            state: "words",
            reason: Some(one_line(reason)),
            hint: hint.clone(),
            ..found
        },
    }
}

/// Whether the encoder is as the configuration wants it.
pub(crate) fn is_well(state: &str) -> bool {
    matches!(state, "ready" | "off")
}

/// Bytes of a folder's files. What can't be read counts nothing.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
pub(crate) mod tests;
