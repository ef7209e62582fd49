//! Servers that speak OpenAI's API and differ in where they say their window: LM Studio, vLLM, and those nothing is known of.

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use toolpool_config::fixed::ASK_WITHIN;

use super::body::{self, Sampling};
use super::calibrate::Local;
use super::connect::{named, said, window};
use super::discover;
use super::facts::{self, Answers, number};
use super::oracle;
use super::stream::{self, Ask, Framing};
use super::wire::{Trouble, Wire};
use super::{
    About, Counted, Counts, Delta, Dialect, Message, Model, ModelError, Named, Options, Prompt,
    Reply, Request, Window, chunk,
};

/// A model behind one of these servers.
pub(super) struct OpenAi {
    wire: Wire,
    about: About,
    local: Local,
    temperature: Option<f64>,
}

impl OpenAi {
    pub(super) async fn new(
        wire: Wire,
        dialect: Dialect,
        model: &Named,
        answers: &Answers,
        options: Options,
    ) -> Result<OpenAi, ModelError> {
        let (model, window) = match dialect {
            Dialect::LmStudio => studio(&wire, model, options.window).await,
            _ => (
                model.clone(),
                listed(&wire, dialect, model, answers, options.window),
            ),
        };
        let mut openai = OpenAi {
            about: About {
                dialect,
                url: wire.url().to_owned(),
                model: model.name,
                window,
                counts: Counts::Calibrated,
                template: options.template,
            },
            wire,
            local: Local::new(options.counter),
            temperature: options.temperature,
        };
        if dialect == Dialect::Vllm {
            let probe = Prompt {
                messages: vec![Message::User { text: "?".into() }],
                tools: Vec::new(),
            };
            if openai.ask_count(&probe).await.is_ok() {
                openai.about.counts = Counts::Exact;
            }
        }
        Ok(openai)
    }

    /// Tokens by vLLM's `/tokenize`, which renders messages and tools itself.
    async fn ask_count(&self, prompt: &Prompt) -> Result<u32, Trouble> {
        let body = body::openai(&self.about, prompt).and_then(|body| body::bytes(&body));
        let body = Some(body.map_err(Trouble::Final)?);
        let answer = self.wire.json("/tokenize", body, ASK_WITHIN).await?;
        number(&answer["count"]).ok_or_else(|| {
            Trouble::Final(ModelError::Garbled {
                what: "no count of tokens".into(),
            })
        })
    }
}

/// The window as the list of models says it.
fn listed(
    wire: &Wire,
    dialect: Dialect,
    model: &Named,
    answers: &Answers,
    person: Option<u32>,
) -> Window {
    let server = match dialect {
        Dialect::Vllm => said(model, "/v1/models max_model_len"),
        _ => facts::listed(&answers.models, &model.name)
            .and_then(facts::stated)
            .map(|(tokens, field)| (tokens, format!("/v1/models {field}"))),
    };
    window(server, person, || {
        format!(
            "the server at `{}` does not say it in `/v1/models`",
            wire.url()
        )
    })
}

/// LM Studio's model, loaded, and its window. What fails here is told by the first reply.
async fn studio(wire: &Wire, model: &Named, person: Option<u32>) -> (Named, Window) {
    let mut model = model.clone();
    if !model.loaded {
        let mut load = json!({"model": model.name});
        if let Some(tokens) = person {
            load["context_length"] = Value::from(tokens);
        }
        let loaded = wire
            .json(
                "/api/v1/models/load",
                Some(load.to_string().into_bytes()),
                wire.silence(),
            )
            .await;
        if let Ok(answer) = loaded {
            let (answers, _) = discover::ask(wire, ASK_WITHIN).await;
            let instance = answer["instance_id"].as_str();
            let name = instance.unwrap_or(&model.name).to_owned();
            let models = facts::read(&answers).map(|(_, models)| models);
            let known = models
                .into_iter()
                .flatten()
                .find(|known| known.name == name);
            model = known.unwrap_or(model);
        }
    }
    let server = said(
        &model,
        "/api/v1/models loaded_instances.config.context_length",
    );
    let window = window(server, person, || {
        format!(
            "LM Studio does not say with which context `{}` is loaded",
            model.name
        )
    });
    (model, window)
}

impl Model for OpenAi {
    fn about(&self) -> &About {
        &self.about
    }

    fn count<'a>(&'a self, prompt: &'a Prompt) -> BoxFuture<'a, Result<Counted, ModelError>> {
        async move {
            if self.about.counts == Counts::Calibrated {
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
                ..Sampling::default()
            });
            let ask = Ask {
                path: "/v1/chat/completions",
                body: body::bytes(&body)?,
                framing: Framing::Events,
                decode: chunk::openai,
                tools: &request.prompt().tools,
            };
            stream::reply(&self.wire, ask, deltas, cancel)
                .await
                .map_err(|error| named(error, &self.about.model))
        }
        .boxed()
    }
}
