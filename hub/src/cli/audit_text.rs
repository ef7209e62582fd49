//! The audit trail as text: a table for a terminal, CSV for a spreadsheet, and what the chains of journals say.

use serde::Serialize;

use crate::audit::{Record, Row, Ruling};
use crate::cli::columns::{self, Align, Cell};
use crate::cli::ui::{Look, Style};
use crate::cli::words::{count, one_line};
use crate::journal::Proof;
use crate::journal::entry::{ApproverKind, DecisionSource, Verdict};
use crate::utc;

/// The columns of the CSV.
const COLUMNS: &str = "time,session,what,depth,parent_session,parent_call,call,principal,profile,agent,name,via,server,tool,\
effect,decision,source,approver,rule,reason,refused,sent,verdict,settled_by,elapsed_ms,arguments_sha256,result_sha256,\
fingerprint,repairs,verified,delegate_agent,delegate_session\n";

/// A value as the journal writes it.
pub(crate) fn word<T: Serialize>(value: T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(serde_json::Value::Null) | Err(_) => String::new(),
        Ok(other) => other.to_string(),
    }
}

/// The table. The session stands in it where there is more than one.
pub(crate) fn table(rows: &[Row], look: &Look) -> String {
    let several = rows.iter().any(|row| row.session != rows[0].session);
    let mut heads = vec![("WHEN", Align::Left)];
    if several {
        heads.push(("SESSION", Align::Left));
    }
    heads.extend([
        ("CALL", Align::Left),
        ("WHO", Align::Left),
        ("TOOL", Align::Left),
        ("DECISION", Align::Left),
        ("END", Align::Left),
        ("WHY", Align::Left),
    ]);
    let rows: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| {
            let record = &row.record;
            let mut cells = vec![Cell::styled(Style::Dim, minute(record.at_ms))];
            if several {
                cells.push(Cell::styled(Style::Dim, row.session.clone()));
            }
            let (style, end) = end(record);
            cells.extend([
                Cell::new(record.call.to_string()),
                Cell::new(who(record)),
                Cell::styled(Style::Name, tool(row, look)),
                ruled(record),
                Cell::styled(style, end),
                Cell::new(one_line(&why(record))),
            ]);
            cells
        })
        .collect();
    columns::table(&heads, &rows, 0, look)
}

/// Month, day and time, in UTC.
fn minute(ms: u64) -> String {
    let text = utc::text(ms / 1_000);
    format!("{} {}", &text[5..10], &text[11..16])
}

/// Whose call: the agent type, else the principal; with the profile.
fn who(record: &Record) -> String {
    let who = record.agent.as_deref().or(record.principal.as_deref());
    let who = who.unwrap_or("");
    match &record.profile {
        Some(profile) => one_line(&format!("{who}@{profile}")),
        None => one_line(who),
    }
}

fn tool(row: &Row, look: &Look) -> String {
    let branch = match (row.depth, look.unicode) {
        (0, _) => "",
        (_, true) => "└ ",
        (_, false) => "- ",
    };
    let via = match &row.record.via {
        Some(via) => format!(" ({})", one_line(via)),
        None => String::new(),
    };
    format!(
        "{}{branch}{}{via}",
        "  ".repeat(row.depth.saturating_sub(1)),
        one_line(&row.record.name)
    )
}

fn ruled(record: &Record) -> Cell {
    let style = match record.decision {
        _ if record.unruled() => Style::Bad,
        Ruling::Allow => Style::Good,
        Ruling::Deny => Style::Warn,
        Ruling::Refused | Ruling::Own | Ruling::None => Style::Dim,
    };
    Cell::styled(style, record.decision.name())
}

fn end(record: &Record) -> (Style, &'static str) {
    match record.end() {
        None => (Style::Dim, ""),
        Some(Verdict::NotStarted) => (Style::Dim, "not started"),
        Some(Verdict::Completed) if record.verified.iter().any(|held| !held.holds) => {
            (Style::Warn, "not as said")
        }
        Some(Verdict::Completed) => (Style::Good, "completed"),
        Some(Verdict::Failed) => (Style::Bad, "failed"),
        Some(Verdict::InDoubt) => (Style::Warn, "in doubt"),
    }
}

/// Who or what decided, in a few words.
pub(crate) fn why(record: &Record) -> String {
    let asked = |who: &str| match &record.rule {
        Some(rule) => format!("{who}; asked by {rule}"),
        None => who.to_owned(),
    };
    let rule = || {
        let named = record.rule.as_deref().or(record.reason.as_deref());
        named.unwrap_or("").to_owned()
    };
    match (record.source, record.approver) {
        (Some(DecisionSource::NoPerson), _) => asked("nobody there to ask"),
        (Some(_), Some(ApproverKind::Coordinator)) => asked("the agent that gave the task"),
        (Some(DecisionSource::Person), _) => asked("the person"),
        (Some(_), _) => rule(),
        (None, _) => match (record.refused, &record.delegate) {
            (Some(refused), _) => word(refused),
            (None, Some(delegate)) => {
                format!("agent {} in session {}", delegate.agent, delegate.session)
            }
            (None, None) => rule(),
        },
    }
}

