//! A configuration that changes while the hub serves: only what changed reconnects, and a broken file changes nothing.

use std::time::Duration;

use serde_json::json;
use toolpool_tests::client::{Client, Era};
use toolpool_tests::env::TestEnv;
use toolpool_tests::server::{FakeServer, wait_until};
use toolpool_tests::serving::{Serving, Session, Way};

const SOON: Duration = Duration::from_secs(30);
const QUICK: &str = "exposure = \"all\"\n[limits]\nreload_poll_ms = 100\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_changed_reconnects() {
    let env = TestEnv::new();
    let stays = FakeServer::new(&env, "stays").with("--only echo");
    let goes = FakeServer::new(&env, "goes").with("--only echo");
    let comes = FakeServer::new(&env, "comes").with("--only echo");
    let changes = FakeServer::new(&env, "changes").with("--only echo");
    env.servers(QUICK, &[&stays, &goes, &changes]);
    for way in [(Way::Http, Era::Modern), (Way::Stdio, Era::Legacy)] {
        env.servers(QUICK, &[&stays, &goes, &changes]);
        let (before, again) = (stays.starts(), changes.starts());
        let Session {
            client,
            serving: _serving,
        } = Session::open(&env, way, &[]).await;
        client
            .until_names(SOON, |names| {
                names == ["changes__echo", "goes__echo", "stays__echo"]
            })
            .await;
        client.watch(way.1).await;

        let changed = changes.clone().with("--tools 1");
        env.servers(QUICK, &[&stays, &comes, &changed]);
        let wanted = [
            "changes__echo",
            "changes__tool_00000",
            "comes__echo",
            "stays__echo",
        ];
        client.until_names(SOON, |names| names == wanted).await;
        assert_eq!(
            stays.starts(),
            before + 1,
            "what did not change was not started again"
        );
        assert_eq!(changes.starts(), again + 2, "what changed was");
        assert_eq!(
            client.say("comes__echo", json!({"text": "new"})).await,
            "new"
        );
        assert!(
            client
                .say("goes__echo", json!({"text": "old"}))
                .await
                .contains("unknown tool")
        );
        wait_until("the client to hear of it", SOON, || {
            (client.changes() > 0).then_some(())
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deny_acts_at_the_door_as_soon_as_it_is_read() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha").with("--only echo,add");
    env.servers(QUICK, &[&alpha]);
    let Session {
        client,
        serving: _serving,
    } = Session::open(&env, (Way::Http, Era::Legacy), &[]).await;
    client.until_names(SOON, |names| names.len() == 2).await;
    env.servers(&format!("deny = [\"alpha__echo\"]\n{QUICK}"), &[&alpha]);
    client
        .until_names(SOON, |names| names == ["alpha__add"])
        .await;
    assert!(
        client
            .say("alpha__echo", json!({"text": "x"}))
            .await
            .contains("unknown tool")
    );
    assert_eq!(
        alpha.starts(),
        1,
        "a rule is no reason to start a server again"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_file_keeps_the_last_good_one_and_says_so() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha").with("--only echo");
    env.servers(QUICK, &[&alpha]);
    let serving = Serving::start(&env, &[]);
    let client = Client::http(&serving.url, Era::Modern, None)
        .await
        .expect("a session");
    client.until_names(SOON, |names| names.len() == 1).await;
    for broken in [
        "[servers.alpha\ncommand = ",
        "modus = \"ask\"\n",
        "[servers.alpha]\ntimeout_s = \"long\"\n",
    ] {
        let said = serving.words().len();
        env.config(broken);
        let words = wait_until("the hub to say that the file is broken", SOON, || {
            let words = serving.words();
            (words.len() > said && words[said..].contains("config.toml")).then_some(words)
        });
        assert!(
            words[said..].contains("line") || words[said..].contains(':'),
            "{words}"
        );
        assert_eq!(
            client.say("alpha__echo", json!({"text": "still"})).await,
            "still"
        );
    }
    let beta = FakeServer::new(&env, "beta").with("--only add");
    env.servers(QUICK, &[&alpha, &beta]);
    client
        .until_names(SOON, |names| names == ["alpha__echo", "beta__add"])
        .await;
    assert_eq!(alpha.starts(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_that_vanishes_fails_closed() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha").with("--only echo,add");
    let profile = "[profiles.narrow]\nallow = [\"alpha__echo\"]\n";
    env.servers(&format!("{QUICK}{profile}"), &[&alpha]);
    let serving = Serving::start(&env, &[]);
    let client = Client::http(&serving.at("/narrow"), Era::Modern, None)
        .await
        .expect("a session");
    client
        .until_names(SOON, |names| names == ["alpha__echo"])
        .await;
    env.servers(QUICK, &[&alpha]);
    wait_until_refused(&client).await;
}

/// Without its profile the client gets nothing, above all not everything.
async fn wait_until_refused(client: &Client) {
    let end = tokio::time::Instant::now() + SOON;
    loop {
        let said = client.say("alpha__echo", json!({"text": "x"})).await;
        if said != "x" {
            assert!(client.say("alpha__add", json!({"a": 1, "b": 1})).await != "2");
            return;
        }
        assert!(
            tokio::time::Instant::now() < end,
            "the profile is gone and its client is still served"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
