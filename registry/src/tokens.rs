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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_vocabulary_counts_as_its_publisher_does() {
        let counter = TokenCounter::bundled();
        for (text, tokens) in [
            ("", 0),
            ("hello world", 2),
            ("antidisestablishmentarianism", 6),
            ("{\"type\":\"object\"}", 5),
        ] {
            assert_eq!(counter.count(text), tokens, "{text}");
        }
    }

    #[test]
    fn a_tokenizer_file_counts_whole_texts_and_nothing_around_them() {
        // Two words are in the vocabulary; the file wants four tokens at most, which is for training and not for counting.
        let file = br#"{
            "version": "1.0",
            "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
            "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "[UNK]"},
            "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
            "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "read": 1, "file": 2}, "unk_token": "[UNK]"}
        }"#;
        let counter = TokenCounter::from_file_bytes("two words", file).unwrap();
        assert_eq!(counter.name(), "two words");
        assert_eq!(counter.count("read file"), 2);
        assert_eq!(counter.count(&"read file ".repeat(50)), 100);
    }

    #[test]
    fn what_is_no_tokenizer_is_refused_with_a_hint() {
        for bytes in [&b""[..], b"{}", b"\xff\xfe", b"[1]"] {
            let error = TokenCounter::from_file_bytes("x", bytes).unwrap_err();
            assert!(std::error::Error::source(&error).is_some() && error.hint().is_some());
        }
    }
}
