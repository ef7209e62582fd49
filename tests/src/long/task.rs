//! The long task: played through, and what can be said of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use serde::Serialize;
use toolpool::journal::entry::{CompactReason, CompactionNote, EndHow, Verdict};
use toolpool::journal::{Entry, Line};

use super::plan::{Fact, From, Plan, Shape};
use super::player::text;
use super::typist::Typist;
use super::world::{World, say};
use crate::model::Conversation;

/// From this share of the window on a prompt has most of the room that prompts can have.
const FULL: f64 = 0.65;

/// What is played.
#[derive(Clone, Debug)]
pub struct Task {
    /// Tokens of the window.
    pub window: u32,
    /// Parts, ten replies each.
    pub parts: usize,
    /// A turn for each part, or one for all.
    pub shape: Shape,
    /// With the encoder, or by words alone.
    pub encoder: bool,
    /// Whether the person asks for a compaction once the window is nearly full.
    pub compact: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// Tokens of the window.
    pub window: u32,
    /// One turn for everything.
    pub one_turn: bool,
    /// Replies that the plan takes.
    pub steps: usize,
    /// Of those, how many were given.
    pub steps_done: usize,
    /// Requests for a reply, all of them.
    pub requests: usize,
    /// Searches for a tool among them.
    pub searches: usize,
    /// Requests that the real server refused for their length.
    pub overflows: usize,
    /// Turns that ended as a loop, and compactions that freed nothing.
    pub loops: usize,
    /// Turns by how they ended.
    pub ends: BTreeMap<String, usize>,
    /// Compactions by rung.
    pub compactions: BTreeMap<String, usize>,
    /// Milliseconds from the entry before to a compaction's, by rung: the middle one. Counting is among it.
    pub compaction_ms: BTreeMap<String, u64>,
    /// Tokens that they freed.
    pub freed: u64,
    /// Messages that were taken out without a compaction.
    pub removed: usize,
    /// Facts that were planted.
    pub planted: usize,
    /// Of those, in the last request.
    pub present: usize,
    /// Planted and present by whose words they were.
    pub by_origin: BTreeMap<String, (usize, usize)>,
    /// Those that are missing.
    pub missing: Vec<String>,
    /// The most facts that were known and missing in any one request.
    pub missing_at_worst: usize,
    /// What a step needed to know and did not find in its request.
    pub forgotten: usize,
    /// Tools that were called without a definition in view.
    pub blind: usize,
    /// Calls that failed though the plan says that they work, and refused ones.
    pub strange: Vec<String>,
    /// Tokens of all prompts.
    pub prompt: u64,
    /// Of those, from the server's cache.
    pub cached: u64,
    /// Milliseconds of reading prompts.
    pub prompt_ms: u64,
    /// Seconds for all.
    pub seconds: f64,
    /// What a person's `/compact` of a nearly full window came to.
    pub by_hand: Option<ByHand>,
}

/// What a compaction by hand came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ByHand {
    /// Which rungs.
    pub rungs: Vec<String>,
    /// Tokens of the request before.
    pub before: u32,
    /// Tokens of it after.
    pub after: u32,
    /// Facts in the next request.
    pub present: usize,
    /// Facts that were planted by then.
    pub planted: usize,
    /// Those that are missing.
    pub missing: Vec<String>,
}

impl ByHand {
    /// Tokens freed, in percent of those before.
    #[must_use]
    pub fn freed(&self) -> f64 {
        100.0 * f64::from(self.before.saturating_sub(self.after)) / f64::from(self.before.max(1))
    }
}

/// A task that was played.
#[derive(Clone, Debug)]
pub struct Played {
    /// What came of it.
    pub figures: Figures,
    /// Its journal.
    pub lines: Vec<Line>,
}

