//! The guard: a small second process that ends our servers when the hub is killed and cannot do it itself.
//!
//! The hub holds one end of a socket, the guard the other. Each server's group is written to it by the child itself, between fork and
//! exec, so there is no moment in which a running server is not known; the hub takes it back once the group has ended, before its
//! number can mean somebody else. When the last copy of the hub's end is gone, the hub is, and the guard ends what is left.
//!
//! ```text
//! +123   group 123 runs        -123   group 123 has ended        ?   forget groups with nobody in them (an exec failed)
//! ```
//!
//! Tried and left: the parent-death signal of Linux, which follows the thread that forked and not the process, and does not reach
//! grandchildren. A socket rather than a pipe, so that writing to a dead guard is an error and not a signal to the new server.

use std::{
    collections::BTreeSet,
    io::{self, BufRead},
    net::Shutdown,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::CommandExt},
    },
    path::PathBuf,
    process::{Child, Command, ExitCode, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    net::{SendFlags, send},
    process::{Pid, Signal, getpid, kill_process_group, setsid, test_kill_process_group},
};
use tokio::signal::unix::{SignalKind, signal};
use toolpool_config::fixed::GUARD_GRACE;

/// How often the groups are looked at meanwhile.
const POLL: Duration = Duration::from_millis(20);

/// The body of the hidden `__guard` command: reads groups from stdin until it ends, then ends them.
pub fn main() -> ExitCode {
    // Kept until the end: what they catch would otherwise end this process together with the hub.
    let _deaf = ignore_signals();
    // Not to hold the folder that the hub was started in. Where this fails nothing worse happens.
    let _ = std::env::set_current_dir("/");
    let mut groups = Groups::default();
    for line in io::stdin().lock().lines() {
        match line {
            Ok(line) => groups.read(&line),
            Err(_) => break,
        }
    }
    groups.end();
    ExitCode::SUCCESS
}

/// Catches the signals that end a terminal's jobs, and does nothing with them.
fn ignore_signals() -> Option<impl Sized> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .ok()?;
    let caught = {
        let _entered = runtime.enter();
        [
            SignalKind::terminate(),
            SignalKind::interrupt(),
            SignalKind::hangup(),
            SignalKind::quit(),
        ]
        .map(signal)
    };
    Some((runtime, caught))
}

/// The groups that the guard watches over.
#[derive(Debug, Default)]
struct Groups(BTreeSet<i32>);

impl Groups {
    /// Takes one line of the protocol; what it does not know, it ignores.
    fn read(&mut self, line: &str) {
        let group = || line[1..].parse::<i32>().ok().filter(|group| *group > 1);
        match line.as_bytes().first() {
            Some(b'+') => self.0.extend(group()),
            Some(b'-') => {
                if let Some(group) = group() {
                    self.0.remove(&group);
                }
            }
            Some(b'?') => self.0.retain(|group| is_alive(*group)),
            _ => {}
        }
    }

    fn end(mut self) {
        self.0.retain(|group| is_alive(*group));
        self.0
            .iter()
            .for_each(|group| end_group(*group, Signal::TERM));
        let deadline = Instant::now() + GUARD_GRACE;
        while !self.0.is_empty() && Instant::now() < deadline {
            thread::sleep(POLL);
            self.0.retain(|group| is_alive(*group));
        }
        self.0
            .iter()
            .for_each(|group| end_group(*group, Signal::KILL));
    }
}

fn is_alive(group: i32) -> bool {
    Pid::from_raw(group).is_some_and(|group| test_kill_process_group(group).is_ok())
}

fn end_group(group: i32, signal: Signal) {
    if let Some(group) = Pid::from_raw(group) {
        // Fails when the group has just ended, which is what was wanted.
        let _ = kill_process_group(group, signal);
    }
}

/// The hub's side: starts the guard when the first child needs it, and again should it have died.
pub(crate) struct Guard {
    program: Option<PathBuf>,
    warn: Box<dyn Fn(String) + Send + Sync>,
    /// A plain mutex: held to write a few bytes or to start the guard, never across an await.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: Option<Running>,
    groups: BTreeSet<i32>,
    warned: bool,
}

