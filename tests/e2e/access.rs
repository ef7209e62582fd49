//! Who may see and call what: deny lists, profiles and tokens, and what wins over what.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use toolpool_tests::client::{Client, Era};
use toolpool_tests::env::TestEnv;
use toolpool_tests::raw;
use toolpool_tests::server::FakeServer;
use toolpool_tests::serving::{Serving, Session, Way};

const SOON: Duration = Duration::from_secs(30);
/// Three tools with their effects in the name: what the lists below are about.
const NOTES: &str = "--only read_note,write_note,delete_note";

fn notes(env: &TestEnv, top: &str, rest: &str) -> (FakeServer, FakeServer) {
    let notes = FakeServer::new(env, "notes")
        .with(NOTES)
        .set("trust = \"annotations\"");
    let other = FakeServer::new(env, "other")
        .with("--only echo,delete_note")
        .set("trust = \"annotations\"");
    let tables = format!("{}{}", notes.toml(), other.toml());
    env.config(&format!(
        "exposure = \"all\"\n{top}\n[servers.workspace]\nenabled = false\n{tables}\n{rest}"
    ));
    (notes, other)
}

const ALL: [&str; 5] = [
    "notes__delete_note",
    "notes__read_note",
    "notes__write_note",
    "other__delete_note",
    "other__echo",
];

fn without(gone: &[&str]) -> BTreeSet<String> {
    ALL.iter()
        .filter(|name| !gone.contains(name))
        .map(|name| (*name).to_owned())
        .collect()
}

async fn listed(client: &Client, wanted: &BTreeSet<String>) {
    client
        .until_names(SOON, |names| {
            names.iter().cloned().collect::<BTreeSet<_>>() == *wanted
        })
        .await;
}

