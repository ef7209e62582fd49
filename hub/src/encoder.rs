//! Brings up the encoder beside everything else: the hub ranks by words until it is there, and says
//! so once where it can't be had.
//!
//! Every library that is on the machine is tried before one is fetched: an old one of the system, or a
//! configured one that is broken, costs a warning and not the meaning of words.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use toolpool_config::EmbeddingSettings;
use toolpool_connectors::model_files;
use toolpool_connectors::runtime::{self, FetchProgress};
use toolpool_registry::{Error, embed::Encoder};

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
            state.send_replace(EncoderState::Ready {
                model: encoder.model().to_owned(),
            });
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

    /// The same, with what had been tried before.
    fn after(mut self, refused: Vec<String>) -> Failure {
        for earlier in refused {
            self.reason.push_str(&format!("; {earlier}"));
        }
        self
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
    let library = library(settings, places, |progress: FetchProgress| {
        say(progress.phase.to_string(), progress.bytes, progress.total);
    })
    .await?;
    let files = model_files::get(
        &settings.model,
        &places.models,
        |progress: FetchProgress| {
            say(progress.phase.to_string(), progress.bytes, progress.total);
        },
    )
    .await
    .map_err(|error| Failure::new(&error, error.hint()))?;
    say("loading the encoder".into(), None, None);
    blocking(move || Encoder::load(&library, files))
        .await?
        .map_err(|error| Failure::new(&error, error.hint()))
}

/// A loaded ONNX Runtime: the first of this machine's that is usable, else a fetched one.
async fn library(
    settings: &EmbeddingSettings,
    places: &EncoderPlaces,
    fetching: impl Fn(FetchProgress) + Send + Sync,
) -> Result<PathBuf, Failure> {
    let here = runtime::candidates(&places.runtime)
        .into_iter()
        .map(|found| found.path)
        .collect();
    let refused = match blocking(move || first_usable(here, Encoder::load_runtime)).await? {
        Ok(library) => return Ok(library),
        Err(refused) => refused,
    };
    if !settings.fetch {
        return Err(Failure {
            reason: "no usable ONNX Runtime is on this machine, and `embedding.fetch` is off"
                .into(),
            hint: Some("install it, set `embedding.runtime`, or allow the fetch".into()),
        }
        .after(refused));
    }
    let fetched = runtime::fetch(&places.runtime, places.fetch_limit, fetching)
        .await
        .map_err(|error| Failure::new(&error, error.hint()).after(refused))?;
    let library = fetched.clone();
    blocking(move || Encoder::load_runtime(&fetched))
        .await?
        .map_err(|error| Failure::new(&error, error.hint()))?;
    Ok(library)
}

/// The first of `libraries` that loads, or why each did not, as a line with its causes.
fn first_usable(
    libraries: Vec<PathBuf>,
    load: impl Fn(&Path) -> Result<(), Error>,
) -> Result<PathBuf, Vec<String>> {
    let mut refused = Vec::new();
    for library in libraries {
        match load(&library) {
            Ok(()) => return Ok(library),
            Err(error) => {
                let Failure { reason, .. } = Failure::new(&error, None);
                tracing::warn!(%reason, "passed over, the next one is tried");
                refused.push(reason);
            }
        }
    }
    Err(refused)
}

/// Runs what reads and maps large files beside the tasks.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::new(&error, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_does_not_load_is_passed_over() {
        let load = |path: &Path| match path.to_str() {
            Some("/new.so") => Ok(()),
            _ => Err(Error::Runtime {
                library: path.to_path_buf(),
                source: "version 1.16 is too old".into(),
            }),
        };
        let refused =
            |path: &str| format!("cannot load ONNX Runtime from `{path}`: version 1.16 is too old");
        for (here, expected) in [
            (
                vec!["/old.so", "/new.so", "/older.so"],
                Ok("/new.so".into()),
            ),
            (
                vec!["/old.so", "/older.so"],
                Err(vec![refused("/old.so"), refused("/older.so")]),
            ),
            (vec![], Err(vec![])),
        ] {
            let here = here.into_iter().map(PathBuf::from).collect();
            assert_eq!(first_usable(here, load), expected);
        }
    }

    #[test]
    fn what_was_passed_over_is_said_when_nothing_is_left() {
        let failure = || Failure {
            reason: "it could not be fetched".into(),
            hint: None,
        };
        assert_eq!(failure().after(vec![]).reason, "it could not be fetched");
        let refused = vec!["`/a.so` is old".into(), "`/b.so` is broken".into()];
        let reason = "it could not be fetched; `/a.so` is old; `/b.so` is broken";
        assert_eq!(failure().after(refused).reason, reason);
    }
}
