//! What a server's prompt cache can be expected to hold of a request, and what took away what it does not.
//!
//! ```text
//! Sent (the request before) ─┐
//! Sent (this one)           ─┼─► predicted ─► held against the tokens reported ─► cause ─► Entry::Cache
//! slot before and after     ─┘
//! ```
//!
//! A prompt cache is a prefix cache: the first byte that differs is where reading begins anew. What differs in bytes is known for
//! every server. With the same bytes sent the server has the cause, and how much of it can be seen depends on the server:
//!
//! | | llama.cpp | vLLM, LM Studio, others | Ollama |
//! |---|---|---|---|
//! | bytes, template arguments, model, window, compaction | yes | yes | yes |
//! | that tokens were lost with the same bytes | `cached_tokens` | where `cached_tokens` is reported | no |
//! | slot taken, own request, server restarted | the number of the slot's last task in `/slots` | another address only | no |
//! | reasoning stripped | where the loss begins | where the loss begins | no |
//!
//! Reasoning that a template leaves out is inferred: the bytes are the same, a new turn begins, and the loss lies within the replies
//! of the turn before, which is the only part that such a template writes anew. A model whose cache can only go back to a
//! checkpoint (sliding windows, recurrent ones) may lose the same part for its own reason. A server that was started again and was
//! used more than before reads as a slot that was taken. Where requests of our own came between they are named, whoever else came
//! too. Whatever has no evidence is called forgotten, which claims nothing.

mod prefix;
mod reads;

use toolpool_config::fixed::CACHE_SLACK_TOKENS_MAX;
use toolpool_connectors::model::{Counted, Message, Prompt};

use crate::journal::entry::{CacheCause, Served, TurnNo};

pub use prefix::{Difference, difference};
pub use reads::{Read, Reads};

/// A request as it was sent, and in which circumstances.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// The turn.
    pub turn: TurnNo,
    /// What was sent.
    pub prompt: Prompt,
    /// What it was counted as.
    pub counted: Counted,
    /// Tokens that the server says it read.
    pub reported: Option<u32>,
    /// To whom, and how.
    pub served: Served,
}

impl Sent {
    /// Tokens of the prompt as well as they are known.
    #[must_use]
    pub fn tokens(&self) -> u32 {
        self.reported.unwrap_or(self.counted.tokens)
    }
}

/// Tokens of `next` that can be in the cache after `previous`: the share of its bytes that both begin with, in the order that
/// nearly all templates have them.
#[must_use]
pub fn predicted(previous: &Sent, next: &Sent) -> u32 {
    let (same, all) = prefix::common_bytes(&previous.prompt, &next.prompt);
    share(previous.tokens(), same, all).min(next.tokens())
}

/// Tokens that were read again although the server had read them for `previous`.
#[must_use]
pub fn again(previous: &Sent, next: &Sent, cached: u32) -> u32 {
    let had = previous.tokens().min(next.tokens());
    had.saturating_sub(cached)
}

/// What made the server read again what it had read for `previous`, and where the first difference is. None where nothing was
/// lost that could have been kept. `cached` is what the server reports; `compacted`, whether the conversation was compacted
/// between the two.
#[must_use]
pub fn cause(
    previous: &Sent,
    next: &Sent,
    cached: Option<u32>,
    compacted: bool,
) -> Option<(CacheCause, String)> {
    let lost = |of: u32| cached.is_none_or(|cached| cached.saturating_add(slack(of)) < of);
    if !lost(previous.tokens().min(next.tokens())) {
        return None;
    }
    let (before, now) = (&previous.served, &next.served);
    if before.model != now.model {
        let place = format!("`{}` in place of `{}`", now.model, before.model);
        return Some((CacheCause::ModelChanged, place));
    }
    if before.window != now.window {
        let place = format!("{} tokens in place of {}", now.window, before.window);
        return Some((CacheCause::WindowChanged, place));
    }
    if before.template != now.template {
        let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".into());
        let place = format!(
            "{} in place of {}",
            shown(&now.template),
            shown(&before.template)
        );
        return Some((CacheCause::TemplateArguments, place));
    }
    let missed = cached.is_some() && lost(predicted(previous, next));
    if missed && let Some(seen) = seen(before, now) {
        return Some(seen);
    }
    if let Some(found) = difference(&previous.prompt, &next.prompt) {
        let cause = if compacted {
            CacheCause::Compaction
        } else {
            found.cause
        };
        return Some((cause, found.place));
    }
    let cached = cached.filter(|_| missed)?;
    Some(stripped(previous, next, cached).unwrap_or_else(|| {
        let place = format!("the same bytes, {cached} tokens of them in the cache");
        (CacheCause::ServerForgot, place)
    }))
}

/// What the server's slots show of the time between two requests.
fn seen(before: &Served, now: &Served) -> Option<(CacheCause, String)> {
    if before.url != now.url {
        let place = format!("`{}` in place of `{}`", now.url, before.url);
        return Some((CacheCause::ServerRestarted, place));
    }
    let (after, found) = (before.after?, now.before?);
    if after.id != found.id {
        let place = format!("slot {} in place of slot {}", found.id, after.id);
        return Some((CacheCause::SlotTaken, place));
    }
    let own = after.task?;
    match found.task {
        Some(task) if task == own => None,
        Some(task) if task > own && found.asked > after.asked => {
            let count = found.asked - after.asked;
            let place = format!("slot {}: {count} of our own came between", found.id);
            Some((CacheCause::OwnRequest, place))
        }
        Some(task) if task > own => {
            let place = format!("slot {}: task {task} came after ours, {own}", found.id);
            Some((CacheCause::SlotTaken, place))
        }
        task => {
            let shown = task.map_or("none".to_owned(), |task| task.to_string());
            let place = format!("slot {}: its last task was {own}, now {shown}", found.id);
            Some((CacheCause::ServerRestarted, place))
        }
    }
}

/// Whether the loss is that of a template which leaves out the reasoning of earlier turns: a new turn begins, and all before the
/// replies of the last one is still there.
fn stripped(previous: &Sent, next: &Sent, cached: u32) -> Option<(CacheCause, String)> {
    let messages = &previous.prompt.messages;
    let user = messages
        .iter()
        .rposition(|message| matches!(message, Message::User { .. }))?;
    let reply = messages.get(user + 1)?;
    if next.turn == previous.turn || !matches!(reply, Message::Assistant { .. }) {
        return None;
    }
    let (same, all) = prefix::bytes_up_to(&previous.prompt, user + 1);
    let kept = share(previous.tokens(), same, all);
    // The bound is above as well as below: what is lost begins at the replies and not behind them.
    (cached.saturating_add(slack(kept)) >= kept).then(|| {
        let place = format!(
            "message {}, the first reply of turn {}",
            user + 2,
            previous.turn
        );
        (CacheCause::ReasoningStripped, place)
    })
}

/// What may be missing without being lost: marks of the template, tokens that join, and that a share of bytes is not one of tokens.
fn slack(tokens: u32) -> u32 {
    CACHE_SLACK_TOKENS_MAX + tokens / 20
}

fn share(tokens: u32, same: usize, all: usize) -> u32 {
    let share = u64::from(tokens) * same as u64 / (all as u64).max(1);
    u32::try_from(share).unwrap_or(tokens)
}

#[cfg(test)]
mod tests;
