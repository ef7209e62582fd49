//! Many facts in few tokens: calls by tool, without the names of arguments, and nothing that stands in the text already.
//!
//! ```text
//! - changed crm__update_order: 4711, shipped -> 200; 4712 -> 201
//! - sent mail__send {to: a@b.c} -> in doubt                          what nobody knows stands there whole
//! ```

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use toolpool_registry::TokenCounter;

use super::{ASKED, BULK, OPEN, STEPS, line, shown};
use crate::compact::facts::extract::Kind;
use crate::compact::facts::{Changed, Fact, Source};
use crate::journal::entry::{CallId, Verdict};

/// A fact, or the facts of a call, under the head of those like it.
pub(super) struct Row {
    /// What stands before all of them.
    head: String,
    text: String,
    /// What stands between them.
    between: &'static str,
    /// Lower goes first where not all of them fit.
    rank: (u8, Reverse<CallId>),
}

/// A call with the facts of its arguments and those of its outcome.
type OfCall<'a> = (&'a Arc<Changed>, Vec<&'a Fact>, Vec<&'a Fact>);

/// All of them, in the order in which they are shown.
pub(super) fn rows(missing: &[&Fact]) -> Vec<Row> {
    let mut rows = Vec::new();
    let none = Reverse(CallId {
        turn: 0,
        step: 0,
        index: 0,
    });
    let mut calls: BTreeMap<CallId, OfCall<'_>> = BTreeMap::new();
    let mut bulk = Vec::new();
    for fact in missing {
        let (rank, head) = match &fact.from {
            Source::Words(_) if fact.bulk => (4, BULK),
            Source::Words(_) => (0, ASKED),
            Source::Open(_) => (1, OPEN),
            Source::Step => (2, STEPS),
            Source::Argument(changed) => {
                let new = || (changed, Vec::new(), Vec::new());
                calls.entry(changed.call).or_insert_with(new).1.push(*fact);
                continue;
            }
            Source::Outcome(changed) => {
                let new = || (changed, Vec::new(), Vec::new());
                calls.entry(changed.call).or_insert_with(new).2.push(*fact);
                continue;
            }
        };
        let row = Row {
            head: format!("- {head}: "),
            text: shown(&fact.text),
            between: ", ",
            rank: (rank, none),
        };
        if fact.bulk { &mut bulk } else { &mut rows }.push(row);
    }
    let of_call = calls
        .values()
        .map(|(changed, arguments, outcome)| call(changed, arguments, outcome));
    rows.extend(of_call);
    rows.extend(bulk);
    rows
}

fn call(changed: &Changed, arguments: &[&Fact], outcome: &[&Fact]) -> Row {
    let texts =
        |facts: &[&Fact]| -> Vec<String> { facts.iter().map(|fact| shown(&fact.text)).collect() };
    if matches!(changed.verdict, Verdict::InDoubt | Verdict::NotStarted) {
        let all: Vec<&str> = outcome.iter().map(|fact| fact.text.as_str()).collect();
        return Row {
            head: String::new(),
            text: line(changed, &all),
            between: "",
            rank: (1, Reverse(changed.call)),
        };
    }
    let mut text = texts(arguments).join(", ");
    // An outcome says nothing without what it came of.
    if text.is_empty()
        && let Some((_, first)) = changed.arguments.first()
    {
        text = shown(first);
    }
    if !outcome.is_empty() {
        text = format!("{text} -> {}", texts(outcome).join(", "));
    }
    // How many bytes were written to a file that is known is worth least.
    let sizes = arguments.is_empty() && outcome.iter().all(|fact| fact.kind == Kind::Number);
    let verb = match changed.verdict {
        Verdict::Failed => "tried without success",
        _ => "changed",
    };
    Row {
        head: format!("- {verb} {}: ", changed.tool),
        text,
        between: "; ",
        rank: (if sizes { 5 } else { 3 }, Reverse(changed.call)),
    }
}

/// Rows under their heads, the heads in the order of their first rows.
pub(super) fn render<'a>(
    heading: &str,
    rows: impl Iterator<Item = &'a Row>,
    note: Option<&str>,
) -> String {
    let mut lines: Vec<(&str, String)> = Vec::new();
    for row in rows {
        match lines
            .iter_mut()
            .find(|(head, _)| !head.is_empty() && *head == row.head)
        {
            Some((_, line)) => {
                line.push_str(row.between);
                line.push_str(&row.text);
            }
            None => lines.push((&row.head, format!("{}{}", row.head, row.text))),
        }
    }
    let mut text = heading.to_owned();
    for line in lines.iter().map(|(_, line)| line.as_str()).chain(note) {
        text.push('\n');
        text.push_str(line);
    }
    text
}

/// The rows that fit with the note, those of most worth first.
pub(super) fn taken<'a>(
    rows: &'a [Row],
    heading: &str,
    note: &str,
    tokens_max: u32,
    counter: &TokenCounter,
) -> Vec<&'a Row> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|at| rows[*at].rank);
    let mut used = counter.count(heading) + counter.count(note) + 2;
    let mut heads: Vec<&str> = Vec::new();
    let mut taken = Vec::new();
    for at in order {
        let row = &rows[at];
        let new = !heads.contains(&row.head.as_str());
        let head = if new { counter.count(&row.head) + 1 } else { 0 };
        let tokens = counter.count(&row.text) + 1 + head;
        if used + tokens <= tokens_max {
            used += tokens;
            heads.push(&row.head);
            taken.push(at);
        }
    }
    // Tokens of pieces are not quite those of the whole, so that the whole is counted, and the least worth goes again.
    loop {
        let mut shown = taken.clone();
        shown.sort_unstable();
        let text = render(heading, shown.iter().map(|at| &rows[*at]), Some(note));
        if counter.count(&text) <= tokens_max || taken.pop().is_none() {
            return shown.into_iter().map(|at| &rows[at]).collect();
        }
    }
}
