//! The scripted model over HTTP: what each dialect says about its window, and every fault as a client meets it.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Answer, Dialect, Fail, Faults, ScriptedModel, Setup};

const ALL: [Dialect; 5] = [
    Dialect::LlamaCpp,
    Dialect::Ollama,
    Dialect::LmStudio,
    Dialect::Vllm,
    Dialect::OpenAi,
];

async fn get(model: &ScriptedModel, path: &str) -> (u16, Value) {
    let answer = reqwest::get(format!("{}{path}", model.url))
        .await
        .expect("it answers");
    (
        answer.status().as_u16(),
        answer.json().await.unwrap_or_default(),
    )
}

async fn send(model: &ScriptedModel, path: &str, body: &Value) -> reqwest::Response {
    let client = reqwest::Client::new();
    let request = client.post(format!("{}{path}", model.url)).json(body);
    request.send().await.expect("it answers")
}

async fn post(model: &ScriptedModel, path: &str, body: &Value) -> (u16, Value) {
    let answer = send(model, path, body).await;
    (
        answer.status().as_u16(),
        answer.json().await.unwrap_or_default(),
    )
}

fn hello(model: &str, more: Value) -> Value {
    let mut body =
        json!({ "model": model, "messages": [{ "role": "user", "content": "hello there" }] });
    for (name, value) in more.as_object().expect("more fields") {
        body[name] = value.clone();
    }
    body
}

/// Every `data:` of a stream, without the last mark.
fn chunks(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap_or_else(|error| panic!("{data}: {error}")))
        .collect()
}

#[tokio::test]
async fn each_dialect_says_its_window_where_its_server_does() {
    for (dialect, path, pointer) in [
        (
            Dialect::LlamaCpp,
            "/props",
            "/default_generation_settings/n_ctx",
        ),
        (Dialect::LlamaCpp, "/v1/models", "/data/0/meta/n_ctx"),
        (Dialect::LlamaCpp, "/slots", "/0/n_ctx"),
        (Dialect::Vllm, "/v1/models", "/data/0/max_model_len"),
        (
            Dialect::LmStudio,
            "/api/v1/models",
            "/models/1/loaded_instances/0/config/context_length",
        ),
        (
            Dialect::LmStudio,
            "/api/v0/models",
            "/data/0/loaded_context_length",
        ),
    ] {
        let model = ScriptedModel::start(Setup::new(dialect).window(5000));
        let (status, body) = get(&model, path).await;
        assert_eq!(
            (status, body.pointer(pointer)),
            (200, Some(&json!(5000))),
            "{dialect:?} {path}"
        );
    }
    let model = ScriptedModel::start(Setup::new(Dialect::OpenAi).window(5000));
    let (_, body) = get(&model, "/v1/models").await;
    assert!(
        !body.to_string().contains("5000"),
        "this one keeps it to itself"
    );
}

