//! What a line typed in the explorer means. A line is a request unless it begins with a colon, so that
//! no request has to be quoted.

use serde_json::Value;

use crate::cli::call;
use crate::cli::prompt::{Command, Commands, Follows};
use crate::cli::report::Usage;
use crate::cli::ui::Look;

/// A line, understood.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Input {
    Nothing,
    Request(String),
    Call {
        name: String,
        arguments: Option<Value>,
    },
    Servers,
    Tools(String),
    Profile(Option<OrReset<String>>),
    Deny(Option<String>),
    Allow(String),
    Budget(Option<OrReset<u32>>),
    Help,
    Quit,
}

/// A new value, or `-` for what is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OrReset<T> {
    To(T),
    Reset,
}

impl<T> OrReset<T> {
    /// The value; none where it was taken back.
    pub(super) fn into_option(self) -> Option<T> {
        match self {
            Self::To(value) => Some(value),
            Self::Reset => None,
        }
    }
}

/// The commands, in the order of the help.
pub(super) const COMMANDS: Commands = Commands {
    sign: ':',
    list: &[
        Command::new(
            ":call",
            "NAME JSON",
            "Call a tool; Ctrl-C cancels the call",
            Follows::Call,
        ),
        Command::new(
            ":servers",
            "",
            "List the servers and how they are",
            Follows::Free,
        ),
        Command::new(
            ":tools",
            "[WORDS]",
            "List the tools that hold all the words, or show the one of that name",
            Follows::Tool,
        ),
        Command::new(
            ":profile",
            "[NAME]",
            "Act under a profile; `-` for the configured one, nothing lists them",
            Follows::Profile,
        ),
        Command::new(
            ":deny",
            "[PATTERN]",
            "Hide tools for this session; nothing lists what is denied",
            Follows::Pattern,
        ),
        Command::new(
            ":allow",
            "PATTERN",
            "Lift what `:deny` added",
            Follows::Denied,
        ),
        Command::new(
            ":budget",
            "[TOKENS]",
            "Tokens that a pool may take; `-` for the configured ones",
            Follows::Free,
        ),
        Command::new(":help", "", "Show this", Follows::Free),
        Command::new(":quit", "", "Leave, as Ctrl-D does", Follows::Free),
        Command::new(":exit", "", "", Follows::Free),
    ],
};

/// Understands a line.
///
/// # Errors
/// A command that does not exist or lacks what it needs.
pub(super) fn parse(line: &str) -> Result<Input, Usage> {
    let line = line.trim();
    if line.is_empty() {
        return Ok(Input::Nothing);
    }
    if !line.starts_with(':') {
        return Ok(Input::Request(line.to_owned()));
    }
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let some = || (!rest.is_empty()).then(|| rest.to_owned());
    match COMMANDS.full(word)? {
        ":call" => call(rest),
        ":servers" => Ok(Input::Servers),
        ":tools" => Ok(Input::Tools(rest.to_owned())),
        ":profile" => Ok(Input::Profile(some().map(|name| {
            if name == "-" {
                OrReset::Reset
            } else {
                OrReset::To(name)
            }
        }))),
        ":deny" => Ok(Input::Deny(some())),
        ":allow" => some()
            .map(Input::Allow)
            .ok_or_else(|| Usage::new("`:allow` needs the pattern to lift")),
        ":budget" => budget(rest),
        ":help" => Ok(Input::Help),
        _ => Ok(Input::Quit),
    }
}

fn call(rest: &str) -> Result<Input, Usage> {
    let (name, json) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    if name.is_empty() {
        return Err(Usage::new("`:call` needs a tool")
            .hint("for instance `:call workspace__list_files {\"path\": \".\"}`"));
    }
    Ok(Input::Call {
        name: name.to_owned(),
        arguments: call::parse(json)?,
    })
}

fn budget(rest: &str) -> Result<Input, Usage> {
    Ok(Input::Budget(match rest {
        "" => None,
        "-" => Some(OrReset::Reset),
        tokens => {
            let tokens = tokens.replace([',', '_'], "");
            let tokens = tokens
                .parse()
                .map_err(|_| Usage::new(format!("`{rest}` is not a number of tokens")))?;
            Some(OrReset::To(tokens))
        }
    }))
}

/// The help.
pub(super) fn help(look: &Look) -> String {
    COMMANDS.help("Anything else is a request: its pool is shown.", look)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_that_are_understood() {
        let call = |name: &str, arguments| Input::Call {
            name: name.into(),
            arguments,
        };
        let rows = [
            ("", Input::Nothing),
            ("   ", Input::Nothing),
            ("  list my issues ", Input::Request("list my issues".into())),
            (":call a__b", call("a__b", None)),
            (":call a__b {\"x\": 1}", call("a__b", Some(json!({"x": 1})))),
            (":servers", Input::Servers),
            (":s", Input::Servers),
            (":tools git status", Input::Tools("git status".into())),
            (":profile", Input::Profile(None)),
            (
                ":profile read",
                Input::Profile(Some(OrReset::To("read".into()))),
            ),
            (":profile -", Input::Profile(Some(OrReset::Reset))),
            (
                ":deny effect:destructive",
                Input::Deny(Some("effect:destructive".into())),
            ),
            (":deny", Input::Deny(None)),
            (":allow x", Input::Allow("x".into())),
            (":budget", Input::Budget(None)),
            (":budget 1,500", Input::Budget(Some(OrReset::To(1500)))),
            (":budget -", Input::Budget(Some(OrReset::Reset))),
            (":q", Input::Quit),
            (":exit", Input::Quit),
            (":help", Input::Help),
        ];
        for (line, wanted) in rows {
            assert_eq!(parse(line).ok(), Some(wanted), "{line}");
        }
    }

    #[test]
    fn lines_that_are_refused() {
        for line in [":", ":x", ":call", ":call a__b {", ":budget many", ":allow"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
