//! Modern servers report changes only on a stream that the client opens and keeps open.

use std::{sync::Arc, time::Duration};

use rmcp::{
    RoleClient,
    model::{ErrorCode, SubscriptionFilter},
    service::{Peer, ServiceError},
};
use tokio::{sync::Notify, task::JoinHandle, time::sleep};
use toolpool_config::Limits;

/// Keeps a stream of tool changes open until it is dropped.
pub(crate) struct Listening(JoinHandle<()>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Opens the stream and tells `changed`; opens it again, after a pause, whenever it ends. Gives up on a server that has no such stream.
pub(crate) fn listen(peer: Peer<RoleClient>, changed: Arc<Notify>, limits: &Limits) -> Listening {
    let first = Duration::from_millis(limits.retry_first_ms);
    let longest = Duration::from_millis(limits.retry_max_ms);
    Listening(tokio::spawn(async move {
        let mut pause = first;
        let mut opened_before = false;
        while !peer.is_transport_closed() {
            match peer
                .listen(SubscriptionFilter::builder().tools_list_changed().build())
                .await
            {
                Ok(mut stream) => {
                    pause = first;
                    if std::mem::replace(&mut opened_before, true) {
                        // What happened while nobody listened is not told again.
                        changed.notify_one();
                    }
                    while let Ok(Some(_)) = stream.next().await {
                        changed.notify_one();
                    }
                }
                Err(ServiceError::McpError(error)) if error.code == ErrorCode::METHOD_NOT_FOUND => {
                    return;
                }
                Err(error) => tracing::debug!(%error, "could not listen for changes"),
            }
            sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }))
}
