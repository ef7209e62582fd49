//! What the agent knows of its server's prompt cache: the request before, the slot, and an entry for each reply.

use std::sync::PoisonError;

use sha2::{Digest, Sha256};
use toolpool_connectors::model::{Counted, Message, Prompt, SharedModel, Slot, Usage};

use super::{Agent, request};
use crate::cache::{self, Sent};
use crate::error::Error;
use crate::journal::Sync;
use crate::journal::entry::{CacheNote, Entry, Served, SlotSeen, StepNo, TurnNo};

impl Agent {
    /// What was counted and read of the request before, where this one begins with it.
    pub(crate) fn read_before(&self, prompt: &Prompt) -> Option<(Counted, u32)> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.as_ref()?;
        let begins = cache::difference(&before.prompt, prompt).is_none();
        Some((before.counted, before.reported.filter(|_| begins)?))
    }

    /// Holds the tokens that the server had in its cache against those it could have had, and keeps what took the rest.
    pub(crate) async fn cache(
        &self,
        (turn, step): (TurnNo, StepNo),
        (prompt, counted): (Prompt, Counted),
        usage: &Usage,
        before: Option<Slot>,
    ) -> Result<(), Error> {
        let about = self.model().about();
        let served = Served {
            url: about.url.clone(),
            model: about.model.clone(),
            window: about.window.tokens,
            template: about.template.as_deref().map(str::to_owned),
            before: before.map(seen),
            after: self.model().slot().await.map(seen),
        };
        let sent = Sent {
            turn,
            prompt,
            counted,
            reported: usage.prompt_tokens,
            served,
        };
        let note = self.cache_note(&sent, step, usage.cached_tokens);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(sent);
        self.append(Entry::Cache(note), Sync::Later).await.map(drop)
    }

    fn cache_note(&self, sent: &Sent, step: StepNo, cached: Option<u32>) -> CacheNote {
        let compacted = self.folds().reads.compacted();
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.as_ref();
        let cause = before.and_then(|before| cache::cause(before, sent, cached, compacted));
        let again = match (before, cached) {
            (Some(before), Some(cached)) if cause.is_some() => cache::again(before, sent, cached),
            _ => 0,
        };
        let (cause, place) = cause.unzip();
        CacheNote {
            turn: sent.turn,
            step,
            prompt: sent.tokens(),
            predicted: before.map_or(0, |before| cache::predicted(before, sent)),
            cached,
            cause,
            place,
            again,
            system: system_hash(&sent.prompt),
            served: sent.served.clone(),
        }
    }

    /// Works out from the journal what an earlier process sent last: tools and messages stand there, of the system text its
    /// hash. What was taken back since is not there any more, and the rest is then taken for all that was sent.
    pub(super) fn remember_prompt(&self) {
        let Some(read) = self.folds().reads.all().last().cloned() else {
            return;
        };
        let Some(pool) = self.pool() else { return };
        let draft = request::draft(self, &pool);
        let history = draft.history.into_iter();
        let mut messages = vec![Message::System { text: draft.system }];
        messages.extend(
            history
                .take_while(|stored| stored.seq < read.reply)
                .map(|stored| stored.message),
        );
        let mut prompt = Prompt {
            messages,
            tools: draft.tools.into_iter().map(|(_, tool)| tool).collect(),
        };
        let note = read.note;
        if system_hash(&prompt) != note.system {
            // Only its hash is known, and that is enough to say that it is another one.
            prompt.messages[0] = Message::System { text: note.system };
        }
        let sent = Sent {
            turn: note.turn,
            prompt,
            counted: Counted {
                tokens: note.prompt,
                raw: note.prompt,
                exact: true,
            },
            reported: None,
            served: note.served,
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(sent);
    }

    /// The model for an agent beside this one: in a slot of its own where there is one, so that this conversation is still in
    /// the cache when it goes on.
    pub async fn model_for_delegate(&self) -> SharedModel {
        let beside = self.model.beside().await;
        beside.unwrap_or_else(|| self.model.clone())
    }
}

fn seen(slot: Slot) -> SlotSeen {
    SlotSeen {
        id: slot.id,
        task: slot.task,
        asked: slot.asked,
    }
}

fn system_hash(prompt: &Prompt) -> String {
    let text = match prompt.messages.first() {
        Some(Message::System { text }) => text.as_str(),
        _ => "",
    };
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
