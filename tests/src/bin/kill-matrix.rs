//! The kill matrix as a program, for more random kills than a test run has time for:
//! `cargo run -p toolpool-tests --bin kill-matrix -- --random 1000 --seed 7`.

use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use toolpool_tests::crash::{Case, Kill, Matrix, boundaries, measure, play_all, random, shown};
use toolpool_tests::killing::Boundary;

/// Kill the hub everywhere, resume it, and hold what it claims against what happened.
#[derive(Parser)]
struct Arguments {
    /// Kills at random instants.
    #[arg(long, default_value_t = 0)]
    random: usize,
    /// What the instants are drawn from [default: the clock].
    #[arg(long)]
    seed: Option<u64>,
    /// Leave out the write boundaries.
    #[arg(long)]
    only_random: bool,
    /// Only this one of the random cases, counted from 0.
    #[arg(long)]
    case: Option<usize>,
    /// Only this: kill the first run at this boundary (`outcome#3:torn`), the second at the next one given, and show the journal.
    #[arg(long)]
    at: Vec<Boundary>,
    /// What the person says with `--at`: it did not happen.
    #[arg(long)]
    not_happened: bool,
    /// Cases side by side.
    #[arg(long, default_value_t = 2)]
    beside: usize,
}

#[expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a program for people"
)]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !arguments.at.is_empty() {
        return one(&arguments);
    }
    let measured = match measure() {
        Ok(measured) => measured,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let seed = arguments.seed.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or(0, |now| now.as_secs())
    });
    let operations = measured.operations.len();
    println!(
        "the task has {operations} writes and syncs and takes {:?}; seed {seed}",
        measured.whole
    );
    let mut failed = false;
    let mut play = |what: &str, cases: &[Case]| {
        let began = Instant::now();
        let Matrix { figures, failures } = play_all(cases, arguments.beside, |done| {
            if done.is_multiple_of(20) || done == cases.len() {
                eprintln!("{what}: {done} of {}", cases.len());
            }
        });
        let took = began.elapsed().as_secs();
        println!(
            "{what}: {} cases in {took}s, {} failed",
            cases.len(),
            failures.len()
        );
        println!("  {figures}");
        for failure in &failures {
            println!("\nFAILED {failure}");
        }
        failed |= !failures.is_empty();
    };
    if !arguments.only_random && arguments.case.is_none() {
        play("boundaries", &boundaries(&measured.operations));
    }
    let count = arguments.case.map_or(arguments.random, |case| case + 1);
    let mut cases = random(seed, count, &measured);
    if arguments.case.is_some() {
        cases.drain(..count - 1);
    }
    if !cases.is_empty() {
        play("random instants", &cases);
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

#[expect(clippy::print_stdout, reason = "a program for people")]
fn one(arguments: &Arguments) -> ExitCode {
    let (text, result) = shown(&Case {
        name: "one".to_owned(),
        kills: arguments.at.iter().cloned().map(Kill::At).collect(),
        happened: !arguments.not_happened,
        linger_ms: 0,
    });
    println!("{text}");
    match &result {
        Ok(figures) => println!("it holds: {figures}"),
        Err(wrong) => println!("FAILED {wrong}"),
    }
    ExitCode::from(u8::from(result.is_err()))
}
