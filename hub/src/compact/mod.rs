//! The ladder: what happens to a conversation that outgrows its window, the cheapest rung that suffices first.
//!
//! ```text
//!    cap      an oversized result enters as head, tail and a reference            (at the door, not here)
//! 1  clear    stale results become one line each            no model, no loss: each is an artifact
//! 2  digest   old steps become a list of operations         no model; what must be kept is checked and appended
//! 3  summary  the model writes what is worth keeping        one request; checked and appended likewise
//! 4  reset    a fresh window                                what is known of the task, and the files that it is about
//! ─  nothing is left: the turn ends, and says what takes the room
//!
//! before   user · call result · call result · call result · call result                 3,400 of 3,269 tokens
//! clear    user · call line   · call line   · call line   · call result                 1,700
//! digest   list + user                                    · call result                 1,400
//! ```
//!
//! A rung is planned as an [`Entry::Compaction`], its conversation is counted as if it were made, and only the one that is
//! chosen is written. It changes what the conversation shows and no line of it. Every rung starts from the lines: a
//! digest of a digest loses what neither has, so there is none.
//!
//! **Progress.** A compaction that frees too little is not made again: the next rung is. Between two that cover lines the model has
//! replied, and the second covers more of them; one that no reply came behind is followed by the next rung, and a reset by none. All of this is read from the journal, so that a session that was
//! opened again does not begin a circle anew.
//!
//! Absent on purpose: a threshold below the room. A compaction breaks the prompt's cached prefix, and one that was not needed yet
//! has broken it for nothing.

mod audit;
mod clear;
mod digest;
mod facts;
mod files;
mod ladder;
mod line;
mod reset;
mod summary;
mod text;

use tokio_util::sync::CancellationToken;
use toolpool_config::CompactionSettings;
use toolpool_config::fixed::{KEPT_CHARS_MIN, STALLED_AFTER};

use crate::agent::{Agent, request};
use crate::budget::{self, Draft};
use crate::error::Error;
use crate::event::heartbeat;
use crate::journal::Sync;
use crate::journal::artifacts::sha256;
use crate::journal::entry::{
    BudgetTable, Cleared, CompactReason, CompactionNote, Entry, Rung, StepNo, TurnNo,
};
use crate::session::Stored;

pub(crate) use line::reference;

/// Lines of the journal, both ends among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    /// The first.
    pub(crate) from: u64,
    /// The last.
    pub(crate) to: u64,
}

/// What a rung is planned on: the request as it is, and where its conversation may be cut.
struct Ground {
    at: (TurnNo, StepNo),
    reason: CompactReason,
    focus: Option<String>,
    settings: CompactionSettings,
    window: u32,
    draft: Draft,
    before: BudgetTable,
    /// Tokens that a prompt may have.
    room: u32,
    /// Tokens that it is to come down to.
    target: u32,
    /// What is kept as it is begins here, as a place in the conversation.
    kept_from: usize,
    /// What may be covered; none where nothing stands before what is kept.
    range: Option<Range>,
}

