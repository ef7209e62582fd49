//! Writing, editing, moving and deleting: what is done, what is refused, and that nothing leads outside.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::World;

/// The content of a file of the workspace.
fn content(world: &World, path: &str) -> String {
    fs::read_to_string(world.folder().join(path)).expect("readable")
}

/// The names in a folder of the workspace.
fn names(world: &World, path: &str) -> Vec<String> {
    let entries = fs::read_dir(world.folder().join(path)).expect("a folder");
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

async fn structured(world: &World, tool: &str, arguments: Value) -> Value {
    let answer = world.call(tool, arguments).await.expect("an answer");
    answer.structured.expect("structured")
}

#[tokio::test]
async fn a_file_is_made_and_replaced_in_one_step() {
    let world = World::project();
    let made = structured(
        &world,
        "write_file",
        json!({"path": "a/b/new.txt", "content": "one\n"}),
    )
    .await;
    assert_eq!(
        made,
        json!({
            "path": "a/b/new.txt",
            "bytes": 4,
            "sha256": "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806",
            "created": true,
        })
    );
    let path = world.folder().join("a/b/new.txt");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o751)).expect("set");
    let again = structured(
        &world,
        "write_file",
        json!({"path": "a/b/new.txt", "content": "two\n"}),
    )
    .await;
    assert_eq!(again["created"], false);
    assert_eq!(content(&world, "a/b/new.txt"), "two\n");
    let mode = fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o751, "it keeps its mode");
    assert_eq!(names(&world, "a/b"), ["new.txt"], "nothing temporary stays");
    let absolute = world.folder().join("abs.txt");
    let text = world
        .text("write_file", json!({"path": absolute, "content": ""}))
        .await;
    assert_eq!(text, "made `abs.txt`, 0 B");
}

#[tokio::test]
async fn nothing_is_written_outside_or_where_it_may_not_be() {
    let world = World::project();
    let outside = world.dir.path().join("secret.txt");
    world.link(&outside, "link-file");
    world.link(world.dir.path(), "link-folder");
    world.link("..", "src/up");
    world.link("../nowhere", "dangling");
    world.link(world.folder().join(".git"), "not-git");
    let long = "x".repeat(300);
    for path in [
        "../secret.txt",
        "../new.txt",
        "src/../../new.txt",
        outside.to_str().expect("utf-8"),
        "/etc/new",
        "link-file",
        "link-folder/new.txt",
        "link-folder/new/er.txt",
        "src/up/../new.txt/../../../x",
        "dangling",
        ".git/config",
        ".git/hooks/pre-commit",
        ".GIT/config",
        "sub/.git/config",
        "not-git/config",
        ".toolpool.toml",
        ".TOOLPOOL.toml",
        "sub/.toolpool.toml",
        "src",
        "README.md/below",
        ".",
        "",
        "a\0b",
        &long,
    ] {
        world
            .refusal("write_file", json!({"path": path, "content": "bad"}))
            .await;
        for (from, to) in [("README.md", path), (path, "taken.txt")] {
            // These are names in the workspace, and links can be moved.
            if ["link-file", "dangling", "src"].contains(&path) {
                continue;
            }
            world
                .refusal("move_file", json!({"from": from, "to": to}))
                .await;
        }
    }
    assert_eq!(fs::read_to_string(&outside).expect("there"), "the secret");
    assert_eq!(content(&world, ".git/config"), "[core] Needle");
    let around: Vec<String> = fs::read_dir(world.dir.path())
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(around.len(), 2, "{around:?}");
}

#[tokio::test]
async fn a_link_inside_leads_to_its_file() {
    let world = World::project();
    world.link("src/main.rs", "main");
    world
        .text("write_file", json!({"path": "main", "content": "new"}))
        .await;
    assert_eq!(content(&world, "src/main.rs"), "new");
    assert!(world.folder().join("main").is_symlink());
    // Deleting a link deletes no file.
    world.text("delete_file", json!({"path": "main"})).await;
    assert_eq!(content(&world, "src/main.rs"), "new");
}

