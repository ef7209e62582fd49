//! Tokens of the parts of a draft by the counter here. Guesses, by which the number that the server counted is shared out, and by
//! which a compaction chooses what to count next.

use toolpool_connectors::model::Message;
use toolpool_registry::TokenCounter;

use super::Draft;

/// What a template puts around a message, roughly. Only guesses are made with it.
const AROUND_MESSAGE: u32 = 4;
/// What it puts around a call besides name and arguments, roughly.
const AROUND_CALL: u32 = 12;

/// Tokens of a draft's parts by the counter here.
pub(super) struct Sizes {
    pub(super) system: u32,
    /// All definitions.
    pub(super) tools: u32,
    /// Each message of the history.
    pub(super) messages: Vec<u32>,
    pub(super) tail: u32,
}

impl Sizes {
    pub(super) fn of(draft: &Draft, counter: &TokenCounter) -> Sizes {
        let messages: Vec<u32> = draft
            .history
            .iter()
            .map(|stored| size(&stored.message, counter))
            .collect();
        Sizes {
            system: counter.count(&draft.system),
            tools: draft
                .tools
                .iter()
                .map(|(_, definition)| counter.count(definition))
                .fold(0, u32::saturating_add),
            messages,
            tail: counter.count(draft.tail.as_deref().unwrap_or_default()),
        }
    }

    pub(super) fn total(&self) -> u32 {
        self.messages
            .iter()
            .copied()
            .chain([self.system, self.tools, self.tail])
            .fold(0, u32::saturating_add)
    }
}

/// Tokens of a message, as a guess.
#[must_use]
pub fn size(message: &Message, counter: &TokenCounter) -> u32 {
    let tokens = match message {
        Message::System { text } | Message::User { text } | Message::Tool { text, .. } => {
            counter.count(text)
        }
        Message::Assistant {
            text,
            reasoning,
            calls,
        } => calls
            .iter()
            .map(|call| {
                counter.count(&call.name) + counter.count(call.arguments.text()) + AROUND_CALL
            })
            .chain([
                counter.count(text),
                reasoning.as_deref().map_or(0, |text| counter.count(text)),
            ])
            .fold(0, u32::saturating_add),
    };
    tokens.saturating_add(AROUND_MESSAGE)
}
