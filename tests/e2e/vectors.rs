//! The built-in encoder on a real ONNX Runtime. Where there is none to be had these tests say so and prove nothing, except
//! under `CI=true`, where that is a failure.

use serde_json::json;
use toolpool_config::Limits;
use toolpool_registry::{Document, Encoder, Query};

const REFERENCE: &str = include_str!("../../registry/model/reference.txt");
const ORIGINAL: &[u8] = include_bytes!("../../registry/model/reference.bin");

/// The encoder, from the library that the hub would use, which is fetched where it is not there yet.
#[expect(
    clippy::print_stderr,
    reason = "a test that proves nothing must say so"
)]
fn encoder() -> Option<Encoder> {
    match toolpool_tests::ranking::encoder() {
        Ok(encoder) => Some(encoder),
        Err(error) => {
            assert!(
                std::env::var_os("CI").is_none_or(|ci| ci != "true"),
                "there must be an encoder under CI: {error:#}"
            );
            eprintln!("skipped: {error:#}");
            None
        }
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn vectors_agree_with_those_of_the_float_original() {
    let Some(encoder) = encoder() else { return };
    let (entries, _) = ORIGINAL.as_chunks::<4>();
    let original: Vec<f32> = entries
        .iter()
        .map(|entry| f32::from_le_bytes(*entry))
        .collect();
    assert_eq!(original.len(), REFERENCE.lines().count() * encoder.dims());
    for (text, original) in REFERENCE.lines().zip(original.chunks_exact(encoder.dims())) {
        let vector = encoder.index().embed(text).unwrap();
        assert!((cosine(&vector, &vector) - 1.0).abs() < 1e-5, "{text}");
        assert!(
            cosine(&vector, original) >= 0.99,
            "{} {text}",
            cosine(&vector, original)
        );
    }
}

#[test]
fn a_vector_depends_on_its_text_alone() {
    let Some(encoder) = encoder() else { return };
    let texts: Vec<&str> = REFERENCE.lines().collect();
    let alone: Vec<Vec<f32>> = texts
        .iter()
        .map(|text| encoder.query().embed(text).unwrap())
        .collect();
    let bits = |vector: &[f32]| {
        vector
            .iter()
            .map(|entry| entry.to_bits())
            .collect::<Vec<_>>()
    };
    for turn in [0, 7, 19] {
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.rotate_left(turn);
        let among: Vec<&str> = order.iter().map(|&at| texts[at]).collect();
        let vectors = encoder.index().embed_all(&among).unwrap();
        for (at, vector) in order.into_iter().zip(vectors) {
            assert_eq!(bits(&vector), bits(&alone[at]), "{}", texts[at]);
        }
    }
}

#[test]
fn a_text_is_cut_and_never_refused() {
    let Some(encoder) = encoder() else { return };
    let long = "weather forecast ".repeat(2_000);
    let longer = format!("{long} and something else");
    assert_eq!(
        encoder.index().embed(&long).unwrap(),
        encoder.index().embed(&longer).unwrap()
    );
    for odd in ["", " ", "\u{0}", "🎉🎉🎉"] {
        assert_eq!(
            encoder.index().embed(odd).unwrap().len(),
            encoder.dims(),
            "{odd:?}"
        );
    }
}

#[test]
fn an_embedded_query_has_the_vectors_of_its_parts() {
    let Some(encoder) = encoder() else { return };
    let text = "Find a hotel in Rome, and then send the address to Ann";
    let query = Query::embedded(text, encoder.query(), &Limits::default()).unwrap();
    assert_eq!(query.model(), Some(encoder.model()));
    assert_eq!(query.clauses().len(), 2);
    let tool = Document::of("booking", "search_hotels", "Find a hotel", &json!({}));
    assert!(
        cosine(
            &encoder.index().embed(&tool.meaning).unwrap(),
            &encoder.query().embed("Find a hotel in Rome").unwrap()
        ) > 0.4
    );
}
