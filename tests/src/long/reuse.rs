//! The same conversation under four ways to keep a pool of tools, and what each of them costs the server's prompt cache.
//!
//! ```text
//! static   every definition in the prompt from the first request on
//! naive    another pool whenever another one ranks better, before every request
//! bridge   `find_tools` and `call_tool` and nothing else
//! ours     as configured by default
//! ```
//!
//! Absent on purpose: what a model makes of its tools. The script calls what it needs wherever it stands.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::PoisonError;
use std::time::Duration;

use serde::Serialize;
use toolpool::journal::{Entry, Line};
use toolpool_registry::TokenCounter;

use super::plan::Plan;
use super::player::Note;
use super::world::{World, say};

/// A way to keep a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Every definition, always.
    Static,
    /// Another pool before every request.
    Naive,
    /// Only the two tools that reach the others.
    Bridge,
    /// The default.
    Ours,
}

impl Policy {
    /// All of them.
    pub const ALL: [Policy; 4] = [Policy::Static, Policy::Naive, Policy::Bridge, Policy::Ours];

    /// What is set for it.
    fn settings(self) -> &'static str {
        match self {
            Policy::Static => {
                "rebuild = \"never\"\nshare = 1.0\ntokens_max = 100000\ntools_max = 1000\nfull_max = 0\n[limits]\nsearch_candidates = 1000\n"
            }
            Policy::Naive => "rebuild = \"step\"\n",
            Policy::Bridge => "rebuild = \"never\"\ntools_max = 3\n",
            Policy::Ours => "",
        }
    }
}

/// What a policy came to.
#[derive(Clone, Debug, Serialize)]
pub struct Reuse {
    /// Which.
    pub policy: Policy,
    /// Tokens of the window.
    pub window: u32,
    /// Turns.
    pub turns: usize,
    /// Turns that were answered.
    pub answered: usize,
    /// Requests for a reply.
    pub requests: usize,
    /// Tokens of all prompts.
    pub prompt: u64,
    /// Of those, from the server's cache.
    pub cached: u64,
    /// Tokens of the first prompt, which no cache can have.
    pub first: u64,
    /// Milliseconds of reading prompts.
    pub prompt_ms: u64,
    /// Times that another pool was offered.
    pub pools: usize,
    /// Tools in the last pool.
    pub offered: usize,
    /// Steps that needed a tool.
    pub needed: usize,
    /// Of those, whose tool was in the list at their first request.
    pub listed: usize,
    /// Of those, whose tool's definition stood in the text.
    pub in_text: usize,
    /// Steps whose tool is among those that the person's words speak of.
    pub spoken: usize,
    /// Of those, whose tool's definition was in the window.
    pub spoken_present: usize,
    /// Tools whose definition was not, in order.
    pub missed: Vec<String>,
    /// Searches for a tool: each is a request more.
    pub searches: usize,
    /// Tokens of their calls and results.
    pub search_tokens: u64,
    /// Tools called without a definition.
    pub blind: usize,
    /// Why the server read again what it had read, by cause.
    pub causes: BTreeMap<String, usize>,
    /// Compactions.
    pub compactions: usize,
}

impl Reuse {
    /// Tokens from the cache over tokens of all prompts but the first, in percent.
    #[must_use]
    pub fn reused(&self) -> f64 {
        percent(self.cached, self.prompt - self.first)
    }

    /// Steps whose tool's definition was in the window at their first request, in percent.
    #[must_use]
    pub fn present(&self) -> f64 {
        percent((self.listed + self.in_text) as u64, self.needed as u64)
    }
}

/// Plays the conversation under a policy; none where the real server can't be had.
///
/// # Errors
/// The program does not go on.
pub fn reuse(
    policy: Policy,
    window: u32,
    turns: usize,
    encoder: bool,
) -> Result<Option<Reuse>, String> {
    let plan = Plan::wandering(turns);
    let settings = format!("[agent]\nsteps_max = 60\n[pool]\n{}", policy.settings());
    let Some(world) = World::new(&plan, window, &settings, encoder) else {
        return Ok(None);
    };
    let mut typist = world.sit_down(&[])?;
    for turn in &plan.turns {
        say(&mut typist, &turn.words)?;
    }
    typist.line("/quit");
    typist.ended(Duration::from_secs(60))?;
    let (_, lines) = world.journal()?;
    let mut figures = figures(policy, window, turns, &lines);
    let notes = world.notes.lock().unwrap_or_else(PoisonError::into_inner);
    for (step, note) in notes.iter() {
        take(&mut figures, note, plan.speaks_of(*step));
    }
    Ok(Some(figures))
}

