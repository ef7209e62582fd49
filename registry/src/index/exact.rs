//! Vectors by row. Scanned whole up to the size where a graph is the faster one: every tool gets its exact cosines, which is
//! what fusion wants, since its scores are relative to the best and the worst of the view. Above it a [`Graph`] proposes
//! which rows to score.

use super::codes::{Codes, Parts};
use super::dot;
use super::graph::Graph;
use crate::document::DocumentHash;
use crate::vectors::Vector;

/// Rows from which a scan reads codes: the vectors of fewer stay in the processor's caches.
const CODED_FROM: usize = 2_048;

/// Rows from which a scan is shared by two threads: below it starting one costs more than it saves.
const ROWS_SHARED: usize = 32_768;

/// The vectors of a snapshot's rows, all of one model.
#[derive(Debug, Default)]
pub struct VectorIndex {
    model: String,
    rows: Vec<Option<Vector>>,
    embedded: usize,
    codes: Option<Codes>,
    graph: Option<Graph>,
}

impl VectorIndex {
    /// An index of `rows`, some of which may have no vector yet. From `graph_from` vectors on it has a graph, which reuses that of
    /// `previous`: inserting a vector takes about a millisecond, so a catalog of that size should come in rounds.
    #[must_use]
    pub(super) fn new(
        model: &str,
        rows: Vec<(DocumentHash, Option<Vector>)>,
        graph_from: usize,
        previous: Option<&VectorIndex>,
    ) -> Self {
        let embedded = rows.iter().filter(|(_, vector)| vector.is_some()).count();
        let previous = previous.filter(|previous| previous.model == model);
        let graph = (embedded >= graph_from)
            .then(|| Graph::build(&rows, previous.and_then(|previous| previous.graph.as_ref())));
        VectorIndex {
            model: model.to_owned(),
            codes: (rows.len() >= CODED_FROM).then(|| Codes::of(&rows)),
            rows: rows.into_iter().map(|(_, vector)| vector).collect(),
            embedded,
            graph,
        }
    }

    /// The model that made the vectors.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// How many rows have a vector.
    #[must_use]
    pub fn embedded(&self) -> usize {
        self.embedded
    }

    /// The vector of a row.
    #[must_use]
    pub fn vector(&self, row: usize) -> Option<&Vector> {
        self.rows.get(row)?.as_ref()
    }

    /// Whether there is a graph to narrow a search with.
    pub(crate) fn has_graph(&self) -> bool {
        self.graph.is_some()
    }

    /// Rows that the graph proposes for each of `parts`, `count` of each, unsorted; none without a graph.
    pub(crate) fn nearest(
        &self,
        parts: &[&[f32]],
        count: usize,
        sees: &(dyn Fn(u32) -> bool + Sync),
    ) -> Vec<u32> {
        let Some(graph) = &self.graph else {
            return Vec::new();
        };
        let search = |parts: &[&[f32]]| -> Vec<u32> {
            parts
                .iter()
                .flat_map(|part| graph.nearest(part, count, sees))
                .collect()
        };
        let (left, right) = parts.split_at(parts.len().div_ceil(2));
        if right.is_empty() {
            return search(left);
        }
        std::thread::scope(|scope| {
            let other = scope.spawn(|| search(right));
            let mut rows = search(left);
            rows.extend(
                other
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            );
            rows
        })
    }

    /// Whether [`VectorIndex::score`] gives exact scores.
    pub(crate) fn is_exact(&self) -> bool {
        self.codes.is_none()
    }

    /// For each of `rows`, what `mix` makes of its cosines with `parts`, and not a number for a row without a vector. Of a large
    /// catalog the cosines are within a thousandth.
    pub(crate) fn score(
        &self,
        rows: &[u32],
        parts: &[&[f32]],
        mix: impl Fn(&[f32]) -> f32 + Sync,
    ) -> Vec<f32> {
        let Some(codes) = &self.codes else {
            return self.score_exactly(rows, parts, mix);
        };
        let coded = Parts::of(parts);
        let scan = |rows: &[u32], scores: &mut [f32]| {
            let mut products = vec![0.0; parts.len()];
            for (row, score) in rows.iter().zip(scores) {
                codes.products(*row as usize, &coded, &mut products);
                *score = mix(&products);
            }
        };
        let mut scores = vec![0.0; rows.len()];
        if rows.len() < ROWS_SHARED {
            scan(rows, &mut scores);
            return scores;
        }
        let (left, right) = scores.split_at_mut(rows.len() / 2);
        let (left_rows, right_rows) = rows.split_at(left.len());
        std::thread::scope(|scope| {
            scope.spawn(|| scan(right_rows, right));
            scan(left_rows, left);
        });
        scores
    }

    /// The same, exactly.
    pub(crate) fn score_exactly(
        &self,
        rows: &[u32],
        parts: &[&[f32]],
        mix: impl Fn(&[f32]) -> f32,
    ) -> Vec<f32> {
        let flat: Vec<f32> = parts.concat();
        let mut products = vec![0.0; parts.len()];
        let mut one = |row: &u32| match &self.rows[*row as usize] {
            Some(vector) => {
                dot::products(vector, &flat, &mut products);
                mix(&products)
            }
            None => f32::NAN,
        };
        rows.iter().map(&mut one).collect()
    }
}
