//! Taking up a model: which server, which model, how large its window really is, and how its tokens can be counted.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use toolpool_config::fixed::{ASK_WITHIN, MODEL_LOADING_PAUSE, WINDOW_ASSUMED};
use toolpool_config::{Config, ModelSettings, Secret};
use toolpool_registry::TokenCounter;

use super::discover::ask;
use super::facts::{self, Answers};
use super::llama::Llama;
use super::ollama::Ollama;
use super::openai::OpenAi;
use super::wire::Wire;
use super::{Dialect, ModelError, Named, SharedModel, Window, WindowSource};

/// What a person may say about every request.
#[derive(Debug, Clone)]
pub struct Options {
    /// Sent as a bearer token.
    pub api_key: Option<Secret>,
    /// Use no more than this of the window.
    pub window: Option<u32>,
    /// How long a server may say nothing before a request is given up.
    pub silence: Duration,
    /// Sent where it is set; the model's own otherwise.
    pub temperature: Option<f64>,
    /// What the template is told beyond the conversation, as JSON; for servers that speak OpenAI's API.
    pub template: Option<Arc<str>>,
    /// Counts where the server can't be asked.
    pub counter: TokenCounter,
}

impl Options {
    /// As the configuration says.
    #[must_use]
    pub fn new(settings: &ModelSettings, counter: TokenCounter) -> Options {
        Options {
            api_key: settings.api_key.clone(),
            window: settings.window,
            silence: Duration::try_from_secs_f64(settings.silence_s).unwrap_or(Duration::MAX),
            temperature: settings.temperature,
            template: template(settings),
            counter,
        }
    }
}

/// The same bytes for the same arguments: their names are sorted.
fn template(settings: &ModelSettings) -> Option<Arc<str>> {
    let arguments = &settings.template_arguments;
    let text = serde_json::to_string(arguments).ok()?;
    (!arguments.is_empty()).then(|| text.into())
}

impl Default for Options {
    fn default() -> Options {
        Options::new(&Config::default().model, TokenCounter::bundled())
    }
}

/// Takes up the model of that name; the loaded or the first one where no name is given. A server that is loading is waited
/// for; Ollama and LM Studio are made to load, since only a loaded model has a window.
///
/// # Errors
/// [`ModelError::Unreachable`] and [`ModelError::NoModel`] foremost; others as the server fails.
pub async fn connect(
    url: &str,
    name: Option<&str>,
    options: Options,
) -> Result<SharedModel, ModelError> {
    let wire = Wire::new(url, &options)?;
    let (answers, why) = when_loaded(&wire).await?;
    let Some((dialect, models)) = facts::read(&answers) else {
        return Err(why.unwrap_or_else(|| ModelError::Garbled {
            what: format!("`{}/v1/models` is no list of models", wire.url()),
        }));
    };
    let Some(model) = facts::choose(&models, name) else {
        return Err(ModelError::NoModel {
            url: wire.url().to_owned(),
            model: name.unwrap_or_default().to_owned(),
            known: models.into_iter().map(|model| model.name).collect(),
        });
    };
    Ok(match dialect {
        Dialect::LlamaCpp => {
            Arc::new(Llama::new(wire, model, models.len(), &answers, options).await?)
        }
        Dialect::Ollama => Arc::new(Ollama::new(wire, model, options).await?),
        Dialect::LmStudio | Dialect::Vllm | Dialect::OpenAi => {
            Arc::new(OpenAi::new(wire, dialect, model, &answers, options).await?)
        }
    })
}

/// Asks until the server has loaded, which it may take as long for as it may be silent.
async fn when_loaded(wire: &Wire) -> Result<(Answers, Option<ModelError>), ModelError> {
    let since = Instant::now();
    loop {
        let (answers, why) = ask(wire, ASK_WITHIN).await;
        if !answers.loading {
            return Ok((answers, why));
        }
        if since.elapsed() >= wire.silence() {
            return Err(ModelError::Stalled {
                after: wire.silence(),
            });
        }
        sleep(MODEL_LOADING_PAUSE).await;
    }
}

/// The window, from what the server says (and where) and what the person says.
pub(super) fn window(
    server: Option<(u32, String)>,
    person: Option<u32>,
    why: impl FnOnce() -> String,
) -> Window {
    match (server, person) {
        (Some((tokens, _)), Some(person)) if person < tokens => Window {
            tokens: person,
            source: WindowSource::Person,
        },
        (Some((tokens, field)), _) => Window {
            tokens,
            source: WindowSource::Server { field },
        },
        // Nobody contradicts the person, who may know the server's command line.
        (None, Some(person)) => Window {
            tokens: person,
            source: WindowSource::Person,
        },
        (None, None) => Window {
            tokens: WINDOW_ASSUMED,
            source: WindowSource::Assumed { why: why() },
        },
    }
}

/// The error with the model's name, where the server says that it has no such model.
pub(super) fn named(error: ModelError, name: &str) -> ModelError {
    match error {
        ModelError::NoModel { url, known, .. } => ModelError::NoModel {
            url,
            model: name.to_owned(),
            known,
        },
        other => other,
    }
}

/// As [`Named::window`], with the place where it was said.
pub(super) fn said(model: &Named, field: &str) -> Option<(u32, String)> {
    Some((model.window?, field.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_person_caps_the_window_and_never_raises_it() {
        let server = |tokens| Some((tokens, "f".to_owned()));
        let field = || WindowSource::Server { field: "f".into() };
        for (said, person, tokens, source) in [
            (server(8_192), None, 8_192, field()),
            (server(8_192), Some(4_096), 4_096, WindowSource::Person),
            (server(8_192), Some(16_384), 8_192, field()),
            (None, Some(16_384), 16_384, WindowSource::Person),
            (
                None,
                None,
                WINDOW_ASSUMED,
                WindowSource::Assumed { why: "w".into() },
            ),
        ] {
            assert_eq!(
                window(said, person, || "w".into()),
                Window { tokens, source }
            );
        }
    }
}
