//! STUB: the model's own summary.

use tokio_util::sync::CancellationToken;

use crate::agent::Agent;
use crate::error::Error;
use crate::journal::entry::{StepNo, TurnNo};

/// STUB
pub(crate) async fn write(
    _: &Agent,
    _: TurnNo,
    _: StepNo,
    _: u64,
    _: u64,
    _: Option<&str>,
    _: &CancellationToken,
) -> Result<Option<String>, Error> {
    Ok(None)
}
