//! What a caller's readers hear of a running delegate: one calm line a step, and its questions. The whole is in its own journal.

use tokio::sync::mpsc::UnboundedReceiver;

use crate::event::{Event, Stream, What};
use crate::journal::entry::CallId;

/// Passes events on until the delegate's stream ends.
pub(super) async fn forward(
    mut events: UnboundedReceiver<Event>,
    stream: Stream,
    (call, agent, steps): (CallId, String, u32),
) {
    let mut step = 0;
    while let Some(event) = events.recv().await {
        if let Some(what) = passed(event.what, call, &agent, &mut step, steps) {
            stream.passing(what);
        }
    }
}

fn passed(what: What, call: CallId, agent: &str, step: &mut u32, steps: u32) -> Option<What> {
    let line = |step: u32, message: String| What::CallProgress {
        call: call.to_string(),
        progress: f64::from(step),
        total: Some(f64::from(steps)),
        message: Some(message),
    };
    match what {
        What::Budget { step: now, .. } => {
            *step = now;
            Some(line(now, format!("{agent}: step {now}")))
        }
        What::CallRunning { name, .. } => {
            Some(line(*step, format!("{agent}: step {step}, {name}")))
        }
        What::CallProgress {
            message: Some(message),
            ..
        } => Some(line(*step, format!("{agent}: {message}"))),
        What::Retrying { attempt, why } => Some(What::Retrying {
            attempt,
            why: format!("{agent}: {why}"),
        }),
        What::WaitingForApproval { name, reason, .. } => Some(What::WaitingForApproval {
            call: call.to_string(),
            name,
            reason: format!("agent `{agent}`: {reason}"),
        }),
        _ => None,
    }
}
