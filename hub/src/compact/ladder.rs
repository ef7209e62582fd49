//! Which rung is next, and what of the conversation it may touch. Pure: what it is worked out from are the folds and shares of the window.

use toolpool_config::CompactionSettings;
use toolpool_config::fixed::COMPACTED_SOON_REPLIES;
use toolpool_connectors::model::Message;
use toolpool_registry::TokenCounter;

use super::Range;
use crate::budget;
use crate::journal::entry::{BudgetTable, CompactReason, CompactionNote, Rung, TurnNo};
use crate::session::{Session, Stored};

/// The rungs, from the cheapest.
const RUNGS: [Rung; 4] = [Rung::Clear, Rung::Digest, Rung::Summary, Rung::Reset];

/// A share of a window; what is no share counts as none.
pub(super) fn of(window: u32, share: f64) -> u32 {
    (f64::from(window) * share.clamp(0.0, 1.0)) as u32
}

/// The lowest rung that may be climbed; none where a turn has come to the end of the ladder.
///
/// One that freed too little is not climbed again, and behind one that came soon results are no more cleared one by one: the list of
/// operations covers them all. A model's summary is no remedy for a small window. Once the model has replied, or the person has
/// spoken, a reset may be made again, since it covers more than the one before it.
pub(super) fn first(
    session: &Session,
    turn: TurnNo,
    window: u32,
    settings: &CompactionSettings,
) -> Option<Rung> {
    let Some(last) = session.compactions().last() else {
        return Some(Rung::Clear);
    };
    let since = session.replies().saturating_sub(last.replies);
    if since > 0 && frees(&last.note, window, settings) {
        let soon = since < COMPACTED_SOON_REPLIES;
        return Some(if soon { Rung::Digest } else { Rung::Clear });
    }
    let next = RUNGS.into_iter().find(|rung| *rung > last.note.rung);
    let again = since > 0 || last.note.turn < turn;
    next.or(again.then_some(Rung::Reset))
}

/// Whether a compaction freed enough.
pub(super) fn frees(note: &CompactionNote, window: u32, settings: &CompactionSettings) -> bool {
    note.before.saturating_sub(note.after) >= of(window, settings.least_share)
}

/// The rungs to try, in order.
pub(super) fn rungs(
    first: Option<Rung>,
    reason: CompactReason,
    focus: bool,
    settings: &CompactionSettings,
) -> Vec<Rung> {
    let from_first = |rung: &Rung| first.is_some_and(|first| *rung >= first);
    let summary = settings.summary;
    match reason {
        // A server that has just failed is not asked for a summary; the digest saves more than the lines.
        CompactReason::Overflow | CompactReason::Truncated => {
            let rungs = [Rung::Digest, Rung::Clear, Rung::Reset];
            rungs.into_iter().filter(from_first).collect()
        }
        CompactReason::Asked if summary || focus => vec![Rung::Summary, Rung::Digest],
        CompactReason::Asked => vec![Rung::Digest],
        CompactReason::Room => RUNGS
            .into_iter()
            .filter(from_first)
            .filter(|rung| summary || *rung != Rung::Summary)
            .collect(),
    }
}

/// Tokens of a request that no compaction can touch.
pub(super) fn stays(table: &BudgetTable) -> u32 {
    let parts = table.parts.iter();
    parts
        .filter(|part| matches!(part.name.as_str(), "system" | "tools" | "tail" | "template"))
        .map(|part| part.tokens)
        .sum()
}

/// Where the newest steps begin that stay as they are: as many as fit `tokens_max`, and at least the last one with what it called. A
/// step is never cut in two.
pub(super) fn kept_from(history: &[Stored], tokens_max: u32, counter: &TokenCounter) -> usize {
    let mut kept = history.len();
    let (mut sum, mut steps) = (0u32, 0);
    for (at, stored) in history.iter().enumerate().rev() {
        sum = sum.saturating_add(budget::size(&stored.message, counter));
        let step = match stored.message {
            Message::Assistant { .. } => true,
            Message::User { .. } => false,
            _ => continue,
        };
        if sum > tokens_max && (steps > 0 || kept < history.len()) {
            break;
        }
        kept = at;
        steps += u32::from(step);
    }
    // Where the border lies within a turn its words stay as well. Those of an earlier turn are covered with it where they have no room.
    if !matches!(
        history.get(kept).map(|kept| &kept.message),
        Some(Message::Assistant { .. })
    ) {
        return kept;
    }
    let user = |stored: &Stored| matches!(stored.message, Message::User { .. });
    let Some(words) = history[..kept].iter().rposition(user) else {
        return kept;
    };
    let sizes = history[kept..].iter().chain([&history[words]]);
    let sizes = sizes.map(|stored| budget::size(&stored.message, counter));
    let later = history[kept..].iter().position(user);
    match later {
        Some(later) if sizes.fold(0, u32::saturating_add) > tokens_max => kept + later,
        _ if words + 1 == kept => words,
        _ => kept,
    }
}

/// The lines that stand before what is kept; where that is everything that is shown, those that the text in force stands for, since
/// another text may take less.
pub(super) fn range(session: &Session, history: &[Stored], kept_from: usize) -> Option<Range> {
    let from = session.first_line()?;
    if kept_from == 0 {
        let to = session.covering()?.note.to;
        return Some(Range { from, to });
    }
    let to = history.get(kept_from)?.seq.checked_sub(1)?;
    (from <= to).then_some(Range { from, to })
}

/// Whether a covering compaction would show anything else than the one in force: more is covered, or by a higher rung.
pub(super) fn is_new(session: &Session, note: &CompactionNote) -> bool {
    session.covering().is_none_or(|last| {
        let last = &last.note;
        note.to > last.to || (note.to == last.to && note.rung > last.rung)
    })
}
