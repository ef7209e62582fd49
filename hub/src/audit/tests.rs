//! The fold over entries: joined by call, proved against random histories, told in words.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use serde_json::json;
use toolpool_config::Mode;
use toolpool_connectors::model::{Arguments, Counted, Stop, ToolCall, Usage};

use super::*;
use crate::journal::entry::{
    BudgetTable, Forked, IntentNote, JournalKind, OutcomeNote, Parent, PoolNote, PoolOut, PoolTool,
    VerifiedNote,
};
use crate::journal::{RealDisk, Store, Sync};

fn begin() -> Begin {
    Begin {
        session: "s".into(),
        what: JournalKind::Session,
        program: "test".into(),
        folder: "/work".into(),
        model: None,
        profile: None,
        mode: Mode::Ask,
        deny: Vec::new(),
        forked: None,
        agent: None,
        parent: None,
    }
}

fn id(step: u32, index: u32) -> CallId {
    CallId {
        turn: 1,
        step,
        index,
    }
}

fn reply(step: u32, calls: &[(CallId, &str)]) -> Entry {
    Entry::Reply {
        turn: 1,
        step,
        text: String::new(),
        reasoning: None,
        calls: calls
            .iter()
            .map(|(call, name)| ToolCall {
                id: call.to_string(),
                name: (*name).to_owned(),
                arguments: Arguments::none(),
            })
            .collect(),
        faults: Default::default(),
        stop: Stop::Done,
        counted: Counted {
            tokens: 1,
            raw: 1,
            exact: true,
        },
        usage: Usage::default(),
        truncated: false,
    }
}

fn decision(call: CallId, allowed: bool, source: DecisionSource, rule: &str) -> Entry {
    Entry::Decision(DecisionNote {
        call,
        principal: "agent".into(),
        profile: None,
        server: "notes".into(),
        tool: "write".into(),
        name: "notes__write".into(),
        effect: Effect::Mutating,
        fingerprint: "f".into(),
        arguments_sha256: format!("of {call}"),
        allowed,
        reason: "because".into(),
        source,
        rule: Some(rule.into()),
        approver: Some(ApproverKind::Autonomous),
        agent: None,
    })
}

fn intent(call: CallId) -> Entry {
    Entry::Intent(IntentNote {
        call,
        server: "notes".into(),
        tool: "write".into(),
        name: "notes__write".into(),
        fingerprint: "f".into(),
        arguments: json!({ "secret": "not here" }),
        effect: Effect::Mutating,
        repeatable: false,
        key: "k".into(),
    })
}

fn outcome(call: CallId, verdict: Verdict) -> Entry {
    Entry::Outcome(OutcomeNote {
        call,
        verdict,
        text: "done".into(),
        result_sha256: Some(format!("result of {call}")),
        artifact: None,
        elapsed_ms: 7,
        repairs: vec!["the name".into()],
    })
}

fn refused(call: CallId, why: RefusedWhy) -> Entry {
    Entry::Refused {
        call,
        name: "nots__write".into(),
        why,
        text: "unknown tool".into(),
    }
}

fn lines(entries: impl IntoIterator<Item = Entry>) -> Vec<Line> {
    let entries = std::iter::once(Entry::Begin(begin())).chain(entries);
    let line = |(entry, seq): (Entry, u64)| Line {
        seq,
        at_ms: seq * 1_000,
        entry,
    };
    entries.zip(1..).map(line).collect()
}

fn told(audit: &Audit) -> Vec<(String, Ruling, Option<Verdict>)> {
    let records = audit.records().iter();
    records
        .map(|record| (record.name.clone(), record.decision, record.end()))
        .collect()
}

