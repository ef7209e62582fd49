//! Stale results as one line each. Nothing is lost by it: each is an artifact from then on, those of MCP servers and of the hub's own
//! tools alike, and the line says how to read it.

use toolpool_connectors::model::Message;
use toolpool_registry::TokenCounter;

use super::line::{about, reference};
use crate::agent::Folds;
use crate::session::Stored;

/// A name as long as any, to guess by what a line will cost.
const SOME_ARTIFACT: &str = "00000000";

/// A result that is shown in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stale {
    /// The line that holds it.
    pub(super) seq: u64,
    /// The tool.
    pub(super) name: String,
    /// What the call was about.
    pub(super) about: String,
    /// Whether it is a failure.
    pub(super) failed: bool,
    /// What is shown of it.
    pub(super) text: String,
    /// How long it is.
    pub(super) characters: usize,
    /// The artifact that holds it already.
    pub(super) artifact: Option<String>,
}

impl Stale {
    /// What is shown in its place.
    pub(super) fn line(&self, artifact: &str) -> String {
        let mut call = self.name.clone();
        if !self.about.is_empty() {
            call.push(' ');
            call.push_str(&self.about);
        }
        let failed = if self.failed { ", which failed" } else { "" };
        let whole = reference(artifact, self.characters);
        format!("[cleared: {call}{failed}] {whole}")
    }

    /// Its beginning and end, for one that the model has not worked with yet.
    pub(super) fn shortened(&self, artifact: &str, chars: usize) -> String {
        let (head, tail) = (chars * 2 / 3, chars / 3);
        let behind = self.characters.saturating_sub(tail);
        let first: String = self.text.chars().take(head).collect();
        let last: String = self.text.chars().skip(behind).collect();
        let left = behind.saturating_sub(head);
        let whole = reference(artifact, self.characters);
        format!("{first}\n[{left} characters left out] {last}\n{whole}")
    }
}

/// The results among messages that are shown in full, in order.
pub(super) fn results(messages: &[Stored], folds: &Folds) -> Vec<Stale> {
    let session = &folds.session;
    let result = |stored: &Stored| {
        let Message::Tool { call, name, text } = &stored.message else {
            return None;
        };
        let (seq, whole, failed) = session.answer_of(call)?;
        // What stands there is a line already, or says that there is no answer.
        if seq != stored.seq || whole != text {
            return None;
        }
        let record = folds.workflow.call(call.parse().ok()?);
        Some(Stale {
            seq,
            name: record.map_or(name, |record| &record.name).clone(),
            about: record
                .map(|record| about(&record.arguments))
                .unwrap_or_default(),
            failed,
            text: text.clone(),
            characters: text.chars().count(),
            artifact: record
                .and_then(|record| record.artifact.clone())
                .or_else(|| session.kept_as(seq).map(str::to_owned)),
        })
    };
    messages.iter().filter_map(result).collect()
}

/// The results to clear, oldest first, until about `need` tokens are free: all of a batch at once, since the first of them breaks
/// the prefix for all behind it.
pub(super) fn stale(
    messages: &[Stored],
    folds: &Folds,
    need: u32,
    counter: &TokenCounter,
) -> Vec<Stale> {
    let mut freed = 0u32;
    let mut out = Vec::new();
    for stale in results(messages, folds) {
        if freed >= need {
            break;
        }
        let line = counter.count(&stale.line(SOME_ARTIFACT));
        let saved = counter.count(&stale.text).saturating_sub(line);
        // A line that is about as long as what it stands for only costs a look-up.
        if saved > line / 2 {
            freed = freed.saturating_add(saved);
            out.push(stale);
        }
    }
    out
}