#[tokio::test]
async fn an_edit_needs_to_have_read_what_is_there() {
    let world = World::project();
    let edit = json!({"path": "src/main.rs", "old": "    needle();", "new": "    thread();"});
    assert_eq!(
        world.refusal("edit_file", edit.clone()).await,
        "`src/main.rs` has not been read yet; read it with read_file, then edit it"
    );
    world
        .text("read_file", json!({"path": "src/main.rs", "limit": 1}))
        .await;
    fs::write(
        world.folder().join("src/main.rs"),
        "fn main() {\n    needle();\n}\n",
    )
    .expect("written");
    assert_eq!(
        world.refusal("edit_file", edit.clone()).await,
        "`src/main.rs` has changed since it was read; read it again, then edit it"
    );
    world
        .text("read_file", json!({"path": "src/main.rs"}))
        .await;
    let done = structured(&world, "edit_file", edit).await;
    assert_eq!((&done["replaced"], &done["bytes"]), (&json!(1), &json!(28)));
    assert_eq!(
        content(&world, "src/main.rs"),
        "fn main() {\n    thread();\n}\n"
    );
    // What was written here is known, under its new name too.
    world
        .text(
            "move_file",
            json!({"from": "src/main.rs", "to": "src/bin/app.rs"}),
        )
        .await;
    let text = world
        .text(
            "edit_file",
            json!({"path": "src/bin/app.rs", "old": "main", "new": "start"}),
        )
        .await;
    assert_eq!(
        text,
        "edited `src/bin/app.rs` once, at line 1; it has 29 B now"
    );
}

#[tokio::test]
async fn an_edit_that_does_not_fit_says_how_the_file_looks() {
    let world = World::project();
    world.file("a.txt", "one two\n\tthree  \nfour\nfour\nfünf\n");
    world.file("dos.txt", "one\r\ntwo\r\n");
    world.file("empty.txt", "");
    for path in ["a.txt", "dos.txt", "empty.txt"] {
        world.text("read_file", json!({"path": path})).await;
    }
    for (path, old, expected) in [
        (
            "a.txt",
            "",
            "`old` is empty; quote the text to replace, or use write_file for a whole file",
        ),
        (
            "a.txt",
            "same",
            "`old` and `new` are the same; nothing would change",
        ),
        (
            "a.txt",
            "one tow",
            "`old` is not in `a.txt`; the nearest is line 1: `one two`; quote the file exactly",
        ),
        (
            "a.txt",
            "three\nfour",
            "`old` is not in `a.txt` as quoted: line 2 is `\tthree  `, so look at its spaces and at the lines after it",
        ),
        (
            "a.txt",
            "four",
            "`old` stands 2 times in `a.txt` (lines 3, 4); quote more lines around the right one, or set all",
        ),
        (
            "dos.txt",
            "one\ntwo",
            "the lines of `dos.txt` end in \\r\\n; quote one line at a time, without its end",
        ),
        (
            "empty.txt",
            "x",
            "`old` is not in `empty.txt`, which has no text; use write_file",
        ),
        ("data.bin", "x", "`data.bin` is a binary file, not text"),
        ("src", "x", "`src` is a folder, not a file"),
    ] {
        assert_eq!(
            world
                .refusal(
                    "edit_file",
                    json!({"path": path, "old": old, "new": "same"})
                )
                .await,
            expected
        );
    }
    let all = json!({"path": "a.txt", "old": "four", "new": "4", "all": true});
    assert_eq!(structured(&world, "edit_file", all).await["replaced"], 2);
    assert_eq!(content(&world, "a.txt"), "one two\n\tthree  \n4\n4\nfünf\n");
}

