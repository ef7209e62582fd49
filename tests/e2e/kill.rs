//! `kill -9` of the hub under load, twenty times: whatever its servers refuse, nothing is left of them.

use std::time::Duration;

use serde_json::json;
use toolpool_tests::client::{Client, Era};
use toolpool_tests::env::TestEnv;
use toolpool_tests::server::FakeServer;
use toolpool_tests::serving::{Serving, Session, Way};
use toolpool_tests::{processes, real};

const SOON: Duration = Duration::from_secs(60);
/// How often the hub is killed.
const KILLS: usize = 20;
/// Clients that keep calling while it is.
const CLIENTS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_survives_a_kill_of_the_hub() {
    let env = TestEnv::new();
    let stubborn =
        FakeServer::new(&env, "stubborn").with("--ignore-eof --ignore-term --only echo,slow");
    let family = FakeServer::new(&env, "family")
        .with("--ignore-eof --ignore-term --grandchild --only echo,slow");
    let meek = FakeServer::new(&env, "meek").with("--only echo,slow");
    let npx = real::ready(real::behind_npx());
    let tables: String = [&stubborn, &family, &meek]
        .iter()
        .map(|server| server.toml())
        .collect();
    let npx_table = npx.as_ref().map(real::RealServer::toml).unwrap_or_default();
    env.config(&format!(
        "exposure = \"all\"\n[servers.workspace]\nenabled = false\n[limits]\nstop_grace_ms = 200\nkill_grace_ms = 200\n{tables}{npx_table}"
    ));
    let tools = 6 + npx.as_ref().map_or(0, |npx| npx.tools);
    for round in 0..KILLS {
        let serving = Serving::start(&env, &[]);
        let url = serving.url.clone();
        let ready = Client::http(&url, Era::BOTH[round % 2], None)
            .await
            .expect("a session");
        // Once in four rounds the hub dies while its servers are still starting.
        if round % 4 != 3 {
            ready.until_names(SOON, |names| names.len() == tools).await;
        }
        let mut load = tokio::task::JoinSet::new();
        for number in 0..CLIENTS {
            let url = url.clone();
            load.spawn(async move {
                let Ok(client) = Client::http(&url, Era::BOTH[number % 2], None).await else {
                    return;
                };
                for server in ["stubborn", "family", "meek"].iter().cycle().take(300) {
                    let said = client
                        .say(&format!("{server}__echo"), json!({"text": "load"}))
                        .await;
                    let _ = tokio::time::timeout(
                        Duration::from_millis(5),
                        client.say("meek__slow", json!({"ms": 50})),
                    )
                    .await;
                    if said.starts_with("protocol error") {
                        return;
                    }
                }
            });
        }
        tokio::time::sleep(Duration::from_millis(100 + 37 * round as u64)).await;
        assert!(
            !processes::of(env.root()).is_empty(),
            "there is somebody to be left behind"
        );
        serving.kill();
        let left = processes::left_after(env.root(), Duration::from_secs(10));
        assert!(left.is_empty(), "round {round}: {left:#?}");
        load.shutdown().await;
        drop(ready);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_survives_a_kill_of_a_hub_on_stdio() {
    let env = TestEnv::new();
    let family =
        FakeServer::new(&env, "family").with("--ignore-eof --ignore-term --grandchild --only echo");
    env.servers(
        "exposure = \"all\"\n[limits]\nstop_grace_ms = 200\nkill_grace_ms = 200\n",
        &[&family],
    );
    let Session { client, .. } = Session::open(&env, (Way::Stdio, Era::Modern), &[]).await;
    client.until_names(SOON, |names| names.len() == 1).await;
    processes::kill(client.pid().expect("the hub is the client's child"));
    let left = processes::left_after(env.root(), Duration::from_secs(10));
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn a_term_ends_the_hub_and_everything_below() {
    let env = TestEnv::new();
    let family =
        FakeServer::new(&env, "family").with("--ignore-eof --ignore-term --grandchild --only echo");
    env.servers(
        "[limits]\nstop_grace_ms = 200\nkill_grace_ms = 200\n",
        &[&family],
    );
    let serving = Serving::start(&env, &[]);
    family.wait_for("list", 1, SOON);
    assert_eq!(serving.stop(), Some(0));
    let left = processes::left_after(env.root(), Duration::from_secs(10));
    assert!(left.is_empty(), "{left:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_ends_the_hub_on_stdio() {
    let env = TestEnv::new();
    let family =
        FakeServer::new(&env, "family").with("--ignore-eof --ignore-term --grandchild --only echo");
    env.servers(
        "exposure = \"all\"\n[limits]\nstop_grace_ms = 200\nkill_grace_ms = 200\n",
        &[&family],
    );
    for era in Era::BOTH {
        let Session { client, .. } = Session::open(&env, (Way::Stdio, era), &[]).await;
        client.until_names(SOON, |names| names.len() == 1).await;
        assert_eq!(client.close().await, Some(0));
        let left = processes::left_after(env.root(), Duration::from_secs(10));
        assert!(left.is_empty(), "{left:#?}");
    }
}
