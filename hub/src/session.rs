//! The conversation, folded from the journal: what a model is sent, and what the person set for the session.
//!
//! ```text
//! Begin, User, Reply, Outcome, Settled, Undo, Compaction ... ── apply ──► Session ── messages() ──► always valid input
//! ```
//!
//! Valid means: each call is answered by one tool message right behind it, in order; nobody speaks twice in a row, since several
//! templates refuse that; no message is empty. Where the journal has a hole (a crash, a cancelled turn, an answer that was left out),
//! `messages.rs` puts a sentence there that depends on nothing but the entries, so that the prompt's bytes are the same after a restart.

mod compacted;
mod look;
mod messages;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;
use toolpool_config::Mode;
use toolpool_config::fixed::FIRST_WORDS_CHARS_MAX;
use toolpool_connectors::model::{Counted, Message, Stop, ToolCall, Usage};

use crate::journal::entry::{
    Begin, BorderNote, CallId, Checked, EndHow, Entry, Grant, Line, PoolNote, PoolTool, StepNo,
    TurnNo, Verdict, VerifiedNote,
};

pub use compacted::{Made, Past};
pub use look::{Answered, Asked, LastReply};

/// One message with where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The line that says it: what a compaction names it by.
    pub seq: u64,
    /// The turn it belongs to.
    pub turn: TurnNo,
    /// Bytes at its beginning that stand for what was compacted before it.
    pub front: usize,
    /// The message.
    pub message: Message,
}

/// What all replies cost together, as far as the server said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Replies.
    pub replies: u64,
    /// Tokens of all prompts.
    pub prompt_tokens: u64,
    /// Of those, found in the server's cache.
    pub cached_tokens: u64,
    /// Tokens of all replies.
    pub reply_tokens: u64,
    /// Milliseconds spent on reading prompts.
    pub prompt_ms: u64,
    /// Milliseconds spent on writing replies.
    pub reply_ms: u64,
}

/// A turn of the conversation.
#[derive(Clone, Debug, Default)]
struct Turn {
    no: TurnNo,
    seq: u64,
    words: String,
    /// Tools that it was told of beyond its pool, and the line that says so.
    told_of: Option<(u64, Vec<PoolTool>)>,
    replies: Vec<Said>,
    /// How it ended, and the line that says so.
    end: Option<(u64, EndHow)>,
}

/// A reply of the model.
#[derive(Clone, Debug)]
struct Said {
    seq: u64,
    step: StepNo,
    text: String,
    reasoning: Option<String>,
    calls: Vec<ToolCall>,
    faults: BTreeMap<CallId, String>,
    stop: Stop,
    /// What the model was told of it as the next message, and the line that says so.
    told: Option<(u64, String)>,
}

/// What is known of a call's answer.
#[derive(Clone, Debug, Default)]
struct Answer {
    /// The line that says the most of it.
    seq: u64,
    /// What the model is told; none where nothing came back.
    text: Option<String>,
    /// Whether what it is told is a failure.
    failed: bool,
    /// Whether it was sent.
    sent: bool,
    /// Whether it may be sent again without harm.
    repeatable: bool,
}

/// The conversation so far.
#[derive(Clone, Debug, Default)]
pub struct Session {
    begin: Option<Begin>,
    turns: Vec<Turn>,
    answers: HashMap<CallId, Answer>,
    /// What journals from before there were compactions left out.
    removed: BTreeSet<u64>,
    /// The compactions in force.
    made: Vec<Made>,
    last_turn: TurnNo,
    first_words: Option<String>,
    mode: Option<Mode>,
    deny: Vec<String>,
    pins: Vec<String>,
    pinned_files: Vec<String>,
    grants: Vec<Grant>,
    pool: Option<PoolNote>,
    /// The line that says which pool it is.
    pool_seq: u64,
    pairs: Vec<(Counted, u32)>,
    usages: Vec<Usage>,
    totals: Totals,
    /// Turns that were taken back.
    undone: Vec<TurnNo>,
    /// The turn that was last warned of its room.
    warned: Option<TurnNo>,
    /// The turn for which another pool was last weighed.
    weighed: Option<TurnNo>,
    /// Tokens that a server which cut a prompt in silence was seen to read.
    read_at_most: Option<u32>,
    /// Calls that did not do what they say, by what was read back.
    unmet: BTreeSet<CallId>,
}

