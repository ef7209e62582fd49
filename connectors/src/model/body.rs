//! The bytes of a request. The same prompt gives the same bytes: no clock, no chance, no map whose order changes.
//!
//! Definitions of tools and arguments of past calls go in as the text they are, since a server's cache compares what it was
//! sent before. Reasoning of earlier replies is not sent back: templates drop it or count it, and models were trained
//! without.

use serde::Serialize;
use serde_json::value::RawValue;

use super::{About, Message, ModelError, Prompt};

/// OpenAI's chat request.
#[derive(Serialize)]
pub(super) struct Chat<'a> {
    pub(super) model: &'a str,
    pub(super) messages: Vec<OpenAi<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tools: Vec<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) chat_template_kwargs: Option<&'a RawValue>,
    #[serde(flatten)]
    pub(super) sampling: Option<Sampling>,
}

/// What a request for a reply has beyond one that only counts.
#[derive(Serialize, Default)]
pub(super) struct Sampling {
    pub(super) stream: bool,
    pub(super) stream_options: StreamOptions,
    pub(super) max_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<f64>,
    /// llama.cpp only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_prompt: Option<bool>,
    /// llama.cpp only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id_slot: Option<u32>,
    /// llama.cpp only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) return_progress: Option<bool>,
}

#[derive(Serialize)]
pub(super) struct StreamOptions {
    include_usage: bool,
}

impl Default for StreamOptions {
    fn default() -> StreamOptions {
        StreamOptions {
            include_usage: true,
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "role", rename_all = "lowercase")]
pub(super) enum OpenAi<'a> {
    System {
        content: &'a str,
    },
    User {
        content: &'a str,
    },
    Assistant {
        content: &'a str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<OpenAiCall<'a>>,
    },
    Tool {
        tool_call_id: &'a str,
        name: &'a str,
        content: &'a str,
    },
}

#[derive(Serialize)]
pub(super) struct OpenAiCall<'a> {
    id: &'a str,
    r#type: &'static str,
    function: OpenAiFunction<'a>,
}

#[derive(Serialize)]
struct OpenAiFunction<'a> {
    name: &'a str,
    arguments: &'a str,
}

/// The prompt as OpenAI's chat API has it.
pub(super) fn openai<'a>(about: &'a About, prompt: &'a Prompt) -> Result<Chat<'a>, ModelError> {
    Ok(Chat {
        model: &about.model,
        chat_template_kwargs: about.template.as_deref().map(raw).transpose()?,
        messages: prompt.messages.iter().map(openai_message).collect(),
        tools: tools(prompt)?,
        sampling: None,
    })
}

fn openai_message(message: &Message) -> OpenAi<'_> {
    match message {
        Message::System { text } => OpenAi::System { content: text },
        Message::User { text } => OpenAi::User { content: text },
        Message::Assistant { text, calls, .. } => OpenAi::Assistant {
            content: text,
            tool_calls: calls
                .iter()
                .map(|call| OpenAiCall {
                    id: &call.id,
                    r#type: "function",
                    function: OpenAiFunction {
                        name: &call.name,
                        arguments: call.arguments.text(),
                    },
                })
                .collect(),
        },
        Message::Tool { call, name, text } => OpenAi::Tool {
            tool_call_id: call,
            name,
            content: text,
        },
    }
}

/// Ollama's own chat request.
#[derive(Serialize)]
pub(super) struct OllamaChat<'a> {
    pub(super) model: &'a str,
    pub(super) messages: Vec<Ollama<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tools: Vec<&'a RawValue>,
    pub(super) stream: bool,
    /// Otherwise the oldest messages are dropped without a word.
    pub(super) truncate: bool,
    /// Otherwise half the window is dropped in the middle of a reply.
    pub(super) shift: bool,
    pub(super) keep_alive: String,
    pub(super) options: OllamaOptions,
}

/// Equal in every request of a session but for the bound on the reply, or the model is loaded again.
#[derive(Serialize, Default)]
pub(super) struct OllamaOptions {
    pub(super) num_ctx: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) num_predict: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) temperature: Option<f64>,
}

#[derive(Serialize)]
#[serde(tag = "role", rename_all = "lowercase")]
pub(super) enum Ollama<'a> {
    System {
        content: &'a str,
    },
    User {
        content: &'a str,
    },
    Assistant {
        content: &'a str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<OllamaCall<'a>>,
    },
    Tool {
        tool_name: &'a str,
        tool_call_id: &'a str,
        content: &'a str,
    },
}

#[derive(Serialize)]
pub(super) struct OllamaCall<'a> {
    id: &'a str,
    function: OllamaFunction<'a>,
}

/// The arguments are an object here and no text; theirs is the text of one, so it goes in as it is.
#[derive(Serialize)]
struct OllamaFunction<'a> {
    name: &'a str,
    arguments: &'a RawValue,
}

