//! The arithmetic of a ranking, step by step over the rows of a view. All slices here are parallel to `visible`.

use toolpool_config::PoolSettings;

use crate::index::SearchIndex;
use crate::lexical::terms::Term;
use crate::query::Query;

/// Tools of a server that speak for it.
const BEST_OF_SERVER: usize = 3;

/// Shared words of each row, from 0 to 1. Each part is scaled by its own best first, because the sums of BM25 grow with
/// the length of the text.
pub(super) fn words(
    index: &SearchIndex,
    visible: &[u32],
    query: &Query,
    settings: &PoolSettings,
) -> Vec<f32> {
    let count = index.words.len();
    let seen = Mask::of(visible, count);
    let (mut scores, mut touched) = (vec![0.0; count], Vec::new());
    // Only rows that share a term are looked at, so that a part costs its postings and not the catalog.
    let mut part = |terms: &[Term], best_of: &mut [f32]| {
        index.words.score(terms, &mut scores, &mut touched);
        let best = touched
            .iter()
            .filter(|row| seen.has(**row))
            .map(|row| scores[*row as usize])
            .fold(0.0, f32::max);
        for row in touched.drain(..) {
            let score = std::mem::take(&mut scores[row as usize]);
            if best > 0.0 {
                let known = &mut best_of[row as usize];
                *known = known.max(score / best);
            }
        }
    };
    let mut whole = vec![0.0; count];
    part(&query.parts[0].terms, &mut whole);
    if query.parts.len() > 1 {
        let mut clauses = vec![0.0; count];
        for clause in &query.parts[1..] {
            part(&clause.terms, &mut clauses);
        }
        let weight = settings.clause_weight as f32;
        let mix = |(whole, clause): (&mut f32, f32)| {
            *whole = (1.0 - weight) * *whole + weight * clause;
        };
        whole.iter_mut().zip(clauses).for_each(mix);
    }
    scaled(visible.iter().map(|row| whole[*row as usize]).collect())
}

/// Which rows are visible.
enum Mask {
    All,
    Some(Vec<bool>),
}

impl Mask {
    fn of(visible: &[u32], count: usize) -> Mask {
        if visible.len() == count {
            return Mask::All;
        }
        let mut mask = vec![false; count];
        visible.iter().for_each(|row| mask[*row as usize] = true);
        Mask::Some(mask)
    }

    fn has(&self, row: u32) -> bool {
        match self {
            Mask::All => true,
            Mask::Some(mask) => mask[row as usize],
        }
    }
}

/// Closeness in meaning of each row, from 0 to 1.
pub(super) struct Meaning<'a> {
    parts: Vec<&'a [f32]>,
    clause_weight: f32,
    least: f32,
    over: f32,
    /// By place in the view; not a number where a row has no vector.
    pub(super) scores: Vec<f32>,
}

impl<'a> Meaning<'a> {
    /// None when request or catalog have no vectors, or those of different models.
    pub(super) fn of(
        index: &SearchIndex,
        visible: &[u32],
        query: &'a Query,
        settings: &PoolSettings,
    ) -> Option<Meaning<'a>> {
        if query.model.as_deref() != Some(index.vectors.model()) || index.vectors.embedded() == 0 {
            return None;
        }
        let parts: Vec<&[f32]> = query.parts.iter().map(|part| &*part.vector).collect();
        let clause_weight = settings.clause_weight as f32;
        let mut scores = index
            .vectors
            .score(visible, &parts, |cosines| mixed(cosines, clause_weight));
        let (least, over) = scale(&scores);
        scores
            .iter_mut()
            .for_each(|score| *score = (*score - least) * over);
        Some(Meaning {
            parts,
            clause_weight,
            least,
            over,
            scores,
        })
    }

    /// The exact scores of a few rows, on the same scale.
    pub(super) fn exactly(&self, index: &SearchIndex, rows: &[u32]) -> Vec<f32> {
        let mix = |cosines: &[f32]| (mixed(cosines, self.clause_weight) - self.least) * self.over;
        index.vectors.score_exactly(rows, &self.parts, mix)
    }
}

