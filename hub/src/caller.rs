//! Who a request is done for, and what the configuration lets them have.
//!
//! A caller is made for each request from what the request carries and the configuration as it is
//! now, so that a deny list that changed holds from the next request on. It is only ever narrowed:
//! the deny lists of the configuration, of the profile and of the session add up, and nothing here
//! takes one away.

use toolpool_config::{AgentType, Config, Exposure, Mode, Pattern, PoolSettings};
use toolpool_registry::{Bounds, ViewRules};

use crate::error::Error;

/// Where the person is who can say yes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asks {
    /// The hub asks them: an agent's calls.
    #[default]
    Hub,
    /// At a client that asks them by itself: what no rule names and no gate doubts is left to it.
    Client,
    /// They typed the call: that is their yes.
    Typed,
}

/// Someone for whom the hub does something.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    /// Whose token it was, or `local`.
    pub principal: String,
    /// The profile in force.
    pub profile: Option<String>,
    /// The agent type that asks; none for a conversation without one, and for clients.
    pub agent: Option<String>,
    /// What they may see and call.
    pub rules: ViewRules,
    /// Whether the `allow` list among them also frees calls in mode `auto`.
    pub allow_frees: bool,
    /// Where the person is who can say yes.
    pub asks: Asks,
    /// Which tools a list holds.
    pub exposure: Exposure,
    /// Exposed names of the tools that are always offered, in this order.
    pub pin: Vec<String>,
    /// How a pool is assembled for them.
    pub pool: PoolSettings,
}

impl Caller {
    /// A caller under `profile` (else the configuration's own choice), with `deny` on top.
    ///
    /// # Errors
    /// [`Error::NoProfile`] where the profile does not exist: it is never replaced by another.
    pub fn new(
        config: &Config,
        principal: &str,
        profile: Option<&str>,
        deny: &[Pattern],
    ) -> Result<Caller, Error> {
        let name = profile.or(config.profile.as_deref());
        let profile = name
            .map(|name| {
                config.profiles.get(name).ok_or_else(|| Error::NoProfile {
                    name: name.to_owned(),
                    known: config.profiles.keys().cloned().collect(),
                })
            })
            .transpose()?;
        let mut rules = ViewRules {
            servers: Vec::new(),
            allow: Vec::new(),
            deny: config.deny.clone(),
            mode: config.mode,
            within: Vec::new(),
        };
        let mut caller = Caller {
            principal: principal.to_owned(),
            profile: name.map(str::to_owned),
            agent: None,
            rules: rules.clone(),
            allow_frees: false,
            asks: Asks::default(),
            exposure: config.exposure,
            pin: config.pin.clone(),
            pool: config.pool.clone(),
        };
        if let Some(profile) = profile {
            rules.servers = profile.servers.clone();
            rules.allow = profile.allow.clone();
            caller.allow_frees = profile.frees;
            rules.deny.extend(profile.deny.iter().cloned());
            rules.mode = narrower(config.mode, profile.mode);
            caller.exposure = profile.exposure.unwrap_or(config.exposure);
            caller.pin.extend(profile.pin.iter().cloned());
            caller.pool = config.pool.with(&profile.pool);
        }
        rules.deny.extend(deny.iter().cloned());
        caller.rules = rules;
        Ok(caller)
    }

    /// The same caller as an agent of a type.
    #[must_use]
    pub fn as_agent(mut self, name: &str, agent: &AgentType) -> Caller {
        self.agent = Some(name.to_owned());
        self.within(name, agent)
    }

    /// The same caller, held to what a type lets through as well.
    #[must_use]
    pub fn within(mut self, name: &str, agent: &AgentType) -> Caller {
        if let Some(mode) = agent.mode {
            self.rules.mode = toolpool_registry::narrower(self.rules.mode, mode);
        }
        self.rules.within.push(Bounds {
            agent: Some(name.to_owned()),
            servers: agent.servers.clone(),
            allow: agent.allow.clone(),
            deny: agent.deny.clone(),
            ceiling: agent.effects,
        });
        self
    }

    /// The same caller, doing something for another one: their rights are those that both have.
    #[must_use]
    pub fn below(mut self, above: &Caller) -> Caller {
        self.rules = self.rules.under(&above.rules);
        self.allow_frees &= above.allow_frees;
        self
    }

    /// What they may see and call under the configuration of now: what was denied meanwhile is denied. The mode and what else
    /// they are held to are their session's; nothing where their profile is gone.
    #[must_use]
    pub fn rules_now(&self, config: &Config) -> Option<ViewRules> {
        let deny = &self.rules.deny;
        let fresh = Caller::new(config, &self.principal, self.profile.as_deref(), deny).ok()?;
        Some(ViewRules {
            mode: self.rules.mode,
            within: self.rules.within.clone(),
            ..fresh.rules
        })
    }

    /// The same caller, with their person elsewhere.
    #[must_use]
    pub fn asking(mut self, asks: Asks) -> Caller {
        self.asks = asks;
        self
    }
}

/// Plan mode, once chosen for the whole hub, is not left through a profile.
fn narrower(whole: Mode, profile: Option<Mode>) -> Mode {
    match (whole, profile) {
        (Mode::Plan, _) => Mode::Plan,
        (whole, None) => whole,
        (_, Some(mode)) => mode,
    }
}

/// Reads deny patterns as a person wrote them.
///
/// # Errors
/// [`Error::DenyPattern`] for the first that can't be read.
pub fn patterns<S: AsRef<str>>(texts: &[S]) -> Result<Vec<Pattern>, Error> {
    texts
        .iter()
        .map(|text| {
            text.as_ref().parse().map_err(|error| Error::DenyPattern {
                pattern: text.as_ref().to_owned(),
                reason: format!("{error}"),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use toolpool_config::Profile;

    fn config() -> Config {
        let mut config = Config {
            deny: patterns(&["a__*"]).expect("a pattern"),
            ..Config::default()
        };
        let profile = Profile {
            deny: patterns(&["b__*"]).expect("a pattern"),
            pin: vec!["c__d".into()],
            ..Profile::default()
        };
        config.profiles.insert("p".into(), profile);
        config
    }

    #[test]
    fn deny_lists_add_up() {
        let session = patterns(&["effect:destructive"]).expect("a pattern");
        let caller = Caller::new(&config(), "local", Some("p"), &session).expect("a caller");
        let denied: Vec<String> = caller.rules.deny.iter().map(ToString::to_string).collect();
        assert_eq!(denied, ["a__*", "b__*", "effect:destructive"]);
        assert_eq!(caller.pin, ["c__d"]);
    }

    #[test]
    fn a_missing_profile_is_an_error_that_names_the_others() {
        let error = Caller::new(&config(), "local", Some("q"), &[]).expect_err("no such profile");
        assert_eq!(error.to_string(), "there is no profile `q`");
        assert_eq!(error.hint().as_deref(), Some("the profiles are `p`"));
        let mut default_gone = config();
        default_gone.profile = Some("gone".into());
        assert!(Caller::new(&default_gone, "local", None, &[]).is_err());
    }

    #[test]
    fn plan_mode_is_not_left_through_a_profile() {
        let rows = [
            (Mode::Plan, Some(Mode::Auto), Mode::Plan),
            (Mode::Ask, Some(Mode::Plan), Mode::Plan),
            (Mode::Ask, Some(Mode::Auto), Mode::Auto),
            (Mode::Ask, None, Mode::Ask),
        ];
        for (whole, profile, wanted) in rows {
            assert_eq!(narrower(whole, profile), wanted);
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_read_is_refused() {
        assert!(patterns(&["ok__*", "effect:nonsense"]).is_err());
    }
}
