//! What is known of a model before it speaks, and what its server counts: window, tokens, overflow, cache, slots.

use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use toolpool_connectors::model::{
    Arguments, Counts, Delta, Message, ModelError, Options, Prompt, ToolCall, WindowSource,
    discover,
};
use toolpool_tests::llama::LlamaServer;
use toolpool_tests::model::{Answer, Dialect, Faults, ScriptedModel, Setup};

use super::{DIALECTS, let_through, reply, said, take_up, take_up_with, user, with_tools};

/// Prompts of every kind that templates and tokenizers treat their own way.
fn table() -> Vec<Prompt> {
    let call = |id: &str, arguments: &str| ToolCall {
        id: id.to_owned(),
        name: "read_file_0".to_owned(),
        arguments: Arguments::new(arguments).expect("an object"),
    };
    let conversation = Prompt {
        messages: vec![
            Message::System {
                text: "You answer briefly.\n\nRules:\n- one\n- two".into(),
            },
            Message::User {
                text: "Read both.".into(),
            },
            Message::Assistant {
                text: "I read them.".into(),
                reasoning: None,
                calls: vec![
                    call("abcdefgh1", "{\"path\": \"a.txt\"}"),
                    call("abcdefgh2", "{ \"lines\":  3, \"path\":\"ü\" }"),
                ],
            },
            Message::Tool {
                call: "abcdefgh1".into(),
                name: "read_file_0".into(),
                text: "line\r\n\tline\n".into(),
            },
            Message::Tool {
                call: "abcdefgh2".into(),
                name: "read_file_0".into(),
                text: "{\"error\":\"no such file\"}".into(),
            },
            Message::Assistant {
                text: "One is missing.".into(),
                reasoning: None,
                calls: Vec::new(),
            },
            Message::User {
                text: "Which?".into(),
            },
        ],
        tools: Vec::new(),
    };
    let code = include_str!("found.rs");
    vec![
        user("hi"),
        user(""),
        user("  leading and trailing \n\n"),
        user("Größe, naïve, Σίσυφος, Привет, 日本語のテキスト、한국어, العربية, 👩‍👩‍👧‍👦 🇩🇪"),
        user("<|im_start|>system\nno<|im_end|> </s> [INST] <tool_call>{}</tool_call>"),
        user("0123456789 3.14159265358979 0xDEADBEEF 1e-9"),
        user(&"words and words ".repeat(600)),
        user(&code[..6000]),
        user(&json!({ "rows": (0..150).map(|row| json!({ "id": row, "text": "α\"β\\" })).collect::<Vec<_>>() }).to_string()),
        with_tools(user("Read a.txt"), 1),
        with_tools(user("Read a.txt"), 25),
        conversation.clone(),
        with_tools(conversation, 3),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_window_is_found_where_each_server_keeps_it() {
    for (dialect, known) in DIALECTS {
        let server = ScriptedModel::start(Setup::new(dialect).window(12_288));
        let found = discover(std::slice::from_ref(&server.url), &Options::default()).await;
        assert_eq!(found.len(), 1, "{dialect:?}");
        assert_eq!(found[0].dialect, known);
        assert_eq!(server.loaded(), None, "looking loads nothing");
        let model = take_up(&server.url).await;
        let about = model.about();
        assert_eq!((about.dialect, about.model.as_str()), (known, "scripted"));
        match &about.window.source {
            WindowSource::Server { .. } if dialect == Dialect::Ollama => {
                assert_eq!(Some(about.window.tokens), server.loaded());
            }
            WindowSource::Server { .. } => assert_eq!(about.window.tokens, 12_288, "{dialect:?}"),
            WindowSource::Assumed { .. } => assert_eq!(dialect, Dialect::OpenAi),
            WindowSource::Person => panic!("nobody said it"),
        }
    }
    let Some(real) = LlamaServer::start(6144, &[]) else {
        return;
    };
    let model = take_up(&real.url).await;
    assert_eq!(
        (model.about().window.tokens, model.about().counts),
        (6144, Counts::Exact)
    );
}

#[tokio::test]
async fn one_window_of_ollamas_holds_for_a_whole_session() {
    let server = ScriptedModel::start(Setup::new(Dialect::Ollama).by(|_| Answer::say("yes")));
    let options = Options {
        window: Some(10_000),
        ..Options::default()
    };
    let model = take_up_with(&server.url, options).await;
    let loaded = server.loaded().expect("it is loaded");
    assert!(loaded >= 10_000 && model.about().window.tokens <= loaded);
    for _ in 0..3 {
        said(&model, user("again")).await;
    }
    for chat in server.chats() {
        assert_eq!(
            chat.body["options"]["num_ctx"], loaded,
            "another one loads the model again"
        );
        assert_eq!(
            (&chat.body["truncate"], &chat.body["shift"]),
            (&json!(false), &json!(false))
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_are_the_servers_own() {
    let Some(real) = LlamaServer::start(32_768, &[]) else {
        return;
    };
    let model = take_up(&real.url).await;
    for prompt in table() {
        let counted = model.count(&prompt).await.expect("a count");
        let (reply, _) = reply(&model, prompt.clone(), 1).await;
        let reported = reply.expect("a reply").usage.prompt_tokens;
        assert!(counted.exact, "{prompt:?}");
        assert_eq!(Some(counted.tokens), reported, "{prompt:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_without_an_oracle_are_never_under() {
    let Some(real) = LlamaServer::start(32_768, &[]) else {
        return;
    };
    let front = Setup::new(Dialect::LlamaCpp)
        .front(&real.url)
        .by(|_| Answer::say("ok"));
    let oracles = [
        "/v1/chat/completions/input_tokens",
        "/apply-template",
        "/tokenize",
    ];
    let server = ScriptedModel::start(front.hide(&oracles));
    let model = take_up(&server.url).await;
    assert_eq!(model.about().counts, Counts::Calibrated);
    let mut under = Vec::new();
    for _ in 0..2 {
        for (place, prompt) in table().into_iter().enumerate() {
            let counted = model.count(&prompt).await.expect("a count");
            let reported = said(&model, prompt)
                .await
                .usage
                .prompt_tokens
                .expect("it is reported");
            if counted.tokens < reported {
                under.push(format!("prompt {place}: {counted:?}, but {reported}"));
            }
            model.learn(counted, reported);
        }
    }
    assert!(under.is_empty(), "{under:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overflow_is_known_for_what_it_is() {
    let long = || user(&"word ".repeat(4000));
    for (dialect, _) in DIALECTS {
        let server =
            ScriptedModel::start(Setup::new(dialect).window(2048).by(|_| Answer::say("no")));
        let options = Options {
            window: Some(2048),
            ..Options::default()
        };
        let model = take_up_with(&server.url, options).await;
        // Ollama loads in steps of its own.
        let text = if dialect == Dialect::Ollama {
            user(&"word ".repeat(9000))
        } else {
            long()
        };
        let (reply, _) = reply(&model, text, 16).await;
        assert!(
            matches!(reply, Err(ModelError::Overflow { .. })),
            "{dialect:?}: {reply:?}"
        );
        assert_eq!(server.chats().len(), 1, "it is not asked again");
    }
    let Some(real) = LlamaServer::start(2048, &[]) else {
        return;
    };
    let model = take_up(&real.url).await;
    match reply(&model, long(), 16).await.0 {
        Err(ModelError::Overflow { prompt, window, .. }) => {
            assert!(
                prompt > Some(4000) && window == Some(2048),
                "{prompt:?} {window:?}"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_frees_the_slot() {
    let Some(real) = LlamaServer::start(65_536, &["--ignore-eos"]) else {
        return;
    };
    let model = take_up(&real.url).await;
    let request = let_through(&model, user("speak"), 60_000);
    let (send, mut receive) = mpsc::channel(8);
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    let running = tokio::spawn(async move { model.reply(request, send, token).await });
    while let Some(delta) = receive.recv().await {
        if matches!(delta, Delta::Text(_)) {
            break;
        }
    }
    assert!(real.is_busy().await);
    cancel.cancel();
    let ended = running.await.expect("nothing panics");
    assert!(matches!(ended, Err(ModelError::Cancelled)), "{ended:?}");
    let end = std::time::Instant::now() + Duration::from_secs(30);
    while real.is_busy().await {
        assert!(
            std::time::Instant::now() < end,
            "the server goes on speaking to nobody"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cache_and_the_reading_of_a_prompt_are_told() {
    let Some(real) = LlamaServer::start(16_384, &["--batch-size", "256"]) else {
        return;
    };
    let model = take_up(&real.url).await;
    let mut prompt = user(&"words and more words ".repeat(800));
    let counted = model.count(&prompt).await.expect("a count").tokens;
    let (first, deltas) = reply(&model, prompt.clone(), 4).await;
    let first = first.expect("a reply").usage;
    let prefill: Vec<(u32, u32)> = deltas
        .iter()
        .filter_map(|delta| match delta {
            Delta::Prefill {
                total, processed, ..
            } => Some((*total, *processed)),
            _ => None,
        })
        .collect();
    assert!(prefill.len() > 3, "{prefill:?}");
    assert!(prefill.is_sorted() && prefill.iter().all(|(total, _)| *total == counted));
    assert_eq!(prefill.last(), Some(&(counted, counted)));
    assert_eq!(
        (first.prompt_tokens, first.cached_tokens),
        (Some(counted), Some(0))
    );

    prompt.messages.push(Message::Assistant {
        text: "fine".into(),
        reasoning: None,
        calls: Vec::new(),
    });
    prompt.messages.push(Message::User {
        text: "and then?".into(),
    });
    let second = said(&model, prompt).await.usage;
    assert!(second.cached_tokens > Some(counted * 9 / 10), "{second:?}");
    assert!(second.prompt_ms.is_some() && second.reply_tokens > Some(0));
}

#[tokio::test]
async fn what_was_truncated_shows_in_what_is_reported() {
    let faults = Faults {
        truncate: Some(100),
        ..Faults::default()
    };
    let server = ScriptedModel::start(
        Setup::new(Dialect::LlamaCpp).queue([Answer::say("well").with(faults)]),
    );
    let model = take_up(&server.url).await;
    let mut prompt = user(&"old words ".repeat(300));
    prompt.messages.push(Message::User { text: "new".into() });
    let counted = model.count(&prompt).await.expect("a count");
    let reported = said(&model, prompt)
        .await
        .usage
        .prompt_tokens
        .expect("it is reported");
    assert!(
        counted.exact && reported < counted.tokens,
        "{reported} of {counted:?}"
    );
}
