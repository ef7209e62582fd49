//! `/v1/chat/completions`, which all of them have, each with its own small differences.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::response::Response;
use serde_json::{Map, Value, json};

use super::faults::{Frame, parse_failure};
use super::reply::Piece;
use super::setup::Dialect;
use super::wire::{event, json as answer, stream, text, whole};
use super::world::{Ask, Outcome, Turn, World};
use super::{llamacpp, ollama};

/// Answers a chat request.
pub(super) async fn chat(world: &Arc<World>, body: &Value) -> Response {
    let dialect = world.setup.dialect;
    let asked = ["max_tokens", "max_completion_tokens", "n_predict"]
        .iter()
        .find_map(|name| body[name].as_u64());
    let reply_max = asked.and_then(|max| u32::try_from(max).ok());
    let window = match dialect {
        Dialect::Ollama => ollama::window(world, None),
        _ => world.setup.window,
    };
    if let Some(refusal) = unreadable(dialect, body) {
        return refusal;
    }
    let outcome = world
        .ask(Ask {
            body,
            window,
            reply_max,
            prompt_max: match dialect {
                // The reply has to fit as well.
                Dialect::Vllm | Dialect::OpenAi => window.saturating_sub(reply_max.unwrap_or(1)),
                Dialect::LlamaCpp | Dialect::LmStudio => window.saturating_sub(1),
                Dialect::Ollama => window,
            },
            truncate: world.setup.truncates || dialect == Dialect::Ollama,
        })
        .await;
    match outcome {
        Outcome::Loading => answer(
            503,
            &error(dialect, 503, "unavailable_error", "Loading model"),
        ),
        Outcome::Failed { status, message } => {
            answer(status, &error(dialect, status, "server_error", &message))
        }
        Outcome::Overflow { prompt } => answer(400, &overflow(world, prompt, reply_max)),
        Outcome::Passed { status, body } => text(status, body),
        Outcome::Turn(turn) if body["stream"] == true => streamed(world, body, *turn),
        Outcome::Turn(turn) => at_once(world, *turn),
    }
}

/// What no server reads.
fn unreadable(dialect: Dialect, body: &Value) -> Option<Response> {
    let message = match &body["messages"] {
        Value::Array(_) => return None,
        Value::Null => "'messages' is required",
        _ => "Expected 'messages' to be an array",
    };
    Some(answer(
        400,
        &error(dialect, 400, "invalid_request_error", message),
    ))
}

/// An error in the server's shape.
pub(super) fn error(dialect: Dialect, status: u16, kind: &str, message: &str) -> Value {
    match dialect {
        Dialect::LlamaCpp => {
            json!({ "error": { "code": status, "message": message, "type": kind } })
        }
        Dialect::LmStudio => json!({ "error": message }),
        Dialect::Vllm => {
            json!({ "error": { "message": message, "type": kind, "param": null, "code": status } })
        }
        Dialect::OpenAi | Dialect::Ollama => {
            json!({ "error": { "message": message, "type": kind, "param": null, "code": null } })
        }
    }
}

fn overflow(world: &World, prompt: u32, reply_max: Option<u32>) -> Value {
    let window = world.setup.window;
    let reply = reply_max.unwrap_or(1);
    match world.setup.dialect {
        Dialect::LlamaCpp => llamacpp::overflow(prompt, window),
        Dialect::Vllm => {
            let message = format!(
                "This model's maximum context length is {window} tokens. However, you requested {reply} output tokens and your \
                 prompt contains at least {prompt} input tokens, for a total of at least {} tokens. Please reduce the length of \
                 the input prompt or the number of requested output tokens.",
                prompt + reply
            );
            json!({ "error": { "message": message, "type": "BadRequestError", "param": "input_tokens", "code": 400 } })
        }
        Dialect::LmStudio => json!({ "error": format!(
            "Trying to keep the first {prompt} tokens when context the overflows. However, the model is loaded with context length \
             of only {window} tokens, which is not enough. Try to load the model with a larger context length, or provide a shorter input"
        ) }),
        Dialect::OpenAi | Dialect::Ollama => {
            let message = format!(
                "This model's maximum context length is {window} tokens. However, your messages resulted in {prompt} tokens. Please \
                 reduce the length of the messages."
            );
            json!({ "error": { "message": message, "type": "invalid_request_error", "param": "messages",
                "code": "context_length_exceeded" } })
        }
    }
}

/// Tokens as OpenAI's API reports them.
fn usage(dialect: Dialect, turn: &Turn) -> Value {
    let (prompt, reply) = (turn.prompt, turn.reply.tokens);
    let mut usage = json!({
        "completion_tokens": reply,
        "prompt_tokens": prompt,
        "total_tokens": prompt + reply,
    });
    match dialect {
        Dialect::LlamaCpp | Dialect::OpenAi => {
            usage["prompt_tokens_details"] = json!({ "cached_tokens": turn.cached });
        }
        // Without `--enable-prompt-tokens-details` it is there and says nothing.
        Dialect::Vllm => usage["prompt_tokens_details"] = Value::Null,
        Dialect::LmStudio | Dialect::Ollama => {}
    }
    usage
}

