//! The hub's program, built with the tests and so never older than they are (see `program.rs`).

fn main() -> std::process::ExitCode {
    toolpool::cli::main()
}
