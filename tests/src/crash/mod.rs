//! A task of several steps whose hub is killed anywhere, and gone on with until the task's end; then what is claimed is held
//! against what happened.
//!
//! ```text
//! case: where to kill, what the person says of calls in doubt
//!   └─ scene: a world with one server that keeps a ledger, a model that goes on from what it reads (task.rs)
//!        run ─ killed ─ look ─ resumed ─ killed ─ look ─ resumed ─ ... ─ answered ─ look
//!                        └─ verdict.rs: journal, ledger, what was printed, what the model was sent
//! ```
//!
//! | file | what |
//! |---|---|
//! | `task.rs` | what the model wants, from the conversation alone |
//! | `scene.rs` | one world, its runs and kills |
//! | `verdict.rs` | what must be true after each of them |
//! | `matrix.rs` | which cases there are, and playing many of them |
//!
//! The person's answer is given without a look at the ledger, and so is wrong as often as right: what the hub then does must
//! follow from the answer all the same. Absent on purpose: power loss, which `disk.rs` has.

mod matrix;
mod scene;
mod task;
mod verdict;

use std::fmt;
use std::time::Duration;

use crate::killing::Boundary;

pub use matrix::{Matrix, Measured, boundaries, measure, play_all, random};
pub use scene::{play, shown};

/// When a run is killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kill {
    /// By its own disk.
    At(Boundary),
    /// From outside, so long after the process was started.
    Started(Duration),
    /// From outside, so long after the first event was printed.
    Heard(Duration),
}

/// One case of the matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// When the first run is killed, the second, and so on. The run behind the last one is left alone.
    pub kills: Vec<Kill>,
    /// Whether the person says of every call in doubt that it was carried out.
    pub happened: bool,
    /// Milliseconds between a call's effect and its answer.
    pub linger_ms: u64,
}

/// What was seen in a case, or in all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Runs of the hub.
    pub runs: usize,
    /// Those that were killed.
    pub kills: usize,
    /// Planned kills that the run had ended before.
    pub missed: usize,
    /// Events that were printed and later found in the journal.
    pub events: usize,
    /// Calls whose state was held against the ledger, counted after each run.
    pub states: usize,
    /// Requests to the model whose history was checked.
    pub histories: usize,
    /// Calls found in doubt that the person had to be asked about.
    pub doubts: usize,
    /// Those of which the ledger says that they had been carried out.
    pub doubts_true: usize,
    /// Calls that were in doubt and made again by the hub, since a claim allows it.
    pub repeated: usize,
    /// Destructive calls carried out twice, each after the person said that the first one had not been.
    pub twice_asked: usize,
}

impl Figures {
    /// Adds another case's.
    pub fn add(&mut self, other: Figures) {
        self.runs += other.runs;
        self.kills += other.kills;
        self.missed += other.missed;
        self.events += other.events;
        self.states += other.states;
        self.histories += other.histories;
        self.doubts += other.doubts;
        self.doubts_true += other.doubts_true;
        self.repeated += other.repeated;
        self.twice_asked += other.twice_asked;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} runs, {} of them killed ({} ended before); {} printed events found again, {} states held against the ledger, \
             {} histories valid; {} calls in doubt asked about ({} had been carried out), {} repeatable ones made again, \
             {} destructive ones carried out twice at the person's word and none otherwise",
            self.runs,
            self.kills,
            self.missed,
            self.events,
            self.states,
            self.histories,
            self.doubts,
            self.doubts_true,
            self.repeated,
            self.twice_asked,
        )
    }
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kill::At(boundary) => write!(f, "at {boundary}"),
            Kill::Started(after) => write!(f, "{after:?} after the start"),
            Kill::Heard(after) => write!(f, "{after:?} after the first event"),
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: killed", self.name)?;
        for (place, kill) in self.kills.iter().enumerate() {
            let then = if place == 0 { "" } else { ", then" };
            write!(f, "{then} {kill}")?;
        }
        let said = if self.happened {
            "happened"
        } else {
            "did not happen"
        };
        write!(f, "; what is in doubt {said}")
    }
}
