//! The conversation: a model, the tools of the configured servers, and a person at the terminal.
//!
//! ```text
//! line ─► command ─► sitting (pool, budget, mode, ...) ─► stdout
//!    └──► agent.turn ─ events ─► screen ─► stdout, stderr
//!             └─ questions ─► desk ─► terminal
//! ```
//!
//! stdout is what the model said, stderr everything else, also here. Everything true is in the agent's journal: the
//! conversation can end at any moment.

mod cache_table;
mod command;
mod compaction;
pub(crate) mod recover;
pub(crate) mod screen;
mod sitting;
pub(crate) mod tables;
pub(crate) mod turn;

use std::path::Path;
use std::sync::Arc;

use toolpool_config::Config;

use crate::agent::{Agent, Opened, Remember, Setup};
use crate::approve::Approver;
use crate::cli::ask::Desk;
use crate::cli::endpoint::{self, Chosen};
use crate::cli::greeting;
use crate::cli::prompt::{Line, Terminal};
use crate::cli::report::{self, Done, Interrupted};
use crate::cli::start::Context;
use crate::cli::ui::{self, Style};
use crate::cli::wait;
use crate::cli::with_hub;
use crate::hub::Hub;

use command::COMMANDS;
use screen::{Screen, Standing};
use sitting::{Next, Sitting};

/// What to type.
const TIP: &str =
    "Say what you want done. /help for more, Tab completes, Ctrl-C stops, Ctrl-D leaves.";

/// What the agent is opened with.
pub(crate) fn setup(
    context: &Context,
    hub: &Arc<Hub>,
    chosen: &Chosen,
    approver: Arc<dyn Approver>,
) -> Setup {
    Setup {
        hub: hub.clone(),
        model: chosen.model.clone(),
        approver,
        store: context.store(&hub.config()),
        start: context.talk.start(),
        profile: context.global.profile.clone(),
        deny: context.global.deny.clone(),
        mode: context.talk.mode,
        folder: context.surroundings.folder.clone(),
        remember: Some(remember(context)),
        agent: context.talk.agent.clone(),
        above: None,
    }
}

/// A screen for a session as it stands.
pub(crate) fn screen(context: &Context, agent: &Agent) -> Screen {
    let standing = Standing::new(
        agent.about().window.tokens,
        agent.mode().to_string(),
        agent.pool().map(|pool| (pool.tools.len(), pool.tokens)),
    );
    Screen::new(context.ui.now(), standing)
}

/// A terminal with the commands of the conversation.
pub(crate) fn terminal(context: &Context, hub: &Arc<Hub>) -> Terminal {
    let history = context.surroundings.state().join("said");
    Terminal::open(hub.clone(), COMMANDS, history, context.ui.out.color)
}

/// The file that gets a rule when the person says *always*, as it is told.
pub(crate) fn rules_file(context: &Context) -> String {
    let file = context
        .global
        .config
        .clone()
        .unwrap_or_else(|| context.surroundings.user_file());
    short(&file, &context.surroundings.home())
}

/// Writes what is allowed for good into the person's own file.
fn remember(context: &Context) -> Arc<Remember> {
    let file = context
        .global
        .config
        .clone()
        .unwrap_or_else(|| context.surroundings.user_file());
    Arc::new(move |rule| toolpool_config::add_rule(&file, rule).map_err(|error| error.to_string()))
}

/// A path with `~` for the home folder.
fn short(path: &Path, home: &Path) -> String {
    match path.strip_prefix(home) {
        Ok(rest) => format!("~/{}", rest.display()),
        Err(_) => path.display().to_string(),
    }
}

/// Holds a conversation.
pub(crate) async fn run(
    context: &Context,
    config: Config,
    chosen: &Chosen,
) -> anyhow::Result<Done> {
    with_hub(context, config, async |hub| {
        wait::for_greeting(context, hub).await?;
        let terminal = terminal(context, hub);
        let (asker, desk) = Desk::open(terminal, rules_file(context));
        let (agent, opened) = Agent::open(setup(context, hub, chosen, Arc::new(asker))).await?;
        context.signals.pass_on();
        let mut sitting = Sitting {
            context,
            hub,
            events: agent.events(),
            screen: screen(context, &agent),
            agent,
            desk,
            store: context.store(&hub.config()),
        };
        greet(&sitting, chosen, &opened)?;
        let ended = converse(&mut sitting, &opened).await;
        sitting.agent.close().await;
        ended
    })
    .await
}

fn greet(sitting: &Sitting<'_>, chosen: &Chosen, opened: &Opened) -> anyhow::Result<()> {
    let (ui, look) = (&sitting.context.ui, sitting.context.ui.out);
    let about = sitting.agent.about();
    let mut text = greeting::of(sitting.hub, &sitting.agent.caller()?, TIP, &look);
    text.push_str(&format!("{}\n", endpoint::line(about, &look)));
    if let Some(because) = &chosen.because {
        text.push_str(&format!("{}\n", look.paint(Style::Dim, because)));
    }
    if opened.resumed {
        let history = sitting.agent.history();
        text.push_str(&format!("\n{}", recover::recap(opened, &history, &look)));
    }
    ui.print(&text)?;
    if let Some(warning) = endpoint::warning(about) {
        ui.warn(&warning);
    }
    for sentence in recover::found(opened) {
        ui.warn(&sentence);
    }
    Ok(())
}

async fn converse(sitting: &mut Sitting<'_>, opened: &Opened) -> anyhow::Result<Done> {
    let context = sitting.context;
    let settled = recover::settle(
        context,
        &mut sitting.agent,
        &mut sitting.desk.terminal,
        &opened.doubts,
    )
    .await?;
    if !settled {
        return Ok(Done::Yes);
    }
    if let Some((turn, words)) = &opened.interrupted {
        let look = context.ui.now();
        match recover::goes_on(context, &mut sitting.desk.terminal, *turn, words, &look).await {
            Some(true) => match sitting.go_on().await? {
                Next::Line => {}
                Next::Leave => return Ok(Done::Yes),
                Next::Stop => return Err(Interrupted.into()),
            },
            Some(false) => {}
            None => return Ok(Done::Yes),
        }
    }
    // Whether the last thing at the prompt was Ctrl-C: a second one leaves.
    let mut leaving = false;
    loop {
        sitting.desk.terminal.sees(sitting.seen()?);
        let prompt = format!("{}> ", sitting.agent.mode());
        let line = tokio::select! {
            line = sitting.desk.terminal.line(&prompt) => line,
            () = context.signals.stop.cancelled() => break,
        };
        match line {
            Line::Typed(line) => {
                leaving = false;
                match sitting.answer(&line).await {
                    Ok(Next::Line) => {}
                    Ok(Next::Leave) => break,
                    Ok(Next::Stop) => return Err(Interrupted.into()),
                    Err(error) => report::tell(&context.ui, &error)?,
                }
                if context.signals.stop.is_cancelled() {
                    break;
                }
            }
            Line::Interrupted if leaving => break,
            Line::Interrupted => {
                leaving = true;
                ui::talk("Ctrl-C again leaves");
            }
            Line::End => break,
        }
    }
    Ok(Done::Yes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_at_home_are_told_short() {
        let home = Path::new("/home/ada");
        for (path, wanted) in [
            (
                "/home/ada/.config/toolpool/config.toml",
                "~/.config/toolpool/config.toml",
            ),
            ("/etc/toolpool.toml", "/etc/toolpool.toml"),
        ] {
            assert_eq!(short(Path::new(path), home), wanted);
        }
    }
}
