//! The first steps: the name looked up in the caller's view, the arguments against the input schema, slips repaired and said.

use std::sync::Arc;

use serde_json::{Map, Value};
use toolpool_config::fixed::UNKNOWN_NAME_CHARS_MAX;
use toolpool_registry::{Hidden, Row, ToolMeta};

use super::{Call, Door, Refusal};
use crate::caller::Caller;
use crate::near;
use crate::permission::runs_commands;
use crate::repair::{self, Repair};
use crate::verify::Side;

pub(super) struct Proposed(pub(super) Call);

pub(super) struct Resolved {
    tool: Arc<ToolMeta>,
    call: Call,
    repairs: Vec<Repair>,
}

/// A call that could be made as it stands.
pub(super) struct Valid {
    pub(super) tool: Arc<ToolMeta>,
    pub(super) call: Call,
    pub(super) arguments: Map<String, Value>,
    pub(super) repairs: Vec<Repair>,
    /// What whoever calls is told with the answer.
    pub(super) warnings: Vec<String>,
    /// Keeps others from making one.
    _checked: (),
}

/// As much of a name that nobody knows as is repeated.
pub(super) fn shortened(name: &str) -> String {
    name.chars().take(UNKNOWN_NAME_CHARS_MAX).collect()
}

impl Proposed {
    pub(super) fn resolve(self, door: &Door<'_>, caller: &Caller) -> Result<Resolved, Refusal> {
        let Proposed(call) = self;
        let mut repairs = Vec::new();
        let known = door.view.resolve(door.snapshot, &call.name);
        let row = match known.or_else(|| unlisted(door, caller, &call.name)) {
            Some(row) => row,
            None => {
                let row = near::only(door.snapshot, door.view, &call.name).ok_or_else(|| {
                    Refusal::Unknown {
                        name: shortened(&call.name),
                        suggestions: near::suggestions(
                            door.snapshot,
                            door.view,
                            &call.name,
                            door.config.limits.suggestions_max,
                        ),
                    }
                })?;
                repairs.push(format!(
                    "the tool `{}` to `{}`",
                    call.name,
                    door.snapshot.tools()[row].exposed
                ));
                row
            }
        };
        Ok(Resolved {
            tool: door.snapshot.tools()[row].clone(),
            call,
            repairs,
        })
    }
}

/// In plan mode the view leaves the tool that runs commands out, since it may do anything. A command that only reads may
/// still run, so that the tool is found by its right name and the gates have the word.
fn unlisted(door: &Door<'_>, caller: &Caller, name: &str) -> Option<Row> {
    let row = door.snapshot.by_exposed(name)?;
    let tool = &door.snapshot.tools()[row];
    let server = door.config.servers.get(&*tool.id.server);
    let only_plan = caller.rules.hides(tool) == Some(Hidden::PlanMode);
    (door.view.snapshot() == door.snapshot.no() && only_plan && runs_commands(tool, server))
        .then_some(row)
}

impl Resolved {
    pub(super) fn validate(self, door: &Door<'_>) -> Result<Valid, Refusal> {
        let Resolved {
            tool,
            mut call,
            mut repairs,
        } = self;
        let refuse = |faults: String, repairs: &[Repair]| Refusal::Arguments {
            tool: tool.exposed.clone(),
            faults,
            repairs: repairs.to_vec(),
        };
        let mut arguments = repair::object(call.arguments.take(), &mut repairs)
            .map_err(|kind| refuse(format!("they are {kind}, not an object"), &repairs))?;
        let schema = tool.input_schema();
        let fingerprint = tool.fingerprint.to_string();
        let check = |arguments: &Map<String, Value>| {
            door.schemas.check(
                &fingerprint,
                Side::Input,
                &schema,
                &Value::Object(arguments.clone()),
            )
        };
        if check(&arguments).is_err() {
            repairs.extend(repair::repair(&schema, &mut arguments));
            check(&arguments).map_err(|faults| refuse(faults, &repairs))?;
        }
        if tool.offline {
            return Err(Refusal::Offline {
                tool: tool.exposed.clone(),
            });
        }
        Ok(Valid {
            tool,
            call,
            arguments,
            repairs,
            warnings: Vec::new(),
            _checked: (),
        })
    }
}
