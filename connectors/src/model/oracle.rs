//! A count from the server itself, the same for every dialect that has one: asked again where it failed in passing, and
//! counted here where it can't be had.

use toolpool_config::fixed::COUNT_TRIES_MAX;

use super::calibrate::Local;
use super::wire::Trouble;
use super::{Counted, ModelError, Prompt};

/// Counts by `ask`. A server that is gone is an error. One that is busy, or whose template refuses the prompt, is none: the
/// request itself will say so.
pub(super) async fn counted<F>(
    local: &Local,
    prompt: &Prompt,
    ask: impl Fn() -> F,
) -> Result<Counted, ModelError>
where
    F: Future<Output = Result<u32, Trouble>>,
{
    let mut asked = ask().await;
    for _ in 1..COUNT_TRIES_MAX {
        // A connection that was kept and is closed at that moment fails once, and counting changes nothing.
        if matches!(asked, Ok(_) | Err(Trouble::Final(_))) {
            break;
        }
        asked = ask().await;
    }
    match asked {
        Ok(tokens) => Ok(Counted {
            tokens,
            raw: tokens,
            exact: true,
        }),
        Err(Trouble::Passing(error @ ModelError::Unreachable { .. })) => Err(error),
        Err(_) => Ok(local.count(prompt)),
    }
}
