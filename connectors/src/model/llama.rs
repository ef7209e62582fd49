//! llama.cpp's llama-server: OpenAI's API with its own window, counter, prompt cache and progress.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use toolpool_config::fixed::ASK_WITHIN;

use super::body::{self, Sampling};
use super::calibrate::Local;
use super::connect::{named, said, window};
use super::facts::{self, Answers, number};
use super::oracle;
use super::stream::{self, Ask, Framing};
use super::wire::{Trouble, Wire};
use super::{
    About, Counted, Counts, Delta, Dialect, Message, Model, ModelError, Named, Options, Prompt,
    Reply, Request, SharedModel, Slot, chunk, slots,
};

/// A model behind llama-server.
#[derive(Clone)]
pub(super) struct Llama {
    wire: Wire,
    about: About,
    oracle: Oracle,
    local: Arc<Local>,
    /// The one that requests are pinned to.
    slot: Option<u32>,
    /// How many there are, as the requests that went to each: counted by all that share this connection.
    asked: Arc<[AtomicU64]>,
    temperature: Option<f64>,
}

/// How the server counts a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Oracle {
    /// In one question.
    Chat,
    /// Renders it, and counts the text.
    Template,
    /// Not at all.
    None,
}

impl Llama {
    pub(super) async fn new(
        wire: Wire,
        model: &Named,
        models: usize,
        answers: &Answers,
        options: Options,
    ) -> Result<Llama, ModelError> {
        let field = "/props default_generation_settings.n_ctx";
        let own = if models > 1 {
            // A router has the properties of each model, and loads it to say them.
            let query = reqwest::Url::parse_with_params("http://h/", [("model", &model.name)]).ok();
            let query = query
                .as_ref()
                .and_then(|url| url.query())
                .unwrap_or_default();
            let props = wire
                .json(&format!("/props?{query}"), None, wire.silence())
                .await
                .unwrap_or_default();
            facts::llama_window(&props)
        } else {
            facts::llama_window(&answers.props)
        };
        let server = own
            .map(|tokens| (tokens, field.to_owned()))
            .or_else(|| said(model, "/v1/models meta.n_ctx"));
        let window = window(server, options.window, || {
            "neither `/props` nor `/v1/models` names the context".into()
        });
        let mut llama = Llama {
            about: About {
                dialect: Dialect::LlamaCpp,
                url: wire.url().to_owned(),
                model: model.name.clone(),
                window,
                counts: Counts::Calibrated,
                template: options.template,
            },
            wire,
            oracle: Oracle::None,
            local: Arc::new(Local::new(options.counter)),
            slot: None,
            asked: Arc::default(),
            temperature: options.temperature,
        };
        let slots = llama.slots().await;
        llama.asked = slots.iter().map(|_| AtomicU64::new(0)).collect();
        llama.slot = slots::choose(&slots, None);
        let probe = Prompt {
            messages: vec![Message::User { text: "?".into() }],
            tools: Vec::new(),
        };
        for oracle in [Oracle::Chat, Oracle::Template] {
            llama.oracle = oracle;
            if llama.ask_count(&probe).await.is_ok() {
                llama.about.counts = Counts::Exact;
                return Ok(llama);
            }
        }
        llama.oracle = Oracle::None;
        Ok(llama)
    }

    /// The requests that went to its slot; a single one is everybody's.
    fn asked(&self) -> Option<&AtomicU64> {
        self.asked.get(self.slot.unwrap_or(0) as usize)
    }

    /// The server's slots; none where it does not show them, as one that was started so or a router does.
    async fn slots(&self) -> Vec<(Slot, bool)> {
        let answer = self.wire.json("/slots", None, ASK_WITHIN).await;
        slots::read(&answer.unwrap_or_default())
    }

