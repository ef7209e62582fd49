//! When a turn goes round in circles: the same call with the same result again and again, or one failure after the other.
//!
//! A fold over the calls of one turn. The result is part of the comparison on purpose: to look at a file again after a
//! change is work, to look at it again and see the same is not. Small models recover from an error when told what was
//! wrong, a few times; after that they repeat it, so every failed call says how many tries are left.

use std::collections::HashMap;

use serde_json::Value;
use sha2::{Digest, Sha256};
use toolpool_config::AgentSettings;
use toolpool_registry::canonical;

/// What one turn has called so far.
#[derive(Clone, Debug, Default)]
pub struct Repeats {
    seen: HashMap<[u8; 32], u32>,
    failures: u32,
}

/// Why a turn should end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Circle {
    /// The same call had the same result so often.
    Same {
        /// The tool's name.
        name: String,
        /// How often.
        times: u32,
    },
    /// So many calls failed in a row.
    Failures {
        /// How many.
        times: u32,
    },
}

impl Circle {
    /// What a person is told.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Circle::Same { name, times } => format!(
                "the turn was ended: the model called `{name}` {times} times with the same arguments and got the same result"
            ),
            Circle::Failures { times } => {
                format!("the turn was ended: {times} calls failed in a row")
            }
        }
    }
}

impl Repeats {
    /// Takes in a call that was answered, with the arguments as the model wrote them and the answer as it reads it. Calls
    /// in a step are taken in one by one, in the order of the source.
    pub fn take(
        &mut self,
        name: &str,
        arguments: &Value,
        answer: &str,
        failed: bool,
        settings: &AgentSettings,
    ) -> Option<Circle> {
        self.failures = if failed { self.failures + 1 } else { 0 };
        let times = self.seen.entry(key(name, arguments, answer)).or_default();
        *times += 1;
        if *times >= settings.repeats_max.max(1) && *times > 1 {
            return Some(Circle::Same {
                name: name.to_owned(),
                times: *times,
            });
        }
        (failed && self.failures >= settings.failures_max.max(1)).then_some(Circle::Failures {
            times: self.failures,
        })
    }

    /// Failed calls in a row.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

/// What stands behind a failed call's answer: how many tries are left, counting the one that failed as the `failures`th.
#[must_use]
pub fn attempts_left(failures: u32, settings: &AgentSettings) -> String {
    match settings.failures_max.saturating_sub(failures) {
        0 => "This was the last attempt.".into(),
        1 => "1 attempt left: try another way, or say what is missing.".into(),
        left => format!("{left} attempts left."),
    }
}

/// A call and its result, as one hash: results can be large and are not kept here.
fn key(name: &str, arguments: &Value, answer: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [name, &canonical(arguments), answer] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(calls: &[(&str, Value, &str, bool)]) -> Vec<Option<Circle>> {
        let settings = AgentSettings {
            repeats_max: 3,
            failures_max: 3,
            ..AgentSettings::default()
        };
        let mut repeats = Repeats::default();
        calls
            .iter()
            .map(|(name, arguments, answer, failed)| {
                repeats.take(name, arguments, answer, *failed, &settings)
            })
            .collect()
    }

    #[test]
    fn the_same_call_with_the_same_result_is_a_loop_at_the_third_time() {
        let (ab, ba) = (json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1}));
        let found = run(&[
            ("read", ab.clone(), "x", false),
            ("list", json!({}), "y", false),
            ("read", ba, "x", false),
            ("read", ab, "x", false),
        ]);
        assert_eq!(found[..3], [None, None, None]);
        let circle = found[3].clone().expect("three times the same");
        assert_eq!(
            circle,
            Circle::Same {
                name: "read".into(),
                times: 3
            }
        );
        assert!(circle.sentence().contains("`read` 3 times"));
    }

    #[test]
    fn another_result_or_other_arguments_are_no_loop() {
        let calls: Vec<_> = (0..9)
            .map(|at| ("read", json!({"line": at / 2}), ["x", "y"][at % 2], false))
            .collect();
        assert!(run(&calls).iter().all(Option::is_none));
    }

    #[test]
    fn failures_count_in_a_row_only() {
        let fail = |at: u32| ("a", json!({"at": at}), "no", true);
        let found = run(&[
            fail(1),
            fail(2),
            ("a", json!({}), "yes", false),
            fail(3),
            fail(4),
            fail(5),
        ]);
        assert!(found[..5].iter().all(Option::is_none));
        assert_eq!(found[5], Some(Circle::Failures { times: 3 }));
    }

    #[test]
    fn a_failed_call_says_how_many_attempts_are_left() {
        let settings = AgentSettings {
            failures_max: 5,
            ..AgentSettings::default()
        };
        let told: Vec<String> = [1, 4, 5, 9]
            .iter()
            .map(|failures| attempts_left(*failures, &settings))
            .collect();
        assert_eq!(told[0], "4 attempts left.");
        assert!(told[1].starts_with("1 attempt left:"));
        assert_eq!(told[2], "This was the last attempt.");
        assert_eq!(told[3], told[2]);
    }
}
