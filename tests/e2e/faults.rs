//! What servers do wrong, one fault a test: it costs that server's own tools and nothing else, and it is said.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use toolpool_tests::client::Era;
use toolpool_tests::env::TestEnv;
use toolpool_tests::processes;
use toolpool_tests::server::FakeServer;
use toolpool_tests::serving::{Session, Way};

const SOON: Duration = Duration::from_secs(30);
const HTTP: (Way, Era) = (Way::Http, Era::Modern);

/// The row of one server in `servers --json`.
fn row(env: &TestEnv, server: &str) -> Value {
    let all = env.run(["servers", "--json"]).ok().json();
    let rows = all["servers"]
        .as_array()
        .expect("servers are a list")
        .clone();
    rows.into_iter()
        .find(|row| row["name"] == server)
        .unwrap_or_else(|| panic!("`{server}` is not in {all}"))
}

/// The exposed names in `tools --json`.
fn names(env: &TestEnv) -> Vec<String> {
    let all = env.run(["tools", "--json"]).ok().json();
    let tools = all["tools"].as_array().expect("tools are a list");
    tools
        .iter()
        .filter_map(|tool| tool["name"].as_str().map(str::to_owned))
        .collect()
}

#[test]
fn each_server_negotiates_its_own_revision() {
    let rows = [
        ("", "2026-07-28", 1),
        ("--modern-only", "2026-07-28", 1),
        // The refusal is correlated, so `initialize` follows on the same connection.
        ("--legacy", "2025-11-25", 1),
        ("--discover unknown", "2025-11-25", 1),
        // -32022 spoils the connection: a fresh one it must be.
        ("--discover unsupported", "2025-11-25", 2),
    ];
    for (flags, protocol, starts) in rows {
        let env = TestEnv::new();
        let alpha = FakeServer::new(&env, "alpha")
            .with(flags)
            .with("--only echo");
        env.servers("", &[&alpha]);
        let row = row(&env, "alpha");
        assert_eq!(row["state"], "ready", "{flags}: {row}");
        assert_eq!(row["protocol"], protocol, "{flags}");
        assert_eq!(row["tools"], 1, "{flags}");
        assert_eq!(alpha.starts(), starts, "{flags}");
    }
}

#[test]
fn each_http_server_negotiates_its_own_revision() {
    for (flags, protocol) in [
        ("", "2026-07-28"),
        ("--legacy", "2025-11-25"),
        ("--modern-only", "2026-07-28"),
    ] {
        let env = TestEnv::new();
        let beta = FakeServer::new(&env, "beta")
            .with(flags)
            .with("--only echo");
        let listening = beta.listen(&env);
        env.config(&format!(
            "[servers.workspace]\nenabled = false\n{}",
            beta.toml_http(&listening.url)
        ));
        let row = row(&env, "beta");
        assert_eq!(row["state"], "ready", "{flags}: {row}");
        assert_eq!(row["protocol"], protocol, "{flags}");
        let said = env
            .run(["call", "beta__echo", "{\"text\": \"hello\"}"])
            .ok();
        assert_eq!(said.stdout.trim(), "hello", "{flags}");
    }
}

#[test]
fn discover_may_take_as_long_as_a_start_may() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha").with("--discover-delay-ms 12000 --only echo");
    env.servers("", &[&alpha]);
    let row = row(&env, "alpha");
    assert_eq!(row["state"], "ready", "{row}");
    assert_eq!(
        row["protocol"], "2026-07-28",
        "twelve seconds are no reason to fall back"
    );
    assert_eq!(alpha.starts(), 1);
    assert!(alpha.saw("initialize").is_empty());
}

