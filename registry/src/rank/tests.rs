//! Ranking over a handful of tools with an encoder that knows three topics.

use super::*;
use crate::Error;
use crate::document::Document;
use crate::embed::Embedder;
use crate::vectors::VectorStore;
use serde_json::json;

/// Entries: weather, files, everything else.
struct Topics;

impl Embedder for Topics {
    fn model(&self) -> &str {
        "topics"
    }

    fn dims(&self) -> usize {
        3
    }

    fn embed(&self, text: &str) -> Result<Vec<f32>, Error> {
        let has = |words: &[&str]| {
            words
                .iter()
                .filter(|word| text.to_lowercase().contains(*word))
                .count() as f32
        };
        let vector = [
            has(&["weather", "rain", "forecast"]),
            has(&["file", "document"]),
            0.5,
        ];
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        Ok(vector.iter().map(|x| x / length).collect())
    }
}

const TOOLS: [(&str, &str, &str); 5] = [
    ("disk", "read", "Read a document"),
    ("disk", "write", "Write a document"),
    ("mail", "send_message", "Send a message"),
    ("sky", "forecast", "The weather forecast of a place"),
    ("sky", "history", "The weather of past days"),
];

fn index(embedded: usize) -> SearchIndex {
    index_with(embedded, usize::MAX)
}

fn index_with(embedded: usize, graph_from: usize) -> SearchIndex {
    let documents: Vec<_> = TOOLS
        .iter()
        .map(|(server, name, text)| (*server, Document::of(server, name, text, &json!({}))))
        .collect();
    let mut store = VectorStore::new("topics", 3);
    for (_, document) in &documents[..embedded] {
        store.insert(document.hash, Topics.embed(&document.meaning).unwrap());
    }
    SearchIndex::build(
        documents
            .iter()
            .map(|(server, document)| (*server, document)),
        &store,
        graph_from,
        None,
    )
}

fn order(index: &SearchIndex, visible: &[u32], query: &Query) -> Vec<Row> {
    rank_rows(
        index,
        visible,
        query,
        &PoolSettings::default(),
        &Limits::default(),
    )
    .scores
    .iter()
    .map(|score| score.row)
    .collect()
}

#[test]
fn meaning_finds_what_words_do_not() {
    let limits = Limits::default();
    let text = "will there be rain";
    let all = [0, 1, 2, 3, 4];
    let hybrid = Query::embedded(text, &Topics, &limits).unwrap();
    let best = order(&index(5), &all, &hybrid);
    assert!(best[..2].contains(&3) && best[..2].contains(&4), "{best:?}");
    let ranking = rank_rows(&index(5), &all, &hybrid, &PoolSettings::default(), &limits);
    assert_eq!(
        ranking.ranker,
        Ranker::Hybrid {
            model: "topics".to_owned()
        }
    );
    let words = rank_rows(
        &index(5),
        &all,
        &Query::words(text, &limits),
        &PoolSettings::default(),
        &limits,
    );
    assert_eq!(words.ranker, Ranker::Words);
    assert!(
        words
            .scores
            .iter()
            .all(|score| score.meaning.is_none() && score.total == 0.0)
    );
    assert_eq!(
        rank_rows(&index(0), &all, &hybrid, &PoolSettings::default(), &limits).ranker,
        Ranker::Words
    );
}

#[test]
fn only_the_view_is_ranked_and_shapes_the_scores() {
    let limits = Limits::default();
    let query = Query::embedded("the weather of tomorrow", &Topics, &limits).unwrap();
    assert_eq!(order(&index(5), &[1, 2, 4], &query)[0], 4);
    let seen = rank_rows(
        &index(5),
        &[0, 1, 2],
        &query,
        &PoolSettings::default(),
        &limits,
    );
    assert_eq!(seen.ranked, 3);
    assert!(seen.scores.iter().any(|score| score.meaning == Some(1.0)));
    assert!(
        rank_rows(&index(5), &[], &query, &PoolSettings::default(), &limits)
            .scores
            .is_empty()
    );
}

#[test]
fn a_tool_that_is_not_embedded_yet_is_found_by_words() {
    let query =
        Query::embedded("weather history of past days", &Topics, &Limits::default()).unwrap();
    let ranking = rank_rows(
        &index(4),
        &[0, 1, 2, 3, 4],
        &query,
        &PoolSettings::default(),
        &Limits::default(),
    );
    let row = ranking
        .scores
        .iter()
        .position(|score| score.row == 4)
        .unwrap();
    assert!(row < 2);
    assert_eq!(ranking.scores[row].meaning, None);
}

#[test]
fn each_errand_of_a_request_finds_its_tool() {
    let query = Query::embedded(
        "read the document of Ann, then send a message to Bob",
        &Topics,
        &Limits::default(),
    )
    .unwrap();
    let best = order(&index(5), &[0, 1, 2, 3, 4], &query);
    assert!(best[..3].contains(&0) && best[..3].contains(&2), "{best:?}");
}

#[test]
fn no_more_than_the_limit_comes_back() {
    let limits = Limits {
        search_candidates: 2,
        ..Limits::default()
    };
    let query = Query::words("document", &limits);
    let all = rank_rows(
        &index(0),
        &[0, 1, 2, 3, 4],
        &query,
        &PoolSettings::default(),
        &Limits::default(),
    );
    let best = rank_rows(
        &index(0),
        &[0, 1, 2, 3, 4],
        &query,
        &PoolSettings::default(),
        &limits,
    );
    assert_eq!(best.scores, all.scores[..2]);
    assert_eq!(best.ranked, 5);
}

#[test]
fn a_graph_gives_the_order_of_the_exact_scan() {
    let limits = Limits {
        graph_from: 1,
        ..Limits::default()
    };
    for text in [
        "will there be rain",
        "read the document of Ann, then send a message",
    ] {
        let query = Query::embedded(text, &Topics, &limits).unwrap();
        for visible in [&[0, 1, 2, 3, 4][..], &[1, 2, 4]] {
            let settings = PoolSettings::default();
            let narrowed = rank_rows(&index_with(5, 1), visible, &query, &settings, &limits);
            let exact = rank_rows(&index(5), visible, &query, &settings, &Limits::default());
            assert_eq!(narrowed, exact, "{text}");
        }
    }
}
