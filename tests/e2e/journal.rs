//! The journal against disks that fail at every write, processes that are killed, and power that goes: what was acknowledged is there,
//! everything else is said or cleanly absent, and no damage is ever more than one open away from a whole session.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use toolpool::journal::{Entry, JournalError, RealDisk, Recovery, Store, StoreError, Sync};
use toolpool_tests::disk::{Fault, FaultyDisk, Tail};
use toolpool_tests::env::TestEnv;
use toolpool_tests::journaling::{Folds, begin, folding, script};
use toolpool_tests::program;

const CRASHES: [Fault; 3] = [Fault::CrashBefore, Fault::CrashWithin, Fault::CrashAfter];

fn store(root: &Path, disk: Arc<FaultyDisk>) -> Store {
    Store::new(root.to_owned(), disk)
}

fn honest(root: &Path) -> Store {
    Store::new(root.to_owned(), Arc::new(RealDisk))
}

/// What a script that was cut off had been told.
#[derive(Debug, Default)]
struct Told {
    /// The session's id, once its first line was acknowledged.
    id: Option<String>,
    /// The last line that was acknowledged at all.
    written: u64,
    /// The last line that was acknowledged as being on the disk.
    synced: u64,
    /// Whether it came to its end.
    ended: bool,
}

/// Plays the script until the disk refuses.
async fn play(store: &Store) -> Told {
    let mut told = Told::default();
    let (apply, live) = folding();
    let Ok((journal, id)) = store.create(begin(), apply) else {
        return told;
    };
    told.id = Some(id);
    (told.written, told.synced) = (1, 1);
    for (entry, sync) in script() {
        let Ok(seq) = journal.append(entry.clone(), sync).await else {
            let later = journal.append(entry, Sync::Later).await;
            assert!(matches!(later, Err(JournalError::Closed(_))), "it refuses");
            // The owner ends, and with it the lock, as it would with the process.
            let _ = journal.close().await;
            return told;
        };
        told.written = seq;
        if sync == Sync::Now {
            told.synced = seq;
        }
        let live = live.lock().expect("folds do not panic");
        assert_eq!(live.lines.len() as u64, seq, "applied before acknowledged");
    }
    told.ended = journal.close().await.is_ok();
    told
}

/// The entries that the script writes, the first among them.
fn all(id: &str) -> Vec<Entry> {
    let mut begin = begin();
    begin.session = id.to_owned();
    std::iter::once(Entry::Begin(begin))
        .chain(script().into_iter().map(|(entry, _)| entry))
        .collect()
}

/// Opens it on an honest disk and checks that it holds the first lines of the script, at least `least` of them.
#[track_caller]
fn reopened(root: &Path, id: &str, least: u64, case: &str) -> Recovery {
    let (apply, folds) = folding();
    let (journal, recovery) = match honest(root).open(id, apply) {
        Ok(opened) => opened,
        Err(StoreError::Empty(_)) if least == 0 => return Recovery::default(),
        Err(error) => panic!("{case}: {error}: {:?}", std::error::Error::source(&error)),
    };
    let folds = folds.lock().expect("folds do not panic");
    let count = folds.lines.len();
    assert!(count as u64 >= least, "{case}: {count} lines of {least}");
    let entries = all(id);
    let wanted = Folds::of(&entries[..count]);
    let same = folds.lines.iter().zip(&wanted.lines);
    for (is, was) in same {
        assert_eq!((is.seq, &is.entry), (was.seq, &was.entry), "{case}");
    }
    assert_eq!(folds.text(), wanted.text(), "{case}");
    drop(journal);
    recovery
}

/// The only session there, by its folder's name.
fn only(root: &Path) -> Option<String> {
    let names = std::fs::read_dir(root.join("sessions")).ok()?;
    let mut names: Vec<_> = names
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    assert!(names.len() <= 1, "{names:?}");
    names.pop()
}

async fn operations() -> usize {
    let root = tempfile::tempdir().expect("a folder");
    let disk = Arc::new(FaultyDisk::new());
    assert!(play(&store(root.path(), disk.clone())).await.ended);
    disk.operations()
}

#[tokio::test]
async fn a_crash_at_every_write_loses_nothing_that_was_acknowledged() {
    let operations = operations().await;
    assert!(operations > 30, "{operations}");
    for fault in CRASHES {
        for nth in 1..=operations {
            let root = tempfile::tempdir().expect("a folder");
            let disk = Arc::new(FaultyDisk::failing(nth, fault));
            let told = play(&store(root.path(), disk.clone())).await;
            assert!(disk.has_failed() && !told.ended, "{fault:?} at {nth}");
            let Some(id) = only(root.path()) else {
                assert_eq!(told.written, 0, "{fault:?} at {nth}");
                continue;
            };
            let case = format!("{fault:?} at {nth}");
            let recovery = reopened(root.path(), &id, told.written, &case);
            assert!(recovery.damage.len() <= 1, "{case}: {:?}", recovery.damage);
        }
    }
}

