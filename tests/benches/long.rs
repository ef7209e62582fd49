//! What long work costs the hub itself, at a full window of 32,768 tokens.
//!
//!     cargo bench -p toolpool-tests --bench long
//!
//! A task is played with the real program in front of the real llama-server; its journal says how long each compaction took, from
//! the entry before it to its own, the counting by the server among it. Over the same journal the folds are then timed. A plain
//! program and not a harness, as beside it.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use toolpool::audit::Audit;
use toolpool::session::Session;
use toolpool::verify::claims::{Deed, Held, findings};
use toolpool::workflow::Workflow;
use toolpool_tests::long::{Shape, Task, play};

const WINDOW: u32 = 32_768;
const PARTS: usize = 12;
const ROUNDS: usize = 31;

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "figures are this program's output"
)]
fn main() -> ExitCode {
    let task = Task {
        window: WINDOW,
        parts: PARTS,
        shape: Shape::Turns,
        encoder: false,
        compact: true,
    };
    let played = match play(&task) {
        Ok(Some(played)) => played,
        Ok(None) => return ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!(
        "{} entries, {} replies; p50",
        played.lines.len(),
        played.figures.requests
    );
    for (rung, ms) in &played.figures.compaction_ms {
        let count = played.figures.compactions.get(rung).unwrap_or(&0);
        println!("compaction, {rung:<8} {ms:>10} ms, counting among it, of {count}");
    }
    let folded = middle(|| {
        let mut session = Session::default();
        for line in &played.lines {
            session.apply(line);
        }
        black_box(&session);
    });
    println!("fold of the session    {folded:>10.3} ms");
    let mut session = Session::default();
    for line in &played.lines {
        session.apply(line);
    }
    let shown = middle(|| drop(black_box(session.messages())));
    println!("conversation as shown  {shown:>10.3} ms");
    let audited = middle(|| drop(black_box(Audit::of(&played.lines))));
    println!("fold of the audit      {audited:>10.3} ms");
    let mut workflow = Workflow::default();
    for line in &played.lines {
        workflow.apply(line);
    }
    let records = workflow.calls();
    let turn = records.last().map_or(1, |record| record.call.turn);
    let deeds: Vec<Deed> = records
        .iter()
        .map(|record| Deed::of(record, turn))
        .collect();
    let held = Held {
        asked: session.words(turn).unwrap_or_default(),
        deeds: &deeds,
        tool: &|_| true,
    };
    let answer = session.last_words(turn).unwrap_or_default();
    let claims = middle(|| drop(black_box(findings(&answer, &held))));
    println!(
        "check of the claims    {claims:>10.3} ms, against {} calls",
        deeds.len()
    );
    ExitCode::SUCCESS
}

/// The middle of some rounds, in milliseconds.
fn middle(work: impl Fn()) -> f64 {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2].as_secs_f64() * 1e3
}
