//! The scripted model as a program, for tests that kill the hub beside it and for people.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use serde_json::json;

use super::script::Rules;
use super::setup::{Dialect, Script, Setup};
use super::{listen, serve};

/// Its command line.
#[derive(Debug, Parser)]
#[command(
    name = "scripted-model",
    about = "A model server whose replies come from a script"
)]
struct Flags {
    /// Whose way of speaking
    #[arg(long, value_enum, default_value = "llama-cpp")]
    dialect: Dialect,
    /// Tokens of prompt and reply together
    #[arg(long, default_value_t = 8192)]
    window: u32,
    /// The model's name
    #[arg(long, default_value = "scripted")]
    model: String,
    /// The script: rules over the conversation, as JSON
    #[arg(long)]
    script: PathBuf,
    /// Listen on this port of loopback; 0 is any
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// A real llama-server that counts, and keeps the window and the cache
    #[arg(long)]
    front: Option<String>,
    /// Append every request to this file, a line of JSON each
    #[arg(long)]
    record: Option<PathBuf>,
    /// Answer this path as if it were not there; may be given again
    #[arg(long)]
    hide: Vec<String>,
    /// Drop the oldest messages of a prompt that is too long, without a word
    #[arg(long)]
    truncates: bool,
    /// End when stdin is closed, so that it goes with whoever started it
    #[arg(long)]
    tied: bool,
}

/// Runs until the process is ended. Where it listens is printed as `{"listening": "http://.."}`.
#[expect(clippy::print_stderr, reason = "a program for people")]
pub fn main() -> ExitCode {
    match run(Flags::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the line that says where it listens")]
fn run(flags: Flags) -> Result<(), String> {
    let path = flags.script.display();
    let text = std::fs::read_to_string(&flags.script)
        .map_err(|error| format!("`{path}` can't be read: {error}"))?;
    let setup = Setup {
        model: flags.model,
        window: flags.window,
        script: Script::Rules(Rules::parse(&text)?),
        front: flags.front,
        hidden: flags.hide,
        truncates: flags.truncates,
        record: flags.record,
        port: flags.port,
        ..Setup::new(flags.dialect)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    if flags.tied {
        std::thread::spawn(|| {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            #[expect(clippy::exit, reason = "whoever started it is gone")]
            std::process::exit(0);
        });
    }
    runtime.block_on(async {
        let (listener, address, world) = listen(setup).await?;
        println!("{}", json!({ "listening": format!("http://{address}") }));
        serve(listener, world).await;
        Ok(())
    })
}
