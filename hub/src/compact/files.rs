//! Files that a fresh window begins with: those that the person pinned, and those that the open steps are about, as they are now.
//!
//! They are read again through the door, like any call: a rule that denies it, denies it here, and the model is told so by name. What
//! the journal has of a file may be old, and a model that works from it undoes what was done since.
//!
//! Each file has a small share of the window and all of them together a larger one; the others are named.

use std::cmp::Reverse;

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use toolpool_config::fixed::{FILE_SHARE, FILES_READ_MAX, FILES_SHARE};
use toolpool_registry::{Snapshot, TokenCounter, ToolMeta, View};

use crate::agent::{Agent, Folds};
use crate::caller::Caller;
use crate::error::Error;
use crate::execute::{Call, Refusal};
use crate::journal::entry::{CallId, StepState};
use crate::memory::{FileNote, PATHS};

/// What stands before the files.
const HEADING: &str = "Files as they are now:";

/// The files in at most their share of the window and `most` tokens; none where there is none to show, or no room for one.
pub(super) async fn shown(
    agent: &Agent,
    window: u32,
    most: u32,
    cancel: &CancellationToken,
) -> Result<Option<String>, Error> {
    let wanted = wanted(&agent.folds());
    if wanted.is_empty() {
        return Ok(None);
    }
    let caller = agent.caller()?;
    let counter = agent.hub().counter();
    let share = |share: f64| (f64::from(window) * share) as u32;
    let (each, all) = (share(FILE_SHARE), share(FILES_SHARE).min(most));
    if all < each / 2 {
        return Ok(None);
    }
    let mut shown = Shown::new(all, counter);
    for (at, path) in wanted.iter().enumerate() {
        if cancel.is_cancelled() {
            return Ok(None);
        }
        // Half a file's share is too little to be worth a reading.
        if at >= FILES_READ_MAX || shown.left() < each / 2 {
            shown.name(path, None);
            continue;
        }
        match read(agent, &caller, path, cancel).await? {
            Ok(text) => shown.show(path, &text, each),
            Err(why) => shown.name(path, Some(&why)),
        }
    }
    Ok(Some(shown.text()))
}

/// The files, in the order in which they are shown: pinned ones first, then those that were changed last.
fn wanted(folds: &Folds) -> Vec<String> {
    let mut wanted = folds.session.pinned_files().to_vec();
    let steps = folds.workflow.steps();
    let open: Vec<&str> = steps
        .iter()
        .filter(|step| step.state != StepState::Done)
        .map(|step| step.text.as_str())
        .collect();
    let mut touched: Vec<(&String, &FileNote)> = folds
        .memory
        .files()
        .iter()
        .filter(|(path, note)| {
            // Without steps the task is one step, and what it changed is what it is about.
            let about = if steps.is_empty() {
                note.changed.is_some()
            } else {
                open.iter().any(|step| names(step, path))
            };
            about && !note.gone && !wanted.contains(path)
        })
        .collect();
    // By lines and not by the names of calls: one that was read again for a fresh window was read by a call of no turn.
    let line = |call: Option<CallId>| Some(folds.workflow.call(call?)?.seq);
    touched.sort_by_key(|(path, note)| {
        let (changed, read) = (line(note.changed), line(note.read));
        (Reverse(changed), Reverse(read), (*path).clone())
    });
    wanted.extend(touched.into_iter().map(|(path, _)| path.clone()));
    wanted
}

/// Whether a step names a file, by its path or by its own name.
fn names(step: &str, path: &str) -> bool {
    let own = path.rsplit(['/', '\\']).next().unwrap_or(path);
    !own.is_empty() && (step.contains(path) || super::audit::has(step, own))
}

