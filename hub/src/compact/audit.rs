//! STUB: whether it is there.

use toolpool_registry::TokenCounter;

use super::facts::{Fact, Reach};
use crate::journal::entry::CallId;

/// STUB
pub(super) struct Appended {
    pub(super) text: String,
    pub(super) facts: u32,
    pub(super) whole: Option<String>,
}

/// STUB
pub(super) fn missing<'a>(_: &str, _: &'a [Fact]) -> Vec<&'a Fact> {
    Vec::new()
}

/// STUB
pub(super) fn appended(text: &str, missing: &[&Fact], _: u32, _: &TokenCounter) -> Appended {
    Appended {
        text: text.to_owned(),
        facts: missing.len() as u32,
        whole: None,
    }
}

/// STUB
pub(super) fn listed(_: &[Reach], _: u32, _: &TokenCounter) -> (String, Vec<CallId>) {
    (String::new(), Vec::new())
}
