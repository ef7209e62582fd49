//! From a configuration to a served connection: open the wire its transport needs, find out the era, and say why when it fails.

use std::{future::Future, sync::Arc};

use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;
use toolpool_config::fixed::LAST_WORDS_WITHIN;
use toolpool_config::{ServerConfig, Transport};

use super::{
    child::{Process, Program},
    handler::Handler,
    http,
    negotiate::{Discovered, Refusal, Running, discover, initialize},
    owner::Shared,
    pipes::Pipes,
    tail::Tail,
    tap::Tap,
    wire::{Fault, Wire},
};

/// Bytes that an in-memory pipe holds before its writer waits.
const PIPE_BYTES: usize = 64 * 1024;

/// Why a server did not come up.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StartError {
    pub(crate) reason: String,
    pub(crate) hint: Option<String>,
    /// Another try cannot mend it.
    pub(crate) lasting: bool,
}

impl StartError {
    pub(crate) fn lasting(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            hint: None,
            lasting: true,
        }
    }

    pub(crate) fn passing(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            hint: None,
            lasting: false,
        }
    }

    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// The error of a server that wants other credentials.
    pub(crate) fn unauthorized(server: &str, reason: &str) -> Self {
        Self::lasting(format!("it refuses the credentials: {reason}")).with_hint(format!(
            "set its `Authorization` under `[servers.{server}.headers]`"
        ))
    }
}

/// What is needed to begin.
#[derive(Clone, Copy)]
pub(crate) struct Plan<'a> {
    pub(crate) server: &'a str,
    pub(crate) config: &'a ServerConfig,
    pub(crate) shared: &'a Shared,
    pub(crate) tail: &'a Arc<Tail>,
    pub(crate) stop: &'a CancellationToken,
    /// An earlier connection had to be thrown away to learn that the server is a legacy one.
    pub(crate) legacy_first: bool,
}

/// A served connection and what belongs to it.
pub(crate) struct Opened {
    pub(crate) running: Running,
    pub(crate) process: Option<Process>,
    pub(crate) tap: Arc<Tap>,
    pub(crate) changed: Arc<Notify>,
    /// See [`Plan::legacy_first`].
    pub(crate) legacy_first: bool,
}

/// Connects as far as the handshake. `None` when it was told to stop; nothing is left running unless it succeeds.
pub(crate) async fn open(plan: Plan<'_>) -> Option<Result<Opened, StartError>> {
    let mut why_fresh = None;
    if !plan.legacy_first {
        let link = match Link::open(plan) {
            Ok(link) => link,
            Err(error) => return Some(Err(error)),
        };
        let Link {
            wire,
            mut process,
            tap,
        } = link;
        let changed = Arc::new(Notify::new());
        let modern = Handler::new(&plan.shared.options, Arc::clone(&changed), true);
        let discovered = match watch(
            plan,
            &mut process,
            discover(wire, modern, plan.config.start_timeout),
        )
        .await
        {
            Watched::Done(discovered) => discovered,
            Watched::Exited => Discovered::Fresh("the server exited".to_owned()),
            Watched::Stopped => return end(plan, process, None).await,
        };
        match discovered {
            Discovered::Modern(running) => {
                return Some(Ok(Opened {
                    running,
                    process,
                    tap,
                    changed,
                    legacy_first: false,
                }));
            }
            Discovered::Legacy(wire) => {
                return finish_legacy(plan, Link { wire, process, tap }, None).await;
            }
            Discovered::Failed(refusal) => return end(plan, process, Some(refusal)).await,
            Discovered::Fresh(why) => {
                tracing::debug!(
                    server = plan.server,
                    why,
                    "connecting anew for the older handshake"
                );
                let _ = end(plan, process, None).await;
                why_fresh = Some(why);
            }
        }
        if plan.stop.is_cancelled() {
            return None;
        }
    }
    match Link::open(plan) {
        Ok(link) => finish_legacy(plan, link, Some(why_fresh)).await,
        Err(error) => Some(Err(error)),
    }
}

