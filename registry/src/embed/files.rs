//! The bytes an encoder is made of: compiled in, or handed over by whoever read or fetched them.

use std::borrow::Cow;
use std::fmt;

use sha2::{Digest, Sha256};

/// How the vectors of a text's tokens become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// The first token's.
    First,
}

/// A model in ONNX and its tokenizer, as bytes.
#[derive(Clone)]
pub struct ModelFiles {
    /// Names the model and its revision; part of every key in the cache of vectors.
    pub name: String,
    /// The graph.
    pub onnx: Cow<'static, [u8]>,
    /// Weights that the graph keeps in files of their own, by the name it calls them.
    pub external: Vec<(String, Vec<u8>)>,
    /// `tokenizer.json`
    pub tokenizer: Cow<'static, [u8]>,
    /// `config.json`
    pub config: Cow<'static, [u8]>,
    /// `special_tokens_map.json`
    pub special_tokens: Cow<'static, [u8]>,
    /// `tokenizer_config.json`
    pub tokenizer_config: Cow<'static, [u8]>,
    /// How tokens become a text.
    pub pooling: Pooling,
    /// What the model wants in front of a text that is searched for, such as `query: `.
    pub query_prefix: String,
    /// What it wants in front of a text that is searched.
    pub document_prefix: String,
}

impl ModelFiles {
    /// The encoder that is compiled in: all-MiniLM-L6-v2, int8, 384 entries a vector, English.
    #[must_use]
    pub fn builtin() -> Self {
        ModelFiles {
            name: "all-MiniLM-L6-v2-int8".to_owned(),
            onnx: Cow::Borrowed(include_bytes!("../../model/model.onnx")),
            external: Vec::new(),
            tokenizer: Cow::Borrowed(include_bytes!("../../model/tokenizer.json")),
            config: Cow::Borrowed(include_bytes!("../../model/config.json")),
            special_tokens: Cow::Borrowed(include_bytes!("../../model/special_tokens_map.json")),
            tokenizer_config: Cow::Borrowed(include_bytes!("../../model/tokenizer_config.json")),
            pooling: Pooling::Mean,
            query_prefix: String::new(),
            document_prefix: String::new(),
        }
    }

    /// Adds the first bytes of the graph's hash to the name, for models that are not named by a revision.
    #[must_use]
    pub fn with_revision(mut self) -> Self {
        let mut hash = Sha256::new();
        hash.update(&self.onnx);
        self.external
            .iter()
            .for_each(|(_, bytes)| hash.update(bytes));
        let hash: [u8; 32] = hash.finalize().into();
        self.name.push('@');
        for byte in &hash[..6] {
            self.name.push_str(&format!("{byte:02x}"));
        }
        self
    }
}

impl fmt::Debug for ModelFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelFiles")
            .field("name", &self.name)
            .field("onnx_bytes", &self.onnx.len())
            .finish_non_exhaustive()
    }
}
