//! Events in, exact text out, without colours.

use super::*;
use crate::event::{BudgetPart, Cost, Step, VERSION};
use serde_json::json;

const PLAIN: Look = Look {
    width: 80,
    color: false,
    unicode: true,
};

fn screen(look: Look) -> Screen {
    Screen::new(look, Standing::new(8192, "ask".into(), None))
}

/// Everything on the screen, one output a line: `>` talk, `~` the changing line, the answer as it is.
fn shown(look: Look, events: Vec<(u64, What)>) -> String {
    let mut screen = screen(look);
    let mut text = String::new();
    for (at_ms, what) in events {
        let event = Event {
            v: VERSION,
            session: "s".into(),
            turn: 1,
            seq: 1,
            passing: 0,
            at_ms,
            what,
        };
        for output in screen.event(&event) {
            match output {
                Output::Piece(piece) => text.push_str(&piece),
                Output::Line(line) => text.push_str(&format!("> {line}\n")),
                Output::Changing(line) => text.push_str(&format!("~ {line}\n")),
            }
        }
    }
    text
}

fn text(text: &str) -> What {
    What::Text { text: text.into() }
}

fn thinking(text: &str) -> What {
    What::Thinking { text: text.into() }
}

fn reply(text: &str, stop: &str) -> What {
    What::Reply {
        step: 1,
        text: text.into(),
        reasoning: None,
        stop: stop.into(),
        usage: Cost::default(),
    }
}

fn proposed(call: &str, name: &str, arguments: &str) -> What {
    What::CallProposed {
        step: 1,
        call: call.into(),
        name: name.into(),
        arguments: arguments.into(),
    }
}

fn running(call: &str, name: &str, arguments: serde_json::Value) -> What {
    What::CallRunning {
        call: call.into(),
        name: name.into(),
        arguments,
        effect: "read-only".into(),
    }
}

fn finished(call: &str, state: &str, text: &str, elapsed_ms: u64) -> What {
    What::CallFinished {
        call: call.into(),
        state: state.into(),
        text: text.into(),
        elapsed_ms,
    }
}

fn end(how: &str, note: Option<&str>) -> What {
    What::TurnEnd {
        how: how.into(),
        note: note.map(str::to_owned),
    }
}

#[test]
fn a_prompt_is_read_thoughts_fold_and_the_answer_streams() {
    let events = vec![
        (0, What::Queued {}),
        (
            100,
            What::Prefill {
                percent: 40,
                total: 3000,
                cached: 1203,
            },
        ),
        (
            150,
            What::Heartbeat {
                on: "model".into(),
                for_ms: 1500,
            },
        ),
        (200, thinking("I sh")),
        (900, thinking("ould look. ")),
        (1400, text("\n\nThe notes")),
        (
            1500,
            What::Heartbeat {
                on: "model".into(),
                for_ms: 100,
            },
        ),
        (1500, text(" hold \x1b[31mthree\n\n")),
        (1600, text("tasks.\n\n")),
        (
            1700,
            reply("\n\nThe notes hold three\n\ntasks.\n\n", "done"),
        ),
        (1800, end("answered", None)),
    ];
    let wanted = "\
~ waiting for the model server…
~ reading the prompt, 40 % (1,203 of 3,000 cached)…
~ reading the prompt, 40 % (1,203 of 3,000 cached)… 1.5 s
~ thinking, 2 words…
~ thinking, 3 words…
> thought for 1.2 s, 3 words
The notes hold three

tasks.
";
    assert_eq!(shown(PLAIN, events), wanted);
}

