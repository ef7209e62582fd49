//! Flags of the bare command: a request, or a conversation. No other command takes them.

use clap::{Args, ValueEnum};
use toolpool_config::Mode;

use crate::agent::Start;

/// How to talk to a model.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Talking to a model")]
pub(crate) struct Talk {
    /// The model server's address, such as http://127.0.0.1:8080 [default: as configured, else the
    /// first of `model.places` that answers]
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,

    /// The model by its server's name for it [default: the loaded one, else the server's first]
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,

    /// Use no more than so many tokens of the model's window
    #[arg(long, value_name = "TOKENS")]
    pub(crate) window: Option<u32>,

    /// What may be done without asking: plan (only read), ask, auto [default: as configured]
    #[arg(long, value_name = "MODE", value_parser = mode)]
    pub(crate) mode: Option<Mode>,

    /// Run as an agent of this type, such as plan; `toolpool agents` lists them
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,

    /// What a request prints: text (the answer alone), json (one object at the end), stream-json
    /// (each event as a line when it happens) [default: text; json with --json]
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        hide_possible_values = true,
        conflicts_with = "json"
    )]
    pub(crate) output_format: Option<Format>,

    /// Go on with the newest session of this folder
    #[arg(long = "continue", conflicts_with_all = ["resume", "fork"])]
    pub(crate) go_on: bool,

    /// Go on with this session
    #[arg(long, value_name = "ID", conflicts_with = "fork")]
    pub(crate) resume: Option<String>,

    /// What to take for true of calls in doubt where nobody is asked: leave (the model is told that it
    /// is not known), happened, not-happened [default: leave]
    #[arg(long, value_name = "KNOWN", value_enum, hide_possible_values = true)]
    pub(crate) in_doubt: Option<InDoubt>,

    /// Begin a session with what another one said, up to a turn
    #[arg(long, value_name = "ID[:TURN]", value_parser = fork)]
    pub(crate) fork: Option<Fork>,
}

/// What a request prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// The answer alone.
    #[default]
    Text,
    /// One object at the end.
    Json,
    /// Each event as one line when it happens.
    StreamJson,
}

/// What is taken for true of calls in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InDoubt {
    /// Nobody knows, and the model is told so.
    Leave,
    /// They were carried out.
    Happened,
    /// They were not.
    NotHappened,
}

/// Where a fork begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fork {
    /// The other session.
    pub(crate) session: String,
    /// The last of its turns that is taken over; all of them where it is missing.
    pub(crate) turn: Option<u32>,
}

impl Talk {
    /// Whether an earlier session is gone on with, so that a request is not needed.
    pub(crate) fn goes_on(&self) -> bool {
        self.go_on || self.resume.is_some()
    }

    /// The flags that were given, by name.
    pub(crate) fn given(&self) -> Vec<&'static str> {
        [
            ("--endpoint", self.endpoint.is_some()),
            ("--model", self.model.is_some()),
            ("--window", self.window.is_some()),
            ("--mode", self.mode.is_some()),
            ("--agent", self.agent.is_some()),
            ("--output-format", self.output_format.is_some()),
            ("--continue", self.go_on),
            ("--resume", self.resume.is_some()),
            ("--fork", self.fork.is_some()),
            ("--in-doubt", self.in_doubt.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, given)| given.then_some(name))
        .collect()
    }

    /// The flags that stand for settings: they win over files and environment as `--set` does, and are checked like them.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        // A string in quotes stays one, also where it reads as a number.
        let text = |value: &Option<String>| {
            value
                .as_ref()
                .map(|value| serde_json::Value::from(value.as_str()).to_string())
        };
        [
            ("model.endpoint", text(&self.endpoint)),
            ("model.name", text(&self.model)),
            (
                "model.window",
                self.window.map(|tokens: u32| tokens.to_string()),
            ),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
    }

    /// Which session.
    pub(crate) fn start(&self) -> Start {
        match (&self.resume, &self.fork) {
            (Some(id), _) => Start::Resume(id.clone()),
            (None, Some(fork)) => Start::Fork {
                session: fork.session.clone(),
                turn: fork.turn,
            },
            (None, None) if self.go_on => Start::Continue,
            (None, None) => Start::New,
        }
    }
}

/// A mode by its name.
///
/// # Errors
/// There is no such mode.
pub(crate) fn mode(text: &str) -> Result<Mode, String> {
    [Mode::Plan, Mode::Ask, Mode::Auto]
        .into_iter()
        .find(|mode| mode.name() == text.trim().to_ascii_lowercase())
        .ok_or_else(|| "modes are plan, ask, auto".to_owned())
}

fn fork(text: &str) -> Result<Fork, String> {
    let (session, turn) = match text.split_once(':') {
        None => (text, None),
        Some((session, turn)) => {
            let turn = turn
                .parse()
                .map_err(|_| format!("`{turn}` is no number of a turn"))?;
            (session, Some(turn))
        }
    };
    if session.is_empty() {
        return Err("it has the form ID or ID:TURN".into());
    }
    Ok(Fork {
        session: session.to_owned(),
        turn,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forks_name_a_session_and_perhaps_a_turn() {
        for (text, wanted) in [
            ("a1", Some(("a1", None))),
            ("a1:3", Some(("a1", Some(3)))),
            ("a1:", None),
            ("a1:x", None),
            (":3", None),
            ("", None),
        ] {
            let found = fork(text).ok();
            let wanted = wanted.map(|(session, turn): (&str, _)| Fork {
                session: session.to_owned(),
                turn,
            });
            assert_eq!(found, wanted, "{text}");
        }
    }

    #[test]
    fn flags_become_settings_that_keep_their_type() {
        let talk = Talk {
            model: Some("7".into()),
            window: Some(8192),
            ..Talk::default()
        };
        assert_eq!(
            talk.settings(),
            [
                ("model.name".to_owned(), "\"7\"".to_owned()),
                ("model.window".to_owned(), "8192".to_owned())
            ]
        );
        assert_eq!(talk.given(), ["--model", "--window"]);
    }

    #[test]
    fn the_session_that_is_opened() {
        let talk = |go_on, resume: Option<&str>, fork| Talk {
            go_on,
            resume: resume.map(str::to_owned),
            fork,
            ..Talk::default()
        };
        let fork = Fork {
            session: "a".into(),
            turn: Some(2),
        };
        assert_eq!(talk(false, None, None).start(), Start::New);
        assert_eq!(talk(true, None, None).start(), Start::Continue);
        assert_eq!(
            talk(false, Some("x"), None).start(),
            Start::Resume("x".into())
        );
        assert_eq!(
            talk(false, None, Some(fork)).start(),
            Start::Fork {
                session: "a".into(),
                turn: Some(2)
            }
        );
    }
}
