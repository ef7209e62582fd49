//! `doctor`: for each server whether it can be reached, what it speaks and offers, its last words, and what to do.

use toolpool_tests::env::TestEnv;
use toolpool_tests::server::FakeServer;

#[test]
fn a_healthy_server_is_told_with_its_facts() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha").with("--only echo,add");
    env.servers("", &[&alpha]);
    let run = env.run(["doctor", "alpha"]).ok();
    for word in ["alpha", "2026-07-28", "2"] {
        assert!(run.stdout.contains(word), "`{word}`\n{}", run.snapshot());
    }
    let json = env.run(["doctor", "--json"]).ok();
    assert!(
        json.json().to_string().contains("2026-07-28"),
        "{}",
        json.snapshot()
    );
}

#[test]
fn each_kind_of_trouble_is_told_with_its_remedy() {
    let env = TestEnv::new();
    let dead = FakeServer::new(&env, "dead")
        .with("--needs nowhere")
        .with_text("--words", "the cellar is flooded");
    let unset = FakeServer::new(&env, "unset").set("env = { KEY = \"${CELLAR_KEY}\" }");
    let tables = format!(
        "{}{}[servers.absent]\ncommand = \"no-such-program-anywhere\"\n\n[servers.refused]\nurl = \"http://127.0.0.1:9/mcp\"\n",
        dead.toml(),
        unset.toml()
    );
    env.config(&format!("[servers.workspace]\nenabled = false\n{tables}"));
    let rows: [(&str, &[&str]); 4] = [
        ("dead", &["the cellar is flooded"]),
        ("unset", &["CELLAR_KEY"]),
        ("absent", &["no-such-program-anywhere"]),
        ("refused", &["refused", "url"]),
    ];
    for (server, words) in rows {
        let run = env.run(["doctor", server, "--wait", "10"]).failed_with(1);
        let said = format!("{}{}", run.stdout, run.stderr);
        for word in words {
            assert!(
                said.contains(word),
                "{server}: `{word}`\n{}",
                run.snapshot()
            );
        }
    }
    assert_eq!(
        unset.starts(),
        0,
        "a server whose variable is not set is not started"
    );
    let whole = env.run(["doctor", "--wait", "10"]).failed_with(1);
    for (server, _) in rows {
        assert!(
            whole.stdout.contains(server),
            "{server}\n{}",
            whole.snapshot()
        );
    }
    let run = env.run(["doctor", "nobody"]);
    assert_ne!(run.code(), 0);
    assert!(run.stderr.contains("nobody"), "{}", run.snapshot());
}

#[test]
fn malformed_tools_are_among_what_is_told() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha").with("--malformed-tool --only echo");
    env.servers("", &[&alpha]);
    let run = env.run(["doctor", "alpha"]);
    assert!(run.stdout.contains("no_schema"), "{}", run.snapshot());
}
