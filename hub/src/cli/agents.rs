//! `agents list|show`: the kinds of agents that there are, and what each of them may do.
//!
//! `list --json`: `{"agents": [{name, description, effects, mode, approver, steps_max, own, source}]}`; `show --json`: the type as
//! it is in force, with its `name`, and the `source` of its description: `built in`, or file and line.

use serde::Serialize;
use serde_json::json;
use toolpool_config::{AgentType, Loaded, Origin};

use crate::agent::agent_type;
use crate::cli::args::AgentsCommand;
use crate::cli::columns::{self, Align, Cell};
use crate::cli::report::Done;
use crate::cli::start::Context;
use crate::cli::ui::{Look, Style};
use crate::cli::words::{one_line, safe};

/// A type in a list.
#[derive(Clone, Debug, Serialize)]
struct Row {
    name: String,
    description: String,
    effects: Option<&'static str>,
    mode: Option<&'static str>,
    approver: &'static str,
    steps_max: Option<u32>,
    own: Vec<&'static str>,
    source: String,
}

#[derive(Serialize)]
struct Listing {
    agents: Vec<Row>,
}

/// Runs one of the commands. None of them starts a server.
pub(crate) fn run(context: &Context, command: Option<AgentsCommand>) -> anyhow::Result<Done> {
    let loaded = context.load()?;
    match command.unwrap_or(AgentsCommand::List) {
        AgentsCommand::List => {
            let agents = loaded.config.agents.iter();
            let agents: Vec<Row> = agents
                .map(|(name, agent)| row(name, agent, &loaded))
                .collect();
            if context.global.json {
                context.ui.json(&Listing { agents })?;
            } else {
                context.ui.print(&list(&agents, &context.ui.out))?;
                context.ui.hint("`toolpool --agent NAME` runs a conversation as one; `toolpool agents show NAME` says what it may do");
            }
        }
        AgentsCommand::Show { name } => {
            let agent = agent_type(&loaded.config, &name)?;
            let row = row(&name, agent, &loaded);
            if context.global.json {
                let mut value = serde_json::to_value(agent)?;
                value["name"] = json!(name);
                value["source"] = json!(row.source);
                context.ui.json(&value)?;
            } else {
                context.ui.print(&shown(&row, agent, &context.ui.out))?;
            }
        }
    }
    Ok(Done::Yes)
}

fn row(name: &str, agent: &AgentType, loaded: &Loaded) -> Row {
    let key = format!("agents.{name}.description");
    let value = loaded.values.iter().find(|value| value.key == key);
    Row {
        name: name.to_owned(),
        description: agent.description.clone(),
        effects: agent.effects.map(|effect| effect.name()),
        mode: agent.mode.map(|mode| mode.name()),
        approver: agent.approver.name(),
        steps_max: agent.steps_max,
        own: agent.own.iter().map(|own| own.name()).collect(),
        source: match value.map(|value| &value.origin) {
            None | Some(Origin::Default { .. }) => "built in".into(),
            Some(origin) => origin.to_string(),
        },
    }
}

fn list(agents: &[Row], look: &Look) -> String {
    let heads = [
        ("AGENT", Align::Left),
        ("EFFECTS", Align::Left),
        ("MODE", Align::Left),
        ("ASKS", Align::Left),
        ("STEPS", Align::Right),
        ("ABOUT", Align::Left),
    ];
    let rows: Vec<Vec<Cell>> = agents
        .iter()
        .map(|agent| {
            let steps = agent.steps_max.map(|steps| steps.to_string());
            vec![
                Cell::styled(Style::Name, agent.name.clone()),
                Cell::new(agent.effects.unwrap_or("any")),
                Cell::new(agent.mode.unwrap_or_default()),
                Cell::new(agent.approver),
                Cell::new(steps.unwrap_or_default()),
                Cell::styled(Style::Dim, one_line(&agent.description)),
            ]
        })
        .collect();
    columns::table(&heads, &rows, 0, look)
}

/// Everything about one, in the words of the file.
fn shown(row: &Row, agent: &AgentType, look: &Look) -> String {
    let mut out = format!(
        "{} {} {}\n",
        look.paint(Style::Name, &row.name),
        look.dot(),
        safe(&row.description)
    );
    let list = |patterns: Vec<String>| (!patterns.is_empty()).then(|| patterns.join(", "));
    let text = |patterns: &[toolpool_config::Pattern]| {
        list(patterns.iter().map(ToString::to_string).collect())
    };
    let levels = agent
        .thoroughness
        .iter()
        .map(|(level, what)| match what.steps_max {
            Some(steps) => format!("{level} (at most {steps} steps)"),
            None => level.to_string(),
        });
    let facts = [
        (
            "effects",
            Some(row.effects.map_or("any".to_owned(), |worst| {
                format!("{worst} or milder, by a believed claim")
            })),
        ),
        ("mode", row.mode.map(str::to_owned)),
        ("servers", list(agent.servers.clone())),
        ("allow", text(&agent.allow)),
        ("deny", text(&agent.deny)),
        ("asks", Some(row.approver.to_owned())),
        (
            "steps",
            row.steps_max.map(|steps| format!("at most {steps}")),
        ),
        ("thoroughness", list(levels.collect())),
        (
            "window",
            (agent.window_share < 1.0)
                .then(|| format!("{:.0} % of the model's", 100.0 * agent.window_share)),
        ),
        (
            "own tools",
            list(row.own.iter().map(|own| (*own).to_owned()).collect()),
        ),
        ("from", Some(row.source.clone())),
    ];
    for (name, fact) in facts {
        if let Some(fact) = fact {
            out.push_str(&format!("{name:<13} {}\n", safe(&fact)));
        }
    }
    out.push_str(&format!("\n{}\n", safe(agent.prompt.trim())));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use toolpool_config::{Sources, load};

    #[test]
    fn a_type_is_shown_with_what_it_may_do_and_where_it_is_written() {
        let loaded = load(&Sources::default()).expect("the defaults are read");
        let agent = &loaded.config.agents["explore"];
        let look = Look {
            width: 80,
            color: false,
            unicode: true,
        };
        let row = row("explore", agent, &loaded);
        let text = shown(&row, agent, &look);
        for wanted in [
            "explore · finds things out and changes nothing\n",
            "effects       read-only or milder, by a believed claim\n",
            "asks          autonomous\n",
            "thoroughness  quick (at most 5 steps), medium (at most 12 steps), thorough (at most 30 steps)\n",
            "from          built in\n",
        ] {
            assert!(text.contains(wanted), "{wanted}\n{text}");
        }
        let text = list(&[row], &look);
        assert!(
            text.contains("explore  read-only  plan  autonomous     12  finds things out"),
            "{text}"
        );
    }
}
