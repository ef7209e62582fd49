//! The pool: the few tools that a model is offered for a request, chosen within an allowance of tokens that is never
//! exceeded.
//!
//! ```text
//! bridge ─► pinned ─► in use ─► ranked, greedily: what does not fit is skipped, what a chosen tool of another server does already is folded
//!           full where that leaves room for those behind them, else slim     the best few full, the next slim
//! ```
//!
//! A slim definition of one more tool is worth more than a full one of a tool that is in already, so the full ones among the ranked
//! take at most half of what the ranked may cost at first; what is left over at the end makes the best of the slim ones full.
//! Tried and left: choosing by value per token, which helps only above 1,500 tokens, and stopping at the first misfit, which
//! always loses.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use toolpool_config::PoolSettings;

use crate::rank::{Ranker, Ranking};
use crate::reason::Reason;
use crate::snapshot::Snapshot;
use crate::tool::{Rendering, Row, ToolId};
use crate::view::View;

mod explain;
mod twin;

pub use explain::Line;

/// What a pool may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Allowance {
    /// Tokens of all definitions together.
    pub tokens: u32,
    /// Tools, the bridge among them.
    pub tools_max: usize,
    /// How many of the ranked are offered in full.
    pub full_max: usize,
}

/// What comes before ranking.
#[derive(Clone, Copy, Debug, Default)]
pub struct Want<'a> {
    /// Exposed names, first ones first; one that the caller can't see is passed over.
    pub pinned: &'a [String],
    /// Tools called a short while ago, latest first.
    pub in_use: &'a [ToolId],
    /// The hub's own tools that reach all others. They come together or, where they do not fit, not at all.
    pub bridge: &'a [Rendering],
}

/// Which rendering a tool is offered in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// The whole definition.
    Full,
    /// One sentence and the shape of its arguments.
    Slim,
}

/// A tool in the pool.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Offered {
    /// Its row in the pool's snapshot.
    #[serde(skip)]
    pub row: Row,
    /// Who offers it.
    pub id: ToolId,
    /// The name in its definition.
    pub exposed: Arc<str>,
    /// Which rendering.
    pub shape: Shape,
    /// What that costs.
    pub tokens: u32,
    /// Why it is in.
    pub reason: Reason,
    /// The ranking's score, where it was ranked.
    pub score: Option<f32>,
}

/// A visible tool that is not in the pool. Its names are in the snapshot: there can be a hundred thousand of these.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftOut {
    /// Its row in the pool's snapshot.
    pub row: Row,
    /// Why it is out.
    pub reason: Reason,
    /// The ranking's score, where it was ranked.
    pub score: Option<f32>,
    /// What its cheapest rendering would have cost.
    pub tokens: u32,
}

/// What a request's model is offered, and what it is not, each with the reason. Every tool of the view is in exactly one of
/// the two lists.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// The snapshot whose rows these are.
    pub snapshot: u64,
    /// What ranked.
    pub ranker: Ranker,
    /// The tools, in the order they are put before the model.
    pub offered: Vec<Offered>,
    /// The others: those that were ranked first, best first, then by row.
    pub left_out: Vec<LeftOut>,
    /// How many of the hub's own tools are in.
    pub bridge_tools: usize,
    /// What those cost.
    pub bridge_tokens: u32,
    /// What everything that is in costs; never above the allowance.
    pub tokens: u32,
    /// What it was allowed to.
    pub allowance: Allowance,
    /// What all tools of the view would cost in full.
    pub all_tokens: u64,
}

