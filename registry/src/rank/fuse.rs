//! The arithmetic of a ranking, step by step over the rows of a view. All slices here are parallel to `visible`.

use toolpool_config::PoolSettings;

use crate::index::SearchIndex;
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
    let mut all = vec![0.0; index.words.len()];
    let mut part = |at: usize| -> Vec<f32> {
        all.fill(0.0);
        index.words.score(&query.parts[at].terms, &mut all);
        let mut seen: Vec<f32> = visible.iter().map(|&row| all[row as usize]).collect();
        let best = seen.iter().copied().fold(0.0, f32::max);
        if best > 0.0 {
            seen.iter_mut().for_each(|score| *score /= best);
        }
        seen
    };
    let mut mixed = part(0);
    if query.parts.len() > 1 {
        let mut clause = part(1);
        for at in 2..query.parts.len() {
            clause
                .iter_mut()
                .zip(part(at))
                .for_each(|(best, score)| *best = best.max(score));
        }
        let weight = settings.clause_weight as f32;
        mixed
            .iter_mut()
            .zip(clause)
            .for_each(|(whole, clause)| *whole = (1.0 - weight) * *whole + weight * clause);
    }
    scaled(mixed)
}

/// Closeness in meaning of each row, from 0 to 1, not a number where a row has no vector; none when request or catalog
/// have no vectors, or those of different models.
pub(super) fn meaning(
    index: &SearchIndex,
    visible: &[u32],
    query: &Query,
    settings: &PoolSettings,
) -> Option<Vec<f32>> {
    if query.model.as_deref() != Some(index.vectors.model()) || index.vectors.embedded() == 0 {
        return None;
    }
    let parts: Vec<&[f32]> = query
        .parts
        .iter()
        .map(|part| part.vector.as_slice())
        .collect();
    let weight = settings.clause_weight as f32;
    let mixed = index
        .vectors
        .score(visible, &parts, |cosines| match cosines {
            [whole] => *whole,
            [whole, clauses @ ..] => {
                (1.0 - weight) * whole + weight * clauses.iter().copied().fold(f32::MIN, f32::max)
            }
            [] => 0.0,
        });
    Some(scaled(mixed))
}

/// Stretched so that the least is 0 and the most 1; all 0 where they are equal. What is not a number stays so.
fn scaled(mut scores: Vec<f32>) -> Vec<f32> {
    let least = scores.iter().copied().fold(f32::INFINITY, f32::min);
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let span = most - least;
    let over = if span > 0.0 { 1.0 / span } else { 0.0 };
    scores
        .iter_mut()
        .for_each(|score| *score = (*score - least) * over);
    scores
}

/// In standard deviations from the mean.
pub(super) fn standardised(mut scores: Vec<f32>) -> Vec<f32> {
    let count = scores.len().max(1) as f64;
    let mean = scores.iter().map(|&score| f64::from(score)).sum::<f64>() / count;
    let variance = scores
        .iter()
        .map(|&score| (f64::from(score) - mean).powi(2))
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
    scores
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
        assert_eq!(standardised(vec![1.0, 3.0]), [-1.0, 1.0]);
        assert_eq!(standardised(vec![5.0]), [0.0]);
        assert!(standardised(Vec::new()).is_empty());
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
