//! From what is known to a request that fits: instructions, pool, conversation and the note at its tail.

use super::{Agent, instructions};
use crate::budget::{self, Draft, Fit, Refusal};
use crate::journal::entry::{EndHow, Entry, PoolNote, StepNo, TurnNo};
use crate::journal::{JournalError, Sync};

/// Why there is no request.
pub(crate) enum NoFit {
    /// It does not fit, and nothing more can be left out.
    Refused(Refusal),
    /// It could not be counted.
    Failed((EndHow, Option<String>)),
    /// The journal did not take it.
    Journal(JournalError),
}

/// Fits the conversation as it is now, and keeps how.
pub(crate) async fn fit(
    agent: &Agent,
    pool: &PoolNote,
    turn: TurnNo,
    step: StepNo,
) -> Result<Fit, NoFit> {
    let fit = agent.fitted(draft(agent, pool), turn).await?;
    let entry = Entry::Fit {
        turn,
        step,
        table: fit.table().clone(),
        removed: fit.removed().to_vec(),
    };
    let keep = async |entry| agent.journal.append(entry, Sync::Later).await.map_err(NoFit::Journal);
    keep(entry).await?;
    if let Some(text) = fit.warning() {
        keep(Entry::Warning {
            turn: Some(turn),
            category: "budget".into(),
            text,
        })
        .await?;
    }
    Ok(fit)
}

/// Everything that a request would hold.
pub(crate) fn draft(agent: &Agent, pool: &PoolNote) -> Draft {
    let config = agent.hub().config();
    let counter = agent.hub().counter();
    let folds = agent.folds();
    Draft {
        system: instructions::system(config.agent.instructions.as_deref()),
        tools: pool
            .tools
            .iter()
            .map(|tool| (tool.name.clone(), tool.definition.as_str().into()))
            .collect(),
        history: folds.session.messages(),
        tail: folds.workflow.tail(
            &|text| counter.count(text),
            toolpool_config::fixed::STEPS_TOKENS_MAX,
        ),
    }
}

impl Agent {
    pub(crate) async fn fitted(&self, draft: Draft, turn: TurnNo) -> Result<Fit, NoFit> {
        let config = self.hub().config();
        let fit = budget::fit(
            draft,
            self.model(),
            self.window(),
            &config.budget,
            self.hub().counter(),
            turn,
        )
        .await;
        fit.map_err(|refused| match refused {
            budget::NoFit::Refused(refusal) => NoFit::Refused(refusal),
            budget::NoFit::Uncounted(error) => NoFit::Failed((
                EndHow::Failed,
                Some(match error.hint() {
                    Some(hint) => format!("{error}\nhint: {hint}"),
                    None => error.to_string(),
                }),
            )),
        })
    }
}
