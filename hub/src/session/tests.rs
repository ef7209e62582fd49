//! The conversation out of journals with holes, and the promise that it is always valid.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use serde_json::json;
use toolpool_config::Effect;
use toolpool_connectors::model::{Arguments, Stop};

use super::*;
use crate::journal::entry::{
    BudgetTable, Cleared, CompactReason, CompactionNote, IntentNote, JournalKind, OutcomeNote,
    RefusedWhy, Rung, SettledBy, Verdict,
};
use crate::journal::{Journal, RealDisk, Store, Sync};

fn call(turn: TurnNo, step: u32, index: u32) -> CallId {
    CallId { turn, step, index }
}

fn begin() -> Entry {
    Entry::Begin(Begin {
        session: "s".into(),
        what: JournalKind::Session,
        program: "0".into(),
        folder: "/w".into(),
        model: None,
        profile: None,
        mode: Mode::Plan,
        deny: vec!["a__*".into()],
        forked: None,
        agent: None,
        parent: None,
    })
}

fn user(turn: TurnNo, text: &str) -> Entry {
    Entry::User {
        turn,
        text: text.into(),
    }
}

fn reply(turn: TurnNo, step: u32, text: &str, calls: u32, truncated: bool) -> Entry {
    Entry::Reply {
        turn,
        step,
        text: text.into(),
        reasoning: None,
        calls: (0..calls)
            .map(|index| ToolCall {
                id: call(turn, step, index).to_string(),
                name: "disk__wipe".into(),
                arguments: Arguments::none(),
            })
            .collect(),
        faults: Default::default(),
        stop: Stop::Calls,
        counted: Counted {
            tokens: 10,
            raw: 9,
            exact: false,
        },
        usage: Usage {
            prompt_tokens: Some(8),
            ..Usage::default()
        },
        truncated,
    }
}

fn intent(call: CallId, repeatable: bool) -> Entry {
    Entry::Intent(IntentNote {
        call,
        server: "disk".into(),
        tool: "wipe".into(),
        name: "disk__wipe".into(),
        fingerprint: "f".into(),
        arguments: json!({}),
        effect: Effect::Destructive,
        repeatable,
        key: "k".into(),
    })
}

fn outcome(call: CallId, text: &str) -> Entry {
    Entry::Outcome(OutcomeNote {
        call,
        verdict: Verdict::Completed,
        text: text.into(),
        result_sha256: None,
        artifact: None,
        elapsed_ms: 1,
        repairs: Vec::new(),
    })
}

fn end(turn: TurnNo, how: EndHow) -> Entry {
    Entry::End {
        turn,
        how,
        note: None,
    }
}

fn fit(removed: Vec<u64>) -> Entry {
    Entry::Fit {
        turn: 1,
        step: 1,
        table: BudgetTable {
            window: 1,
            parts: Vec::new(),
            total: 1,
            free: 0,
            exact: true,
        },
        removed,
    }
}

fn compaction(turn: TurnNo, to: u64, cleared: &[u64], text: &str) -> Entry {
    Entry::Compaction(CompactionNote {
        turn,
        step: 1,
        rung: if text.is_empty() {
            Rung::Clear
        } else {
            Rung::Digest
        },
        reason: CompactReason::Room,
        focus: None,
        from: 1,
        to,
        sha256: String::new(),
        before: 9,
        after: 5,
        cleared: cleared
            .iter()
            .map(|seq| Cleared {
                seq: *seq,
                artifact: format!("{seq:064}"),
                line: format!("[line {seq}]"),
            })
            .collect(),
        text: text.to_owned(),
        appended: None,
    })
}

fn fold(entries: &[Entry]) -> Session {
    let mut session = Session::default();
    for (entry, seq) in entries.iter().zip(1..) {
        session.apply(&Line {
            seq,
            at_ms: 0,
            entry: entry.clone(),
        });
    }
    session
}

