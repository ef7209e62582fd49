//! One command run to its end: status, stdout and stderr, with what differs between two runs filtered out.

use std::io::{Read, Write as _};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// What a command left.
#[derive(Clone, Debug)]
pub struct Run {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
    /// The folder whose name is filtered from snapshots.
    root: String,
}

impl Run {
    /// Its exit code; -1 when a signal ended it.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    /// Itself, if it ended well.
    #[track_caller]
    pub fn ok(self) -> Run {
        assert!(
            self.status.success(),
            "the command failed\n{}",
            self.snapshot()
        );
        self
    }

    /// Itself, if it ended with this code.
    #[track_caller]
    pub fn failed_with(self, code: i32) -> Run {
        assert_eq!(
            self.code(),
            code,
            "another exit code was expected\n{}",
            self.snapshot()
        );
        self
    }

    /// Its stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is no JSON: {error}\n{}", self.snapshot()))
    }

    /// Code, stdout and stderr in one text, with the world's folder as `[ROOT]` and durations as `[TIME]`.
    pub fn snapshot(&self) -> String {
        let text = format!(
            "code: {}\n--- stdout\n{}--- stderr\n{}",
            self.code(),
            ended(&self.stdout),
            ended(&self.stderr)
        );
        filtered(&text, &self.root)
    }

    /// Its stdout, filtered like a snapshot.
    pub fn stdout_filtered(&self) -> String {
        filtered(&self.stdout, &self.root)
    }
}

/// A text that ends its last line, or nothing.
fn ended(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') {
        text.to_owned()
    } else {
        format!("{text}\n")
    }
}

/// Filters what differs between two runs of the same thing: the world's folder, durations, ports, trailing blanks.
pub fn filtered(text: &str, root: &str) -> String {
    let text = text.replace(root, "[ROOT]");
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let words = line
            .split(' ')
            .map(|word| match word.trim_end_matches([',', '.', ')', ';']) {
                bare if is_duration(bare) => word.replace(bare, "[TIME]"),
                bare if bare.starts_with("http://127.0.0.1:") => word.replace(bare, "[URL]"),
                _ => word.to_owned(),
            });
        out.push_str(words.collect::<Vec<_>>().join(" ").trim_end());
        out.push('\n');
    }
    out
}

/// `12ms`, `0.3s`, `1.25 s` without its blank.
fn is_duration(word: &str) -> bool {
    let number = word
        .strip_suffix("ms")
        .or_else(|| word.strip_suffix("µs"))
        .or_else(|| word.strip_suffix('s'));
    number.is_some_and(|number| {
        !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.')
    })
}

/// Runs `command` to its end, killing it and failing the test after `limit`.
///
/// # Panics
///
/// When it can't be started or runs too long.
#[track_caller]
pub fn run(mut command: Command, root: &Path, input: Option<&str>, limit: Duration) -> Run {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("could not start {command:?}: {error}"));
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        // A program that ends without reading its input is the test's business, not this function's.
        let _ = stdin.write_all(input.as_bytes());
    }
    let stdout = reader(child.stdout.take().expect("stdout is piped"));
    let stderr = reader(child.stderr.take().expect("stderr is piped"));
    let (ended, end) = mpsc::channel();
    let pid = child.id();
    thread::spawn(move || drop(ended.send(child.wait())));
    let Ok(status) = end.recv_timeout(limit) else {
        crate::processes::kill(pid);
        panic!("`{command:?}` ran longer than {limit:?}");
    };
    let text = |reader: thread::JoinHandle<Vec<u8>>| {
        String::from_utf8_lossy(&reader.join().expect("a reader does not panic")).into_owned()
    };
    Run {
        status: status.expect("a child can be waited for"),
        stdout: text(stdout),
        stderr: text(stderr),
        root: root.display().to_string(),
    }
}

fn reader(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is still worth showing.
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}

#[cfg(test)]
mod tests {
    use super::{filtered, is_duration};

    #[test]
    fn durations_are_told_from_words() {
        for (word, is) in [
            ("12ms", true),
            ("0.31s", true),
            ("s", false),
            ("tools", false),
            ("2026s", true),
            ("ms", false),
        ] {
            assert_eq!(is_duration(word), is, "{word}");
        }
    }

    #[test]
    fn what_differs_is_filtered() {
        let text = "ready in 12ms, at http://127.0.0.1:4312/mcp  \nin /tmp/x/work";
        assert_eq!(
            filtered(text, "/tmp/x"),
            "ready in [TIME], at [URL]\nin [ROOT]/work\n"
        );
    }
}
