//! Whether a server read all that it was sent. Some drop the oldest messages and answer as if nothing had happened; the
//! number of tokens they report is the one trace of it.

use std::fmt;

use toolpool_config::fixed::TAIL_TOKENS_MAX;
use toolpool_connectors::model::{Counted, Usage};

/// A prompt that was read in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncation {
    /// Tokens that were sent, as they were counted.
    pub sent: u32,
    /// Tokens that the server says it read.
    pub read: u32,
}

impl fmt::Display for Truncation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the model server read {} of {} tokens and said nothing about the rest",
            self.read, self.sent
        )
    }
}

impl Truncation {
    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        "the server's window is smaller than it says: set `model.window` to it, or start the server with a larger one"
            .into()
    }
}

/// Holds what a server reports against what was counted.
///
/// Where the server counted, one token less than it counted is a truncation. Where the tokens were counted here, the
/// number is off by what the two vocabularies differ, about 0.6 to 1.6 for any text of those in use, and what was
/// learned may lie on either side of the raw count; so only less than half of the smaller of the two is one. Servers that
/// cut keep a half-filled window or the last message, which is below that for all but the smallest overflows.
///
/// Those that drop message by message stay above it. `before` finds them: what was counted and read of the request before,
/// where this one begins with it. No vocabulary reads less of a longer text, and what was added costs at least half of what
/// it was counted with.
#[must_use]
pub fn truncated(
    counted: Counted,
    usage: &Usage,
    before: Option<(Counted, u32)>,
) -> Option<Truncation> {
    let read = usage.prompt_tokens?;
    let least = if counted.exact {
        counted.tokens
    } else {
        let grown = before.map_or(0, |(before, read)| {
            let added = counted.raw.saturating_sub(before.raw);
            (read + added / 2).saturating_sub(TAIL_TOKENS_MAX)
        });
        grown.max(counted.tokens.min(counted.raw) / 2)
    };
    (read < least).then_some(Truncation {
        sent: counted.tokens,
        read,
    })
}
