//! Holds a summary against the facts, and appends what it lacks. The model is not asked again: it has just shown that it
//! forgets, and asking costs a whole prompt.
//!
//! ```text
//! required facts ── missing() ──► not in the text to the letter ── appended() ──► text + one line per source and call
//!                                                                       ├ many ─► by tool, without what is known
//!                                                                       └ over the bound ─► whole list as an artifact, named
//! ```
//!
//! To the letter means: as a word of its own. `12` is not in `312`, nor `a.rs` in `src/a.rs`, which is another path.

mod terse;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use toolpool_config::fixed::ARTIFACT_DIGITS_MIN;
use toolpool_registry::TokenCounter;

use super::facts::extract::wide;
use super::facts::{Changed, Fact, Reach, Source};
use crate::journal::artifacts::sha256;
use crate::journal::entry::{CallId, Verdict};

/// What stands before the facts that a summary lacks.
const HEADING: &str = "Kept to the letter:";
/// What stands before the identifiers of what was read.
const READ_HEADING: &str = "Seen in results, to be read again with `read_artifact`:";
/// How the sources of facts are named.
const ASKED: &str = "asked";
const OPEN: &str = "open question";
const STEPS: &str = "steps";
const BULK: &str = "asked, from a long text";
/// Digits of an artifact's name that stand for it.
pub(crate) const ARTIFACT_DIGITS: usize = ARTIFACT_DIGITS_MIN;

/// The facts that are not in the text.
#[must_use]
pub(crate) fn missing<'a>(text: &str, facts: &'a [Fact]) -> Vec<&'a Fact> {
    let lacks = |fact: &&Fact| !has(text, &fact.text);
    facts.iter().filter(lacks).collect()
}

/// Whether a fact stands in a text as a word of its own.
#[must_use]
pub(crate) fn has(text: &str, fact: &str) -> bool {
    let (Some(first), Some(last)) = (fact.chars().next(), fact.chars().next_back()) else {
        return true;
    };
    text.match_indices(fact).any(|(at, _)| {
        let mut before = text[..at].chars().rev();
        let mut after = text[at + fact.len()..].chars();
        free_before(first, before.next(), before.next())
            && free_after(last, after.next(), after.next())
    })
}

fn word(c: char) -> bool {
    (c.is_alphanumeric() && !wide(c)) || c == '_'
}

/// What joins two words into one.
fn joint(c: char) -> bool {
    matches!(
        c,
        '.' | '-' | '/' | '\\' | '@' | '+' | '~' | '?' | '&' | '#'
    )
}

/// Whether a word with this edge goes on behind a joint: `12` in `12.5` and in `1,012`, `a.rs` in `src/a.rs`.
fn goes_on(edge: char, joining: char, beyond: Option<char>) -> bool {
    let Some(beyond) = beyond else {
        return false;
    };
    let joined = joint(joining) && word(beyond) && (word(edge) || joint(edge));
    let digits = matches!(joining, ',' | ':') && edge.is_numeric() && beyond.is_numeric();
    joined || digits
}

fn free_before(edge: char, next: Option<char>, beyond: Option<char>) -> bool {
    let Some(c) = next else {
        return true;
    };
    let same_word = word(c) && (word(edge) || joint(edge));
    let path = matches!(edge, '.' | '/' | '\\') && matches!(c, '.' | '/' | '\\' | '~');
    let sign = edge.is_numeric() && matches!(c, '-' | '+' | '−' | '.');
    !(same_word || path || sign || goes_on(edge, c, beyond))
}

fn free_after(edge: char, next: Option<char>, beyond: Option<char>) -> bool {
    let Some(c) = next else {
        return true;
    };
    !((word(c) && (word(edge) || joint(edge))) || goes_on(edge, c, beyond))
}

/// A text with what it lacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    /// The text, and the lines behind it.
    pub(crate) text: String,
    /// How many facts it lacked.
    pub(crate) facts: u32,
    /// All lines, where they are over the bound: the text names the artifact that they are to be kept as.
    pub(crate) whole: Option<String>,
}

/// The text with everything that it lacks behind it, grouped by where that is from: call by call as long as that takes no more than
/// `easy` tokens, and else tersely, with nothing said that stands in the text already.
///
/// Where even that takes more than `most`, the person's words, open requests, steps and the newest calls go first, and the text
/// names the artifact that holds the whole list. Keeping it is left to the caller: nothing here touches a disk.
#[must_use]
pub(crate) fn appended(
    text: &str,
    missing: &[&Fact],
    (easy, most): (u32, u32),
    counter: &TokenCounter,
) -> Appended {
    let facts = u32::try_from(missing.len()).unwrap_or(u32::MAX);
    let with = |list: &str| match text.trim_end() {
        "" => list.to_owned(),
        text => format!("{text}\n\n{list}"),
    };
    if missing.is_empty() {
        return Appended {
            text: text.to_owned(),
            facts,
            whole: None,
        };
    }
    let whole = render(&groups(missing));
    if counter.count(&whole) <= easy.min(most) {
        return Appended {
            text: with(&whole),
            facts,
            whole: None,
        };
    }
    let rows = terse::rows(missing);
    let short_form = terse::render(HEADING, rows.iter(), None);
    if counter.count(&short_form) <= most {
        return Appended {
            text: with(&short_form),
            facts,
            whole: None,
        };
    }
    let note = format!(
        "- all {facts} of them: artifact {}",
        short(&sha256(whole.as_bytes()))
    );
    let taken = terse::taken(&rows, HEADING, &note, most, counter);
    Appended {
        text: with(&terse::render(HEADING, taken.into_iter(), Some(&note))),
        facts,
        whole: Some(whole),
    }
}

