//! Causes, each provoked by two requests that differ in one thing.

use toolpool_connectors::model::{Arguments, ToolCall};

use super::*;
use crate::journal::entry::SlotSeen;

fn seen(id: u32, task: Option<u64>) -> Option<SlotSeen> {
    Some(SlotSeen { id, task, asked: 0 })
}

fn tool(name: &str, more: &str) -> std::sync::Arc<str> {
    format!("{{\"function\":{{\"name\":\"{name}\",\"description\":\"{more}\"}}}}").into()
}

fn call(arguments: &str) -> Message {
    Message::Assistant {
        text: String::new(),
        reasoning: None,
        calls: vec![ToolCall {
            id: "001001000".into(),
            name: "a".into(),
            arguments: Arguments::new(arguments).expect("an object"),
        }],
    }
}

fn user(text: &str) -> Message {
    Message::User { text: text.into() }
}

fn result(text: &str) -> Message {
    Message::Tool {
        call: "001001000".into(),
        name: "a".into(),
        text: text.into(),
    }
}

/// A request of two steps, which the next one begins with but for its tail.
fn before() -> Sent {
    let long = "word ".repeat(200);
    Sent {
        turn: 1,
        prompt: Prompt {
            tools: vec![tool("a", "one"), tool("b", &long), tool("c", "three")],
            messages: vec![
                Message::System { text: long.clone() },
                user("do it"),
                call("{\"x\":1,\"y\":2}"),
                result("done\n\nthe tail"),
            ],
        },
        counted: Counted {
            tokens: 1_000,
            raw: 1_000,
            exact: true,
        },
        reported: Some(1_000),
        served: Served {
            url: "http://h".into(),
            model: "m".into(),
            window: 8_192,
            template: None,
            before: seen(0, Some(4)),
            after: seen(0, Some(7)),
        },
    }
}

fn next(before: &Sent) -> Sent {
    let mut next = before.clone();
    next.prompt.messages[3] = result("done");
    next.prompt.messages.push(call("{}"));
    next.prompt.messages.push(result("again"));
    next.reported = Some(1_050);
    next.served.before = before.served.after;
    next.served.after = seen(0, Some(9));
    next
}

#[test]
fn a_prompt_that_only_grew_lost_nothing() {
    let before = before();
    let next = next(&before);
    let most = predicted(&before, &next);
    assert!((980..1_000).contains(&most), "{most}");
    for cached in [None, Some(most), Some(most - 20), Some(1_049)] {
        assert_eq!(cause(&before, &next, cached, false), None, "{cached:?}");
    }
    assert_eq!(again(&before, &next, 400), 600);
}

