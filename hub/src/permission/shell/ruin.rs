//! What is denied whoever is there to ask: it can have no honest use through this door.
//!
//! Words are taken loosely here, quotes and all, since nothing is allowed by what is found; what hides too well is asked about
//! by the other gates.

use super::{Doubt, Gate, path};

/// Folders that the system or its people live in.
const HOMES: [&str; 21] = [
    "~", "$HOME", "${HOME}", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/opt",
    "/proc", "/root", "/run", "/sbin", "/srv", "/sys", "/usr", "/var", "/Users", "/System",
];
/// Programs that run the one that is named after them.
const RUNNERS: [&str; 13] = [
    "sudo", "doas", "env", "exec", "command", "builtin", "nohup", "nice", "time", "timeout",
    "setsid", "xargs", "busybox",
];
/// Programs that go through whole folders and change what is in them.
const RECURSIVE: [&str; 4] = ["rm", "chmod", "chown", "chgrp"];
/// Programs that stop the machine.
const STOPPERS: [&str; 4] = ["shutdown", "reboot", "halt", "poweroff"];
/// Programs that change the file that their last word names.
const LAST_IS_WRITTEN: [&str; 4] = ["cp", "ln", "install", "rsync"];
/// Programs that change any file they are given.
const WRITERS: [&str; 14] = [
    "tee", "mv", "rm", "sed", "dd", "truncate", "unlink", "shred", "ed", "perl", "chmod", "chown",
    "touch", "patch",
];

/// What in the words of a simple command is beyond asking.
pub(super) fn check(words: &[String]) -> Option<Doubt> {
    if let Some(word) = words.iter().find(|word| path::shows_process(word)) {
        return Some(Doubt::new(Gate::Process, word.as_str()));
    }
    // What is run, whoever runs it: sudo, env, nohup, with their own flags.
    let run = words
        .iter()
        .position(|word| !passes_on(word))
        .and_then(|at| words.get(at..))
        .unwrap_or(&[]);
    let (name, rest) = run
        .split_first()
        .map_or(("", run), |(name, rest)| (base(name), rest));
    if RECURSIVE.contains(&name)
        && rest.iter().any(|word| is_recursive(word))
        && let Some(target) = rest.iter().find(|word| is_home(word))
    {
        return Some(Doubt::new(Gate::Ruin, format!("{name} {target}")));
    }
    if name == "dd" {
        let disk = |word: &&String| word.strip_prefix("of=").is_some_and(is_disk);
        if let Some(target) = rest.iter().find(disk) {
            return Some(Doubt::new(Gate::Ruin, format!("{name} {target}")));
        }
    }
    if STOPPERS.contains(&name) || name == "mkfs" || name.starts_with("mkfs.") {
        return Some(Doubt::new(Gate::Ruin, name));
    }
    let own = |word: &&String| path::is_own_settings(word);
    let written = if LAST_IS_WRITTEN.contains(&name) {
        rest.last().filter(own)
    } else if WRITERS.contains(&name) {
        rest.iter().find(own)
    } else {
        None
    };
    written.map(|word| Doubt::new(Gate::Settings, word.as_str()))
}

/// Whether a word only leads to the program that is run.
fn passes_on(word: &str) -> bool {
    RUNNERS.contains(&base(word))
        || word.starts_with('-')
        || word.contains('=')
        || word.bytes().all(|byte| byte.is_ascii_digit())
}

fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

fn is_recursive(word: &str) -> bool {
    word == "--recursive"
        || (word.starts_with('-') && !word.starts_with("--") && word.contains(['r', 'R']))
}

/// The root, or a folder directly below it that is everybody's, or all that is in one.
fn is_home(word: &str) -> bool {
    let folder = word.trim_end_matches('*').trim_end_matches('/');
    HOMES.contains(&folder) || (folder.is_empty() && word.starts_with('/'))
}

/// Whether the path is a disk or the memory, as a device.
pub(super) fn is_disk(path: &str) -> bool {
    let kinds = [
        "sd", "hd", "vd", "xvd", "nvme", "mmcblk", "disk", "mapper", "mem", "kmem", "loop",
    ];
    path.strip_prefix("/dev/")
        .is_some_and(|device| kinds.iter().any(|kind| device.starts_with(kind)))
}

/// Whether a function's body runs the function itself in a pipe or in the background.
pub(super) fn starts_itself(name: &str, body: &str) -> bool {
    let calls = body
        .split(|c: char| c.is_whitespace() || ";&|(){}".contains(c))
        .filter(|word| *word == name)
        .count();
    calls > 0 && body.contains(['|', '&'])
}
