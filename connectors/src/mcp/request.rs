//! One `tools/call` over a live connection. It goes straight to the connection, not through the owner's queue, so calls run side by side;
//! and whatever happens to the server, the caller gets an answer.

use std::{future::Future, sync::Arc};

use rmcp::{
    RoleClient,
    model::{
        CallToolRequest, CallToolRequestParams, CancelledNotification, CancelledNotificationParam,
        ClientRequest, MetaObject, RequestId, RequestMetaObject, ServerResult,
    },
    service::{Peer, PeerRequestOptions, ServiceError},
};
use serde_json::{Map, Value};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    time::{Instant, sleep_until, timeout},
};
use toolpool_config::fixed::REASON_WITHIN;

use super::{
    tap::{self, Tap},
    wire::Fault,
};
use crate::{CallError, CallReply, CallRequest};

/// A connection that can be called, as the owner hands it out.
pub(crate) struct Live {
    pub(crate) peer: Peer<RoleClient>,
    pub(crate) tap: Arc<Tap>,
    /// Calls in flight.
    pub(crate) slots: Semaphore,
    /// Timeouts that a call may take in all.
    pub(crate) timeouts_max: u32,
    /// Why the connection ended, once it has.
    pub(crate) ended: watch::Receiver<Option<String>>,
    /// Tells the owner of a failure that only a call could notice.
    pub(crate) faults: mpsc::UnboundedSender<Fault>,
}

/// Calls a tool.
pub(crate) async fn call(
    live: &Live,
    server: &str,
    request: CallRequest,
) -> Result<CallReply, CallError> {
    let CallRequest {
        tool,
        arguments,
        meta,
        timeout: quiet_limit,
        cancel,
        progress,
    } = request;
    let cancelled = || CallError::Cancelled {
        server: server.into(),
        tool: tool.clone(),
    };
    let begun = Instant::now();
    let total = begun + quiet_limit.saturating_mul(live.timeouts_max);

    let _slot = tokio::select! {
        biased;
        () = cancel.cancelled() => return Err(cancelled()),
        slot = live.slots.acquire() => slot.map_err(|_| not_ready(server, "it is being stopped"))?,
        () = sleep_until(begun + quiet_limit) => return Err(not_ready(server, "too many calls are in flight")),
    };

    let mut params = CallToolRequestParams::new(tool.clone());
    params.arguments = Some(arguments);
    let options = PeerRequestOptions::no_options().with_meta(own_meta(meta));
    let request = ClientRequest::CallToolRequest(CallToolRequest::new(params));
    let mut handle = match live.peer.send_request_with_option(request, options).await {
        Ok(handle) => handle,
        Err(_) => return Err(crashed(live, server, false).await),
    };
    let mut route = live.tap.route(&handle.progress_token);
    let mut abandoned = Abandoned {
        peer: live.peer.clone(),
        id: Some(handle.id.clone()),
    };

    let mut quiet_until = Instant::now() + quiet_limit;
    let answer = loop {
        tokio::select! {
            biased;
            answer = &mut handle.rx => break answer,
            () = cancel.cancelled() => {
                abandoned.cancel("the caller cancelled").await;
                return Err(cancelled());
            }
            Some(report) = route.next() => {
                quiet_until = Instant::now() + quiet_limit;
                if let Some(progress) = &progress {
                    // A caller that does not keep up loses reports, never the call.
                    let _ = progress.try_send(report);
                }
            }
            () = sleep_until(quiet_until.min(total)) => {
                abandoned.cancel("the call took too long").await;
                return Err(CallError::Timeout { server: server.into(), tool, after: begun.elapsed() });
            }
        }
    };
    abandoned.id = None;
    // Reports that came before the answer are handed on before it.
    while let (Some(progress), Some(report)) = (&progress, route.next_now()) {
        let _ = progress.try_send(report);
    }
    match answer {
        Ok(Ok(result)) => read_result(server, result),
        Ok(Err(ServiceError::McpError(error))) => Err(CallError::Rpc {
            server: server.into(),
            code: i64::from(error.code.0),
            message: error.message.into_owned(),
            data: error.data,
        }),
        Ok(Err(ServiceError::Cancelled { .. })) => Err(cancelled()),
        Ok(Err(ServiceError::TransportSend(error))) => {
            Err(not_sent(live, server, Fault::of(&error)))
        }
        // The answering side was dropped, or the stream of this answer ended early.
        Ok(Err(_)) | Err(_) => Err(crashed(live, server, true).await),
    }
}

/// A result that is one, and finished.
fn read_result(server: &str, result: ServerResult) -> Result<CallReply, CallError> {
    let unsupported = |what: String| CallError::Unsupported {
        server: server.into(),
        what,
    };
    let result = tap::unwrap(result)
        .ok_or_else(|| unsupported("a result that could not be read".to_owned()))?;
    let Some(members) = result.as_object() else {
        return Err(unsupported("a result that is no object".to_owned()));
    };
    match members.get("resultType").and_then(Value::as_str) {
        None | Some("complete") => Ok(CallReply { result }),
        Some("input_required") => {
            let asked = asked_for(members);
            Err(unsupported(format!(
                "`input_required`, input in the middle of a call{asked}"
            )))
        }
        Some("task") => Err(unsupported("`task`, a result that comes later".to_owned())),
        Some(other) => Err(unsupported(format!("a result of type `{other}`"))),
    }
}

