//! What a person sees of a turn: events in, words for the terminal out. A state machine and nothing else, so that every
//! line is tested without a terminal.
//!
//! ```text
//! Event ─► Screen ─► Piece     of the answer, as it comes; the terminal wraps it
//!                ├─► Line      whole: a call that is over, a warning, the end of a turn
//!                └─► Changing  the one line that is written over: prefill, thoughts, running calls, waiting
//! ```
//!
//! The changing line is never drawn while a line of the answer is open, since it would wipe that out. Everything that
//! a model, a tool or a server said is made safe here.

mod answer;
mod calls;
mod status;
mod thoughts;

use super::compaction;
use crate::cli::ui::{Look, Style};
use crate::cli::words::{self, number, one_line, safe};
use crate::event::{Event, What};
use answer::Answer;
use calls::Calls;
pub(crate) use status::Standing;
use thoughts::Thoughts;

/// Something to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// A piece of the answer, with its line ends.
    Piece(String),
    /// A whole line of talk, without its end.
    Line(String),
    /// The line that changes; nothing takes it away.
    Changing(String),
}

/// What is on the screen.
pub(crate) struct Screen {
    look: Look,
    answer: Answer,
    thoughts: Thoughts,
    calls: Calls,
    standing: Standing,
    /// What is being waited for, in words; the seconds are put behind it.
    waiting: String,
    changing: String,
    stalled: bool,
}

impl Screen {
    /// A screen on which nothing has happened.
    pub(crate) fn new(look: Look, standing: Standing) -> Screen {
        Screen {
            look,
            answer: Answer::default(),
            thoughts: Thoughts::default(),
            calls: Calls::default(),
            standing,
            waiting: String::new(),
            changing: String::new(),
            stalled: false,
        }
    }

    /// How the terminal is now.
    pub(crate) fn resized(&mut self, look: Look) {
        self.look = look;
    }

    /// What is known of window, pool and cache.
    pub(crate) fn standing(&mut self) -> &mut Standing {
        &mut self.standing
    }

    /// The last reasoning, whole.
    pub(crate) fn last_thoughts(&self) -> &str {
        self.thoughts.last()
    }

    /// The line under a turn.
    pub(crate) fn status(&self) -> String {
        let line = self.standing.line(&self.look);
        self.look.paint(Style::Dim, &line)
    }

    /// What an event puts on the screen.
    pub(crate) fn event(&mut self, event: &Event) -> Vec<Output> {
        let mut out = Vec::new();
        if !matches!(event.what, What::Heartbeat { .. } | What::Stalled { .. }) {
            self.stalled = false;
        }
        self.standing.event(&event.what);
        match &event.what {
            What::Queued {} => self.wait(&mut out, "waiting for the model server"),
            What::Loading {} => self.wait(&mut out, "the server is loading the model"),
            What::Prefill {
                percent,
                total,
                cached,
            } => {
                let words = prefill(*percent, *total, *cached);
                self.wait(&mut out, &words);
            }
            What::Thinking { text } => {
                self.thoughts.piece(text, event.at_ms);
                let words = self.thoughts.words_so_far();
                self.wait(&mut out, &words);
            }
            What::Text { text } => {
                self.thought(&mut out, event.at_ms);
                let piece = self.answer.piece(text);
                if !piece.is_empty() {
                    self.changing.clear();
                    out.push(Output::Piece(piece));
                }
            }
            What::CallBegun { name } => {
                self.thought(&mut out, event.at_ms);
                let words = format!("writing a call of {}", one_line(name));
                self.wait(&mut out, &words);
            }
            What::Reply {
                text,
                reasoning,
                stop,
                ..
            } => {
                self.thoughts.whole(reasoning.as_deref());
                self.thought(&mut out, event.at_ms);
                let piece = self.answer.end(text);
                if !piece.is_empty() {
                    self.changing.clear();
                    out.push(Output::Piece(piece));
                }
                match stop.as_str() {
                    "length" => self.warn(&mut out, "the reply was cut off: its room was used up"),
                    "cut" => self.warn(&mut out, "the reply was cut off by its server"),
                    _ => {}
                }
            }
            What::Budget { removed, .. } if *removed > 0 => {
                let messages = words::count(*removed, "older message");
                let verb = if *removed == 1 { "was" } else { "were" };
                self.dim(
                    &mut out,
                    &format!("{messages} {verb} left out so that the request fits"),
                );
            }
            What::Compacted {
                rung,
                before,
                after,
                cleared,
                ..
            } => self.dim(&mut out, &compaction::told(rung, *cleared, *before, *after)),
            What::Retrying { attempt, why } => self.dim(
                &mut out,
                &format!("asking the model again (try {attempt}): {}", one_line(why)),
            ),
            What::Verified {
                what,
                holds: false,
                findings,
                ..
            } if what != "format" => {
                let text = format!("checked: {}", one_line(&findings.join("; ")));
                self.warn(&mut out, &text);
            }
            What::Warning { text, .. } => self.warn(&mut out, &one_line(text)),
            What::Heartbeat { on, for_ms } => self.beat(&mut out, on, *for_ms, event.at_ms),
            What::Stalled { on, silent_ms } => {
                if !std::mem::replace(&mut self.stalled, true) {
                    let text = format!(
                        "nothing from the {} for {}; Ctrl-C stops it",
                        one_line(on),
                        seconds(*silent_ms)
                    );
                    self.warn(&mut out, &text);
                }
            }
            What::Steps { items } => {
                if let Some(text) = status::steps(items, &self.look) {
                    self.dim(&mut out, &text);
                }
            }
            What::TurnEnd { how, note } => {
                self.calls.forget();
                self.waiting.clear();
                let text = ending(
                    how,
                    note.as_deref().map(|note| safe(note).trim_end().to_owned()),
                    &self.look,
                );
                match text {
                    Some(text) => self.line(&mut out, text),
                    None => self.quiet(&mut out),
                }
            }
            what => {
                if matches!(what, What::CallProposed { .. }) {
                    self.thought(&mut out, event.at_ms);
                }
                for line in self.calls.event(what, event.at_ms, &self.look) {
                    self.line(&mut out, line);
                }
                if let Some(running) = self.calls.running(event.at_ms, &self.look) {
                    self.waiting.clear();
                    self.change(&mut out, &running);
                } else if matches!(what, What::CallFinished { .. } | What::CallDenied { .. }) {
                    self.quiet(&mut out);
                }
            }
        }
        out
    }

