//! Which cases there are: every write of the task once, and random instants; and playing many of them side by side.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::scene::Scene;
use super::{Case, Figures, Kill, play};
use crate::killing::{ANY, Boundary, Moment};

/// Where random kills are to land in a call, the server waits so long before it answers.
const LINGER_MS: u64 = 25;
/// A resumed run has at least so many operations: what it repairs, that it was resumed, what was settled, and some of a step.
const RESUMED: usize = 8;

/// What a run of the task is like when nobody kills it.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What it does to its disk, in order.
    pub operations: Vec<String>,
    /// From the start to the first event, where the server lingers.
    pub heard: Duration,
    /// From the start to the end, where the server lingers.
    pub whole: Duration,
}

/// What came of many cases.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    /// Of all that went well.
    pub figures: Figures,
    /// What went wrong, a text for each.
    pub failures: Vec<String>,
}

/// Does the task twice without a kill: once to count, once for its times.
///
/// # Errors
/// It does not come to its end.
pub fn measure() -> Result<Measured, String> {
    let counted = Scene::new(0);
    let ran = counted.run(None, true, None, true)?;
    if ran.code != Some(0) {
        return Err(format!("the task fails by itself:\n{}", ran.stderr));
    }
    let timed = Scene::new(LINGER_MS).run(None, true, None, false)?;
    Ok(Measured {
        operations: counted.operations(),
        heard: timed.heard,
        whole: timed.whole,
    })
}

/// Every write boundary once: before, within and behind each append, behind each sync, before and behind all else. Where a
/// call may be found in doubt the person gives both answers, else they alternate; every third case is killed again while it
/// resumes.
pub fn boundaries(operations: &[String]) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut before = "";
    for operation in operations {
        let (kinds, moments): (&str, &[Moment]) = match operation.split_once(' ') {
            Some((_, kinds)) => (kinds, &[Moment::Before, Moment::Torn, Moment::After]),
            // Before it is behind the write.
            None if operation == "sync" => (operation, &[Moment::After]),
            None => (operation, &[Moment::Before, Moment::After]),
        };
        for what in kinds.split(' ') {
            let nth = counts.entry(what).or_default();
            *nth += 1;
            for &moment in moments {
                let in_doubt = match moment {
                    Moment::Before | Moment::Torn => what == "outcome",
                    Moment::After => what == "intent" || (what == "sync" && before == "intent"),
                };
                let alternating = [cases.len().is_multiple_of(2)];
                let answers: &[bool] = if in_doubt {
                    &[true, false]
                } else {
                    &alternating
                };
                for &happened in answers {
                    let boundary = Boundary {
                        what: what.to_owned(),
                        nth: *nth,
                        moment,
                    };
                    cases.push(case(cases.len(), boundary, happened));
                }
            }
            before = what;
        }
    }
    cases
}

fn case(number: usize, boundary: Boundary, happened: bool) -> Case {
    let mut kills = vec![Kill::At(boundary)];
    if number % 3 == 2 {
        let moments = [Moment::Torn, Moment::After, Moment::Before];
        let again = number / 3;
        kills.push(Kill::At(Boundary {
            what: ANY.to_owned(),
            nth: again % RESUMED + 1,
            moment: moments[again % moments.len()],
        }));
    }
    Case {
        name: format!("boundary {number}"),
        kills,
        happened,
        linger_ms: 0,
    }
}

/// So many cases of random instants; the same seed gives the same delays. One kill in eight comes before the first event,
/// and one case in three is killed a second time.
pub fn random(seed: u64, count: usize, measured: &Measured) -> Vec<Case> {
    let talks = measured.whole.saturating_sub(measured.heard);
    let one = |number: usize| {
        let mut random = Random(seed.wrapping_mul(0x1000).wrapping_add(number as u64));
        let instant = |random: &mut Random| match random.below(8) {
            0 => Kill::Started(measured.heard.mul_f64(random.fraction())),
            _ => Kill::Heard(talks.mul_f64(random.fraction())),
        };
        let mut kills = vec![instant(&mut random)];
        if random.below(3) == 0 {
            kills.push(instant(&mut random));
        }
        Case {
            name: format!("random {number} of seed {seed}"),
            kills,
            happened: random.below(2) == 0,
            linger_ms: LINGER_MS,
        }
    };
    (0..count).map(one).collect()
}

/// Plays them, so many side by side. `progress` hears how many are done.
pub fn play_all(cases: &[Case], beside: usize, progress: impl Fn(usize) + Sync) -> Matrix {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let matrix = Mutex::new(Matrix::default());
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
            let played = play(case);
            let mut matrix = matrix.lock().unwrap_or_else(PoisonError::into_inner);
            match played {
                Ok(figures) => matrix.figures.add(figures),
                Err(wrong) => matrix.failures.push(wrong),
            }
            drop(matrix);
            progress(done.fetch_add(1, Ordering::SeqCst) + 1);
        }
    };
    thread::scope(|scope| {
        for _ in 0..beside {
            scope.spawn(work);
        }
    });
    matrix.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// SplitMix64: a seed gives the same numbers on every machine and in every version, which a crate does not promise.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// From 0 to 1.
    fn fraction(&mut self) -> f64 {
        self.below(1 << 20) as f64 / f64::from(1 << 20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_boundary_is_a_case_and_a_seed_gives_the_same_kills() {
        let operations = ["folder", "append user", "sync", "append intent", "sync"];
        let operations = operations.map(str::to_owned);
        let cases = boundaries(&operations);
        let first = |case: &Case| format!("{} {}", case.kills[0], case.happened);
        let first: Vec<String> = cases.iter().map(first).collect();
        let wanted = [
            "at folder#1:before true",
            "at folder#1:after false",
            "at user#1:before true",
            "at user#1:torn false",
            "at user#1:after true",
            "at sync#1:after false",
            "at intent#1:before true",
            "at intent#1:torn false",
            "at intent#1:after true",
            "at intent#1:after false",
            "at sync#2:after true",
            "at sync#2:after false",
        ];
        assert_eq!(first, wanted);
        let measured = Measured {
            operations: Vec::new(),
            heard: Duration::from_millis(100),
            whole: Duration::from_millis(600),
        };
        let cases = random(7, 200, &measured);
        assert_eq!(cases, random(7, 200, &measured));
        assert_ne!(cases, random(8, 200, &measured));
        let late = |kill: &Kill| match kill {
            Kill::Heard(after) => *after > Duration::from_millis(500),
            Kill::Started(after) => *after > Duration::from_millis(100),
            Kill::At(_) => true,
        };
        assert!(!cases.iter().any(|case| case.kills.iter().any(late)));
        assert!(cases.iter().any(|case| case.kills.len() == 2));
    }
}
