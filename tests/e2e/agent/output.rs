//! One request: what is printed where, in each format, and what is read from stdin.

use serde_json::{Value, json};
use toolpool::event::{What, schema};
use toolpool_tests::model::{Answer, Conversation, Dialect, Fail, Faults, Setup};

use super::Talk;

fn echo() -> [Answer; 2] {
    [
        Answer::say("I try. ").and_call("notes__echo", json!({ "text": "pong" })),
        Answer::say("It said pong."),
    ]
}

#[test]
fn text_is_the_answer_and_nothing_else() {
    let (talk, notes) = Talk::saying(echo());
    let run = talk.run(&["say ping"]).ok();
    assert_eq!(run.stdout, "It said pong.\n", "{}", run.snapshot());
    assert!(run.stderr.contains("notes__echo"), "{}", run.snapshot());
    assert_eq!(notes.saw("call").len(), 1);
}

#[test]
fn json_is_one_object_at_the_end() {
    for flags in [&["--output-format", "json"][..], &["--json"]] {
        let (talk, _notes) = Talk::saying(echo());
        let mut arguments = vec!["say ping"];
        arguments.extend(flags);
        let mut said = talk.run(&arguments).ok().json();
        assert!(said["usage"]["prompt"].as_u64() > Some(500), "{said:#}");
        assert!(said["calls"][0]["call"].is_string() && said["session"].is_string());
        for key in ["usage", "session"] {
            said[key] = Value::Null;
        }
        for key in ["call", "elapsed_ms"] {
            said["calls"][0][key] = Value::Null;
        }
        let wanted = json!({
            "session": null, "model": "scripted", "answer": "It said pong.", "how": "answered", "note": null,
            "calls": [{ "call": null, "name": "notes__echo", "arguments": { "text": "pong" }, "state": "completed",
                "elapsed_ms": null }],
            "usage": null, "warnings": [],
        });
        assert_eq!(said, wanted);
    }
}

#[test]
fn stream_json_tells_all_from_the_session_to_the_end() {
    let (mut talk, notes) = Talk::saying(echo());
    let heard = talk.ask(&["say ping"]).ended("answered");
    let durable = heard.events.iter().filter(|event| event.passing == 0);
    let kinds: Vec<String> = durable
        .map(|event| {
            serde_json::to_value(event).expect("an event")["type"]
                .as_str()
                .expect("a name")
                .to_owned()
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "session",
            "user",
            "pool_changed",
            "budget",
            "reply",
            "call_proposed",
            "cache_read",
            "call_approved",
            "call_running",
            "call_finished",
            "budget",
            "reply",
            "cache_read",
            "turn_end",
        ]
    );
    let inside = heard
        .events
        .iter()
        .filter(|event| !matches!(event.what, What::Session { .. }));
    assert!(
        inside.clone().all(|event| event.turn == 1),
        "the turn is on each"
    );
    let streamed: String = inside
        .filter_map(|event| match &event.what {
            What::Text { text } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(streamed.trim_end(), "I try. It said pong.");
    assert_eq!(heard.finished(), [("completed", "pong")]);
    assert_eq!(heard.results(1), ["pong"]);
    assert_eq!(notes.saw("call").len(), 1);
}

#[test]
fn the_schema_that_is_printed_is_the_one_that_holds() {
    let (talk, _notes) = Talk::saying([]);
    assert_eq!(talk.env.run(["log", "--schema"]).ok().json(), schema());
}

#[test]
fn stdin_is_the_request_or_stands_behind_it() {
    for (request, piped, wanted) in [
        (None, "do this\n", "do this"),
        (
            Some("sum it up"),
            "a\nb\n",
            "sum it up\n\n<stdin>\na\nb\n</stdin>",
        ),
        (Some("alone"), "", "alone"),
    ] {
        let (talk, _notes) = Talk::saying([Answer::say("done")]);
        let mut arguments = talk.arguments(&[]);
        arguments.extend(request);
        let run = talk.env.run_with_input(arguments, piped).ok();
        assert_eq!(run.stdout, "done\n");
        let asked = Conversation::read(&talk.model.chats()[0].body);
        assert_eq!(asked.user().expect("words").text, wanted);
    }
}

#[test]
fn exit_codes_say_how_it_ended() {
    let fail = Faults {
        fail: Some(Fail {
            status: 422,
            times: 0,
            message: "out of luck".into(),
        }),
        ..Faults::default()
    };
    let (talk, _notes) = Talk::saying([Answer::say("never").with(fail)]);
    let run = talk.run(&["hello"]).failed_with(1);
    assert!(
        run.stdout.is_empty() && run.stderr.contains("out of luck"),
        "{}",
        run.snapshot()
    );
    // Said by a flag and not there: a script that wants an answer gets no pool.
    for wrong in [
        &["--endpoint", "http://127.0.0.1:9", "hello"][..],
        &["--set", "model.places=[]", "--model", "none", "hello"],
        &[
            "--set",
            "model.places=[]",
            "--output-format",
            "json",
            "hello",
        ],
    ] {
        let run = talk.env.run(wrong);
        assert!(
            [1, 2].contains(&run.code()) && run.stdout.is_empty(),
            "{}",
            run.snapshot()
        );
        assert!(run.stderr.contains("hint: "), "{}", run.snapshot());
    }
    talk.run(&["--output-format", "stream-json", " "])
        .failed_with(2);
    talk.run(&["--mode", "free", "hello"]).failed_with(2);
}

#[test]
fn without_a_model_there_is_a_pool_and_how_to_get_one() {
    let talk = Talk::new(Setup::new(Dialect::OpenAi));
    let _notes = talk.notes("");
    let run = talk
        .env
        .run(["--set", "model.places=[]", "read a note"])
        .ok();
    assert!(
        run.stdout.contains("notes__read_note"),
        "{}",
        run.snapshot()
    );
    assert!(run.stderr.contains("ollama serve"), "{}", run.snapshot());
}
