//! Sessions as text: the list, a transcript for a terminal, and one in Markdown.
//!
//! Results of tools are shown by their first lines on a terminal and whole in an export. Whatever somebody else said is made safe, and
//! in Markdown it is fenced, so that it can't pass for a part of the page.

use crate::cli::columns::{self, Align, Cell};
use crate::cli::servers::duration;
use crate::cli::sessions::{Call, Compacted, Step, Transcript, Turn};
use crate::cli::ui::{Look, Style};
use crate::cli::words::{count, one_line, safe, wrap};
use crate::journal::Summary;
use crate::journal::entry::{EndHow, Rung, SettledBy, Verdict};
use crate::utc;

/// Lines of a result that a terminal shows.
const RESULT_LINES: usize = 6;
/// Characters of a call's arguments that a terminal shows.
const ARGUMENTS: usize = 200;
/// How deep delegates are shown below one another.
const DEEP: usize = 8;
/// How far what belongs to a turn is set in.
const INDENT: usize = 2;

/// The list, in the order given.
pub(crate) fn list(sessions: &[Summary], look: &Look) -> String {
    if sessions.is_empty() {
        return "no sessions\n".into();
    }
    let heads = [
        ("SESSION", Align::Left),
        ("LAST USED", Align::Left),
        ("TURNS", Align::Right),
        ("STATE", Align::Left),
        ("BEGAN WITH", Align::Left),
    ];
    let rows: Vec<Vec<Cell>> = sessions
        .iter()
        .map(|session| {
            let (style, state) = state(session);
            let used = match session.last_ms {
                0 => String::new(),
                ms => minute(ms),
            };
            let words = session.first_words.as_deref().map(one_line);
            vec![
                Cell::styled(
                    Style::Name,
                    format!("{}{}", set_in(sessions, session), session.id),
                ),
                Cell::new(used),
                Cell::new(session.turns.to_string()),
                Cell::styled(style, state),
                Cell::styled(Style::Dim, begun(session, words.unwrap_or_default())),
            ]
        })
        .collect();
    columns::table(&heads, &rows, 0, look)
}

/// How far a delegate is set in below the one that gave it its task.
fn set_in(sessions: &[Summary], session: &Summary) -> String {
    let above = |session: &Summary| {
        let parent = session.parent.as_ref()?;
        sessions.iter().find(|other| other.id == *parent)
    };
    // One that stands above itself was written by somebody else.
    let depth = std::iter::successors(above(session), |one| above(one))
        .take(sessions.len().min(DEEP))
        .count();
    " ".repeat(INDENT * depth)
}

/// The first words, behind the agent type where there is one.
fn begun(session: &Summary, words: String) -> String {
    match &session.agent {
        Some(agent) => format!("{}: {words}", one_line(agent)),
        None => words,
    }
}

/// What a person should see to, in a word or two.
fn state(session: &Summary) -> (Style, String) {
    if session.what.is_none() {
        (Style::Bad, "unreadable".into())
    } else if session.in_doubt > 0 {
        (Style::Warn, format!("{} in doubt", session.in_doubt))
    } else if !session.damage.is_empty() {
        (Style::Warn, "damaged".into())
    } else if session.open_turn.is_some() {
        (Style::Warn, "unfinished".into())
    } else {
        (Style::Dim, String::new())
    }
}

/// A transcript for a terminal: results by their first lines, or `full`.
pub(crate) fn transcript(transcript: &Transcript, full: bool, look: &Look) -> String {
    let session = &transcript.session;
    let dot = look.dot();
    let mut out = look.paint(Style::Bold, &session.id);
    for fact in facts(session) {
        out.push_str(&format!(" {dot} {fact}"));
    }
    out.push('\n');
    for sentence in &session.damage {
        let word = look.paint(Style::Warn, "damage:");
        out.push_str(&format!("{word} {}\n", one_line(sentence)));
    }
    for turn in &transcript.turns {
        out.push('\n');
        turn_text(&mut out, turn, full, look);
    }
    if !transcript.outside.is_empty() {
        let heading = look.paint(Style::Bold, "calls outside of turns");
        out.push_str(&format!("\n{heading}\n"));
        for call in &transcript.outside {
            call_text(&mut out, call, full, look);
        }
    }
    out
}