#[tokio::test]
async fn ollama_has_a_window_only_once_it_is_loaded_and_as_the_request_wants_it() {
    let model = ScriptedModel::start(Setup::new(Dialect::Ollama).window(4096));
    assert_eq!(get(&model, "/api/ps").await.1, json!({ "models": [] }));
    let (_, loaded) = post(&model, "/api/generate", &json!({ "model": "scripted" })).await;
    assert_eq!(loaded["done_reason"], "load");
    assert_eq!(
        get(&model, "/api/ps").await.1["models"][0]["context_length"],
        4096
    );
    let body = json!({ "model": "scripted", "messages": [], "options": { "num_ctx": 12_288 } });
    assert_eq!(
        post(&model, "/api/chat", &body).await.1["done_reason"],
        "load"
    );
    assert_eq!(
        get(&model, "/api/ps").await.1["models"][0]["context_length"],
        12_288
    );
    assert_eq!(model.loaded(), Some(12_288));
    assert_eq!(
        post(&model, "/api/show", &json!({ "model": "other" }))
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn counts_usage_and_cache_agree() {
    let model = ScriptedModel::start(Setup::new(Dialect::LlamaCpp).by(|_| Answer::say("fine")));
    let tools = json!([{ "type": "function", "function": { "name": "read", "parameters": {} } }]);
    let mut body = hello("scripted", json!({ "tools": tools }));
    let mut before = 0;
    for turn in 0..3 {
        let counted = post(&model, "/v1/chat/completions/input_tokens", &body)
            .await
            .1;
        let prompt = post(&model, "/apply-template", &body).await.1;
        let tokens = post(&model, "/tokenize", &json!({ "content": prompt["prompt"] }))
            .await
            .1;
        let (_, said) = post(&model, "/v1/chat/completions", &body).await;
        let count = counted["input_tokens"].as_u64().expect("a count");
        assert_eq!(
            tokens["tokens"].as_array().map(Vec::len),
            usize::try_from(count).ok()
        );
        assert_eq!(said["usage"]["prompt_tokens"], count);
        let cached = said["timings"]["cache_n"].as_u64().expect("a count");
        assert_eq!(said["timings"]["prompt_n"], count - cached);
        assert!(
            if turn == 0 {
                cached == 0
            } else {
                cached >= before && cached < count
            },
            "{cached} of {count}"
        );
        before = cached + 1;
        let messages = body["messages"].as_array_mut().expect("messages");
        messages.push(said["choices"][0]["message"].clone());
        messages.push(json!({ "role": "user", "content": "and now?" }));
    }
}

#[tokio::test]
async fn overflow_is_refused_in_each_servers_words_or_truncated_without_one() {
    let long = json!({ "messages": [
        { "role": "user", "content": "old ".repeat(3000) }, { "role": "user", "content": "new" }], "model": "scripted" });
    for (dialect, word) in [
        (Dialect::LlamaCpp, "exceed_context_size_error"),
        (
            Dialect::Vllm,
            "maximum context length is 2048 tokens. However, you requested",
        ),
        (Dialect::LmStudio, "Trying to keep the first"),
        (Dialect::OpenAi, "context_length_exceeded"),
    ] {
        let model =
            ScriptedModel::start(Setup::new(dialect).window(2048).queue([Answer::say("ok")]));
        let (status, body) = post(&model, "/v1/chat/completions", &long).await;
        assert!(
            status == 400 && body.to_string().contains(word),
            "{status} {body}"
        );
        // The answer is still there for a prompt that fits.
        assert_eq!(
            post(
                &model,
                "/v1/chat/completions",
                &hello("scripted", json!({}))
            )
            .await
            .0,
            200
        );
    }
    let model = ScriptedModel::start(
        Setup::new(Dialect::Ollama)
            .window(2048)
            .by(|asked| Answer::say(&asked.messages.len().to_string())),
    );
    let mut body = long;
    body["stream"] = json!(false);
    let (_, said) = post(&model, "/api/chat", &body).await;
    assert_eq!(
        said["message"]["content"], "1",
        "the old one was dropped without a word: {said}"
    );
    assert!(said["prompt_eval_count"].as_u64() < Some(100));
    body["truncate"] = json!(false);
    assert_eq!(post(&model, "/api/chat", &body).await.0, 400);
}

#[tokio::test]
async fn a_stream_has_its_words_its_calls_and_its_costs() {
    let answer = Answer::say("I look.")
        .thinking("hm")
        .and_call("read", json!({ "path": "a.txt" }));
    for dialect in ALL {
        let model = ScriptedModel::start(Setup::new(dialect).queue([answer.clone()]));
        let more = json!({ "stream": true, "return_progress": true, "stream_options": { "include_usage": true } });
        let text = send(&model, "/v1/chat/completions", &hello("scripted", more))
            .await
            .text()
            .await;
        let text = text.expect("a whole stream");
        assert!(text.ends_with("data: [DONE]\n\n"));
        let chunks = chunks(&text);
        let deltas = || chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]);
        let put = |field: &str| {
            deltas()
                .filter_map(|delta| delta[field].as_str())
                .collect::<String>()
        };
        let functions = || deltas().map(|delta| &delta["tool_calls"][0]["function"]);
        assert_eq!(put("content"), "I look.", "{dialect:?}");
        assert_eq!(put("reasoning") + &put("reasoning_content"), "hm");
        assert_eq!(
            functions()
                .filter_map(|function| function["name"].as_str())
                .collect::<String>(),
            "read"
        );
        let arguments: String = functions()
            .filter_map(|function| function["arguments"].as_str())
            .collect();
        assert_eq!(arguments, "{\"path\":\"a.txt\"}", "{dialect:?}");
        assert!(text.contains("\"finish_reason\":\"tool_calls\""));
        let last = chunks.last().expect("chunks");
        assert!(last["usage"]["prompt_tokens"].is_u64());
        assert_eq!(last["timings"].is_object(), dialect == Dialect::LlamaCpp);
        assert_eq!(
            text.contains("prompt_progress"),
            dialect == Dialect::LlamaCpp
        );
    }
    let model = ScriptedModel::start(Setup::new(Dialect::Ollama).queue([answer]));
    let text = send(&model, "/api/chat", &hello("scripted", json!({})))
        .await
        .text()
        .await
        .expect("a stream");
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let call = lines
        .iter()
        .find_map(|line| line["message"]["tool_calls"].get(0))
        .expect("a call");
    assert_eq!(call["function"]["arguments"], json!({ "path": "a.txt" }));
    let last = lines.last().expect("lines");
    assert!(last["done"] == true && last["prompt_eval_count"].is_u64());
}

