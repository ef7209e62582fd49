//! The `toolpool` program.
fn main() -> std::process::ExitCode {
    toolpool::cli::main()
}