fn facts(session: &Summary) -> Vec<String> {
    let mut facts = vec![minute(session.begun_ms)];
    facts.extend(session.model.as_deref().map(one_line));
    facts.extend(session.folder.as_deref().map(one_line));
    facts.push(count(session.turns, "turn"));
    facts
}

fn turn_text(out: &mut String, turn: &Turn, full: bool, look: &Look) {
    let mut heading = format!("turn {}", turn.turn);
    if turn.undone {
        heading.push_str(", undone");
    }
    let heading = look.paint(Style::Bold, &heading);
    let ending = turn.end.map_or("not ended", end_words);
    let dot = look.dot();
    out.push_str(&format!(
        "{heading} {dot} {} {dot} {ending}\n",
        minute(turn.at_ms)
    ));
    said(out, "you", Style::Name, &turn.user, look);
    let mut compactions = turn.compactions.iter().peekable();
    for step in &turn.steps {
        while let Some(made) = compactions.next_if(|made| made.step <= step.step) {
            compacted_text(out, made, full, look);
        }
        for call in calls_first(step, out, look) {
            call_text(out, call, full, look);
        }
    }
    for made in compactions {
        compacted_text(out, made, full, look);
    }
    for warning in &turn.warnings {
        said(out, "warning", Style::Warn, warning, look);
    }
    if let Some(note) = &turn.note {
        said(out, "note", Style::Warn, note, look);
    }
}

/// What the model said stands before the calls that it made.
fn calls_first<'a>(step: &'a Step, out: &mut String, look: &Look) -> &'a [Call] {
    if !step.text.trim().is_empty() {
        let who = if step.truncated {
            "model, on a prompt that was cut"
        } else {
            "model"
        };
        said(out, who, Style::Good, &step.text, look);
    }
    &step.calls
}

fn said(out: &mut String, who: &str, style: Style, text: &str, look: &Look) {
    let label = look.paint(style, &format!("{who}:"));
    let room = look.width.saturating_sub(INDENT);
    let lines = wrap(&format!("{who}: {}", safe(text.trim())), room);
    for (at, line) in lines.iter().enumerate() {
        let line = match line.strip_prefix(&format!("{who}:")) {
            Some(rest) if at == 0 => format!("{label}{rest}"),
            _ => line.clone(),
        };
        indent(out, INDENT, &line);
    }
}

/// Where the model was shown something else from here on, and with `full` what.
fn compacted_text(out: &mut String, made: &Compacted, full: bool, look: &Look) {
    let how = match made.rung {
        Rung::Clear => format!("{} cleared", count(made.cleared, "result")),
        Rung::Digest => "what stands above was digested".into(),
        Rung::Summary => "what stands above was summarised".into(),
        Rung::Reset => "a fresh window was begun".into(),
    };
    let line = format!("compacted: {how}, {} to {} tokens", made.before, made.after);
    indent(out, INDENT, &look.paint(Style::Warn, &line));
    if full {
        for line in wrap(&safe(&made.text), look.width.saturating_sub(2 * INDENT)) {
            indent(out, 2 * INDENT, &look.paint(Style::Dim, &line));
        }
    }
}

fn call_text(out: &mut String, call: &Call, full: bool, look: &Look) {
    let arguments = one_line(&call.arguments.to_string());
    let arguments = crate::cli::words::cut(&arguments, ARGUMENTS);
    let state = look.paint(verdict_style(call.state), &state_words(call));
    let name = look.paint(Style::Name, &one_line(&call.name));
    let line = format!("{name} {arguments} {} {state}", look.dot());
    indent(out, INDENT, &line);
    let Some(text) = &call.text else { return };
    let room = look.width.saturating_sub(2 * INDENT);
    let lines = wrap(&safe(text.trim()), room);
    let shown = if full { lines.len() } else { RESULT_LINES };
    for line in lines.iter().take(shown) {
        indent(out, 2 * INDENT, &look.paint(Style::Dim, line));
    }
    if lines.len() > shown {
        let more = format!("and {} more", count(lines.len() - shown, "line"));
        indent(out, 2 * INDENT, &look.paint(Style::Dim, &more));
    }
}

