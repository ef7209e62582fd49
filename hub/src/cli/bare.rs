//! `toolpool` without a command: what it does depends on what is there.
//!
//! ```text
//!                    a model answers                     none does
//! request, or stdin  one request (once)                  its pool, and how to get a model
//! a terminal         a conversation (chat)               the pool explorer, and how to get a model
//! neither            the state of the hub                the state of the hub
//! ```
//!
//! With a flag that only makes sense with a model, no model is an error: a script that wants an answer must not get a pool.

use std::io::{self, IsTerminal, Read};
use std::time::Duration;

use anyhow::Context as _;
use clap::CommandFactory;
use toolpool_config::Config;
use toolpool_config::fixed::STDIN_BYTES_MAX;

use crate::cli::args::{Cli, Format, PoolArgs};
use crate::cli::endpoint::{self, Chosen};
use crate::cli::report::{Done, Usage};
use crate::cli::start::{self, Context};
use crate::cli::{chat, explorer, once, pool, state};

/// Whoever waits longer for the end of stdin is told so.
const STDIN_QUIET: Duration = Duration::from_secs(2);

/// Does what was asked, or what a person most likely wants.
pub(crate) async fn run(
    context: &Context,
    request: Option<String>,
    budget: Option<u32>,
) -> anyhow::Result<Done> {
    if let Some(request) = &request {
        refuse_misspelt(request)?;
        if request.trim().is_empty() {
            return Err(Usage::new("the request is empty")
                .hint("say what you want done: `toolpool \"read a file\"`")
                .into());
        }
    }
    let format = match context.talk.output_format {
        Some(format) => format,
        None if context.global.json => Format::Json,
        None => Format::Text,
    };
    let given = context.talk.given();
    let piped = !io::stdin().is_terminal();
    let person = context.ui.interactive && !context.global.json;
    if request.is_none() && !piped && !context.talk.goes_on() {
        if context.talk.output_format.is_some() {
            return Err(no_request("--output-format").into());
        }
        if !person {
            return match given.first() {
                Some(flag) => Err(no_request(flag).into()),
                None => state::run(context, context.load()?.config, budget).await,
            };
        }
    }
    let config = context.load()?.config;
    let counter = start::counter(&config)?;
    match endpoint::find(context, &config, &counter).await? {
        Some(chosen) => {
            let config = within(config, budget);
            with_model(context, config, &chosen, request, piped, format).await
        }
        None if !given.is_empty() => {
            let places = match &config.model.endpoint {
                Some(endpoint) => std::slice::from_ref(endpoint),
                None => &config.model.places,
            };
            Err(endpoint::nothing_answers(places).into())
        }
        None => without_model(context, config, request, budget, person).await,
    }
}

async fn with_model(
    context: &Context,
    config: Config,
    chosen: &Chosen,
    request: Option<String>,
    piped: bool,
    format: Format,
) -> anyhow::Result<Done> {
    let text = if piped {
        joined(request, &stdin(context).await?)
    } else {
        request
    };
    match text {
        Some(text) => once::run(context, config, chosen, Some(&text), format).await,
        None if !piped && context.ui.interactive && !context.global.json => {
            chat::run(context, config, chosen).await
        }
        None if context.talk.goes_on() => once::run(context, config, chosen, None, format).await,
        None => match context.talk.given().first() {
            Some(flag) => Err(no_request(flag).into()),
            None => state::run(context, config, None).await,
        },
    }
}

async fn without_model(
    context: &Context,
    config: Config,
    request: Option<String>,
    budget: Option<u32>,
    person: bool,
) -> anyhow::Result<Done> {
    match request {
        Some(request) => {
            let args = PoolArgs {
                request,
                budget,
                all: false,
            };
            let done = pool::show(context, config, &args).await?;
            context.ui.say(endpoint::HOW_TO_LINE);
            Ok(done)
        }
        None if person => explorer::run(context, config, budget, endpoint::HOW_TO).await,
        None => state::run(context, config, budget).await,
    }
}

fn no_request(flag: &str) -> Usage {
    Usage::new(format!("`{flag}` needs a request here"))
        .hint("say what you want done: `toolpool \"read a file\"`, or pipe it in")
}

