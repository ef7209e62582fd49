//! Which facts of a conversation count.

use serde_json::json;
use toolpool_connectors::model::{Arguments, Counted, Stop, ToolCall, Usage};

use super::*;
use crate::journal::entry::{Entry, IntentNote, Line, OutcomeNote, StepItem, StepState};

/// A conversation, entry by entry.
#[derive(Default)]
pub(in crate::compact) struct Story {
    pub(in crate::compact) folds: Folds,
    seq: u64,
    turn: u32,
    step: u32,
}

impl Story {
    pub(in crate::compact) fn add(&mut self, entry: Entry) -> u64 {
        self.seq += 1;
        self.folds.apply(&Line {
            seq: self.seq,
            at_ms: 0,
            entry,
        });
        self.seq
    }

    pub(in crate::compact) fn asks(&mut self, text: &str) -> u64 {
        self.turn += 1;
        self.step = 0;
        let turn = self.turn;
        self.add(Entry::User {
            turn,
            text: text.into(),
        })
    }

    fn reply(&mut self, text: &str, calls: Vec<ToolCall>) -> u64 {
        self.add(Entry::Reply {
            turn: self.turn,
            step: self.step,
            text: text.into(),
            reasoning: None,
            calls,
            faults: std::collections::BTreeMap::new(),
            stop: Stop::Done,
            counted: Counted {
                raw: 1,
                tokens: 1,
                exact: true,
            },
            usage: Usage::default(),
            truncated: false,
        })
    }

    pub(in crate::compact) fn says(&mut self, text: &str) -> u64 {
        self.step += 1;
        self.reply(text, Vec::new())
    }

    pub(in crate::compact) fn calls(
        &mut self,
        tool: &str,
        effect: Effect,
        arguments: Value,
        verdict: Verdict,
        text: &str,
    ) -> CallId {
        self.step += 1;
        let call = CallId {
            turn: self.turn,
            step: self.step,
            index: 0,
        };
        let sent = Arguments::new(&arguments.to_string()).expect("an object");
        self.reply(
            "",
            vec![ToolCall {
                id: call.to_string(),
                name: tool.into(),
                arguments: sent,
            }],
        );
        self.add(Entry::Intent(IntentNote {
            call,
            server: "s".into(),
            tool: tool.into(),
            name: tool.into(),
            fingerprint: "f".into(),
            arguments,
            effect,
            repeatable: false,
            key: "k".into(),
        }));
        if verdict != Verdict::InDoubt {
            self.add(Entry::Outcome(OutcomeNote {
                call,
                verdict,
                text: text.into(),
                result_sha256: None,
                artifact: None,
                elapsed_ms: 1,
                repairs: Vec::new(),
            }));
        }
        call
    }
}

fn texts(facts: &[Fact]) -> Vec<&str> {
    facts.iter().map(|fact| fact.text.as_str()).collect()
}

#[test]
fn words_steps_questions_and_changes_count_and_reads_do_not() {
    let mut story = Story::default();
    story.asks("Change order 4711 in src/a.rs");
    story.calls(
        "read",
        Effect::ReadOnly,
        json!({"path": "secret/read.txt"}),
        Verdict::Completed,
        "READ_ONE 999",
    );
    story.calls(
        "update",
        Effect::Mutating,
        json!({"order": 4711, "state": "shipped", "note": "a long note about item_9 and more"}),
        Verdict::Completed,
        r#"{"ok": true, "id": "abcdef", "code": 200}"#,
    );
    story.calls(
        "send",
        Effect::Destructive,
        json!({"to": "a@b.c"}),
        Verdict::InDoubt,
        "",
    );
    story.calls(
        "fails",
        Effect::Mutating,
        json!({"n": -3.5}),
        Verdict::Failed,
        "no such row_7",
    );
    let turn = story.turn;
    story.add(Entry::Steps {
        turn,
        items: vec![StepItem {
            text: "tell db_two".into(),
            state: StepState::Open,
        }],
    });
    let to = story.says("Shall I delete `tmp.log`?");
    let late = story.asks("yes, LATER_ON");
    let facts = required(&story.folds, to);
    assert_eq!(
        texts(&facts),
        [
            "4711", "src/a.rs", "db_two", "tmp.log", "shipped", "item_9", "abcdef", "200", "a@b.c",
            "-3.5", "row_7"
        ]
    );
    assert!(texts(&required(&story.folds, late)).contains(&"LATER_ON"));
    assert!(
        texts(&required(&story.folds, late)).contains(&"tmp.log"),
        "what a yes answers"
    );
    assert!(
        required(&story.folds, 0)
            .iter()
            .all(|fact| fact.from == Source::Step)
    );
}

