//! A request that says little by itself ("and the other one?") is ranked together with the one before it: scores are mixed,
//! never texts, since a text of two requests is near to neither.

use std::collections::BTreeMap;

use super::{Ranking, Score};
use crate::tool::Row;

impl Ranking {
    /// This ranking and `before`, of the same snapshot and view, half and half. A tool that one of them does not name
    /// counts with the least score that it names.
    #[must_use]
    pub fn mixed(self, before: &Ranking) -> Ranking {
        let least = |ranking: &Ranking| ranking.scores.last().map_or(0.0, |score| score.total);
        let (here, there) = (least(&self), least(before));
        let mut both: BTreeMap<Row, (Score, Option<f32>)> = self
            .scores
            .iter()
            .map(|score| (score.row, (*score, None)))
            .collect();
        for score in &before.scores {
            both.entry(score.row)
                .or_insert((
                    Score {
                        total: here,
                        ..*score
                    },
                    None,
                ))
                .1 = Some(score.total);
        }
        let mut scores: Vec<Score> = both
            .into_values()
            .map(|(score, other)| Score {
                total: (score.total + other.unwrap_or(there)) / 2.0,
                ..score
            })
            .collect();
        scores.sort_by(|a, b| b.total.total_cmp(&a.total).then(a.row.cmp(&b.row)));
        scores.truncate(self.scores.len().max(before.scores.len()));
        Ranking { scores, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rank::Ranker;

    fn ranking(scores: &[(Row, f32)]) -> Ranking {
        let score = |(row, total): &(Row, f32)| Score {
            row: *row,
            total: *total,
            meaning: None,
            words: 0.0,
            boost: 0.0,
        };
        Ranking {
            scores: scores.iter().map(score).collect(),
            ranked: 9,
            ranker: Ranker::Words,
        }
    }

    #[test]
    fn what_both_know_comes_first() {
        let mixed = ranking(&[(1, 4.0), (2, 3.0), (3, 0.0)]).mixed(&ranking(&[
            (2, 4.0),
            (5, 3.0),
            (6, 1.0),
        ]));
        let order: Vec<(Row, f32)> = mixed
            .scores
            .iter()
            .map(|score| (score.row, score.total))
            .collect();
        assert_eq!(order, [(2, 3.5), (1, 2.5), (5, 1.5)]);
    }
}
