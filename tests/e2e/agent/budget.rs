//! The window holds, whatever tools return and servers claim: what does not fit is compacted or refused, and never sent.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use toolpool::event::What;
use toolpool::journal::Entry;
use toolpool::journal::entry::{CompactReason, EndHow, Rung};
use toolpool_tests::model::{Answer, Conversation, Dialect, Faults, Setup};

use super::{Heard, Talk, messages};

/// Calls for much text once a turn, then answers.
fn greedy(asked: &Conversation) -> Answer {
    let words = asked.user().map_or(String::new(), |said| said.text.clone());
    match asked.last().map(|said| said.role.as_str()) {
        Some("tool") => Answer::say(&format!("It is long. {words}")),
        _ => Answer::call("notes__big", json!({ "bytes": 200_000 })),
    }
}

#[test]
fn huge_results_never_overflow_and_what_was_left_out_stays_out() {
    for dialect in [Dialect::LlamaCpp, Dialect::Vllm] {
        let mut talk = Talk::new(Setup::new(dialect).window(4096).by(greedy));
        let _notes = talk.notes("");
        // Which results were read in full, by call; false once one was not.
        let mut whole: BTreeMap<String, bool> = BTreeMap::new();
        let mut cut = 0;
        for turn in 1..=7 {
            let words = format!("turn {turn}: fetch it all");
            let arguments = if turn == 1 {
                vec![words.as_str()]
            } else {
                vec!["--continue", &words]
            };
            // That each request fits is checked in there.
            let heard = talk.ask(&arguments).ended("answered");
            assert_eq!(heard.requests.len(), 2, "{dialect:?} {turn}");
            for request in &heard.requests {
                let mut here = BTreeMap::new();
                for message in messages(request) {
                    if let (Some(id), Some(text)) = (
                        message["tool_call_id"].as_str(),
                        message["content"].as_str(),
                    ) {
                        here.insert(id.to_owned(), text.contains("xxxx"));
                    }
                }
                for (call, is_whole) in &mut whole {
                    let now = here.get(call).copied().unwrap_or(false);
                    assert!(*is_whole || !now, "{dialect:?} {turn}: {call} came back");
                    cut += usize::from(*is_whole && !now);
                    *is_whole = now;
                }
                for (call, now) in here {
                    whole.entry(call).or_insert(now);
                }
            }
            assert!(
                whole.values().any(|is_whole| *is_whole),
                "the last one is read"
            );
        }
        assert!(cut >= 2, "{dialect:?}: {cut} were left out");
    }
}

#[test]
fn a_request_that_can_not_fit_is_refused_with_the_table() {
    let mut talk = Talk::new(
        Setup::new(Dialect::LlamaCpp)
            .window(4096)
            .queue([Answer::say("never")]),
    );
    let _notes = talk.notes("");
    let words = "one of very many words ".repeat(1200);
    let heard = talk.ask(&[&words]).ended("refused");
    assert!(heard.requests.is_empty(), "nothing was sent");
    for word in ["window's 4096", "this turn", "reserve", "hint: "] {
        assert!(heard.told().contains(word), "`{word}` in {}", heard.told());
    }
    // And the session is as good as before.
    let heard = talk.ask(&["--continue", "hello"]);
    assert!(
        !heard.requests.is_empty() || heard.told().contains("window's"),
        "{}",
        heard.told()
    );
}

#[test]
fn the_parts_of_every_budget_add_up() {
    let mut talk = Talk::new(Setup::new(Dialect::LlamaCpp).window(4096).by(greedy));
    let _notes = talk.notes("");
    let heard = talk.ask(&["fetch it"]).ended("answered");
    let mut budgets = 0;
    for event in &heard.events {
        if let What::Budget {
            window,
            total,
            parts,
            exact,
            ..
        } = &event.what
        {
            budgets += 1;
            assert!(*exact && *window == 4096);
            let sum: u32 = parts.iter().map(|part| part.tokens).sum();
            assert!(
                sum == *total || sum == *window,
                "{parts:?} is neither {total} nor {window}"
            );
        }
    }
    assert_eq!(budgets, 2);
    // What was counted is what the server read.
    for (event, request) in replies(&heard).zip(&heard.requests) {
        let What::Reply { usage, .. } = event else {
            continue;
        };
        assert_eq!(
            usage.prompt,
            Some(Conversation::read(&request.body).tokens())
        );
        assert_eq!(usage.prompt, Some(usage.counted));
    }
}

