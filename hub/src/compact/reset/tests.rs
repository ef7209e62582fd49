//! The first text of a fresh window, with files that are read through the door of a running hub.

use std::sync::Arc;

use serde_json::json;
use toolpool_config::Effect;
use toolpool_config::fixed::FILES_SHARE;

use super::*;
use crate::compact::facts::tests::Story;
use crate::compact::world::{Fake, World, calls, counter, says};
use crate::journal::entry::{Entry, StepItem, Verdict};

#[test]
fn what_is_open_and_known_is_said_within_its_share() {
    let mut story = Story::default();
    story.asks("go");
    story.calls(
        "read",
        Effect::ReadOnly,
        json!({"path": "a.rs"}),
        Verdict::Completed,
        "text",
    );
    story.calls(
        "edit",
        Effect::Destructive,
        json!({"path": "a.rs"}),
        Verdict::Failed,
        "no such text\nmore",
    );
    story.calls(
        "edit",
        Effect::Destructive,
        json!({"path": "a.rs"}),
        Verdict::Completed,
        "ok",
    );
    story.calls(
        "edit",
        Effect::Destructive,
        json!({"path": "b.rs"}),
        Verdict::Failed,
        "no such file",
    );
    story.calls(
        "send",
        Effect::Destructive,
        json!({"to": "x"}),
        Verdict::InDoubt,
        "",
    );
    let items = vec![
        StepItem {
            text: "first".into(),
            state: StepState::Done,
        },
        StepItem {
            text: "second".into(),
            state: StepState::Open,
        },
    ];
    story.add(Entry::Steps { turn: 1, items });
    let counter = counter();
    assert_eq!(
        open(&story.folds, u64::MAX, 200, counter).as_deref(),
        Some(
            "Open and done:\n- in doubt: send {\"to\":\"x\"} was sent, and whether it took effect is not known\n\
             - [x] first\n- [ ] second"
        )
    );
    assert_eq!(
        known(&story.folds, u64::MAX, 200, counter).as_deref(),
        Some(
            "Known:\n- edit b.rs failed (not solved): no such file\n- a.rs: changed since it was read\n\
             - edit a.rs failed (solved since): no such text"
        )
    );
    // A title without a line says nothing.
    assert_eq!(known(&story.folds, u64::MAX, 12, counter), None);
    for tokens_max in [20, 30, 60] {
        let text = known(&story.folds, u64::MAX, tokens_max, counter).expect("something is known");
        assert!(counter.count(&text) <= tokens_max, "{text}");
    }
    assert_eq!(open(&Folds::default(), 1, 200, counter), None);
}

#[tokio::test]
async fn files_are_read_again_through_the_door() {
    let model = Fake::new(8_192, true, |_, at| match at {
        0 => calls("workspace__read_file", &json!({"path": "notes.txt"})),
        1 => calls(
            "workspace__write_file",
            &json!({"path": "new.txt", "content": "first version"}),
        ),
        _ => says("done"),
    });
    let mut world = World::new(model, &[]).await;
    world.write("notes.txt", "old notes");
    world.turn("read and write").await;
    world.write("notes.txt", "new notes");
    world.write("new.txt", &"second version\n".repeat(2_000));
    world
        .agent
        .pin_file("notes.txt", true)
        .await
        .expect("pinned");
    world
        .agent
        .pin_file("missing.txt", true)
        .await
        .expect("pinned");
    let before = world.agent.folds().workflow.calls().len();
    let cancel = CancellationToken::new();
    let written = text(
        &world.agent,
        u64::MAX,
        Some("the summary".into()),
        u32::MAX,
        &cancel,
    )
    .await
    .expect("a text");
    assert!(written.starts_with("the summary\n\n"), "{written}");
    assert!(
        written.contains("<file path=\"notes.txt\">\n") && written.contains("new notes"),
        "{written}"
    );
    assert!(
        written.contains("second version") && written.contains("characters shown]"),
        "{written}"
    );
    assert!(written.contains("- missing.txt (not read: "), "{written}");
    let counter = counter();
    let files = written.find("Files as they are now:").expect("files");
    let share = f64::from(world.agent.window()) * FILES_SHARE;
    assert!(f64::from(counter.count(&written[files..])) <= share + 4.0);
    {
        let folds = world.agent.folds();
        let made = &folds.workflow.calls()[before..];
        assert_eq!(made.len(), 3, "each reading is a call of its own");
        assert!(
            made.iter()
                .all(|record| record.call.turn == 0 && record.intended)
        );
        let mut names: Vec<_> = made.iter().map(|record| record.call).collect();
        names.dedup();
        assert_eq!(names.len(), 3);
    }
    // The conversation has none of them.
    assert!(
        !world
            .agent
            .history()
            .iter()
            .any(|message| format!("{message:?}").contains("second version"))
    );
    world.end().await;
}

