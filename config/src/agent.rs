//! Agent types: a named restriction of prompt, tools, budget and mode, as data.
//!
//! A type only narrows. What an agent may do is what its type lets through and whoever gave it the task may do itself; the
//! hub holds every call to that, whatever the prompt says. The built-in ones stand in `defaults/agents.toml` and are read like
//! the person's own. Deliberately absent: who runs an agent, and what a project may add. A project may add none.

mod front;

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::nearest;
use crate::{Config, Effect, Mode, Pattern};

pub(crate) use front::layers;

/// One kind of agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AgentType {
    /// What it is for, in one line: the model reads it when it chooses whom to give a task.
    pub description: String,
    /// What it is told of its task, after the hub's own words.
    pub prompt: String,
    /// The worst effect that it may have, by a claim that is believed; a tool of which nothing is known is the worst. Any when
    /// missing.
    pub effects: Option<Effect>,
    /// Globs over server names; empty means all.
    pub servers: Vec<String>,
    /// What it lets through; empty means all.
    pub allow: Vec<Pattern>,
    /// What it stops; wins over `allow`.
    pub deny: Vec<Pattern>,
    /// The most that it may do without asking; that of whoever gives the task when missing or narrower.
    pub mode: Option<Mode>,
    /// The share of the model's window that it works in, from 0 to 1.
    pub window_share: f64,
    /// The share of its caller's window that its answer may take, in place of `delegate.result_share`.
    pub result_share: Option<f64>,
    /// Model calls in one turn, in place of `agent.steps_max`.
    pub steps_max: Option<u32>,
    /// Who answers where a rule or the mode says *ask*.
    pub approver: AgentApprover,
    /// Which of the hub's own tools it has.
    pub own: Vec<OwnTool>,
    /// How thorough it can be told to be, each with its own bound and words.
    pub thoroughness: BTreeMap<Thoroughness, Level>,
}

impl Default for AgentType {
    fn default() -> AgentType {
        AgentType {
            description: String::new(),
            prompt: String::new(),
            effects: None,
            servers: Vec::new(),
            allow: Vec::new(),
            deny: Vec::new(),
            mode: None,
            window_share: 1.0,
            result_share: None,
            steps_max: None,
            approver: AgentApprover::Terminal,
            own: vec![OwnTool::Steps, OwnTool::Find],
            thoroughness: BTreeMap::new(),
        }
    }
}

/// What one thoroughness means.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Level {
    /// Model calls in one turn, in place of the type's.
    pub steps_max: Option<u32>,
    /// Said after the type's prompt.
    pub prompt: String,
}

/// Who answers where a rule or the mode says *ask*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AgentApprover {
    /// The person, who is told which agent asks.
    Terminal,
    /// The agent that gave the task, within its own rights: yes only to what it could do itself without asking.
    Coordinator,
    /// Nobody: what would be asked is denied.
    Autonomous,
}

impl AgentApprover {
    /// The name used in the file.
    pub fn name(self) -> &'static str {
        match self {
            AgentApprover::Terminal => "terminal",
            AgentApprover::Coordinator => "coordinator",
            AgentApprover::Autonomous => "autonomous",
        }
    }
}

/// A tool of the hub's own, which reaches no server by itself.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum OwnTool {
    /// `steps`: its plan.
    Steps,
    /// `find_tools` and `call_tool`: what its list does not hold.
    Find,
    /// `delegate`: tasks for other agents.
    Delegate,
    /// `docs`: toolpool's own manual, and the settings in force.
    Docs,
}

impl OwnTool {
    /// The name used in the file.
    pub fn name(self) -> &'static str {
        match self {
            OwnTool::Steps => "steps",
            OwnTool::Find => "find",
            OwnTool::Delegate => "delegate",
            OwnTool::Docs => "docs",
        }
    }
}

/// How thorough an agent is to be.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Thoroughness {
    /// One look.
    Quick,
    /// As usual.
    Medium,
    /// Until nothing is left to look at.
    Thorough,
}

impl Thoroughness {
    /// All of them, from the least.
    pub const ALL: [Thoroughness; 3] = [
        Thoroughness::Quick,
        Thoroughness::Medium,
        Thoroughness::Thorough,
    ];

    /// The name used in the file and by the model.
    pub fn name(self) -> &'static str {
        match self {
            Thoroughness::Quick => "quick",
            Thoroughness::Medium => "medium",
            Thoroughness::Thorough => "thorough",
        }
    }

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Thoroughness> {
        let name = name.trim().to_ascii_lowercase();
        Thoroughness::ALL.into_iter().find(|one| one.name() == name)
    }
}

impl fmt::Display for Thoroughness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How tasks are given to agents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DelegateSettings {
    /// How many agents may stand one below the other: 1 lets a conversation give tasks, 2 also those whom it gave one. 0: none.
    pub depth_max: u32,
    /// How many agents one conversation may begin in all, those of its agents among them.
    pub total_max: u32,
    /// The share of the caller's window that an agent's answer may take; the rest is kept as an artifact.
    pub result_share: f64,
}

impl Default for DelegateSettings {
    fn default() -> DelegateSettings {
        crate::Config::default().delegate
    }
}

impl AgentType {
    /// Whether it has this tool of the hub's own.
    pub fn has(&self, tool: OwnTool) -> bool {
        self.own.contains(&tool)
    }

    /// Whether nothing it does can change anything: only what is believed to read is let through.
    pub fn only_reads(&self) -> bool {
        self.effects == Some(Effect::ReadOnly)
    }

    /// Model calls in one turn, where the type bounds them.
    pub fn steps_max(&self, thoroughness: Option<Thoroughness>) -> Option<u32> {
        let level = thoroughness.and_then(|one| self.thoroughness.get(&one));
        level.and_then(|level| level.steps_max).or(self.steps_max)
    }

    /// What it is told.
    pub fn words(&self, thoroughness: Option<Thoroughness>) -> String {
        let level = thoroughness.and_then(|one| self.thoroughness.get(&one));
        let more = level.map(|level| level.prompt.trim()).unwrap_or_default();
        format!("{}\n{more}", self.prompt.trim()).trim().to_owned()
    }
}

impl Config {
    /// The name of a type that `name` was probably meant to be.
    pub fn agent_near(&self, name: &str) -> Option<&str> {
        nearest(name, self.agents.keys().map(String::as_str))
    }
}

#[cfg(test)]
mod tests;
