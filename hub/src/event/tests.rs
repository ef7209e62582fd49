//! Live and replayed events are the same, silence is told in time, and the published schema is the one of the code.

use std::time::Duration;

use serde_json::{Value, json};
use toolpool_config::{Effect, Mode, fixed::HEARTBEAT};
use toolpool_connectors::model::{Arguments, Counted, Stop, ToolCall, Usage};

use super::*;
use crate::journal::Line;
use crate::journal::entry::*;

const CALL: CallId = CallId {
    turn: 1,
    step: 1,
    index: 0,
};

/// A turn with two calls, one denied, and what stands around it.
fn lines() -> Vec<Line> {
    let counted = Counted {
        tokens: 120,
        raw: 120,
        exact: true,
    };
    let call = |id: &str| ToolCall {
        id: id.into(),
        name: "a__b".into(),
        arguments: Arguments::new("{ \"x\": 1}").expect("an object"),
    };
    let second = CallId { index: 1, ..CALL };
    let entries = vec![
        Entry::Begin(Begin {
            session: "s1".into(),
            what: JournalKind::Session,
            program: "0.1.0".into(),
            folder: "/tmp".into(),
            model: Some("tiny".into()),
            profile: None,
            mode: Mode::Ask,
            deny: Vec::new(),
            forked: None,
            agent: None,
            parent: None,
        }),
        Entry::Mode { mode: Mode::Plan },
        Entry::User {
            turn: 1,
            text: "go".into(),
        },
        Entry::Fit {
            turn: 1,
            step: 1,
            table: BudgetTable {
                window: 4_096,
                parts: vec![Part {
                    name: "tools".into(),
                    tokens: 100,
                }],
                total: 100,
                free: 3_996,
                exact: true,
            },
            removed: vec![3],
        },
        Entry::Reply {
            turn: 1,
            step: 1,
            text: "I will".into(),
            reasoning: None,
            calls: vec![call("001001000"), call("001001001")],
            faults: Default::default(),
            stop: Stop::Calls,
            counted,
            usage: Usage {
                prompt_tokens: Some(120),
                cached_tokens: Some(80),
                ..Usage::default()
            },
            truncated: false,
        },
        Entry::Intent(IntentNote {
            call: CALL,
            server: "a".into(),
            tool: "b".into(),
            name: "a__b".into(),
            fingerprint: "f".into(),
            arguments: json!({"x": 1}),
            effect: Effect::ReadOnly,
            repeatable: true,
            key: "k".into(),
        }),
        Entry::Outcome(OutcomeNote {
            call: CALL,
            verdict: Verdict::Completed,
            text: "fine".into(),
            result_sha256: None,
            artifact: None,
            elapsed_ms: 7,
            repairs: Vec::new(),
        }),
        Entry::Refused {
            call: second,
            name: "a__b".into(),
            why: RefusedWhy::Denied,
            text: "no".into(),
        },
        Entry::End {
            turn: 1,
            how: EndHow::StepLimit,
            note: None,
        },
        Entry::Pin {
            tool: "a__b".into(),
            on: false,
        },
    ];
    let numbered = entries.into_iter().enumerate();
    numbered
        .map(|(at, entry)| Line {
            seq: at as u64 + 1,
            at_ms: 1_000 + at as u64,
            entry,
        })
        .collect()
}

/// Type, turn and place of each event.
fn places(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|event| {
            let value = serde_json::to_value(event).expect("JSON");
            let kind = value["type"].as_str().unwrap_or("?").to_owned();
            format!("{}.{} t{} {kind}", event.seq, event.passing, event.turn)
        })
        .collect()
}

