//! Files and errors out of intents and outcomes.

use serde_json::json;

use super::*;

fn call(index: u32) -> CallId {
    CallId {
        turn: 1,
        step: 1,
        index,
    }
}

fn intent(index: u32, tool: &str, effect: Effect, arguments: Value) -> Entry {
    Entry::Intent(IntentNote {
        call: call(index),
        server: "workspace".into(),
        tool: tool.into(),
        name: format!("workspace__{tool}"),
        fingerprint: "f".into(),
        arguments,
        effect,
        repeatable: effect == Effect::ReadOnly,
        key: "k".into(),
    })
}

fn outcome(index: u32, verdict: Verdict, text: &str) -> Entry {
    Entry::Outcome(OutcomeNote {
        call: call(index),
        verdict,
        text: text.into(),
        result_sha256: Some(format!("hash of {text}")),
        artifact: None,
        elapsed_ms: 1,
        repairs: Vec::new(),
    })
}

fn fold(entries: Vec<Entry>) -> Memory {
    let mut memory = Memory::default();
    for (entry, seq) in entries.into_iter().zip(1..) {
        memory.apply(&Line {
            seq,
            at_ms: 0,
            entry,
        });
    }
    memory
}

#[test]
fn files_are_read_changed_moved_and_in_doubt() {
    let memory = fold(vec![
        intent(0, "read_file", Effect::ReadOnly, json!({ "path": "a" })),
        outcome(0, Verdict::Completed, "one"),
        intent(
            1,
            "write_file",
            Effect::Destructive,
            json!({ "path": "b", "content": "two" }),
        ),
        outcome(1, Verdict::Completed, "written"),
        intent(
            2,
            "move_file",
            Effect::Destructive,
            json!({ "from": "b", "to": "c" }),
        ),
        outcome(2, Verdict::Completed, "moved"),
        intent(
            3,
            "delete_file",
            Effect::Destructive,
            json!({ "path": "d" }),
        ),
        intent(4, "edit_file", Effect::Destructive, json!({ "path": "e" })),
        outcome(4, Verdict::Failed, "not found"),
    ]);
    let files = memory.files();
    assert_eq!(files.keys().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    assert_eq!(files["a"].read_sha256.as_deref(), Some("hash of one"));
    assert_eq!((files["a"].changed, files["a"].read), (None, Some(call(0))));
    assert!(files["b"].gone && files["b"].changed == Some(call(2)));
    assert!(!files["c"].gone && files["c"].changed == Some(call(2)));
    assert!(files["d"].in_doubt && files["d"].changed.is_none());

    let written = fold(vec![
        intent(
            1,
            "write_file",
            Effect::Destructive,
            json!({ "path": "b", "content": "two" }),
        ),
        outcome(1, Verdict::Completed, "written"),
    ]);
    assert_eq!(written.files()["b"].written_sha256, Some(sha256(b"two")));
}

#[test]
fn an_error_is_solved_by_a_later_success_with_the_same_file() {
    let edit = |index, path: &str| {
        intent(
            index,
            "edit_file",
            Effect::Mutating,
            json!({ "path": path }),
        )
    };
    let memory = fold(vec![
        edit(0, "a"),
        outcome(0, Verdict::Failed, "no match"),
        edit(1, "b"),
        outcome(1, Verdict::Completed, "done"),
        edit(2, "a"),
        outcome(2, Verdict::InDoubt, "timed out"),
    ]);
    assert_eq!(memory.errors().len(), 1);
    assert_eq!(
        (&*memory.errors()[0].text, memory.errors()[0].solved_by),
        ("no match", None)
    );
    let mut solved = memory;
    solved.apply(&Line {
        seq: 9,
        at_ms: 0,
        entry: Entry::Settled {
            call: call(2),
            verdict: Verdict::Completed,
            by: crate::journal::entry::SettledBy::Person,
            text: "it was done".into(),
        },
    });
    assert_eq!(solved.errors()[0].solved_by, Some(call(2)));
    assert!(!solved.files()["a"].in_doubt);
}

#[test]
fn the_task_is_the_first_words_that_still_count() {
    let user = |turn, text: &str| Entry::User {
        turn,
        text: text.into(),
    };
    let memory = fold(vec![
        user(1, "wrong"),
        Entry::Undo { turn: 1 },
        user(2, "right"),
        user(3, "go on"),
    ]);
    assert_eq!(memory.task(), Some("right"));
    assert_eq!(memory.asked().len(), 2);
}
