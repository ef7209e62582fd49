//! The fixture server as a program of its own, so that it can be started, crash, and be killed like any other.

fn main() -> std::process::ExitCode {
    toolpool_tests::fixture::main()
}
