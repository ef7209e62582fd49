//! One sitting at a conversation: what its commands do, and how a turn is run and shown.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use toolpool_config::Mode;

use super::cache_table;
use super::command::{self, Input, parse};
use super::compaction;
use super::recover;
use super::screen::Screen;
use super::tables;
use super::turn::{Show, Watched, put, watch};
use crate::agent::Agent;
use crate::cli::ask::Desk;
use crate::cli::pool::{self, OUT_MAX};
use crate::cli::pool_text;
use crate::cli::prompt::Seen;
use crate::cli::servers;
use crate::cli::start::Context;
use crate::cli::tools;
use crate::cli::why;
use crate::cli::words::{self, number, one_line, safe};
use crate::event::Event;
use crate::hub::Hub;
use crate::journal::store::Store;

/// What comes after a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The next line.
    Line,
    /// The person leaves.
    Leave,
    /// The person left in the middle of a turn.
    Stop,
}

/// Which turn is run.
enum Turn<'a> {
    /// A new one with these words.
    Words(&'a str),
    /// The last one, again.
    Retry,
    /// The one that was interrupted.
    GoOn,
}

/// What the conversation has at hand.
pub(super) struct Sitting<'a> {
    pub(super) context: &'a Context,
    pub(super) hub: &'a Arc<Hub>,
    pub(super) agent: Agent,
    pub(super) events: UnboundedReceiver<Event>,
    pub(super) screen: Screen,
    pub(super) desk: Desk,
    pub(super) store: Store,
}

