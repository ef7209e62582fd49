//! The calls of delegates in one trail with those of the session that began them.

use std::sync::Arc;

use serde_json::{Value, json};
use toolpool::journal::entry::{
    ApproverKind, Begin, CallId, DecisionNote, DecisionSource, DelegatedNote, IntentNote,
    JournalKind, OutcomeNote, Parent, Verdict,
};
use toolpool::journal::{Entry, RealDisk, Store, Sync};
use toolpool_config::{Effect, Mode};
use toolpool_tests::env::TestEnv;

fn decision(call: CallId, name: &str) -> Entry {
    Entry::Decision(DecisionNote {
        call,
        principal: "agent".into(),
        profile: None,
        server: "notes".into(),
        tool: name.into(),
        name: format!("notes__{name}"),
        effect: Effect::ReadOnly,
        fingerprint: "f".into(),
        arguments_sha256: "a".into(),
        allowed: true,
        reason: "=1+1".into(),
        source: DecisionSource::AgentType,
        rule: None,
        approver: Some(ApproverKind::Coordinator),
        agent: Some("explore".into()),
    })
}

fn sent(call: CallId, name: &str) -> [Entry; 2] {
    [
        Entry::Intent(IntentNote {
            call,
            server: "notes".into(),
            tool: name.into(),
            name: format!("notes__{name}"),
            fingerprint: "f".into(),
            arguments: json!({}),
            effect: Effect::ReadOnly,
            repeatable: true,
            key: "k".into(),
        }),
        Entry::Outcome(OutcomeNote {
            call,
            verdict: Verdict::Completed,
            text: "done".into(),
            result_sha256: Some("r".into()),
            artifact: None,
            elapsed_ms: 1,
            repairs: Vec::new(),
        }),
    ]
}

fn write(store: &Store, parent: Option<Parent>, entries: Vec<Entry>) -> String {
    let begin = Begin {
        session: String::new(),
        what: JournalKind::Session,
        program: "test".into(),
        folder: "/work".into(),
        model: None,
        profile: None,
        mode: Mode::Auto,
        deny: Vec::new(),
        forked: None,
        agent: parent.as_ref().map(|_| "explore".into()),
        parent,
    };
    let (journal, id) = store.create(begin, Box::new(|_| {})).expect("begun");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        for entry in entries {
            journal.append(entry, Sync::Later).await.expect("written");
        }
        journal.close().await.expect("closed");
    });
    id
}

#[test]
fn a_delegates_calls_stand_under_the_call_that_began_it() {
    let env = TestEnv::new();
    let store = Store::new(env.path("state/toolpool"), Arc::new(RealDisk));
    let call = |index| CallId {
        turn: 1,
        step: 1,
        index,
    };
    let delegated = |session: &str| {
        Entry::Delegated(DelegatedNote {
            call: call(0),
            agent: "explore".into(),
            session: session.into(),
            task: "look".into(),
        })
    };
    let top = write(&store, None, Vec::new());
    let below = |session: &str, depth| Parent {
        above: Vec::new(),
        thoroughness: None,
        session: session.into(),
        call: call(0),
        depth,
    };
    let mut entries = vec![decision(call(1), "read")];
    entries.extend(sent(call(1), "read"));
    let middle = write(&store, Some(below(&top, 1)), Vec::new());
    let leaf = write(&store, Some(below(&middle, 2)), entries);
    for (session, child) in [(&top, &middle), (&middle, &leaf)] {
        let (journal, _) = store.open(session, Box::new(|_| {})).expect("opened");
        let own = Entry::Own {
            call: call(0),
            name: "delegate".into(),
            text: "found".into(),
            failed: false,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            journal
                .append(delegated(child), Sync::Later)
                .await
                .expect("written");
            journal.append(own, Sync::Later).await.expect("written");
            journal.close().await.expect("closed");
        });
    }
    let run = env.run(["audit", "--session", &top]).ok();
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{}", run.stdout);
    for (line, wanted) in lines[1..]
        .iter()
        .zip(["delegate", "└ delegate", "  └ notes__read"])
    {
        assert!(line.contains(wanted), "{wanted}: {line}");
    }
    assert!(
        lines[3].contains("explore") && lines[3].contains("the agent that"),
        "{}",
        lines[3]
    );
    let rows = env
        .run([
            "audit",
            "--json",
            "--agent",
            "explore",
            "--decision",
            "allow",
        ])
        .ok();
    let row: Value = serde_json::from_str(rows.stdout.trim()).expect("one object");
    assert_eq!(
        (&row["depth"], &row["approver"]),
        (&json!(2), &json!("coordinator"))
    );
    assert_eq!(
        row["parent"],
        json!({ "session": middle, "call": "001001000" })
    );
    let csv = env
        .run([
            "audit",
            "--csv",
            "--agent",
            "explore",
            "--decision",
            "allow",
        ])
        .ok();
    assert!(csv.stdout.contains(",\"'=1+1\","), "{}", csv.stdout);
    env.run(["audit", "verify"]).ok();
}