/// Makes room by the cheapest rung that brings the request down to the target, or else by the one that frees most. `None` where
/// there is nothing left to climb to.
///
/// # Errors
/// The journal's; what the person asked for could not be counted.
pub(crate) async fn compact(
    agent: &Agent,
    at: (TurnNo, StepNo),
    reason: CompactReason,
    focus: Option<String>,
    cancel: &CancellationToken,
) -> Result<Option<CompactionNote>, Error> {
    let ground = match ground(agent, at, reason, focus).await {
        Ok(ground) => ground,
        Err(error) if reason == CompactReason::Asked => return Err(error),
        Err(_) => return Ok(None),
    };
    let rungs = {
        let folds = agent.folds();
        let first = ladder::first(&folds.session, at.0, ground.window, &ground.settings);
        ladder::rungs(first, reason, ground.focus.is_some(), &ground.settings)
    };
    let mut best: Option<CompactionNote> = None;
    for rung in rungs {
        // A model is asked only where no rule suffices, and a window is given up only where no model does.
        let suffices = |note: &CompactionNote| note.after <= ground.room && ground.frees(note);
        let costly = rung >= Rung::Summary && reason != CompactReason::Asked;
        if cancel.is_cancelled() || (costly && best.as_ref().is_some_and(suffices)) {
            break;
        }
        let Some(mut note) = plan(agent, &ground, rung, cancel).await? else {
            continue;
        };
        let Ok(after) = ground.measure(agent, &note).await else {
            break;
        };
        note.after = in_use(&after);
        if rung != Rung::Clear && note.after > ground.room {
            note.after = text::squeezed(agent, &ground, &mut note, in_use(&after)).await;
        }
        let enough = note.after <= ground.target && ground.frees(&note);
        if note.after < ground.before_tokens()
            && best.as_ref().is_none_or(|best| note.after < best.after)
        {
            best = Some(note);
        }
        if enough {
            break;
        }
    }
    let Some(note) = best.filter(|_| !cancel.is_cancelled()) else {
        return Ok(None);
    };
    agent
        .append(Entry::Compaction(note.clone()), Sync::Later)
        .await?;
    Ok(Some(note))
}

async fn ground(
    agent: &Agent,
    at: (TurnNo, StepNo),
    reason: CompactReason,
    focus: Option<String>,
) -> Result<Ground, Error> {
    let config = agent.hub().config();
    let pool = agent.pool_now("").await?;
    let draft = request::draft(agent, &pool);
    let before = measured(agent, draft.clone(), at.0).await?;
    let window = agent.window().min(agent.about().window.tokens);
    let room = budget::shares(window, &config.budget).room(before.exact);
    let counter = agent.hub().counter();
    let (settings, stays) = (config.compaction.clone(), ladder::stays(&before));
    let (kept_from, range) = {
        let folds = agent.folds();
        let kept_from = ladder::kept_from(
            &draft.history,
            ladder::of(window, settings.protect_share),
            counter,
        );
        (
            kept_from,
            ladder::range(&folds.session, &draft.history, kept_from),
        )
    };
    Ok(Ground {
        at,
        reason,
        focus,
        target: stays + ladder::of(room.saturating_sub(stays), settings.target_share),
        settings,
        window,
        draft,
        before,
        room,
        kept_from,
        range,
    })
}

impl Ground {
    fn before_tokens(&self) -> u32 {
        in_use(&self.before)
    }

    /// Whether a compaction is worth the prefix that it breaks.
    fn frees(&self, note: &CompactionNote) -> bool {
        ladder::frees(note, self.window, &self.settings)
    }

    /// What the request would take with one more compaction.
    async fn measure(&self, agent: &Agent, note: &CompactionNote) -> Result<BudgetTable, Error> {
        let mut draft = self.draft.clone();
        draft.history = agent.folds().session.messages_with(note);
        measured(agent, draft, self.at.0).await
    }

    fn note(&self, rung: Rung, range: Range, shown: &[Stored]) -> CompactionNote {
        let (turn, step) = self.at;
        let messages: Vec<_> = shown.iter().map(|stored| &stored.message).collect();
        let json = serde_json::to_value(messages).expect("messages are plain data");
        CompactionNote {
            turn,
            step,
            rung,
            reason: self.reason,
            focus: self.focus.clone(),
            from: range.from,
            to: range.to,
            sha256: sha256(toolpool_registry::canonical(&json).as_bytes()),
            before: self.before_tokens(),
            after: 0,
            cleared: Vec::new(),
            text: String::new(),
            appended: None,
        }
    }
}

async fn measured(agent: &Agent, draft: Draft, turn: TurnNo) -> Result<BudgetTable, Error> {
    let config = agent.hub().config();
    let model = (agent.model(), agent.window());
    let stream = agent.stream();
    let counting = budget::measure(&draft, model, &config.budget, agent.hub().counter(), turn);
    heartbeat(&stream, "compaction", STALLED_AFTER, counting)
        .await
        .map_err(|refusal| Error::NoCount(Box::new(refusal)))
}

