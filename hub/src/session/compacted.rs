//! What compactions make of the conversation: a projection. The lines stay as they are, and without the notes the whole of it shows again.
//!
//! ```text
//! lines 1 ............ to | to+1 ...          cleared: 12, 15
//!          ▼                                   ▼
//! user: text, and behind it the words of the   tool: one line that names the artifact
//! turn that the border lies in
//! ```
//!
//! The newest covering compaction alone is shown; each is made from the lines and none from the one before it. An undo takes back what was
//! compacted in or after the undone turn, so that what shows again is what was said.

use std::collections::{BTreeSet, HashMap};

use super::{Session, Stored, Turn};
use crate::journal::entry::{CompactionNote, EndHow, Rung, TurnNo};

/// How the note in place of a result that was removed begins, in journals from before there were compactions.
const STUB: &str = "[result left out to save room: ";

/// A compaction with its place among what happened.
#[derive(Clone, Debug)]
pub struct Made {
    /// The line that says it.
    pub seq: u64,
    /// How many replies the model had given before it.
    pub replies: u64,
    /// What it is.
    pub note: CompactionNote,
}

/// A turn as far as a compaction covers it.
#[derive(Clone, Debug)]
pub struct Past<'a> {
    /// The turn.
    pub turn: TurnNo,
    /// The person's words.
    pub words: &'a str,
    /// Whether all of it is covered; else its words stay in the conversation.
    pub whole: bool,
    /// The model's last words in it, where all of it is covered.
    pub answer: Option<&'a str>,
    /// How it ended.
    pub end: Option<EndHow>,
    /// The ids of the calls of its covered replies.
    pub calls: Vec<&'a str>,
}

/// How the conversation is looked at.
#[derive(Default)]
pub(super) struct View<'a> {
    /// Up to which line `text` stands for everything; 0 for none.
    to: u64,
    text: &'a str,
    lines: HashMap<u64, &'a str>,
    removed: Option<&'a BTreeSet<u64>>,
}

impl<'a> View<'a> {
    pub(super) fn of(
        removed: &'a BTreeSet<u64>,
        notes: impl Iterator<Item = &'a CompactionNote>,
    ) -> View<'a> {
        let mut view = View {
            removed: Some(removed),
            ..View::default()
        };
        for note in notes {
            let lines = note.cleared.iter();
            view.lines
                .extend(lines.map(|cleared| (cleared.seq, cleared.line.as_str())));
            if !note.text.is_empty() {
                (view.to, view.text) = (note.to, &note.text);
            }
        }
        view
    }

    /// What stands in front of the first message that is kept.
    pub(super) fn text(&self) -> Option<(u64, &'a str)> {
        (self.to > 0).then_some((self.to, self.text))
    }

    /// Whether a line is shown as itself.
    pub(super) fn shows(&self, seq: u64) -> bool {
        seq > self.to
    }

    /// Whether nothing of a turn is shown.
    pub(super) fn hides(&self, turn: &Turn, next: Option<&Turn>) -> bool {
        self.removed
            .is_some_and(|removed| removed.contains(&turn.seq))
            || is_past(turn, next, self.to)
    }

    /// A result as it is shown.
    pub(super) fn result(&self, seq: u64, text: &str) -> String {
        if let Some(line) = self.lines.get(&seq) {
            return (*line).to_owned();
        }
        if self.removed.is_some_and(|removed| removed.contains(&seq)) {
            return stub(text);
        }
        text.to_owned()
    }
}

/// Whether a turn was over at a line.
fn is_past(turn: &Turn, next: Option<&Turn>, to: u64) -> bool {
    let over = turn.end.is_some_and(|(seq, _)| seq <= to)
        && turn.replies.iter().all(|said| said.seq <= to);
    turn.seq <= to && (over || next.is_some_and(|next| next.seq <= to))
}

/// What stands in place of a removed result; the result itself where that is no longer.
fn stub(text: &str) -> String {
    let stub = format!("{STUB}{} characters]", text.chars().count());
    if text.starts_with(STUB) || text.len() <= stub.len() {
        return text.to_owned();
    }
    stub
}

impl Session {
    /// The conversation as it was said, without compactions and with nothing left out: for people.
    pub fn messages_whole(&self) -> Vec<Stored> {
        self.project(&View::default())
    }

    /// The conversation as it would be sent with one more compaction.
    pub fn messages_with(&self, note: &CompactionNote) -> Vec<Stored> {
        let made = self.made.iter().map(|made| &made.note);
        self.project(&View::of(&self.removed, made.chain([note])))
    }

    /// The compactions in force, in order.
    pub fn compactions(&self) -> &[Made] {
        &self.made
    }

    /// The compaction whose text stands in front of the conversation.
    pub fn covering(&self) -> Option<&Made> {
        self.made
            .iter()
            .rev()
            .find(|made| !made.note.text.is_empty())
    }

    /// The artifact that a compaction put the result of a line into.
    pub fn kept_as(&self, seq: u64) -> Option<&str> {
        let cleared = self.made.iter().flat_map(|made| &made.note.cleared);
        let mut of = cleared.filter(|cleared| cleared.seq == seq);
        of.next().map(|cleared| cleared.artifact.as_str())
    }

    /// The highest rung that was climbed since the pool in force was built: what stood behind the definitions is read anew anyway.
    pub fn compacted_since_pool(&self) -> Option<Rung> {
        let since = self.made.iter().filter(|made| made.seq > self.pool_seq);
        since.map(|made| made.note.rung).max()
    }

    /// The line that the conversation begins with.
    pub fn first_line(&self) -> Option<u64> {
        self.turns.first().map(|turn| turn.seq)
    }

    /// How many replies the model has given, those among them that were not to be trusted.
    pub fn replies(&self) -> u64 {
        self.totals.replies
    }

    /// The line that holds what a call was answered, with the text and whether it is a failure.
    pub fn answer_of(&self, call: &str) -> Option<(u64, &str, bool)> {
        let answer = self.answers.get(&call.parse().ok()?)?;
        Some((answer.seq, answer.text.as_deref()?, answer.failed))
    }

    /// The conversation up to a line, turn by turn.
    pub fn past(&self, to: u64) -> Vec<Past<'_>> {
        let begun = self.turns.iter().take_while(|turn| turn.seq <= to);
        begun
            .enumerate()
            .map(|(at, turn)| {
                let whole = is_past(turn, self.turns.get(at + 1), to);
                let said = turn.replies.iter().rev();
                let mut answers = said.filter(|said| !said.text.trim().is_empty());
                let covered = turn.replies.iter().filter(|said| said.seq <= to);
                Past {
                    turn: turn.no,
                    words: &turn.words,
                    whole,
                    answer: answers
                        .next()
                        .filter(|_| whole)
                        .map(|said| said.text.as_str()),
                    end: turn.end.map(|(_, how)| how),
                    calls: covered
                        .flat_map(|said| &said.calls)
                        .map(|call| call.id.as_str())
                        .collect(),
                }
            })
            .collect()
    }
}