#[test]
fn a_call_is_joined_from_its_proposal_to_its_settlement() {
    let call = id(1, 0);
    let audit = Audit::of(&lines([
        reply(1, &[(call, search::CALL)]),
        decision(call, true, DecisionSource::Rule, "rule at c.toml:3:1"),
        intent(call),
        outcome(call, Verdict::InDoubt),
        Entry::Verified(VerifiedNote {
            turn: 1,
            step: 1,
            what: Checked::Effect,
            call: Some(call),
            holds: false,
            findings: vec!["it is not there".into()],
            told: None,
        }),
        Entry::Settled {
            call,
            verdict: Verdict::NotStarted,
            by: SettledBy::Person,
            text: String::new(),
        },
    ]));
    let record = audit.record_of(call).expect("it is there");
    assert_eq!(audit.records().len(), 1);
    assert_eq!(record.name, "notes__write");
    assert_eq!(record.via.as_deref(), Some("call_tool"));
    assert_eq!(record.rule.as_deref(), Some("rule at c.toml:3:1"));
    assert_eq!(record.arguments_sha256, Some(format!("of {call}")));
    assert_eq!(record.result_sha256, Some(format!("result of {call}")));
    assert_eq!(record.verdict, Some(Verdict::InDoubt));
    assert_eq!(record.end(), Some(Verdict::NotStarted));
    assert!(!record.verified[0].holds && !record.unruled());
    let text = serde_json::to_string(record).expect("it serializes");
    assert!(!text.contains("not here"), "arguments are hashes: {text}");
}

#[test]
fn what_ends_before_a_decision_is_in_the_trail_and_a_denial_stays_one() {
    let audit = Audit::of(&lines([
        reply(1, &[(id(1, 0), "nots__write"), (id(1, 1), "notes__write")]),
        refused(id(1, 0), RefusedWhy::Unknown),
        decision(id(1, 1), false, DecisionSource::DenyList, "deny `notes__*`"),
        refused(id(1, 1), RefusedWhy::Denied),
        Entry::Own {
            call: id(2, 0),
            name: "steps".into(),
            text: String::new(),
            failed: false,
        },
    ]));
    assert_eq!(
        told(&audit),
        [
            ("nots__write".into(), Ruling::Refused, None),
            ("notes__write".into(), Ruling::Deny, None),
            ("steps".into(), Ruling::Own, Some(Verdict::Completed)),
        ]
    );
}

#[test]
fn a_call_that_is_sent_again_is_two_records_and_one_without_a_decision_is_told() {
    let call = id(1, 0);
    let audit = Audit::of(&lines([
        decision(call, true, DecisionSource::Mode, "mode `auto`"),
        intent(call),
        decision(call, true, DecisionSource::Mode, "mode `auto`"),
        intent(call),
        outcome(call, Verdict::Completed),
        intent(id(2, 0)),
    ]));
    let rows: Vec<_> = audit
        .records()
        .iter()
        .map(|r| (r.end(), r.unruled()))
        .collect();
    assert_eq!(
        rows,
        [
            (Some(Verdict::InDoubt), false),
            (Some(Verdict::Completed), false),
            (Some(Verdict::InDoubt), true),
        ]
    );
}

fn delegated(call: CallId, session: &str) -> Entry {
    Entry::Delegated(DelegatedNote {
        call,
        agent: "explore".into(),
        session: session.into(),
        task: "look".into(),
    })
}

fn own(call: CallId) -> Entry {
    Entry::Own {
        call,
        name: "delegate".into(),
        text: "found".into(),
        failed: false,
    }
}

fn child(of: &str, call: CallId, depth: u32, entries: impl IntoIterator<Item = Entry>) -> Audit {
    let mut all = lines(entries);
    all[0].entry = Entry::Begin(Begin {
        agent: Some("explore".into()),
        parent: Some(Parent {
            above: Vec::new(),
            thoroughness: None,
            session: of.into(),
            call,
            depth,
        }),
        ..begin()
    });
    Audit::of(&all)
}

fn allowed(call: CallId) -> Entry {
    decision(call, true, DecisionSource::Mode, "mode `auto`")
}