/// What every chunk and every whole answer has.
fn head(world: &World, turn: &Turn, object: &str) -> Map<String, Value> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let fields = json!({
        "created": now.map_or(0, |since| since.as_secs()),
        "id": format!("chatcmpl-{:032}", turn.number),
        "model": world.setup.model,
        "system_fingerprint": llamacpp::BUILD,
        "object": object,
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn reasoning_field(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Ollama | Dialect::LmStudio => "reasoning",
        Dialect::LlamaCpp | Dialect::Vllm | Dialect::OpenAi => "reasoning_content",
    }
}

fn call_id(turn: &Turn, index: usize) -> String {
    format!("call{:020}{index:08}", turn.number)
}

fn streamed(world: &World, body: &Value, turn: Turn) -> Response {
    let dialect = world.setup.dialect;
    let head = head(world, &turn, "chat.completion.chunk");
    let chunk = |choices: Value| {
        let mut chunk = Map::new();
        chunk.insert("choices".to_owned(), choices);
        chunk.extend(head.clone());
        Value::Object(chunk)
    };
    let delta = |delta: Value, finish: Value| {
        chunk(json!([{ "finish_reason": finish, "index": 0, "delta": delta }]))
    };
    let mut frames = Vec::new();
    let opening = json!({ "role": "assistant", "content": if dialect == Dialect::LlamaCpp { Value::Null } else { "".into() } });
    if dialect == Dialect::LlamaCpp && body["return_progress"] == true {
        for progress in llamacpp::progress(&turn) {
            let mut frame = delta(opening.clone(), Value::Null);
            frame["prompt_progress"] = progress;
            frames.push(Frame::Around(event(&frame)));
        }
    }
    frames.push(Frame::Around(event(&delta(opening, Value::Null))));

    let calls = turn.reply.calls();
    for piece in &turn.reply.pieces {
        let change = match piece {
            Piece::Reasoning(text) => json!({ reasoning_field(dialect): text }),
            Piece::Text(text) => json!({ "content": text }),
            Piece::Call { index, name, begin } => {
                // Ollama sends the whole call at once.
                let whole = dialect == Dialect::Ollama;
                let arguments = if whole { &calls[*index].1 } else { begin };
                let function = json!({ "name": name, "arguments": arguments });
                let id = call_id(&turn, *index);
                json!({ "tool_calls": [{ "index": index, "id": id, "type": "function", "function": function }] })
            }
            Piece::Arguments { .. } if dialect == Dialect::Ollama => continue,
            Piece::Arguments { index, text } => {
                json!({ "tool_calls": [{ "index": index, "function": { "arguments": text } }] })
            }
        };
        frames.push(Frame::Piece(event(&delta(change, Value::Null))));
    }
    if turn.faults.parse_failure {
        frames.push(Frame::Around(event(&parse_failure(&turn.reply.text()))));
    } else if !turn.faults.unfinished {
        let mut ends = vec![delta(json!({}), json!(turn.reply.finish))];
        if body["stream_options"]["include_usage"] == true && !turn.faults.no_usage {
            let mut last = chunk(json!([]));
            last["usage"] = usage(dialect, &turn);
            ends.push(last);
        }
        if dialect == Dialect::LlamaCpp
            && !turn.faults.no_usage
            && let Some(last) = ends.last_mut()
        {
            last["timings"] = llamacpp::timings(&turn);
        }
        frames.extend(ends.iter().map(|end| Frame::Around(event(end))));
        frames.push(Frame::Around("data: [DONE]\n\n".to_owned()));
    }
    stream("text/event-stream", frames, &turn.faults, turn.slot)
}

fn at_once(world: &World, turn: Turn) -> Response {
    let dialect = world.setup.dialect;
    if turn.faults.parse_failure {
        return answer(500, &parse_failure(&turn.reply.text()));
    }
    let mut message = json!({ "role": "assistant", "content": turn.reply.text() });
    if let Some(reasoning) = turn.reply.reasoning() {
        message[reasoning_field(dialect)] = json!(reasoning);
    }
    let calls = turn.reply.calls().into_iter().enumerate();
    let calls: Vec<Value> = calls
        .map(|(index, (name, arguments))| {
            let function = json!({ "name": name, "arguments": arguments });
            json!({ "type": "function", "function": function, "id": call_id(&turn, index) })
        })
        .collect();
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    let choice = json!({ "finish_reason": turn.reply.finish, "index": 0, "message": message });
    let mut body = Map::new();
    body.insert("choices".to_owned(), json!([choice]));
    body.extend(head(world, &turn, "chat.completion"));
    if !turn.faults.no_usage {
        body.insert("usage".to_owned(), usage(dialect, &turn));
        if dialect == Dialect::LlamaCpp {
            body.insert("timings".to_owned(), llamacpp::timings(&turn));
        }
    }
    whole(&Value::Object(body), &turn.faults, turn.slot)
}
