//! After a crash: which calls are in doubt, what could settle them, and how an interrupted turn goes on.
//!
//! A call that was sent and has no answer is never sent again by itself unless a claim that the hub trusts says that this
//! does no harm. The person says what is known of it, or nobody does, and the model is told in one sentence either way.
//! A call that had not been sent yet is made as if nothing had happened.

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use toolpool_config::Effect;

use super::ask::{Wanted, cut_off};
use super::{Agent, Ended, calls};
use crate::error::Error;
use crate::execute::Call;
use crate::journal::Sync;
use crate::journal::entry::{CallId, EndHow, Entry, SettledBy, Verdict};
use crate::workflow::CallRecord;
use crate::{delegate, turn};

/// A call that may or may not have been carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubt {
    /// The call.
    pub call: CallId,
    /// The tool's exposed name.
    pub name: String,
    /// What it was sent with.
    pub arguments: Value,
    /// What it may have done.
    pub effect: Effect,
    /// What is known of it, for the person.
    pub sentence: String,
    /// A read-only tool that could settle it, by its exposed name.
    pub probe: Option<String>,
}

impl Agent {
    /// The calls in doubt that nobody has settled and that may not simply be made again.
    pub fn doubts(&self) -> Vec<Doubt> {
        self.told(self.open_doubts())
    }

    /// Those of them of which nobody was asked yet.
    pub fn fresh_doubts(&self) -> Vec<Doubt> {
        self.told(self.unsettled())
    }

    fn told(&self, records: Vec<CallRecord>) -> Vec<Doubt> {
        let doubt = |record: CallRecord| {
            let effect = record.effect.unwrap_or(Effect::Destructive);
            Doubt {
                sentence: format!(
                    "`{}` ({effect}) was sent and no answer came back: whether it took effect is not known",
                    record.name
                ),
                probe: self.probe_for(&record).map(|(name, _)| name),
                call: record.call,
                name: record.name,
                arguments: record.arguments,
                effect,
            }
        };
        records.into_iter().map(doubt).collect()
    }

    /// Says what is known of a call in doubt: it happened, it did not, or nobody knows.
    ///
    /// # Errors
    /// [`Error::NoDoubt`] for a call that is not in doubt; the journal's.
    pub async fn settle(&mut self, call: CallId, happened: Option<bool>) -> Result<(), Error> {
        if !self.open_doubts().iter().any(|record| record.call == call) {
            return Err(Error::NoDoubt {
                call: call.to_string(),
            });
        }
        self.settled(call, happened).await
    }

    async fn settled(&self, call: CallId, happened: Option<bool>) -> Result<(), Error> {
        let told = self
            .folds()
            .workflow
            .call(call)
            .and_then(|record| record.text.clone());
        let (verdict, by, text) = match (happened, told) {
            (Some(true), _) => (
                Verdict::Completed,
                SettledBy::Person,
                "no answer came; the user has checked: the call was carried out, and its result is lost".to_owned(),
            ),
            (Some(false), _) => (
                Verdict::NotStarted,
                SettledBy::Person,
                "no answer came; the user has checked: the call was not carried out".to_owned(),
            ),
            (None, Some(told)) => (Verdict::InDoubt, SettledBy::Nobody, told),
            (None, None) => (
                Verdict::InDoubt,
                SettledBy::Nobody,
                "the program was restarted before the answer came: whether the call was carried out is not known. Do not repeat it unless the user says so; find out with a tool that only reads, or ask the user".to_owned(),
            ),
        };
        let entry = Entry::Settled {
            call,
            verdict,
            by,
            text,
        };
        self.append(entry, Sync::Now).await.map(drop)
    }

    /// Runs the tool that could settle a call in doubt, and answers what it said.
    ///
    /// # Errors
    /// [`Error::NoDoubt`] where there is no such call or no such tool.
    pub async fn look(&mut self, call: CallId) -> Result<String, Error> {
        let record = self
            .open_doubts()
            .into_iter()
            .find(|record| record.call == call);
        let probe = record.as_ref().and_then(|record| self.probe_for(record));
        let Some((name, arguments)) = probe else {
            return Err(Error::NoDoubt {
                call: call.to_string(),
            });
        };
        // Step 0 belongs to no reply, so the probe is no part of the conversation.
        let of_step_0 = |known: &&CallRecord| known.call.turn == call.turn && known.call.step == 0;
        let index = self
            .folds()
            .workflow
            .calls()
            .iter()
            .filter(of_step_0)
            .count();
        let id = CallId {
            turn: call.turn,
            step: 0,
            index: index as u32,
        };
        let probe = Call::new(id, name, Some(Value::Object(arguments)));
        let caller = self.caller()?;
        Ok(match self.through_the_door(&caller, probe).await {
            Ok(answer) => answer.text,
            Err(refusal) => refusal.to_string(),
        })
    }

