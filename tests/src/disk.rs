//! A disk that misbehaves on purpose, over a real folder: it fills up, breaks, dies at the nth operation, says it synced when it did not, and
//! loses power.
//!
//! It carries operations out on the real disk and remembers what an honest one would still have after a power loss: what each file
//! held at its last sync. Locks are the kernel's and pass through; they are never on the disk.

use std::collections::BTreeMap;
use std::io::{self, Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use toolpool::journal::disk::{Handle, Locked, beside};
use toolpool::journal::{Disk, RealDisk};

/// What goes wrong at an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails with nothing done; later ones work.
    Broken,
    /// There is room for half of what is written; later ones work.
    Full,
    /// The process is gone before it, and no later one happens.
    CrashBefore,
    /// The process is gone when half of it is done.
    CrashWithin,
    /// The process is gone before it hears that it was done.
    CrashAfter,
    /// This process is killed when half of it is done, for real.
    Kill,
}

/// What a power loss leaves of bytes that were written and not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// All of them: the disk was quick.
    Kept,
    /// None.
    Lost,
    /// The first half.
    Torn,
    /// As many zeros: the length was written, the content was not.
    Zeroed,
    /// Every second block; the others are zeros.
    Reordered,
}

impl Tail {
    /// All of them.
    pub const ALL: [Tail; 5] = [
        Tail::Kept,
        Tail::Lost,
        Tail::Torn,
        Tail::Zeroed,
        Tail::Reordered,
    ];
}

/// Bytes that reach a disk together.
const BLOCK: usize = 512;

/// The disk.
#[derive(Debug, Default)]
pub struct FaultyDisk(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    operations: usize,
    plan: Option<(usize, Fault)>,
    dead: bool,
    lying: bool,
    /// What each file held when it was last synced; none where its name is not on the disk.
    synced: BTreeMap<PathBuf, Vec<u8>>,
}

/// How far an operation goes.
enum Extent {
    Whole,
    /// Half of it, and then this error.
    Half(Error),
    /// All of it, and then this error.
    Done(Error),
}

impl FaultyDisk {
    /// A disk with nothing wrong yet.
    pub fn new() -> FaultyDisk {
        FaultyDisk::default()
    }

    /// One on which the `nth` operation that writes goes wrong, counted from 1.
    pub fn failing(nth: usize, fault: Fault) -> FaultyDisk {
        let disk = FaultyDisk::new();
        disk.fail(nth, fault);
        disk
    }

    /// From now on the `nth` operation goes wrong.
    pub fn fail(&self, nth: usize, fault: Fault) {
        let mut state = self.state();
        state.plan = Some((state.operations + nth, fault));
    }

    /// From now on a sync says it was done and was not.
    pub fn lie(&self) {
        self.state().lying = true;
    }

    /// How many operations that write there were.
    pub fn operations(&self) -> usize {
        self.state().operations
    }

    /// Whether the planned fault has come.
    pub fn has_failed(&self) -> bool {
        let state = self.state();
        state.plan.is_some_and(|(nth, _)| state.operations >= nth)
    }

    /// The power goes: files hold what was synced, and of the rest what `tail` says. Whoever had them open must be gone.
    pub fn lose_power(&self, tail: Tail) -> io::Result<()> {
        let state = self.state();
        for (path, synced) in &state.synced {
            let now = match std::fs::read(path) {
                Ok(now) => now,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            std::fs::write(path, left(synced, &now, tail))?;
        }
        Ok(())
    }

    /// A guard that is never held over anything that waits.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alive(&self) -> io::Result<()> {
        if self.state().dead {
            return Err(gone());
        }
        Ok(())
    }

    /// Counts an operation and says how far it goes.
    fn step(&self) -> io::Result<Extent> {
        let mut state = self.state();
        if state.dead {
            return Err(gone());
        }
        state.operations += 1;
        let Some((nth, fault)) = state.plan else {
            return Ok(Extent::Whole);
        };
        if state.operations != nth {
            return Ok(Extent::Whole);
        }
        state.dead = matches!(
            fault,
            Fault::CrashBefore | Fault::CrashWithin | Fault::CrashAfter
        );
        match fault {
            Fault::Broken => Err(Error::other("the disk is broken")),
            Fault::Full => Ok(Extent::Half(ErrorKind::StorageFull.into())),
            Fault::CrashBefore => Err(gone()),
            Fault::CrashWithin | Fault::Kill => Ok(Extent::Half(gone())),
            Fault::CrashAfter => Ok(Extent::Done(gone())),
        }
    }

