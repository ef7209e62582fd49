//! What the hub costs: an echo call through it over streamable HTTP, against the same server direct, in one run.
//!
//! `cargo run --release -p toolpool-tests --bin proxy_bench`. Loopback only, bounded in time. The client is plain HTTP with
//! kept connections and the same for both, so that what differs is the hub. Direct and hub take turns, so that a machine that
//! gets slower slows both. "Added" is the difference of the medians and of the 99th percentiles at the same number of clients.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::{Value, json};
use toolpool_tests::client::{Client, Era};
use toolpool_tests::env::TestEnv;
use toolpool_tests::raw;
use toolpool_tests::server::FakeServer;
use toolpool_tests::serving::Serving;

/// Measure what the hub adds to a call.
#[derive(Parser)]
struct Arguments {
    /// Seconds of load for each number of clients and each of the two ways.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Numbers of clients.
    #[arg(long, value_delimiter = ',', default_value = "1,8,32")]
    clients: Vec<usize>,
    /// Let the hub reach the server over stdio instead of HTTP.
    #[arg(long)]
    stdio: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Turns that direct and hub take at each number of clients.
const TURNS: u32 = 4;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let env = TestEnv::new();
    let server = FakeServer::new(&env, "echo")
        .with("--only echo")
        .without_ledger();
    let listening = server.listen(&env);
    let table = if arguments.stdio {
        server.toml()
    } else {
        server.toml_http(&listening.url)
    };
    env.config(&format!(
        "exposure = \"all\"\n[servers.workspace]\nenabled = false\n{table}"
    ));
    let serving = Serving::start(&env, &[]);
    let ready = Client::http(&serving.url, Era::Modern, None)
        .await
        .expect("the hub can be reached");
    ready
        .until_names(Duration::from_secs(30), |names| names == ["echo__echo"])
        .await;

    let span = Duration::from_secs_f64(arguments.seconds) / TURNS;
    let mut rows = Vec::new();
    for &clients in &arguments.clients {
        let (mut direct, mut through) = (Measured::default(), Measured::default());
        for _ in 0..TURNS {
            direct.add(load(&listening.url, "echo", clients, span).await);
            through.add(load(&serving.url, "echo__echo", clients, span).await);
        }
        rows.push((clients, direct, through));
    }
    print(&arguments, rows);
    ExitCode::SUCCESS
}

/// Calls and their latencies.
#[derive(Default)]
struct Measured {
    latencies: Vec<Duration>,
    elapsed: Duration,
}

impl Measured {
    fn add(&mut self, other: Measured) {
        self.latencies.extend(other.latencies);
        self.elapsed += other.elapsed;
        self.latencies.sort_unstable();
    }

    fn quantile_ms(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let place = (last as f64 * share).round() as usize;
        self.latencies
            .get(place)
            .map_or(f64::NAN, |latency| latency.as_secs_f64() * 1_000.0)
    }

    fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }
}

/// So many clients, each sending its next call when it has the answer to the last.
async fn load(url: &str, tool: &str, clients: usize, span: Duration) -> Measured {
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..clients {
        tasks.spawn(calls(url.to_owned(), tool.to_owned(), begun + span));
    }
    let mut latencies = Vec::new();
    while let Some(task) = tasks.join_next().await {
        latencies.extend(task.expect("a client does not panic"));
    }
    Measured {
        latencies,
        elapsed: begun.elapsed(),
    }
}

async fn calls(url: String, tool: String, end: Instant) -> Vec<Duration> {
    let client = reqwest::Client::new();
    let params = json!({ "name": tool, "arguments": { "text": "there and back" } });
    let body = raw::modern(1, "tools/call", params).to_string();
    let mut latencies = Vec::new();
    while Instant::now() < end {
        let begun = Instant::now();
        let request = client
            .post(&url)
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", &tool)
            .body(body.clone());
        let answer = request
            .send()
            .await
            .expect("an answer")
            .text()
            .await
            .expect("a whole answer");
        latencies.push(begun.elapsed());
        assert!(answer.contains("there and back"), "{answer}");
    }
    latencies
}

#[expect(
    clippy::print_stdout,
    reason = "the measurements are the program's output"
)]
fn print(arguments: &Arguments, rows: Vec<(usize, Measured, Measured)>) {
    if arguments.json {
        let figures = |measured: &Measured| -> Value {
            json!({
                "p50_ms": measured.quantile_ms(0.5),
                "p99_ms": measured.quantile_ms(0.99),
                "per_second": measured.per_second(),
                "calls": measured.latencies.len(),
            })
        };
        let rows: Vec<Value> = rows
            .iter()
            .map(|(clients, direct, hub)| json!({"clients": clients, "direct": figures(direct), "hub": figures(hub)}))
            .collect();
        println!("{}", json!({ "rows": rows }));
        return;
    }
    println!("clients  way     p50 ms   p99 ms   calls/s   added p50  added p99");
    for (clients, direct, hub) in rows {
        let figures = |measured: &Measured| {
            format!(
                "{:8.2} {:8.2} {:9.0}",
                measured.quantile_ms(0.5),
                measured.quantile_ms(0.99),
                measured.per_second()
            )
        };
        println!("{clients:7}  direct {}", figures(&direct));
        let added = |share: f64| hub.quantile_ms(share) - direct.quantile_ms(share);
        println!(
            "{clients:7}  hub    {}  {:10.2} {:10.2}",
            figures(&hub),
            added(0.5),
            added(0.99)
        );
    }
}
