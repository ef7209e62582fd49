//! What must not be lost when a conversation is shown in another form: the facts that no model may be trusted to repeat.
//!
//! ```text
//! the person's words ─┐                 what they demand and forbid word for word
//! steps of the task  ─┤
//! open requests      ─┼─► required()   each once, in this order, to the letter
//! calls that changed ─┘                arguments by name, outcomes, call by call
//! results of reads   ───► reachable()  found again through their artifact, the most used first
//! ```
//!
//! A long content is not spelled out: of a file that was written, its path (another argument) always counts, and its size and
//! hash, by which a later reading is recognised; of the names in it only the first and the last few. Whoever needs the rest
//! reads the file, or the call's artifact. A content that a later call wrote anew to the same place counts no more at all.
//! The person's words are never cut: what exceeds the few of a pasted text is marked [`Fact::bulk`], and so named last.
//!
//! Undone turns give no facts: what they did is said in the tail of every prompt.

mod demands;
pub(crate) mod extract;
mod values;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;
use toolpool_config::Effect;
use toolpool_config::fixed::{FACT_CONTENT_CHARS_MIN, FACT_CONTENT_MAX, FACT_VALUE_WORDS_MAX};

use crate::agent::Folds;
use crate::journal::artifacts::sha256;
use crate::journal::entry::{CallId, TurnNo, Verdict};
use crate::workflow::CallRecord;

use super::audit::has;
use extract::{Kind, Piece, pieces};
use values::{key_pieces, leaves, number_piece, result_pieces, value_pieces};

/// A fact that has to be in the window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fact {
    /// To the letter.
    pub(crate) text: String,
    /// What it is.
    pub(crate) kind: Kind,
    /// Where it is from first.
    pub(crate) from: Source,
    /// One of very many in one text, and so named after all others.
    pub(crate) bulk: bool,
}

/// Where a fact is from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// The person's words in a turn.
    Words(TurnNo),
    /// A step of the task.
    Step,
    /// What the model asked the person last.
    Open(TurnNo),
    /// An argument of a call that changed something, or may have.
    Argument(Arc<Changed>),
    /// What such a call came to.
    Outcome(Arc<Changed>),
}

/// A call that changed something, or may have.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Changed {
    /// The call.
    pub(crate) call: CallId,
    /// The tool by its exposed name.
    pub(crate) tool: String,
    /// What is known of it.
    pub(crate) verdict: Verdict,
    /// The facts of its arguments, each with the argument's name.
    pub(crate) arguments: Vec<(String, String)>,
    /// The artifact of its whole result, where it was cut.
    pub(crate) artifact: Option<String>,
}

/// An identifier from something that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    /// To the letter.
    pub(crate) text: String,
    /// The call that read it last.
    pub(crate) call: CallId,
    /// The tool that read it.
    pub(crate) tool: String,
    /// The artifact that holds the result. Named by its hash even where nobody has kept it yet.
    pub(crate) artifact: String,
    /// How often it was said, asked for or written elsewhere.
    pub(crate) used: usize,
}

/// The facts of all lines up to `to`, each once.
#[must_use]
pub(crate) fn required(folds: &Folds, to: u64) -> Vec<Fact> {
    let mut facts = Facts::default();
    for (turn, _, words) in folds.session.all_words().filter(|(_, seq, _)| *seq <= to) {
        let many = words.chars().count() >= FACT_CONTENT_CHARS_MIN;
        let demands = demands::demands(words);
        let inside = |piece: &Piece| demands.iter().any(|demand| has(&demand.text, &piece.text));
        let others: Vec<Piece> = pieces(words).into_iter().filter(|p| !inside(p)).collect();
        for found in [others, demands] {
            for (at, piece) in found.into_iter().enumerate() {
                facts.add(piece, Source::Words(turn), many && at >= FACT_CONTENT_MAX);
            }
        }
    }
    for step in folds.workflow.steps() {
        for piece in pieces(&step.text) {
            facts.add(piece, Source::Step, false);
        }
    }
    if let Some((turn, question)) = question(folds, to) {
        for piece in pieces(question) {
            facts.add(piece, Source::Open(turn), false);
        }
    }
    let calls: Vec<&CallRecord> = changing(folds, to).collect();
    let calls: Vec<&CallRecord> = calls
        .iter()
        .copied()
        .filter(|record| !overcome(record, &calls))
        .collect();
    let latest = latest_contents(&calls);
    for record in calls {
        let arguments = arguments(record, &latest);
        let outcome = outcome(record);
        let changed = Arc::new(Changed {
            call: record.call,
            tool: record.name.clone(),
            verdict: record.verdict,
            arguments: arguments
                .iter()
                .map(|(name, piece)| (name.clone(), piece.text.clone()))
                .collect(),
            artifact: record.artifact.clone(),
        });
        for (_, piece) in arguments {
            facts.add(piece, Source::Argument(changed.clone()), false);
        }
        for piece in outcome {
            facts.add(piece, Source::Outcome(changed.clone()), false);
        }
    }
    facts.all
}

