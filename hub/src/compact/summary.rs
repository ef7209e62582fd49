//! The model's own summary, asked for on the running prefix: the same system text, tools and messages as every other request,
//! with the instruction behind them, so that the server reads little more than that.
//!
//! ```text
//! chunk 1   system · tools · the longest part of the conversation that fits with instruction and reply · instruction
//! chunk n   system · tools · the summary so far · the next messages                                    · instruction
//! ```
//!
//! A request is only ever made by the budget, so that none can overflow. A chunk ends where nobody speaks out of turn: a call
//! and its results are in the same one. What does not fit by itself is cut, since it has been read once and is kept whole
//! in the journal.
//!
//! Nothing that the model wants called is called. A summary that is empty, cut off, without its headings or larger than what it
//! replaces is refused: `None`, and the ladder goes on without it. What a good one forgets is the audit's business.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use toolpool_config::BudgetSettings;
use toolpool_config::fixed::{SUMMARY_CHUNKS_MAX, SUMMARY_MESSAGE_CHARS_MIN, SUMMARY_SHARE};
use toolpool_connectors::model::{Arguments, Counts, Message, Model, Request, Stop};
use toolpool_registry::TokenCounter;

use crate::agent::{Agent, request};
use crate::budget::{self, Draft, Refusal};
use crate::error::Error;
use crate::journal::entry::{StepNo, TurnNo};
use crate::session::Stored;

/// The headings, in order.
const HEADINGS: [(&str, &str); 6] = [
    ("Goal", "what the user wants"),
    (
        "Constraints",
        "what the user demanded, forbade or decided, in the user's own words",
    ),
    ("Done", "what was done, step by step"),
    ("State", "what was found out and still matters"),
    (
        "Open",
        "what failed, is in doubt, or was asked and not answered",
    ),
    ("Next", "what comes next"),
];
/// Headings without which a reply is something else than a summary.
const HEADINGS_MIN: usize = 3;
/// What stands before the summary, for the model that goes on from it.
const HEAD: &str =
    "[Summary of the conversation so far. What is done stays done: do not begin again.]";
/// What stands before the summary of earlier chunks.
const SO_FAR: &str = "[Summary of the conversation up to here:]";
/// What the model is taken to have said where its work is interrupted behind a result: nobody speaks twice in a row.
const PAUSED: &str = "[paused for a summary]";

/// The model's summary of what is shown of the conversation up to the line `to`, in place of the lines from `from` on; none where it
/// wrote no usable one.
///
/// # Errors
/// A profile that is gone.
pub(crate) async fn write(
    agent: &Agent,
    turn: TurnNo,
    step: StepNo,
    from: u64,
    to: u64,
    focus: Option<&str>,
    cancel: &CancellationToken,
) -> Result<Option<String>, Error> {
    let pool = agent.pool_now("").await?;
    let mut draft = request::draft(agent, &pool);
    draft.history.truncate(covered(&draft.history, to));
    draft.tail = None;
    let config = agent.hub().config();
    let work = Work {
        model: agent.model(),
        window: agent.window(),
        settings: &config.budget,
        counter: agent.hub().counter(),
        draft,
        focus,
    };
    let written = work.summary(from, cancel).await;
    Ok(written
        .inspect_err(|why| tracing::warn!(turn, step, %why, "there is no summary"))
        .ok())
}

/// How many messages stand before the first that is said after the line `to`. An answer that was settled later belongs to its call.
fn covered(history: &[Stored], to: u64) -> usize {
    let later =
        |stored: &Stored| stored.seq > to && !matches!(stored.message, Message::Tool { .. });
    history.iter().position(later).unwrap_or(history.len())
}

/// What a summary is made of.
struct Work<'a> {
    model: &'a dyn Model,
    window: u32,
    settings: &'a BudgetSettings,
    counter: &'a TokenCounter,
    /// System text, tools, and the messages to be replaced.
    draft: Draft,
    focus: Option<&'a str>,
}

