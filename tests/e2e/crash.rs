//! The kill matrix: the hub dies at every write of a task and at random instants, is resumed, and what it claims is held against
//! its server's own ledger. `src/bin/kill-matrix.rs` plays as many as one likes.

use std::sync::{Mutex, PoisonError};

use toolpool_tests::crash::{Case, Figures, boundaries, measure, play_all, random};

/// Cases side by side: each is a hub, its guard and a server.
const BESIDE: usize = 2;
/// Kills at random instants.
const RANDOM: usize = 100;
/// What the instants are drawn from. They fall elsewhere on another machine all the same.
const SEED: u64 = 20_261_124;

/// Held by the test that plays, so that the two don't make it twice as many side by side.
static PLAYING: Mutex<()> = Mutex::new(());

fn all_hold(cases: &[Case]) -> Figures {
    let matrix = play_all(cases, BESIDE, |_| {});
    assert!(
        matrix.failures.is_empty(),
        "{} of {} cases failed; the first:\n{}",
        matrix.failures.len(),
        cases.len(),
        matrix.failures[0]
    );
    matrix.figures
}

#[test]
fn a_kill_at_every_write_leaves_the_truth() {
    let _playing = PLAYING.lock().unwrap_or_else(PoisonError::into_inner);
    let measured = measure().expect("the task comes to its end");
    let cases = boundaries(&measured.operations);
    assert!(cases.len() > 100, "{:?}", measured.operations);
    let figures = all_hold(&cases);
    // What the cases are about did come up.
    assert!(figures.kills >= cases.len(), "{figures}");
    assert!(figures.doubts > 10 && figures.doubts_true > 3, "{figures}");
    assert!(figures.doubts_true < figures.doubts, "{figures}");
    assert!(figures.repeated > 0 && figures.twice_asked > 0, "{figures}");
}

#[test]
fn a_kill_at_any_instant_leaves_the_truth() {
    let _playing = PLAYING.lock().unwrap_or_else(PoisonError::into_inner);
    let measured = measure().expect("the task comes to its end");
    let figures = all_hold(&random(SEED, RANDOM, &measured));
    assert!(figures.kills > RANDOM / 2, "{figures}");
}
