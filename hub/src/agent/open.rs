//! From a setup to a running session: a new journal, or one that is read again and says what it found.

use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, PoisonError};

use toolpool_config::Mode;
use toolpool_config::fixed::WINDOW_MIN;
use toolpool_connectors::model::SharedModel;

use super::{Agent, Doubt, Folds, Remember, Rights, agent_type};
use crate::approve::Approver;
use crate::cache::Reads;
use crate::caller::{Caller, patterns};
use crate::delegate;
use crate::error::Error;
use crate::event::Stream;
use crate::hub::Hub;
use crate::journal::entry::{Begin, Entry, JournalKind, Parent, TurnNo};
use crate::journal::store::Store;
use crate::journal::{Apply, Redactor, Sync};

/// What a session is opened with.
pub struct Setup {
    /// The hub whose tools it has.
    pub hub: Arc<Hub>,
    /// The model.
    pub model: SharedModel,
    /// Who is asked.
    pub approver: Arc<dyn Approver>,
    /// Where sessions are kept.
    pub store: Store,
    /// Which session.
    pub start: Start,
    /// The profile; that of the session, or of the configuration, when missing.
    pub profile: Option<String>,
    /// Patterns to deny on top of what is denied already.
    pub deny: Vec<String>,
    /// The mode; that of the session, or of the configuration, when missing.
    pub mode: Option<Mode>,
    /// The working folder.
    pub folder: PathBuf,
    /// Writes what is allowed for good into the person's configuration; without it "always" is for the session.
    pub remember: Option<Arc<Remember>>,
    /// The agent type that a new session runs as. One that is gone on with keeps its own.
    pub agent: Option<String>,
    /// Who gives it its task, where it is a delegate's.
    pub above: Option<Above>,
}

/// Whom a delegate works for.
pub struct Above {
    pub(crate) link: Parent,
    pub(crate) rights: Arc<Rights>,
    /// Agents that the whole conversation has begun.
    pub(crate) begun: Arc<AtomicU32>,
    /// Tokens of the caller's window that are used.
    pub(crate) window: u32,
}

/// Which session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// A new one.
    New,
    /// The newest one of the working folder.
    Continue,
    /// This one.
    Resume(String),
    /// A copy of this one up to the end of a turn, or all of it.
    Fork {
        /// The other session.
        session: String,
        /// The last turn of it that is taken over.
        turn: Option<TurnNo>,
    },
}

/// What was found when a session was opened.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Opened {
    /// Its id.
    pub session: String,
    /// Whether it existed before.
    pub resumed: bool,
    /// What was found damaged, one sentence each.
    pub damage: Vec<String>,
    /// The session's mode, where it is another one than the configuration's.
    pub mode: Option<Mode>,
    /// The turn that was going on when the process ended, with the person's words.
    pub interrupted: Option<(TurnNo, String)>,
    /// Calls that may or may not have been carried out.
    pub doubts: Vec<Doubt>,
    /// How many turns it has.
    pub turns: usize,
}

pub(super) async fn open(setup: Setup) -> Result<(Agent, Opened), Error> {
    patterns(&setup.deny)?;
    let id = match &setup.start {
        Start::New => None,
        Start::Continue => {
            Some(
                setup
                    .store
                    .newest(&setup.folder)?
                    .ok_or_else(|| Error::NoSession {
                        folder: setup.folder.clone(),
                    })?,
            )
        }
        Start::Resume(id) => Some(setup.store.find(id)?),
        Start::Fork { session, turn } => {
            Some(setup.store.fork(&setup.store.find(session)?, *turn)?)
        }
    };
    let folds = Arc::new(Mutex::new(Folds::default()));
    let stream = Stream::new(id.as_deref().unwrap_or_default());
    stream.hide(Redactor::of(&setup.hub.config()));
    let apply = apply(folds.clone(), stream.clone());
    let resumed = id.is_some();
    let readers = || vec![stream.subscribe(), stream.subscribe()];
    let (journal, id, damage, early) = match id {
        None => {
            let (begin, early) = (begin(&setup)?, readers());
            let (journal, id) = setup.store.create(begin, apply)?;
            (journal, id, Vec::new(), early)
        }
        Some(id) => {
            let (journal, recovery) = setup.store.open(&id, apply)?;
            (journal, id, recovery.damage, readers())
        }
    };
    let profile = match setup.profile {
        Some(profile) => Some(profile),
        None => lock(&folds).session.profile().map(str::to_owned),
    };
    let begin = lock(&folds).session.begin().cloned();
    let Some(begin) = begin else {
        return Err(Error::NoBegin { session: id });
    };
    if let Some(asked) = setup
        .agent
        .filter(|asked| begin.agent.as_ref() != Some(asked))
    {
        return Err(Error::OtherAgent {
            session: id,
            agent: asked,
            own: begin.agent,
        });
    }
    let above = setup.above;
    let rights = Rights {
        hub: setup.hub.clone(),
        folds: folds.clone(),
        profile,
        above: above.as_ref().map(|above| above.rights.clone()),
    };
    let model = in_slot_of_before(setup.model, &lock(&folds).reads);
    let (mut window, mut approver) = (model.about().window.tokens, setup.approver);
    if let Some(above) = &above {
        window = window.min(above.window);
    }
    if let Some((name, kind, _)) = rights.agent() {
        let share = (f64::from(window) * kind.window_share) as u32;
        window = share.max(WINDOW_MIN).min(window);
        approver = delegate::approver(kind.approver, &name, approver, rights.above.as_ref());
    }
    let begun = match above {
        Some(above) => above.begun,
        None => {
            let below = delegate::begun_below(&setup.store, &lock(&folds).delegates);
            Arc::new(AtomicU32::new(below))
        }
    };
    let agent = Agent {
        window: AtomicU32::new(window),
        model,
        approver,
        journal,
        artifacts: setup.store.artifacts(&id)?,
        store: setup.store,
        rights,
        begun,
        remember: setup.remember,
        recorder: setup.hub.recorder().clone(),
        hub: setup.hub,
        folds,
        stream,
        early: Mutex::new(early),
        id,
        last: Mutex::default(),
    };
    if resumed {
        agent.remember_prompt();
        agent.take_up(&damage, &setup.deny, setup.mode).await?;
    }
    agent.caller()?;
    agent.log();
    let opened = agent.opened(resumed, damage);
    Ok((agent, opened))
}

