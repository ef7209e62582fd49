//! Brings up the encoder beside everything else: the hub ranks by words until it is there, and says
//! so once where it can't be had.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use toolpool_config::EmbeddingSettings;
use toolpool_connectors::{model_files, runtime};
use toolpool_registry::embed::Encoder;

/// How far the encoder is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EncoderState {
    /// Switched off in the configuration.
    Off,
    /// On its way; the words name the phase, with bytes where something is fetched.
    Preparing {
        /// What is being done, for a progress line.
        what: String,
        /// Bytes so far.
        bytes: Option<u64>,
        /// Bytes in all, where known.
        total: Option<u64>,
    },
    /// In use.
    Ready {
        /// The model's name.
        model: String,
    },
    /// Not to be had: tools are ranked by words.
    Words {
        /// Why, as one line with its causes.
        reason: String,
        /// What to do about it.
        hint: Option<String>,
    },
}

impl EncoderState {
    /// Whether it will change by itself.
    pub fn is_settled(&self) -> bool {
        !matches!(self, Self::Preparing { .. })
    }
}

/// Where to look for the runtime and where to keep what was fetched.
#[derive(Clone, Debug)]
pub struct EncoderPlaces {
    /// Where ONNX Runtime may be.
    pub runtime: runtime::RuntimePlaces,
    /// Where fetched models are kept, and where they come from.
    pub models: model_files::ModelPlaces,
    /// How long a fetch of the runtime may take.
    pub fetch_limit: Duration,
}

/// Loads the encoder that the settings name, fetching what is missing where that is allowed.
pub(crate) async fn prepare(
    settings: EmbeddingSettings,
    places: EncoderPlaces,
    state: watch::Sender<EncoderState>,
) -> Option<Arc<Encoder>> {
    if !settings.enabled {
        state.send_replace(EncoderState::Off);
        return None;
    }
    match load(&settings, &places, &state).await {
        Ok(encoder) => {
            state.send_replace(EncoderState::Ready { model: encoder.model().to_owned() });
            Some(Arc::new(encoder))
        }
        Err(failure) => {
            let Failure { reason, hint } = failure;
            tracing::warn!(%reason, "no encoder: tools are ranked by words");
            state.send_replace(EncoderState::Words { reason, hint });
            None
        }
    }
}

struct Failure {
    reason: String,
    hint: Option<String>,
}

impl Failure {
    fn new(error: &dyn std::error::Error, hint: Option<String>) -> Failure {
        let mut reason = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            reason.push_str(&format!(": {next}"));
            cause = next.source();
        }
        Failure { reason, hint }
    }
}

async fn load(
    settings: &EmbeddingSettings,
    places: &EncoderPlaces,
    state: &watch::Sender<EncoderState>,
) -> Result<Encoder, Failure> {
    let say = |what: String, bytes, total| {
        state.send_replace(EncoderState::Preparing { what, bytes, total });
    };
    say("looking for ONNX Runtime".into(), None, None);
    let library = match runtime::locate(&places.runtime) {
        Some(library) => library,
        None if settings.fetch => runtime::fetch(&places.runtime, places.fetch_limit, |progress: runtime::FetchProgress| {
            say(progress.phase.to_string(), progress.bytes, progress.total);
        })
        .await
        .map_err(|error| Failure::new(&error, error.hint()))?,
        None => {
            return Err(Failure {
                reason: "ONNX Runtime is not on this machine, and `embedding.fetch` is off".into(),
                hint: Some("install it, set `embedding.runtime`, or allow the fetch".into()),
            });
        }
    };
    let files = model_files::get(&settings.model, &places.models, |progress: runtime::FetchProgress| {
        say(progress.phase.to_string(), progress.bytes, progress.total);
    })
    .await
    .map_err(|error| Failure::new(&error, error.hint()))?;
    say("loading the encoder".into(), None, None);
    tokio::task::spawn_blocking(move || Encoder::load(&library, files))
        .await
        .map_err(|error| Failure::new(&error, None))?
        .map_err(|error| Failure::new(&error, error.hint()))
}
