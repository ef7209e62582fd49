//! The owner over the real disk: what was appended is there again, whoever asks second is refused, and a failure is final.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use toolpool_config::Mode;

use super::disk::{Handle, Locked};
use super::entry::{Begin, JournalKind};
use super::*;

pub(super) fn begin() -> Begin {
    Begin {
        session: String::new(),
        what: JournalKind::Session,
        program: "0".into(),
        folder: "/w".into(),
        model: Some("m".into()),
        profile: None,
        mode: Mode::Ask,
        deny: Vec::new(),
        forked: None,
        agent: None,
        parent: None,
    }
}

pub(super) fn user(turn: u32, text: &str) -> Entry {
    Entry::User {
        turn,
        text: text.into(),
    }
}

/// A journal's lines as `apply` sees them.
pub(super) fn seen() -> (Apply, Arc<Mutex<Vec<Line>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let into = lines.clone();
    let apply = move |line: &Line| {
        into.lock()
            .expect("no test panics in here")
            .push(line.clone())
    };
    (Box::new(apply), lines)
}

/// The real disk, which counts syncs and fails when told to.
#[derive(Default)]
struct Counting {
    syncs: AtomicUsize,
    appends: AtomicUsize,
    full: AtomicBool,
    bad: AtomicBool,
}

impl Disk for Counting {
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
        self.appends.fetch_add(1, Ordering::SeqCst);
        if self.full.load(Ordering::SeqCst) {
            RealDisk.append(to, &bytes[..bytes.len() / 2])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        RealDisk.append(to, bytes)
    }
    fn sync(&self, handle: &Handle) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        if self.bad.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is gone"));
        }
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

fn store(root: &Path, disk: Arc<dyn Disk>) -> Store {
    Store::new(PathBuf::from(root), disk).with_clock(|| 1_795_557_181_000)
}

#[tokio::test]
async fn what_was_appended_is_there_again_and_one_at_a_time_has_it() {
    let root = tempfile::tempdir().expect("a folder");
    let store = store(root.path(), Arc::new(RealDisk));
    let (apply, live) = seen();
    let (journal, id) = store.create(begin(), apply).expect("begun");
    assert!(id.starts_with("20261124-215301-") && id.len() == 20, "{id}");
    assert_eq!(
        journal
            .append(user(1, "hello"), Sync::Now)
            .await
            .expect("kept"),
        2
    );
    let refused = store.open(&id, seen().0).err().expect("it is in use");
    assert!(
        matches!(&refused, StoreError::InUse { pid: Some(pid), .. } if *pid == std::process::id()),
        "{refused}"
    );
    assert!(matches!(store.delete(&id), Err(StoreError::InUse { .. })));
    let last = journal.append(user(2, "more"), Sync::Later).await;
    assert_eq!(last.expect("kept"), 3);
    journal.close().await.expect("closed");
    journal.close().await.expect("closed already");
    let late = journal.append(user(3, "late"), Sync::Now).await;
    assert!(matches!(late, Err(JournalError::Closed(_))));

    let (apply, again) = seen();
    let (journal, recovery) = store.open(&id, apply).expect("opened");
    assert_eq!(
        recovery,
        Recovery {
            lines: 3,
            damage: Vec::new()
        }
    );
    journal
        .append(user(3, "on"), Sync::Now)
        .await
        .expect("kept");
    let (live, again) = (live.lock().expect("free"), again.lock().expect("free"));
    assert_eq!(live[..], again[..3]);
    assert_eq!(again[3].seq, 4);
    drop(journal);
    let (lines, damage) = store.read(&id).expect("read");
    assert_eq!((lines, damage), (again.clone(), Vec::new()));
}

