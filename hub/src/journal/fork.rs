//! A session that goes on from a turn of another one: the lines up to there are copied, numbered and chained anew, so that it depends
//! on nothing of the other.
//!
//! What was denied later in the other session stays denied in the new one, and a mode `plan` that was set later holds: a fork
//! must not be a way around either. What is damaged over there is told here too.

use std::collections::BTreeMap;

use toolpool_config::Mode;

use super::entry::{Begin, Entry, Forked, Line, TurnNo};
use super::line::{self, Sum};
use super::store::{JOURNAL, Store, StoreError, disk_error};

impl Store {
    /// Makes a new session of another one's turns up to and with `turn`, all of them where it is `None`. Returns its id; it is not open.
    ///
    /// # Errors
    /// The other one can't be read or has no such turn, or the disk fails.
    pub fn fork(&self, id: &str, turn: Option<TurnNo>) -> Result<String, StoreError> {
        let (lines, damage) = self.read(id)?;
        let Some(Entry::Begin(begin)) = lines.first().map(|line| line.entry.clone()) else {
            return Err(StoreError::Empty(id.into()));
        };
        // A turn that is still open may be going on over there: two sessions must not both go on with its calls.
        let last = lines.iter().rev().find_map(|line| match line.entry {
            Entry::End { turn, .. } => Some(turn),
            _ => None,
        });
        let turn = turn.or(last).unwrap_or(0);
        let begun = |line: &Line| matches!(line.entry, Entry::User { turn: no, .. } if no == turn);
        let ended = |line: &Line| matches!(line.entry, Entry::End { turn: no, .. } if no == turn);
        if turn > 0 && lines.iter().any(begun) && !lines.iter().any(ended) {
            return Err(StoreError::OpenTurn {
                id: id.into(),
                turn,
            });
        }
        let until = end_of(&lines, turn).ok_or_else(|| StoreError::NoTurn {
            id: id.into(),
            turn,
        })?;

        let (fresh, _lock, _) = self.make()?;
        let begin = Begin {
            session: fresh.clone(),
            forked: Some(Forked {
                session: id.into(),
                turn,
            }),
            ..begin
        };
        let (kept, later) = lines.split_at(until);
        let lines = std::iter::once(Line {
            seq: 1,
            at_ms: (self.clock)(),
            entry: Entry::Begin(begin),
        })
        .chain(kept.iter().skip(1).cloned())
        .chain(later.iter().filter(|line| narrows(line)).cloned())
        .chain((!damage.is_empty()).then(|| Line {
            seq: u64::MAX,
            at_ms: (self.clock)(),
            entry: Entry::Resumed {
                program: env!("CARGO_PKG_VERSION").to_owned(),
                damage,
            },
        }));
        let cannot = || disk_error("fork", id);
        let bytes = renumbered(lines).map_err(|error| cannot()(error.into()))?;

        let there = self.artifacts(id)?;
        let here = self.artifacts(&fresh)?;
        for name in kept.iter().flat_map(artifacts) {
            // One that is gone from there is gone here as well; the journal still has its hash.
            if let Ok(whole) = there.get(name) {
                let folder = here.folder();
                self.disk.folder(folder).map_err(cannot())?;
                let result = self.disk.replace(&folder.join(name), &whole);
                result.map_err(cannot())?;
            }
        }
        let path = self.folder(&fresh).join(JOURNAL);
        self.disk.replace(&path, &bytes).map_err(cannot())?;
        Ok(fresh)
    }
}

/// Lines up to the end of a turn; for turn 0 those before the first.
fn end_of(lines: &[Line], turn: TurnNo) -> Option<usize> {
    let begins = |line: &Line| match line.entry {
        Entry::User { turn, .. } => Some(turn),
        _ => None,
    };
    let begun = match turn {
        0 => 0,
        _ => lines.iter().position(|line| begins(line) == Some(turn))?,
    };
    let next = lines[begun..]
        .iter()
        .position(|line| begins(line).is_some_and(|no| no > turn))
        .map_or(lines.len(), |at| begun + at);
    let end = lines[begun..next]
        .iter()
        .rposition(|line| matches!(line.entry, Entry::End { turn: no, .. } if no == turn))
        .map_or(next, |at| begun + at + 1);
    Some(end)
}

/// What was set later and holds in the fork as well, so that it is no way around it. A later mode is kept where it is the
/// narrowest there is; one that was widened later was not yet so wide at the turn the fork goes on from.
fn narrows(line: &Line) -> bool {
    matches!(
        line.entry,
        Entry::Deny { .. } | Entry::Allow { .. } | Entry::Mode { mode: Mode::Plan }
    )
}

fn artifacts(line: &Line) -> Vec<&str> {
    match &line.entry {
        Entry::Outcome(outcome) => outcome.artifact.as_deref().into_iter().collect(),
        Entry::Compaction(note) => {
            let cleared = note.cleared.iter();
            cleared.map(|cleared| cleared.artifact.as_str()).collect()
        }
        _ => Vec::new(),
    }
}

/// The bytes of a journal of these lines. What they say of each other's numbers is told the new ones.
fn renumbered(lines: impl Iterator<Item = Line>) -> Result<Vec<u8>, serde_json::Error> {
    let (mut bytes, mut sum) = (Vec::new(), Sum::NONE);
    let mut numbers: BTreeMap<u64, u64> = BTreeMap::new();
    for (mut line, seq) in lines.zip(1..) {
        numbers.insert(line.seq, seq);
        line.seq = seq;
        let now = |old: u64| numbers.range(..=old).next_back().map_or(0, |(_, now)| *now);
        match &mut line.entry {
            Entry::Fit { removed, .. } => {
                removed.retain(|old| numbers.contains_key(old));
                removed.iter_mut().for_each(|old| *old = now(*old));
            }
            Entry::Compaction(note) => {
                (note.from, note.to) = (now(note.from), now(note.to));
                note.cleared
                    .retain(|cleared| numbers.contains_key(&cleared.seq));
                let cleared = note.cleared.iter_mut();
                cleared.for_each(|cleared| cleared.seq = now(cleared.seq));
            }
            _ => {}
        }
        sum = line::encode(&line, sum, &mut bytes)?;
    }
    Ok(bytes)
}
