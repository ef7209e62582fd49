//! Why a model's files could not be had. The hub falls back to the built-in model or to words, and says so.

use std::path::PathBuf;
use std::time::Duration;

use crate::runtime::FetchError;

/// Why there are no model files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The name is none that can be fetched.
    #[error("there is no embedding model `{model}`")]
    Unknown {
        /// The name asked for.
        model: String,
        /// The names closest to it.
        nearest: Vec<String>,
    },
    /// The name is known, but the model needs what this program does not do.
    #[error("the embedding model `{model}` cannot be used: {reason}")]
    Unusable {
        /// The name.
        model: String,
        /// What it would need.
        reason: &'static str,
    },
    /// The model is not in the cache, and fetching is switched off.
    #[error("the embedding model `{model}` is not in the cache, and fetching is off")]
    NotFetched {
        /// The name.
        model: String,
    },
    /// The folder lacks a file that every model has.
    #[error("there is no `{file}` in the model folder `{}`", folder.display())]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// What was looked for.
        file: String,
    },
    /// The files are larger than allowed.
    #[error("`{file}` is too large: a model may have {bytes_max} bytes in all")]
    TooLarge {
        /// The file with which the bound was passed.
        file: String,
        /// The bound.
        bytes_max: u64,
    },
    /// The hub's address is no usable one.
    #[error("`{hub}` is not an https address")]
    Hub {
        /// The address as given.
        hub: String,
    },
    /// The hub could not be reached, or broke off.
    #[error("could not fetch `{url}`")]
    Http {
        /// What was asked for.
        url: String,
        /// What the connection said.
        #[source]
        source: reqwest::Error,
    },
    /// The hub answered with something else than the file.
    #[error("could not fetch `{url}`: {reason}")]
    Refused {
        /// What was asked for.
        url: String,
        /// What was wrong with the answer.
        reason: String,
    },
    /// The fetch ran out of its time.
    #[error("the model was not fetched within {} s", limit.as_secs())]
    TimedOut {
        /// The time it was given.
        limit: Duration,
    },
    /// Reading or writing failed.
    #[error("could not {doing} `{}`", path.display())]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The cache could not be locked.
    #[error(transparent)]
    Cache(#[from] FetchError),
}

impl ModelError {
    /// What the person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            ModelError::Unknown { nearest, .. } => {
                format!("the nearest names are {}; a folder with `model.onnx` works too", nearest.join(", "))
            }
            ModelError::Unusable { .. } => "choose another model, or `builtin`".to_owned(),
            ModelError::NotFetched { .. } => "set `embedding.fetch = true`, or name a folder".to_owned(),
            ModelError::Missing { .. } => {
                "a model folder holds `model.onnx` or `onnx/model.onnx`, `tokenizer.json`, `config.json` and \
                 `tokenizer_config.json`"
                    .to_owned()
            }
            ModelError::TooLarge { .. } => "choose a smaller model".to_owned(),
            ModelError::Hub { .. } => "give the address of a model hub, such as a mirror's".to_owned(),
            ModelError::Http { .. } | ModelError::Refused { .. } => {
                "check the line, set HF_ENDPOINT to a mirror, or download the model elsewhere and name its folder".to_owned()
            }
            ModelError::TimedOut { .. } => "try again: what has come is kept".to_owned(),
            ModelError::Io { .. } => "check that the path is there and that its disk is not full".to_owned(),
            ModelError::Cache(error) => return error.hint(),
        })
    }
}