/// Plays a task to its end; none where the real server can't be had.
///
/// # Errors
/// The program does not go on.
pub fn play(task: &Task) -> Result<Option<Played>, String> {
    let plan = Plan::new(task.parts, task.shape);
    let settings = "[agent]\nsteps_max = 600\n[limits]\nstop_grace_ms = 200\nkill_grace_ms = 200\n";
    let Some(world) = World::new(&plan, task.window, settings, task.encoder) else {
        return Ok(None);
    };
    let began = Instant::now();
    let mut typist = world.sit_down(&[])?;
    let mut by_hand = None;
    for (at, turn) in plan.turns.iter().enumerate() {
        say(&mut typist, &turn.words)?;
        if task.compact && by_hand.is_none() && is_full(&world, task.window)? {
            say(&mut typist, "/compact")?;
            let facts = plan.facts.iter().filter(|fact| fact.part <= at + 1);
            by_hand = Some(compacted(&mut typist, &world, facts)?);
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let requests = world.requests();
    let (_, lines) = world.journal()?;
    let mut figures = figures(task, &plan, &lines, &requests);
    figures.seconds = seconds;
    figures.overflows = world.overflows();
    for note in world
        .notes
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .values()
    {
        figures.forgotten += note.forgotten.len();
        figures.blind += usize::from(note.blind);
        figures.steps_done += usize::from(note.taken);
    }
    figures.by_hand = by_hand;
    typist.line("/quit");
    typist.ended(Duration::from_secs(60))?;
    Ok(Some(Played { figures, lines }))
}

/// Whether the last prompt took most of the room that prompts have.
fn is_full(world: &World, window: u32) -> Result<bool, String> {
    let (_, lines) = world.journal()?;
    let last = lines.iter().rev().find_map(|line| match &line.entry {
        Entry::Reply { usage, .. } => usage.prompt_tokens,
        _ => None,
    });
    Ok(f64::from(last.unwrap_or(0)) > FULL * f64::from(window))
}

/// What a compaction by hand came to, by the journal and by the next request.
fn compacted<'a>(
    typist: &mut Typist,
    world: &World,
    facts: impl Iterator<Item = &'a Fact>,
) -> Result<ByHand, String> {
    let (_, lines) = world.journal()?;
    let asked = |note: &&CompactionNote| note.reason == CompactReason::Asked;
    let notes: Vec<&CompactionNote> = compactions(&lines).filter(asked).collect();
    let (Some(first), Some(last)) = (notes.first(), notes.last()) else {
        return Err("nothing was compacted by hand".to_owned());
    };
    say(typist, "Is all of it still known?")?;
    let shown = world.requests().last().map(text).unwrap_or_default();
    let (mut planted, mut missing) = (0, Vec::new());
    for fact in facts {
        planted += 1;
        if !shown.contains(&fact.text) {
            missing.push(fact.text.clone());
        }
    }
    Ok(ByHand {
        rungs: notes.iter().map(|note| word(&note.rung)).collect(),
        before: first.before,
        after: last.after,
        planted,
        present: planted - missing.len(),
        missing,
    })
}

fn compactions(lines: &[Line]) -> impl Iterator<Item = &CompactionNote> {
    lines.iter().filter_map(|line| match &line.entry {
        Entry::Compaction(note) => Some(note),
        _ => None,
    })
}

fn figures(task: &Task, plan: &Plan, lines: &[Line], requests: &[Conversation]) -> Figures {
    let mut figures = Figures {
        window: task.window,
        one_turn: task.shape == Shape::One,
        steps: plan.steps(),
        requests: requests.len(),
        planted: plan.facts.len(),
        ..Figures::default()
    };
    for line in lines {
        count(&mut figures, &line.entry);
    }
    let mut before: Option<&CompactionNote> = None;
    for note in compactions(lines) {
        let again = before.is_some_and(|before| {
            (before.rung, before.from, before.to) == (note.rung, note.from, note.to)
        });
        figures.loops += usize::from(again || note.after >= note.before);
        before = Some(note);
    }
    let mut times: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for pair in lines.windows(2) {
        if let Entry::Compaction(note) = &pair[1].entry {
            let took = pair[1].at_ms.saturating_sub(pair[0].at_ms);
            times.entry(word(&note.rung)).or_default().push(took);
        }
    }
    for (rung, mut times) in times {
        times.sort_unstable();
        figures.compaction_ms.insert(rung, times[times.len() / 2]);
    }
    facts(&mut figures, &plan.facts, requests);
    figures
}

fn count(figures: &mut Figures, entry: &Entry) {
    match entry {
        Entry::End { how, .. } => {
            *figures.ends.entry(word(how)).or_default() += 1;
            figures.loops += usize::from(*how == EndHow::Loop);
        }
        Entry::Compaction(note) => {
            *figures.compactions.entry(word(&note.rung)).or_default() += 1;
            figures.freed += u64::from(note.before.saturating_sub(note.after));
        }
        Entry::Fit { removed, .. } => figures.removed += removed.len(),
        Entry::Own { name, .. } if name == "find_tools" => figures.searches += 1,
        Entry::Reply { usage, .. } => {
            figures.prompt += u64::from(usage.prompt_tokens.unwrap_or(0));
            figures.cached += u64::from(usage.cached_tokens.unwrap_or(0));
            figures.prompt_ms += usage.prompt_ms.unwrap_or(0);
        }
        Entry::Refused { name, text, .. } => figures.strange.push(format!("{name}: {text}")),
        Entry::Outcome(note) => {
            let planned = note.text.contains("locked by another writer");
            if note.verdict != Verdict::Completed && !planned {
                figures
                    .strange
                    .push(format!("{}: {}", note.call, note.text));
            }
        }
        _ => {}
    }
}

/// Looks for the facts in what was sent: in the last request, and in each for those that an earlier one had.
fn facts(figures: &mut Figures, facts: &[Fact], requests: &[Conversation]) {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for request in requests {
        let shown = text(request);
        let here = facts.iter().filter(|fact| shown.contains(&fact.text));
        let here: BTreeSet<&str> = here.map(|fact| fact.text.as_str()).collect();
        known.extend(&here);
        figures.missing_at_worst = figures
            .missing_at_worst
            .max(known.difference(&here).count());
    }
    let last = requests.last().map(text).unwrap_or_default();
    for fact in facts {
        let (planted, present) = figures.by_origin.entry(origin(fact.from)).or_default();
        *planted += 1;
        match last.contains(&fact.text) {
            true => *present += 1,
            false => figures.missing.push(fact.text.clone()),
        }
    }
    figures.present = facts.len() - figures.missing.len();
}

fn origin(from: From) -> String {
    format!("{from:?}").to_lowercase()
}

/// A value as it is written in the journal.
fn word<T: Serialize>(value: &T) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

fn origin_of(run: &Figures, name: &str) -> String {
    let (planted, present) = run.by_origin.get(name).copied().unwrap_or_default();
    format!("{present} of {planted}")
}

/// The figures as a table, a column for each run.
#[must_use]
pub fn table(runs: &[Figures]) -> String {
    let share = |part: u64, whole: u64| match whole {
        0 => "-".to_owned(),
        _ => format!("{:.1} %", 100.0 * part as f64 / whole as f64),
    };
    let counts = |counts: &BTreeMap<String, usize>| match counts.is_empty() {
        true => "none".to_owned(),
        false => {
            let words = counts.iter().map(|(name, count)| format!("{name} {count}"));
            words.collect::<Vec<_>>().join(", ")
        }
    };
    type Cell<'a> = (&'a str, Box<dyn Fn(&Figures) -> String + 'a>);
    let rows: Vec<Cell<'_>> = vec![
        ("window", Box::new(|run| run.window.to_string())),
        (
            "turns",
            Box::new(|run| {
                if run.one_turn {
                    "one".into()
                } else {
                    "a part each".into()
                }
            }),
        ),
        (
            "steps",
            Box::new(|run| format!("{} of {}", run.steps_done, run.steps)),
        ),
        (
            "requests",
            Box::new(|run| format!("{} ({} searches)", run.requests, run.searches)),
        ),
        ("turns ended", Box::new(|run| counts(&run.ends))),
        ("overflows sent", Box::new(|run| run.overflows.to_string())),
        ("loops", Box::new(|run| run.loops.to_string())),
        ("compactions", Box::new(|run| counts(&run.compactions))),
        ("tokens freed", Box::new(|run| run.freed.to_string())),
        ("removed without", Box::new(|run| run.removed.to_string())),
        (
            "facts at the end",
            Box::new(|run| {
                format!(
                    "{} of {} ({})",
                    run.present,
                    run.planted,
                    share(run.present as u64, run.planted as u64)
                )
            }),
        ),
        ("  words", Box::new(|run| origin_of(run, "words"))),
        ("  constraint", Box::new(|run| origin_of(run, "constraint"))),
        ("  argument", Box::new(|run| origin_of(run, "argument"))),
        ("  outcome", Box::new(|run| origin_of(run, "outcome"))),
        (
            "missing at worst",
            Box::new(|run| run.missing_at_worst.to_string()),
        ),
        (
            "needed, not found",
            Box::new(|run| run.forgotten.to_string()),
        ),
        ("called blindly", Box::new(|run| run.blind.to_string())),
        (
            "strange results",
            Box::new(|run| run.strange.len().to_string()),
        ),
        ("prompt tokens", Box::new(|run| run.prompt.to_string())),
        (
            "from the cache",
            Box::new(|run| share(run.cached, run.prompt)),
        ),
        (
            "reading prompts",
            Box::new(|run| format!("{} ms", run.prompt_ms)),
        ),
        ("seconds", Box::new(|run| format!("{:.0}", run.seconds))),
        (
            "by hand",
            Box::new(|run| match &run.by_hand {
                None => "-".into(),
                Some(hand) => format!(
                    "{} to {} (-{:.0} %), {}/{}",
                    hand.before,
                    hand.after,
                    hand.freed(),
                    hand.present,
                    hand.planted
                ),
            }),
        ),
    ];
    let mut out = String::new();
    for (name, cell) in rows {
        let _ = write!(out, "{name:<18}");
        for run in runs {
            let _ = write!(out, "  {:<34}", cell(run));
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}
