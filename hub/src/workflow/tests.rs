//! Each call's state through all that can happen to it, and the steps within their tokens.

use serde_json::json;
use toolpool_connectors::model::{Arguments, Counted, Stop, ToolCall, Usage};

use super::*;
use crate::journal::entry::{EndHow, IntentNote, OutcomeNote, StepState};

fn call(index: u32) -> CallId {
    CallId {
        turn: 1,
        step: 1,
        index,
    }
}

fn reply(calls: u32) -> Entry {
    Entry::Reply {
        turn: 1,
        step: 1,
        text: String::new(),
        reasoning: None,
        calls: (0..calls)
            .map(|index| ToolCall {
                id: call(index).to_string(),
                name: "disk__wipe".into(),
                arguments: Arguments::new("{\"n\":1}").expect("an object"),
            })
            .collect(),
        faults: Default::default(),
        stop: Stop::Calls,
        counted: Counted {
            tokens: 1,
            raw: 1,
            exact: true,
        },
        usage: Usage::default(),
        truncated: false,
    }
}

fn intent(index: u32) -> Entry {
    Entry::Intent(IntentNote {
        call: call(index),
        server: "disk".into(),
        tool: "wipe".into(),
        name: "disk__wipe".into(),
        fingerprint: "f".into(),
        arguments: json!({ "n": 1, "repaired": true }),
        effect: Effect::Destructive,
        repeatable: false,
        key: "k".into(),
    })
}

fn outcome(index: u32, verdict: Verdict) -> Entry {
    Entry::Outcome(OutcomeNote {
        call: call(index),
        verdict,
        text: "told".into(),
        result_sha256: None,
        artifact: None,
        elapsed_ms: 7,
        repairs: Vec::new(),
    })
}

fn fold(entries: Vec<Entry>) -> Workflow {
    let mut workflow = Workflow::default();
    for (entry, seq) in entries.into_iter().zip(1..) {
        workflow.apply(&Line {
            seq,
            at_ms: 0,
            entry,
        });
    }
    workflow
}

#[test]
fn a_call_is_not_started_in_doubt_completed_or_failed() {
    let refused = Entry::Refused {
        call: call(4),
        name: "disk__wipe".into(),
        why: RefusedWhy::Denied,
        text: "no".into(),
    };
    let workflow = fold(vec![
        reply(6),
        intent(1),
        intent(2),
        outcome(2, Verdict::Completed),
        intent(3),
        outcome(3, Verdict::Failed),
        refused,
        intent(5),
        outcome(5, Verdict::InDoubt),
    ]);
    let verdicts: Vec<Verdict> = workflow
        .calls()
        .iter()
        .map(|record| record.verdict)
        .collect();
    use Verdict::{Completed, Failed, InDoubt, NotStarted};
    assert_eq!(
        verdicts,
        [NotStarted, InDoubt, Completed, Failed, NotStarted, InDoubt]
    );
    let doubts: Vec<CallId> = workflow
        .in_doubt()
        .iter()
        .map(|record| record.call)
        .collect();
    assert_eq!(doubts, [call(1), call(5)]);
    let first = workflow.call(call(0)).expect("proposed");
    assert_eq!(
        (&first.arguments, first.intended),
        (&json!({ "n": 1 }), false)
    );
    let sent = workflow.call(call(1)).expect("sent");
    assert_eq!(sent.arguments, json!({ "n": 1, "repaired": true }));
    assert_eq!(
        (sent.server.as_deref(), sent.effect),
        (Some("disk"), Some(Effect::Destructive))
    );
    assert_eq!(
        workflow.call(call(4)).expect("refused").refused,
        Some(RefusedWhy::Denied)
    );
}

#[test]
fn settling_says_what_became_of_it() {
    let settled = |verdict, by| Entry::Settled {
        call: call(0),
        verdict,
        by,
        text: "known".into(),
    };
    let workflow = fold(vec![
        reply(1),
        intent(0),
        settled(Verdict::Completed, SettledBy::Person),
    ]);
    assert!(workflow.in_doubt().is_empty());
    assert_eq!(workflow.calls()[0].settled, Some(SettledBy::Person));
    let workflow = fold(vec![
        reply(1),
        intent(0),
        settled(Verdict::InDoubt, SettledBy::Nobody),
    ]);
    assert_eq!(workflow.in_doubt().len(), 1);
    assert_eq!(workflow.calls()[0].text.as_deref(), Some("known"));
}

#[test]
fn a_turn_is_open_until_it_ends_or_is_undone() {
    let user = |turn| Entry::User {
        turn,
        text: "x".into(),
    };
    let end = |turn| Entry::End {
        turn,
        how: EndHow::Answered,
        note: None,
    };
    assert_eq!(fold(vec![user(1)]).open_turn(), Some(1));
    assert_eq!(fold(vec![user(1), end(1)]).open_turn(), None);
    assert_eq!(fold(vec![user(1), end(1), user(2)]).open_turn(), Some(2));
    assert_eq!(
        fold(vec![user(1), Entry::Undo { turn: 1 }]).open_turn(),
        None
    );
}

fn item(text: &str, state: StepState) -> StepItem {
    StepItem {
        text: text.into(),
        state,
    }
}

#[test]
fn steps_of_an_undone_turn_are_gone() {
    let steps = |turn, text: &str| Entry::Steps {
        turn,
        items: vec![item(text, StepState::Open)],
    };
    let workflow = fold(vec![steps(1, "a"), steps(2, "b"), Entry::Undo { turn: 2 }]);
    assert_eq!(workflow.steps(), [item("a", StepState::Open)]);
}

#[test]
fn the_tail_folds_what_is_done_first_and_never_costs_more() {
    let items = vec![
        item("read the\nnotes", StepState::Done),
        item("find the tasks", StepState::Done),
        item("write the summary", StepState::Doing),
        item("send it", StepState::Open),
        item(&"x".repeat(300), StepState::Open),
    ];
    let workflow = fold(vec![Entry::Steps { turn: 1, items }]);
    let count = |text: &str| u32::try_from(text.chars().count()).expect("short");
    let at = |max| workflow.tail(&count, max);
    let whole = at(1_000).expect("room");
    assert!(whole.starts_with("Steps of the task:\n[x] read the notes\n[x] find the tasks\n[>] write the summary\n[ ] send it\n[ ] xxx"), "{whole}");
    let folded = at(380).expect("room");
    assert!(
        folded.starts_with(
            "Steps of the task:\n[x] 2 done\n[>] write the summary\n[ ] send it\n[ ] xxx"
        ),
        "{folded}"
    );
    assert_eq!(
        at(90).expect("room"),
        "Steps of the task:\n[x] 2 done\n[>] write the summary\n[ ] send it\nand 1 more to do"
    );
    for max in 0..400 {
        if let Some(text) = at(max) {
            assert!(count(&text) <= max, "{max}: {text}");
        }
    }
    assert_eq!(at(10), None);
    assert_eq!(Workflow::default().tail(&count, 1_000), None);
}
