//! Parsing, row by row; the help as people see it.

use std::time::Duration;

use clap::{CommandFactory, Parser};

use super::{Cli, Command};

fn parse(line: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once(&"toolpool").chain(line))
}

#[test]
fn the_grammar_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn lines_that_are_understood() {
    let rows: &[&[&str]] = &[
        &[],
        &["fix the build"],
        &[
            "fix the build",
            "--budget",
            "300",
            "--deny",
            "git__*",
            "--deny",
            "server:x",
        ],
        &[
            "--catalog",
            "a.json",
            "--catalog",
            "b.json",
            "pool",
            "x",
            "--json",
        ],
        &["x", "--endpoint", "http://127.0.0.1:1", "--model", "7"],
        &["--window", "8192", "--mode", "plan", "x"],
        &["x", "--output-format", "stream-json", "--continue"],
        &["--resume", "a1"],
        &["--fork", "a1:3", "x"],
        &["--continue"],
        &["servers", "--json"],
        &["tools", "--server", "git", "--effect", "read-only"],
        &["tools", "--name", "git__status"],
        &["pool", "x", "--budget", "300", "--profile", "p"],
        &["call", "a__b"],
        &["call", "a__b", "-"],
        &["call", "a__b", "-1"],
        &["serve"],
        &["serve", "--http"],
        &["serve", "--http", "127.0.0.1:0", "--profile", "p"],
        &["config", "import", "x.json", "--client", "codex", "--write"],
        &["config", "show", "--origin", "pool"],
        &["doctor", "git", "--wait", "2.5"],
        &["log", "--follow", "--category", "tool", "--since", "10m"],
        &["log", "--schema"],
        &["completions", "fish"],
    ];
    for row in rows {
        parse(row).unwrap_or_else(|error| panic!("{row:?}: {error}"));
    }
}

#[test]
fn lines_that_are_refused() {
    let rows: &[&[&str]] = &[
        &["a", "b"],
        &["tools", "--effect", "deadly"],
        &["tools", "--name", "x", "--server", "y"],
        &["serve", "--stdio", "--http"],
        &["--set", "pool"],
        &["--wait", "-1", "servers"],
        &["--quiet", "--verbose"],
        &["completions", "cmd"],
        &["call"],
        &["--mode", "yolo"],
        &["--window", "many"],
        &["--continue", "--resume", "a"],
        &["--fork", "a:x"],
        &["--output-format", "xml"],
        &["x", "--json", "--output-format", "text"],
        &["log", "--category", "tools"],
        &["log", "--since", "10"],
        &["log", "--level", "loud"],
    ];
    for row in rows {
        assert!(parse(row).is_err(), "{row:?}");
    }
}

#[test]
fn flags_stand_before_or_after_the_command() {
    for line in [
        ["--wait", "2", "--set", "a.b=c=d", "servers"],
        ["servers", "--wait", "2", "--set", "a.b=c=d"],
    ] {
        let cli = parse(&line).expect("a line that is understood");
        assert!(matches!(cli.command, Some(Command::Servers)));
        assert_eq!(cli.global.wait, Some(Duration::from_secs(2)));
        assert_eq!(cli.global.set, [("a.b".to_owned(), "c=d".to_owned())]);
    }
}

#[test]
fn help_names_every_command() {
    let help = Cli::command().render_help().to_string();
    for word in [
        "servers",
        "tools",
        "pool",
        "call",
        "serve",
        "config",
        "doctor",
        "log",
        "completions",
        "[REQUEST]",
        "--endpoint",
        "--output-format",
        "--continue",
    ] {
        assert!(help.contains(word), "{word}");
    }
    assert!(!help.contains("__guard"), "the guard is ours alone");
}
