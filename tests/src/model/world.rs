//! What a scripted server remembers: how far its script is, its cache, its slots and every request.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::conversation::{Conversation, cached, tokens};
use super::faults::Faults;
use super::front::{Front, Real};
use super::reply::Reply;
use super::script::Answer;
use super::setup::{Script, Setup};

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// `GET`, `POST`.
    pub method: String,
    /// Path, without a query.
    pub path: String,
    /// The body as JSON; null where it is none.
    pub body: Value,
    /// The body byte for byte.
    pub raw: Vec<u8>,
}

/// One chat request, as a dialect read it.
pub(super) struct Ask<'a> {
    /// The request.
    pub(super) body: &'a Value,
    /// The window that holds for it.
    pub(super) window: u32,
    /// The most tokens of the reply.
    pub(super) reply_max: Option<u32>,
    /// How many tokens a prompt may have at most.
    pub(super) prompt_max: u32,
    /// Whether an overflow is truncated without a word.
    pub(super) truncate: bool,
}

/// What comes of it.
pub(super) enum Outcome {
    /// The model is being loaded.
    Loading,
    /// A scripted failure, or a script that has no answer.
    Failed {
        /// HTTP status.
        status: u16,
        /// What is said.
        message: String,
    },
    /// More than there is room for.
    Overflow {
        /// Tokens of the prompt.
        prompt: u32,
    },
    /// The real server behind refused.
    Passed {
        /// HTTP status.
        status: u16,
        /// Its body.
        body: String,
    },
    /// A reply.
    Turn(Box<Turn>),
}

/// A reply with what is said about it.
pub(super) struct Turn {
    /// What is said.
    pub(super) reply: Reply,
    /// What goes wrong.
    pub(super) faults: Faults,
    /// Tokens of the prompt as far as it was read.
    pub(super) prompt: u32,
    /// Of those, in the cache.
    pub(super) cached: u32,
    /// What a real server behind this one said.
    pub(super) real: Option<Real>,
    /// A number of its own.
    pub(super) number: usize,
    /// A slot is taken as long as this lives.
    pub(super) slot: Slot,
}

