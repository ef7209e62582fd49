//! The doctor's findings as a person reads them: the servers first, each with its last words and what to
//! do where something is wrong.

use crate::cli::doctor::{EncoderFound, Findings, ServerFound, is_well};
use crate::cli::servers::{duration, style};
use crate::cli::ui::{Look, Style};
use crate::cli::words::{self, wrap};

/// Lines of last words that are shown.
const LAST_WORDS: usize = 6;
/// Where explanations begin.
const INDENT: usize = 4;

/// The findings as text.
pub(crate) fn text(findings: &Findings, look: &Look) -> String {
    let mut out = format!("toolpool {}\n", findings.version);
    heading(&mut out, "configuration", look);
    for file in &findings.files {
        let note = if file.exists { "" } else { " (not there)" };
        out.push_str(&format!(
            "  {}{}\n",
            file.path.display(),
            look.paint(Style::Dim, note)
        ));
    }
    heading(&mut out, "cache", look);
    out.push_str(&format!(
        "  {}, {:.1} MB\n",
        findings.cache.path.display(),
        findings.cache.bytes as f64 / 1e6
    ));
    if let Some(encoder) = &findings.encoder {
        heading(&mut out, "encoder", look);
        out.push_str(&encoder_text(encoder, look));
    }
    heading(&mut out, "servers", look);
    if findings.servers.is_empty() {
        out.push_str("  none\n");
    }
    for server in &findings.servers {
        out.push_str(&server_text(server, look));
    }
    out.push_str(&format!("\n{}\n", verdict(findings, look)));
    out
}

fn heading(out: &mut String, title: &str, look: &Look) {
    out.push_str(&format!("\n{}\n", look.paint(Style::Bold, title)));
}

fn verdict(findings: &Findings, look: &Look) -> String {
    let servers = findings.servers.iter().filter(|server| !server.ok).count();
    let encoder = findings
        .encoder
        .as_ref()
        .is_some_and(|encoder| !is_well(encoder.state));
    match servers + usize::from(encoder) {
        0 => look.paint(Style::Good, "all is well"),
        1 => look.paint(Style::Bad, "1 thing is wrong"),
        many => look.paint(Style::Bad, &format!("{many} things are wrong")),
    }
}

fn encoder_text(encoder: &EncoderFound, look: &Look) -> String {
    let well = is_well(encoder.state);
    let what = match (encoder.state, &encoder.model) {
        ("ready", Some(model)) => model.clone(),
        ("off", _) => "switched off: tools are ranked by words".into(),
        (_, _) => "not to be had: tools are ranked by words".into(),
    };
    let mut out = format!("  {}  {what}\n", mark(well, look));
    if let Some(library) = &encoder.library {
        let from = encoder
            .found
            .as_deref()
            .map(|found| format!(" ({found})"))
            .unwrap_or_default();
        out.push_str(&format!(
            "      ONNX Runtime: {}{from}\n",
            library.display()
        ));
    } else if encoder.state != "off" {
        out.push_str("      ONNX Runtime: not found\n");
    }
    explain(&mut out, "why", encoder.reason.as_deref(), look);
    explain(&mut out, "to do", encoder.hint.as_deref(), look);
    out
}

fn mark(well: bool, look: &Look) -> String {
    if well {
        look.paint(Style::Good, "ok")
    } else {
        look.paint(Style::Bad, "!!")
    }
}

