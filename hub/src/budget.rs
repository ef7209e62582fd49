//! The budget of a request: what is asked of the model fits its window, or it is not asked.
//!
//! ```text
//! Draft ─ count ─► fits ──────────────────────────────► Fit ─► Request
//!           ▲        └ no ─ take out ─┐                        (made nowhere else)
//!           └─────────────────────────┘ nothing left ─► Refusal, with the table
//!
//! taken out, in this order:   1 results of earlier turns, oldest first      a short note stays in their place
//!                             2 results of earlier steps of this turn       likewise
//!                             3 whole earlier turns, oldest first
//!                             4 all tools but `find_tools` and `call_tool`  late, since it breaks the prompt's cached prefix
//! ```
//!
//! What takes part is counted by the model's own server where that can be asked. The counter here only shares that number
//! out over the parts, and guesses how much must go before the next count: the server is asked twice for most requests
//! that do not fit, once for all others. What was taken out is reported by its entries' numbers, so that it stays out: a
//! result that came back in the next step would break the prefix again.
//!
//! Absent on purpose: summaries. They are another rung, before the third, once there is compaction.

mod removal;
mod share;
mod table;
mod truncation;

use std::collections::BTreeSet;
use std::sync::Arc;

use toolpool_config::{BudgetSettings, fixed::FIT_ROUNDS_MAX};
use toolpool_connectors::model::{Counted, Message, Model, ModelError, Prompt, Request};
use toolpool_registry::TokenCounter;

use crate::journal::entry::{BudgetTable, TurnNo};
use crate::search;
use crate::session::Stored;

use removal::{Over, Sizes};

pub use removal::{stub, without};
pub use share::{Shares, allowance, shares};
pub use table::text;
pub use truncation::{Truncation, truncated};

/// A request before anybody knows whether it fits.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// What the model is told of its task; none where it is empty.
    pub system: String,
    /// Names and definitions of the tools, in the order offered.
    pub tools: Vec<(String, Arc<str>)>,
    /// The conversation, without what was taken out of it earlier.
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
    removed: Vec<u64>,
    bridged: bool,
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

    /// The entries that were taken out so that it fits, by number; see [`without`] for what that means.
    #[must_use]
    pub fn removed(&self) -> &[u64] {
        &self.removed
    }

    /// Whether the tools had to shrink to `find_tools` and `call_tool`. The pool is then another one, and to be recorded.
    #[must_use]
    pub fn bridged(&self) -> bool {
        self.bridged
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
    /// It does not fit, with everything taken out that may be.
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

/// Makes a draft fit `window`, which is the model's or, once its server was seen to read fewer tokens, less. Nothing of
/// `protected_turn` is taken out but the results that its last step does not wait for.
///
/// # Errors
/// [`Refusal`] where it does not fit whatever is taken out, or can't be counted.
pub async fn fit(
    mut draft: Draft,
    (model, window): (&dyn Model, u32),
    settings: &BudgetSettings,
    counter: &TokenCounter,
    protected_turn: TurnNo,
) -> Result<Fit, Refusal> {
    let shares = shares(window.min(model.about().window.tokens), settings);
    let (mut removed, mut bridged, mut round) = (BTreeSet::new(), false, 0);
    loop {
        let prompt = prompt(&draft);
        let counted = model.count(&prompt).await.map_err(Refusal::Uncounted)?;
        let sizes = Sizes::of(&draft, counter);
        let table = table::table(&draft, &sizes, counted, &shares, protected_turn);
        let room = shares.room(counted.exact);
        if counted.tokens <= room {
            let reply = shares.reply(counted, settings);
            let Ok(request) = Request::within(model.about(), prompt, counted, reply) else {
                return Err(refuse(table, counted, room));
            };
            return Ok(Fit {
                request,
                warning: table::warning(&table, &shares, bridged),
                table,
                removed: removed.into_iter().collect(),
                bridged,
            });
        }
        round += 1;
        let over = Over {
            counted: counted.tokens,
            room,
            rest: shares.rest(counted.exact),
            all: round >= FIT_ROUNDS_MAX,
        };
        let out = removal::choose(&draft, &sizes, protected_turn, over);
        if round > FIT_ROUNDS_MAX || (out.seqs.is_empty() && !out.tools) {
            return Err(refuse(table, counted, room));
        }
        draft.history = without(draft.history, &out.seqs);
        removed.extend(out.seqs);
        if out.tools {
            draft.tools.retain(|(name, _)| is_bridge(name));
            bridged = true;
        }
    }
}

/// What a request would take now, with nothing taken out of it.
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

/// Whether a tool stays when the others have to go: through these two the rest can still be reached.
fn is_bridge(name: &str) -> bool {
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
