//! Between the wire and rmcp: remembers which requests list or call tools, and wraps their results so that rmcp hands them on
//! untouched; forwards progress in the order of the wire, before the answer that follows it.
//!
//! A wrapped result is `{"toolpool/raw": RESULT}`, which no typed result of rmcp accepts, so it comes out as a custom one. Over HTTP
//! a list must stay a list, because rmcp builds `Mcp-Param-*` headers from it: there the raw result rides in its `_meta`, beside
//! those tools that rmcp can read.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, ProgressToken, RequestId,
    ServerResult, Tool,
};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use crate::Progress;

/// The member that holds a result as it came.
const RAW: &str = "toolpool/raw";

/// Progress reports that may wait for a call's task to take them; more are dropped.
const PROGRESS_WAITING_MAX: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Asked {
    List,
    Call,
}

/// One connection's tap. Its mutexes are plain ones: each is held for one map operation, never across an await.
#[derive(Debug)]
pub(crate) struct Tap {
    /// Whether rmcp itself must understand lists.
    typed_lists: bool,
    asked: Mutex<HashMap<RequestId, Asked>>,
    routes: Mutex<HashMap<String, mpsc::Sender<Progress>>>,
    skipped: AtomicU64,
}

impl Tap {
    /// A tap for a wire whose rmcp transport reads lists (`typed_lists`) or does not care.
    pub(crate) fn new(typed_lists: bool) -> Arc<Self> {
        Arc::new(Self {
            typed_lists,
            asked: Mutex::default(),
            routes: Mutex::default(),
            skipped: AtomicU64::new(0),
        })
    }

    /// Notes a message on its way out.
    pub(crate) fn sent(&self, message: &ClientJsonRpcMessage) {
        match message {
            ClientJsonRpcMessage::Request(request) => {
                let asked = match &request.request {
                    ClientRequest::ListToolsRequest(_) => Asked::List,
                    ClientRequest::CallToolRequest(_) => Asked::Call,
                    _ => return,
                };
                lock(&self.asked).insert(request.id.clone(), asked);
            }
            ClientJsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) =
                    &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    lock(&self.asked).remove(id);
                }
            }
            _ => {}
        }
    }

    /// Looks at a message on its way in; returns whether it was changed.
    pub(crate) fn received(&self, message: &mut Value) -> bool {
        let Some(message) = message.as_object_mut() else {
            return false;
        };
        if message.get("method").and_then(Value::as_str) == Some("notifications/progress") {
            self.report(message.get("params"));
            return false;
        }
        let Some(id) = message.get("id").and_then(request_id) else {
            return false;
        };
        if message.contains_key("method") {
            return false;
        }
        let Some(asked) = lock(&self.asked).remove(&id) else {
            return false;
        };
        let Some(result) = message.get_mut("result") else {
            return false;
        };
        let raw = result.take();
        *result = match asked {
            Asked::List if self.typed_lists => readable_list(raw),
            Asked::List | Asked::Call => json!({ RAW: raw }),
        };
        true
    }

    /// Whether a request of ours that is listed or called is still unanswered.
    pub(crate) fn awaits(&self, id: &RequestId) -> bool {
        lock(&self.asked).contains_key(id)
    }

    /// Counts a line that was no message.
    pub(crate) fn skip(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
    }

    /// Lines that were no messages so far.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// Routes the progress of one token to the returned receiver until the route is dropped.
    pub(crate) fn route(self: &Arc<Self>, token: &ProgressToken) -> Route {
        let (sender, reports) = mpsc::channel(PROGRESS_WAITING_MAX);
        let key = token.0.to_string();
        lock(&self.routes).insert(key.clone(), sender);
        Route {
            key,
            tap: Arc::clone(self),
            reports,
        }
    }

    fn report(&self, params: Option<&Value>) {
        let Some(params) = params else { return };
        let key = match params.get("progressToken") {
            Some(Value::String(token)) => token.clone(),
            Some(token) => token.to_string(),
            None => return,
        };
        let Some(progress) = params.get("progress").and_then(Value::as_f64) else {
            return;
        };
        if let Some(route) = lock(&self.routes).get(&key) {
            // A full channel means that reports come faster than anyone can use; the newest is dropped.
            let _ = route.try_send(Progress {
                progress,
                total: params.get("total").and_then(Value::as_f64),
                message: params
                    .get("message")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            });
        }
    }
}

/// The progress of one request; dropping it ends the route.
#[derive(Debug)]
pub(crate) struct Route {
    key: String,
    tap: Arc<Tap>,
    pub(crate) reports: mpsc::Receiver<Progress>,
}

impl Drop for Route {
    fn drop(&mut self) {
        lock(&self.tap.routes).remove(&self.key);
    }
}

/// The result as it came over the wire, out of what rmcp made of it.
pub(crate) fn unwrap(result: ServerResult) -> Option<Value> {
    match result {
        ServerResult::CustomResult(custom) => only_raw(custom.0).ok(),
        ServerResult::ListToolsResult(list) => list.meta.and_then(|mut meta| meta.0.remove(RAW)),
        _ => None,
    }
}

/// The raw result in a wrapped one, or the value unharmed.
pub(crate) fn only_raw(mut wrapped: Value) -> Result<Value, Value> {
    match wrapped.as_object_mut() {
        Some(members) if members.len() == 1 => match members.remove(RAW) {
            Some(raw) => Ok(raw),
            None => Err(wrapped),
        },
        _ => Err(wrapped),
    }
}

/// Wraps a raw result the way [`unwrap`] undoes.
pub(crate) fn wrap(raw: Value) -> Value {
    json!({ RAW: raw })
}

/// A list that rmcp can read whatever is in it: its readable tools, with all of it raw in `_meta`.
fn readable_list(raw: Value) -> Value {
    let readable: Vec<Value> = raw
        .get("tools")
        .and_then(Value::as_array)
        .map(|tools| {
            tools
                .iter()
                .filter(|tool| serde_json::from_value::<Tool>((*tool).clone()).is_ok())
                .cloned()
                .collect()
        })
        .unwrap_or_default();
    let mut meta = Map::new();
    meta.insert(RAW.to_owned(), raw);
    json!({ "tools": readable, "_meta": meta })
}

/// A request id in either of its shapes; ours are numbers, and some servers send them back as text.
pub(crate) fn request_id(value: &Value) -> Option<RequestId> {
    let number = match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?;
            (float.fract() == 0.0).then_some(float as i64)
        })?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    Some(RequestId::Number(number))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
