//! A disk that ends its own process: SIGKILL at a chosen operation, before it, with half of it done, or after it.
//!
//! The hub is started on it by `src/bin/killed-hub.rs`, so that it dies where no test could reach from outside. `TOOLPOOL_TEST_KILL`
//! says when: `outcome#3:torn` is half-way through the write that holds the third outcome. An operation is named by the entries in
//! it and not by its number, since calls side by side share writes as it happens. `TOOLPOOL_TEST_COUNT` names a file that gets a line
//! for each operation: what there was to die at.
//! Only what changes the disk counts. A sync is an operation of its own, so that "before the sync" is "after the write" and has no
//! name here. Nothing is remembered or undone: a killed process loses nothing that was written. That is the power's part (`disk.rs`).

use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Signal, getpid, kill_process};
use toolpool::journal::disk::{Handle, Locked};
use toolpool::journal::{Disk, RealDisk};

/// The variable that says when to die.
pub const KILL: &str = "TOOLPOOL_TEST_KILL";
/// The variable that names the file in which operations are counted.
pub const COUNT: &str = "TOOLPOOL_TEST_COUNT";

/// Stands for every operation.
pub const ANY: &str = "any";

/// Where in an operation the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before anything of it is done.
    Before,
    /// With half of the bytes written. What has no halves is not begun.
    Torn,
    /// When it is done, and nobody has heard of it.
    After,
}

/// An operation, and where in it the process dies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boundary {
    /// A kind of entry, `sync`, `create`, `folder`, or `any`.
    pub what: String,
    /// Which of them, from 1.
    pub nth: usize,
    /// Where in it.
    pub moment: Moment,
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = match self.moment {
            Moment::Before => "before",
            Moment::Torn => "torn",
            Moment::After => "after",
        };
        write!(f, "{}#{}:{moment}", self.what, self.nth)
    }
}

impl FromStr for Boundary {
    type Err = String;

    fn from_str(text: &str) -> Result<Boundary, String> {
        let wrong = || format!("`{text}` is no boundary such as `outcome#3:torn`");
        let (place, moment) = text.split_once(':').ok_or_else(wrong)?;
        let (what, nth) = place.split_once('#').ok_or_else(wrong)?;
        let moment = match moment {
            "before" => Moment::Before,
            "torn" => Moment::Torn,
            "after" => Moment::After,
            _ => return Err(wrong()),
        };
        let nth = nth.parse().map_err(|_| wrong())?;
        Ok(Boundary {
            what: what.to_owned(),
            nth,
            moment,
        })
    }
}

