//! Sessions: kept before anything else happens, listed, shown, gone on with, held by one process, and without secrets.

use std::fs;
use std::path::Path;

use serde_json::json;
use toolpool_tests::env::TestEnv;
use toolpool_tests::model::{Answer, Conversation, Dialect, Setup};
use toolpool_tests::server::FakeServer;

use super::{Talk, messages};

/// Every file below a folder, its bytes as text.
fn files(folder: &Path, into: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, into);
        } else if let Ok(bytes) = fs::read(&path) {
            into.push((
                path.display().to_string(),
                String::from_utf8_lossy(&bytes).into_owned(),
            ));
        }
    }
}

fn below(folder: &Path) -> Vec<(String, String)> {
    let mut all = Vec::new();
    files(folder, &mut all);
    all
}

#[test]
fn the_persons_words_are_kept_before_the_model_says_anything() {
    let env = TestEnv::new();
    let state = env.path("state");
    let setup = Setup::new(Dialect::Ollama).by(move |asked| {
        let words = asked.user().map_or(String::new(), |said| said.text.clone());
        let kept = below(&state)
            .iter()
            .any(|(path, text)| path.contains("sessions") && text.contains(&words));
        Answer::say(if kept { "kept" } else { "lost" })
    });
    let mut talk = Talk::within(env, setup);
    for (arguments, words) in [
        (&[][..], "the first heron"),
        (&["--continue"], "the second crane"),
    ] {
        let mut all = arguments.to_vec();
        all.push(words);
        let heard = talk.ask(&all).ended("answered");
        assert_eq!(heard.answer(), "kept", "{words}");
    }
}

