//! How a command ends: its exit code, and an error as a person reads it.
//!
//! ```text
//! error: cannot call `github__create_issue`
//!   caused by: server `github` is not ready: it exited with status 1
//!
//! hint: run `toolpool doctor github` to see why it is not up
//! ```

use std::error::Error as StdError;
use std::io;

use toolpool_connectors::model::ModelError;

use crate::cli::ui::{self, Look, Style, Ui};
use crate::error::Error;
use crate::execute::Refusal;
use crate::journal::{JournalError, StoreError};

/// How a command that ran to its end came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// It did what was asked.
    Yes,
    /// It ran, and the answer is no: a tool failed, a check found something.
    No,
}

/// A command that was asked for what can't be.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Usage {
    message: String,
    hint: Option<String>,
}

impl Usage {
    /// A wrong usage, in one sentence.
    pub(crate) fn new(message: impl Into<String>) -> Usage {
        Usage {
            message: message.into(),
            hint: None,
        }
    }

    /// With what to do instead.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Usage {
        self.hint = Some(hint.into());
        self
    }
}

/// The person ended it.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

/// Exit codes.
pub(crate) const DONE: u8 = 0;
/// The answer is no.
pub(crate) const NO: u8 = 1;
/// Wrong usage or configuration.
pub(crate) const WRONG: u8 = 2;
/// Ended by Ctrl-C, as shells expect.
pub(crate) const INTERRUPTED: u8 = 130;
/// A bug of ours.
pub(crate) const BUG: u8 = 255;

/// The exit code for an error.
pub(crate) fn code(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if is_broken_pipe(cause) {
            return DONE;
        }
        if cause.is::<Interrupted>() {
            return INTERRUPTED;
        }
        if cause.is::<Usage>() {
            return WRONG;
        }
        if let Some(error) = cause.downcast_ref::<toolpool_config::Error>() {
            return config_code(error);
        }
        if cause.downcast_ref().is_some_and(names_no_session) {
            return WRONG;
        }
        match cause.downcast_ref::<Error>() {
            Some(Error::Config(error)) => return config_code(error),
            // Transparent, so that the chain does not have what is inside by itself.
            Some(Error::Store(error)) if names_no_session(error) => return WRONG,
            Some(
                Error::NoProfile { .. }
                | Error::NoSession { .. }
                | Error::DenyPattern { .. }
                | Error::Catalog { .. }
                | Error::NoToken { .. },
            ) => {
                return WRONG;
            }
            _ => {}
        }
    }
    NO
}

/// Whether a session was asked for that can't be meant.
fn names_no_session(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Id(_) | StoreError::Unknown(_) | StoreError::Several { .. }
    )
}

fn config_code(error: &toolpool_config::Error) -> u8 {
    match error {
        toolpool_config::Error::Write { .. } => NO,
        _ => WRONG,
    }
}

/// Whether the reader of our output went away, which is their right.
fn is_broken_pipe(error: &(dyn StdError + 'static)) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The error for stderr; nothing where there is nobody to tell.
pub(crate) fn render(error: &anyhow::Error, look: &Look) -> Option<String> {
    if matches!(code(error), DONE | INTERRUPTED) {
        return None;
    }
    let mut said: Vec<String> = Vec::new();
    let mut hints: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        // Some errors repeat their cause in their own words.
        if !said.last().is_some_and(|last| last.contains(&text)) {
            said.push(text);
        }
        if hints.is_empty() {
            hints = hints_of(cause);
        }
    }
    let mut out = String::new();
    for (at, text) in said.iter().enumerate() {
        let label = if at == 0 {
            look.paint(Style::Bad, "error:")
        } else {
            "  caused by:".to_owned()
        };
        out.push_str(&format!("{label} {text}\n"));
    }
    for (at, hint) in hints.iter().enumerate() {
        let gap = if at == 0 { "\n" } else { "" };
        out.push_str(&format!(
            "{gap}{} {hint}\n",
            look.paint(Style::Name, "hint:")
        ));
    }
    Some(out)
}

/// Tells an error at a prompt and goes on, unless nobody reads any more.
///
/// # Errors
/// The reader went away.
pub(crate) fn tell(ui: &Ui, error: &anyhow::Error) -> anyhow::Result<()> {
    if code(error) == DONE {
        return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
    }
    let text = render(error, &ui.err);
    ui::talk(text.as_deref().unwrap_or("cancelled").trim_end());
    Ok(())
}

fn hints_of(cause: &(dyn StdError + 'static)) -> Vec<String> {
    let one = |hint: Option<String>| hint.into_iter().collect();
    if let Some(usage) = cause.downcast_ref::<Usage>() {
        return one(usage.hint.clone());
    }
    if let Some(Error::Config(error)) = cause.downcast_ref::<Error>() {
        return config_hints(error);
    }
    if let Some(error) = cause.downcast_ref::<Error>() {
        return one(error.hint());
    }
    if let Some(error) = cause.downcast_ref::<toolpool_config::Error>() {
        return config_hints(error);
    }
    if let Some(refusal) = cause.downcast_ref::<Refusal>() {
        return one(refusal.hint());
    }
    if let Some(error) = cause.downcast_ref::<ModelError>() {
        return one(error.hint());
    }
    if let Some(error) = cause.downcast_ref::<StoreError>() {
        return one(error.hint());
    }
    if let Some(error) = cause.downcast_ref::<JournalError>() {
        return one(error.hint());
    }
    if let Some(error) = cause.downcast_ref::<toolpool_registry::Error>() {
        return one(error.hint());
    }
    Vec::new()
}

/// Several mistakes come together, each with its own way out.
fn config_hints(error: &toolpool_config::Error) -> Vec<String> {
    let mut hints: Vec<String> = Vec::new();
    for hint in error
        .problems()
        .iter()
        .filter_map(|problem| problem.hint.clone())
    {
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    if hints.is_empty() {
        error.hint().into_iter().collect()
    } else {
        hints
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    const PLAIN: Look = Look {
        width: 80,
        color: false,
        unicode: true,
    };

    #[test]
    fn causes_and_hint_under_the_error() {
        let error = anyhow::Error::new(
            Usage::new("there is no server `x`").hint("the servers are `a`, `b`"),
        )
        .context("cannot look at `x`");
        let wanted = "\
error: cannot look at `x`
  caused by: there is no server `x`

hint: the servers are `a`, `b`
";
        assert_eq!(render(&error, &PLAIN).as_deref(), Some(wanted));
        assert_eq!(code(&error), WRONG);
    }

    #[test]
    fn a_cause_that_was_said_is_not_said_again() {
        let source = toolpool_connectors::CallError::NotReady {
            server: "s".into(),
            reason: "starting".into(),
        };
        let error = anyhow::Error::new(Refusal::Server {
            tool: "s__t".into(),
            source,
        });
        let wanted = "\
error: server `s` is not ready: starting

hint: run `toolpool doctor s` to see why it is not up
";
        assert_eq!(render(&error, &PLAIN).as_deref(), Some(wanted));
        assert_eq!(code(&error), NO);
    }

    #[test]
    fn a_reader_that_left_and_a_person_who_stopped_it_are_no_errors() {
        let pipe = Err::<(), _>(io::Error::from(io::ErrorKind::BrokenPipe))
            .context("cannot print")
            .expect_err("an error");
        assert_eq!((code(&pipe), render(&pipe, &PLAIN)), (DONE, None));
        let stopped = anyhow::Error::new(Interrupted);
        assert_eq!(
            (code(&stopped), render(&stopped, &PLAIN)),
            (INTERRUPTED, None)
        );
    }
}