/// Runs the hub on a disk as the environment says.
#[expect(clippy::print_stderr, reason = "a test that asks for nonsense is told")]
pub fn main() -> ExitCode {
    match KillingDisk::of_environment() {
        Ok(disk) => toolpool::cli::main_on(Arc::new(disk)),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The disk.
#[derive(Debug, Default)]
struct KillingDisk {
    plan: Option<Boundary>,
    /// How many operations there were that the plan may mean.
    seen: AtomicUsize,
    count: Option<File>,
}

impl KillingDisk {
    fn of_environment() -> Result<KillingDisk, String> {
        let plan = match std::env::var(KILL) {
            Ok(text) => Some(text.parse()?),
            Err(_) => None,
        };
        let open = |path| File::options().create(true).append(true).open(path);
        let count = std::env::var_os(COUNT).map(open).transpose();
        Ok(KillingDisk {
            plan,
            seen: AtomicUsize::new(0),
            count: count.map_err(|error| format!("`{COUNT}` can't be written: {error}"))?,
        })
    }

    /// Counts an operation, does it, and dies on the way if that was planned. `half` does half of it.
    fn act<T>(
        &self,
        name: &str,
        half: impl FnOnce() -> io::Result<()>,
        act: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        if let Some(mut file) = self.count.as_ref() {
            writeln!(file, "{name}")?;
        }
        match self.moment(name) {
            None => act(),
            Some(Moment::Before) => die(),
            Some(Moment::Torn) => half().and_then(|()| die()),
            Some(Moment::After) => act().and_then(|_| die()),
        }
    }

    /// Whether it is time, and where in the operation. Its name is what it is, or the kinds of entries behind `append`.
    fn moment(&self, name: &str) -> Option<Moment> {
        let plan = self.plan.as_ref()?;
        let of_plan = |word: &&str| *word == plan.what || plan.what == ANY;
        // One write is one operation, however many entries are in it.
        let most = if plan.what == ANY { 1 } else { usize::MAX };
        let count = name.split(' ').filter(of_plan).take(most).count();
        let before = self.seen.fetch_add(count, Ordering::SeqCst);
        (before < plan.nth && plan.nth <= before + count).then_some(plan.moment)
    }

    /// What has no halves.
    fn whole<T>(&self, name: &str, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.act(name, || Ok(()), act)
    }
}

/// The kinds of the entries that are written, each behind a blank.
fn kinds(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut kinds = String::new();
    for rest in text.split("\"entry\":{\"kind\":\"").skip(1) {
        kinds.push(' ');
        kinds.extend(rest.chars().take_while(|c| *c != '"'));
    }
    kinds
}

fn die<T>() -> io::Result<T> {
    kill_process(getpid(), Signal::KILL)?;
    // The signal ends the process before the next instruction of its own; this is never reached.
    Err(io::Error::other("still alive after SIGKILL"))
}

impl Disk for KillingDisk {
    fn folder(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        self.whole("folder", || RealDisk.folder(path))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        RealDisk.read(path)
    }

    fn open(&self, path: &Path) -> io::Result<Handle> {
        RealDisk.open(path)
    }

    fn create(&self, path: &Path) -> io::Result<Handle> {
        self.whole("create", || RealDisk.create(path))
    }

    fn append(&self, to: &Handle, bytes: &[u8]) -> io::Result<()> {
        let half = || RealDisk.append(to, &bytes[..bytes.len() / 2]);
        let name = format!("append{}", kinds(bytes));
        self.act(&name, half, || RealDisk.append(to, bytes))
    }

    fn sync(&self, handle: &Handle) -> io::Result<()> {
        self.whole("sync", || RealDisk.sync(handle))
    }

    fn truncate(&self, handle: &Handle, len: u64) -> io::Result<()> {
        self.whole("truncate", || RealDisk.truncate(handle, len))
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.whole("replace", || RealDisk.replace(path, bytes))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.whole("remove", || RealDisk.remove(path))
    }

    fn lock(&self, path: &Path) -> io::Result<Locked> {
        RealDisk.lock(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_is_a_number_and_a_moment() {
        for text in ["any#1:before", "outcome#17:torn", "sync#400:after"] {
            let read: Boundary = text.parse().expect("it is one");
            assert_eq!(read.to_string(), text);
        }
        for wrong in ["", "17:torn", "any#x:torn", "any#17:soon", "#:after"] {
            assert!(wrong.parse::<Boundary>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_boundary_is_found_by_what_is_written() {
        let writes = [
            "folder",
            "append begin",
            "sync",
            "append intent intent",
            "append outcome",
            "append intent",
        ];
        for (plan, wanted) in [
            ("any#1:after", 0),
            ("any#5:after", 4),
            ("sync#1:after", 2),
            ("intent#1:torn", 3),
            ("intent#2:torn", 3),
            ("intent#3:torn", 5),
        ] {
            let disk = KillingDisk {
                plan: Some(plan.parse().expect("it is one")),
                ..KillingDisk::default()
            };
            let found = writes.iter().position(|write| disk.moment(write).is_some());
            assert_eq!(found, Some(wanted), "{plan}");
        }
    }

    #[test]
    fn what_is_not_planned_is_done_and_counted() {
        let root = tempfile::tempdir().expect("a folder");
        let counted = root.path().join("count");
        let disk = KillingDisk {
            count: Some(File::create(&counted).expect("the folder is writable")),
            ..KillingDisk::default()
        };
        let folder = root.path().join("f");
        disk.folder(&folder).expect("made");
        disk.folder(&folder).expect("it is there");
        let handle = disk.create(&folder.join("j")).expect("made");
        let line = br#"{"v":1,"entry":{"kind":"user","text":"x"}}"#;
        disk.append(&handle, line).expect("written");
        disk.sync(&handle).expect("synced");
        assert_eq!(disk.read(&folder.join("j")).expect("there"), line);
        let counted = std::fs::read_to_string(counted).expect("there");
        assert_eq!(counted, "folder\ncreate\nappend user\nsync\n");
    }
}