fn replies(heard: &Heard) -> impl Iterator<Item = &What> {
    let all = heard.events.iter().map(|event| &event.what);
    all.filter(|what| matches!(what, What::Reply { .. }))
}

/// The windows that the requests of a run were fitted to.
fn windows(heard: &Heard) -> Vec<u32> {
    let first = heard.events.first().map_or(0, |event| event.seq);
    let fits = heard.lines.iter().filter(|line| line.seq >= first);
    fits.filter_map(|line| match &line.entry {
        Entry::Fit { table, .. } => Some(table.window),
        _ => None,
    })
    .collect()
}

#[test]
fn a_prompt_that_was_cut_in_silence_is_seen_and_asked_again() {
    for dialect in [Dialect::LlamaCpp, Dialect::Ollama, Dialect::OpenAi] {
        let silent = Faults {
            truncate: Some(700),
            ..Faults::default()
        };
        let mut talk = Talk::new(Setup::new(dialect).queue([
            Answer::say("noted"),
            Answer::say("I have no idea what this is about.").with(silent),
            Answer::say("all is well"),
        ]));
        let _notes = talk.notes("");
        let long = "remember the word heron ".repeat(300);
        talk.ask(&[&long]).ended("answered");
        let heard = talk.ask(&["--continue", "say it"]).ended("answered");
        assert_eq!(heard.answer(), "all is well", "{dialect:?}");
        let told = heard.told();
        assert!(
            told.contains("said nothing about the rest"),
            "{dialect:?}: {told}"
        );
        let windows = windows(&heard);
        assert!(
            windows.len() == 2 && windows[1] < windows[0],
            "{dialect:?}: {windows:?}"
        );
        // What the server made of half a prompt is evidence, and no part of the conversation.
        let again = messages(&heard.requests[1]);
        let again = again.iter().map(ToString::to_string).collect::<String>();
        assert!(!again.contains("no idea"), "{dialect:?}: {again}");
        let shown = talk.env.run(["sessions", "show", &heard.session, "--json"]);
        let shown = shown.ok().json();
        assert_eq!(
            shown["turns"][1]["steps"][0]["truncated"], true,
            "{shown:#}"
        );
    }
}

#[test]
fn an_overflow_that_the_server_reports_is_recovered() {
    let setup = Setup::new(Dialect::OpenAi).window(3000);
    let mut talk = Talk::new(setup.by(|_| Answer::say("noted")));
    // It is thought to have more than that.
    talk.window = None;
    talk.notes("");
    let words = |turn: u32| format!("turn {turn}: {}", "remember these words ".repeat(300));
    talk.ask(&["--window", "8192", &words(1)]).ended("answered");
    let mut last = talk.ask(&["--window", "8192", "--continue", &words(2)]);
    for turn in 3..=4 {
        last = talk
            .ask(&["--window", "8192", "--continue", &words(turn)])
            .ended("answered");
    }
    let reasons: Vec<CompactReason> = last
        .compactions()
        .iter()
        .map(|(_, note)| note.reason)
        .collect();
    assert!(
        last.told().contains("does not fit") || last.was_cut(),
        "{}",
        last.told()
    );
    assert!(
        windows(&last).iter().any(|window| *window < 8192),
        "{:?}",
        windows(&last)
    );
    assert!(
        !last.told().contains("does not fit") || reasons.contains(&CompactReason::Overflow),
        "{reasons:?}"
    );
    let kept = Conversation::read(&last.requests.last().expect("one").body);
    // Behind what stands for the turns before it.
    assert!(
        kept.user()
            .is_some_and(|said| said.text.contains("turn 4: remember"))
    );
}

#[test]
fn a_server_that_drops_a_little_is_seen_by_what_a_longer_prompt_costs() {
    // Every request gets the next call: what the server dropped, its model does not know of.
    let asked = AtomicUsize::new(0);
    let setup = Setup::new(Dialect::OpenAi).by(move |_| {
        let answer = match asked.fetch_add(1, Ordering::SeqCst) {
            12.. => Answer::say("done"),
            next => Answer::call("notes__big", json!({ "bytes": 3000 + next })),
        };
        answer.with(Faults {
            truncate: Some(2500),
            ..Faults::default()
        })
    });
    let mut talk = Talk::new(setup);
    talk.notes("");
    let heard = talk.ask(&["--window", "8192", "repeat it"]);
    let heard = heard.ended("answered");
    let told = heard.told();
    assert!(told.contains("said nothing about the rest"), "{told}");
    let windows = windows(&heard);
    assert!(
        windows.last().is_some_and(|window| *window <= 2500),
        "{windows:?}"
    );
    // From there on nothing is cut any more.
    let last = heard.requests.last().expect("one was sent");
    assert!(Conversation::read(&last.body).tokens() <= 2500);
}

