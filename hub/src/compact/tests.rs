//! The rungs that need no model, at every window: bounded, deterministic, smaller than before, and the ladder has an end.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use toolpool_config::{Effect, Mode};
use toolpool_connectors::model::{Arguments, Counted, Message, Stop, ToolCall, Usage};
use toolpool_registry::TokenCounter;

use super::*;
use crate::agent::Folds;
use crate::journal::entry::{
    Begin, CallId, EndHow, IntentNote, JournalKind, Line, OutcomeNote, Verdict,
};

const WINDOWS: [u32; 5] = [4_096, 8_192, 16_384, 32_768, 131_072];

/// A call with its arguments, its effect, and what it came to.
type Made<'a> = (&'a str, Value, Effect, Option<(Verdict, &'a str)>);

/// A journal that is written line by line.
#[derive(Default)]
struct Book {
    folds: Folds,
    seq: u64,
}

impl Book {
    fn new() -> Book {
        let mut book = Book::default();
        book.put(Entry::Begin(Begin {
            session: "s".into(),
            what: JournalKind::Session,
            program: "0".into(),
            folder: "/w".into(),
            model: None,
            profile: None,
            mode: Mode::Ask,
            deny: Vec::new(),
            forked: None,
            agent: None,
            parent: None,
        }));
        book
    }

    fn put(&mut self, entry: Entry) -> u64 {
        self.seq += 1;
        self.folds.apply(&Line {
            seq: self.seq,
            at_ms: 0,
            entry,
        });
        self.seq
    }

    fn user(&mut self, turn: TurnNo, text: &str) {
        let text = text.to_owned();
        self.put(Entry::User { turn, text });
    }

    fn reply(&mut self, turn: TurnNo, step: StepNo, text: &str, calls: &[(&str, Value)]) {
        let calls = calls
            .iter()
            .zip(0..)
            .map(|((name, arguments), index)| ToolCall {
                id: CallId { turn, step, index }.to_string(),
                name: (*name).to_owned(),
                arguments: Arguments::new(&arguments.to_string()).expect("valid JSON"),
            });
        self.put(Entry::Reply {
            turn,
            step,
            text: text.into(),
            reasoning: None,
            calls: calls.collect(),
            faults: BTreeMap::new(),
            stop: Stop::Calls,
            counted: Counted {
                tokens: 1,
                raw: 1,
                exact: true,
            },
            usage: Usage::default(),
            truncated: false,
        });
    }

    /// A step that makes calls of which each is answered; `None` leaves it in doubt.
    fn step(&mut self, (turn, step): (TurnNo, StepNo), calls: &[Made<'_>]) {
        let asked: Vec<_> = calls
            .iter()
            .map(|(name, arguments, ..)| (*name, arguments.clone()))
            .collect();
        self.reply(turn, step, "", &asked);
        for ((name, arguments, effect, answer), index) in calls.iter().zip(0..) {
            let call = CallId { turn, step, index };
            self.put(Entry::Intent(IntentNote {
                call,
                server: "s".into(),
                tool: (*name).into(),
                name: (*name).into(),
                fingerprint: "f".into(),
                arguments: arguments.clone(),
                effect: *effect,
                repeatable: false,
                key: "k".into(),
            }));
            if let Some((verdict, text)) = answer {
                self.put(Entry::Outcome(OutcomeNote {
                    call,
                    verdict: *verdict,
                    text: (*text).into(),
                    result_sha256: None,
                    artifact: None,
                    elapsed_ms: 1,
                    repairs: Vec::new(),
                }));
            }
        }
    }

    fn end(&mut self, turn: TurnNo) {
        self.put(Entry::End {
            turn,
            how: EndHow::Answered,
            note: None,
        });
    }

    fn compacted(&mut self, rung: Rung, turn: TurnNo, (before, after): (u32, u32)) {
        self.put(Entry::Compaction(CompactionNote {
            turn,
            step: 1,
            rung,
            reason: CompactReason::Room,
            focus: None,
            from: 2,
            to: self.seq,
            sha256: String::new(),
            before,
            after,
            cleared: Vec::new(),
            text: if rung == Rung::Clear { "" } else { "so far" }.into(),
            appended: None,
        }));
    }

    fn digest(&self, tokens_max: u32) -> String {
        let folds = &self.folds;
        digest::text(
            folds,
            self.seq,
            &|_| None,
            (tokens_max, tokens_max / 2),
            &TokenCounter::bundled(),
        )
    }
}

fn done(text: &str) -> Option<(Verdict, &str)> {
    Some((Verdict::Completed, text))
}

fn tokens(messages: &[Stored]) -> u32 {
    let counter = TokenCounter::bundled();
    let sizes = messages.iter();
    sizes
        .map(|stored| budget::size(&stored.message, &counter))
        .sum()
}

/// A turn of many steps, each with results of about as many tokens as the door lets through.
fn work(window: u32, steps: u32) -> Book {
    let mut book = Book::new();
    book.user(1, "look at everything and repair it");
    let long = "word ".repeat((window / 8) as usize);
    for step in 1..=steps {
        let path = json!({"path": format!("src/file_{step}.rs")});
        let calls = [
            ("read_file", path.clone(), Effect::ReadOnly, done(&long)),
            ("edit_file", path, Effect::Mutating, done("1 replacement")),
        ];
        book.step((1, step), &calls);
    }
    book
}

#[test]
fn clearing_takes_the_oldest_results_and_never_makes_it_longer() {
    let counter = TokenCounter::bundled();
    for window in WINDOWS {
        let book = work(window, 6);
        let session = &book.folds.session;
        let shown = session.messages();
        let kept = ladder::kept_from(&shown, window / 8, &counter);
        let stale = clear::stale(&shown[..kept], &book.folds, window / 4, &counter);
        assert!(
            !stale.is_empty() && stale.len() < 6,
            "{window}: {}",
            stale.len()
        );
        assert!(stale.iter().all(|stale| stale.name == "read_file"));
        let cleared: Vec<Cleared> = stale
            .iter()
            .map(|stale| Cleared {
                seq: stale.seq,
                artifact: sha256(stale.text.as_bytes()),
                line: stale.line(&sha256(stale.text.as_bytes())),
            })
            .collect();
        let line = &cleared[0].line;
        assert!(
            line.starts_with("[cleared: read_file src/file_1.rs] [whole result, "),
            "{line}"
        );
        let mut book = book;
        let note = CompactionNote {
            turn: 1,
            step: 7,
            rung: Rung::Clear,
            reason: CompactReason::Room,
            focus: None,
            from: 1,
            to: 1,
            sha256: String::new(),
            before: 0,
            after: 0,
            cleared,
            text: String::new(),
            appended: None,
        };
        let with = book.folds.session.messages_with(&note);
        assert!(tokens(&with) + window / 4 < tokens(&shown) + window / 8);
        assert_eq!(with.len(), shown.len());
        book.put(Entry::Compaction(note));
        assert_eq!(
            book.folds.session.messages(),
            with,
            "what was counted is what is shown"
        );
        // What is a line is not cleared again.
        let shown = book.folds.session.messages();
        let again = clear::results(&shown[..kept], &book.folds);
        assert!(
            again
                .iter()
                .all(|stale| book.folds.session.kept_as(stale.seq).is_none())
        );
    }
}

#[test]
fn the_newest_steps_are_kept_whole() {
    let counter = TokenCounter::bundled();
    for window in WINDOWS {
        let mut book = work(window, 5);
        let shown = book.folds.session.messages();
        for share in [0, window / 100, window / 6, window] {
            let kept = ladder::kept_from(&shown, share, &counter);
            let first = &shown[kept].message;
            assert!(!matches!(first, Message::Tool { .. }), "{window} {share}");
            assert!(kept < shown.len() - 2, "the last step is kept");
        }
        assert_eq!(ladder::kept_from(&shown, u32::MAX, &counter), 0);
        let range = |book: &Book, share: u32| {
            let shown = book.folds.session.messages();
            let kept = ladder::kept_from(&shown, share, &counter);
            ladder::range(&book.folds.session, &shown, kept)
        };
        assert_eq!(range(&book, u32::MAX), None);
        let within = range(&book, 0).expect("four steps stand before the last");
        assert!(
            book.folds
                .session
                .past(within.to)
                .iter()
                .all(|past| !past.whole)
        );
        // Fresh words are kept, and all before them may be covered.
        book.end(1);
        book.user(2, "and now something else");
        let all = range(&book, 0).expect("a turn stands before them");
        assert_eq!(all.to, book.seq - 1);
        assert!(
            book.folds
                .session
                .past(all.to)
                .iter()
                .all(|past| past.whole)
        );
    }
}

#[test]
fn a_digest_tells_each_thing_once_by_what_last_came_of_it() {
    let mut book = Book::new();
    book.user(1, "rename Zebra to Heron in src/a.rs, and keep port 8443");
    let path = |path: &str| json!({ "path": path });
    let read = |path: Value| ("read_file", path, Effect::ReadOnly, done("struct Zebra;"));
    book.step((1, 1), &[read(path("src/a.rs")), read(path("src/b.rs"))]);
    book.step((1, 2), &[read(path("src/b.rs")), read(path("src/b.rs"))]);
    book.step(
        (1, 3),
        &[(
            "edit_file",
            path("src/a.rs"),
            Effect::Mutating,
            done("1 replacement"),
        )],
    );
    let test = |answer| {
        (
            "run_command",
            json!({"command": "cargo test"}),
            Effect::Destructive,
            answer,
        )
    };
    book.step((1, 4), &[test(Some((Verdict::Failed, "2 failed")))]);
    book.step((1, 5), &[test(done("14 passed"))]);
    book.step(
        (1, 6),
        &[
            (
                "search_text",
                json!({"query": "Zebra"}),
                Effect::ReadOnly,
                done("no match"),
            ),
            (
                "mail__send",
                json!({"to": "ada", "id": "A-77"}),
                Effect::Destructive,
                None,
            ),
        ],
    );
    book.reply(1, 7, "It is renamed.", &[]);
    book.end(1);
    book.user(2, "thanks");
    let to = book.seq - 1;
    let text = |to| {
        digest::text(
            &book.folds,
            to,
            &|_| Some("1a2b3c4d5e6f"),
            (2_000, 1_000),
            &TokenCounter::bundled(),
        )
    };
    let lines: Vec<String> = text(to).lines().skip(1).map(str::to_owned).collect();
    assert_eq!(
        lines,
        [
            "The user said:",
            "- rename Zebra to Heron in src/a.rs, and keep port 8443",
            "  answered: It is renamed.",
            "What was done:",
            "- read src/b.rs with read_file, 3 times (artifact 1a2b3c4d)",
            "- changed src/a.rs with edit_file: 1 replacement (artifact 1a2b3c4d)",
            "- ran `cargo test` with run_command, 2 times, 1 of them failed: 14 passed (artifact 1a2b3c4d)",
            "- looked for \"Zebra\" with search_text: no match (artifact 1a2b3c4d)",
            "- in doubt: mail__send A-77: it may have been done or not",
        ]
    );
    assert_eq!(text(to), text(to));
    // Within a turn its words are no part of it: they stay in the conversation.
    assert!(!text(to - 2).contains("keep port"));
}

#[test]
fn a_digest_drops_reads_before_failures_and_doubts() {
    let mut book = Book::new();
    book.user(1, "do a lot");
    for step in 1..=60 {
        let path = json!({"path": format!("a/rather/long/path/file_{step}.txt")});
        book.step(
            (1, step),
            &[("read_file", path, Effect::ReadOnly, done("x"))],
        );
    }
    let path = json!({"path": "broken.txt"});
    book.step(
        (1, 61),
        &[
            (
                "write_file",
                path,
                Effect::Mutating,
                Some((Verdict::Failed, "no space left")),
            ),
            (
                "mail__send",
                json!({"id": "A-77"}),
                Effect::Destructive,
                None,
            ),
        ],
    );
    let counter = TokenCounter::bundled();
    for tokens_max in [300, 150, 100] {
        let text = book.digest(tokens_max);
        assert!(counter.count(&text) <= tokens_max, "{text}");
        assert!(
            text.contains("no space left") && text.contains("A-77"),
            "{text}"
        );
        assert!(text.contains("reads]"), "{text}");
    }
    assert!(book.digest(300).contains("file_60.txt"));
    assert!(!book.digest(300).contains("file_1.txt"));
}

#[test]
fn no_rung_is_climbed_twice_for_the_same_and_the_ladder_ends() {
    let settings = CompactionSettings::default();
    for window in WINDOWS {
        let mut book = Book::new();
        let first = |book: &Book, turn| ladder::first(&book.folds.session, turn, window, &settings);
        book.user(1, "work");
        assert_eq!(first(&book, 1), Some(Rung::Clear));
        // Each one comes at once behind the one before, however much it freed.
        let mut climbed = Vec::new();
        while let Some(rung) = first(&book, 1) {
            climbed.push(rung);
            book.compacted(rung, 1, (window, window / 2));
        }
        assert_eq!(
            climbed,
            [Rung::Clear, Rung::Digest, Rung::Summary, Rung::Reset]
        );
        // Soon after one that freed enough all of it is covered at once, and later it begins anew.
        assert_eq!(first(&book, 1), None);
        book.reply(1, 1, "a", &[]);
        assert_eq!(first(&book, 1), Some(Rung::Digest));
        book.reply(1, 2, "b", &[]);
        assert_eq!(first(&book, 1), Some(Rung::Clear));
        book.compacted(Rung::Clear, 1, (window, window - window / 20));
        book.reply(1, 3, "c", &[]);
        book.reply(1, 4, "d", &[]);
        assert_eq!(first(&book, 1), Some(Rung::Digest));
        // One that freed too little is not climbed again, but for the last. A reply or a new turn is a new chance.
        book.compacted(Rung::Reset, 1, (window, window));
        assert_eq!(
            (first(&book, 1), first(&book, 2)),
            (None, Some(Rung::Reset))
        );
        book.reply(1, 5, "e", &[]);
        assert_eq!(first(&book, 1), Some(Rung::Reset));
    }
}

#[test]
fn shares_hold_for_every_window() {
    let settings = CompactionSettings::default();
    for window in (0..2_048).chain(WINDOWS).chain([u32::MAX]) {
        for share in [
            settings.target_share,
            settings.protect_share,
            settings.digest_share,
            7.0,
            -1.0,
            f64::NAN,
        ] {
            assert!(ladder::of(window, share) <= window);
        }
        let parts = settings.protect_share + settings.digest_share + settings.least_share;
        assert!(ladder::of(window, parts) <= window / 2);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever was done: a digest is bounded, deterministic, and with it the conversation is no longer than before.
    #[test]
    fn a_digest_is_bounded_and_shortens(
        window in prop::sample::select(&WINDOWS[..]),
        words in prop::collection::vec("[a-z /.]{0,400}", 1..6),
        steps in prop::collection::vec((0usize..5, 0usize..6, 0usize..200, 0u8..4), 0..40),
    ) {
        let mut book = Book::new();
        let mut left = steps.into_iter();
        for (text, turn) in words.iter().zip(1..) {
            book.user(turn, text);
            for (step, (kind, path, long, fate)) in (1..).zip(left.by_ref().take(8)) {
                let path = format!("src/{path}.rs");
                let (name, arguments, effect) = [
                    ("read_file", json!({"path": path}), Effect::ReadOnly),
                    ("edit_file", json!({"path": path}), Effect::Mutating),
                    ("run_command", json!({"command": path}), Effect::Destructive),
                    ("search_text", json!({"query": path}), Effect::ReadOnly),
                    ("x__y", json!({"n": long}), Effect::Mutating),
                ][kind].clone();
                let text = "some result ".repeat(long);
                let verdict = if fate == 1 { Verdict::Failed } else { Verdict::Completed };
                book.step((turn, step), &[(name, arguments, effect, (fate > 0).then_some((verdict, text.as_str())))]);
            }
            book.reply(turn, 9, "done", &[]);
            book.end(turn);
        }
        book.user(9, "next");
        let counter = TokenCounter::bundled();
        let most = ladder::of(window, CompactionSettings::default().digest_share);
        let text = book.digest(most);
        prop_assert!(counter.count(&text) <= most);
        prop_assert_eq!(&text, &book.digest(most));
        prop_assert!(counter.count(&book.digest(20)) <= 20);
        for doubt in book.folds.workflow.in_doubt().iter().take(3) {
            prop_assert!(most < 600 || text.contains(&format!("in doubt: {}", doubt.name)), "{}", text);
        }
    }
}