#[test]
fn calls_of_delegates_stand_under_the_call_that_began_them_at_any_depth() {
    let mut trail = Trail::default();
    let top = [
        allowed(id(1, 0)),
        delegated(id(1, 1), "b"),
        own(id(1, 1)),
        allowed(id(1, 2)),
    ];
    trail.add("a", Audit::of(&lines(top)));
    trail.add(
        "b",
        child(
            "a",
            id(1, 1),
            1,
            [delegated(id(5, 0), "c"), own(id(5, 0)), allowed(id(5, 1))],
        ),
    );
    // Its beginning alone says where it belongs.
    trail.add("c", child("b", id(5, 0), 2, [allowed(id(9, 0))]));
    let orphan = child("gone", id(1, 0), 1, [allowed(id(7, 0))]);
    trail.add("d", orphan);
    let rows = trail.rows();
    let shown: Vec<String> = rows
        .iter()
        .map(|row| {
            format!(
                "{}{} {}",
                " ".repeat(row.depth),
                row.session,
                row.record.call
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "a 001001000",
            "d 001007000",
            "a 001001001",
            " b 001005000",
            "  c 001009000",
            " b 001005001",
            "a 001001002",
        ]
    );
    assert_eq!(trail.delegates("a"), ["b"]);
    assert_eq!(rows[4].record.agent.as_deref(), Some("explore"));
    assert_eq!(
        rows[4]
            .parent
            .as_ref()
            .map(|parent| parent.session.as_str()),
        Some("b")
    );
}

#[test]
fn two_that_name_each_other_are_shown_once() {
    let mut trail = Trail::default();
    trail.add("a", child("b", id(1, 0), 1, [delegated(id(1, 0), "b")]));
    trail.add("b", child("a", id(1, 0), 1, [delegated(id(1, 0), "a")]));
    let shown: Vec<_> = trail
        .rows()
        .into_iter()
        .map(|row| (row.session, row.depth))
        .collect();
    assert_eq!(shown, [("a".to_owned(), 0), ("b".to_owned(), 1)]);
}

#[test]
fn what_a_fork_copied_stands_in_the_other_session_while_that_is_there() {
    let origin = lines([allowed(id(1, 0))]);
    let mut fork = lines([allowed(id(1, 0)), allowed(id(2, 0))]);
    fork[0].entry = Entry::Begin(Begin {
        forked: Some(Forked {
            session: "a".into(),
            turn: 1,
        }),
        ..begin()
    });
    fork[0].at_ms = 2_500;
    let mut trail = Trail::default();
    trail.add("b", Audit::of(&fork));
    assert_eq!(trail.rows().len(), 2);
    trail.add("a", Audit::of(&origin));
    let shown: Vec<_> = trail
        .rows()
        .into_iter()
        .map(|row| (row.session, row.record.call.step))
        .collect();
    assert_eq!(shown, [("a".to_owned(), 1), ("b".to_owned(), 2)]);
}

#[test]
fn each_filter_keeps_what_it_says() {
    let audit = Audit::of(&lines([
        decision(id(1, 0), true, DecisionSource::Rule, "rule at C.toml:3:1"),
        intent(id(1, 0)),
        outcome(id(1, 0), Verdict::Completed),
        decision(id(1, 1), false, DecisionSource::NoPerson, "mode `ask`"),
        refused(id(1, 2), RefusedWhy::Unknown),
        own(id(1, 3)),
    ]));
    let kept = |filter: Filter| -> Vec<u32> {
        let records = audit
            .records()
            .iter()
            .filter(|record| filter.passes(record));
        records.map(|record| record.call.index).collect()
    };
    let none = Filter::default;
    let glob = |text: &str| Some(text.parse().expect("a glob"));
    let rows: Vec<(Filter, Vec<u32>)> = vec![
        (none(), vec![0, 1, 2]),
        (
            Filter {
                tool: glob("notes__*"),
                ..none()
            },
            vec![0, 1],
        ),
        (
            Filter {
                tool: glob("write"),
                ..none()
            },
            vec![0, 1],
        ),
        (
            Filter {
                server: glob("not*"),
                ..none()
            },
            vec![0, 1],
        ),
        (
            Filter {
                decision: Some(Ruling::Own),
                ..none()
            },
            vec![3],
        ),
        (
            Filter {
                decision: Some(Ruling::Deny),
                ..none()
            },
            vec![1],
        ),
        (
            Filter {
                source: Some(DecisionSource::Rule),
                ..none()
            },
            vec![0],
        ),
        (
            Filter {
                approver: Some(ApproverKind::Terminal),
                ..none()
            },
            vec![],
        ),
        (
            Filter {
                rule: Some("c.TOML".into()),
                ..none()
            },
            vec![0],
        ),
        (
            Filter {
                since_ms: Some(5_000),
                ..none()
            },
            vec![1, 2],
        ),
        (
            Filter {
                until_ms: Some(5_000),
                ..none()
            },
            vec![0, 1],
        ),
        (
            Filter {
                agent: Some("explore".into()),
                ..none()
            },
            vec![],
        ),
        (
            Filter {
                verdict: Some(Verdict::Completed),
                ..none()
            },
            vec![0],
        ),
    ];
    for (filter, wanted) in rows {
        let name = format!("{filter:?}");
        assert_eq!(kept(filter), wanted, "{name}");
    }
}

#[test]
fn a_tool_is_explained_by_the_pool_that_was_in_force() {
    let pool = |turn: u32, tools: &[&str], out: &[&str]| {
        Entry::Pool(PoolNote {
            turn,
            step: 1,
            snapshot: 1,
            query: format!("words of turn {turn}"),
            border: "turn".into(),
            tools: tools
                .iter()
                .map(|name| PoolTool {
                    name: (*name).into(),
                    id: Some(("s".into(), format!("own_{name}"))),
                    definition: "{}".into(),
                    tokens: 40,
                    reason: "ranked 1st".into(),
                    score: Some(0.5),
                })
                .collect(),
            best_out: out
                .iter()
                .map(|name| PoolOut {
                    name: (*name).into(),
                    reason: "no room".into(),
                    score: None,
                })
                .collect(),
            others_out: [("denied".to_owned(), 2)].into(),
            tokens: 40,
            allowance: 50,
        })
    };
    let all = lines([pool(1, &["a"], &["b"]), pool(3, &["b"], &[])]);
    let said = |tool: &str, turn: Option<u32>| -> Vec<(u32, Option<bool>, String)> {
        let pools = tool_story(&all, tool, turn).pools.into_iter();
        pools
            .map(|pool| (pool.turn, pool.offered, pool.sentence))
            .collect()
    };
    let both = said("b", None);
    assert_eq!((both[0].1, both[1].1), (Some(false), Some(true)));
    assert_eq!(
        both[0].2,
        "`b` is not in the pool of turn 1, chosen for `words of turn 1`: no room"
    );
    assert_eq!(
        said("a", Some(2)),
        [(
            1,
            Some(true),
            "`a` is in the pool of turn 1, chosen for `words of turn 1`: ranked 1st, score 0.50, 40 tokens".to_owned()
        )]
    );
    assert_eq!(said("a", Some(3)).len(), 1);
    // By its server's name for it as well.
    assert_eq!(said("own_b", None), both);
    let unknown = &said("c", Some(3))[0];
    assert!(
        unknown.1.is_none() && unknown.2.contains("2 denied"),
        "{unknown:?}"
    );
}

#[test]
fn a_step_is_shown_as_it_was_and_not_as_it_became() {
    let fit = |step| Entry::Fit {
        turn: 1,
        step,
        table: BudgetTable {
            window: 8_192,
            parts: Vec::new(),
            total: 0,
            free: 8_192,
            exact: true,
        },
        removed: Vec::new(),
    };
    let call = id(1, 0);
    let all = lines([
        Entry::User {
            turn: 1,
            text: "do it".into(),
        },
        fit(1),
        reply(1, &[(call, "notes__write")]),
        allowed(call),
        intent(call),
        outcome(call, Verdict::Completed),
        fit(2),
        Entry::Undo { turn: 1 },
    ]);
    let count = |step| step_story(&all, 1, step).map(|story| story.messages.len());
    assert_eq!((count(1), count(2), count(3)), (Some(1), Some(3), None));
    let story = call_story(&all, call).expect("it is there");
    let kinds: Vec<&str> = story
        .events
        .iter()
        .map(|(_, _, event)| match event {
            Event::Proposed { .. } => "proposed",
            Event::Decided { .. } => "decided",
            Event::Intended { .. } => "intended",
            Event::Ended { .. } => "ended",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["proposed", "decided", "intended", "ended"]);
    assert_eq!(call_story(&all, id(9, 9)), None);
}

#[tokio::test]
async fn replayed_is_the_same_as_live_and_the_chain_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::new(folder.path().to_owned(), Arc::new(RealDisk));
    let live = Arc::new(Mutex::new(Audit::default()));
    let into = live.clone();
    let apply = move |line: &Line| into.lock().expect("no fold panics").apply(line);
    let (journal, session) = store.create(begin(), Box::new(apply)).expect("begun");
    let call = id(1, 0);
    let entries = [
        reply(1, &[(call, "notes__write")]),
        allowed(call),
        intent(call),
        outcome(call, Verdict::Completed),
        refused(id(2, 0), RefusedWhy::Arguments),
    ];
    for entry in entries {
        journal.append(entry, Sync::Later).await.expect("written");
    }
    journal.close().await.expect("closed");
    let (lines, damage) = store.read(&session).expect("read");
    assert!(damage.is_empty());
    let replayed = Audit::of(&lines);
    assert_eq!(
        replayed.records(),
        live.lock().expect("no fold panics").records()
    );
    let proof = store.prove(&session, None).expect("read");
    assert_eq!((proof.lines, &proof.bad), (6, &None));
    assert_eq!(proof.noted.map(|head| head.sum), Some(proof.head));
}

/// What a door may write of one call, in its order.
fn history() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(vec![0]),
        Just(vec![4]),
        Just(vec![0, 5, 6]),
        Just(vec![0, 1, 2]),
        Just(vec![0, 1, 2, 3]),
        Just(vec![1, 2, 3, 7]),
        Just(vec![0, 1, 2, 1, 2, 3]),
    ]
}

