//! `run_command`: one shell command in the workspace, with an end to its time, its output and its processes.
//!
//! The command runs below a second process of our own program (`confined`), which may write nowhere else and which outlives
//! nobody: when the hub lets go of it, or is killed, it ends what the command started. Without that program, in tests and in
//! programs that embed the library, the command runs directly, in a group of its own, unconfined, and the result says so.
//!
//! A command that fails is a result and no error: its exit code is what was asked for.

use std::collections::BTreeMap;
use std::io::{PipeReader, Read};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use serde_json::json;
use toolpool_config::fixed::{COMMAND_GONE_WITHIN, COMMAND_MARGIN};
use toolpool_config::{Confine, Confinement};

use super::confined::{CONFINED, Held};
use super::output::Output;
use super::{Answer, Refusal, Setting, suggest};

/// What commands are started with.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    /// Our own program, which holds a command to its folders. `None`: nothing does, and results say so.
    pub program: Option<PathBuf>,
    /// All the variables a command has, besides a few that keep programs from asking and paging.
    pub env: BTreeMap<String, String>,
}

/// How one server runs commands.
#[derive(Debug)]
pub(super) struct Commands {
    pub(super) launch: Launch,
    pub(super) confinement: Confinement,
    /// The server's own time limit of a call.
    pub(super) timeout: Duration,
    /// Whether it was said that commands are not confined: once is enough.
    pub(super) told: AtomicBool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    command: String,
    #[serde(default)]
    timeout_s: Option<f64>,
    #[serde(default)]
    cwd: Option<String>,
}

/// Variables that keep programs from paging, colouring, asking, and locking where they only read.
const QUIET: [(&str, &str); 6] = [
    ("TERM", "dumb"),
    ("NO_COLOR", "1"),
    ("PAGER", "cat"),
    ("GIT_PAGER", "cat"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
];
/// How often cancellation and time are looked at.
const POLL: Duration = Duration::from_millis(20);

pub(super) fn run(setting: &Setting, arguments: Arguments) -> Result<Answer, Refusal> {
    let Arguments {
        command,
        timeout_s,
        cwd,
    } = arguments;
    if command.trim().is_empty() || command.contains('\0') {
        return Err(Refusal(
            "`command` must be a shell command, such as `ls -la`".to_owned(),
        ));
    }
    let folder = suggest::resolve(setting, cwd.as_deref().unwrap_or("."))?;
    if !folder.absolute.is_dir() {
        return Err(Refusal(format!("`{}` is not a folder", folder.shown())));
    }
    let limit = limit(timeout_s, setting.commands.timeout)?;
    let temporary = Temporary::make(&setting.commands.launch)?;
    let mut running = Running::start(setting, &command, &folder.absolute, &temporary.0)?;
    let how = running.follow(setting, Instant::now() + limit);
    let held = running.end();
    match (how, held) {
        (How::Cancelled, _) => Err(Refusal("the call was cancelled".to_owned())),
        (_, Some(Held::Failed)) => Err(Refusal(
            "the command could not be confined to the workspace, so it was not run".to_owned(),
        )),
        (how, held) => Ok(answer(setting, &running, how, held, limit)),
    }
}

/// The command's own time limit, always shorter than the call's.
fn limit(asked: Option<f64>, timeout: Duration) -> Result<Duration, Refusal> {
    let most = timeout.saturating_sub(COMMAND_MARGIN).max(timeout / 2);
    match asked {
        None => Ok(most),
        Some(seconds) if seconds > 0.0 && seconds.is_finite() => {
            Ok(Duration::try_from_secs_f64(seconds).map_or(most, |asked| asked.min(most)))
        }
        Some(_) => Err(Refusal("`timeout_s` must be more than 0".to_owned())),
    }
}

/// How the following ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Done,
    TimedOut,
    Cancelled,
}

struct Running {
    child: Child,
    /// Our end of the line to the process that holds the command. Closed, it ends everything.
    life: Option<UnixStream>,
    pieces: Receiver<Vec<u8>>,
    output: Output,
    status: Option<std::process::ExitStatus>,
}

impl Running {
    fn start(
        setting: &Setting,
        command: &str,
        folder: &Path,
        temporary: &Path,
    ) -> Result<Running, Refusal> {
        let cannot = |error: std::io::Error| {
            Refusal(format!(
                "the command cannot be started: {}",
                super::confine::plain(&error)
            ))
        };
        let Commands {
            launch,
            confinement,
            ..
        } = &*setting.commands;
        let (reader, writer) = std::io::pipe().map_err(cannot)?;
        let (mut process, life) = match &launch.program {
            Some(program) => {
                let (ours, theirs) = UnixStream::pair().map_err(cannot)?;
                let mut process = Command::new(program);
                process.arg(CONFINED);
                if confinement.confine == Confine::Workspace {
                    process.arg(setting.root.path()).arg(temporary);
                    process.args(&confinement.write_also);
                }
                process.arg("--").stdin(OwnedFd::from(theirs));
                process.arg("/bin/sh");
                (process, Some(ours))
            }
            None => {
                let mut process = Command::new("/bin/sh");
                process.stdin(Stdio::null());
                (process, None)
            }
        };
        process
            .args(["-c", command])
            .current_dir(folder)
            .env_clear()
            .envs(&launch.env)
            .envs(QUIET)
            .env("TMPDIR", temporary)
            .process_group(0)
            .stderr(writer.try_clone().map_err(cannot)?)
            .stdout(writer);
        let child = process.spawn().map_err(cannot)?;
        // It holds the writing ends, which would keep the reading one from ending.
        drop(process);
        Ok(Running {
            child,
            life,
            pieces: read_all(reader),
            output: Output::new(setting.limits.command_output_bytes_max),
            status: None,
        })
    }

