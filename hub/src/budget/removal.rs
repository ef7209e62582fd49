//! What is taken out of a conversation that does not fit, and how it looks afterwards.
//!
//! A result leaves a note with its size behind, since every call needs an answer; a turn leaves nothing. Both are told by
//! the numbers of their entries alone, so that whoever reads the journal comes to the same conversation by [`without`].

use std::collections::BTreeSet;

use toolpool_connectors::model::Message;
use toolpool_registry::TokenCounter;

use super::{Draft, is_bridge};
use crate::journal::entry::TurnNo;
use crate::session::Stored;

/// How the note in place of a result begins, by which it is known again.
const STUB: &str = "[result left out to save room: ";
/// What a template puts around a message, roughly. Only guesses are made with it.
const AROUND_MESSAGE: u32 = 4;
/// What it puts around a call besides name and arguments, roughly.
const AROUND_CALL: u32 = 12;

/// What stands in place of a result; the result itself where that is no longer.
#[must_use]
pub fn stub(text: &str) -> String {
    let stub = format!("{STUB}{} characters]", text.chars().count());
    if text.starts_with(STUB) || text.len() <= stub.len() {
        return text.to_owned();
    }
    stub
}

/// The conversation without the entries that were taken out: a turn goes where its user message is among them, a result
/// becomes a [`stub`]. The numbers of replies say nothing by themselves, so that no call is ever without its answer.
#[must_use]
pub fn without(history: Vec<Stored>, removed: &BTreeSet<u64>) -> Vec<Stored> {
    if removed.is_empty() {
        return history;
    }
    let turns: BTreeSet<u32> = history
        .iter()
        .filter(|stored| matches!(stored.message, Message::User { .. }))
        .filter(|stored| removed.contains(&stored.seq))
        .map(|stored| stored.turn)
        .collect();
    let kept = history
        .into_iter()
        .filter(|stored| !turns.contains(&stored.turn));
    kept.map(|mut stored| {
        if let Message::Tool { text, .. } = &mut stored.message
            && removed.contains(&stored.seq)
        {
            *text = stub(text);
        }
        stored
    })
    .collect()
}

/// Tokens of a draft's parts by the counter here.
pub(super) struct Sizes {
    pub(super) system: u32,
    /// All definitions.
    pub(super) tools: u32,
    /// The definitions that stay to the last.
    pub(super) bridge: u32,
    /// Each message of the history.
    pub(super) messages: Vec<u32>,
    /// For a result, what it would be as a note; its own size for everything else.
    pub(super) stubbed: Vec<u32>,
    pub(super) tail: u32,
}

impl Sizes {
    pub(super) fn of(draft: &Draft, counter: &TokenCounter) -> Sizes {
        let tools = |all: bool| {
            draft
                .tools
                .iter()
                .filter(|(name, _)| all || is_bridge(name))
                .map(|(_, definition)| counter.count(definition))
                .fold(0, u32::saturating_add)
        };
        let messages: Vec<u32> = draft
            .history
            .iter()
            .map(|stored| size(&stored.message, counter))
            .collect();
        let stubbed = draft.history.iter().zip(&messages);
        Sizes {
            system: counter.count(&draft.system),
            tools: tools(true),
            bridge: tools(false),
            stubbed: stubbed
                .map(|(stored, size)| match &stored.message {
                    Message::Tool { text, .. } => {
                        (counter.count(&stub(text)) + AROUND_MESSAGE).min(*size)
                    }
                    _ => *size,
                })
                .collect(),
            messages,
            tail: counter.count(draft.tail.as_deref().unwrap_or_default()),
        }
    }

    pub(super) fn total(&self) -> u32 {
        self.messages
            .iter()
            .copied()
            .chain([self.system, self.tools, self.tail])
            .fold(0, u32::saturating_add)
    }
}

fn size(message: &Message, counter: &TokenCounter) -> u32 {
    let tokens = match message {
        Message::System { text } | Message::User { text } | Message::Tool { text, .. } => {
            counter.count(text)
        }
        Message::Assistant {
            text,
            reasoning,
            calls,
        } => calls
            .iter()
            .map(|call| {
                counter.count(&call.name) + counter.count(call.arguments.text()) + AROUND_CALL
            })
            .chain([
                counter.count(text),
                reasoning.as_deref().map_or(0, |text| counter.count(text)),
            ])
            .fold(0, u32::saturating_add),
    };
    tokens.saturating_add(AROUND_MESSAGE)
}

/// By how much a prompt is too large, in the tokens of whoever counted it.
#[derive(Clone, Copy)]
pub(super) struct Over {
    pub(super) counted: u32,
    /// What it must come down to.
    pub(super) room: u32,
    /// What it comes down to where results of earlier turns suffice for that.
    pub(super) rest: u32,
    /// Whether everything goes that may, since the guesses were short.
    pub(super) all: bool,
}

impl Over {
    /// What must go to come down to `target`, in tokens of the counter here, rounded up.
    fn need(self, target: u32, estimated: u32) -> u64 {
        let over = u64::from(self.counted.saturating_sub(target));
        (over * u64::from(estimated.max(1))).div_ceil(u64::from(self.counted.max(1)))
    }
}

/// What goes next.
#[derive(Default)]
pub(super) struct Out {
    pub(super) seqs: BTreeSet<u64>,
    /// Whether the tools go as well, but for the bridge.
    pub(super) tools: bool,
}

/// Chooses what goes, by priority, until the guess says that it suffices. Chooses
/// something as long as there is anything.
pub(super) fn choose(draft: &Draft, sizes: &Sizes, protected: TurnNo, over: Over) -> Out {
    let all = over.all;
    let (must, may) = (
        over.need(over.room, sizes.total()),
        over.need(over.rest, sizes.total()),
    );
    let mut out = Out::default();
    let mut saved = 0u64;
    let last_step = last_step(&draft.history, protected);
    let result = |at: usize| {
        matches!(draft.history[at].message, Message::Tool { .. })
            && sizes.stubbed[at] < sizes.messages[at]
    };
    let places = || 0..draft.history.len();
    let earlier = places().filter(|at| draft.history[*at].turn != protected && result(*at));
    let steps = places()
        .filter(|at| draft.history[*at].turn == protected && *at < last_step && result(*at));
    for (at, enough) in earlier
        .map(|at| (at, may))
        .chain(steps.map(|at| (at, must)))
    {
        if !all && saved >= enough {
            break;
        }
        saved += u64::from(sizes.messages[at] - sizes.stubbed[at]);
        out.seqs.insert(draft.history[at].seq);
    }
    let mut turns: Vec<TurnNo> = draft
        .history
        .iter()
        .map(|stored| stored.turn)
        .filter(|turn| *turn != protected)
        .collect();
    turns.dedup();
    for turn in turns {
        if !all && saved >= must {
            return out;
        }
        for at in places().filter(|at| draft.history[*at].turn == turn) {
            saved += u64::from(sizes.stubbed[at]);
            out.seqs.insert(draft.history[at].seq);
        }
    }
    out.tools = (all || saved < must) && sizes.bridge < sizes.tools;
    out
}

/// Where the last step of the turn begins: what it called is still to be read by the model.
fn last_step(history: &[Stored], turn: TurnNo) -> usize {
    history
        .iter()
        .rposition(|stored| {
            stored.turn == turn && matches!(stored.message, Message::Assistant { .. })
        })
        .unwrap_or(history.len())
}
