//! What the hub does outside of sessions, read off its snapshots: nothing in the hub has to know of the log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use toolpool_config::Config;
use toolpool_registry::Snapshot;

use super::{Detail, Level, Recorder, RegistryDetail, ServerDetail};
use crate::Hub;

/// Records servers, snapshots and reloads. All clones are the same.
#[derive(Clone, Debug)]
pub struct HubLog {
    recorder: Recorder,
    /// What was recorded last. A plain mutex: held for a comparison, never across an await.
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug)]
struct Seen {
    snapshot: Arc<Snapshot>,
    config: Option<Arc<Config>>,
}

impl HubLog {
    /// Nothing is recorded yet.
    #[must_use]
    pub fn new(recorder: Recorder) -> HubLog {
        HubLog {
            recorder,
            seen: Arc::new(Mutex::new(Seen {
                snapshot: Arc::new(Snapshot::empty()),
                config: None,
            })),
        }
    }

    /// Where it records.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Records what is new since the last look. For the end of a command, which does not wait for [`HubLog::follow`].
    pub fn look(&self, hub: &Hub) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, config) = (hub.snapshot(), hub.config());
        let reloaded = |old: &Arc<Config>| !Arc::ptr_eq(old, &config);
        if seen.config.as_ref().is_none_or(reloaded) {
            let counts = (config.servers.len(), config.profiles.len());
            self.recorder.config(now.no(), Ok(counts));
            seen.config = Some(config);
        }
        for (level, detail) in changes(&seen.snapshot, &now) {
            self.recorder.hub(now.no(), level, detail);
        }
        seen.snapshot = now;
    }

    /// Looks whenever there is a new snapshot, for as long as the hub is there.
    pub fn follow(self, hub: &Arc<Hub>) -> impl Future<Output = ()> + Send + 'static {
        let mut progress = hub.progress();
        let hub = Arc::downgrade(hub);
        async move {
            while let Some(hub) = hub.upgrade() {
                self.look(&hub);
                drop(hub);
                if progress.changed().await.is_err() {
                    break;
                }
            }
        }
    }
}

/// What is different in a snapshot, server by server, then the tools. Vectors that arrived are not worth a record.
fn changes(before: &Snapshot, now: &Snapshot) -> Vec<(Level, Detail)> {
    let mut changes = Vec::new();
    for state in now.servers() {
        let old = before.server(&state.name);
        let same = old.is_some_and(|old| old.health == state.health && old.tools == state.tools);
        if !same {
            let level = ServerDetail::level(&state.health);
            let detail = ServerDetail::of(&state.name, &state.health, state.tools);
            changes.push((level, Detail::Server(detail)));
        }
    }
    for state in before.servers() {
        if now.server(&state.name).is_none() {
            let server = state.name.to_string();
            changes.push((Level::Info, Detail::Server(ServerDetail::Gone { server })));
        }
    }
    let of = |snapshot: &Snapshot| -> BTreeMap<_, _> {
        snapshot
            .tools()
            .iter()
            .map(|tool| (tool.id.clone(), tool.fingerprint))
            .collect()
    };
    let (old, new) = (of(before), of(now));
    if old != new {
        let detail = RegistryDetail::Snapshot {
            tools: new.len(),
            added: new.keys().filter(|id| !old.contains_key(*id)).count(),
            removed: old.keys().filter(|id| !new.contains_key(*id)).count(),
            changed: new
                .iter()
                .filter(|(id, print)| old.get(*id).is_some_and(|old| old != *print))
                .count(),
        };
        changes.push((Level::Info, Detail::Registry(detail)));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use toolpool_registry::{Health, ServerState, VectorStore};

    #[test]
    fn only_what_changed_is_recorded() {
        let config = Config::default();
        let snapshot = |no, states: Vec<ServerState>| {
            Snapshot::build(
                no,
                states,
                Vec::new(),
                &VectorStore::default(),
                &config,
                None,
            )
        };
        let down = Health::Down {
            reason: "unset variable".into(),
        };
        let first = snapshot(
            1,
            vec![
                ServerState::new("a", Health::Starting),
                ServerState::new("b", Health::Ready),
            ],
        );
        let second = snapshot(2, vec![ServerState::new("a", down)]);
        assert_eq!(changes(&first, &first), []);
        let found = changes(&first, &second);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0].0, Level::Error);
        let Detail::Server(ServerDetail::Health { state, reason, .. }) = &found[0].1 else {
            panic!("{found:?}");
        };
        assert_eq!(
            (state.as_str(), reason.as_deref()),
            ("down", Some("unset variable"))
        );
        assert!(
            matches!(&found[1].1, Detail::Server(ServerDetail::Gone { server }) if server == "b")
        );
    }
}