#[test]
fn undone_turns_and_calls_that_never_were_give_none() {
    let mut story = Story::default();
    story.asks("first one_1");
    story.says("ok");
    story.asks("second two_2");
    story.calls(
        "update",
        Effect::Mutating,
        json!({"id": "three_3"}),
        Verdict::Completed,
        "four_4",
    );
    story.add(Entry::Undo { turn: 2 });
    story.turn = 2;
    story.asks("third");
    let to = {
        story.calls(
            "update",
            Effect::Mutating,
            json!({"id": "five_5"}),
            Verdict::NotStarted,
            "six_6",
        );
        story.seq
    };
    assert_eq!(texts(&required(&story.folds, to)), ["one_1"]);
}

#[test]
fn a_long_content_is_its_hash_and_its_ends_and_counts_once() {
    let names: Vec<String> = (0..400).map(|at| format!("name_{at}")).collect();
    let content = names.join("\n");
    let mut story = Story::default();
    story.asks("write it");
    story.calls(
        "write",
        Effect::Destructive,
        json!({"path": "a.txt", "content": format!("old_one {content}")}),
        Verdict::Completed,
        "written",
    );
    story.calls(
        "write",
        Effect::Destructive,
        json!({"path": "b.txt", "content": content}),
        Verdict::Completed,
        &content,
    );
    story.calls(
        "write",
        Effect::Destructive,
        json!({"path": "a.txt", "content": content}),
        Verdict::Completed,
        "written",
    );
    let facts = required(&story.folds, u64::MAX);
    let found = texts(&facts);
    assert!(!found.contains(&"old_one"), "superseded");
    assert!(found.contains(&"a.txt") && found.contains(&"b.txt"));
    assert!(
        found.contains(&"name_0") && found.contains(&"name_399") && !found.contains(&"name_200")
    );
    assert!(found.contains(&size_and_hash(&content).as_str()));
    assert!(found.len() <= FACT_CONTENT_MAX + 3, "{}", found.len());
}

#[test]
fn pasted_words_are_kept_whole_and_named_last() {
    let names: Vec<String> = (0..200).map(|at| format!("name_{at}")).collect();
    let mut story = Story::default();
    story.asks(&names.join(" "));
    let facts = required(&story.folds, u64::MAX);
    assert_eq!(facts.len(), 200);
    assert_eq!(
        facts.iter().filter(|fact| !fact.bulk).count(),
        FACT_CONTENT_MAX
    );
}

#[test]
fn identifiers_of_reads_are_reached_by_use_then_by_age() {
    let mut story = Story::default();
    story.asks("go");
    story.calls(
        "read",
        Effect::ReadOnly,
        json!({}),
        Verdict::Completed,
        "old_a old_b 77",
    );
    story.calls(
        "read",
        Effect::ReadOnly,
        json!({}),
        Verdict::Completed,
        r#"{"path": "src/x.rs", "n": 5}"#,
    );
    story.calls(
        "read",
        Effect::ReadOnly,
        json!({"q": "old_b"}),
        Verdict::Failed,
        "err_c",
    );
    let to = story.says("old_b is it");
    let reach = reachable(&story.folds, to);
    let found: Vec<(&str, usize)> = reach
        .iter()
        .map(|reach| (reach.text.as_str(), reach.used))
        .collect();
    assert_eq!(found, [("old_b", 2), ("src/x.rs", 0), ("old_a", 0)]);
    assert_eq!(reach[0].artifact, sha256(b"old_a old_b 77"));
}
