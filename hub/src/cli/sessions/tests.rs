//! Lines as turns: every call stands where the model asked for it, with what is known of it.

use serde_json::json;
use toolpool_connectors::model::{Arguments, Counted, Stop, ToolCall, Usage};

use super::*;
use crate::journal::entry::{IntentNote, OutcomeNote};

fn call(index: u32) -> CallId {
    CallId {
        turn: 1,
        step: 1,
        index,
    }
}

/// A session of two turns: one with three calls, one that was undone.
pub(crate) fn sample() -> Transcript {
    let user = |turn, text: &str| Entry::User {
        turn,
        text: text.into(),
    };
    let reply = |step, text: &str, calls: u32| Entry::Reply {
        turn: 1,
        step,
        text: text.into(),
        reasoning: None,
        calls: (0..calls)
            .map(|index| ToolCall {
                id: call(index).to_string(),
                name: "disk__wipe".into(),
                arguments: Arguments::new("{\"disk\":\"a\"}").expect("an object"),
            })
            .collect(),
        faults: Default::default(),
        stop: Stop::Done,
        counted: Counted {
            tokens: 1,
            raw: 1,
            exact: true,
        },
        usage: Usage::default(),
        truncated: false,
    };
    let intent = |index| {
        Entry::Intent(IntentNote {
            call: call(index),
            server: "disk".into(),
            tool: "wipe".into(),
            name: "disk__wipe".into(),
            fingerprint: "f".into(),
            arguments: json!({ "disk": "a" }),
            effect: Effect::Destructive,
            repeatable: false,
            key: "k".into(),
        })
    };
    let entries = vec![
        user(1, "wipe it"),
        reply(1, "Let me see.", 3),
        intent(0),
        Entry::Outcome(OutcomeNote {
            call: call(0),
            verdict: Verdict::Completed,
            text: "```\nwiped\x1b[2J\n```".into(),
            result_sha256: None,
            artifact: None,
            elapsed_ms: 1_200,
            repairs: Vec::new(),
        }),
        intent(1),
        reply(2, "It is wiped.", 0),
        Entry::Warning {
            turn: Some(1),
            category: "tool".into(),
            text: "slow".into(),
        },
        Entry::End {
            turn: 1,
            how: EndHow::Answered,
            note: None,
        },
        user(2, "again"),
        Entry::Undo { turn: 2 },
    ];
    let lines: Vec<Line> = entries
        .into_iter()
        .zip(1..)
        .map(|(entry, seq)| Line {
            seq,
            at_ms: 1_795_557_181_000,
            entry,
        })
        .collect();
    transcript(summary(), &lines)
}

pub(crate) fn summary() -> Summary {
    Summary {
        id: "20261124-215301-k3f9".into(),
        what: Some(JournalKind::Session),
        begun_ms: 1_795_557_181_000,
        last_ms: 1_795_557_181_000,
        folder: Some("/work".into()),
        model: Some("tiny".into()),
        agent: None,
        parent: None,
        turns: 1,
        first_words: Some("wipe it".into()),
        open_turn: None,
        in_doubt: 1,
        bytes: 1,
        damage: vec!["line 9 is missing".into()],
    }
}

#[test]
fn turns_hold_their_steps_and_steps_their_calls() {
    let transcript = sample();
    assert_eq!(transcript.turns.len(), 2);
    assert!(transcript.turns[1].undone && !transcript.turns[0].undone);
    let states: Vec<Verdict> = transcript.turns[0].steps[0]
        .calls
        .iter()
        .map(|call| call.state)
        .collect();
    assert_eq!(
        states,
        [Verdict::Completed, Verdict::InDoubt, Verdict::NotStarted]
    );
    assert!(transcript.outside.is_empty());
    let value = serde_json::to_value(&transcript).expect("it serializes");
    assert_eq!(
        value["turns"][0]["steps"][0]["calls"][1]["state"],
        "in-doubt"
    );
    assert_eq!(
        value["turns"][0]["steps"][0]["calls"][1]["call"],
        "001001001"
    );
    let keys: Vec<&String> = value["session"]
        .as_object()
        .expect("an object")
        .keys()
        .collect();
    assert_eq!(
        keys,
        [
            "id",
            "what",
            "begun_ms",
            "last_ms",
            "folder",
            "model",
            "turns",
            "first_words",
            "open_turn",
            "in_doubt",
            "bytes",
            "damage"
        ]
    );
}
