//! The pool explorer: type a request, see its pool. What a person meets first.
//!
//! ```text
//! terminal thread (keys) ─ line ─► command (what it means) ─► hub ─► text ─► stdout
//!         ▲                                                   │
//!         └──────────────── prompt ◄──────────────────────────┘
//! ```
//!
//! It works from the first moment: servers that come up meanwhile are there at the next request.
//! Profile, deny list and budget are this session's own and end with it.

mod command;
mod complete;
mod terminal;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use toolpool_registry::Health;

use crate::caller::{Caller, patterns};
use crate::cli::call;
use crate::cli::columns::{self, number};
use crate::cli::pool::{self, OUT_MAX};
use crate::cli::pool_text;
use crate::cli::report::{self, Done};
use crate::cli::servers;
use crate::cli::start::Context;
use crate::cli::state;
use crate::cli::tool_text;
use crate::cli::tools;
use crate::cli::ui::{self, Look, Style};
use crate::cli::wait::{self, Until};
use crate::cli::with_hub;
use crate::encoder::EncoderState;
use crate::error::list;
use crate::hub::Hub;
use command::{Input, OrReset, parse};
use terminal::{Line, Terminal};

/// The greeting waits so long for servers, so that it can name most of them.
const GREETING_WAIT: Duration = Duration::from_secs(2);

/// Opens the explorer.
pub(crate) async fn run(context: &Context, budget: Option<u32>) -> anyhow::Result<Done> {
    let config = context.load()?.config;
    with_hub(context, config, async |hub| {
        let started = Instant::now();
        wait::settle_or(context, hub, Until::Everything, || {
            started.elapsed() >= GREETING_WAIT
        })
        .await?;
        context.signals.pass_on();
        let deny = context.global.deny.clone();
        let explorer = Explorer {
            context,
            hub,
            profile: context.global.profile.clone(),
            deny,
            budget,
        };
        explorer.run().await
    })
    .await
}

struct Explorer<'a> {
    context: &'a Context,
    hub: &'a Arc<Hub>,
    profile: Option<String>,
    deny: Vec<String>,
    budget: Option<u32>,
}