#[test]
fn each_cause_is_told_from_the_others_and_says_where() {
    type Change = fn(&mut Sent);
    let rows: [(Change, u32, CacheCause, &str); 22] = [
        (
            |s| s.prompt.tools[1] = tool("b", "word two"),
            20,
            CacheCause::ToolBytes,
            "definition 2, `b`, from byte 44 on",
        ),
        (
            |s| s.prompt.tools.swap(1, 2),
            20,
            CacheCause::ToolOrder,
            "definition 2: `c` where `b` stood",
        ),
        (
            |s| drop(s.prompt.tools.remove(1)),
            20,
            CacheCause::ToolsChanged,
            "definition 2: `b` went",
        ),
        (
            |s| drop(s.prompt.tools.pop()),
            20,
            CacheCause::ToolsChanged,
            "definition 3: `c` went",
        ),
        (
            |s| s.prompt.tools.push(tool("d", "")),
            20,
            CacheCause::ToolsChanged,
            "definition 4: `d` came",
        ),
        (
            |s| s.prompt.tools.insert(0, tool("d", "")),
            0,
            CacheCause::ToolsChanged,
            "definition 1: `d` came",
        ),
        (
            |s| {
                s.prompt.messages[0] = Message::System {
                    text: "word wide".into(),
                }
            },
            400,
            CacheCause::SystemBytes,
            "the system text, from byte 6 on",
        ),
        (
            |s| drop(s.prompt.messages.remove(0)),
            400,
            CacheCause::SystemBytes,
            "the system text came or went",
        ),
        (
            |s| s.prompt.messages[1] = user("do that"),
            800,
            CacheCause::HistoryEdited,
            "message 2, the person's words, from byte 3 on",
        ),
        (
            |s| s.prompt.messages.truncate(2),
            800,
            CacheCause::HistoryEdited,
            "message 3 went",
        ),
        (
            |s| s.prompt.messages[2] = call("{\"x\":1, \"y\":2}"),
            800,
            CacheCause::ArgumentsReserialized,
            "message 3, the arguments of `a`, from byte 7 on",
        ),
        (
            |s| s.prompt.messages[2] = call("{\"x\":1,\"y\":3}"),
            800,
            CacheCause::HistoryEdited,
            "message 3, a reply, from byte 12 on",
        ),
        (
            |s| s.served.model = "n".into(),
            0,
            CacheCause::ModelChanged,
            "`n` in place of `m`",
        ),
        (
            |s| s.served.window = 4_096,
            0,
            CacheCause::WindowChanged,
            "4096 tokens in place of 8192",
        ),
        (
            |s| s.served.template = Some("{\"t\":1}".into()),
            0,
            CacheCause::TemplateArguments,
            "{\"t\":1} in place of none",
        ),
        (
            |s| s.served.before = seen(0, Some(8)),
            30,
            CacheCause::SlotTaken,
            "slot 0: task 8 came after ours, 7",
        ),
        (
            |s| s.served.before = seen(1, None),
            30,
            CacheCause::SlotTaken,
            "slot 1 in place of slot 0",
        ),
        (
            |s| {
                s.served.before = Some(SlotSeen {
                    id: 0,
                    task: Some(8),
                    asked: 2,
                });
            },
            30,
            CacheCause::OwnRequest,
            "slot 0: 2 of our own came between",
        ),
        (
            |s| s.served.before = seen(0, None),
            0,
            CacheCause::ServerRestarted,
            "slot 0: its last task was 7, now none",
        ),
        (
            |s| s.served.before = seen(0, Some(2)),
            0,
            CacheCause::ServerRestarted,
            "slot 0: its last task was 7, now 2",
        ),
        (
            |s| s.served.url = "http://i".into(),
            0,
            CacheCause::ServerRestarted,
            "`http://i` in place of `http://h`",
        ),
        (
            |_| {},
            100,
            CacheCause::ServerForgot,
            "the same bytes, 100 tokens of them in the cache",
        ),
    ];
    let before = before();
    for (change, cached, wanted, place) in rows {
        let mut next = next(&before);
        change(&mut next);
        let found = cause(&before, &next, Some(cached), false);
        assert_eq!(found, Some((wanted, place.to_owned())));
        // A server that kept it all the same is believed.
        assert_eq!(
            cause(&before, &next, Some(1_000), false),
            None,
            "{wanted:?}"
        );
    }
}

#[test]
fn a_compaction_between_is_the_cause_of_what_differs() {
    let before = before();
    let mut next = next(&before);
    assert_eq!(cause(&before, &next, Some(995), true), None);
    next.prompt.messages[1] = user("[what was done]");
    let (found, _) = cause(&before, &next, None, true).expect("lost");
    assert_eq!(found, CacheCause::Compaction);
}

#[test]
fn a_template_that_strips_reasoning_loses_the_replies_of_the_last_turn() {
    let before = before();
    let mut next = next(&before);
    next.turn = 2;
    let (same, all) = prefix::bytes_up_to(&before.prompt, 2);
    let kept = share(1_000, same, all);
    let mut sent = before;
    // A long turn, so that its replies are more than what may be missing anyway.
    sent.prompt.messages[3] = result(&"word ".repeat(200));
    next.prompt.messages[3] = sent.prompt.messages[3].clone();
    let (same_long, all_long) = prefix::bytes_up_to(&sent.prompt, 2);
    assert!(same_long == same && all_long > all && kept > 0);
    let kept = share(1_000, same_long, all_long);
    let found = cause(&sent, &next, Some(kept), false).expect("lost");
    assert_eq!(
        found,
        (
            CacheCause::ReasoningStripped,
            "message 3, the first reply of turn 1".into()
        )
    );
    for (turn, cached) in [(1, kept), (2, 10)] {
        next.turn = turn;
        let (found, _) = cause(&sent, &next, Some(cached), false).expect("lost");
        assert_eq!(found, CacheCause::ServerForgot, "{turn} {cached}");
    }
}