#[tokio::test]
async fn a_disk_that_is_full_or_broken_leaves_a_whole_journal() {
    let operations = operations().await;
    for fault in [Fault::Full, Fault::Broken] {
        for nth in 1..=operations {
            let root = tempfile::tempdir().expect("a folder");
            let disk = Arc::new(FaultyDisk::failing(nth, fault));
            let told = play(&store(root.path(), disk)).await;
            let Some(id) = told.id else {
                continue;
            };
            let case = format!("{fault:?} at {nth}");
            let recovery = reopened(root.path(), &id, told.written, &case);
            // What was half written was cut off again at once.
            assert_eq!(recovery.damage, Vec::<String>::new(), "{case}");
        }
    }
}

#[tokio::test]
async fn power_that_goes_takes_nothing_that_was_synced() {
    let operations = operations().await;
    for tail in Tail::ALL {
        for nth in 1..=operations {
            let root = tempfile::tempdir().expect("a folder");
            let disk = Arc::new(FaultyDisk::failing(nth, Fault::CrashAfter));
            let told = play(&store(root.path(), disk.clone())).await;
            let Some(id) = only(root.path()) else {
                continue;
            };
            disk.lose_power(tail).expect("the folder is writable");
            let case = format!("{tail:?} at {nth}");
            if tail != Tail::Reordered {
                reopened(root.path(), &id, told.synced, &case);
                continue;
            }
            // Later blocks came to the disk before earlier ones: what was synced is there, holes are said.
            let (lines, damage) = match honest(root.path()).read(&id) {
                Ok(read) => read,
                Err(error) => panic!("{case}: {error}"),
            };
            let entries = all(&id);
            for line in &lines {
                let at = usize::try_from(line.seq).expect("few") - 1;
                assert_eq!(line.entry, entries[at], "{case}");
            }
            let whole = lines
                .iter()
                .zip(1..)
                .take_while(|(line, seq)| line.seq == *seq);
            let whole = whole.count() as u64;
            assert!(whole >= told.synced, "{case}: {whole} of {}", told.synced);
            if whole < lines.len() as u64 {
                assert!(
                    damage.iter().any(|said| said.contains("missing")),
                    "{case}: {damage:?}"
                );
            }
            // And it is a session that goes on.
            if !lines.is_empty() {
                let (journal, _) = honest(root.path()).open(&id, folding().0).expect("opened");
                let mode = toolpool_config::Mode::Plan;
                journal
                    .append(Entry::Mode { mode }, Sync::Now)
                    .await
                    .expect("kept");
                journal.close().await.expect("closed");
            }
        }
    }
}

#[tokio::test]
async fn a_disk_that_lies_about_syncs_still_leaves_a_beginning() {
    for tail in [Tail::Lost, Tail::Torn, Tail::Zeroed] {
        let root = tempfile::tempdir().expect("a folder");
        let disk = Arc::new(FaultyDisk::new());
        let store = store(root.path(), disk.clone());
        let (journal, id) = store.create(begin(), folding().0).expect("begun");
        disk.lie();
        for (entry, sync) in script() {
            journal.append(entry, sync).await.expect("it says so");
        }
        journal.close().await.expect("it says so");
        disk.lose_power(tail).expect("the folder is writable");
        let recovery = reopened(root.path(), &id, 1, &format!("{tail:?}"));
        assert_eq!(
            recovery.damage.is_empty(),
            tail == Tail::Lost,
            "{:?}",
            recovery.damage
        );
    }
}

/// A session with damage of every kind, which needs all that a repair can do.
async fn damaged(root: &Path) -> (String, Vec<u8>) {
    let told = play(&honest(root)).await;
    let id = told.id.expect("begun");
    let path = honest(root).folder(&id).join("journal.jsonl");
    let mut bytes = std::fs::read(&path).expect("there");
    let ends: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == b'\n').collect();
    bytes[ends[2] + 40] ^= 1;
    bytes[ends[8] + 1..ends[9]].fill(0);
    bytes.remove(ends[5]);
    bytes.truncate(bytes.len() - 30);
    std::fs::write(&path, &bytes).expect("written");
    (id, bytes)
}

