//! Words and flags of `audit` and `why`.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error;
use toolpool_config::Glob;

use crate::audit::Ruling;
use crate::journal::entry::{ApproverKind, CallId, DecisionSource, StepNo, TurnNo, Verdict};
use crate::utc;

/// What to do with the audit trail.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    pub(crate) command: Option<AuditCommand>,
    #[command(flatten)]
    pub(crate) flags: AuditFlags,
}

/// What else there is than the list.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check that a journal is as it was written, and name the first line that is not
    ///
    /// Each line carries the hash of the one before it, so a line that was edited, deleted, moved or
    /// put in twice is found. Lines gone at the end, or all written anew, are found by the head that is
    /// kept in the state folder; somebody who can write both is found only by a head that you kept
    /// elsewhere: give it with --expect.
    Verify {
        /// The session: its name, the beginning of it, or `last` [default: all]
        session: Option<String>,
        /// Every session, also those of serving processes
        #[arg(long, conflicts_with = "session")]
        all: bool,
        /// A head that was printed before: some line of the journal must have this hash
        #[arg(long, value_name = "HASH", requires = "session")]
        expect: Option<String>,
    },
}

/// Flags of the list.
#[derive(Debug, Default, Args)]
pub(crate) struct AuditFlags {
    /// Only of this session and its delegates: its name, the beginning of it, `last`, or `all` [default: all]
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Only of these tools, by own or exposed name
    #[arg(long, value_name = "GLOB")]
    pub(crate) tool: Option<Glob>,
    /// Only of these servers
    #[arg(long, value_name = "GLOB")]
    pub(crate) server: Option<Glob>,
    /// Only ruled so: allow, deny, refused (ended before there was anything to decide), own (the hub's
    /// own tools, otherwise left out), none
    #[arg(long, value_name = "DECISION", value_parser = ruling)]
    pub(crate) decision: Option<Ruling>,
    /// Only decided by this: mode, rule, deny-list, gate, grant, person, agent-type, no-person
    #[arg(long, value_name = "SOURCE", value_parser = word::<DecisionSource>)]
    pub(crate) source: Option<DecisionSource>,
    /// Only answered by this: terminal, coordinator, autonomous
    #[arg(long, value_name = "APPROVER", value_parser = word::<ApproverKind>)]
    pub(crate) approver: Option<ApproverKind>,
    /// Only with this text in the rule or the reason
    #[arg(long, value_name = "TEXT")]
    pub(crate) rule: Option<String>,
    /// Not before: a time such as `2026-01-31T12:00:00Z` or `2026-01-31`, or how long ago, such as `2h`
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub(crate) since: Option<When>,
    /// Not after, in the same form
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub(crate) until: Option<When>,
    /// Only asked by this agent type
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Option<String>,
    /// Only with this end: not-started, completed, failed, in-doubt
    #[arg(long, value_name = "VERDICT", value_parser = word::<Verdict>)]
    pub(crate) verdict: Option<Verdict>,
    /// Only the last so many [default: 100 in a table]
    #[arg(short = 'n', long, value_name = "COUNT")]
    pub(crate) lines: Option<usize>,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
}

/// What to explain.
#[derive(Debug, Subcommand)]
pub(crate) enum WhyCommand {
    /// Why a tool was offered or not, and what was decided on its calls
    Tool {
        /// The exposed name
        name: String,
        /// The session: its name, the beginning of it, or `last`
        #[arg(long, value_name = "ID", default_value = "last")]
        session: String,
        /// Only in this turn
        #[arg(long, value_name = "TURN")]
        turn: Option<TurnNo>,
        /// Also rank again with the servers and the configuration of now
        #[arg(long)]
        now: bool,
    },
    /// The whole story of a call
    Call {
        /// The call, as `audit` lists it
        call: CallId,
        /// The session: its name, the beginning of it, or `last`
        #[arg(long, value_name = "ID", default_value = "last")]
        session: String,
        /// Print texts in full
        #[arg(long)]
        full: bool,
    },
    /// What was in the window at a step
    Step {
        /// The step, such as `2.1`: the first of the second turn; `sessions show` has them
        #[arg(value_name = "TURN.STEP", value_parser = step)]
        step: (TurnNo, StepNo),
        /// The session: its name, the beginning of it, or `last`
        #[arg(long, value_name = "ID", default_value = "last")]
        session: String,
        /// Print texts in full
        #[arg(long)]
        full: bool,
    },
}

/// A time as it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Milliseconds since 1970.
    At(u64),
    /// So long ago.
    Ago(Duration),
}

impl When {
    /// Milliseconds since 1970, given those of now.
    pub(crate) fn ms(self, now_ms: u64) -> u64 {
        match self {
            When::At(ms) => ms,
            When::Ago(ago) => {
                now_ms.saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX))
            }
        }
    }
}

fn when(text: &str) -> Result<When, String> {
    if let Some(seconds) = utc::parse(text) {
        return Ok(When::At(seconds.saturating_mul(1_000)));
    }
    super::ago(text).map(When::Ago).map_err(|_| {
        "it is a time such as `2026-01-31T12:00:00Z` or `2026-01-31`, or how long ago, such as `2h`"
            .to_owned()
    })
}

/// A step as `turn.step`.
pub(crate) fn step(text: &str) -> Result<(TurnNo, StepNo), String> {
    text.split_once('.')
        .and_then(|(turn, step)| Some((turn.parse().ok()?, step.parse().ok()?)))
        .ok_or_else(|| "it has the form TURN.STEP, such as `3.2`".into())
}

fn ruling(text: &str) -> Result<Ruling, String> {
    let known = Ruling::ALL.iter().find(|(_, word)| *word == text);
    known
        .map(|(ruling, _)| *ruling)
        .ok_or_else(|| "decisions are allow, deny, refused, own, none".into())
}

/// A word as the journal has it.
fn word<'de, T: Deserialize<'de>>(text: &str) -> Result<T, String> {
    let text = text.to_owned();
    T::deserialize(IntoDeserializer::<Error>::into_deserializer(text)).map_err(|error| {
        error
            .to_string()
            .replace("unknown variant", "it is no")
            .replace("expected one of", "but one of")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_either_form() {
        for (text, wanted) in [
            ("1970-01-02", Ok(When::At(86_400_000))),
            ("1970-01-01T00:01:00Z", Ok(When::At(60_000))),
            ("2h", Ok(When::Ago(Duration::from_secs(7_200)))),
            ("yesterday", Err(())),
            ("1970-13-01", Err(())),
        ] {
            assert_eq!(when(text).map_err(drop), wanted, "{text}");
        }
        assert_eq!(When::Ago(Duration::from_secs(2)).ms(1_000), 0);
    }

    #[test]
    fn words_are_those_of_the_journal() {
        assert_eq!(word("deny-list"), Ok(DecisionSource::DenyList));
        assert_eq!(word("in-doubt"), Ok(Verdict::InDoubt));
        let error = word::<ApproverKind>("boss").expect_err("no such approver");
        assert!(
            error.starts_with("it is no `boss`, but one of `terminal`"),
            "{error}"
        );
        assert_eq!(ruling("refused"), Ok(Ruling::Refused));
        assert!(ruling("maybe").is_err());
        assert_eq!(step("3.2"), Ok((3, 2)));
        assert!(step("3").is_err() && step("3.x").is_err());
    }
}
