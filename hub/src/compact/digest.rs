//! Old steps as a list of what was done, without a model: what the person said, and each file, command, question and call once, by what
//! last came of it.
//!
//! ```text
//! read a.rs · read a.rs · edit a.rs · run test (failed) · run test · search "x"
//!                                        ▼
//! - changed a.rs with edit_file: 1 replacement
//! - ran `cargo test` with run_command, 2 times, 1 of them failed: 14 passed
//! - found "x" with search_text: src/b.rs:3 (artifact 1a2b3c4d)
//! ```
//!
//! Pure, and made from the lines each time: the same journal gives the same bytes, and what two digests in a row would lose is not lost.
//! What has no room goes by what it is worth: reads that were used least first, doubts never.

mod operations;

use toolpool_config::fixed::{DIGEST_ANSWER_CHARS_MAX, SAID_LAST_CHARS_MAX, SAID_LAST_MAX};
use toolpool_registry::TokenCounter;

use super::line::cut;
use crate::agent::Folds;
use crate::session::Past;

use operations::operations;

/// Characters to which the words of a turn are cut at least, where there is no room for all of them.
const WORDS_CHARS_MIN: usize = 80;
const HEAD: &str = "[Summary of the conversation so far, made from its records. What is done stays done: do not begin again.]";
const LAST: &str = "You said last, in this turn:";
const SAID: &str = "The user said:";
const DONE: &str = "What was done:";

/// One line with what it is worth.
struct Row {
    text: String,
    tokens: u32,
    /// What goes first has the least.
    worth: (u8, u32, usize),
    /// What is counted where it goes.
    kind: &'static str,
}

/// The digest of all lines up to `to`, in at most `tokens_max`, of which the person's words may take `words_max`. `artifact` says where the result of a line is kept.
pub(super) fn text<'a>(
    folds: &'a Folds,
    to: u64,
    artifact: &dyn Fn(u64) -> Option<&'a str>,
    (tokens_max, words_max): (u32, u32),
    counter: &TokenCounter,
) -> String {
    let past = folds.session.past(to);
    let mut rows = said(&past, words_max, counter);
    let words = rows.len();
    let done = operations(folds, &past, artifact);
    rows.extend(done.iter().enumerate().map(|(at, operation)| {
        let text = operation.line();
        Row {
            tokens: counter.count(&text) + 1,
            worth: operation.worth(at),
            kind: operation.plural(),
            text,
        }
    }));
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|at| rows[*at].worth);
    let (mut gone, mut left) = (vec![false; rows.len()], order.into_iter());
    loop {
        let out = render(&rows, &gone, words);
        let over = counter.count(&out).saturating_sub(tokens_max);
        if over == 0 {
            return out;
        }
        // The guess is by lines and the check by the whole, so that a few rounds suffice.
        let mut freed = 0;
        while freed < over {
            let Some(at) = left.next() else {
                return hard(&out, tokens_max, counter);
            };
            gone[at] = true;
            freed += rows[at].tokens;
        }
    }
}

fn render(rows: &[Row], gone: &[bool], words: usize) -> String {
    let mut out = vec![HEAD.to_owned()];
    let mut section = |title: &str, from: usize, to: usize| {
        let kept = (from..to).filter(|at| !gone[*at]);
        let lines: Vec<&str> = kept.map(|at| rows[at].text.as_str()).collect();
        let mut counted: Vec<(&str, usize)> = Vec::new();
        for at in (from..to).filter(|at| gone[*at]) {
            match counted.iter_mut().find(|(kind, _)| *kind == rows[at].kind) {
                Some((_, times)) => *times += 1,
                None => counted.push((rows[at].kind, 1)),
            }
        }
        if lines.is_empty() && counted.is_empty() {
            return;
        }
        out.push(title.to_owned());
        if !counted.is_empty() {
            let counted: Vec<String> = counted
                .iter()
                .map(|(kind, times)| format!("{times} {kind}"))
                .collect();
            out.push(format!("- [left out: {}]", counted.join(", ")));
        }
        out.extend(lines.into_iter().map(str::to_owned));
    };
    section(SAID, 0, words);
    section(DONE, words, rows.len());
    out.join("\n")
}

