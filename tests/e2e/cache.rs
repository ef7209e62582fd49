//! Every cause of a lost prompt cache, brought about against the real llama-server: two requests and what happens between them,
//! held against the tokens that the server itself reports. `provoked` has an arm for each cause and no other, so that a cause
//! without a provocation does not compile.
//!
//! A pin to a slot, a resumed session and what people read of it stand behind that. What each cause says where there is no server
//! to ask is proved beside `cause`.

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use toolpool::cache::{Sent, cause, predicted};
use toolpool::journal::entry::{CacheCause, Served, SlotSeen};
use toolpool_connectors::model::{
    Arguments, Message, Options, Prompt, Request, SharedModel, Slot, ToolCall, connect,
};
use toolpool_tests::env::TestEnv;
use toolpool_tests::llama::{LlamaServer, installed};
use toolpool_tests::model::{Answer, Dialect, ScriptedModel, Setup};

const WINDOW: u32 = 4096;
/// Without the memory in which the server keeps what was driven out of a slot: a loss has to be seen.
const FORGETFUL: [&str; 2] = ["--cache-ram", "0"];

fn start(window: u32, more: &[&str]) -> Option<LlamaServer> {
    LlamaServer::start(window, &[&FORGETFUL, more].concat())
}

async fn take_up(server: &LlamaServer, template: Option<&str>) -> SharedModel {
    let options = Options {
        template: template.map(Into::into),
        ..Options::default()
    };
    let model = connect(&server.url, None, options).await;
    model.unwrap_or_else(|error| panic!("{error}"))
}

/// Sends a prompt as the agent does; what was sent, and the tokens that were in the cache.
async fn ask(model: &SharedModel, turn: u32, prompt: &Prompt) -> (Sent, u32) {
    let counted = model.count(prompt).await.expect("the server counts");
    let request = Request::within(model.about(), prompt.clone(), counted, 4).expect("it fits");
    let seen = |slot: Slot| SlotSeen {
        id: slot.id,
        task: slot.task,
        asked: slot.asked,
    };
    let before = model.slot().await.map(seen);
    let (deltas, _) = mpsc::channel(8);
    let reply = model.reply(request, deltas, CancellationToken::new()).await;
    let usage = reply.expect("the server replies").usage;
    let served = Served {
        url: model.about().url.clone(),
        model: model.about().model.clone(),
        window: model.about().window.tokens,
        template: model.about().template.as_deref().map(Into::into),
        before,
        after: model.slot().await.map(seen),
    };
    let sent = Sent {
        turn,
        prompt: prompt.clone(),
        counted,
        reported: usage.prompt_tokens,
        served,
    };
    (sent, usage.cached_tokens.expect("this server says it"))
}

fn tool(name: &str, says: &str) -> std::sync::Arc<str> {
    json!({ "type": "function", "function": { "name": name, "description": says,
        "parameters": { "type": "object", "properties": { "path": { "type": "string" } } } } })
    .to_string()
    .into()
}

fn call(id: &str, arguments: &str) -> Message {
    Message::Assistant {
        text: String::new(),
        reasoning: None,
        calls: vec![ToolCall {
            id: id.into(),
            name: "read".into(),
            arguments: Arguments::new(arguments).expect("an object"),
        }],
    }
}

fn result(id: &str, text: String) -> Message {
    Message::Tool {
        call: id.into(),
        name: "read".into(),
        text,
    }
}

fn user(text: &str) -> Message {
    Message::User { text: text.into() }
}

/// A turn of a few steps, each part of it long enough to be missed.
fn conversation() -> Prompt {
    let words = |word: &str| format!("{word} ").repeat(120);
    Prompt {
        tools: vec![
            tool("read", &words("reads")),
            tool("write", &words("writes")),
            tool("list", &words("lists")),
        ],
        messages: vec![
            Message::System {
                text: words("brief"),
            },
            user("read it"),
            call("001001000", "{\"path\":\"a\",\"line\":1}"),
            result("001001000", words("line")),
            call("001002000", "{\"path\":\"b\"}"),
            result("001002000", words("other")),
        ],
    }
}

/// The same with one step more.
fn grown() -> Prompt {
    let mut prompt = conversation();
    prompt.messages.push(call("001003000", "{\"path\":\"c\"}"));
    prompt.messages.push(result("001003000", "end".into()));
    prompt
}

type Found = Option<(CacheCause, String)>;

/// What is found of a second request on the same server, which is edited.
async fn edited(compacted: bool, edit: impl FnOnce(&mut Prompt)) -> Option<Found> {
    let server = start(WINDOW, &[])?;
    let model = take_up(&server, None).await;
    let (before, _) = ask(&model, 1, &conversation()).await;
    let mut prompt = grown();
    edit(&mut prompt);
    let (next, cached) = ask(&model, 1, &prompt).await;
    Some(cause(&before, &next, Some(cached), compacted))
}

