//! What was done, as far as it can back a claim. In doubt for the answer: a command that may have written anything backs a
//! claim about any file.

use serde_json::Value;
use toolpool_config::Effect;

use crate::journal::entry::{TurnNo, Verdict};
use crate::workflow::CallRecord;

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Was {
    /// It was carried out.
    Done,
    /// It was carried out and failed.
    Failed,
    /// It was never sent.
    Refused,
    /// Nobody knows.
    Doubt,
}

/// A call as a claim sees it.
#[derive(Clone, Debug)]
pub struct Deed {
    /// The tool by the name that the model used.
    pub name: String,
    /// The tool by the server's own name.
    pub tool: String,
    /// Its arguments.
    pub arguments: Value,
    /// What the model was told.
    pub text: String,
    /// What became of it.
    pub was: Was,
    /// Whether it does more than read.
    pub changes: bool,
    /// Whether it belongs to the turn that the answer ends.
    pub now: bool,
}

/// Arguments that hold a program or a command.
const COMMANDS: &[&str] = &[
    "command",
    "cmd",
    "script",
    "code",
    "commands",
    "shell_command",
];
/// Commands that write no file whose name an answer would claim, by their first words.
const QUIET: &[&str] = &[
    "cargo test",
    "cargo check",
    "cargo build",
    "cargo clippy",
    "cargo nextest",
    "cargo bench",
    "cargo tree",
    "pytest",
    "python -m pytest",
    "python3 -m pytest",
    "python -m unittest",
    "python3 -m unittest",
    "tox",
    "npm test",
    "npm run test",
    "npm run lint",
    "npm run build",
    "yarn test",
    "pnpm test",
    "npx jest",
    "npx vitest",
    "go test",
    "go vet",
    "go build",
    "make test",
    "make check",
    "ctest",
    "mvn test",
    "gradle test",
    "ls",
    "cat",
    "head",
    "tail",
    "grep",
    "rg",
    "wc",
    "pwd",
    "echo",
    "which",
    "date",
    "env",
    "tree",
    "stat",
    "file",
    "du",
    "df",
    "ps",
    "diff",
    "sort",
    "uniq",
    "cut",
    "jq",
    "git status",
    "git log",
    "git diff",
    "git show",
    "git branch",
    "git blame",
    "git commit",
    "git push",
    "git add",
    "git fetch",
    "git remote",
    "uname",
    "whoami",
    "true",
];

impl Deed {
    /// What the journal has of a call. Own tools reach nothing and back no claim but that they were called.
    pub fn of(record: &CallRecord, turn: TurnNo) -> Deed {
        let was = match record.verdict {
            Verdict::Completed => Was::Done,
            Verdict::Failed => Was::Failed,
            Verdict::NotStarted => Was::Refused,
            Verdict::InDoubt => Was::Doubt,
        };
        let tool = record.tool.clone().unwrap_or_else(|| record.name.clone());
        Deed {
            name: record.name.clone(),
            changes: delegates(&tool)
                || (record
                    .effect
                    .is_some_and(|effect| effect != Effect::ReadOnly)
                    && !reads(&tool)),
            tool,
            arguments: record.arguments.clone(),
            text: record.text.clone().unwrap_or_default(),
            was,
            now: record.call.turn == turn,
        }
    }

    pub(super) fn may_have_happened(&self) -> bool {
        matches!(self.was, Was::Done | Was::Doubt)
    }

    fn command(&self) -> Option<&str> {
        COMMANDS
            .iter()
            .find_map(|key| self.arguments.get(*key)?.as_str())
    }

    /// Whether it may have written files that it does not name.
    pub(super) fn anything(&self) -> bool {
        let quiet = |part: &str| {
            let part = part.split_whitespace().collect::<Vec<_>>().join(" ");
            part.is_empty()
                || QUIET.iter().any(|quiet| {
                    part.strip_prefix(quiet)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
                })
        };
        let loud = |command: &str| {
            command.contains(['>', '`', '$']) || !command.split(['&', '|', ';', '\n']).all(quiet)
        };
        let any = || delegates(&self.tool) || self.command().is_some_and(loud);
        self.changes && self.may_have_happened() && any()
    }

    fn is_named(&self, words: &[&str]) -> bool {
        let tool = self.tool.to_lowercase();
        words.iter().any(|word| tool.contains(word))
    }

    fn deletes(&self) -> bool {
        self.is_named(&["delete", "remove", "unlink", "trash", "rm_", "erase"])
    }

    fn moves(&self) -> bool {
        self.is_named(&["move", "rename"])
    }

    pub(super) fn may_have_written(&self, path: &str) -> bool {
        let deletes =
            self.deletes() && !self.moves() && !self.is_named(&["write", "edit", "update"]);
        self.anything()
            || (self.changes && self.may_have_happened() && !deletes && self.names(path))
    }

    pub(super) fn may_have_deleted(&self, path: &str) -> bool {
        let could = self.deletes() || self.moves() || self.command().is_some();
        self.anything() || (self.changes && self.may_have_happened() && could && self.names(path))
    }

    pub(super) fn may_have_read(&self, path: &str) -> bool {
        self.may_have_happened()
            && (self.names(path)
                || self
                    .command()
                    .is_some_and(|command| !command.starts_with("git commit")))
    }

    /// Whether its arguments or its result name a path.
    pub(super) fn names(&self, path: &str) -> bool {
        let mut found = false;
        strings(&self.arguments, &mut |text| {
            found = found || same_path(text, path) || names(text, path)
        });
        found || names(&self.text, path)
    }

    /// Whether this stands in its arguments or its result.
    pub(super) fn holds(&self, word: &str) -> bool {
        let mut found = contains_word(&self.text, word);
        strings(&self.arguments, &mut |text| {
            found = found || contains_word(text, word)
        });
        found || contains_word(&self.arguments.to_string(), word)
    }

