//! The one writer of the log, a thread of its own: a disk that hangs holds up this thread and nothing else.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::UnboundedReceiver;
use toolpool_config::fixed::{
    LOG_FILE_BYTES_MAX, LOG_FILES_MAX, LOG_FLUSH_WITHIN, LOG_WAITING_MAX,
};
use toolpool_registry::Health;

use super::{
    ConfigDetail, ContextDetail, Detail, Level, Place, Record, ServerDetail, VERSION, from_event,
    read,
};
use crate::event::Event;

/// A handle to the log. Nothing here waits, fails or panics; once every handle is gone the writer ends.
#[derive(Clone, Debug, Default)]
pub struct Recorder(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    writer: SyncSender<Message>,
    dropped: AtomicU64,
    keep: bool,
}

enum Message {
    Record(Box<Record>),
    Flush(SyncSender<()>),
}

impl Recorder {
    /// A log that nobody writes.
    #[must_use]
    pub fn off() -> Recorder {
        Recorder(None)
    }

    /// A log in `folder`, which is made at the first record. With `keep` it holds words and not only their hashes.
    #[must_use]
    pub fn start(folder: PathBuf, keep: bool) -> Recorder {
        let (writer, messages) = sync_channel(LOG_WAITING_MAX);
        let thread = std::thread::Builder::new().name("event-log".into());
        match thread.spawn(move || write_all(&folder, &messages, LOG_FILE_BYTES_MAX)) {
            Ok(_) => Recorder(Some(Arc::new(Inner {
                writer,
                dropped: AtomicU64::new(0),
                keep,
            }))),
            Err(error) => {
                tracing::warn!(%error, "there is no event log");
                Recorder::off()
            }
        }
    }

    /// Takes in an event of a session.
    pub fn event(&self, event: &Event) {
        let keep = self.0.as_ref().is_some_and(|inner| inner.keep);
        if let Some((level, detail)) = from_event(event, keep) {
            self.put(
                event.at_ms,
                level,
                in_session(&event.session, event.turn),
                detail,
            );
        }
    }

    /// Takes in a session's events for as long as there are any.
    pub async fn events(self, mut events: UnboundedReceiver<Event>) {
        while let Some(event) = events.recv().await {
            self.event(&event);
        }
    }

    /// Takes in how a server is.
    pub fn server(&self, snapshot: u64, server: &str, health: &Health, tools: usize) {
        let level = ServerDetail::level(health);
        let detail = Detail::Server(ServerDetail::of(server, health, tools));
        self.hub(snapshot, level, detail);
    }

    /// Takes in a reload of the configuration: with how many servers and profiles, or why it was refused.
    pub fn config(&self, snapshot: u64, loaded: Result<(usize, usize), String>) {
        let (level, detail) = match loaded {
            Ok((servers, profiles)) => (Level::Info, ConfigDetail::Loaded { servers, profiles }),
            Err(reason) => (Level::Error, ConfigDetail::Refused { reason }),
        };
        self.hub(snapshot, level, Detail::Config(detail));
    }

    /// Takes in anything that belongs to a session.
    pub fn session(&self, session: &str, turn: u32, level: Level, detail: Detail) {
        self.put(now_ms(), level, in_session(session, turn), detail);
    }

    /// Takes in anything that belongs to no session.
    pub fn hub(&self, snapshot: u64, level: Level, detail: Detail) {
        self.put(now_ms(), level, Place::Hub { snapshot }, detail);
    }