impl Session {
    /// Takes in the next line.
    pub fn apply(&mut self, line: &Line) {
        match &line.entry {
            Entry::Begin(begin) => {
                self.mode = Some(begin.mode);
                self.deny.clone_from(&begin.deny);
                self.begin = Some(begin.clone());
            }
            Entry::User { turn, text } => {
                self.last_turn = self.last_turn.max(*turn);
                if self.first_words.is_none() {
                    self.first_words = Some(title(text));
                }
                self.turns.push(Turn {
                    no: *turn,
                    seq: line.seq,
                    words: text.clone(),
                    ..Turn::default()
                });
            }
            Entry::Pool(pool) => {
                self.pool = Some(pool.clone());
                self.pool_seq = line.seq;
            }
            Entry::Border(note) => self.weigh(line.seq, note),
            Entry::Compaction(note) => self.made.push(Made {
                seq: line.seq,
                replies: self.totals.replies,
                note: note.clone(),
            }),
            Entry::Fit { removed, .. } => self.removed.extend(removed),
            Entry::Reply {
                counted,
                usage,
                truncated,
                ..
            } => {
                self.cost(*counted, usage, *truncated);
                if !truncated {
                    self.reply(line);
                }
            }
            Entry::Intent(intent) => {
                let answer = self.answer(intent.call, line.seq, None);
                answer.sent = true;
                answer.repeatable = intent.repeatable;
            }
            Entry::Outcome(outcome) => {
                let answer = self.answer(outcome.call, line.seq, Some(&outcome.text));
                answer.failed = outcome.verdict != Verdict::Completed;
            }
            Entry::Refused { call, text, .. } => {
                self.answer(*call, line.seq, Some(text)).failed = true;
            }
            Entry::Own {
                call, text, failed, ..
            } => {
                self.answer(*call, line.seq, Some(text)).failed = *failed;
            }
            Entry::Verified(note) => self.verified(line.seq, note),
            Entry::Settled { call, text, .. } => {
                self.answer(*call, line.seq, Some(text));
            }
            Entry::Mode { mode } => self.mode = Some(*mode),
            Entry::Deny { pattern } => {
                if !self.deny.contains(pattern) {
                    self.deny.push(pattern.clone());
                }
            }
            Entry::Allow { pattern } => self.deny.retain(|denied| denied != pattern),
            Entry::Pin { tool, on } => {
                self.pins.retain(|pinned| pinned != tool);
                if *on {
                    self.pins.push(tool.clone());
                }
            }
            Entry::PinFile { path, on } => {
                self.pinned_files.retain(|pinned| pinned != path);
                if *on {
                    self.pinned_files.push(path.clone());
                }
            }
            Entry::Grant { grant } => {
                if !self.grants.contains(grant) {
                    self.grants.push(grant.clone());
                }
            }
            Entry::Undo { turn } => {
                let (kept, undone) = std::mem::take(&mut self.turns)
                    .into_iter()
                    .partition(|kept: &Turn| kept.no < *turn);
                self.turns = kept;
                self.undone.extend(undone.iter().map(|turn: &Turn| turn.no));
                // What one of them was compacted into is gone with it, and shows again as it was said.
                self.made.retain(|made| made.note.turn < *turn);
            }
            Entry::End { turn, how, .. } => {
                if let Some(ended) = self.turn_mut(*turn) {
                    ended.end = Some((line.seq, *how));
                }
            }
            Entry::Warning { turn, category, .. } if category == "budget" => self.warned = *turn,
            Entry::Resumed { .. }
            | Entry::Decision(_)
            | Entry::Cache(_)
            | Entry::Delegated(_)
            | Entry::Steps { .. }
            | Entry::Warning { .. } => {}
        }
    }

    fn turn_mut(&mut self, no: TurnNo) -> Option<&mut Turn> {
        self.turns.iter_mut().rev().find(|turn| turn.no == no)
    }

    fn reply(&mut self, line: &Line) {
        let Entry::Reply {
            turn,
            step,
            text,
            reasoning,
            calls,
            faults,
            stop,
            ..
        } = &line.entry
        else {
            return;
        };
        // Without its turn, which was undone or damaged, it answers nobody.
        if let Some(turn) = self.turn_mut(*turn) {
            turn.replies.push(Said {
                seq: line.seq,
                step: *step,
                text: text.clone(),
                reasoning: reasoning.clone(),
                calls: calls.clone(),
                faults: faults.clone(),
                stop: *stop,
                told: None,
            });
        }
    }

