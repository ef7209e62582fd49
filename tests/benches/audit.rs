//! What the audit trail costs: 10,000 entries folded, put in order, and their chain proved.
//!
//!     cargo bench -p toolpool-tests --bench audit [-- ENTRIES]
//!
//! The entries are steps of two calls, each proposed, decided on, intended and answered, results of a kilobyte among them. A plain program
//! and not a harness: what matters is the middle of some rounds, and nothing here is so short that a clock could not tell.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::json;
use toolpool::audit::{Audit, Trail};
use toolpool::journal::entry::{
    ApproverKind, CallId, DecisionNote, DecisionSource, IntentNote, OutcomeNote, Verdict,
};
use toolpool::journal::{Entry, RealDisk, Store, Sync};
use toolpool_config::Effect;
use toolpool_tests::journaling::begin;

const ENTRIES: usize = 10_000;
const ROUNDS: usize = 51;
/// Entries of one call.
const OF_A_CALL: usize = 3;

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
    let root = std::env::temp_dir().join(format!("toolpool-audit-{}", std::process::id()));
    let store = Store::new(root.clone(), Arc::new(RealDisk));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let (journal, id) = store.create(begin(), Box::new(|_| {}))?;
    runtime.block_on(async {
        for number in 0..(count / OF_A_CALL) as u32 {
            let call = CallId {
                turn: 1 + number / 1_000,
                step: 1 + number / 2 % 500,
                index: number % 2,
            };
            for entry in of_a_call(call) {
                journal.append(entry, Sync::Later).await?;
            }
        }
        journal.close().await
    })?;
    let (lines, damage) = store.read(&id)?;
    ensure!(damage.is_empty());
    println!("{} entries", lines.len());
    middle("folded", || {
        let audit = Audit::of(&lines);
        ensure!(audit.records().len() == count / OF_A_CALL);
        Ok(())
    })?;
    let audit = Audit::of(&lines);
    middle("put in order", || {
        let mut trail = Trail::default();
        trail.add(id.clone(), audit.clone());
        ensure!(trail.rows().len() == count / OF_A_CALL);
        Ok(())
    })?;
    middle("read and its chain proved", || {
        ensure!(store.prove(&id, None)?.bad.is_none());
        Ok(())
    })?;
    std::fs::remove_dir_all(&root)?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "stdout is where a measurement goes")]
fn middle(what: &str, mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut times: Vec<Duration> = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let started = Instant::now();
        work()?;
        times.push(started.elapsed());
    }
    times.sort();
    let worst = times.last().context("there are rounds")?;
    println!(
        "{what}: p50 {:.2} ms (the slowest of {ROUNDS}: {:.2} ms)",
        ms(times[ROUNDS / 2]),
        ms(*worst)
    );
    Ok(())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn of_a_call(call: CallId) -> [Entry; OF_A_CALL] {
    [
        Entry::Decision(DecisionNote {
            call,
            principal: "agent".into(),
            profile: None,
            server: "disk".into(),
            tool: "read".into(),
            name: "disk__read".into(),
            effect: Effect::ReadOnly,
            fingerprint: "f".repeat(64),
            arguments_sha256: "a".repeat(64),
            allowed: true,
            reason: "it only reads, by a claim that is believed".into(),
            source: DecisionSource::Mode,
            rule: Some("mode `ask`".into()),
            approver: Some(ApproverKind::Autonomous),
            agent: None,
        }),
        Entry::Intent(IntentNote {
            call,
            server: "disk".into(),
            tool: "read".into(),
            name: "disk__read".into(),
            fingerprint: "f".repeat(64),
            arguments: json!({ "path": "notes.txt" }),
            effect: Effect::ReadOnly,
            repeatable: true,
            key: call.to_string(),
        }),
        Entry::Outcome(OutcomeNote {
            call,
            verdict: Verdict::Completed,
            text: "what was read ".repeat(70),
            result_sha256: Some("b".repeat(64)),
            artifact: None,
            elapsed_ms: 1,
            repairs: Vec::new(),
        }),
    ]
}
