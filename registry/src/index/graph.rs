//! An approximate search by meaning for catalogs where the exact scan has become the slower one. It only proposes rows;
//! what it proposes is scored exactly like everything else, so a miss costs a tool its place and never a wrong score.
//!
//! Built one by one in the order of rows, because `hnsw_rs`' parallel build depends on timing. A later snapshot adds its
//! new texts to the graph of the one before. What is gone stays in it as a tombstone that the filter passes over, until
//! tombstones are more than a quarter: then it is built anew. Equal texts share a point.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use hnsw_rs::prelude::{Distance, FilterT, Hnsw};

use super::dot;
use crate::document::DocumentHash;
use crate::vectors::Vector;

/// Links of a point; more find more and cost more memory.
const LINKS: usize = 24;
/// Candidates looked at to choose the links of a new point.
const EFFORT_BUILD: usize = 128;
/// Candidates kept in a search, as a multiple of what is asked for.
const EFFORT_SEARCH: usize = 2;
/// Layers; enough for far more points than there are.
const LAYERS: usize = 16;
/// Tombstones among a graph's points, one in so many, from which it is built anew.
const TOMBSTONES: usize = 4;

/// A graph over the vectors of one snapshot's rows.
pub(super) struct Graph {
    /// Shared with the graphs of earlier snapshots, which do not know the points added since.
    points: Arc<Hnsw<'static, f32, Angle>>,
    /// The point of each text, tombstones too.
    known: HashMap<DocumentHash, u32>,
    /// The rows of each point, ascending by point; a tombstone has none.
    rows: Vec<(u32, u32)>,
}

/// One less the cosine of unit vectors.
struct Angle;

impl Distance<f32> for Angle {
    fn eval(&self, one: &[f32], other: &[f32]) -> f32 {
        let mut product = [0.0];
        dot::products(one, other, &mut product);
        (1.0 - product[0]).max(0.0)
    }
}

impl Graph {
    /// A graph of `rows`, which reuses `previous` as far as it can.
    pub(super) fn build(
        rows: &[(DocumentHash, Option<Vector>)],
        previous: Option<&Graph>,
    ) -> Graph {
        let fresh = || Graph {
            points: Arc::new(Hnsw::new(LINKS, rows.len(), LAYERS, EFFORT_BUILD, Angle)),
            known: HashMap::with_capacity(rows.len()),
            rows: Vec::new(),
        };
        let mut graph = match previous {
            Some(previous) if !previous.is_worn(rows) => Graph {
                points: Arc::clone(&previous.points),
                known: previous.known.clone(),
                rows: Vec::new(),
            },
            _ => fresh(),
        };
        for (row, (hash, vector)) in (0u32..).zip(rows) {
            let Some(vector) = vector else { continue };
            let point = *graph.known.entry(*hash).or_insert_with(|| {
                let point = graph.points.get_nb_point();
                graph.points.insert((vector, point));
                u32::try_from(point).expect("a catalog has fewer than four billion texts")
            });
            graph.rows.push((point, row));
        }
        graph.rows.sort_unstable();
        graph
    }

    /// The rows of the `count` points nearest to `vector` among those of which `sees` lets a row through.
    pub(super) fn nearest(
        &self,
        vector: &[f32],
        count: usize,
        sees: impl Fn(u32) -> bool,
    ) -> Vec<u32> {
        let filter = |point: &usize| self.rows_of(*point).any(&sees);
        let found = self.points.search_filter(
            vector,
            count,
            count * EFFORT_SEARCH,
            Some(&filter as &dyn FilterT),
        );
        let rows = found.iter().flat_map(|found| self.rows_of(found.d_id));
        rows.filter(|row| sees(*row)).collect()
    }

