//! What llama.cpp's server has besides chat: properties, slots, its template and its tokenizer.
//!
//! `tests/e2e/llama.rs` holds every answer here against the real server's, field by field.

use std::sync::Arc;

use axum::response::Response;
use serde_json::{Value, json};

use super::chat::{chat, error};
use super::conversation::{Conversation, tokens};
use super::setup::Dialect;
use super::wire::json as answer;
use super::world::{Recorded, Turn, World};

/// What it says about its build.
pub(super) const BUILD: &str = "b1-scripted";
/// Tokens of the prompt that are read between two reports.
const BATCH: u32 = 512;
const TEMPLATE: &str = "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n";

/// Answers what this server has; `None` is a path it does not have.
pub(super) async fn route(world: &Arc<World>, asked: &Recorded) -> Option<Response> {
    let body = &asked.body;
    let response = match (asked.method.as_str(), asked.path.as_str()) {
        (_, "/v1/chat/completions" | "/chat/completions") => chat(world, body).await,
        (method, path) if world.front.is_some() => {
            let front = world.front.as_ref()?;
            front.pass(method, path, &asked.raw).await
        }
        ("GET", "/health" | "/v1/health") => answer(200, &json!({ "status": "ok" })),
        ("GET", "/props") => answer(200, &props(world)),
        ("GET", "/slots") => answer(200, &slots(world)),
        ("GET", "/v1/models" | "/models") => answer(200, &models(world)),
        ("POST", "/tokenize") => answer(200, &tokenized(body)),
        ("POST", "/apply-template") => {
            let prompt = Conversation::read(body).render();
            answer(200, &json!({ "prompt": prompt }))
        }
        ("POST", "/v1/chat/completions/input_tokens" | "/chat/completions/input_tokens") => {
            let count = Conversation::read(body).tokens();
            answer(
                200,
                &json!({ "input_tokens": count, "object": "response.input_tokens" }),
            )
        }
        _ => return None,
    };
    Some(response)
}

/// The answer to a path it does not have.
pub(super) fn unknown() -> Response {
    answer(
        404,
        &error(Dialect::LlamaCpp, 404, "not_found_error", "File Not Found"),
    )
}

/// Its refusal of a prompt that is too long.
pub(super) fn overflow(prompt: u32, window: u32) -> Value {
    json!({ "error": {
        "code": 400,
        "message": format!("request ({prompt} tokens) exceeds the available context size ({window} tokens), try increasing it"),
        "type": "exceed_context_size_error",
        "n_prompt_tokens": prompt,
        "n_ctx": window,
    } })
}

/// How reading the prompt went on, a report a batch.
pub(super) fn progress(turn: &Turn) -> Vec<Value> {
    if let Some(real) = &turn.real {
        return real.progress.clone();
    }
    let (total, cache) = (turn.prompt, turn.cached);
    let between = (cache..total).step_by(BATCH as usize);
    let report = |processed: u32| json!({ "total": total, "cache": cache, "processed": processed, "time_ms": processed - cache });
    between.chain([total]).map(report).collect()
}

/// What the reply took. The times are made up, and always the same for the same tokens.
pub(super) fn timings(turn: &Turn) -> Value {
    let read = turn.prompt.saturating_sub(turn.cached);
    let made = turn.reply.tokens;
    let (read_ms, made_ms) = (0.5 * f64::from(read), 10.0 * f64::from(made));
    let mut timings = json!({
        "cache_n": turn.cached,
        "prompt_n": read,
        "prompt_ms": read_ms,
        "prompt_per_token_ms": 0.5,
        "prompt_per_second": 2000.0,
    });
    if let Some(real) = &turn.real {
        timings = real.timings.clone();
    }
    timings["predicted_n"] = json!(made);
    timings["predicted_ms"] = json!(made_ms);
    timings["predicted_per_token_ms"] = json!(10.0);
    timings["predicted_per_second"] = json!(100.0);
    timings
}

/// The `id` of a token is its place: this server's tokenizer counts, and nobody asks what a token means.
fn tokenized(body: &Value) -> Value {
    let count = tokens(body["content"].as_str().unwrap_or_default());
    let piece = |id: u32| match body["with_pieces"] == true {
        true => json!({ "id": id, "piece": "?" }),
        false => json!(id),
    };
    json!({ "tokens": (0..count).map(piece).collect::<Vec<_>>() })
}