impl Work<'_> {
    async fn summary(&self, from: u64, cancel: &CancellationToken) -> Result<String, String> {
        let replaced: u32 = self
            .draft
            .history
            .iter()
            .filter(|stored| stored.seq >= from)
            .map(|stored| self.weight(&stored.message))
            .fold(0, u32::saturating_add);
        let all = self
            .draft
            .history
            .iter()
            .map(|stored| self.weight(&stored.message));
        let chunks = all.fold(0, u32::saturating_add) / self.room().max(1);
        if chunks as usize > SUMMARY_CHUNKS_MAX {
            return Err(format!(
                "it would take more than {SUMMARY_CHUNKS_MAX} requests"
            ));
        }
        let mut left = self.draft.history.clone();
        let mut written: Option<String> = None;
        for _ in 0..=SUMMARY_CHUNKS_MAX {
            if left.is_empty() {
                break;
            }
            if cancel.is_cancelled() {
                return Err("it was cancelled".into());
            }
            let (request, taken) = self.chunk(written.as_deref(), &left).await?;
            written = Some(self.ask(request, cancel).await?);
            left.drain(..taken);
        }
        let text = match written {
            Some(text) if left.is_empty() => format!("{HEAD}\n{text}"),
            _ => return Err("there is nothing to summarise, or too much".into()),
        };
        if self.counter.count(&text) >= replaced {
            return Err("it is no smaller than what it would replace".into());
        }
        Ok(text)
    }

    /// The next request, and how many messages it covers.
    async fn chunk(
        &self,
        written: Option<&str>,
        left: &[Stored],
    ) -> Result<(Request, usize), String> {
        let ends = ends(left);
        let (mut low, mut high) = (0, ends.len());
        let mut best = None;
        // What is left often fits whole, and is the only part in most conversations.
        let mut at = high.saturating_sub(1);
        while low < high {
            match self.fits(written, &left[..ends[at]]).await? {
                Some(request) => {
                    best = Some((request, ends[at]));
                    low = at + 1;
                }
                None => high = at,
            }
            at = low + (high - low) / 2;
        }
        if let Some(best) = best {
            return Ok(best);
        }
        let first = ends.first().copied().unwrap_or(left.len());
        let longest = left[..first]
            .iter()
            .map(|stored| text_chars(&stored.message))
            .max();
        let mut chars_max = longest.unwrap_or(0) / 2;
        while chars_max >= SUMMARY_MESSAGE_CHARS_MIN {
            let cut: Vec<Stored> = left[..first]
                .iter()
                .map(|stored| shortened(stored, chars_max))
                .collect();
            if let Some(request) = self.fits(written, &cut).await? {
                return Ok((request, first));
            }
            chars_max /= 2;
        }
        Err("not even one step fits a request for it".into())
    }

    async fn fits(
        &self,
        written: Option<&str>,
        messages: &[Stored],
    ) -> Result<Option<Request>, String> {
        let draft = self.asking(written, messages);
        let exact = self.model.about().counts == Counts::Exact;
        let shares = budget::shares(
            self.window.min(self.model.about().window.tokens),
            self.settings,
        );
        let window = shares.window.saturating_sub(shares.margin(exact));
        match budget::beside(&draft, (self.model, window), self.reply_max()).await {
            Ok(request) => Ok(Some(request)),
            Err(Refusal::TooLarge { .. }) => Ok(None),
            Err(refusal) => Err(refusal.to_string()),
        }
    }

    /// The request as a draft: the summary so far, messages, and the instruction as the person's words.
    fn asking(&self, written: Option<&str>, messages: &[Stored]) -> Draft {
        let mut history: Vec<Stored> = Vec::with_capacity(messages.len() + 3);
        let said = |message| Stored {
            front: 0,
            seq: u64::MAX,
            turn: messages.first().map_or(0, |stored| stored.turn),
            message,
        };
        if let Some(written) = written {
            let text = format!("{SO_FAR}\n{written}");
            history.push(said(Message::User { text }));
        }
        for stored in messages {
            match (
                history.last_mut().map(|last| &mut last.message),
                &stored.message,
            ) {
                (Some(Message::User { text }), Message::User { text: more }) => {
                    text.push_str("\n\n");
                    text.push_str(more);
                }
                _ => history.push(stored.clone()),
            }
        }
        let instruction = self.instruction(written.is_some());
        match history.last_mut().map(|last| &mut last.message) {
            Some(Message::User { text }) => {
                text.push_str("\n\n");
                text.push_str(&instruction);
            }
            last => {
                if matches!(last, Some(Message::Tool { .. })) {
                    history.push(said(Message::Assistant {
                        text: PAUSED.into(),
                        reasoning: None,
                        calls: Vec::new(),
                    }));
                }
                history.push(said(Message::User { text: instruction }));
            }
        }
        Draft {
            system: self.draft.system.clone(),
            tools: self.draft.tools.clone(),
            history,
            tail: None,
        }
    }

    fn instruction(&self, again: bool) -> String {
        let what = if again {
            "the summary at the beginning and of everything behind it"
        } else {
            "the conversation so far"
        };
        let headings: Vec<String> = HEADINGS
            .iter()
            .map(|(heading, what)| format!("{heading}: {what}"))
            .collect();
        // A word has fewer than two tokens in most languages.
        let words = self.reply_max() / 3;
        let focus = match self.focus.map(str::trim).filter(|focus| !focus.is_empty()) {
            Some(focus) => format!("\nAbove all keep what matters for: {focus}"),
            None => String::new(),
        };
        format!(
            "Stop here. Write a summary of {what}: it will stand in its place, and you will go on from it alone. Call no tool and \
             answer nothing else. Use these headings, each on a line of its own:\n{}\nCopy paths, names, ids, numbers and URLs to the \
             letter. At most {words} words.{focus}",
            headings.join("\n")
        )
    }

    async fn ask(&self, request: Request, cancel: &CancellationToken) -> Result<String, String> {
        let counted = request.counted();
        let (deltas, unheard) = mpsc::channel(1);
        // Its pieces are no answer to the person, and a dropped receiver is no error.
        drop(unheard);
        let reply = self.model.reply(request, deltas, cancel.clone()).await;
        let reply = reply.map_err(|error| error.to_string())?;
        if let Some(truncation) = budget::truncated(counted, &reply.usage, None) {
            return Err(truncation.to_string());
        }
        if let Some(reported) = reply.usage.prompt_tokens {
            self.model.learn(counted, reported);
        }
        let text = reply.text.trim();
        match reply.stop {
            _ if text.is_empty() => Err("the model wrote none".into()),
            Stop::Length | Stop::Cut => Err("it was cut off".into()),
            Stop::Done | Stop::Calls if headings(text) < HEADINGS_MIN => {
                Err("what the model wrote is no summary".into())
            }
            Stop::Done | Stop::Calls => Ok(text.to_owned()),
        }
    }

    /// Tokens kept for the reply: what a summary may take, and as much as any other reply gets, since some models think first.
    fn reply_max(&self) -> u32 {
        let shares = budget::shares(
            self.window.min(self.model.about().window.tokens),
            self.settings,
        );
        let share = (f64::from(shares.window) * SUMMARY_SHARE) as u32;
        share.max(shares.reserve)
    }

    /// Tokens that the messages of one chunk have, roughly.
    fn room(&self) -> u32 {
        let tools = self
            .draft
            .tools
            .iter()
            .map(|(_, definition)| self.counter.count(definition));
        let fixed = tools.fold(self.counter.count(&self.draft.system), u32::saturating_add);
        self.window
            .saturating_sub(fixed)
            .saturating_sub(2 * self.reply_max())
    }

    fn weight(&self, message: &Message) -> u32 {
        match message {
            Message::System { text } | Message::User { text } | Message::Tool { text, .. } => {
                self.counter.count(text)
            }
            Message::Assistant { text, calls, .. } => calls
                .iter()
                .map(|call| {
                    self.counter.count(&call.name) + self.counter.count(call.arguments.text())
                })
                .fold(self.counter.count(text), u32::saturating_add),
        }
    }
}