impl Explorer<'_> {
    async fn run(mut self) -> anyhow::Result<Done> {
        self.context.ui.print(&self.greeting()?)?;
        let history = self.context.surroundings.state().join("history");
        let mut terminal =
            Terminal::open(self.hub.clone(), Some(history), self.context.ui.out.color);
        loop {
            terminal.sees(self.caller()?);
            let prompt = self.prompt();
            let line = tokio::select! {
                line = terminal.line(&prompt) => line,
                () = self.context.signals.stop.cancelled() => break,
            };
            match line {
                Line::Typed(line) => match self.answer(&line).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => self.tell(&error)?,
                },
                Line::Interrupted => {}
                Line::End => break,
            }
        }
        Ok(Done::Yes)
    }

    /// Tells an error and goes on, unless nobody reads any more.
    fn tell(&self, error: &anyhow::Error) -> anyhow::Result<()> {
        if report::code(error) == report::DONE {
            return Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe).into());
        }
        let look = &self.context.ui.err;
        let interrupted = || format!("{}\n", look.paint(Style::Dim, "cancelled"));
        ui::talk(
            report::render(error, look)
                .unwrap_or_else(interrupted)
                .trim_end(),
        );
        Ok(())
    }

    fn prompt(&self) -> String {
        match &self.profile {
            Some(profile) => format!("pool ({profile})> "),
            None => "pool> ".into(),
        }
    }

    /// The session as a caller, under the configuration as it is now.
    fn caller(&self) -> anyhow::Result<Caller> {
        Ok(Caller::new(
            &self.hub.config(),
            "local",
            self.profile.as_deref(),
            &patterns(&self.deny)?,
        )?)
    }

    /// Does what a line says; false when it was to leave.
    async fn answer(&mut self, line: &str) -> anyhow::Result<bool> {
        let ui = &self.context.ui;
        match parse(line)? {
            Input::Nothing => {}
            Input::Quit => return Ok(false),
            Input::Help => ui.print(&command::help(&ui.now()))?,
            Input::Request(request) => self.pool(&request).await?,
            Input::Call { name, arguments } => self.call(&name, arguments).await?,
            Input::Servers => ui.print(&servers::text(&self.servers()?, &ui.now()))?,
            Input::Tools(text) => ui.print(&self.tools(&text)?)?,
            Input::Profile(None) => ui.print(&self.profiles())?,
            Input::Profile(Some(change)) => self.set_profile(change)?,
            Input::Deny(None) => ui.print(&self.denied()?)?,
            Input::Deny(Some(pattern)) => {
                patterns(&[&pattern])?;
                self.deny.push(pattern);
                ui.print(&self.seen()?)?;
            }
            Input::Allow(pattern) => self.allow(&pattern)?,
            Input::Budget(None) => ui.print(&self.allowance()?)?,
            Input::Budget(Some(change)) => {
                self.budget = change.into_option();
                ui.print(&self.allowance()?)?;
            }
        }
        Ok(true)
    }

    async fn pool(&self, request: &str) -> anyhow::Result<()> {
        let report = pool::make(self.hub, &self.caller()?, request, self.budget, OUT_MAX).await;
        self.context.ui.print(&format!(
            "{}\n",
            pool_text::text(&report, &self.context.ui.now())
        ))?;
        Ok(())
    }

    async fn call(&self, name: &str, arguments: Option<serde_json::Value>) -> anyhow::Result<()> {
        let answer = call::call(self.context, self.hub, &self.caller()?, name, arguments).await??;
        call::show(self.context, &answer)?;
        let took = servers::duration(u64::try_from(answer.elapsed.as_millis()).unwrap_or(u64::MAX));
        self.context.ui.say(
            &self
                .context
                .ui
                .err
                .paint(Style::Dim, &format!("took {took}")),
        );
        Ok(())
    }

    fn servers(&self) -> anyhow::Result<Vec<servers::Row>> {
        let (config, snapshot, caller) = (self.hub.config(), self.hub.snapshot(), self.caller()?);
        Ok(servers::rows(
            &snapshot,
            &self.hub.view(&snapshot, &caller),
            &caller,
            &config,
        ))
    }

    /// The tools whose name or description holds the words; one in full where its whole name was typed.
    fn tools(&self, text: &str) -> anyhow::Result<String> {
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

    fn profiles(&self) -> String {
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

    fn set_profile(&mut self, change: OrReset<String>) -> anyhow::Result<()> {
        let before = std::mem::replace(&mut self.profile, change.into_option());
        match self.seen() {
            Ok(seen) => Ok(self.context.ui.print(&seen)?),
            Err(error) => {
                self.profile = before;
                Err(error)
            }
        }
    }

    fn denied(&self) -> anyhow::Result<String> {
        let caller = self.caller()?;
        let patterns: Vec<String> = caller.rules.deny.iter().map(ToString::to_string).collect();
        Ok(if patterns.is_empty() {
            "nothing is denied".into()
        } else {
            patterns.join("\n")
        })
    }

    fn allow(&mut self, pattern: &str) -> anyhow::Result<()> {
        let before = self.deny.len();
        self.deny.retain(|known| known != pattern);
        if self.deny.len() == before {
            self.context.ui.say(&format!(
                "`{pattern}` was not denied in this session; only what `:deny` added can be lifted"
            ));
            return Ok(());
        }
        Ok(self.context.ui.print(&self.seen()?)?)
    }

    /// How many tools are left to see.
    fn seen(&self) -> anyhow::Result<String> {
        let snapshot = self.hub.snapshot();
        let view = self.hub.view(&snapshot, &self.caller()?);
        let (seen, all) = (view.len(), snapshot.tools().len());
        Ok(format!(
            "{} of {} in view",
            number(seen as u64),
            columns::count(all, "tool")
        ))
    }

    fn allowance(&self) -> anyhow::Result<String> {
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

    fn greeting(&self) -> anyhow::Result<String> {
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
        EncoderState::Words { .. } | EncoderState::Off => {
            out.push_str(&format!(
                "ranking by words only: {}\n",
                columns::one_line(&pool::why_words(encoder))
            ));
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
