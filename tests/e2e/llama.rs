//! The scripted model's llama.cpp dialect against the real llama-server: the same requests get the same fields of the same
//! types. What differs here was wrong in the scripted one, and is mended there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use toolpool_tests::llama::{FORCED_CALLS, LlamaServer};
use toolpool_tests::model::{Answer, Dialect, ScriptedModel, Setup};

/// Small enough that a prompt of a few pages does not fit.
const WINDOW: u32 = 2048;

/// JSON reduced to what a reader of it relies on: names and types. A list is the set of what is in it.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "bool".into(),
        Value::Number(_) => "number".into(),
        Value::String(_) => "text".into(),
        Value::Array(items) => {
            let shapes: BTreeMap<String, Value> = items
                .iter()
                .map(|item| (shape(item).to_string(), shape(item)))
                .collect();
            Value::Array(shapes.into_values().collect())
        }
        Value::Object(members) => {
            let sorted: BTreeMap<&String, &Value> = members.iter().collect();
            sorted
                .into_iter()
                .map(|(name, member)| (name.clone(), shape(member)))
                .collect()
        }
    }
}

/// Status and body of an answer, the body's shape only.
async fn get(url: &str, path: &str) -> (u16, Value) {
    let answer = reqwest::get(format!("{url}{path}")).await;
    read(answer.expect("the server answers")).await
}

async fn post(url: &str, path: &str, body: &Value) -> (u16, Value) {
    let request = reqwest::Client::new().post(format!("{url}{path}"));
    let answer = request.json(body).send().await;
    read(answer.expect("the server answers")).await
}

async fn read(answer: reqwest::Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.expect("the server speaks JSON");
    (status, shape(&body))
}

/// The shapes of a stream's chunks, and whether its last mark was there.
async fn streamed(url: &str, body: &Value) -> (BTreeSet<String>, bool) {
    let request = reqwest::Client::new().post(format!("{url}/v1/chat/completions"));
    let answer = request.json(body).send().await;
    let text = answer.expect("the server answers").text().await;
    let text = text.expect("the stream ends in good order");
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let chunks = data.filter(|data| *data != "[DONE]").map(|data| {
        let chunk: Value = serde_json::from_str(data).expect("a chunk is JSON");
        shape(&chunk).to_string()
    });
    (chunks.collect(), text.trim_end().ends_with("data: [DONE]"))
}

fn tools() -> Value {
    json!([{ "type": "function", "function": {
        "name": "read_file",
        "description": "Reads a file",
        "parameters": { "type": "object", "properties": { "path": { "type": "string", "maxLength": 8 } }, "required": ["path"] },
    } }])
}

/// A short conversation. The reply is the word of one token, again and again: noise may begin with half a character, and then
/// the real server leaves its first chunk out.
fn hello() -> Value {
    with(
        greeting(),
        json!({ "max_tokens": 4, "logit_bias": [[9707, 100]] }),
    )
}

fn greeting() -> Value {
    json!({ "messages": [
        { "role": "system", "content": "Be brief." },
        { "role": "user", "content": "Hello there." },
    ] })
}

