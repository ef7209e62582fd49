//! Calls of a turn: one line each when it is over, one changing line for those that run.
//!
//! ```text
//! ● workspace__read_file {"path":"a.md"}  0.2 s
//! ✗ shop__refund {"id":3}  1.2 s  failed: no such order
//! ⊘ shop__refund {"id":3}  denied: rule `shop__*`
//! ? shop__refund {"id":3}  60 s  in doubt: it may or may not have been done
//! ```

use std::collections::BTreeMap;

use super::seconds;
use crate::cli::ui::{Look, Style};
use crate::cli::words::{cut, number, one_line, width};
use crate::event::What;

/// Arguments are cut to this many columns where the terminal has room for more.
const ARGUMENTS_COLUMNS: usize = 60;
/// They get at least this many, also on a narrow terminal.
const ARGUMENTS_COLUMNS_MIN: usize = 12;
/// What the time and a few words take behind them.
const BEHIND: usize = 16;
/// Columns of what a failed call answered.
const FAULT_COLUMNS: usize = 160;

#[derive(Debug, Default)]
struct Call {
    name: String,
    arguments: String,
    /// Since when it runs.
    running_ms: Option<u64>,
    /// The rule that let it through, where the person was not asked.
    allowed: Option<String>,
    progress: Option<String>,
}

/// The calls that are not over.
#[derive(Debug, Default)]
pub(super) struct Calls {
    open: BTreeMap<String, Call>,
}

impl Calls {
    /// Takes in an event; gives the lines of what is over with it.
    pub(super) fn event(&mut self, what: &What, at_ms: u64, look: &Look) -> Vec<String> {
        match what {
            What::CallProposed {
                call,
                name,
                arguments,
                ..
            } => {
                let open = self.call(call, name);
                open.arguments = one_line(arguments);
            }
            What::CallApproved {
                call,
                name,
                reason,
                source,
            } => {
                let by_rule = matches!(source.as_str(), "rule" | "grant" | "gate");
                self.call(call, name).allowed = by_rule.then(|| one_line(reason));
            }
            What::CallRunning {
                call,
                name,
                arguments,
                ..
            } => {
                let open = self.call(call, name);
                open.arguments = one_line(&arguments.to_string());
                open.running_ms = Some(at_ms);
            }
            What::CallProgress {
                call,
                progress,
                total,
                message,
            } => {
                if let Some(open) = self.open.get_mut(call) {
                    open.progress = Some(self::progress(*progress, *total, message.as_deref()));
                }
            }
            What::CallDenied {
                call, name, reason, ..
            } => {
                self.call(call, name);
                let denied = self.open.remove(call).unwrap_or_default();
                let end = format!("denied: {}", one_line(reason));
                return vec![denied.line(Mark::Denied, None, Some(&end), look)];
            }
            What::CallFinished {
                call,
                state,
                text,
                elapsed_ms,
            } => return self.finished(call, state, text, *elapsed_ms, look),
            What::CallSettled { call, state, by } => {
                let (call, by) = (one_line(call), one_line(by));
                let text = match by.as_str() {
                    "nobody" => format!("call {call} stays in doubt, and the model is told so"),
                    "repeat" => {
                        format!("call {call} had no answer and is made again, which does no harm")
                    }
                    _ => format!("call {call} is settled: {} ({by})", spoken(state)),
                };
                return vec![look.paint(Style::Dim, &text)];
            }
            _ => {}
        }
        Vec::new()
    }

    fn finished(
        &mut self,
        call: &str,
        state: &str,
        text: &str,
        elapsed_ms: u64,
        look: &Look,
    ) -> Vec<String> {
        // A call that was denied has its line, and is finished as not started.
        let Some(done) = self.open.remove(call) else {
            return Vec::new();
        };
        let took = (elapsed_ms > 0).then_some(elapsed_ms);
        let fault = |state: &str| {
            let first = text.lines().find(|line| !line.trim().is_empty());
            match first {
                Some(first) => format!("{state}: {}", cut(&one_line(first), FAULT_COLUMNS)),
                None => state.to_owned(),
            }
        };
        let line = match state {
            "completed" => {
                let allowed = done
                    .allowed
                    .as_ref()
                    .map(|reason| format!("allowed: {reason}"));
                done.line(Mark::Done, took, allowed.as_deref(), look)
            }
            "failed" => done.line(Mark::Failed, took, Some(&fault("failed")), look),
            "not-started" => done.line(Mark::Denied, took, Some(&fault("not started")), look),
            "in-doubt" => done.line(
                Mark::Doubt,
                took,
                Some("in doubt: it may or may not have been done"),
                look,
            ),
            other => done.line(Mark::Doubt, took, Some(&one_line(other)), look),
        };
        vec![line]
    }