fn entry_of(kind: u8, call: CallId) -> Entry {
    match kind {
        0 => reply(call.step, &[(call, "notes__write")]),
        1 => allowed(call),
        2 => intent(call),
        3 => outcome(call, Verdict::Completed),
        4 => refused(call, RefusedWhy::Unknown),
        5 => decision(call, false, DecisionSource::Mode, "mode `plan`"),
        6 => refused(call, RefusedWhy::Denied),
        _ => Entry::Settled {
            call,
            verdict: Verdict::Completed,
            by: SettledBy::Person,
            text: String::new(),
        },
    }
}

proptest! {
    #[test]
    fn every_intent_has_its_decision_however_calls_are_mixed(
        calls in proptest::collection::vec((history(), any::<u64>()), 1..12),
    ) {
        // Each call's own order stays; between calls it is any.
        let mut mixed: Vec<(u64, Entry)> = Vec::new();
        let mut intents = 0;
        for ((kinds, seed), index) in calls.iter().zip(0..) {
            for (kind, place) in kinds.iter().zip(0u64..) {
                intents += usize::from(*kind == 2);
                mixed.push((place * 7 + seed % 5, entry_of(*kind, id(1, index))));
            }
        }
        mixed.sort_by_key(|(place, _)| *place);
        let all = lines(mixed.into_iter().map(|(_, entry)| entry));
        let audit = Audit::of(&all);
        let sent: Vec<&Record> = audit.records().iter().filter(|record| record.sent).collect();
        prop_assert_eq!(sent.len(), intents);
        for record in sent {
            prop_assert_eq!(record.decision, Ruling::Allow);
            prop_assert!(record.rule.is_some() && record.arguments_sha256.is_some());
        }
    }

    #[test]
    fn an_intent_that_nothing_allowed_is_told_whatever_stands_around_it(
        kinds in proptest::collection::vec((0u8..8, 0u32..3), 0..24),
    ) {
        let all = lines(kinds.iter().map(|(kind, index)| entry_of(*kind, id(1, *index))));
        let audit = Audit::of(&all);
        let intents = kinds.iter().filter(|(kind, _)| *kind == 2).count();
        let sent = audit.records().iter().filter(|record| record.sent).count();
        prop_assert_eq!(sent, intents);
        for record in audit.records().iter().filter(|record| record.sent) {
            prop_assert_eq!(record.unruled(), record.decision != Ruling::Allow);
        }
    }
}