/// The configuration with `--budget` as what a pool may take, whatever the profile says.
fn within(mut config: Config, budget: Option<u32>) -> Config {
    if budget.is_some() {
        config.pool.tokens = budget;
        for profile in config.profiles.values_mut() {
            profile.pool.tokens = None;
        }
    }
    config
}

/// The request with what was piped in behind it; none where both are empty.
fn joined(request: Option<String>, piped: &str) -> Option<String> {
    let piped = piped.trim();
    match request {
        Some(request) if piped.is_empty() => Some(request),
        Some(request) => Some(format!("{request}\n\n<stdin>\n{piped}\n</stdin>")),
        None => (!piped.is_empty()).then(|| piped.to_owned()),
    }
}

/// All of stdin.
async fn stdin(context: &Context) -> anyhow::Result<String> {
    let reading = tokio::task::spawn_blocking(|| {
        let mut bytes = Vec::new();
        io::stdin()
            .lock()
            .take(STDIN_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map(|_| bytes)
    });
    let told = async {
        tokio::time::sleep(STDIN_QUIET).await;
        context
            .ui
            .say("waiting for the end of stdin; `< /dev/null` goes without it");
        std::future::pending().await
    };
    let bytes = tokio::select! {
        bytes = context.signals.unless_stopped(reading) => bytes?,
        () = told => unreachable!("it only tells"),
    };
    let bytes = bytes
        .context("cannot read stdin")?
        .context("cannot read stdin")?;
    if bytes.len() as u64 > STDIN_BYTES_MAX {
        return Err(Usage::new(format!(
            "stdin has more than {} MiB, and no model reads as much",
            STDIN_BYTES_MAX >> 20
        ))
        .hint("name the file in the request, so that the model reads what it needs of it")
        .into());
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A single word that is nearly a command is a slip and not a request.
fn refuse_misspelt(request: &str) -> Result<(), Usage> {
    let command = Cli::command();
    let near = command
        .get_subcommands()
        .map(clap::Command::get_name)
        .find(|name| request.len() > 2 && !request.contains(' ') && is_slip(request, name));
    match near {
        Some(name) => Err(
            Usage::new(format!("`{request}` is no command; did you mean `{name}`?")).hint(format!(
                "to ask for it all the same, say it in more words; `toolpool pool {request}` shows its tools"
            )),
        ),
        None => Ok(()),
    }
}

/// Whether one letter too many, missing, wrong or out of place makes the one the other.
fn is_slip(typed: &str, name: &str) -> bool {
    strsim::osa_distance(&typed.to_lowercase(), name) <= 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use toolpool_config::Profile;

    #[test]
    fn slips_of_one_letter() {
        for (typed, wanted) in [
            ("server", true),
            ("serverz", true),
            ("toosl", true),
            ("Doctr", true),
            ("tools", true),
            ("search", false),
            ("pools please", false),
            ("git", false),
        ] {
            let near = [
                "servers", "tools", "pool", "call", "serve", "config", "doctor",
            ]
            .iter()
            .any(|name| is_slip(typed, name));
            assert_eq!(near, wanted, "{typed}");
        }
        assert!(refuse_misspelt("serverz").is_err());
        assert!(refuse_misspelt("list").is_ok());
        assert!(refuse_misspelt("call my mother").is_ok());
    }

    #[test]
    fn what_is_piped_in_comes_behind_the_request() {
        for (request, piped, wanted) in [
            (Some("sum it up"), "", Some("sum it up")),
            (
                Some("sum it up"),
                "a\nb\n",
                Some("sum it up\n\n<stdin>\na\nb\n</stdin>"),
            ),
            (None, " fix it \n", Some("fix it")),
            (None, " \n", None),
        ] {
            let found = joined(request.map(str::to_owned), piped);
            assert_eq!(found.as_deref(), wanted, "{request:?} {piped:?}");
        }
    }

    #[test]
    fn a_budget_holds_under_every_profile() {
        let mut config = Config::default();
        let mut profile = Profile::default();
        profile.pool.tokens = Some(900);
        config.profiles.insert("p".into(), profile);
        assert_eq!(within(config.clone(), None), config);
        let config = within(config, Some(300));
        assert_eq!(config.pool.tokens, Some(300));
        assert_eq!(config.profiles["p"].pool.tokens, None);
    }
}
