//! Counting tokens. A pool is a promise about tokens, so they are counted by a real tokenizer and never guessed from
//! characters: a bundled byte-pair vocabulary (cl100k, the one Qwen's grew out of) unless the person names the
//! `tokenizer.json` of the model in use. Chat templates add tokens around definitions; the budget's margin covers those.

use std::fmt;
use std::sync::Arc;

use crate::error::Error;

/// Counts tokens of texts; cheap to clone and to share.
#[derive(Clone)]
pub struct TokenCounter {
    name: Arc<str>,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    /// Loaded at its first use, once for the process.
    Bundled,
    File(Arc<tokenizers::Tokenizer>),
}

impl TokenCounter {
    /// The vocabulary compiled in. Free: it is loaded when the first text is counted.
    #[must_use]
    pub fn bundled() -> TokenCounter {
        TokenCounter {
            name: "cl100k".into(),
            kind: Kind::Bundled,
        }
    }

    /// A Hugging Face `tokenizer.json`. `name` is for people, such as the file's path.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the bytes are not such a file.
    pub fn from_file_bytes(name: &str, bytes: &[u8]) -> Result<TokenCounter, Error> {
        let mut tokenizer = tokenizers::Tokenizer::from_bytes(bytes)
            .map_err(|source| Error::Tokenizer { source })?;
        // Such files may carry the truncation and padding of a training run, which would cap every count.
        tokenizer
            .with_truncation(None)
            .map_err(|source| Error::Tokenizer { source })?;
        tokenizer.with_padding(None);
        Ok(TokenCounter {
            name: name.into(),
            kind: Kind::File(Arc::new(tokenizer)),
        })
    }

    /// How many tokens `text` is, without the tokens that a template adds around it. A text the tokenizer refuses counts
    /// a token a byte, which no tokenizer exceeds.
    #[must_use]
    pub fn count(&self, text: &str) -> u32 {
        let count = match &self.kind {
            Kind::Bundled => bpe_openai::cl100k_base().count(text),
            Kind::File(tokenizer) => tokenizer
                .encode_fast(text, false)
                .map_or(text.len(), |encoding| encoding.len()),
        };
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Which tokenizer this is, for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for TokenCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenCounter({})", self.name)
    }
}
