//! Ollama's native API. Its traps are here: a window that is only known once the model is loaded, that changes with the request,
//! and a prompt that is truncated without a word unless the request forbids it.

use std::sync::Arc;

use axum::response::Response;
use serde_json::{Value, json};

use super::chat::chat;
use super::conversation::Conversation;
use super::faults::Frame;
use super::reply::Piece;
use super::wire::{json as answer, stream, text, whole};
use super::world::{Ask, Outcome, Recorded, Turn, World, locked};

const VERSION: &str = "0.13.5";
const DIGEST: &str = "359d7dd4bcdab3d86b87d73ac27966f4dbb9f5efdfcc75d34a8764a09474fae7";
const TIME: &str = "2026-01-01T00:00:00.000000Z";

/// Answers what this server has; `None` is a path it does not have.
pub(super) async fn route(world: &Arc<World>, asked: &Recorded) -> Option<Response> {
    let name = &world.setup.model;
    let response = match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/") => text(200, "Ollama is running".to_owned()),
        ("GET", "/api/version") => answer(200, &json!({ "version": VERSION })),
        ("GET", "/api/tags") => answer(200, &json!({ "models": [entry(world)] })),
        ("GET", "/api/ps") => answer(200, &running(world)),
        ("GET", "/v1/models") => {
            let model = json!({ "id": name, "object": "model", "created": 1_700_000_000, "owned_by": "library" });
            answer(200, &json!({ "object": "list", "data": [model] }))
        }
        ("POST", "/api/show" | "/api/chat" | "/api/generate") if !is_here(world, &asked.body) => {
            let wanted = asked.body["model"].as_str().or(asked.body["name"].as_str());
            let wanted = wanted.unwrap_or_default();
            answer(
                404,
                &json!({ "error": format!("model '{wanted}' not found") }),
            )
        }
        ("POST", "/api/show") => answer(200, &show(world)),
        ("POST", "/api/generate") => {
            load(world, &asked.body);
            answer(
                200,
                &json!({ "model": name, "created_at": TIME, "response": "", "done": true, "done_reason": "load" }),
            )
        }
        ("POST", "/api/chat") => native(world, &asked.body).await,
        ("POST", "/v1/chat/completions") => chat(world, &asked.body).await,
        _ => return None,
    };
    Some(response)
}

/// The answer to a path that is not there.
pub(super) fn unknown() -> Response {
    text(404, "404 page not found".to_owned())
}

/// Loads the model with the window that is asked for, if it is not; another window loads it again and forgets the cache.
pub(super) fn window(world: &World, wanted: Option<u32>) -> u32 {
    let mut loaded = locked(&world.loaded);
    let window = wanted
        .or(*loaded)
        .unwrap_or(world.setup.window)
        .min(world.setup.trained);
    if *loaded != Some(window) {
        world.forget();
    }
    *loaded = Some(window);
    window
}

fn load(world: &World, body: &Value) -> u32 {
    let wanted = body["options"]["num_ctx"].as_u64();
    window(world, wanted.and_then(|wanted| u32::try_from(wanted).ok()))
}

fn is_here(world: &World, body: &Value) -> bool {
    let wanted = body["model"].as_str().or(body["name"].as_str());
    wanted.is_some_and(|wanted| {
        wanted.trim_end_matches(":latest") == world.setup.model.trim_end_matches(":latest")
    })
}

fn details() -> Value {
    json!({
        "parent_model": "", "format": "gguf", "family": "qwen3", "families": ["qwen3"], "parameter_size": "4.0B",
        "quantization_level": "Q4_K_M",
    })
}

fn entry(world: &World) -> Value {
    let name = &world.setup.model;
    json!({
        "name": name, "model": name, "modified_at": TIME, "size": 2_490_843_136_u64, "digest": DIGEST, "details": details(),
    })
}

fn running(world: &World) -> Value {
    let Some(window) = *locked(&world.loaded) else {
        return json!({ "models": [] });
    };
    let name = &world.setup.model;
    json!({ "models": [{
        "name": name, "model": name, "size": 3_490_843_136_u64, "digest": DIGEST, "details": details(), "expires_at": TIME,
        "size_vram": 3_490_843_136_u64, "context_length": window,
    }] })
}

fn show(world: &World) -> Value {
    json!({
        "license": "", "modelfile": format!("FROM {}", world.setup.model), "parameters": "temperature 0.7",
        "template": "{{ .Prompt }}", "details": details(),
        "model_info": {
            "general.architecture": "qwen3", "general.parameter_count": 4_022_468_096_u64,
            "qwen3.context_length": world.setup.trained, "qwen3.embedding_length": 2560,
        },
        "capabilities": ["completion", "tools", "thinking"], "modified_at": TIME,
    })
}

