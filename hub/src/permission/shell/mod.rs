//! Judges a shell command by reading it: may it run by itself, must a person be asked, or can it have no honest use here?
//!
//! Only what is understood is allowed. A command is read by a real shell parser, and its words by a reader far stricter than
//! any shell, so that bash and sh cannot disagree on what is left; then each simple command of it is judged alone, by a table of
//! programs that only read and of the flags that keep them so. The worst judgement counts.
//!
//! ```text
//! command ── characters, size ── parser ── tree ── each simple command ── word ── programs (or find, git, ...)
//!                                           └─ redirections, compounds          └─ path ── outside? secret?
//!            ruin ── what is denied whoever is there to ask
//! ```
//!
//! Deliberately absent: the file system and the environment. A link inside the workspace may lead outside of it, and a glob
//! may name anything: reading is all that an allowed command can do with either, and writing is confined when it runs. Absent
//! too are early allows, a second opinion by patterns over the text, and any program that runs another one.

mod characters;
mod gate;
mod git;
mod options;
mod path;
mod programs;
mod ruin;
mod special;
mod tree;
mod word;

#[cfg(test)]
mod tests;

use std::path::Path;

use brush_parser::ast::{Command, CommandPrefixOrSuffixItem as Item, SeparatorOperator};
use brush_parser::{ParserOptions, parse_tokens, uncached_tokenize_str};

use toolpool_config::Decision;

pub use gate::{GATES, Gate, GateInfo};

/// What came of reading a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What may happen to it.
    pub decision: Decision,
    /// The number of the gate that decided; 0 where nothing spoke against it.
    pub gate: u8,
    /// One sentence for whoever is asked, or told.
    pub reason: String,
}

/// Why a command does not run by itself: the gate, and what in the command it stopped at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Doubt {
    gate: Gate,
    what: String,
}

impl Doubt {
    fn new(gate: Gate, what: impl Into<String>) -> Doubt {
        Doubt {
            gate,
            what: what.into(),
        }
    }
}

/// Judges `command` as it would run in `folder`, the workspace. Pure and total: the same command and folder, the same judgement.
#[must_use]
pub fn judge(command: &str, folder: &Path) -> Judged {
    let doubts = doubts(command, folder);
    let worst = doubts
        .iter()
        .find(|doubt| doubt.gate.decision() == Decision::Deny)
        .or_else(|| doubts.first());
    match worst {
        Some(doubt) => Judged {
            decision: doubt.gate.decision(),
            gate: doubt.gate.number(),
            reason: doubt.gate.sentence(&doubt.what),
        },
        None => Judged {
            decision: Decision::Allow,
            gate: 0,
            reason: "it only reads, inside the workspace".to_owned(),
        },
    }
}

/// Judges a call of `run_command` by its arguments. A folder of the call's own is one more thing to doubt: what runs there may
/// find settings that the workspace itself does not have.
#[must_use]
pub fn judge_call(arguments: &serde_json::Value, folder: &Path) -> Judged {
    let refuse = |gate: Gate, what: &str| Judged {
        decision: gate.decision(),
        gate: gate.number(),
        reason: gate.sentence(what),
    };
    let Some(command) = arguments.get("command").and_then(|value| value.as_str()) else {
        return refuse(Gate::Empty, "");
    };
    let judged = judge(command, folder);
    let elsewhere = match arguments.get("cwd") {
        None | Some(serde_json::Value::Null) => None,
        Some(serde_json::Value::String(cwd)) if cwd.is_empty() || cwd == "." => None,
        Some(serde_json::Value::String(cwd)) => Some(cwd.as_str()),
        Some(_) => return refuse(Gate::Outside, "cwd"),
    };
    match elsewhere {
        Some(cwd) if judged.decision == Decision::Allow => {
            if path::leads_outside(cwd, folder) {
                refuse(Gate::Outside, cwd)
            } else if command.contains("git") {
                refuse(Gate::Repository, cwd)
            } else {
                judged
            }
        }
        _ => judged,
    }
}

/// Whether the command is one program with plain words and nothing else: no list, pipe, redirection, assignment before it or
/// substitution. Of such a one a shape says enough, of any other only the whole text.
#[must_use]
pub fn is_simple(command: &str) -> bool {
    if characters::check(command).is_some() {
        return false;
    }
    let options = ParserOptions::default();
    let Ok(tokens) = uncached_tokenize_str(command, &options.tokenizer_options()) else {
        return false;
    };
    let Ok(program) = parse_tokens(&tokens, &options) else {
        return false;
    };
    let [list] = &program.complete_commands[..] else {
        return false;
    };
    let [item] = &list.0[..] else { return false };
    let (list, end) = (&item.0, &item.1);
    let [Command::Simple(simple)] = &list.first.seq[..] else {
        return false;
    };
    let alone = matches!(end, SeparatorOperator::Sequence)
        && list.additional.is_empty()
        && list.first.timed.is_none()
        && !list.first.bang
        && simple.prefix.is_none()
        && characters::lost(command, &tokens).is_none();
    let plain = |raw: &str| word::read(raw).is_ok();
    alone
        && simple
            .word_or_name
            .as_ref()
            .is_some_and(|name| plain(&name.value))
        && simple
            .suffix
            .iter()
            .flat_map(|suffix| &suffix.0)
            .all(|item| match item {
                Item::Word(word) | Item::AssignmentWord(_, word) => plain(&word.value),
                Item::IoRedirect(_) | Item::ProcessSubstitution(..) => false,
            })
}

fn doubts(command: &str, folder: &Path) -> Vec<Doubt> {
    // What makes the text unreadable, for people or for the parser, ends the reading.
    if let Some(doubt) = characters::check(command) {
        return vec![doubt];
    }
    let options = ParserOptions::default();
    let tokens = match uncached_tokenize_str(command, &options.tokenizer_options()) {
        Ok(tokens) => tokens,
        Err(error) => return vec![Doubt::new(Gate::Unreadable, error.to_string())],
    };
    let mut doubts = match parse_tokens(&tokens, &options) {
        Ok(program) => tree::check(&program, folder),
        Err(error) => vec![Doubt::new(Gate::Unreadable, error.to_string())],
    };
    doubts.extend(characters::lost(command, &tokens));
    doubts
}
