//! Which calls of a step run side by side.
//!
//! Only neighbours that may run side by side do: a call that may not runs by itself, after all before it and before all
//! behind it, since the model wrote them in an order that it may rely on.

use std::ops::Range;

/// Parts the calls of a step into groups that run one after the other, by whether each call is `concurrent`. Every call is
/// in one group, in the order of the source.
///
/// ```
/// use toolpool::schedule::groups;
///
/// // read read write read: the write waits for both reads, the last read for the write.
/// assert_eq!(groups(&[true, true, false, true]), [0..2, 2..3, 3..4]);
/// ```
#[must_use]
pub fn groups(concurrent: &[bool]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (at, concurrent_here) in concurrent.iter().enumerate() {
        match groups.last_mut() {
            Some(group) if *concurrent_here && concurrent[group.start] => group.end = at + 1,
            _ => groups.push(at..at + 1),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn order_is_kept_and_what_may_not_runs_alone(calls in prop::collection::vec(any::<bool>(), 0..20)) {
            let groups = groups(&calls);
            let flat: Vec<usize> = groups.iter().cloned().flatten().collect();
            prop_assert_eq!(flat, (0..calls.len()).collect::<Vec<_>>());
            for group in &groups {
                prop_assert!(group.len() == 1 || calls[group.clone()].iter().all(|concurrent| *concurrent));
            }
            for pair in groups.windows(2) {
                prop_assert!(!(calls[pair[0].start] && calls[pair[1].start]), "two groups that could be one");
            }
        }
    }
}
