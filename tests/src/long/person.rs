//! What a person sees of long work: a session that is compacted twice, killed, opened again and asked about itself.

use std::time::{Duration, Instant};

use toolpool::journal::Entry;

use super::plan::{Plan, Shape};
use super::typist::Typist;
use super::world::{PROMPT, TURN_MAX, World, say};
use crate::processes;

/// Small enough that a part of the task does not fit twice.
const WINDOW: u32 = 4096;
/// The parts of the task; the last is the one that is killed.
const PARTS: usize = 4;
/// Requests of the last part before it is killed.
const BEFORE: usize = 4;
/// What a killed program leaves is gone within this.
const GONE: Duration = Duration::from_secs(60);

/// A session as it was on the screen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Up to the kill.
    pub before: String,
    /// From the next start on.
    pub after: String,
    /// Compactions in its journal.
    pub compactions: usize,
    /// What a person typed at the end, each with what came.
    pub asked: Vec<(String, String)>,
}

/// Plays it; none where the real server can't be had.
///
/// # Errors
/// The program does not go on.
pub fn person() -> Result<Option<Seen>, String> {
    let plan = Plan::new(PARTS, Shape::Turns);
    let Some(world) = World::new(&plan, WINDOW, "", false) else {
        return Ok(None);
    };
    let mut typist = world.sit_down(&[])?;
    let (last, others) = plan.turns.split_last().expect("there are parts");
    for turn in others {
        say(&mut typist, &turn.words)?;
    }
    let asked = world.requests().len();
    typist.line(&last.words);
    let end = Instant::now() + TURN_MAX;
    while world.requests().len() < asked + BEFORE {
        if Instant::now() > end {
            return Err(format!("the last part does not begin:\n{}", typist.text()));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    typist.kill();
    let before = typist.text();
    let left = processes::left_after(world.env.root(), GONE);
    if !left.is_empty() {
        return Err(format!("processes outlive the killed program: {left:?}"));
    }

    let mut typist = world.open(&["--continue"])?;
    resume(&mut typist)?;
    let mut answers = Vec::new();
    for question in ["/budget", "/cache", "/why find_tools"] {
        let shown = typist.text().len();
        say(&mut typist, question)?;
        let text = typist.text();
        answers.push((question.to_owned(), text[shown..].to_owned()));
    }
    typist.line("/quit");
    typist.ended(Duration::from_secs(60))?;
    let (_, lines) = world.journal()?;
    let compacted = |line: &&toolpool::journal::Line| matches!(line.entry, Entry::Compaction(_));
    Ok(Some(Seen {
        before,
        after: typist.text(),
        compactions: lines.iter().filter(compacted).count(),
        asked: answers,
    }))
}

/// Answers what is asked of an interrupted session, and waits until its turn is over.
fn resume(typist: &mut Typist) -> Result<(), String> {
    loop {
        match typist.wait_for_one(
            &["did it happen? ", "go on with it? y/n ", PROMPT],
            TURN_MAX,
        )? {
            0 | 1 => typist.line("y"),
            _ => return Ok(()),
        }
    }
}