    fn weigh(&mut self, seq: u64, note: &BorderNote) {
        self.weighed = Some(note.turn);
        if let Some(turn) = self.turn_mut(note.turn)
            && !note.disclosed.is_empty()
        {
            turn.told_of = Some((seq, note.disclosed.clone()));
        }
    }

    fn verified(&mut self, seq: u64, note: &VerifiedNote) {
        let (Some(told), call) = (&note.told, note.call) else {
            return;
        };
        match (note.what, call) {
            (Checked::Effect, Some(call)) => {
                self.unmet.insert(call);
                // Behind what the call says of itself; the line that says the most of it stays.
                if let Some(text) = self
                    .answers
                    .get_mut(&call)
                    .and_then(|answer| answer.text.as_mut())
                {
                    text.push('\n');
                    text.push_str(told);
                }
            }
            (Checked::Claims | Checked::Verdict, _) => {
                let said = self
                    .turn_mut(note.turn)
                    .and_then(|turn| turn.replies.last_mut());
                if let Some(said) = said {
                    said.told = Some((seq, told.clone()));
                }
            }
            (Checked::Format | Checked::Effect, _) => {}
        }
    }

    fn answer(&mut self, call: CallId, seq: u64, text: Option<&str>) -> &mut Answer {
        let answer = self.answers.entry(call).or_default();
        answer.seq = seq;
        if let Some(text) = text {
            answer.text = Some(text.to_owned());
        }
        answer
    }

    fn cost(&mut self, counted: Counted, usage: &Usage, truncated: bool) {
        let totals = &mut self.totals;
        let count = |value: Option<u32>| u64::from(value.unwrap_or(0));
        self.usages.push(*usage);
        totals.replies += 1;
        totals.prompt_tokens += count(usage.prompt_tokens);
        totals.cached_tokens += count(usage.cached_tokens);
        totals.reply_tokens += count(usage.reply_tokens);
        totals.prompt_ms += usage.prompt_ms.unwrap_or(0);
        totals.reply_ms += usage.reply_ms.unwrap_or(0);
        if truncated && let Some(read) = usage.prompt_tokens {
            self.read_at_most = Some(self.read_at_most.map_or(read, |least| least.min(read)));
        }
        // What a truncated prompt was read as teaches nothing about counting.
        if let (Some(reported), false) = (usage.prompt_tokens, truncated) {
            self.pairs.push((counted, reported));
        }
    }

    /// How the journal begins; none where its first line is lost.
    pub fn begin(&self) -> Option<&Begin> {
        self.begin.as_ref()
    }

    /// The number that the next turn gets. An undone turn's number is not used again.
    pub fn next_turn(&self) -> TurnNo {
        self.last_turn + 1
    }

    /// How many turns are part of the conversation.
    pub fn turns(&self) -> usize {
        self.turns.len()
    }

    /// The last turn that is part of the conversation, with the person's words.
    pub fn last_turn(&self) -> Option<(TurnNo, &str)> {
        self.turns.last().map(|turn| (turn.no, &*turn.words))
    }

    /// The mode in force.
    pub fn mode(&self) -> Mode {
        self.mode.unwrap_or_default()
    }

    /// The session's own deny list: what it began with and what it added.
    pub fn deny(&self) -> &[String] {
        &self.deny
    }

    /// Tools that are always offered, in the order they were pinned.
    pub fn pins(&self) -> &[String] {
        &self.pins
    }

    /// Files that are shown again in a fresh window, in the order they were pinned.
    pub fn pinned_files(&self) -> &[String] {
        &self.pinned_files
    }

    /// Kinds of calls that the person allowed for the session.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// The pool that was offered last.
    pub fn pool(&self) -> Option<&PoolNote> {
        self.pool.as_ref()
    }

    /// What prompts were counted as and reported as, in order: a counter learns from them.
    pub fn pairs(&self) -> &[(Counted, u32)] {
        &self.pairs
    }

    /// What all replies cost.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// The person's first words in one line, as a title.
    pub fn first_words(&self) -> Option<String> {
        self.first_words.clone()
    }
}

fn title(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(FIRST_WORDS_CHARS_MAX) {
        Some((at, _)) => format!("{}…", line[..at].trim_end()),
        None => line,
    }
}

#[cfg(test)]
mod tests;
