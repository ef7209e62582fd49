//! What a file says, in part and in whole, and what can be said of one that is not text.

use serde_json::json;

use super::World;

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
        &[
            vec![b'a'; crate::workspace::text::SNIFFED_BYTES + 5],
            vec![0],
        ]
        .concat(),
    );
    assert!(
        world
            .refusal("read_file", json!({"path": "late.txt"}))
            .await
            .contains("not text")
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
