//! What an agent may see and call, worked out anew each time that it is asked: from the configuration as it is now, from what
//! its session set, from its type, and from the same of whoever gave it its task.
//!
//! A delegate keeps its caller's rights, not a copy of what they came to: what is denied there while it runs is denied here
//! from the next call on.

use std::sync::{Arc, Mutex, PoisonError};

use toolpool_config::{AgentType, Config, OwnTool, Thoroughness};

use super::Folds;
use crate::caller::{Asks, Caller, patterns};
use crate::error::Error;
use crate::hub::Hub;
use crate::journal::entry::{Begin, Grant};

/// The rights of one session.
#[derive(Clone)]
pub(crate) struct Rights {
    pub(super) hub: Arc<Hub>,
    /// The session's own folds: a plain mutex, never held across an await.
    pub(super) folds: Arc<Mutex<Folds>>,
    pub(super) profile: Option<String>,
    /// Whose task it is; none for a conversation, and for a delegate's session that a person goes on with.
    pub(super) above: Option<Arc<Rights>>,
}

impl Rights {
    /// Whom the session's calls are made for.
    ///
    /// # Errors
    /// A profile or an agent type that is gone from the configuration: neither is replaced by another.
    pub(crate) fn caller(&self) -> Result<Caller, Error> {
        let (deny, mode, pins, begin) = {
            let folds = self.lock();
            let session = &folds.session;
            (
                patterns(session.deny())?,
                session.mode(),
                session.pins().to_vec(),
                session.begin().cloned(),
            )
        };
        let config = self.hub.config();
        let mut caller = Caller::new(&config, "agent", self.profile.as_deref(), &deny)?;
        caller.rules.mode = mode;
        caller.asks = Asks::Hub;
        caller.pin.extend(pins);
        if let Some(above) = &self.above {
            caller = caller.below(&above.caller()?);
        }
        for name in begin
            .as_ref()
            .and_then(|begin| begin.parent.as_ref())
            .map_or(&[][..], |parent| &parent.above)
        {
            caller = caller.within(name, agent_type(&config, name)?);
        }
        match begin.and_then(|begin| begin.agent) {
            Some(name) => {
                let agent = agent_type(&config, &name)?;
                Ok(caller.as_agent(&name, agent))
            }
            None => Ok(caller),
        }
    }

    /// What the person allowed for the session.
    pub(crate) fn grants(&self) -> Vec<Grant> {
        self.lock().session.grants().to_vec()
    }

    /// The hub that the session's calls go through.
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// The type in force, with how thorough it is to be; none for a conversation without one, and where it is gone.
    pub(crate) fn agent(&self) -> Option<(String, AgentType, Option<Thoroughness>)> {
        let begin = self.begin()?;
        let name = begin.agent?;
        let agent = self.hub.config().agents.get(&name)?.clone();
        let level = begin.parent.and_then(|parent| parent.thoroughness);
        Some((
            name,
            agent,
            level.and_then(|word| Thoroughness::from_name(&word)),
        ))
    }

    /// Whether it has this tool of the hub's own. A conversation without a type has those of its work; one whose type is gone has none.
    pub(crate) fn has(&self, tool: OwnTool) -> bool {
        let typed = self.begin().is_some_and(|begin| begin.agent.is_some());
        match self.agent() {
            Some((_, agent, _)) => agent.has(tool),
            None => !typed && tool != OwnTool::Docs,
        }
    }

    /// The types above it and its own, from the outermost.
    pub(crate) fn types(&self) -> Vec<String> {
        let begin = self.begin();
        let parent = begin.as_ref().and_then(|begin| begin.parent.as_ref());
        let above = parent
            .map(|parent| parent.above.clone())
            .unwrap_or_default();
        above
            .into_iter()
            .chain(begin.and_then(|begin| begin.agent))
            .collect()
    }

    /// How many agents stand above it.
    pub(crate) fn depth(&self) -> u32 {
        let parent = self.begin().and_then(|begin| begin.parent);
        parent.map_or(0, |parent| parent.depth)
    }

    fn begin(&self) -> Option<Begin> {
        self.lock().session.begin().cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Folds> {
        self.folds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The type of this name.
///
/// # Errors
/// [`Error::NoAgent`], with the names that it could have meant.
pub(crate) fn agent_type<'a>(config: &'a Config, name: &str) -> Result<&'a AgentType, Error> {
    config.agents.get(name).ok_or_else(|| Error::NoAgent {
        name: name.to_owned(),
        near: config.agent_near(name).map(str::to_owned),
        known: config.agents.keys().cloned().collect(),
    })
}