/// Chooses the pool for a ranking of `view`. The same inputs give the same pool.
///
/// # Panics
/// When `view` or `ranking` are of another snapshot with more tools.
#[must_use]
pub fn assemble(
    snapshot: &Snapshot,
    view: &View,
    ranking: &Ranking,
    allowance: Allowance,
    want: Want<'_>,
    settings: &PoolSettings,
) -> Pool {
    let scores: HashMap<Row, f32> = ranking
        .scores
        .iter()
        .map(|score| (score.row, score.total))
        .collect();
    let mut choice = Choice::new(snapshot, allowance, want.bridge);
    let (bridge_tools, bridge_tokens) = (choice.count, choice.tokens);
    let asked = asked_for(snapshot, view, want);
    choice.take_asked(&asked);
    choice.take_ranked(view, ranking, settings.duplicate_cosine);
    choice.fill_up();
    choice.leave_rest(view);

    let offered = choice.taken.iter().map(|taken| {
        let tool = &snapshot.tools()[taken.row];
        Offered {
            row: taken.row,
            id: tool.id.clone(),
            exposed: Arc::clone(&tool.exposed),
            shape: taken.shape,
            tokens: taken.cost(snapshot),
            reason: taken.reason.clone(),
            score: scores.get(&taken.row).copied(),
        }
    });
    let left_out = choice.out.iter().map(|(row, reason)| LeftOut {
        row: *row,
        reason: reason.clone(),
        score: scores.get(row).copied(),
        tokens: snapshot.costs(*row).least(),
    });
    let mut left_out: Vec<LeftOut> = left_out.collect();
    // Unscored ones last; the sort keeps rows in order.
    left_out.sort_by(|a, b| match (a.score, b.score) {
        (Some(a), Some(b)) => b.total_cmp(&a),
        (a, b) => Reverse(a.is_some()).cmp(&Reverse(b.is_some())),
    });
    Pool {
        snapshot: snapshot.no(),
        ranker: ranking.ranker.clone(),
        offered: offered.collect(),
        left_out,
        bridge_tools,
        bridge_tokens,
        tokens: choice.tokens,
        allowance,
        all_tokens: view
            .rows()
            .map(|row| u64::from(snapshot.costs(row).full))
            .sum(),
    }
}

/// The rows that come before ranking, each once.
fn asked_for(snapshot: &Snapshot, view: &View, want: Want<'_>) -> Vec<(Row, Reason)> {
    let pinned = want
        .pinned
        .iter()
        .filter_map(|name| snapshot.by_exposed(name))
        .map(|row| (row, Reason::Pinned));
    let in_use = want
        .in_use
        .iter()
        .filter_map(|id| snapshot.by_id(id))
        .map(|row| (row, Reason::InUse));
    let mut asked: Vec<(Row, Reason)> = Vec::new();
    for (row, reason) in pinned.chain(in_use) {
        if view.sees(row) && !asked.iter().any(|(other, _)| *other == row) {
            asked.push((row, reason));
        }
    }
    asked
}

/// A pool in the making.
struct Choice<'a> {
    snapshot: &'a Snapshot,
    allowance: Allowance,
    tokens: u32,
    count: usize,
    taken: Vec<Taken>,
    /// Decided: in or out.
    done: Vec<bool>,
    out: Vec<(Row, Reason)>,
}

struct Taken {
    row: Row,
    shape: Shape,
    reason: Reason,
}

impl Taken {
    fn cost(&self, snapshot: &Snapshot) -> u32 {
        match self.shape {
            Shape::Full => snapshot.costs(self.row).full,
            Shape::Slim => snapshot.costs(self.row).slim,
        }
    }
}