impl Sitting<'_> {
    /// What can be completed.
    pub(super) fn seen(&self) -> anyhow::Result<Seen> {
        Ok(Seen {
            caller: self.agent.caller()?,
            denied: self.agent.denied(),
            pinned: self.pinned(),
        })
    }

    /// Does what a line says.
    pub(super) async fn answer(&mut self, line: &str) -> anyhow::Result<Next> {
        let look = self.context.ui.now();
        let said = match parse(line)? {
            Input::Nothing => return Ok(Next::Line),
            Input::Quit => return Ok(Next::Leave),
            Input::Request(text) => return self.turn(Turn::Words(&text)).await,
            Input::Retry => return self.turn(Turn::Retry).await,
            Input::Compact(focus) => return self.compact(focus).await,
            Input::Compacted => compaction::show(&self.agent.folds().session, &look),
            Input::Help => command::help(&look),
            Input::Tools(text) => tools::matching(self.hub, &self.agent.caller()?, &text, &look),
            Input::Pool(None) => {
                let told_of = self.agent.told_of();
                tables::pool(self.agent.pool().as_ref(), &told_of, &look)
            }
            Input::Pool(Some(request)) => {
                let caller = self.agent.caller()?;
                let report = pool::make(self.hub, &caller, &request, None, OUT_MAX).await;
                pool_text::text(&report, &look)
            }
            Input::Why(words) => self.why(&words).await?,
            Input::Budget { json } => {
                let table = self.agent.budget("").await?;
                if json {
                    serde_json::to_string_pretty(&table)?
                } else {
                    tables::budget(&table, &look)
                }
            }
            Input::Cache { json } => {
                let folds = self.agent.folds();
                let reads = folds.reads.all();
                if json {
                    serde_json::to_string_pretty(&cache_table::json(reads))?
                } else {
                    cache_table::text(reads, &look)
                }
            }
            Input::Mode(None) => format!("mode {}", self.agent.mode()),
            Input::Mode(Some(mode)) => self.set_mode(mode).await?,
            Input::Agent => match self.agent.agent() {
                Some(agent) => {
                    format!("agent {agent}; `toolpool agents show {agent}` says what it may do")
                }
                None => "no agent type: everything that the mode and the rules let through".into(),
            },
            Input::Deny(None) => self.denied()?,
            Input::Deny(Some(pattern)) => {
                self.agent.deny(&pattern).await?;
                self.in_view()?
            }
            Input::Allow(pattern) => {
                if self.agent.allow(&pattern).await? {
                    self.in_view()?
                } else {
                    format!(
                        "`{pattern}` was not denied in this session; only what `/deny` added can be lifted"
                    )
                }
            }
            Input::Pin(None) => match self.pinned() {
                pinned if pinned.is_empty() => "nothing is pinned in this session".into(),
                pinned => pinned.join("\n"),
            },
            Input::Pin(Some(tool)) => self.pin(&tool, true).await?,
            Input::Unpin(tool) => self.pin(&tool, false).await?,
            Input::Servers => self.servers()?,
            Input::Sessions => tables::sessions(&self.store.list()?, self.agent.session(), &look),
            Input::Undo => match self.agent.undo().await? {
                Some(text) => format!(
                    "taken back: {}\nwhat its calls did stays done",
                    words::cut(&one_line(&text), look.width.saturating_sub(12))
                ),
                None => "there is no turn to take back".into(),
            },
            Input::Thoughts => match safe(self.screen.last_thoughts()) {
                text if text.trim().is_empty() => "no reasoning came with the last reply".into(),
                text => text.trim().to_owned(),
            },
        };
        self.context.ui.print(&said)?;
        self.catch_up()?;
        Ok(Next::Line)
    }

    /// Goes on with the turn that was interrupted.
    pub(super) async fn go_on(&mut self) -> anyhow::Result<Next> {
        self.turn(Turn::GoOn).await
    }

    async fn turn(&mut self, turn: Turn<'_>) -> anyhow::Result<Next> {
        let Sitting {
            context,
            agent,
            events,
            screen,
            desk,
            ..
        } = self;
        let ui = &context.ui;
        screen.resized(ui.now());
        let cancel = CancellationToken::new();
        let work = async {
            match turn {
                Turn::Words(text) => agent.turn(text, cancel.clone()).await.map(Some),
                Turn::Retry => agent.retry(cancel.clone()).await.map(Some),
                Turn::GoOn => agent.go_on(cancel.clone()).await,
            }
        };
        let show = |what: Show<'_>, typing: bool| {
            let outputs = match what {
                Show::Event(event) => screen.event(event),
                Show::Close => screen.close(),
            };
            put(ui, outputs, typing)
        };
        match watch(context, work, &cancel, events, Some(desk), show).await? {
            // Its end has been shown, as an event.
            Watched::Done(ended) => {
                ended?;
                ui.say(&screen.status());
                // Calls that ran into a time limit, or were stopped while they ran.
                let doubts = agent.fresh_doubts();
                let stays = recover::settle(context, agent, &mut desk.terminal, &doubts).await?;
                Ok(if stays { Next::Line } else { Next::Leave })
            }
            Watched::Leaving(ended) => {
                ended?;
                Ok(Next::Leave)
            }
            Watched::Left => Ok(Next::Stop),
        }
    }

    /// Shows what commands brought about.
    fn catch_up(&mut self) -> anyhow::Result<()> {
        while let Ok(event) = self.events.try_recv() {
            put(&self.context.ui, self.screen.event(&event), false)?;
        }
        Ok(())
    }

    async fn set_mode(&mut self, mode: Mode) -> anyhow::Result<String> {
        self.agent.set_mode(mode).await?;
        let now = self.agent.mode();
        self.screen.standing().mode = now.to_string();
        Ok(match now {
            Mode::Plan => "mode plan: only tools that read are offered".into(),
            Mode::Ask => "mode ask: what is not read-only is asked for".into(),
            Mode::Auto => "mode auto: what the rules allow is done, the rest is asked for".into(),
        })
    }

    async fn why(&self, words: &str) -> anyhow::Result<String> {
        let look = self.context.ui.now();
        let (lines, _) = self.store.read(self.agent.session())?;
        if let Some(story) = why::of_session(&lines, words, &look)? {
            return Ok(story);
        }
        let mut said = safe(&self.agent.why(words).await?);
        let calls = why::calls_of(&lines, words, &look);
        if !calls.is_empty() {
            said.push_str(&format!("\n{calls}"));
        }
        Ok(said)
    }

    /// Tools and files.
    fn pinned(&self) -> Vec<String> {
        let mut pinned = self.agent.pinned();
        pinned.extend(self.agent.pinned_files());
        pinned
    }

    async fn pin(&mut self, tool: &str, on: bool) -> anyhow::Result<String> {
        if self.is_file(tool, on) {
            self.agent.pin_file(tool, on).await?;
            return Ok(if on {
                format!(
                    "`{tool}` is read again whenever the conversation goes on in a fresh window"
                )
            } else {
                format!("`{tool}` is no longer pinned")
            });
        }
        self.agent.pin(tool, on).await?;
        Ok(if on {
            format!("`{tool}` is always offered in this session")
        } else {
            format!("`{tool}` is offered when it ranks")
        })
    }

    /// Whether a file is meant: what is no tool's name, and looks like a path or is there. A file's name can be wrong in a way that only
    /// the server which reads it knows.
    fn is_file(&self, name: &str, on: bool) -> bool {
        let tool = self.hub.snapshot().by_exposed(name).is_some();
        let pinned = self
            .agent
            .pinned_files()
            .iter()
            .any(|pinned| pinned == name);
        if !on {
            return pinned && !self.agent.pinned().iter().any(|pinned| pinned == name);
        }
        let path = name.contains(['/', '\\', '.']) || std::path::Path::new(name).exists();
        !tool && path
    }

    fn denied(&self) -> anyhow::Result<String> {
        let caller = self.agent.caller()?;
        let patterns: Vec<String> = caller.rules.deny.iter().map(ToString::to_string).collect();
        Ok(if patterns.is_empty() {
            "nothing is denied".into()
        } else {
            patterns.join("\n")
        })
    }

    fn in_view(&self) -> anyhow::Result<String> {
        let snapshot = self.hub.snapshot();
        let view = self.hub.view(&snapshot, &self.agent.caller()?);
        Ok(format!(
            "{} of {} in view",
            number(view.len() as u64),
            words::count(snapshot.tools().len(), "tool")
        ))
    }

    fn servers(&self) -> anyhow::Result<String> {
        let (config, snapshot) = (self.hub.config(), self.hub.snapshot());
        let caller = self.agent.caller()?;
        let rows = servers::rows(
            &snapshot,
            &self.hub.view(&snapshot, &caller),
            &caller,
            &config,
        );
        Ok(servers::text(&rows, &self.context.ui.now()))
    }
}
