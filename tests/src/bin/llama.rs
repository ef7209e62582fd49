//! Builds the real llama-server with its tiny model if it is not there yet, and says how to start it.

use std::process::ExitCode;

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people"
)]
fn main() -> ExitCode {
    match toolpool_tests::llama::installed() {
        Ok(installed) => {
            let (server, model) = (installed.server.display(), installed.model.display());
            println!("{server} --model {model} --alias tiny --parallel 1 --ctx-size 8192");
            ExitCode::SUCCESS
        }
        Err(missing) => {
            eprintln!("error: llama-server can't be built: {}", missing.why);
            ExitCode::FAILURE
        }
    }
}
