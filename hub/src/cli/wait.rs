//! Waiting for servers and encoder, with one changing line for a person who waits too.
//!
//! A command waits for what it shows and no longer: listings for the servers, a pool for the encoder
//! as well, a call for its one tool. What is missing after that is said, with the reason.

use std::time::Duration;

use tokio::time::Instant;
use toolpool_registry::{Health, ServerState, Snapshot};

use crate::caller::Caller;
use crate::cli::report::Interrupted;
use crate::cli::start::Context;
use crate::cli::words::{self, one_line};
use crate::encoder::EncoderState;
use crate::hub::Hub;

/// Shorter waits show no line, which would only flicker.
const QUIET_FIRST: Duration = Duration::from_millis(250);
/// A person at the explorer waits no longer for a better ranking.
const VECTORS_WAIT: Duration = Duration::from_secs(5);
/// A greeting waits so long for servers, so that it can name most of them.
const GREETING_WAIT: Duration = Duration::from_secs(2);
/// Between two looks.
const TICK: Duration = Duration::from_millis(80);
/// Names of starting servers in the line.
const NAMED: usize = 4;

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// Every server has come up or failed once.
    Servers,
    /// That, and every tool has its vector or will have none.
    Everything,
}

/// Waits, at most as long as the flags or the configuration say.
///
/// # Errors
/// [`Interrupted`].
pub(crate) async fn settle(context: &Context, hub: &Hub, until: Until) -> Result<(), Interrupted> {
    settle_or(context, hub, until, || false).await
}

/// [`settle`], or until `enough` is there.
///
/// # Errors
/// [`Interrupted`].
pub(crate) async fn settle_or(
    context: &Context,
    hub: &Hub,
    until: Until,
    enough: impl Fn() -> bool,
) -> Result<(), Interrupted> {
    let limits = &hub.config().limits;
    let limit = context
        .global
        .wait
        .unwrap_or(Duration::from_millis(limits.settle_timeout_ms));
    // A fetch that moves is waited for longer than servers are: it happens once, and is bounded itself.
    let fetch_limit = match context.global.wait {
        Some(limit) => limit,
        None => Duration::from_millis(limits.fetch_timeout_ms).max(limit),
    };
    let started = Instant::now();
    let mut changes = hub.progress();
    loop {
        let snapshot = hub.snapshot();
        let encoder = hub.encoder_state().borrow().clone();
        let servers = servers_settled(&snapshot);
        let all = hub.progress().borrow().settled;
        let done = match until {
            Until::Servers => servers,
            Until::Everything => all,
        };
        let fetching = matches!(encoder, EncoderState::Preparing { bytes: Some(_), .. });
        let elapsed = started.elapsed();
        let late = elapsed
            >= if fetching && servers {
                fetch_limit
            } else {
                limit
            };
        // Before the first snapshot there is nothing to show, not even what is missing; it comes at once.
        let there = snapshot.no() > 0;
        if there && (done || late || enough()) {
            crate::cli::ui::clear();
            return Ok(());
        }
        if elapsed >= QUIET_FIRST && context.ui.shows_progress() {
            let encoder = (until == Until::Everything).then_some(&encoder);
            context.ui.progress(&line(&snapshot, encoder));
        }
        let next = async {
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep(TICK) => {}
            }
        };
        context.signals.unless_stopped(next).await?;
    }
}

/// Waits so long that a greeting can name most servers, and no longer.
///
/// # Errors
/// [`Interrupted`].
pub(crate) async fn for_greeting(context: &Context, hub: &Hub) -> Result<(), Interrupted> {
    let started = Instant::now();
    settle_or(context, hub, Until::Everything, || {
        started.elapsed() >= GREETING_WAIT
    })
    .await
}

/// Waits a moment for the vectors of the tools that are there, but neither for servers nor for a fetch.
///
/// # Errors
/// [`Interrupted`].
pub(crate) async fn vectors(context: &Context, hub: &Hub) -> Result<(), Interrupted> {
    let started = Instant::now();
    settle_or(context, hub, Until::Everything, || {
        let snapshot = hub.snapshot();
        let fetching = matches!(
            *hub.encoder_state().borrow(),
            EncoderState::Preparing { bytes: Some(_), .. }
                | EncoderState::Off
                | EncoderState::Words { .. }
        );
        fetching
            || snapshot.embedded() >= snapshot.tools().len()
            || started.elapsed() >= VECTORS_WAIT
    })
    .await
}

