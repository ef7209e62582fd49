//! `call`: one tool, once, through the one door.
//!
//! stdout is what the tool returned: its text, else its structured content. `--json`: `{"name", "server",
//! "tool", "is_error", "repairs": [..], "cut", "elapsed_ms", "result"}` with the result as the server
//! sent it. Progress and repairs are talk and go to stderr.

use std::io::Read;
use std::sync::Arc;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use toolpool_connectors::Progress;

use crate::caller::{Asks, Caller};
use crate::cli::args::CallArgs;
use crate::cli::report::{Done, Interrupted, Usage};
use crate::cli::start::Context;
use crate::cli::ui::{self, Ui};
use crate::cli::wait::{self, Until};
use crate::cli::with_hub;
use crate::cli::words::{one_line, safe};
use crate::execute::{Answer, Call, Refusal, block_text};
use crate::hub::Hub;

/// Reports that may wait to be shown; more are dropped.
const PROGRESS_WAITING: usize = 16;

/// Runs the command.
pub(crate) async fn run(context: &Context, args: CallArgs) -> anyhow::Result<Done> {
    let arguments = arguments(args.arguments.as_deref())?;
    let config = context.load()?.config;
    with_hub(context, config, async |hub| {
        let caller = context.caller(&hub.config())?;
        // The one server is enough: the others may take their time.
        let known = || {
            let snapshot = hub.snapshot();
            let view = hub.view(&snapshot, &caller);
            view.resolve(&snapshot, &args.name).is_some()
        };
        wait::settle_or(context, hub, Until::Servers, known).await?;
        match call(context, hub, &caller, &args.name, arguments).await? {
            Ok(answer) => show(context, &answer),
            Err(refusal) => {
                if matches!(refusal, Refusal::Unknown { .. }) {
                    wait::say_missing(context, &wait::missing(&hub.snapshot(), &caller));
                }
                Err(told(refusal, &args.name))
            }
        }
    })
    .await
}

fn told(refusal: Refusal, name: &str) -> anyhow::Error {
    let is_servers = matches!(refusal, Refusal::Server { .. });
    let error = anyhow::Error::new(refusal);
    if is_servers {
        error.context(format!("cannot call `{name}`"))
    } else {
        error
    }
}

/// Reads the arguments: JSON, `-` for stdin, nothing for none.
fn arguments(given: Option<&str>) -> anyhow::Result<Option<Value>> {
    let text = match given {
        None => return Ok(None),
        Some("-") => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("cannot read the arguments from stdin")?;
            text
        }
        Some(text) => text.to_owned(),
    };
    parse(&text).map_err(Into::into)
}

/// Arguments as a person wrote them.
///
/// # Errors
/// Where the text stops being JSON.
pub(crate) fn parse(text: &str) -> Result<Option<Value>, Usage> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    serde_json::from_str(text).map(Some).map_err(|error| {
        Usage::new(format!("the arguments are not JSON: {error}"))
            .hint("they look like '{\"path\": \".\"}'")
    })
}

/// Calls a tool, showing its progress. The outer error is the person's: Ctrl-C.
pub(crate) async fn call(
    context: &Context,
    hub: &Arc<Hub>,
    caller: &Caller,
    name: &str,
    arguments: Option<Value>,
) -> Result<Result<Answer, Refusal>, Interrupted> {
    let (sender, mut reports) = mpsc::channel(PROGRESS_WAITING);
    let cancel = CancellationToken::new();
    let call = Call {
        cancel: cancel.clone(),
        progress: Some(sender),
        ..Call::new(hub.next_call(), name, arguments)
    };
    let caller = caller.clone().asking(Asks::Typed);
    let answer = hub.call(&caller, call);
    tokio::pin!(answer);
    let result = loop {
        tokio::select! {
            answer = &mut answer => break Ok(answer),
            Some(report) = reports.recv() => say(&context.ui, &report),
            () = context.signals.interrupted() => {
                cancel.cancel();
                // The server is told; what it answers to that is no longer wanted.
                let _ = (&mut answer).await;
                break Err(Interrupted);
            }
        }
    };
    ui::clear();
    result
}

fn say(ui: &Ui, report: &Progress) {
    let text = progress(report);
    if ui.shows_progress() {
        ui.progress(&text)
    } else {
        ui.say(&text)
    }
}

fn progress(report: &Progress) -> String {
    let mut text = match report.total {
        Some(total) => format!("progress {} of {total}", report.progress),
        None => format!("progress {}", report.progress),
    };
    if let Some(message) = &report.message {
        text.push_str(&format!(": {}", one_line(message)));
    }
    text
}

#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    server: &'a str,
    tool: &'a str,
    is_error: bool,
    repairs: &'a [String],
    cut: bool,
    elapsed_ms: u64,
    result: &'a Value,
}

/// Prints an answer.
pub(crate) fn show(context: &Context, answer: &Answer) -> anyhow::Result<Done> {
    for repair in &answer.repairs {
        context.ui.say(&format!("repaired: {}", one_line(repair)));
    }
    if context.global.json {
        context.ui.json(&Shown {
            name: &answer.exposed,
            server: &answer.tool.server,
            tool: &answer.tool.name,
            is_error: answer.is_error(),
            repairs: &answer.repairs,
            cut: answer.cut,
            elapsed_ms: u64::try_from(answer.elapsed.as_millis()).unwrap_or(u64::MAX),
            result: &answer.result,
        })?;
    } else {
        let text = text(&answer.result, !answer.repairs.is_empty());
        // A pipe gets the bytes as they are; a terminal must not be steered by them.
        context.ui.print(&if context.ui.to_terminal() {
            safe(&text)
        } else {
            text
        })?;
    }
    if answer.cut {
        context
            .ui
            .warn("the result was too large and was cut; `limits.result_bytes_max` says where");
    }
    if answer.is_error() {
        context
            .ui
            .warn(&format!("`{}` reports an error", answer.exposed));
        return Ok(Done::No);
    }
    Ok(Done::Yes)
}

/// What a result says, block by block. `noted`: the door put its note on repairs in front, which is
/// told on stderr already.
fn text(result: &Value, noted: bool) -> String {
    let blocks = result.get("content").and_then(Value::as_array);
    let mut parts: Vec<String> = blocks
        .into_iter()
        .flatten()
        .skip(usize::from(noted))
        .map(block_text)
        .collect();
    if parts.is_empty()
        && let Some(structured) = result.get("structuredContent")
    {
        parts.push(serde_json::to_string_pretty(structured).unwrap_or_default());
    }
    parts.join("\n")
}

#[cfg(test)]
mod tests;