/// The person's words turn by turn, verbatim as far as there is room, and how each ended.
fn said(past: &[Past<'_>], tokens_max: u32, counter: &TokenCounter) -> Vec<Row> {
    let whole: Vec<&Past<'_>> = past.iter().filter(|past| past.whole).collect();
    let mut chars_max = whole
        .iter()
        .map(|past| past.words.chars().count())
        .max()
        .unwrap_or(0);
    let cost = |chars_max: usize| -> u32 {
        let lines = whole
            .iter()
            .map(|past| counter.count(&words(past.words, chars_max)) + 4);
        lines.fold(0, u32::saturating_add)
    };
    while chars_max > WORDS_CHARS_MIN && cost(chars_max) > tokens_max {
        chars_max = (chars_max * 2 / 3).max(WORDS_CHARS_MIN);
    }
    let last = whole.len().saturating_sub(1);
    let mut rows = Vec::new();
    for (at, past) in whole.iter().enumerate() {
        // The first words are the task and the last ones what it has become.
        let worth = if at == 0 || at == last { 8 } else { 4 };
        let mut row = |text: String, worth: u8, kind| {
            rows.push(Row {
                tokens: counter.count(&text) + 1,
                worth: (worth, 0, at),
                kind,
                text,
            });
        };
        row(
            format!("- {}", words(past.words, chars_max)),
            worth,
            "requests of the user",
        );
        if let Some(answer) = past.answer {
            let answer = cut(answer, DIGEST_ANSWER_CHARS_MAX);
            row(format!("  answered: {answer}"), 2, "answers");
        }
    }
    rows
}

/// Words as they were said, or their beginning and end.
fn words(text: &str, chars_max: usize) -> String {
    let text = text.trim();
    let chars = text.chars().count();
    if chars <= chars_max {
        return text.to_owned();
    }
    let head: String = text.chars().take(chars_max * 2 / 3).collect();
    let tail: String = text.chars().skip(chars - chars_max / 3).collect();
    let between = chars - chars_max * 2 / 3 - chars_max / 3;
    format!("{head} [{between} characters left out] {tail}")
}

/// The person's words turn by turn, as they were said, in at most `tokens_max`: the first turns before later ones, since those said what
/// it is all for. None where no turn has room.
pub(super) fn verbatim(
    folds: &Folds,
    to: u64,
    tokens_max: u32,
    counter: &TokenCounter,
) -> Option<String> {
    let mut out = SAID.to_owned();
    let mut used = counter.count(SAID);
    let none = used;
    for past in folds.session.past(to).iter().filter(|past| past.whole) {
        let line = format!("\n- {}", past.words.trim());
        let tokens = counter.count(&line);
        if used + tokens <= tokens_max {
            used += tokens;
            out.push_str(&line);
        }
    }
    (used > none).then_some(out)
}

/// What the model said last in a turn that goes on: where it was, in its own words. None where it said nothing.
pub(super) fn said_last(folds: &Folds, to: u64) -> Option<String> {
    let past = folds.session.past(to);
    let open = past.last().filter(|past| !past.whole)?.turn;
    let said = folds.session.all_said();
    let said =
        said.filter(|(turn, seq, text)| *turn == open && *seq <= to && !text.trim().is_empty());
    let mut texts: Vec<String> = said
        .map(|(.., text)| cut(text, SAID_LAST_CHARS_MAX))
        .collect();
    texts.dedup();
    let first = texts.len().saturating_sub(SAID_LAST_MAX);
    let texts = &texts[first..];
    (!texts.is_empty()).then(|| format!("{LAST} {}", texts.join(" · ")))
}

/// Where not even the doubts have room: the beginning.
pub(super) fn hard(text: &str, tokens_max: u32, counter: &TokenCounter) -> String {
    let mut text = text.to_owned();
    while counter.count(&text) > tokens_max && !text.is_empty() {
        let chars = text.chars().count() * 3 / 4;
        text = text.chars().take(chars).collect();
    }
    text
}
