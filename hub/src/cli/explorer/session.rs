//! One sitting at the explorer: its profile, its deny list and its budget, and what can be asked of the hub
//! under them. All of it ends with the sitting; nothing here changes the configuration.

use std::sync::Arc;

use super::command::OrReset;
use crate::caller::{Caller, patterns};
use crate::cli::prompt::Seen;
use crate::cli::servers;
use crate::cli::start::Context;
use crate::cli::tools;
use crate::cli::words::{self, number};
use crate::hub::Hub;

/// What the person chose so far.
pub(super) struct Session<'a> {
    pub(super) context: &'a Context,
    pub(super) hub: &'a Arc<Hub>,
    pub(super) profile: Option<String>,
    pub(super) deny: Vec<String>,
    pub(super) budget: Option<u32>,
}

impl Session<'_> {
    /// The session as a caller, under the configuration as it is now.
    pub(super) fn caller(&self) -> anyhow::Result<Caller> {
        Ok(Caller::new(
            &self.hub.config(),
            "local",
            self.profile.as_deref(),
            &patterns(&self.deny)?,
        )?)
    }

    /// What can be completed.
    pub(super) fn seen_now(&self) -> anyhow::Result<Seen> {
        Ok(Seen {
            caller: self.caller()?,
            denied: self.deny.clone(),
            pinned: Vec::new(),
        })
    }

    /// The servers, as `:servers` lists them.
    pub(super) fn servers(&self) -> anyhow::Result<Vec<servers::Row>> {
        let (config, snapshot, caller) = (self.hub.config(), self.hub.snapshot(), self.caller()?);
        Ok(servers::rows(
            &snapshot,
            &self.hub.view(&snapshot, &caller),
            &caller,
            &config,
        ))
    }

    /// The tools whose name or description holds the words; one in full where its whole name was typed.
    pub(super) fn tools(&self, text: &str) -> anyhow::Result<String> {
        Ok(tools::matching(
            self.hub,
            &self.caller()?,
            text,
            &self.context.ui.now(),
        ))
    }

    /// The profiles, the one in force marked.
    pub(super) fn profiles(&self) -> String {
        let config = self.hub.config();
        let now = self.profile.as_deref().or(config.profile.as_deref());
        if config.profiles.is_empty() {
            return "no profiles; add one as `[profiles.NAME]` in the configuration".into();
        }
        let line = |(name, profile): (&String, &toolpool_config::Profile)| {
            let mark = if now == Some(name.as_str()) { "*" } else { " " };
            format!(
                "{mark} {name}  {}",
                profile.description.as_deref().unwrap_or_default()
            )
            .trim_end()
            .to_owned()
        };
        config
            .profiles
            .iter()
            .map(line)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Acts under another profile; one that does not exist changes nothing.
    pub(super) fn set_profile(&mut self, change: OrReset<String>) -> anyhow::Result<String> {
        let before = std::mem::replace(&mut self.profile, change.into_option());
        let seen = self.seen();
        if seen.is_err() {
            self.profile = before;
        }
        seen
    }

    /// What is denied: by configuration, profile and session.
    pub(super) fn denied(&self) -> anyhow::Result<String> {
        let caller = self.caller()?;
        let patterns: Vec<String> = caller.rules.deny.iter().map(ToString::to_string).collect();
        Ok(if patterns.is_empty() {
            "nothing is denied".into()
        } else {
            patterns.join("\n")
        })
    }

    /// Hides what the pattern matches.
    pub(super) fn hide(&mut self, pattern: String) -> anyhow::Result<String> {
        patterns(&[&pattern])?;
        self.deny.push(pattern);
        self.seen()
    }

    /// Lifts a pattern of this session.
    pub(super) fn allow(&mut self, pattern: &str) -> anyhow::Result<String> {
        let before = self.deny.len();
        self.deny.retain(|known| known != pattern);
        if self.deny.len() == before {
            return Ok(format!(
                "`{pattern}` was not denied in this session; only what `:deny` added can be lifted"
            ));
        }
        self.seen()
    }

    /// How many tools are left to see.
    pub(super) fn seen(&self) -> anyhow::Result<String> {
        let snapshot = self.hub.snapshot();
        let view = self.hub.view(&snapshot, &self.caller()?);
        let (seen, all) = (view.len(), snapshot.tools().len());
        Ok(format!(
            "{} of {} in view",
            number(seen as u64),
            words::count(all, "tool")
        ))
    }

    /// What a pool may take.
    pub(super) fn allowance(&self) -> anyhow::Result<String> {
        let configured = self.caller()?.pool.allowance_tokens();
        Ok(match self.budget {
            Some(budget) => format!(
                "a pool may take {} tokens; `:budget -` goes back to {}",
                number(u64::from(budget)),
                number(u64::from(configured))
            ),
            None => format!(
                "a pool may take {} tokens, as configured",
                number(u64::from(configured))
            ),
        })
    }
}