mod append_only {
    //! Between borders a request begins with the bytes of the one before, whatever the session: only the tail note goes.

    use proptest::collection::vec;
    use proptest::prelude::*;
    use toolpool_connectors::model::{Stop, Usage};

    use super::*;
    use crate::journal::entry::{CallId, EndHow, Entry, Line};
    use crate::session::Session;

    /// A step: the calls' arguments with what they were answered, the words beside them, and the note at the request's tail.
    type Step = (Vec<(u32, String)>, String, String);

    #[derive(Default)]
    struct Talk {
        session: Session,
        seq: u64,
        sent: Vec<Prompt>,
    }

    impl Talk {
        fn put(&mut self, entry: Entry) {
            self.seq += 1;
            self.session.apply(&Line {
                seq: self.seq,
                at_ms: 0,
                entry,
            });
        }

        fn send(&mut self, tail: &str) {
            let stored = self.session.messages().into_iter();
            let mut messages: Vec<Message> = stored.map(|stored| stored.message).collect();
            if let Some(Message::User { text } | Message::Tool { text, .. }) = messages.last_mut() {
                text.push_str(tail);
            }
            self.sent.push(Prompt {
                messages,
                tools: Vec::new(),
            });
        }

        fn turn(&mut self, turn: u32, words: &str, steps: &[Step]) {
            let text = words.to_owned();
            self.put(Entry::User { turn, text });
            for (at, (calls, text, tail)) in steps.iter().enumerate() {
                let step = at as u32 + 1;
                self.send(tail);
                let id = |index: usize| CallId {
                    turn,
                    step,
                    index: index as u32,
                };
                let call = |(index, (x, _)): (usize, &(u32, String))| ToolCall {
                    id: id(index).to_string(),
                    name: "t".into(),
                    arguments: Arguments::new(&format!("{{ \"x\" :{x}}}")).expect("an object"),
                };
                self.put(Entry::Reply {
                    turn,
                    step,
                    text: text.clone(),
                    reasoning: Some("hm".into()),
                    calls: calls.iter().enumerate().map(call).collect(),
                    faults: Default::default(),
                    stop: Stop::Done,
                    counted: before().counted,
                    usage: Usage::default(),
                    truncated: false,
                });
                for (index, (_, answer)) in calls.iter().enumerate() {
                    self.put(Entry::Own {
                        call: id(index),
                        name: "t".into(),
                        text: answer.clone(),
                        failed: index == 1,
                    });
                }
            }
            self.put(Entry::End {
                turn,
                how: EndHow::Answered,
                note: None,
            });
        }
    }

    proptest! {
        #[test]
        fn requests_only_grow(
            turns in vec(
                (
                    "[a-z]{1,9}",
                    // A turn goes on for as long as there are calls, and ends with words.
                    vec((vec((any::<u32>(), "[a-z\n]{0,9}"), 1..3), "[a-z]{0,5}", "[!?]{0,4}"), 0..4),
                    ("[a-z]{1,5}", "[!?]{0,4}"),
                ),
                1..5,
            )
        ) {
            let mut talk = Talk::default();
            for (at, (words, steps, (answer, tail))) in turns.into_iter().enumerate() {
                let end = (Vec::new(), answer, tail);
                let steps: Vec<Step> = steps.into_iter().chain([end]).collect();
                talk.turn(at as u32 + 1, &words, &steps);
            }
            for pair in talk.sent.windows(2) {
                prop_assert_eq!(difference(&pair[0], &pair[1]), None);
            }
        }
    }
}
