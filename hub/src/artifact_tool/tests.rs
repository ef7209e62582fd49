//! Parts of what is kept, and ids that nobody should give.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::journal::RealDisk;
use crate::journal::store::Store;

const SESSION: &str = "20260101-000000-abcd";

struct Kept {
    artifacts: Artifacts,
    _folder: tempfile::TempDir,
}

fn kept() -> Kept {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::new(folder.path().to_owned(), Arc::new(RealDisk));
    std::fs::create_dir_all(store.folder(SESSION)).expect("a session's folder");
    let artifacts = store.artifacts(SESSION).expect("a session's");
    Kept {
        artifacts,
        _folder: folder,
    }
}

fn part(value: &Value) -> Result<Part, String> {
    arguments(value.as_object().expect("an object"))
}

fn shown(kept: &Kept, value: &Value, bytes_max: usize) -> Result<String, String> {
    read(&kept.artifacts, &part(value)?, bytes_max)
}

#[test]
fn lines_are_read_with_what_to_call_for_the_next() {
    let kept = kept();
    let text: String = (1..=100).map(|at| format!("row {at}\n")).collect();
    let name = kept.artifacts.put(&text).expect("kept");
    let id = &name[..8];
    let read = |value: &Value| shown(&kept, value, 1_000);
    assert_eq!(
        read(&json!({"id": id, "from": 3, "lines": 2})),
        Ok(format!(
            "row 3\nrow 4\n[lines 3 to 4 of 100; go on with read_artifact {{\"id\": \"{id}\", \"from\": 5}}]"
        ))
    );
    assert_eq!(
        read(&json!({"id": name, "from": "99"})),
        Ok("row 99\nrow 100\n[lines 99 to 100 of 100]".into())
    );
    assert_eq!(
        read(&json!({"id": format!("artifact {id}…"), "from": 100.0, "lines": 5})),
        Ok("row 100\n[lines 100 to 100 of 100]".into())
    );
    assert!(read(&json!({"id": id, "from": 101})).is_err_and(|why| why.contains("has 100 lines")));
    assert!(read(&json!({"id": id, "from": -1})).is_err());
    let (mut from, mut all) = (1_u64, String::new());
    loop {
        let part = shown(&kept, &json!({"id": id, "from": from}), 60).expect("a part");
        let (rows, note) = part.rsplit_once('[').expect("a note");
        assert!(rows.len() <= 60);
        all.push_str(rows);
        let Some((_, next)) = note.split_once("\"from\": ") else {
            break;
        };
        from = next.trim_end_matches("}]").parse().expect("a number");
    }
    assert_eq!(all, text);
}

#[test]
fn one_long_line_is_read_by_bytes() {
    let kept = kept();
    let text = "aé漢🙂".repeat(100);
    let name = kept.artifacts.put(&text).expect("kept");
    let first = shown(&kept, &json!({"id": name}), 64).expect("its beginning");
    assert!(
        first.contains("[the beginning of line 1 of 1; go on with"),
        "{first}"
    );
    let (mut offset, mut all) = (0, String::new());
    loop {
        let part = shown(&kept, &json!({"id": name, "offset": offset}), 64).expect("a part");
        let (bytes, note) = part.rsplit_once("\n[").expect("a note");
        assert!(bytes.len() <= 64);
        all.push_str(bytes);
        let Some((_, next)) = note.split_once("\"offset\": ") else {
            break;
        };
        offset = next.trim_end_matches("}]").parse().expect("a number");
    }
    assert_eq!(all, text);
    assert!(shown(&kept, &json!({"id": name, "offset": 1_000_000}), 64).is_err());
    // Never nothing, however small the share.
    assert!(
        shown(&kept, &json!({"id": name, "offset": 1}), 0).is_ok_and(|part| part.starts_with('é'))
    );
}

#[test]
fn hostile_ids_name_nothing() {
    let kept = kept();
    let name = kept.artifacts.put("the text").expect("kept");
    let folder = kept.artifacts.folder().to_owned();
    std::fs::write(folder.join("secret.txt"), "no").expect("a file");
    std::fs::write(folder.with_file_name("journal.jsonl"), "no").expect("a file");
    let long = "a".repeat(65);
    for id in [
        "",
        "..",
        "../journal.jsonl",
        "/etc/passwd",
        "secret.txt",
        "*",
        "1234567",
        "zzzzzzzz",
        "é".repeat(8).as_str(),
        "0000000g",
        long.as_str(),
        "abcd\u{0}efgh",
    ] {
        let said = shown(&kept, &json!({"id": id}), 100);
        assert!(said.is_err(), "{id}: {said:?}");
    }
    assert!(part(&json!({})).is_err());
    assert!(part(&json!({"id": 12_345_678})).is_err());
    let free = if name.starts_with("00000000") {
        "11111111"
    } else {
        "00000000"
    };
    assert_eq!(
        shown(&kept, &json!({"id": free}), 100),
        Err(format!("this session has no artifact `{free}`"))
    );
    // Upper case is the same number.
    assert!(shown(&kept, &json!({"id": name[..10].to_uppercase()}), 100).is_ok());
}

#[test]
fn an_id_that_is_not_the_only_one_says_so_and_a_changed_file_is_not_shown() {
    let kept = kept();
    kept.artifacts.put("makes the folder").expect("kept");
    let name = |end: char| format!("{}{}", "ab12cd34", end.to_string().repeat(56));
    for end in ['0', '1'] {
        std::fs::write(
            kept.artifacts.folder().join(name(end)),
            "not what its name says",
        )
        .expect("a file");
    }
    assert_eq!(
        shown(&kept, &json!({"id": "ab12cd34"}), 100),
        Err("2 artifacts begin with `ab12cd34`: give more of its digits".into())
    );
    assert!(
        shown(&kept, &json!({"id": name('0')}), 100)
            .is_err_and(|why| why.contains("can't be read"))
    );
}
