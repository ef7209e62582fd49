//! Explanations as text: a tool's, a call's, and what was in the window at a step.

use serde_json::Value;
use toolpool_connectors::model::Message;

use crate::audit::{CallStory, Event, StepStory, ToolStory};
use crate::cli::audit_text::{why, word};
use crate::cli::chat::tables;
use crate::cli::columns::{self, Align, Cell};
use crate::cli::servers::duration;
use crate::cli::ui::{Look, Style};
use crate::cli::words::{count, cut, number, one_line, safe, wrap};
use crate::journal::entry::{BorderNote, CacheNote, CompactionNote};
use crate::utc;

/// How far texts are set in.
const INDENT: usize = 2;
/// Lines of a text that is not asked for in full.
const TEXT_LINES: usize = 6;

/// Why a tool was offered or not.
pub(crate) fn tool(story: &ToolStory, now: Option<&str>, look: &Look) -> String {
    let mut out = String::new();
    for pool in &story.pools {
        let style = match pool.offered {
            Some(true) => Style::Good,
            Some(false) | None => Style::Dim,
        };
        let place = format!("{}.{}", pool.turn, pool.step);
        out.push_str(&format!(
            "{} {}\n",
            look.paint(style, &place),
            one_line(&pool.sentence)
        ));
    }
    for border in &story.borders {
        out.push_str(&format!("{}\n", self::border(border)));
    }
    if story.pools.is_empty() {
        out.push_str("no pool was made there\n");
    }
    out.push_str(&calls(story, look));
    match now {
        Some(now) => out.push_str(&format!(
            "\nranked again now, with the servers and configuration of today: {}\n",
            one_line(now)
        )),
        None => out.push_str(&look.paint(
            Style::Dim,
            "\nas the journal has it; `--now` also ranks again with the servers and configuration of today\n",
        )),
    }
    out
}

/// What was decided on a tool's calls; nothing where there were none.
pub(crate) fn calls(story: &ToolStory, look: &Look) -> String {
    if story.calls.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<Cell>> = story
        .calls
        .iter()
        .map(|record| {
            vec![
                Cell::styled(Style::Name, record.call.to_string()),
                Cell::new(record.decision.name()),
                Cell::new(word(record.end())),
                Cell::new(one_line(&why(record))),
            ]
        })
        .collect();
    let heads = [
        ("CALL", Align::Left),
        ("DECISION", Align::Left),
        ("END", Align::Left),
        ("WHY", Align::Left),
    ];
    format!("\n{}", columns::table(&heads, &rows, 0, look))
}

/// The whole story of a call.
pub(crate) fn call(story: &CallStory, full: bool, look: &Look) -> String {
    let record = &story.record;
    let mut out = format!(
        "{} {} {}\n",
        record.call,
        look.paint(Style::Name, &one_line(&record.name)),
        look.paint(Style::Dim, &utc::text(record.at_ms / 1_000)),
    );
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let name = look.paint(Style::Dim, &format!("{name:10}"));
            out.push_str(&format!("  {name} {}\n", one_line(&value)));
        }
    };
    let decision = match record.source {
        Some(source) => format!("{} by {}", record.decision.name(), word(source)),
        None => record.decision.name().to_owned(),
    };
    fact("decision", Some(decision));
    fact("rule", record.rule.clone());
    fact("approver", record.approver.map(word));
    fact("because", record.reason.clone());
    fact(
        "asked by",
        record.agent.clone().or(record.principal.clone()),
    );
    fact("profile", record.profile.clone());
    fact("through", record.via.clone());
    fact("effect", record.effect.map(word));
    fact(
        "arguments",
        record
            .arguments_sha256
            .as_ref()
            .map(|sum| format!("sha256 {sum}")),
    );
    fact(
        "result",
        record
            .result_sha256
            .as_ref()
            .map(|sum| format!("sha256 {sum}")),
    );
    fact("end", record.end().map(word));
    out.push('\n');
    for (seq, _, event) in &story.events {
        let (head, text) = event_words(event);
        let seq = look.paint(Style::Dim, &format!("{seq:>5}"));
        out.push_str(&format!("{seq} {}\n", one_line(&head)));
        if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
            out.push_str(&shown(&text, INDENT + 4, full, look));
        }
    }
    out
}

