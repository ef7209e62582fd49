//! What of a session's events is worth a line in the log, in which category, and how much it matters.

use super::{
    CacheDetail, Category, CompactionDetail, Content, ContextDetail, Detail, Level, ModelDetail,
    PermissionDetail, PoolDetail, RecoveryDetail, RoomDetail, ToolDetail, VerificationDetail,
};
use crate::event::{Event, Step, What};

/// The record of an event; none for the pieces of a stream, which are in the reply again. `keep` keeps words.
#[must_use]
pub fn from_event(event: &Event, keep: bool) -> Option<(Level, Detail)> {
    let content = |text: &str| Content::of(text, keep);
    Some(match &event.what {
        What::Session {
            resumed: false,
            model,
            mode,
            ..
        } => info(Detail::Context(ContextDetail::Began {
            model: model.clone(),
            mode: mode.clone(),
        })),
        What::Session { damage, .. } => {
            let level = if damage.is_empty() {
                Level::Info
            } else {
                Level::Error
            };
            let damage = damage.clone();
            (level, Detail::Recovery(RecoveryDetail::Opened { damage }))
        }
        What::User { text } => info(Detail::Context(ContextDetail::User {
            text: content(text),
        })),
        What::PoolChanged {
            step,
            border,
            tools,
            tokens,
            allowance,
            snapshot,
        } => info(Detail::Pool(PoolDetail::Offered {
            step: *step,
            border: border.clone(),
            snapshot: *snapshot,
            tools: tools.clone(),
            tokens: *tokens,
            allowance: *allowance,
        })),
        What::Budget {
            step,
            window,
            total,
            parts,
            exact,
            removed,
        } => info(Detail::Budget(RoomDetail::Fits {
            step: *step,
            window: *window,
            total: *total,
            parts: parts.clone(),
            exact: *exact,
            removed: *removed,
        })),
        What::Reply {
            step,
            text,
            reasoning,
            stop,
            usage,
        } => (
            match stop.as_str() {
                "truncated" => Level::Error,
                "length" | "cut" => Level::Warn,
                _ => Level::Info,
            },
            Detail::Model(ModelDetail::Replied {
                step: *step,
                stop: stop.clone(),
                text: content(text),
                reasoning: reasoning.as_deref().map(content),
                counted: usage.counted,
                prompt: usage.prompt,
                reply: usage.reply,
            }),
        ),
        What::CallProposed {
            step,
            call,
            name,
            arguments,
        } => info(Detail::Tool(ToolDetail::Proposed {
            step: *step,
            call: call.clone(),
            name: name.clone(),
            arguments: content(arguments),
        })),
        What::CallApproved {
            call,
            name,
            reason,
            source,
        } => decided(call, name, true, reason, source),
        What::CallDenied {
            call,
            name,
            reason,
            source,
        } => decided(call, name, false, reason, source),
        What::CallRunning {
            call,
            name,
            arguments,
            effect,
        } => info(Detail::Tool(ToolDetail::Running {
            call: call.clone(),
            name: name.clone(),
            effect: effect.clone(),
            arguments: content(&arguments.to_string()),
        })),
        What::CallFinished {
            call,
            state,
            text,
            elapsed_ms,
        } => (
            match state.as_str() {
                "completed" => Level::Info,
                "in-doubt" => Level::Error,
                _ => Level::Warn,
            },
            Detail::Tool(ToolDetail::Finished {
                call: call.clone(),
                state: state.clone(),
                elapsed_ms: *elapsed_ms,
                text: content(text),
            }),
        ),
        What::CallSettled { call, state, by } => info(Detail::Recovery(RecoveryDetail::Settled {
            call: call.clone(),
            state: state.clone(),
            by: by.clone(),
        })),
        What::BorderDecided {
            step,
            missing,
            gain_ms,
            cost_ms,
            rebuilt,
            disclosed,
        } => info(Detail::Pool(PoolDetail::Decided {
            step: *step,
            missing: missing.clone(),
            gain_ms: *gain_ms,
            cost_ms: *cost_ms,
            rebuilt: *rebuilt,
            disclosed: disclosed.clone(),
        })),
        What::CacheRead {
            step,
            prompt,
            predicted,
            cached,
            cause,
            place,
        } => {
            let level = if cause.is_some() {
                Level::Warn
            } else {
                Level::Info
            };
            let read = CacheDetail::Read {
                step: *step,
                prompt: *prompt,
                predicted: *predicted,
                cached: *cached,
                cause: cause.clone(),
                place: place.clone(),
            };
            (level, Detail::Cache(read))
        }
        What::Compacted {
            step,
            rung,
            reason,
            before,
            after,
            cleared,
        } => info(Detail::Compaction(CompactionDetail::Compacted {
            step: *step,
            rung: rung.clone(),
            reason: reason.clone(),
            before: *before,
            after: *after,
            cleared: *cleared,
        })),
        What::Verified {
            step,
            what,
            call,
            holds,
            findings,
        } => (
            if *holds { Level::Info } else { Level::Warn },
            Detail::Verification(VerificationDetail::Checked {
                step: *step,
                check: what.clone(),
                call: call.clone(),
                holds: *holds,
                findings: findings.iter().map(|text| content(text)).collect(),
            }),
        ),
        What::Delegated {
            call,
            agent,
            delegate,
        } => info(Detail::Tool(ToolDetail::Delegated {
            call: call.clone(),
            agent: agent.clone(),
            delegate: delegate.clone(),
        })),
        What::Steps { items } => info(Detail::Context(steps(items))),
        What::Setting { name, value } => info(Detail::Context(ContextDetail::Setting {
            name: name.clone(),
            value: value.clone(),
        })),
        What::Warning { category, text } => {
            let category = category.parse().unwrap_or(Category::Context);
            (Level::Warn, Detail::warning(category, text.clone()))
        }
        What::TurnEnd { how, note } => (
            match how.as_str() {
                "answered" | "cancelled" => Level::Info,
                _ => Level::Warn,
            },
            Detail::Context(ContextDetail::TurnEnd {
                how: how.clone(),
                note: note.clone(),
            }),
        ),
        What::Loading {} => (Level::Debug, Detail::Model(ModelDetail::Loading {})),
        What::WaitingForApproval { call, name, reason } => {
            info(Detail::Permission(PermissionDetail::Asked {
                call: call.clone(),
                name: name.clone(),
                reason: reason.clone(),
            }))
        }
        What::Retrying { attempt, why } => (
            Level::Warn,
            Detail::Model(ModelDetail::Retrying {
                attempt: *attempt,
                why: why.clone(),
            }),
        ),
        What::Stalled { on, silent_ms } => (
            Level::Warn,
            Detail::Model(ModelDetail::Stalled {
                on: on.clone(),
                silent_ms: *silent_ms,
            }),
        ),
        What::Queued {}
        | What::Prefill { .. }
        | What::Thinking { .. }
        | What::Text { .. }
        | What::CallBegun { .. }
        | What::CallProgress { .. }
        | What::Heartbeat { .. } => return None,
    })
}

fn info(detail: Detail) -> (Level, Detail) {
    (Level::Info, detail)
}

fn decided(call: &str, name: &str, allowed: bool, reason: &str, source: &str) -> (Level, Detail) {
    let level = if allowed { Level::Info } else { Level::Warn };
    let detail = PermissionDetail::Decided {
        call: call.to_owned(),
        name: name.to_owned(),
        allowed,
        reason: reason.to_owned(),
        source: source.to_owned(),
    };
    (level, Detail::Permission(detail))
}

fn steps(items: &[Step]) -> ContextDetail {
    let count = |state: &str| items.iter().filter(|step| step.state == state).count();
    ContextDetail::Steps {
        open: count("open"),
        doing: count("doing"),
        done: count("done"),
    }
}
