//! After a write: reads back what it left behind, and says so where it is not there.
//!
//! The read goes through every step of the door, with a decision, an intent and an outcome of its own, under an id that no
//! reply has. It is never asked about: a reader that this caller may not call unasked is not called. The write is done and
//! written down before it begins, so that nothing that happens here can make it undone, failed or in doubt.

use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use toolpool_config::ToolOverride;
use toolpool_config::fixed::READ_BACK_WITHIN;
use toolpool_registry::ToolMeta;

use super::formed::note_down;
use super::resolve::{Proposed, Valid};
use super::{Answer, Arc, Call, Desk, Door, run::say};
use crate::approve::NoPerson;
use crate::caller::Caller;
use crate::journal::Redactor;
use crate::journal::entry::{CallId, Checked, VerifiedNote};
use crate::verify::effect::{self, Done, Plan};

/// A write that is about to be made, as far as reading it back needs it.
pub(super) struct Written {
    tool: Arc<ToolMeta>,
    call: CallId,
    arguments: Map<String, Value>,
    cancel: CancellationToken,
}

impl Written {
    /// Nothing where the call only reads, or effects are not looked at.
    pub(super) fn of(valid: &Valid, door: &Door<'_>) -> Option<Written> {
        let wanted =
            door.config.verify.effects && !valid.tool.claims.read_only() && !valid.call.id.is_own();
        wanted.then(|| Written {
            tool: valid.tool.clone(),
            call: valid.call.id,
            arguments: valid.arguments.clone(),
            cancel: valid.call.cancel.clone(),
        })
    }

    fn plan(&self, door: &Door<'_>, caller: &Caller, result: &Value) -> Option<Plan> {
        let of_server = door
            .snapshot
            .by_server()
            .iter()
            .find(|(server, _)| *server == self.tool.id.server);
        let rows = of_server.map(|(_, rows)| rows.clone()).unwrap_or_default();
        let tools = rows
            .map(|row| &*door.snapshot.tools()[row])
            .filter(|tool| !tool.offline && caller.rules.hides(tool).is_none());
        let done = Done {
            tool: &self.tool,
            arguments: &self.arguments,
            result,
        };
        effect::plan(done, self.said(door), tools)
    }

    fn said<'a>(&self, door: &'a Door<'_>) -> Option<&'a ToolOverride> {
        door.config
            .servers
            .get(&*self.tool.id.server)?
            .tools
            .get(&*self.tool.id.name)
    }

    /// What could settle the write where no answer came. For the model: the hub settles nothing by itself.
    pub(super) fn reader(&self, door: &Door<'_>, caller: &Caller) -> Option<String> {
        let plan = self.plan(door, caller, &Value::Null)?;
        let found =
            door.snapshot.tools().iter().find(|tool| {
                tool.id.server == self.tool.id.server && *tool.id.name == *plan.reader
            });
        found.map(|tool| tool.exposed.to_string())
    }

    /// Reads the write back, and adds a sentence to its answer where it is not what was written.
    pub(super) async fn look(
        self,
        door: &Door<'_>,
        caller: &Caller,
        answer: &mut Answer,
        secrets: &Redactor,
    ) {
        let Some(plan) = self.plan(door, caller, &answer.result) else {
            return;
        };
        let Some(read) = self.read(door, caller, &plan, secrets).await else {
            return;
        };
        // A result that was cut shows less than is there.
        if read.as_ref().is_ok_and(|read| read.cut) {
            return;
        }
        let shown = read
            .as_ref()
            .map(|read| &read.result)
            .map_err(String::as_str);
        let finding = match effect::compare(&plan.wanted, shown) {
            Ok(finding) => finding,
            Err(why) => {
                tracing::debug!(tool = %self.tool.exposed, why, "a write was not compared");
                return;
            }
        };
        let told = finding.as_ref().map(|finding| {
            let sentence = format!(
                "note: reading it back with `{}` shows that the call did not do what it says: {finding}. Do not report it as done; try again or tell the user",
                plan.reader
            );
            secrets.hide(&sentence)
        });
        let note = VerifiedNote {
            turn: self.call.turn,
            step: self.call.step,
            what: Checked::Effect,
            call: Some(self.call),
            holds: finding.is_none(),
            findings: finding.into_iter().collect(),
            told: told.clone(),
        };
        note_down(door, note).await;
        if let Some(told) = told {
            say(&mut answer.result, &told);
            answer.text.push_str(&format!("\n{told}"));
        }
    }

    /// Calls the reader as this caller may, in the time that there is. Nothing where they may not without being asked.
    async fn read(
        &self,
        door: &Door<'_>,
        caller: &Caller,
        plan: &Plan,
        secrets: &Redactor,
    ) -> Option<Result<Answer, String>> {
        let desk = Desk {
            approver: &NoPerson,
            second: None,
            notify: None,
            artifact: None,
            remember: None,
            ..*door.desk
        };
        let door = Door {
            desk: &desk,
            ..*door
        };
        let reader =
            door.snapshot.tools().iter().find(|tool| {
                tool.id.server == self.tool.id.server && *tool.id.name == *plan.reader
            })?;
        let call = Call {
            cancel: self.cancel.clone(),
            ..Call::new(
                self.call.read_back(),
                reader.exposed.to_string(),
                Some(Value::Object(plan.arguments.clone())),
            )
        };
        let valid = Proposed(call)
            .resolve(&door, caller)
            .and_then(|resolved| resolved.validate(&door));
        let valid = match valid {
            Ok(valid) if valid.is_free(&door, caller) => valid,
            Ok(_) => {
                self.skipped(&plan.reader, "it may not be called without asking");
                return None;
            }
            Err(why) => {
                self.skipped(&plan.reader, &why.to_string());
                return None;
            }
        };
        let made = async {
            let approved = valid.decide(&door, caller, secrets).await?;
            let recorded = approved.record(&door, caller, secrets).await?;
            let outcome = recorded
                .within(READ_BACK_WITHIN)
                .run(&door, secrets, None)
                .await?;
            outcome.verify(&door, secrets).await
        };
        Some(
            made.await
                .map_err(|refusal: super::Refusal| refusal.to_string()),
        )
    }

    fn skipped(&self, reader: &str, why: &str) {
        tracing::info!(tool = %self.tool.exposed, reader, why, "a write was not read back");
    }
}
