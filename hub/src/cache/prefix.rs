//! Where two prompts first differ, and what kind of difference it is.
//!
//! Nearly all templates put the tools in front, the system text behind them or before, then the messages, so a changed definition
//! costs everything. The tail behind the last message, which is a new one in every request, breaks nothing: there is no prefix
//! behind it.

use std::sync::Arc;

use serde_json::Value;
use toolpool_connectors::model::{Message, Prompt, ToolCall};

use crate::journal::entry::CacheCause;

/// The first difference of a prompt from the one that it should have begun with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What kind it is of.
    pub cause: CacheCause,
    /// Where it is, in words.
    pub place: String,
}

/// What of `previous` is not the beginning of `next`; none where it all is, but for its tail.
#[must_use]
pub fn difference(previous: &Prompt, next: &Prompt) -> Option<Difference> {
    tools(&previous.tools, &next.tools).or_else(|| messages(&previous.messages, &next.messages))
}

fn tools(previous: &[Arc<str>], next: &[Arc<str>]) -> Option<Difference> {
    let at = common(previous, next);
    let (was, is) = match (previous.get(at), next.get(at)) {
        (None, None) => return None,
        both => both,
    };
    let no = at + 1;
    let names = |tools: &[Arc<str>]| tools.iter().map(|tool| name(tool)).collect::<Vec<_>>();
    let (before, after) = (names(previous), names(next));
    let (mut sorted_before, mut sorted_after) = (before.clone(), after.clone());
    sorted_before.sort_unstable();
    sorted_after.sort_unstable();
    Some(match (was, is) {
        (Some(was), Some(is)) if before[at] == after[at] => Difference {
            cause: CacheCause::ToolBytes,
            place: format!(
                "definition {no}, `{}`, from byte {} on",
                after[at],
                common(was.as_bytes(), is.as_bytes())
            ),
        },
        (Some(_), Some(_)) if sorted_before == sorted_after => Difference {
            cause: CacheCause::ToolOrder,
            place: format!(
                "definition {no}: `{}` where `{}` stood",
                after[at], before[at]
            ),
        },
        (Some(_), is) if is.is_none() || !after.contains(&before[at]) => Difference {
            cause: CacheCause::ToolsChanged,
            place: format!("definition {no}: `{}` went", before[at]),
        },
        _ => Difference {
            cause: CacheCause::ToolsChanged,
            place: format!("definition {no}: `{}` came", after[at]),
        },
    })
}

fn name(definition: &str) -> String {
    let value: Value = serde_json::from_str(definition).unwrap_or_default();
    let name = value["function"]["name"].as_str();
    name.unwrap_or_default().to_owned()
}

fn messages(previous: &[Message], next: &[Message]) -> Option<Difference> {
    let at = common(previous, next);
    let was = previous.get(at)?;
    let no = at + 1;
    let edited = |place: String| Difference {
        cause: CacheCause::HistoryEdited,
        place,
    };
    let Some(is) = next.get(at) else {
        return Some(edited(format!("message {no} went")));
    };
    if at + 1 == previous.len() && is_without_tail(was, is) {
        return None;
    }
    Some(match (was, is) {
        (Message::System { text: was }, Message::System { text: is }) => Difference {
            cause: CacheCause::SystemBytes,
            place: match common(was.as_bytes(), is.as_bytes()) {
                // Also where only the hash of the text before is known.
                0 => "the system text".into(),
                from => format!("the system text, from byte {from} on"),
            },
        },
        (Message::System { .. }, _) | (_, Message::System { .. }) => Difference {
            cause: CacheCause::SystemBytes,
            place: "the system text came or went".into(),
        },
        (
            Message::Assistant {
                text: before,
                calls: were,
                ..
            },
            Message::Assistant {
                text: after,
                calls: are,
                ..
            },
        ) if before == after && same_values(were, are) => {
            let call = common(were, are);
            let (name, from) = were
                .get(call)
                .zip(are.get(call))
                .map_or(("", 0), |(was, is)| {
                    let (was_text, is_text) = (was.arguments.text(), is.arguments.text());
                    (&was.name, common(was_text.as_bytes(), is_text.as_bytes()))
                });
            Difference {
                cause: CacheCause::ArgumentsReserialized,
                place: format!("message {no}, the arguments of `{name}`, from byte {from} on"),
            }
        }
        _ => {
            let (mut before, mut after) = (Vec::new(), Vec::new());
            write(was, &mut before);
            write(is, &mut after);
            edited(format!(
                "message {no}, {}, from byte {} on",
                who(is),
                common(&before, &after)
            ))
        }
    })
}

/// Calls that are the same but for how their arguments are written.
fn same_values(were: &[ToolCall], are: &[ToolCall]) -> bool {
    were != are
        && were.len() == are.len()
        && were.iter().zip(are).all(|(was, is)| {
            was.id == is.id
                && was.name == is.name
                && was.arguments.object() == is.arguments.object()
        })
}

fn who(message: &Message) -> String {
    match message {
        Message::System { .. } => "the system text".into(),
        Message::User { .. } => "the person's words".into(),
        Message::Assistant { .. } => "a reply".into(),
        Message::Tool { name, .. } => format!("a result of `{name}`"),
    }
}

fn common<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Whether `after` is `before` with nothing but its end left off.
fn is_without_tail(before: &Message, after: &Message) -> bool {
    match (before, after) {
        (Message::User { text: before }, Message::User { text: after }) => {
            before.starts_with(after)
        }
        (
            Message::Tool {
                call: a,
                text: before,
                ..
            },
            Message::Tool {
                call: b,
                text: after,
                ..
            },
        ) => a == b && before.starts_with(after),
        _ => false,
    }
}

/// Bytes that both begin with, and all bytes of `previous`.
pub(super) fn common_bytes(previous: &Prompt, next: &Prompt) -> (usize, usize) {
    let (before, after) = (bytes(previous, usize::MAX), bytes(next, usize::MAX));
    (common(&before, &after), before.len())
}

/// Bytes of a prompt up to a message, and all of them.
pub(super) fn bytes_up_to(prompt: &Prompt, messages: usize) -> (usize, usize) {
    (
        bytes(prompt, messages).len(),
        bytes(prompt, usize::MAX).len(),
    )
}

fn bytes(prompt: &Prompt, messages: usize) -> Vec<u8> {
    let mut all = Vec::new();
    for tool in &prompt.tools {
        all.extend_from_slice(tool.as_bytes());
        all.push(0);
    }
    for message in prompt.messages.iter().take(messages) {
        write(message, &mut all);
        all.push(0);
    }
    all
}

fn write(message: &Message, all: &mut Vec<u8>) {
    match message {
        Message::System { text } | Message::User { text } => all.extend_from_slice(text.as_bytes()),
        Message::Tool { name, text, .. } => {
            all.extend_from_slice(name.as_bytes());
            all.extend_from_slice(text.as_bytes());
        }
        Message::Assistant { text, calls, .. } => {
            all.extend_from_slice(text.as_bytes());
            for call in calls {
                all.extend_from_slice(call.name.as_bytes());
                all.extend_from_slice(call.arguments.text().as_bytes());
            }
        }
    }
}
