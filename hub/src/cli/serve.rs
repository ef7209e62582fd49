//! `serve`: everything that the configuration lets through, as one MCP server.
//!
//! On stdio, stdout belongs to the protocol from the first byte to the last; all talk is on stderr. A
//! profile and deny patterns given as flags hold for every client: the configuration that is served
//! has only that profile, so neither a path nor a token leads out of it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;
use toolpool_config::Config;

use crate::caller::patterns;
use crate::cli::args::{Global, ServeArgs};
use crate::cli::report::Done;
use crate::cli::servers;
use crate::cli::start::Context;
use crate::cli::state;
use crate::cli::stop;
use crate::cli::wait;
use crate::cli::watch;
use crate::error::Error;
use crate::hub::Hub;
use crate::serve::{Asked, serve_http, serve_stdio};

/// How to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    Stdio,
    /// At this address, else the configured one.
    Http(Option<String>),
}

/// Runs the command until the client closes its end or a signal comes.
pub(crate) async fn run(context: &Context, args: ServeArgs) -> anyhow::Result<Done> {
    use std::io::IsTerminal;
    let way = way(args, std::io::stdin().is_terminal());
    let config = narrow(context.load()?.config, &context.global)?;
    let hub = context.start(config)?;
    let result = tokio::select! {
        result = serve(context, &hub, way) => result,
        () = watch::run(context, &hub) => Ok(()),
        () = announce(context, &hub) => Ok(()),
    };
    stop(context, &hub).await;
    result.map(|()| Done::Yes)
}

fn way(args: ServeArgs, by_hand: bool) -> Way {
    match args.http {
        Some(address) => Way::Http(address),
        None if args.stdio || !by_hand => Way::Stdio,
        None => Way::Http(None),
    }
}

async fn serve(context: &Context, hub: &Arc<Hub>, way: Way) -> anyhow::Result<()> {
    match way {
        Way::Stdio => stdio(context, hub).await,
        Way::Http(address) => {
            let address = address.unwrap_or_else(|| hub.config().serve.address.clone());
            http(context, hub, &address).await
        }
    }
}

async fn stdio(context: &Context, hub: &Arc<Hub>) -> anyhow::Result<()> {
    let asked = Asked {
        principal: "local".into(),
        profile: None,
        deny: Vec::new(),
    };
    let session = serve_stdio(hub.clone(), asked, tokio::io::stdin(), tokio::io::stdout());
    match context.signals.unless_stopped(session).await {
        Ok(ended) => Ok(ended?),
        // A signal is how a client that is done says so.
        Err(_) => Ok(()),
    }
}

async fn http(context: &Context, hub: &Arc<Hub>, address: &str) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let mut served = serve_http(hub.clone(), address, stop.clone()).await?;
    context
        .ui
        .say(&format!("serving on http://{}/mcp", served.address));
    if let Ok(ended) = context.signals.unless_stopped(&mut served.done).await {
        return ended
            .context("the server's task ended")?
            .context("the server ended");
    }
    stop.cancel();
    // Streams that clients hold open end with the process; calls in flight get their time.
    let drain = Duration::from_millis(hub.config().limits.drain_timeout_ms);
    if tokio::time::timeout(drain, &mut served.done).await.is_err() {
        served.done.abort();
    }
    Ok(())
}

/// Says once what is served and what is missing, then never ends.
async fn announce(context: &Context, hub: &Arc<Hub>) {
    let config = hub.config();
    let limit = context
        .global
        .wait
        .unwrap_or(Duration::from_millis(config.limits.settle_timeout_ms));
    hub.settled(limit).await;
    let (config, snapshot) = (hub.config(), hub.snapshot());
    // It was checked before anything started; a reload keeps it.
    if let Ok(caller) = context.caller(&config) {
        let view = hub.view(&snapshot, &caller);
        let rows = servers::rows(&snapshot, &view, &caller, &config);
        let list = if hub.lists_all(&snapshot, &view, &caller) {
            "clients list every tool"
        } else {
            "clients list `find_tools` and `call_tool`, which reach all of them"
        };
        context.ui.say(&format!(
            "{}; {list}",
            state::summary(&rows, &context.ui.err)
        ));
        wait::say_missing(context, &wait::missing(&snapshot, &caller));
    }
    std::future::pending().await
}

/// The configuration that is served under the flags.
///
/// # Errors
/// A profile that does not exist, a pattern that can't be read.
pub(crate) fn narrow(mut config: Config, global: &Global) -> Result<Config, Error> {
    config.deny.extend(patterns(&global.deny)?);
    if let Some(name) = &global.profile {
        if !config.profiles.contains_key(name) {
            let known = config.profiles.keys().cloned().collect();
            return Err(Error::NoProfile {
                name: name.clone(),
                known,
            });
        }
        config.profiles.retain(|known, _| known == name);
        config.profile = Some(name.clone());
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use toolpool_config::Profile;

    #[test]
    fn the_way_is_told_or_guessed_from_stdin() {
        let args = |stdio, http: Option<Option<&str>>| ServeArgs {
            stdio,
            http: http.map(|a| a.map(str::to_owned)),
        };
        for (args, by_hand, wanted) in [
            (args(false, None), true, Way::Http(None)),
            (args(false, None), false, Way::Stdio),
            (args(true, None), true, Way::Stdio),
            (args(false, Some(None)), false, Way::Http(None)),
            (
                args(false, Some(Some("127.0.0.1:0"))),
                true,
                Way::Http(Some("127.0.0.1:0".into())),
            ),
        ] {
            assert_eq!(way(args, by_hand), wanted);
        }
    }

    #[test]
    fn flags_leave_one_profile_and_add_to_deny() {
        let mut config = Config::default();
        config.profiles.insert("read".into(), Profile::default());
        config.profiles.insert("write".into(), Profile::default());
        let global = Global {
            profile: Some("read".into()),
            deny: vec!["git__*".into()],
            ..Global::default()
        };
        let narrowed = narrow(config.clone(), &global).expect("a profile that exists");
        assert_eq!(narrowed.profiles.keys().collect::<Vec<_>>(), ["read"]);
        assert_eq!(narrowed.profile.as_deref(), Some("read"));
        assert_eq!(narrowed.deny.len(), config.deny.len() + 1);
        let gone = Global {
            profile: Some("gone".into()),
            ..Global::default()
        };
        assert!(narrow(config.clone(), &gone).is_err());
        let broken = Global {
            deny: vec!["effect:x".into()],
            ..Global::default()
        };
        assert!(narrow(config, &broken).is_err());
    }
}
