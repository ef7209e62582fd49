//! Ranks each request of a labelled set with the code that makes pools, for a scorer to judge. A ranking here is a pool without
//! a bound on tokens: twins of a tool from other servers are folded as they are for a model.
//!
//! A set is a folder with `tools.jsonl` (`{server, name, description, input_schema}`) and `queries.jsonl` (`{id, query}`); a line
//! of another file of tools adds distractors. Written is a line per request, `{"id", "ranked": [[server, tool], ..]}`, best first.
//! Sets of server-level labels (`queries_server.jsonl`) are ranked alike. Which ranker it was is said on stderr, and a missing
//! encoder is an error unless words alone were asked for: figures of the one must never pass for the other's.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use serde_json::{Value, json};
use toolpool_tests::ranking::{self, Corpus};

/// Rank every request of a labelled set.
#[derive(Parser)]
struct Arguments {
    /// Folder with `tools.jsonl` and `queries.jsonl`.
    set: PathBuf,
    /// Where the rankings go.
    out: PathBuf,
    /// More tools, as distractors.
    extra: Option<PathBuf>,
    /// Rank by words alone.
    #[arg(long)]
    words: bool,
    /// Where vectors are kept between runs.
    #[arg(long, default_value_os_t = std::env::temp_dir().join("toolpool-rank"))]
    cache: PathBuf,
    /// Tools written per request.
    #[arg(long, default_value_t = 50)]
    top: usize,
    /// A setting in place of its default, such as `words_weight=0.4`; may be repeated.
    #[arg(long = "set", value_name = "KEY=NUMBER")]
    settings: Vec<String>,
}

#[expect(
    clippy::print_stderr,
    reason = "stderr is where a program says what it did"
)]
fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(summary) => {
            eprintln!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<String> {
    let mut tools = ranking::read_lines(&arguments.set.join("tools.jsonl"))?;
    if let Some(extra) = &arguments.extra {
        tools.extend(ranking::read_lines(extra)?);
    }
    let queries = queries(&arguments.set)?;
    let mut corpus = Corpus::new(&tools);
    corpus.set(&arguments.settings)?;
    if !arguments.words {
        corpus.embed(&arguments.cache)?;
    }
    let mut out = BufWriter::new(fs::File::create(&arguments.out)?);
    let started = Instant::now();
    let mut rankers = BTreeMap::new();
    for query in &queries {
        let (Some(id), Some(text)) = (query["id"].as_str(), query["query"].as_str()) else {
            continue;
        };
        let pool = corpus.pool(text, arguments.top)?;
        let ranked: Vec<[&str; 2]> = pool
            .offered
            .iter()
            .map(|offered| [&*offered.id.server, &*offered.id.name])
            .collect();
        writeln!(out, "{}", json!({"id": id, "ranked": ranked}))?;
        *rankers.entry(pool.ranker.to_string()).or_insert(0) += 1;
    }
    out.flush()?;
    let each = started.elapsed().as_secs_f64() * 1e3 / queries.len().max(1) as f64;
    let rankers: Vec<String> = rankers
        .iter()
        .map(|(ranker, count)| format!("{ranker}: {count} requests"))
        .collect();
    Ok(format!(
        "{} tools, {each:.2} ms a request; ranked by {}",
        corpus.snapshot().tools().len(),
        rankers.join("; ")
    ))
}

fn queries(set: &Path) -> anyhow::Result<Vec<Value>> {
    let tool_level = set.join("queries.jsonl");
    ranking::read_lines(&if tool_level.exists() {
        tool_level
    } else {
        set.join("queries_server.jsonl")
    })
}
