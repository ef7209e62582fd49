//! What people see, whole.

use super::*;
use crate::cli::sessions::tests::{sample, summary};

const PLAIN: Look = Look {
    width: 80,
    color: false,
    unicode: true,
};

#[test]
fn the_list_says_what_needs_a_look() {
    let fine = Summary {
        id: "20261124-220000-aaaa".into(),
        in_doubt: 0,
        damage: Vec::new(),
        first_words: Some("list\u{1b}[2J the open issues of the repository".into()),
        ..summary()
    };
    let odd = Summary {
        id: "20261125-000000-bbbb".into(),
        damage: vec!["cannot read".into()],
        ..Summary::default()
    };
    let wanted = "\
SESSION               LAST USED         TURNS  STATE       BEGAN WITH
20261124-215301-k3f9  2026-11-24 21:53      1  1 in doubt  wipe it
20261124-220000-aaaa  2026-11-24 21:53      1              list the open issues…
20261125-000000-bbbb                        0  unreadable
";
    assert_eq!(list(&[summary(), fine, odd], &PLAIN), wanted);
    assert_eq!(list(&[], &PLAIN), "no sessions\n");
}

#[test]
fn delegates_stand_below_the_one_that_gave_them_their_task() {
    let session = |id: &str, parent: Option<&str>, last_ms| Summary {
        id: id.into(),
        parent: parent.map(str::to_owned),
        agent: parent.map(|_| "explore".into()),
        in_doubt: 0,
        damage: Vec::new(),
        last_ms,
        ..summary()
    };
    let ms = summary().last_ms;
    let all = vec![
        session("c-inner", Some("b-child"), ms + 4),
        session("b-child", Some("a"), ms + 3),
        session("d-child", Some("a"), ms + 2),
        session("e", None, ms + 1),
        session("a", None, ms),
        session("f", Some("gone"), ms),
    ];
    let ordered = crate::cli::sessions::under_parents(all);
    let text = list(&ordered, &PLAIN);
    let lines: Vec<&str> = text
        .lines()
        .skip(1)
        .map(|line| line.split("  2").next().unwrap_or(line))
        .collect();
    let trimmed: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    assert_eq!(
        trimmed,
        ["e", "a", "  b-child", "    c-inner", "  d-child", "f"],
        "{text}"
    );
    assert!(text.contains("explore: wipe it"), "{text}");
}

#[test]
fn a_transcript_shows_calls_with_their_states() {
    let wanted = "\
20261124-215301-k3f9 · 2026-11-24 21:53 · tiny · /work · 1 turn
damage: line 9 is missing

turn 1 · 2026-11-24 21:53 · answered
  you: wipe it
  model: Let me see.
  disk__wipe {\"disk\":\"a\"} · completed in 1.2s
    ```
    wiped
    ```
  disk__wipe {\"disk\":\"a\"} · in doubt
  disk__wipe {\"disk\":\"a\"} · not started
  model: It is wiped.
  warning: slow

turn 2, undone · 2026-11-24 21:53 · not ended
  you: again
";
    assert_eq!(transcript(&sample(), false, &PLAIN), wanted);
}

#[test]
fn markdown_fences_what_others_said() {
    let text = markdown(&sample());
    assert!(text.starts_with("# Session 20261124-215301-k3f9\n\n- 2026-11-24 21:53\n- tiny\n- /work\n- 1 turn\n- damage: line 9 is missing\n\n## Turn 1\n"), "{text}");
    assert!(text.contains("**Call** `disk__wipe`, completed in 1.2s\n\n```\n{\"disk\":\"a\"}\n```\n\n````\n```\nwiped\n```\n````\n"), "{text}");
    assert!(text.contains("## Turn 2, undone\n"), "{text}");
}
