//! Which era a server speaks, found out per server.
//!
//! `server/discover` comes first, for as long as the server's own start limit. What follows depends on how it went:
//!
//! | discover | next |
//! |---|---|
//! | answered | modern, done |
//! | correlated error of a legacy server | `initialize` on the same connection |
//! | no answer in time, no revision in common (-32022), nonsense, or the server died of it | a fresh connection with `initialize` |
//! | credentials missing, not reachable | failed |
//!
//! A fresh connection, because after a timeout the late answer would still come, and because servers that know both eras refuse
//! `initialize` once discovered.

use std::time::Duration;

use rmcp::{
    RoleClient,
    model::ProtocolVersion,
    service::{
        ClientInitializeError, ClientLifecycleMode, RunningService,
        serve_client_with_lifecycle_and_ct,
    },
};
use tokio_util::sync::CancellationToken;

use super::{
    handler::Handler,
    wire::{Fault, Home, Wire},
};

/// A served connection.
pub(crate) type Running = RunningService<RoleClient, Handler>;

/// How discovery went.
pub(crate) enum Discovered {
    /// The server is modern.
    Modern(Running),
    /// The server is a legacy one and the connection is sound.
    Legacy(Wire),
    /// Only a fresh connection can tell.
    Fresh(String),
    /// There is nobody to talk to.
    Failed(Refusal),
}

/// Why a handshake failed.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// See [`Fault`].
    Fault(Fault),
    /// The server answered, and said no or nonsense.
    Said(String),
    /// It closed the connection.
    Closed,
    /// It said nothing for this long.
    Silent(Duration),
}

/// Asks the server to describe itself.
pub(crate) async fn discover(wire: Wire, handler: Handler, limit: Duration) -> Discovered {
    let home = Home::default();
    let lifecycle = ClientLifecycleMode::Discover {
        preferred_versions: vec![ProtocolVersion::LATEST],
    };
    let serving = serve_client_with_lifecycle_and_ct(
        handler,
        home.lend(wire),
        lifecycle,
        CancellationToken::new(),
    );
    match tokio::time::timeout(limit, serving).await {
        Ok(Ok(running)) => Discovered::Modern(running),
        Ok(Err(error)) => match (after(&error), home.take()) {
            (After::SameConnection, Some(wire)) => Discovered::Legacy(wire),
            (After::SameConnection | After::FreshConnection, _) => Discovered::Fresh(said(&error)),
            (After::GiveUp, _) => Discovered::Failed(refusal(error)),
        },
        Err(_) => Discovered::Fresh(format!(
            "no answer to `server/discover` within {} ms",
            limit.as_millis()
        )),
    }
}

/// The handshake of the older revisions.
pub(crate) async fn initialize(
    wire: Wire,
    handler: Handler,
    limit: Duration,
) -> Result<Running, Refusal> {
    let lifecycle = ClientLifecycleMode::Initialize;
    // The loan keeps both ways of serving one type; nobody waits at this home.
    let lent = Home::default().lend(wire);
    let serving =
        serve_client_with_lifecycle_and_ct(handler, lent, lifecycle, CancellationToken::new());
    match tokio::time::timeout(limit, serving).await {
        Ok(Ok(running)) => Ok(running),
        Ok(Err(error)) => Err(refusal(error)),
        Err(_) => Err(Refusal::Silent(limit)),
    }
}

#[derive(Debug, PartialEq)]
enum After {
    SameConnection,
    FreshConnection,
    GiveUp,
}

/// The table above. `rmcp` hands on a plain `JsonRpcError` only when it is correlated and no rejection of the modern era.
fn after(error: &ClientInitializeError) -> After {
    match error {
        ClientInitializeError::JsonRpcError(error) => match error.code.0 {
            // A missing capability or a header mismatch: the server is modern, and asking again would not help.
            -32_021 | -32_020 => After::GiveUp,
            _ => After::SameConnection,
        },
        ClientInitializeError::TransportError { error, .. } => match Fault::of(error) {
            Fault::Unauthorized(_) | Fault::Unreachable(_) => After::GiveUp,
            Fault::Status(_) | Fault::Broken(_) => After::FreshConnection,
        },
        ClientInitializeError::Cancelled => After::GiveUp,
        _ => After::FreshConnection,
    }
}

fn refusal(error: ClientInitializeError) -> Refusal {
    match &error {
        ClientInitializeError::TransportError { error, .. } => Refusal::Fault(Fault::of(error)),
        ClientInitializeError::ConnectionClosed(_) => Refusal::Closed,
        _ => Refusal::Said(said(&error)),
    }
}

/// The server's part in an error, in words.
fn said(error: &ClientInitializeError) -> String {
    match error {
        ClientInitializeError::JsonRpcError(error) => {
            format!("{} ({})", error.message, error.code.0)
        }
        ClientInitializeError::ConnectionClosed(_) => "the connection was closed".to_owned(),
        ClientInitializeError::NoCompatibleProtocolVersion {
            server_supported, ..
        } => {
            let revisions: Vec<&str> = server_supported
                .iter()
                .map(ProtocolVersion::as_str)
                .collect();
            match revisions.as_slice() {
                [] => "no protocol revision in common".to_owned(),
                _ => format!(
                    "no protocol revision in common (it offers {})",
                    revisions.join(", ")
                ),
            }
        }
        ClientInitializeError::ExpectedInitResult(_)
        | ClientInitializeError::ExpectedInitResponse(_) => {
            "the answer to the handshake was not one".to_owned()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{ErrorCode, ErrorData};

    use super::*;

    #[test]
    fn what_follows_a_failed_discovery() {
        let answered =
            |code| ClientInitializeError::JsonRpcError(ErrorData::new(ErrorCode(code), "no", None));
        for (error, expected) in [
            (answered(-32_601), After::SameConnection),
            (answered(-32_602), After::SameConnection),
            (answered(-32_000), After::SameConnection),
            (answered(-32_021), After::GiveUp),
            (answered(-32_020), After::GiveUp),
            (
                ClientInitializeError::NoCompatibleProtocolVersion {
                    client_supported: vec![ProtocolVersion::LATEST],
                    server_supported: vec![ProtocolVersion::V_2025_11_25],
                },
                After::FreshConnection,
            ),
            (
                ClientInitializeError::ConnectionClosed("discover response".into()),
                After::FreshConnection,
            ),
            (
                ClientInitializeError::ExpectedInitResult(None),
                After::FreshConnection,
            ),
            (ClientInitializeError::Cancelled, After::GiveUp),
        ] {
            assert_eq!(after(&error), expected, "{error}");
        }
    }
}