    pub(super) fn is(&self, tool: &str) -> bool {
        self.name == tool || self.tool == tool
    }

    pub(super) fn ran_tests(&self) -> bool {
        let tests = |text: &str| {
            let text = text.to_lowercase();
            ["test", "spec", "check", "passed"]
                .iter()
                .any(|word| text.contains(word))
        };
        self.was != Was::Refused
            && (self.command().is_some_and(tests) || self.is_named(&["test"]) || tests(&self.text))
    }

    /// What its result says of a failure, if it does.
    pub(super) fn says_failed(&self) -> Option<String> {
        let lower = self.text.to_lowercase();
        let words: Vec<&str> = lower
            .split(|letter: char| {
                letter.is_whitespace() || matches!(letter, ',' | ';' | ':' | '(' | ')' | '.')
            })
            .filter(|word| !word.is_empty())
            .collect();
        let counted = words.windows(2).find(|pair| {
            pair[0].parse::<u64>().is_ok_and(|count| count > 0)
                && matches!(pair[1], "failed" | "failures" | "failure" | "failing")
        });
        counted
            .map(|pair| pair.join(" "))
            .or_else(|| (self.was == Was::Failed).then(|| "failed".to_owned()))
            .or_else(|| {
                lower
                    .contains("test result: failed")
                    .then(|| "test result: FAILED".to_owned())
            })
    }
}

/// What was done in a session of its own is told in its result at most.
fn delegates(tool: &str) -> bool {
    tool == "delegate"
}

/// Whether a tool only reads by its name: of one that nobody vouches for the gate assumes the worst, and a claim must not.
fn reads(tool: &str) -> bool {
    let tool = tool.to_lowercase();
    let first = tool.split(['_', '-', '.']).next().unwrap_or_default();
    let verbs = [
        "get", "list", "read", "search", "find", "fetch", "show", "describe", "count", "view",
        "check", "stat",
    ];
    let more = ["create", "update", "write", "set_", "delete", "save"];
    verbs.contains(&first) && !more.iter().any(|word| tool.contains(word))
}

/// The most things that this turn's calls can have changed; none where that can't be told.
pub(super) fn changed_at_most(deeds: &[Deed]) -> Option<u64> {
    let mut count = 0;
    for deed in deeds
        .iter()
        .filter(|deed| deed.changes && deed.may_have_happened())
    {
        let lists = |value: &Value| value.is_array() || value.is_object();
        let many = deed
            .arguments
            .as_object()
            .is_some_and(|fields| fields.values().any(lists));
        let folder = deed.arguments.get("recursive") == Some(&Value::Bool(true));
        let command = deed.command().is_some();
        if many || folder || (command && deed.anything()) {
            return None;
        }
        count += u64::from(!command);
    }
    Some(count)
}

/// Whether a command may have been run: it was, or another way to run it cannot be told from it.
pub(super) fn may_have_run(deeds: &[Deed], command: &str) -> bool {
    let claimed: Vec<&str> = command.split_whitespace().collect();
    let ran: Vec<&str> = deeds
        .iter()
        .filter(|deed| deed.was != Was::Refused)
        .filter_map(Deed::command)
        .collect();
    if ran.is_empty() {
        // A tool of another kind may run it under its own name.
        return deeds.iter().any(|deed| {
            deed.was != Was::Refused
                && claimed
                    .first()
                    .is_some_and(|word| deed.holds(word) || deed.is_named(&[&word.to_lowercase()]))
        });
    }
    let same = |run: &&str| {
        let run = run.to_lowercase();
        let part = |at: usize| {
            claimed
                .get(at)
                .is_none_or(|word| run.contains(&word.to_lowercase()))
        };
        part(0) && part(1)
    };
    let other = |run: &&str| {
        let first = claimed.first().copied().unwrap_or_default();
        !run.contains(first)
    };
    ran.iter().any(same) || ran.iter().all(other)
}

/// Every string in a value.
fn strings(value: &Value, see: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(items) => items.iter().for_each(|item| strings(item, see)),
        Value::Object(fields) => fields.values().for_each(|item| strings(item, see)),
        _ => {}
    }
}

fn plain(path: &str) -> &str {
    let path = path.strip_prefix("file://").unwrap_or(path);
    path.trim_start_matches("./")
        .trim_start_matches("~/")
        .trim_end_matches('/')
}

/// Whether two paths may be the same, or one lies in the other's folder.
fn same_path(a: &str, b: &str) -> bool {
    let (a, b) = (plain(a), plain(b));
    if a.is_empty() || b.is_empty() {
        return false;
    }
    let ends = |long: &str, short: &str| {
        long.strip_suffix(short)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    };
    let within = |inner: &str, folder: &str| {
        let folder = format!("{folder}/");
        inner.starts_with(&folder) || inner.contains(&format!("/{folder}"))
    };
    ends(a, b) || ends(b, a) || within(a, b) || within(b, a)
}

/// Whether a text names a path: it stands there, whole.
pub(super) fn names(text: &str, path: &str) -> bool {
    contains_word(text, plain(path))
}

/// Whether a word stands in a text with no letter of a name beside it.
fn contains_word(text: &str, word: &str) -> bool {
    let edge = |letter: Option<char>| {
        !letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == '-')
    };
    !word.is_empty()
        && text.match_indices(word).any(|(at, _)| {
            let (before, behind) = (&text[..at], &text[at + word.len()..]);
            let mut next = behind.chars();
            let follows = next.next();
            // `a.md` is not named by `a.md.bak`.
            let longer = follows == Some('.') && next.next().is_some_and(char::is_alphanumeric);
            edge(before.chars().next_back()) && edge(follows) && !longer
        })
}
