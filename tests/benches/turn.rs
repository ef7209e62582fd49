//! What a turn costs: a request embedded, searched and made into a pool, over catalogs of 500 to 100,000 tools.
//!
//!     TOOLPOOL_SETS=FOLDER cargo bench -p toolpool-tests --bench turn [-- PART]
//!
//! `TOOLPOOL_SETS` holds one folder per labelled set, each with `tools.jsonl`; the requests are those of `livemcpbench`. Tools beyond
//! what the sets hold are varied from them: one tool's name on another's server, with the descriptions of both. Every text is
//! really embedded, once, and its vector kept in `TOOLPOOL_CACHE` (a folder; the temporary one by default), because random vectors
//! would make any graph look good or bad at will.
//!
//! Parts: `turn` (default), `graph` (recall and time against the exact scan), `index` (texts a second), `memory` (resident size
//! at 10,000 tools). A plain program and not a harness: what matters is the middle of many different requests.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};
use toolpool_registry::{Allowance, TokenCounter, Want, assemble, rank};
use toolpool_tests::ranking::{self, Corpus};

const SIZES: [usize; 4] = [500, 5_000, 10_000, 100_000];
const ROUNDS: usize = 5;
/// Texts embedded to measure the speed of indexing.
const INDEXED: usize = 1_000;

#[expect(
    clippy::print_stderr,
    reason = "stderr is where a program says what is wrong"
)]
fn main() -> ExitCode {
    let part = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    match run(part.as_deref().unwrap_or("turn")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(part: &str) -> anyhow::Result<()> {
    let sets = PathBuf::from(
        std::env::var_os("TOOLPOOL_SETS")
            .context("set `TOOLPOOL_SETS` to the folder of the labelled sets")?,
    );
    let cache = std::env::var_os("TOOLPOOL_CACHE").map_or_else(
        || std::env::temp_dir().join("toolpool-bench"),
        PathBuf::from,
    );
    let requests: Vec<String> = ranking::read_lines(&sets.join("livemcpbench/queries.jsonl"))?
        .iter()
        .filter_map(|query| query["query"].as_str().map(str::to_owned))
        .collect();
    match part {
        "turn" => turn(&sets, &cache, &requests),
        "graph" => graph(&sets, &cache, &requests),
        "index" => index(&sets),
        "memory" => memory(&sets, &cache, &requests),
        other => anyhow::bail!("there is no part `{other}`"),
    }
}

#[expect(clippy::print_stdout, reason = "figures are this program's output")]
fn turn(sets: &Path, cache: &Path, requests: &[String]) -> anyhow::Result<()> {
    println!(
        "{:>8}  {:>7} {:>7} {:>8} {:>7} {:>7} {:>7}   ms, p50 of {} requests x {ROUNDS}; quiet: of each request's best round",
        "tools",
        "embed",
        "rank",
        "assemble",
        "turn",
        "p90",
        "quiet",
        requests.len()
    );
    for size in SIZES {
        let corpus = corpus(sets, cache, size)?;
        let pool = &corpus.config.pool;
        let allowance = Allowance {
            tokens: pool.allowance_tokens(),
            tools_max: pool.tools_max,
            full_max: pool.full_max,
        };
        let (mut embed, mut ranked, mut assembled, mut total) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            for request in requests {
                let start = Instant::now();
                let query = corpus.query(request)?;
                let after_embed = Instant::now();
                let ranking = rank(
                    corpus.snapshot(),
                    corpus.view(),
                    &query,
                    pool,
                    &corpus.config.limits,
                );
                let after_rank = Instant::now();
                let made = assemble(
                    corpus.snapshot(),
                    corpus.view(),
                    &ranking,
                    allowance,
                    Want::default(),
                    pool,
                );
                let end = Instant::now();
                anyhow::ensure!(!made.offered.is_empty(), "an empty pool");
                embed.push(after_embed - start);
                ranked.push(after_rank - after_embed);
                assembled.push(end - after_rank);
                total.push(end - start);
            }
        }
        println!(
            "{size:>8}  {:>7.2} {:>7.2} {:>8.2} {:>7.2} {:>7.2} {:>7.2}",
            at(&mut embed, 50),
            at(&mut ranked, 50),
            at(&mut assembled, 50),
            at(&mut total.clone(), 50),
            at(&mut total.clone(), 90),
            at(&mut best_rounds(&total, requests.len()), 50)
        );
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "figures are this program's output")]
fn graph(sets: &Path, cache: &Path, requests: &[String]) -> anyhow::Result<()> {
    println!(
        "{:>8}  {:>9} {:>9}  {:>9} {:>9}  {:>8}",
        "tools", "exact ms", "graph ms", "recall@10", "recall@50", "build s"
    );
    for size in [5_000, 10_000, 20_000, 50_000, 100_000] {
        let mut corpus = corpus(sets, cache, size)?;
        let queries: Vec<_> = requests
            .iter()
            .map(|request| corpus.query(request))
            .collect::<Result<_, _>>()?;
        corpus.config.limits.graph_from = usize::MAX;
        corpus.refresh();
        let (exact, mut exact_times) = ranked(&corpus, &queries);
        corpus.config.limits.graph_from = 0;
        let start = Instant::now();
        corpus.refresh();
        let build = start.elapsed();
        let (found, mut found_times) = ranked(&corpus, &queries);
        let recall = |k: usize| {
            let hits = exact.iter().zip(&found).map(|(exact, found)| {
                let found: HashSet<_> = found.iter().take(k).collect();
                exact
                    .iter()
                    .take(k)
                    .filter(|row| found.contains(row))
                    .count() as f64
                    / exact.len().min(k).max(1) as f64
            });
            100.0 * hits.sum::<f64>() / exact.len() as f64
        };
        println!(
            "{size:>8}  {:>9.2} {:>9.2}  {:>9.1} {:>9.1}  {:>8.1}",
            at(&mut exact_times, 50),
            at(&mut found_times, 50),
            recall(10),
            recall(50),
            build.as_secs_f64()
        );
    }
    Ok(())
}

fn ranked(
    corpus: &Corpus,
    queries: &[toolpool_registry::Query],
) -> (Vec<Vec<usize>>, Vec<Duration>) {
    let one = |query| {
        let start = Instant::now();
        let ranking = rank(
            corpus.snapshot(),
            corpus.view(),
            query,
            &corpus.config.pool,
            &corpus.config.limits,
        );
        (
            ranking.scores.iter().map(|score| score.row).collect(),
            start.elapsed(),
        )
    };
    queries.iter().map(one).unzip()
}

#[expect(clippy::print_stdout, reason = "figures are this program's output")]
fn index(sets: &Path) -> anyhow::Result<()> {
    let encoder = ranking::encoder()?;
    let corpus = Corpus::new(&tools(sets, INDEXED)?);
    let texts: Vec<&str> = corpus
        .snapshot()
        .tools()
        .iter()
        .map(|tool| &*tool.document.meaning)
        .collect();
    let start = Instant::now();
    encoder.index().embed_all(&texts)?;
    println!(
        "{:.0} texts a second, of {} characters on average",
        texts.len() as f64 / start.elapsed().as_secs_f64(),
        texts.iter().map(|text| text.len()).sum::<usize>() / texts.len()
    );
    let definitions = tools(sets, 10_000)?;
    let start = Instant::now();
    let mut corpus = Corpus::new(&definitions);
    println!(
        "10,000 definitions read, rendered and counted in {:.0} ms",
        start.elapsed().as_secs_f64() * 1e3
    );
    let start = Instant::now();
    corpus.refresh();
    println!(
        "a snapshot of them indexed in {:.0} ms",
        start.elapsed().as_secs_f64() * 1e3
    );
    Ok(())
}

#[expect(clippy::print_stdout, reason = "figures are this program's output")]
fn memory(sets: &Path, cache: &Path, requests: &[String]) -> anyhow::Result<()> {
    // A cache of its own: one that other parts share holds more vectors than these tools have.
    let cache = &cache.join("memory");
    let file = cache.join("10000.jsonl");
    if !file.exists() {
        // Made by a run of its own, so that what making them took is not counted.
        let lines: Vec<String> = tools(sets, 10_000)?.iter().map(Value::to_string).collect();
        corpus(sets, cache, 10_000)?;
        std::fs::write(&file, lines.join("\n"))?;
        println!("prepared; run it again");
        return Ok(());
    }
    println!("{:>6} MB at the start", resident()?);
    let tokens = TokenCounter::bundled().count("vocabulary");
    println!(
        "{:>6} MB with the vocabulary of the token counter ({tokens} tokens)",
        resident()?
    );
    let mut corpus = Corpus::read(&file)?;
    println!("{:>6} MB with 10,000 tools", resident()?);
    corpus.embed(cache)?;
    println!("{:>6} MB with encoder and vectors", resident()?);
    for request in requests {
        corpus.rank(request)?;
    }
    println!("{:>6} MB after {} requests", resident()?, requests.len());
    Ok(())
}

/// Resident memory of this process in megabytes.
fn resident() -> anyhow::Result<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .context("no `VmRSS`")?;
    let kilobytes: usize = line
        .split_whitespace()
        .nth(1)
        .context("no figure")?
        .parse()?;
    Ok(kilobytes / 1024)
}

