//! `delegate` as the model sees it: its definition, and its arguments read forgivingly.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use toolpool_config::{AgentType, Thoroughness};

use super::Task;

/// Name of the tool that gives a task to another agent.
pub const DELEGATE: &str = "delegate";

/// The definition as a function of the chat API, as canonical JSON. Every token of it is paid in every request.
#[must_use]
pub fn definition(agents: &BTreeMap<String, AgentType>) -> String {
    let who: Vec<String> = agents
        .iter()
        .map(|(name, agent)| format!("{name}: {}", agent.description.trim()))
        .collect();
    let definition = json!({
        "type": "function",
        "function": {
            "name": DELEGATE,
            "description": format!("Give a task to another agent, which has a window of its own; only its answer comes back. {}", who.join("; ")),
            "parameters": {
                "type": "object",
                "properties": {
                    "agent": {"enum": agents.keys().collect::<Vec<_>>()},
                    "task": {"type": "string", "description": "All it has to know: it sees nothing else"},
                    "thoroughness": {"enum": Thoroughness::ALL.map(Thoroughness::name)}
                },
                "required": ["agent", "task"]
            }
        }
    });
    toolpool_registry::canonical(&definition)
}

/// Reads the arguments of `delegate`. Whether the type exists is not asked here.
///
/// # Errors
/// One sentence for the model.
pub fn arguments(
    given: &Map<String, Value>,
    agents: &BTreeMap<String, AgentType>,
) -> Result<Task, String> {
    let text = |names: &[&str]| {
        let found = names.iter().find_map(|name| given.get(*name)?.as_str());
        found.map(str::trim).filter(|text| !text.is_empty())
    };
    let known = || {
        let names: Vec<String> = agents.keys().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let agent = text(&["agent", "type", "name", "agent_type", "subagent_type"])
        .ok_or_else(|| format!("`{DELEGATE}` needs `agent`: one of {}", known()))?;
    let task = text(&["task", "prompt", "request", "instructions", "description"])
        .ok_or_else(|| format!("`{DELEGATE}` needs `task`: all that the agent has to know"))?;
    let thoroughness = match text(&["thoroughness", "level", "effort"]) {
        None => None,
        Some(word) => Some(Thoroughness::from_name(word).ok_or_else(|| {
            format!("`thoroughness` is `quick`, `medium` or `thorough`, and not `{word}`")
        })?),
    };
    let spelled = agents.keys().find(|name| name.eq_ignore_ascii_case(agent));
    Ok(Task {
        agent: spelled.map_or(agent, |name| name).to_owned(),
        text: task.to_owned(),
        thoroughness,
    })
}
