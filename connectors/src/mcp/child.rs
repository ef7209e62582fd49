//! A stdio server's process: started as the leader of its own group, known to the guard before it runs, ended for certain.
//!
//! The group is what matters: `npx` and `uvx` fork, and killing only what we started would leave the server itself. A process that
//! leaves its group on purpose is out of reach; that would take control groups.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::{
    io::AsyncReadExt,
    process::{Child, ChildStdin, ChildStdout, Command},
    time::{Instant, sleep, timeout},
};
use toolpool_config::fixed::GONE_WITHIN;
use toolpool_config::{Limits, Secret};

use super::{begin::StartError, tail::Tail};
use crate::guard::Guard;

/// How often a group is looked at while it is given time to end.
const POLL: Duration = Duration::from_millis(10);

/// What to run.
pub(crate) struct Program<'a> {
    pub(crate) command: &'a str,
    pub(crate) args: &'a [String],
    pub(crate) env: &'a BTreeMap<String, Secret>,
    pub(crate) inherit_env: &'a BTreeMap<String, String>,
    pub(crate) cwd: Option<&'a PathBuf>,
}

/// A running child and its group. Dropping it kills the group without grace.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    group: Group,
}

impl Process {
    /// Starts the program; its stderr goes to `tail`.
    pub(crate) fn start(
        program: &Program<'_>,
        guard: &Arc<Guard>,
        tail: &Arc<Tail>,
    ) -> Result<(Self, ChildStdin, ChildStdout), StartError> {
        if let Some(cwd) = program.cwd
            && !cwd.is_dir()
        {
            return Err(StartError::lasting(format!(
                "its folder `{}` does not exist",
                cwd.display()
            )));
        }
        let mut command = Command::new(program.command);
        command
            .args(program.args)
            .env_clear()
            .envs(program.inherit_env)
            .envs(
                program
                    .env
                    .iter()
                    .map(|(name, value)| (name, value.reveal())),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if let Some(cwd) = program.cwd {
            command.current_dir(cwd);
        }
        guard.register_before_exec(&mut command);
        let mut child = command.spawn().map_err(|error| {
            guard.prune();
            could_not_start(program.command, &error)
        })?;
        let group = child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()))
            .expect("a child that was not waited for has an id");
        guard.add(group.as_raw_pid());
        let group = Group {
            id: group,
            guard: Arc::clone(guard),
            ended: false,
        };
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        tail.clear();
        if let Some(mut stderr) = stderr {
            let tail = Arc::clone(tail);
            tokio::spawn(async move {
                let mut chunk = [0; 4096];
                while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
                    tail.push(&chunk[..count]);
                }
            });
        }
        let stdin = stdin.expect("stdin was asked for as a pipe");
        let stdout = stdout.expect("stdout was asked for as a pipe");
        Ok((Self { child, group }, stdin, stdout))
    }

    /// The leader's process id, which is the group's.
    pub(crate) fn pid(&self) -> u32 {
        self.group.id.as_raw_pid().cast_unsigned()
    }

    /// Waits until the leader has exited. Can be dropped and called again.
    pub(crate) async fn exited(&mut self) -> Option<ExitStatus> {
        self.child.wait().await.ok()
    }

    /// How the leader ended, in words, with the last line on its stderr; nothing if it is still there after `within`.
    pub(crate) async fn last_words(&mut self, within: Duration, tail: &Tail) -> Option<String> {
        let status = timeout(within, self.exited()).await.ok()??;
        let mut words = match status.code() {
            Some(code) => format!("it exited with status {code}"),
            None => "it was killed by a signal".to_owned(),
        };
        if let Some(line) = tail.last_line() {
            words.push_str(": ");
            words.push_str(&line);
        }
        Some(words)
    }

    /// Ends the group: the caller has closed stdin; then time, TERM, time, KILL, and the leader is reaped. Returns how the leader ended.
    pub(crate) async fn stop(mut self, limits: &Limits) -> Option<ExitStatus> {
        let stop_grace = Duration::from_millis(limits.stop_grace_ms);
        let kill_grace = Duration::from_millis(limits.kill_grace_ms);
        let mut status = timeout(stop_grace, self.exited()).await.ok().flatten();
        if self.group.is_alive() {
            self.group.signal(Signal::TERM);
            let deadline = Instant::now() + kill_grace;
            while self.group.is_alive() && Instant::now() < deadline {
                // The leader is waited for here too: unreaped it would keep the group alive.
                if let Ok(Some(ended)) = self.child.try_wait() {
                    status = status.or(Some(ended));
                }
                sleep(POLL).await;
            }
        }
        if self.group.is_alive() {
            self.group.signal(Signal::KILL);
            status = status.or(self.exited().await);
            let deadline = Instant::now() + GONE_WITHIN;
            while self.group.is_alive() && Instant::now() < deadline {
                sleep(POLL).await;
            }
        }
        self.group.forget();
        status
    }
}

#[derive(Debug)]
struct Group {
    id: Pid,
    guard: Arc<Guard>,
    ended: bool,
}

impl Group {
    fn is_alive(&self) -> bool {
        test_kill_process_group(self.id).is_ok()
    }

    fn signal(&self, signal: Signal) {
        // Fails when the group has just ended, which is what was wanted.
        let _ = kill_process_group(self.id, signal);
    }

    /// From now on the id may be somebody else's.
    fn forget(&mut self) {
        self.ended = true;
        self.guard.remove(self.id.as_raw_pid());
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.ended {
            self.signal(Signal::KILL);
            self.forget();
        }
    }
}

fn could_not_start(command: &str, error: &io::Error) -> StartError {
    match error.kind() {
        io::ErrorKind::NotFound => {
            let error = StartError::lasting(format!("`{command}` was not found"));
            let name = Path::new(command)
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or(command);
            error.with_hint(match name {
                "npx" | "npm" | "node" => {
                    "install Node.js, or give the full path of the command".to_owned()
                }
                "uvx" | "uv" => "install uv, or give the full path of the command".to_owned(),
                "python" | "python3" | "pipx" => {
                    "install Python, or give the full path of the command".to_owned()
                }
                "docker" | "podman" => {
                    format!("install `{name}`, or give the full path of the command")
                }
                _ => "check the spelling, or give the full path of the command".to_owned(),
            })
        }
        io::ErrorKind::PermissionDenied => {
            StartError::lasting(format!("`{command}` may not be executed"))
        }
        _ => StartError::passing(format!("`{command}` could not be started: {error}")),
    }
}
