//! Meaning as vectors. The encoder is a port, so that a slow, failing or absent one can be put in its place; absent
//! means ranking by words alone and is never an error of the hub.

mod encoder;
mod files;

pub use encoder::Encoder;
pub use files::{ModelFiles, Pooling};

use crate::Error;

/// Turns a text into a vector of unit length.
///
/// A vector depends on its text alone: an implementation must not let texts that are embedded side by side, or the
/// order in which they come, change a bit of it. Longer texts are cut, not refused.
pub trait Embedder: Send + Sync {
    /// Names the model and its revision; vectors of different names are never compared.
    fn model(&self) -> &str;

    /// Entries of a vector.
    fn dims(&self) -> usize;

    /// The vector of a text that is searched for.
    ///
    /// # Errors
    /// When the model fails on it.
    fn embed(&self, text: &str) -> Result<Vec<f32>, Error>;

    /// The vectors of several texts, in their order.
    ///
    /// # Errors
    /// When the model fails on one of them.
    fn embed_all(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
        texts.iter().map(|text| self.embed(text)).collect()
    }
}
