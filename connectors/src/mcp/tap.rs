//! Between the wire and rmcp: remembers which requests list or call tools, and wraps their results so that rmcp hands them on
//! untouched; routes progress to its call in the order of the wire, before the answer that follows it.
//!
//! Progress does not wait for rmcp, which handles each notification in a task of its own and so in any order. A route opens when its
//! request is sent, not when the caller comes to listen: a quick server has reported by then.
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
    ClientJsonRpcMessage, ClientNotification, ClientRequest, GetMeta, ProgressToken, RequestId,
    ServerResult, Tool,
};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use toolpool_config::fixed::PROGRESS_WAITING_MAX;

use crate::Progress;

/// The member that holds a result as it came.
const RAW: &str = "toolpool/raw";

#[derive(Debug, Clone, PartialEq)]
enum Asked {
    List,
    /// With the token of its progress, if it has one.
    Call(Option<ProgressToken>),
}

/// Where the progress of one call goes, with the listening end until the caller takes it.
#[derive(Debug)]
struct Reports {
    sender: mpsc::Sender<Progress>,
    unclaimed: Option<mpsc::Receiver<Progress>>,
}

/// One connection's tap. Its mutexes are plain ones: each is held for one map operation, never across an await.
#[derive(Debug)]
pub(crate) struct Tap {
    /// Whether rmcp itself must understand lists.
    typed_lists: bool,
    asked: Mutex<HashMap<RequestId, Asked>>,
    routes: Mutex<HashMap<RequestId, Reports>>,
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
                    ClientRequest::CallToolRequest(_) => {
                        let token = request.request.get_meta().get_progress_token();
                        if let Some(token) = &token {
                            self.open(token, |_| ());
                        }
                        Asked::Call(token)
                    }
                    _ => return,
                };
                lock(&self.asked).insert(request.id.clone(), asked);
            }
            ClientJsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) =
                    &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    let asked = lock(&self.asked).remove(id);
                    // Nobody listens any more: the caller may have gone even before its request was sent.
                    if let Some(Asked::Call(Some(token))) = asked {
                        lock(&self.routes).remove(&token.0);
                    }
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
            Asked::List | Asked::Call(_) => json!({ RAW: raw }),
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

    /// The progress of one token, from what was reported since its request was sent until the route is dropped.
    pub(crate) fn route(self: &Arc<Self>, token: &ProgressToken) -> Route {
        Route {
            token: token.clone(),
            reports: self.open(token, |reports| reports.unclaimed.take()),
            tap: Arc::clone(self),
        }
    }

    /// Opens a token's route, unless it is open, and looks at it.
    fn open<T>(&self, token: &ProgressToken, look: impl FnOnce(&mut Reports) -> T) -> T {
        let mut routes = lock(&self.routes);
        look(routes.entry(token.0.clone()).or_insert_with(|| {
            let (sender, receiver) = mpsc::channel(PROGRESS_WAITING_MAX);
            Reports {
                sender,
                unclaimed: Some(receiver),
            }
        }))
    }

    fn report(&self, params: Option<&Value>) {
        let Some(params) = params else { return };
        let Some(token) = params.get("progressToken").and_then(request_id) else {
            return;
        };
        let Some(progress) = params.get("progress").and_then(Value::as_f64) else {
            return;
        };
        if let Some(route) = lock(&self.routes).get(&token) {
            // A full channel means that reports come faster than anyone can use; the newest is dropped.
            let _ = route.sender.try_send(Progress {
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
    token: ProgressToken,
    tap: Arc<Tap>,
    /// None where another route of the same token listens, which no call makes.
    reports: Option<mpsc::Receiver<Progress>>,
}

impl Route {
    /// The next report; waits for it as long as the route lives.
    pub(crate) async fn next(&mut self) -> Option<Progress> {
        self.reports.as_mut()?.recv().await
    }

    /// The next report that has come already.
    pub(crate) fn next_now(&mut self) -> Option<Progress> {
        self.reports.as_mut()?.try_recv().ok()
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        lock(&self.tap.routes).remove(&self.token.0);
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

/// A request id or progress token in either of its shapes; ours are numbers, and some servers send them back as text.
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
