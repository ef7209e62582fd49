//! Failures that an answer passes over: a call that was to change something failed, nothing made up for it, and the answer
//! speaks of success with no word of it.

use super::deeds::{Deed, Was};
use crate::memory::paths;

/// Words that speak of a failure, in parts that many forms share.
const FAILED: &[&str] = &[
    "fail",
    "error",
    "could not",
    "couldn't",
    "unable",
    "denied",
    "refus",
    "n't",
    " not ",
    "not ",
    "unfortunately",
    "blocked",
    "permission",
    "cannot",
    "rejected",
    "declined",
    "forbidden",
    "missing",
    "invalid",
    "problem",
    "issue with",
    "except",
    "only",
    "still",
    "tried",
    "unsuccessful",
    "skipped",
    "timed out",
    "timeout",
    "without success",
    "sorry",
    "instead",
    "no longer",
    "⚠",
    "❌",
    "nicht",
    "fehl",
    "leider",
    "konnte",
    "abgelehnt",
    "échou",
    "erreur",
    " pas ",
    "impossible",
    "refusé",
    "no se pudo",
    "however",
    "nothing",
    " no ",
    "never",
];
const SUCCESS: &[&str] = &[
    "done", "complete", "success", "finished", "all set", "created", "updated", "saved", "written",
    "deleted", "removed", "in place", "fertig", "erledigt", "terminé", "✅",
];

/// The first failure of this turn that the answer does not speak of.
pub(super) fn passed_over(answer: &str, claims: bool, deeds: &[Deed]) -> Option<String> {
    let lower = answer.to_lowercase().replace('’', "'");
    if FAILED.iter().any(|word| lower.contains(word)) {
        return None;
    }
    // One word says nothing of anything in particular.
    if !claims && answer.split_whitespace().count() < 3 {
        return None;
    }
    if !claims && !SUCCESS.iter().any(|word| lower.contains(word)) {
        return None;
    }
    let failed =
        |deed: &Deed| deed.now && deed.changes && matches!(deed.was, Was::Failed | Was::Refused);
    let (_, deed) = deeds
        .iter()
        .enumerate()
        .find(|(at, deed)| failed(deed) && !made_up_for(deed, &deeds[at + 1..]))?;
    let how = match deed.was {
        Was::Refused => "was not made",
        _ => "failed",
    };
    Some(format!(
        "the call of `{}` {how}, nothing after it made up for that, and the answer does not say so",
        deed.name
    ))
}

/// Whether something later did what the call was to do, or it was done before: the same thing named, or a command; where it
/// names no path, the same tool.
fn made_up_for(deed: &Deed, later: &[Deed]) -> bool {
    let text = deed.text.to_lowercase();
    if text.contains("already") || text.contains("exists") {
        return true;
    }
    let path = paths(&deed.arguments).first().copied().map(str::to_owned);
    later.iter().any(|other| {
        let same = match &path {
            Some(path) => other.names(path),
            None => other.tool == deed.tool,
        };
        other.changes && other.may_have_happened() && (same || other.anything())
    })
}