#[derive(Default)]
struct Facts {
    all: Vec<Fact>,
    seen: HashSet<String>,
}

impl Facts {
    fn add(&mut self, piece: Piece, from: Source, bulk: bool) {
        if self.seen.insert(piece.text.clone()) {
            self.all.push(Fact {
                text: piece.text,
                kind: piece.kind,
                from,
                bulk,
            });
        }
    }
}

/// What the model asked the person at the end of the last turn, or before the last words: an answer such as "yes" means nothing
/// without it.
fn question(folds: &Folds, to: u64) -> Option<(TurnNo, &str)> {
    let last = folds
        .session
        .all_words()
        .filter(|(_, seq, _)| *seq <= to)
        .last()?;
    let asks = |turn: TurnNo| {
        let (_, _, said) = folds
            .session
            .all_said()
            .filter(|(of, seq, text)| *of == turn && *seq <= to && !text.trim().is_empty())
            .last()?;
        said.contains(['?', '？']).then_some((turn, said))
    };
    let before = folds
        .session
        .all_words()
        .map(|(turn, ..)| turn)
        .filter(|turn| *turn < last.0)
        .last();
    asks(last.0).or_else(|| asks(before?))
}

/// Calls of turns that still count which were sent and are not known to only read.
fn changing(folds: &Folds, to: u64) -> impl Iterator<Item = &CallRecord> {
    let undone = folds.session.undone();
    folds.workflow.calls().iter().filter(move |record| {
        record.seq <= to
            && record.intended
            && record.effect != Some(Effect::ReadOnly)
            && record.verdict != Verdict::NotStarted
            && !undone.contains(&record.call.turn)
    })
}

/// Whether a call failed and the same one worked later: what it was about is told by that one.
fn overcome(record: &CallRecord, calls: &[&CallRecord]) -> bool {
    record.verdict == Verdict::Failed
        && calls.iter().any(|later| {
            later.seq > record.seq
                && later.verdict == Verdict::Completed
                && (&later.name, &later.arguments) == (&record.name, &record.arguments)
        })
}

/// The last call that wrote a long content to a place, by server and the other arguments' first text.
fn latest_contents<'a>(calls: &[&'a CallRecord]) -> HashMap<(&'a str, &'a str), CallId> {
    let mut latest = HashMap::new();
    for record in calls {
        if let Some(place) = place(record).filter(|_| record.verdict == Verdict::Completed) {
            latest.insert(place, record.call);
        }
    }
    latest
}

/// Where a call that has a long content puts it.
fn place(record: &CallRecord) -> Option<(&str, &str)> {
    let members = record.arguments.as_object()?;
    let long = members
        .values()
        .any(|value| value.as_str().is_some_and(is_content));
    let place = [
        "path",
        "file",
        "file_path",
        "filename",
        "filepath",
        "uri",
        "id",
    ]
    .iter()
    .find_map(|name| members.get(*name)?.as_str());
    Some((record.tool.as_deref()?, place.filter(|_| long)?))
}

fn is_content(text: &str) -> bool {
    text.chars().nth(FACT_CONTENT_CHARS_MIN).is_some()
}

