//! The promises of the budget, over all windows, histories and ways of counting that the generator comes up with.

use std::sync::atomic::{AtomicU32, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use proptest::prelude::*;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use toolpool_config::PoolSettings;
use toolpool_connectors::model::{
    About, Arguments, Counts, Delta, Dialect, Reply, ToolCall, Usage, Window, WindowSource,
};

use super::*;

/// A model that counts: each message and tool costs its text times a factor, and something around it.
struct Counter {
    about: About,
    percent: u32,
    around: u32,
    asked: AtomicU32,
}

impl Counter {
    fn new(window: u32, percent: u32, around: u32, exact: bool) -> Counter {
        let counts = if exact {
            Counts::Exact
        } else {
            Counts::Calibrated
        };
        Counter {
            about: About {
                dialect: Dialect::LlamaCpp,
                url: "http://127.0.0.1:8080".into(),
                model: "test".into(),
                window: Window {
                    tokens: window,
                    source: WindowSource::Person,
                },
                counts,
                template: None,
            },
            percent,
            around,
            asked: AtomicU32::new(0),
        }
    }

    fn tokens(&self, prompt: &Prompt) -> u32 {
        let counter = TokenCounter::bundled();
        let text: u32 = prompt
            .messages
            .iter()
            .map(|message| counter.count(&serde_json::to_string(message).expect("JSON")))
            .chain(prompt.tools.iter().map(|tool| counter.count(tool)))
            .map(|tokens| tokens * self.percent / 100 + self.around)
            .sum();
        text + self.around
    }
}

impl Model for Counter {
    fn about(&self) -> &About {
        &self.about
    }

    fn count<'a>(&'a self, prompt: &'a Prompt) -> BoxFuture<'a, Result<Counted, ModelError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let tokens = self.tokens(prompt);
        let exact = self.about.counts == Counts::Exact;
        async move {
            Ok(Counted {
                tokens,
                raw: tokens,
                exact,
            })
        }
        .boxed()
    }

    fn learn(&self, _: Counted, _: u32) {}

    fn reply<'a>(
        &'a self,
        _: Request,
        _: mpsc::Sender<Delta>,
        _: CancellationToken,
    ) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async { Err(ModelError::Cancelled) }.boxed()
    }
}

fn fit_now(draft: Draft, model: &Counter, turn: TurnNo) -> Result<Fit, Refusal> {
    fit(
        draft,
        (model, model.about().window.tokens),
        &BudgetSettings::default(),
        &TokenCounter::bundled(),
        turn,
    )
    .now_or_never()
    .expect("this model answers at once")
}

/// A conversation: for each turn the words of its user, and for each of its steps the words of its results.
fn history(turns: &[(usize, Vec<Vec<usize>>)], answered: bool) -> Vec<Stored> {
    let mut stored = Vec::new();
    let mut put = |turn: usize, message: Message| {
        stored.push(Stored {
            seq: stored.len() as u64 + 1,
            turn: turn as u32 + 1,
            front: 0,
            message,
        });
    };
    let words = |n: usize| "lorem ipsum ".repeat(n);
    for (turn, (user, steps)) in turns.iter().enumerate() {
        put(turn, Message::User { text: words(*user) });
        for (step, results) in steps.iter().enumerate() {
            let id = |index: usize| format!("{turn:03}{step:03}{index:03}");
            let calls: Vec<ToolCall> = (0..results.len())
                .map(|index| ToolCall {
                    id: id(index),
                    name: "a__b".into(),
                    arguments: Arguments::none(),
                })
                .collect();
            put(
                turn,
                Message::Assistant {
                    text: String::new(),
                    reasoning: None,
                    calls,
                },
            );
            for (index, result) in results.iter().enumerate() {
                put(
                    turn,
                    Message::Tool {
                        call: id(index),
                        name: "a__b".into(),
                        text: words(*result),
                    },
                );
            }
        }
        if answered && turn + 1 < turns.len() {
            put(
                turn,
                Message::Assistant {
                    text: "done".into(),
                    reasoning: None,
                    calls: Vec::new(),
                },
            );
        }
    }
    stored
}

/// What any endpoint demands of a conversation: a system message only in front, a user message first, every call answered
/// in order right behind its message, and nothing answered that was not called.
#[track_caller]
fn check_valid(messages: &[Message]) {
    let mut open: std::collections::VecDeque<&str> = Default::default();
    for (at, message) in messages.iter().enumerate() {
        match message {
            Message::System { .. } => assert_eq!(at, 0),
            Message::Tool { call, .. } => assert_eq!(open.pop_front(), Some(call.as_str())),
            Message::User { .. } => assert!(open.is_empty(), "a call without an answer"),
            Message::Assistant { calls, .. } => {
                assert!(open.is_empty(), "a call without an answer");
                assert!(at > 0, "the model speaks first");
                open.extend(calls.iter().map(|call| call.id.as_str()));
            }
        }
    }
    assert!(open.is_empty(), "a call without an answer");
}

