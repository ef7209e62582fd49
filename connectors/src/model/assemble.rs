//! A reply, put together from the pieces of a stream; what a person may see at once comes out as deltas.
//!
//! Pure: no clock, no wire. Ids of calls are used here to tell calls apart and then dropped, see [`ToolCall`].
//!
//! [`ToolCall`]: super::ToolCall

use std::sync::Arc;

use super::chunk::{CallPiece, Piece};
use super::leaked::{self, Hold};
use super::think::{self, Part, Splitter};
use super::{Delta, Reply, ReplyCall, Stop, Usage, arguments};

/// A reply in the making.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    tools: Vec<Arc<str>>,
    splitter: Splitter,
    hold: Hold,
    reasoning: String,
    calls: Vec<Slot>,
    stop: Option<Stop>,
    usage: Usage,
}

/// A call in the making.
#[derive(Debug)]
struct Slot {
    index: Option<u64>,
    id: Option<String>,
    name: String,
    arguments: String,
}

impl Assembler {
    /// For a request that offered `tools`.
    pub(super) fn new(tools: &[Arc<str>]) -> Assembler {
        Assembler {
            tools: tools.to_vec(),
            hold: Hold::new(!tools.is_empty()),
            ..Assembler::default()
        }
    }

    /// Takes a piece. [`Piece::Error`] is for the caller and ignored here.
    pub(super) fn take(&mut self, piece: Piece) -> Vec<Delta> {
        match piece {
            Piece::Reasoning(text) => {
                self.reasoning.push_str(&text);
                vec![Delta::Reasoning(text)]
            }
            Piece::Text(text) => {
                let parts = self.splitter.push(&text);
                self.parts(parts)
            }
            Piece::Call(piece) => self.call(piece).into_iter().collect(),
            Piece::Prefill {
                total,
                cached,
                processed,
            } => vec![Delta::Prefill {
                total,
                cached,
                processed,
            }],
            Piece::Finish(stop) => {
                self.stop = Some(stop);
                Vec::new()
            }
            Piece::Usage(usage) => {
                merge(&mut self.usage, usage);
                Vec::new()
            }
            Piece::Error(_) => Vec::new(),
        }
    }

    /// Whether the server said why it ended.
    pub(super) fn finished(&self) -> bool {
        self.stop.is_some()
    }

    fn parts(&mut self, parts: Vec<Part>) -> Vec<Delta> {
        let mut deltas = Vec::new();
        for part in parts {
            match part {
                Part::Reasoning(text) => {
                    self.reasoning.push_str(&text);
                    deltas.push(Delta::Reasoning(text));
                }
                Part::Text(text) => deltas.extend(self.hold.push(&text).map(Delta::Text)),
            }
        }
        deltas
    }

    fn call(&mut self, piece: CallPiece) -> Option<Delta> {
        let at = match self.slot(&piece) {
            Some(at) => at,
            None => {
                self.calls.push(Slot {
                    index: piece.index,
                    id: None,
                    name: String::new(),
                    arguments: String::new(),
                });
                self.calls.len() - 1
            }
        };
        let slot = &mut self.calls[at];
        slot.id = slot.id.take().or(piece.id);
        slot.arguments.push_str(&piece.arguments);
        let name = piece.name.filter(|name| *name != slot.name)?;
        slot.name.push_str(&name);
        Some(Delta::Call {
            index: at,
            name: slot.name.clone(),
        })
    }

    /// The call that a piece goes on with; nothing where it begins one. Some servers give every call the index 0, some give
    /// none, some repeat the name with each piece.
    fn slot(&self, piece: &CallPiece) -> Option<usize> {
        let at = match (piece.index, &piece.id) {
            (Some(_), _) => self
                .calls
                .iter()
                .rposition(|slot| slot.index == piece.index),
            (None, Some(_)) => self.calls.iter().rposition(|slot| slot.id == piece.id),
            (None, None) => self.calls.len().checked_sub(1),
        }?;
        let slot = &self.calls[at];
        let another = match (&piece.name, &piece.id, &slot.id) {
            (None, ..) => false,
            (Some(_), Some(id), Some(known)) => id != known,
            // A name behind arguments: the next call, unless it only repeats the name.
            (Some(name), ..) => {
                !slot.arguments.is_empty()
                    && (*name != slot.name || (whole(slot) && !piece.arguments.is_empty()))
            }
        };
        (!another).then_some(at)
    }

    /// The rest of the deltas and the reply. `ended` says that the stream came to its own end.
    pub(super) fn end(mut self, ended: bool) -> (Vec<Delta>, Reply) {
        let parts = self.splitter.end();
        let mut deltas = self.parts(parts);
        let stop = match self.stop {
            Some(stop) => stop,
            None if ended => Stop::Done,
            None => Stop::Cut,
        };
        let came_to_its_end = !matches!(stop, Stop::Cut | Stop::Length);
        let (all, given) = self.hold.end();
        let mut text = all.clone();
        let mut calls: Vec<ReplyCall> = self
            .calls
            .into_iter()
            .map(|slot| call(slot.name, &slot.arguments, came_to_its_end, false))
            .collect();
        if self.reasoning.is_empty()
            && let Some((thought, said)) = think::unopened(&all)
        {
            self.reasoning = thought.to_owned();
            text = said.to_owned();
        }
        let mut leaks = Vec::new();
        if calls.is_empty()
            && let Some((kept, found)) = leaked::find(&text, &leaked::offered(&self.tools))
        {
            text = kept;
            leaks = found;
        }
        // What was given out can't be taken back; where the text is no longer its continuation the reply alone has it.
        let rest = text.strip_prefix(&all[..given]).unwrap_or_default();
        if !rest.is_empty() {
            deltas.push(Delta::Text(rest.to_owned()));
        }
        for leak in leaks {
            deltas.push(Delta::Call {
                index: calls.len(),
                name: leak.name.clone(),
            });
            calls.push(call(leak.name, &leak.arguments, came_to_its_end, true));
        }
        let stop = match stop {
            Stop::Done if !calls.is_empty() => Stop::Calls,
            Stop::Calls if calls.is_empty() => Stop::Done,
            other => other,
        };
        let reasoning = self.reasoning.trim();
        let reply = Reply {
            text,
            reasoning: (!reasoning.is_empty()).then(|| reasoning.to_owned()),
            calls,
            stop,
            usage: self.usage,
        };
        (deltas, reply)
    }
}

/// Whether the arguments so far are an object already, so that more of them can't belong to it.
fn whole(slot: &Slot) -> bool {
    !slot.arguments.trim().is_empty() && super::Arguments::new(&slot.arguments).is_ok()
}

fn call(name: String, text: &str, whole: bool, leaked: bool) -> ReplyCall {
    let read = arguments::read(text, whole);
    let name = name.trim().to_owned();
    let nameless = name
        .is_empty()
        .then(|| "the call names no tool, so nothing was called".to_owned());
    ReplyCall {
        name,
        arguments: read.arguments,
        repair: read.repair,
        fault: nameless.or(read.fault),
        leaked,
    }
}

/// What comes later is truer.
fn merge(usage: &mut Usage, later: Usage) {
    usage.prompt_tokens = later.prompt_tokens.or(usage.prompt_tokens);
    usage.cached_tokens = later.cached_tokens.or(usage.cached_tokens);
    usage.reply_tokens = later.reply_tokens.or(usage.reply_tokens);
    usage.prompt_ms = later.prompt_ms.or(usage.prompt_ms);
    usage.reply_ms = later.reply_ms.or(usage.reply_ms);
}

#[cfg(test)]
mod tests;
