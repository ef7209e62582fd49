//! The live side of the events: lines and passing facts go in, every reader gets the same events in the same order.
//!
//! A reader that falls behind is not waited for: its channel grows, a turn does not stop for a slow terminal. A reader that
//! goes away is forgotten.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;
use toolpool_config::fixed::HEARTBEAT;

use super::{Event, VERSION, What, durable};
use crate::journal::{Entry, Line, Redactor};

/// The events of one session. Cheap to clone; all clones are the same stream.
#[derive(Clone, Debug)]
pub struct Stream {
    /// A plain mutex: held to number and hand out one event, never across an await, so that order is the same for all.
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    session: String,
    turn: u32,
    seq: u64,
    passing: u32,
    readers: Vec<UnboundedSender<Event>>,
    /// When anything was told last.
    told: Instant,
    /// When anything was heard last: what is told of the silence itself does not count.
    heard: Instant,
    /// Whether a person is being asked, and the wait is theirs.
    asking: bool,
    redactor: Redactor,
}

impl Stream {
    /// A stream that nobody reads yet. A session that only begins has its id from its first line.
    #[must_use]
    pub fn new(session: &str) -> Stream {
        Stream {
            inner: Arc::new(Mutex::new(Inner {
                session: session.to_owned(),
                turn: 0,
                seq: 0,
                passing: 0,
                readers: Vec::new(),
                told: Instant::now(),
                heard: Instant::now(),
                asking: false,
                redactor: Redactor::default(),
            })),
        }
    }

    /// From now on secrets are replaced in what passes too; lines have none.
    pub fn hide(&self, redactor: Redactor) {
        self.lock().redactor = redactor;
    }

    /// A reader of everything from now on.
    #[must_use]
    pub fn subscribe(&self) -> UnboundedReceiver<Event> {
        let (sender, receiver) = unbounded_channel();
        self.lock().readers.push(sender);
        receiver
    }

    /// Takes in a line, as the journal hands it to its folds.
    pub fn line(&self, line: &Line) {
        let mut inner = self.lock();
        let inner = &mut *inner;
        if let Entry::Begin(begin) = &line.entry {
            inner.session.clone_from(&begin.session);
        }
        let events = durable(line, &inner.session, &mut inner.turn);
        (inner.seq, inner.passing) = (line.seq, 0);
        inner.heard = Instant::now();
        inner.asking = false;
        for event in events {
            inner.send(event);
        }
    }

    /// Takes in something that is not kept.
    pub fn passing(&self, mut what: What) {
        let mut inner = self.lock();
        hide(&mut what, &inner.redactor);
        if matches!(what, What::WaitingForApproval { .. }) {
            inner.asking = true;
        }
        if !matches!(what, What::Heartbeat { .. } | What::Stalled { .. }) {
            inner.heard = Instant::now();
        }
        inner.passing += 1;
        let event = Event {
            v: VERSION,
            session: inner.session.clone(),
            turn: inner.turn,
            seq: inner.seq,
            passing: inner.passing,
            at_ms: now_ms(),
            what,
        };
        inner.send(event);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn send(&mut self, event: Event) {
        self.told = Instant::now();
        self.readers
            .retain(|reader| reader.send(event.clone()).is_ok());
    }
}

/// Waits for `work`, and meanwhile says at most a second after the last event that it is still there, and once for each
/// silence longer than `silence` that it has stalled. `on` is what is waited for: `model`, `tool`, `approval`.
pub async fn heartbeat<T>(
    stream: &Stream,
    on: &str,
    silence: Duration,
    work: impl Future<Output = T>,
) -> T {
    let began = Instant::now();
    let mut work = std::pin::pin!(work);
    let mut stalled_at = None;
    loop {
        let (told, heard, asking) = {
            let inner = stream.lock();
            (inner.told, inner.heard, inner.asking)
        };
        // A person who thinks has not stalled.
        let on = if asking { "approval" } else { on };
        let beat = told.max(began) + HEARTBEAT;
        let heard = heard.max(began);
        let stall = (stalled_at != Some(heard) && !asking).then(|| heard + silence);
        let next = stall.map_or(beat, |stall| stall.min(beat));
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tokio::time::sleep_until(next) => {}
        }
        let now = Instant::now();
        let quiet = {
            let inner = stream.lock();
            (inner.told, inner.heard.max(began))
        };
        if stall.is_some() && quiet.1 == heard && now >= heard + silence {
            stalled_at = Some(heard);
            stream.passing(What::Stalled {
                on: on.to_owned(),
                silent_ms: millis(now - heard),
            });
        } else if now >= quiet.0.max(began) + HEARTBEAT {
            stream.passing(What::Heartbeat {
                on: on.to_owned(),
                for_ms: millis(now - began),
            });
        }
    }
}

fn hide(what: &mut What, redactor: &Redactor) {
    if redactor.is_empty() {
        return;
    }
    match what {
        What::Thinking { text }
        | What::Text { text }
        | What::CallBegun { name: text }
        | What::Retrying { why: text, .. }
        | What::WaitingForApproval { reason: text, .. }
        | What::CallProgress {
            message: Some(text),
            ..
        } => redactor.text(text),
        _ => {}
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, millis)
}
