//! That no request of a summary can overflow or be invalid, and that what is no summary is not used.

use futures::FutureExt;
use proptest::prelude::*;
use toolpool_connectors::model::{Prompt, Reply, ToolCall};

use super::*;
use crate::compact::world::{Fake, calls, counter, fault, says, tokens};

const GOOD: &str = "## Goal\nthe goal\n## Constraints\nnone\n## Done\nmuch\n## Next\nthe rest";

/// A conversation: for each turn the words, and for each step the length of its results. Each message has a mark of its own.
fn history(turns: &[(usize, Vec<Vec<usize>>)]) -> Vec<Stored> {
    let mut stored: Vec<Stored> = Vec::new();
    let mut put = |turn: usize, message: Message| {
        let seq = stored.len() as u64 + 1;
        stored.push(Stored {
            front: 0,
            seq,
            turn: turn as u32 + 1,
            message,
        });
    };
    let text = |mark: &str, words: usize| format!("<{mark}>{}", " lorem".repeat(words));
    for (turn, (words, steps)) in turns.iter().enumerate() {
        put(
            turn,
            Message::User {
                text: text(&format!("u{turn}"), *words),
            },
        );
        for (step, results) in steps.iter().enumerate() {
            let id = |index: usize| format!("{turn:03}{step:03}{index:03}");
            let calls = (0..results.len()).map(|index| ToolCall {
                id: id(index),
                name: "a__b".into(),
                arguments: Arguments::none(),
            });
            put(
                turn,
                Message::Assistant {
                    text: String::new(),
                    reasoning: None,
                    calls: calls.collect(),
                },
            );
            for (index, length) in results.iter().enumerate() {
                let text = text(&format!("r{turn}.{step}.{index}"), *length);
                put(
                    turn,
                    Message::Tool {
                        call: id(index),
                        name: "a__b".into(),
                        text,
                    },
                );
            }
        }
        put(
            turn,
            Message::Assistant {
                text: text(&format!("a{turn}"), 3),
                reasoning: None,
                calls: Vec::new(),
            },
        );
    }
    stored
}

fn marks(messages: &[Message]) -> Vec<String> {
    let text = serde_json::to_string(messages).expect("JSON");
    let marks = text
        .split('<')
        .skip(1)
        .filter_map(|part| part.split_once('>'));
    marks.map(|(mark, _)| mark.to_owned()).collect()
}

fn summary(
    model: &Fake,
    history: Vec<Stored>,
    from: u64,
    focus: Option<&str>,
) -> Result<String, String> {
    let settings = BudgetSettings::default();
    let work = Work {
        model,
        window: model.about().window.tokens,
        settings: &settings,
        counter: counter(),
        draft: Draft {
            system: "You are the system.".into(),
            tools: vec![("a__b".into(), "{\"type\":\"function\"}".into())],
            history,
            tail: None,
        },
        focus,
    };
    let written = work.summary(from, &CancellationToken::new()).now_or_never();
    written.expect("this model answers at once")
}

fn long() -> Vec<Stored> {
    history(&[(20, vec![vec![200], vec![300, 100]]), (5, vec![vec![400]])])
}

fn always(reply: Reply) -> Fake {
    Fake::new(8_192, true, move |_, _| reply.clone())
}

#[test]
fn it_is_asked_on_the_running_prefix() {
    let model = always(says(GOOD));
    let text = summary(&model, long(), 1, Some("the money")).expect("a summary");
    assert!(text.starts_with(HEAD) && text.ends_with(GOOD));
    let prompts = model.prompts();
    assert_eq!(prompts.len(), 1, "it fits in one");
    let prompt = &prompts[0];
    let running: Vec<Message> = long().into_iter().map(|stored| stored.message).collect();
    assert_eq!(
        prompt.messages[0],
        Message::System {
            text: "You are the system.".into()
        }
    );
    assert_eq!(prompt.messages[1..=running.len()], running);
    assert_eq!(prompt.tools.len(), 1);
    let Some(Message::User { text }) = prompt.messages.last() else {
        panic!("the instruction is the person's");
    };
    assert!(text.contains("Goal: ") && text.contains("Next: ") && text.contains("the money"));
    assert_eq!(fault(prompt), None);
}