    /// The changing line, while calls run.
    pub(super) fn running(&self, at_ms: u64, look: &Look) -> Option<String> {
        let mut running = self
            .open
            .values()
            .filter_map(|call| Some((call, call.running_ms?)));
        let (first, began) = running.next()?;
        let dots = super::dots(look);
        let others: Vec<&str> = running.map(|(call, _)| call.name.as_str()).collect();
        let took = seconds(at_ms.saturating_sub(began));
        if !others.is_empty() {
            return Some(format!(
                "{} calls running: {}, {} {dots} {took}",
                others.len() + 1,
                first.name,
                others.join(", ")
            ));
        }
        let mark = Mark::Done.sign(look);
        let arguments = first.shown(look);
        let progress = match &first.progress {
            Some(progress) => format!(" {progress}"),
            None => String::new(),
        };
        Some(format!(
            "{mark} {}{arguments} {dots} {took}{progress}",
            first.name
        ))
    }

    /// The turn is over, and with it every call of it.
    pub(super) fn forget(&mut self) {
        self.open.clear();
    }

    fn call(&mut self, id: &str, name: &str) -> &mut Call {
        let call = self.open.entry(id.to_owned()).or_default();
        call.name = one_line(name);
        call
    }
}

impl Call {
    fn shown(&self, look: &Look) -> String {
        if self.arguments.is_empty() || self.arguments == "{}" {
            return String::new();
        }
        let room = look
            .width
            .saturating_sub(width(&self.name) + BEHIND)
            .clamp(ARGUMENTS_COLUMNS_MIN, ARGUMENTS_COLUMNS);
        format!(" {}", plain_dots(&cut(&self.arguments, room), look))
    }

    fn line(&self, mark: Mark, took: Option<u64>, end: Option<&str>, look: &Look) -> String {
        let mut line = format!(
            "{} {}{}",
            look.paint(mark.style(), mark.sign(look)),
            self.name,
            look.paint(Style::Dim, &self.shown(look))
        );
        if let Some(took) = took {
            line.push_str(&format!("  {}", look.paint(Style::Dim, &seconds(took))));
        }
        if let Some(end) = end {
            let style = match mark {
                Mark::Done => Style::Dim,
                mark => mark.style(),
            };
            line.push_str(&format!("  {}", look.paint(style, &plain_dots(end, look))));
        }
        line
    }
}

#[derive(Clone, Copy)]
enum Mark {
    Done,
    Failed,
    Denied,
    Doubt,
}

impl Mark {
    fn sign(self, look: &Look) -> &'static str {
        match (self, look.unicode) {
            (Mark::Done, true) => "●",
            (Mark::Done, false) => "*",
            (Mark::Failed, true) => "✗",
            (Mark::Failed, false) => "x",
            (Mark::Denied, true) => "⊘",
            (Mark::Denied, false) => "-",
            (Mark::Doubt, _) => "?",
        }
    }

    fn style(self) -> Style {
        match self {
            Mark::Done => Style::Good,
            Mark::Failed => Style::Bad,
            Mark::Denied | Mark::Doubt => Style::Warn,
        }
    }
}

/// What is known of a call, as it is said.
fn spoken(state: &str) -> String {
    match state {
        "completed" => "it was done".into(),
        "failed" => "it was tried and failed".into(),
        "not-started" => "it was not done".into(),
        "in-doubt" => "nobody knows".into(),
        other => one_line(other),
    }
}

fn progress(progress: f64, total: Option<f64>, message: Option<&str>) -> String {
    let whole = |value: f64| {
        if value >= 0.0 && value.fract() == 0.0 && value < 1e15 {
            number(value as u64)
        } else {
            format!("{value:.1}")
        }
    };
    let mut text = match total {
        Some(total) => format!("({} of {}", whole(progress), whole(total)),
        None => format!("({}", whole(progress)),
    };
    if let Some(message) = message {
        text.push_str(&format!(": {}", one_line(message)));
    }
    text.push(')');
    text
}

/// Three dots in place of the one character for them, where that has no place.
fn plain_dots(text: &str, look: &Look) -> String {
    if look.unicode {
        text.to_owned()
    } else {
        text.replace('…', "...")
    }
}