#[test]
fn calls_end_with_one_line_each() {
    let events = vec![
        (0, text("Let me look.")),
        (
            10,
            What::CallBegun {
                name: "workspace__read".into(),
            },
        ),
        (20, reply("Let me look.", "calls")),
        (
            30,
            proposed("a", "workspace__read_file", "{\"path\": \"a.md\"}"),
        ),
        (30, proposed("b", "shop__refund", "{\"id\":3}")),
        (30, proposed("c", "shop__pay", "{}")),
        (30, proposed("d", "mail__send", "{}")),
        (
            40,
            running("a", "workspace__read_file", json!({"path": "a.md"})),
        ),
        (
            1040,
            What::Heartbeat {
                on: "tool".into(),
                for_ms: 1000,
            },
        ),
        (
            1100,
            What::CallProgress {
                call: "a".into(),
                progress: 3.0,
                total: Some(10.0),
                message: Some("lines".into()),
            },
        ),
        (1200, finished("a", "completed", "text", 1160)),
        (
            1300,
            What::CallApproved {
                call: "b".into(),
                name: "shop__refund".into(),
                reason: "rule `shop__*`".into(),
                source: "rule".into(),
            },
        ),
        (1300, running("b", "shop__refund", json!({"id": 3}))),
        (1310, running("c", "shop__pay", json!({}))),
        (1400, finished("b", "failed", "\nno such order\nmore", 100)),
        (1500, finished("c", "in-doubt", "", 60_000)),
        (
            1600,
            What::CallDenied {
                call: "d".into(),
                name: "mail__send".into(),
                reason: "mode `plan` only reads".into(),
                source: "mode".into(),
            },
        ),
        (1600, finished("d", "not-started", "denied", 0)),
    ];
    let wanted = "\
Let me look.
~ ● workspace__read_file {\"path\":\"a.md\"} … 0.0 s
~ ● workspace__read_file {\"path\":\"a.md\"} … 1.0 s
~ ● workspace__read_file {\"path\":\"a.md\"} … 1.0 s (3 of 10: lines)
> ● workspace__read_file {\"path\":\"a.md\"}  1.1 s
~ ● shop__refund {\"id\":3} … 0.0 s
~ 2 calls running: shop__refund, shop__pay … 0.0 s
> ✗ shop__refund {\"id\":3}  0.1 s  failed: no such order
~ ● shop__pay … 0.0 s
> ? shop__pay  60 s  in doubt: it may or may not have been done
> ⊘ mail__send  denied: mode `plan` only reads
";
    assert_eq!(shown(PLAIN, events), wanted);
}

#[test]
fn without_unicode_and_on_a_narrow_terminal() {
    let look = Look {
        width: 40,
        unicode: false,
        ..PLAIN
    };
    let long = json!({"query": "a very long query for this"});
    let events = vec![
        (0, What::Loading {}),
        (10, running("a", "search__find", long)),
        (20, finished("a", "completed", "", 200)),
        (30, running("b", "x", json!({}))),
        (40, finished("b", "failed", "", 0)),
    ];
    let wanted = "\
~ the server is loading the model...
~ * search__find {\"query\":\"a... ... 0.0 s
> * search__find {\"query\":\"a...  0.2 s
~ * x ... 0.0 s
> x x  failed
";
    assert_eq!(shown(look, events), wanted);
}

#[test]
fn what_a_person_should_know() {
    let rows = [
        (
            What::Retrying {
                attempt: 2,
                why: "connection\nrefused".into(),
            },
            "> asking the model again (try 2): connection refused\n",
        ),
        (
            What::Warning {
                category: "context".into(),
                text: "80 % of the window\x1b[2J is in use".into(),
            },
            "> warning: 80 % of the window is in use\n",
        ),
        (
            What::Stalled {
                on: "model".into(),
                silent_ms: 31_000,
            },
            "> warning: nothing from the model for 31 s; Ctrl-C stops it\n",
        ),
        (
            What::Budget {
                step: 1,
                window: 8192,
                total: 8000,
                parts: vec![BudgetPart {
                    name: "history".into(),
                    tokens: 8000,
                }],
                exact: true,
                removed: 2,
            },
            "> 2 older messages were left out so that the request fits\n",
        ),
        (
            What::Steps {
                items: vec![
                    Step {
                        text: "read".into(),
                        state: "done".into(),
                    },
                    Step {
                        text: "write".into(),
                        state: "doing".into(),
                    },
                ],
            },
            "> 1 of 2 steps done · now: write\n",
        ),
        (
            reply("cut", "length"),
            "cut\n> warning: the reply was cut off: its room was used up\n",
        ),
        (
            What::CallSettled {
                call: "001001000".into(),
                state: "completed".into(),
                by: "person".into(),
            },
            "> call 001001000 is settled: it was done (person)\n",
        ),
        (end("answered", None), ""),
        (end("cancelled", None), "> stopped\n"),
        (
            end("refused", Some("tools take 900 tokens")),
            "> error: the request was not sent, since it does not fit: tools take 900 tokens\n",
        ),
        (
            end("failed", Some("the server is gone")),
            "> error: the turn failed: the server is gone\n",
        ),
        (
            end("loop", None),
            "> warning: ended, since the same call gave the same result again and again\n",
        ),
        (What::User { text: "x".into() }, ""),
    ];
    for (what, wanted) in rows {
        assert_eq!(shown(PLAIN, vec![(0, what.clone())]), wanted, "{what:?}");
    }
}

#[test]
fn a_line_of_talk_does_not_run_into_the_answer() {
    let warning = What::Warning {
        category: "model".into(),
        text: "slow".into(),
    };
    let events = vec![(0, text("one ")), (1, warning), (2, text("two"))];
    assert_eq!(shown(PLAIN, events), "one\n> warning: slow\ntwo");
}

#[test]
fn a_stall_is_told_once_until_something_comes() {
    let stalled = |silent_ms| What::Stalled {
        on: "model".into(),
        silent_ms,
    };
    let events = vec![
        (0, stalled(30_000)),
        (1, stalled(60_000)),
        (2, What::Loading {}),
        (3, stalled(30_000)),
    ];
    assert_eq!(shown(PLAIN, events).matches("nothing from").count(), 2);
}

#[test]
fn the_status_line_follows_the_events() {
    let mut screen = screen(PLAIN);
    assert_eq!(screen.status(), "window 8,192 · mode ask");
    let pool = What::PoolChanged {
        step: 1,
        border: "first".into(),
        tools: vec!["a".into(), "b".into()],
        tokens: 210,
        allowance: 1200,
        snapshot: 1,
    };
    let cost = |prompt, cached| What::Reply {
        step: 1,
        text: String::new(),
        reasoning: Some("because".into()),
        stop: "done".into(),
        usage: Cost {
            counted: 3000,
            prompt,
            cached,
            reply: Some(60),
        },
    };
    let mode = What::Setting {
        name: "mode".into(),
        value: "plan".into(),
    };
    for (what, wanted) in [
        (pool, "window 8,192 · 2 tools (210 tokens) · mode ask"),
        (
            cost(None, None),
            "about 3,060 of 8,192 tokens · 2 tools (210 tokens) · mode ask",
        ),
        (
            cost(Some(3010), Some(2600)),
            "3,070 of 8,192 tokens · 2 tools (210 tokens) · mode ask · 86 % from the cache",
        ),
        (
            mode,
            "3,070 of 8,192 tokens · 2 tools (210 tokens) · mode plan · 86 % from the cache",
        ),
    ] {
        screen.event(&Event {
            v: VERSION,
            session: "s".into(),
            turn: 1,
            seq: 1,
            passing: 0,
            at_ms: 0,
            what,
        });
        assert_eq!(screen.status(), wanted);
    }
    assert_eq!(screen.last_thoughts(), "because");
}

#[test]
fn times_are_short() {
    for (ms, wanted) in [
        (0, "0.0 s"),
        (240, "0.2 s"),
        (9_990, "9.9 s"),
        (12_345, "12 s"),
        (200_000, "3 min 20 s"),
    ] {
        assert_eq!(seconds(ms), wanted);
    }
}
