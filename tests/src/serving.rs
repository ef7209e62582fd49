//! The hub while it serves HTTP: started on a free port, its words kept in a file, ended with the test.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::client::{Client, Era};
use crate::env::TestEnv;
use crate::processes;
use crate::server::wait_until;

/// How long the hub may take to say where it listens. It serves before its servers are up, so this is no wait for them.
const LISTEN_MAX: Duration = Duration::from_secs(20);

/// A hub that serves.
#[derive(Debug)]
pub struct Serving {
    /// Where: `http://127.0.0.1:PORT/mcp`.
    pub url: String,
    words: PathBuf,
    child: Child,
}

impl Serving {
    /// Starts the hub on a free loopback port, with these arguments besides.
    ///
    /// # Panics
    ///
    /// When it does not say on stderr where it listens.
    #[track_caller]
    pub fn start(env: &TestEnv, arguments: &[&str]) -> Serving {
        let words = env.path(format!("tmp/serve-{}.stderr", std::process::id()));
        let mut command = env.hub(["serve", "--http", "127.0.0.1:0"].iter().chain(arguments));
        command
            .stdout(Stdio::null())
            .stderr(File::create(&words).expect("the world is writable"));
        let mut child = command.spawn().expect("the hub can be started");
        let url = wait_until("the hub to say where it listens", LISTEN_MAX, || {
            let said = fs::read_to_string(&words).unwrap_or_default();
            if let Ok(Some(status)) = child.try_wait() {
                panic!("the hub ended with {status}\n{said}");
            }
            url_in(&said)
        });
        Serving { url, words, child }
    }

    /// The URL with something after it: `/profile`, `?deny=...`.
    pub fn at(&self, rest: &str) -> String {
        format!("{}{rest}", self.url)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it said on stderr so far.
    pub fn words(&self) -> String {
        fs::read_to_string(&self.words).unwrap_or_default()
    }

    /// KILL, as a crash would be, and no process of its own left as a zombie.
    pub fn kill(mut self) {
        // Already gone is what it should be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// TERM, and its exit code once it has ended.
    ///
    /// # Panics
    ///
    /// When it does not end within half a minute.
    #[track_caller]
    pub fn stop(mut self) -> Option<i32> {
        processes::terminate(self.child.id());
        let ended = wait_until("the hub to end", Duration::from_secs(30), || {
            self.child.try_wait().ok().flatten()
        });
        ended.code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            processes::terminate(self.child.id());
            for _ in 0..250 {
                if !matches!(self.child.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// How a client reaches the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As its child.
    Stdio,
    /// Over streamable HTTP.
    Http,
}

impl Way {
    /// Both, each in both eras.
    pub const ALL: [(Way, Era); 4] = [
        (Way::Stdio, Era::Legacy),
        (Way::Stdio, Era::Modern),
        (Way::Http, Era::Legacy),
        (Way::Http, Era::Modern),
    ];
}

/// A client and the hub that serves it.
#[derive(Debug)]
pub struct Session {
    /// The client.
    pub client: Client,
    /// The hub's process, when it is not the client's child.
    pub serving: Option<Serving>,
}

impl Session {
    /// Starts the hub with these arguments to `serve` and connects.
    ///
    /// # Panics
    ///
    /// When the session does not come about.
    pub async fn open(env: &TestEnv, (way, era): (Way, Era), arguments: &[&str]) -> Session {
        match way {
            Way::Stdio => {
                let mut command = env.hub(["serve", "--stdio"].iter().chain(arguments));
                let words = File::create(env.path("tmp/serve-stdio.stderr"))
                    .expect("the world is writable");
                command.stderr(words);
                let client = Client::stdio(command, era)
                    .await
                    .expect("a session over stdio");
                Session {
                    client,
                    serving: None,
                }
            }
            Way::Http => {
                let serving = Serving::start(env, arguments);
                let client = Client::http(&serving.url, era, None)
                    .await
                    .expect("a session over HTTP");
                Session {
                    client,
                    serving: Some(serving),
                }
            }
        }
    }
}

/// The first URL of a whole line: a line still being written has no end yet.
fn url_in(said: &str) -> Option<String> {
    let whole = &said[..=said.rfind('\n')?];
    let start = whole.find("http://127.0.0.1:")?;
    let url: String = whole[start..]
        .chars()
        .take_while(|c| !c.is_whitespace() && !"`',;".contains(*c))
        .collect();
    let url = url.trim_end_matches(['.', '/']).to_owned();
    Some(if url.ends_with("/mcp") {
        url
    } else {
        format!("{url}/mcp")
    })
}

#[cfg(test)]
mod tests {
    use super::url_in;

    #[test]
    fn the_url_is_found_in_a_whole_line() {
        for (said, url) in [
            ("serving on http://127.0.0.1:80/mcp", None),
            (
                "serving on http://127.0.0.1:80/mcp\n",
                Some("http://127.0.0.1:80/mcp"),
            ),
            (
                "a\nat `http://127.0.0.1:80`.\nb",
                Some("http://127.0.0.1:80/mcp"),
            ),
            ("nothing\n", None),
        ] {
            assert_eq!(url_in(said).as_deref(), url, "{said:?}");
        }
    }
}