fn begin(setup: &Setup) -> Result<Begin, Error> {
    let config = setup.hub.config();
    // Refused before anything is written where the profile or the type does not exist.
    let mut caller = Caller::new(&config, "agent", setup.profile.as_deref(), &[])?;
    if let Some(mode) = setup.mode {
        caller.rules.mode = mode;
    }
    if let Some(name) = &setup.agent {
        caller = caller.as_agent(name, agent_type(&config, name)?);
    }
    Ok(Begin {
        session: String::new(),
        what: JournalKind::Session,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        folder: setup.folder.display().to_string(),
        model: Some(setup.model.about().model.clone()),
        profile: caller.profile,
        mode: caller.rules.mode,
        deny: setup.deny.clone(),
        forked: None,
        agent: caller.agent,
        parent: setup.above.as_ref().map(|above| above.link.clone()),
    })
}

/// The model, pinned to the slot that the session had, whose cache may still hold it.
fn in_slot_of_before(model: SharedModel, reads: &Reads) -> SharedModel {
    let served = reads.all().last().map(|read| &read.note.served);
    let slot = served.filter(|served| served.url == model.about().url);
    let slot = slot.and_then(|served| served.after);
    slot.and_then(|slot| model.pinned(slot.id)).unwrap_or(model)
}

/// The one `apply`: what is read at the start and what is appended later goes the same way. Readers of a session that
/// existed before subscribe behind what is read, so that they hear only what is new.
fn apply(folds: Arc<Mutex<Folds>>, stream: Stream) -> Apply {
    Box::new(move |line| {
        lock(&folds).apply(line);
        stream.line(line);
    })
}

fn lock(folds: &Mutex<Folds>) -> std::sync::MutexGuard<'_, Folds> {
    folds.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Agent {
    /// Goes on with a journal of an earlier process: says so in it, takes over what was given now, and teaches the counter
    /// what was measured.
    async fn take_up(
        &self,
        damage: &[String],
        deny: &[String],
        mode: Option<Mode>,
    ) -> Result<(), Error> {
        let resumed = Entry::Resumed {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            damage: damage.to_vec(),
        };
        self.append(resumed, Sync::Now).await?;
        for pattern in deny {
            if !self.denied().contains(pattern) {
                let pattern = pattern.clone();
                self.append(Entry::Deny { pattern }, Sync::Now).await?;
            }
        }
        if let Some(mode) = mode.filter(|mode| *mode != self.mode()) {
            self.append(Entry::Mode { mode }, Sync::Now).await?;
        }
        let read = self.folds().session.read_at_most();
        if let Some(read) = read {
            self.lower_window(read);
        }
        let pairs = self.folds().session.pairs().to_vec();
        for (counted, reported) in pairs {
            self.model.learn(counted, reported);
        }
        Ok(())
    }

    /// Feeds the process's event log from now on.
    fn log(&self) {
        let (mut events, recorder) = (self.events(), self.recorder.clone());
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                recorder.event(&event);
            }
        });
    }

    fn opened(&self, resumed: bool, damage: Vec<String>) -> Opened {
        let doubts = self.doubts();
        let folds = self.folds();
        let interrupted = folds.workflow.open_turn().map(|turn| {
            let words = folds.session.words(turn).unwrap_or_default();
            (turn, words.to_owned())
        });
        Opened {
            session: self.id.clone(),
            resumed,
            damage,
            mode: Some(folds.session.mode())
                .filter(|mode| resumed && *mode != self.hub.config().mode),
            interrupted,
            doubts,
            turns: folds.session.turns(),
        }
    }
}