/// A conversation in one line a message.
fn shown(session: &Session) -> Vec<String> {
    let line = |stored: Stored| match stored.message {
        Message::System { text } => format!("system {text}"),
        Message::User { text } => format!("{} user {text}", stored.seq),
        Message::Assistant { text, calls, .. } if calls.is_empty() => {
            format!("{} model {text}", stored.seq)
        }
        Message::Assistant { text, calls, .. } => {
            format!("{} model {text} +{}", stored.seq, calls.len())
        }
        Message::Tool { text, .. } => format!("{} tool {text}", stored.seq),
    };
    session.messages().into_iter().map(line).collect()
}

/// Why no endpoint should be sent this.
fn invalid(messages: &[Stored]) -> Option<String> {
    let mut open: Vec<String> = Vec::new();
    let mut last = "start";
    for Stored { message, .. } in messages {
        match message {
            Message::System { .. } => return Some("a system message".into()),
            Message::Tool { call, text, .. } => {
                if open.is_empty() || open.remove(0) != *call {
                    return Some(format!("an answer to no call: {call}"));
                }
                if text.is_empty() {
                    return Some("an empty answer".into());
                }
                last = "tool";
                continue;
            }
            _ if !open.is_empty() => return Some(format!("no answer to {open:?}")),
            Message::User { .. } => {
                if last == "user" || last == "tool" {
                    return Some(format!("the person speaks behind {last}"));
                }
                last = "user";
            }
            Message::Assistant { text, calls, .. } => {
                if last == "start" || last == "assistant" {
                    return Some(format!("the model speaks behind {last}"));
                }
                if text.trim().is_empty() && calls.is_empty() {
                    return Some("an empty message".into());
                }
                open = calls.iter().map(|call| call.id.clone()).collect();
                last = "assistant";
            }
        }
    }
    (!open.is_empty()).then(|| format!("no answer to {open:?} at the end"))
}

#[test]
fn each_call_has_its_answer_whatever_the_journal_lacks() {
    let session = fold(&[
        begin(),
        user(1, "do it"),
        reply(1, 1, "", 5, false),
        outcome(call(1, 1, 2), "three"),
        intent(call(1, 1, 1), false),
        intent(call(1, 1, 3), true),
        Entry::Refused {
            call: call(1, 1, 4),
            name: "disk__wipe".into(),
            why: RefusedWhy::Denied,
            text: "no".into(),
        },
        user(2, "well?"),
    ]);
    assert_eq!(
        shown(&session),
        [
            "2 user do it",
            "3 model  +5",
            "3 tool `disk__wipe` was not called: the step was stopped before it was sent.",
            "5 tool `disk__wipe` was sent and no answer came back; whether it took effect is not known. Do not repeat it unless the person says so.",
            "4 tool three",
            "6 tool `disk__wipe` was sent and no answer came back. Sending it again does no harm.",
            "7 tool no",
            "2 model [interrupted before an answer]",
            "8 user well?",
        ]
    );
}

#[test]
fn what_is_settled_replaces_what_was_told() {
    let id = call(1, 1, 0);
    let session = fold(&[
        user(1, "go"),
        reply(1, 1, "", 1, false),
        intent(id, false),
        Entry::Settled {
            call: id,
            verdict: Verdict::Completed,
            by: SettledBy::Person,
            text: "it was done".into(),
        },
    ]);
    assert_eq!(shown(&session)[2], "4 tool it was done");
}

#[test]
fn undone_truncated_empty_and_cancelled() {
    let session = fold(&[
        user(1, "one"),
        reply(1, 1, "cut", 0, true),
        reply(1, 2, "answer", 0, false),
        end(1, EndHow::Answered),
        user(2, "two"),
        reply(2, 1, "  ", 0, false),
        end(2, EndHow::Answered),
        user(3, "three"),
        end(3, EndHow::Cancelled),
        user(4, "four"),
        reply(4, 1, "gone", 0, false),
        end(4, EndHow::Answered),
        Entry::Undo { turn: 4 },
        user(5, "five"),
    ]);
    assert_eq!(
        shown(&session),
        [
            "1 user one",
            "3 model answer",
            "5 user two",
            "7 model [no answer]",
            "8 user three",
            "9 model [stopped by the person]",
            "14 user five",
        ]
    );
    assert_eq!(session.next_turn(), 6);
    assert_eq!(session.last_turn(), Some((5, "five")));
    assert_eq!(session.pairs().len(), 3);
    assert_eq!(session.totals().prompt_tokens, 32);
}

