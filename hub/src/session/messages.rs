//! From turns to messages that every endpoint takes.
//!
//! ```text
//! User, Reply(a, b), Outcome(a), [crash]   ►  user, assistant(a, b), tool(a), tool(b: "was sent and no answer came back ..."),
//! User, ...                                   assistant("[stopped ...]"), user
//! User, Border with tools disclosed       ►   user: the words, and behind them the definitions
//! ```

use toolpool_connectors::model::{Message, ToolCall};

use super::compacted::View;
use super::{Answer, Said, Session, Stored, Turn};
use crate::journal::entry::{CallId, EndHow, PoolTool, TurnNo};

impl Session {
    /// The conversation as it is sent, without the system message.
    ///
    /// What was compacted is shown as its compaction has it; see `compacted.rs`. A reply and the answers to its calls are shown or
    /// hidden together, so that no call is ever without its answer.
    pub fn messages(&self) -> Vec<Stored> {
        let notes = self.made.iter().map(|made| &made.note);
        self.project(&View::of(&self.removed, notes))
    }

    pub(super) fn project(&self, view: &View<'_>) -> Vec<Stored> {
        let mut out = Vec::new();
        let mut front = view.text();
        let next = |at: usize| self.turns.get(at + 1);
        let shown = self.turns.iter().enumerate();
        let mut turns = shown
            .filter(|(at, turn)| !view.hides(turn, next(*at)))
            .map(|(_, turn)| turn)
            .peekable();
        while let Some(turn) = turns.next() {
            let (front, mut text) = match front.take() {
                Some((_, front)) => (front.len(), format!("{front}\n\n{}", turn.words)),
                None => (0, turn.words.clone()),
            };
            if let Some((_, tools)) = turn.told_of.as_ref().filter(|(seq, _)| view.shows(*seq)) {
                text.push_str("\n\n");
                text.push_str(&told_of(tools));
            }
            out.push(Stored {
                seq: turn.seq,
                turn: turn.no,
                front,
                message: Message::User { text },
            });
            for said in turn.replies.iter().filter(|said| view.shows(said.seq)) {
                self.said(&mut out, turn.no, said, view);
                if let Some((seq, text)) = said.told.as_ref().filter(|(seq, _)| view.shows(*seq)) {
                    out.push(Stored {
                        seq: *seq,
                        turn: turn.no,
                        front: 0,
                        message: Message::User { text: text.clone() },
                    });
                }
            }
            // The open turn is still to be answered.
            if turns.peek().is_some() || turn.end.is_some() {
                close(&mut out, turn);
            }
        }
        if let Some((seq, front)) = front {
            out.push(Stored {
                seq,
                turn: self.last_turn,
                front: front.len(),
                message: Message::User {
                    text: front.to_owned(),
                },
            });
        }
        out
    }

    fn said(&self, out: &mut Vec<Stored>, turn: TurnNo, said: &Said, view: &View<'_>) {
        if said.text.trim().is_empty() && said.calls.is_empty() {
            return;
        }
        if let Some(Stored {
            message: Message::Assistant { text, calls, .. },
            ..
        }) = out.last_mut()
            && calls.is_empty()
        {
            // Two replies in a row are one message that was said in two pieces.
            if !said.text.trim().is_empty() {
                text.push_str("\n\n");
                text.push_str(&said.text);
            }
            calls.clone_from(&said.calls);
        } else {
            out.push(Stored {
                seq: said.seq,
                turn,
                front: 0,
                message: Message::Assistant {
                    text: said.text.clone(),
                    reasoning: said.reasoning.clone(),
                    calls: said.calls.clone(),
                },
            });
        }
        for call in &said.calls {
            out.push(self.answered(turn, said, call, view));
        }
    }

    fn answered(&self, turn: TurnNo, said: &Said, call: &ToolCall, view: &View<'_>) -> Stored {
        let id: Option<CallId> = call.id.parse().ok();
        let answer = id.and_then(|id| self.answers.get(&id));
        let seq = answer.map_or(said.seq, |answer| answer.seq);
        let text = match answer {
            Some(Answer {
                text: Some(text), ..
            }) => view.result(seq, text),
            answer => unanswered(&call.name, answer),
        };
        Stored {
            seq,
            turn,
            front: 0,
            message: Message::Tool {
                call: call.id.clone(),
                name: call.name.clone(),
                text,
            },
        }
    }
}

/// The definitions that a turn is told of beyond its pool, in the form of a search's answer.
fn told_of(tools: &[PoolTool]) -> String {
    let definitions: Vec<&str> = tools.iter().map(|tool| tool.definition.as_str()).collect();
    format!(
        "[More tools that may serve this request; call them with call_tool:\n{}]",
        definitions.join("\n")
    )
}

/// What the model is told of a call that nothing came back of.
fn unanswered(name: &str, answer: Option<&Answer>) -> String {
    match answer {
        Some(answer) if answer.sent && answer.repeatable => {
            format!("`{name}` was sent and no answer came back. Sending it again does no harm.")
        }
        Some(answer) if answer.sent => format!(
            "`{name}` was sent and no answer came back; whether it took effect is not known. \
             Do not repeat it unless the person says so."
        ),
        _ => format!("`{name}` was not called: the step was stopped before it was sent."),
    }
}

/// Lets a turn end with the model's words, where the model said none: a person can't speak twice in a row.
fn close(out: &mut Vec<Stored>, turn: &Turn) {
    let answered = matches!(
        out.last().map(|stored| &stored.message),
        Some(Message::Assistant { .. })
    );
    if answered {
        return;
    }
    let (seq, text) = match turn.end {
        Some((seq, EndHow::Answered)) => (seq, "[the answer is left out to save room]"),
        Some((seq, EndHow::Cancelled)) => (seq, "[stopped by the person]"),
        Some((seq, EndHow::Refused)) => (seq, "[not answered: the request did not fit]"),
        Some((seq, EndHow::StepLimit | EndHow::FailureLimit | EndHow::Loop)) => {
            (seq, "[stopped before an answer]")
        }
        Some((seq, EndHow::Failed | EndHow::Interrupted)) => {
            (seq, "[interrupted before an answer]")
        }
        None => (turn.seq, "[interrupted before an answer]"),
    };
    // An empty answer is none that was left out.
    let empty = turn
        .replies
        .last()
        .is_some_and(|said| said.text.trim().is_empty() && said.calls.is_empty());
    let text = if empty { "[no answer]" } else { text };
    out.push(Stored {
        seq,
        turn: turn.no,
        front: 0,
        message: Message::Assistant {
            text: text.to_owned(),
            reasoning: None,
            calls: Vec::new(),
        },
    });
}
