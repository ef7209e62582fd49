//! Model endpoints against scripted servers over real HTTP, each with the answers of the server that it plays.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request as Asked;
use axum::response::Response;
use futures::stream::{self, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use toolpool_config::Secret;
use toolpool_config::fixed::WINDOW_ASSUMED;
use toolpool_connectors::model::{
    Arguments, Counts, Delta, Dialect, Message, ModelError, Options, Prompt, Reply, Request,
    SharedModel, Stop, ToolCall, WindowSource, connect, discover,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// What a script answers.
enum Answer {
    Json(u16, String),
    /// Pieces of a stream, and what comes after the last.
    Stream(Vec<String>, After),
}

#[derive(Clone, Copy)]
enum After {
    End,
    /// The connection breaks within a chunk.
    Break,
    /// Nothing more, ever.
    Silence,
}

fn ok(value: Value) -> Answer {
    Answer::Json(200, value.to_string())
}

fn missing() -> Answer {
    Answer::Json(404, r#"{"error":{"message":"File Not Found"}}"#.into())
}

/// Server-sent events with `[DONE]` behind them.
fn events(chunks: &[Value]) -> Vec<String> {
    let chunks = chunks.iter().map(|chunk| format!("data: {chunk}\n\n"));
    chunks.chain(["data: [DONE]\n\n".to_owned()]).collect()
}

fn said(text: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]})
}

