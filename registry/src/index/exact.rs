//! Vectors by row, scanned whole. Every tool gets its exact cosines, which is what fusion wants: its scores are relative
//! to the best and the worst of the view.

use crate::vectors::Vector;

use super::dot;

/// Rows from which a scan is shared by two threads: below it starting one costs more than it saves.
const ROWS_SHARED: usize = 8_192;

/// The vectors of a snapshot's rows, all of one model.
#[derive(Debug, Default)]
pub struct VectorIndex {
    model: String,
    rows: Vec<Option<Vector>>,
    embedded: usize,
}

impl VectorIndex {
    /// An index of `rows`, some of which may have no vector yet.
    #[must_use]
    pub fn new(model: &str, rows: Vec<Option<Vector>>) -> Self {
        let embedded = rows.iter().filter(|row| row.is_some()).count();
        VectorIndex {
            model: model.to_owned(),
            rows,
            embedded,
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

    /// For each of `rows`, what `mix` makes of its cosines with `parts`, and not a number for a row without a vector.
    pub(crate) fn score(
        &self,
        rows: &[u32],
        parts: &[&[f32]],
        mix: impl Fn(&[f32]) -> f32 + Sync,
    ) -> Vec<f32> {
        let flat: Vec<f32> = parts.concat();
        let scan = |rows: &[u32], scores: &mut [f32]| {
            let mut products = vec![0.0; parts.len()];
            for (row, score) in rows.iter().zip(scores) {
                *score = match &self.rows[*row as usize] {
                    Some(vector) => {
                        dot::products(vector, &flat, &mut products);
                        mix(&products)
                    }
                    None => f32::NAN,
                };
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
}
