//! What models and their servers do wrong: each fault by itself, in the middle of a turn that goes on or ends in words.

use serde_json::{Value, json};
use toolpool::event::What;
use toolpool_tests::model::{Answer, Dialect, Fail, Faults, Notation, Setup};

use super::Talk;

/// A turn whose first answer goes wrong and whose second would be fine.
struct Row {
    name: &'static str,
    dialect: Dialect,
    first: Answer,
    set: &'static str,
    how: &'static str,
    /// Found in what the person is told.
    tells: &'static [&'static str],
    /// Found in what the model is told of the call, if it made one.
    result: Option<(&'static str, &'static str)>,
    /// Requests for a reply that were sent, tries again among them.
    requests: usize,
}

impl Row {
    fn new(name: &'static str, first: Answer, faults: Faults) -> Row {
        Row {
            name,
            dialect: Dialect::LlamaCpp,
            first: first.with(faults),
            set: "agent.steps_max=9",
            how: "answered",
            tells: &[],
            result: None,
            requests: 2,
        }
    }
}

fn echo(arguments: Value) -> Answer {
    Answer::call("notes__echo", arguments)
}

fn none() -> Faults {
    Faults::default()
}

fn fail(status: u16, times: u32) -> Faults {
    Faults {
        fail: Some(Fail {
            status,
            times,
            message: "out of luck".into(),
        }),
        ..Faults::default()
    }
}

#[track_caller]
fn check(row: Row) {
    let name = row.name;
    let mut talk =
        Talk::new(Setup::new(row.dialect).queue([row.first, Answer::say("all is well")]));
    let _notes = talk.notes("");
    let heard = talk.ask(&["--set", row.set, "hello there"]).ended(row.how);
    for words in row.tells {
        assert!(
            heard.told().contains(words),
            "{name}: `{words}` in {}",
            heard.told()
        );
    }
    let ended = heard.finished();
    match row.result {
        None => assert!(ended.is_empty(), "{name}: {ended:?}"),
        Some((state, words)) => {
            assert_eq!(ended.len(), 1, "{name}: {ended:?}");
            assert_eq!(ended[0].0, state, "{name}");
            assert!(ended[0].1.contains(words), "{name}: {}", ended[0].1);
        }
    }
    assert_eq!(heard.requests.len(), row.requests, "{name}");
    // Whatever it was, the session can be gone on with.
    talk.model.push(Answer::say("all is well"));
    talk.ask(&["--continue", "and now?"]).ended("answered");
}

#[test]
fn arguments_that_are_no_json_are_repaired_or_refused() {
    for (name, raw, tells, result) in [
        (
            "slips",
            "{'text': 'x',}",
            &["repaired"][..],
            ("completed", "x"),
        ),
        (
            "open",
            "{\"text\": \"x\"",
            &["repaired"],
            ("completed", "x"),
        ),
        (
            "prose",
            "please say x",
            &[],
            ("not-started", "not a JSON object"),
        ),
        (
            "a list",
            "[1, 2]",
            &[],
            ("not-started", "not a JSON object"),
        ),
    ] {
        check(Row {
            tells,
            result: Some(result),
            ..Row::new(name, echo(json!(raw)), none())
        });
    }
}

#[test]
fn calls_that_leaked_are_made_in_every_notation() {
    for notation in Notation::ALL {
        for dialect in [Dialect::LlamaCpp, Dialect::Ollama, Dialect::OpenAi] {
            let leak = Faults {
                leak: Some(notation),
                ..none()
            };
            check(Row {
                dialect,
                tells: &["found in the text"],
                result: Some(("completed", "x")),
                ..Row::new("leaked", echo(json!({ "text": "x" })), leak)
            });
        }
    }
}

#[test]
fn what_passes_is_tried_again_and_what_does_not_ends_in_words() {
    check(Row::new("500, then good", Answer::say("late"), fail(500, 1)).only());
    check(Row {
        how: "failed",
        tells: &["out of luck"],
        requests: 1,
        ..Row::new("422", Answer::say("never"), fail(422, 1))
    });
    let loading = Faults {
        loading: 1,
        ..none()
    };
    check(Row::new("loading", Answer::say("late"), loading).only());
    let parse_failure = Faults {
        parse_failure: true,
        ..none()
    };
    check(Row {
        how: "failed",
        tells: &["parse"],
        requests: 1,
        ..Row::new("unparsable", echo(json!({ "text": "x" })), parse_failure)
    });
}

impl Row {
    /// The first answer comes at the second try, and is the only one.
    fn only(self) -> Row {
        Row {
            requests: 2,
            ..self
        }
    }
}

#[test]
fn a_try_again_is_told() {
    let (mut talk, _notes) = Talk::saying([Answer::say("late").with(fail(503, 2))]);
    let heard = talk.ask(&["hello"]).ended("answered");
    let tries = heard
        .events
        .iter()
        .filter(|event| matches!(event.what, What::Retrying { .. }));
    assert_eq!(tries.count(), 2);
    assert_eq!((heard.answer(), heard.requests.len()), ("late", 3));
}

#[test]
fn replies_that_break_off() {
    let cut = |after| Faults {
        cut_after: Some(after),
        ..none()
    };
    let stall = |after| Faults {
        stall_after: Some(after),
        ..none()
    };
    let length = || Faults {
        finish: Some("length".into()),
        ..none()
    };
    check(Row {
        tells: &["connection ended"],
        requests: 1,
        ..Row::new("cut in the text", Answer::say("one two three four"), cut(2))
    });
    // Half a call is no call: what is missing can't be known.
    check(Row {
        result: Some(("not-started", "not a JSON object")),
        ..Row::new(
            "cut in a call",
            echo(json!({ "text": "a long text of many words" })),
            cut(3),
        )
    });
    check(Row {
        set: "model.silence_s=1",
        how: "failed",
        tells: &["silen"],
        requests: 1,
        ..Row::new("stalled", Answer::say("one two three four"), stall(2))
    });
    check(Row {
        tells: &["room was used up"],
        requests: 1,
        ..Row::new("length", Answer::say("one two"), length())
    });
    check(Row {
        how: "failed",
        tells: &["before the model said anything"],
        requests: 1,
        ..Row::new("length of nothing", Answer::say(""), length())
    });
    // Small models do that once.
    check(Row::new("nothing", Answer::say(""), none()));
}