#[derive(Debug)]
struct Running {
    child: Child,
    socket: Arc<UnixStream>,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard")
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

impl Guard {
    /// A guard that will run `program`; `warn` is told once when there can be none.
    pub(crate) fn new(
        program: Option<PathBuf>,
        warn: impl Fn(String) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            program,
            warn: Box::new(warn),
            state: Mutex::default(),
        })
    }

    /// Makes the child write its group to the guard before it becomes the program. The child must lead a group of its own.
    pub(crate) fn register_before_exec(&self, command: &mut tokio::process::Command) {
        let Some(socket) = self.socket() else { return };
        let register = move || {
            let mut line = [0; 16];
            let length = plus_line(getpid().as_raw_nonzero().get(), &mut line);
            // Without a guard the server runs all the same; the hub warns of that.
            let _ = tell(&socket, &line[..length]);
            Ok(())
        };
        #[expect(
            unsafe_code,
            reason = "runs between fork and exec: only system calls and the stack are used, nothing is allocated or locked"
        )]
        unsafe {
            command.pre_exec(register);
        }
    }

    /// Remembers a group that has registered itself, for a guard that has to be started anew.
    pub(crate) fn add(&self, group: i32) {
        self.lock().groups.insert(group);
    }

    /// The group has ended; its number may soon be somebody else's.
    pub(crate) fn remove(&self, group: i32) {
        let mut state = self.lock();
        state.groups.remove(&group);
        state.write(&format!("-{group}\n"));
    }

    /// A child registered itself but never became the program.
    pub(crate) fn prune(&self) {
        self.lock().write("?\n");
    }

    /// Lets the guard go; it has nothing to do when every group was removed.
    pub(crate) fn end(&self) {
        let running = self.lock().running.take();
        if let Some(Running { mut child, socket }) = running {
            let _ = socket.shutdown(Shutdown::Both);
            let _ = child.wait();
        }
    }

    fn socket(&self) -> Option<Arc<UnixStream>> {
        let program = self.program.as_ref()?;
        let mut state = self.lock();
        if let Some(running) = &mut state.running
            && !matches!(running.child.try_wait(), Ok(None))
        {
            state.running = None;
        }
        if state.running.is_none() {
            match start(program) {
                Ok(running) => {
                    state.running = Some(running);
                    let known: String = state
                        .groups
                        .iter()
                        .map(|group| format!("+{group}\n"))
                        .collect();
                    state.write(&known);
                }
                Err(error) => {
                    if !std::mem::replace(&mut state.warned, true) {
                        (self.warn)(format!(
                            "could not start the guard `{}` ({error}): if the hub is killed, its servers may live on",
                            program.display()
                        ));
                    }
                }
            }
        }
        state
            .running
            .as_ref()
            .map(|running| Arc::clone(&running.socket))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.end();
    }
}

impl State {
    fn write(&self, lines: &str) {
        if let Some(running) = &self.running
            && !lines.is_empty()
        {
            // Fails when the guard has died; it is started anew, with all groups, before the next child.
            let _ = tell(&running.socket, lines.as_bytes());
        }
    }
}

fn start(program: &PathBuf) -> io::Result<Running> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut command = Command::new(program);
    command
        .arg("__guard")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        // Not ours: a guard that held them would keep whoever reads the hub's output waiting.
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let own_session = || {
        setsid()?;
        Ok(())
    };
    #[expect(
        unsafe_code,
        reason = "runs between fork and exec and is one system call; without it Ctrl-C would end the guard too"
    )]
    unsafe {
        command.pre_exec(own_session);
    }
    Ok(Running {
        child: command.spawn()?,
        socket: Arc::new(ours),
    })
}

/// Writes to the guard in one piece, and never raises a signal.
fn tell(socket: &UnixStream, line: &[u8]) -> io::Result<()> {
    #[cfg(not(target_vendor = "apple"))]
    let flags = SendFlags::NOSIGNAL;
    // The hub ignores the signal; a child that meets a dead guard in this moment does not start, and is tried again.
    #[cfg(target_vendor = "apple")]
    let flags = SendFlags::empty();
    send(socket, line, flags)?;
    Ok(())
}

/// `+GROUP` and a line end, without allocating.
fn plus_line(group: i32, line: &mut [u8; 16]) -> usize {
    let mut digits = [0; 10];
    let mut rest = group.unsigned_abs();
    let mut count = 0;
    loop {
        digits[count] = b'0' + (rest % 10) as u8;
        count += 1;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    line[0] = b'+';
    for (at, digit) in digits[..count].iter().rev().enumerate() {
        line[1 + at] = *digit;
    }
    line[1 + count] = b'\n';
    count + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_written_before_exec_read_as_they_should() {
        for group in [1, 9, 10, 4_194_304, i32::MAX] {
            let mut line = [0; 16];
            let length = plus_line(group, &mut line);
            assert_eq!(
                std::str::from_utf8(&line[..length]),
                Ok(format!("+{group}\n").as_str())
            );
        }
    }

    #[test]
    fn groups_come_and_go_and_nonsense_is_ignored() {
        let mut groups = Groups::default();
        for line in [
            "+12", "+13", "-12", "-99", "+0", "+1", "+-5", "+x", "", "+", "what", "+14",
        ] {
            groups.read(line);
        }
        assert_eq!(
            groups.0,
            BTreeSet::from([13, 14]),
            "never 0 or 1: those would be our own group and everybody"
        );
    }

    #[test]
    fn groups_without_anybody_are_forgotten() {
        let mut child = Command::new("sleep")
            .arg("60")
            .process_group(0)
            .spawn()
            .expect("`sleep` runs");
        let group = child.id().cast_signed();
        let mut groups = Groups::default();
        groups.read(&format!("+{group}"));
        groups.read("?");
        assert_eq!(groups.0, BTreeSet::from([group]));
        child
            .kill()
            .and_then(|()| child.wait())
            .expect("it can be killed");
        groups.read("?");
        assert!(groups.0.is_empty());
    }
}
