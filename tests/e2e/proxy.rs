//! One MCP server in front of many: over stdio and HTTP, to clients of both eras.

use std::time::Duration;

use serde_json::json;
use toolpool_tests::client::{Client, Era, answer, text_of};
use toolpool_tests::env::TestEnv;
use toolpool_tests::server::FakeServer;
use toolpool_tests::serving::{Serving, Session, Way};

const SOON: Duration = Duration::from_secs(30);

/// Two servers, one over stdio and one over HTTP, everything listed.
fn two(env: &TestEnv, flags: &str) -> (FakeServer, FakeServer, toolpool_tests::server::Listening) {
    let alpha = FakeServer::new(env, "alpha").with(flags);
    let beta = FakeServer::new(env, "beta").with("--only echo,add");
    let listening = beta.listen(env);
    env.config(&format!(
        "exposure = \"all\"\n[servers.workspace]\nenabled = false\n{}{}",
        alpha.toml(),
        beta.toml_http(&listening.url)
    ));
    (alpha, beta, listening)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_lists_and_calls_the_same() {
    for way in Way::ALL {
        let env = TestEnv::new();
        let (_alpha, _beta, _listening) = two(&env, "--only echo,fail,refuse,measure");
        let Session {
            client,
            serving: _serving,
        } = Session::open(&env, way, &[]).await;
        let names = client.until_names(SOON, |names| names.len() == 6).await;
        let all = [
            "alpha__echo",
            "alpha__fail",
            "alpha__measure",
            "alpha__refuse",
            "beta__add",
            "beta__echo",
        ];
        assert_eq!(names, all, "{way:?}");

        assert_eq!(
            client
                .say("alpha__echo", json!({"text": "over a pipe"}))
                .await,
            "over a pipe",
            "{way:?}"
        );
        assert_eq!(
            client
                .say("beta__echo", json!({"text": "over a socket"}))
                .await,
            "over a socket",
            "{way:?}"
        );
        assert_eq!(
            client.say("beta__add", json!({"a": 2, "b": 0.5})).await,
            "2.5",
            "{way:?}"
        );
        let measured = client
            .call("alpha__measure", json!({"text": "four"}))
            .await
            .expect("a result");
        assert_eq!(
            measured["structuredContent"],
            json!({"length": 4}),
            "{way:?}"
        );
        assert_eq!(
            client.say("alpha__fail", json!({})).await,
            "tool error: the tool could not do it",
            "{way:?}"
        );
        let refused = client.say("alpha__refuse", json!({})).await;
        assert!(
            refused.contains("the fixture refuses"),
            "{way:?}: {refused}"
        );
        let unknown = client.say("alpha__nothing", json!({})).await;
        assert!(unknown.contains("alpha__nothing"), "{way:?}: {unknown}");
        assert_eq!(client.close().await.unwrap_or(0), 0, "{way:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_is_sorted_and_the_same_twice() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha").with("--tools 40 --page-size 7");
    env.servers("exposure = \"all\"", &[&alpha]);
    let Session {
        client,
        serving: _serving,
    } = Session::open(&env, (Way::Http, Era::Modern), &[]).await;
    let names = client.until_names(SOON, |names| names.len() > 50).await;
    let mut sorted = names.clone();
    sorted.sort();
    assert_eq!(names, sorted);
    assert_eq!(client.list().await, client.list().await);
}

/// On one thread, because rmcp's client hears each report in a task of its own: on several the order heard is not the order
/// that came.
#[tokio::test]
async fn progress_passes_through() {
    for way in Way::ALL {
        let env = TestEnv::new();
        let (_alpha, _beta, _listening) = two(&env, "--only progress");
        let Session {
            client,
            serving: _serving,
        } = Session::open(&env, way, &[]).await;
        client
            .until_names(SOON, |names| names.contains(&"alpha__progress".to_owned()))
            .await;
        let handle = client.begin("alpha__progress", json!({"steps": 3})).await;
        assert_eq!(answer(handle).await, "all steps done", "{way:?}");
        assert_eq!(
            client.progress().await,
            ["step 1", "step 2", "step 3"],
            "{way:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_call_is_cancelled_at_its_server() {
    for way in Way::ALL {
        let env = TestEnv::new();
        let (alpha, _beta, _listening) = two(&env, "--only hang");
        let Session {
            client,
            serving: _serving,
        } = Session::open(&env, way, &[]).await;
        client
            .until_names(SOON, |names| names.contains(&"alpha__hang".to_owned()))
            .await;
        let handle = client.begin("alpha__hang", json!({})).await;
        alpha.wait_for("call", 1, SOON);
        handle
            .cancel(Some("changed my mind".to_owned()))
            .await
            .expect("a cancel can be sent");
        alpha.wait_for("cancelled", 1, SOON);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_hangs_ends_at_its_timeout_and_is_cancelled() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha")
        .with("--only hang,echo")
        .set("timeout_s = 0.5");
    env.servers("exposure = \"all\"", &[&alpha]);
    let Session {
        client,
        serving: _serving,
    } = Session::open(&env, (Way::Stdio, Era::Modern), &[]).await;
    client.until_names(SOON, |names| names.len() == 2).await;
    let said = client.say("alpha__hang", json!({})).await;
    assert!(
        said.contains("alpha") && (said.contains("time") || said.contains("answer")),
        "{said}"
    );
    alpha.wait_for("cancelled", 1, SOON);
    assert_eq!(
        client
            .say("alpha__echo", json!({"text": "still there"}))
            .await,
        "still there"
    );
    assert_eq!(
        alpha.starts(),
        1,
        "a slow call is no reason to start the server again"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_list_reaches_the_client() {
    for way in Way::ALL {
        let env = TestEnv::new();
        let (_alpha, _beta, _listening) = two(&env, "--only grow");
        let Session {
            client,
            serving: _serving,
        } = Session::open(&env, way, &[]).await;
        client.until_names(SOON, |names| names.len() == 3).await;
        client.watch(way.1).await;
        assert_eq!(client.say("alpha__grow", json!({})).await, "grown");
        client
            .until_names(SOON, |names| {
                names.contains(&"alpha__generation_1".to_owned())
            })
            .await;
        toolpool_tests::server::wait_until("the client to hear of the change", SOON, || {
            (client.changes() > 0).then_some(())
        });
        assert_eq!(
            client.say("alpha__generation_1", json!({})).await,
            "generation_1 did its work",
            "{way:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn search_lists_the_bridge_and_reaches_everything() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha").with("--tools 260");
    env.servers("exposure = \"search\"\npin = [\"alpha__add\"]", &[&alpha]);
    for way in Way::ALL {
        let Session {
            client,
            serving: _serving,
        } = Session::open(&env, way, &[]).await;
        let mut names = client.until_names(SOON, |names| names.len() == 3).await;
        names.sort();
        assert_eq!(names, ["alpha__add", "call_tool", "find_tools"], "{way:?}");

        // 161 is `list turbine records of shelf 1`.
        let found = client
            .say("find_tools", json!({"query": "list the turbine records"}))
            .await;
        assert!(found.contains("turbine"), "{way:?}: {found}");
        let arguments = json!({"name": "alpha__echo", "arguments": {"text": "by the bridge"}});
        assert_eq!(
            client.say("call_tool", arguments).await,
            "by the bridge",
            "{way:?}"
        );
        assert_eq!(
            client.say("alpha__echo", json!({"text": "unlisted"})).await,
            "unlisted",
            "{way:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auto_searches_when_the_list_would_cost_too_much() {
    for (tools, searches) in [(0, false), (300, true)] {
        let env = TestEnv::new();
        let alpha = FakeServer::new(&env, "alpha").with(&format!("--only echo --tools {tools}"));
        env.servers("exposure = \"auto\"", &[&alpha]);
        let Session {
            client,
            serving: _serving,
        } = Session::open(&env, (Way::Http, Era::Legacy), &[]).await;
        let ready = |names: &[String]| {
            names
                .iter()
                .any(|name| name == "alpha__echo" || name == "find_tools")
        };
        // With a server still starting the list may be short enough; what counts is where it settles.
        client
            .until_names(SOON, |names| {
                ready(names) && names.contains(&"find_tools".to_owned()) == searches
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_clients_at_once_get_their_own_answers() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha").with("--only echo,slow");
    env.servers("exposure = \"all\"", &[&alpha]);
    let serving = Serving::start(&env, &[]);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let url = serving.url.clone();
        let era = Era::BOTH[number % 2];
        tasks.spawn(async move {
            let client = Client::http(&url, era, None).await.expect("a session");
            client.until_names(SOON, |names| names.len() == 2).await;
            for call in 0..20 {
                let text = format!("{number}-{call}");
                assert_eq!(client.say("alpha__echo", json!({"text": text})).await, text);
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("each client gets its own answers");
    }
    assert_eq!(serving.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_call_does_not_hold_up_others() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha").with("--only echo,hang");
    env.servers("exposure = \"all\"", &[&alpha]);
    let Session {
        client,
        serving: _serving,
    } = Session::open(&env, (Way::Stdio, Era::Legacy), &[]).await;
    client.until_names(SOON, |names| names.len() == 2).await;
    let hanging = client.begin("alpha__hang", json!({})).await;
    alpha.wait_for("call", 1, SOON);
    assert_eq!(
        client
            .say("alpha__echo", json!({"text": "meanwhile"}))
            .await,
        "meanwhile"
    );
    hanging.cancel(None).await.expect("a cancel can be sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_http_server_gets_its_headers_and_no_others() {
    let env = TestEnv::new();
    let beta = FakeServer::new(&env, "beta")
        .with("--only headers --bearer sesame")
        .set("headers = { Authorization = \"Bearer ${SESAME:-sesame}\", X-Team = \"blue\" }");
    let listening = beta.listen(&env);
    let config = format!(
        "exposure = \"all\"\n[servers.workspace]\nenabled = false\n{}",
        beta.toml_http(&listening.url)
    );
    env.config(&config);
    let Session {
        client,
        serving: _serving,
    } = Session::open(&env, (Way::Http, Era::Legacy), &[]).await;
    client.until_names(SOON, |names| names.len() == 1).await;
    let result = client
        .call("beta__headers", json!({}))
        .await
        .expect("a result");
    let headers: serde_json::Value =
        serde_json::from_str(&text_of(&result)).expect("headers in JSON");
    assert_eq!(headers["authorization"], "Bearer sesame");
    assert_eq!(headers["x-team"], "blue");
    assert!(
        headers
            .get("mcp-session-id")
            .is_none_or(|id| id.as_str() != Some("")),
        "{headers}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stdio_server_gets_its_environment() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha")
        .with("--only environment")
        .set("env = { COLOUR = \"${HUE:-teal}\" }");
    env.servers("exposure = \"all\"", &[&alpha]);
    let Session {
        client,
        serving: _serving,
    } = Session::open(&env, (Way::Stdio, Era::Modern), &[]).await;
    client.until_names(SOON, |names| names.len() == 1).await;
    assert_eq!(
        client
            .say("alpha__environment", json!({"name": "COLOUR"}))
            .await,
        "teal"
    );
}
