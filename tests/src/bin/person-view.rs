//! What a person sees of long work, as text: `cargo run -p toolpool-tests --bin person-view`.

use std::process::ExitCode;

#[expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a program for people"
)]
fn main() -> ExitCode {
    match toolpool_tests::long::person() {
        Ok(Some(seen)) => {
            println!("{}", seen.before);
            println!("\n[killed with SIGKILL; opened again with `--continue`]\n");
            println!("{}", seen.after);
            println!("[{} compactions in the journal]", seen.compactions);
            ExitCode::SUCCESS
        }
        Ok(None) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
