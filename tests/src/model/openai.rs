//! Servers of OpenAI's API: nothing more, LM Studio, and vLLM. Where each keeps its window is what tells them apart.

use std::sync::Arc;

use axum::response::Response;
use serde_json::{Value, json};

use super::chat::{chat, error};
use super::conversation::{Conversation, tokens};
use super::setup::Dialect;
use super::wire::{json as answer, text};
use super::world::{Recorded, World};

/// Answers what these servers have; `None` is a path this one does not have.
pub(super) async fn route(world: &Arc<World>, asked: &Recorded) -> Option<Response> {
    let dialect = world.setup.dialect;
    let response = match (dialect, asked.method.as_str(), asked.path.as_str()) {
        (_, "POST", "/v1/chat/completions") => chat(world, &asked.body).await,
        (_, "GET", "/v1/models") => answer(200, &models(world)),
        (Dialect::LmStudio, "GET", "/api/v1/models") => answer(200, &studio(world)),
        (Dialect::LmStudio, "GET", "/api/v0/models") => answer(200, &studio_before(world)),
        (Dialect::Vllm, "GET", "/version") => answer(200, &json!({ "version": "0.11.2" })),
        (Dialect::Vllm, "GET", "/health") => text(200, String::new()),
        (Dialect::Vllm, "POST", "/tokenize") => answer(200, &tokenized(world, &asked.body)),
        _ => return None,
    };
    Some(response)
}

/// The answer to a path that is not there.
pub(super) fn unknown(asked: &Recorded, dialect: Dialect) -> Response {
    match dialect {
        // LM Studio answers 200 to what it does not know, which has misled others.
        Dialect::LmStudio => answer(
            200,
            &json!({ "error": format!("Unexpected endpoint or method. ({} {})", asked.method, asked.path) }),
        ),
        Dialect::Vllm => answer(404, &json!({ "detail": "Not Found" })),
        _ => answer(
            404,
            &error(dialect, 404, "invalid_request_error", "Unknown request URL"),
        ),
    }
}

fn models(world: &World) -> Value {
    let name = &world.setup.model;
    let owner = match world.setup.dialect {
        Dialect::LmStudio => "organization_owner",
        Dialect::Vllm => "vllm",
        _ => "owner",
    };
    let mut model =
        json!({ "id": name, "object": "model", "created": 1_700_000_000, "owned_by": owner });
    if world.setup.dialect == Dialect::Vllm {
        model["root"] = json!(name);
        model["parent"] = Value::Null;
        model["max_model_len"] = json!(world.setup.window);
        model["permission"] = json!([]);
    }
    json!({ "object": "list", "data": [model] })
}

fn studio(world: &World) -> Value {
    let (name, window, trained) = (&world.setup.model, world.setup.window, world.setup.trained);
    let config = json!({
        "context_length": window, "eval_batch_size": 512, "flash_attention": true, "num_experts": 0,
        "offload_kv_cache_to_gpu": true,
    });
    let model = |key: &str, loaded: Value| {
        json!({
            "type": "llm", "publisher": "somebody", "key": key, "display_name": key, "architecture": "qwen3",
            "quantization": { "name": "Q4_K_M", "bits_per_weight": 4 }, "size_bytes": 2_490_843_136_u64, "params_string": "4B",
            "loaded_instances": loaded, "max_context_length": trained, "format": "gguf",
            "capabilities": { "vision": false, "trained_for_tool_use": true }, "description": null,
        })
    };
    let loaded = model(name, json!([{ "id": name, "config": config }]));
    // Another one, on the disk only, which must not be taken for the one in use.
    json!({ "models": [model("somebody/asleep", json!([])), loaded] })
}

/// The same as LM Studio said it before.
fn studio_before(world: &World) -> Value {
    let (name, window, trained) = (&world.setup.model, world.setup.window, world.setup.trained);
    json!({ "object": "list", "data": [{
        "id": name, "object": "model", "type": "llm", "publisher": "somebody", "arch": "qwen3", "compatibility_type": "gguf",
        "quantization": "Q4_K_M", "state": "loaded", "max_context_length": trained, "loaded_context_length": window,
        "capabilities": ["tool_use"],
    }] })
}

fn tokenized(world: &World, body: &Value) -> Value {
    let count = match body["prompt"].as_str() {
        Some(prompt) => tokens(prompt),
        None => Conversation::read(body).tokens(),
    };
    json!({
        "count": count, "max_model_len": world.setup.window, "tokens": (0..count).collect::<Vec<_>>(), "token_strs": null,
    })
}
