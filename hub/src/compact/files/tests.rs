//! Which files, in which order, and how much of them.

use serde_json::json;
use toolpool_config::Effect;

use super::*;
use crate::compact::facts::tests::Story;
use crate::compact::world::counter;
use crate::journal::entry::{Entry, StepItem, Verdict};

fn write(story: &mut Story, path: &str) {
    story.calls(
        "write",
        Effect::Destructive,
        json!({"path": path, "content": "x"}),
        Verdict::Completed,
        "ok",
    );
}

fn steps(story: &mut Story, steps: &[(&str, StepState)]) {
    let items = steps.iter().map(|(text, state)| StepItem {
        text: (*text).into(),
        state: *state,
    });
    story.add(Entry::Steps {
        turn: 1,
        items: items.collect(),
    });
}

#[test]
fn pinned_ones_come_first_then_what_open_steps_touch_the_last_changed_first() {
    let mut story = Story::default();
    story.asks("go");
    for path in ["src/a.rs", "b.rs", "done.rs", "other.rs"] {
        write(&mut story, path);
    }
    story.calls(
        "read",
        Effect::ReadOnly,
        json!({"path": "docs/read.md"}),
        Verdict::Completed,
        "text",
    );
    write(&mut story, "src/a.rs");
    story.calls(
        "delete_file",
        Effect::Destructive,
        json!({"path": "gone.rs"}),
        Verdict::Completed,
        "ok",
    );
    assert_eq!(
        wanted(&story.folds),
        ["src/a.rs", "other.rs", "done.rs", "b.rs"],
        "without steps, what was changed"
    );
    let late = story.folds.workflow.calls().last().expect("a call").clone();
    assert_eq!(late.verdict, Verdict::Completed);
    steps(
        &mut story,
        &[
            (
                "change a.rs and b.rs as read.md says, not gone.rs",
                StepState::Doing,
            ),
            ("finish done.rs", StepState::Done),
        ],
    );
    assert_eq!(wanted(&story.folds), ["src/a.rs", "b.rs", "docs/read.md"]);
    for (path, on) in [
        ("pin.txt", true),
        ("b.rs", true),
        ("off.txt", true),
        ("off.txt", false),
    ] {
        story.add(Entry::PinFile {
            path: path.into(),
            on,
        });
    }
    assert_eq!(
        wanted(&story.folds),
        ["pin.txt", "b.rs", "src/a.rs", "docs/read.md"]
    );
}

#[test]
fn a_file_has_its_share_and_ends_at_a_line() {
    let counter = counter();
    let text: String = (0..200)
        .map(|at| format!("line {at} of a file\n"))
        .collect();
    for tokens_max in [0, 5, 30, 100, 102, 400, 5_000] {
        let Some(block) = block("a.txt", &text, tokens_max, counter) else {
            assert!(tokens_max <= 30, "{tokens_max}");
            continue;
        };
        assert!(
            counter.count(&block) <= tokens_max,
            "{} of {tokens_max}",
            counter.count(&block)
        );
        if tokens_max < 2_000 {
            assert!(block.contains("characters shown]"), "{block}");
            let last = block.lines().rev().nth(2).expect("a line");
            assert!(
                last.ends_with("of a file") || last.starts_with("line") || last.starts_with('<'),
                "{last}"
            );
        } else {
            assert!(block.contains("line 199 of a file\n</file>"));
        }
    }
    assert!(
        block("a.txt", &"é".repeat(10_000), 60, counter)
            .is_some_and(|block| counter.count(&block) <= 60)
    );
}

#[test]
fn all_of_them_have_their_share_and_the_others_are_named() {
    let counter = counter();
    for all in [100, 600, 4_000] {
        let mut shown = Shown::new(all, counter);
        for at in 0..40 {
            let text = "some words of a file\n".repeat(60);
            if at % 4 == 3 {
                shown.name(&format!("f{at}.txt"), Some("denied by a rule"));
            } else {
                shown.show(&format!("f{at}.txt"), &text, 100);
            }
        }
        let text = shown.text();
        assert!(
            counter.count(&text) <= all + 4,
            "{} of {all}",
            counter.count(&text)
        );
        assert!(
            all == 4_000 || text.contains(" more"),
            "what has no room is counted"
        );
    }
}