#[tokio::test]
async fn a_repair_that_is_cut_off_is_done_again_with_the_same_end() {
    let root = tempfile::tempdir().expect("a folder");
    let (id, bytes) = damaged(root.path()).await;
    let path = honest(root.path()).folder(&id).join("journal.jsonl");
    let quarantine = path.with_file_name("quarantine-1.bin");
    let (apply, folds) = folding();
    let (journal, recovery) = honest(root.path()).open(&id, apply).expect("opened");
    journal.close().await.expect("closed");
    let wanted = (
        std::fs::read(&path).expect("there"),
        std::fs::read(&quarantine).expect("there"),
    );
    let wanted_text = folds.lock().expect("folds do not panic").text();
    assert!(recovery.damage.len() >= 4, "{:?}", recovery.damage);

    let mut nth = 0;
    loop {
        nth += 1;
        let mut failed = false;
        for fault in CRASHES {
            std::fs::remove_file(&quarantine).expect("there");
            std::fs::write(&path, &bytes).expect("written");
            let disk = Arc::new(FaultyDisk::failing(nth, fault));
            let opened = store(root.path(), disk.clone()).open(&id, folding().0);
            failed |= disk.has_failed();
            if let Ok((journal, _)) = opened {
                journal.close().await.expect("closed");
            }
            let (apply, folds) = folding();
            let (journal, _) = honest(root.path()).open(&id, apply).expect("opened");
            journal.close().await.expect("closed");
            let is = (
                std::fs::read(&path).expect("there"),
                std::fs::read(&quarantine).expect("there"),
            );
            assert!(is == wanted, "{fault:?} at {nth}");
            assert_eq!(
                folds.lock().expect("folds do not panic").text(),
                wanted_text
            );
            let names = std::fs::read_dir(path.parent().expect("a folder")).expect("there");
            let more = names
                .flatten()
                .any(|entry| entry.file_name() == "quarantine-2.bin");
            assert!(!more, "{fault:?} at {nth}");
        }
        if !failed {
            break;
        }
    }
    assert!(nth > 4, "a repair of this has several writes, not {nth}");
}

/// Ends with the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn process(arguments: &[&str]) -> (Killed, impl Iterator<Item = String> + use<>) {
    let mut child = Command::new(program::sibling("journal"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program was built with the tests");
    let stdout = child.stdout.take().expect("it is piped");
    let lines = BufReader::new(stdout).lines().map_while(Result::ok);
    (Killed(child), lines)
}

#[tokio::test]
async fn a_second_process_is_refused_until_the_first_is_killed() {
    let root = tempfile::tempdir().expect("a folder");
    let id = play(&honest(root.path())).await.id.expect("begun");
    let folder = root.path().to_string_lossy().into_owned();
    let (mut first, mut said) = process(&["hold", &folder, &id]);
    assert_eq!(said.next().as_deref(), Some("held"));
    let refused = honest(root.path()).open(&id, folding().0).err();
    match refused.expect("it is in use") {
        StoreError::InUse { pid, .. } => assert_eq!(pid, Some(first.0.id())),
        other => panic!("{other}"),
    }
    let deleted = honest(root.path()).delete(&id);
    assert!(matches!(deleted, Err(StoreError::InUse { .. })));
    // Reading takes no lock.
    assert!(honest(root.path()).read(&id).is_ok());

    first.0.kill().expect("it runs");
    first.0.wait().expect("it ends");
    let (journal, _) = honest(root.path())
        .open(&id, folding().0)
        .expect("the lock is free");
    journal.close().await.expect("closed");
    honest(root.path()).delete(&id).expect("deleted");
}

#[tokio::test]
async fn a_process_killed_half_way_through_each_write_kept_what_it_was_told() {
    let operations = operations().await;
    for nth in 1..=operations {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().to_string_lossy().into_owned();
        let (mut child, said) = process(&["play", &folder, &nth.to_string()]);
        let said: Vec<String> = said.collect();
        let status = child.0.wait().expect("it ends");
        assert!(!status.success(), "it was killed at {nth}");
        let written = said.last().map_or(0, |last| last.parse().unwrap_or(1));
        if let Some(id) = only(root.path()) {
            reopened(root.path(), &id, written, &format!("killed at {nth}"));
        }
    }
}

#[tokio::test]
async fn sessions_are_listed_shown_exported_and_deleted() {
    let env = TestEnv::new();
    let state = env.path("state/toolpool");
    assert_eq!(env.run(["sessions", "list"]).ok().stdout, "no sessions\n");
    let id = play(&honest(&state)).await.id.expect("begun");

    let listed = env.run(["sessions", "list", "--json"]).ok().json();
    assert_eq!(listed["sessions"][0]["id"], id.as_str());
    assert_eq!(listed["sessions"][0]["turns"], 3);
    let shown = env.run(["sessions", "show", "last"]).ok().stdout;
    assert!(shown.contains("you: turn 1: wipe the disk"), "{shown}");
    assert!(
        shown.contains("disk__wipe") && shown.contains("completed in 1ms"),
        "{shown}"
    );

    let file = honest(&state).folder(&id).join("journal.jsonl");
    let exported = env.run(["sessions", "export", &id[..8]]).ok().stdout;
    assert_eq!(exported, std::fs::read_to_string(&file).expect("there"));
    let page = env
        .run(["sessions", "export", &id, "--format", "markdown"])
        .ok()
        .stdout;
    assert!(page.starts_with(&format!("# Session {id}\n")), "{page}");

    let (journal, _) = honest(&state).open(&id, folding().0).expect("opened");
    let refused = env.run(["sessions", "delete", &id]);
    assert_eq!(refused.code(), 1, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("is in use by process"),
        "{}",
        refused.stderr
    );
    journal.close().await.expect("closed");
    env.run(["sessions", "delete", &id]).ok();
    assert!(!file.exists());
    let gone = env.run(["sessions", "show", &id]);
    assert_eq!(gone.code(), 2, "{}", gone.stderr);
    assert!(gone.stderr.contains("sessions list"), "{}", gone.stderr);
}