#[test]
fn sessions_are_listed_shown_exported_and_deleted() {
    let (mut talk, _notes) = Talk::saying([
        Answer::say("I try. ").and_call("notes__echo", json!({ "text": "pong" })),
        Answer::say("It said pong."),
        Answer::say("another"),
    ]);
    let none = talk.env.run(["sessions", "list", "--json"]).ok().json();
    assert_eq!(none, json!({ "sessions": [] }));
    let first = talk.ask(&["say ping"]).ended("answered").session;
    let second = talk.ask(&["say more"]).ended("answered").session;

    let listed = talk.env.run(["sessions", "list", "--json"]).ok().json();
    let ids: Vec<_> = listed["sessions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["id"])
        .collect();
    assert_eq!(ids, [&json!(second), &json!(first)], "the newest first");
    assert_eq!(listed["sessions"][1]["first_words"], "say ping");
    assert_eq!(
        (
            &listed["sessions"][1]["turns"],
            &listed["sessions"][1]["model"]
        ),
        (&json!(1), &json!("scripted"))
    );
    let list = talk.env.run(["sessions", "list"]).ok();
    assert!(
        list.stdout.contains("say ping") && list.stdout.contains("say more"),
        "{}",
        list.snapshot()
    );

    let shown = talk
        .env
        .run(["sessions", "show", &first, "--json"])
        .ok()
        .json();
    let turn = &shown["turns"][0];
    assert_eq!(
        (&turn["user"], &turn["end"]),
        (&json!("say ping"), &json!("answered"))
    );
    assert_eq!(turn["steps"][0]["calls"][0]["text"], "pong");
    assert_eq!(turn["steps"][1]["text"], "It said pong.");
    let text = talk.env.run(["sessions", "show", &first]).ok();
    for word in ["say ping", "notes__echo", "It said pong."] {
        assert!(text.stdout.contains(word), "`{word}`\n{}", text.snapshot());
    }

    let lines = talk.env.run(["sessions", "export", &first]).ok().stdout;
    assert_eq!(
        lines.lines().count(),
        talk.store().read(&first).expect("it is there").0.len()
    );
    let markdown = talk
        .env
        .run(["sessions", "export", &first, "--format", "markdown"])
        .ok();
    assert!(
        markdown.stdout.contains("say ping") && markdown.stdout.contains("pong"),
        "{}",
        markdown.snapshot()
    );

    talk.env.run(["sessions", "delete", &first]).ok();
    let run = talk.env.run(["sessions", "show", &first]).failed_with(2);
    assert!(
        run.stderr.contains("there is no session"),
        "{}",
        run.snapshot()
    );
    talk.run(&["--resume", &first, "hello"]).failed_with(2);
}

#[test]
fn going_on_without_a_session_is_a_clear_error() {
    let (talk, _notes) = Talk::saying([Answer::say("never")]);
    let run = talk.run(&["--continue", "go on"]);
    assert_ne!(run.code(), 0);
    assert!(
        run.stderr.contains("there is no session of the folder"),
        "{}",
        run.snapshot()
    );
    assert!(
        run.stdout.is_empty() && talk.model.chats().is_empty(),
        "{}",
        run.snapshot()
    );
    let run = talk.run(&["--resume", "nothing", "go on"]).failed_with(2);
    assert!(
        run.stderr.contains("there is no session `nothing`"),
        "{}",
        run.snapshot()
    );
}

#[test]
fn a_session_goes_on_and_forks_from_a_turn() {
    let (mut talk, _notes) = Talk::saying((1..=4).map(|at| Answer::say(&format!("answer {at}"))));
    let first = talk.ask(&["one"]).ended("answered").session;
    talk.ask(&["--continue", "two"]).ended("answered");
    let heard = talk.ask(&["--resume", &first, "three"]).ended("answered");
    assert_eq!(heard.session, first);
    let texts = |request: &toolpool_tests::model::Recorded| -> Vec<String> {
        let asked = Conversation::read(&request.body);
        asked.messages[1..]
            .iter()
            .map(|said| said.text.clone())
            .collect()
    };
    assert_eq!(
        texts(&heard.requests[0]),
        ["one", "answer 1", "two", "answer 2", "three"]
    );
    let fork = format!("{first}:1");
    let heard = talk
        .ask(&["--fork", &fork, "another two"])
        .ended("answered");
    assert_ne!(heard.session, first);
    assert_eq!(
        texts(&heard.requests[0]),
        ["one", "answer 1", "another two"]
    );
    // The front is the same bytes in each of them, so a server finds all of it in its cache.
    let systems: Vec<_> = talk
        .model
        .chats()
        .iter()
        .map(|request| messages(request)[0].to_string())
        .collect();
    assert!(systems.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_secret_that_a_tool_tells_is_nowhere() {
    const SECRET: &str = "open-sesame-4711";
    let mut env = TestEnv::new();
    env.set("CELLAR_KEY", SECRET);
    let ask = Answer::call("cellar__environment", json!({ "name": "KEY" }))
        .and_call("cellar__echo", json!({ "text": "quite plain" }));
    let mut talk = Talk::within(
        env,
        Setup::new(Dialect::LlamaCpp).queue([ask, Answer::say("done")]),
    );
    let cellar = FakeServer::new(&talk.env, "cellar")
        .with("--only environment,echo")
        .set("trust = \"annotations\"")
        .set("env = { KEY = \"${CELLAR_KEY}\" }");
    talk.env
        .servers("[event_log]\ncontent = true\n", &[&cellar]);
    let heard = talk.ask(&["tell me the key"]).ended("answered");
    let results = heard.results(1);
    assert!(
        !results[0].is_empty() && results[1] == "quite plain",
        "{results:?}"
    );
    assert_ne!(results[0], "(unset)", "the server has it");
    assert!(!heard.run.stdout.contains(SECRET) && !heard.run.stderr.contains(SECRET));
    for request in talk.model.requests() {
        assert!(
            !String::from_utf8_lossy(&request.raw).contains(SECRET),
            "{}",
            request.path
        );
    }
    let kept = below(&talk.env.path("state"));
    assert!(
        kept.iter().any(|(_, text)| text.contains("quite plain")),
        "there is something to look at"
    );
    for (path, text) in kept {
        assert!(!text.contains(SECRET), "{path}");
    }
    for command in [
        &["sessions", "show", "last"][..],
        &["sessions", "export", "last"],
        &["log"],
    ] {
        assert!(
            !talk.env.run(command).ok().stdout.contains(SECRET),
            "{command:?}"
        );
    }
}

#[test]
fn the_event_log_knows_of_the_session() {
    let (mut talk, _notes) = Talk::saying([
        Answer::call("notes__echo", json!({ "text": "pong" })),
        Answer::say("done"),
        Answer::say("more"),
    ]);
    talk.ask(&["say ping"]).ended("answered");
    let session = talk.ask(&["--continue", "more"]).ended("answered").session;
    let run = talk.env.run(["log", "--session", &session, "--json"]).ok();
    let records: Vec<serde_json::Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"))
        .collect();
    let text = |category: &str| -> String {
        let of = records
            .iter()
            .filter(|record| record["category"] == category);
        of.map(ToString::to_string).collect()
    };
    for (category, word) in [
        ("context", "began"),
        ("recovery", "opened"),
        ("pool", "notes__echo"),
        ("permission", "notes__echo"),
        ("tool", "notes__echo"),
        ("cache", "predicted"),
        ("model", "counted"),
    ] {
        assert!(
            text(category).contains(word),
            "{category}: `{word}` in\n{}",
            run.stdout
        );
    }
}