/// Where a chunk may end: behind a step with all its results, or behind an answer, and never behind words that nobody answered.
fn ends(messages: &[Stored]) -> Vec<usize> {
    let mut ends: Vec<usize> = (1..messages.len())
        .filter(
            |at| match (&messages[at - 1].message, &messages[*at].message) {
                (_, Message::Tool { .. }) | (Message::User { .. }, _) => false,
                (_, Message::Assistant { .. } | Message::User { .. } | Message::System { .. }) => {
                    true
                }
            },
        )
        .collect();
    if !messages.is_empty() {
        ends.push(messages.len());
    }
    ends
}

/// How many of the headings begin a line.
fn headings(text: &str) -> usize {
    let begins = |heading: &str| {
        text.lines().any(|line| {
            let line = line.trim_start_matches(|c: char| !c.is_alphabetic());
            line.get(..heading.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(heading))
        })
    };
    HEADINGS
        .iter()
        .filter(|(heading, _)| begins(heading))
        .count()
}

fn text_chars(message: &Message) -> usize {
    match message {
        Message::System { text } | Message::User { text } | Message::Tool { text, .. } => {
            text.chars().count()
        }
        Message::Assistant { text, calls, .. } => {
            let arguments = calls
                .iter()
                .map(|call| call.arguments.text().chars().count());
            arguments.chain([text.chars().count()]).max().unwrap_or(0)
        }
    }
}

/// A message with no text longer than `chars_max`. Arguments can't be cut and stay arguments: they are left out.
fn shortened(stored: &Stored, chars_max: usize) -> Stored {
    let mut stored = stored.clone();
    match &mut stored.message {
        Message::System { text } | Message::User { text } | Message::Tool { text, .. } => {
            cut(text, chars_max)
        }
        Message::Assistant {
            text,
            reasoning,
            calls,
        } => {
            cut(text, chars_max);
            *reasoning = None;
            for call in calls {
                if call.arguments.text().chars().count() > chars_max {
                    call.arguments = Arguments::none();
                }
            }
        }
    }
    stored
}

/// The beginning and the end of a text.
fn cut(text: &mut String, chars_max: usize) {
    let chars = text.chars().count();
    if chars <= chars_max {
        return;
    }
    let (head, tail) = (chars_max * 2 / 3, chars_max / 3);
    let first: String = text.chars().take(head).collect();
    let last: String = text.chars().skip(chars - tail).collect();
    *text = format!(
        "{first} [{} characters left out] {last}",
        chars - head - tail
    );
}

#[cfg(test)]
mod tests;
