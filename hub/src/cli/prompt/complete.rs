//! Completion at a prompt: commands, then what follows each of them. Names come from what the session may see at the
//! moment, so a denied tool is not offered here either.

use std::sync::{Arc, Mutex, PoisonError};

use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};
use serde_json::{Map, Value, json};
use toolpool_config::{Effect, Mode};
use toolpool_registry::ToolMeta;

use super::commands::{Commands, Follows};
use crate::caller::Caller;
use crate::hub::Hub;

/// More names than this help nobody.
const OFFERED_MAX: usize = 200;

/// What a session may see, and what of it can be taken back.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Whose view counts.
    pub(crate) caller: Caller,
    /// Patterns that the session itself denies.
    pub(crate) denied: Vec<String>,
    /// Tools that the session itself pins.
    pub(crate) pinned: Vec<String>,
}

/// Completes lines on what the hub has now.
pub(super) struct Complete {
    pub(super) hub: Arc<Hub>,
    pub(super) commands: Commands,
    /// Follows the session. Locked for a look, never across an await.
    pub(super) seen: Arc<Mutex<Option<Seen>>>,
    /// Whether commands are being typed, and not an answer to a question.
    pub(super) commanding: bool,
}

impl Complete {
    fn seen(&self) -> Option<Seen> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn tools(&self) -> Vec<Arc<ToolMeta>> {
        let snapshot = self.hub.snapshot();
        let Some(seen) = self.seen() else {
            return Vec::new();
        };
        let view = self.hub.view(&snapshot, &seen.caller);
        view.rows()
            .map(|row| snapshot.tools()[row].clone())
            .collect()
    }

    fn candidates(&self, command: &str) -> Vec<String> {
        let names = || {
            self.tools()
                .iter()
                .map(|tool| tool.exposed.to_string())
                .collect::<Vec<_>>()
        };
        match self.commands.row(command).map(|command| command.follows) {
            Some(Follows::Tool | Follows::Call) => names(),
            Some(Follows::Profile) => self
                .hub
                .config()
                .profiles
                .keys()
                .cloned()
                .chain(["-".into()])
                .collect(),
            Some(Follows::Pattern) => {
                let effects = Effect::ALL.iter().map(|effect| format!("effect:{effect}"));
                let snapshot = self.hub.snapshot();
                let servers = snapshot
                    .servers()
                    .iter()
                    .map(|server| format!("server:{}", server.name));
                effects.chain(servers).chain(names()).collect()
            }
            Some(Follows::Denied) => self.seen().map(|seen| seen.denied).unwrap_or_default(),
            Some(Follows::Pinned) => self.seen().map(|seen| seen.pinned).unwrap_or_default(),
            Some(Follows::Mode) => [Mode::Plan, Mode::Ask, Mode::Auto]
                .map(|mode| mode.to_string())
                .to_vec(),
            Some(Follows::Free) | None => Vec::new(),
        }
    }

    /// An object with the parameters that a tool requires, to be filled in.
    fn skeleton(&self, name: &str) -> Option<String> {
        let tool = self
            .tools()
            .into_iter()
            .find(|tool| &*tool.exposed == name)?;
        Some(skeleton(&tool.input_schema()))
    }
}

impl Completer for Complete {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        if !self.commanding {
            return Ok((pos, Vec::new()));
        }
        Ok(match place(&self.commands, line, pos) {
            Place::Command(typed) => {
                let names = self.commands.list.iter().map(|command| {
                    if command.takes.is_empty() {
                        command.name.to_owned()
                    } else {
                        format!("{} ", command.name)
                    }
                });
                (0, names.filter(|name| name.starts_with(typed)).collect())
            }
            Place::Word { command, at, typed } => (at, matching(self.candidates(command), typed)),
            Place::Arguments { name, at } => (at, self.skeleton(name).into_iter().collect()),
            Place::Nowhere => (pos, Vec::new()),
        })
    }
}

impl Hinter for Complete {
    type Hint = String;
}
impl Highlighter for Complete {}
impl Helper for Complete {}

impl Validator for Complete {
    /// A line that ends in a backslash goes on.
    fn validate(&self, typed: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if typed.input().ends_with('\\') {
            ValidationResult::Incomplete
        } else {
            ValidationResult::Valid(None)
        })
    }
}

/// What was typed over several lines, without the backslashes that carried it on.
pub(super) fn joined(typed: &str) -> String {
    typed.replace("\\\n", "\n")
}

