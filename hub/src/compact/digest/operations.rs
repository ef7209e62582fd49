//! The operations of a digest: which calls are about the same thing, and what is said of the last of them.

use std::collections::HashMap;

use toolpool_config::Effect;

use crate::agent::Folds;
use crate::compact::line::{about, id, result};
use crate::journal::entry::Verdict;
use crate::memory;
use crate::own;
use crate::session::Past;
use crate::workflow::CallRecord;

/// Arguments that make a call a command.
const COMMANDS: [&str; 3] = ["command", "cmd", "script"];
/// Arguments that make a call that only reads a search.
const SEARCHES: [&str; 5] = ["query", "pattern", "regex", "search", "q"];

/// What kind of thing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Read,
    Found,
    Called,
    Ran,
    Changed,
    Refused,
    Doubt,
}

/// What was done with one thing.
#[derive(Debug)]
pub(super) struct Operation<'a> {
    kind: Kind,
    last: &'a CallRecord,
    times: u32,
    failed: u32,
    artifact: Option<&'a str>,
}

/// All operations of covered calls, by when each was last done.
pub(super) fn operations<'a>(
    folds: &'a Folds,
    past: &[Past<'_>],
    artifact: &dyn Fn(u64) -> Option<&'a str>,
) -> Vec<Operation<'a>> {
    let calls = past.iter().flat_map(|past| &past.calls);
    let records = calls.filter_map(|call| folds.workflow.call(call.parse().ok()?));
    let mut done: Vec<Option<Operation<'_>>> = Vec::new();
    let mut places: HashMap<(Kind, String), usize> = HashMap::new();
    for record in records {
        // The steps stand at the tail of every request.
        if record.name == own::STEPS {
            continue;
        }
        let kind = kind(record);
        let object = match kind {
            Kind::Doubt => record.call.to_string(),
            Kind::Called | Kind::Refused => format!("{} {}", record.name, record.arguments),
            _ => about(&record.arguments),
        };
        let answered = folds.session.answer_of(&record.call.to_string());
        let mut operation = Operation {
            kind,
            last: record,
            times: 1,
            failed: u32::from(record.verdict == Verdict::Failed),
            artifact: record.artifact.as_deref().or_else(|| artifact(answered?.0)),
        };
        let now = done.len();
        if let Some(before) = places.insert((kind, object.clone()), now)
            && let Some(before) = done[before].take()
        {
            operation.times += before.times;
            operation.failed += before.failed;
        }
        // What was read before it was changed is not what is there any more.
        if kind == Kind::Changed
            && record.verdict == Verdict::Completed
            && let Some(read) = places.remove(&(Kind::Read, object))
        {
            done[read] = None;
        }
        done.push(Some(operation));
    }
    done.into_iter().flatten().collect()
}

fn kind(record: &CallRecord) -> Kind {
    let has = |names: &[&str]| {
        names
            .iter()
            .any(|name| record.arguments.get(*name).is_some())
    };
    if record.intended && record.verdict == Verdict::InDoubt {
        return Kind::Doubt;
    }
    if record.refused.is_some() {
        return Kind::Refused;
    }
    let reads = record.effect == Some(Effect::ReadOnly) || record.effect.is_none();
    let path = !memory::paths(&record.arguments).is_empty();
    match (reads, path) {
        _ if has(&COMMANDS) => Kind::Ran,
        (true, _) if has(&SEARCHES) => Kind::Found,
        (true, true) => Kind::Read,
        (false, true) => Kind::Changed,
        _ => Kind::Called,
    }
}

impl Operation<'_> {
    /// As the model reads it.
    pub(super) fn line(&self) -> String {
        let (name, about) = (&self.last.name, about(&self.last.arguments));
        let mut line = match self.kind {
            Kind::Read => format!("- read {about} with {name}"),
            Kind::Found => format!("- looked for \"{about}\" with {name}"),
            Kind::Ran => format!("- ran `{about}` with {name}"),
            Kind::Changed => format!("- changed {about} with {name}"),
            Kind::Called => format!("- called {name} {about}"),
            Kind::Refused => format!("- not called: {name} {about}"),
            Kind::Doubt => format!("- in doubt: {name} {about}: it may have been done or not"),
        };
        line.truncate(line.trim_end().len());
        if self.times > 1 {
            line.push_str(&format!(", {} times", self.times));
        }
        let fails = self.last.verdict == Verdict::Failed;
        match self.failed {
            0 => {}
            1 if self.times == 1 => line.push_str(", which failed"),
            failed if fails => line.push_str(&format!(", {failed} of them failed, the last too")),
            failed => line.push_str(&format!(", {failed} of them failed")),
        }
        // What a read came to is what its artifact has; what all else came to is told.
        let told = self.last.text.as_deref().map(result).unwrap_or_default();
        if !told.is_empty() && (self.kind != Kind::Read || fails) && self.kind != Kind::Doubt {
            line.push_str(&format!(": {told}"));
        }
        if let Some(artifact) = self.artifact {
            line.push_str(&format!(" (artifact {})", id(artifact)));
        }
        line
    }

    /// What goes first has the least: by kind, then by how often it was used, then by when.
    pub(super) fn worth(&self, at: usize) -> (u8, u32, usize) {
        let kind = match self.kind {
            Kind::Read => 0,
            Kind::Found | Kind::Refused => 1,
            Kind::Called if self.last.effect == Some(Effect::ReadOnly) => 1,
            Kind::Called => 3,
            Kind::Ran => 3,
            Kind::Changed => 5,
            Kind::Doubt => 9,
        };
        // A failure that was not overcome is worth more than what went well.
        let failed = self.last.verdict == Verdict::Failed && self.kind != Kind::Refused;
        (if failed { kind.max(6) } else { kind }, self.times, at)
    }

    /// What it is counted as where there is no room for it.
    pub(super) fn plural(&self) -> &'static str {
        match self.kind {
            Kind::Read => "reads",
            Kind::Found => "searches",
            Kind::Ran => "commands",
            Kind::Changed => "changes",
            Kind::Called => "calls",
            Kind::Refused => "calls that were not made",
            Kind::Doubt => "calls in doubt",
        }
    }
}