/// The messages as Ollama's own API has them.
pub(super) fn ollama(prompt: &Prompt) -> Result<Vec<Ollama<'_>>, ModelError> {
    prompt.messages.iter().map(ollama_message).collect()
}

fn ollama_message(message: &Message) -> Result<Ollama<'_>, ModelError> {
    Ok(match message {
        Message::System { text } => Ollama::System { content: text },
        Message::User { text } => Ollama::User { content: text },
        Message::Assistant { text, calls, .. } => Ollama::Assistant {
            content: text,
            tool_calls: calls
                .iter()
                .map(|call| {
                    let arguments = raw(call.arguments.text())?;
                    let function = OllamaFunction {
                        name: &call.name,
                        arguments,
                    };
                    Ok(OllamaCall {
                        id: &call.id,
                        function,
                    })
                })
                .collect::<Result<_, ModelError>>()?,
        },
        Message::Tool { call, name, text } => Ollama::Tool {
            tool_name: name,
            tool_call_id: call,
            content: text,
        },
    })
}

/// The definitions of the prompt's tools, byte for byte.
pub(super) fn tools(prompt: &Prompt) -> Result<Vec<&RawValue>, ModelError> {
    prompt.tools.iter().map(|tool| raw(tool)).collect()
}

fn raw(text: &str) -> Result<&RawValue, ModelError> {
    serde_json::from_str(text).map_err(|error| ModelError::Failed {
        message: format!("a part of the request is not JSON: {error}"),
    })
}

/// The bytes of a request.
pub(super) fn bytes(body: &impl Serialize) -> Result<Vec<u8>, ModelError> {
    serde_json::to_vec(body).map_err(|error| ModelError::Failed {
        message: format!("the request could not be written: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Arguments, Counts, Dialect, ToolCall, Window, WindowSource};

    fn about(template: Option<&str>) -> About {
        About {
            dialect: Dialect::LlamaCpp,
            url: String::new(),
            model: "m".into(),
            window: Window {
                tokens: 1,
                source: WindowSource::Person,
            },
            counts: Counts::Exact,
            template: template.map(Into::into),
        }
    }

    fn prompt() -> Prompt {
        Prompt {
            messages: vec![
                Message::System {
                    text: "Be brief.".into(),
                },
                Message::User { text: "Hi".into() },
                Message::Assistant {
                    text: String::new(),
                    reasoning: Some("hidden".into()),
                    calls: vec![ToolCall {
                        id: "abcdefghi".into(),
                        name: "t".into(),
                        arguments: Arguments::new("{\"b\":1,  \"a\":2.0}").expect("an object"),
                    }],
                },
                Message::Tool {
                    call: "abcdefghi".into(),
                    name: "t".into(),
                    text: "ok".into(),
                },
            ],
            tools: vec![r#"{"type":"function","function":{"name":"t","z":1, "a":1e2}}"#.into()],
        }
    }

    #[test]
    fn texts_go_in_byte_for_byte() {
        let prompt = prompt();
        let about = about(None);
        let mut chat = openai(&about, &prompt).expect("it is valid");
        chat.sampling = Some(Sampling {
            stream: true,
            max_tokens: 5,
            cache_prompt: Some(true),
            ..Sampling::default()
        });
        let text = String::from_utf8(bytes(&chat).expect("it is valid")).expect("text");
        assert_eq!(
            text,
            concat!(
                r#"{"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"},"#,
                r#"{"role":"assistant","content":"","tool_calls":[{"id":"abcdefghi","type":"function","function":{"name":"t","arguments":"{\"b\":1,  \"a\":2.0}"}}]},"#,
                r#"{"role":"tool","tool_call_id":"abcdefghi","name":"t","content":"ok"}],"#,
                r#""tools":[{"type":"function","function":{"name":"t","z":1, "a":1e2}}],"#,
                r#""stream":true,"stream_options":{"include_usage":true},"max_tokens":5,"cache_prompt":true}"#
            )
        );
        let messages = bytes(&ollama(&prompt).expect("it is valid")).expect("it is valid");
        assert!(
            String::from_utf8(messages)
                .expect("text")
                .contains(r#""tool_calls":[{"id":"abcdefghi","function":{"name":"t","arguments":{"b":1,  "a":2.0}}}]"#)
        );
    }

    #[test]
    fn without_tools_there_is_no_key_and_nothing_hidden_is_sent() {
        let prompt = Prompt {
            tools: Vec::new(),
            ..prompt()
        };
        let text = serde_json::to_string(
            &openai(&about(Some("{\"a\":1}")), &prompt).expect("it is valid"),
        )
        .expect("text");
        assert!(text.contains("\"chat_template_kwargs\":{\"a\":1}"));
        assert!(
            !text.contains("\"tools\"") && !text.contains("hidden") && !text.contains("stream")
        );
    }
}
