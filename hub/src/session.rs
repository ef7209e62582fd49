//! STUB: the fold of a session's messages, which is written elsewhere. Only the type that the budget reads stands here.

use toolpool_connectors::model::Message;

/// One message with the entry that it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The entry's number.
    pub seq: u64,
    /// Its turn.
    pub turn: u32,
    /// The message.
    pub message: Message,
}
