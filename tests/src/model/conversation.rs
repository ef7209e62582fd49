//! What a model is asked, read out of any dialect's request into one shape, and how many tokens that is.
//!
//! The scripted model has one tokenizer and one template, both simple. What matters is that everything it says about tokens
//! (counts, usage, windows, what is cached, what is dropped) is said by the same rule, so that they agree as a real server's do.

use serde_json::{Map, Value, json};
use toolpool_registry::TokenCounter;

/// A request's conversation and tools.
#[derive(Clone, Debug, Default)]
pub struct Conversation {
    /// The messages.
    pub messages: Vec<Said>,
    /// The definitions of the tools, as they were sent.
    pub tools: Vec<Value>,
}

/// One message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: String,
    /// Its text, parts put together.
    pub text: String,
    /// The calls of an assistant's message: names and arguments.
    pub calls: Vec<(String, Value)>,
    /// The tool that a tool's message answers for.
    pub of: Option<String>,
    /// The tool behind it, where that was reached through `call_tool`.
    pub behind: Option<String>,
}

impl Said {
    /// Whether it is a result of this tool, called by itself or through `call_tool`.
    pub fn is_result_of(&self, tool: &str) -> bool {
        self.role == "tool"
            && (self.of.as_deref() == Some(tool) || self.behind.as_deref() == Some(tool))
    }
}

impl Conversation {
    /// Reads `messages` and `tools` of a chat request, OpenAI's or Ollama's.
    pub fn read(body: &Value) -> Conversation {
        let list = |name: &str| body[name].as_array().cloned().unwrap_or_default();
        let mut messages: Vec<Said> = Vec::new();
        // Calls not answered yet: id, name, and what `call_tool` was to reach.
        let mut open: Vec<(String, String, Option<String>)> = Vec::new();
        for message in list("messages") {
            let role = message["role"].as_str().unwrap_or_default().to_owned();
            let mut said = Said {
                text: text(&message["content"]),
                calls: calls(&message),
                role,
                ..Said::default()
            };
            for (place, (name, arguments)) in said.calls.iter().enumerate() {
                let id = message["tool_calls"][place]["id"]
                    .as_str()
                    .unwrap_or_default();
                let behind = arguments["name"].as_str().filter(|_| name == "call_tool");
                open.push((id.to_owned(), name.clone(), behind.map(str::to_owned)));
            }
            if said.role == "tool" {
                let id = message["tool_call_id"].as_str();
                let named = message["tool_name"].as_str().or(message["name"].as_str());
                let found = open.iter().position(|(open_id, name, _)| match id {
                    Some(id) => id == open_id,
                    None => named.is_none_or(|named| named == name),
                });
                let call = found.map(|place| open.remove(place));
                said.of = named
                    .map(str::to_owned)
                    .or(call.as_ref().map(|call| call.1.clone()));
                said.behind = call.and_then(|call| call.2);
            }
            messages.push(said);
        }
        Conversation {
            messages,
            tools: list("tools"),
        }
    }

    /// The names of the tools that were sent.
    pub fn tool_names(&self) -> Vec<&str> {
        let names = self.tools.iter().map(|tool| &tool["function"]["name"]);
        names.filter_map(Value::as_str).collect()
    }

    /// The last message.
    pub fn last(&self) -> Option<&Said> {
        self.messages.last()
    }

    /// The person's last words.
    pub fn user(&self) -> Option<&Said> {
        self.messages.iter().rfind(|said| said.role == "user")
    }

    /// What came after the person's last words.
    pub fn since_user(&self) -> &[Said] {
        let at = self.messages.iter().rposition(|said| said.role == "user");
        &self.messages[at.map_or(0, |at| at + 1)..]
    }

    /// As the model reads it: a template of the ChatML kind, tools in front.
    pub fn render(&self) -> String {
        let mut text = String::new();
        if !self.tools.is_empty() {
            text.push_str("<|im_start|>tools\n");
            for tool in &self.tools {
                text.push_str(&tool.to_string());
                text.push('\n');
            }
            text.push_str("<|im_end|>\n");
        }
        for said in &self.messages {
            text.push_str("<|im_start|>");
            text.push_str(&said.role);
            text.push('\n');
            text.push_str(&said.text);
            for (name, arguments) in &said.calls {
                let call = json!({ "name": name, "arguments": arguments });
                text.push_str(&format!("\n<tool_call>\n{call}\n</tool_call>"));
            }
            text.push_str("<|im_end|>\n");
        }
        text.push_str("<|im_start|>assistant\n");
        text
    }

