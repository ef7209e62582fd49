//! Model endpoints as the hub meets them: windows, counts, overflow, streams and cancelling, on the real llama-server where that
//! has the truth, on the scripted model where a server has to misbehave.
//!
//! What is said here of scripted servers proves the plumbing: that a number is taken from where such a server keeps it.

mod found;
mod streams;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use toolpool_connectors::model::{
    About, Counted, Delta, Dialect as Known, Message, ModelError, Options, Prompt, Reply, Request,
    SharedModel, Window, WindowSource, connect,
};
use toolpool_tests::model::Dialect;

const DIALECTS: [(Dialect, Known); 5] = [
    (Dialect::LlamaCpp, Known::LlamaCpp),
    (Dialect::Ollama, Known::Ollama),
    (Dialect::LmStudio, Known::LmStudio),
    (Dialect::Vllm, Known::Vllm),
    (Dialect::OpenAi, Known::OpenAi),
];

async fn take_up(url: &str) -> SharedModel {
    take_up_with(url, Options::default()).await
}

async fn take_up_with(url: &str, options: Options) -> SharedModel {
    connect(url, None, options)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

fn user(text: &str) -> Prompt {
    Prompt {
        messages: vec![Message::User {
            text: text.to_owned(),
        }],
        tools: Vec::new(),
    }
}

fn tool(name: &str) -> Value {
    json!({ "type": "function", "function": {
        "name": name,
        "description": "Reads a file of the workspace and returns its text",
        "parameters": { "type": "object", "properties": { "path": { "type": "string" }, "lines": { "type": "integer" } },
            "required": ["path"] },
    } })
}

/// With this many tools.
fn with_tools(mut prompt: Prompt, count: usize) -> Prompt {
    prompt.tools = (0..count)
        .map(|place| tool(&format!("read_file_{place}")).to_string().into())
        .collect();
    prompt
}

/// A request that our own arithmetic lets through, whatever the server thinks of it.
fn let_through(model: &SharedModel, prompt: Prompt, reply_max: u32) -> Request {
    let about = About {
        window: Window {
            tokens: u32::MAX,
            source: WindowSource::Person,
        },
        ..model.about().clone()
    };
    let counted = Counted {
        tokens: 1,
        raw: 1,
        exact: false,
    };
    Request::within(&about, prompt, counted, reply_max).expect("the window is as large as can be")
}

/// A reply and what was heard of it on the way.
async fn reply(
    model: &SharedModel,
    prompt: Prompt,
    reply_max: u32,
) -> (Result<Reply, ModelError>, Vec<Delta>) {
    let request = let_through(model, prompt, reply_max);
    let (send, mut receive) = mpsc::channel(8);
    let heard = tokio::spawn(async move {
        let mut deltas = Vec::new();
        while let Some(delta) = receive.recv().await {
            deltas.push(delta);
        }
        deltas
    });
    let reply = model.reply(request, send, CancellationToken::new()).await;
    (reply, heard.await.expect("only a loop"))
}

async fn said(model: &SharedModel, prompt: Prompt) -> Reply {
    let (reply, _) = reply(model, prompt, 64).await;
    reply.unwrap_or_else(|error| panic!("{error}"))
}
