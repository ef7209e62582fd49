//! Installs the eight real servers and prints a configuration that uses them all.
//!
//! `cargo run -p toolpool-tests --bin real-servers > config.toml`, then `XDG_CONFIG_HOME` or a project file does the rest.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use toolpool_tests::real;

/// Install the real servers and print a configuration for them.
#[derive(Parser)]
struct Arguments {
    /// Folder in which they work; it gets a repository, a database and a note.
    #[arg(long)]
    folder: Option<PathBuf>,
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "stdout is the configuration, stderr what is missing"
)]
fn main() -> ExitCode {
    let folder = Arguments::parse()
        .folder
        .unwrap_or_else(|| real::cache().join("work"));
    if let Err(error) = std::fs::create_dir_all(&folder) {
        eprintln!("error: cannot make `{}`: {error}", folder.display());
        return ExitCode::from(2);
    }
    let mut whole = true;
    for server in real::servers(&folder) {
        match server {
            Ok(server) => print!("{}", server.toml()),
            Err(missing) => {
                eprintln!("{missing}");
                whole = false;
            }
        }
    }
    if whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
