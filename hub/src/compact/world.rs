//! What the tests of compaction stand on: a model that counts by length and replies from a script, and a session with it whose tools are
//! the `workspace` server over a folder of its own.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use toolpool_config::{Config, Mode};
use toolpool_connectors::model::{
    About, Arguments, Counted, Counts, Delta, Dialect, Message, Model, ModelError, Prompt, Reply,
    ReplyCall, Request, Stop, Window, WindowSource,
};
use toolpool_connectors::model_files::ModelPlaces;
use toolpool_connectors::runtime::RuntimePlaces;
use toolpool_registry::TokenCounter;

use crate::agent::{Agent, Setup, Start};
use crate::approve::{Approver, Question, Said};
use crate::encoder::EncoderPlaces;
use crate::event_log::Recorder;
use crate::hub::{Hub, HubOptions};
use crate::journal::RealDisk;
use crate::journal::entry::ApproverKind;
use crate::journal::store::Store;

/// Made once: reading the vocabulary is slow in a test build.
pub(super) fn counter() -> &'static TokenCounter {
    static COUNTER: LazyLock<TokenCounter> = LazyLock::new(TokenCounter::bundled);
    &COUNTER
}

/// What a model says to its nth request.
type Script = Box<dyn Fn(&Prompt, usize) -> Reply + Send + Sync>;

/// A model.
pub(super) struct Fake {
    about: About,
    script: Script,
    /// Every request that it was sent, with the tokens of prompt and reply.
    pub(super) sent: Mutex<Vec<(Prompt, u32)>>,
}

impl Fake {
    pub(super) fn new(
        window: u32,
        exact: bool,
        script: impl Fn(&Prompt, usize) -> Reply + Send + Sync + 'static,
    ) -> Fake {
        Fake {
            about: About {
                template: Default::default(),
                dialect: Dialect::LlamaCpp,
                url: "http://127.0.0.1:8080".into(),
                model: "test".into(),
                window: Window {
                    tokens: window,
                    source: WindowSource::Person,
                },
                counts: if exact {
                    Counts::Exact
                } else {
                    Counts::Calibrated
                },
            },
            script: Box::new(script),
            sent: Mutex::default(),
        }
    }

    pub(super) fn prompts(&self) -> Vec<Prompt> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.iter().map(|(prompt, _)| prompt.clone()).collect()
    }
}

/// About three bytes are a token, and each message has something around it.
pub(super) fn tokens(prompt: &Prompt) -> u32 {
    let message = |message: &Message| match message {
        Message::System { text } | Message::User { text } | Message::Tool { text, .. } => {
            text.len()
        }
        Message::Assistant { text, calls, .. } => {
            let calls = calls
                .iter()
                .map(|call| call.name.len() + call.arguments.text().len() + 20);
            text.len() + calls.sum::<usize>()
        }
    };
    let messages = prompt.messages.iter().map(|it| message(it) / 3 + 5);
    let tools = prompt.tools.iter().map(|tool| tool.len() / 3);
    messages.chain(tools).sum::<usize>() as u32
}

impl Model for Fake {
    fn about(&self) -> &About {
        &self.about
    }

    fn count<'a>(&'a self, prompt: &'a Prompt) -> BoxFuture<'a, Result<Counted, ModelError>> {
        let tokens = tokens(prompt);
        let exact = self.about.counts == Counts::Exact;
        Box::pin(async move {
            Ok(Counted {
                tokens,
                raw: tokens,
                exact,
            })
        })
    }

    fn learn(&self, _: Counted, _: u32) {}

    fn reply<'a>(
        &'a self,
        request: Request,
        _: mpsc::Sender<Delta>,
        _: CancellationToken,
    ) -> BoxFuture<'a, Result<Reply, ModelError>> {
        let prompt = request.prompt().clone();
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let reply = (self.script)(&prompt, sent.len());
        let all = tokens(&prompt) + request.reply_max();
        sent.push((prompt, all));
        Box::pin(async move { Ok(reply) })
    }
}

/// A reply in words.
pub(super) fn says(text: &str) -> Reply {
    Reply {
        text: text.into(),
        stop: Stop::Done,
        ..Reply::default()
    }
}