const PROFILES: &str = r#"
[profiles.reader]
deny = ["effect:mutating", "effect:destructive", "effect:idempotent"]
[profiles.notes]
servers = ["notes"]
[profiles.narrow]
allow = ["notes__*"]
deny = ["notes__delete_*"]
[profiles.greedy]
allow = ["*"]
deny = []
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_profile_sees_its_own_and_deny_always_wins() {
    let env = TestEnv::new();
    notes(&env, "deny = [\"other__delete_note\"]", PROFILES);
    let serving = Serving::start(&env, &[]);
    let denied = "other__delete_note";
    let rows: [(&str, &[&str]); 9] = [
        ("", &[denied]),
        ("/greedy", &[denied]),
        (
            "/reader",
            &[denied, "notes__write_note", "notes__delete_note"],
        ),
        ("/notes", &[denied, "other__echo"]),
        ("/narrow", &[denied, "other__echo", "notes__delete_note"]),
        ("?deny=notes__write_note", &[denied, "notes__write_note"]),
        (
            "/greedy?deny=server:notes",
            &[
                denied,
                "notes__read_note",
                "notes__write_note",
                "notes__delete_note",
            ],
        ),
        (
            "/notes?deny=effect:destructive&deny=*__read_note",
            &[
                denied,
                "other__echo",
                "notes__delete_note",
                "notes__read_note",
            ],
        ),
        ("?deny=NOTES__Write_Note", &[denied, "notes__write_note"]),
    ];
    for (rest, gone) in rows {
        let wanted = without(gone);
        for era in Era::BOTH {
            let client = Client::http(&serving.at(rest), era, None)
                .await
                .expect("a session");
            listed(&client, &wanted).await;
            for name in gone {
                let said = client.say(name, json!({"title": "x"})).await;
                assert!(
                    said.contains("unknown tool"),
                    "{rest} {era:?} {name}: {said}"
                );
            }
            for name in &wanted {
                let said = client.say(name, json!({"title": "x", "text": "y"})).await;
                assert!(
                    !said.contains("unknown tool"),
                    "{rest} {era:?} {name}: {said}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flags_narrow_a_session_on_stdio() {
    let env = TestEnv::new();
    notes(&env, "", PROFILES);
    let rows: [(&[&str], &[&str]); 4] = [
        (&[], &[]),
        (
            &["--profile", "notes"],
            &["other__echo", "other__delete_note"],
        ),
        (
            &["--deny", "effect:destructive"],
            &["notes__delete_note", "other__delete_note"],
        ),
        (
            &["--profile", "notes", "--deny", "notes__w*"],
            &["other__echo", "other__delete_note", "notes__write_note"],
        ),
    ];
    for (flags, gone) in rows {
        let Session {
            client,
            serving: _serving,
        } = Session::open(&env, (Way::Stdio, Era::Legacy), flags).await;
        listed(&client, &without(gone)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_profile_fails_closed() {
    let env = TestEnv::new();
    notes(&env, "", PROFILES);
    let run = env
        .run_with_input(["serve", "--stdio", "--profile", "nobody"], "")
        .failed_with(2);
    assert!(run.stderr.contains("nobody"), "{}", run.snapshot());
    let serving = Serving::start(&env, &[]);
    let response = raw::ask(&serving.at("/nobody"), "tools/list", json!({})).await;
    assert!((400..500).contains(&response.status), "{response:?}");
    assert!(!response.body.contains("read_note"), "{response:?}");
    for rest in ["?deny=effect:nonsense", "?denny=notes__*", "?deny=%ff"] {
        let response = raw::ask(&serving.at(rest), "tools/list", json!({})).await;
        assert_eq!(response.status, 400, "{rest}: {response:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn denied_hidden_and_unknown_answer_alike() {
    let calls: [(&str, Value); 2] = [
        ("notes__delete_note", json!({"title": "x"})),
        (
            "call_tool",
            json!({"name": "notes__delete_note", "arguments": {"title": "x"}}),
        ),
    ];
    // One world after another: denied, hidden by the profile, by a wrong mode for its effect, and not there at all.
    let worlds = [
        ("deny = [\"notes__delete_note\"]", "", "", NOTES),
        (
            "",
            "[profiles.p]\nallow = [\"*read_note\", \"*write_note\"]",
            "/p",
            NOTES,
        ),
        ("", "", "?deny=effect:destructive", NOTES),
        ("", "", "", "--only read_note,write_note"),
    ];
    let mut answers: Vec<Vec<String>> = Vec::new();
    for (top, rest, place, flags) in worlds {
        let env = TestEnv::new();
        let server = FakeServer::new(&env, "notes")
            .with(flags)
            .set("trust = \"annotations\"");
        env.config(&format!(
            "exposure = \"search\"\n{top}\n[servers.workspace]\nenabled = false\n{}{rest}",
            server.toml()
        ));
        let serving = Serving::start(&env, &[]);
        let client = Client::http(&serving.at(place), Era::Modern, None)
            .await
            .expect("a session");
        until_found(&client, "read a note by its title", "notes__read_note").await;
        let found = client
            .say("find_tools", json!({"query": "delete a note for good"}))
            .await;
        assert!(
            !found.contains("delete_note"),
            "{top}{rest}{place}: {found}"
        );
        let mut said = Vec::new();
        for (name, arguments) in &calls {
            said.push(client.say(name, arguments.clone()).await);
        }
        answers.push(said);
        assert!(server.saw("call").is_empty(), "nothing reached the server");
    }
    for said in &answers {
        assert_eq!(said, &answers[3], "all answer as if the tool did not exist");
    }
}

/// Waits until a search finds the tool: from then on the catalog is there.
async fn until_found(client: &Client, query: &str, name: &str) {
    let end = tokio::time::Instant::now() + SOON;
    loop {
        let found = client.say("find_tools", json!({"query": query})).await;
        if found.contains(name) {
            return;
        }
        assert!(
            tokio::time::Instant::now() < end,
            "`{name}` is not found: {found}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plan_mode_shows_only_what_is_trusted_to_read() {
    let env = TestEnv::new();
    let trusted = FakeServer::new(&env, "trusted")
        .with(NOTES)
        .set("trust = \"annotations\"");
    let stranger = FakeServer::new(&env, "stranger").with(NOTES);
    env.servers(
        "exposure = \"all\"\nmode = \"plan\"",
        &[&trusted, &stranger],
    );
    let Session {
        client,
        serving: _serving,
    } = Session::open(&env, (Way::Http, Era::Modern), &[]).await;
    client
        .until_names(SOON, |names| names == ["trusted__read_note"])
        .await;
    stranger.wait_for("list", 1, SOON);
    assert_eq!(client.names().await, ["trusted__read_note"]);
    assert!(
        client
            .say("stranger__read_note", json!({"title": "x"}))
            .await
            .contains("unknown tool")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_held_to_its_profile() {
    let env = TestEnv::new();
    let tokens = format!(
        "{PROFILES}\n[serve.tokens.alice]\nsecret = \"alice-secret\"\nprofile = \"notes\"\n[serve.tokens.bob]\nsecret = \"${{BOB:-bob-secret}}\"\n"
    );
    notes(&env, "", &tokens);
    let serving = Serving::start(&env, &[]);
    let status = async |rest: &str, token: Option<&str>| {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/list"),
        ];
        headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        let response = raw::post(
            &serving.at(rest),
            &headers,
            &raw::modern(1, "tools/list", json!({})),
        )
        .await;
        response.status
    };
    assert_eq!(status("", None).await, 401);
    assert_eq!(status("", Some("wrong")).await, 401);
    assert_eq!(status("", Some("alice-secret")).await, 200);
    assert!((400..500).contains(&status("/greedy", Some("alice-secret")).await));
    assert!((400..500).contains(&status("/nobody", Some("alice-secret")).await));

    let alice = without(&["other__echo", "other__delete_note"]);
    for rest in ["", "/notes"] {
        let client = Client::http(&serving.at(rest), Era::Modern, Some("alice-secret"))
            .await
            .expect("a session");
        listed(&client, &alice).await;
    }
    let narrowed = without(&["other__echo", "other__delete_note", "notes__write_note"]);
    let client = Client::http(
        &serving.at("?deny=*write*"),
        Era::Legacy,
        Some("alice-secret"),
    )
    .await
    .expect("a session");
    listed(&client, &narrowed).await;
    let client = Client::http(&serving.at("/greedy"), Era::Legacy, Some("bob-secret"))
        .await
        .expect("a session");
    listed(&client, &without(&[])).await;
    assert!(!serving.words().contains("-secret"), "{}", serving.words());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn origin_and_host_are_checked() {
    let env = TestEnv::new();
    notes(
        &env,
        "",
        "[serve]\nallowed_origins = [\"http://good.example\"]\n",
    );
    let serving = Serving::start(&env, &[]);
    let body = raw::modern(1, "tools/list", json!({}));
    let rows: [(&[(&str, &str)], bool); 5] = [
        (&[], true),
        (&[("origin", "http://good.example")], true),
        (&[("origin", "http://evil.example")], false),
        (&[("origin", "null")], false),
        (&[("host", "evil.example")], false),
    ];
    for (headers, passes) in rows {
        let mut headers = headers.to_vec();
        headers.extend([
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/list"),
        ]);
        let response = raw::post(&serving.url, &headers, &body).await;
        assert_eq!(response.status == 200, passes, "{headers:?}: {response:?}");
        assert_eq!(response.body.contains("\"tools\""), passes, "{headers:?}");
    }
}

#[test]
fn beyond_loopback_a_token_is_required() {
    let env = TestEnv::new();
    notes(&env, "", "");
    let run = env.run(["serve", "--http", "0.0.0.0:0"]).failed_with(2);
    assert!(run.stderr.contains("token"), "{}", run.snapshot());
}

#[test]
fn the_command_line_is_held_to_the_same_lists() {
    let env = TestEnv::new();
    let (server, _other) = notes(&env, "deny = [\"effect:destructive\"]", PROFILES);
    let unknown = env.run(["call", "notes__erase_note", "{}"]).failed_with(1);
    let denied = env
        .run(["call", "notes__delete_note", "{\"title\": \"x\"}"])
        .failed_with(1);
    assert!(
        denied.stderr.contains("unknown tool `notes__delete_note`"),
        "{}",
        denied.snapshot()
    );
    assert!(
        unknown.stderr.contains("unknown tool `notes__erase_note`"),
        "{}",
        unknown.snapshot()
    );
    assert!(server.saw("call").is_empty());
    let allowed = env
        .run(["call", "notes__read_note", "{\"title\": \"x\"}"])
        .ok();
    assert!(
        allowed.stdout.contains("the note called x"),
        "{}",
        allowed.snapshot()
    );
    env.run([
        "call",
        "notes__read_note",
        "{\"title\": \"x\"}",
        "--deny",
        "*read*",
    ])
    .failed_with(1);
}
