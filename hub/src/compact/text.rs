//! The text that stands for covered lines, and how the room for it is divided: what must not be lost comes first, and everything
//! else takes what that leaves.
//!
//! ```text
//! room ─ what no compaction touches ─ what is kept as it is  =  what a text may take
//!        ├ facts       whatever they need, up to their bound
//!        ├ growth      left free, or the next step needs the next compaction
//!        ├ prose       list of operations, or the model's summary: at least a few lines
//!        ├ words       of the person, verbatim
//!        └ the rest    steps, errors, files, what can be read again
//! ```
//!
//! Where facts and what is kept have no room beside each other, the newest results are shortened: they are artifacts and can be read
//! again, and a fact that left the window is gone.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;
use toolpool_config::fixed::{
    FACTS_MOST_SHARE, FACTS_SHARE, GROWTH_SHARE, KEPT_CHARS_MIN, PROSE_LEAST_SHARE,
    REACHABLE_SHARE, SQUEEZES_MAX, WORDS_SHARE,
};

use super::{Ground, Range, audit, clear, digest, facts, in_use, kept, ladder, put, put_text};
use super::{reset, summarized};
use crate::agent::Agent;
use crate::budget;
use crate::error::Error;
use crate::journal::entry::{BudgetTable, Cleared, CompactionNote, Rung};
use crate::search::FIND;

/// What each part of a text may take, in tokens of the hub's own counter.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Facts up to here are told call by call.
    easy: u32,
    /// Facts beyond this are only named in an artifact.
    most: u32,
    /// Everything that is no fact.
    open: u32,
    /// Of it a list of operations.
    prose: u32,
    /// Of it the person's words.
    words: u32,
}

/// A compaction that covers all lines of the range; none where it can do nothing.
pub(super) async fn covering(
    agent: &Agent,
    ground: &Ground,
    rung: Rung,
    range: Range,
    cancel: &CancellationToken,
) -> Result<Option<CompactionNote>, Error> {
    let covered = &ground.draft.history[..ground.kept_from];
    let mut note = ground.note(rung, range, covered);
    // Where nothing new is covered there is nothing to ask a model about, and what stands there is what is too long.
    let again = covered.is_empty();
    if again && rung == Rung::Summary {
        return Ok(None);
    }
    if !ladder::is_new(&agent.folds().session, &note) {
        return Ok(None);
    }
    note.cleared = kept(agent, covered).await;
    let Some(bounds) = bounds(agent, ground, &note).await else {
        return Ok(None);
    };
    let text = match rung {
        Rung::Clear | Rung::Digest => digested(agent, &note, &bounds),
        Rung::Summary => match summarized(agent, ground, range, cancel).await? {
            Some(text) => with_words(agent, text, range.to, &bounds),
            None => return Ok(None),
        },
        Rung::Reset => {
            let written = {
                let folds = agent.folds();
                let covering = folds.session.covering().map(|made| &made.note);
                let last = covering
                    .filter(|last| last.rung == Rung::Summary && last.to == range.to && !again);
                last.map(|last| last.text.clone())
            };
            let text = written.unwrap_or_else(|| digested(agent, &note, &bounds));
            let rest = bounds.open.saturating_sub(bounds.prose);
            reset::text(agent, range.to, Some(text), rest, cancel).await?
        }
    };
    let (text, appended) = held(agent, ground, text, range.to, &bounds).await;
    (note.text, note.appended) = (text, Some(appended));
    Ok(Some(note))
}

/// Divides what is left beside everything that stays.
async fn bounds(agent: &Agent, ground: &Ground, note: &CompactionNote) -> Option<Bounds> {
    let mut bare = note.clone();
    bare.text = "-".to_owned();
    let beside = in_use(&ground.measure(agent, &bare).await.ok()?);
    let counter = agent.hub().counter();
    // The model's tokens are not the counter's: one may take a token for each digit.
    let here = ground.draft.history.iter();
    let here: u32 = here
        .map(|stored| budget::size(&stored.message, counter))
        .sum();
    let there = conversation(&ground.before);
    let scale = match there {
        0 => 1.0,
        there => (f64::from(here) / f64::from(there)).min(1.0),
    };
    let scaled = |tokens: u32| (f64::from(tokens) * scale) as u32;
    let of = |share: f64| scaled(ladder::of(ground.window, share));
    let room = scaled(ground.room.saturating_sub(beside));
    let (easy, most) = (of(FACTS_SHARE), of(FACTS_MOST_SHARE));
    let needed = {
        let folds = agent.folds();
        let required = facts::required(&folds, note.to);
        let all: Vec<_> = required.iter().collect();
        counter.count(&audit::appended("", &all, (easy, most), counter).text)
    };
    let open = room.saturating_sub(needed).saturating_sub(of(GROWTH_SHARE));
    let most_prose = of(ground.settings.digest_share);
    let prose = open.min(most_prose);
    let prose = prose.max(of(PROSE_LEAST_SHARE).min(most_prose));
    let words = open.saturating_sub(prose).min(of(WORDS_SHARE));
    Some(Bounds {
        easy: easy.min(needed.max(room.saturating_sub(of(GROWTH_SHARE)))),
        most,
        open,
        prose,
        words,
    })
}

