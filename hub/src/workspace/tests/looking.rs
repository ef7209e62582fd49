//! Lists, finds and searches: what they show, what they leave out, and where they stop.

use serde_json::json;

use super::World;

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
