//! STUB of `toolpool_connectors::model::{discover, connect, Options, Found, Named}`, dropped at the merge.
//! A model named `stub` answers at `http://stub`, so that the terminal can be tried by hand.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use toolpool_config::Secret;
use toolpool_connectors::model::{
    About, Counted, Counts, Delta, Dialect, Model, ModelError, Prompt, Reply, Request, SharedModel,
    Window, WindowSource,
};
use toolpool_registry::TokenCounter;

pub(super) struct Options {
    #[expect(dead_code, reason = "STUB")]
    pub(super) api_key: Option<Secret>,
    pub(super) window: Option<u32>,
    #[expect(dead_code, reason = "STUB")]
    pub(super) silence: Duration,
    #[expect(dead_code, reason = "STUB")]
    pub(super) temperature: Option<f64>,
    #[expect(dead_code, reason = "STUB")]
    pub(super) counter: TokenCounter,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) url: String,
    pub(super) dialect: Dialect,
    pub(super) models: Vec<Named>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) loaded: bool,
    pub(super) window: Option<u32>,
}

pub(super) async fn discover(_places: &[String], _options: &Options) -> Vec<Found> {
    Vec::new()
}

pub(super) async fn connect(
    url: &str,
    name: Option<&str>,
    options: Options,
) -> Result<SharedModel, ModelError> {
    if url != "http://stub" {
        return Err(ModelError::Unreachable {
            url: url.into(),
            reason: "this is a stub".into(),
        });
    }
    Ok(Arc::new(Stub(About {
        dialect: Dialect::OpenAi,
        url: url.into(),
        model: name.unwrap_or("stub").into(),
        window: Window {
            tokens: options.window.unwrap_or(4096),
            source: match options.window {
                Some(_) => WindowSource::Person,
                None => WindowSource::Assumed {
                    why: "this is a stub".into(),
                },
            },
        },
        counts: Counts::Calibrated,
    })))
}

struct Stub(About);

impl Model for Stub {
    fn about(&self) -> &About {
        &self.0
    }

    fn count<'a>(&'a self, _prompt: &'a Prompt) -> BoxFuture<'a, Result<Counted, ModelError>> {
        Box::pin(async { Err(ModelError::Cancelled) })
    }

    fn learn(&self, _counted: Counted, _reported: u32) {}

    fn reply<'a>(
        &'a self,
        _request: Request,
        _deltas: mpsc::Sender<Delta>,
        _cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<Reply, ModelError>> {
        Box::pin(async { Err(ModelError::Cancelled) })
    }
}