/// What happened, and what was said of it.
fn event_words(event: &Event) -> (String, Option<String>) {
    let arguments = |value: &Value| Some(value.to_string());
    match event {
        Event::Proposed {
            name,
            arguments: given,
            fault,
        } => match fault {
            Some(fault) => (
                format!("proposed: {name}, which can't be used: {fault}"),
                arguments(given),
            ),
            None => (format!("proposed: {name}"), arguments(given)),
        },
        Event::Decided { allowed, reason } => {
            let what = if *allowed { "allowed" } else { "denied" };
            (format!("{what}: {reason}"), None)
        }
        Event::Intended {
            arguments: sent,
            repeatable,
        } => {
            let again = match repeatable {
                true => "may be sent again without harm",
                false => "must not be sent twice",
            };
            (format!("about to be sent; {again}"), arguments(sent))
        }
        Event::Delegated(note) => (
            format!("began session {} as agent {}", note.session, note.agent),
            Some(note.task.clone()),
        ),
        Event::Ended {
            verdict,
            text,
            elapsed_ms,
            repairs,
            artifact,
        } => {
            let mut head = format!("{} in {}", word(verdict), duration(*elapsed_ms));
            if !repairs.is_empty() {
                head.push_str(&format!("; repaired: {}", repairs.join("; ")));
            }
            if let Some(artifact) = artifact {
                head.push_str(&format!("; whole in artifact {artifact}"));
            }
            (head, Some(text.clone()))
        }
        Event::Answered { text, failed } => {
            let how = if *failed {
                "answered by the hub with a failure"
            } else {
                "answered by the hub"
            };
            (how.into(), Some(text.clone()))
        }
        Event::Refused { why, text } => (format!("not sent: {}", word(why)), Some(text.clone())),
        Event::Verified { holds, findings } => {
            let how = if *holds {
                "verified: it holds"
            } else {
                "verified: it does not hold"
            };
            (how.into(), Some(findings.join("\n")))
        }
        Event::Settled { verdict, by, text } => (
            format!("settled by {}: {}", word(by), word(verdict)),
            Some(text.clone()),
        ),
    }
}

/// What was in the window at a step.
pub(crate) fn step(story: &StepStory, full: bool, look: &Look) -> String {
    let head = format!("turn {}, step {}", story.turn, story.step);
    let mut out = format!(
        "{} {} {} entry {}\n\n{}",
        look.paint(Style::Bold, &head),
        look.paint(Style::Dim, &utc::text(story.at_ms / 1_000)),
        look.dot(),
        story.seq,
        tables::budget(&story.table, look)
    );
    out.push('\n');
    if let Some(pool) = &story.pool {
        let names: Vec<&str> = pool.tools.iter().map(|tool| tool.name.as_str()).collect();
        let line = format!(
            "pool of turn {}, step {} ({}), chosen for \"{}\": {}: {}",
            pool.turn,
            pool.step,
            pool.border,
            cut(&one_line(&pool.query), look.width / 2),
            count(names.len(), "tool"),
            one_line(&names.join(", "))
        );
        out.push_str(&set_in(&line, look));
    }
    if let Some(border) = &story.border {
        out.push_str(&set_in(&self::border(border), look));
    }
    for compaction in &story.compactions {
        out.push_str(&set_in(&compacted(compaction), look));
    }
    let cache = match &story.cache {
        Some(cache) => cached(cache),
        None => "cache: nothing is known of it at this step".into(),
    };
    out.push_str(&set_in(&cache, look));
    out.push_str(&format!(
        "\n{} as shown then, without the system message and what is put behind the last one\n",
        count(story.messages.len(), "message")
    ));
    if full {
        for stored in &story.messages {
            let (who, text) = said(&stored.message);
            let head = format!("{who}, turn {}, entry {}", stored.turn, stored.seq);
            out.push_str(&format!(
                "\n{}\n",
                look.paint(Style::Bold, &one_line(&head))
            ));
            out.push_str(&shown(&text, INDENT, true, look));
        }
    } else {
        out.push_str(&messages(story, look));
    }
    out
}

