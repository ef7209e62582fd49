//! What is worth knowing later, folded from the journal: the task in the person's words, the files that were read and changed, the
//! errors that were met and whether they were overcome.
//!
//! It survives what leaves the conversation, since it reads the entries and not the messages. A file is what a tool was handed under a name
//! that means a path; nothing is looked up on the disk, and so nothing here depends on when it is asked.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use toolpool_config::Effect;
use toolpool_config::fixed::ERROR_NOTE_CHARS_MAX;

use crate::journal::artifacts::sha256;
use crate::journal::entry::{CallId, Entry, IntentNote, Line, OutcomeNote, TurnNo, Verdict};

/// Names of arguments that hold the path of one file.
pub(crate) const PATHS: [&str; 6] = ["path", "file", "file_path", "filename", "filepath", "uri"];
/// Names of arguments that hold where a file is moved from, and where to.
const MOVES: [(&str, &str); 3] = [
    ("from", "to"),
    ("source", "destination"),
    ("old_path", "new_path"),
];

/// What is known of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FileNote {
    /// SHA-256 of what was last read of it, where the result was kept whole.
    pub read_sha256: Option<String>,
    /// The call that read it last.
    pub read: Option<CallId>,
    /// SHA-256 of what was last written to it, where the call held all of it.
    pub written_sha256: Option<String>,
    /// The call that changed it last.
    pub changed: Option<CallId>,
    /// Whether the last change took it away.
    pub gone: bool,
    /// Whether a call that may have changed it is in doubt.
    pub in_doubt: bool,
}

/// An error that was met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorNote {
    /// The call that failed.
    pub call: CallId,
    /// The server.
    pub server: String,
    /// The tool by the server's own name.
    pub tool: String,
    /// The file that it was about, if any.
    pub path: Option<String>,
    /// The beginning of what was said.
    pub text: String,
    /// The later call of the same tool, about the same file, that succeeded.
    pub solved_by: Option<CallId>,
}

/// What is worth knowing.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    asked: Vec<(TurnNo, String)>,
    files: BTreeMap<String, FileNote>,
    errors: Vec<ErrorNote>,
    /// Calls that were sent, until they are answered.
    sent: BTreeMap<CallId, IntentNote>,
}

impl Memory {
    /// Takes in the next line.
    pub fn apply(&mut self, line: &Line) {
        if line.entry.call().is_some_and(CallId::is_own) {
            return;
        }
        match &line.entry {
            Entry::User { turn, text } => self.asked.push((*turn, text.clone())),
            Entry::Undo { turn } => self.asked.retain(|(of, _)| of < turn),
            Entry::Intent(intent) => {
                if intent.effect != Effect::ReadOnly {
                    for path in paths(&intent.arguments) {
                        self.files.entry(path.to_owned()).or_default().in_doubt = true;
                    }
                }
                self.sent.insert(intent.call, intent.clone());
            }
            Entry::Outcome(outcome) => self.outcome(outcome),
            Entry::Settled { call, verdict, .. } => self.settle(*call, *verdict, None),
            _ => {}
        }
    }

    fn outcome(&mut self, outcome: &OutcomeNote) {
        self.settle(outcome.call, outcome.verdict, outcome.result_sha256.clone());
        if outcome.verdict == Verdict::Failed
            && let Some(intent) = self.sent.get(&outcome.call)
        {
            self.errors.push(ErrorNote {
                call: outcome.call,
                server: intent.server.clone(),
                tool: intent.tool.clone(),
                path: paths(&intent.arguments)
                    .first()
                    .map(|path| (*path).to_owned()),
                text: outcome.text.chars().take(ERROR_NOTE_CHARS_MAX).collect(),
                solved_by: None,
            });
        }
    }

    fn settle(&mut self, call: CallId, verdict: Verdict, result: Option<String>) {
        let Some(intent) = self.sent.get(&call) else {
            return;
        };
        let paths = paths(&intent.arguments);
        if verdict != Verdict::InDoubt {
            for path in &paths {
                self.files.entry((*path).to_owned()).or_default().in_doubt = false;
            }
        }
        if verdict != Verdict::Completed {
            self.files.retain(|_, note| *note != FileNote::default());
            return;
        }
        for error in &mut self.errors {
            let same = error.server == intent.server
                && error.tool == intent.tool
                && (error.path.is_none() || error.path.as_deref() == paths.first().copied());
            if same && error.solved_by.is_none() && error.call != call {
                error.solved_by = Some(call);
            }
        }
        let moves = paths.len() == 2;
        for (at, path) in paths.iter().enumerate() {
            let note = self.files.entry((*path).to_owned()).or_default();
            if intent.effect == Effect::ReadOnly {
                note.read = Some(call);
                note.read_sha256.clone_from(&result);
            } else {
                note.changed = Some(call);
                note.written_sha256 = content(&intent.arguments);
                note.gone = (moves && at == 0) || intent.tool.starts_with("delete");
            }
        }
    }

    /// The task, in the words that the conversation began with.
    pub fn task(&self) -> Option<&str> {
        self.asked.first().map(|(_, text)| text.as_str())
    }

    /// All that was asked, turn by turn, undone turns left out.
    pub fn asked(&self) -> &[(TurnNo, String)] {
        &self.asked
    }

    /// The files that tools were handed, by path.
    pub fn files(&self) -> &BTreeMap<String, FileNote> {
        &self.files
    }

    /// The errors met, in order.
    pub fn errors(&self) -> &[ErrorNote] {
        &self.errors
    }
}

/// The paths among arguments: one, or two where something is moved.
pub(crate) fn paths(arguments: &Value) -> Vec<&str> {
    let get = |name: &str| arguments.get(name).and_then(Value::as_str);
    for (from, to) in MOVES {
        if let (Some(from), Some(to)) = (get(from), get(to)) {
            return vec![from, to];
        }
    }
    PATHS
        .iter()
        .find_map(|name| get(name))
        .into_iter()
        .collect()
}

/// The hash of a file's whole new content, where a call has it.
fn content(arguments: &Value) -> Option<String> {
    let text = arguments.get("content")?.as_str()?;
    Some(sha256(text.as_bytes()))
}

#[cfg(test)]
mod tests;