fn with(mut body: Value, more: Value) -> Value {
    for (name, value) in more.as_object().expect("more is an object") {
        body[name] = value.clone();
    }
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_says_about_itself_has_the_same_shape() {
    let Some(real) = LlamaServer::start(WINDOW, &[]) else {
        return;
    };
    let scripted = Setup::new(Dialect::LlamaCpp).window(WINDOW);
    let scripted =
        ScriptedModel::start(scripted.by(|_| Answer::say("one two three four five six")));
    for path in [
        "/health",
        "/props",
        "/v1/models",
        "/models",
        "/slots",
        "/no/such/path",
    ] {
        assert_eq!(
            get(&scripted.url, path).await,
            get(&real.url, path).await,
            "{path}"
        );
    }
    let conversation = with(hello(), json!({ "tools": tools() }));
    for (path, body) in [
        ("/tokenize", json!({ "content": "some words" })),
        (
            "/tokenize",
            json!({ "content": "some words", "with_pieces": true, "add_special": true }),
        ),
        ("/tokenize", json!({})),
        ("/apply-template", conversation.clone()),
        ("/v1/chat/completions/input_tokens", conversation.clone()),
        ("/v1/chat/completions", conversation),
        ("/v1/chat/completions", json!({})),
        ("/v1/chat/completions", json!({ "messages": 1 })),
        // A reply that is cut off by its limit, without tools.
        ("/v1/chat/completions", hello()),
    ] {
        let (ours, theirs) = (
            post(&scripted.url, path, &body).await,
            post(&real.url, path, &body).await,
        );
        assert_eq!(ours, theirs, "{path} {body}");
    }
    // Once it has worked a slot has more to say.
    assert_eq!(
        get(&scripted.url, "/slots").await,
        get(&real.url, "/slots").await
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_have_the_same_chunks() {
    let Some(real) = LlamaServer::start(WINDOW, &[]) else {
        return;
    };
    let scripted = Setup::new(Dialect::LlamaCpp).window(WINDOW);
    let scripted =
        ScriptedModel::start(scripted.by(|_| Answer::say("one two three four five six")));
    for more in [
        json!({ "stream": true }),
        json!({ "stream": true, "stream_options": { "include_usage": true } }),
        json!({ "stream": true, "return_progress": true, "stream_options": { "include_usage": true } }),
        json!({ "stream": true, "return_progress": true, "tools": tools() }),
    ] {
        let body = with(hello(), more);
        assert_eq!(
            streamed(&scripted.url, &body).await,
            streamed(&real.url, &body).await,
            "{body}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_have_the_same_chunks() {
    let Some(real) = LlamaServer::start(WINDOW, &FORCED_CALLS) else {
        return;
    };
    let scripted = Setup::new(Dialect::LlamaCpp).window(WINDOW);
    let scripted =
        ScriptedModel::start(scripted.by(|_| {
            Answer::say("So be it.").and_call("read_file", json!({ "path": "notes.txt" }))
        }));
    let more = json!({ "tools": tools(), "tool_choice": "required", "max_tokens": 200, "seed": 7 });
    let body = with(greeting(), more);
    let (ours, theirs) = (
        post(&scripted.url, "/v1/chat/completions", &body).await,
        post(&real.url, "/v1/chat/completions", &body).await,
    );
    assert_eq!(ours, theirs);
    let body = with(body, json!({ "stream": true }));
    assert_eq!(
        streamed(&scripted.url, &body).await,
        streamed(&real.url, &body).await
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_long_is_refused_in_the_same_shape() {
    let Some(real) = LlamaServer::start(WINDOW, &[]) else {
        return;
    };
    let scripted = Setup::new(Dialect::LlamaCpp).window(WINDOW);
    let scripted = ScriptedModel::start(scripted.by(|_| Answer::say("ok")));
    let long = json!({ "messages": [{ "role": "user", "content": "word ".repeat(3000) }] });
    for stream in [false, true] {
        let body = with(
            long.clone(),
            json!({ "stream": stream, "return_progress": stream }),
        );
        let ours = post(&scripted.url, "/v1/chat/completions", &body).await;
        assert_eq!(ours.0, 400);
        assert_eq!(
            ours,
            post(&real.url, "/v1/chat/completions", &body).await,
            "{stream}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_front_of_the_real_server_the_numbers_are_its_own() {
    let Some(real) = LlamaServer::start(WINDOW, &[]) else {
        return;
    };
    let front = Setup::new(Dialect::LlamaCpp).front(&real.url);
    let url = ScriptedModel::start(front.by(|_| Answer::say("one two three four five six")));
    let url = &url.url;
    let numbers = |path: &'static str, at: &'static str, body: Value| async move {
        let request = reqwest::Client::new().post(format!("{url}{path}"));
        let answer = request.json(&body).send().await.expect("it answers");
        let answer: Value = answer.json().await.expect("it speaks JSON");
        (
            answer
                .pointer(at)
                .and_then(Value::as_u64)
                .unwrap_or_else(|| panic!("{answer}")),
            answer,
        )
    };
    let body = with(hello(), json!({ "tools": tools(), "max_tokens": 100 }));
    let (count, _) = numbers(
        "/v1/chat/completions/input_tokens",
        "/input_tokens",
        body.clone(),
    )
    .await;
    let (prompt, said) =
        numbers("/v1/chat/completions", "/usage/prompt_tokens", body.clone()).await;
    assert_eq!(count, prompt);
    assert_eq!(
        said["choices"][0]["message"]["content"],
        "one two three four five six"
    );
    let (cached, _) = numbers("/v1/chat/completions", "/timings/cache_n", body.clone()).await;
    assert!(cached > count / 2 && cached < count, "{cached} of {count}");
    assert_eq!(get(url, "/props").await, get(&real.url, "/props").await);
    assert_eq!(
        streamed(
            url,
            &with(
                body.clone(),
                json!({ "stream": true, "return_progress": true })
            )
        )
        .await,
        streamed(
            &real.url,
            &with(
                body,
                json!({ "stream": true, "return_progress": true, "max_tokens": 4, "tools": null })
            )
        )
        .await,
    );
    let long = json!({ "messages": [{ "role": "user", "content": "word ".repeat(3000) }] });
    let (window, _) = numbers("/v1/chat/completions", "/error/n_ctx", long).await;
    assert_eq!(window, u64::from(WINDOW));
}