impl<'a> Choice<'a> {
    fn new(snapshot: &'a Snapshot, allowance: Allowance, bridge: &[Rendering]) -> Choice<'a> {
        let cost = bridge
            .iter()
            .fold(0u32, |sum, rendering| sum.saturating_add(rendering.tokens));
        let fits = cost <= allowance.tokens && bridge.len() <= allowance.tools_max;
        Choice {
            snapshot,
            allowance,
            tokens: if fits { cost } else { 0 },
            count: if fits { bridge.len() } else { 0 },
            taken: Vec::new(),
            done: vec![false; snapshot.tools().len()],
            out: Vec::new(),
        }
    }

    fn left(&self) -> u32 {
        self.allowance.tokens - self.tokens
    }

    /// Pinned and used tools are full as long as that costs none behind them its place.
    fn take_asked(&mut self, asked: &[(Row, Reason)]) {
        let mut behind: u32 = asked.iter().fold(0u32, |sum, (row, _)| {
            sum.saturating_add(self.snapshot.costs(*row).least())
        });
        for (row, reason) in asked {
            let costs = self.snapshot.costs(*row);
            behind = behind.saturating_sub(costs.least());
            let full = u64::from(costs.full) + u64::from(behind) <= u64::from(self.left())
                || costs.full <= costs.slim;
            self.take(
                *row,
                if full { Shape::Full } else { Shape::Slim },
                reason.clone(),
            );
        }
    }

    fn take_ranked(&mut self, view: &View, ranking: &Ranking, duplicate_cosine: f64) {
        let full_tokens = self.left() / 2;
        let all_fit = self.all_fit(view);
        let (mut full_count, mut full_spent) = (0, 0u32);
        for (place, score) in ranking.scores.iter().enumerate() {
            let row = score.row;
            if !view.sees(row) || self.done[row] {
                continue;
            }
            if !all_fit && score.meaning.is_none() && score.words <= 0.0 {
                self.leave(row, Reason::Unrelated);
                continue;
            }
            let costs = self.snapshot.costs(row);
            // Only what could come in is compared: comparing costs more than anything else here.
            if self.count < self.allowance.tools_max
                && costs.least() <= self.left()
                && let Some(of) = twin::among(
                    self.snapshot,
                    self.taken.iter().map(|taken| taken.row),
                    row,
                    duplicate_cosine,
                )
            {
                let of = Arc::clone(&self.snapshot.tools()[of].exposed);
                self.leave(row, Reason::Duplicate { of });
                continue;
            }
            let full = full_count < self.allowance.full_max
                && costs.full <= self.left()
                && full_spent.saturating_add(costs.full) <= full_tokens;
            let shape = if full || costs.full <= costs.slim {
                Shape::Full
            } else {
                Shape::Slim
            };
            if self.take(row, shape, Reason::Ranked { rank: place + 1 }) && full {
                full_count += 1;
                full_spent = full_spent.saturating_add(costs.full);
            }
        }
    }

    /// Whether all that is in view and undecided would fit: then nothing need be held against a tool of a small catalog
    /// that shares no word with the request.
    fn all_fit(&self, view: &View) -> bool {
        let rows = || view.rows().filter(|row| !self.done[*row]);
        view.len() <= self.allowance.tools_max
            && rows().count() <= self.allowance.tools_max - self.count
            && rows()
                .map(|row| u64::from(self.snapshot.costs(row).least()))
                .sum::<u64>()
                <= u64::from(self.left())
    }

    /// Makes the best of the slim ones full with what is left over.
    fn fill_up(&mut self) {
        let mut full = 0;
        for at in 0..self.taken.len() {
            let taken = &self.taken[at];
            if !matches!(taken.reason, Reason::Ranked { .. }) {
                continue;
            }
            if full == self.allowance.full_max {
                return;
            }
            full += 1;
            let costs = self.snapshot.costs(taken.row);
            let more = costs.full.saturating_sub(costs.slim);
            if taken.shape == Shape::Slim && more <= self.left() {
                self.tokens += more;
                self.taken[at].shape = Shape::Full;
            }
        }
    }

    /// Takes `row` in, or leaves it out with the reason; true when it is in.
    fn take(&mut self, row: Row, shape: Shape, reason: Reason) -> bool {
        let taken = Taken { row, shape, reason };
        let needed = taken.cost(self.snapshot);
        if self.count >= self.allowance.tools_max {
            let max = self.allowance.tools_max;
            self.leave(row, Reason::OverCount { max });
            return false;
        }
        if needed > self.left() {
            let left = self.left();
            self.leave(row, Reason::OverTokens { needed, left });
            return false;
        }
        self.tokens += needed;
        self.count += 1;
        self.done[row] = true;
        self.taken.push(taken);
        true
    }

    fn leave(&mut self, row: Row, reason: Reason) {
        self.done[row] = true;
        self.out.push((row, reason));
    }

    fn leave_rest(&mut self, view: &View) {
        for row in view.rows() {
            if !self.done[row] {
                self.leave(row, Reason::Unranked);
            }
        }
    }
}

#[cfg(test)]
mod tests;