    /// Writes as far as the operation goes.
    fn write(&self, bytes: &[u8], put: impl Fn(&[u8]) -> io::Result<()>) -> io::Result<()> {
        match self.step()? {
            Extent::Whole => put(bytes),
            Extent::Half(error) => {
                put(&bytes[..bytes.len() / 2])?;
                self.kill_if_planned();
                Err(error)
            }
            Extent::Done(error) => put(bytes).and(Err(error)),
        }
    }

    /// Does what can't be done by half.
    fn act<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.step()? {
            Extent::Whole => act(),
            Extent::Half(error) => {
                self.kill_if_planned();
                Err(error)
            }
            Extent::Done(error) => act().and(Err(error)),
        }
    }

    fn kill_if_planned(&self) {
        let plan = self.state().plan;
        if let Some((_, Fault::Kill)) = plan {
            let us = rustix::process::getpid();
            rustix::process::kill_process(us, rustix::process::Signal::KILL)
                .expect("a process may kill itself");
        }
    }

    /// What is in the file now is on the disk.
    fn remember(&self, path: &Path) -> io::Result<()> {
        let now = std::fs::read(path)?;
        self.state().synced.insert(path.to_owned(), now);
        Ok(())
    }
}

fn gone() -> Error {
    Error::other("the process is gone")
}

fn left(synced: &[u8], now: &[u8], tail: Tail) -> Vec<u8> {
    let Some(rest) = now.strip_prefix(synced) else {
        // It was cut since: either is possible, and a sync would have made it sure.
        return if tail == Tail::Kept { now } else { synced }.to_vec();
    };
    let mut left = synced.to_vec();
    match tail {
        Tail::Kept => left.extend(rest),
        Tail::Lost => {}
        Tail::Torn => left.extend(&rest[..rest.len() / 2]),
        Tail::Zeroed => left.resize(now.len(), 0),
        Tail::Reordered => {
            for (number, block) in rest.chunks(BLOCK).enumerate() {
                if number % 2 == 0 {
                    left.resize(left.len() + block.len(), 0);
                } else {
                    left.extend(block);
                }
            }
        }
    }
    left
}

impl Disk for FaultyDisk {
    fn folder(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return self.alive();
        }
        self.act(|| RealDisk.folder(path))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.alive()?;
        RealDisk.list(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.alive()?;
        RealDisk.read(path)
    }

    fn open(&self, path: &Path) -> io::Result<Handle> {
        self.alive()?;
        if !self.state().synced.contains_key(path) {
            // It was there before this disk was.
            self.remember(path)?;
        }
        RealDisk.open(path)
    }

    fn create(&self, path: &Path) -> io::Result<Handle> {
        let handle = self.act(|| RealDisk.create(path))?;
        self.remember(path)?;
        Ok(handle)
    }

    fn append(&self, to: &Handle, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes, |bytes| RealDisk.append(to, bytes))
    }

    fn sync(&self, handle: &Handle) -> io::Result<()> {
        self.act(|| Ok(()))?;
        if self.state().lying {
            return Ok(());
        }
        self.remember(handle.path())
    }

    fn truncate(&self, handle: &Handle, len: u64) -> io::Result<()> {
        self.act(|| RealDisk.truncate(handle, len))
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let fresh = beside(path);
        self.write(bytes, |bytes| std::fs::write(&fresh, bytes))?;
        self.act(|| std::fs::rename(&fresh, path))?;
        self.act(|| Ok(()))?;
        self.remember(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.act(|| RealDisk.remove(path))?;
        self.state()
            .synced
            .retain(|file, _| !file.starts_with(path));
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Locked> {
        self.alive()?;
        RealDisk.lock(path)
    }
}
