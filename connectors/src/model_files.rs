//! The bytes of an embedding model: compiled in, read from a folder, or fetched by one of the names that `fastembed` knows.
//!
//! A model is a graph and a tokenizer, plus two things that no file says reliably: how token vectors become one, and what the
//! model wants in front of a query and of a document. Both are taken from the folder where it tells, else from the family
//! that the name belongs to.
//!
//! Deliberately absent: running the model (the registry does), any model hub's client library (a model is five files, and
//! a plain GET fetches each), and credentials for private models: a folder serves those.
//!
//! ```text
//! "builtin" ─────────────► compiled in
//! a folder, an .onnx ────► folder::read
//! a name of fastembed's ─► named::find ─ cache, else download (one commit, hashes checked, resumed) ─ folder::read_named
//! ```

mod download;
mod error;
mod family;
mod folder;
mod named;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use toolpool_registry::embed::ModelFiles;

pub use crate::runtime::{FetchPhase, FetchProgress};
pub use error::ModelError;
pub use named::{NamedModel, names};

/// The name of the encoder that is compiled in.
pub const BUILTIN: &str = "builtin";

/// Where `fastembed` looks for its models unless told otherwise, by `HF_ENDPOINT` for instance.
pub const DEFAULT_HUB: &str = "https://huggingface.co";

/// Where models are and may come from.
#[derive(Clone, Debug)]
pub struct ModelPlaces {
    /// The program's cache folder. Fetched models live in its `models` folder.
    pub cache_dir: PathBuf,
    /// The address of a model hub, [`DEFAULT_HUB`] or a mirror of it. Plain HTTP is refused but for this machine.
    pub hub: String,
    /// Whether a model that is not in the cache may be fetched.
    pub may_fetch: bool,
    /// Bytes that all the files of one model may have.
    pub bytes_max: u64,
    /// How long a fetch may take in all. What is there by then is kept, and the next fetch goes on from it.
    pub limit: Duration,
}

/// Reads the model that `model` names: [`BUILTIN`], a folder, an `.onnx` file, or a name of [`names`]; fetches it first where needed.
///
/// # Errors
///
/// [`ModelError`], each with a hint. None is a reason to stop: the built-in model and words alone remain.
pub async fn get(
    model: &str,
    places: &ModelPlaces,
    progress: impl Fn(FetchProgress) + Send + Sync,
) -> Result<ModelFiles, ModelError> {
    if model == BUILTIN {
        return Ok(ModelFiles::builtin());
    }
    let bytes_max = places.bytes_max;
    if let Some(folder) = as_folder(model) {
        return blocking(move || folder::read(&folder, bytes_max)).await;
    }
    let Some(named) = named::find(model) else {
        return Err(ModelError::Unknown {
            model: model.to_owned(),
            nearest: named::nearest(model),
        });
    };
    let named = named?;
    let folder = places
        .cache_dir
        .join("models")
        .join(named.repository.replace('/', "--"));
    let fetched = match download::cached(&folder, &named) {
        Some(fetched) => fetched,
        None if places.may_fetch => download::fetch(&folder, &named, places, &progress).await?,
        None => {
            return Err(ModelError::NotFetched {
                model: named.name.clone(),
            });
        }
    };
    blocking(move || folder::read_named(&fetched, &named, bytes_max)).await
}

/// The path that `model` means, if it means one rather than a name. A name of the hub holds one slash too, so what is there decides,
/// and after that how it is written.
fn as_folder(model: &str) -> Option<PathBuf> {
    let path = Path::new(model);
    let written_as_path = path.is_absolute() || model.starts_with('.') || model.ends_with(".onnx");
    (written_as_path || path.is_dir()).then(|| path.to_owned())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ModelError> + Send + 'static,
) -> Result<T, ModelError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
    }
}
