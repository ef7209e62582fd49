//! Ollama by its own API: `/v1` can neither set the window nor refuse to truncate.
//!
//! The window is chosen once and sent with every request, bit-equal, since another one loads the model again. `truncate` and
//! `shift` are off, so that a prompt that does not fit is an error and no silent loss.

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::Serialize;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use toolpool_config::fixed::{ASK_WITHIN, MODEL_KEPT_FOR, NUM_CTX_DEFAULT, NUM_CTX_STEP};

use super::body::{self, OllamaChat, OllamaOptions};
use super::calibrate::Local;
use super::connect::{named, window};
use super::stream::{self, Ask, Framing};
use super::wire::Wire;
use super::{
    About, Counted, Counts, Delta, Dialect, Model, ModelError, Named, Options, Prompt, Reply,
    Request, chunk, facts,
};

/// A model behind Ollama.
pub(super) struct Ollama {
    wire: Wire,
    about: About,
    /// The same for the whole session.
    num_ctx: u32,
    local: Local,
    temperature: Option<f64>,
}

#[derive(Serialize)]
struct Load<'a> {
    model: &'a str,
    stream: bool,
    keep_alive: String,
    options: OllamaOptions,
}

impl Ollama {
    pub(super) async fn new(
        wire: Wire,
        model: &Named,
        options: Options,
    ) -> Result<Ollama, ModelError> {
        let name = &model.name;
        let question = body::bytes(&json!({"model": name}))?;
        let show = wire.json("/api/show", Some(question), ASK_WITHIN).await;
        let most = facts::ollama_most(&show.unwrap_or_default());
        let num_ctx = num_ctx(options.window, model.window, most);
        let load = body::bytes(&Load {
            model: name,
            stream: false,
            keep_alive: keep_alive(),
            options: OllamaOptions {
                num_ctx,
                ..OllamaOptions::default()
            },
        })?;
        wire.json("/api/generate", Some(load), wire.silence())
            .await
            .map_err(|trouble| named(trouble.into_error(), name))?;
        let loaded = wire.json("/api/ps", None, ASK_WITHIN).await;
        let confirmed = facts::ollama_window(&loaded.unwrap_or_default(), name);
        let server = confirmed.map(|tokens| (tokens, "/api/ps context_length".to_owned()));
        let mut window = window(server, options.window, || {
            "`/api/ps` does not say with which context the model is loaded".into()
        });
        // Not confirmed, but not more than was asked for either.
        window.tokens = window.tokens.min(confirmed.unwrap_or(num_ctx));
        Ok(Ollama {
            about: About {
                dialect: Dialect::Ollama,
                url: wire.url().to_owned(),
                model: name.clone(),
                window,
                counts: Counts::Calibrated,
                template: None,
            },
            wire,
            num_ctx,
            local: Local::new(options.counter),
            temperature: options.temperature,
        })
    }
}

/// The window of a session: a multiple of the step that holds what the person wants, else the one that is loaded, which
/// costs no loading, else a middling one; never more than the model was made for.
fn num_ctx(person: Option<u32>, loaded: Option<u32>, most: Option<u32>) -> u32 {
    let most = most.unwrap_or(u32::MAX);
    match (person, loaded) {
        (Some(person), _) => person
            .div_ceil(NUM_CTX_STEP)
            .saturating_mul(NUM_CTX_STEP)
            .min(most),
        (None, Some(loaded)) => loaded,
        (None, None) => NUM_CTX_DEFAULT.min(most),
    }
}

fn keep_alive() -> String {
    format!("{}s", MODEL_KEPT_FOR.as_secs())
}

impl Model for Ollama {
    fn about(&self) -> &About {
        &self.about
    }

    fn count<'a>(&'a self, prompt: &'a Prompt) -> BoxFuture<'a, Result<Counted, ModelError>> {
        std::future::ready(Ok(self.local.count(prompt))).boxed()
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
            let prompt = request.prompt();
            let body = OllamaChat {
                model: &self.about.model,
                messages: body::ollama(prompt)?,
                tools: body::tools(prompt)?,
                stream: true,
                truncate: false,
                shift: false,
                keep_alive: keep_alive(),
                options: OllamaOptions {
                    num_ctx: self.num_ctx,
                    num_predict: Some(request.reply_max()),
                    temperature: self.temperature,
                },
            };
            let ask = Ask {
                path: "/api/chat",
                body: body::bytes(&body)?,
                framing: Framing::Lines,
                decode: chunk::ollama,
                tools: &prompt.tools,
            };
            stream::reply(&self.wire, ask, deltas, cancel)
                .await
                .map_err(|error| named(error, &self.about.model))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_chosen_in_steps() {
        for (person, loaded, most, expected) in [
            (Some(6_000), Some(4_096), Some(40_960), 8_192),
            (Some(8_192), None, None, 8_192),
            (Some(100_000), None, Some(40_960), 40_960),
            (None, Some(32_768), Some(40_960), 32_768),
            (None, None, Some(40_960), 8_192),
            (None, None, Some(2_048), 2_048),
            (None, None, None, 8_192),
        ] {
            assert_eq!(
                num_ctx(person, loaded, most),
                expected,
                "{person:?} {loaded:?} {most:?}"
            );
        }
    }
}