#[tokio::test]
async fn replay_gives_the_same_durable_events_as_live() {
    let lines = lines();
    let stream = Stream::new("s1");
    let (mut first, mut second) = (stream.subscribe(), stream.subscribe());
    for line in &lines {
        stream.line(line);
        stream.passing(What::Queued {});
        stream.passing(What::Text { text: "..".into() });
    }
    drop(stream);
    let mut live = Vec::new();
    while let Some(event) = first.recv().await {
        assert_eq!(second.recv().await.as_ref(), Some(&event));
        live.push(event);
    }
    let kept: Vec<Event> = live
        .iter()
        .filter(|event| event.passing == 0)
        .cloned()
        .collect();
    assert_eq!(kept, replay(&lines, "s1"));
    assert_eq!(
        places(&kept),
        [
            "1.0 t0 session",
            "2.0 t0 setting",
            "3.0 t1 user",
            "4.0 t1 budget",
            "5.0 t1 reply",
            "5.0 t1 call_proposed",
            "5.0 t1 call_proposed",
            "6.0 t1 call_running",
            "7.0 t1 call_finished",
            "8.0 t1 call_finished",
            "9.0 t1 turn_end",
            "10.0 t0 setting",
        ]
    );
    assert_eq!(live.len(), kept.len() + 2 * lines.len());
    assert_eq!(places(&live)[3..6], places(&live[3..6]));
    assert!(
        live.iter()
            .any(|event| (event.seq, event.passing) == (5, 2))
    );
}

#[test]
fn events_read_back_and_words_are_those_of_the_journal() {
    let events = replay(&lines(), "s1");
    for event in &events {
        let text = serde_json::to_string(event).expect("JSON");
        assert_eq!(&serde_json::from_str::<Event>(&text).expect("JSON"), event);
    }
    let end = serde_json::to_value(&events[events.len() - 2]).expect("JSON");
    assert_eq!(end["how"], "step-limit");
    let running = serde_json::to_value(&events[7]).expect("JSON");
    assert_eq!(
        (&running["effect"], &running["call"]),
        (&json!("read-only"), &json!("001001000"))
    );
}

#[test]
fn nothing_is_called_of_a_truncated_reply() {
    let mut line = lines().remove(4);
    if let Entry::Reply { truncated, .. } = &mut line.entry {
        *truncated = true;
    }
    let events = durable(&line, "s1", &mut 1);
    assert_eq!(events.len(), 1);
    assert!(matches!(&events[0].what, What::Reply { stop, .. } if stop == "truncated"));
}

#[tokio::test(start_paused = true)]
async fn silence_is_told_every_second_and_a_stall_once() {
    let stream = Stream::new("s1");
    let mut events = stream.subscribe();
    let work = {
        let stream = stream.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(2_500)).await;
            stream.passing(What::Text { text: "a".into() });
            tokio::time::sleep(Duration::from_millis(4_200)).await;
            3
        }
    };
    let done = heartbeat(&stream, "model", Duration::from_millis(2_600), work).await;
    assert_eq!(done, 3);
    drop(stream);
    let mut told = Vec::new();
    while let Some(event) = events.recv().await {
        told.push(match event.what {
            What::Heartbeat { for_ms, .. } => format!("beat {for_ms}"),
            What::Stalled { silent_ms, .. } => format!("stalled {silent_ms}"),
            other => format!("{other:?}"),
        });
    }
    assert_eq!(
        told,
        [
            "beat 1000",
            "beat 2000",
            "Text { text: \"a\" }",
            "beat 3500",
            "beat 4500",
            "stalled 2600",
            "beat 6100",
        ]
    );
    assert_eq!(HEARTBEAT, Duration::from_secs(1));
}

#[test]
fn the_published_schema_is_that_of_the_code() {
    let published: Value =
        serde_json::from_str(include_str!("../event.schema.json")).expect("the schema is JSON");
    assert!(
        published == schema(),
        "run `cargo run -p toolpool -- log --schema > hub/src/event.schema.json`"
    );
    let validator = jsonschema::validator_for(&published).expect("it is a schema");
    for event in replay(&lines(), "s1") {
        let value = serde_json::to_value(&event).expect("JSON");
        assert!(validator.is_valid(&value), "{value}");
    }
    assert!(!validator.is_valid(&json!({"v": 1, "type": "user"})));
}