    /// A read-only tool of the same server that takes nothing but what the call had, the nearest by name.
    fn probe_for(&self, record: &CallRecord) -> Option<(String, Map<String, Value>)> {
        let (server, own) = (record.server.as_deref()?, record.tool.as_deref()?);
        let given = record.arguments.as_object()?;
        let caller = self.caller().ok()?;
        let snapshot = self.hub().snapshot();
        let view = self.hub().view(&snapshot, &caller);
        let candidates = view.rows().filter_map(|row| {
            let tool = &snapshot.tools()[row];
            if *tool.id.server != *server || !tool.claims.read_only() {
                return None;
            }
            let schema = tool.input_schema();
            let required: Vec<&str> = schema["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            if required.is_empty() || !required.iter().all(|name| given.contains_key(*name)) {
                return None;
            }
            let likeness = strsim::jaro_winkler(&reversed(&tool.id.name), &reversed(own));
            let arguments = required
                .iter()
                .map(|name| ((*name).to_owned(), given[*name].clone()))
                .collect();
            Some((likeness, tool.exposed.to_string(), arguments))
        });
        candidates
            .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(&a.1)))
            .map(|(_, name, arguments)| (name, arguments))
    }

    /// Goes on with the turn that was interrupted; `None` where none was.
    ///
    /// # Errors
    /// The journal's.
    pub async fn go_on(&mut self, cancel: CancellationToken) -> Result<Option<Ended>, Error> {
        let Some(turn) = self.folds().workflow.open_turn() else {
            return Ok(None);
        };
        self.leave_doubts().await?;
        let answered = self.folds().session.answer_ended(turn);
        if let Some(stop) = answered {
            // Only the end was not written. A model that is asked once more answers its own answer.
            let end = (EndHow::Answered, cut_off(stop));
            return self.end(turn, end).await.map(Some);
        }
        let last = self.folds().session.last_reply(turn);
        let Some(last) = last else {
            return turn::run(self, turn, 1, &cancel).await.map(Some);
        };
        let open: Vec<Wanted> = {
            let folds = self.folds();
            let open = |wanted: &Wanted| match folds.workflow.call(wanted.id) {
                None => true,
                Some(record) if record.verdict == Verdict::InDoubt => record.repeatable,
                // Proposed or decided on, and nothing after that: it was not sent.
                Some(record) => !record.intended && record.text.is_none(),
            };
            last.calls
                .into_iter()
                .map(|(id, call, fault)| Wanted { id, call, fault })
                .filter(open)
                .collect()
        };
        for wanted in &open {
            if self
                .folds()
                .workflow
                .call(wanted.id)
                .is_some_and(|record| record.intended)
            {
                let entry = Entry::Settled {
                    call: wanted.id,
                    verdict: Verdict::InDoubt,
                    by: SettledBy::Repeat,
                    text: "no answer came; it is sent again, since that does no harm".to_owned(),
                };
                self.append(entry, Sync::Later).await?;
            }
        }
        let caller = self.caller()?;
        calls::run(self, &caller, &open, &cancel).await?;
        turn::run(self, turn, last.step + 1, &cancel)
            .await
            .map(Some)
    }

    /// Whether a turn was interrupted and waits to be gone on with.
    pub fn interrupted(&self) -> bool {
        self.folds().workflow.open_turn().is_some()
    }

    /// Ends the turn that was interrupted, since the person wants something else.
    pub(crate) async fn close_interrupted(&self) -> Result<(), Error> {
        let open = self.folds().workflow.open_turn();
        self.leave_doubts().await?;
        delegate::settle(self).await?;
        match open {
            None => Ok(()),
            Some(turn) => self.end(turn, (EndHow::Interrupted, None)).await.map(drop),
        }
    }

    /// What nobody settled stays in doubt, and the model is told so.
    async fn leave_doubts(&self) -> Result<(), Error> {
        for record in self.unsettled() {
            self.settled(record.call, None).await?;
        }
        Ok(())
    }

    /// Calls in doubt of which nobody has said anything, and that may not simply be made again.
    fn unsettled(&self) -> Vec<CallRecord> {
        let mut open = self.open_doubts();
        open.retain(|record| record.settled.is_none());
        open
    }

    /// The same, with those that nobody could settle so far: the person may know by now.
    fn open_doubts(&self) -> Vec<CallRecord> {
        let folds = self.folds();
        let open = |record: &&CallRecord| {
            !record.repeatable && matches!(record.settled, None | Some(SettledBy::Nobody))
        };
        folds
            .workflow
            .in_doubt()
            .into_iter()
            .filter(open)
            .cloned()
            .collect()
    }
}

/// Names of one server differ at their beginning (`read_note`, `delete_note`), and likeness weighs beginnings.
fn reversed(name: &str) -> String {
    name.chars().rev().collect()
}