fn corpus(sets: &Path, cache: &Path, size: usize) -> anyhow::Result<Corpus> {
    let mut corpus = Corpus::new(&tools(sets, size)?);
    corpus.embed(cache)?;
    Ok(corpus)
}

/// The first `size` of all tools of the sets, those of `livemcpbench` first, then variations of them.
fn tools(sets: &Path, size: usize) -> anyhow::Result<Vec<Value>> {
    let mut all = Vec::new();
    let mut seen = HashSet::new();
    for set in [
        "livemcpbench",
        "mcp_pool",
        "mcpm_registry",
        "stabletoolbench",
        "sealtools",
        "bfcl_pool",
    ] {
        for tool in ranking::read_lines(&sets.join(set).join("tools.jsonl"))? {
            if seen.insert((tool["server"].to_string(), tool["name"].to_string())) {
                all.push(tool);
            }
        }
    }
    let real = all.len();
    let mut round = 1;
    while all.len() < size {
        for at in 0..real.min(size - all.len()) {
            // Another tool for each round, far away in the list.
            let (one, other) = (&all[at], &all[(at + round * 7_919) % real]);
            let text = |tool: &Value| tool["description"].as_str().unwrap_or_default().to_owned();
            let varied = json!({
                "server": format!("{} {round}", other["server"].as_str().unwrap_or_default()),
                "name": one["name"],
                "description": format!("{} {}", text(one), text(other).chars().take(160).collect::<String>()),
                "input_schema": one["input_schema"],
            });
            all.push(varied);
        }
        round += 1;
    }
    all.truncate(size);
    Ok(all)
}

/// Of each request the fastest of its rounds: what is left when a shared machine had other things to do.
fn best_rounds(times: &[Duration], requests: usize) -> Vec<Duration> {
    let best = |request: usize| times.iter().skip(request).step_by(requests).min().copied();
    (0..requests).filter_map(best).collect()
}

/// The `percent`th percentile in milliseconds.
fn at(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1e3
}