#[test]
fn a_discover_that_is_never_answered_gets_a_fresh_connection() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha")
        .with("--discover silent --only echo")
        .set("start_timeout_s = 4");
    env.servers("", &[&alpha]);
    let session = env.run(["servers", "--json", "--wait", "20"]).ok().json();
    let row = &session["servers"][0];
    assert_eq!(
        (&row["state"], &row["protocol"]),
        (&json!("ready"), &json!("2025-11-25")),
        "{row}"
    );
    assert_eq!(alpha.starts(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hub_serves_before_all_are_up() {
    let env = TestEnv::new();
    let quick = FakeServer::new(&env, "quick").with("--only echo");
    let slow = FakeServer::new(&env, "slow").with("--only echo --slow-start-ms 4000");
    env.servers("exposure = \"all\"", &[&quick, &slow]);
    for way in Way::ALL {
        let Session {
            client,
            serving: _serving,
        } = Session::open(&env, way, &[]).await;
        let names = client.until_names(SOON, |names| !names.is_empty()).await;
        assert_eq!(names, ["quick__echo"], "{way:?}");
        assert_eq!(
            client.say("quick__echo", json!({"text": "already"})).await,
            "already"
        );
        client.until_names(SOON, |names| names.len() == 2).await;
        assert_eq!(
            client.say("slow__echo", json!({"text": "now too"})).await,
            "now too"
        );
    }
}

#[test]
fn a_dead_server_costs_its_own_tools_only_and_is_named() {
    let env = TestEnv::new();
    let good = FakeServer::new(&env, "good").with("--only echo");
    let dead = FakeServer::new(&env, "dead")
        .with("--needs nowhere")
        .with_text("--words", "the cellar is flooded");
    env.servers("", &[&good, &dead]);
    let run = env.run(["tools", "--wait", "5"]).ok();
    assert!(run.stdout.contains("good__echo"), "{}", run.snapshot());
    assert!(run.stderr.contains("`dead`"), "{}", run.snapshot());
    let row = row(&env, "dead");
    assert_ne!(row["state"], "ready");
    assert!(
        row["reason"]
            .as_str()
            .is_some_and(|reason| !reason.is_empty()),
        "{row}"
    );
    assert!(row["tools"] == 0, "{row}");
    let called = env
        .run(["call", "good__echo", "{\"text\": \"alive\"}"])
        .ok();
    assert_eq!(called.stdout.trim(), "alive");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_comes_back_is_found() {
    let env = TestEnv::new();
    let file = env.path("cellar-key");
    let alpha = FakeServer::new(&env, "alpha")
        .with("--only echo")
        .with_text("--needs", &file.display().to_string());
    env.servers(
        "exposure = \"all\"\n[limits]\nretry_first_ms = 200\n",
        &[&alpha],
    );
    let Session {
        client,
        serving: _serving,
    } = Session::open(&env, HTTP, &[]).await;
    alpha.wait_for("start", 2, SOON);
    assert_eq!(client.names().await, Vec::<String>::new());
    env.write("cellar-key", "");
    client
        .until_names(SOON, |names| names == ["alpha__echo"])
        .await;
    let gaps = alpha.starts();
    assert!(gaps < 40, "backoff grows: {gaps} starts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_in_a_call_is_said_and_the_server_is_started_again() {
    for way in Way::ALL {
        let env = TestEnv::new();
        let alpha = FakeServer::new(&env, "alpha").with("--only echo,crash");
        let good = FakeServer::new(&env, "good").with("--only echo");
        env.servers(
            "exposure = \"all\"\n[limits]\nretry_first_ms = 100\n",
            &[&alpha, &good],
        );
        let Session {
            client,
            serving: _serving,
        } = Session::open(&env, way, &[]).await;
        client.until_names(SOON, |names| names.len() == 3).await;
        let begun = Instant::now();
        let said = client.say("alpha__crash", json!({})).await;
        assert!(
            said.contains("alpha") && !said.contains("unknown tool"),
            "{way:?}: {said}"
        );
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "a crash ends the call, not its timeout"
        );
        assert_eq!(
            client.say("good__echo", json!({"text": "fine"})).await,
            "fine",
            "{way:?}"
        );
        client.until_echo("alpha").await;
        assert_eq!(alpha.starts(), 2, "{way:?}");
        let crashes = alpha
            .saw("call")
            .iter()
            .filter(|call| call["tool"] == "crash")
            .count();
        assert_eq!(crashes, 1, "a call that may have run is never sent again");
    }
}

#[test]
fn garbage_on_stdout_is_passed_over() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha").with("--garbage --only echo,add");
    env.servers("", &[&alpha]);
    let run = env
        .run(["call", "alpha__echo", "{\"text\": \"clean\"}"])
        .ok();
    assert_eq!(run.stdout.trim(), "clean");
    assert_eq!(names(&env), ["alpha__add", "alpha__echo"]);
}

#[test]
fn malformed_tools_are_reported_and_the_good_ones_kept() {
    for legacy in ["", "--legacy"] {
        for http in [false, true] {
            let env = TestEnv::new();
            let alpha = FakeServer::new(&env, "alpha")
                .with("--malformed-tool --only echo,add")
                .with(legacy);
            let listening = http.then(|| alpha.listen(&env));
            let table = listening
                .as_ref()
                .map_or_else(|| alpha.toml(), |listening| alpha.toml_http(&listening.url));
            env.config(&format!("[servers.workspace]\nenabled = false\n{table}"));
            let names = names(&env);
            for good in ["alpha__echo", "alpha__add"] {
                assert!(
                    names.iter().any(|name| name == good),
                    "{legacy} http {http}: {names:?}"
                );
            }
            let row = row(&env, "alpha");
            let rejected = row["rejected"]
                .as_array()
                .expect("what was rejected is a list");
            // A schema that is `true` may be taken or rejected; the other four can't be tools.
            assert!(
                (4..=5).contains(&rejected.len()),
                "{legacy} http {http}: {row}"
            );
            assert!(
                rejected
                    .iter()
                    .all(|one| one["reason"].as_str().is_some_and(|why| !why.is_empty())),
                "{row}"
            );
        }
    }
}

#[test]
fn fields_nobody_knows_are_kept_with_the_tool() {
    for http in [false, true] {
        let env = TestEnv::new();
        let alpha = FakeServer::new(&env, "alpha").with("--unknown-fields --only echo");
        let listening = http.then(|| alpha.listen(&env));
        let table = listening
            .as_ref()
            .map_or_else(|| alpha.toml(), |listening| alpha.toml_http(&listening.url));
        env.config(&format!("[servers.workspace]\nenabled = false\n{table}"));
        let all = env.run(["tools", "--json"]).ok();
        let raw = &all.json()["tools"][0]["raw"];
        assert_eq!(
            raw["execution"],
            json!({"taskSupport": "optional"}),
            "http {http}"
        );
        assert_eq!(raw["x-of-the-tool"][2], "three");
        assert_eq!(raw["annotations"]["x-hint"], "unheard of");
        assert!(all.stdout.contains("2.5"), "numbers keep their value");
        let called = env
            .run(["call", "alpha__echo", "{\"text\": \"x\"}", "--json"])
            .ok()
            .json();
        assert_eq!(
            called["result"]["x-of-the-result"],
            json!({"kept": true}),
            "http {http}"
        );
    }
}

#[test]
fn five_thousand_tools_over_pages() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha").with("--only echo --tools 5000 --page-size 100");
    env.servers("", &[&alpha]);
    let row = row(&env, "alpha");
    assert_eq!(row["tools"], 5001, "{row}");
    let pages = alpha.saw("list").len();
    assert_eq!(pages, 51, "each page is asked for once");
    let run = env
        .run(["pool", "inspect the mural records of shelf 2", "--json"])
        .ok();
    assert!(run.stdout.contains("mural"), "{}", run.snapshot());
}

#[test]
fn pages_that_never_end_are_followed_up_to_a_bound() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha").with("--only echo --endless-pages");
    env.servers("[limits]\nlist_pages_max = 5\n", &[&alpha]);
    let names = names(&env);
    assert_eq!(names, ["alpha__echo"]);
    assert_eq!(alpha.saw("list").len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_changes_costs_few_lists_and_ends_right() {
    for flags in ["", "--legacy"] {
        let env = TestEnv::new();
        let alpha = FakeServer::new(&env, "alpha")
            .with("--only echo --storm 400")
            .with(flags);
        env.servers("exposure = \"all\"", &[&alpha]);
        let Session {
            client,
            serving: _serving,
        } = Session::open(&env, HTTP, &[]).await;
        alpha.wait_for("storm over", 1, SOON);
        client
            .until_names(SOON, |names| {
                names.contains(&"alpha__generation_400".to_owned())
            })
            .await;
        let lists = alpha.saw("list").len();
        assert!(lists <= 20, "{flags}: {lists} lists for 400 changes");
        assert_eq!(
            client.names().await.len(),
            2,
            "only the newest generation is there"
        );
    }
}

#[test]
fn requests_of_a_server_always_get_an_answer() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha").with("--legacy --ask --only echo");
    env.servers("", &[&alpha]);
    env.run(["call", "alpha__echo", "{\"text\": \"x\"}"]).ok();
    let roots = alpha.saw("roots");
    assert_eq!(
        roots.len(),
        1,
        "the server asked for roots and got an answer"
    );
    assert_eq!(alpha.saw("ping"), [json!("pong")]);
}

#[test]
fn nothing_is_left_of_servers_that_refuse_to_go() {
    for flags in [
        "",
        "--ignore-eof",
        "--ignore-eof --ignore-term",
        "--ignore-eof --ignore-term --grandchild",
        "--ask --legacy",
    ] {
        let env = TestEnv::new();
        let alpha = FakeServer::new(&env, "alpha")
            .with(flags)
            .with("--only echo");
        env.servers(
            "[limits]\nstop_grace_ms = 300\nkill_grace_ms = 300\n",
            &[&alpha],
        );
        env.run(["call", "alpha__echo", "{\"text\": \"x\"}"]).ok();
        let left = processes::left_after(env.root(), Duration::from_secs(10));
        assert!(left.is_empty(), "{flags}: {left:?}");
        if flags.is_empty() {
            assert_eq!(
                alpha.saw("eof").len(),
                1,
                "a server that listens is let go by the end of its input"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_crashes_again_and_again_does_not_spin() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha").with("--only echo --crash-after-ms 50");
    let good = FakeServer::new(&env, "good").with("--only echo");
    env.servers(
        "exposure = \"all\"\n[limits]\nretry_first_ms = 200\n",
        &[&alpha, &good],
    );
    let Session {
        client,
        serving: _serving,
    } = Session::open(&env, HTTP, &[]).await;
    alpha.wait_for("start", 3, SOON);
    client.until_echo("good").await;
    assert_eq!(
        client.say("good__echo", json!({"text": "calm"})).await,
        "calm"
    );
    assert!(alpha.starts() < 12, "{} starts", alpha.starts());
}
