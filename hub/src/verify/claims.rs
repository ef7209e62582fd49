//! The final answer, held against what was done: files and ids that it says it made, calls and tests that it says it ran,
//! counts, and failures that it passes over. Pure and without a model.
//!
//! ```text
//! "I updated `a.json` and ran the tests: all 15 passed."
//!   a.json      a completed call that changes something names it?   else: no call did that
//!   the tests   the result of a command names them, and 15?         else: no result says 15
//! ```
//!
//! Precision comes first: a false accusation costs a model call and annoys. So a claim is only what the answer says of its own
//! doing, in the past, of a thing with a name; a question, a condition, a proposal or a denial is none, and what a command may
//! have done counts as done. `cases.toml` has the answers that this is measured on. English, with a few words of German, French
//! and Spanish; in any other language what is left is a tick in front of a path that nobody ever touched.
//!
//! Deliberately absent: whether what was done is right, and whether what the answer says about the world is true.

mod deeds;
mod failures;
mod lexicon;
mod said;
mod words;

use std::collections::BTreeSet;

use toolpool_config::fixed::CLAIMS_CHARS_MAX;

pub use deeds::{Deed, Was};
use said::Claim;

/// What an answer is held against.
pub struct Held<'a> {
    /// The person's words.
    pub asked: &'a str,
    /// Every call of the session that was proposed, in order.
    pub deeds: &'a [Deed],
    /// Whether there is a tool of this name.
    pub tool: &'a dyn Fn(&str) -> bool,
}

/// What in an answer does not hold, one sentence each.
#[must_use]
pub fn findings(answer: &str, held: &Held<'_>) -> Vec<String> {
    let answer: String = answer.chars().take(CLAIMS_CHARS_MAX).collect();
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    let claims = said::claims(&answer, held.tool);
    for claim in &claims {
        if let Some(finding) = claim_fault(claim, held)
            && seen.insert(finding.clone())
        {
            found.push(finding);
        }
    }
    if found.is_empty() {
        found.extend(failures::passed_over(
            &answer,
            !claims.is_empty(),
            held.deeds,
        ));
    }
    found
}

fn claim_fault(claim: &Claim, held: &Held<'_>) -> Option<String> {
    let deeds = held.deeds;
    match claim {
        Claim::Changed { path, verb } => {
            if deeds.iter().any(|deed| deed.may_have_written(path)) {
                return None;
            }
            Some(unbacked(deeds, path, &format!("`{path}` was {verb}")))
        }
        Claim::Deleted { path } => {
            if deeds.iter().any(|deed| deed.may_have_deleted(path)) {
                return None;
            }
            Some(unbacked(deeds, path, &format!("`{path}` was deleted")))
        }
        Claim::Read { path } => {
            let known =
                deeds.iter().any(|deed| deed.may_have_read(path)) || deeds::names(held.asked, path);
            (!known).then(|| format!("the answer says that `{path}` was read, and no call read it"))
        }
        Claim::Ticked { path } => {
            let known = deeds.iter().any(|deed| deed.names(path) || deed.anything())
                || deeds::names(held.asked, path);
            (!known)
                .then(|| format!("the answer says that `{path}` is done, and no call touched it"))
        }
        Claim::Called { tool } => {
            let called = deeds.iter().any(|deed| deed.is(tool));
            (!called).then(|| format!("the answer says that `{tool}` was called, and it was not"))
        }
        Claim::Ran { command } => (!deeds::may_have_run(deeds, command))
            .then(|| format!("the answer says that `{command}` was run, and it was not")),
        Claim::Tests { count } => tests(*count, deeds),
        Claim::Thing { verb, noun } => {
            let done = deeds
                .iter()
                .any(|deed| deed.changes && deed.may_have_happened());
            (!done).then(|| {
                format!("the answer says that {noun} was {verb}, and no call changed anything")
            })
        }
        Claim::Id { id } => {
            let known = deeds::names(held.asked, id) || deeds.iter().any(|deed| deed.holds(id));
            (!known).then(|| format!("the answer names `{id}`, and no call and no result does"))
        }
        Claim::Count { count, verb, noun } => {
            let done = deeds::changed_at_most(deeds)?;
            (*count > done).then(|| {
                let calls = match done {
                    0 => "no call did that".to_owned(),
                    1 => "one call changed something".to_owned(),
                    many => format!("{many} calls changed something"),
                };
                format!("the answer says that {count} {noun} were {verb}, and {calls}")
            })
        }
    }
}

/// What is missing behind a claim about a path: a call, or one that worked.
fn unbacked(deeds: &[Deed], path: &str, claim: &str) -> String {
    let tried = deeds
        .iter()
        .rev()
        .find(|deed| deed.changes && deed.names(path));
    match tried.map(|deed| (deed, deed.was)) {
        Some((deed, Was::Failed)) => format!(
            "the answer says that {claim}, and its call of `{}` failed",
            deed.name
        ),
        Some((deed, Was::Refused)) => format!(
            "the answer says that {claim}, and its call of `{}` was not made",
            deed.name
        ),
        _ => format!("the answer says that {claim}, and no call did that"),
    }
}

fn tests(count: Option<u64>, deeds: &[Deed]) -> Option<String> {
    let Some(last) = deeds.iter().rev().find(|deed| deed.ran_tests()) else {
        return Some("the answer says that tests passed, and no call ran any".to_owned());
    };
    if let Some(words) = last.says_failed() {
        return Some(format!(
            "the answer says that tests passed, and the last run says `{words}`"
        ));
    }
    let count = count?;
    let said = deeds.iter().any(|deed| deed.holds(&count.to_string()));
    (!said)
        .then(|| format!("the answer says that {count} tests passed, and no result says {count}"))
}

#[cfg(test)]
mod tests;