#[track_caller]
fn check_adds_up(table: &BudgetTable) {
    let parts: u64 = table.parts.iter().map(|part| u64::from(part.tokens)).sum();
    assert_eq!(parts, u64::from(table.total), "{table:?}");
    assert_eq!(table.free, table.window.saturating_sub(table.total));
}

fn tools(count: usize) -> Vec<(String, Arc<str>)> {
    let names = (0..count).map(|at| format!("s__tool_{at}"));
    [search::FIND, search::CALL]
        .into_iter()
        .map(str::to_owned)
        .chain(names)
        .map(|name| {
            let definition = format!("{{\"name\":\"{name}\",\"description\":\"does a thing\"}}");
            (name, definition.into())
        })
        .collect()
}

fn turns() -> impl Strategy<Value = Vec<(usize, Vec<Vec<usize>>)>> {
    let results = prop::collection::vec(0..400usize, 1..3);
    let turn = (1..60usize, prop::collection::vec(results, 0..4));
    prop::collection::vec(turn, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nothing_over_budget_becomes_a_request(
        window in 0..16_384u32,
        turns in turns(),
        offered in 0..12usize,
        percent in 60..160u32,
        around in 0..12u32,
        exact: bool,
        tail in prop::option::of("[a-z ]{0,80}"),
    ) {
        let model = Counter::new(window, percent, around, exact);
        let turn = turns.len() as u32;
        let draft = Draft {
            system: "You are a helper.".into(),
            tools: tools(offered),
            history: history(&turns, true),
            tail,
        };
        let shares = shares(window, &BudgetSettings::default());
        let (history, offered) = (draft.history.len(), draft.tools.len());
        let result = fit_now(draft, &model, turn);
        prop_assert_eq!(model.asked.load(Ordering::Relaxed), 1);
        match result {
            Ok(fit) => {
                check_adds_up(fit.table());
                prop_assert!(fit.table().total <= window);
                let request = fit.request();
                check_valid(&request.prompt().messages);
                prop_assert_eq!(request.counted().tokens, model.tokens(request.prompt()));
                prop_assert!(request.reply_max() >= shares.reserve);
                prop_assert!(request.counted().tokens + request.reply_max() <= window);
                // Nothing is taken out on the way.
                prop_assert_eq!(request.prompt().messages.len(), history + 1);
                prop_assert_eq!(request.prompt().tools.len(), offered);
            }
            Err(refusal) => {
                let table = refusal.table().expect("this model counts");
                check_adds_up(table);
                prop_assert!(table.total > window || table.parts.iter().any(|part| part.name == "reserve" && part.tokens == 0));
                prop_assert!(refusal.hint().is_some());
            }
        }
    }

    #[test]
    fn what_fits_a_window_fits_a_larger_one(
        window in 0..8_192u32,
        more in 16..2_048u32,
        turns in turns(),
        percent in 60..160u32,
        exact: bool,
    ) {
        let fits = |window: u32| {
            let draft = Draft { tools: tools(4), history: history(&turns, true), ..Draft::default() };
            fit_now(draft, &Counter::new(window, percent, 4, exact), turns.len() as u32).is_ok()
        };
        prop_assert!(!fits(window) || fits(window + more));
    }

    #[test]
    fn shares_hold_for_any_window_and_settings(
        window: u32,
        more in 0..1_000u32,
        reserve_share in -1.0..2.0f64,
        reserve_min: u32,
        reserve_max: u32,
        margin_share in -1.0..2.0f64,
        margin_max: u32,
    ) {
        let settings = BudgetSettings {
            reserve_share, reserve_min, reserve_max, margin_share, margin_max, warn_share: 0.75,
        };
        let here = shares(window, &settings);
        prop_assert!(here.reserve <= window / 2);
        for exact in [true, false] {
            prop_assert!(here.reserve + here.margin(exact) <= window);
            prop_assert_eq!(here.room(exact), window - here.reserve - here.margin(exact));
            prop_assert!(here.room(exact) >= window / 4);
        }
        let larger = shares(window.saturating_add(more), &settings);
        prop_assert!(larger.reserve >= here.reserve && larger.margin >= here.margin);
        // Each part is rounded down by itself, so that the rest may lose one where two parts gain one.
        for exact in [true, false] {
            prop_assert!(larger.room(exact) + 1 >= here.room(exact));
        }
        prop_assert!(allowance(window, &PoolSettings::default()) <= window / 2);
    }
}

#[test]
fn the_shares_of_usual_windows() {
    let rows: Vec<(u32, u32, u32, u32)> = [2_048, 4_096, 8_192, 32_768, 262_144]
        .into_iter()
        .map(|window| {
            let shares = shares(window, &BudgetSettings::default());
            (
                window,
                shares.reserve,
                shares.margin,
                allowance(window, &PoolSettings::default()),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            (2_048, 409, 40, 307),
            (4_096, 819, 81, 614),
            (8_192, 1_638, 163, 1_228),
            (32_768, 6_553, 512, 1_500),
            (262_144, 8_192, 512, 1_500),
        ]
    );
}

#[test]
fn what_fits_is_counted_once_and_left_alone() {
    let model = Counter::new(8_192, 100, 4, true);
    let draft = Draft {
        system: "You are a helper.".into(),
        tools: tools(3),
        history: history(&[(5, vec![vec![20]])], true),
        tail: Some("[steps] 1 open".into()),
    };
    let (messages, definitions) = (draft.history.clone(), draft.tools.clone());
    let fit = fit_now(draft, &model, 1).expect("it fits");
    assert_eq!(model.asked.load(Ordering::Relaxed), 1);
    assert!(fit.warning().is_none());
    let request = fit.request();
    let sent = &request.prompt().messages;
    assert_eq!(request.prompt().tools.len(), definitions.len());
    assert_eq!(
        &sent[1..sent.len() - 1],
        messages[..messages.len() - 1]
            .iter()
            .map(|stored| stored.message.clone())
            .collect::<Vec<_>>()
    );
    let Some(Message::Tool { text, .. }) = sent.last() else {
        panic!("the tail stands in a message of its own");
    };
    assert!(text.ends_with("\n\n[steps] 1 open"));
}

#[test]
fn past_the_warning_share_it_says_what_goes_next() {
    let model = Counter::new(4_096, 100, 4, true);
    let draft = Draft {
        history: history(&[(5, vec![vec![1_100]]), (5, vec![])], true),
        ..Draft::default()
    };
    let fit = fit_now(draft, &model, 2).expect("it fits");
    let warning = fit.warning().expect("most of it is in use");
    assert!(
        warning.contains("most by results") && warning.ends_with("old results are cleared next"),
        "{warning}"
    );
}

#[test]
fn a_refusal_names_the_numbers_and_prints_its_table() {
    let model = Counter::new(2_048, 100, 4, true);
    let draft = Draft {
        history: history(&[(2_000, vec![])], true),
        ..Draft::default()
    };
    let refusal = fit_now(draft, &model, 1).expect_err("it is far too large");
    let room = 2_048 - 409 - 8;
    assert!(
        refusal.to_string().ends_with(&format!(
            "tokens, and {room} of the window's 2048 are left for it"
        )),
        "{refusal}"
    );
    assert!(
        refusal
            .hint()
            .is_some_and(|hint| hint.starts_with("shorten the request"))
    );
    let printed = text(refusal.table().expect("it was counted"));
    let numbers: Vec<u32> = printed
        .lines()
        .filter_map(|line| line.split_whitespace().last()?.parse().ok())
        .collect();
    let (parts, ends) = numbers.split_at(numbers.len() - 3);
    assert_eq!(parts.iter().sum::<u32>(), ends[0]);
    assert_eq!(ends[1..], [0, 2_048]);
}

#[test]
fn fewer_tokens_than_were_sent_are_a_truncation() {
    let read = |tokens| Usage {
        prompt_tokens: tokens,
        ..Usage::default()
    };
    let exact = |tokens| Counted {
        tokens,
        raw: tokens,
        exact: true,
    };
    let guessed = |tokens, raw| Counted {
        tokens,
        raw,
        exact: false,
    };
    for (counted, reported, wanted) in [
        (exact(1_000), Some(1_000), false),
        (exact(1_000), Some(1_003), false),
        (exact(1_000), Some(999), true),
        (exact(1_000), None, false),
        (guessed(15_750, 12_000), Some(9_000), false),
        (guessed(15_750, 12_000), Some(2_051), true),
        (guessed(700, 1_000), Some(400), false),
    ] {
        let found = truncated(counted, &read(reported), None);
        assert_eq!(found.is_some(), wanted, "{counted:?} {reported:?}");
    }
    // A request that begins with the one before it, of which 3,000 tokens were read.
    let before = Some((guessed(3_900, 3_000), 3_000));
    for (raw, reported, wanted) in [
        (4_000, 4_000, false),
        (4_000, 3_600, false),
        (4_000, 3_000, true),
        (3_000, 3_000, false),
        // The tail was longer then.
        (2_900, 2_800, false),
        (2_900, 2_500, true),
    ] {
        let found = truncated(guessed(raw, raw), &read(Some(reported)), before);
        assert_eq!(found.is_some(), wanted, "{raw} {reported}");
    }
    let told = truncated(exact(10), &read(Some(3)), None).expect("seven are missing");
    assert!(told.to_string().contains("3 of 10 tokens"));
}