#[tokio::test]
async fn moving_replaces_nothing_unasked() {
    let world = World::project();
    assert_eq!(
        world
            .refusal(
                "move_file",
                json!({"from": "README.md", "to": "src/main.rs"})
            )
            .await,
        "`src/main.rs` is there already; set overwrite to replace a file, or give another name"
    );
    assert_eq!(
        world
            .refusal("move_file", json!({"from": "README.md", "to": "src"}))
            .await,
        "`src` is a folder; give the new name as well, such as `src/README.md`"
    );
    assert_eq!(
        world
            .refusal("move_file", json!({"from": "src", "to": "src/deep/src"}))
            .await,
        "`src` cannot be moved into itself"
    );
    assert_eq!(
        world
            .refusal("move_file", json!({"from": "REDME.md", "to": "x"}))
            .await,
        "there is no `REDME.md` in the workspace; did you mean `README.md`?"
    );
    let text = world
        .text(
            "move_file",
            json!({"from": "README.md", "to": "src/main.rs", "overwrite": true}),
        )
        .await;
    assert_eq!(text, "moved `README.md` to `src/main.rs`");
    assert!(content(&world, "src/main.rs").starts_with("# Demo"));
    let moved = structured(
        &world,
        "move_file",
        json!({"from": "src/deep", "to": "far/deep"}),
    )
    .await;
    assert_eq!(moved, json!({"path": "far/deep", "from": "src/deep"}));
    assert!(world.folder().join("far/deep/er/mod.rs").is_file());
}

#[tokio::test]
async fn deleting_takes_what_was_named_and_no_more() {
    let world = World::project();
    world.link(world.dir.path(), "src/deep/out");
    assert_eq!(
        world.refusal("delete_file", json!({"path": "src"})).await,
        "`src` is a folder with something in it; set recursive to delete all of it"
    );
    let done = structured(
        &world,
        "delete_file",
        json!({"path": "src", "recursive": true}),
    )
    .await;
    assert_eq!(done, json!({"path": "src", "removed": 6}));
    assert!(!world.folder().join("src").exists());
    assert!(
        world.dir.path().join("secret.txt").exists(),
        "a link is not followed"
    );
    world.file("vendor/lib/.git/config", "theirs");
    world.file("vendor/a.txt", "a");
    let refusal = world
        .refusal("delete_file", json!({"path": "vendor", "recursive": true}))
        .await;
    assert!(refusal.contains("`.git`"), "{refusal}");
    assert!(
        world.folder().join("vendor/a.txt").exists(),
        "nothing goes where not all may"
    );
    for path in [".", "", "..", "/", ".git", ".toolpool.toml"] {
        world
            .refusal("delete_file", json!({"path": path, "recursive": true}))
            .await;
    }
    world
        .text("delete_file", json!({"path": "README.md"}))
        .await;
    assert!(!world.folder().join("README.md").exists());
}

#[tokio::test]
async fn an_edit_that_breaks_its_file_is_refused_and_one_that_repairs_it_is_not() {
    let world = World::new();
    world.file("a.json", "{\"a\": 1,\n \"b\": 2}");
    let edit = |old: &str, new: &str| json!({ "path": "a.json", "old": old, "new": new });
    let _ = world.call("read_file", json!({ "path": "a.json" })).await;
    let refused = world.call("edit_file", edit("1,", "1")).await;
    let crate::workspace::Refusal(why) = refused.expect_err("it would not be JSON any more");
    assert!(
        why.starts_with(
            "`a.json` was not edited: with this edit it is not valid JSON: line 2, column 2"
        ),
        "{why}"
    );
    assert_eq!(content(&world, "a.json"), "{\"a\": 1,\n \"b\": 2}");
    // Broken by somebody else, it may be repaired step by step.
    world.file("a.json", "{\"a\": 1\n \"b\": 2");
    let _ = world.call("read_file", json!({ "path": "a.json" })).await;
    let first = world
        .call("edit_file", edit("2", "2}"))
        .await
        .expect("an edit");
    assert!(
        first.text.contains("; note: it is not valid JSON: line 2"),
        "{}",
        first.text
    );
    let second = world
        .call("edit_file", edit("1", "1,"))
        .await
        .expect("an edit");
    assert!(!second.text.contains("note"), "{}", second.text);
}