/// Which methods an unfinished result names.
fn asked_for(result: &Map<String, Value>) -> String {
    let requests = result.get("inputRequests").and_then(Value::as_object);
    let mut methods: Vec<&str> = requests
        .into_iter()
        .flat_map(Map::values)
        .filter_map(|request| request.get("method")?.as_str())
        .collect();
    methods.sort_unstable();
    methods.dedup();
    match methods.as_slice() {
        [] => String::new(),
        methods => format!(" ({})", methods.join(", ")),
    }
}

/// The caller's metadata without what the connection itself has to say.
fn own_meta(mut meta: Map<String, Value>) -> RequestMetaObject {
    for reserved in [
        "progressToken",
        "io.modelcontextprotocol/protocolVersion",
        "io.modelcontextprotocol/clientInfo",
        "io.modelcontextprotocol/clientCapabilities",
    ] {
        meta.shift_remove(reserved);
    }
    RequestMetaObject(MetaObject(meta))
}

fn not_ready(server: &str, reason: &str) -> CallError {
    CallError::NotReady {
        server: server.into(),
        reason: reason.to_owned(),
    }
}

/// The error of a call whose sending failed, and a word to the owner where the connection is at fault.
fn not_sent(live: &Live, server: &str, fault: Fault) -> CallError {
    let error = match &fault {
        Fault::Unauthorized(reason) => {
            not_ready(server, &format!("it refuses the credentials: {reason}"))
        }
        fault => CallError::Crashed {
            server: server.into(),
            reason: fault.reason().to_owned(),
            sent: !matches!(fault, Fault::Unreachable(_)),
        },
    };
    // An odd HTTP status is an answer of sorts; the connection is sound.
    if !matches!(fault, Fault::Status(_)) {
        let _ = live.faults.send(fault);
    }
    error
}

async fn crashed(live: &Live, server: &str, sent: bool) -> CallError {
    let mut ended = live.ended.clone();
    let reason = match timeout(REASON_WITHIN, ended.wait_for(Option::is_some)).await {
        Ok(Ok(reason)) => reason.clone(),
        _ => None,
    };
    CallError::Crashed {
        server: server.into(),
        reason: reason.unwrap_or_else(|| "the connection was closed".to_owned()),
        sent,
    }
}

/// Tells the server that nobody waits any more, also when the caller's future is dropped.
struct Abandoned {
    peer: Peer<RoleClient>,
    id: Option<RequestId>,
}

impl Abandoned {
    async fn cancel(&mut self, reason: &str) {
        if let Some(sending) = self.sending(reason) {
            // A server that does not read must not hold its caller.
            let _ = timeout(REASON_WITHIN, sending).await;
        }
    }

    fn sending(&mut self, reason: &str) -> Option<impl Future<Output = ()> + Send + 'static> {
        let id = self.id.take()?;
        let peer = self.peer.clone();
        let params = CancelledNotificationParam::new(Some(id), Some(reason.to_owned()));
        Some(async move {
            // The connection may be gone, and then there is nobody to tell.
            let _ = peer
                .send_notification(CancelledNotification::new(params).into())
                .await;
        })
    }
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        if let (Some(sending), Ok(runtime)) = (
            self.sending("the caller is gone"),
            tokio::runtime::Handle::try_current(),
        ) {
            runtime.spawn(sending);
        }
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::CustomResult;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_finished_results_are_results() {
        for (raw, expected) in [
            (json!({"content": []}), Ok(())),
            (
                json!({"resultType": "complete", "content": [], "isError": true}),
                Ok(()),
            ),
            (
                json!({"resultType": "input_required", "inputRequests": {"a": {"method": "elicitation/create"}}}),
                Err("`input_required`, input in the middle of a call (elicitation/create)"),
            ),
            (
                json!({"resultType": "task"}),
                Err("`task`, a result that comes later"),
            ),
            (json!([]), Err("a result that is no object")),
        ] {
            let read = read_result(
                "s",
                ServerResult::CustomResult(CustomResult(tap::wrap(raw.clone()))),
            );
            match (read, expected) {
                (Ok(reply), Ok(())) => assert_eq!(reply.result, raw),
                (Err(CallError::Unsupported { what, .. }), Err(expected)) => {
                    assert_eq!(what, expected)
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn the_caller_cannot_speak_for_the_connection() {
        let meta = json!({"io.modelcontextprotocol/protocolVersion": "x", "progressToken": 1, "traceparent": "00-1"});
        let Value::Object(meta) = meta else {
            unreachable!("it was written as an object")
        };
        assert_eq!(
            Value::Object(own_meta(meta).0.0),
            json!({"traceparent": "00-1"})
        );
    }
}