/// A reply that calls.
pub(super) fn calls(name: &str, arguments: &Value) -> Reply {
    Reply {
        calls: vec![ReplyCall {
            name: name.into(),
            arguments: Arguments::new(&arguments.to_string()).expect("an object"),
            repair: None,
            fault: None,
            leaked: false,
        }],
        stop: Stop::Calls,
        ..Reply::default()
    }
}

/// What is wrong with a prompt for the strictest of chat templates.
pub(super) fn fault(prompt: &Prompt) -> Option<String> {
    let mut open: Vec<&str> = Vec::new();
    let mut before = "system";
    for (at, message) in prompt.messages.iter().enumerate() {
        let role = match message {
            Message::System { .. } if at == 0 => continue,
            Message::System { .. } => return Some(format!("a system message at {at}")),
            Message::User { text } if text.is_empty() => {
                return Some(format!("nothing said at {at}"));
            }
            Message::User { .. } => "user",
            Message::Assistant { .. } => "assistant",
            Message::Tool { .. } => "tool",
        };
        if let Message::Tool { call, .. } = message {
            if open.first() != Some(&call.as_str()) {
                return Some(format!("a result at {at} without its call"));
            }
            open.remove(0);
        } else if !open.is_empty() {
            return Some(format!("a call without its result before {at}"));
        }
        let fits = match role {
            "user" => before == "system" || before == "assistant",
            "assistant" => before == "user" || before == "tool",
            _ => true,
        };
        if !fits {
            return Some(format!("{role} after {before} at {at}"));
        }
        if let Message::Assistant { calls, .. } = message {
            open = calls.iter().map(|call| call.id.as_str()).collect();
        }
        before = role;
    }
    (before != "user").then(|| format!("the last is {before}"))
}

/// A person who says yes, or nobody.
struct Person(bool);

impl Approver for Person {
    fn kind(&self) -> ApproverKind {
        ApproverKind::Terminal
    }

    fn ask<'a>(&'a self, _: &'a Question) -> BoxFuture<'a, Said> {
        Box::pin(async { if self.0 { Said::Once } else { Said::Nobody } })
    }
}

/// A session over a folder.
pub(super) struct World {
    pub(super) agent: Agent,
    pub(super) model: Arc<Fake>,
    pub(super) folder: tempfile::TempDir,
    hub: Arc<Hub>,
    _state: tempfile::TempDir,
}

impl World {
    pub(super) async fn new(model: Fake, deny: &[&str]) -> World {
        let (folder, state) = (
            tempfile::tempdir().expect("a folder"),
            tempfile::tempdir().expect("a folder"),
        );
        let mut config = Config::default();
        config.embedding.enabled = false;
        let store = Store::new(state.path().to_owned(), Arc::new(RealDisk));
        let place = || PathBuf::from(state.path());
        let hub = Hub::start(
            config,
            HubOptions {
                folder: folder.path().to_owned(),
                cache: None,
                encoder: EncoderPlaces {
                    runtime: RuntimePlaces::default(),
                    models: ModelPlaces {
                        cache_dir: place(),
                        hub: String::new(),
                        may_fetch: false,
                        bytes_max: 0,
                        limit: Duration::ZERO,
                    },
                    fetch_limit: Duration::ZERO,
                },
                guard_program: None,
                inherit_env: std::collections::BTreeMap::new(),
                counter: TokenCounter::bundled(),
                offline: std::collections::BTreeMap::new(),
                seed: 1,
                store: None,
                recorder: Recorder::off(),
            },
        );
        hub.first(false).await;
        let model = Arc::new(model);
        let setup = Setup {
            agent: None,
            above: None,
            hub: hub.clone(),
            model: model.clone(),
            approver: Arc::new(Person(true)),
            store,
            start: Start::New,
            profile: None,
            deny: deny.iter().map(|pattern| (*pattern).to_owned()).collect(),
            mode: Some(Mode::Ask),
            folder: folder.path().to_owned(),
            remember: None,
        };
        let (agent, _) = Agent::open(setup).await.expect("a session");
        World {
            agent,
            model,
            folder,
            hub,
            _state: state,
        }
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        std::fs::write(self.folder.path().join(path), text).expect("a file");
    }

    pub(super) async fn turn(&mut self, words: &str) {
        self.agent
            .turn(words, CancellationToken::new())
            .await
            .expect("a turn");
    }

    pub(super) async fn end(self) {
        self.agent.close().await;
        self.hub.shutdown().await;
    }
}