/// The older handshake over `link`. `fresh` is given when the connection was made for it, with what made it necessary this time.
async fn finish_legacy(
    plan: Plan<'_>,
    link: Link,
    fresh: Option<Option<String>>,
) -> Option<Result<Opened, StartError>> {
    let Link {
        wire,
        mut process,
        tap,
    } = link;
    let changed = Arc::new(Notify::new());
    let legacy = Handler::new(&plan.shared.options, Arc::clone(&changed), false);
    match watch(
        plan,
        &mut process,
        initialize(wire, legacy, plan.config.start_timeout),
    )
    .await
    {
        Watched::Done(Ok(running)) => Some(Ok(Opened {
            running,
            process,
            tap,
            changed,
            legacy_first: fresh.is_some(),
        })),
        Watched::Done(Err(refusal)) => end(plan, process, Some(refusal)).await,
        Watched::Exited => end(plan, process, Some(Refusal::Closed)).await,
        Watched::Stopped => end(plan, process, None).await,
    }
}

/// A wire before anyone speaks on it.
struct Link {
    wire: Wire,
    process: Option<Process>,
    tap: Arc<Tap>,
}

impl Link {
    fn open(plan: Plan<'_>) -> Result<Self, StartError> {
        let options = &plan.shared.options;
        let frame_bytes_max = usize::try_from(options.limits.frame_bytes_max).unwrap_or(usize::MAX);
        match &plan.config.transport {
            Transport::Stdio {
                command,
                args,
                env,
                cwd,
            } => {
                let program = Program {
                    command,
                    args,
                    env,
                    inherit_env: &options.inherit_env,
                    cwd: cwd.as_ref(),
                };
                let tap = Tap::new(false);
                let (process, stdin, stdout) =
                    Process::start(&program, &plan.shared.guard, plan.tail)?;
                let pipes = Pipes::new(stdout, stdin, Arc::clone(&tap), frame_bytes_max);
                Ok(Self {
                    wire: Wire::Pipes(pipes),
                    process: Some(process),
                    tap,
                })
            }
            Transport::InProcess { .. } => {
                let tap = Tap::new(false);
                let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
                (options.in_process)(plan.config, theirs);
                let (reader, writer) = tokio::io::split(ours);
                let pipes = Pipes::new(reader, writer, Arc::clone(&tap), frame_bytes_max);
                Ok(Self {
                    wire: Wire::Pipes(pipes),
                    process: None,
                    tap,
                })
            }
            Transport::Http { url, headers } => {
                let tap = Tap::new(true);
                let transport =
                    http::transport(plan.server, url, headers, options, Arc::clone(&tap))?;
                Ok(Self {
                    wire: Wire::Http(Box::new(transport)),
                    process: None,
                    tap,
                })
            }
        }
    }
}

enum Watched<T> {
    Done(T),
    Exited,
    Stopped,
}

/// Waits for a handshake, unless the process exits (its output may stay open in a grandchild) or the owner is told to stop.
async fn watch<T>(
    plan: Plan<'_>,
    process: &mut Option<Process>,
    handshake: impl Future<Output = T>,
) -> Watched<T> {
    let exited = async {
        match process {
            Some(process) => {
                process.exited().await;
                sleep(LAST_WORDS_WITHIN).await;
            }
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        done = handshake => Watched::Done(done),
        () = exited => Watched::Exited,
        () = plan.stop.cancelled() => Watched::Stopped,
    }
}

/// Ends what was begun, and puts the refusal into words: with the exit status and the last words where there are any.
async fn end(
    plan: Plan<'_>,
    process: Option<Process>,
    refusal: Option<Refusal>,
) -> Option<Result<Opened, StartError>> {
    let status = last_words(plan, process).await;
    let error = match refusal? {
        Refusal::Fault(Fault::Unauthorized(reason)) => {
            StartError::unauthorized(plan.server, &reason)
        }
        Refusal::Fault(fault) => StartError::passing(fault.reason()),
        Refusal::Said(words) => StartError::passing(words),
        Refusal::Silent(limit) => {
            StartError::passing(format!("no answer within {} ms", limit.as_millis())).with_hint(
                format!(
                    "raise `start_timeout` under `[servers.{}]` if it needs longer",
                    plan.server
                ),
            )
        }
        Refusal::Closed => {
            StartError::passing(status.unwrap_or_else(|| "it closed the connection".to_owned()))
        }
    };
    Some(Err(error))
}

/// Stops a process that is of no more use; says how it had ended if it was not us who ended it.
pub(crate) async fn last_words(plan: Plan<'_>, process: Option<Process>) -> Option<String> {
    let mut process = process?;
    let words = process.last_words(LAST_WORDS_WITHIN, plan.tail).await;
    process.stop(&plan.shared.options.limits).await;
    words
}
