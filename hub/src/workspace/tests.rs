//! The tools over real folders, friendly and hostile, and the server over its pipe.

mod hostile;

use std::fs;
use std::path::{Path, PathBuf};

use rmcp::ServiceExt;
use rmcp::model::CallToolRequestParams;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use toolpool_config::{Builtin, Config, Limits, Transport};

use super::server::Workspace;
use super::{Answer, Refusal, factory, tools};

/// A workspace below a folder that also holds what is outside of it.
struct World {
    dir: tempfile::TempDir,
    limits: Limits,
}

impl World {
    fn new() -> World {
        let world = World {
            dir: tempfile::tempdir().expect("a temporary folder"),
            limits: Limits::default(),
        };
        world.file("../secret.txt", "the secret");
        world
    }

    /// A small project.
    fn project() -> World {
        let world = World::new();
        for (path, content) in [
            (".gitignore", "target/\n*.log\n"),
            (".git/config", "[core] Needle"),
            (".github/ci.yml", "on: push"),
            ("README.md", "# Demo\nThe Needle is here.\n"),
            (
                "src/main.rs",
                "fn main() {\n    needle();\n}\n\nfn needle() {}\n",
            ),
            ("src/deep/er/mod.rs", "// nothing\n"),
            ("target/debug/out.txt", "needle"),
            ("run.log", "needle"),
        ] {
            world.file(path, content);
        }
        world.bytes("logo.png", b"\x89PNG\r\n\x1a\nneedle");
        world.bytes("data.bin", b"needle\0needle");
        world
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    fn file(&self, path: &str, content: &str) {
        self.bytes(path, content.as_bytes());
    }

    fn bytes(&self, path: &str, content: &[u8]) {
        fs::create_dir_all(self.folder()).expect("created");
        let path = self.folder().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("created");
        fs::write(path, content).expect("written");
    }

    fn link(&self, target: impl AsRef<Path>, path: &str) {
        std::os::unix::fs::symlink(target, self.folder().join(path)).expect("linked");
    }

    async fn call(&self, tool: &str, arguments: Value) -> Result<Answer, Refusal> {
        let Value::Object(arguments) = arguments else {
            panic!("arguments are an object")
        };
        let server = Workspace::new(self.folder(), self.limits.clone());
        server.call(tool, arguments, CancellationToken::new()).await
    }

    async fn text(&self, tool: &str, arguments: Value) -> String {
        self.call(tool, arguments).await.expect("an answer").text
    }

    async fn refusal(&self, tool: &str, arguments: Value) -> String {
        match self.call(tool, arguments.clone()).await {
            Ok(answer) => panic!("{tool} {arguments} answered {answer:?}"),
            Err(Refusal(sentence)) => sentence,
        }
    }
}

#[tokio::test]
async fn reading_lines() {
    let world = World::new();
    world.file("five.txt", "1\n2\n3\n4\n5\n");
    world.file("no-end.txt", "1\n2");
    world.file("empty.txt", "");
    world.bytes("latin.txt", b"caf\xe9\n");
    for (arguments, expected) in [
        (json!({"path": "five.txt"}), "1\n2\n3\n4\n5\n"),
        (json!({"path": "./x/../five.txt", "offset": 4}), "4\n5\n"),
        (
            json!({"path": "five.txt", "offset": 2, "limit": 2}),
            "2\n3\n[lines 2 to 3 of `five.txt`; go on with offset 4]",
        ),
        (
            json!({"path": "five.txt", "offset": 4, "limit": 2}),
            "4\n5\n",
        ),
        (json!({"path": "no-end.txt", "offset": 2}), "2"),
        (json!({"path": "empty.txt"}), "[`empty.txt` is empty]"),
        (
            json!({"path": "latin.txt"}),
            "caf\u{fffd}\n[it is not UTF-8; what could not be read is shown as \u{fffd}]",
        ),
    ] {
        assert_eq!(
            world.text("read_file", arguments.clone()).await,
            expected,
            "{arguments}"
        );
    }
    for (arguments, expected) in [
        (
            json!({"path": "five.txt", "offset": 6}),
            "`five.txt` has 5 lines; give an offset from 1 to 5",
        ),
        (
            json!({"path": "no-end.txt", "offset": 9}),
            "`no-end.txt` has 2 lines; give an offset from 1 to 2",
        ),
        (
            json!({"path": "."}),
            "`.` is a folder; list_files shows what is in it",
        ),
        (
            json!({}),
            "the arguments do not fit the tool: missing field `path`",
        ),
    ] {
        assert_eq!(world.refusal("read_file", arguments).await, expected);
    }
}

#[tokio::test]
async fn reading_within_the_bound() {
    let mut world = World::new();
    world.limits.read_bytes_max = 10;
    world.file("lines.txt", "1234\n5678\nabcd\n");
    world.file("fits.txt", "123456789\n");
    world.file("long.txt", "123456789é and more");
    assert_eq!(
        world.text("read_file", json!({"path": "fits.txt"})).await,
        "123456789\n"
    );
    let first = world.text("read_file", json!({"path": "lines.txt"})).await;
    assert_eq!(
        first,
        "1234\n5678\n[lines 1 to 2 of `lines.txt`; go on with offset 3]"
    );
    assert_eq!(
        world
            .text("read_file", json!({"path": "lines.txt", "offset": 3}))
            .await,
        "abcd\n"
    );
    let long = world.text("read_file", json!({"path": "long.txt"})).await;
    assert!(
        long.starts_with("123456789\n[line 1 is cut after 9 bytes"),
        "{long}"
    );
}

#[tokio::test]
async fn binary_files_are_named_and_not_read() {
    let world = World::project();
    let refusal = world
        .refusal("read_file", json!({"path": "logo.png"}))
        .await;
    assert_eq!(refusal, "`logo.png` is a PNG image (14 B), not text");
    let refusal = world
        .refusal("read_file", json!({"path": "data.bin"}))
        .await;
    assert_eq!(refusal, "`data.bin` is a binary file (13 B), not text");
    // A NUL that comes after what is sniffed.
    world.bytes(
        "late.txt",
        &[vec![b'a'; super::text::SNIFFED_BYTES + 5], vec![0]].concat(),
    );
    assert!(
        world
            .refusal("read_file", json!({"path": "late.txt"}))
            .await
            .contains("not text")
    );
}

#[tokio::test]
async fn listing() {
    let world = World::project();
    let shallow =
        ".github/\n.gitignore  14 B\nREADME.md  27 B\ndata.bin  13 B\nlogo.png  14 B\nsrc/\n";
    assert_eq!(world.text("list_files", json!({})).await, shallow);
    let deep = world
        .text("list_files", json!({"path": "src", "depth": 9}))
        .await;
    assert_eq!(
        deep,
        "src/deep/\nsrc/deep/er/\nsrc/deep/er/mod.rs  11 B\nsrc/main.rs  44 B\n"
    );
    let all = world
        .text("list_files", json!({"include_ignored": true, "depth": 3}))
        .await;
    assert!(
        all.contains("run.log") && all.contains("target/debug/out.txt") && !all.contains(".git/"),
        "{all}"
    );
    // What is named is listed, ignored or not.
    assert_eq!(
        world.text("list_files", json!({"path": "target"})).await,
        "target/debug/\n"
    );
    assert_eq!(
        world
            .refusal("list_files", json!({"path": "README.md"}))
            .await,
        "`README.md` is not a folder; read_file shows a file, file_info its size"
    );
}

#[tokio::test]
async fn listings_are_bounded() {
    let mut world = World::project();
    world.limits.list_entries_max = 2;
    for (tool, arguments) in [
        ("list_files", json!({})),
        ("find_files", json!({"glob": "*"})),
    ] {
        let answer = world.call(tool, arguments).await.expect("an answer");
        let structured = answer.structured.expect("structured");
        assert_eq!(structured["entries"].as_array().expect("a list").len(), 2);
        assert_eq!(structured["truncated"], true);
        assert!(
            answer.text.contains("[only the first 2; "),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn finding() {
    let world = World::project();
    for (arguments, expected) in [
        (
            json!({"glob": "*.rs"}),
            "src/deep/er/mod.rs  11 B\nsrc/main.rs  44 B\n",
        ),
        (json!({"glob": "MAIN.*"}), "src/main.rs  44 B\n"),
        (json!({"glob": "src/*.rs"}), "src/main.rs  44 B\n"),
        (json!({"glob": "**/er/*"}), "src/deep/er/mod.rs  11 B\n"),
        (
            json!({"glob": "er/*.rs", "path": "src/deep"}),
            "src/deep/er/mod.rs  11 B\n",
        ),
        (
            json!({"glob": "out.txt"}),
            "[no file fits `out.txt`; include_ignored looks at ignored files too]",
        ),
        (
            json!({"glob": "out.txt", "include_ignored": true}),
            "target/debug/out.txt  6 B\n",
        ),
        (
            json!({"glob": "config", "include_ignored": true}),
            "[no file fits `config`]",
        ),
    ] {
        assert_eq!(
            world.text("find_files", arguments.clone()).await,
            expected,
            "{arguments}"
        );
    }
    assert!(
        world
            .refusal("find_files", json!({"glob": "a[b"}))
            .await
            .starts_with("`a[b` is not a glob: ")
    );
}

#[tokio::test]
async fn searching() {
    let world = World::project();
    for (arguments, expected) in [
        (
            json!({"query": "needle"}),
            "README.md\n2: The Needle is here.\n\nsrc/main.rs\n2:     needle();\n5: fn needle() {}\n",
        ),
        (
            json!({"query": "Needle", "case_sensitive": true}),
            "README.md\n2: The Needle is here.\n",
        ),
        (
            json!({"query": "needle()", "glob": "*.rs", "context": 1}),
            "src/main.rs\n1- fn main() {\n2:     needle();\n3- }\n4- \n5: fn needle() {}\n",
        ),
        (
            json!({"query": "^fn", "regex": true, "context": 1}),
            "src/main.rs\n1: fn main() {\n2-     needle();\n--\n4- \n5: fn needle() {}\n",
        ),
        (
            json!({"query": "^fn"}),
            "[`^fn` was not found as plain text]",
        ),
        (
            json!({"query": "needle", "path": "run.log"}),
            "run.log\n1: needle\n",
        ),
        (
            json!({"query": "needle", "path": "target", "include_ignored": true}),
            "target/debug/out.txt\n1: needle\n",
        ),
        (
            json!({"query": "$", "regex": true, "path": "README.md"}),
            "README.md\n1: # Demo\n2: The Needle is here.\n",
        ),
    ] {
        assert_eq!(
            world.text("search_files", arguments.clone()).await,
            expected,
            "{arguments}"
        );
    }
    for (arguments, expected) in [
        (json!({"query": ""}), "`query` is empty"),
        (
            json!({"query": "(", "regex": true}),
            "`query` is not a regular expression: unclosed group",
        ),
    ] {
        assert!(
            world
                .refusal("search_files", arguments)
                .await
                .starts_with(expected),
            "{expected}"
        );
    }
    // A pattern that would grow without bound is refused, not run.
    assert!(
        world
            .refusal(
                "search_files",
                json!({"query": "(a{1000}){1000}", "regex": true})
            )
            .await
            .contains("not a regular")
    );
}

#[tokio::test]
async fn searches_are_bounded() {
    let mut world = World::new();
    world.limits.search_matches_max = 3;
    world.limits.search_file_bytes_max = 100;
    world.limits.search_line_chars_max = 20;
    world.file("a.txt", "hit\nhit\nhit\n");
    world.file("b.txt", "hit\n");
    world.file("large.txt", &"hit ".repeat(100));
    let answer = world
        .call("search_files", json!({"query": "hit"}))
        .await
        .expect("an answer");
    assert!(
        answer.text.contains("only the first 3 lines"),
        "{}",
        answer.text
    );
    assert_eq!(
        answer.structured.expect("structured")["matches"]
            .as_array()
            .expect("a list")
            .len(),
        3
    );
    world.file(
        "a.txt",
        &format!("{} hit {}", "é".repeat(20), "x".repeat(40)),
    );
    let text = world.text("search_files", json!({"query": "hit"})).await;
    assert!(
        text.starts_with("a.txt\n1: …ééééé hit xxxxxxxxxx…\n"),
        "{text}"
    );
    assert!(
        text.contains("[1 files over 100 B were left out]"),
        "{text}"
    );
}

#[tokio::test]
async fn file_info() {
    let world = World::project();
    for (path, expected) in [
        (
            "logo.png",
            json!({"path": "logo.png", "kind": "file", "bytes": 14, "content": "a PNG image"}),
        ),
        (
            "src/main.rs",
            json!({"path": "src/main.rs", "kind": "file", "bytes": 44, "content": "text"}),
        ),
        (".", json!({"path": ".", "kind": "folder", "entries": 8})),
    ] {
        let mut value = world
            .call("file_info", json!({ "path": path }))
            .await
            .expect("an answer")
            .structured
            .expect("structured");
        let changed = value
            .as_object_mut()
            .expect("an object")
            .remove("changed")
            .expect("a time");
        assert!(changed.as_str().expect("a text").starts_with("20"));
        assert_eq!(value, expected);
    }
}

#[tokio::test]
async fn a_path_that_leads_nowhere_is_answered_with_the_nearest() {
    let world = World::project();
    for (path, expected) in [
        (
            "main.rs",
            "there is no `main.rs` in the workspace; did you mean `src/main.rs`?",
        ),
        (
            "src/mian.rs",
            "there is no `src/mian.rs` in the workspace; did you mean `src/main.rs`?",
        ),
        (
            "scr/main.rs",
            "there is no `scr/main.rs` in the workspace; did you mean `src/main.rs`?",
        ),
        (
            "readme.md/x",
            "there is no `readme.md/x` in the workspace; did you mean `README.md`?",
        ),
        (
            "zzz",
            "there is no `zzz` in the workspace; list_files and find_files show what there is",
        ),
    ] {
        assert_eq!(
            world.refusal("read_file", json!({ "path": path })).await,
            expected
        );
    }
}

#[tokio::test]
async fn a_missing_folder_and_a_cancelled_call() {
    let world = World::project();
    let gone = Workspace::new(world.folder().join("gone"), Limits::default());
    let refusal = gone
        .call(
            "list_files",
            serde_json::Map::new(),
            CancellationToken::new(),
        )
        .await
        .expect_err("refused");
    assert!(
        refusal.0.starts_with("the workspace folder `") && refusal.0.contains("cannot be opened"),
        "{refusal:?}"
    );
    let stop = CancellationToken::new();
    stop.cancel();
    let here = Workspace::new(world.folder(), Limits::default());
    let refusal = here
        .call("list_files", serde_json::Map::new(), stop)
        .await
        .expect_err("refused");
    assert_eq!(refusal.0, "the call was cancelled");
}

#[tokio::test]
async fn over_the_pipe_it_is_a_server_like_any_other() {
    let world = World::project();
    let mut config = Config::default()
        .servers
        .remove("workspace")
        .expect("the default server");
    config.transport = Transport::InProcess {
        name: Builtin::Workspace,
        folder: Some("work".into()),
    };
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    factory(world.dir.path().to_owned(), Limits::default())(&config, theirs);
    let client = ().serve(ours).await.expect("connected");
    let listed = client.list_all_tools().await.expect("listed");
    let names: Vec<&str> = listed.iter().map(|tool| &*tool.name).collect();
    assert_eq!(
        names,
        [
            "file_info",
            "find_files",
            "list_files",
            "read_file",
            "search_files"
        ]
    );
    for tool in &listed {
        let annotations = tool.annotations.as_ref().expect("annotated");
        assert_eq!(
            (annotations.read_only_hint, annotations.open_world_hint),
            (Some(true), Some(false))
        );
    }
    let call = |name: &'static str, arguments: Value| {
        let request = CallToolRequestParams::new(name)
            .with_arguments(arguments.as_object().cloned().expect("an object"));
        client.call_tool(request)
    };
    let read = call("read_file", json!({"path": "src/main.rs"}))
        .await
        .expect("called");
    assert_eq!(read.is_error, Some(false));
    assert!(
        read.content[0]
            .as_text()
            .expect("a text")
            .text
            .starts_with("fn main")
    );
    let refused = call("read_file", json!({"path": "../secret.txt"}))
        .await
        .expect("an answer, not a protocol error");
    assert_eq!(refused.is_error, Some(true));
    client.cancel().await.expect("ended");
}

#[tokio::test]
async fn definitions_are_valid_and_answers_fit_them() {
    let world = World::project();
    for tool in tools::all() {
        jsonschema::validator_for(&Value::Object((*tool.input_schema).clone()))
            .expect("a valid input schema");
        let Some(output) = &tool.output_schema else {
            continue;
        };
        let schema = jsonschema::validator_for(&Value::Object((**output).clone()))
            .expect("a valid output schema");
        let arguments = match &*tool.name {
            "find_files" => json!({"glob": "*"}),
            "search_files" => json!({"query": "needle"}),
            "file_info" => json!({"path": "src"}),
            _ => json!({}),
        };
        let structured = world
            .call(&tool.name, arguments)
            .await
            .expect("an answer")
            .structured
            .expect("structured");
        assert!(schema.is_valid(&structured), "{}: {structured}", tool.name);
    }
}
