//! One piece of a stream as each API writes it, read into one shape.
//!
//! Read leniently: a field that is missing, null or of another type is as if it were not there, since an answer with an odd
//! field is still an answer. Arguments of calls are kept as the text they came as.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Stop, Usage};

/// What a piece of a stream says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    Reasoning(String),
    Text(String),
    Call(CallPiece),
    Prefill {
        total: u32,
        cached: u32,
        processed: u32,
    },
    Finish(Stop),
    Usage(Usage),
    /// The server gave up in the middle; the JSON text of its words.
    Error(String),
}

/// A piece of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CallPiece {
    pub(super) index: Option<u64>,
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    /// A piece of the arguments' text, or the whole of it.
    pub(super) arguments: String,
}

#[derive(Deserialize)]
struct OpenAi<'a> {
    #[serde(default, borrow)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(default)]
    usage: Value,
    #[serde(default)]
    timings: Value,
    #[serde(default)]
    prompt_progress: Value,
    #[serde(default)]
    error: Value,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default, borrow)]
    delta: Option<Said<'a>>,
    /// Where the server did not stream.
    #[serde(default, borrow)]
    message: Option<Said<'a>>,
    #[serde(default)]
    finish_reason: Value,
}

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(default)]
    content: Value,
    #[serde(default)]
    reasoning_content: Value,
    #[serde(default)]
    reasoning: Value,
    #[serde(default)]
    thinking: Value,
    #[serde(default, borrow)]
    tool_calls: Option<Vec<Called<'a>>>,
}

#[derive(Deserialize)]
struct Called<'a> {
    #[serde(default)]
    index: Value,
    #[serde(default)]
    id: Value,
    #[serde(default, borrow)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(default)]
    name: Value,
    #[serde(default)]
    index: Value,
    #[serde(default, borrow)]
    arguments: Option<&'a RawValue>,
}

/// Reads a chunk of OpenAI's API, with what llama.cpp adds.
pub(super) fn openai(text: &str) -> Result<Vec<Piece>, String> {
    let chunk: OpenAi<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut pieces = Vec::new();
    if !chunk.error.is_null() {
        pieces.push(Piece::Error(text.to_owned()));
    }
    let progress = &chunk.prompt_progress;
    if let Some(total) = count(&progress["total"]) {
        pieces.push(Piece::Prefill {
            total,
            cached: count(&progress["cache"]).unwrap_or(0),
            processed: count(&progress["processed"]).unwrap_or(0),
        });
    }
    let mut finish = None;
    // Only the first: more than one answer is never asked for.
    for choice in chunk.choices.into_iter().flatten().take(1) {
        if let Some(said) = choice.delta.or(choice.message) {
            said.pieces(&mut pieces);
        }
        finish = choice.finish_reason.as_str().map(stop);
    }
    let usage = Usage {
        prompt_tokens: count(&chunk.usage["prompt_tokens"]).or_else(|| {
            let timings = &chunk.timings;
            count(&timings["prompt_n"])?.checked_add(count(&timings["cache_n"])?)
        }),
        cached_tokens: count(&chunk.usage["prompt_tokens_details"]["cached_tokens"])
            .or_else(|| count(&chunk.timings["cache_n"])),
        reply_tokens: count(&chunk.usage["completion_tokens"])
            .or_else(|| count(&chunk.timings["predicted_n"])),
        prompt_ms: milliseconds(&chunk.timings["prompt_ms"]),
        reply_ms: milliseconds(&chunk.timings["predicted_ms"]),
    };
    if usage != Usage::default() {
        pieces.push(Piece::Usage(usage));
    }
    pieces.extend(finish.map(Piece::Finish));
    Ok(pieces)
}

#[derive(Deserialize)]
struct Ollama<'a> {
    #[serde(default, borrow)]
    message: Option<Said<'a>>,
    #[serde(default)]
    done: Value,
    #[serde(default)]
    done_reason: Value,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    prompt_eval_count: Value,
    #[serde(default)]
    eval_count: Value,
    #[serde(default)]
    prompt_eval_duration: Value,
    #[serde(default)]
    eval_duration: Value,
}

/// Reads a line of Ollama's own API.
pub(super) fn ollama(text: &str) -> Result<Vec<Piece>, String> {
    let line: Ollama<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut pieces = Vec::new();
    if !line.error.is_null() {
        pieces.push(Piece::Error(text.to_owned()));
    }
    if let Some(said) = line.message {
        said.pieces(&mut pieces);
    }
    if line.done == true {
        let nanoseconds = |value: &Value| value.as_u64().map(|ns| ns / 1_000_000);
        pieces.push(Piece::Usage(Usage {
            prompt_tokens: count(&line.prompt_eval_count),
            cached_tokens: None,
            reply_tokens: count(&line.eval_count),
            prompt_ms: nanoseconds(&line.prompt_eval_duration),
            reply_ms: nanoseconds(&line.eval_duration),
        }));
        pieces.push(Piece::Finish(stop(
            line.done_reason.as_str().unwrap_or("stop"),
        )));
    }
    Ok(pieces)
}