/// Calls for much text in each step, the same `files` over and over, and answers after `steps`.
fn reader(steps: usize, files: usize) -> impl Fn(&Conversation) -> Answer + Send + Sync + 'static {
    let asked = AtomicUsize::new(0);
    move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        next if next < steps => {
            Answer::call("notes__big", json!({ "bytes": 150_000 + next % files }))
        }
        _ => Answer::say("all is read"),
    }
}

/// Within a turn no rung is climbed again before the model has had two replies, and every compaction made the request smaller.
fn check_progress(heard: &Heard) {
    let made = heard.compactions();
    for pair in made.windows(2) {
        let ((before, first), (after, second)) = (pair[0], pair[1]);
        assert!(
            after - before >= 2 || second.rung > first.rung,
            "{:?} after {:?}, {} replies apart",
            second.rung,
            first.rung,
            after - before
        );
    }
    for (_, note) in made {
        assert!(note.after < note.before, "{note:?}");
    }
}

#[test]
fn a_long_task_goes_on_at_every_window() {
    for window in [4_096, 8_192, 16_384, 32_768, 131_072] {
        let steps = if window < 32_768 { 40 } else { 24 };
        let setup = Setup::new(Dialect::LlamaCpp).window(window);
        let mut talk = Talk::new(setup.by(reader(steps, steps)));
        let _notes = talk.notes("agent.steps_max = 60");
        let words = "read all of it, and keep port 8443 in mind";
        // That each request fits and is valid is checked in there.
        let heard = talk.ask(&[words]).ended("answered");
        assert_eq!(heard.requests.len(), steps + 1, "{window}");
        check_progress(&heard);
        let made = heard.compactions();
        assert!(!made.is_empty(), "{window}");
        assert!(
            made.iter().all(|(_, note)| note.rung <= Rung::Digest),
            "{window}"
        );
        let last = heard.requests.last().expect("it answered");
        let last = Conversation::read(&last.body);
        assert!(
            last.user().is_some_and(|said| said.text.ends_with(words)),
            "{window}"
        );
        // Goes on in another process from the same bytes.
        let heard = talk.ask(&["--continue", "thanks"]).ended("answered");
        let next = Conversation::read(&heard.requests[0].body);
        if heard.compactions().is_empty() {
            assert_eq!(next.messages[1].text, last.messages[1].text, "{window}");
        }
    }
}

#[test]
fn reading_the_same_again_and_again_ends() {
    let setup = Setup::new(Dialect::LlamaCpp).window(4096);
    let mut talk = Talk::new(setup.by(reader(usize::MAX, 5)));
    let _notes = talk.notes("agent.steps_max = 200");
    let heard = talk.ask(&["repair it"]).ended("loop");
    assert!(heard.requests.len() <= 15, "{}", heard.requests.len());
    check_progress(&heard);
}

#[test]
fn a_turn_that_can_not_be_made_to_fit_ends_and_the_next_one_goes_on() {
    let setup = Setup::new(Dialect::LlamaCpp).window(4096);
    let mut talk = Talk::new(
        setup.by(|asked| match asked.last().map(|said| said.role.as_str()) {
            Some("tool") => Answer::say("noted"),
            _ => Answer::call(
                "notes__echo",
                json!({ "text": "a word to be echoed ".repeat(260) }),
            ),
        }),
    );
    let _notes = talk.notes("");
    // A call is no result: what the model itself wrote in its last step can't be taken from it.
    let words = format!("echo it, {}", "please ".repeat(1_200));
    let heard = talk.ask(&[&words]).ended("refused");
    let told = heard.told();
    assert!(
        told.contains("nothing more of the conversation can be compacted"),
        "{told}"
    );
    assert!(matches!(
        heard.lines.last().map(|line| &line.entry),
        Some(Entry::End {
            how: EndHow::Refused,
            ..
        })
    ));
    let next = talk.ask(&["--continue", "and now?"]);
    check_progress(&next);
    assert!(!next.requests.is_empty(), "{}", next.told());
}
