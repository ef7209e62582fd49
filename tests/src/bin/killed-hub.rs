//! The hub on a disk that kills it at a chosen operation (see `killing.rs`).

fn main() -> std::process::ExitCode {
    toolpool_tests::killing::main()
}