    /// Ends what is open, since something else is to be written.
    pub(crate) fn close(&mut self) -> Vec<Output> {
        let mut out = Vec::new();
        let piece = self.answer.close();
        if !piece.is_empty() {
            out.push(Output::Piece(piece));
        }
        self.quiet(&mut out);
        out
    }

    /// Says in the changing line what is being waited for.
    fn wait(&mut self, out: &mut Vec<Output>, words: &str) {
        self.waiting = words.to_owned();
        let text = format!("{words}{}", dots(&self.look));
        self.change(out, &text);
    }

    fn beat(&mut self, out: &mut Vec<Output>, on: &str, for_ms: u64, at_ms: u64) {
        if let Some(running) = self.calls.running(at_ms, &self.look) {
            return self.change(out, &running);
        }
        if on == "approval" {
            return;
        }
        if self.waiting.is_empty() {
            self.waiting = match on {
                "compaction" => "making the conversation smaller".into(),
                on => format!("waiting for the {}", one_line(on)),
            };
        }
        let text = format!("{}{} {}", self.waiting, dots(&self.look), seconds(for_ms));
        self.change(out, &text);
    }

    fn change(&mut self, out: &mut Vec<Output>, text: &str) {
        if self.answer.is_open() || self.changing == text {
            return;
        }
        self.changing = text.to_owned();
        out.push(Output::Changing(text.to_owned()));
    }

    fn quiet(&mut self, out: &mut Vec<Output>) {
        if !std::mem::take(&mut self.changing).is_empty() {
            out.push(Output::Changing(String::new()));
        }
    }

    /// Folds the thoughts that are over into one line.
    fn thought(&mut self, out: &mut Vec<Output>, at_ms: u64) {
        if let Some(text) = self.thoughts.folded(at_ms) {
            self.dim(out, &text);
        }
    }

    fn line(&mut self, out: &mut Vec<Output>, text: String) {
        let piece = self.answer.close();
        if !piece.is_empty() {
            out.push(Output::Piece(piece));
        }
        self.changing.clear();
        out.push(Output::Line(text));
    }

    fn dim(&mut self, out: &mut Vec<Output>, text: &str) {
        let text = self.look.paint(Style::Dim, text);
        self.line(out, text);
    }

    fn warn(&mut self, out: &mut Vec<Output>, text: &str) {
        let text = format!("{} {text}", self.look.paint(Style::Warn, "warning:"));
        self.line(out, text);
    }
}

fn prefill(percent: u8, total: u32, cached: u32) -> String {
    let number = |tokens: u32| number(u64::from(tokens));
    let cached = if cached > 0 {
        format!(" ({} of {} cached)", number(cached), number(total))
    } else {
        format!(" of {} tokens", number(total))
    };
    format!("reading the prompt, {percent} %{cached}")
}

/// What is said at the end of a turn that did not simply end with an answer.
fn ending(how: &str, note: Option<String>, look: &Look) -> Option<String> {
    let with = |text: &str| match &note {
        Some(note) => format!("{text}: {note}"),
        None => text.to_owned(),
    };
    let warning = |text: &str| format!("{} {}", look.paint(Style::Warn, "warning:"), with(text));
    Some(match how {
        "answered" => return note,
        "cancelled" => look.paint(Style::Warn, &with("stopped")),
        "refused" => format!(
            "{} {}",
            look.paint(Style::Bad, "error:"),
            with("the request was not sent, since it does not fit")
        ),
        "failed" => format!(
            "{} {}",
            look.paint(Style::Bad, "error:"),
            with("the turn failed")
        ),
        "step-limit" => warning("ended after as many steps as `agent.steps_max` allows"),
        "failure-limit" => warning("ended after too many failed calls in a row"),
        "loop" => warning("ended, since the same call gave the same result again and again"),
        how => warning(&format!("the turn ended: {how}")),
    })
}

/// What stands behind something that goes on.
fn dots(look: &Look) -> &'static str {
    if look.unicode { "…" } else { "..." }
}

/// Milliseconds as seconds: `0.2 s`, `12 s`, `3 min 20 s`.
pub(crate) fn seconds(ms: u64) -> String {
    match ms {
        0..10_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        10_000..120_000 => format!("{} s", ms / 1000),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000),
    }
}

#[cfg(test)]
mod tests;