/// What is being typed at the cursor.
#[derive(Debug, PartialEq, Eq)]
enum Place<'a> {
    /// The command itself.
    Command(&'a str),
    /// The word behind it.
    Word {
        command: &'a str,
        at: usize,
        typed: &'a str,
    },
    /// The arguments of a call, of which nothing is typed yet.
    Arguments { name: &'a str, at: usize },
    /// A request, or what can't be guessed.
    Nowhere,
}

fn place<'a>(commands: &Commands, line: &'a str, pos: usize) -> Place<'a> {
    let line = &line[..pos];
    if !line.starts_with(commands.sign) {
        return Place::Nowhere;
    }
    let Some((command, rest)) = line.split_once(' ') else {
        return Place::Command(line);
    };
    let typed = rest.trim_start();
    match typed.split_once(' ') {
        None => Place::Word {
            command,
            at: pos - typed.len(),
            typed,
        },
        Some((name, arguments))
            if arguments.trim().is_empty()
                && commands
                    .row(command)
                    .is_some_and(|command| command.follows == Follows::Call) =>
        {
            Place::Arguments { name, at: pos }
        }
        Some(_) => Place::Nowhere,
    }
}

/// Those that begin as typed; else those that hold it somewhere.
fn matching(mut candidates: Vec<String>, typed: &str) -> Vec<String> {
    let typed = typed.to_lowercase();
    let starts = |candidate: &String| candidate.to_lowercase().starts_with(&typed);
    if candidates.iter().any(starts) {
        candidates.retain(starts);
    } else {
        candidates.retain(|candidate| candidate.to_lowercase().contains(&typed));
    }
    candidates.truncate(OFFERED_MAX);
    candidates
}

fn skeleton(schema: &Value) -> String {
    let required = schema.get("required").and_then(Value::as_array);
    let mut object = Map::new();
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        let property = &schema["properties"][name];
        let first = property
            .get("default")
            .or_else(|| property.get("enum").and_then(|options| options.get(0)));
        let value = first
            .cloned()
            .unwrap_or_else(|| match property["type"].as_str() {
                Some("integer" | "number") => json!(0),
                Some("boolean") => json!(false),
                Some("array") => json!([]),
                Some("object") => json!({}),
                _ => json!(""),
            });
        object.insert(name.to_owned(), value);
    }
    Value::Object(object).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::commands::Command;
    use super::*;

    const SOME: Commands = Commands {
        sign: ':',
        list: &[
            Command::new(":call", "NAME JSON", "Call a tool", Follows::Call),
            Command::new(":deny", "[PATTERN]", "Hide tools", Follows::Pattern),
        ],
    };

    #[test]
    fn a_backslash_at_the_end_of_a_line_is_not_part_of_it() {
        assert_eq!(joined("a\\\nb \\ c\nd"), "a\nb \\ c\nd");
    }

    #[test]
    fn the_place_decides_what_is_offered() {
        let word = |command, at, typed| Place::Word { command, at, typed };
        for (line, wanted) in [
            (":ca", Place::Command(":ca")),
            (":call ", word(":call", 6, "")),
            (":call git", word(":call", 6, "git")),
            (
                ":call a__b ",
                Place::Arguments {
                    name: "a__b",
                    at: 11,
                },
            ),
            (":call a__b {", Place::Nowhere),
            (":deny x y", Place::Nowhere),
            ("/deny ", Place::Nowhere),
            ("read the file", Place::Nowhere),
        ] {
            assert_eq!(place(&SOME, line, line.len()), wanted, "{line}");
        }
    }

    #[test]
    fn beginnings_come_before_what_is_inside() {
        let names = || vec!["git__log".to_owned(), "log__git".to_owned(), "x".to_owned()];
        assert_eq!(matching(names(), "git"), ["git__log"]);
        assert_eq!(matching(names(), "__GIT"), ["log__git"]);
        assert_eq!(matching(names(), "").len(), 3);
    }

    #[test]
    fn a_skeleton_has_what_is_required() {
        let schema = json!({
            "properties": {"path": {"type": "string"}, "n": {"type": "integer"}, "kind": {"enum": ["a", "b"]}, "more": {}},
            "required": ["path", "n", "kind"]
        });
        assert_eq!(skeleton(&schema), r#"{"path":"","n":0,"kind":"a"}"#);
        assert_eq!(skeleton(&json!({})), "{}");
    }
}
