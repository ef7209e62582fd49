//! From a session's events to lines and back, with nobody's words in them unless that was asked for.

use super::*;
use crate::event::{Event, What};

fn event(what: What) -> Event {
    Event {
        v: 1,
        session: "abc".into(),
        turn: 2,
        seq: 7,
        passing: 0,
        at_ms: 1_000,
        what,
    }
}

fn events() -> Vec<Event> {
    [
        What::User {
            text: "my secret plan".into(),
        },
        What::Text {
            text: "not logged".into(),
        },
        What::CallDenied {
            call: "001001000".into(),
            name: "a__b".into(),
            reason: "mode plan".into(),
            source: "mode".into(),
        },
        What::CallFinished {
            call: "001001000".into(),
            state: "in-doubt".into(),
            text: "my secret plan".into(),
            elapsed_ms: 3,
        },
        What::Warning {
            category: "budget".into(),
            text: "little room".into(),
        },
        What::Warning {
            category: "unheard of".into(),
            text: "what now".into(),
        },
        What::CacheRead {
            step: 1,
            prompt: 100,
            predicted: 90,
            cached: Some(10),
            cause: Some("slot-taken".into()),
            place: None,
        },
    ]
    .map(event)
    .into()
}

fn logged(keep: bool) -> Vec<Record> {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let recorder = Recorder::start(log.clone(), keep);
    for event in events() {
        recorder.event(&event);
    }
    recorder.config(4, Ok((2, 0)));
    recorder.flush();
    Reader::new(&log).poll()
}

#[test]
fn events_become_records_of_a_category_and_a_level() {
    let records: Vec<String> = logged(false)
        .iter()
        .map(|record| format!("{} {}", record.detail.category(), record.level.name()))
        .collect();
    assert_eq!(
        records,
        [
            "context info",
            "permission warn",
            "tool error",
            "budget warn",
            "context warn",
            "cache warn",
            "config info",
        ]
    );
}

#[test]
fn words_are_kept_only_where_that_was_asked_for() {
    for keep in [false, true] {
        let records = logged(keep);
        let text = serde_json::to_string(&records).expect("JSON");
        assert_eq!(text.contains("my secret plan"), keep);
        let Detail::Context(ContextDetail::User { text }) = &records[0].detail else {
            panic!("{records:?}");
        };
        assert_eq!((text.bytes, text.sha256.len()), (14, 64));
    }
}

#[test]
fn filters_and_their_words() {
    let records = logged(false);
    let count = |filter: Filter| {
        records
            .iter()
            .filter(|record| filter.passes(record))
            .count()
    };
    assert_eq!(count(Filter::default()), 7);
    let categories = vec![Category::Tool, Category::Cache];
    assert_eq!(
        count(Filter {
            categories,
            ..Filter::default()
        }),
        2
    );
    let session = |id: &str| Filter {
        session: Some(id.into()),
        ..Filter::default()
    };
    assert_eq!((count(session("ab")), count(session("b"))), (6, 0));
    let level = Some(Level::Error);
    assert_eq!(
        count(Filter {
            level,
            ..Filter::default()
        }),
        1
    );
    let since_ms = Some(1_001);
    assert_eq!(
        count(Filter {
            since_ms,
            ..Filter::default()
        }),
        1
    );
    for category in Category::ALL {
        assert_eq!(category.name().parse(), Ok(category));
    }
    for level in Level::ALL {
        assert_eq!(level.name().parse(), Ok(level));
    }
    assert!("tools".parse::<Category>().is_err() && "loud".parse::<Level>().is_err());
}

#[test]
fn a_line_says_category_and_what_beside_its_fields() {
    let records = logged(false);
    let line = serde_json::to_value(&records[1]).expect("JSON");
    for (key, value) in [
        ("category", "permission"),
        ("what", "decided"),
        ("session", "abc"),
        ("source", "mode"),
        ("level", "warn"),
    ] {
        assert_eq!(line[key], value, "{line}");
    }
    let outside = serde_json::to_value(&records[6]).expect("JSON");
    assert_eq!(
        (&outside["snapshot"], &outside["servers"]),
        (&4.into(), &2.into())
    );
    assert!(outside.get("session").is_none());
}

#[test]
fn a_line_cut_in_the_middle_is_read_once_it_is_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let line = serde_json::to_string(&logged(false)[0]).expect("JSON");
    let file = folder.path().join("000001.jsonl");
    let mut reader = Reader::new(folder.path());
    assert!(reader.poll().is_empty());
    let (head, tail) = line.split_at(20);
    std::fs::write(&file, format!("{line}\n{{\"v\":99}}\n{head}")).expect("written");
    assert_eq!(reader.poll().len(), 1);
    assert_eq!(reader.passed_over(), 1);
    std::fs::write(&file, format!("{line}\n{{\"v\":99}}\n{head}{tail}\n")).expect("written");
    assert_eq!(reader.poll().len(), 1);
    assert!(reader.poll().is_empty());
}
