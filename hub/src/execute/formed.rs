//! What is about to be written, held against the format that its path names. A fault is a refusal of the arguments, like one
//! against the schema, so that nothing is asked, recorded or sent for it.

use toolpool_config::WriteCheck;
use toolpool_config::fixed::REFUSED_KEPT_MAX;

use super::resolve::Valid;
use super::{Door, Refusal};
use crate::journal::entry::{Checked, VerifiedNote};
use crate::journal::{Entry, Sync};
use crate::verify::format::{self, Fault};
use crate::verify::write::{Write, writes};

impl Valid {
    /// Refuses a write whose content is broken, or has it made with a warning.
    pub(super) async fn formed(mut self, door: &Door<'_>) -> Result<Valid, Refusal> {
        let how = door.config.verify.writes;
        if how == WriteCheck::Off || self.tool.claims.read_only() {
            return Ok(self);
        }
        let faults: Vec<(String, Fault, bool)> = writes(&self.tool.id.name, &self.arguments)
            .into_iter()
            .filter_map(|Write { path, content }| {
                let fault = format::fault(path, content)?;
                let insists =
                    fault.format.may_err() && door.schemas.insists(path, content, REFUSED_KEPT_MAX);
                Some((path.to_owned(), fault, insists))
            })
            .collect();
        let Some((path, fault, _)) = faults.first() else {
            return Ok(self);
        };
        let finding = format!("`{path}`: {fault}");
        let refuses = how == WriteCheck::Refuse && faults.iter().any(|(_, _, insists)| !insists);
        let note = VerifiedNote {
            turn: self.call.id.turn,
            step: self.call.id.step,
            what: Checked::Format,
            call: Some(self.call.id),
            holds: false,
            findings: vec![finding.clone()],
            told: None,
        };
        note_down(door, note).await;
        if refuses {
            let again = match fault.format.may_err() {
                true => {
                    "; send the whole content again with that corrected, or the same again if it is meant so"
                }
                false => "; send the whole content again with that corrected",
            };
            return Err(Refusal::Arguments {
                tool: self.tool.exposed.clone(),
                faults: format!("the content for {finding}{again}"),
                repairs: self.repairs,
            });
        }
        self.warnings
            .push(format!("note: what was written to {finding}"));
        Ok(self)
    }
}

/// Writes down what was verified. The call does not hang on it: what must be written before it is sent is its intent.
pub(super) async fn note_down(door: &Door<'_>, note: VerifiedNote) {
    let entry = Entry::Verified(note);
    if let Err(error) = door.desk.journal.append(entry, Sync::Later).await {
        tracing::warn!(%error, "a verification was not written down");
    }
}
