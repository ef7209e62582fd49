//! What is said to a model and what it says: our own types, so that each server's dialect stays at the edge.
//!
//! Bytes are kept. The arguments of a call are the text that the model generated, because a server's prompt cache
//! compares tokens and a text written again by us has others; [`Arguments`] can only be made from a JSON object, since a
//! single call with broken arguments in the history makes some servers answer 500 to every request after it.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "kebab-case")]
pub enum Message {
    /// What the model is told of its task. Only ever the first: many templates refuse or move a later one.
    System {
        /// The text.
        text: String,
    },
    /// The person.
    User {
        /// The text.
        text: String,
    },
    /// The model.
    Assistant {
        /// What it said, without its reasoning.
        text: String,
        /// What it thought first, where the server keeps that apart.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reasoning: Option<String>,
        /// What it wants called. Each is answered by one [`Message::Tool`] behind this message, in this order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        calls: Vec<ToolCall>,
    },
    /// The answer to one call.
    Tool {
        /// The [`ToolCall::id`] that it answers.
        call: String,
        /// The tool's exposed name.
        name: String,
        /// The result as the model reads it.
        text: String,
    },
}

/// One call that the model wants made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Ours, not the model's, which may be missing or used twice: nine letters and digits, as Mistral's template demands.
    pub id: String,
    /// The name as the model wrote it.
    pub name: String,
    /// The arguments.
    pub arguments: Arguments,
}

/// The text of a JSON object, byte for byte as it was generated.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Arguments(Arc<str>);

impl Arguments {
    /// Takes the text if it is a JSON object; an empty text is `{}`.
    ///
    /// # Errors
    /// Where the text stops being a JSON object, in words.
    pub fn new(text: &str) -> Result<Arguments, String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Arguments::none());
        }
        match serde_json::from_str::<Map<String, Value>>(text) {
            Ok(_) => Ok(Arguments(text.into())),
            Err(error) => Err(error.to_string()),
        }
    }

    /// `{}`.
    #[must_use]
    pub fn none() -> Arguments {
        Arguments("{}".into())
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The object.
    #[must_use]
    pub fn object(&self) -> Map<String, Value> {
        serde_json::from_str(&self.0).expect("only the text of an object is ever taken")
    }
}

impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Arguments::new(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

/// Everything a model reads: the conversation and the definitions of its tools.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prompt {
    /// The conversation, a system message first.
    pub messages: Vec<Message>,
    /// Definitions as functions of the chat API, each the canonical JSON text that the registry rendered.
    pub tools: Vec<Arc<str>>,
}

/// A whole reply, as it was put together from a stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// What was said.
    pub text: String,
    /// What was thought first.
    pub reasoning: Option<String>,
    /// What is to be called, in order. Ids are not given here: the turn does that.
    pub calls: Vec<ReplyCall>,
    /// Why it ended.
    pub stop: Stop,
    /// What the server says it cost.
    pub usage: Usage,
}

/// A call as it came out of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyCall {
    /// The name as the model wrote it.
    pub name: String,
    /// The arguments; `{}` where there is a fault.
    pub arguments: Arguments,
    /// What was repaired in the arguments' text, in words.
    pub repair: Option<String>,
    /// Why the arguments could not be used: one sentence for the model. The call is then answered with it and not made.
    pub fault: Option<String>,
    /// Whether it was found in the text, in a notation the server did not take for a call.
    pub leaked: bool,
}

/// Why a reply ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// The model was done.
    #[default]
    Done,
    /// It waits for the results of its calls.
    Calls,
    /// The room for the reply was used up, or the window.
    Length,
    /// The stream ended without saying why: what came is kept, and told as cut off.
    Cut,
}

/// What a request cost, as far as the server says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Tokens of the whole prompt, cached ones among them. Fewer than were counted is a silent truncation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<u32>,
    /// Tokens of the prompt that the server had in its cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u32>,
    /// Tokens of the reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_tokens: Option<u32>,
    /// Milliseconds spent on reading the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_ms: Option<u64>,
    /// Milliseconds spent on writing the reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_ms: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_keep_their_bytes_and_are_always_an_object() {
        let text = "{ \"b\":1,  \"a\" : [2] }";
        let arguments = Arguments::new(text).expect("an object");
        assert_eq!(arguments.text(), text);
        assert_eq!(arguments.object().len(), 2);
        assert_eq!(
            Arguments::new(" ").expect("nothing is no arguments").text(),
            "{}"
        );
        for bad in ["[1]", "{\"a\":", "null", "3", "{} {}"] {
            assert!(Arguments::new(bad).is_err(), "{bad}");
        }
        let back: Arguments =
            serde_json::from_str(&serde_json::to_string(&arguments).expect("text")).expect("text");
        assert_eq!(back, arguments);
    }
}