fn props(world: &World) -> Value {
    let name = &world.setup.model;
    json!({
        "default_generation_settings": { "params": params(false), "n_ctx": world.setup.window },
        "total_slots": 1,
        "model_alias": name,
        "model_ftype": "Q4_K - Medium",
        "model_path": format!("/models/{name}.gguf"),
        "modalities": { "vision": false, "video": false, "audio": false },
        "media_marker": "<__media__>",
        "endpoint_slots": true,
        "endpoint_props": false,
        "endpoint_metrics": false,
        "ui": true,
        "ui_settings": {},
        "chat_template": TEMPLATE,
        "chat_template_caps": {
            "supports_object_arguments": true,
            "supports_parallel_tool_calls": true,
            "supports_preserve_reasoning": false,
            "supports_reasoning_effort": false,
            "supports_string_content": true,
            "supports_system_role": true,
            "supports_tool_calls": true,
            "supports_tools": true,
            "supports_typed_content": false,
        },
        "bos_token": "<|endoftext|>",
        "eos_token": "<|im_end|>",
        "build_info": BUILD,
        "is_sleeping": false,
        "cors_proxy_enabled": false,
    })
}

fn models(world: &World) -> Value {
    let (name, window, trained) = (&world.setup.model, world.setup.window, world.setup.trained);
    json!({
        "models": [{
            "name": name, "model": name, "modified_at": "", "size": "", "digest": "", "type": "model", "description": "",
            "tags": [""], "capabilities": ["completion"], "parameters": "",
            "details": {
                "parent_model": "", "format": "gguf", "family": "", "families": [""], "parameter_size": "",
                "quantization_level": "",
            },
        }],
        "object": "list",
        "data": [{
            "id": name, "aliases": [name], "tags": [], "object": "model", "created": 1_700_000_000, "owned_by": "llamacpp",
            "meta": {
                "vocab_type": 2, "n_vocab": 151_936, "n_ctx": window, "n_ctx_train": trained, "n_embd": 2560,
                "n_params": 4_022_468_096_u64, "size": 2_490_843_136_u64, "ftype": "Q4_K - Medium",
            },
        }],
    })
}

/// One slot, with what it did last once it did something.
fn slots(world: &World) -> Value {
    let busy = world.busy() > 0;
    let mut slot = json!({ "id": 0, "n_ctx": world.setup.window, "speculative": false, "is_processing": busy });
    let (turns, read) = world.worked();
    if turns > 0 {
        slot["id_task"] = json!(turns);
        slot["n_prompt_tokens"] = json!(read);
        slot["n_prompt_tokens_processed"] = json!(read);
        slot["n_prompt_tokens_cache"] = json!(0);
        slot["params"] = params(true);
        slot["next_token"] = json!([{ "has_next_token": busy, "has_new_line": false, "n_remain": -1, "n_decoded": 0 }]);
    }
    json!([slot])
}

/// How it generates, which nobody reads.
fn params(stream: bool) -> Value {
    let mut params = json!({
        "seed": 4_294_967_295_u32, "temperature": 0.8, "dynatemp_range": 0.0, "dynatemp_exponent": 1.0, "top_k": 40,
        "top_p": 0.95, "min_p": 0.05, "top_n_sigma": -1.0, "xtc_probability": 0.0, "xtc_threshold": 0.1, "typical_p": 1.0,
        "repeat_last_n": 64, "repeat_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0, "dry_multiplier": 0.0,
        "dry_base": 1.75, "dry_allowed_length": 2, "dry_penalty_last_n": 64, "mirostat": 0, "mirostat_tau": 5.0,
        "mirostat_eta": 0.1, "adaptive_target": -1.0, "adaptive_decay": 0.9, "max_tokens": -1, "n_predict": -1, "n_keep": 0,
        "n_discard": 0, "ignore_eos": false, "stream": stream, "n_probs": 0, "min_keep": 0, "chat_format": "Content-only",
        "reasoning_format": "none", "reasoning_in_content": false, "generation_prompt": "",
    });
    let more = json!({
        "samplers": ["penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"],
        "speculative.types": "none", "timings_per_token": false, "post_sampling_probs": false, "backend_sampling": false,
        "lora": [],
    });
    if let (Some(params), Value::Object(more)) = (params.as_object_mut(), more) {
        params.extend(more);
    }
    params
}
