//! A scripted answer as a model would generate it: in pieces, each so many tokens, stopped where the room ends.

use super::conversation::tokens;
use super::script::Answer;

/// Characters of arguments in one piece: small enough that no piece is JSON by itself.
const ARGUMENTS_PIECE: usize = 7;

/// One piece of a reply.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    /// Of its reasoning.
    Reasoning(String),
    /// Of its text.
    Text(String),
    /// A call begins.
    Call {
        /// Its place.
        index: usize,
        /// Its name.
        name: String,
        /// The first character of its arguments, which comes along.
        begin: String,
    },
    /// Of a call's arguments.
    Arguments {
        /// The call's place.
        index: usize,
        /// The piece.
        text: String,
    },
}

/// A reply in pieces.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reply {
    /// The pieces.
    pub(super) pieces: Vec<Piece>,
    /// Why it ended, in OpenAI's words.
    pub(super) finish: String,
    /// How many tokens it is.
    pub(super) tokens: u32,
}

impl Reply {
    /// The answer as far as `room` tokens go.
    pub(super) fn compose(answer: &Answer, room: u32) -> Reply {
        let mut said = answer.say.clone();
        let mut calls = answer.calls.as_slice();
        if let Some(notation) = answer.faults.leak {
            said.push_str(&notation.write(calls));
            calls = &[];
        }
        let mut wanted: Vec<Piece> = words(answer.reasoning.as_deref().unwrap_or_default())
            .map(Piece::Reasoning)
            .collect();
        wanted.extend(words(&said).map(Piece::Text));
        for (index, call) in calls.iter().enumerate() {
            let mut characters = call.text().chars().collect::<Vec<_>>().into_iter();
            wanted.push(Piece::Call {
                index,
                name: call.name.clone(),
                begin: characters.next().map_or_else(String::new, String::from),
            });
            let pieces = characters.as_slice().chunks(ARGUMENTS_PIECE);
            wanted.extend(pieces.map(|piece| Piece::Arguments {
                index,
                text: piece.iter().collect(),
            }));
        }

        let mut pieces = Vec::new();
        let mut used = 0;
        let mut finish = if calls.is_empty() {
            "stop"
        } else {
            "tool_calls"
        };
        for piece in wanted {
            let cost = tokens(piece.text()).max(1);
            if used + cost > room {
                finish = "length";
                break;
            }
            used += cost;
            pieces.push(piece);
        }
        let finish = answer.faults.finish.as_deref().unwrap_or(finish).to_owned();
        Reply {
            pieces,
            finish,
            // The end is a token as well.
            tokens: (used + 1).min(room),
        }
    }

    /// The text of it.
    pub(super) fn text(&self) -> String {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => Some(text.clone()),
            _ => None,
        };
        self.pieces.iter().filter_map(text).collect()
    }

    /// The reasoning of it, if there is any.
    pub(super) fn reasoning(&self) -> Option<String> {
        let text = |piece: &Piece| match piece {
            Piece::Reasoning(text) => Some(text.clone()),
            _ => None,
        };
        let text: String = self.pieces.iter().filter_map(text).collect();
        (!text.is_empty()).then_some(text)
    }

    /// Names and arguments of its calls, as far as they came.
    pub(super) fn calls(&self) -> Vec<(String, String)> {
        let mut calls: Vec<(String, String)> = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Call { name, begin, .. } => calls.push((name.clone(), begin.clone())),
                Piece::Arguments { index, text } => calls[*index].1.push_str(text),
                Piece::Reasoning(_) | Piece::Text(_) => {}
            }
        }
        calls
    }
}

impl Piece {
    fn text(&self) -> &str {
        match self {
            Piece::Reasoning(text) | Piece::Text(text) | Piece::Arguments { text, .. } => text,
            Piece::Call { name, .. } => name,
        }
    }
}

/// A text in words, each with the blanks behind it; put together they are the text.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split_inclusive(char::is_whitespace).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Piece, Reply};
    use crate::model::script::Answer;

    #[test]
    fn pieces_put_together_are_the_answer() {
        let answer = Answer::say("I look  at it,\nthen.")
            .thinking("why not")
            .and_call("read", json!({ "path": "äöü.txt" }))
            .and_call("bad", json!("{\"no json"));
        let reply = Reply::compose(&answer, 1000);
        assert_eq!(reply.text(), "I look  at it,\nthen.");
        assert_eq!(reply.reasoning().as_deref(), Some("why not"));
        assert_eq!(reply.finish, "tool_calls");
        let calls = reply.calls();
        assert_eq!(
            calls[0],
            ("read".to_owned(), "{\"path\":\"äöü.txt\"}".to_owned())
        );
        assert_eq!(calls[1].1, "{\"no json");
        assert!(matches!(reply.pieces[0], Piece::Reasoning(_)));
    }

    #[test]
    fn room_that_ends_is_a_length() {
        let answer = Answer::say(&"word ".repeat(50));
        let reply = Reply::compose(&answer, 10);
        assert_eq!(reply.finish, "length");
        assert!(reply.tokens <= 10 && !reply.text().is_empty());
        assert_eq!(Reply::compose(&answer, 500).finish, "stop");
        assert_eq!(Reply::compose(&answer, 0).pieces, []);
    }
}