#[test]
fn a_turn_is_answered_by_words_alone_before_its_end_is_written() {
    for (last, wanted) in [
        (reply(1, 2, "It is wiped.", 0, false), Some(Stop::Calls)),
        (reply(1, 2, "I wipe it.", 1, false), None),
        (reply(1, 2, " ", 0, false), None),
        (reply(1, 2, "Not to be trusted.", 0, true), None),
    ] {
        let session = fold(&[
            begin(),
            user(1, "wipe"),
            reply(1, 1, "", 1, false),
            outcome(call(1, 1, 0), "wiped"),
            last.clone(),
        ]);
        assert_eq!(session.answer_ended(1), wanted, "{last:?}");
    }
}

#[test]
fn what_is_removed_leaves_a_valid_rest() {
    let long = "y".repeat(500);
    let entries = |removed| {
        vec![
            user(1, "one"),
            reply(1, 1, "look", 1, false),
            outcome(call(1, 1, 0), &long),
            reply(1, 2, "found", 0, false),
            end(1, EndHow::Answered),
            user(2, "two"),
            reply(2, 1, "", 1, false),
            outcome(call(2, 1, 0), "short"),
            fit(removed),
        ]
    };
    assert_eq!(
        shown(&fold(&entries(vec![3, 8])))[2..],
        [
            "3 tool [result left out to save room: 500 characters]",
            "4 model found",
            "6 user two",
            "7 model  +1",
            "8 tool short",
        ]
    );
    // Numbers of replies take nothing out: a call would be without its answer.
    assert_eq!(
        shown(&fold(&entries(vec![2, 4]))),
        shown(&fold(&entries(vec![])))
    );
    assert_eq!(shown(&fold(&entries(vec![1])))[0], "6 user two");
}

/// Two turns, of which the second is at its third step.
fn long() -> Vec<Entry> {
    vec![
        user(1, "one"),
        reply(1, 1, "", 1, false),
        outcome(call(1, 1, 0), "a"),
        reply(1, 2, "found", 0, false),
        end(1, EndHow::Answered),
        user(2, "two"),
        reply(2, 1, "", 2, false),
        outcome(call(2, 1, 0), "b"),
        outcome(call(2, 1, 1), "c"),
        reply(2, 2, "", 1, false),
        outcome(call(2, 2, 0), "d"),
    ]
}

#[test]
fn a_compaction_shows_its_text_in_front_of_what_is_kept() {
    let with = |more: &[Entry]| {
        let mut entries = long();
        entries.extend(more.iter().cloned());
        fold(&entries)
    };
    let rest = ["10 model  +1", "11 tool d"];
    // Between turns, and within one, whose words stay.
    for (to, kept) in [
        (
            5,
            &["7 model  +2", "8 tool b", "9 tool c", rest[0], rest[1]][..],
        ),
        (9, &rest),
    ] {
        let shown = shown(&with(&[compaction(2, to, &[], "so far")]));
        assert_eq!(shown[0], "6 user so far\n\ntwo", "{to}");
        assert_eq!(shown[1..], *kept, "{to}");
    }
    // A result that became a line stays behind its call, also where the rest is covered later.
    let cleared = compaction(2, 9, &[3, 8], "");
    let once = shown(&with(std::slice::from_ref(&cleared)));
    assert_eq!(
        (once[2].as_str(), once[6].as_str()),
        ("3 tool [line 3]", "8 tool [line 8]")
    );
    let twice = with(&[cleared, compaction(2, 5, &[], "so far")]);
    assert_eq!(shown(&twice)[2], "8 tool [line 8]");
    assert_eq!(twice.kept_as(8), Some(&*format!("{:064}", 8)));
    // All of it: the text alone is a conversation that can be gone on with.
    let all = with(&[end(2, EndHow::Cancelled), compaction(2, 12, &[], "so far")]);
    assert_eq!(shown(&all), ["12 user so far"]);
    assert_eq!(
        all.messages_whole(),
        with(&[end(2, EndHow::Cancelled)]).messages()
    );
    let past = all.past(12);
    assert!(past.iter().all(|past| past.whole) && past[1].calls.len() == 3);
    let past = all.past(9);
    assert_eq!(
        (past[0].answer, past[1].whole, past[1].calls.len()),
        (Some("found"), false, 2)
    );
}

