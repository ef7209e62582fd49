//! The eight real servers, all at once: listed, called, and gone when the hub goes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use toolpool_tests::client::{Client, Era};
use toolpool_tests::env::TestEnv;
use toolpool_tests::processes;
use toolpool_tests::real::{self, RealServer};
use toolpool_tests::serving::Serving;

const SOON: Duration = Duration::from_secs(90);

/// A world with whatever real servers can be had here.
fn world() -> (TestEnv, Vec<RealServer>) {
    let env = TestEnv::new();
    let servers: Vec<RealServer> = real::servers(&env.work())
        .into_iter()
        .filter_map(real::ready)
        .collect();
    let tables: String = servers.iter().map(RealServer::toml).collect();
    env.config(&format!(
        "exposure = \"all\"\n[servers.workspace]\nenabled = false\n\n{tables}"
    ));
    (env, servers)
}

#[test]
fn all_come_up_with_their_tools_and_revisions() {
    let (env, servers) = world();
    let all = env.run(["servers", "--json", "--wait", "90"]).ok().json();
    let rows: BTreeMap<&str, &Value> = all["servers"]
        .as_array()
        .expect("servers are a list")
        .iter()
        .map(|row| (row["name"].as_str().unwrap_or_default(), row))
        .collect();
    for server in &servers {
        let row = rows[server.name];
        assert_eq!(row["state"], "ready", "{row:#}");
        let tools = row["tools"]
            .as_u64()
            .and_then(|tools| usize::try_from(tools).ok())
            .unwrap_or_default();
        // `everything` offers more to clients that declare more.
        assert!(
            tools == server.tools || (server.name == "everything" && tools > server.tools),
            "{row:#}"
        );
        let modern = matches!(server.name, "git" | "time" | "fetch");
        let protocol = row["protocol"].as_str().unwrap_or_default();
        assert_eq!(protocol >= "2026-07-28", modern, "{row:#}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_answers_a_call() {
    let (env, servers) = world();
    let serving = Serving::start(&env, &[]);
    let client = Client::http(&serving.url, Era::Modern, None)
        .await
        .expect("a session");
    let wanted = servers.len();
    client
        .until_names(SOON, |names| {
            let of = |server: &&RealServer| {
                names
                    .iter()
                    .any(|name| name.starts_with(&format!("{}__", server.name)))
            };
            servers.iter().filter(of).count() == wanted
        })
        .await;
    let calls = [
        (
            "everything",
            "everything__echo",
            json!({"message": "hello there"}),
            "hello there",
        ),
        (
            "filesystem",
            "filesystem__read_text_file",
            json!({"path": env.work().join("files/note.txt")}),
            "a note for the servers",
        ),
        (
            "memory",
            "memory__create_entities",
            json!({"entities": [{"name": "Ada", "entityType": "person", "observations": ["wrote a program"]}]}),
            "Ada",
        ),
        (
            "memory",
            "memory__search_nodes",
            json!({"query": "Ada"}),
            "wrote a program",
        ),
        (
            "sequential-thinking",
            "sequential-thinking__sequentialthinking",
            json!({"thought": "one", "nextThoughtNeeded": false, "thoughtNumber": 1, "totalThoughts": 1}),
            "thoughtNumber",
        ),
        (
            "git",
            "git__git_log",
            json!({"repo_path": env.work().join("repository")}),
            "Start",
        ),
        (
            "time",
            "time__get_current_time",
            json!({"timezone": "Europe/Berlin"}),
            "Europe/Berlin",
        ),
        (
            "sqlite",
            "sqlite__create_table",
            json!({"query": "CREATE TABLE notes (title TEXT)"}),
            "success",
        ),
        ("sqlite", "sqlite__list_tables", json!({}), "notes"),
    ];
    for (server, name, arguments, wanted) in calls {
        if servers.iter().any(|had| had.name == server) {
            let said = client.say(name, arguments).await;
            assert!(said.contains(wanted), "{name}: {said}");
        }
    }
    assert_eq!(serving.stop(), Some(0));
    let left = processes::left_after(env.root(), Duration::from_secs(15));
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn the_pool_finds_the_right_one_among_them() {
    let (env, servers) = world();
    let has = |name: &str| servers.iter().any(|server| server.name == name);
    let rows = [
        (
            "git",
            "show the commit log of the repository",
            "git__git_log",
        ),
        ("time", "what time is it in Tokyo", "time__get_current_time"),
        (
            "filesystem",
            "read the text file notes.txt",
            "filesystem__read_text_file",
        ),
        (
            "sqlite",
            "list all tables of the sqlite database",
            "sqlite__list_tables",
        ),
    ];
    for (server, request, wanted) in rows {
        if has(server) {
            let run = env.run(["pool", request, "--json"]).ok();
            let pool = run.json();
            let offered = pool["offered"]
                .as_array()
                .expect("what is offered is a list");
            let names: Vec<&str> = offered
                .iter()
                .filter_map(|tool| tool["exposed"].as_str())
                .collect();
            assert!(
                names.contains(&wanted),
                "{request}: {names:?}\n{}",
                run.snapshot()
            );
        }
    }
}