#[tokio::test]
async fn appends_side_by_side_share_syncs_and_keep_their_order() {
    let root = tempfile::tempdir().expect("a folder");
    let disk = Arc::new(Counting::default());
    let store = store(root.path(), disk.clone());
    // The owner waits in here until all of the appends are in its queue.
    let (open, gate) = mpsc::channel::<()>();
    let mut gate = Some(gate);
    let (mut record, lines) = seen();
    let apply: Apply = Box::new(move |line| {
        record(line);
        if line.seq == 2
            && let Some(gate) = gate.take()
        {
            let _ = gate.recv();
        }
    });
    let (journal, _) = store.create(begin(), apply).expect("begun");
    let first = tokio::spawn({
        let journal = journal.clone();
        async move { journal.append(user(1, "first"), Sync::Now).await }
    });
    while lines.lock().expect("free").len() < 2 {
        tokio::task::yield_now().await;
    }
    let before = disk.syncs.load(Ordering::SeqCst);
    let mut appends: Vec<_> = (2..12)
        .map(|turn| {
            Box::pin(journal.append(
                user(turn, "x"),
                if turn % 2 == 0 {
                    Sync::Now
                } else {
                    Sync::Later
                },
            ))
        })
        .collect();
    // Polled once, each is in the queue.
    for append in &mut appends {
        assert!(futures::poll!(append).is_pending());
    }
    drop(open);
    for (append, seq) in appends.into_iter().zip(3..) {
        assert_eq!(append.await.expect("kept"), seq);
    }
    assert!(first.await.expect("no panic").is_ok());
    assert_eq!(disk.syncs.load(Ordering::SeqCst), before + 1);
    let seqs: Vec<u64> = lines
        .lock()
        .expect("free")
        .iter()
        .map(|line| line.seq)
        .collect();
    assert_eq!(seqs, (1..13).collect::<Vec<_>>());
}

#[tokio::test]
async fn after_a_failed_write_or_sync_nothing_is_taken_any_more() {
    for full in [true, false] {
        let root = tempfile::tempdir().expect("a folder");
        let disk = Arc::new(Counting::default());
        let store = store(root.path(), disk.clone());
        let (apply, lines) = seen();
        let (journal, id) = store.create(begin(), apply).expect("begun");
        journal
            .append(user(1, "kept"), Sync::Now)
            .await
            .expect("kept");
        if full { &disk.full } else { &disk.bad }.store(true, Ordering::SeqCst);
        let failed = journal.append(user(2, "lost"), Sync::Now).await;
        let failed = failed.expect_err("the disk refused");
        assert!(matches!(failed, JournalError::Write { .. }));
        assert_eq!(failed.hint().expect("a hint").contains("make room"), full);
        disk.full.store(false, Ordering::SeqCst);
        disk.bad.store(false, Ordering::SeqCst);
        let appends = disk.appends.load(Ordering::SeqCst);
        let later = journal.append(user(3, "no"), Sync::Later).await;
        let later = later.expect_err("it refuses").to_string();
        assert!(
            later.starts_with("the journal is closed: an earlier write failed"),
            "{later}"
        );
        assert_eq!(disk.appends.load(Ordering::SeqCst), appends);
        assert!(journal.close().await.is_err());

        let (apply, again) = seen();
        let (_journal, recovery) = store.open(&id, apply).expect("opened");
        assert_eq!(recovery.damage, Vec::<String>::new());
        let (lines, again) = (lines.lock().expect("free"), again.lock().expect("free"));
        assert_eq!(lines[..], again[..]);
        assert_eq!(again.len(), 2);
    }
}

#[tokio::test]
async fn secrets_are_gone_live_and_on_the_disk() {
    let root = tempfile::tempdir().expect("a folder");
    let redactor = Redactor::new(["s3cret".to_owned()]);
    let store = store(root.path(), Arc::new(RealDisk)).with_redactor(redactor);
    let (apply, lines) = seen();
    let (journal, id) = store.create(begin(), apply).expect("begun");
    journal
        .append(user(1, "my s3cret"), Sync::Now)
        .await
        .expect("kept");
    assert_eq!(lines.lock().expect("free")[1].entry, user(1, "my [secret]"));
    let raw = String::from_utf8(store.raw(&id).expect("read")).expect("text");
    assert!(!raw.contains("s3cret"));
    let artifacts = store.artifacts(&id).expect("an id");
    let name = artifacts.put("long s3cret").expect("kept");
    assert_eq!(artifacts.put("long s3cret").expect("kept"), name);
    assert_eq!(artifacts.get(&name).expect("there"), b"long [secret]");
    assert!(artifacts.get("../journal.jsonl").is_err());
}