#[test]
fn what_is_no_summary_is_refused() {
    let no_room = Reply {
        stop: Stop::Length,
        ..says(GOOD)
    };
    let cut = Reply {
        stop: Stop::Cut,
        ..says(GOOD)
    };
    let calling = calls("a__b", &serde_json::json!({}));
    let large = says(&format!("{GOOD}{}", " much".repeat(3_000)));
    for reply in [
        says(""),
        says("I will go on with the task."),
        no_room,
        cut,
        calling.clone(),
        large,
    ] {
        let refused = summary(&always(reply.clone()), long(), 1, None);
        assert!(refused.is_err(), "{reply:?}");
    }
    // Calls beside a summary are not made, and the summary counts.
    let both = Reply {
        text: GOOD.into(),
        ..calling
    };
    assert!(summary(&always(both), long(), 1, None).is_ok());
    // It has to be smaller than the lines that it replaces, and not than all that are shown.
    assert!(summary(&always(says(GOOD)), long(), 11, None).is_err());
    assert!(summary(&always(says(GOOD)), Vec::new(), 1, None).is_err());
}

#[test]
fn a_reply_to_less_than_was_sent_is_not_trusted() {
    let mut reply = says(GOOD);
    reply.usage.prompt_tokens = Some(10);
    assert!(summary(&always(reply), long(), 1, None).is_err());
}

#[test]
fn what_it_covers_ends_before_the_first_later_message() {
    let mut history = long();
    assert_eq!(covered(&history, 0), 0);
    assert_eq!(covered(&history, 3), 3);
    // Settled by a later line, and still the answer to its call.
    history[2].seq = 99;
    assert_eq!(covered(&history, 3), 3);
    assert_eq!(covered(&history, 1_000), history.len());
}

#[test]
fn a_chunk_never_ends_within_a_step_or_behind_words() {
    let history = long();
    let roles: String = history
        .iter()
        .map(|stored| match stored.message {
            Message::User { .. } => 'u',
            Message::Assistant { .. } => 'a',
            Message::Tool { .. } => 't',
            Message::System { .. } => 's',
        })
        .collect();
    assert_eq!(roles, "uatattauata");
    assert_eq!(ends(&history), [3, 6, 7, 10, 11]);
}

#[test]
fn a_conversation_far_larger_than_the_window_is_left_to_others() {
    let model = Fake::new(4_096, true, |_, _| says(GOOD));
    let history = history(&vec![(10, vec![vec![900], vec![900]]); 40]);
    assert!(summary(&model, history, 1, None).is_err());
    assert!(model.prompts().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_request_overflows_or_is_invalid(
        turns in prop::collection::vec(
            (0_usize..60, prop::collection::vec(prop::collection::vec(0_usize..700, 1..4), 0..8)),
            1..5,
        ),
        giant in prop::option::of(1_000_usize..8_000),
        window in prop::sample::select(vec![4_096_u32, 8_192, 16_384, 32_768, 131_072]),
        exact in any::<bool>(),
    ) {
        let mut turns = turns;
        if let Some(giant) = giant {
            turns[0].1.push(vec![giant]);
        }
        let all = history(&turns);
        let reply = |_: &Prompt, n: usize| says(&format!("{GOOD}\nchunk {n}"));
        let model = Fake::new(window, exact, reply);
        let written = summary(&model, all.clone(), 1, None);
        let sent = model.sent.lock().expect("one thread");
        for (prompt, used) in sent.iter() {
            prop_assert!(*used <= window, "{used} of {window}");
            prop_assert_eq!(fault(prompt), None);
            prop_assert!(tokens(prompt) > 0);
        }
        if written.as_ref().err().is_some_and(|why| why.contains("more than")) {
            return Ok(());
        }
        // Every message was read once, in order, unless its text was cut so far that not even its mark is left.
        let read: Vec<String> = sent.iter().flat_map(|(prompt, _)| marks(&prompt.messages[1..])).collect();
        let shown: Vec<Message> = all.iter().map(|stored| stored.message.clone()).collect();
        let shown = marks(&shown);
        let too_much = written.is_err() && sent.len() > SUMMARY_CHUNKS_MAX;
        prop_assert_eq!(&read[..], if too_much { &shown[..read.len()] } else { &shown[..] });
        for (prompt, _) in sent.iter().skip(1) {
            let carries = matches!(&prompt.messages[1], Message::User { text } if text.starts_with(SO_FAR));
            prop_assert!(carries, "a later chunk begins with the summary so far");
        }
    }
}
