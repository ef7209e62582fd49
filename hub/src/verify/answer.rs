//! The end of a turn: the final answer is held against what was done, and once it may be sent back.
//!
//! The second answer stands, and the person is told what in it still does not hold. Without a finding nothing is written and
//! nothing is asked: an honest turn costs no model call and no line. An answer that was cut off is not looked at, since what
//! it says of failures may be what is missing.

use tokio_util::sync::CancellationToken;
use toolpool_config::ClaimCheck;
use toolpool_config::fixed::{ANSWER_REPAIRS_MAX, FINDINGS_TOLD_MAX};

use super::agent;
use super::claims::{Deed, Held as Against, Was, findings};
use crate::agent::Agent;
use crate::error::Error;
use crate::journal::Sync;
use crate::journal::entry::{CallId, Checked, Entry, StepNo, TurnNo, VerifiedNote};

/// What becomes of an answer.
pub(crate) enum Held {
    /// It stands, with what the person should know of it.
    Stands(Option<String>),
    /// The model was told what does not hold, and answers again.
    SentBack,
}

/// Holds a turn's answer against its calls.
pub(crate) async fn hold(
    agent: &Agent,
    (turn, step): (TurnNo, StepNo),
    note: Option<String>,
    cancel: &CancellationToken,
) -> Result<Held, Error> {
    let config = agent.hub().config();
    let how = config.verify.claims;
    if how == ClaimCheck::Off || note.is_some() || cancel.is_cancelled() {
        return Ok(Held::Stands(note));
    }
    // A verdict says of another answer that it is wrong, and claims nothing itself.
    let is_verdict = agent.agent().as_deref() == Some(agent::VERIFY);
    if is_verdict {
        return Ok(Held::Stands(None));
    }
    let (answer, asked, deeds, sent_back) = known(agent, turn);
    let mut found = {
        let snapshot = agent.hub().snapshot();
        let tool = |name: &str| {
            snapshot.by_exposed(name).is_some()
                || snapshot
                    .tools()
                    .iter()
                    .any(|tool| &*tool.id.name == name && name.contains('_'))
        };
        let against = Against {
            asked: &asked,
            deeds: &deeds,
            tool: &tool,
        };
        findings(&answer, &against)
    };
    let (mut what, mut call, mut unchecked) = (Checked::Claims, None, None);
    let changed = deeds.iter().any(|deed| deed.now && deed.changes);
    let wanted = how == ClaimCheck::Agent && agent::is_checked(agent);
    if found.is_empty() && wanted && changed && sent_back == 0 {
        let id = CallId::verdict(turn, step);
        match agent::verdict(agent, id, cancel).await {
            Ok(verdict) => {
                (what, call) = (Checked::Verdict, Some(id));
                found = verdict.findings;
            }
            Err(why) => unchecked = Some(format!("the answer was not checked: {why}")),
        }
    }
    found.truncate(FINDINGS_TOLD_MAX);
    if found.is_empty() {
        // Only what was doubted before is worth a line.
        if sent_back > 0 || what == Checked::Verdict {
            write(agent, (turn, step), (what, call), Vec::new(), None).await?;
        }
        return Ok(Held::Stands(unchecked));
    }
    if sent_back < ANSWER_REPAIRS_MAX && step < config.agent.steps_max {
        let told = told(&found);
        write(agent, (turn, step), (what, call), found, Some(told)).await?;
        return Ok(Held::SentBack);
    }
    let note = format!("the answer does not hold: {}", found.join("; "));
    write(agent, (turn, step), (what, call), found, None).await?;
    Ok(Held::Stands(Some(note)))
}

/// The answer, the person's words, every call of the session, and how often an answer was sent back.
fn known(agent: &Agent, turn: TurnNo) -> (String, String, Vec<Deed>, u32) {
    let folds = agent.folds();
    let (session, calls) = (&folds.session, folds.workflow.calls());
    let deeds = calls.iter().map(|record| {
        let mut deed = Deed::of(record, turn);
        if session.unmet(record.call) {
            deed.was = Was::Failed;
        }
        deed
    });
    (
        session.last_words(turn).unwrap_or_default(),
        session.words(turn).unwrap_or_default().to_owned(),
        deeds.collect(),
        session.sent_back(turn),
    )
}

/// What the model is told. It is a message of the conversation, so it says who speaks.
fn told(found: &[String]) -> String {
    let lines: Vec<String> = found.iter().map(|finding| format!("- {finding}")).collect();
    format!(
        "[toolpool, not the user: this answer was held against the calls that were made.\n{}\nDo what is missing with a tool call, or answer again and say only what was done.]",
        lines.join("\n")
    )
}

async fn write(
    agent: &Agent,
    (turn, step): (TurnNo, StepNo),
    (what, call): (Checked, Option<CallId>),
    findings: Vec<String>,
    told: Option<String>,
) -> Result<(), Error> {
    let note = VerifiedNote {
        turn,
        step,
        what,
        call,
        holds: findings.is_empty(),
        findings,
        told,
    };
    agent
        .append(Entry::Verified(note), Sync::Later)
        .await
        .map(drop)
}
