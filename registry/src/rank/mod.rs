//! Ranks the tools of a view for a request. Only rows of the view are scored, and every scale below is that of the view,
//! so that what a caller may not see cannot shape what it sees.
//!
//! ```text
//! words    BM25 of each part over its own best ─┐ half whole, half best clause ─► 0..1 ─┐
//!                                               │                                       ├─ weighted ─► z-scores ─► + server's best
//! meaning  cosine of each part ─────────────────┘ half whole, half best clause ─► 0..1 ─┘
//! ```

mod fuse;
mod mix;
mod narrow;

use std::fmt;

use serde::Serialize;
use toolpool_config::{Limits, PoolSettings};

use crate::index::SearchIndex;
use crate::query::Query;
use crate::snapshot::Snapshot;
use crate::tool::Row;
use crate::view::View;

/// What made a ranking; said wherever a figure of it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ranker {
    /// Meaning and words.
    Hybrid {
        /// The encoder.
        model: String,
    },
    /// Words alone: there is no encoder, or no tool has its vector yet.
    Words,
}

impl fmt::Display for Ranker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ranker::Hybrid { model } => write!(f, "hybrid ({model} and words)"),
            Ranker::Words => f.write_str("words only"),
        }
    }
}

/// How well a tool answers a request, and why.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    /// The tool.
    pub row: Row,
    /// What tools are ordered by: standard deviations above the view's mean, with the boost.
    pub total: f32,
    /// Closeness in meaning, 0 for the view's least and 1 for its best; none for a tool that is not embedded yet.
    pub meaning: Option<f32>,
    /// Shared words, from 0 to 1 for the view's best.
    pub words: f32,
    /// What of `total` comes from the server's best tools.
    pub boost: f32,
}

/// The best tools of a view for a request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ranking {
    /// Best first. Equal scores stand in the order of rows. Not more than the limit; the others are worse.
    pub scores: Vec<Score>,
    /// How many tools were ranked in all.
    pub ranked: usize,
    /// What ranked them.
    pub ranker: Ranker,
}

/// Ranks the tools of `view` for `query`. A view of another snapshot ranks nothing: its rows mean other tools.
#[must_use]
pub fn rank(
    snapshot: &Snapshot,
    view: &View,
    query: &Query,
    settings: &PoolSettings,
    limits: &Limits,
) -> Ranking {
    let visible = if view.snapshot() == snapshot.no() {
        view.visible()
    } else {
        &[]
    };
    rank_rows(snapshot.search(), visible, query, settings, limits)
}

/// Ranks the rows `visible`, ascending, of `index`.
pub(crate) fn rank_rows(
    index: &SearchIndex,
    visible: &[u32],
    query: &Query,
    settings: &PoolSettings,
    limits: &Limits,
) -> Ranking {
    let ranked = visible.len();
    let mut words = fuse::words(index, visible, query, settings);
    let narrowed = narrow::narrow(index, visible, query, &words, limits);
    let (visible, sample) = match &narrowed {
        Some(narrowed) => {
            words = narrowed.places.iter().map(|place| words[*place]).collect();
            (&*narrowed.rows, Some(&*narrowed.sample))
        }
        None => (visible, None),
    };
    let meaning = fuse::Meaning::of(index, visible, query, settings);
    let ranker = match (&meaning, &query.model) {
        (Some(_), Some(model)) => Ranker::Hybrid {
            model: model.clone(),
        },
        _ => Ranker::Words,
    };
    let weight = settings.words_weight as f32;
    let mut totals: Vec<f32> = match &meaning {
        None => words.clone(),
        Some(meaning) => {
            let one = |(words, meaning): (&f32, &f32)| match meaning.is_nan() {
                true => *words,
                false => weight * words + (1.0 - weight) * meaning,
            };
            words.iter().zip(&meaning.scores).map(one).collect()
        }
    };
    let over = fuse::standardise(&mut totals, sample);
    let boosts = fuse::boosts(
        &totals,
        visible,
        &index.servers,
        settings.server_boost as f32,
    );
    totals
        .iter_mut()
        .zip(&boosts)
        .for_each(|(total, boost)| *total += boost);
    let mut scores: Vec<Score> = best(&totals, limits.search_candidates)
        .into_iter()
        .map(|at| Score {
            row: visible[at] as Row,
            total: totals[at],
            meaning: meaning
                .as_ref()
                .map(|meaning| meaning.scores[at])
                .filter(|meaning| !meaning.is_nan()),
            words: words[at],
            boost: boosts[at],
        })
        .collect();
    if let Some(meaning) = meaning.filter(|_| !index.vectors.is_exact()) {
        let rows: Vec<u32> = scores.iter().map(|score| score.row as u32).collect();
        for (score, exact) in scores.iter_mut().zip(meaning.exactly(index, &rows)) {
            if let Some(near) = &mut score.meaning {
                score.total += (1.0 - weight) * (exact - *near) * over;
                *near = exact;
            }
        }
    }
    scores.sort_unstable_by(|a, b| b.total.total_cmp(&a.total).then(a.row.cmp(&b.row)));
    Ranking {
        scores,
        ranked,
        ranker,
    }
}

/// The places of the best `count` of `totals`, in no order; of equal ones the first.
fn best(totals: &[f32], count: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..totals.len()).collect();
    if places.len() > count && count > 0 {
        places.select_nth_unstable_by(count - 1, |a, b| {
            totals[*b].total_cmp(&totals[*a]).then(a.cmp(b))
        });
        places.truncate(count);
    }
    places
}

#[cfg(test)]
mod tests;