fn take(figures: &mut Reuse, note: &Note, spoken: bool) {
    let Some(tool) = &note.tool else {
        return;
    };
    figures.needed += 1;
    let present = note.listed || note.in_text;
    figures.spoken += usize::from(spoken);
    figures.spoken_present += usize::from(spoken && present);
    if !present {
        figures.missed.push(tool.clone());
    }
    figures.listed += usize::from(note.listed);
    figures.in_text += usize::from(note.in_text && !note.listed);
    figures.blind += usize::from(note.blind);
}

fn figures(policy: Policy, window: u32, turns: usize, lines: &[Line]) -> Reuse {
    let counter = TokenCounter::bundled();
    let mut figures = Reuse {
        policy,
        window,
        turns,
        answered: 0,
        requests: 0,
        prompt: 0,
        cached: 0,
        first: 0,
        prompt_ms: 0,
        pools: 0,
        offered: 0,
        needed: 0,
        listed: 0,
        in_text: 0,
        spoken: 0,
        spoken_present: 0,
        missed: Vec::new(),
        searches: 0,
        search_tokens: 0,
        blind: 0,
        causes: BTreeMap::new(),
        compactions: 0,
    };
    for line in lines {
        match &line.entry {
            Entry::Reply { usage, calls, .. } => {
                let prompt = u64::from(usage.prompt_tokens.unwrap_or(0));
                if figures.requests == 0 {
                    figures.first = prompt;
                }
                figures.requests += 1;
                figures.prompt += prompt;
                figures.cached += u64::from(usage.cached_tokens.unwrap_or(0));
                figures.prompt_ms += usage.prompt_ms.unwrap_or(0);
                let asked = calls.iter().filter(|call| call.name == "find_tools");
                let asked = asked.map(|call| u64::from(counter.count(call.arguments.text())));
                figures.search_tokens += asked.sum::<u64>();
            }
            Entry::Own { name, text, .. } if name == "find_tools" => {
                figures.searches += 1;
                figures.search_tokens += u64::from(counter.count(text));
            }
            Entry::Pool(note) => {
                figures.pools += 1;
                figures.offered = note.tools.len();
            }
            Entry::Cache(note) => {
                if let Some(cause) = note.cause {
                    let cause = serde_json::to_value(cause).unwrap_or_default();
                    let cause = cause.as_str().unwrap_or_default().to_owned();
                    *figures.causes.entry(cause).or_default() += 1;
                }
            }
            Entry::Compaction(_) => figures.compactions += 1,
            Entry::End { how, .. } => {
                figures.answered += usize::from(*how == toolpool::journal::entry::EndHow::Answered);
            }
            _ => {}
        }
    }
    figures
}

fn percent(part: u64, whole: u64) -> f64 {
    match whole {
        0 => 0.0,
        _ => 100.0 * part as f64 / whole as f64,
    }
}

/// The policies as a table, a line each.
#[must_use]
pub fn reuse_table(all: &[Reuse]) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{:<7} {:>6} {:>8} {:>9} {:>9} {:>6} {:>7} {:>10} {:>6} {:>6} {:>7} {:>7} {:>7} {:>7} {:>8} {:>8}",
        "POLICY",
        "WINDOW",
        "REQUESTS",
        "PROMPT",
        "CACHED",
        "REUSE",
        "ALL",
        "PROMPT MS",
        "POOLS",
        "TOOLS",
        "LISTED",
        "IN TEXT",
        "PRESENT",
        "SPOKEN",
        "SEARCHES",
        "TOKENS"
    );
    for one in all {
        let name = serde_json::to_value(one.policy).unwrap_or_default();
        let _ = writeln!(
            out,
            "{:<7} {:>6} {:>8} {:>9} {:>9} {:>5.1}% {:>6.1}% {:>10} {:>6} {:>6} {:>6.1}% {:>6.1}% {:>6.1}% {:>6.1}% {:>8} {:>8}",
            name.as_str().unwrap_or_default(),
            one.window,
            one.requests,
            one.prompt,
            one.cached,
            one.reused(),
            percent(one.cached, one.prompt),
            one.prompt_ms,
            one.pools,
            one.offered,
            percent(one.listed as u64, one.needed as u64),
            percent(one.in_text as u64, one.needed as u64),
            one.present(),
            percent(one.spoken_present as u64, one.spoken as u64),
            one.searches,
            one.search_tokens
        );
    }
    for one in all.iter().filter(|one| !one.causes.is_empty()) {
        let causes = one
            .causes
            .iter()
            .map(|(name, count)| format!("{name} {count}"));
        let name = serde_json::to_value(one.policy).unwrap_or_default();
        let _ = writeln!(
            out,
            "{}: {}",
            name.as_str().unwrap_or_default(),
            causes.collect::<Vec<_>>().join(", ")
        );
    }
    out
}