    fn rows_of(&self, point: usize) -> impl Iterator<Item = u32> + '_ {
        let from = self
            .rows
            .partition_point(|(known, _)| (*known as usize) < point);
        let same = move |(known, _): &&(u32, u32)| *known as usize == point;
        self.rows[from..]
            .iter()
            .take_while(same)
            .map(|(_, row)| *row)
    }

    /// Whether so many of its points would be tombstones for `rows` that a new graph is the better one.
    fn is_worn(&self, rows: &[(DocumentHash, Option<Vector>)]) -> bool {
        let mut used: Vec<u32> = rows
            .iter()
            .filter_map(|(hash, _)| self.known.get(hash).copied())
            .collect();
        used.sort_unstable();
        used.dedup();
        let points = self.points.get_nb_point();
        (points - used.len()) * TOMBSTONES > points
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph")
            .field("points", &self.points.get_nb_point())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIMS: usize = 16;

    /// Texts that differ a little from one of eight topics.
    fn texts(range: std::ops::Range<usize>) -> Vec<(DocumentHash, Option<Vector>)> {
        range
            .map(|text| {
                let noise = |at: usize| ((text * 131 + at * 29) % 97) as f32 / 97.0;
                let mut vector: Vec<f32> = (0..DIMS)
                    .map(|at| noise(at) + if at == text % 8 { 2.0 } else { 0.0 })
                    .collect();
                let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
                vector.iter_mut().for_each(|x| *x /= length);
                let mut hash = [0; 32];
                hash[..8].copy_from_slice(&text.to_le_bytes());
                (DocumentHash(hash), Some(vector.into()))
            })
            .collect()
    }

    fn exact(
        rows: &[(DocumentHash, Option<Vector>)],
        vector: &[f32],
        count: usize,
        sees: impl Fn(u32) -> bool,
    ) -> Vec<u32> {
        let cosine = |row: u32| -> f32 {
            rows[row as usize].1.as_ref().map_or(f32::MIN, |known| {
                known.iter().zip(vector).map(|(a, b)| a * b).sum()
            })
        };
        let mut order: Vec<u32> = (0..rows.len() as u32).filter(|row| sees(*row)).collect();
        order.sort_by(|a, b| cosine(*b).total_cmp(&cosine(*a)));
        order.truncate(count);
        order
    }

    #[test]
    fn it_finds_what_the_scan_finds_inside_the_filter() {
        let rows = texts(0..600);
        let graph = Graph::build(&rows, None);
        for (name, sees) in [
            ("all", (|_| true) as fn(u32) -> bool),
            ("a third", |row| row % 3 == 0),
        ] {
            let (mut hit, mut all) = (0, 0);
            for (_, vector) in rows.iter().step_by(37) {
                let vector = vector.as_ref().unwrap();
                let found = graph.nearest(vector, 10, sees);
                assert!(found.iter().all(|row| sees(*row)));
                let wanted = exact(&rows, vector, 10, sees);
                hit += wanted.iter().filter(|row| found.contains(row)).count();
                all += wanted.len();
            }
            assert!(hit * 100 >= all * 95, "{name}: {hit} of {all}");
        }
    }

    #[test]
    fn the_same_rows_make_the_same_graph() {
        let rows = texts(0..300);
        let (one, other) = (Graph::build(&rows, None), Graph::build(&rows, None));
        for (_, vector) in rows.iter().step_by(17) {
            let vector = vector.as_ref().unwrap();
            assert_eq!(
                one.nearest(vector, 7, |_| true),
                other.nearest(vector, 7, |_| true)
            );
        }
    }

    #[test]
    fn tombstones_are_passed_over_until_they_are_too_many() {
        let first = texts(0..400);
        let graph = Graph::build(&first, None);
        let second = texts(40..420);
        let next = Graph::build(&second, Some(&graph));
        assert!(Arc::ptr_eq(&graph.points, &next.points));
        assert_eq!(next.points.get_nb_point(), 420);
        let vector = first[0].1.as_ref().unwrap();
        let found = next.nearest(vector, 5, |_| true);
        assert_eq!(found.len(), 5);
        assert!(found.iter().all(|row| (*row as usize) < second.len()));
        assert!(
            !graph
                .nearest(vector, 400, |_| true)
                .iter()
                .any(|row| *row >= 400)
        );
        let third = texts(300..420);
        let rebuilt = Graph::build(&third, Some(&next));
        assert!(!Arc::ptr_eq(&rebuilt.points, &next.points));
        assert_eq!(rebuilt.points.get_nb_point(), 120);
    }

    #[test]
    fn equal_texts_and_rows_without_a_vector() {
        let mut rows = texts(0..50);
        rows.push(rows[3].clone());
        rows.push((DocumentHash([9; 32]), None));
        let graph = Graph::build(&rows, None);
        let found = graph.nearest(rows[3].1.as_ref().unwrap(), 3, |_| true);
        assert!(found.contains(&3) && found.contains(&50));
        assert!(
            Graph::build(&[], None)
                .nearest(&[0.0; DIMS], 3, |_| true)
                .is_empty()
        );
    }
}
