//! What may be called: modes, rules and deny lists, told to the model in its own words and kept by the session.

use serde_json::{Value, json};
use toolpool::journal::Entry;
use toolpool_tests::model::{Answer, Dialect, Setup};

use super::{Heard, Talk};

fn write(title: &str) -> Answer {
    Answer::call("notes__write_note", json!({ "title": title, "text": "x" }))
}

/// The decisions of a journal: the tool, and whether it was allowed by what.
fn decisions(heard: &Heard) -> Vec<(String, bool, Value)> {
    let notes = heard.lines.iter().filter_map(|line| match &line.entry {
        Entry::Decision(note) => Some((
            note.name.clone(),
            note.allowed,
            serde_json::to_value(note.source).expect("a word"),
        )),
        _ => None,
    });
    notes.collect()
}

#[test]
fn what_would_be_asked_is_denied_without_a_person_and_the_model_is_told() {
    let (mut talk, notes) = Talk::saying([write("a"), Answer::say("I was not allowed to.")]);
    let heard = talk.ask(&["write it down"]).ended("answered");
    assert_eq!(
        decisions(&heard),
        [("notes__write_note".into(), false, "no-person".into())]
    );
    let told = &heard.results(1)[0];
    assert!(
        told.contains("notes__write_note") && told.contains("nobody"),
        "{told}"
    );
    assert_eq!(heard.finished()[0].0, "not-started");
    assert!(notes.saw("call").is_empty());
}

#[test]
fn a_rule_that_allows_lets_it_run_and_nothing_else() {
    let rules = "[[rules]]\ndecision = \"allow\"\nserver = \"notes\"\ntool = \"write_note\"\n";
    let mut talk = Talk::new(Setup::new(Dialect::LlamaCpp).queue([
        write("a").and_call("notes__delete_note", json!({ "title": "a" })),
        Answer::say("done"),
    ]));
    let notes = talk.notes(rules);
    let heard = talk.ask(&["write it down"]).ended("answered");
    assert_eq!(
        decisions(&heard),
        [
            ("notes__write_note".into(), true, "rule".into()),
            ("notes__delete_note".into(), false, "no-person".into()),
        ]
    );
    assert_eq!(heard.results(1)[0], "done");
    assert_eq!(notes.saw("call").len(), 1);
}

#[test]
fn plan_hides_what_changes_something() {
    let (mut talk, notes) = Talk::saying([
        write("a").and_call("notes__read_note", json!({ "title": "a" })),
        Answer::say("done"),
    ]);
    let heard = talk
        .ask(&["--mode", "plan", "write note a"])
        .ended("answered");
    let offered = heard.offered(0);
    assert!(
        offered.iter().any(|name| name == "notes__read_note"),
        "{offered:?}"
    );
    assert!(
        !offered
            .iter()
            .any(|name| name.contains("write") || name.contains("delete")),
        "{offered:?}"
    );
    let results = heard.results(1);
    assert!(
        results[0].starts_with("unknown tool `notes__write_note`"),
        "{results:?}"
    );
    assert_eq!(results[1], "the note called a");
    assert_eq!(notes.saw("call").len(), 1);
}

#[test]
fn a_hidden_tool_is_answered_like_one_that_is_not_there() {
    let call = |name: &str| Answer::call(name, json!({ "text": "x" }));
    let reach = |name: &str| {
        let arguments = json!({ "name": name, "arguments": { "text": "x" } });
        Answer::call("call_tool", arguments)
    };
    let (mut talk, notes) = Talk::saying([
        call("notes__echo"),
        call("notes__ecko"),
        reach("notes__echo"),
        reach("notes__ecko"),
        Answer::call(
            "find_tools",
            json!({ "query": "return the text it is given" }),
        ),
        Answer::say("done"),
    ]);
    let heard = talk
        .ask(&["--deny", "notes__echo", "echo x"])
        .ended("answered");
    let results = heard.results(5);
    for (hidden, missing) in [(0, 1), (2, 3)] {
        assert!(results[hidden].contains("unknown tool"), "{results:?}");
        assert_eq!(
            results[hidden].replace("notes__echo", "notes__ecko"),
            results[missing]
        );
    }
    assert!(!results[4].contains("notes__echo"), "{results:?}");
    assert!(notes.saw("call").is_empty());
    assert!(
        decisions(&heard).is_empty(),
        "there was nothing to decide on"
    );
}

#[test]
fn a_deny_list_is_kept_when_the_session_goes_on_and_when_it_forks() {
    let echo = || Answer::call("notes__echo", json!({ "text": "x" }));
    let (mut talk, notes) = Talk::saying([]);
    let mut first = None;
    let runs: [&[&str]; 4] = [
        &["--deny", "notes__echo", "one: echo x"],
        &["--continue", "two: echo x"],
        &["--resume", "last", "three: echo x"],
        &["--fork", "last", "four: echo x"],
    ];
    for arguments in runs {
        talk.model.push(echo());
        talk.model.push(Answer::say("done"));
        let heard = talk.ask(arguments).ended("answered");
        let first = first.get_or_insert_with(|| heard.session.clone());
        assert_eq!(
            *first == heard.session,
            arguments[0] != "--fork",
            "{arguments:?}"
        );
        assert!(
            !heard.offered(0).iter().any(|name| name == "notes__echo"),
            "{arguments:?}"
        );
        assert_eq!(heard.finished()[0].0, "not-started", "{arguments:?}");
        let results = heard.results(1);
        let last = results.last().expect("a result");
        assert!(
            last.starts_with("unknown tool `notes__echo`"),
            "{arguments:?}: {last}"
        );
    }
    assert!(notes.saw("call").is_empty());
    // Another session is free of it.
    talk.model.push(echo());
    talk.model.push(Answer::say("done"));
    let heard = talk.ask(&["five: echo x"]).ended("answered");
    assert_eq!(heard.finished(), [("completed", "x")]);
}

#[test]
fn auto_frees_what_the_profile_allows_and_a_mode_is_kept() {
    let profile = "profile = \"p\"\n[profiles.p]\nallow = [\"notes__write_note\"]\n";
    let mut talk = Talk::new(Setup::new(Dialect::LlamaCpp).queue([
        write("a"),
        Answer::say("done"),
        write("b"),
        Answer::say("done"),
    ]));
    let notes = talk.notes(profile);
    talk.ask(&["--profile", "p", "--mode", "auto", "write a"])
        .ended("answered");
    let heard = talk.ask(&["--continue", "write b"]).ended("answered");
    assert_eq!(heard.finished()[0].0, "completed", "{:?}", heard.finished());
    assert_eq!(notes.saw("call").len(), 2);
}
