//! `toolpool "do this"`: one request, done by the model with the tools that fit, and its answer.
//!
//! stdout, by `--output-format`: `text` the answer and nothing else; `json` one object at the end, `{"session", "model",
//! "answer", "how", "note", "calls": [{call, name, arguments, state, reason, elapsed_ms}], "usage": {steps, window, prompt, cached,
//! reply}, "warnings": [..]}`; `stream-json` each event as one line when it happens (see `event.rs`). stderr is for a person
//! who watches. Exit codes: 0 answered, 1 ended without an answer, 130 stopped.
//!
//! Who may be asked: a person, where one types and reads; else nobody, and what would be asked is denied and told.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use toolpool_config::Config;

use crate::agent::{Agent, Ended, Opened};
use crate::approve::{Approver, NoPerson};
use crate::cli::args::{Format, InDoubt};
use crate::cli::ask::Desk;
use crate::cli::chat::screen::Output;
use crate::cli::chat::turn::{Show, Watched, put, watch};
use crate::cli::chat::{self, recover};
use crate::cli::endpoint::{self, Chosen};
use crate::cli::report::{Done, Interrupted, Usage};
use crate::cli::start::Context;
use crate::cli::ui::{self, Style};
use crate::cli::wait::{self, Until};
use crate::cli::with_hub;
use crate::cli::words::one_line;
use crate::event::{Event, What};
use crate::hub::Hub;
use crate::journal::entry::EndHow;

/// Runs the request.
pub(crate) async fn run(
    context: &Context,
    config: Config,
    chosen: &Chosen,
    text: Option<&str>,
    format: Format,
) -> anyhow::Result<Done> {
    with_hub(context, config, async |hub| {
        wait::settle(context, hub, Until::Everything).await?;
        endpoint::tell(&context.ui, chosen);
        let mut desk = None;
        let mut approver: Arc<dyn Approver> = Arc::new(NoPerson);
        if context.ui.interactive && format == Format::Text {
            let terminal = chat::terminal(context, hub);
            let (asker, opened) = Desk::open(terminal, chat::rules_file(context));
            desk = Some(opened);
            approver = Arc::new(asker);
        }
        let (mut agent, opened) = Agent::open(chat::setup(context, hub, chosen, approver)).await?;
        let warnings = findings(context, &opened);
        settle(context, &mut agent, &opened).await?;
        if text.is_none() && !agent.interrupted() {
            agent.close().await;
            return Err(nothing_open(&opened.session).into());
        }
        let run = Run {
            context,
            hub,
            format,
            warnings,
        };
        let ended = run.turn(&mut agent, text, desk.as_mut()).await;
        agent.close().await;
        match ended?.how {
            EndHow::Answered => Ok(Done::Yes),
            EndHow::Cancelled => Err(Interrupted.into()),
            _ => Ok(Done::No),
        }
    })
    .await
}

/// Tells what recovery found. Calls in doubt stay open: the model is told of them, and nobody is here to ask.
fn findings(context: &Context, opened: &Opened) -> Vec<String> {
    let mut all = recover::found(opened);
    all.extend(opened.doubts.iter().map(recover::doubt));
    for sentence in &all {
        context.ui.warn(sentence);
    }
    if !opened.doubts.is_empty() {
        context.ui.hint(&format!(
            "`toolpool --resume {}` asks about it",
            opened.session
        ));
    }
    all
}

/// Takes for true of calls in doubt what a flag says. Without one they stay open until the turn goes on.
async fn settle(context: &Context, agent: &mut Agent, opened: &Opened) -> anyhow::Result<()> {
    let happened = match context.talk.in_doubt {
        None => return Ok(()),
        Some(InDoubt::Leave) => None,
        Some(InDoubt::Happened) => Some(true),
        Some(InDoubt::NotHappened) => Some(false),
    };
    for doubt in &opened.doubts {
        agent.settle(doubt.call, happened).await?;
    }
    Ok(())
}

fn nothing_open(session: &str) -> Usage {
    Usage::new(format!(
        "session {session} has no interrupted turn to go on with"
    ))
    .hint("say what you want done: `toolpool --resume ID \"and now the tests\"`")
}

