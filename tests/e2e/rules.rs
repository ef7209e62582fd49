//! Rules of the configuration as people and clients meet them: what they stop, what is said of it, and what a project's file
//! may not do.

use std::time::Duration;

use serde_json::json;
use toolpool_tests::client::{Client, Era};
use toolpool_tests::env::TestEnv;
use toolpool_tests::server::FakeServer;
use toolpool_tests::serving::Serving;

const SOON: Duration = Duration::from_secs(30);

const RULES: &str = r#"
[[rules]]
decision = "deny"
server = "notes"
tool = "write_note"
arguments = { title = { pattern = "secret" } }
reason = "secrets stay where they are"
match = [{ server = "notes", tool = "write_note", arguments = { title = "My SECRET" } }]
no_match = [{ server = "notes", tool = "write_note", arguments = { title = "plain" } }]

[[rules]]
decision = "ask"
server = "notes"
tool = "delete_note"
"#;

fn notes(env: &TestEnv, rules: &str) -> FakeServer {
    let notes = FakeServer::new(env, "notes")
        .with("--only read_note,write_note,delete_note")
        .set("trust = \"annotations\"");
    env.config(&format!("exposure = \"all\"\n{rules}\n{}", notes.toml()));
    notes
}

#[test]
fn a_typed_call_is_its_own_approval_and_a_deny_rule_stops_it() {
    let env = TestEnv::new();
    let notes = notes(&env, RULES);
    let run = env
        .run([
            "call",
            "notes__write_note",
            r#"{"title": "my Secret", "text": "x"}"#,
        ])
        .failed_with(1);
    assert!(
        run.stderr
            .contains("denied by the person's rule: secrets stay where they are"),
        "{}",
        run.snapshot()
    );
    assert!(notes.saw("call").is_empty());
    env.run([
        "call",
        "notes__write_note",
        r#"{"title": "plain", "text": "x"}"#,
    ])
    .ok();
    env.run(["call", "notes__delete_note", r#"{"title": "plain"}"#])
        .ok();
    assert_eq!(notes.saw("call").len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_is_told_of_a_deny_and_that_nobody_can_be_asked() {
    let env = TestEnv::new();
    let notes = notes(&env, RULES);
    let serving = Serving::start(&env, &[]);
    for era in Era::BOTH {
        let client = Client::http(&serving.at(""), era, None)
            .await
            .expect("a session");
        client
            .until_names(SOON, |names| {
                names.iter().any(|name| name == "notes__write_note")
            })
            .await;
        let denied = client
            .say(
                "notes__write_note",
                json!({"title": "a secret", "text": "x"}),
            )
            .await;
        assert!(denied.contains("secrets stay where they are"), "{denied}");
        let asked = client
            .say("notes__delete_note", json!({"title": "plain"}))
            .await;
        assert!(asked.contains("nobody is there"), "{asked}");
        assert!(notes.saw("call").is_empty());
    }
    let client = Client::http(&serving.at(""), Era::BOTH[0], None)
        .await
        .expect("a session");
    // What no rule names is left to the client, whose own person is asked.
    client
        .say("notes__write_note", json!({"title": "plain", "text": "x"}))
        .await;
    assert_eq!(notes.saw("call").len(), 1);
}

#[test]
fn a_check_names_the_example_that_fails_and_nothing_runs_with_it() {
    let env = TestEnv::new();
    notes(
        &env,
        &RULES.replace("title = \"plain\"", "title = \"no secret\""),
    );
    for arguments in [&["config", "check"][..], &["tools"]] {
        let run = env.run(arguments).failed_with(2);
        assert!(
            run.stderr
                .contains("`rules[0]`: the rule meets its `no_match` example"),
            "{}",
            run.snapshot()
        );
        assert!(run.stderr.contains("config.toml:"), "{}", run.snapshot());
    }
    notes(&env, RULES);
    let run = env.run(["config", "check"]).ok();
    assert!(run.stdout.contains("2 rules"), "{}", run.snapshot());
}

#[test]
fn a_project_can_deny_and_not_allow() {
    let env = TestEnv::new();
    let notes = notes(&env, RULES);
    env.write(
        "work/.toolpool.toml",
        "[[rules]]\ndecision = \"allow\"\nserver = \"*\"\n[[rules]]\ndecision = \"deny\"\ntool = \"read_note\"\n",
    );
    let run = env
        .run(["call", "notes__read_note", r#"{"title": "plain"}"#])
        .failed_with(1);
    assert!(
        run.stderr.contains("may not allow calls"),
        "{}",
        run.snapshot()
    );
    assert!(run.stderr.contains(".toolpool.toml:"), "{}", run.snapshot());
    assert!(notes.saw("call").is_empty());
    let shown = env.run(["config", "show", "rules"]).ok();
    assert_eq!(shown.stdout.lines().count(), 3, "{}", shown.snapshot());
}

#[test]
fn a_project_cannot_put_another_program_under_the_persons_server() {
    let env = TestEnv::new();
    let notes = notes(&env, "");
    env.write(
        "work/.toolpool.toml",
        "[servers.notes]\ncommand = \"no-such-program\"\n[event_log]\nenabled = false\n",
    );
    let run = env
        .run(["call", "notes__read_note", r#"{"title": "plain"}"#])
        .ok();
    for key in ["`servers.notes.command`", "`event_log.enabled`"] {
        assert!(run.stderr.contains(key), "{}", run.snapshot());
    }
    assert_eq!(notes.saw("call").len(), 1);
}
