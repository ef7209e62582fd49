//! What a turn asks of the conversation besides its messages: whose words, which calls, what they came to.

use toolpool_connectors::model::{Stop, ToolCall, Usage};

use super::{Session, Turn};
use crate::journal::entry::{CallId, PoolTool, StepNo, TurnNo};

/// A call of the model with the answer that it reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// The call.
    pub call: ToolCall,
    /// The answer.
    pub text: String,
    /// Whether that is a failure.
    pub failed: bool,
}

/// A call as a reply has it, with the reason where its arguments can't be used at all.
pub type Asked = (CallId, ToolCall, Option<String>);

/// A reply, as far as a turn that goes on from it has to know it.
#[derive(Clone, Debug, PartialEq)]
pub struct LastReply {
    /// The step.
    pub step: StepNo,
    /// What it wants called.
    pub calls: Vec<Asked>,
}

impl Session {
    /// The words that began a turn.
    pub fn words(&self, turn: TurnNo) -> Option<&str> {
        self.turn(turn).map(|turn| turn.words.as_str())
    }

    /// The words of the turn before it, of those that are part of the conversation.
    pub fn words_before(&self, turn: TurnNo) -> Option<&str> {
        let before = self.turns.iter().rev().find(|known| known.no < turn);
        before.map(|turn| turn.words.as_str())
    }

    /// Tools that a turn was told of beyond its pool, behind the person's words.
    pub fn told_of(&self, turn: TurnNo) -> &[PoolTool] {
        let told = self.turn(turn).and_then(|turn| turn.told_of.as_ref());
        told.map_or(&[], |(_, tools)| tools)
    }

    /// The turn for which another pool was last weighed.
    pub fn weighed(&self) -> Option<TurnNo> {
        self.weighed
    }

    /// The person's words with their turn and line, turn by turn.
    pub fn all_words(&self) -> impl Iterator<Item = (TurnNo, u64, &str)> {
        let turns = self.turns.iter();
        turns.map(|turn| (turn.no, turn.seq, turn.words.as_str()))
    }

    /// What the model said with its turn and line, reply by reply.
    pub fn all_said(&self) -> impl Iterator<Item = (TurnNo, u64, &str)> {
        let turns = self.turns.iter();
        turns.flat_map(|turn| {
            let said = turn.replies.iter();
            said.map(|said| (turn.no, said.seq, said.text.as_str()))
        })
    }

    /// What the model said last in a turn.
    pub fn last_words(&self, turn: TurnNo) -> Option<String> {
        let said = &self.turn(turn)?.replies;
        let last = said.iter().rev().find(|said| !said.text.trim().is_empty());
        last.map(|said| said.text.clone())
    }

    /// A turn's last reply.
    pub fn last_reply(&self, turn: TurnNo) -> Option<LastReply> {
        let said = self.turn(turn)?.replies.last()?;
        let calls = said.calls.iter().filter_map(|call| {
            let id: CallId = call.id.parse().ok()?;
            Some((id, call.clone(), said.faults.get(&id).cloned()))
        });
        Some(LastReply {
            step: said.step,
            calls: calls.collect(),
        })
    }

    /// How a turn's last reply ended, where it is an answer: words, and nothing to be called.
    pub fn answer_ended(&self, turn: TurnNo) -> Option<Stop> {
        let said = self.turn(turn)?.replies.last()?;
        let answers = said.calls.is_empty() && !said.text.trim().is_empty();
        // One that was sent back waits for the next.
        (answers && said.told.is_none()).then_some(said.stop)
    }

    /// How often an answer of this turn was sent back to be repaired.
    pub fn sent_back(&self, turn: TurnNo) -> u32 {
        let said = self.turn(turn).into_iter().flat_map(|turn| &turn.replies);
        said.filter(|said| said.told.is_some()).count() as u32
    }

    /// Whether a call did not do what it says, by what was read back.
    pub fn unmet(&self, call: CallId) -> bool {
        self.unmet.contains(&call)
    }

    /// Every answered call of a turn, in the order of the calls.
    pub fn calls_answered(&self, turn: TurnNo) -> Vec<Answered> {
        let calls = self
            .turn(turn)
            .into_iter()
            .flat_map(|turn| &turn.replies)
            .flat_map(|said| &said.calls);
        let answered = calls.filter_map(|call| {
            let answer = self.answers.get(&call.id.parse().ok()?)?;
            Some(Answered {
                call: call.clone(),
                text: answer.text.clone()?,
                failed: answer.failed,
            })
        });
        answered.collect()
    }

    /// What each reply cost, in order.
    pub fn usages(&self) -> &[Usage] {
        &self.usages
    }

    /// Tokens of the last prompt, as far as anybody said; 0 before the first.
    pub fn last_prompt_tokens(&self) -> u32 {
        self.pairs
            .last()
            .map_or(0, |(counted, reported)| counted.tokens.max(*reported))
    }

    /// The turn that was last warned that its window fills up.
    pub fn warned_of_room(&self) -> Option<TurnNo> {
        self.warned
    }

    /// Tokens that a server which cut a prompt in silence was seen to read: more of its window is not to be used.
    pub fn read_at_most(&self) -> Option<u32> {
        self.read_at_most
    }

    /// Turns that were taken back: what they did stays done.
    pub fn undone(&self) -> &[TurnNo] {
        &self.undone
    }

    /// The profile that the session began with.
    pub fn profile(&self) -> Option<&str> {
        self.begin.as_ref()?.profile.as_deref()
    }

    fn turn(&self, no: TurnNo) -> Option<&Turn> {
        self.turns.iter().rev().find(|turn| turn.no == no)
    }
}