fn arguments(record: &CallRecord, latest: &HashMap<(&str, &str), CallId>) -> Vec<(String, Piece)> {
    let superseded = place(record)
        .and_then(|place| latest.get(&place))
        .is_some_and(|last| *last > record.call);
    let mut out: Vec<(String, Piece)> = Vec::new();
    leaves(&record.arguments, "", &mut |name, value| {
        let found = match value {
            Value::Number(number) => vec![number_piece(number)],
            Value::String(text) if is_content(text) => {
                if superseded {
                    return;
                }
                let mut found = vec![Piece {
                    kind: Kind::Name,
                    text: size_and_hash(text),
                }];
                found.extend(ends(pieces(text)));
                found
            }
            Value::String(text) => value_pieces(text, FACT_VALUE_WORDS_MAX),
            _ => Vec::new(),
        };
        out.extend(found.into_iter().map(|piece| (name.to_owned(), piece)));
    });
    // A member that is named by a path or an id, and not by the tool's schema.
    let keys = key_pieces(&record.arguments);
    out.extend(keys.into_iter().map(|piece| ("for".to_owned(), piece)));
    out
}

/// How a long content is known again.
fn size_and_hash(text: &str) -> String {
    format!(
        "{} bytes, sha256 {}",
        text.len(),
        &sha256(text.as_bytes())[..12]
    )
}

fn outcome(record: &CallRecord) -> Vec<Piece> {
    let text = record.text.as_deref().unwrap_or_default();
    let mut found = result_pieces(text);
    if is_content(text) {
        found = ends(found);
    }
    found
}

/// The first and the last few.
fn ends(mut found: Vec<Piece>) -> Vec<Piece> {
    let half = FACT_CONTENT_MAX / 2;
    if found.len() > FACT_CONTENT_MAX {
        found.drain(half..found.len() - half);
    }
    found
}

/// Identifiers of what was read up to `to`, those that are used most first, among equals the newest. The artifact is the hash of
/// the text where none was kept; what is named has to be kept by whoever names it.
#[must_use]
pub(crate) fn reachable(folds: &Folds, to: u64) -> Vec<Reach> {
    let undone = folds.session.undone();
    let read = folds.workflow.calls().iter().filter(|record| {
        record.seq <= to
            && record.effect == Some(Effect::ReadOnly)
            && record.verdict == Verdict::Completed
            && !undone.contains(&record.call.turn)
    });
    let mut found: HashMap<String, Reach> = HashMap::new();
    for record in read {
        let text = record.text.as_deref().unwrap_or_default();
        let artifact = artifact_of(record);
        for piece in result_pieces(text) {
            if !matches!(piece.kind, Kind::Path | Kind::Url | Kind::Name) {
                continue;
            }
            let reach = Reach {
                text: piece.text.clone(),
                call: record.call,
                tool: record.name.clone(),
                artifact: artifact.clone(),
                used: 0,
            };
            found.insert(piece.text, reach);
        }
    }
    for text in said(folds) {
        for piece in text {
            if let Some(reach) = found.get_mut(&piece.text) {
                reach.used += 1;
            }
        }
    }
    let mut all: Vec<Reach> = found.into_values().collect();
    all.sort_by(|a, b| {
        (b.used, b.call)
            .cmp(&(a.used, a.call))
            .then_with(|| a.text.cmp(&b.text))
    });
    all
}

/// The artifact that holds a call's result, or will.
#[must_use]
pub(crate) fn artifact_of(record: &CallRecord) -> String {
    record
        .artifact
        .clone()
        .unwrap_or_else(|| sha256(record.text.as_deref().unwrap_or_default().as_bytes()))
}

/// What was said, planned and asked for, as pieces: where an identifier of a result counts as used.
fn said(folds: &Folds) -> impl Iterator<Item = Vec<Piece>> {
    let words = folds.session.all_words().map(|(.., text)| pieces(text));
    let said = folds.session.all_said().map(|(.., text)| pieces(text));
    let steps = folds.workflow.steps().iter().map(|step| pieces(&step.text));
    let calls = folds.workflow.calls().iter().map(|record| {
        let mut out = Vec::new();
        leaves(&record.arguments, "", &mut |_, value| match value {
            Value::Number(number) => out.push(number_piece(number)),
            Value::String(text) => out.extend(value_pieces(text, 1)),
            _ => {}
        });
        out
    });
    words.chain(said).chain(steps).chain(calls)
}

#[cfg(test)]
pub(in crate::compact) mod tests;
