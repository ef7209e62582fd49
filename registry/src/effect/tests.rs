//! Tests of `effect`.

use super::*;
use serde_json::json;
use toolpool_config::Effect::{Destructive, Idempotent, Mutating, ReadOnly};

fn said(effect: Option<Effect>, concurrent: Option<bool>) -> ToolOverride {
    ToolOverride {
        effect,
        concurrent,
        ..ToolOverride::default()
    }
}

#[test]
fn hints_read_as_the_worse_where_they_leave_doubt() {
    for (annotations, hinted) in [
        (json!({}), None),
        (json!({"title": "x", "openWorldHint": false}), None),
        (json!({"readOnlyHint": "true"}), None),
        (json!({"readOnlyHint": true}), Some(ReadOnly)),
        (
            json!({"readOnlyHint": true, "destructiveHint": false}),
            Some(ReadOnly),
        ),
        (
            json!({"readOnlyHint": true, "destructiveHint": true}),
            Some(Destructive),
        ),
        (json!({"readOnlyHint": false}), Some(Destructive)),
        (json!({"idempotentHint": true}), Some(Destructive)),
        (json!({"destructiveHint": false}), Some(Mutating)),
        (
            json!({"destructiveHint": false, "idempotentHint": true}),
            Some(Idempotent),
        ),
        (
            json!({"destructiveHint": false, "idempotentHint": false}),
            Some(Mutating),
        ),
        (json!([1]), None),
    ] {
        let claims = Claims::read(Some(&annotations), Trust::Annotations, None);
        assert_eq!(claims.hinted, hinted, "{annotations}");
        assert_eq!(
            claims.effect,
            hinted.unwrap_or(Destructive),
            "{annotations}"
        );
    }
}

#[test]
fn an_untrusted_hint_is_shown_and_frees_nothing() {
    let annotations = json!({"readOnlyHint": true, "idempotentHint": true, "openWorldHint": false});
    let claims = Claims::read(Some(&annotations), Trust::None, None);
    assert_eq!(
        claims,
        Claims {
            effect: Destructive,
            hinted: Some(ReadOnly),
            source: ClaimSource::Untrusted,
            idempotent: false,
            open_world: true,
            concurrent: false,
        }
    );
    assert_eq!(claims.shown(), Some(ReadOnly));
    assert!(!claims.read_only());
}

#[test]
fn silence_reads_as_the_worst() {
    for trust in [Trust::None, Trust::Annotations] {
        let claims = Claims::read(None, trust, None);
        assert_eq!(
            (claims.effect, claims.source),
            (Destructive, ClaimSource::Unclaimed)
        );
        assert!(
            !claims.idempotent && claims.open_world && !claims.concurrent && !claims.read_only()
        );
        assert_eq!(claims.shown(), None);
    }
}

#[test]
fn a_trusted_claim_is_believed() {
    let annotations = json!({"readOnlyHint": true, "openWorldHint": false});
    let claims = Claims::read(Some(&annotations), Trust::Annotations, None);
    assert!(claims.read_only() && claims.concurrent && claims.idempotent && !claims.open_world);
    let annotations = json!({"destructiveHint": true, "idempotentHint": true});
    let claims = Claims::read(Some(&annotations), Trust::Annotations, None);
    assert!(claims.idempotent && !claims.concurrent);
    assert_eq!(claims.effect, Destructive);
}

#[test]
fn the_persons_word_wins_over_any_hint() {
    let annotations = json!({"destructiveHint": true});
    for trust in [Trust::None, Trust::Annotations] {
        let claims = Claims::read(Some(&annotations), trust, Some(&said(Some(ReadOnly), None)));
        assert_eq!(
            (claims.effect, claims.source),
            (ReadOnly, ClaimSource::Person)
        );
        assert!(claims.concurrent && claims.read_only());
        assert_eq!(claims.hinted, Some(Destructive));
    }
    let claims = Claims::read(
        Some(&json!({"readOnlyHint": true})),
        Trust::Annotations,
        Some(&said(None, Some(false))),
    );
    assert!(!claims.concurrent && claims.read_only());
    let claims = Claims::read(None, Trust::None, Some(&said(None, Some(true))));
    assert!(claims.concurrent);
    assert_eq!(claims.source, ClaimSource::Unclaimed);
}
