//! Paths that try to leave the folder, and things in it that are no files.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use toolpool_config::Limits;

use super::World;

#[tokio::test]
async fn nothing_leads_outside() {
    let world = World::project();
    let outside = world.dir.path().join("secret.txt");
    world.link(&outside, "link-file");
    world.link(world.dir.path(), "link-folder");
    world.link("..", "src/up");
    world.link("../../secret.txt", "src/relative");
    world.link(world.folder().join(".git"), "not-git");
    world.link("nowhere-at-all", "dangling");
    world.link("loop-b", "loop-a");
    world.link("loop-a", "loop-b");
    let absolute = outside.to_str().expect("utf-8");
    for path in [
        "../secret.txt",
        "src/../../secret.txt",
        "src/../../work/../secret.txt",
        absolute,
        "/etc/passwd",
        "/",
        "..",
        "link-file",
        "link-folder/secret.txt",
        "link-folder",
        "src/relative",
        ".git/config",
        ".GIT/config",
        "src/../.git",
        "not-git/config",
        "dangling",
        "loop-a",
        "link-folder/nothing-here",
        "/proc/self/environ",
        "README.md\0.txt",
        "~/.ssh/id_rsa",
    ] {
        for (tool, key) in [
            ("read_file", "path"),
            ("file_info", "path"),
            ("list_files", "path"),
            ("search_files", "path"),
            ("find_files", "path"),
        ] {
            let mut arguments = json!({ key: path });
            match tool {
                "search_files" => arguments["query"] = "e".into(),
                "find_files" => arguments["glob"] = "*".into(),
                _ => {}
            }
            let sentence = world.refusal(tool, arguments).await;
            assert!(
                !sentence.contains("the secret") && !sentence.contains("root:"),
                "{sentence}"
            );
        }
    }
    // A link that stays inside is a path like any other; a walk shows links and does not follow them.
    assert!(
        world
            .text("read_file", json!({"path": "src/up/README.md"}))
            .await
            .starts_with("# Demo")
    );
    let found = world.text("search_files", json!({"query": "secret"})).await;
    assert_eq!(found, "[`secret` was not found as plain text]");
    let listed = world.text("list_files", json!({"depth": 9})).await;
    assert!(
        listed.contains("link-folder  (link)\n") && !listed.contains("link-folder/"),
        "{listed}"
    );
    // Absolute paths inside are fine, as the folder was named and as it resolves.
    let inside = world.folder().join("README.md");
    assert!(
        world
            .text("read_file", json!({ "path": inside }))
            .await
            .starts_with("# Demo")
    );
}

#[tokio::test]
async fn what_is_no_plain_file_is_never_opened() {
    let world = World::project();
    let pipe = world.folder().join("pipe");
    let status = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .expect("mkfifo runs");
    assert!(status.success());
    let _socket =
        std::os::unix::net::UnixListener::bind(world.folder().join("socket")).expect("bound");
    for path in ["pipe", "socket"] {
        // Opened the usual way, a pipe without a writer would wait for ever.
        let refusal = world.refusal("read_file", json!({ "path": path })).await;
        assert_eq!(refusal, format!("`{path}` is not a plain file"));
        assert!(
            world
                .refusal("search_files", json!({"query": "x", "path": path}))
                .await
                .contains("not a plain file")
        );
    }
    assert!(
        world
            .text("search_files", json!({"query": "needle"}))
            .await
            .contains("README.md"),
        "a walk goes past it"
    );
    assert!(
        world
            .text("list_files", json!({}))
            .await
            .contains("pipe  (special)\n")
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn files_that_the_kernel_makes_up_are_refused() {
    let server = super::server(PathBuf::from("/proc/self"), Limits::default());
    let arguments = json!({"path": "environ"})
        .as_object()
        .cloned()
        .expect("an object");
    let refusal = server
        .call("read_file", arguments, CancellationToken::new())
        .await
        .expect_err("refused");
    assert!(refusal.0.contains("is not a plain file"), "{refusal:?}");
}

#[test]
fn a_link_put_in_place_of_a_checked_file_is_not_followed() {
    let world = World::project();
    let root = super::super::confine::Root::open(&world.folder()).expect("there");
    // The last part, and a folder on the way.
    for (path, replaced, target) in [
        ("README.md", "README.md", "../secret.txt"),
        ("src/main.rs", "src", ".."),
    ] {
        let inside = root.resolve(path).expect("inside");
        let at = world.folder().join(replaced);
        fs::rename(&at, world.dir.path().join(format!("away-{replaced}"))).expect("moved");
        world.link(target, replaced);
        fs::write(world.dir.path().join("main.rs"), "the secret").expect("written");
        assert!(root.open_file(&inside).is_err(), "{path}");
    }
}
