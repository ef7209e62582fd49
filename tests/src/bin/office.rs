//! The office as a program of its own: a server of five hundred tools, some of which return several windows full.

fn main() -> std::process::ExitCode {
    toolpool_tests::long::office_main()
}