    /// Tokens as `usage.prompt_tokens` will say them.
    async fn ask_count(&self, prompt: &Prompt) -> Result<u32, Trouble> {
        let body = body::openai(&self.about, prompt).and_then(|body| body::bytes(&body));
        let body = Some(body.map_err(Trouble::Final)?);
        let ask = |path: &'static str, body| self.wire.json(path, body, ASK_WITHIN);
        let count = match self.oracle {
            Oracle::Chat => {
                let answer = ask("/v1/chat/completions/input_tokens", body).await?;
                number(&answer["input_tokens"])
            }
            Oracle::Template => {
                let rendered = ask("/apply-template", body).await?;
                let Value::String(text) = &rendered["prompt"] else {
                    return Err(not_counted());
                };
                // As the server itself does it: the template may have left the first token to the tokenizer, and has written
                // the marks of messages as text.
                let text = json!({"content": text, "add_special": true, "parse_special": true});
                let body = body::bytes(&text).map_err(Trouble::Final)?;
                let answer = ask("/tokenize", Some(body)).await?;
                answer["tokens"]
                    .as_array()
                    .and_then(|tokens| u32::try_from(tokens.len()).ok())
            }
            Oracle::None => None,
        };
        count.ok_or_else(not_counted)
    }
}

fn not_counted() -> Trouble {
    Trouble::Final(ModelError::Garbled {
        what: "no count of tokens".into(),
    })
}

impl Model for Llama {
    fn about(&self) -> &About {
        &self.about
    }

    fn count<'a>(&'a self, prompt: &'a Prompt) -> BoxFuture<'a, Result<Counted, ModelError>> {
        async move {
            if self.oracle == Oracle::None {
                return Ok(self.local.count(prompt));
            }
            oracle::counted(&self.local, prompt, || self.ask_count(prompt)).await
        }
        .boxed()
    }

    fn learn(&self, counted: Counted, reported: u32) {
        self.local.learn(counted, reported);
    }

    fn reply<'a>(
        &'a self,
        request: Request,
        deltas: mpsc::Sender<Delta>,
        cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<Reply, ModelError>> {
        async move {
            let mut body = body::openai(&self.about, request.prompt())?;
            body.sampling = Some(Sampling {
                stream: true,
                max_tokens: request.reply_max(),
                temperature: self.temperature,
                cache_prompt: Some(true),
                id_slot: self.slot,
                return_progress: Some(true),
                ..Sampling::default()
            });
            let ask = Ask {
                path: "/v1/chat/completions",
                body: body::bytes(&body)?,
                framing: Framing::Events,
                decode: chunk::openai,
                tools: &request.prompt().tools,
            };
            if let Some(asked) = self.asked() {
                asked.fetch_add(1, Ordering::Relaxed);
            }
            stream::reply(&self.wire, ask, deltas, cancel)
                .await
                .map_err(|error| named(error, &self.about.model))
        }
        .boxed()
    }

    fn slot(&self) -> BoxFuture<'_, Option<Slot>> {
        async move {
            let slots = self.slots().await;
            let own = self.slot.unwrap_or(0);
            let known = slots.len() == 1 || self.slot.is_some();
            let slot = slots.into_iter().map(|(slot, _)| slot);
            let slot = slot.filter(|_| known).find(|slot| slot.id == own)?;
            let asked = self
                .asked()
                .map_or(0, |asked| asked.load(Ordering::Relaxed));
            Some(Slot { asked, ..slot })
        }
        .boxed()
    }

    fn beside(&self) -> BoxFuture<'_, Option<SharedModel>> {
        async move {
            let slot = slots::choose(&self.slots().await, Some(self.slot?))?;
            let beside = Llama {
                slot: Some(slot),
                ..self.clone()
            };
            Some(Arc::new(beside) as SharedModel)
        }
        .boxed()
    }

    fn pinned(&self, slot: u32) -> Option<SharedModel> {
        (self.slot.is_some() && (slot as usize) < self.asked.len()).then(|| {
            let pinned = Llama {
                slot: Some(slot),
                ..self.clone()
            };
            Arc::new(pinned) as SharedModel
        })
    }
}
