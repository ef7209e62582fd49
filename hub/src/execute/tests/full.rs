//! A journal that takes no more: whatever it does not hold is not done.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::journal::disk::{Handle, Locked};
use crate::journal::entry::{Begin, JournalKind};
use crate::journal::{Disk, RealDisk, Store};

/// A disk that is full after so many writes.
struct Full(AtomicU32);

impl Disk for Full {
    fn folder(&self, path: &Path) -> io::Result<()> {
        RealDisk.folder(path)
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
        RealDisk.create(path)
    }

    fn append(&self, to: &Handle, bytes: &[u8]) -> io::Result<()> {
        let left = |left: u32| left.checked_sub(1);
        match self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, left)
        {
            Ok(_) => RealDisk.append(to, bytes),
            Err(_) => Err(io::ErrorKind::StorageFull.into()),
        }
    }

    fn sync(&self, handle: &Handle) -> io::Result<()> {
        RealDisk.sync(handle)
    }

    fn truncate(&self, handle: &Handle, len: u64) -> io::Result<()> {
        RealDisk.truncate(handle, len)
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        RealDisk.replace(path, bytes)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Locked> {
        RealDisk.lock(path)
    }
}

#[tokio::test]
async fn nothing_is_sent_that_the_journal_does_not_take() {
    // The first write is the journal's own first line; then the decision, the intent, the outcome.
    for (writes, sent, wanted) in [
        (1, 0, Some(false)),
        (2, 0, Some(false)),
        (3, 1, Some(true)),
        (4, 1, None),
    ] {
        let world = World::new("").await;
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(
            folder.path().to_owned(),
            Arc::new(Full(AtomicU32::new(writes))),
        );
        let begin = Begin {
            session: String::new(),
            what: JournalKind::Session,
            program: "test".into(),
            folder: "/home/p".into(),
            model: None,
            profile: None,
            mode: Mode::Ask,
            deny: Vec::new(),
            forked: None,
            agent: None,
            parent: None,
        };
        let (journal, id) = store.create(begin, Box::new(|_| {})).expect("a journal");
        let desk = Desk::new(&journal, &id, &NoPerson);
        let told = match world.call(&desk, Asks::Typed, call("s__echo")).await {
            Ok(_) => None,
            Err(Refusal::Unrecorded { sent, .. }) => Some(sent),
            Err(other) => panic!("{writes}: {other}"),
        };
        assert_eq!(told, wanted, "{writes} writes");
        assert_eq!(world.sent(), sent, "{writes} writes");
    }
}
