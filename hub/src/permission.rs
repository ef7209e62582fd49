//! Decides whether a call may be made: pure, total, and closed where there is any doubt.
//!
//! ```text
//! deny lists, profile, server filters ── Deny, and the tool is not there for the caller
//! agent type, and that of its caller ─── Deny, likewise
//! plan mode ─────────────────────────── Deny, unless it only reads by a believed claim, or is a command that a gate frees
//! deny rules ────────────────────────── Deny
//! gates over commands ───────────────── Deny
//! grants of the session ─────────────── Allow      a gate's Ask: only a grant for these very arguments
//! ask rules ─────────────────────────── Ask
//! allow rules ───────────────────────── Allow      a gate's Ask: only a rule that spells every argument out
//! gates over commands ───────────────── Ask or Allow
//! mode ──────────────────────────────── what only reads runs; `auto` adds the profile's `allow` list; the rest is Ask
//! ```
//!
//! The first line that says something decides. It is asked again here although the name was already looked up in the view,
//! because the door is where it counts: a list that a client remembers, a name guessed, a rule that changed since, all end at
//! this one function. Deliberately absent: the asking itself (`approve`), and any word of the model's.

pub mod shell;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
pub use toolpool_config::Decision;
use toolpool_config::{Builtin, Mode, Proposed, Rule, ServerConfig, Subject, Transport};
use toolpool_registry::{Hidden, ToolMeta, ViewRules};

use crate::caller::Asks;
use crate::journal::entry::{DecisionSource, Grant};

/// The tool of the builtin `workspace` server that the gates over commands are for.
const RUNS_COMMANDS: &str = "run_command";
const NOT_IN_PLAN: &str = "mode `plan`, and no gate knows the command to only read";
/// Its argument that holds the command.
const COMMAND: &str = "command";

/// A call that someone wants made, its arguments already valid.
#[derive(Clone, Copy, Debug)]
pub struct Proposal<'a> {
    /// The tool.
    pub tool: &'a ToolMeta,
    /// Its server as it is configured now; a server that is not is not called.
    pub server: Option<&'a ServerConfig>,
    /// The hub's own folder, which relative folders of servers are below.
    pub folder: &'a Path,
    /// The arguments as they would be sent.
    pub arguments: &'a Map<String, Value>,
    /// SHA-256 of their canonical form.
    pub arguments_sha256: &'a str,
}

/// What a call is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// Deny lists, profile and mode of the caller.
    pub view: &'a ViewRules,
    /// Whether the `allow` list in `view` also frees calls in mode `auto`.
    pub frees: bool,
    /// The configuration's rules.
    pub rules: &'a [Rule],
    /// What the person allowed for the session.
    pub grants: &'a [Grant],
    /// Who has a person to ask.
    pub asks: Asks,
}

/// What was decided, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What happens.
    pub decision: Decision,
    /// Which list, rule, gate or mode says so. For the person; a caller may hear it unless `hides`.
    pub reason: String,
    /// What of it whoever calls may hear: the person's own words in a rule, a gate's reason.
    pub words: Option<String>,
    /// What kind of thing says so.
    pub source: DecisionSource,
    /// The rule, list entry, gate or setting that says so, as the person finds it in the configuration.
    pub rule: Option<String>,
    /// The caller is told what they would be told of a tool that does not exist.
    pub hides: bool,
    /// A yes to this question covers these arguments only, however long it is said to hold.
    pub exact: bool,
}

impl Judged {
    fn new(decision: Decision, source: DecisionSource, reason: impl Into<String>) -> Judged {
        Judged {
            decision,
            reason: reason.into(),
            words: None,
            source,
            rule: None,
            hides: false,
            exact: false,
        }
    }

    fn by(mut self, rule: impl Into<String>) -> Judged {
        self.rule = Some(rule.into());
        self
    }

    fn hidden(mut self) -> Judged {
        self.hides = true;
        self
    }

    fn saying(mut self, words: Option<String>) -> Judged {
        self.words = words;
        self
    }
}

/// Decides on a call.
#[must_use]
pub fn decide(proposal: &Proposal<'_>, policy: &Policy<'_>) -> Judged {
    decide_with(proposal, policy, &shell::judge_call)
}

/// Whether calls of this tool are commands that the gates judge: known by how the server is reached, never by its name.
#[must_use]
pub fn runs_commands(tool: &ToolMeta, server: Option<&ServerConfig>) -> bool {
    let builtin = server.is_some_and(|server| {
        matches!(
            server.transport,
            Transport::InProcess {
                name: Builtin::Workspace,
                ..
            }
        )
    });
    builtin && &*tool.id.name == RUNS_COMMANDS
}

