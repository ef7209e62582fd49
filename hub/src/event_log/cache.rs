//! What a server's prompt cache can be expected to hold, and what took it away.
//!
//! A prompt cache is a prefix cache: the first byte that differs is where reading begins anew. Nearly all templates put the
//! tools in front, the system text behind them or before, then the messages, so a changed definition costs everything.

use std::fmt;

use serde::{Deserialize, Serialize};
use toolpool_connectors::model::{Counted, Message, Prompt, Usage};

use super::CacheDetail;

/// What made a prompt differ from the one before it, where it should only have grown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "kebab-case")]
pub enum Broke {
    /// A definition changed, came, went or moved.
    Tools {
        /// The first that differs, from 0.
        at: usize,
    },
    /// The system text.
    System,
    /// A message that had been read already.
    History {
        /// The first that differs, from 0.
        at: usize,
    },
}

impl fmt::Display for Broke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broke::Tools { at } => write!(f, "tools, from definition {at} on"),
            Broke::System => f.write_str("system"),
            Broke::History { at } => write!(f, "history, from message {at} on"),
        }
    }
}

/// What of `previous` is not the beginning of `next`. The tail behind the last message, which is a new one in every
/// request, breaks nothing: there is no prefix behind it.
#[must_use]
pub fn cache_break(previous: &Prompt, next: &Prompt) -> Option<Broke> {
    let tools = common(&previous.tools, &next.tools);
    if tools < previous.tools.len().max(next.tools.len()) {
        return Some(Broke::Tools { at: tools });
    }
    let same = common(&previous.messages, &next.messages);
    let grown = same + 1 == previous.messages.len()
        && next
            .messages
            .get(same)
            .is_some_and(|message| is_without_tail(&previous.messages[same], message));
    if same == previous.messages.len() || grown {
        return None;
    }
    let system = |prompt: &Prompt| matches!(prompt.messages.first(), Some(Message::System { .. }));
    Some(if same == 0 && (system(previous) || system(next)) {
        Broke::System
    } else {
        Broke::History { at: same }
    })
}

/// Tokens of `next`, which was counted as `tokens`, that can be in the cache after `previous`: by the share of its bytes
/// that both begin with, in the order that templates have them.
#[must_use]
pub fn cached_at_most(previous: &Prompt, next: &Prompt, tokens: u32) -> u32 {
    let (before, after) = (bytes(previous), bytes(next));
    if after.is_empty() {
        return 0;
    }
    let same = before
        .iter()
        .zip(&after)
        .take_while(|(a, b)| a == b)
        .count();
    let share = u64::from(tokens) * same as u64 / after.len() as u64;
    u32::try_from(share).unwrap_or(tokens)
}

/// The record of a prompt that was read, against the one before it in the same session.
#[must_use]
pub fn cache_detail(
    step: u32,
    previous: Option<&Prompt>,
    next: &Prompt,
    counted: Counted,
    usage: &Usage,
) -> CacheDetail {
    let prompt = usage.prompt_tokens.unwrap_or(counted.tokens);
    CacheDetail::Read {
        step,
        prompt,
        predicted: previous.map_or(0, |previous| cached_at_most(previous, next, prompt)),
        cached: usage.cached_tokens,
        broke: previous.and_then(|previous| cache_break(previous, next)),
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

fn bytes(prompt: &Prompt) -> Vec<u8> {
    let mut all = Vec::new();
    for tool in &prompt.tools {
        all.extend_from_slice(tool.as_bytes());
        all.push(0);
    }
    for message in &prompt.messages {
        match message {
            Message::System { text } | Message::User { text } => {
                all.extend_from_slice(text.as_bytes());
            }
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
        all.push(0);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(tools: &[&str], messages: &[(&str, &str)]) -> Prompt {
        let message = |(role, text): &(&str, &str)| {
            let text = (*text).to_owned();
            match *role {
                "system" => Message::System { text },
                "user" => Message::User { text },
                "tool" => Message::Tool {
                    call: "000000001".into(),
                    name: "a".into(),
                    text,
                },
                _ => Message::Assistant {
                    text,
                    reasoning: None,
                    calls: Vec::new(),
                },
            }
        };
        Prompt {
            messages: messages.iter().map(message).collect(),
            tools: tools.iter().map(|tool| (*tool).into()).collect(),
        }
    }

    #[test]
    fn what_broke_the_prefix_is_named() {
        let before = prompt(
            &["{a}", "{b}"],
            &[
                ("system", "s"),
                ("user", "u"),
                ("model", "m"),
                ("tool", "r\n\ntail"),
            ],
        );
        let grown = [
            ("system", "s"),
            ("user", "u"),
            ("model", "m"),
            ("tool", "r"),
            ("model", "n"),
        ];
        let rows: [(Prompt, Option<Broke>); 7] = [
            (before.clone(), None),
            (prompt(&["{a}", "{b}"], &grown), None),
            (prompt(&["{a}"], &grown), Some(Broke::Tools { at: 1 })),
            (
                prompt(&["{a}", "{c}"], &grown),
                Some(Broke::Tools { at: 1 }),
            ),
            (
                prompt(&["{a}", "{b}"], &[("system", "t")]),
                Some(Broke::System),
            ),
            (
                prompt(&["{a}", "{b}"], &[("system", "s"), ("user", "v")]),
                Some(Broke::History { at: 1 }),
            ),
            (
                prompt(&["{a}", "{b}"], &grown[..2]),
                Some(Broke::History { at: 2 }),
            ),
        ];
        for (next, wanted) in rows {
            assert_eq!(cache_break(&before, &next), wanted, "{next:?}");
            let most = cached_at_most(&before, &next, 1_000);
            assert!(most <= 1_000);
            match wanted {
                None => assert!(most > 700, "{most}"),
                Some(Broke::Tools { .. }) => assert!(most < 500, "{most}"),
                Some(_) => {}
            }
        }
        assert_eq!(cached_at_most(&before, &before, 1_000), 1_000);
        assert_eq!(cached_at_most(&before, &Prompt::default(), 0), 0);
        assert_eq!(
            cache_break(&Prompt::default(), &before),
            Some(Broke::Tools { at: 0 })
        );
    }
}