/// The whole with its best clause.
fn mixed(cosines: &[f32], clause_weight: f32) -> f32 {
    match cosines {
        [] => 0.0,
        [whole] => *whole,
        [whole, clauses @ ..] => {
            let best = clauses.iter().copied().fold(f32::MIN, f32::max);
            // `max` passes over what is not a number; the whole does not.
            (1.0 - clause_weight) * whole + clause_weight * best
        }
    }
}

/// The least of `scores` and what stretches their span to 1; what is not a number is passed over.
fn scale(scores: &[f32]) -> (f32, f32) {
    let least = scores.iter().copied().fold(f32::INFINITY, f32::min);
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let span = most - least;
    (least, if span > 0.0 { 1.0 / span } else { 0.0 })
}

/// Stretched so that the least is 0 and the most 1; all 0 where they are equal. What is not a number stays so.
fn scaled(mut scores: Vec<f32>) -> Vec<f32> {
    let (least, over) = scale(&scores);
    scores
        .iter_mut()
        .for_each(|score| *score = (*score - least) * over);
    scores
}

/// Turns `scores` into standard deviations from the mean, both of the scores at `sample`, or of all without one, and gives what
/// a difference of scores is multiplied with.
pub(super) fn standardise(scores: &mut [f32], sample: Option<&[usize]>) -> f32 {
    let taken: Vec<f32> = sample.map_or_else(Vec::new, |sample| {
        sample.iter().map(|at| scores[*at]).collect()
    });
    let taken = if sample.is_some() { &taken } else { &*scores };
    let count = taken.len().max(1) as f64;
    let mean = taken.iter().map(|score| f64::from(*score)).sum::<f64>() / count;
    let variance = taken
        .iter()
        .map(|score| (f64::from(*score) - mean).powi(2))
        .sum::<f64>()
        / count;
    let over = if variance > 0.0 {
        1.0 / variance.sqrt()
    } else {
        0.0
    };
    scores
        .iter_mut()
        .for_each(|score| *score = ((f64::from(*score) - mean) * over) as f32);
    over as f32
}

/// What each row gains by its server: `weight` times the mean of the server's best scores. Servers are evidence, not a gate.
pub(super) fn boosts(scores: &[f32], visible: &[u32], servers: &[u32], weight: f32) -> Vec<f32> {
    let mut boosts = Vec::with_capacity(scores.len());
    let server = |at: usize| servers[visible[at] as usize];
    while boosts.len() < scores.len() {
        let from = boosts.len();
        let to = (from..scores.len())
            .find(|&at| server(at) != server(from))
            .unwrap_or(scores.len());
        let mut best = [f32::NEG_INFINITY; BEST_OF_SERVER];
        for &score in &scores[from..to] {
            if let Some(at) = best.iter().position(|&known| score > known) {
                best[at..].rotate_right(1);
                best[at] = score;
            }
        }
        let known = &best[..BEST_OF_SERVER.min(to - from)];
        let boost = weight * known.iter().sum::<f32>() / known.len() as f32;
        boosts.resize(to, boost);
    }
    boosts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales() {
        assert_eq!(scaled(vec![2.0, 4.0, 3.0]), [0.0, 1.0, 0.5]);
        assert_eq!(scaled(vec![2.0, 2.0]), [0.0, 0.0]);
        assert!(scaled(vec![1.0, f32::NAN, 3.0])[1].is_nan());
        let standardised = |mut scores: Vec<f32>, sample: Option<&[usize]>| {
            standardise(&mut scores, sample);
            scores
        };
        assert_eq!(standardised(vec![1.0, 3.0], None), [-1.0, 1.0]);
        assert_eq!(
            standardised(vec![1.0, 3.0, 9.0], Some(&[0, 1])),
            [-1.0, 1.0, 7.0]
        );
        assert_eq!(standardised(vec![5.0], None), [0.0]);
        assert!(standardised(Vec::new(), None).is_empty());
    }

    #[test]
    fn a_server_is_as_good_as_its_best_three() {
        let scores = [1.0, 4.0, 2.0, 3.0, 6.0];
        assert_eq!(
            boosts(&scores, &[0, 1, 2, 3, 5], &[0, 0, 0, 0, 1, 2], 0.5),
            [1.5, 1.5, 1.5, 1.5, 3.0]
        );
    }
}