struct Run<'a> {
    context: &'a Context,
    hub: &'a Arc<Hub>,
    format: Format,
    warnings: Vec<String>,
}

impl Run<'_> {
    async fn turn(
        &self,
        agent: &mut Agent,
        text: Option<&str>,
        desk: Option<&mut Desk>,
    ) -> anyhow::Result<Ended> {
        let ui = &self.context.ui;
        let mut events = agent.events();
        let mut screen = chat::screen(self.context, agent);
        let mut gathered = Gathered {
            session: agent.session().to_owned(),
            model: agent.about().model.clone(),
            warnings: self.warnings.clone(),
            ..Gathered::default()
        };
        // A person reads along; a pipe gets the answer when it is known to be the answer.
        let streams = self.format == Format::Text && ui.to_terminal();
        let show = |what: Show<'_>, typing: bool| {
            if let (Format::StreamJson, Show::Event(event)) = (self.format, &what) {
                return ui.print(&serde_json::to_string(event)?);
            }
            let outputs = match what {
                Show::Event(event) => {
                    gathered.event(event);
                    screen.event(event)
                }
                Show::Close => screen.close(),
            };
            let outputs = outputs
                .into_iter()
                .filter(|output| match output {
                    Output::Piece(_) => streams,
                    Output::Line(_) => !ui.is_quiet(),
                    Output::Changing(_) => true,
                })
                .collect();
            put(ui, outputs, typing)
        };
        let cancel = CancellationToken::new();
        let work = async {
            match text {
                Some(text) => agent.turn(text, cancel.clone()).await.map(Some),
                None => agent.go_on(cancel.clone()).await,
            }
        };
        let ended = match watch(self.context, work, &cancel, &mut events, desk, show).await? {
            Watched::Done(ended) | Watched::Leaving(ended) => {
                ended?.ok_or_else(|| nothing_open(&gathered.session))?
            }
            Watched::Left => return Err(Interrupted.into()),
        };
        match self.format {
            Format::Text => {
                if !streams && !ended.text.is_empty() {
                    ui.print(&ended.text)?;
                }
                ui.say(&screen.status());
            }
            Format::Json => ui.json(&gathered.end(&ended))?,
            Format::StreamJson => {}
        }
        if ui.is_quiet() && !matches!(ended.how, EndHow::Answered | EndHow::Cancelled) {
            // The one thing that is said all the same.
            let why = ended
                .note
                .as_deref()
                .unwrap_or("it ended without an answer");
            ui::talk(&format!(
                "{} {}",
                ui.err.paint(Style::Bad, "error:"),
                one_line(why)
            ));
        }
        if ended.how == EndHow::Answered {
            wait::say_missing(
                self.context,
                &wait::missing(&self.hub.snapshot(), &agent.caller()?),
            );
        }
        Ok(ended)
    }
}

/// What `json` prints: a fold over the events.
#[derive(Clone, Debug, Default, Serialize)]
struct Gathered {
    session: String,
    model: String,
    answer: String,
    how: Option<EndHow>,
    note: Option<String>,
    calls: Vec<Made>,
    usage: Tokens,
    warnings: Vec<String>,
}

/// A call, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Made {
    call: String,
    name: String,
    /// As they were sent; as the model wrote them where nothing was sent.
    arguments: Value,
    /// `proposed` where the turn ended before anything became of it.
    state: String,
    /// Why it was denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    elapsed_ms: u64,
}

/// Tokens of all steps together, as far as the server said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Tokens {
    steps: u32,
    window: u32,
    prompt: u64,
    cached: u64,
    reply: u64,
}