/// Tokens of messages, as they were counted.
fn conversation(table: &BudgetTable) -> u32 {
    let parts = table.parts.iter();
    parts
        .filter(|part| matches!(part.name.as_str(), "history" | "this turn" | "results"))
        .map(|part| part.tokens)
        .sum()
}

fn digested(agent: &Agent, note: &CompactionNote, bounds: &Bounds) -> String {
    let folds = agent.folds();
    let fresh: BTreeMap<u64, &str> = note
        .cleared
        .iter()
        .map(|cleared| (cleared.seq, cleared.artifact.as_str()))
        .collect();
    let artifact = |seq: u64| {
        fresh
            .get(&seq)
            .copied()
            .or_else(|| folds.session.kept_as(seq))
    };
    let most = (bounds.prose + bounds.words, bounds.words + bounds.prose / 2);
    let text = digest::text(&folds, note.to, &artifact, most, agent.hub().counter());
    match digest::said_last(&folds, note.to) {
        Some(said) => format!("{text}\n{said}"),
        None => text,
    }
}

/// A model's summary, cut where the facts need its room, and the person's words behind it as far as there is room for them.
fn with_words(agent: &Agent, text: String, to: u64, bounds: &Bounds) -> String {
    let counter = agent.hub().counter();
    let text = digest::hard(&text, bounds.prose.max(bounds.open), counter);
    let left = bounds.open.saturating_sub(counter.count(&text));
    let words = digest::verbatim(&agent.folds(), to, left.min(bounds.words), counter);
    match words {
        Some(words) => format!("{text}\n\n{words}"),
        None => text,
    }
}

/// A text with what must not be lost: it is appended and not begged for. What was read can be read again where it is named.
async fn held(
    agent: &Agent,
    ground: &Ground,
    text: String,
    to: u64,
    bounds: &Bounds,
) -> (String, u32) {
    let counter = agent.hub().counter();
    let left = bounds.open.saturating_sub(counter.count(&text));
    let far = ladder::of(ground.window, REACHABLE_SHARE).min(left);
    let (appended, listed, results) = {
        let folds = agent.folds();
        let required = facts::required(&folds, to);
        let missing = audit::missing(&text, &required);
        let most = (bounds.easy, bounds.most);
        let appended = audit::appended(&text, &missing, most, counter);
        let (listed, calls) = audit::listed(&facts::reachable(&folds, to), far, counter);
        let calls = calls.iter().filter_map(|call| folds.workflow.call(*call));
        let results = calls.filter(|record| record.artifact.is_none());
        let results: Vec<String> = results.filter_map(|record| record.text.clone()).collect();
        (appended, listed, results)
    };
    for text in appended.whole.into_iter().chain(results) {
        put_text(agent, text).await;
    }
    match listed.is_empty() {
        true => (appended.text, appended.facts),
        false => (format!("{}\n\n{listed}", appended.text), appended.facts),
    }
}

/// Shortens results among what is kept, the longest first, until the request fits; what it takes then.
pub(super) async fn squeezed(
    agent: &Agent,
    ground: &Ground,
    note: &mut CompactionNote,
    mut after: u32,
) -> u32 {
    let mut left = clear::results(&ground.draft.history[ground.kept_from..], &agent.folds());
    // What was searched for is what the next step needs.
    left.sort_by_key(|result| {
        let found = result.name == FIND;
        (found, std::cmp::Reverse((result.characters, result.seq)))
    });
    for result in left.into_iter().take(SQUEEZES_MAX) {
        if after <= ground.room || result.characters < 2 * KEPT_CHARS_MIN {
            break;
        }
        let Some(artifact) = put(agent, &result).await else {
            continue;
        };
        let tokens = agent.hub().counter().count(&result.text).max(1);
        let per_token = (result.characters as f64 / f64::from(tokens)).min(2.0);
        // The line says where the rest is, which takes some room as well.
        let over = f64::from(after - ground.room) * per_token.max(1.0) + KEPT_CHARS_MIN as f64;
        let mut chars = result.characters.saturating_sub(over as usize);
        let before = note.cleared.len();
        loop {
            chars = chars.max(KEPT_CHARS_MIN);
            note.cleared.truncate(before);
            note.cleared.push(Cleared {
                seq: result.seq,
                line: result.shortened(&artifact, chars),
                artifact: artifact.clone(),
            });
            let Ok(table) = ground.measure(agent, note).await else {
                return after;
            };
            after = in_use(&table);
            if after <= ground.room || chars == KEPT_CHARS_MIN {
                break;
            }
            chars = chars * 2 / 3;
        }
    }
    after
}
