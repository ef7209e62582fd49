//! What a person asks to see: what takes the room, which tools are offered, and why.

use toolpool_connectors::model::Message;

use super::{Agent, request};
use crate::audit::pool_sentence;
use crate::budget;
use crate::error::Error;
use crate::journal::entry::{BudgetTable, PoolNote, PoolTool};
use crate::session::Stored;

impl Agent {
    /// What the next request would take, with `next` as the person's words.
    ///
    /// # Errors
    /// Where it can't be counted, or there is no pool yet and none can be made.
    pub async fn budget(&self, next: &str) -> Result<BudgetTable, Error> {
        let turn = self.folds().session.next_turn();
        let pool = self.pool_now(next).await?;
        let mut draft = request::draft(self, &pool);
        if !next.is_empty() || draft.history.is_empty() {
            match draft.history.last_mut().map(|last| &mut last.message) {
                // What stands for all that was compacted goes in front of the next words.
                Some(Message::User { text }) => text.push_str(&format!("\n\n{next}")),
                _ => draft.history.push(Stored {
                    seq: u64::MAX,
                    turn,
                    front: 0,
                    message: Message::User {
                        text: next.to_owned(),
                    },
                }),
            }
        }
        let config = self.hub().config();
        let model = (self.model(), self.window());
        let table =
            budget::measure(&draft, model, &config.budget, self.hub().counter(), turn).await;
        table.map_err(|refusal| Error::NoCount(Box::new(refusal)))
    }

    /// The pool in force; none before the first request.
    pub fn pool(&self) -> Option<PoolNote> {
        self.folds().session.pool().cloned()
    }

    /// Tools that the last turn was told of beyond its pool.
    pub fn told_of(&self) -> Vec<PoolTool> {
        let folds = self.folds();
        let turn = folds.session.last_turn().map(|(turn, _)| turn);
        turn.map(|turn| folds.session.told_of(turn).to_vec())
            .unwrap_or_default()
    }

    /// The pool in force, or else what one would be for `text`. Nothing is kept.
    ///
    /// # Errors
    /// A profile that is gone.
    pub async fn pool_now(&self, text: &str) -> Result<PoolNote, Error> {
        match self.pool() {
            Some(pool) => Ok(pool),
            None => self.pool_tried(text).await,
        }
    }

    /// What a pool for `text` would be. Nothing is kept.
    ///
    /// # Errors
    /// A profile that is gone.
    pub async fn pool_tried(&self, text: &str) -> Result<PoolNote, Error> {
        let caller = self.caller()?;
        let turn = self.folds().session.next_turn();
        let (snapshot, pool) = self
            .hub()
            .pool_for(&caller, self.pool_request(turn, text))
            .await;
        Ok(self.note(&snapshot, &pool, (turn, 1), text.to_owned(), "tried"))
    }

    /// Why a tool is in the pool in force or not, in one sentence.
    ///
    /// # Errors
    /// A profile that is gone.
    pub async fn why(&self, tool: &str) -> Result<String, Error> {
        let Some(pool) = self.pool() else {
            return Ok("no tools are offered yet: the first request makes the pool".into());
        };
        let named = pool_sentence(&pool, tool);
        if let Some((true, sentence)) = named {
            return Ok(sentence);
        }
        if self.pinned().iter().any(|pinned| pinned == tool) {
            return Ok(format!(
                "`{tool}` is pinned, and will be in the pool from the next request on"
            ));
        }
        if let Some((_, sentence)) = named {
            return Ok(sentence);
        }
        let caller = self.caller()?;
        let snapshot = self.hub().snapshot();
        let Some(row) = snapshot.by_exposed(tool) else {
            return Ok(format!("there is no tool `{tool}`; `/tools` lists them"));
        };
        // For the person's eyes: the model is never told why a tool is hidden.
        if let Some(hidden) = caller.rules.hides(&snapshot.tools()[row]) {
            return Ok(format!("`{tool}` is hidden: {hidden}"));
        }
        let when = format!(
            "the pool of turn {}, chosen for `{}`",
            pool.turn,
            pool.query.trim()
        );
        let request = self.pool_request(pool.turn, &pool.query);
        let (_, again) = self.hub().pool_for(&caller, request).await;
        let reason = again
            .left_out
            .iter()
            .find(|out| out.row == row)
            .map(|out| out.reason.to_string());
        Ok(match reason {
            Some(reason) => format!("`{tool}` is not in {when}: {reason}"),
            None => format!("`{tool}` is not in {when}, and would be in one that is chosen now"),
        })
    }
}
