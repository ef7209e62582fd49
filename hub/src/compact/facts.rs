//! STUB: what must not be lost.

use crate::agent::Folds;

/// STUB
pub(super) struct Fact;

/// STUB
pub(super) struct Reach;

/// STUB
pub(super) fn required(_: &Folds, _: u64) -> Vec<Fact> {
    Vec::new()
}

/// STUB
pub(super) fn reachable(_: &Folds, _: u64) -> Vec<Reach> {
    Vec::new()
}
