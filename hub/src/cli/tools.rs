//! `tools`: what there is to call, as a list or one tool in full.
//!
//! `--json`: `{"snapshot": N, "tools": [{server, tool, name, title, description, effect, hinted, source,
//! tokens: {full, slim, line}, fingerprint, offline, raw}], "missing": [{server, reason}]}`, which
//! `--catalog` reads back. `name` is the exposed name, `raw` the definition as its server sent it.
//! With `--name`, the one tool's object alone.

use serde::Serialize;
use toolpool_config::Effect;
use toolpool_registry::{ClaimSource, Json, Snapshot, ToolMeta, ToolRecord, View};

use crate::caller::Caller;
use crate::cli::args::ToolsArgs;
use crate::cli::columns::{self, Align, Cell};
use crate::cli::report::{Done, Usage};
use crate::cli::start::Context;
use crate::cli::tool_text;
use crate::cli::ui::{Look, Style};
use crate::cli::wait::{self, Missing, Until};
use crate::cli::with_hub;
use crate::cli::words::{self, number, one_line};
use crate::error::list;
use crate::hub::Hub;

/// A tool as `--json` writes it.
#[derive(Serialize)]
pub(crate) struct Entry {
    server: String,
    tool: String,
    name: String,
    title: Option<String>,
    description: String,
    effect: Effect,
    hinted: Option<Effect>,
    source: ClaimSource,
    tokens: serde_json::Value,
    fingerprint: String,
    offline: bool,
    raw: Json,
}

impl Entry {
    fn of(record: ToolRecord) -> Entry {
        Entry {
            server: record.server.to_string(),
            tool: record.tool.to_string(),
            name: record.exposed.to_string(),
            title: record.title.map(|title| title.to_string()),
            description: record.description.to_string(),
            effect: record.claims.effect,
            hinted: record.claims.hinted,
            source: record.claims.source,
            tokens: serde_json::json!({
                "full": record.tokens.full,
                "slim": record.tokens.slim,
                "line": record.tokens.line,
            }),
            fingerprint: record.fingerprint.to_string(),
            offline: record.offline,
            raw: record.raw,
        }
    }
}

#[derive(Serialize)]
struct Listing {
    snapshot: u64,
    tools: Vec<Entry>,
    missing: Vec<Missing>,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &ToolsArgs) -> anyhow::Result<Done> {
    let config = context.load()?.config;
    with_hub(context, config, async |hub| {
        let caller = context.caller(&hub.config())?;
        // One tool is waited for no longer than its own server takes.
        let known = || {
            let snapshot = hub.snapshot();
            let view = hub.view(&snapshot, &caller);
            args.name
                .as_ref()
                .is_some_and(|name| view.resolve(&snapshot, name).is_some())
        };
        wait::settle_or(context, hub, Until::Servers, known).await?;
        let snapshot = hub.snapshot();
        let view = hub.view(&snapshot, &caller);
        let mut missing = wait::missing(&snapshot, &caller);
        if let Some(name) = &args.name {
            return one(context, &snapshot, &view, name, &missing);
        }
        if let Some(server) = &args.server {
            must_exist(&snapshot, server)?;
            missing.retain(|missing| missing.server == *server);
        }
        let rows: Vec<usize> = view
            .rows()
            .filter(|row| wanted(&snapshot.tools()[*row], args))
            .collect();
        if context.global.json {
            let records = rows
                .iter()
                .filter_map(|row| ToolRecord::of(&snapshot, *row));
            let tools = records.map(Entry::of).collect();
            context.ui.json(&Listing {
                snapshot: snapshot.no(),
                tools,
                missing,
            })?;
        } else {
            let tools: Vec<Line> = rows
                .iter()
                .map(|row| Line::of(&snapshot.tools()[*row]))
                .collect();
            context.ui.print(&text(&tools, &context.ui.out))?;
            wait::say_missing(context, &missing);
        }
        Ok(Done::Yes)
    })
    .await
}

fn wanted(tool: &ToolMeta, args: &ToolsArgs) -> bool {
    let effect = tool.claims.shown().unwrap_or(Effect::Destructive);
    args.server
        .as_deref()
        .is_none_or(|server| server == &*tool.id.server)
        && args.effect.is_none_or(|wanted| wanted == effect)
}

fn must_exist(snapshot: &Snapshot, server: &str) -> Result<(), Usage> {
    if snapshot.server(server).is_some() {
        return Ok(());
    }
    let names: Vec<&str> = snapshot
        .servers()
        .iter()
        .map(|server| &*server.name)
        .collect();
    Err(Usage::new(format!("there is no server `{server}`"))
        .hint(format!("the servers are {}", list(&names))))
}