fn indent(out: &mut String, columns: usize, line: &str) {
    if !line.is_empty() {
        out.push_str(&" ".repeat(columns));
        out.push_str(line);
    }
    out.push('\n');
}

/// A transcript in Markdown, with everything in it.
pub(crate) fn markdown(transcript: &Transcript) -> String {
    let session = &transcript.session;
    let mut out = format!("# Session {}\n\n", session.id);
    for fact in facts(session) {
        out.push_str(&format!("- {fact}\n"));
    }
    for sentence in &session.damage {
        out.push_str(&format!("- damage: {}\n", one_line(sentence)));
    }
    for turn in &transcript.turns {
        let undone = if turn.undone { ", undone" } else { "" };
        let ending = turn.end.map_or("not ended", end_words);
        let at = minute(turn.at_ms);
        out.push_str(&format!(
            "\n## Turn {}{undone}\n\n{at}, {ending}\n\n**You**\n\n",
            turn.turn
        ));
        out.push_str(&fenced(&turn.user));
        for step in &turn.steps {
            if !step.text.trim().is_empty() {
                let cut = if step.truncated {
                    ", on a prompt that was cut"
                } else {
                    ""
                };
                out.push_str(&format!("\n**Model**{cut}\n\n{}\n", safe(step.text.trim())));
            }
            for call in &step.calls {
                call_markdown(&mut out, call);
            }
        }
        for warning in turn.warnings.iter().chain(&turn.note) {
            out.push_str(&format!("\n> {}\n", one_line(warning)));
        }
    }
    if !transcript.outside.is_empty() {
        out.push_str("\n## Calls outside of turns\n");
        for call in &transcript.outside {
            call_markdown(&mut out, call);
        }
    }
    out
}

fn call_markdown(out: &mut String, call: &Call) {
    let (name, state) = (one_line(&call.name), state_words(call));
    out.push_str(&format!("\n**Call** `{name}`, {state}\n\n"));
    out.push_str(&fenced(&call.arguments.to_string()));
    if let Some(text) = &call.text {
        out.push('\n');
        out.push_str(&fenced(text));
    }
}

/// The text in a fence that is longer than any within it.
fn fenced(text: &str) -> String {
    let text = safe(text.trim_end());
    let longest = text
        .lines()
        .map(|line| line.trim_start().chars().take_while(|c| *c == '`').count())
        .max();
    let fence = "`".repeat(longest.unwrap_or(0).max(2) + 1);
    format!("{fence}\n{text}\n{fence}\n")
}

/// A call's state with its time and who settled it.
fn state_words(call: &Call) -> String {
    let mut words = verdict_words(call.state).to_owned();
    if let Some(ms) = call.elapsed_ms {
        words.push_str(&format!(" in {}", duration(ms)));
    }
    match call.settled {
        Some(SettledBy::Person) => words.push_str(", as you said"),
        Some(SettledBy::Repeat) => words.push_str(", sent again"),
        Some(SettledBy::Nobody) => words.push_str(", and nobody could say"),
        None => {}
    }
    words
}

fn verdict_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::NotStarted => "not started",
        Verdict::Completed => "completed",
        Verdict::Failed => "failed",
        Verdict::InDoubt => "in doubt",
    }
}

fn verdict_style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::NotStarted => Style::Dim,
        Verdict::Completed => Style::Good,
        Verdict::Failed => Style::Bad,
        Verdict::InDoubt => Style::Warn,
    }
}

fn end_words(how: EndHow) -> &'static str {
    match how {
        EndHow::Answered => "answered",
        EndHow::Cancelled => "stopped by you",
        EndHow::Refused => "did not fit",
        EndHow::Failed => "failed",
        EndHow::StepLimit => "too many steps",
        EndHow::FailureLimit => "too many failed calls",
        EndHow::Loop => "went in circles",
        EndHow::Interrupted => "interrupted",
    }
}

/// A time to the minute, in UTC.
fn minute(ms: u64) -> String {
    let text = utc::text(ms / 1000);
    format!("{} {}", &text[..10], &text[11..16])
}

#[cfg(test)]
mod tests;
