//! `why tool|call|step`, and `/why` in a conversation: one explanation for both, read from a session's journal.
//!
//! `--json`: for a tool `{"tool", "pools": [{"turn", "step", "border", "offered", "sentence"}], "borders", "calls": [as in audit], "now"}`;
//! for a call `{"record": as in audit, "events": [[line, at_ms, {"what", ...}]]}`; for a step `{"turn", "step", "seq", "at_ms", "table", "pool",
//! "border", "compactions", "messages": [{"seq", "turn", "message"}], "cache"}`.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::audit::{StepStory, ToolStory, call_story, step_story, tool_story};
use crate::cli::args::{self, WhyCommand};
use crate::cli::pool;
use crate::cli::report::{Done, Usage};
use crate::cli::start::Context;
use crate::cli::ui::Look;
use crate::cli::wait::{self, Until};
use crate::cli::why_text;
use crate::cli::with_hub;
use crate::journal::entry::{CallId, Entry, StepNo, TurnNo};
use crate::journal::{Line, RealDisk, Store};

/// Runs the command.
pub(crate) async fn run(context: &Context, command: WhyCommand) -> anyhow::Result<Done> {
    let store = Store::new(context.surroundings.state(), Arc::new(RealDisk));
    let look = &context.ui.out;
    match command {
        WhyCommand::Tool {
            name,
            session,
            turn,
            now,
        } => {
            let lines = lines(&store, &session)?;
            let story = tool_story(&lines, &name, turn);
            let again = match now {
                true => Some(rank_again(context, &name, &lines, turn).await?),
                false => None,
            };
            if context.global.json {
                let mut value = serde_json::to_value(&story)?;
                value["now"] = json!(again);
                context.ui.json(&value)?;
            } else {
                context
                    .ui
                    .print(&why_text::tool(&story, again.as_deref(), look))?;
            }
            Ok(known(&story, again.as_deref()))
        }
        WhyCommand::Call {
            call,
            session,
            full,
        } => {
            let lines = lines(&store, &session)?;
            let story = call_story(&lines, call).ok_or_else(|| no_call(call, &session))?;
            if context.global.json {
                context.ui.json(&story)?;
            } else {
                context.ui.print(&why_text::call(&story, full, look))?;
            }
            Ok(Done::Yes)
        }
        WhyCommand::Step {
            step,
            session,
            full,
        } => {
            let lines = lines(&store, &session)?;
            let story = step_of(&lines, step)?;
            if context.global.json {
                context.ui.json(&as_json(&story))?;
            } else {
                context.ui.print(&why_text::step(&story, full, look))?;
            }
            Ok(Done::Yes)
        }
    }
}

/// What `/why` was asked about, where it is a step or a call of this session; none for what may be a tool.
pub(crate) fn of_session(
    lines: &[Line],
    words: &str,
    look: &Look,
) -> anyhow::Result<Option<String>> {
    if let Ok(step) = args::step(words) {
        return Ok(Some(why_text::step(&step_of(lines, step)?, false, look)));
    }
    let call = words.parse::<CallId>().ok();
    let story = call.and_then(|call| call_story(lines, call));
    Ok(story.map(|story| why_text::call(&story, false, look)))
}

/// What was decided on a tool's calls so far, as `/why` adds it.
pub(crate) fn calls_of(lines: &[Line], tool: &str, look: &Look) -> String {
    why_text::calls(&tool_story(lines, tool, None), look)
}

fn lines(store: &Store, words: &str) -> anyhow::Result<Vec<Line>> {
    Ok(store.read(&store.find(words)?)?.0)
}

fn known(story: &ToolStory, again: Option<&str>) -> Done {
    let told = !story.pools.is_empty() || !story.calls.is_empty() || again.is_some();
    if told { Done::Yes } else { Done::No }
}

fn no_call(call: CallId, session: &str) -> Usage {
    Usage::new(format!("there is no call `{call}` in session `{session}`")).hint(format!(
        "`toolpool audit --session {session}` lists its calls"
    ))
}

fn step_of(lines: &[Line], (turn, step): (TurnNo, StepNo)) -> anyhow::Result<StepStory> {
    let story = step_story(lines, turn, step);
    let mut steps = lines.iter().filter_map(|line| match line.entry {
        Entry::Fit { turn, step, .. } => Some(format!("{turn}.{step}")),
        _ => None,
    });
    story.ok_or_else(|| {
        let last = steps.next_back().map_or("it has none".to_owned(), |last| {
            format!("the last is {last}")
        });
        Usage::new(format!("the session has no step {turn}.{step}: {last}"))
            .hint("`toolpool sessions show SESSION` shows its turns and steps")
            .into()
    })
}

fn as_json(story: &StepStory) -> Value {
    let messages: Vec<Value> = story
        .messages
        .iter()
        .map(|stored| json!({"seq": stored.seq, "turn": stored.turn, "message": stored.message}))
        .collect();
    json!({
        "turn": story.turn,
        "step": story.step,
        "seq": story.seq,
        "at_ms": story.at_ms,
        "table": story.table,
        "pool": story.pool,
        "border": story.border,
        "compactions": story.compactions,
        "messages": messages,
        "cache": story.cache,
    })
}

/// What a pool for the same words would say of a tool with the servers and the configuration of now.
async fn rank_again(
    context: &Context,
    tool: &str,
    lines: &[Line],
    turn: Option<TurnNo>,
) -> anyhow::Result<String> {
    let query = lines.iter().rev().find_map(|line| match &line.entry {
        Entry::Pool(pool) if turn.is_none_or(|turn| pool.turn <= turn) => Some(pool.query.clone()),
        _ => None,
    });
    let Some(query) = query else {
        return Err(Usage::new(
            "no pool was made in that session, so there are no words to rank by",
        )
        .into());
    };
    with_hub(context, context.load()?.config, async |hub| {
        wait::settle(context, hub, Until::Everything).await?;
        let caller = context.caller(&hub.config())?;
        let report = pool::make(hub, &caller, &query, None, usize::MAX).await;
        let find = |lines: &[toolpool_registry::pool::Line]| {
            let line = lines.iter().find(|line| &*line.exposed == tool)?;
            let score = line
                .score
                .map(|score| format!(", score {score:.2}"))
                .unwrap_or_default();
            Some(format!("{}{score}", line.because))
        };
        if let Some(why) = find(&report.offered) {
            return Ok(format!(
                "`{tool}` would be in a pool for the same words: {why}"
            ));
        }
        if let Some(why) = find(&report.left_out) {
            return Ok(format!(
                "`{tool}` would not be in a pool for the same words: {why}"
            ));
        }
        let snapshot = hub.snapshot();
        let hidden = snapshot
            .by_exposed(tool)
            .map(|row| caller.rules.hides(&snapshot.tools()[row]));
        Ok(match hidden {
            // For the person's eyes: the model is never told why a tool is hidden.
            Some(Some(hidden)) => format!("`{tool}` is hidden: {hidden}"),
            Some(None) => format!("`{tool}` is there and was not ranked"),
            None => format!("there is no tool `{tool}` now"),
        })
    })
    .await
}