impl Gathered {
    fn event(&mut self, event: &Event) {
        match &event.what {
            What::Budget { window, .. } => self.usage.window = *window,
            What::Reply { usage, .. } => {
                self.usage.steps += 1;
                self.usage.prompt += u64::from(usage.prompt.unwrap_or(usage.counted));
                self.usage.cached += u64::from(usage.cached.unwrap_or(0));
                self.usage.reply += u64::from(usage.reply.unwrap_or(0));
            }
            What::CallProposed {
                call,
                name,
                arguments,
                ..
            } => self.calls.push(Made {
                call: call.clone(),
                name: name.clone(),
                arguments: serde_json::from_str(arguments)
                    .unwrap_or_else(|_| Value::String(arguments.clone())),
                state: "proposed".into(),
                reason: None,
                elapsed_ms: 0,
            }),
            What::CallRunning {
                call,
                name,
                arguments,
                ..
            } => {
                if let Some(made) = self.made(call) {
                    made.name.clone_from(name);
                    made.arguments = arguments.clone();
                }
            }
            What::CallDenied { call, reason, .. } => {
                if let Some(made) = self.made(call) {
                    made.state = "denied".into();
                    made.reason = Some(reason.clone());
                }
            }
            What::CallFinished {
                call,
                state,
                elapsed_ms,
                ..
            } => {
                if let Some(made) = self.made(call)
                    && made.state != "denied"
                {
                    made.state.clone_from(state);
                    made.elapsed_ms = *elapsed_ms;
                }
            }
            What::Warning { text, .. } => self.warnings.push(text.clone()),
            _ => {}
        }
    }

    fn made(&mut self, call: &str) -> Option<&mut Made> {
        self.calls.iter_mut().find(|made| made.call == call)
    }

    fn end(mut self, ended: &Ended) -> Gathered {
        self.answer.clone_from(&ended.text);
        self.how = Some(ended.how);
        self.note.clone_from(&ended.note);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Cost, VERSION};
    use serde_json::json;

    #[test]
    fn the_object_at_the_end_is_a_fold_over_the_events() {
        let reply = |prompt, cached| What::Reply {
            step: 1,
            text: String::new(),
            reasoning: None,
            stop: "calls".into(),
            usage: Cost {
                counted: 900,
                prompt,
                cached,
                reply: Some(20),
            },
        };
        let proposed = |call: &str, arguments: &str| What::CallProposed {
            step: 1,
            call: call.into(),
            name: "read".into(),
            arguments: arguments.into(),
        };
        let finished = |call: &str, state: &str, elapsed_ms| What::CallFinished {
            call: call.into(),
            state: state.into(),
            text: "text".into(),
            elapsed_ms,
        };
        let events = [
            What::Text {
                text: "Let me".into(),
            },
            reply(Some(1000), Some(800)),
            proposed("a", "{\"path\": \"A.md\"}"),
            proposed("b", "{\"x\":"),
            What::CallRunning {
                call: "a".into(),
                name: "workspace__read".into(),
                arguments: json!({"path": "a.md"}),
                effect: "read-only".into(),
            },
            finished("a", "completed", 12),
            What::CallDenied {
                call: "b".into(),
                name: "read".into(),
                reason: "nobody is here to ask".into(),
                source: "no-person".into(),
            },
            finished("b", "not-started", 0),
            What::Warning {
                category: "context".into(),
                text: "80 % in use".into(),
            },
            reply(None, None),
        ];
        let mut gathered = Gathered {
            session: "s".into(),
            model: "m".into(),
            ..Gathered::default()
        };
        for what in events {
            gathered.event(&Event {
                v: VERSION,
                session: "s".into(),
                turn: 1,
                seq: 1,
                passing: 0,
                at_ms: 0,
                what,
            });
        }
        let ended = Ended {
            how: EndHow::Answered,
            text: "done".into(),
            note: None,
        };
        let wanted = json!({
            "session": "s",
            "model": "m",
            "answer": "done",
            "how": "answered",
            "note": null,
            "calls": [
                {"call": "a", "name": "workspace__read", "arguments": {"path": "a.md"}, "state": "completed", "elapsed_ms": 12},
                {"call": "b", "name": "read", "arguments": "{\"x\":", "state": "denied", "reason": "nobody is here to ask", "elapsed_ms": 0},
            ],
            "usage": {"steps": 2, "window": 0, "prompt": 1900, "cached": 800, "reply": 40},
            "warnings": ["80 % in use"],
        });
        let shown = serde_json::to_value(gathered.end(&ended)).expect("it serializes");
        assert_eq!(shown, wanted);
    }
}
