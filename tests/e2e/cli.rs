//! What people see: the commands over a closed world, snapshot by snapshot.
//!
//! `UPDATE_EXPECT=1 cargo test -p toolpool-tests cli` writes them anew; the difference is then read, not believed.

use expect_test::expect;
use serde_json::json;
use toolpool_tests::catalog;
use toolpool_tests::env::TestEnv;
use toolpool_tests::server::FakeServer;

fn world() -> (TestEnv, FakeServer) {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha")
        .with("--only echo,write_note,delete_note,ask")
        .set("trust = \"annotations\"");
    env.servers("", &[&alpha]);
    (env, alpha)
}

fn catalog_file(env: &TestEnv, count: usize) -> String {
    let tools = catalog::some(count).expect("the tables give so many");
    env.write("tmp/catalog.json", &json!({ "tools": tools }).to_string())
        .display()
        .to_string()
}

#[test]
fn the_embedded_default_is_the_workspace() {
    let env = TestEnv::new();
    env.write("work/src/notes.txt", "the quick brown fox\n");
    let all = env.run(["tools", "--json"]).ok().json();
    let tools = all["tools"].as_array().expect("tools are a list");
    assert!(
        tools.len() >= 3 && tools.iter().all(|tool| tool["server"] == "workspace"),
        "{all:#}"
    );
    let changing: Vec<&str> = tools
        .iter()
        .filter(|tool| tool["effect"] != "read-only")
        .filter_map(|tool| tool["name"].as_str())
        .collect();
    assert_eq!(
        changing,
        [
            "workspace__delete_file",
            "workspace__edit_file",
            "workspace__move_file",
            "workspace__run_command",
            "workspace__write_file"
        ],
        "{all:#}"
    );
    let run = env.run(["servers"]).ok();
    assert!(run.stdout.contains("workspace"), "{}", run.snapshot());
}

#[test]
fn the_workspace_stays_inside_its_folder() {
    let env = TestEnv::new();
    env.write("work/inside.txt", "inside\n");
    env.write("home/outside.txt", "outside\n");
    std::os::unix::fs::symlink(env.path("home/outside.txt"), env.path("work/link.txt"))
        .expect("a link can be made");
    let names: Vec<String> = env.run(["tools", "--json"]).ok().json()["tools"]
        .as_array()
        .expect("tools are a list")
        .iter()
        .filter_map(|tool| tool["name"].as_str().map(str::to_owned))
        .collect();
    let read = names
        .iter()
        .find(|name| name.contains("read"))
        .expect("the workspace reads files");
    let path = |path: &str| json!({ "path": path }).to_string();
    assert!(
        env.run(["call", read, &path("inside.txt")])
            .ok()
            .stdout
            .contains("inside")
    );
    let absolute = env.path("home/outside.txt").display().to_string();
    for out in [
        "../home/outside.txt",
        "link.txt",
        &absolute,
        "/etc/hostname",
    ] {
        let run = env.run(["call", read, &path(out)]);
        assert_eq!(run.code(), 1, "{out}\n{}", run.snapshot());
        assert!(
            !run.stdout.contains("outside\n"),
            "{out}\n{}",
            run.snapshot()
        );
    }
}

#[test]
fn without_a_terminal_and_a_request_the_state_is_printed() {
    let (env, _alpha) = world();
    let none: [&str; 0] = [];
    let run = env.run(none).ok();
    assert!(
        run.stdout.starts_with("toolpool ") && run.stdout.contains("alpha"),
        "{}",
        run.snapshot()
    );
    assert!(env.run(["--json"]).ok().json()["servers"].is_array());
}

