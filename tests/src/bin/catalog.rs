//! Prints a catalog of plausible tools, for `toolpool --catalog FILE`.
//!
//! The format is what `toolpool tools --json` writes and what a saved `tools/list` result looks like:
//! `{"tools": [{"server", "name", "description", "inputSchema", "annotations"}, ...]}`, where `server` names the server a tool
//! belongs to and may be absent in a plain `tools/list`. The same number gives the same bytes.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use toolpool_tests::catalog;

/// Print a catalog of plausible tools as JSON.
#[derive(Parser)]
struct Arguments {
    /// How many tools.
    #[arg(long, default_value_t = 500)]
    tools: usize,
}

#[expect(
    clippy::print_stderr,
    reason = "stderr is where a program says what is wrong"
)]
fn main() -> ExitCode {
    let Some(tools) = catalog::some(Arguments::parse().tools) else {
        eprintln!("error: the tables give only {} tools", catalog::all().len());
        return ExitCode::from(2);
    };
    let lines: Vec<String> = tools.iter().map(ToString::to_string).collect();
    // A reader that has seen enough is no error.
    let _ = writeln!(
        std::io::stdout(),
        "{{\"tools\":[\n{}\n]}}",
        lines.join(",\n")
    );
    ExitCode::SUCCESS
}