async fn native(world: &Arc<World>, body: &Value) -> Response {
    let name = &world.setup.model;
    let window = load(world, body);
    let nothing = body["messages"].as_array().is_none_or(Vec::is_empty);
    if nothing {
        let message = json!({ "role": "assistant", "content": "" });
        return answer(
            200,
            &json!({ "model": name, "created_at": TIME, "message": message, "done": true, "done_reason": "load" }),
        );
    }
    if body["_debug_render_only"] == true {
        let rendered = Conversation::read(body).render();
        let info = json!({ "rendered_template": rendered });
        return answer(
            200,
            &json!({ "model": name, "created_at": TIME, "_debug_info": info }),
        );
    }
    let reply_max = body["options"]["num_predict"].as_u64();
    let outcome = world
        .ask(Ask {
            body,
            window,
            reply_max: reply_max.and_then(|max| u32::try_from(max).ok()),
            prompt_max: window.saturating_sub(1),
            truncate: body["truncate"] != false,
        })
        .await;
    match outcome {
        Outcome::Loading => answer(503, &json!({ "error": "the model is being loaded" })),
        Outcome::Failed { status, message } => answer(status, &json!({ "error": message })),
        Outcome::Overflow { .. } => answer(
            400,
            &json!({ "error": "the prompt is longer than the context length currently available" }),
        ),
        Outcome::Passed { status, body } => text(status, body),
        Outcome::Turn(turn) => spoken(world, body, *turn),
    }
}

/// Lines of JSON, or one if the request forbids a stream. Calls come whole.
fn spoken(world: &World, body: &Value, turn: Turn) -> Response {
    let name = &world.setup.model;
    let line = |message: Value| json!({ "model": name, "created_at": TIME, "message": message, "done": false });
    let mut last = line(json!({ "role": "assistant", "content": "" }));
    last["done"] = json!(true);
    // It has two words for why it ended, and calls are no reason.
    let finish = match turn.reply.finish.as_str() {
        "tool_calls" => "stop",
        other => other,
    };
    last["done_reason"] = json!(finish);
    last["total_duration"] = json!(5_000_000);
    last["load_duration"] = json!(1_000_000);
    if !turn.faults.no_usage {
        last["prompt_eval_count"] = json!(turn.prompt);
        last["prompt_eval_duration"] = json!(u64::from(turn.prompt - turn.cached) * 500_000);
        last["eval_count"] = json!(turn.reply.tokens);
        last["eval_duration"] = json!(u64::from(turn.reply.tokens) * 10_000_000);
    }
    let calls = turn.reply.calls();
    let call = |index: usize| {
        let (name, arguments) = &calls[index];
        // It parses the arguments itself; what is no JSON never gets out of it as a call.
        let arguments: Value = serde_json::from_str(arguments).ok()?;
        Some(json!({ "function": { "index": index, "name": name, "arguments": arguments } }))
    };
    if body["stream"] == false {
        let mut message = json!({ "role": "assistant", "content": turn.reply.text() });
        if let Some(reasoning) = turn.reply.reasoning() {
            message["thinking"] = json!(reasoning);
        }
        let calls: Vec<Value> = (0..calls.len()).filter_map(call).collect();
        if !calls.is_empty() {
            message["tool_calls"] = json!(calls);
        }
        last["message"] = message;
        return whole(&last, &turn.faults, turn.slot);
    }
    let mut frames = Vec::new();
    for piece in &turn.reply.pieces {
        let message = match piece {
            Piece::Reasoning(text) => {
                json!({ "role": "assistant", "content": "", "thinking": text })
            }
            Piece::Text(text) => json!({ "role": "assistant", "content": text }),
            Piece::Call { index, .. } => match call(*index) {
                Some(call) => json!({ "role": "assistant", "content": "", "tool_calls": [call] }),
                None => {
                    let (name, arguments) = &calls[*index];
                    json!({ "role": "assistant", "content": format!("{{\"name\": \"{name}\", \"parameters\": {arguments}") })
                }
            },
            Piece::Arguments { .. } => continue,
        };
        frames.push(Frame::Piece(format!("{}\n", line(message))));
    }
    if turn.faults.parse_failure {
        frames.push(Frame::Around(
            "{\"error\":\"failed to parse what the model wrote\"}\n".to_owned(),
        ));
    } else if !turn.faults.unfinished {
        frames.push(Frame::Around(format!("{last}\n")));
    }
    stream("application/x-ndjson", frames, &turn.faults, turn.slot)
}
