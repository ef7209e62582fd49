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
mod session;

use serde_json::Value;
use toolpool_config::Config;

use crate::cli::call;
use crate::cli::greeting;
use crate::cli::pool::{self, OUT_MAX};
use crate::cli::pool_text;
use crate::cli::prompt::{Line, Terminal};
use crate::cli::report::{self, Done, Usage};
use crate::cli::servers;
use crate::cli::start::Context;
use crate::cli::ui::Style;
use crate::cli::wait;
use crate::cli::with_hub;
use crate::execute::Refusal;
use command::{COMMANDS, Input, parse};
use session::Session;

/// What to type.
const TIP: &str = "Say what you want done to see its pool of tools. :help for more, Tab completes, Ctrl-D leaves.";

/// Lines of a printed pool besides its tools, and the prompts around it.
const AROUND: usize = 10;
/// At least so many of the tools that are out are shown, however small the terminal.
const OUT_MIN: usize = 3;

/// Opens the explorer, with `note` under its greeting.
pub(crate) async fn run(
    context: &Context,
    config: Config,
    budget: Option<u32>,
    note: &str,
) -> anyhow::Result<Done> {
    with_hub(context, config, async |hub| {
        wait::for_greeting(context, hub).await?;
        context.signals.pass_on();
        let session = Session {
            context,
            hub,
            profile: context.global.profile.clone(),
            deny: context.global.deny.clone(),
            budget,
        };
        explore(session, note).await
    })
    .await
}

async fn explore(mut session: Session<'_>, note: &str) -> anyhow::Result<Done> {
    let (context, look) = (session.context, session.context.ui.out);
    let greeting = greeting::of(session.hub, &session.caller()?, TIP, &look);
    context.ui.print(&format!("{greeting}{note}"))?;
    let history = context.surroundings.state().join("history");
    let mut terminal = Terminal::open(session.hub.clone(), COMMANDS, history, context.ui.out.color);
    loop {
        terminal.sees(session.seen_now()?);
        let prompt = match &session.profile {
            Some(profile) => format!("pool ({profile})> "),
            None => "pool> ".into(),
        };
        let line = tokio::select! {
            line = terminal.line(&prompt) => line,
            () = context.signals.stop.cancelled() => break,
        };
        match line {
            Line::Typed(line) => match answer(&mut session, &line).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => report::tell(&context.ui, &error)?,
            },
            Line::Interrupted => {}
            Line::End => break,
        }
    }
    Ok(Done::Yes)
}

/// Does what a line says; false when it was to leave.
async fn answer(session: &mut Session<'_>, line: &str) -> anyhow::Result<bool> {
    let ui = &session.context.ui;
    let said = match parse(line)? {
        Input::Nothing => return Ok(true),
        Input::Quit => return Ok(false),
        Input::Call { name, arguments } => {
            return call(session, &name, arguments).await.map(|()| true);
        }
        Input::Request(request) => pool(session, &request).await?,
        Input::Help => command::help(&ui.now()),
        Input::Servers => servers::text(&session.servers()?, &ui.now()),
        Input::Tools(text) => session.tools(&text)?,
        Input::Profile(None) => session.profiles(),
        Input::Profile(Some(change)) => session.set_profile(change)?,
        Input::Deny(None) => session.denied()?,
        Input::Deny(Some(pattern)) => session.hide(pattern)?,
        Input::Allow(pattern) => session.allow(&pattern)?,
        Input::Budget(None) => session.allowance()?,
        Input::Budget(Some(change)) => {
            session.budget = change.into_option();
            session.allowance()?
        }
    };
    ui.print(&said)?;
    Ok(true)
}

async fn pool(session: &Session<'_>, request: &str) -> anyhow::Result<String> {
    wait::vectors(session.context, session.hub).await?;
    let caller = session.caller()?;
    let mut report = pool::make(session.hub, &caller, request, session.budget, OUT_MAX).await;
    // What is in must not scroll away for what is out.
    let rows = session
        .context
        .ui
        .rows()
        .saturating_sub(report.offered.len() + AROUND);
    report.shorten(rows.max(OUT_MIN));
    Ok(format!(
        "{}\n",
        pool_text::text(&report, &session.context.ui.now())
    ))
}

async fn call(session: &Session<'_>, name: &str, arguments: Option<Value>) -> anyhow::Result<()> {
    let (context, caller) = (session.context, session.caller()?);
    let answer = match call::call(context, session.hub, &caller, name, arguments).await? {
        Ok(answer) => answer,
        Err(refusal) => return Err(in_our_words(refusal)),
    };
    call::show(context, &answer)?;
    let took = servers::duration(u64::try_from(answer.elapsed.as_millis()).unwrap_or(u64::MAX));
    context
        .ui
        .say(&context.ui.err.paint(Style::Dim, &format!("took {took}")));
    Ok(())
}

/// A refusal whose hint can be typed here.
fn in_our_words(refusal: Refusal) -> anyhow::Error {
    let hint = match &refusal {
        Refusal::Unknown { .. } => Some("`:tools` lists the tools that can be called".to_owned()),
        Refusal::Arguments { tool, .. } => Some(format!("`:tools {tool}` shows its parameters")),
        _ => None,
    };
    match hint {
        Some(hint) => Usage::new(refusal.to_string()).hint(hint).into(),
        None => refusal.into(),
    }
}
