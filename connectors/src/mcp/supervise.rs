//! What happens to a server's health when something happens to it: a pure function, so that every path can be read off a table.
//!
//! Failures are counted until the server has been up for as long as the longest pause. A server that comes up and dies at once
//! therefore waits longer each time, and one that fell over after a good day is back after the first pause.

use std::time::Duration;

use toolpool_config::Limits;
use toolpool_registry::Health;

/// A server's health and the failures behind it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Supervision {
    pub(crate) health: Health,
    failures: u32,
}

/// What happened.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// Connected and listed.
    Up,
    /// Did not come up. `lasting` means that another try cannot mend it.
    Failed { reason: String, lasting: bool },
    /// Was up for this long, then went away. `lasting` as above.
    Lost {
        reason: String,
        up: Duration,
        lasting: bool,
    },
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Next {
    /// Nothing, until something happens.
    Stay,
    /// Connect again after this pause.
    RetryAfter(Duration),
}

impl Supervision {
    /// A server that has not been tried.
    pub(crate) fn new() -> Self {
        Self {
            health: Health::Starting,
            failures: 0,
        }
    }

    /// The state after `event`. `jitter` lies in 0..1 and is the caller's dice.
    pub(crate) fn step(&self, event: Event, jitter: f64, limits: &Limits) -> (Self, Next) {
        match event {
            Event::Up => (
                Self {
                    health: Health::Ready,
                    failures: self.failures,
                },
                Next::Stay,
            ),
            Event::Failed {
                reason,
                lasting: true,
            }
            | Event::Lost {
                reason,
                lasting: true,
                ..
            } => (
                Self {
                    health: Health::Down { reason },
                    failures: self.failures + 1,
                },
                Next::Stay,
            ),
            Event::Failed {
                reason,
                lasting: false,
            } => self.retry(reason, self.failures, jitter, limits),
            Event::Lost {
                reason,
                up,
                lasting: false,
            } => {
                let steady = up >= Duration::from_millis(limits.retry_max_ms);
                self.retry(
                    reason,
                    if steady { 0 } else { self.failures },
                    jitter,
                    limits,
                )
            }
        }
    }

    fn retry(&self, reason: String, failures: u32, jitter: f64, limits: &Limits) -> (Self, Next) {
        let attempt = failures.saturating_add(1);
        (
            Self {
                health: Health::Retrying { reason, attempt },
                failures: attempt,
            },
            Next::RetryAfter(pause(attempt, jitter, limits)),
        )
    }
}

/// Doubles from the first pause to the longest, then takes between half and all of it.
fn pause(attempt: u32, jitter: f64, limits: &Limits) -> Duration {
    let doublings = attempt.saturating_sub(1).min(31);
    let full = limits
        .retry_first_ms
        .saturating_mul(1 << doublings)
        .min(limits.retry_max_ms);
    Duration::from_millis((full as f64 * (0.5 + 0.5 * jitter.clamp(0.0, 1.0))) as u64)
}

/// Dice for the pauses: seeded, so that a run can be repeated, and apart for each server, so that they do not return in step.
#[derive(Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    /// Dice for one server.
    pub(crate) fn new(seed: u64, server: &str) -> Self {
        Self(
            server
                .bytes()
                .fold(seed, |state, byte| mix(state ^ u64::from(byte))),
        )
    }

    /// The next throw, in 0..1.
    pub(crate) fn throw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        (mix(self.0) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The finaliser of splitmix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            retry_first_ms: 1_000,
            retry_max_ms: 60_000,
            ..Limits::default()
        }
    }

    fn failed(lasting: bool) -> Event {
        Event::Failed {
            reason: "broken".into(),
            lasting,
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_are_jittered() {
        for (attempt, jitter, ms) in [
            (1, 1.0, 1_000),
            (1, 0.0, 500),
            (2, 1.0, 2_000),
            (5, 1.0, 16_000),
            (7, 1.0, 60_000),
            (7, 0.5, 45_000),
            (u32::MAX, 1.0, 60_000),
        ] {
            assert_eq!(
                pause(attempt, jitter, &limits()).as_millis(),
                ms,
                "attempt {attempt}, jitter {jitter}"
            );
        }
    }

    #[test]
    fn failures_count_until_the_server_was_up_long_enough() {
        let lost = |up_s| Event::Lost {
            reason: "gone".into(),
            up: Duration::from_secs(up_s),
            lasting: false,
        };
        // (event, health's attempt after it, pause in seconds)
        let rows = [
            (failed(false), Some(1), Some(1)),
            (failed(false), Some(2), Some(2)),
            (Event::Up, None, None),
            (lost(1), Some(3), Some(4)),
            (Event::Up, None, None),
            (lost(60), Some(1), Some(1)),
        ];
        let mut state = Supervision::new();
        assert_eq!(state.health, Health::Starting);
        for (row, (event, attempt, seconds)) in rows.into_iter().enumerate() {
            let (after, next) = state.step(event, 1.0, &limits());
            match (&after.health, attempt) {
                (Health::Retrying { attempt, .. }, Some(expected)) => {
                    assert_eq!(*attempt, expected, "row {row}")
                }
                (Health::Ready, None) => {}
                other => panic!("row {row}: {other:?}"),
            }
            let expected = seconds.map_or(Next::Stay, |s| Next::RetryAfter(Duration::from_secs(s)));
            assert_eq!(next, expected, "row {row}");
            state = after;
        }
    }

    #[test]
    fn what_another_try_cannot_mend_is_not_tried() {
        let (after, next) = Supervision::new().step(failed(true), 0.3, &limits());
        assert_eq!(
            after.health,
            Health::Down {
                reason: "broken".into()
            }
        );
        assert_eq!(next, Next::Stay);
    }

    #[test]
    fn dice_repeat_for_one_server_and_differ_between_servers() {
        let throws = |seed, name| {
            let mut dice = Jitter::new(seed, name);
            [dice.throw(), dice.throw(), dice.throw()]
        };
        assert_eq!(throws(7, "git"), throws(7, "git"));
        assert_ne!(throws(7, "git"), throws(7, "time"));
        assert_ne!(throws(7, "git"), throws(8, "git"));
        assert!(
            throws(7, "git")
                .iter()
                .all(|throw| (0.0..1.0).contains(throw))
        );
    }
}