type Gates = dyn Fn(&Value, &Path) -> shell::Judged;

fn decide_with(proposal: &Proposal<'_>, policy: &Policy<'_>, gates: &Gates) -> Judged {
    let tool = proposal.tool;
    let commands = runs_commands(tool, proposal.server);
    let gate = commands.then(|| gated(proposal, gates));
    let freed = gate
        .as_ref()
        .is_some_and(|gate| gate.decision == Decision::Allow);
    match policy.view.hides(tool) {
        // Whatever is claimed of the tool: of a command the gates know more.
        None | Some(Hidden::PlanMode) if commands => {}
        None => {}
        Some(why @ Hidden::PlanMode) => {
            return Judged::new(Decision::Deny, DecisionSource::Mode, why.to_string())
                .by(setting(Mode::Plan))
                .hidden();
        }
        Some(why @ Hidden::AgentType { .. }) => {
            return Judged::new(Decision::Deny, DecisionSource::AgentType, why.to_string())
                .hidden();
        }
        Some(why) => {
            let rule = entry(&why, tool);
            return Judged::new(Decision::Deny, DecisionSource::DenyList, why.to_string())
                .by(rule)
                .hidden();
        }
    }
    if commands && policy.view.mode == Mode::Plan && !freed {
        return Judged::new(Decision::Deny, DecisionSource::Mode, NOT_IN_PLAN)
            .by(setting(Mode::Plan))
            .saying(Some("the command is not known to only read".into()));
    }
    let Some(server) = proposal.server else {
        let why = "its server is not configured any more";
        return Judged::new(Decision::Deny, DecisionSource::Mode, why)
            .by(format!("servers.{}", tool.id.server));
    };
    let folder = folder_of(server, proposal.folder);
    let fingerprint = tool.fingerprint.to_string();
    let call = Proposed {
        tool: Subject {
            server: &tool.id.server,
            tool: &tool.id.name,
            exposed: &tool.exposed,
            effect: tool.claims.effect,
        },
        believed: tool.claims.believed(),
        fingerprint: &fingerprint,
        arguments: proposal.arguments,
        folder: folder.as_deref(),
    };
    let rule = |decision: Decision| {
        let of = move |rule: &&Rule| rule.decision == decision;
        policy
            .rules
            .iter()
            .filter(of)
            .filter(|rule| rule.meets(&call))
    };
    let by = |rule: &Rule| {
        Judged::new(rule.decision, DecisionSource::Rule, rule.named())
            .by(format!("rule at {}", rule.place))
            .saying(rule.reason.clone())
    };
    if let Some(rule) = rule(Decision::Deny).next() {
        return by(rule);
    }
    if let Some(gate) = gate.as_ref().filter(|gate| gate.decision == Decision::Deny) {
        return by_gate(gate);
    }
    let doubt = gate
        .as_ref()
        .is_some_and(|gate| gate.decision == Decision::Ask);
    let granted = policy
        .grants
        .iter()
        .find(|grant| grants(grant, proposal, doubt));
    if let Some(grant) = granted {
        let why = "allowed by the person for this session";
        let held = match grant.arguments_sha256 {
            Some(_) => "grant of the session for these arguments",
            None => "grant of the session for any arguments",
        };
        return Judged::new(Decision::Allow, DecisionSource::Grant, why).by(held);
    }
    if let Some(rule) = rule(Decision::Ask).next() {
        return asked(by(rule), doubt, policy.asks, true);
    }
    if let Some(rule) =
        rule(Decision::Allow).find(|rule| !doubt || settles(rule, proposal.arguments))
    {
        return by(rule);
    }
    match &gate {
        Some(gate) if gate.decision == Decision::Allow => by_gate(gate),
        Some(gate) => asked(by_gate(gate), true, policy.asks, true),
        None => by_mode(tool, &call.tool, policy),
    }
}

/// Whether an allow rule settles what a gate doubts: it says of every argument what it is, and of what is not one simple
/// command the very text, since a pattern that fits the first of a list fits whatever follows.
fn settles(rule: &Rule, arguments: &Map<String, Value>) -> bool {
    let simple = || {
        let command = arguments.get(COMMAND).and_then(Value::as_str);
        command.is_some_and(shell::is_simple)
    };
    arguments
        .keys()
        .all(|key| rule.spells_out(key, key != COMMAND || simple()))
}