    fn put(&self, at_ms: u64, level: Level, place: Place, detail: Detail) {
        let Some(inner) = &self.0 else { return };
        let record = |level, place, detail| {
            Message::Record(Box::new(Record {
                v: VERSION,
                at_ms,
                pid: std::process::id(),
                level,
                place,
                detail,
            }))
        };
        let dropped = inner.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let detail = Detail::Context(ContextDetail::Dropped { records: dropped });
            let told = record(Level::Warn, place.clone(), detail);
            if inner.writer.try_send(told).is_err() {
                inner.dropped.fetch_add(dropped, Ordering::Relaxed);
            }
        }
        if inner.writer.try_send(record(level, place, detail)).is_err() {
            inner.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until what was recorded so far is written, for a short while at most. For the end of a program.
    pub fn flush(&self) {
        let Some(inner) = &self.0 else { return };
        let (done, written) = sync_channel(1);
        if inner.writer.try_send(Message::Flush(done)).is_ok() {
            // A writer that is late is not waited for: a log is no reason to hang.
            let _ = written.recv_timeout(LOG_FLUSH_WITHIN);
        }
    }
}

fn in_session(session: &str, turn: u32) -> Place {
    Place::Session {
        session: session.to_owned(),
        turn,
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// Writes until every handle is gone. A failure is told once; the next record tries again.
fn write_all(folder: &Path, messages: &Receiver<Message>, bytes_max: u64) {
    let mut open = None;
    let mut told = false;
    while let Ok(message) = messages.recv() {
        match message {
            Message::Record(record) => {
                if let Err(error) = write(folder, &mut open, &record, bytes_max) {
                    open = None;
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(folder = %folder.display(), %error, "the event log is not written");
                    }
                }
            }
            Message::Flush(done) => {
                // Whoever asked may have stopped waiting.
                let _ = done.try_send(());
            }
        }
    }
}

/// One record, in one write, so that lines of several processes do not mix.
fn write(
    folder: &Path,
    open: &mut Option<(u64, File)>,
    record: &Record,
    bytes_max: u64,
) -> io::Result<()> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    let (number, file) = match open.take() {
        Some(open) => open,
        None => newest(folder)?,
    };
    let (_, file) = open.insert(if file.metadata()?.len() >= bytes_max {
        prune(folder);
        open_file(folder, number + 1)?
    } else {
        (number, file)
    });
    file.write_all(&line)
}

fn newest(folder: &Path) -> io::Result<(u64, File)> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    open_file(folder, read::numbers(folder).last().copied().unwrap_or(1))
}

fn open_file(folder: &Path, number: u64) -> io::Result<(u64, File)> {
    let path = read::path(folder, number);
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)?;
    Ok((number, file))
}

/// Removes the oldest files, so that with the one that is about to be begun there are as many as may be.
fn prune(folder: &Path) {
    let numbers = read::numbers(folder);
    let over = (numbers.len() + 1).saturating_sub(LOG_FILES_MAX);
    for number in &numbers[..over] {
        // Another process may have removed it just now.
        let _ = std::fs::remove_file(read::path(folder, *number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_log::Reader;

    fn record(at_ms: u64) -> Record {
        Record {
            v: VERSION,
            at_ms,
            pid: 1,
            level: Level::Info,
            place: Place::Hub { snapshot: 1 },
            detail: Detail::Config(ConfigDetail::Refused { reason: "x".into() }),
        }
    }

    #[test]
    fn a_full_file_is_left_and_the_oldest_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut reader = Reader::new(folder.path());
        let mut open = None;
        let mut seen = Vec::new();
        for at in 0..60 {
            write(folder.path(), &mut open, &record(at), 300).expect("written");
            seen.extend(reader.poll().into_iter().map(|record| record.at_ms));
        }
        assert_eq!(seen, (0..60).collect::<Vec<_>>(), "a reader misses nothing");
        let numbers = read::numbers(folder.path());
        assert_eq!(numbers.len(), LOG_FILES_MAX);
        assert!(numbers[0] > 1);
    }

    #[test]
    fn two_writers_share_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut one, mut two) = (None, None);
        for at in 0..40 {
            let open = if at % 2 == 0 { &mut one } else { &mut two };
            write(folder.path(), open, &record(at), 1_000).expect("written");
        }
        let mut seen: Vec<u64> = Reader::new(folder.path())
            .poll()
            .iter()
            .map(|record| record.at_ms)
            .collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..40).collect::<Vec<_>>());
    }

    #[test]
    fn a_folder_that_cannot_be_made_harms_nobody() {
        let folder = tempfile::tempdir().expect("a folder");
        let blocked = folder.path().join("file");
        std::fs::write(&blocked, "").expect("written");
        let recorder = Recorder::start(blocked.join("log"), false);
        recorder.config(1, Err("x".into()));
        recorder.flush();
        assert!(Reader::new(&blocked.join("log")).poll().is_empty());
    }
}
