//! The long task as a program: `cargo run -p toolpool-tests --bin long-task -- --windows 4096,8192`.
//!
//! A plan of a hundred and twenty replies over five hundred tools, by a scripted model in front of the real llama-server, at a
//! terminal. See `src/long/`.

use std::process::ExitCode;

use clap::Parser;
use toolpool_tests::long::{Figures, Shape, Task, play, table};

/// Play a task of many steps in small windows, and say what is left of it.
#[derive(Parser)]
struct Arguments {
    /// Tokens of the window; several, separated by commas.
    #[arg(long, value_delimiter = ',', default_values_t = [4096, 8192, 16_384, 32_768])]
    windows: Vec<u32>,
    /// Replies; ten make a part.
    #[arg(long, default_value_t = 120)]
    steps: usize,
    /// All in one turn, in place of a turn for each part.
    #[arg(long)]
    one: bool,
    /// Rank tools by words alone.
    #[arg(long)]
    words: bool,
    /// Ask for a compaction once the window is nearly full, and look again.
    #[arg(long)]
    compact: bool,
    /// One object for all runs.
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
    let mut runs: Vec<Figures> = Vec::new();
    for window in &arguments.windows {
        let task = Task {
            window: *window,
            parts: arguments.steps.div_ceil(10),
            shape: if arguments.one {
                Shape::One
            } else {
                Shape::Turns
            },
            encoder: !arguments.words,
            compact: arguments.compact,
        };
        match play(&task) {
            Ok(Some(played)) => runs.push(played.figures),
            Ok(None) => return ExitCode::FAILURE,
            Err(error) => {
                eprintln!("error: at a window of {window}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    match arguments.json {
        true => println!("{}", serde_json::json!({ "runs": runs })),
        false => {
            println!("{}", table(&runs));
            for run in &runs {
                for text in run.by_hand.iter().flat_map(|hand| &hand.missing) {
                    println!("missing behind `/compact` at {}: {text}", run.window);
                }
                for text in &run.missing {
                    println!("missing at {}: {text}", run.window);
                }
                for text in &run.strange {
                    println!("strange at {}: {text}", run.window);
                }
            }
        }
    }
    ExitCode::SUCCESS
}