/// What the mode makes of a call that nothing else decides.
fn by_mode(tool: &ToolMeta, subject: &Subject<'_>, policy: &Policy<'_>) -> Judged {
    let mode = policy.view.mode;
    if tool.claims.read_only() {
        let why = "it only reads, by a claim that is believed";
        return Judged::new(Decision::Allow, DecisionSource::Mode, why).by(setting(mode));
    }
    let listed = policy.frees
        && policy.view.allow.iter().any(|pattern| {
            // The worst is assumed of an effect that nobody believed claims, and a list of effects may name the worst.
            (pattern.effect().is_none() || tool.claims.believed()) && pattern.allows(subject)
        });
    let why = match mode {
        Mode::Auto if listed => {
            let why = "mode `auto`, and it is on the allow list of the profile";
            return Judged::new(Decision::Allow, DecisionSource::Mode, why).by(setting(mode));
        }
        Mode::Plan => {
            let why = Hidden::PlanMode.to_string();
            return Judged::new(Decision::Deny, DecisionSource::Mode, why).by(setting(mode));
        }
        Mode::Ask => "mode `ask`, and it is not known to only read",
        Mode::Auto => "mode `auto`, and nothing allows it",
    };
    let ask = Judged::new(Decision::Ask, DecisionSource::Mode, why).by(setting(mode));
    asked(ask, false, policy.asks, false)
}

/// A question, or its answer where whoever calls has given it already. `here`: the person's rule or a gate wants it asked by
/// the hub, which a client's own person cannot answer; where the hub has nobody to ask, that is a no.
fn asked(mut judged: Judged, exact: bool, asks: Asks, here: bool) -> Judged {
    judged.exact = exact;
    match asks {
        Asks::Typed => {
            judged.decision = Decision::Allow;
            judged.source = DecisionSource::Person;
            judged.reason = "typed by the person".into();
        }
        Asks::Client if !here => {
            judged.decision = Decision::Allow;
            judged.source = DecisionSource::Mode;
            judged.reason = "left to the client, which has a person of its own".into();
        }
        Asks::Client | Asks::Hub => judged.decision = Decision::Ask,
    }
    judged
}

fn by_gate(gate: &shell::Judged) -> Judged {
    let why = format!("{} (gate {})", gate.reason, gate.gate);
    Judged::new(gate.decision, DecisionSource::Gate, why)
        .by(format!("gate {}", gate.gate))
        .saying(Some(gate.reason.clone()))
}

/// The entry of a list that hides a tool, as it is written.
fn entry(hidden: &Hidden, tool: &ToolMeta) -> String {
    let server = &tool.id.server;
    match hidden {
        Hidden::Denied { pattern } => format!("deny `{pattern}`"),
        Hidden::Server => format!("servers of the profile, without `{server}`"),
        Hidden::Unpermitted => format!("servers.{server}: its allow and deny"),
        Hidden::NotAllowed => "allow list of the profile".into(),
        Hidden::PlanMode => setting(Mode::Plan),
        Hidden::Effect { ceiling } => format!("effects up to `{ceiling}`"),
        Hidden::AgentType { agent, what } => match &**what {
            Hidden::Server => format!("servers of agents.{agent}, without `{server}`"),
            Hidden::NotAllowed => format!("agents.{agent}: its allow list"),
            what => format!("agents.{agent}: {}", entry(what, tool)),
        },
    }
}

fn setting(mode: Mode) -> String {
    format!("mode `{mode}`")
}

/// What the gates say of the command; of none, no.
fn gated(proposal: &Proposal<'_>, gates: &Gates) -> shell::Judged {
    let folder = proposal
        .server
        .and_then(|server| folder_of(server, proposal.folder));
    match folder {
        Some(folder) => gates(&Value::Object(proposal.arguments.clone()), &folder),
        None => shell::Judged {
            decision: Decision::Deny,
            gate: 0,
            reason: "it is not known where the command would run".into(),
        },
    }
}

fn grants(grant: &Grant, proposal: &Proposal<'_>, exact: bool) -> bool {
    let tool = proposal.tool;
    let arguments = match &grant.arguments_sha256 {
        Some(hash) => hash == proposal.arguments_sha256,
        None => !exact,
    };
    grant.server == *tool.id.server
        && grant.tool == *tool.id.name
        && grant.fingerprint == tool.fingerprint.to_string()
        && arguments
}

/// The folder that a server works in, where that can be known.
pub(crate) fn folder_of(server: &ServerConfig, own: &Path) -> Option<PathBuf> {
    match &server.transport {
        Transport::InProcess { folder: below, .. } | Transport::Stdio { cwd: below, .. } => Some(
            below
                .as_ref()
                .map_or_else(|| own.to_owned(), |below| own.join(below)),
        ),
        Transport::Http { .. } => None,
    }
}

#[cfg(test)]
mod tests;