fn one(
    context: &Context,
    snapshot: &Snapshot,
    view: &View,
    name: &str,
    missing: &[Missing],
) -> anyhow::Result<Done> {
    // A person may also say the server's own name for it, where only one tool has that.
    let by_own_name = || {
        let mut rows = view
            .rows()
            .filter(|row| &*snapshot.tools()[*row].id.name == name);
        rows.next().filter(|_| rows.next().is_none())
    };
    let Some(row) = view.resolve(snapshot, name).or_else(by_own_name) else {
        wait::say_missing(context, missing);
        context.ui.say(&format!(
            "{} there is no tool `{name}`",
            context.ui.err.paint(Style::Bad, "error:")
        ));
        context
            .ui
            .hint("`toolpool tools` lists the tools there are");
        return Ok(Done::No);
    };
    match ToolRecord::of(snapshot, row) {
        Some(record) if context.global.json => context.ui.json(&Entry::of(record))?,
        _ => context
            .ui
            .print(&tool_text::detail(&snapshot.tools()[row], &context.ui.out))?,
    }
    Ok(Done::Yes)
}

/// The tools whose name or description holds all the words; one in full where its whole name was typed.
pub(crate) fn matching(hub: &Hub, caller: &Caller, text: &str, look: &Look) -> String {
    let snapshot = hub.snapshot();
    let view = hub.view(&snapshot, caller);
    if let Some(row) = view.resolve(&snapshot, text) {
        return tool_text::detail(&snapshot.tools()[row], look);
    }
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    let lines: Vec<Line> = view
        .rows()
        .map(|row| &snapshot.tools()[row])
        .filter(|tool| {
            let all = format!("{} {}", tool.exposed, tool.description).to_lowercase();
            words.iter().all(|word| all.contains(word))
        })
        .map(|tool| Line::of(tool))
        .collect();
    self::text(&lines, look)
}

/// A tool in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) effect: String,
    pub(crate) full: u32,
    pub(crate) slim: u32,
    pub(crate) offline: bool,
    pub(crate) about: String,
}

impl Line {
    /// The line of a tool.
    pub(crate) fn of(tool: &ToolMeta) -> Line {
        Line {
            name: tool.exposed.to_string(),
            effect: effect(tool),
            full: tool.full.tokens,
            slim: tool.slim.tokens,
            offline: tool.offline,
            about: about(tool),
        }
    }
}

/// The effect as a reader should take it: with a question mark where only its server says so, and `?`
/// alone where nobody does.
pub(crate) fn effect(tool: &ToolMeta) -> String {
    match tool.claims.shown() {
        Some(effect) if tool.claims.believed() => effect.to_string(),
        Some(effect) => format!("{effect}?"),
        None => "?".into(),
    }
}

/// The first sentence or line of what a tool says of itself.
fn about(tool: &ToolMeta) -> String {
    let first = tool
        .description
        .lines()
        .find(|line| !line.trim().is_empty());
    one_line(first.or(tool.title.as_deref()).unwrap_or_default())
}

/// The list as text. Descriptions end where the line does.
pub(crate) fn text(tools: &[Line], look: &Look) -> String {
    if tools.is_empty() {
        return "no tools\n".into();
    }
    let heads = [
        ("TOOL", Align::Left),
        ("EFFECT", Align::Left),
        ("FULL", Align::Right),
        ("SLIM", Align::Right),
        ("ABOUT", Align::Left),
    ];
    let rows: Vec<Vec<Cell>> = tools
        .iter()
        .map(|tool| {
            vec![
                Cell::styled(Style::Name, tool.name.clone()),
                Cell::styled(
                    if tool.effect.starts_with("destructive") {
                        Style::Warn
                    } else {
                        Style::Dim
                    },
                    tool.effect.clone(),
                ),
                Cell::new(number(u64::from(tool.full))),
                Cell::new(number(u64::from(tool.slim))),
                Cell::styled(Style::Dim, tool.about.clone()),
            ]
        })
        .collect();
    let sum = |cost: fn(&Line) -> u32| number(tools.iter().map(|tool| u64::from(cost(tool))).sum());
    let offline = tools.iter().filter(|tool| tool.offline).count();
    let mut total = format!(
        "\n{} {} {} tokens in full, {} slim",
        words::count(tools.len(), "tool"),
        look.dot(),
        sum(|tool| tool.full),
        sum(|tool| tool.slim)
    );
    if offline > 0 {
        total.push_str(&format!(
            " {} {} offline",
            look.dot(),
            number(offline as u64)
        ));
    }
    format!("{}{total}\n", columns::table(&heads, &rows, 0, look))
}

#[cfg(test)]
mod tests;
