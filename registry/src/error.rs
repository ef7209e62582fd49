//! Why the registry could not do something. There is little: a malformed tool is a [`Rejected`](crate::Rejected) entry and not an
//! error, and a missing encoder is words-only ranking and not an error; what remains concerns files the person named.

use std::path::PathBuf;

/// A cause of any type, kept as a source.
pub type Cause = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What went wrong in the registry.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are not a tokenizer.
    #[error("cannot read the tokenizer")]
    Tokenizer {
        /// What the reader said.
        #[source]
        source: Cause,
    },
    /// ONNX Runtime could not be loaded.
    #[error("cannot load ONNX Runtime from `{}`", library.display())]
    Runtime {
        /// The library that was tried.
        library: PathBuf,
        /// What the loader said.
        #[source]
        source: Cause,
    },
    /// The encoder's files do not make an encoder.
    #[error("cannot load the embedding model `{model}`")]
    Model {
        /// The model's name.
        model: String,
        /// What the loader said.
        #[source]
        source: Cause,
    },
    /// The encoder failed on a text.
    #[error("cannot embed a text with `{model}`")]
    Embed {
        /// The model's name.
        model: String,
        /// What the encoder said.
        #[source]
        source: Cause,
    },
    /// A file of cached vectors could not be read or written.
    #[error("cannot use the vector cache `{}`", path.display())]
    Vectors {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Cause,
    },
}

impl Error {
    /// What the person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Error::Tokenizer { .. } => {
                "set `tokenizer` to a Hugging Face `tokenizer.json`, or remove it to use the bundled one"
            }
            Error::Runtime { .. } => {
                "run `toolpool doctor`, or set `embedding.runtime` to a working library"
            }
            Error::Model { .. } => {
                "set `embedding.model = \"builtin\"`, or to a folder with `model.onnx` and `tokenizer.json`"
            }
            Error::Embed { .. } => {
                "tools are still ranked by words; `embedding.enabled = false` makes that the rule"
            }
            Error::Vectors { .. } => "the cache is only a cache: remove the file",
        };
        Some(hint.to_owned())
    }
}