fn messages(story: &StepStory, look: &Look) -> String {
    let rows: Vec<Vec<Cell>> = story
        .messages
        .iter()
        .map(|stored| {
            let (who, text) = said(&stored.message);
            vec![
                Cell::styled(Style::Dim, stored.seq.to_string()),
                Cell::new(stored.turn.to_string()),
                Cell::styled(Style::Name, one_line(&who)),
                Cell::new(number(text.chars().count() as u64)),
                Cell::new(one_line(&text)),
            ]
        })
        .collect();
    let heads = [
        ("ENTRY", Align::Right),
        ("TURN", Align::Right),
        ("WHO", Align::Left),
        ("CHARS", Align::Right),
        ("TEXT", Align::Left),
    ];
    columns::table(&heads, &rows, 0, look)
}

fn said(message: &Message) -> (String, String) {
    match message {
        Message::System { text } => ("system".into(), text.clone()),
        Message::User { text } => ("user".into(), text.clone()),
        Message::Assistant { text, calls, .. } => {
            let mut text = text.clone();
            for call in calls {
                if !text.is_empty() {
                    text.push('\n');
                }
                text.push_str(&format!(
                    "{} {} {}",
                    call.id,
                    call.name,
                    call.arguments.text()
                ));
            }
            ("model".into(), text)
        }
        Message::Tool { name, text, .. } => (name.clone(), text.clone()),
    }
}

fn border(note: &BorderNote) -> String {
    let what = match note.rebuilt {
        true => "another pool was worth its re-read",
        false => "no other pool was worth its re-read",
    };
    let measured = if note.measured { "measured" } else { "assumed" };
    let told: Vec<&str> = note
        .disclosed
        .iter()
        .map(|tool| tool.name.as_str())
        .collect();
    let told = match told.as_slice() {
        [] => String::new(),
        told => format!("; told of behind the request: {}", told.join(", ")),
    };
    format!(
        "border at {}.{}: {what}: {:.0} ms to gain, {:.0} ms to read again ({} {measured}); missing: {}{}",
        note.turn,
        note.step,
        note.gain_ms,
        note.cost_ms,
        format_args!("{:.2} ms a token,", note.read_ms_per_token),
        one_line(&note.missing.join(", ")),
        one_line(&told)
    )
}

fn compacted(note: &CompactionNote) -> String {
    format!(
        "compacted for it: {}, entries {} to {}, {} to {} tokens ({})",
        word(note.rung),
        note.from,
        note.to,
        number(u64::from(note.before)),
        number(u64::from(note.after)),
        word(note.reason)
    )
}

fn cached(note: &CacheNote) -> String {
    let cached = match note.cached {
        Some(cached) => format!("{} tokens", number(u64::from(cached))),
        None => "an unknown number of tokens".into(),
    };
    let mut out = format!(
        "cache: {cached} of {} in the prompt were read from it, {} were expected",
        number(u64::from(note.prompt)),
        number(u64::from(note.predicted))
    );
    if let Some(cause) = note.cause {
        out.push_str(&format!("; cause: {}", word(cause).replace('-', " ")));
    }
    if let Some(place) = &note.place {
        out.push_str(&format!(" ({})", one_line(place)));
    }
    out
}

/// A sentence in lines of the terminal's width.
fn set_in(text: &str, look: &Look) -> String {
    let mut out = String::new();
    for (at, line) in wrap(text, look.width.saturating_sub(INDENT))
        .iter()
        .enumerate()
    {
        let indent = if at == 0 { 0 } else { INDENT };
        out.push_str(&format!("{}{line}\n", " ".repeat(indent)));
    }
    out
}

/// A text of somebody else's, set in; its first lines only unless all of it is asked for.
fn shown(text: &str, indent: usize, full: bool, look: &Look) -> String {
    let text = safe(text);
    let lines: Vec<String> = match full {
        true => text.lines().map(str::to_owned).collect(),
        false => wrap(&text, look.width.saturating_sub(indent)),
    };
    let most = if full { usize::MAX } else { TEXT_LINES };
    let pad = " ".repeat(indent);
    let mut out = String::new();
    for line in lines.iter().take(most) {
        out.push_str(format!("{pad}{line}").trim_end());
        out.push('\n');
    }
    if lines.len() > most {
        let rest = format!("{pad}... {} more", count(lines.len() - most, "line"));
        out.push_str(&format!("{}\n", look.paint(Style::Dim, &rest)));
    }
    out
}
