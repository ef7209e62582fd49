//! Clients that nobody here wrote, through the hub: the Python SDK 2.x and 1.x and `fastmcp`, over stdio and HTTP.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use toolpool_tests::env::TestEnv;
use toolpool_tests::program;
use toolpool_tests::real::{self, Client};
use toolpool_tests::run::run;
use toolpool_tests::server::FakeServer;
use toolpool_tests::serving::Serving;

const LIMIT: Duration = Duration::from_secs(120);

/// Lets a client follow a plan in its own Python and gives its answer.
fn play(env: &TestEnv, client: Client, python: &Path, plan: &Value) -> Value {
    let mut command = env.command(python);
    // `-B`: the scripts lie in the source tree, where no bytecode belongs.
    command.arg("-B").arg(client.script());
    let run = run(command, env.root(), Some(&plan.to_string()), LIMIT);
    assert!(run.status.success(), "{client:?}\n{}", run.snapshot());
    run.json()
}

/// Which revision a client ends up with, by the mode it is told.
fn modes(client: Client) -> &'static [(&'static str, &'static str)] {
    match client {
        Client::Mcp2 | Client::FastMcp => &[("auto", "2026-07-28"), ("legacy", "2025-11-25")],
        Client::Mcp1 => &[("its own", "2025-11-25")],
    }
}

fn check(client: Client) {
    let Some(python) = real::ready(client.python()) else {
        return;
    };
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha").with("--only echo,measure,fail --unknown-fields");
    let beta = FakeServer::new(&env, "beta").with("--only add --legacy");
    env.servers("exposure = \"all\"", &[&alpha, &beta]);
    let serving = Serving::start(&env, &[]);
    // The environment that `TestEnv` gives the hub, for a hub that is the client's child.
    let hub = env.hub(["serve", "--stdio"]);
    let variables: Value = hub
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), json!(value?.to_str()?))))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let ways = [
        json!({ "url": serving.url }),
        json!({ "command": program::hub().display().to_string(), "args": ["serve", "--stdio"], "env": variables }),
    ];
    for (mode, protocol) in modes(client) {
        for way in &ways {
            let mut plan = way.clone();
            plan["mode"] = json!(mode);
            plan["tools"] = json!(4);
            plan["calls"] = json!([
                ["alpha__echo", {"text": "grüße 你好"}],
                ["beta__add", {"a": 1, "b": 2}],
                ["alpha__measure", {"text": "four"}],
                ["alpha__fail", {}],
                ["alpha__nothing", {}],
            ]);
            let answer = play(&env, client, &python, &plan);
            let said = format!("{client:?} {mode} {way}\n{answer:#}");
            assert_eq!(
                answer["tools"],
                json!(["alpha__echo", "alpha__fail", "alpha__measure", "beta__add"]),
                "{said}"
            );
            assert_eq!(answer["protocol"], *protocol, "{said}");
            let calls = answer["calls"]
                .as_array()
                .expect("each call has its result");
            assert_eq!(calls[0]["text"], "grüße 你好", "{said}");
            assert_eq!(calls[1]["text"], "3", "{said}");
            assert_eq!(calls[2]["structured"], json!({"length": 4}), "{said}");
            assert_eq!(
                (&calls[3]["error"], &calls[3]["text"]),
                (&json!(true), &json!("the tool could not do it")),
                "{said}"
            );
            assert_eq!(calls[4]["error"], true, "{said}");
            assert!(
                calls[4]["text"]
                    .as_str()
                    .is_some_and(|text| text.contains("unknown tool")),
                "{said}"
            );
        }
    }
    assert_eq!(serving.stop(), Some(0));
}

#[test]
fn the_python_sdk_2() {
    check(Client::Mcp2);
}

#[test]
fn the_python_sdk_1() {
    check(Client::Mcp1);
}

#[test]
fn fastmcp() {
    check(Client::FastMcp);
}

#[test]
fn each_client_finds_and_calls_through_the_bridge() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha").with("--tools 300");
    env.servers("exposure = \"search\"", &[&alpha]);
    let serving = Serving::start(&env, &[]);
    alpha.wait_for("list", 1, LIMIT);
    for client in Client::ALL {
        let Some(python) = real::ready(client.python()) else {
            continue;
        };
        let plan = json!({
            "url": serving.url,
            "mode": "auto",
            "tools": 2,
            "calls": [
                ["find_tools", {"query": "count playlist records"}],
                ["call_tool", {"name": "alpha__echo", "arguments": {"text": "there"}}],
            ],
        });
        let answer = play(&env, client, &python, &plan);
        assert_eq!(
            answer["tools"].as_array().map(Vec::len),
            Some(2),
            "{client:?} {answer:#}"
        );
        let found = answer["calls"][0]["text"].as_str().unwrap_or_default();
        assert!(found.contains("playlist"), "{client:?} {answer:#}");
        assert_eq!(answer["calls"][1]["text"], "there", "{client:?} {answer:#}");
    }
}
