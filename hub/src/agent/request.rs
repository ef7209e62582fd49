//! From what is known to a request that fits: instructions, pool, conversation and the note at its tail.

use toolpool_config::AgentSettings;
use toolpool_config::fixed::{
    STALLED_AFTER, STEPS_TOKENS_MAX, UNDONE_CALL_CHARS_MAX, UNDONE_CALLS_MAX,
};
use toolpool_registry::TokenCounter;

use super::{Agent, Folds};
use crate::budget::{self, Draft, Fit, Refusal};
use crate::error::Error;
use crate::event::heartbeat;
use crate::journal::Sync;
use crate::journal::entry::{Entry, PoolNote, StepNo, TurnNo, Verdict};
use crate::repeat::attempts_left;

/// Fits the conversation as it is now, and keeps how. On an inner refusal it has to be compacted first.
pub(crate) async fn fit(
    agent: &Agent,
    pool: &PoolNote,
    turn: TurnNo,
    step: StepNo,
) -> Result<Result<Fit, Refusal>, Error> {
    let stream = agent.stream();
    let counting = agent.fitted(draft(agent, pool), turn);
    let fit = match heartbeat(&stream, "budget", STALLED_AFTER, counting).await {
        Ok(fit) => fit,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let entry = Entry::Fit {
        turn,
        step,
        table: fit.table().clone(),
        removed: Vec::new(),
    };
    agent.append(entry, Sync::Later).await?;
    // Once a turn: the same parts are the largest in each of its steps.
    let warned = agent.folds().session.warned_of_room() == Some(turn);
    if let Some(text) = fit.warning().filter(|_| !warned) {
        agent.warn(Some(turn), "budget", text).await?;
    }
    Ok(Ok(fit))
}

/// Everything that a request would hold.
pub(crate) fn draft(agent: &Agent, pool: &PoolNote) -> Draft {
    let config = agent.hub().config();
    let counter = agent.hub().counter();
    // Asks the folds too, which are held below.
    let system = agent.system();
    let folds = agent.folds();
    Draft {
        system,
        tools: pool
            .tools
            .iter()
            .map(|tool| (tool.name.clone(), tool.definition.as_str().into()))
            .collect(),
        history: folds.session.messages(),
        tail: tail(&folds, counter, &config.agent),
    }
}

/// The note behind the last message: the steps of the task, and how many tries are left where the last call failed.
fn tail(folds: &Folds, counter: &TokenCounter, settings: &AgentSettings) -> Option<String> {
    let count = |text: &str| counter.count(text);
    let steps = folds.workflow.tail(&count, STEPS_TOKENS_MAX);
    let turn = folds.workflow.open_turn();
    let answered = turn
        .map(|turn| folds.session.calls_answered(turn))
        .unwrap_or_default();
    let failed = answered
        .iter()
        .rev()
        .take_while(|answered| answered.failed)
        .count();
    let attempts = (failed > 0).then(|| attempts_left(failed as u32, settings));
    let notes: Vec<String> = taken_back(folds)
        .into_iter()
        .chain(attempts)
        .chain(steps)
        .collect();
    (!notes.is_empty()).then(|| notes.join("\n"))
}

/// What turns that were taken back did all the same: it is in no message any more, and a model that does not know does it again.
fn taken_back(folds: &Folds) -> Option<String> {
    let undone = folds.session.undone();
    let done = folds.workflow.calls().iter().filter(|record| {
        record.intended
            && !record.repeatable
            && record.verdict != Verdict::NotStarted
            && undone.contains(&record.call.turn)
    });
    let mut lines: Vec<String> = done
        .map(|record| {
            let state = match record.verdict {
                Verdict::Completed => "was done",
                Verdict::Failed => "failed",
                Verdict::InDoubt | Verdict::NotStarted => "may have been done",
            };
            let call: String = format!("{} {}", record.name, record.arguments)
                .chars()
                .take(UNDONE_CALL_CHARS_MAX)
                .collect();
            format!("- {call}: {state}")
        })
        .collect();
    let late = lines.len().saturating_sub(UNDONE_CALLS_MAX);
    lines.drain(..late);
    (!lines.is_empty()).then(|| {
        format!(
            "[Calls of turns that the user took back; do not repeat them unless asked:\n{}]",
            lines.join("\n")
        )
    })
}

/// The last that can go once nothing of the conversation can: all tools but the two that reach the others. False where they are gone.
pub(crate) async fn bridge(
    agent: &Agent,
    pool: &PoolNote,
    turn: TurnNo,
    step: StepNo,
) -> Result<bool, Error> {
    if pool.tools.iter().all(|tool| budget::is_bridge(&tool.name)) {
        return Ok(false);
    }
    agent
        .append(Entry::Pool(bridged(pool, turn, step)), Sync::Later)
        .await?;
    Ok(true)
}

/// The pool that is left then.
fn bridged(pool: &PoolNote, turn: TurnNo, step: StepNo) -> PoolNote {
    let (kept, gone): (Vec<_>, Vec<_>) = pool
        .tools
        .iter()
        .cloned()
        .partition(|tool| budget::is_bridge(&tool.name));
    let mut note = PoolNote {
        turn,
        step,
        border: "room".into(),
        tokens: kept.iter().map(|tool| tool.tokens).sum(),
        tools: kept,
        ..pool.clone()
    };
    *note.others_out.entry("room".into()).or_insert(0) += gone.len();
    note
}

impl Agent {
    pub(crate) async fn fitted(&self, draft: Draft, turn: TurnNo) -> Result<Fit, Refusal> {
        let config = self.hub().config();
        let model = (self.model(), self.window());
        budget::fit(draft, model, &config.budget, self.hub().counter(), turn).await
    }
}
