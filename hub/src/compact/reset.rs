//! STUB: a fresh window.

use tokio_util::sync::CancellationToken;

use crate::agent::Agent;
use crate::error::Error;

/// STUB
pub(crate) async fn text(
    _: &Agent,
    _: u64,
    summary: Option<String>,
    _: &CancellationToken,
) -> Result<String, Error> {
    Ok(summary.unwrap_or_else(|| "[The work so far is not shown.]".into()))
}