/// Tokens of the prompt alone.
fn in_use(table: &BudgetTable) -> u32 {
    let parts = table.parts.iter();
    parts
        .filter(|part| !matches!(part.name.as_str(), "reserve" | "margin"))
        .map(|part| part.tokens)
        .sum()
}

/// What a rung would make of the conversation; none where it can do nothing.
async fn plan(
    agent: &Agent,
    ground: &Ground,
    rung: Rung,
    cancel: &CancellationToken,
) -> Result<Option<CompactionNote>, Error> {
    if rung == Rung::Clear {
        return Ok(clear(agent, ground).await);
    }
    match ground.range {
        Some(range) => text::covering(agent, ground, rung, range, cancel).await,
        None => Ok(None),
    }
}

/// Stale results as lines, until it suffices.
async fn clear(agent: &Agent, ground: &Ground) -> Option<CompactionNote> {
    let before = &ground.draft.history[..ground.kept_from];
    let stale = {
        let folds = agent.folds();
        let need = ground.before_tokens().saturating_sub(ground.target);
        clear::stale(before, &folds, need, agent.hub().counter())
    };
    let (first, last) = (stale.first()?.seq, stale.last()?.seq);
    let mut cleared = Vec::with_capacity(stale.len());
    for stale in stale {
        // One that can't be kept is not taken out.
        if let Some(artifact) = put(agent, &stale).await {
            cleared.push(Cleared {
                seq: stale.seq,
                line: stale.line(&artifact),
                artifact,
            });
        }
    }
    let range = Range {
        from: first,
        to: last,
    };
    let mut note = ground.note(Rung::Clear, range, before);
    note.cleared = cleared;
    (!note.cleared.is_empty()).then_some(note)
}

/// Keeps the results that leave the window and are nowhere else.
async fn kept(agent: &Agent, covered: &[Stored]) -> Vec<Cleared> {
    let all = clear::results(covered, &agent.folds());
    let mut kept = Vec::new();
    for result in all {
        if result.characters < KEPT_CHARS_MIN {
            continue;
        }
        if let Some(artifact) = put(agent, &result).await {
            kept.push(Cleared {
                seq: result.seq,
                line: result.line(&artifact),
                artifact,
            });
        }
    }
    kept
}

async fn put(agent: &Agent, result: &clear::Stale) -> Option<String> {
    if let Some(artifact) = &result.artifact {
        return Some(artifact.clone());
    }
    put_text(agent, result.text.clone()).await
}

async fn put_text(agent: &Agent, text: String) -> Option<String> {
    let artifacts = agent.artifacts().clone();
    let put = tokio::task::spawn_blocking(move || artifacts.put(&text)).await;
    let put = put.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    put.inspect_err(|error| tracing::warn!(%error, "a result was not kept"))
        .ok()
}

async fn summarized(
    agent: &Agent,
    ground: &Ground,
    range: Range,
    cancel: &CancellationToken,
) -> Result<Option<String>, Error> {
    let stream = agent.stream();
    let (turn, step) = ground.at;
    let focus = ground.focus.as_deref();
    let writing = summary::write(agent, turn, step, range.from, range.to, focus, cancel);
    heartbeat(&stream, "compaction", STALLED_AFTER, writing).await
}

impl Agent {
    /// Compacts the conversation because the person asks for it, with `focus` kept in view. `None` where there is nothing to compact.
    ///
    /// # Errors
    /// The journal's; where the conversation can't be counted.
    pub async fn compact(
        &mut self,
        focus: Option<String>,
        cancel: CancellationToken,
    ) -> Result<Option<CompactionNote>, Error> {
        self.close_interrupted().await?;
        let at = {
            let folds = self.folds();
            let Some((turn, _)) = folds.session.last_turn() else {
                return Ok(None);
            };
            (
                turn,
                folds.session.last_reply(turn).map_or(1, |reply| reply.step),
            )
        };
        compact(self, at, CompactReason::Asked, focus, &cancel).await
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;
