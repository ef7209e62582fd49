//! The search by words: BM25 over an inverted index whose weights are worked out when it is built, so that a request
//! costs only the postings of its own terms.

mod stop;
pub(crate) mod terms;

use std::collections::HashMap;

use crate::document::Document;
use terms::Term;

/// How fast repetition of a term stops counting.
const K1: f32 = 1.2;
/// How much long texts are discounted: more than for prose, because a long description lists more than its tool does.
const B: f32 = 0.9;

/// The terms of a catalog, each with the rows it occurs in. Immutable; row `i` is the `i`th document it was built from.
#[derive(Debug, Default)]
pub struct LexicalIndex {
    rows: usize,
    /// Where a term's postings stand.
    terms: HashMap<Term, (u32, u32)>,
    /// Rows and weights of all postings, term by term, rows ascending.
    postings: Vec<(u32, f32)>,
}

impl LexicalIndex {
    /// Indexes `documents`; their order gives the rows.
    #[must_use]
    pub fn build<'a>(documents: impl IntoIterator<Item = &'a Document>) -> Self {
        let documents: Vec<&Document> = documents.into_iter().collect();
        let mut counted: Vec<(Term, u32, u16)> = Vec::with_capacity(documents.len() * 32);
        let mut words = 0usize;
        for (row, document) in (0u32..).zip(&documents) {
            words += document.terms.len();
            for run in document.terms.chunk_by(PartialEq::eq) {
                counted.push((run[0], row, u16::try_from(run.len()).unwrap_or(u16::MAX)));
            }
        }
        counted.sort_unstable();
        let count = documents.len() as f32;
        let mean = (words as f32 / count.max(1.0)).max(1.0);
        let mut terms = HashMap::new();
        let mut postings = Vec::with_capacity(counted.len());
        for run in counted.chunk_by(|a, b| a.0 == b.0) {
            let frequency = run.len() as f32;
            let idf = (1.0 + (count - frequency + 0.5) / (frequency + 0.5)).ln();
            let from = u32::try_from(postings.len()).unwrap_or(u32::MAX);
            postings.extend(run.iter().map(|&(_, row, times)| {
                let (times, length) =
                    (f32::from(times), documents[row as usize].terms.len() as f32);
                (
                    row,
                    idf * times * (K1 + 1.0) / (times + K1 * (1.0 - B + B * length / mean)),
                )
            }));
            terms.insert(
                run[0].0,
                (from, u32::try_from(postings.len()).unwrap_or(u32::MAX)),
            );
        }
        LexicalIndex {
            rows: documents.len(),
            terms,
            postings,
        }
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Adds the BM25 score of `terms` to each row of `scores`, which has one entry per row and is 0 before, and lists the
    /// rows that it touched in `touched`, once each.
    pub(crate) fn score(&self, terms: &[Term], scores: &mut [f32], touched: &mut Vec<u32>) {
        for term in terms {
            let Some(&(from, to)) = self.terms.get(term) else {
                continue;
            };
            for &(row, weight) in &self.postings[from as usize..to as usize] {
                let score = &mut scores[row as usize];
                if *score == 0.0 {
                    touched.push(row);
                }
                *score += weight;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn best(request: &str) -> usize {
        let tools = [
            ("github", "create_issue", "Create an issue in a repository"),
            ("filesystem", "read_file", "Read a file"),
            ("bing-cn", "bing_search", "使用必应搜索指定的关键词"),
            ("weather", "getForecast", "Weather forecast for a place"),
        ];
        let documents = tools.map(|(server, name, text)| {
            Document::of(server, name, text, &json!({"properties": {"city": {}}}))
        });
        let index = LexicalIndex::build(&documents);
        let (mut terms, mut scores) = (Vec::new(), vec![0.0; index.len()]);
        terms::collect(request, &mut terms);
        index.score(&terms, &mut scores, &mut Vec::new());
        (0..scores.len())
            .max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
            .unwrap()
    }

    #[test]
    fn requests_of_four_languages_find_their_tool() {
        let cases = [
            ("open issues on GitHub", 0),
            ("Erstelle ein Issue auf GitHub", 0),
            ("crea un issue en GitHub", 0),
            ("在GitHub上创建issue", 0),
            ("reading files", 1),
            ("用必应搜索", 2),
            ("get the forecast", 3),
        ];
        for (request, expected) in cases {
            assert_eq!(best(request), expected, "{request}");
        }
    }

    #[test]
    fn an_empty_catalog_scores_nothing() {
        let index = LexicalIndex::build([]);
        assert!(index.is_empty());
        index.score(&[1, 2], &mut [], &mut Vec::new());
    }
}
