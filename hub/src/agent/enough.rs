//! When a turn has gone on for long enough: too many steps, too many failures in a row, the same thing again and again.
//!
//! Worked out from the journal's folds and not counted on the way, so that a turn which was interrupted and goes on has not
//! forgotten what it did before.

use toolpool_config::Config;

use super::Agent;
use crate::artifact_tool::READ_ARTIFACT;
use crate::budget::Refusal;
use crate::journal::entry::{CallId, EndHow, StepNo, TurnNo};
use crate::repeat::{Circle, Repeats};
use crate::search;

/// How a turn ends, with what the person is told.
pub(crate) type End = (EndHow, Option<String>);

/// Whether another step may begin.
pub(crate) fn before(agent: &Agent, step: StepNo) -> Option<End> {
    let of_type = agent
        .rights()
        .agent()
        .and_then(|(_, kind, level)| kind.steps_max(level));
    let most = of_type.unwrap_or(agent.hub().config().agent.steps_max);
    (step > most).then(|| {
        let note = format!(
            "the turn was ended after {most} steps; say `go on` to let the model continue, or raise `agent.steps_max`"
        );
        (EndHow::StepLimit, Some(note))
    })
}

/// Whether what the calls of a turn came to is a reason to end it.
pub(crate) fn after(agent: &Agent, turn: TurnNo) -> Option<End> {
    let circle = circle(agent, turn, &agent.hub().config())?;
    let how = match circle {
        Circle::Same { .. } => EndHow::Loop,
        Circle::Failures { .. } => EndHow::FailureLimit,
    };
    Some((how, Some(circle.sentence())))
}

fn circle(agent: &Agent, turn: TurnNo, config: &Config) -> Option<Circle> {
    let folds = agent.folds();
    let (mut repeats, mut found, mut last) = (Repeats::default(), None, 0);
    let covered = folds
        .session
        .covering()
        .map_or(0, |compacted| compacted.note.to);
    for answered in folds.session.calls_answered(turn) {
        let (call, text) = (&answered.call, &answered.text);
        // To look up again what a compaction took out of view is no circle; to do the same work again is one all the same.
        let looks_up = matches!(call.name.as_str(), search::FIND | READ_ARTIFACT);
        let place = folds.session.answer_of(&call.id).map_or(0, |(seq, ..)| seq);
        if looks_up && place <= covered {
            continue;
        }
        let arguments = serde_json::Value::Object(call.arguments.object());
        last = call.id.parse::<CallId>().map_or(last, |id| id.step);
        let circle = repeats.take(&call.name, &arguments, text, answered.failed, &config.agent);
        found = match (circle, found) {
            (Some(circle), _) => Some((last, circle)),
            // A call that works ends a row of failures, also beside them.
            (None, Some((_, Circle::Failures { .. }))) => None,
            (None, found) => found,
        };
    }
    // Only the newest step counts: an earlier circle was left when the model did something else.
    found
        .filter(|(step, _)| *step == last)
        .map(|(_, circle)| circle)
}

/// The end of a turn whose request does not fit.
pub(crate) fn refused(refusal: &Refusal) -> End {
    let mut note = refusal.to_string();
    if let Refusal::Uncounted(source) = refusal {
        note.push_str(&format!(": {source}"));
    }
    if refusal.table().is_some() {
        note.push_str(", and nothing more of the conversation can be compacted");
    }
    if let Some(table) = refusal.table() {
        note.push('\n');
        note.push_str(&crate::budget::text(table));
    }
    if let Some(hint) = refusal.hint() {
        note.push_str(&format!("\nhint: {hint}"));
    }
    let how = match refusal {
        Refusal::Uncounted(_) => EndHow::Failed,
        _ => EndHow::Refused,
    };
    (how, Some(note))
}
