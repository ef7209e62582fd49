//! What a fresh window begins with: the summary, what is open, what is known of files and errors, and the files that it goes on with.
//!
//! The steps of the task stand in the tail of every prompt as well; there the late ones are folded where there is little room, and
//! here all of them are written down once. Absent on purpose: the facts, which are held against the finished text by whoever asked for it.

use std::cmp::Reverse;

use tokio_util::sync::CancellationToken;
use toolpool_config::fixed::RESET_NOTE_SHARE;
use toolpool_registry::TokenCounter;

use super::files;
use crate::agent::{Agent, Folds};
use crate::error::Error;
use crate::journal::entry::{CallId, StepState};

/// Room for saying how many lines more there are.
const MORE_TOKENS: u32 = 8;
/// What stands in place of a summary where there is none.
const NO_SUMMARY: &str =
    "[The conversation goes on in a fresh window; what was said before is not shown.]";

/// The first text of a fresh window that stands for all lines up to `to`; notes and files take at most `rest` tokens beside the summary.
///
/// # Errors
/// A profile that is gone; the journal's, where a file that is read again can't be written down.
pub(crate) async fn text(
    agent: &Agent,
    to: u64,
    summary: Option<String>,
    rest: u32,
    cancel: &CancellationToken,
) -> Result<String, Error> {
    let window = agent.window().min(agent.about().window.tokens);
    let mut parts = vec![summary.unwrap_or_else(|| NO_SUMMARY.to_owned())];
    {
        let folds = agent.folds();
        let share = (f64::from(window) * RESET_NOTE_SHARE) as u32;
        let tokens_max = share.min(rest / 4);
        let counter = agent.hub().counter();
        parts.extend(open(&folds, to, tokens_max, counter));
        parts.extend(known(&folds, to, tokens_max, counter));
    }
    parts.extend(files::shown(agent, window, rest / 2, cancel).await?);
    Ok(parts.join("\n\n"))
}

/// Doubts first, since they are what must not be done again unawares, then the steps.
fn open(folds: &Folds, to: u64, tokens_max: u32, counter: &TokenCounter) -> Option<String> {
    let doubts = folds.workflow.in_doubt();
    let doubts = doubts
        .iter()
        .filter(|record| record.seq <= to && !record.repeatable)
        .map(|record| {
            format!(
                "- in doubt: {} {} was sent, and whether it took effect is not known",
                record.name, record.arguments
            )
        });
    let steps = folds.workflow.steps().iter().map(|step| {
        let mark = match step.state {
            StepState::Open => ' ',
            StepState::Doing => '~',
            StepState::Done => 'x',
        };
        format!("- [{mark}] {}", step.text)
    });
    section(
        "Open and done:",
        doubts.chain(steps).collect(),
        tokens_max,
        counter,
    )
}

/// Files with what is known of them, last touched first, and errors, unsolved ones first.
fn known(folds: &Folds, to: u64, tokens_max: u32, counter: &TokenCounter) -> Option<String> {
    let before = |call| {
        folds
            .workflow
            .call(call)
            .is_some_and(|record| record.seq <= to)
    };
    let errors = folds
        .memory
        .errors()
        .iter()
        .rev()
        .filter(|error| before(error.call));
    let (solved, unsolved): (Vec<_>, Vec<_>) = errors.partition(|error| error.solved_by.is_some());
    let error = |error: &&crate::memory::ErrorNote| {
        let about = error
            .path
            .as_deref()
            .map(|path| format!(" {path}"))
            .unwrap_or_default();
        let end = if error.solved_by.is_some() {
            "solved since"
        } else {
            "not solved"
        };
        let said = error.text.lines().next().unwrap_or_default();
        format!("- {}{about} failed ({end}): {said}", error.tool)
    };
    let mut files: Vec<_> = folds.memory.files().iter().collect();
    // By lines and not by the names of calls: a file that was read again for a fresh window was read by a call of no turn.
    let line = |call: Option<CallId>| Some(folds.workflow.call(call?)?.seq);
    files.sort_by_key(|(path, note)| {
        let last = line(note.changed).max(line(note.read));
        (Reverse(last), (*path).clone())
    });
    let file = |(path, note): (&String, &crate::memory::FileNote)| {
        let state = if note.in_doubt {
            "may have been changed"
        } else if note.gone {
            "is gone"
        } else if note.read.is_some() && line(note.changed) > line(note.read) {
            "changed since it was read"
        } else if note.changed.is_some() {
            "changed"
        } else {
            "read"
        };
        format!("- {path}: {state}")
    };
    let lines = unsolved
        .iter()
        .map(error)
        .chain(files.into_iter().map(file))
        .chain(solved.iter().map(error));
    section("Known:", lines.collect(), tokens_max, counter)
}

/// Lines under a title, the last ones left out where there is no room, and how many; none without any.
fn section(
    title: &str,
    lines: Vec<String>,
    tokens_max: u32,
    counter: &TokenCounter,
) -> Option<String> {
    // Less than a line or two says nothing.
    if lines.is_empty() || tokens_max < 2 * MORE_TOKENS {
        return None;
    }
    let mut left = tokens_max.saturating_sub(counter.count(title));
    let mut out = title.to_owned();
    let mut rest = lines.len();
    for line in &lines {
        let tokens = counter.count(line) + 1;
        if tokens + MORE_TOKENS > left {
            break;
        }
        left -= tokens;
        rest -= 1;
        out.push('\n');
        out.push_str(line);
    }
    if rest > 0 {
        out.push_str(&format!("\n- {rest} more"));
    }
    Some(out)
}

#[cfg(test)]
mod tests;
