//! The model's side of the task: what is to be done next, worked out from the conversation that it is sent and nothing else.
//!
//! That makes it a judge as well: it acts on what the hub tells it of each call. A call that is said not to have been made is
//! made again, one that is said to have been made is not, and a result that says neither ends the task in words that fail the case.

use serde_json::{Value, json};

use crate::model::{Answer, Conversation};

/// What the person asks for.
pub(super) const WORDS: &str = "tidy up my notes";
/// What the model says at the end.
pub(super) const ANSWER: &str = "The notes are tidy.";
/// The server's name.
pub(super) const SERVER: &str = "notes";
/// The tool that must never run twice by itself.
pub(super) const DESTRUCTIVE: &str = "delete_note";

/// The steps: each is one reply with these calls. There are calls side by side, one of the hub's own, one that may be repeated,
/// destructive ones alone, in a row and beside a harmless one.
pub(super) fn steps() -> [Vec<(String, Value)>; 4] {
    let call = |tool: &str, title: &str| {
        let arguments = match tool {
            "write_note" => json!({ "title": title, "text": "what is left" }),
            _ => json!({ "title": title }),
        };
        (format!("{SERVER}__{tool}"), arguments)
    };
    let items = json!([{ "text": "read the notes", "state": "doing" }, { "text": "tidy", "state": "open" }]);
    [
        vec![
            ("steps".to_owned(), json!({ "items": items })),
            call("read_note", "milk"),
            call("read_note", "rent"),
        ],
        vec![call("write_note", "list")],
        vec![call(DESTRUCTIVE, "milk"), call(DESTRUCTIVE, "rent")],
        vec![call(DESTRUCTIVE, "bills"), call("read_note", "list")],
    ]
}

/// The next reply.
pub(super) fn answer(asked: &Conversation) -> Answer {
    let made = made(asked);
    for step in steps() {
        let mut next = Answer::default();
        for (name, arguments) in step {
            let last = made
                .iter()
                .rfind(|made| made.name == name && made.arguments == arguments);
            match last.map(|made| said(made.text)) {
                Some(Said::Done) => {}
                Some(Said::Strange(text)) => return Answer::say(&format!("`{name}` says: {text}")),
                Some(Said::NotMade) | None => next = next.and_call(&name, arguments),
            }
        }
        if !next.calls.is_empty() {
            return next;
        }
    }
    Answer::say(ANSWER)
}

/// A call of the conversation, with its result.
struct Made<'a> {
    name: String,
    arguments: Value,
    text: &'a str,
}

fn made(asked: &Conversation) -> Vec<Made<'_>> {
    let mut all: Vec<Made<'_>> = Vec::new();
    let mut open = 0;
    for said in asked.since_user() {
        match said.role.as_str() {
            "assistant" => {
                open = all.len();
                all.extend(said.calls.iter().map(|(name, arguments)| Made {
                    name: name.clone(),
                    arguments: arguments.clone(),
                    text: "",
                }));
            }
            "tool" => {
                if let Some(made) = all.get_mut(open) {
                    made.text = &said.text;
                    open += 1;
                }
            }
            _ => {}
        }
    }
    all
}

/// What a result says of its call.
enum Said<'a> {
    Done,
    NotMade,
    Strange(&'a str),
}

fn said(text: &str) -> Said<'_> {
    // Behind the last message stand the hub's own notes, such as the steps of the task.
    let text = text.split("\n\n").next().unwrap_or_default();
    let is_result = text == "done"
        || text.starts_with("the note called ")
        || text.starts_with("0 of 2 steps done")
        || text.contains("the call was carried out");
    if text.contains("the call was not carried out") {
        Said::NotMade
    } else if is_result {
        Said::Done
    } else {
        Said::Strange(text)
    }
}