#[test]
fn an_undo_shows_again_what_was_compacted_since() {
    let mut entries = long();
    entries.extend([
        compaction(1, 4, &[], "early"),
        compaction(2, 9, &[], "late"),
    ]);
    let session = fold(&entries);
    assert_eq!(
        session.covering().map(|made| made.note.text.as_str()),
        Some("late")
    );
    assert_eq!(session.compacted_since_pool(), Some(Rung::Digest));
    entries.push(Entry::Undo { turn: 2 });
    let session = fold(&entries);
    // It was made in the first turn, with its words and its end still to be shown.
    assert_eq!(
        shown(&session),
        [
            "1 user early\n\none",
            "5 model [the answer is left out to save room]"
        ]
    );
    entries.push(Entry::Undo { turn: 1 });
    assert!(fold(&entries).messages().is_empty() && fold(&entries).compactions().is_empty());
}

#[test]
fn what_the_person_set() {
    let set = |pattern: &str| Entry::Deny {
        pattern: pattern.into(),
    };
    let session = fold(&[
        begin(),
        set("b"),
        set("b"),
        set("c"),
        Entry::Allow {
            pattern: "b".into(),
        },
        Entry::Allow {
            pattern: "of the configuration".into(),
        },
        Entry::Mode { mode: Mode::Auto },
        Entry::Pin {
            tool: "t".into(),
            on: true,
        },
        Entry::Pin {
            tool: "u".into(),
            on: true,
        },
        Entry::Pin {
            tool: "t".into(),
            on: false,
        },
        user(1, " first\n words "),
    ]);
    assert_eq!(session.deny(), ["a__*", "c"]);
    assert_eq!(session.mode(), Mode::Auto);
    assert_eq!(session.pins(), ["u"]);
    assert_eq!(session.first_words().as_deref(), Some("first words"));
    assert_eq!(Session::default().mode(), Mode::Ask);
}

/// What one call of a random journal goes through: how many of intent, outcome, settled it gets, or a refusal.
#[derive(Clone, Debug)]
struct Fate(u8);

/// One turn of a random journal.
#[derive(Clone, Debug)]
struct Play {
    steps: Vec<(bool, bool, Vec<Fate>)>,
    end: Option<u8>,
    undo: Option<u32>,
    removed: Vec<u64>,
    /// Where a compaction in this turn ends, which results it clears, and whether it covers.
    compacts: Option<(u64, Vec<u64>, bool)>,
}

fn play() -> impl Strategy<Value = Play> {
    let fate = (0u8..7).prop_map(Fate);
    let step = (
        any::<bool>(),
        any::<bool>(),
        proptest::collection::vec(fate, 0..4),
    );
    (
        proptest::collection::vec(step, 0..4),
        proptest::option::of(0u8..8),
        proptest::option::weighted(0.15, 0u32..4),
        proptest::collection::vec(0u64..60, 0..4),
        proptest::option::weighted(
            0.4,
            (
                1u64..60,
                proptest::collection::vec(0u64..60, 0..6),
                any::<bool>(),
            ),
        ),
    )
        .prop_map(|(steps, end, undo, removed, compacts)| Play {
            steps,
            end,
            undo,
            removed,
            compacts,
        })
}