/// A slot that is taken.
pub(super) struct Slot(Arc<World>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The server's state.
pub(super) struct World {
    /// Its settings; the script in them is the one that `script` holds.
    pub(super) setup: Setup,
    /// The real server behind it.
    pub(super) front: Option<Front>,
    /// Ollama: with which window the model is loaded, if it is.
    pub(super) loaded: Mutex<Option<u32>>,
    script: Mutex<Script>,
    /// How often each answer has failed so far, by its place in the script.
    failed: Mutex<BTreeMap<usize, u32>>,
    /// How many answers the queue has given.
    given: AtomicUsize,
    turns: AtomicUsize,
    /// What was read last: prompt and reply.
    cache: Mutex<String>,
    busy: AtomicUsize,
    requests: Mutex<Vec<Recorded>>,
    record: Option<Mutex<File>>,
}

impl World {
    /// A fresh server; a real one behind it is asked for its window.
    pub(super) async fn new(mut setup: Setup) -> Result<World, String> {
        let script = std::mem::replace(&mut setup.script, Script::Queue(VecDeque::new()));
        let front = match &setup.front {
            Some(url) => {
                let front = Front::connect(url).await?;
                setup.window = front.window;
                Some(front)
            }
            None => None,
        };
        let record = setup.record.as_ref().map(|path| {
            let file = File::options().create(true).append(true).open(path);
            file.map(Mutex::new)
                .map_err(|error| format!("`{}` can't be written: {error}", path.display()))
        });
        Ok(World {
            front,
            loaded: Mutex::new(None),
            script: Mutex::new(script),
            failed: Mutex::default(),
            given: AtomicUsize::new(0),
            turns: AtomicUsize::new(0),
            cache: Mutex::default(),
            busy: AtomicUsize::new(0),
            requests: Mutex::default(),
            record: record.transpose()?,
            setup,
        })
    }

    /// Keeps a request.
    pub(super) fn record(&self, request: Recorded) {
        if let Some(file) = &self.record {
            let text = String::from_utf8_lossy(&request.raw);
            let line = json!({ "method": request.method, "path": request.path, "body": request.body, "raw": text });
            // A record that can't be written is missed by whoever reads it.
            let _ = writeln!(locked(file), "{line}");
        }
        locked(&self.requests).push(request);
    }

    /// Every request so far.
    pub(super) fn requests(&self) -> Vec<Recorded> {
        locked(&self.requests).clone()
    }

    /// Adds an answer to the queue.
    pub(super) fn push(&self, answer: Answer) {
        match &mut *locked(&self.script) {
            Script::Queue(queue) => queue.push_back(answer),
            other => *other = Script::Queue(VecDeque::from([answer])),
        }
    }

    /// How many replies are being sent.
    pub(super) fn busy(&self) -> usize {
        self.busy.load(Ordering::SeqCst)
    }

    /// Forgets the cache, as when the model is loaded again.
    pub(super) fn forget(&self) {
        locked(&self.cache).clear();
    }

    /// What comes of a chat request.
    pub(super) async fn ask(self: &Arc<World>, ask: Ask<'_>) -> Outcome {
        let slot = self.take_slot();
        let mut asked = Conversation::read(ask.body);
        let counted = asked.tokens();
        if ask.truncate && self.front.is_none() {
            asked.drop_oldest(ask.prompt_max);
        }
        let Some((place, answer)) = self.answer(&asked) else {
            let last = asked
                .last()
                .map(|said| said.text.as_str())
                .unwrap_or_default();
            let message = format!("the script has no answer to this: {last}");
            return Outcome::Failed {
                status: 500,
                message,
            };
        };
        if let Some(failure) = self.failure(place, &answer.faults) {
            return failure;
        }
        if let Some(limit) = answer.faults.truncate {
            asked.drop_oldest(limit);
        }
        tokio::time::sleep(Duration::from_millis(answer.faults.wait_ms)).await;

        let mut turn = match &self.front {
            Some(front) => {
                let real = match front.ask(ask.body).await {
                    Ok(real) => real,
                    Err((status, body)) => return Outcome::Passed { status, body },
                };
                self.turn(
                    &answer,
                    ask.reply_max,
                    ask.window,
                    real.prompt,
                    real.cached,
                    slot,
                    Some(real),
                )
            }
            None => {
                let read = asked.tokens();
                if read > ask.prompt_max {
                    return Outcome::Overflow { prompt: counted };
                }
                let rendered = asked.render();
                let cached = cached(&locked(&self.cache), &rendered);
                *locked(&self.cache) = rendered;
                self.turn(&answer, ask.reply_max, ask.window, read, cached, slot, None)
            }
        };
        if answer.faults.truncate.is_some() {
            // What it says it read, also where a real server behind it read all.
            turn.prompt = asked.tokens();
            turn.cached = turn.cached.min(turn.prompt.saturating_sub(1));
        }
        locked(&self.cache).push_str(&turn.reply.text());
        self.use_up(place);
        Outcome::Turn(Box::new(turn))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one value")]
    fn turn(
        self: &Arc<World>,
        answer: &Answer,
        reply_max: Option<u32>,
        window: u32,
        prompt: u32,
        cached: u32,
        slot: Slot,
        real: Option<Real>,
    ) -> Turn {
        let room = reply_max
            .unwrap_or(u32::MAX)
            .min(window.saturating_sub(prompt));
        Turn {
            reply: Reply::compose(answer, room),
            faults: answer.faults.clone(),
            prompt,
            cached,
            real,
            number: self.turns.fetch_add(1, Ordering::SeqCst),
            slot,
        }
    }

    fn take_slot(self: &Arc<World>) -> Slot {
        self.busy.fetch_add(1, Ordering::SeqCst);
        Slot(Arc::clone(self))
    }

    /// The answer and its place in the script; it is not used up yet.
    fn answer(&self, asked: &Conversation) -> Option<(usize, Answer)> {
        match &*locked(&self.script) {
            Script::Queue(queue) => {
                let answer = queue.front().cloned()?;
                Some((self.given.load(Ordering::SeqCst), answer))
            }
            Script::Rules(rules) => rules.answer(asked),
            Script::By(answer) => Some((0, answer(asked))),
        }
    }

    /// Takes the answer that was given from the queue. One that failed or did not fit is still to come.
    fn use_up(&self, place: usize) {
        if let Script::Queue(queue) = &mut *locked(&self.script)
            && self.given.fetch_add(1, Ordering::SeqCst) == place
        {
            queue.pop_front();
        }
    }

    /// The failure that comes before the answer, as long as there is one to come.
    fn failure(&self, place: usize, faults: &Faults) -> Option<Outcome> {
        let mut failed = locked(&self.failed);
        let so_far = failed.entry(place).or_default();
        if *so_far < faults.loading {
            *so_far += 1;
            return Some(Outcome::Loading);
        }
        let fail = faults.fail.as_ref()?;
        if fail.times > 0 && *so_far - faults.loading >= fail.times {
            return None;
        }
        *so_far += 1;
        Some(Outcome::Failed {
            status: fail.status,
            message: fail.message.clone(),
        })
    }

    /// How many replies there were, and how many tokens lie in the cache.
    pub(super) fn worked(&self) -> (usize, u32) {
        (
            self.turns.load(Ordering::SeqCst),
            tokens(&locked(&self.cache)),
        )
    }
}

/// Takes the lock, also after a panic elsewhere: a test that fails should say what failed first.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