impl Said<'_> {
    fn pieces(self, pieces: &mut Vec<Piece>) {
        // Servers that write two of them write the same twice.
        let reasoning = [&self.reasoning_content, &self.reasoning, &self.thinking]
            .into_iter()
            .find_map(text)
            .map(Piece::Reasoning);
        pieces.extend(reasoning);
        pieces.extend(text(&self.content).map(Piece::Text));
        for call in self.tool_calls.into_iter().flatten() {
            let id = text(&call.id);
            let Some(function) = call.function else {
                continue;
            };
            pieces.push(Piece::Call(CallPiece {
                index: call.index.as_u64().or_else(|| function.index.as_u64()),
                id,
                name: text(&function.name),
                arguments: function.arguments.map(arguments).unwrap_or_default(),
            }));
        }
    }
}

/// A text that is not empty, also one in parts.
fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// A text is a piece of the arguments, an object the whole.
fn arguments(raw: &RawValue) -> String {
    match serde_json::from_str::<String>(raw.get()) {
        Ok(text) => text,
        Err(_) if raw.get() == "null" => String::new(),
        Err(_) => raw.get().to_owned(),
    }
}

fn stop(reason: &str) -> Stop {
    match reason {
        "tool_calls" | "function_call" | "tool_use" => Stop::Calls,
        "length" | "max_tokens" | "contextLengthReached" | "maxPredictedTokensReached" => {
            Stop::Length
        }
        _ => Stop::Done,
    }
}

fn count(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|count| u32::try_from(count).ok())
}

fn milliseconds(value: &Value) -> Option<u64> {
    value
        .as_f64()
        .filter(|ms| *ms >= 0.0)
        .map(|ms| ms.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(index: Option<u64>, id: Option<&str>, name: Option<&str>, arguments: &str) -> Piece {
        Piece::Call(CallPiece {
            index,
            id: id.map(Into::into),
            name: name.map(Into::into),
            arguments: arguments.into(),
        })
    }

    #[test]
    fn chunks_of_openai_shapes() {
        for (chunk, expected) in [
            (
                r#"{"choices":[{"delta":{"role":"assistant","content":null}}]}"#,
                vec![],
            ),
            (
                r#"{"choices":[{"delta":{"content":"Hi"},"finish_reason":null}],"usage":null}"#,
                vec![Piece::Text("Hi".into())],
            ),
            (
                r#"{"choices":[{"delta":{"reasoning_content":"so","reasoning":"so"}}]}"#,
                vec![Piece::Reasoning("so".into())],
            ),
            (
                r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"x","type":"function","function":{"name":"t","arguments":"{\"a\""}}]}}]}"#,
                vec![call(Some(1), Some("x"), Some("t"), "{\"a\"")],
            ),
            (
                r#"{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":{"a":  1}}}]}}]}"#,
                vec![call(None, None, None, r#"{"a":  1}"#)],
            ),
            (
                r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#,
                vec![Piece::Finish(Stop::Calls)],
            ),
            (
                r#"{"choices":[{"message":{"content":"whole"},"finish_reason":"length"}]}"#,
                vec![Piece::Text("whole".into()), Piece::Finish(Stop::Length)],
            ),
            (
                r#"{"choices":[],"prompt_progress":{"total":10,"cache":2,"processed":4,"time_ms":3}}"#,
                vec![Piece::Prefill {
                    total: 10,
                    cached: 2,
                    processed: 4,
                }],
            ),
            (
                r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4}},"timings":{"cache_n":4,"prompt_n":5,"prompt_ms":12.6,"predicted_ms":7.2}}"#,
                vec![Piece::Usage(Usage {
                    prompt_tokens: Some(9),
                    cached_tokens: Some(4),
                    reply_tokens: Some(3),
                    prompt_ms: Some(13),
                    reply_ms: Some(7),
                })],
            ),
        ] {
            assert_eq!(openai(chunk), Ok(expected), "{chunk}");
        }
        assert!(matches!(
            openai(r#"{"error":{"message":"no"}}"#).as_deref(),
            Ok([Piece::Error(_)])
        ));
        assert!(openai("{\"choices\"").is_err());
    }

    #[test]
    fn lines_of_ollama() {
        for (line, expected) in [
            (
                r#"{"message":{"role":"assistant","content":"","thinking":"so"},"done":false}"#,
                vec![Piece::Reasoning("so".into())],
            ),
            (
                r#"{"message":{"content":"","tool_calls":[{"function":{"name":"t","arguments":{"a":1}}}]},"done":false}"#,
                vec![call(None, None, Some("t"), r#"{"a":1}"#)],
            ),
            (
                r#"{"message":{"content":""},"done":true,"done_reason":"length","prompt_eval_count":7,"eval_count":2,"prompt_eval_duration":5000000,"eval_duration":1999999}"#,
                vec![
                    Piece::Usage(Usage {
                        prompt_tokens: Some(7),
                        cached_tokens: None,
                        reply_tokens: Some(2),
                        prompt_ms: Some(5),
                        reply_ms: Some(1),
                    }),
                    Piece::Finish(Stop::Length),
                ],
            ),
        ] {
            assert_eq!(ollama(line), Ok(expected), "{line}");
        }
        assert!(matches!(
            ollama(r#"{"error":"an error was encountered"}"#).as_deref(),
            Ok([Piece::Error(_)])
        ));
    }
}
