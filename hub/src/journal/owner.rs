//! The one thread that writes a journal. A thread and not a task, because a sync blocks for as long as the disk likes.
//!
//! ```text
//! wait for one ─► take what else waits ─► write all of it ─► sync once, if any of them asked ─► apply each ─► answer each
//! ```
//!
//! After a write or a sync that failed nothing is known of the file's end, so nothing is written behind it any more: whoever
//! appends hears why, and opening the journal again finds out what is there.

use std::io;
use std::sync::{Arc, mpsc};
use std::thread;

use tokio::sync::oneshot;
use toolpool_config::fixed::JOURNAL_GROUP_MAX;

use super::disk::{Disk, Handle, Lock};
use super::entry::{Entry, Line};
use super::heads::{self, Head};
use super::line::{self, Sum};
use super::{Apply, Clock, Journal, JournalError, Place, Redactor, Sync};

/// What an owner is asked.
pub(super) enum Job {
    /// Write this.
    Append {
        entry: Box<Entry>,
        sync: Sync,
        answer: Answer,
    },
    /// Write what came before this, and end.
    Close(oneshot::Sender<Result<(), JournalError>>),
}

type Answer = oneshot::Sender<Result<u64, JournalError>>;

/// All that writing needs.
pub(super) struct Owner {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) handle: Handle,
    /// Held for as long as the owner lives.
    pub(super) _lock: Lock,
    pub(super) clock: Clock,
    pub(super) redactor: Redactor,
    pub(super) apply: Apply,
    /// The number of the last line.
    pub(super) seq: u64,
    /// Its sum.
    pub(super) sum: Sum,
    /// Bytes of the file.
    pub(super) len: u64,
    /// Whether something was written since the last sync.
    pub(super) dirty: bool,
    /// Why nothing is written any more.
    pub(super) failed: Option<String>,
}

impl Owner {
    /// Writes one entry before there is a thread.
    pub(super) fn write_now(&mut self, entry: Entry) -> Result<u64, JournalError> {
        self.write(vec![(entry, Sync::Now)], Vec::new())?;
        Ok(self.seq)
    }

    /// Gives the journal to a thread.
    pub(super) fn start(self) -> io::Result<Journal> {
        let (sender, jobs) = mpsc::channel();
        thread::Builder::new()
            .name("journal".into())
            .spawn(move || self.run(&jobs))?;
        Ok(Journal(Place::Owner(sender)))
    }

    fn run(mut self, jobs: &mpsc::Receiver<Job>) {
        let mut close = None;
        while close.is_none() {
            // Nobody holds a handle any more.
            let Ok(first) = jobs.recv() else { break };
            let (mut group, mut answers) = (Vec::new(), Vec::new());
            for job in std::iter::once(first).chain(jobs.try_iter()) {
                match job {
                    Job::Append {
                        entry,
                        sync,
                        answer,
                    } => {
                        group.push((*entry, sync));
                        answers.push(answer);
                    }
                    Job::Close(answer) => close = Some(answer),
                }
                if close.is_some() || group.len() == JOURNAL_GROUP_MAX {
                    break;
                }
            }
            // Each of the group has been told.
            let _ = self.write(group, answers);
        }
        let result = self.finish();
        // The lock is free before anybody hears that the journal is closed.
        drop(self);
        if let Some(answer) = close {
            let _ = answer.send(result);
        }
    }

    /// Writes a group, all of it or, as far as anybody can know, nothing.
    fn write(
        &mut self,
        group: Vec<(Entry, Sync)>,
        answers: Vec<Answer>,
    ) -> Result<(), JournalError> {
        if group.is_empty() {
            return Ok(());
        }
        match self.put(group) {
            Ok(lines) => {
                let mut answers = answers.into_iter();
                for line in &lines {
                    (self.apply)(line);
                    if let Some(answer) = answers.next() {
                        // Whoever asked may have gone; the line stays.
                        let _ = answer.send(Ok(line.seq));
                    }
                }
                Ok(())
            }
            Err(error) => {
                for answer in answers {
                    let _ = answer.send(Err(error.clone()));
                }
                Err(error)
            }
        }
    }

    fn put(&mut self, group: Vec<(Entry, Sync)>) -> Result<Vec<Line>, JournalError> {
        if let Some(why) = &self.failed {
            return Err(JournalError::Closed(why.clone()));
        }
        let sync = group.iter().any(|(_, sync)| *sync == Sync::Now);
        let ends = group
            .iter()
            .any(|(entry, _)| matches!(entry, Entry::End { .. }));
        let mut bytes = Vec::new();
        let mut lines = Vec::with_capacity(group.len());
        let (mut seq, mut sum) = (self.seq, self.sum);
        for (mut entry, _) in group {
            seq += 1;
            self.redactor.entry(&mut entry);
            let line = Line {
                seq,
                at_ms: (self.clock)(),
                entry,
            };
            sum = line::encode(&line, sum, &mut bytes)
                .map_err(|error| self.fail(io::Error::from(error)))?;
            lines.push(line);
        }
        self.disk
            .append(&self.handle, &bytes)
            .map_err(|error| self.fail(error))?;
        self.dirty = true;
        if sync {
            self.sync()?;
        }
        (self.seq, self.sum) = (seq, sum);
        self.len += bytes.len() as u64;
        if sync && ends {
            self.note_head();
        }
        Ok(lines)
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        self.disk
            .sync(&self.handle)
            .map_err(|error| self.fail(error))?;
        self.dirty = false;
        Ok(())
    }

    /// From here on nothing is taken. What was written of the group is cut off again if the disk lets us, so that what nobody was told
    /// of does not come back as a call in doubt.
    fn fail(&mut self, error: io::Error) -> JournalError {
        let path = self.handle.path().to_owned();
        self.failed = Some(format!("an earlier write failed: {error}"));
        self.dirty = false;
        let _ = self.disk.truncate(&self.handle, self.len);
        JournalError::Write {
            path,
            source: Arc::new(error),
        }
    }

    /// Says in the second place where the journal ends. What it says is on the disk already.
    fn note_head(&self) {
        let head = Head {
            seq: self.seq,
            sum: self.sum.to_string(),
        };
        heads::note(self.handle.path(), &head);
    }

    fn finish(&mut self) -> Result<(), JournalError> {
        if self.dirty {
            self.sync()?;
        }
        match &self.failed {
            Some(why) => Err(JournalError::Closed(why.clone())),
            None => {
                self.note_head();
                Ok(())
            }
        }
    }
}
