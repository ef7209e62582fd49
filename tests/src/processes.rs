//! Which processes a test left behind, read from `/proc`.
//!
//! A process belongs to a test when its command line, environment or working folder names the test's own folder. Parentage
//! would miss what matters most: a process whose parent was killed belongs to nobody.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// One process of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its command line, words separated by blanks.
    pub command: String,
}

/// Every live process that belongs to `root`, this one aside. Zombies are dead.
pub fn of(root: &Path) -> Vec<Process> {
    let root = root.display().to_string();
    let mine = std::process::id();
    let pids = fs::read_dir("/proc").expect("tests run on Linux").flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| *pid != mine && belongs(*pid, &root))
        .filter_map(describe)
        .collect()
}

fn belongs(pid: u32, root: &str) -> bool {
    let says = |file: &str| {
        fs::read(format!("/proc/{pid}/{file}"))
            .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(root))
    };
    let stays =
        || fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder.starts_with(root));
    says("cmdline") || says("environ") || stays()
}

fn describe(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let state = stat
        .rsplit_once(") ")
        .map(|(_, rest)| rest.starts_with('Z'));
    let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let command = String::from_utf8_lossy(&command).replace('\0', " ");
    (state == Some(false)).then_some(Process {
        pid,
        command: command.trim().to_owned(),
    })
}

/// Waits until nothing belongs to `root` any more; what is still there after `limit` is the answer.
pub fn left_after(root: &Path, limit: Duration) -> Vec<Process> {
    let end = Instant::now() + limit;
    loop {
        let left = of(root);
        if left.is_empty() || Instant::now() >= end {
            return left;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// KILL to one process; that it is already gone is no error.
pub fn kill(pid: u32) {
    send(pid, Signal::KILL);
}

/// TERM to one process; that it is already gone is no error.
pub fn terminate(pid: u32) {
    send(pid, Signal::TERM);
}

/// INT to one process, as Ctrl-C sends it; that it is already gone is no error.
pub fn interrupt(pid: u32) {
    send(pid, Signal::INT);
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// Whether a process with this number is there and is no zombie.
pub fn alive(pid: u32) -> bool {
    describe(pid).is_some()
}
