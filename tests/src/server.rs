//! `FakeServer`: a fixture as a test describes it, ready to be put into a configuration.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::env::TestEnv;
use crate::program;

/// A fixture with a name, flags and a ledger. Nothing runs until the hub starts it, or `listen` does.
#[derive(Clone, Debug)]
pub struct FakeServer {
    /// Its name in the configuration.
    pub name: String,
    flags: Vec<String>,
    settings: Vec<String>,
    /// Where it keeps its ledger; none when it is to be fast.
    ledger: Option<PathBuf>,
}

impl FakeServer {
    /// A well-behaved server.
    pub fn new(env: &TestEnv, name: &str) -> FakeServer {
        let ledger = env.path(format!("ledger-{name}.jsonl"));
        FakeServer {
            name: name.to_owned(),
            flags: Vec::new(),
            settings: Vec::new(),
            ledger: Some(ledger),
        }
    }

    /// Without a ledger, for measurements.
    #[must_use]
    pub fn without_ledger(mut self) -> FakeServer {
        self.ledger = None;
        self
    }

    /// Adds flags, as one would type them.
    #[must_use]
    pub fn with(mut self, flags: &str) -> FakeServer {
        self.flags
            .extend(flags.split_whitespace().map(str::to_owned));
        self
    }

    /// Adds one flag whose value has blanks.
    #[must_use]
    pub fn with_text(mut self, flag: &str, value: &str) -> FakeServer {
        self.flags.extend([flag.to_owned(), value.to_owned()]);
        self
    }

    /// Adds a line to its table in the configuration.
    #[must_use]
    pub fn set(mut self, line: &str) -> FakeServer {
        self.settings.push(line.to_owned());
        self
    }

    /// The words after the program's name.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = self.flags.clone();
        arguments.extend(["--name".to_owned(), self.name.clone()]);
        if let Some(ledger) = &self.ledger {
            arguments.extend(["--ledger".to_owned(), ledger.display().to_string()]);
        }
        arguments
    }

    /// Its table for the configuration, over stdio.
    pub fn toml(&self) -> String {
        let head = format!(
            "command = {:?}\nargs = {:?}",
            program::fixture().display().to_string(),
            self.arguments()
        );
        self.table(&head)
    }

    /// Its table for the configuration, over HTTP at `url`.
    pub fn toml_http(&self, url: &str) -> String {
        self.table(&format!("url = {url:?}"))
    }

    fn table(&self, head: &str) -> String {
        format!(
            "[servers.{:?}]\n{head}\n{}\n\n",
            self.name,
            self.settings.join("\n")
        )
    }

    /// Starts it over HTTP on a free loopback port.
    ///
    /// # Panics
    ///
    /// When it does not say where it listens.
    pub fn listen(&self, env: &TestEnv) -> Listening {
        self.listen_on(env, "127.0.0.1:0")
    }

    /// Starts it over HTTP on this address.
    ///
    /// # Panics
    ///
    /// When it does not say where it listens.
    pub fn listen_on(&self, env: &TestEnv, address: &str) -> Listening {
        let mut command = env.command(program::fixture());
        command.args(self.arguments()).args(["--http", address]);
        // Its stdin is held open by this process: when the test ends, so does the fixture.
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the fixture can be started");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("stdout is piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("the fixture says where it listens");
        let said: Value = serde_json::from_str(&line).expect("the fixture says it in JSON");
        let url = said["listening"]
            .as_str()
            .expect("the fixture names its URL")
            .to_owned();
        Listening { url, child }
    }

    /// What it has seen so far: every event of this name.
    pub fn saw(&self, event: &str) -> Vec<Value> {
        self.ledger
            .as_deref()
            .map(events)
            .unwrap_or_default()
            .into_iter()
            .filter(|line| line["event"] == event)
            .map(|mut line| line["what"].take())
            .collect()
    }

    /// How often it was started.
    pub fn starts(&self) -> usize {
        self.saw("start").len()
    }

    /// Waits until it has seen `count` of these events.
    ///
    /// # Panics
    ///
    /// When it has not after `limit`.
    #[track_caller]
    pub fn wait_for(&self, event: &str, count: usize, limit: Duration) -> Vec<Value> {
        let what = format!("`{}` to see {count} `{event}`", self.name);
        wait_until(&what, limit, || {
            Some(self.saw(event)).filter(|seen| seen.len() >= count)
        })
    }
}

fn events(ledger: &Path) -> Vec<Value> {
    let text = fs::read_to_string(ledger).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// Asks again and again until there is an answer.
///
/// # Panics
///
/// When there is none after `limit`.
#[track_caller]
pub fn wait_until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "waited {limit:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A fixture that listens; it ends when this is dropped.
#[derive(Debug)]
pub struct Listening {
    /// Where it listens.
    pub url: String,
    child: Child,
}

impl Listening {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // Already gone is what it should be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
