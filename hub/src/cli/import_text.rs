//! What an import would bring, as a person reads it: each client's servers as TOML, what could not be
//! translated, what is left to do.

use crate::cli::import::Report;
use crate::cli::ui::{Look, Style};
use crate::cli::words;
use crate::error::list;

/// The report as text.
pub(crate) fn text(report: &Report, look: &Look) -> String {
    if report.sources.is_empty() {
        return "no client's configuration was found; name a file: `toolpool config import FILE`\n"
            .into();
    }
    let mut out = String::new();
    for source in &report.sources {
        let head = format!(
            "{}  {}",
            look.paint(Style::Bold, &source.client),
            source.file.display()
        );
        out.push_str(&format!("{head}\n"));
        if source.servers.is_empty() {
            out.push_str("  no servers\n");
        }
        for server in &source.servers {
            out.push('\n');
            for line in server.toml.trim_end().lines() {
                let indent = if line.is_empty() { "" } else { "  " };
                out.push_str(&format!(
                    "{indent}{line}
"
                ));
            }
        }
        let told = [
            ("not translated", &source.untranslated),
            ("left to do", &source.hints),
        ];
        for (label, lines) in told.into_iter().filter(|(_, lines)| !lines.is_empty()) {
            out.push_str(&format!("\n  {}\n", look.paint(Style::Warn, label)));
            lines
                .iter()
                .for_each(|line| out.push_str(&format!("  - {line}\n")));
        }
        out.push('\n');
    }
    report
        .notes
        .iter()
        .for_each(|note| out.push_str(&format!("- {note}\n")));
    let what = words::count(report.added.len(), "server");
    out.push_str(&match (report.added.is_empty(), report.written) {
        (true, _) => format!("nothing to add to {}\n", report.file.display()),
        (false, true) => format!(
            "added {what} to {}: {}\n",
            report.file.display(),
            list(&report.added)
        ),
        (false, false) => format!(
            "would add {what} to {}: {}\n",
            report.file.display(),
            list(&report.added)
        ),
    });
    out
}