fn server_text(server: &ServerFound, look: &Look) -> String {
    let mut facts = vec![
        look.paint(style(server.state), server.state),
        server.transport.to_owned(),
    ];
    facts.extend(
        server
            .protocol
            .as_ref()
            .map(|protocol| format!("protocol {protocol}")),
    );
    if server.state == "ready" {
        facts.push(words::count(server.tools, "tool"));
    }
    facts.extend(server.start_ms.map(|ms| format!("up in {}", duration(ms))));
    if server.attempts > 1 {
        facts.push(format!("{} tries", server.attempts));
    }
    if let (Some(title), Some(version)) = (&server.title, &server.version) {
        facts.push(format!("{title} {version}"));
    }
    let name = look.paint(Style::Name, &server.name);
    let mut out = format!(
        "  {}  {name}: {}\n",
        mark(server.ok, look),
        facts.join(", ")
    );
    explain(&mut out, "why", server.reason.as_deref(), look);
    let rejected: Vec<String> = server
        .rejected
        .iter()
        .map(|rejected| {
            format!(
                "`{}`: {}",
                rejected.name.as_deref().unwrap_or("?"),
                rejected.reason
            )
        })
        .collect();
    for rejected in &rejected {
        explain(&mut out, "left out", Some(rejected), look);
    }
    // A server that is up has said nothing of interest, however much it said.
    if !server.ok && !server.stderr.is_empty() {
        let lines: Vec<&str> = server
            .stderr
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        for (at, line) in lines[lines.len().saturating_sub(LAST_WORDS)..]
            .iter()
            .enumerate()
        {
            let label = if at == 0 { "last words" } else { "" };
            explain(&mut out, label, Some(line), look);
        }
    }
    for todo in &server.todo {
        explain(&mut out, "to do", Some(todo), look);
    }
    out
}

/// A label and its words under a finding, wrapped.
fn explain(out: &mut String, label: &str, words: Option<&str>, look: &Look) {
    const LABEL: usize = 10;
    let Some(words) = words else { return };
    let room = look.width.saturating_sub(INDENT + 2 + LABEL + 2).max(24);
    for (at, line) in wrap(words, room).iter().enumerate() {
        let label = if at == 0 { label } else { "" };
        let style = if label == "to do" {
            Style::Name
        } else {
            Style::Dim
        };
        let pad = " ".repeat(LABEL - words::width(label));
        out.push_str(&format!(
            "{:indent$}{}{pad}  {line}\n",
            "",
            look.paint(style, label),
            indent = INDENT + 2
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::config::FileAt;
    use crate::cli::doctor::Cache;

    fn server(name: &str, ok: bool, state: &'static str) -> ServerFound {
        ServerFound {
            name: name.into(),
            ok,
            state,
            reason: None,
            transport: "stdio",
            protocol: None,
            title: None,
            version: None,
            tools: 0,
            rejected: Vec::new(),
            start_ms: None,
            attempts: 1,
            skipped_lines: 0,
            stderr: String::new(),
            todo: Vec::new(),
        }
    }

    #[test]
    fn findings() {
        let findings = Findings {
            ok: false,
            version: "9.9.9",
            files: vec![FileAt {
                path: "/c/config.toml".into(),
                exists: false,
            }],
            encoder: Some(EncoderFound {
                state: "words",
                reason: Some("ONNX Runtime is not on this machine".into()),
                hint: Some("install it".into()),
                ..EncoderFound::default()
            }),
            cache: Cache {
                path: "/k".into(),
                bytes: 1_500_000,
            },
            servers: vec![
                ServerFound {
                    protocol: Some("2025-11-25".into()),
                    tools: 3,
                    start_ms: Some(120),
                    title: Some("mcp-git".into()),
                    version: Some("1.0".into()),
                    stderr: "chatter".into(),
                    ..server("git", true, "ready")
                },
                ServerFound {
                    reason: Some("it exited with status 1".into()),
                    stderr: "Traceback\nTOKEN is not set".into(),
                    attempts: 3,
                    todo: vec!["set TOKEN".into()],
                    ..server("hub", false, "retrying")
                },
            ],
        };
        let wanted = "\
toolpool 9.9.9

configuration
  /c/config.toml (not there)

cache
  /k, 1.5 MB

encoder
  !!  not to be had: tools are ranked by words
      ONNX Runtime: not found
      why         ONNX Runtime is not on this machine
      to do       install it

servers
  ok  git: ready, stdio, protocol 2025-11-25, 3 tools, up in 120ms, mcp-git 1.0
  !!  hub: retrying, stdio, 3 tries
      why         it exited with status 1
      last words  Traceback
                  TOKEN is not set
      to do       set TOKEN

2 things are wrong
";
        assert_eq!(
            text(
                &findings,
                &Look {
                    width: 80,
                    color: false,
                    unicode: true
                }
            ),
            wanted
        );
    }
}
