//! One server's owner: the task that begins its connection, follows it, ends it, and begins again. Nobody else touches the process.

use std::{
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use futures::future::{FusedFuture, FutureExt};
use rmcp::{
    model::ServerPeerInfo,
    service::{Peer, RoleClient, ServiceError},
};
use tokio::{
    sync::{Notify, Semaphore, mpsc, watch},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use toolpool_config::fixed::{CLOSE_WITHIN, LAST_WORDS_WITHIN};
use toolpool_config::{Limits, ServerConfig};
use toolpool_registry::Health;

use super::{
    begin::{Opened, Plan, StartError, last_words, open},
    changes::{digest, settle},
    child::Process,
    list::{Listed, list},
    listen::listen,
    request::Live,
    supervise::{Event, Jitter, Next, Supervision},
    tail::Tail,
    tap::Tap,
    wire::Fault,
};
use crate::{FleetEvent, FleetOptions, ServerStatus, guard::Guard};

/// What all owners share.
pub(crate) struct Shared {
    pub(crate) options: FleetOptions,
    pub(crate) guard: Arc<Guard>,
}

/// Whether a connection made for `old` serves `new` as well: what is decided above the connection may change under it.
pub(crate) fn same_connection(old: &ServerConfig, new: &ServerConfig) -> bool {
    old.transport == new.transport
        && old.enabled == new.enabled
        && old.start_timeout == new.start_timeout
        && old.unset == new.unset
}

/// Everything the owner's task holds.
pub(crate) struct Owner {
    pub(crate) server: String,
    pub(crate) config: ServerConfig,
    pub(crate) shared: Arc<Shared>,
    pub(crate) tail: Arc<Tail>,
    pub(crate) status: watch::Sender<ServerStatus>,
    pub(crate) live: watch::Sender<Option<Arc<Live>>>,
    pub(crate) events: mpsc::UnboundedSender<FleetEvent>,
    pub(crate) stop: CancellationToken,
}

/// How a connection ended.
enum End {
    Stopped,
    Lost(StartError),
}

impl Owner {
    /// Runs until it is told to stop; then the server is gone.
    pub(crate) async fn run(self) {
        if !self.config.enabled {
            return self.rest(Health::Disabled, None).await;
        }
        if !self.config.unset.is_empty() {
            let error = unset(&self.config.unset);
            return self
                .rest(
                    Health::Down {
                        reason: error.reason,
                    },
                    error.hint,
                )
                .await;
        }
        let limits = self.shared.options.limits.clone();
        let mut dice = Jitter::new(self.shared.options.jitter_seed, &self.server);
        let mut supervision = Supervision::new();
        let mut legacy_first = false;
        let mut last_list = None;
        loop {
            self.publish(|status| status.attempts += 1);
            let event = match self
                .connection(&mut supervision, &mut legacy_first, &mut last_list, &limits)
                .await
            {
                Ended::Stopped => return,
                Ended::Failed(error) => {
                    let event = Event::Failed {
                        reason: error.reason.clone(),
                        lasting: error.lasting,
                    };
                    (event, error.hint)
                }
                Ended::Lost(error, up) => {
                    let event = Event::Lost {
                        reason: error.reason.clone(),
                        up,
                        lasting: error.lasting,
                    };
                    (event, error.hint)
                }
            };
            let (event, hint) = event;
            let (next, action) = supervision.step(event, dice.throw(), &limits);
            supervision = next;
            self.publish(|status| {
                status.health = supervision.health.clone();
                status.hint = hint;
                status.pid = None;
            });
            match action {
                Next::Stay => return self.stop.cancelled().await,
                Next::RetryAfter(pause) => tokio::select! {
                    () = sleep(pause) => {}
                    () = self.stop.cancelled() => return,
                },
            }
        }
    }

    async fn rest(&self, health: Health, hint: Option<String>) {
        self.publish(|status| {
            status.health = health;
            status.hint = hint;
        });
        self.stop.cancelled().await;
    }

    /// One connection from its beginning to its end.
    async fn connection(
        &self,
        supervision: &mut Supervision,
        legacy_first: &mut bool,
        last_list: &mut Option<[u8; 32]>,
        limits: &Limits,
    ) -> Ended {
        let begun = Instant::now();
        let plan = self.plan(*legacy_first);
        let opened = match open(plan).await {
            None => return Ended::Stopped,
            Some(Err(error)) => return Ended::Failed(error),
            Some(Ok(opened)) => opened,
        };
        *legacy_first = opened.legacy_first;
        let Opened {
            running,
            mut process,
            tap,
            changed,
            ..
        } = opened;
        let peer = running.peer().clone();
        let info = peer.peer_info();
        let close = running.cancellation_token();
        let mut closed = pin!(running.waiting().fuse());

        let first = tokio::select! {
            listed = list(&peer, limits, self.config.start_timeout) => Some(listed),
            () = self.stop.cancelled() => None,
        };
        let listed = match first {
            Some(Ok(listed)) => listed,
            refused => {
                close.cancel();
                let _ = timeout(CLOSE_WITHIN, closed).await;
                let words = last_words(plan, process).await;
                return match refused {
                    Some(Err(error)) => Ended::Failed(not_listed(&self.server, error, words)),
                    _ => Ended::Stopped,
                };
            }
        };

        let (ended, why_ended) = watch::channel(None);
        let (faults, mut reported) = mpsc::unbounded_channel();
        self.tools(listed, info.as_deref(), last_list);
        self.live.send_replace(Some(Arc::new(Live {
            peer: peer.clone(),
            tap: Arc::clone(&tap),
            slots: Semaphore::new(limits.calls_in_flight_max.clamp(1, Semaphore::MAX_PERMITS)),
            timeouts_max: limits.call_timeouts_max,
            ended: why_ended,
            faults,
        })));
        let up_since = Instant::now();
        (*supervision, _) = supervision.step(Event::Up, 0.0, limits);
        self.publish(|status| {
            status.health = supervision.health.clone();
            status.hint = None;
            status.pid = process.as_ref().map(Process::pid);
            status.start_ms =
                Some(u64::try_from((up_since - begun).as_millis()).unwrap_or(u64::MAX));
            status.skipped_lines = tap.skipped();
            describe(status, info.as_deref());
        });
        let _listening = info
            .as_deref()
            .filter(|info| !info.protocol_version.has_initialize() && tells_changes(info))
            .map(|_| listen(peer.clone(), Arc::clone(&changed), limits));

        let end = self
            .follow(
                &peer,
                closed.as_mut(),
                &mut process,
                &changed,
                &mut reported,
                last_list,
                &tap,
            )
            .await;
        self.live.send_replace(None);
        let end = match end {
            End::Stopped => {
                ended.send_replace(Some("it was stopped".to_owned()));
                None
            }
            End::Lost(error) => Some(error),
        };
        close.cancel();
        if !closed.is_terminated() {
            let _ = timeout(CLOSE_WITHIN, closed).await;
        }
        // Calls learn the reason as soon as it is known, before the rest of the group is ended.
        let words = match (&end, &mut process) {
            (Some(_), Some(process)) => process.last_words(LAST_WORDS_WITHIN, &self.tail).await,
            _ => None,
        };
        let end = end.map(|error| match words {
            Some(words) => StartError {
                reason: words,
                ..error
            },
            None => error,
        });
        if let Some(error) = &end {
            ended.send_replace(Some(error.reason.clone()));
        }
        if let Some(process) = process {
            process.stop(limits).await;
        }
        match end {
            None => Ended::Stopped,
            Some(error) => Ended::Lost(error, up_since.elapsed()),
        }
    }

    /// Keeps the list fresh until the connection ends or the owner is told to stop.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one connection, borrowed one by one so that each branch can use its own"
    )]
    async fn follow(
        &self,
        peer: &Peer<RoleClient>,
        mut closed: Pin<&mut impl FusedFuture>,
        process: &mut Option<Process>,
        changed: &Arc<Notify>,
        faults: &mut mpsc::UnboundedReceiver<Fault>,
        last_list: &mut Option<[u8; 32]>,
        tap: &Tap,
    ) -> End {
        let limits = &self.shared.options.limits;
        let page_limit = self.config.timeout;
        let relist = || async {
            settle(changed, limits).await;
            list(peer, limits, page_limit).await
        };
        let mut relisting = pin!(relist());
        let exited = async {
            match process {
                Some(process) => {
                    process.exited().await;
                    sleep(LAST_WORDS_WITHIN).await;
                }
                None => std::future::pending().await,
            }
        };
        let mut exited = pin!(exited);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return End::Stopped,
                _ = &mut closed => return End::Lost(StartError::passing("it closed the connection")),
                () = &mut exited => return End::Lost(StartError::passing("it exited")),
                Some(fault) = faults.recv() => return End::Lost(match fault {
                    Fault::Unauthorized(reason) => StartError::unauthorized(&self.server, &reason),
                    other => StartError::passing(other.reason()),
                }),
                listed = &mut relisting => {
                    match listed {
                        Ok(listed) => self.tools(listed, peer.peer_info().as_deref(), last_list),
                        // The list in hand is the best there is; the next change tries again.
                        Err(error) => tracing::warn!(server = self.server, %error, "a changed list could not be read"),
                    }
                    if tap.skipped() != self.status.borrow().skipped_lines {
                        self.publish(|status| status.skipped_lines = tap.skipped());
                    }
                    relisting.set(relist());
                }
            }
        }
    }

    fn plan(&self, legacy_first: bool) -> Plan<'_> {
        Plan {
            server: &self.server,
            config: &self.config,
            shared: &self.shared,
            tail: &self.tail,
            stop: &self.stop,
            legacy_first,
        }
    }

    /// Says what the tools are, if that is news.
    fn tools(
        &self,
        listed: Listed,
        info: Option<&ServerPeerInfo>,
        last_list: &mut Option<[u8; 32]>,
    ) {
        let instructions = info.and_then(|info| info.instructions.clone());
        let digest = digest(&listed, instructions.as_deref());
        if last_list.replace(digest) == Some(digest) {
            return;
        }
        // Nobody listening means that the fleet is being dropped.
        let _ = self.events.send(FleetEvent::Tools {
            server: self.server.clone(),
            tools: listed.tools,
            truncated: listed.truncated,
            instructions,
        });
    }

    fn publish(&self, change: impl FnOnce(&mut ServerStatus)) {
        self.status.send_modify(|status| {
            change(status);
            status.stderr_tail = self.tail.text();
        });
        let _ = self
            .events
            .send(FleetEvent::Status(self.status.borrow().clone()));
    }
}

