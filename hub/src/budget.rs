//! The budget of a request: what is asked of the model fits its window, or it is not asked.
//!
//! ```text
//! Draft ─ count ─► fits ─► Fit ─► Request      (made nowhere else)
//!           └────► no ───► Refusal, with the table ─► `compact`, which changes what the conversation shows, and then again
//! ```
//!
//! What takes part is counted by the model's own server where that can be asked. The counter here only shares that number out
//! over the parts.
//!
//! Absent on purpose: making anything smaller. A budget that takes out by itself what it has no room for is a second compaction
//! beside the first, with rules of its own.

mod share;
mod size;
mod table;
mod truncation;

use std::sync::Arc;

use toolpool_config::BudgetSettings;
use toolpool_connectors::model::{Counted, Message, Model, ModelError, Prompt, Request};
use toolpool_registry::TokenCounter;

use crate::journal::entry::{BudgetTable, TurnNo};
use crate::search;
use crate::session::Stored;

use size::Sizes;

pub use share::{Shares, allowance, shares};
pub use size::size;
pub use table::text;
pub use truncation::{Truncation, truncated};

/// A request before anybody knows whether it fits.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// What the model is told of its task; none where it is empty.
    pub system: String,
    /// Names and definitions of the tools, in the order offered.
    pub tools: Vec<(String, Arc<str>)>,
    /// The conversation as it is shown.
    pub history: Vec<Stored>,
    /// The steps of the task and notes of the hub. Said behind the last message and not in one of its own, so that all
    /// before it stays byte for byte what the server has in its cache.
    pub tail: Option<String>,
}

/// A request that fits. It can be sent once.
#[derive(Debug)]
pub struct Fit {
    request: Request,
    table: BudgetTable,
    warning: Option<String>,
}

impl Fit {
    /// The request.
    #[must_use]
    pub fn request(self) -> Request {
        self.request
    }

    /// What takes the room.
    #[must_use]
    pub fn table(&self) -> &BudgetTable {
        &self.table
    }

    /// Set past the warning share: the largest parts, and what goes next. The same for many steps in a row, so whoever
    /// tells it does so once a turn.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        self.warning.clone()
    }
}

/// Why a request is not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It does not fit.
    #[error("{sentence}")]
    TooLarge {
        /// What takes the room.
        table: Box<BudgetTable>,
        /// What happened, in one sentence.
        sentence: String,
        /// What to do about it.
        hint: String,
    },
    /// Nobody could say how large it is, so that it can't be shown to fit.
    #[error("the request could not be counted")]
    Uncounted(#[source] ModelError),
}

impl Refusal {
    /// What takes the room, where that is known.
    #[must_use]
    pub fn table(&self) -> Option<&BudgetTable> {
        match self {
            Refusal::TooLarge { table, .. } => Some(table),
            Refusal::Uncounted(_) => None,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Refusal::TooLarge { hint, .. } => Some(hint.clone()),
            Refusal::Uncounted(error) => error.hint(),
        }
    }
}

/// Holds a draft against `window`, which is the model's or, once its server was seen to read fewer tokens, less. `turn` is the one
/// that it is made for.
///
/// # Errors
/// [`Refusal`] where it does not fit, or can't be counted.
pub async fn fit(
    draft: Draft,
    (model, window): (&dyn Model, u32),
    settings: &BudgetSettings,
    counter: &TokenCounter,
    turn: TurnNo,
) -> Result<Fit, Refusal> {
    let shares = shares(window.min(model.about().window.tokens), settings);
    let prompt = prompt(&draft);
    let counted = model.count(&prompt).await.map_err(Refusal::Uncounted)?;
    let sizes = Sizes::of(&draft, counter);
    let table = table::table(&draft, &sizes, counted, &shares, turn);
    let room = shares.room(counted.exact);
    if counted.tokens > room {
        return Err(refuse(table, counted, room));
    }
    let reply = shares.reply(counted, settings);
    let Ok(request) = Request::within(model.about(), prompt, counted, reply) else {
        return Err(refuse(table, counted, room));
    };
    Ok(Fit {
        request,
        warning: table::warning(
            &table,
            &shares,
            draft.tools.iter().all(|(name, _)| is_bridge(name)),
        ),
        table,
    })
}

/// What a request would take now, whether it fits or not.
///
/// # Errors
/// [`Refusal::Uncounted`].
pub async fn measure(
    draft: &Draft,
    (model, window): (&dyn Model, u32),
    settings: &BudgetSettings,
    counter: &TokenCounter,
    turn: TurnNo,
) -> Result<BudgetTable, Refusal> {
    let shares = shares(window.min(model.about().window.tokens), settings);
    let counted = model
        .count(&prompt(draft))
        .await
        .map_err(Refusal::Uncounted)?;
    let sizes = Sizes::of(draft, counter);
    Ok(table::table(draft, &sizes, counted, &shares, turn))
}

/// A small request beside the conversation, with nothing in it that could be taken out.
///
/// # Errors
/// [`Refusal`] where it does not fit, or can't be counted.
pub async fn aside(
    prompt: Prompt,
    (model, window): (&dyn Model, u32),
    reply_max: u32,
) -> Result<Request, Refusal> {
    let counted = model.count(&prompt).await.map_err(Refusal::Uncounted)?;
    let about = model.about();
    let room = window.min(about.window.tokens).saturating_sub(reply_max);
    let too_large = || {
        let table = BudgetTable {
            window,
            parts: Vec::new(),
            total: counted.tokens,
            free: window.saturating_sub(counted.tokens),
            exact: counted.exact,
        };
        refuse(table, counted, room)
    };
    if counted.tokens > room {
        return Err(too_large());
    }
    Request::within(about, prompt, counted, reply_max).map_err(|_| too_large())
}

/// The same on the running prefix: the system text, tools and messages of a draft, so that the server has them in its cache.
///
/// # Errors
/// As [`aside`].
pub async fn beside(
    draft: &Draft,
    model: (&dyn Model, u32),
    reply_max: u32,
) -> Result<Request, Refusal> {
    aside(prompt(draft), model, reply_max).await
}

/// Whether a tool stays when the others have to go: through these two the rest can still be reached.
pub(crate) fn is_bridge(name: &str) -> bool {
    name == search::FIND || name == search::CALL
}

fn refuse(table: BudgetTable, counted: Counted, room: u32) -> Refusal {
    Refusal::TooLarge {
        sentence: format!(
            "the request needs {} tokens, and {room} of the window's {} are left for it",
            counted.tokens, table.window
        ),
        hint: table::hint(&table),
        table: Box::new(table),
    }
}

/// The messages as they are sent.
fn prompt(draft: &Draft) -> Prompt {
    let mut messages = Vec::with_capacity(draft.history.len() + 1);
    if !draft.system.is_empty() {
        messages.push(Message::System {
            text: draft.system.clone(),
        });
    }
    messages.extend(draft.history.iter().map(|stored| stored.message.clone()));
    if let Some(tail) = draft.tail.as_deref().filter(|tail| !tail.is_empty()) {
        match messages.last_mut() {
            Some(Message::User { text } | Message::Tool { text, .. }) => {
                text.push_str("\n\n");
                text.push_str(tail);
            }
            _ => messages.push(Message::User {
                text: tail.to_owned(),
            }),
        }
    }
    Prompt {
        messages,
        tools: draft
            .tools
            .iter()
            .map(|(_, definition)| definition.clone())
            .collect(),
    }
}

#[cfg(test)]
mod tests;
