//! The prompt cache under four ways to keep a pool: `cargo run -p toolpool-tests --bin prefix-reuse`.
//!
//! REUSE leaves out the first prompt, which no cache can have; ALL does not. LISTED and IN TEXT are the steps at whose first
//! request the definition of the tool they need stood in the list of tools, or only in the text; PRESENT is both, and SPOKEN is
//! both of the steps whose tool the person's words speak of: the other ones nothing foretells. See `src/long/reuse.rs`.

use std::process::ExitCode;

use clap::Parser;
use toolpool_tests::long::{Policy, reuse, reuse_table};

/// Hold one conversation under several ways to keep a pool of tools, and compare what the server had to read.
#[derive(Parser)]
struct Arguments {
    /// Tokens of the window, the same for all.
    #[arg(long, default_value_t = 65_536)]
    window: u32,
    /// Turns; the tools that are needed change with every third.
    #[arg(long, default_value_t = 20)]
    turns: usize,
    /// Which ways.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Policy::ALL)]
    policies: Vec<Policy>,
    /// Rank tools by words alone.
    #[arg(long)]
    words: bool,
    /// One object for all.
    #[arg(long)]
    json: bool,
}

#[expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a program for people"
)]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut all = Vec::new();
    for policy in &arguments.policies {
        match reuse(*policy, arguments.window, arguments.turns, !arguments.words) {
            Ok(Some(figures)) => all.push(figures),
            Ok(None) => return ExitCode::FAILURE,
            Err(error) => {
                eprintln!("error: {policy:?}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    match arguments.json {
        true => println!("{}", serde_json::json!({ "policies": all })),
        false => println!("{}", reuse_table(&all)),
    }
    ExitCode::SUCCESS
}