#[tokio::test]
async fn failures_pass_in_their_number() {
    let faults = Faults {
        loading: 2,
        fail: Some(Fail {
            status: 500,
            times: 1,
            message: "out of luck".to_owned(),
        }),
        ..Faults::default()
    };
    for dialect in ALL {
        let model = ScriptedModel::start(
            Setup::new(dialect).queue([Answer::say("a").with(faults.clone()), Answer::say("b")]),
        );
        let path = if dialect == Dialect::Ollama {
            "/api/chat"
        } else {
            "/v1/chat/completions"
        };
        let mut seen = Vec::new();
        for _ in 0..5 {
            seen.push(
                post(&model, path, &hello("scripted", json!({ "stream": false })))
                    .await
                    .0,
            );
        }
        assert_eq!(seen, [503, 503, 500, 200, 200], "{dialect:?}");
        let (status, body) = post(&model, path, &hello("scripted", json!({}))).await;
        assert!(
            status == 500 && body.to_string().contains("hello there"),
            "the script is at its end: {body}"
        );
        assert_eq!(model.chats().len(), 6);
    }
}

#[tokio::test]
async fn a_stream_is_cut_inside_a_piece() {
    let faults = Faults {
        cut_after: Some(2),
        ..Faults::default()
    };
    let model = ScriptedModel::start(
        Setup::new(Dialect::LlamaCpp).queue([Answer::say("one two three").with(faults)]),
    );
    let mut answer = send(
        &model,
        "/v1/chat/completions",
        &hello("scripted", json!({ "stream": true })),
    )
    .await;
    let mut text = String::new();
    let end = loop {
        match answer.chunk().await {
            Ok(Some(bytes)) => text.push_str(&String::from_utf8_lossy(&bytes)),
            other => break other,
        }
    };
    assert!(end.is_err(), "the connection was closed in good order");
    let last = text.lines().last().expect("something came");
    let last = last.strip_prefix("data: ").expect("the piece has begun");
    assert!(
        text.contains("two ") && serde_json::from_str::<Value>(last).is_err(),
        "{text}"
    );
}

#[tokio::test]
async fn a_client_that_leaves_a_stalled_stream_frees_the_slot() {
    let faults = Faults {
        stall_after: Some(1),
        ..Faults::default()
    };
    let model = ScriptedModel::start(
        Setup::new(Dialect::LlamaCpp).queue([Answer::say("one two").with(faults)]),
    );
    let mut answer = send(
        &model,
        "/v1/chat/completions",
        &hello("scripted", json!({ "stream": true })),
    )
    .await;
    while let Ok(Some(bytes)) = answer.chunk().await {
        if String::from_utf8_lossy(&bytes).contains("one ") {
            break;
        }
    }
    let more = tokio::time::timeout(Duration::from_millis(200), answer.chunk()).await;
    assert!(more.is_err(), "it stalls: {more:?}");
    assert_eq!(get(&model, "/slots").await.1[0]["is_processing"], true);
    drop(answer);
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while model.is_busy() {
        assert!(std::time::Instant::now() < end, "the slot is still taken");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(get(&model, "/slots").await.1[0]["is_processing"], false);
}

#[tokio::test]
async fn what_is_truncated_is_reported_as_less() {
    let faults = Faults {
        truncate: Some(60),
        ..Faults::default()
    };
    let setup = Setup::new(Dialect::OpenAi)
        .by(move |asked| Answer::say(&asked.messages.len().to_string()).with(faults.clone()));
    let model = ScriptedModel::start(setup);
    let long = json!({ "messages": [
        { "role": "user", "content": "old ".repeat(500) }, { "role": "user", "content": "new" }] });
    let (_, said) = post(&model, "/v1/chat/completions", &long).await;
    assert!(
        said["usage"]["prompt_tokens"].as_u64() <= Some(60),
        "{said}"
    );
}

#[tokio::test]
async fn requests_are_kept_byte_for_byte_and_paths_can_be_hidden() {
    let model = ScriptedModel::start(Setup::new(Dialect::LlamaCpp).hide(&["/props"]));
    assert_eq!(get(&model, "/props").await.0, 404);
    let client = reqwest::Client::new();
    let odd = "{ \"content\" :\"x\" }";
    let sent = client
        .post(format!("{}/tokenize", model.url))
        .body(odd)
        .send()
        .await;
    assert_eq!(sent.expect("an answer").status(), 200);
    let requests = model.requests();
    assert_eq!(requests[1].raw, odd.as_bytes());
    assert_eq!(
        (requests[1].method.as_str(), requests[1].path.as_str()),
        ("POST", "/tokenize")
    );
}

#[tokio::test]
async fn a_reply_that_its_server_cannot_parse_ends_in_a_500() {
    let faults = Faults {
        parse_failure: true,
        ..Faults::default()
    };
    let model = ScriptedModel::start(
        Setup::new(Dialect::LlamaCpp).by(move |_| Answer::say("<tool_call>").with(faults.clone())),
    );
    let (status, body) = post(
        &model,
        "/v1/chat/completions",
        &hello("scripted", json!({})),
    )
    .await;
    assert!(
        status == 500
            && body["error"]["message"]
                .as_str()
                .is_some_and(|text| text.starts_with("Failed to parse input"))
    );
    let answer = send(
        &model,
        "/v1/chat/completions",
        &hello("scripted", json!({ "stream": true })),
    )
    .await;
    let text = answer.text().await.expect("a stream");
    assert!(chunks(&text).last().expect("chunks")["error"].is_object() && !text.contains("[DONE]"));
}
