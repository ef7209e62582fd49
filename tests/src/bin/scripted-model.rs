//! The scripted model as a program of its own, so that it outlives a hub that is killed beside it.

fn main() -> std::process::ExitCode {
    toolpool_tests::model::main()
}