#[test]
fn tools_as_people_see_them() {
    let (env, _alpha) = world();
    expect![[r#"
        code: 0
        --- stdout
        TOOL                EFFECT       FULL  SLIM  ABOUT
        alpha__ask          ?              38    35  Ask the client for its roots before answering
        alpha__delete_note  destructive    42    45  Delete a note for good
        alpha__echo         read-only      42    45  Return the text it is given
        alpha__write_note   idempotent     51    55  Write a note under a title

        4 tools · 173 tokens in full, 180 slim
        --- stderr
    "#]]
    .assert_eq(&env.run(["tools"]).snapshot());
}

#[test]
fn a_filter_by_effect_and_server() {
    let (env, _alpha) = world();
    let names = |arguments: &[&str]| -> Vec<String> {
        let mut all = vec!["tools", "--json"];
        all.extend(arguments);
        let tools = env.run(all).ok().json()["tools"].clone();
        tools
            .as_array()
            .expect("tools are a list")
            .iter()
            .filter_map(|tool| tool["name"].as_str().map(str::to_owned))
            .collect()
    };
    assert_eq!(names(&["--effect", "read-only"]), ["alpha__echo"]);
    assert_eq!(names(&["--effect", "idempotent"]), ["alpha__write_note"]);
    // `ask` claims nothing, which reads as the worst.
    assert_eq!(
        names(&["--effect", "destructive"]),
        ["alpha__ask", "alpha__delete_note"]
    );
    assert_eq!(names(&["--server", "alpha"]).len(), 4);
    env.run(["tools", "--server", "beta"]).failed_with(2);
}

#[test]
fn a_request_prints_its_pool_over_the_catalog() {
    let env = TestEnv::new();
    let file = catalog_file(&env, 500);
    let run = env
        .run(["--catalog", &file, "merge the approved pull request"])
        .ok();
    assert!(
        run.stdout.contains("codehost__merge_pull_request"),
        "{}",
        run.snapshot()
    );
    let pool = env
        .run([
            "--catalog",
            &file,
            "pool",
            "merge the approved pull request",
            "--json",
        ])
        .ok()
        .json();
    let tokens = pool["tokens"].as_u64().expect("the pool has a cost");
    assert!(tokens <= 1_228, "15 % of 8,192: {tokens}");
    let narrow = env
        .run([
            "--catalog",
            &file,
            "pool",
            "merge the approved pull request",
            "--budget",
            "300",
            "--json",
        ])
        .ok()
        .json();
    assert!(
        narrow["tokens"]
            .as_u64()
            .is_some_and(|tokens| tokens <= 300),
        "{narrow:#}"
    );
    let twice = env
        .run([
            "--catalog",
            &file,
            "pool",
            "merge the approved pull request",
            "--json",
        ])
        .ok()
        .json();
    assert_eq!(pool, twice, "the same request, the same pool");
}

#[test]
fn what_tools_prints_is_a_catalog() {
    let (env, _alpha) = world();
    let listed = env.run(["tools", "--json"]).ok().stdout;
    let file = env.write("tmp/saved.json", &listed).display().to_string();
    let other = TestEnv::new();
    other.config("[servers.workspace]\nenabled = false\n");
    let again = other
        .run(["--catalog", &file, "tools", "--json"])
        .ok()
        .json();
    let names: Vec<&str> = again["tools"]
        .as_array()
        .expect("tools are a list")
        .iter()
        .filter_map(|tool| tool["name"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "alpha__ask",
            "alpha__delete_note",
            "alpha__echo",
            "alpha__write_note"
        ]
    );
    let run = other
        .run([
            "--catalog",
            &file,
            "call",
            "alpha__echo",
            "{\"text\": \"x\"}",
        ])
        .failed_with(1);
    assert!(run.stderr.contains("offline"), "{}", run.snapshot());
    let plain = env.write("tmp/plain.json", "{\"tools\":[{\"name\":\"lone\",\"description\":\"Alone\",\"inputSchema\":{\"type\":\"object\"}}]}");
    let run = other
        .run(["--catalog", &plain.display().to_string(), "tools"])
        .ok();
    assert!(run.stdout.contains("lone"), "{}", run.snapshot());
}

#[test]
fn mistakes_in_the_configuration_are_told_with_their_place() {
    let rows = [
        (
            "[servers.a]\ncomand = \"x\"\n",
            &["config.toml", "2", "comand", "command"][..],
        ),
        ("mode = \"asks\"\n", &["config.toml", "1", "asks", "ask"]),
        (
            "[limits]\nlist_pages_max = \"many\"\n",
            &["config.toml", "2", "list_pages_max"],
        ),
        ("[servers.a\n", &["config.toml", "1"]),
    ];
    for (text, words) in rows {
        let env = TestEnv::new();
        env.config(text);
        for command in [&["config", "check"][..], &["tools"], &["serve", "--stdio"]] {
            let run = env.run(command).failed_with(2);
            for word in words {
                assert!(run.stderr.contains(word), "`{word}`\n{}", run.snapshot());
            }
        }
    }
}

#[test]
fn origin_and_secrets_in_what_is_shown() {
    let mut env = TestEnv::new();
    env.set("TOOLPOOL_POOL__TOOLS_MAX", "7");
    env.set("CELLAR_KEY", "open-sesame");
    let alpha = FakeServer::new(&env, "alpha").set("env = { KEY = \"${CELLAR_KEY}\" }");
    env.servers("mode = \"plan\"", &[&alpha]);
    env.write(
        "work/.toolpool.toml",
        "[pool]\ntools_max = 9\nfull_max = 2\n",
    );
    let run = env
        .run(["config", "show", "--origin", "--set", "pool.window=4096"])
        .ok();
    assert!(!run.stdout.contains("open-sesame"), "{}", run.snapshot());
    for word in [
        "TOOLPOOL_POOL__TOOLS_MAX",
        ".toolpool.toml",
        "config.toml",
        "--set",
        "default",
    ] {
        assert!(run.stdout.contains(word), "`{word}`\n{}", run.snapshot());
    }
    let one = env.run(["config", "show", "pool.tools_max", "--json"]).ok();
    assert!(
        one.stdout.contains('7') && !one.stdout.contains("full_max"),
        "{}",
        one.snapshot()
    );
}

#[test]
fn init_writes_once_and_the_schema_is_json() {
    let none = TestEnv::new();
    let mut command = none.command(toolpool_tests::program::hub());
    command.args(["config", "init"]);
    let run = toolpool_tests::run::run(
        command,
        none.root(),
        None,
        std::time::Duration::from_secs(20),
    )
    .ok();
    assert!(none.config_file().exists(), "{}", run.snapshot());
    none.run(["config", "check"]).ok();
    assert_ne!(
        none.run(["config", "init"]).code(),
        0,
        "a file that is there is not overwritten"
    );
    let schema = none.run(["config", "schema"]).ok().json();
    assert!(schema["properties"]["servers"].is_object(), "{schema:#}");
}

#[test]
fn completions_for_the_common_shells() {
    let env = TestEnv::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = env.run(["completions", shell]).ok();
        assert!(run.stdout.contains("toolpool"), "{shell}");
        assert!(!run.stdout.contains("__guard"), "{shell}");
    }
}

#[test]
fn a_broken_pipe_is_no_error() {
    let env = TestEnv::new();
    let file = catalog_file(&env, 500);
    let mut hub = env.hub(["--catalog", &file, "tools", "--json"]);
    hub.stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = hub.spawn().expect("the hub can be started");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the hub ends");
    assert!(
        !String::from_utf8_lossy(&output.stderr).contains("panic"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_ne!(output.status.code(), Some(255));
}

#[test]
fn wrong_usage_is_code_two() {
    let env = TestEnv::new();
    for arguments in [
        &["tools", "--effect", "deadly"][..],
        &["call"],
        &["--nonsense"],
        &["call", "x", "{not json"],
    ] {
        env.run(arguments).failed_with(2);
    }
    let run = env.run(["call", "workspace__nothing", "{}"]).failed_with(1);
    assert!(run.stderr.contains("hint: "), "{}", run.snapshot());
}
