//! The shape of the JSON, and a pool that other tests print too.

use super::*;
use toolpool_registry::{Reason, Shape};

/// A pool of one tool and the bridge, with one out and seven more counted.
pub(crate) fn sample() -> Report {
    let line = |name: &str, shape, tokens, score, reason: Reason| Line {
        exposed: name.into(),
        server: "git".into(),
        tool: name.into(),
        shape,
        tokens,
        score,
        because: reason.to_string(),
        reason,
    };
    Report {
        query: "show the log".into(),
        ranker: Ranked {
            kind: "words",
            model: None,
            why: Some("`embedding.enabled` is off".into()),
        },
        embedded: 0,
        catalog: 10,
        allowance: Allowance {
            tokens: 1228,
            tools_max: 16,
            full_max: 5,
        },
        tokens: 292,
        tools: 10,
        all_tokens: 61_034,
        bridge: Bridge {
            tools: 2,
            tokens: 180,
        },
        offered: vec![
            line(
                "git__log",
                Some(Shape::Full),
                112,
                Some(3.214),
                Reason::Ranked { rank: 1 },
            ),
            line(
                "git__日志",
                Some(Shape::Slim),
                40,
                Some(1.5),
                Reason::Ranked { rank: 2 },
            ),
        ],
        left_out: vec![line(
            "git__push",
            None,
            1300,
            Some(-0.25),
            Reason::OverTokens {
                needed: 1300,
                left: 936,
            },
        )],
        rest: BTreeMap::from([("unranked", 4), ("duplicate", 3)]),
        missing: Vec::new(),
    }
}

#[test]
fn json_has_a_stable_shape() {
    let value = serde_json::to_value(sample()).expect("it serializes");
    let keys = |value: &serde_json::Value| {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    let wanted = [
        "query",
        "ranker",
        "embedded",
        "catalog",
        "allowance",
        "tokens",
        "tools",
        "all_tokens",
        "bridge",
        "offered",
        "left_out",
        "rest",
        "missing",
    ];
    assert_eq!(keys(&value), wanted);
    let wanted = [
        "exposed", "server", "tool", "shape", "tokens", "score", "reason", "because",
    ];
    assert_eq!(keys(&value["offered"][0]), wanted);
    assert_eq!(value["ranker"]["kind"], "words");
    assert_eq!(value["left_out"][0]["reason"]["why"], "over-tokens");
}

#[test]
fn a_shorter_report_counts_what_it_does_not_name() {
    let mut report = sample();
    report.shorten(0);
    assert!(report.left_out.is_empty());
    assert_eq!(report.rest.get("over-tokens"), Some(&1));
    report.shorten(5);
    assert_eq!(report.rest.values().sum::<usize>(), 8);
}

#[test]
fn a_ranker_without_an_encoder_says_why() {
    let words = EncoderState::Words {
        reason: "cannot load it".into(),
        hint: None,
    };
    for (state, wanted) in [
        (EncoderState::Off, "`embedding.enabled` is off"),
        (words, "cannot load it"),
        (
            EncoderState::Ready { model: "m".into() },
            "no tool has its vector yet",
        ),
    ] {
        assert_eq!(ranked(&Ranker::Words, &state).why.as_deref(), Some(wanted));
    }
    let hybrid = ranked(&Ranker::Hybrid { model: "m".into() }, &EncoderState::Off);
    assert_eq!(
        (hybrid.kind, hybrid.model.as_deref(), hybrid.why),
        ("hybrid", Some("m"), None)
    );
}