    /// How many tokens that is.
    pub fn tokens(&self) -> u32 {
        tokens(&self.render())
    }

    /// Drops the oldest messages, never a system message nor the last, until at most `limit` tokens remain or nothing more
    /// can go: what servers do that truncate without a word.
    pub fn drop_oldest(&mut self, limit: u32) {
        while self.tokens() > limit {
            let before_last = self.messages.len().saturating_sub(1);
            let oldest = self.messages[..before_last]
                .iter()
                .position(|said| said.role != "system");
            let Some(oldest) = oldest else { return };
            self.messages.remove(oldest);
        }
    }
}

/// Tokens of a text, by the tokenizer all scripted models share.
pub(super) fn tokens(text: &str) -> u32 {
    TokenCounter::bundled().count(text)
}

/// Tokens of the front that both texts share, never all of `now`: a server reads at least one.
pub(super) fn cached(before: &str, now: &str) -> u32 {
    let same = before
        .bytes()
        .zip(now.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    let mut end = same;
    while !now.is_char_boundary(end) {
        end -= 1;
    }
    tokens(&now[..end]).min(tokens(now).saturating_sub(1))
}

/// Content is a text, a list of parts, or nothing.
fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => String::new(),
    }
}

/// Arguments are an object in Ollama's dialect and a text in OpenAI's.
fn calls(message: &Value) -> Vec<(String, Value)> {
    let calls = message["tool_calls"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let read = |call: Value| {
        let name = call["function"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let arguments = match &call["function"]["arguments"] {
            Value::String(text) => {
                serde_json::from_str(text).unwrap_or(Value::String(text.clone()))
            }
            Value::Null => Value::Object(Map::new()),
            other => other.clone(),
        };
        (name, arguments)
    };
    calls.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Conversation, cached, tokens};

    #[test]
    fn results_find_their_tool_in_both_dialects() {
        let openai = json!({ "messages": [
            { "role": "user", "content": [{ "type": "text", "text": "do " }, { "type": "text", "text": "it" }] },
            { "role": "assistant", "content": null, "tool_calls": [
                { "id": "a", "type": "function", "function": { "name": "read", "arguments": "{\"p\":1}" } },
                { "id": "b", "type": "function", "function": { "name": "call_tool", "arguments": "{\"name\":\"far\",\"arguments\":{}}" } }] },
            { "role": "tool", "tool_call_id": "b", "content": "second" },
            { "role": "tool", "tool_call_id": "a", "content": "first" },
        ] });
        let read = Conversation::read(&openai);
        assert_eq!(read.user().unwrap().text, "do it");
        assert_eq!(read.since_user().len(), 3);
        assert!(read.messages[2].is_result_of("call_tool") && read.messages[2].is_result_of("far"));
        assert!(read.messages[3].is_result_of("read"));
        assert_eq!(read.messages[1].calls[0].1, json!({ "p": 1 }));

        let ollama = json!({ "messages": [
            { "role": "assistant", "content": "", "tool_calls": [{ "function": { "name": "read", "arguments": { "p": 1 } } }] },
            { "role": "tool", "tool_name": "read", "content": "first" },
        ] });
        let read = Conversation::read(&ollama);
        assert!(read.messages[1].is_result_of("read") && !read.messages[1].is_result_of("far"));
    }

    #[test]
    fn the_oldest_go_first_and_system_and_last_stay() {
        let messages: Vec<_> = std::iter::once(json!({ "role": "system", "content": "rules" }))
            .chain((0..20).map(|n| json!({ "role": "user", "content": format!("message {n} {}", "word ".repeat(20)) })))
            .collect();
        let mut read = Conversation::read(&json!({ "messages": messages }));
        let all = read.tokens();
        read.drop_oldest(all / 2);
        assert!(read.tokens() <= all / 2 && read.messages.len() > 2);
        assert_eq!(read.messages[0].role, "system");
        assert!(read.last().unwrap().text.starts_with("message 19"));
        read.drop_oldest(1);
        assert_eq!(read.messages.len(), 2, "nothing more can go");
    }

    #[test]
    fn what_is_cached_is_a_prefix_and_never_everything() {
        assert_eq!(cached("", "hello world"), 0);
        assert_eq!(
            cached("hello world", "hello world"),
            tokens("hello world") - 1
        );
        assert!(cached("one two three four", "one two three five six") >= 3);
        assert_eq!(cached("ä", "ö"), 0, "they share a byte and no character");
    }
}
