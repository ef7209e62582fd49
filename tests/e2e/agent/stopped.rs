//! Stopped in the middle: by Ctrl-C, by a kill, by another process that wants the same session.

use std::fs::{self, File};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::json;
use toolpool_tests::model::{Answer, Conversation, Dialect, Faults, Setup};
use toolpool_tests::processes;
use toolpool_tests::server::wait_until;

use super::Talk;

const SOON: Duration = Duration::from_secs(60);

/// Says two words and then nothing for ever.
fn stalled() -> Answer {
    Answer::say("I begin and stop").with(Faults {
        stall_after: Some(2),
        ..Faults::default()
    })
}

/// Starts a request whose model stalls, and waits until its first words have come: a model that is only just asked has not
/// used up its answer yet.
fn until_stalled(talk: &Talk, arguments: &[&str]) -> Child {
    let printed = talk.env.path("tmp/printed.jsonl");
    let mut command = talk.env.hub(talk.arguments(arguments));
    command.args(["--output-format", "stream-json"]);
    command.stdout(File::create(&printed).expect("the world is writable"));
    let child = command
        .stderr(Stdio::null())
        .spawn()
        .expect("the hub can be started");
    wait_until("the model's first words", SOON, || {
        let printed = fs::read_to_string(&printed).ok()?;
        printed.contains(r#""type":"text""#).then_some(())
    });
    child
}

#[track_caller]
fn code_of(mut child: Child) -> Option<i32> {
    let ended = wait_until("the hub to end", SOON, || child.try_wait().ok().flatten());
    ended.code()
}

#[test]
fn ctrl_c_while_the_model_is_silent_leaves_a_session_that_goes_on() {
    for dialect in [Dialect::LlamaCpp, Dialect::Ollama, Dialect::OpenAi] {
        let mut talk =
            Talk::new(Setup::new(dialect).queue([stalled(), Answer::say("all is well")]));
        let _notes = talk.notes("");
        let child = until_stalled(&talk, &["count the herons"]);
        processes::interrupt(child.id());
        assert_eq!(code_of(child), Some(130), "{dialect:?}");
        wait_until("the slot to be free", SOON, || {
            (!talk.model.is_busy()).then_some(())
        });
        let shown = talk
            .env
            .run(["sessions", "show", "last", "--json"])
            .ok()
            .json();
        assert_eq!(shown["turns"][0]["end"], "cancelled", "{shown:#}");
        assert_eq!(shown["turns"][0]["user"], "count the herons");
        talk.seen = talk.model.chats().len();
        let heard = talk.ask(&["--continue", "go on"]).ended("answered");
        let asked = Conversation::read(&heard.requests[0].body);
        let words: Vec<_> = asked
            .messages
            .iter()
            .filter(|said| said.role == "user")
            .collect();
        assert_eq!(words[0].text, "count the herons", "{dialect:?}");
        assert!(words.last().is_some_and(|said| said.text == "go on"));
    }
}

#[test]
fn ctrl_c_while_a_tool_runs_leaves_every_call_with_an_answer() {
    let (mut talk, notes) = Talk::saying([
        Answer::call("notes__slow", json!({ "ms": 600_000 }))
            .and_call("notes__echo", json!({ "text": "x" })),
        Answer::say("all is well"),
    ]);
    let mut command = talk.env.hub(talk.arguments(&["wait for it"]));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().expect("the hub can be started");
    notes.wait_for("call", 1, SOON);
    processes::interrupt(child.id());
    assert_eq!(code_of(child), Some(130));
    talk.seen = talk.model.chats().len();
    let heard = talk
        .ask(&["--continue", "what came of it?"])
        .ended("answered");
    let results = heard.results(0);
    assert_eq!(results.len(), 2, "{results:?}");
    assert!(results[1].contains("not called"), "{results:?}");
    assert_eq!(notes.saw("call").len(), 1, "nothing was sent again");
}

#[test]
fn a_kill_while_the_model_is_silent_loses_no_word() {
    let (mut talk, _notes) = Talk::saying([stalled(), Answer::say("all is well")]);
    let mut child = until_stalled(&talk, &["count the herons"]);
    child.kill().expect("it is there");
    child.wait().expect("it ends");
    let shown = talk
        .env
        .run(["sessions", "show", "last", "--json"])
        .ok()
        .json();
    assert_eq!(shown["turns"][0]["user"], "count the herons", "{shown:#}");
    assert_eq!(shown["session"]["open_turn"], 1);
    wait_until("the slot to be free", SOON, || {
        (!talk.model.is_busy()).then_some(())
    });
    talk.seen = talk.model.chats().len();
    // Without more words the turn that was interrupted goes on.
    let heard = talk.ask(&["--resume", "last"]).ended("answered");
    assert_eq!(heard.answer(), "all is well");
    let asked = Conversation::read(&heard.requests[0].body);
    assert_eq!(asked.user().expect("words").text, "count the herons");
    let run = talk.run(&["--resume", "last"]).failed_with(2);
    assert!(
        run.stderr.contains("no interrupted turn"),
        "{}",
        run.snapshot()
    );
}

#[test]
fn a_session_has_one_process_at_a_time() {
    let (mut talk, _notes) = Talk::saying([stalled(), Answer::say("another"), Answer::say("more")]);
    let child = until_stalled(&talk, &["count the herons"]);
    for flag in ["--continue", "--resume=last"] {
        let run = talk.run(&[flag, "me too"]).failed_with(1);
        assert!(run.stderr.contains("is in use"), "{}", run.snapshot());
        assert!(
            run.stderr.contains(&child.id().to_string()),
            "it says by whom\n{}",
            run.snapshot()
        );
    }
    let run = talk.env.run(["sessions", "delete", "last"]).failed_with(1);
    assert!(run.stderr.contains("is in use"), "{}", run.snapshot());
    // To look at it, and to begin another one, is free.
    talk.env.run(["sessions", "show", "last"]).ok();
    let session = talk.store().find("last").expect("there is one");
    talk.seen = talk.model.chats().len();
    let heard = talk.ask(&["something else"]).ended("answered");
    assert_ne!(heard.session, session);
    processes::interrupt(child.id());
    assert_eq!(code_of(child), Some(130));
    let heard = talk.ask(&["--resume", &session, "go on"]).ended("answered");
    assert_eq!(heard.answer(), "more");
}
