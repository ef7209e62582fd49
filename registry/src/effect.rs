//! What a tool may do, and who says so. MCP's annotations are hints: until the person trusts a server they are kept for
//! display and ranking, and the gates read the worst the protocol allows. Nothing here lowers a gate on doubt: a hint that
//! is missing, not a boolean or contradicted by another one counts as absent or as the worse of the two.

use serde::Serialize;
use serde_json::Value;
use toolpool_config::{Effect, ToolOverride, Trust};

/// What is claimed of one tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Claims {
    /// As the gates read it.
    pub effect: Effect,
    /// What the server's annotations say, trusted or not; `None` when they say nothing of the effect.
    pub hinted: Option<Effect>,
    /// Who stands behind `effect`.
    pub source: ClaimSource,
    /// Whether a repeated call changes nothing more; by a trusted claim only.
    pub idempotent: bool,
    /// Whether it reaches beyond a closed set of things; true unless a trusted claim says otherwise.
    pub open_world: bool,
    /// Whether calls may run beside others.
    pub concurrent: bool,
}

/// Who stands behind a tool's effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimSource {
    /// Nobody said anything: the worst is assumed.
    Unclaimed,
    /// Only a server that is not trusted: the worst is assumed, its hint is shown.
    Untrusted,
    /// A server whose annotations the person trusts.
    Trusted,
    /// The configuration.
    Person,
}

impl Claims {
    /// Reads a tool definition's `annotations` under what the person said of server and tool.
    #[must_use]
    pub fn read(annotations: Option<&Value>, trust: Trust, said: Option<&ToolOverride>) -> Claims {
        let hint = |key: &str| {
            annotations
                .and_then(|a| a.get(key))
                .and_then(Value::as_bool)
        };
        let hinted = hinted_effect(
            hint("readOnlyHint"),
            hint("destructiveHint"),
            hint("idempotentHint"),
        );
        let trusted = trust == Trust::Annotations;
        let person = said.and_then(|s| s.effect);
        let (effect, source) = match (person, hinted) {
            (Some(effect), _) => (effect, ClaimSource::Person),
            (None, Some(effect)) if trusted => (effect, ClaimSource::Trusted),
            (None, Some(_)) => (Effect::Destructive, ClaimSource::Untrusted),
            (None, None) => (Effect::Destructive, ClaimSource::Unclaimed),
        };
        Claims {
            effect,
            hinted,
            source,
            idempotent: matches!(effect, Effect::ReadOnly | Effect::Idempotent)
                || (trusted && hint("idempotentHint") == Some(true)),
            open_world: !(trusted && hint("openWorldHint") == Some(false)),
            concurrent: said
                .and_then(|s| s.concurrent)
                .unwrap_or(effect == Effect::ReadOnly),
        }
    }

    /// Whether someone the hub believes stands behind the effect. A rule on effects matches a tool without such a claim
    /// whatever effect the rule names.
    #[must_use]
    pub fn believed(&self) -> bool {
        matches!(self.source, ClaimSource::Trusted | ClaimSource::Person)
    }

    /// What to tell a reader: the believed effect, else what the server hints, else nothing, since nobody said anything.
    #[must_use]
    pub fn shown(&self) -> Option<Effect> {
        if self.believed() {
            Some(self.effect)
        } else {
            self.hinted
        }
    }

    /// Whether it is read-only by a claim the hub believes: what plan mode shows and what may run without asking.
    #[must_use]
    pub fn read_only(&self) -> bool {
        self.believed() && self.effect == Effect::ReadOnly
    }
}

/// The effect three hints describe together. "Destructive" is said to mean something only beside "not read-only"; a tool
/// that claims both is in doubt and reads as the worse.
fn hinted_effect(
    read_only: Option<bool>,
    destructive: Option<bool>,
    idempotent: Option<bool>,
) -> Option<Effect> {
    match (read_only, destructive, idempotent) {
        (None, None, None) => None,
        (_, Some(true), _) => Some(Effect::Destructive),
        (Some(true), _, _) => Some(Effect::ReadOnly),
        (_, Some(false), Some(true)) => Some(Effect::Idempotent),
        (_, Some(false), _) => Some(Effect::Mutating),
        (_, None, _) => Some(Effect::Destructive),
    }
}

#[cfg(test)]
mod tests;