/// As much of an artifact's name as is shown.
#[must_use]
pub(crate) fn short(artifact: &str) -> String {
    artifact.chars().take(ARTIFACT_DIGITS).collect()
}

fn render(lines: &[String]) -> String {
    let mut text = HEADING.to_owned();
    for line in lines {
        text.push('\n');
        text.push_str(line);
    }
    text
}

/// One line for each source, and for each call.
fn groups(missing: &[&Fact]) -> Vec<String> {
    let mut lines = Vec::new();
    let plain = |name: &str, wanted: &dyn Fn(&Fact) -> bool| {
        let facts = missing.iter().filter(|fact| wanted(fact));
        let facts: Vec<String> = facts.map(|fact| shown(&fact.text)).collect();
        (!facts.is_empty()).then(|| format!("- {name}: {}", facts.join(", ")))
    };
    let words = |fact: &Fact| matches!(fact.from, Source::Words(_));
    lines.extend(plain(ASKED, &|fact| words(fact) && !fact.bulk));
    lines.extend(plain(OPEN, &|fact| matches!(fact.from, Source::Open(_))));
    lines.extend(plain(STEPS, &|fact| matches!(fact.from, Source::Step)));
    let mut calls: BTreeMap<CallId, (&Arc<Changed>, Vec<&str>)> = BTreeMap::new();
    for fact in missing {
        match &fact.from {
            Source::Argument(changed) => {
                calls.entry(changed.call).or_insert((changed, Vec::new()));
            }
            Source::Outcome(changed) => {
                let call = calls.entry(changed.call).or_insert((changed, Vec::new()));
                call.1.push(&fact.text);
            }
            Source::Words(_) | Source::Step | Source::Open(_) => {}
        }
    }
    lines.extend(
        calls
            .values()
            .map(|(changed, outcome)| line(changed, outcome)),
    );
    lines.extend(plain(BULK, &|fact| words(fact) && fact.bulk));
    lines
}

/// `- changed crm__update_order {order: 4711, status: shipped} -> ok 200`
fn line(changed: &Changed, outcome: &[&str]) -> String {
    let (verb, end) = match changed.verdict {
        Verdict::Completed => ("changed", "ok"),
        Verdict::Failed => ("tried", "failed"),
        Verdict::InDoubt | Verdict::NotStarted => ("sent", "in doubt"),
    };
    let mut line = format!("- {verb} {} {{", changed.tool);
    let mut before = "";
    for (at, (name, text)) in changed.arguments.iter().enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        line.push_str(comma);
        // The same argument is named once.
        if name != before || at == 0 {
            let _ = write!(line, "{name}: ");
        }
        before = name;
        line.push_str(&shown(text));
    }
    let _ = write!(line, "}} -> {end}");
    let outcome: Vec<String> = outcome.iter().map(|text| shown(text)).collect();
    if !outcome.is_empty() {
        let _ = write!(line, " {}", outcome.join(", "));
    }
    if let Some(artifact) = &changed.artifact {
        let _ = write!(line, " (all of it: artifact {})", short(artifact));
    }
    line
}

/// A fact as it is written, in quotes where it has spaces. Nothing is escaped: it stands there to the letter.
fn shown(text: &str) -> String {
    if text.contains(' ') {
        format!("\"{text}\"")
    } else {
        text.to_owned()
    }
}

/// Identifiers of what was read in at most `tokens_max`, by artifact, the least used left out; empty where none fits. With it the calls
/// whose results are named: those that are no artifact yet have to become one.
#[must_use]
pub(crate) fn listed(
    reach: &[Reach],
    tokens_max: u32,
    counter: &TokenCounter,
) -> (String, Vec<CallId>) {
    let mut used = counter.count(READ_HEADING);
    let mut kept: BTreeMap<CallId, Vec<&Reach>> = BTreeMap::new();
    for reach in reach {
        let new = !kept.contains_key(&reach.call);
        let head = if new {
            counter.count(&source(reach)) + 3
        } else {
            0
        };
        let tokens = counter.count(&reach.text) + 2 + head;
        if used + tokens > tokens_max {
            break;
        }
        used += tokens;
        kept.entry(reach.call).or_default().push(reach);
    }
    if kept.is_empty() {
        return (String::new(), Vec::new());
    }
    let mut text = READ_HEADING.to_owned();
    for found in kept.values() {
        let names: Vec<String> = found.iter().map(|reach| shown(&reach.text)).collect();
        let _ = write!(text, "\n- {}: {}", source(found[0]), names.join(", "));
    }
    (text, kept.into_keys().collect())
}

fn source(reach: &Reach) -> String {
    format!("{} artifact {}", reach.tool, short(&reach.artifact))
}

#[cfg(test)]
mod tests;
