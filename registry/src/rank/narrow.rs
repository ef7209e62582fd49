//! Which rows of a large view are worth exact scores: the servers of what either side of the search proposes, whole, because
//! a server's best three count; and a sample of all rows, from which the scales of the whole view are read.

use toolpool_config::Limits;

use crate::index::SearchIndex;
use crate::query::Query;

/// Rows of the sample: the mean and spread of that many are within a few percent of the view's.
const SAMPLE: usize = 2_048;

/// Part of a view.
pub(super) struct Narrowed {
    /// The rows, ascending.
    pub(super) rows: Vec<u32>,
    /// Their places in the view.
    pub(super) places: Vec<usize>,
    /// Those of them that are the sample, as places in `rows`.
    pub(super) sample: Vec<usize>,
}

/// Narrows `visible` for `query`; none where there is no graph or it would not pay: a view of few rows is scanned faster
/// than a filter finds them in the graph of many.
pub(super) fn narrow(
    index: &SearchIndex,
    visible: &[u32],
    query: &Query,
    words: &[f32],
    limits: &Limits,
) -> Option<Narrowed> {
    let comparable = query.model.as_deref() == Some(index.vectors.model());
    if visible.len() < limits.graph_from || !index.vectors.has_graph() || !comparable {
        return None;
    }
    let candidates = limits.search_candidates;
    let servers = index.servers.last().map_or(0, |last| *last as usize + 1);
    let mut wanted = vec![false; servers];
    let mut seen = vec![visible.len() == index.servers.len(); index.servers.len()];
    visible.iter().for_each(|row| seen[*row as usize] = true);
    let parts: Vec<&[f32]> = query.parts.iter().map(|part| &*part.vector).collect();
    for row in index
        .vectors
        .nearest(&parts, candidates, &|row| seen[row as usize])
    {
        wanted[index.servers[row as usize] as usize] = true;
    }
    for row in best_by_words(visible, words, candidates) {
        wanted[index.servers[row as usize] as usize] = true;
    }
    let stride = visible.len().div_ceil(SAMPLE);
    let mut narrowed = Narrowed {
        rows: Vec::new(),
        places: Vec::new(),
        sample: Vec::new(),
    };
    for (place, &row) in visible.iter().enumerate() {
        let sampled = place % stride == 0;
        if sampled || wanted[index.servers[row as usize] as usize] {
            if sampled {
                narrowed.sample.push(narrowed.rows.len());
            }
            narrowed.rows.push(row);
            narrowed.places.push(place);
        }
    }
    Some(narrowed)
}

fn best_by_words(visible: &[u32], words: &[f32], count: usize) -> Vec<u32> {
    let mut found: Vec<(f32, u32)> = words
        .iter()
        .zip(visible)
        .filter(|(score, _)| **score > 0.0)
        .map(|(score, row)| (*score, *row))
        .collect();
    if found.len() > count && count > 0 {
        found.select_nth_unstable_by(count - 1, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        found.truncate(count);
    }
    found.into_iter().map(|(_, row)| row).collect()
}
