//! Decides whether a call may be made: pure, total, and closed where there is any doubt.
//!
//! So far the decision rests on the view alone: deny lists, profile, server filters and plan mode.
//! It is asked again here although the name was already looked up in the view, because the door is
//! where it counts: a list that a client remembers, a name guessed, a rule that changed since, all
//! end at this one function. Approval by a person joins as a third decision; nothing returns it yet.

use toolpool_registry::{Hidden, ToolMeta, ViewRules};

/// What may happen to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may be made.
    Allow,
    /// It may not. The reason is for the person's eyes: the caller is told what they would be told
    /// of a tool that does not exist.
    Deny(Hidden),
}

/// Decides on a call of `tool` by someone under `rules`.
pub fn decide(tool: &ToolMeta, rules: &ViewRules) -> Decision {
    match rules.hides(tool) {
        Some(reason) => Decision::Deny(reason),
        None => Decision::Allow,
    }
}