/// The trail as CSV.
pub(crate) fn csv(rows: &[Row]) -> String {
    let mut out = COLUMNS.to_owned();
    for row in rows {
        let cells: Vec<String> = csv_cells(row).iter().map(|text| cell(text)).collect();
        out.push_str(&cells.join(","));
        out.push('\n');
    }
    out
}

fn csv_cells(row: &Row) -> [String; 32] {
    let record = &row.record;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let parent = row.parent.as_ref();
    let delegate = record.delegate.as_ref();
    let verified: Vec<String> = record
        .verified
        .iter()
        .map(|held| {
            let holds = if held.holds { "holds" } else { "does not hold" };
            format!("{} {holds}", word(held.what))
        })
        .collect();
    [
        utc::text(record.at_ms / 1_000),
        row.session.clone(),
        word(row.what),
        row.depth.to_string(),
        parent.map_or_else(String::new, |parent| parent.session.clone()),
        parent.map_or_else(String::new, |parent| parent.call.to_string()),
        record.call.to_string(),
        text(&record.principal),
        text(&record.profile),
        text(&record.agent),
        record.name.clone(),
        text(&record.via),
        text(&record.server),
        text(&record.tool),
        word(record.effect),
        record.decision.name().to_owned(),
        word(record.source),
        word(record.approver),
        text(&record.rule),
        text(&record.reason),
        word(record.refused),
        record.sent.to_string(),
        word(record.end()),
        record
            .settled
            .map_or_else(String::new, |settled| word(settled.by)),
        record
            .elapsed_ms
            .map_or_else(String::new, |ms| ms.to_string()),
        text(&record.arguments_sha256),
        text(&record.result_sha256),
        text(&record.fingerprint),
        record.repairs.join("; "),
        verified.join("; "),
        delegate.map_or_else(String::new, |delegate| delegate.agent.clone()),
        delegate.map_or_else(String::new, |delegate| delegate.session.clone()),
    ]
}

/// One cell. Names and reasons are somebody else's words: what a spreadsheet would work out is made a text, and what would end the cell is
/// quoted.
fn cell(text: &str) -> String {
    let first = text
        .trim_start_matches(|c: char| c.is_whitespace() || c.is_control())
        .chars()
        .next();
    let formula = first.is_some_and(|c| "=+-@\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}".contains(c))
        || text.starts_with(['\t', '\r', '\n']);
    let text = match formula {
        true => format!("'{text}"),
        false => text.to_owned(),
    };
    let quoted = formula || text.contains([',', '"', '\n', '\r', ';']);
    match quoted {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

/// What the chains say: one block for one session, a table for several.
pub(crate) fn proofs(proofs: &[Proof], look: &Look) -> String {
    match proofs {
        [] => "no sessions\n".into(),
        [proof] => one_proof(proof, look),
        proofs => {
            let heads = [
                ("SESSION", Align::Left),
                ("ENTRIES", Align::Right),
                ("STATE", Align::Left),
            ];
            let rows: Vec<Vec<Cell>> = proofs
                .iter()
                .map(|proof| {
                    let state = match &proof.bad {
                        None => Cell::styled(Style::Good, "as it was written"),
                        Some(bad) => {
                            Cell::styled(Style::Bad, format!("line {}: {}", bad.line, bad.wrong))
                        }
                    };
                    vec![
                        Cell::styled(Style::Name, proof.session.clone()),
                        Cell::new(proof.lines.to_string()),
                        state,
                    ]
                })
                .collect();
            let bad = proofs.iter().filter(|proof| proof.bad.is_some()).count();
            let (style, end) = match bad {
                0 => (Style::Good, "every journal is as it was written".to_owned()),
                bad => (
                    Style::Bad,
                    format!("{} not as written", count(bad, "journal")),
                ),
            };
            let table = columns::table(&heads, &rows, 0, look);
            format!("{table}\n{}\n", look.paint(style, &end))
        }
    }
}

fn one_proof(proof: &Proof, look: &Look) -> String {
    let session = look.paint(Style::Name, &proof.session);
    let entries = match proof.lines {
        1 => "1 entry".to_owned(),
        lines => format!("{lines} entries"),
    };
    match &proof.bad {
        Some(bad) => format!(
            "{session}: {}\n{entries} before that {} as written\n",
            look.paint(Style::Bad, &format!("line {}: {}", bad.line, bad.wrong)),
            if proof.lines == 1 { "is" } else { "are" },
        ),
        None => {
            let noted = match &proof.noted {
                Some(_) => "; the end that was written down agrees",
                None => "; its end was not written down yet",
            };
            let behind = match proof.expected {
                Some(line) if line < proof.lines => {
                    let more = count(proof.lines - line, "line");
                    format!("\nthe head that you kept is line {line}, with {more} behind it")
                }
                Some(_) => "\nthe head that you kept is still the last line".to_owned(),
                None => String::new(),
            };
            format!(
                "{session}: {}{noted}{behind}\nhead {}\n",
                look.paint(Style::Good, &format!("{entries}, each as it was written")),
                proof.head
            )
        }
    }
}

#[cfg(test)]
mod tests;
