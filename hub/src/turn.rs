//! One turn, as the list of its steps. What each of them does stands in the file it names; the entry that each of them
//! leaves is what a resumed turn goes on from.
//!
//! ```text
//! begin    Entry::User, synced before anything else happens
//! pool     kept within an epoch, else assembled; Entry::Pool
//! fit      window, reserve, margin, allowance and history; Entry::Fit, or it does not fit, and then
//! compact  the next rung of the ladder, Entry::Compaction, and again from the pool; or nothing is left and the turn is refused
//! ask      the request that only a fit can make, streamed; Entry::Reply; fewer tokens read than sent is an error
//! calls    through the one door, concurrent ones side by side; each gets an answer
//! enough   too many steps, failures, or the same thing again
//! answer   held against what was done; once it may be sent back
//! end      Entry::End
//! ```

use tokio_util::sync::CancellationToken;

use crate::agent::{Agent, Ended, ask, calls, enough, request};
use crate::compact;
use crate::error::Error;
use crate::journal::entry::{CompactReason, EndHow, StepNo, TurnNo};
use crate::verify::answer;

/// Carries a turn from `step` to its end.
pub(crate) async fn run(
    agent: &Agent,
    turn: TurnNo,
    mut step: StepNo,
    cancel: &CancellationToken,
) -> Result<Ended, Error> {
    let mut tries = ask::Tries::default();
    let mut reason = CompactReason::Room;
    loop {
        if let Some(end) = enough::before(agent, step) {
            return agent.end(turn, end).await;
        }
        let caller = agent.caller()?;
        let pool = agent.pool_of(&caller, turn, step).await?;
        let fit = match request::fit(agent, &pool, turn, step).await? {
            Ok(fit) => fit,
            Err(refusal) => {
                let room = refusal.table().is_some()
                    && (compact::compact(agent, (turn, step), reason, None, cancel)
                        .await?
                        .is_some()
                        || request::bridge(agent, &pool, turn, step).await?);
                if cancel.is_cancelled() {
                    return agent.end(turn, (EndHow::Cancelled, None)).await;
                }
                if room {
                    continue;
                }
                return agent.end(turn, enough::refused(&refusal)).await;
            }
        };
        let asked = ask::ask(agent, fit, turn, step, &mut tries, cancel).await?;
        reason = CompactReason::Room;
        let reply = match asked {
            ask::Asked::Reply(reply) => reply,
            ask::Asked::Again => continue,
            ask::Asked::Smaller(why) => {
                reason = why;
                continue;
            }
            ask::Asked::End(how, note) => return agent.end(turn, (how, note)).await,
        };
        if reply.calls.is_empty() {
            match answer::hold(agent, (turn, step), reply.note, cancel).await? {
                answer::Held::Stands(note) => {
                    return agent.end(turn, (EndHow::Answered, note)).await;
                }
                answer::Held::SentBack => {
                    step += 1;
                    continue;
                }
            }
        }
        calls::run(agent, &caller, &reply.calls, cancel).await?;
        if cancel.is_cancelled() {
            return agent.end(turn, (EndHow::Cancelled, None)).await;
        }
        if let Some(end) = enough::after(agent, turn) {
            return agent.end(turn, end).await;
        }
        step += 1;
    }
}
