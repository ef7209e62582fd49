//! The hidden `__confined` command: a process of our own between the hub and a shell command.
//!
//! It gives up the right to write anywhere but in the folders it is given (Landlock, which its children inherit and nobody can
//! take back), then runs the command and waits. Its standard input is a line to the hub: when that ends, because the hub is
//! done with the command or is no more, everything that the command started is ended, processes that left its group included.
//!
//! ```text
//! toolpool __confined FOLDER... -- PROGRAM ARGUMENT...        no folder: nothing is given up
//! ```
//!
//! Tried and left: giving the rights up between fork and exec, which Rust allows only as unsafe code; and the exec of the command
//! in place of this process, which leaves nobody to end its children when the hub is killed.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

/// The name of the hidden command.
pub const CONFINED: &str = "__confined";
/// As a shell says that a program cannot be run.
const CANNOT_RUN: u8 = 126;
/// Devices that anybody may write to, since nothing is kept there.
const DEVICES: [&str; 3] = ["/dev/null", "/dev/zero", "/dev/full"];

/// How far a command is held; said to the hub as one byte before the command begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// By everything that is known.
    Fully,
    /// By what this kernel knows, which includes writing.
    Partly,
    /// The kernel cannot, or it was not wanted.
    Not,
    /// It should have been, and something went wrong: the command is not run.
    Failed,
}

impl Held {
    fn byte(self) -> u8 {
        match self {
            Held::Fully => b'f',
            Held::Partly => b'p',
            Held::Not => b'n',
            Held::Failed => b'!',
        }
    }

    pub(super) fn from_byte(byte: u8) -> Option<Held> {
        [Held::Fully, Held::Partly, Held::Not, Held::Failed]
            .into_iter()
            .find(|held| held.byte() == byte)
    }
}

/// The body of the hidden command; `arguments` are those after its name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    let folders: Vec<PathBuf> = arguments
        .by_ref()
        .take_while(|argument| argument != "--")
        .map(PathBuf::from)
        .collect();
    let Some(program) = arguments.next() else {
        return ExitCode::from(CANNOT_RUN);
    };
    let line = rustix::io::dup(rustix::stdio::stdin()).map(UnixStream::from);
    let Ok(mut line) = line else {
        return ExitCode::from(CANNOT_RUN);
    };
    // On the main thread and before there is another one: the children of this thread are the ones that are held.
    let held = match folders.is_empty() {
        true => Held::Not,
        false => give_up(&folders),
    };
    // A hub that does not hear it has gone, which is noticed below.
    let _ = line.write_all(&[held.byte()]);
    if held == Held::Failed {
        return ExitCode::from(CANNOT_RUN);
    }
    adopt();
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .process_group(0)
        .spawn();
    let Ok(mut child) = child else {
        return ExitCode::from(CANNOT_RUN);
    };
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    std::thread::spawn(move || {
        let mut nothing = [0; 16];
        while matches!(line.read(&mut nothing), Ok(1..)) {}
        end_group(group);
    });
    let status = child.wait();
    end_group(group);
    end_strays();
    let code = status.ok().and_then(|status| {
        let code = status
            .code()
            .or_else(|| status.signal().map(|signal| 128 + signal));
        code.and_then(|code| u8::try_from(code).ok())
    });
    ExitCode::from(code.unwrap_or(CANNOT_RUN))
}

fn end_group(group: Option<Pid>) {
    if let Some(group) = group {
        // Fails when nobody is left in it.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// Gives up writing outside of `folders`, signals to processes outside, and what else this kernel lets one give up of that kind.
#[cfg(target_os = "linux")]
fn give_up(folders: &[PathBuf]) -> Held {
    use landlock::{
        ABI, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus,
        Scope, path_beneath_rules,
    };
    // A folder that cannot be opened has nothing in it to write to.
    let restrict = || -> Result<RulesetStatus, RulesetError> {
        let writing = AccessFs::from_write(ABI::V6);
        let status = Ruleset::default()
            .handle_access(writing)?
            .scope(Scope::Signal)?
            .create()?
            .add_rules(path_beneath_rules(folders, writing))?
            .add_rules(path_beneath_rules(DEVICES, writing))?
            .restrict_self()?;
        Ok(status.ruleset)
    };
    match restrict() {
        Ok(RulesetStatus::FullyEnforced) => Held::Fully,
        Ok(RulesetStatus::PartiallyEnforced) => Held::Partly,
        Ok(RulesetStatus::NotEnforced) => Held::Not,
        Err(_) => Held::Failed,
    }
}

#[cfg(not(target_os = "linux"))]
fn give_up(_folders: &[PathBuf]) -> Held {
    Held::Not
}

/// Makes processes whose parent ends our own children, so that they can be found.
#[cfg(target_os = "linux")]
fn adopt() {
    // Where this fails, what leaves the group is not found; the group is ended all the same.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

#[cfg(not(target_os = "linux"))]
fn adopt() {}

/// Ends what left the command's group: our children, and theirs as they become ours.
#[cfg(target_os = "linux")]
fn end_strays() {
    use rustix::process::{WaitOptions, getpid, kill_process, wait};
    use std::time::{Duration, Instant};
    use toolpool_config::fixed::COMMAND_GONE_WITHIN;

    let deadline = Instant::now() + COMMAND_GONE_WITHIN;
    let us = getpid().as_raw_nonzero().get();
    while Instant::now() < deadline {
        match wait(WaitOptions::NOHANG) {
            // Reaped one; there may be more.
            Ok(Some(_)) => continue,
            Ok(None) => {}
            // Nobody is left.
            Err(_) => return,
        }
        for stray in children(us) {
            let _ = kill_process(stray, Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[cfg(not(target_os = "linux"))]
fn end_strays() {}

/// The processes whose parent is `parent`, as `/proc` tells them.
#[cfg(target_os = "linux")]
fn children(parent: i32) -> Vec<Pid> {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let is_child = |stat: &str| {
        // The name stands in parentheses and may hold any; the parent is the second word after it.
        let after = stat.rsplit(')').next().unwrap_or_default();
        after
            .split_whitespace()
            .nth(1)
            .and_then(|ppid| ppid.parse().ok())
            == Some(parent)
    };
    processes
        .flatten()
        .filter_map(|entry| {
            let number: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            is_child(&stat).then(|| Pid::from_raw(number)).flatten()
        })
        .collect()
}