/// Reads a file again. The inner error is one sentence for the model.
async fn read(
    agent: &Agent,
    caller: &Caller,
    path: &str,
    cancel: &CancellationToken,
) -> Result<Result<String, String>, Error> {
    let snapshot = agent.hub().snapshot();
    let view = agent.hub().view(&snapshot, caller);
    let (id, reader) = {
        let folds = agent.folds();
        // Of no turn, so that it is in no conversation and clashes with no call of the model.
        (
            folds.workflow.next_outside(),
            reader(&folds, &snapshot, &view, path),
        )
    };
    let Some((name, arguments)) = reader else {
        return Ok(Err("no tool in view reads it".into()));
    };
    let call = Call {
        cancel: cancel.clone(),
        ..Call::new(id, name, Some(Value::Object(arguments)))
    };
    Ok(match agent.through_the_door(caller, call).await {
        Ok(answer) if answer.is_error() => Err(first_line(&answer.text)),
        Ok(answer) => Ok(answer.text),
        Err(Refusal::Unrecorded { source, .. }) => return Err(source.into()),
        Err(refusal) => Err(first_line(&refusal.to_string())),
    })
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// A tool that reads the file: the one that read it, one of the server that changed it, or any that takes nothing but a path. With it
/// the arguments.
fn reader(
    folds: &Folds,
    snapshot: &Snapshot,
    view: &View,
    path: &str,
) -> Option<(String, Map<String, Value>)> {
    let note = folds.memory.files().get(path);
    let server_of = |call: CallId| folds.workflow.call(call)?.server.clone();
    let before = note
        .and_then(|note| note.read)
        .and_then(|call| folds.workflow.call(call));
    if let Some(record) = before
        && let Some(row) = view.resolve(snapshot, &record.name)
        && let Some(arguments) = arguments(&snapshot.tools()[row], path)
    {
        return Some((record.name.clone(), arguments));
    }
    let server = note.and_then(|note| note.changed).and_then(server_of);
    let readers = view.rows().filter_map(|row| {
        let tool = &snapshot.tools()[row];
        let arguments = arguments(tool, path)?;
        let own = tool.id.name.to_lowercase();
        let rank = ["read_file", "read_text_file", "read"]
            .iter()
            .position(|name| own == *name);
        let rank = rank.or(own.contains("read").then_some(3))?;
        let other = server
            .as_deref()
            .is_some_and(|server| *tool.id.server != *server);
        Some(((other, rank, tool.exposed.to_string()), arguments))
    });
    let ((other, _, name), arguments) = readers.min_by(|a, b| a.0.cmp(&b.0))?;
    // A path means something else to another server.
    (!other).then_some((name, arguments))
}

/// The path as the arguments of a tool that only reads and needs nothing else.
fn arguments(tool: &ToolMeta, path: &str) -> Option<Map<String, Value>> {
    if !tool.claims.read_only() || tool.offline {
        return None;
    }
    let schema = tool.input_schema();
    let key = PATHS
        .iter()
        .find(|key| schema["properties"].get(**key).is_some())?;
    let required = schema["required"].as_array().into_iter().flatten();
    let only = required.filter_map(Value::as_str).all(|name| name == *key);
    only.then(|| Map::from_iter([((*key).to_owned(), Value::from(path))]))
}

/// What is shown so far.
struct Shown<'a> {
    blocks: Vec<String>,
    names: Vec<String>,
    used: u32,
    all: u32,
    counter: &'a TokenCounter,
}

impl<'a> Shown<'a> {
    fn new(all: u32, counter: &'a TokenCounter) -> Shown<'a> {
        Shown {
            blocks: Vec::new(),
            names: Vec::new(),
            used: counter.count(HEADING),
            all,
            counter,
        }
    }

    fn left(&self) -> u32 {
        self.all.saturating_sub(self.used)
    }

    fn show(&mut self, path: &str, text: &str, each: u32) {
        let block = block(path, text, each.min(self.left()), self.counter);
        match block {
            Some(block) => {
                self.used += self.counter.count(&block) + 1;
                self.blocks.push(block);
            }
            None => self.name(path, None),
        }
    }

    fn name(&mut self, path: &str, why: Option<&str>) {
        self.names.push(match why {
            Some(why) => format!("- {path} (not read: {why})"),
            None => format!("- {path}"),
        });
    }

    /// The blocks, and the names of the others as far as there is room for them.
    fn text(self) -> String {
        let mut lines = vec![HEADING.to_owned()];
        lines.extend(self.blocks);
        let mut left = self.all.saturating_sub(self.used);
        let mut names = self.names.iter();
        let mut rest = names.len();
        for name in names.by_ref() {
            let tokens = self.counter.count(name) + 1;
            // Room for saying how many more there are.
            if tokens + 8 > left {
                break;
            }
            left -= tokens;
            rest -= 1;
            lines.push(name.clone());
        }
        if rest > 0 {
            lines.push(format!("- {rest} more"));
        }
        lines.join("\n")
    }
}

/// A file between its marks, its end left out where it is too long; none where not even its beginning fits.
fn block(path: &str, text: &str, tokens_max: u32, counter: &TokenCounter) -> Option<String> {
    let whole = |text: &str, note: &str| {
        format!("<file path=\"{path}\">\n{}{note}\n</file>", text.trim_end())
    };
    let block = whole(text, "");
    if counter.count(&block) <= tokens_max {
        return Some(block);
    }
    let lines: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let chars = text.chars().count();
    let (mut low, mut high) = (0, text.len());
    let mut best = None;
    while low < high {
        let at = text.floor_char_boundary(low + (high - low).div_ceil(2));
        if at <= low {
            break;
        }
        let shown = &text[..at];
        let note = format!("\n[{} of {chars} characters shown]", shown.chars().count());
        let block = whole(shown, &note);
        if counter.count(&block) <= tokens_max {
            low = at;
            best = Some(block);
        } else {
            high = at - 1;
        }
    }
    // At the end of a line where there is one: half a line of code says something else.
    let line = lines
        .iter()
        .rev()
        .find(|line| **line <= low && **line > low / 2);
    match line {
        Some(line) if best.is_some() => {
            let shown = &text[..*line];
            Some(whole(
                shown,
                &format!("\n[{} of {chars} characters shown]", shown.chars().count()),
            ))
        }
        _ => best,
    }
}

#[cfg(test)]
mod tests;