/// What is found of a second request on another server.
async fn moved(window: u32, more: &[&str], same_address: bool) -> Option<Found> {
    let (first, second) = (start(WINDOW, &[])?, start(window, more)?);
    let (before, _) = ask(&take_up(&first, None).await, 1, &conversation()).await;
    let (mut next, cached) = ask(&take_up(&second, None).await, 1, &grown()).await;
    if same_address {
        // As it is where a service is started again. What is left to tell it by is the slot that has done nothing yet.
        next.served.url.clone_from(&before.served.url);
    }
    Some(cause(&before, &next, Some(cached), false))
}

fn template(name: &str) -> Option<String> {
    let templates = installed().ok()?.templates;
    Some(templates.join(name).display().to_string())
}

/// Brings a cause about and answers what is found; `None` where the real server can't be had.
async fn provoked(wanted: CacheCause) -> Option<Found> {
    match wanted {
        CacheCause::ToolBytes => edited(false, |p| p.tools[1] = tool("write", "writes.")).await,
        CacheCause::ToolOrder => edited(false, |p| p.tools.swap(0, 2)).await,
        CacheCause::ToolsChanged => edited(false, |p| drop(p.tools.remove(1))).await,
        CacheCause::SystemBytes => {
            edited(false, |p| {
                p.messages[0] = Message::System {
                    text: "It is Monday.".into(),
                };
            })
            .await
        }
        CacheCause::HistoryEdited => edited(false, |p| p.messages[1] = user("read that")).await,
        CacheCause::ArgumentsReserialized => {
            edited(false, |p| {
                p.messages[2] = call("001001000", "{\"line\":1,\"path\":\"a\"}");
            })
            .await
        }
        CacheCause::Compaction => {
            edited(true, |p| {
                p.messages[3] = result("001001000", "[cleared]".into());
            })
            .await
        }
        CacheCause::TemplateArguments => {
            let file = template("HuggingFaceTB-SmolLM3-3B.jinja")?;
            let server = start(WINDOW, &["--chat-template-file", &file])?;
            let talk = Prompt {
                messages: vec![user(&"word ".repeat(400))],
                tools: Vec::new(),
            };
            let (before, _) = ask(&take_up(&server, None).await, 1, &talk).await;
            let off = take_up(&server, Some("{\"enable_thinking\":false}")).await;
            let (next, cached) = ask(&off, 1, &talk).await;
            Some(cause(&before, &next, Some(cached), false))
        }
        CacheCause::ReasoningStripped => {
            let file = template("Qwen3.5-4B.jinja")?;
            let server = start(WINDOW, &["--chat-template-file", &file])?;
            let model = take_up(&server, None).await;
            let (before, _) = ask(&model, 1, &conversation()).await;
            let mut prompt = conversation();
            prompt.messages.push(Message::Assistant {
                text: "done".into(),
                reasoning: None,
                calls: Vec::new(),
            });
            prompt.messages.push(user("and now?"));
            let (next, cached) = ask(&model, 2, &prompt).await;
            Some(cause(&before, &next, Some(cached), false))
        }
        CacheCause::WindowChanged => moved(2 * WINDOW, &[], false).await,
        CacheCause::ModelChanged => moved(WINDOW, &["--alias", "other"], false).await,
        CacheCause::ServerRestarted => moved(WINDOW, &[], true).await,
        CacheCause::OwnRequest => {
            let server = start(WINDOW, &[])?;
            let model = take_up(&server, None).await;
            let (before, _) = ask(&model, 1, &conversation()).await;
            // As a delegate's where there is no second slot for it.
            assert!(model.beside().await.is_none());
            let aside = Prompt {
                messages: vec![user("is that so?")],
                tools: Vec::new(),
            };
            ask(&model.clone(), 1, &aside).await;
            let (next, cached) = ask(&model, 1, &grown()).await;
            Some(cause(&before, &next, Some(cached), false))
        }
        CacheCause::SlotTaken => {
            let server = start(WINDOW, &[])?;
            let model = take_up(&server, None).await;
            let (before, _) = ask(&model, 1, &conversation()).await;
            let other = Prompt {
                messages: vec![user("somebody else asks")],
                tools: Vec::new(),
            };
            let stranger = take_up(&server, None).await;
            ask(&stranger, 1, &other).await;
            let (next, cached) = ask(&model, 1, &grown()).await;
            Some(cause(&before, &next, Some(cached), false))
        }
        CacheCause::ServerForgot => {
            let folder = tempfile::tempdir().expect("a folder");
            let folder = folder.path().display().to_string();
            let server = start(WINDOW, &["--slot-save-path", &folder])?;
            let model = take_up(&server, None).await;
            let (before, _) = ask(&model, 1, &conversation()).await;
            let erase = format!("{}/slots/0?action=erase", server.url);
            let erased = reqwest::Client::new().post(erase).json(&json!({})).send();
            let status = erased.await.expect("the server answers").status();
            assert!(status.is_success(), "{status}");
            let (next, cached) = ask(&model, 1, &grown()).await;
            Some(cause(&before, &next, Some(cached), false))
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_cause_is_named_where_it_is_brought_about() {
    let mut wrong = Vec::new();
    for wanted in CacheCause::ALL {
        let Some(found) = provoked(wanted).await else {
            return;
        };
        if found.as_ref().map(|(cause, _)| *cause) != Some(wanted) {
            wrong.push(format!("{wanted:?}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_that_only_grows_is_found_in_the_cache() {
    let Some(server) = start(WINDOW, &[]) else {
        return;
    };
    let model = take_up(&server, None).await;
    let mut prompt = conversation();
    let (mut before, first) = ask(&model, 1, &prompt).await;
    assert!(first < before.tokens() / 2, "nothing of it was there");
    for turn in 2..5 {
        prompt.messages.push(Message::Assistant {
            text: "done".into(),
            reasoning: None,
            calls: Vec::new(),
        });
        prompt.messages.push(user("once more"));
        let (next, cached) = ask(&model, turn, &prompt).await;
        assert_eq!(cause(&before, &next, Some(cached), false), None);
        assert!(cached + 24 >= predicted(&before, &next), "{cached}");
        before = next;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delegate_beside_leaves_its_parent_in_the_cache() {
    let Some(server) = start(2 * WINDOW, &["--parallel", "2", "--no-kv-unified"]) else {
        return;
    };
    let parent = take_up(&server, None).await;
    let (before, _) = ask(&parent, 1, &conversation()).await;
    let delegate = parent.beside().await.expect("there is a second slot");
    let other = Prompt {
        messages: vec![user(&"another task ".repeat(50))],
        tools: Vec::new(),
    };
    let (theirs, _) = ask(&delegate, 1, &other).await;
    let (next, cached) = ask(&parent, 1, &grown()).await;
    let (ours, other) = (before.served.after, theirs.served.after);
    assert_ne!(ours.map(|slot| slot.id), other.map(|slot| slot.id));
    assert_eq!(cause(&before, &next, Some(cached), false), None);
    assert!(cached > before.tokens() * 9 / 10, "{cached}");
    // A session that is taken up again asks for the slot that it had.
    let id = ours.expect("the server shows its slots").id;
    let again = take_up(&server, None)
        .await
        .pinned(id)
        .expect("there is one");
    assert_eq!(again.slot().await.map(|slot| slot.id), Some(id));
    assert!(again.pinned(2).is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_slot_is_shared_and_that_is_known() {
    let Some(server) = start(WINDOW, &[]) else {
        return;
    };
    let model = take_up(&server, None).await;
    assert!(model.beside().await.is_none() && model.pinned(0).is_none());
    assert_eq!(model.slot().await.map(|slot| slot.id), Some(0));
}

/// A session of two processes: what is known of the first one's last request stands in the journal.
#[test]
fn a_resumed_session_knows_what_was_sent_before() {
    let env = TestEnv::new();
    env.servers("", &[]);
    let answers = [Answer::say("one"), Answer::say("two"), Answer::say("three")];
    let model = ScriptedModel::start(Setup::new(Dialect::LlamaCpp).queue(answers));
    let run = |words: &[&str]| {
        let front = ["--endpoint", &model.url];
        env.run(front.iter().chain(words)).ok()
    };
    // Long enough that it is missed once the text in front of it is another.
    run(&[&"word ".repeat(400)]);
    run(&["--continue", "say two"]);
    env.servers("agent.instructions = \"Be kind.\"\n", &[]);
    run(&["--continue", "say three"]);
    let log = env
        .run(["log", "--category", "cache", "--json"])
        .ok()
        .stdout;
    let reads: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("a record"))
        .collect();
    let causes: Vec<&Value> = reads.iter().map(|read| &read["cause"]).collect();
    assert_eq!(
        causes,
        [&Value::Null, &Value::Null, &json!("system-bytes")],
        "{log}"
    );
    assert_eq!(reads[0]["predicted"], 0);
    assert!(reads[1]["predicted"].as_u64() > Some(100), "{log}");
    let text = env.run(["log", "--category", "cache"]).ok().stdout;
    assert!(
        text.contains("cause=system-bytes place=`the system text"),
        "{text}"
    );
}