fn finished(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

/// A request as the script saw it.
#[derive(Clone, Debug)]
struct Seen {
    path: String,
    body: Value,
    text: String,
    key: Option<String>,
}

struct Server {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Told when a stream that had not ended was dropped.
    dropped: Arc<Notify>,
}

impl Server {
    fn at(&self, path: &str) -> Vec<Seen> {
        let seen = self.seen.lock().expect("no test panics holding it");
        seen.iter()
            .filter(|seen| seen.path == path)
            .cloned()
            .collect()
    }
}

/// Tells when it goes.
struct Guard(Arc<Notify>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Serves a script, which is given the request and how many came to the same path before.
async fn serve(script: impl Fn(&Seen, usize) -> Answer + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let dropped = Arc::new(Notify::new());
    let (script, record, notify) = (Arc::new(script), Arc::clone(&seen), Arc::clone(&dropped));
    let service = tower_like(move |asked: Asked| {
        let (script, record, notify) = (
            Arc::clone(&script),
            Arc::clone(&record),
            Arc::clone(&notify),
        );
        async move {
            let path = asked.uri().to_string();
            let key = asked.headers().get("authorization");
            let key = key.and_then(|key| key.to_str().ok()).map(Into::into);
            let bytes = to_bytes(asked.into_body(), usize::MAX)
                .await
                .unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let body = serde_json::from_str(&text).unwrap_or_default();
            let asked = Seen {
                path,
                body,
                text,
                key,
            };
            let before = {
                let mut record = record.lock().expect("no test panics holding it");
                let before = record.iter().filter(|seen| seen.path == asked.path).count();
                record.push(asked.clone());
                before
            };
            Ok::<_, Infallible>(answer(script(&asked, before), notify))
        }
    });
    tokio::spawn(async move { axum::serve(listener, service).await });
    Server { url, seen, dropped }
}

/// Every path goes to the one function.
fn tower_like<F, T>(handler: F) -> axum::Router
where
    F: Fn(Asked) -> T + Clone + Send + Sync + 'static,
    T: Future<Output = Result<Response, Infallible>> + Send + 'static,
{
    axum::Router::new().fallback(move |asked: Asked| {
        let handler = handler.clone();
        async move {
            match handler(asked).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
    })
}

fn answer(answer: Answer, notify: Arc<Notify>) -> Response {
    match answer {
        Answer::Json(status, text) => Response::builder()
            .status(status)
            .header("content-type", "application/json")
            .body(Body::from(text)),
        Answer::Stream(pieces, after) => {
            let pieces = stream::iter(pieces.into_iter().map(Ok::<String, io::Error>));
            let tail = match after {
                After::End => stream::empty().boxed(),
                After::Break => stream::once(async {
                    // What came before is written out while a stream waits.
                    tokio::task::yield_now().await;
                    Err(io::Error::other("broken on purpose"))
                })
                .boxed(),
                After::Silence => {
                    let guard = Guard(notify);
                    stream::once(async move {
                        let _guard = guard;
                        std::future::pending::<Result<String, io::Error>>().await
                    })
                    .boxed()
                }
            };
            Response::builder()
                .header("content-type", "text/event-stream")
                .body(Body::from_stream(pieces.chain(tail)))
        }
    }
    .expect("a legal answer")
}

/// llama-server with a window of 8,192, its counting as it is told, and replies by the script.
async fn llama(
    oracle: &'static str,
    chat: impl Fn(&Seen, usize) -> Answer + Send + Sync + 'static,
) -> Server {
    serve(move |seen, before| match seen.path.as_str() {
        "/props" => ok(json!({"default_generation_settings": {"n_ctx": 8192}})),
        "/v1/models" => ok(json!({"data": [{"id": "tiny", "owned_by": "llamacpp", "meta": {"n_ctx": 8192, "n_ctx_train": 32768}}]})),
        "/v1/chat/completions/input_tokens" if oracle == "chat" => ok(json!({"input_tokens": 42})),
        "/apply-template" if oracle == "template" => ok(json!({"prompt": "rendered"})),
        "/tokenize" if oracle == "template" => {
            assert_eq!(seen.body, json!({"content": "rendered", "add_special": true, "parse_special": true}));
            ok(json!({"tokens": [1, 2, 3]}))
        }
        "/v1/chat/completions" => chat(seen, before),
        _ => missing(),
    })
    .await
}

/// Ollama with a model that is loaded with what it is asked for, up to `most`.
async fn ollama(
    loaded_before: Option<u32>,
    most: u32,
    chat: impl Fn(&Seen, usize) -> Answer + Send + Sync + 'static,
) -> Server {
    let loaded = Mutex::new(loaded_before);
    serve(move |seen, before| {
        let mut loaded = loaded.lock().expect("no test panics holding it");
        match seen.path.as_str() {
            "/api/version" => ok(json!({"version": "0.14.0"})),
            "/api/tags" => ok(json!({"models": [{"name": "qwen3:8b"}, {"name": "nomic-embed-text:latest"}]})),
            "/api/ps" => match *loaded {
                Some(context) => ok(json!({"models": [{"name": "qwen3:8b", "context_length": context}]})),
                None => ok(json!({"models": []})),
            },
            "/api/show" => ok(json!({"model_info": {"general.architecture": "qwen3", "qwen3.context_length": most}})),
            "/api/generate" => {
                let asked = seen.body["options"]["num_ctx"].as_u64().expect("a window");
                *loaded = Some(most.min(u32::try_from(asked).expect("small")));
                ok(json!({"done": true, "done_reason": "load"}))
            }
            "/api/chat" => chat(seen, before),
            _ => missing(),
        }
    })
    .await
}

async fn models(answer: Value) -> Server {
    serve(move |seen, _| match seen.path.as_str() {
        "/v1/models" => ok(answer.clone()),
        "/tokenize" if answer["data"][0]["max_model_len"].is_u64() => {
            assert!(seen.body["messages"].is_array());
            ok(json!({"count": 7, "max_model_len": 16384, "tokens": []}))
        }
        "/v1/chat/completions" => {
            Answer::Stream(events(&[said("Hi"), finished("stop")]), After::End)
        }
        _ => missing(),
    })
    .await
}

/// LM Studio, which answers 200 to everything and loads when it is told.
async fn studio() -> Server {
    let loaded = Mutex::new(None);
    serve(move |seen, _| {
        let mut loaded = loaded.lock().expect("no test panics holding it");
        match seen.path.as_str() {
            "/api/v1/models" => {
                let instances = match *loaded {
                    Some(context) => json!([{"id": "qwen", "config": {"context_length": context}}]),
                    None => json!([]),
                };
                ok(json!({"models": [{"type": "llm", "key": "qwen", "max_context_length": 131072, "loaded_instances": instances}]}))
            }
            "/api/v1/models/load" => {
                *loaded = Some(seen.body["context_length"].as_u64().unwrap_or(4_096));
                ok(json!({"instance_id": "qwen"}))
            }
            "/v1/chat/completions" => Answer::Stream(events(&[said("Hi"), finished("stop")]), After::End),
            path => ok(json!({"error": format!("Unexpected endpoint or method. (GET {path}). Returning 200 anyway")})),
        }
    })
    .await
}

fn user(text: &str) -> Prompt {
    Prompt {
        messages: vec![Message::User { text: text.into() }],
        tools: Vec::new(),
    }
}

fn with_tool() -> Prompt {
    Prompt {
        tools: vec![
            r#"{"type":"function","function":{"name":"look","parameters":{"type":"object"}}}"#
                .into(),
        ],
        ..user("Look.")
    }
}

fn options() -> Options {
    Options::default()
}

async fn take_up(server: &Server, options: Options) -> SharedModel {
    let connected = timeout(PATIENCE, connect(&server.url, None, options)).await;
    connected.expect("in time").expect("a model")
}

/// Counts the prompt and asks for a reply to it.
async fn ask(model: &SharedModel, prompt: Prompt) -> (Result<Reply, ModelError>, Vec<Delta>) {
    let counted = model.count(&prompt).await.expect("it counts");
    let request = Request::within(model.about(), prompt, counted, 100).expect("it fits");
    let (sender, mut deltas) = mpsc::channel(64);
    let collect = async {
        let mut all = Vec::new();
        while let Some(delta) = deltas.recv().await {
            all.push(delta);
        }
        all
    };
    let reply = model.reply(request, sender, CancellationToken::new());
    let both = async { tokio::join!(reply, collect) };
    timeout(PATIENCE, both).await.expect("in time")
}

fn texts(deltas: &[Delta]) -> String {
    let texts = deltas.iter().filter_map(|delta| match delta {
        Delta::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

#[tokio::test]
async fn servers_are_found_in_the_order_of_their_places() {
    let plain = models(json!({"data": [{"id": "m"}]})).await;
    let vllm = models(json!({"data": [{"id": "m", "max_model_len": 16384}]})).await;
    let llama = llama("chat", |_, _| missing()).await;
    let ollama = ollama(Some(4_096), 40_960, |_, _| missing()).await;
    let studio = studio().await;
    // Takes connections and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let gone_at = gone.local_addr().expect("it is bound");
    drop(gone);
    let places = [
        format!("http://{}", silent.local_addr().expect("it is bound")),
        format!("{}/v1", ollama.url),
        llama.url.clone(),
        format!("http://{gone_at}"),
        studio.url.clone(),
        vllm.url.clone(),
        format!("{}/v1/", plain.url),
        "not an address at all://".to_owned(),
    ];
    // A machine under load may answer later than the bound allows, so it may be asked again.
    let found = async {
        loop {
            let found = discover(&places, &options()).await;
            if found.len() == 5 {
                return found;
            }
        }
    };
    let found = timeout(PATIENCE, found)
        .await
        .expect("a port that hangs holds nothing up");
    let found: Vec<_> = found
        .iter()
        .map(|found| {
            let model = &found.models[0];
            (
                found.url.as_str(),
                found.dialect,
                model.name.as_str(),
                model.loaded,
                model.window,
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            (
                ollama.url.as_str(),
                Dialect::Ollama,
                "qwen3:8b",
                true,
                Some(4_096)
            ),
            (
                llama.url.as_str(),
                Dialect::LlamaCpp,
                "tiny",
                true,
                Some(8_192)
            ),
            (studio.url.as_str(), Dialect::LmStudio, "qwen", false, None),
            (vllm.url.as_str(), Dialect::Vllm, "m", true, Some(16_384)),
            (plain.url.as_str(), Dialect::OpenAi, "m", false, None),
        ]
    );
}

#[tokio::test]
async fn each_server_tells_its_window_where_it_keeps_it() {
    let server = |field: &str| WindowSource::Server {
        field: field.into(),
    };
    let llama = llama("chat", |_, _| missing()).await;
    let loaded = ollama(Some(16_384), 40_960, |_, _| missing()).await;
    let fresh = ollama(None, 40_960, |_, _| missing()).await;
    let wished = ollama(None, 40_960, |_, _| missing()).await;
    let small = ollama(None, 2_048, |_, _| missing()).await;
    let studio = studio().await;
    let vllm = models(json!({"data": [{"id": "m", "max_model_len": 16384}]})).await;
    let stated = models(json!({"data": [{"id": "m", "context_length": 32768}]})).await;
    let ps = "/api/ps context_length";
    for (server, person, dialect, tokens, source, counts) in [
        (
            &llama,
            None,
            Dialect::LlamaCpp,
            8_192,
            server("/props default_generation_settings.n_ctx"),
            Counts::Exact,
        ),
        (
            &llama,
            Some(4_000),
            Dialect::LlamaCpp,
            4_000,
            WindowSource::Person,
            Counts::Exact,
        ),
        (
            &loaded,
            None,
            Dialect::Ollama,
            16_384,
            server(ps),
            Counts::Calibrated,
        ),
        (
            &fresh,
            None,
            Dialect::Ollama,
            8_192,
            server(ps),
            Counts::Calibrated,
        ),
        (
            &wished,
            Some(12_000),
            Dialect::Ollama,
            12_000,
            WindowSource::Person,
            Counts::Calibrated,
        ),
        (
            &small,
            None,
            Dialect::Ollama,
            2_048,
            server(ps),
            Counts::Calibrated,
        ),
        (
            &studio,
            None,
            Dialect::LmStudio,
            4_096,
            server("/api/v1/models loaded_instances.config.context_length"),
            Counts::Calibrated,
        ),
        (
            &vllm,
            None,
            Dialect::Vllm,
            16_384,
            server("/v1/models max_model_len"),
            Counts::Exact,
        ),
        (
            &stated,
            None,
            Dialect::OpenAi,
            32_768,
            server("/v1/models context_length"),
            Counts::Calibrated,
        ),
    ] {
        let options = Options {
            window: person,
            ..options()
        };
        let model = take_up(server, options).await;
        let about = model.about();
        assert_eq!(
            (about.dialect, about.window.tokens, about.counts),
            (dialect, tokens, counts),
            "{about:?}"
        );
        assert_eq!(about.window.source, source);
        assert_eq!(about.url, server.url);
    }
    assert_eq!(
        wished.at("/api/generate")[0].body["options"]["num_ctx"],
        12_288,
        "a whole step"
    );
    let unknown = models(json!({"data": [{"id": "m"}]})).await;
    let model = take_up(&unknown, options()).await;
    assert_eq!(model.about().window.tokens, WINDOW_ASSUMED);
    assert!(
        matches!(&model.about().window.source, WindowSource::Assumed { why } if why.contains("/v1/models"))
    );
}

#[tokio::test]
async fn nobody_there_and_no_such_model_are_told() {
    let plain = models(json!({"data": [{"id": "one"}, {"id": "two"}]})).await;
    match connect(&plain.url, Some("three"), options()).await.err() {
        Some(ModelError::NoModel { model, known, .. }) => {
            assert_eq!(
                (model.as_str(), known),
                ("three", vec!["one".to_owned(), "two".to_owned()])
            );
        }
        other => panic!("{other:?}"),
    }
    let empty = models(json!({"data": []})).await;
    assert!(matches!(
        connect(&empty.url, None, options()).await.err(),
        Some(ModelError::NoModel { .. })
    ));
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", gone.local_addr().expect("it is bound"));
    drop(gone);
    assert!(matches!(
        connect(&url, None, options()).await.err(),
        Some(ModelError::Unreachable { .. })
    ));
}

#[tokio::test]
async fn a_key_is_sent_and_never_told() {
    let server = serve(|seen, _| {
        Answer::Json(401, json!({"error": {"message": format!("bad key {}", seen.key.as_deref().unwrap_or_default())}}).to_string())
    })
    .await;
    let options = Options {
        api_key: Some(Secret::new("s3cret")),
        ..options()
    };
    let error = connect(&server.url, None, options)
        .await
        .err()
        .expect("refused");
    assert!(
        matches!(error, ModelError::Refused { status: 401, .. }),
        "{error:?}"
    );
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    assert_eq!(
        server.at("/v1/models")[0].key.as_deref(),
        Some("Bearer s3cret")
    );
}

#[tokio::test]
async fn llama_cpp_streams_progress_reasoning_text_and_calls() {
    let server = llama("chat", |_, _| {
        let call = |delta: Value| json!({"choices": [{"index": 0, "delta": {"tool_calls": [delta]}}]});
        let chunks = [
            json!({"choices": [], "prompt_progress": {"total": 42, "cache": 10, "processed": 30, "time_ms": 5}}),
            json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": null}}]}),
            json!({"choices": [{"index": 0, "delta": {"reasoning_content": "Hm."}}]}),
            said("I look."),
            call(json!({"index": 0, "id": "x", "type": "function", "function": {"name": "look", "arguments": ""}})),
            call(json!({"index": 0, "function": {"arguments": "{\"at\": "}})),
            call(json!({"index": 0, "function": {"arguments": "1}"}})),
            finished("tool_calls"),
            json!({"choices": [], "usage": {"prompt_tokens": 42, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 10}},
                   "timings": {"cache_n": 10, "prompt_n": 32, "prompt_ms": 5.4, "predicted_n": 9, "predicted_ms": 8.0}}),
        ];
        Answer::Stream(events(&chunks), After::End)
    })
    .await;
    let model = take_up(&server, options()).await;
    let (reply, deltas) = ask(&model, with_tool()).await;
    let reply = reply.expect("a reply");
    assert_eq!(
        (reply.text.as_str(), reply.reasoning.as_deref(), reply.stop),
        ("I look.", Some("Hm."), Stop::Calls)
    );
    assert_eq!(
        (
            reply.calls[0].name.as_str(),
            reply.calls[0].arguments.text()
        ),
        ("look", "{\"at\": 1}")
    );
    assert_eq!(
        (
            reply.usage.prompt_tokens,
            reply.usage.cached_tokens,
            reply.usage.prompt_ms
        ),
        (Some(42), Some(10), Some(5))
    );
    let expected = [
        Delta::Prefill {
            total: 42,
            cached: 10,
            processed: 30,
        },
        Delta::Reasoning("Hm.".into()),
        Delta::Text("I look.".into()),
        Delta::Call {
            index: 0,
            name: "look".into(),
        },
    ];
    let told: Vec<_> = deltas
        .into_iter()
        .filter(|delta| *delta != Delta::Queued)
        .collect();
    assert_eq!(told, expected);
    let sent = &server.at("/v1/chat/completions")[0];
    assert_eq!(sent.body["max_tokens"], 100);
    assert_eq!(sent.body["return_progress"], true);
    assert_eq!(sent.body["cache_prompt"], true);
    assert_eq!(sent.body["stream_options"]["include_usage"], true);
    assert!(sent.body.get("temperature").is_none());
    assert!(
        sent.text.contains(&*with_tool().tools[0]),
        "the definition's own bytes: {}",
        sent.text
    );
}

#[tokio::test]
async fn ollama_gets_the_same_window_each_time_and_no_truncation() {
    let server = ollama(None, 40_960, |_, _| {
        let lines = [
            json!({"message": {"role": "assistant", "content": "", "thinking": "Hm."}, "done": false}),
            json!({"message": {"role": "assistant", "content": "I look."}, "done": false}),
            json!({"message": {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "look", "arguments": {"at": 1}}}]}, "done": false}),
            json!({"message": {"role": "assistant", "content": ""}, "done": true, "done_reason": "stop", "prompt_eval_count": 40, "eval_count": 9, "prompt_eval_duration": 5000000, "eval_duration": 8000000}),
        ];
        Answer::Stream(lines.iter().map(|line| format!("{line}\n")).collect(), After::End)
    })
    .await;
    let model = take_up(&server, options()).await;
    let mut prompt = with_tool();
    let first = ask(&model, prompt.clone()).await.0.expect("a reply");
    assert_eq!(
        (first.text.as_str(), first.reasoning.as_deref(), first.stop),
        ("I look.", Some("Hm."), Stop::Calls)
    );
    assert_eq!(first.calls[0].arguments.text(), r#"{"at":1}"#);
    assert_eq!(
        (
            first.usage.prompt_tokens,
            first.usage.reply_tokens,
            first.usage.prompt_ms
        ),
        (Some(40), Some(9), Some(5))
    );
    prompt.messages.push(Message::Assistant {
        text: first.text,
        reasoning: first.reasoning,
        calls: vec![ToolCall {
            id: "abcdefghi".into(),
            name: "look".into(),
            arguments: Arguments::new("{\"at\" : 1}").expect("an object"),
        }],
    });
    prompt.messages.push(Message::Tool {
        call: "abcdefghi".into(),
        name: "look".into(),
        text: "nothing".into(),
    });
    ask(&model, prompt).await.0.expect("a reply");
    let sent = server.at("/api/chat");
    for seen in &sent {
        assert_eq!(seen.body["truncate"], false);
        assert_eq!(seen.body["shift"], false);
        assert_eq!(
            seen.body["options"],
            json!({"num_ctx": 8192, "num_predict": 100})
        );
    }
    assert_eq!(
        sent[1].body["messages"][1]["tool_calls"][0]["function"]["arguments"],
        json!({"at": 1})
    );
    assert!(
        sent[1].text.contains("\"arguments\":{\"at\" : 1}"),
        "{}",
        sent[1].text
    );
    assert!(!sent[1].text.contains("Hm."), "reasoning is not sent back");
}

#[tokio::test]
async fn the_same_prompt_is_the_same_bytes() {
    let server = models(json!({"data": [{"id": "m"}]})).await;
    let model = take_up(&server, options()).await;
    for _ in 0..2 {
        assert_eq!(
            ask(&model, with_tool()).await.0.expect("a reply").text,
            "Hi"
        );
    }
    let sent = server.at("/v1/chat/completions");
    assert_eq!(sent[0].text, sent[1].text);
    assert!(
        sent[0].body.get("return_progress").is_none(),
        "only where it is known"
    );
    ask(&model, user("Hi")).await.0.expect("a reply");
    assert!(
        server.at("/v1/chat/completions")[2]
            .body
            .get("tools")
            .is_none()
    );
}

#[tokio::test]
async fn counts_come_from_the_server_where_it_has_them() {
    for (oracle, counts, tokens) in [
        ("chat", Counts::Exact, Some(42)),
        ("template", Counts::Exact, Some(3)),
        ("hidden", Counts::Calibrated, None),
    ] {
        let server = llama(oracle, |_, _| missing()).await;
        let model = take_up(&server, options()).await;
        assert_eq!(model.about().counts, counts, "{oracle}");
        let counted = model.count(&with_tool()).await.expect("it counts");
        assert_eq!(counted.exact, tokens.is_some());
        match tokens {
            Some(tokens) => assert_eq!(counted.tokens, tokens),
            None => {
                // Taught that the real count is lower, the estimate comes down and stays above.
                let reported = counted.raw;
                for _ in 0..20 {
                    model.learn(counted, reported);
                }
                let again = model.count(&with_tool()).await.expect("it counts");
                assert_eq!(again.raw, counted.raw);
                assert!(
                    (reported..counted.tokens).contains(&again.tokens),
                    "{again:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn failures_that_pass_are_tried_again_and_told() {
    let server = llama("chat", |_, before| match before {
        0 => Answer::Json(500, r#"{"error":{"message":"boom"}}"#.into()),
        1 => Answer::Stream(vec![], After::Break),
        _ => Answer::Stream(events(&[said("Hi"), finished("stop")]), After::End),
    })
    .await;
    let model = take_up(&server, options()).await;
    let (reply, deltas) = ask(&model, user("Hi")).await;
    assert_eq!(reply.expect("the third try").text, "Hi");
    let attempts: Vec<u32> = deltas
        .iter()
        .filter_map(|delta| match delta {
            Delta::Retrying { attempt, .. } => Some(*attempt),
            _ => None,
        })
        .collect();
    assert_eq!(attempts, [2, 3]);

    let server = llama("chat", |_, _| {
        Answer::Json(500, r#"{"error":{"message":"boom"}}"#.into())
    })
    .await;
    let model = take_up(&server, options()).await;
    match ask(&model, user("Hi")).await.0 {
        Err(ModelError::Failed { message }) => assert!(
            message.contains("boom") && message.contains("4 times"),
            "{message}"
        ),
        other => panic!("{other:?}"),
    }
    assert_eq!(server.at("/v1/chat/completions").len(), 4);
}

#[tokio::test]
async fn failures_that_stay_are_not_tried_again() {
    for (status, body) in [
        (400, r#"{"error":{"message":"bad request"}}"#),
        (401, r#"{"error":"no"}"#),
        (404, r#"{"error":"model 'tiny' not found"}"#),
        (
            500,
            r#"{"error":{"code":500,"message":"Failed to parse input at pos 12: <tool_call>"}}"#,
        ),
        (
            500,
            r#"{"error":{"code":500,"message":"Failed to parse tool call arguments as JSON: x"}}"#,
        ),
    ] {
        let server = llama("chat", move |_, _| Answer::Json(status, body.into())).await;
        let model = take_up(&server, options()).await;
        let error = ask(&model, user("Hi")).await.0.expect_err("a failure");
        let right = match (status, &error) {
            (404, ModelError::NoModel { model, .. }) => model == "tiny",
            (500, ModelError::Garbled { what }) => what.contains("pos 12"),
            (500, ModelError::Failed { message }) => message.contains("arguments as JSON"),
            (_, ModelError::Refused { status: told, .. }) => *told == status,
            _ => false,
        };
        assert!(right, "{body}: {error:?}");
        assert_eq!(server.at("/v1/chat/completions").len(), 1, "{body}");
    }
}

#[tokio::test]
async fn a_server_that_loads_is_waited_for() {
    let loading = || {
        Answer::Json(
            503,
            r#"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#.into(),
        )
    };
    let server = serve(move |seen, before| match seen.path.as_str() {
        "/props" | "/v1/models" if before == 0 => loading(),
        "/props" => {
            ok(json!({"default_generation_settings": {"n_ctx": 8192}, "model_alias": "tiny"}))
        }
        "/v1/chat/completions" if before == 0 => loading(),
        "/v1/chat/completions" => {
            Answer::Stream(events(&[said("Hi"), finished("stop")]), After::End)
        }
        _ => missing(),
    })
    .await;
    let model = take_up(&server, options()).await;
    assert_eq!(model.about().model, "tiny");
    let (reply, deltas) = ask(&model, user("Hi")).await;
    assert_eq!(reply.expect("a reply").text, "Hi");
    assert!(deltas.contains(&Delta::Loading), "{deltas:?}");
}

#[tokio::test]
async fn a_stream_that_breaks_off_keeps_what_came() {
    for (after, tail) in [
        (After::Break, "data: {\"choices\":[{\"del"),
        (After::End, "data: {\"choices\":[{\"del"),
        (After::End, ""),
    ] {
        let server = llama("chat", move |_, _| {
            Answer::Stream(
                vec![format!("data: {}\n\n", said("Half a")), tail.to_owned()],
                after,
            )
        })
        .await;
        let model = take_up(&server, options()).await;
        let (reply, deltas) = ask(&model, user("Hi")).await;
        let reply = reply.expect("what came");
        assert_eq!((reply.text.as_str(), reply.stop), ("Half a", Stop::Cut));
        assert_eq!(texts(&deltas), "Half a");
        assert_eq!(
            server.at("/v1/chat/completions").len(),
            1,
            "never again once text came"
        );
    }
    let server = ollama(None, 8_192, |_, _| {
        Answer::Stream(
            vec!["{\"message\":{\"content\":\"Half a\"}}\n{\"mess".into()],
            After::End,
        )
    })
    .await;
    let model = take_up(&server, options()).await;
    let reply = ask(&model, user("Hi")).await.0.expect("what came");
    assert_eq!((reply.text.as_str(), reply.stop), ("Half a", Stop::Cut));
}

#[tokio::test]
async fn silence_has_an_end() {
    for pieces in [vec![], vec![format!("data: {}\n\n", said("Half a"))]] {
        let server = llama("chat", move |_, _| {
            Answer::Stream(pieces.clone(), After::Silence)
        })
        .await;
        let silence = Duration::from_millis(100);
        let model = take_up(
            &server,
            Options {
                silence,
                ..options()
            },
        )
        .await;
        let (reply, _) = ask(&model, user("Hi")).await;
        assert!(
            matches!(reply, Err(ModelError::Stalled { after }) if after == silence),
            "{reply:?}"
        );
        timeout(PATIENCE, server.dropped.notified())
            .await
            .expect("the connection is closed");
    }
}

#[tokio::test]
async fn cancelling_closes_the_connection() {
    let server = llama("chat", |_, _| {
        Answer::Stream(
            vec![format!("data: {}\n\n", said("Half a"))],
            After::Silence,
        )
    })
    .await;
    let model = take_up(&server, options()).await;
    let prompt = user("Hi");
    let counted = model.count(&prompt).await.expect("it counts");
    let request = Request::within(model.about(), prompt, counted, 100).expect("it fits");
    let (sender, mut deltas) = mpsc::channel(64);
    let cancel = CancellationToken::new();
    let reply = model.reply(request, sender, cancel.clone());
    let watch = async {
        while let Some(delta) = deltas.recv().await {
            if matches!(delta, Delta::Text(_)) {
                cancel.cancel();
            }
        }
    };
    let both = async { tokio::join!(reply, watch) };
    let (reply, ()) = timeout(PATIENCE, both).await.expect("in time");
    assert!(matches!(reply, Err(ModelError::Cancelled)), "{reply:?}");
    timeout(PATIENCE, server.dropped.notified())
        .await
        .expect("the server sees it");
}

#[tokio::test]
async fn overflow_is_recognised_as_an_answer_and_in_a_stream() {
    let body = json!({"error": {"code": 400, "type": "exceed_context_size_error", "message": "request (9000 tokens) exceeds the available context size (8192 tokens)", "n_prompt_tokens": 9000, "n_ctx": 8192}});
    let (whole, inside) = (body.clone(), body);
    let as_answer = llama("chat", move |_, _| Answer::Json(400, whole.to_string())).await;
    let in_stream = llama("chat", move |_, _| {
        Answer::Stream(vec![format!("data: {inside}\n\n")], After::End)
    })
    .await;
    for server in [&as_answer, &in_stream] {
        let model = take_up(server, options()).await;
        let error = ask(&model, user("Hi")).await.0.expect_err("too long");
        assert!(
            matches!(
                error,
                ModelError::Overflow {
                    prompt: Some(9_000),
                    window: Some(8_192),
                    ..
                }
            ),
            "{error:?}"
        );
        assert_eq!(server.at("/v1/chat/completions").len(), 1);
    }
    let server = ollama(None, 8_192, |_, _| {
        Answer::Json(
            400,
            r#"{"error":"the prompt is longer than the context length currently available"}"#
                .into(),
        )
    })
    .await;
    let model = take_up(&server, options()).await;
    assert!(matches!(
        ask(&model, user("Hi")).await.0,
        Err(ModelError::Overflow { .. })
    ));
}

#[tokio::test]
async fn a_leaked_call_and_a_reply_in_one_piece_are_understood() {
    let server = llama("chat", |_, before| match before {
        0 => Answer::Stream(
            events(&[said("<tool_"), said("call>{\"name\": \"look\", \"arguments\": {\"at\": 1,}}</tool_call>"), finished("stop")]),
            After::End,
        ),
        _ => ok(json!({"choices": [{"message": {"role": "assistant", "content": "All at once."}, "finish_reason": "length"}]})),
    })
    .await;
    let model = take_up(&server, options()).await;
    let (reply, deltas) = ask(&model, with_tool()).await;
    let reply = reply.expect("a reply");
    assert_eq!(texts(&deltas), "");
    assert_eq!((reply.text.as_str(), reply.stop), ("", Stop::Calls));
    let call = &reply.calls[0];
    assert!(call.leaked && call.repair.is_some());
    assert_eq!(
        (call.name.as_str(), call.arguments.text()),
        ("look", r#"{"at":1}"#)
    );
    let reply = ask(&model, with_tool()).await.0.expect("a reply");
    assert_eq!(
        (reply.text.as_str(), reply.stop),
        ("All at once.", Stop::Length)
    );
}

#[tokio::test]
async fn what_is_no_stream_is_said_to_be_none() {
    let server = llama("chat", |_, _| {
        Answer::Stream(vec!["data: <html>\n\n".into()], After::End)
    })
    .await;
    let model = take_up(&server, options()).await;
    match ask(&model, user("Hi")).await.0 {
        Err(ModelError::Garbled { what }) => assert_eq!(what, "<html>"),
        other => panic!("{other:?}"),
    }
}