/// Whether every server has come up or failed once. The empty first snapshot has none yet.
pub(crate) fn servers_settled(snapshot: &Snapshot) -> bool {
    snapshot.no() > 0
        && snapshot
            .servers()
            .iter()
            .all(|server| server.health.is_settled())
}

fn line(snapshot: &Snapshot, encoder: Option<&EncoderState>) -> String {
    let starting: Vec<&str> = names(snapshot.servers(), |health| *health == Health::Starting);
    let mut parts = Vec::new();
    if !starting.is_empty() {
        let on = snapshot
            .servers()
            .iter()
            .filter(|s| !matches!(s.health, Health::Disabled | Health::Offline))
            .count();
        parts.push(format!(
            "starting {} of {}: {}",
            starting.len(),
            words::count(on, "server"),
            some(&starting)
        ));
    }
    match encoder {
        Some(EncoderState::Preparing { what, bytes, total }) => {
            parts.push(preparing(what, *bytes, *total))
        }
        Some(EncoderState::Ready { .. }) if parts.is_empty() => {
            let (with, all) = (snapshot.embedded(), snapshot.tools().len());
            parts.push(format!(
                "reading tools: {} of {}",
                words::number(with as u64),
                words::number(all as u64)
            ));
        }
        _ => {}
    }
    parts.join("; ")
}

/// What the encoder is at, with bytes where it fetches.
pub(crate) fn preparing(what: &str, bytes: Option<u64>, total: Option<u64>) -> String {
    let mb = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
    match (bytes, total) {
        // Package clients write more than the package, so what is there can pass what was expected.
        (Some(bytes), Some(total)) if bytes <= total => {
            format!("{what}: {} of {} MB", mb(bytes), mb(total))
        }
        (Some(bytes), _) => format!("{what}: {} MB", mb(bytes)),
        (None, _) => what.to_owned(),
    }
}

fn names(servers: &[ServerState], wanted: impl Fn(&Health) -> bool) -> Vec<&str> {
    servers
        .iter()
        .filter(|server| wanted(&server.health))
        .map(|server| &*server.name)
        .collect()
}

fn some(names: &[&str]) -> String {
    let mut text = names
        .iter()
        .take(NAMED)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > NAMED {
        text.push_str(" ...");
    }
    text
}

/// A server that the caller could see tools of and that is not answering.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Missing {
    /// The server.
    pub(crate) server: String,
    /// Why, as one line.
    pub(crate) reason: String,
}

/// The servers whose tools are missing, each with the reason.
pub(crate) fn missing(snapshot: &Snapshot, caller: &Caller) -> Vec<Missing> {
    snapshot
        .servers()
        .iter()
        .filter(|server| {
            !matches!(
                server.health,
                Health::Ready | Health::Disabled | Health::Offline
            )
        })
        .filter(|server| caller.rules.admits_server(&server.name))
        .map(|server| Missing {
            server: server.name.to_string(),
            reason: one_line(&server.health.to_string()),
        })
        .collect()
}

/// Says what is missing, and what to do about it.
pub(crate) fn say_missing(context: &Context, missing: &[Missing]) {
    for Missing { server, reason } in missing {
        context.ui.warn(&format!(
            "the tools of server `{server}` are missing: {reason}"
        ));
    }
    hint_missing(context, missing);
}

/// Says what to do about what is missing, where the rest is on the screen already.
pub(crate) fn hint_missing(context: &Context, missing: &[Missing]) {
    match missing {
        [] => {}
        [one] => context
            .ui
            .hint(&format!("run `toolpool doctor {}`", one.server)),
        _ => context.ui.hint("run `toolpool doctor`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_where_they_are_known() {
        for (bytes, total, wanted) in [
            (None, None, "fetching"),
            (
                Some(1_250_000),
                Some(22_000_000),
                "fetching: 1.2 of 22.0 MB",
            ),
            (Some(1_250_000), None, "fetching: 1.2 MB"),
            (Some(23_000_000), Some(22_000_000), "fetching: 23.0 MB"),
        ] {
            assert_eq!(preparing("fetching", bytes, total), wanted);
        }
    }

    #[test]
    fn a_long_list_of_names_is_cut() {
        assert_eq!(some(&["a", "b"]), "a, b");
        assert_eq!(some(&["a", "b", "c", "d", "e"]), "a, b, c, d ...");
    }
}