/// How a whole connection went.
enum Ended {
    Stopped,
    Failed(StartError),
    Lost(StartError, Duration),
}

fn unset(variables: &[String]) -> StartError {
    let names: Vec<String> = variables.iter().map(|name| format!("`{name}`")).collect();
    let (noun, verb) = if names.len() == 1 {
        ("variable", "is")
    } else {
        ("variables", "are")
    };
    StartError::lasting(format!("the {noun} {} {verb} not set", names.join(", ")))
        .with_hint("set it in the environment, or write `${NAME:-default}` in the configuration")
}

fn not_listed(server: &str, error: ServiceError, words: Option<String>) -> StartError {
    if let ServiceError::TransportSend(error) = &error
        && let Fault::Unauthorized(reason) = Fault::of(error)
    {
        return StartError::unauthorized(server, &reason);
    }
    let reason = match (words, error) {
        (Some(words), ServiceError::TransportClosed) => words,
        (_, ServiceError::TransportSend(error)) => Fault::of(&error).reason().to_owned(),
        (_, ServiceError::Timeout { timeout }) => {
            format!("no list of tools within {} ms", timeout.as_millis())
        }
        (_, error) => format!("its tools could not be listed: {error}"),
    };
    StartError::passing(reason)
}

fn describe(status: &mut ServerStatus, info: Option<&ServerPeerInfo>) {
    let Some(info) = info else { return };
    status.protocol = Some(info.protocol_version.to_string());
    status.info = info
        .server_info
        .as_ref()
        .map(|own| (own.name.clone(), own.version.clone()));
    status.instructions = info.instructions.clone();
}

fn tells_changes(info: &ServerPeerInfo) -> bool {
    info.capabilities
        .tools
        .as_ref()
        .and_then(|tools| tools.list_changed)
        == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unset_variables_are_named() {
        assert_eq!(unset(&["A".into()]).reason, "the variable `A` is not set");
        assert_eq!(
            unset(&["A".into(), "B".into()]).reason,
            "the variables `A`, `B` are not set"
        );
    }
}
