//! What a long session costs: 100,000 entries appended, and the journal opened again with every fold.
//!
//!     cargo bench -p toolpool-tests --bench replay [-- ENTRIES]
//!
//! The entries are turns of three steps with two calls each, results of a kilobyte among them. A plain program and not a harness: what
//! matters is one cold open, not the mean of a thousand warm ones. The file is in the page cache, which a resume just after a crash is as well.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use toolpool::journal::{Entry, RealDisk, Store, Sync};
use toolpool_tests::journaling::{begin, folding, script};

const ENTRIES: usize = 100_000;
const ROUNDS: usize = 5;
/// Appends that are on their way at a time.
const TOGETHER: usize = 64;

#[expect(
    clippy::print_stderr,
    reason = "stderr is where a program says what is wrong"
)]
fn main() -> ExitCode {
    let entries = std::env::args().skip(1).find_map(|word| word.parse().ok());
    match run(entries.unwrap_or(ENTRIES)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "stdout is where a measurement goes")]
fn run(count: usize) -> anyhow::Result<()> {
    let root = std::env::temp_dir().join(format!("toolpool-replay-{}", std::process::id()));
    let store = Store::new(root.clone(), Arc::new(RealDisk));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;

    let started = Instant::now();
    let (journal, id) = store.create(begin(), Box::new(|_| {}))?;
    runtime.block_on(async {
        let entries: Vec<Entry> = numbered().take(count.saturating_sub(1)).collect();
        for group in entries.chunks(TOGETHER) {
            let appends = group
                .iter()
                .map(|entry| journal.append(entry.clone(), Sync::Later));
            futures::future::try_join_all(appends).await?;
        }
        journal.close().await
    })?;
    let written = started.elapsed();
    let bytes = std::fs::metadata(store.folder(&id).join("journal.jsonl"))?.len();
    println!(
        "{count} entries, {:.1} MB, appended in {}",
        bytes as f64 / 1e6,
        ms(written)
    );

    for (what, folds) in [("opened", false), ("opened with every fold", true)] {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let (started, busy) = (Instant::now(), on_processor()?);
            let (apply, kept) = folding();
            let (journal, recovery) = if folds {
                store.open(&id, apply)?
            } else {
                store.open(&id, Box::new(|_| {}))?
            };
            times.push((started.elapsed(), on_processor()?.saturating_sub(busy)));
            ensure!(recovery.lines == count && recovery.damage.is_empty());
            runtime.block_on(journal.close())?;
            drop(kept);
        }
        times.sort();
        let (middle, worst) = (times[ROUNDS / 2], times.last().context("there are rounds")?);
        println!(
            "{what}: {}, of which {} on the processor (the slowest of {ROUNDS}: {})",
            ms(middle.0),
            ms(middle.1),
            ms(worst.0)
        );
    }
    std::fs::remove_dir_all(&root)?;
    Ok(())
}

/// The script again and again, its turns counted on.
fn numbered() -> impl Iterator<Item = Entry> {
    (0..).flat_map(|round: u32| {
        script().into_iter().map(move |(mut entry, _)| {
            let ahead = round * 3;
            match &mut entry {
                Entry::User { turn, .. } | Entry::End { turn, .. } | Entry::Steps { turn, .. } => {
                    *turn += ahead;
                }
                Entry::Reply { turn, calls, .. } => {
                    *turn += ahead;
                    for call in calls {
                        if let Ok(mut id) = call.id.parse::<toolpool::journal::entry::CallId>() {
                            id.turn += ahead;
                            call.id = id.to_string();
                        }
                    }
                }
                Entry::Intent(intent) => intent.call.turn += ahead,
                Entry::Outcome(outcome) => outcome.call.turn += ahead,
                _ => {}
            }
            entry
        })
    })
}

/// How long this thread has had a processor: what a machine with other things to do can't spoil.
fn on_processor() -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = text.split_whitespace().next().context("it has numbers")?;
    Ok(Duration::from_nanos(first.parse()?))
}

fn ms(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1_000.0)
}
