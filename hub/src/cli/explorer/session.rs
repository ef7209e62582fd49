//! One sitting at the explorer: its profile, its deny list and its budget, and what can be asked of the hub
//! under them. All of it ends with the sitting; nothing here changes the configuration.

use std::sync::Arc;

use toolpool_registry::Health;

use super::command::OrReset;
use crate::caller::{Caller, patterns};
use crate::cli::prompt::Seen;
use crate::cli::servers;
use crate::cli::start::Context;
use crate::cli::state;
use crate::cli::tool_text;
use crate::cli::tools;
use crate::cli::ui::{Look, Style};
use crate::cli::wait;
use crate::cli::words::{self, number};
use crate::encoder::EncoderState;
use crate::error::list;
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
        let (snapshot, look) = (self.hub.snapshot(), self.context.ui.now());
        let view = self.hub.view(&snapshot, &self.caller()?);
        if let Some(row) = view.resolve(&snapshot, text) {
            return Ok(tool_text::detail(&snapshot.tools()[row], &look));
        }
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        let lines: Vec<tools::Line> = view
            .rows()
            .map(|row| &snapshot.tools()[row])
            .filter(|tool| {
                let all = format!("{} {}", tool.exposed, tool.description).to_lowercase();
                words.iter().all(|word| all.contains(word))
            })
            .map(|tool| tools::Line::of(tool))
            .collect();
        Ok(tools::text(&lines, &look))
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

    /// The first words.
    pub(super) fn greeting(&self) -> anyhow::Result<String> {
        let look = self.context.ui.out;
        let snapshot = self.hub.snapshot();
        let starting: Vec<&str> = snapshot
            .servers()
            .iter()
            .filter(|server| server.health == Health::Starting)
            .map(|server| &*server.name)
            .collect();
        let missing: Vec<String> = wait::missing(&snapshot, &self.caller()?)
            .into_iter()
            .filter(|missing| !starting.contains(&missing.server.as_str()))
            .map(|missing| format!("`{}`: {}", missing.server, missing.reason))
            .collect();
        let encoder = self.hub.encoder_state().borrow().clone();
        Ok(greeting(
            &state::summary(&self.servers()?, &look),
            &starting,
            &missing,
            &encoder,
            &look,
        ))
    }
}

/// What a person reads first: what is there, what is still coming, what to type.
fn greeting(
    summary: &str,
    starting: &[&str],
    missing: &[String],
    encoder: &EncoderState,
    look: &Look,
) -> String {
    let title = look.paint(
        Style::Bold,
        &format!("toolpool {}", env!("CARGO_PKG_VERSION")),
    );
    let mut out = format!("{title} {} {summary}\n", look.dot());
    if !starting.is_empty() {
        out.push_str(&format!("still starting: {}\n", list(starting)));
    }
    for server in missing {
        out.push_str(&format!(
            "{} {server}\n",
            look.paint(Style::Warn, "missing")
        ));
    }
    match encoder {
        EncoderState::Preparing { what, bytes, total } => {
            out.push_str(&format!(
                "by words for now: {}\n",
                wait::preparing(what, *bytes, *total)
            ));
        }
        EncoderState::Off => out.push_str("ranking by words only: `embedding.enabled` is off\n"),
        // Why was told when it happened; what to do was not.
        EncoderState::Words { hint, .. } => {
            let hint = hint
                .iter()
                .map(|hint| format!("ranking by words only; to change that: {hint}\n"));
            out.extend(hint);
        }
        EncoderState::Ready { .. } => {}
    }
    let tip = "Say what you want done to see its pool of tools. :help for more, Tab completes, Ctrl-D leaves.";
    out.push_str(&format!("{}\n", look.paint(Style::Dim, tip)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_says_what_is_there_and_what_is_coming() {
        let look = Look {
            width: 80,
            color: false,
            unicode: true,
        };
        let fetching = EncoderState::Preparing {
            what: "downloading".into(),
            bytes: Some(3_000_000),
            total: None,
        };
        let text = greeting(
            "2 servers · 5 tools",
            &["git"],
            &["`hub`: down: no".into()],
            &fetching,
            &look,
        );
        let rest = text.split_once(" · ").expect("a first line").1;
        let wanted = "\
2 servers · 5 tools
still starting: `git`
missing `hub`: down: no
by words for now: downloading: 3.0 MB
Say what you want done to see its pool of tools. :help for more, Tab completes, Ctrl-D leaves.
";
        assert_eq!(rest, wanted);
        let calm = greeting(
            "1 server",
            &[],
            &[],
            &EncoderState::Ready { model: "m".into() },
            &look,
        );
        assert_eq!(calm.lines().count(), 2);
    }
}
