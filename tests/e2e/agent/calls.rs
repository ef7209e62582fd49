//! The calls of a turn: those outside of the pool, those that run side by side, and when there were enough of them.

use serde_json::json;
use toolpool::event::What;
use toolpool_tests::model::{Answer, Conversation, Dialect, Setup};
use toolpool_tests::server::FakeServer;

use super::{Heard, Talk};

/// Which calls ran when: `+0` where the first one was sent, `-0` where it ended.
fn order(heard: &Heard) -> Vec<String> {
    let index = |call: &str| {
        call.trim_start_matches("001001")
            .trim_start_matches('0')
            .to_owned()
    };
    let marks = heard.events.iter().filter_map(|event| match &event.what {
        What::CallRunning { call, .. } => Some(format!("+{}", index(call))),
        What::CallFinished { call, .. } => Some(format!("-{}", index(call))),
        _ => None,
    });
    marks.collect()
}

#[test]
fn concurrent_calls_overlap_and_the_rest_run_alone() {
    let slow = |ms: u64| json!({ "ms": ms });
    let (mut talk, notes) = Talk::saying([
        Answer::call("notes__slow", slow(3000))
            .and_call("notes__slow", slow(1))
            .and_call("notes__echo", json!({ "text": "alone" }))
            .and_call("notes__big", json!({ "bytes": 3 })),
        Answer::say("done"),
    ]);
    let heard = talk.ask(&["do all"]).ended("answered");
    // The second of the two has its answer long before the first, which was sent beside it; the others wait for both.
    let mut order = order(&heard);
    order[..2].sort();
    assert_eq!(order, ["+", "+1", "-1", "-", "+2", "-2", "+3", "-3"]);
    // The model reads them in the order in which it wanted them.
    assert_eq!(
        heard.results(1),
        ["slow but there", "slow but there", "alone", "xxx"]
    );
    let called = notes.saw("call");
    let names: Vec<_> = called
        .iter()
        .map(|call| call["tool"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(names[2..], ["echo", "big"]);
}

#[test]
fn what_is_outside_of_the_pool_is_found_and_called_through_the_same_gate() {
    let found = |asked: &Conversation| {
        let text = asked
            .last()
            .map(|said| said.text.clone())
            .unwrap_or_default();
        let at = text.find("depot__tool_").expect("something was found");
        text[at..at + "depot__tool_00000".len()].to_owned()
    };
    let setup = Setup::new(Dialect::LlamaCpp).by(move |asked| {
        let results = asked
            .since_user()
            .iter()
            .filter(|said| said.role == "tool")
            .count();
        let reach = |name: String, thing: &str| {
            let arguments =
                json!({ "name": name, "arguments": { format!("{thing}_id"): "7", "shelf": 1 } });
            Answer::call("call_tool", arguments)
        };
        match results {
            0 => Answer::call(
                "find_tools",
                json!({ "query": "inspect turbine records of shelf 1", "limit": 1 }),
            ),
            1 => reach(found(asked), "turbine"),
            2 => Answer::call(
                "find_tools",
                json!({ "query": "archive turbine records of shelf 1", "limit": 1 }),
            ),
            3 => reach(found(asked), "turbine"),
            _ => Answer::say("done"),
        }
    });
    let mut talk = Talk::new(setup);
    let depot = FakeServer::new(&talk.env, "depot")
        .with("--only echo --tools 300")
        .set("trust = \"annotations\"");
    talk.env.servers("", &[&depot]);
    let heard = talk.ask(&["good morning"]).ended("answered");
    let offered = heard.offered(0);
    assert!(
        offered.len() < 20 && offered.iter().any(|name| name == "find_tools"),
        "{offered:?}"
    );
    let called = depot.saw("call");
    let inspected = called[0]["tool"].as_str().expect("a name").to_owned();
    assert!(
        !offered.contains(&format!("depot__{inspected}")),
        "{inspected} is outside of {offered:?}"
    );
    let results = heard.results(4);
    assert_eq!(results[1], format!("{inspected} did its work"));
    assert!(
        results[3].contains("nobody"),
        "archiving is asked about: {}",
        results[3]
    );
    assert_eq!(called.len(), 1);
    let ends: Vec<_> = heard
        .finished()
        .into_iter()
        .map(|(state, _)| state)
        .collect();
    assert_eq!(ends, ["completed", "completed", "completed", "not-started"]);
}

#[test]
fn a_turn_has_its_bounds() {
    struct Row {
        /// Which call comes after so many results.
        call: fn(usize) -> Answer,
        set: &'static str,
        how: &'static str,
        calls: usize,
        says: &'static str,
    }
    let rows = [
        Row {
            call: |_| Answer::call("notes__echo", json!({ "text": "again" })),
            set: "agent.steps_max=25",
            how: "loop",
            calls: 3,
            says: "called `notes__echo` 3 times",
        },
        Row {
            call: |at| Answer::call(&format!("notes__nothing_{at}"), json!({})),
            set: "agent.failures_max=4",
            how: "failure-limit",
            calls: 4,
            says: "4 calls failed in a row",
        },
        Row {
            // A success in between begins the count anew.
            call: |at| match at {
                2 => Answer::call("notes__echo", json!({ "text": "x" })),
                7 => Answer::say("done"),
                _ => Answer::call(&format!("notes__nothing_{at}"), json!({})),
            },
            set: "agent.failures_max=5",
            how: "answered",
            calls: 7,
            says: "",
        },
        Row {
            call: |at| Answer::call("notes__echo", json!({ "text": at.to_string() })),
            set: "agent.steps_max=5",
            how: "step-limit",
            calls: 5,
            says: "after 5 steps",
        },
    ];
    for row in rows {
        let setup = Setup::new(Dialect::LlamaCpp).by(move |asked| {
            let results = asked
                .messages
                .iter()
                .filter(|said| said.role == "tool")
                .count();
            (row.call)(results)
        });
        let mut talk = Talk::new(setup);
        let _notes = talk.notes("");
        let heard = talk.ask(&["--set", row.set, "go"]).ended(row.how);
        assert_eq!(heard.finished().len(), row.calls, "{}", row.how);
        assert!(heard.told().contains(row.says), "{}", heard.told());
    }
}

#[test]
fn failed_calls_say_how_to_repair_them_and_how_often() {
    let (mut talk, _notes) = Talk::saying([
        Answer::call("notes__fail", json!({})),
        Answer::call("notes__echo", json!({ "words": 3 })),
        Answer::call("notes__ehco", json!({ "text": "x" })),
        Answer::say("done"),
    ]);
    let heard = talk.ask(&["go"]).ended("answered");
    for (at, words) in [
        (0, &["the tool could not do it", "4 attempts left"][..]),
        (1, &["notes__echo", "text", "3 attempts left"]),
        (
            2,
            &[
                "unknown tool `notes__ehco`",
                "notes__echo",
                "2 attempts left",
            ],
        ),
    ] {
        let results = heard.results(at + 1);
        for word in words {
            assert!(results[at].contains(word), "`{word}` in {}", results[at]);
        }
        // What was left then says nothing now.
        let before = results[..at].join("\n");
        assert!(!before.contains("attempts left"), "{before}");
    }
}

#[test]
fn the_steps_stand_at_the_tail_and_nowhere_else() {
    let steps = json!({ "items": [{ "text": "read the note", "state": "doing" }, { "text": "sum it up" }] });
    let (mut talk, _notes) = Talk::saying([
        Answer::call("steps", steps),
        Answer::call("notes__echo", json!({ "text": "x" })),
        Answer::say("done"),
        Answer::say("more"),
    ]);
    talk.ask(&["go"]).ended("answered");
    let heard = talk.ask(&["--continue", "go on"]).ended("answered");
    let asked = Conversation::read(&heard.requests[0].body);
    let with: Vec<usize> = (0..asked.messages.len())
        .filter(|at| {
            asked.messages[*at].text.contains("[ ] sum it up")
                || asked.messages[*at].text.contains("2. sum it up")
        })
        .collect();
    assert_eq!(with, [asked.messages.len() - 1], "{:?}", asked.messages);
}
