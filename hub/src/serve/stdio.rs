//! Serving one client over standard input and output. One process is one caller, chosen by flags.

use std::sync::Arc;

use rmcp::ServiceExt;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::caller::Caller;
use crate::error::Error;
use crate::hub::Hub;
use crate::serve::Asked;
use crate::serve::face::Face;

/// Serves until the client closes its end.
///
/// # Errors
/// [`Error::NoProfile`] before anything is served; [`Error::Client`] where the session broke.
pub async fn serve_stdio<R, W>(
    hub: Arc<Hub>,
    asked: Asked,
    reader: R,
    writer: W,
) -> Result<(), Error>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    Caller::new(
        &hub.config(),
        &asked.principal,
        asked.profile.as_deref(),
        &asked.deny,
    )?;
    let face = Face::new(hub, Some(asked));
    let running = face
        .serve((reader, writer))
        .await
        .map_err(|error| Error::Client(error.into()))?;
    running
        .waiting()
        .await
        .map_err(|error| Error::Client(error.into()))?;
    Ok(())
}