fn entries(plays: &[Play]) -> Vec<Entry> {
    let mut out = vec![begin()];
    for (play, turn) in plays.iter().zip(1..) {
        out.push(user(turn, "words"));
        for ((says, truncated, fates), step) in play.steps.iter().zip(1..) {
            out.push(fit(play.removed.clone()));
            let calls = u32::try_from(fates.len()).expect("few");
            let text = if *says { "text" } else { "" };
            let truncated = *truncated && calls == 0;
            out.push(reply(turn, step, text, calls, truncated));
            for (Fate(fate), index) in fates.iter().zip(0..) {
                let id = call(turn, step, index);
                match fate {
                    0 => {}
                    1 => out.push(Entry::Own {
                        call: id,
                        name: "find_tools".into(),
                        text: "found".into(),
                        failed: false,
                    }),
                    2 => out.push(Entry::Refused {
                        call: id,
                        name: "x".into(),
                        why: RefusedWhy::Unknown,
                        text: "no such tool".into(),
                    }),
                    _ => {
                        out.push(intent(id, *fate == 3));
                        if *fate >= 5 {
                            out.push(outcome(id, &"r".repeat(80)));
                        }
                        if *fate == 6 {
                            out.push(Entry::Settled {
                                call: id,
                                verdict: Verdict::Failed,
                                by: SettledBy::Nobody,
                                text: "nobody knows".into(),
                            });
                        }
                    }
                }
            }
        }
        if let Some((to, cleared, covers)) = &play.compacts {
            let to = (*to).min(out.len() as u64);
            out.push(compaction(
                turn,
                to,
                cleared,
                if *covers { "so far" } else { "" },
            ));
        }
        if let Some(end_as) = play.end {
            let how = [
                EndHow::Answered,
                EndHow::Cancelled,
                EndHow::Refused,
                EndHow::Failed,
                EndHow::StepLimit,
                EndHow::FailureLimit,
                EndHow::Loop,
                EndHow::Interrupted,
            ][usize::from(end_as)];
            out.push(end(turn, how));
        }
        if let Some(back) = play.undo {
            out.push(Entry::Undo {
                turn: turn.saturating_sub(back).max(1),
            });
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any legal journal, cut off anywhere: what an endpoint would be sent is valid.
    #[test]
    fn every_history_is_valid(plays in proptest::collection::vec(play(), 0..5), cut in 0usize..80) {
        let entries = entries(&plays);
        let cut = cut.min(entries.len());
        let messages = fold(&entries[..cut]).messages();
        if let Some(why) = invalid(&messages) {
            return Err(TestCaseError::fail(format!("{why}: {messages:#?}")));
        }
        // Without its compactions it is what it would have been without them.
        let plain = |entry: &&Entry| !matches!(entry, Entry::Compaction(_) | Entry::Fit { .. });
        let never: Vec<Entry> = entries[..cut].iter().filter(plain).cloned().collect();
        let texts = |messages: Vec<Stored>| messages.into_iter().map(|stored| stored.message).collect::<Vec<_>>();
        prop_assert_eq!(texts(fold(&entries[..cut]).messages_whole()), texts(fold(&never).messages()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    /// What was folded live is what is folded after the journal was closed and opened again.
    #[test]
    fn live_and_replayed_are_the_same(plays in proptest::collection::vec(play(), 0..4)) {
        let root = tempfile::tempdir().expect("a folder");
        let store = Store::new(root.path().to_owned(), Arc::new(RealDisk));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let folding = || {
            let folds = Arc::new(Mutex::new((
                Session::default(),
                crate::workflow::Workflow::default(),
                crate::memory::Memory::default(),
            )));
            let into = folds.clone();
            let apply = move |line: &Line| {
                let mut folds = into.lock().expect("no test panics in here");
                folds.0.apply(line);
                folds.1.apply(line);
                folds.2.apply(line);
            };
            (Box::new(apply), folds)
        };
        let entries = entries(&plays);
        let Entry::Begin(first) = entries[0].clone() else { unreachable!("it begins") };
        let (apply, live) = folding();
        let (journal, id) = store.create(first, apply).expect("begun");
        runtime.block_on(async {
            for entry in &entries[1..] {
                journal.append(entry.clone(), Sync::Later).await.expect("kept");
            }
            Journal::close(&journal).await.expect("closed");
        });
        let (apply, again) = folding();
        let (journal, _) = store.open(&id, apply).expect("opened");
        runtime.block_on(journal.close()).expect("closed");
        let (live, again) = (live.lock().expect("free"), again.lock().expect("free"));
        prop_assert_eq!(format!("{:?}", live.0.messages()), format!("{:?}", again.0.messages()));
        prop_assert_eq!(live.1.calls(), again.1.calls());
        prop_assert_eq!(format!("{:?}", live.2), format!("{:?}", again.2));
        prop_assert_eq!(live.0.totals(), again.0.totals());
    }
}

fn border(turn: TurnNo, names: &[&str]) -> Entry {
    let told = |name: &&str| PoolTool {
        name: (*name).to_owned(),
        id: Some(("disk".into(), (*name).to_owned())),
        definition: format!("{{\"name\":\"{name}\"}}"),
        tokens: 5,
        reason: "ranked 1".into(),
        score: Some(0.9),
    };
    Entry::Border(BorderNote {
        turn,
        step: 1,
        missing: Vec::new(),
        gain_ms: 1.0,
        cost_ms: 2.0,
        read_ms_per_token: 1.0,
        measured: false,
        rebuilt: names.is_empty(),
        disclosed: names.iter().map(told).collect(),
    })
}

#[test]
fn what_a_turn_is_told_of_stands_behind_its_words_until_it_is_compacted() {
    let mut entries = vec![
        user(1, "one"),
        reply(1, 1, "first", 0, false),
        end(1, EndHow::Answered),
        user(2, "two"),
        border(2, &["disk__a", "disk__b"]),
        reply(2, 1, "second", 0, false),
        end(2, EndHow::Answered),
        user(3, "three"),
        border(3, &[]),
    ];
    let told = "4 user two\n\n[More tools that may serve this request; call them with call_tool:\n\
                {\"name\":\"disk__a\"}\n{\"name\":\"disk__b\"}]";
    let session = fold(&entries);
    assert_eq!(
        shown(&session),
        [
            "1 user one",
            "2 model first",
            told,
            "6 model second",
            "8 user three"
        ]
    );
    assert_eq!(session.told_of(2).len(), 2);
    assert_eq!((session.told_of(3).len(), session.weighed()), (0, Some(3)));
    assert_eq!(session.words(2), Some("two"), "its words are the person's");

    entries.push(compaction(3, 7, &[], "[before]"));
    assert_eq!(shown(&fold(&entries)), ["8 user [before]\n\nthree"]);
    // The words of a turn that the border lies in stay, and what it was told of is dropped with the rest.
    entries[9] = compaction(3, 5, &[], "[before]");
    assert_eq!(
        shown(&fold(&entries))[..2],
        ["4 user [before]\n\ntwo", "6 model second"]
    );
    entries.pop();
    entries.push(Entry::Undo { turn: 2 });
    assert_eq!(shown(&fold(&entries)), ["1 user one", "2 model first"]);
}

#[test]
fn what_was_sent_stays_whatever_later_turns_are_told_of() {
    let mut entries = vec![begin()];
    let mut before: Vec<String> = Vec::new();
    for turn in 1..=6 {
        let names = [format!("disk__{turn}"), format!("disk__{}", turn + 1)];
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        entries.push(user(turn, "next"));
        entries.push(border(turn, &names[..(turn as usize) % 3]));
        for step in 1..=2 {
            let sent = shown(&fold(&entries));
            assert_eq!(sent[..before.len()], before, "turn {turn}, step {step}");
            assert_eq!(invalid(&fold(&entries).messages()), None);
            before = sent;
            entries.push(reply(turn, step, "said", 2 - step, false));
            entries.extend((step == 1).then(|| outcome(call(turn, 1, 0), "done")));
        }
        entries.push(end(turn, EndHow::Answered));
    }
}