#[tokio::test]
async fn a_reading_that_is_denied_is_said_and_not_forced() {
    let model = Fake::new(8_192, true, |_, _| says("done"));
    let mut world = World::new(model, &[]).await;
    world.write("notes.txt", "the notes");
    world
        .agent
        .pin_file("notes.txt", true)
        .await
        .expect("pinned");
    world
        .agent
        .deny("workspace__read_file")
        .await
        .expect("denied");
    let cancel = CancellationToken::new();
    let written = text(&world.agent, u64::MAX, None, u32::MAX, &cancel)
        .await
        .expect("a text");
    assert!(
        written.starts_with(NO_SUMMARY) && !written.contains("the notes"),
        "{written}"
    );
    assert!(written.contains("- notes.txt (not read: "), "{written}");
    cancel.cancel();
    let written = text(&world.agent, u64::MAX, None, u32::MAX, &cancel)
        .await
        .expect("a text");
    assert_eq!(written, NO_SUMMARY);
    world.end().await;
}

#[tokio::test]
async fn what_is_kept_of_a_result_is_read_by_name_and_through_call_tool() {
    let big: String = (1..=2_000).map(|at| format!("row {at}\n")).collect();
    let id = Arc::new(std::sync::Mutex::new(String::new()));
    let known = id.clone();
    let model = Fake::new(4_096, true, move |_, at| {
        let id = known.lock().expect("one thread").clone();
        match at {
            0 => calls("workspace__read_file", &json!({"path": "big.txt"})),
            2 => calls("find_tools", &json!({"query": "read a file"})),
            3 => calls(
                "read_artifact",
                &json!({"id": id, "from": 1500, "lines": 2}),
            ),
            4 => calls(
                "call_tool",
                &json!({"name": "read_artifact", "arguments": {"id": id, "from": 1600, "lines": 1}}),
            ),
            5 => calls("read_artifact", &json!({"id": "../../journal"})),
            _ => says("done"),
        }
    });
    let mut world = World::new(model, &[]).await;
    world.write("big.txt", &big);
    world.turn("read it").await;
    let artifact = {
        let folds = world.agent.folds();
        let kept = folds
            .workflow
            .calls()
            .iter()
            .find_map(|record| record.artifact.clone());
        kept.expect("it was cut, and kept whole")
    };
    artifact[..8].clone_into(&mut id.lock().expect("one thread"));
    world.turn("look into it").await;
    let told: Vec<(String, Verdict)> = {
        let folds = world.agent.folds();
        let calls = folds
            .workflow
            .calls()
            .iter()
            .filter(|record| record.call.turn == 2);
        calls
            .map(|record| (record.text.clone().unwrap_or_default(), record.verdict))
            .collect()
    };
    assert_eq!(told.len(), 4);
    assert!(
        told[0].0.contains("read_artifact {"),
        "find_tools tells of it: {}",
        told[0].0
    );
    assert!(told[1].0.contains("row 1500"), "{}", told[1].0);
    assert!(told[2].0.contains("row 1600"), "{}", told[2].0);
    assert_eq!(told[3].1, Verdict::Failed);
    let offered = world.model.prompts();
    let defined = offered
        .iter()
        .flat_map(|prompt| &prompt.tools)
        .any(|tool| tool.contains("read_artifact"));
    assert!(!defined, "it has no definition");
    world.end().await;
}