    /// Takes output until the command has ended, must, or shall.
    fn follow(&mut self, setting: &Setting, deadline: Instant) -> How {
        loop {
            match self.pieces.recv_timeout(POLL) {
                Ok(piece) => self.output.push(&piece),
                // Closed by the command itself, which may go on.
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(POLL),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if setting.stop.is_cancelled() {
                return How::Cancelled;
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                self.status = Some(status);
                return How::Done;
            }
            if Instant::now() >= deadline {
                return How::TimedOut;
            }
        }
    }

    /// Ends what is left, takes the last output, and hears how the command was held.
    fn end(&mut self) -> Option<Held> {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let mut held = None;
        if let Some(mut life) = self.life.take() {
            let mut said = [0];
            // It was said before the command began, or never will be.
            let _ = life.set_nonblocking(true);
            held = life
                .read(&mut said)
                .ok()
                .and_then(|_| Held::from_byte(said[0]));
            let _ = life.shutdown(Shutdown::Both);
            let deadline = Instant::now() + COMMAND_GONE_WITHIN;
            while self.status.is_none() && Instant::now() < deadline {
                self.status = self.child.try_wait().ok().flatten();
                std::thread::sleep(POLL / 4);
            }
        }
        if let Some(group) = group
            && (self.status.is_none() || held.is_none())
        {
            // Fails when the group has ended, which is what was wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
        if self.status.is_none() {
            self.status = self.child.wait().ok();
        }
        // Whoever still holds the pipe is no part of the command any more.
        let deadline = Instant::now() + COMMAND_GONE_WITHIN;
        while let Ok(piece) = self
            .pieces
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            self.output.push(&piece);
        }
        held
    }
}

/// Reads the pipe to its end on a thread of its own.
fn read_all(mut reader: PipeReader) -> Receiver<Vec<u8>> {
    let (send, pieces) = channel();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            if send.send(buffer[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    pieces
}

fn answer(
    setting: &Setting,
    running: &Running,
    how: How,
    held: Option<Held>,
    limit: Duration,
) -> Answer {
    let output = running.output.text();
    let code = match how {
        How::Done => running.status.and_then(|status| {
            // As a shell would say it.
            status
                .code()
                .or_else(|| status.signal().map(|signal| 128 + signal))
        }),
        How::TimedOut | How::Cancelled => None,
    };
    let mut notes = vec![match code {
        Some(code) => format!("exit code {code}"),
        None => format!("stopped after {:.1} s, its time limit", limit.as_secs_f64()),
    }];
    let confined = matches!(held, Some(Held::Fully | Held::Partly));
    let wanted = setting.commands.confinement.confine == Confine::Workspace;
    if confined && code != Some(0) && output.to_lowercase().contains("permission denied") {
        notes.push("commands may write only in the workspace and in $TMPDIR".to_owned());
    }
    if wanted && !confined && !setting.commands.told.swap(true, Ordering::Relaxed) {
        notes.push("not confined: this system cannot hold a command to the workspace".to_owned());
    }
    let mut text = output.clone();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&format!("[{}]", notes.join("; ")));
    Answer {
        text,
        structured: Some(json!({
            "exit_code": code,
            "output": output,
            "timed_out": how == How::TimedOut,
            "truncated": running.output.is_cut(),
            "confined": confined,
        })),
    }
}

/// A folder of the command's own for what it need not keep; gone with it.
struct Temporary(PathBuf);

impl Temporary {
    fn make(launch: &Launch) -> Result<Temporary, Refusal> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let above = launch.env.get("TMPDIR").map_or("/tmp", String::as_str);
        loop {
            let name = format!(
                "toolpool-{}-{}",
                std::process::id(),
                COUNT.fetch_add(1, Ordering::Relaxed)
            );
            let path = Path::new(above).join(name);
            match std::fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Temporary(path)),
                // Left by a process of this number that was killed, or put there by somebody: not ours.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(Refusal(format!(
                        "a temporary folder in `{above}` cannot be made: {}",
                        super::confine::plain(&error)
                    )));
                }
            }
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What cannot be removed is a temporary file.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Commands {
    /// Commands of a server that is configured so.
    pub(super) fn new(
        launch: Launch,
        confinement: Confinement,
        timeout: Duration,
    ) -> Arc<Commands> {
        Arc::new(Commands {
            launch,
            confinement,
            timeout,
            told: AtomicBool::new(false),
        })
    }
}
