//! An MCP client of either era, for the wire between a client and the hub.
//!
//! rmcp on both ends would hide what rmcp itself gets wrong, so this client is not the only proof: `real/` has clients by
//! other hands, and `raw.rs` speaks HTTP without any SDK.

use std::collections::HashMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use rmcp::handler::client::ClientHandler;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientCapabilities, ClientConfig, ClientRequest,
    Implementation, ProgressNotificationParam, ProtocolVersion, ServerResult, SubscriptionFilter,
    Tool,
};
use rmcp::service::{
    ClientLifecycleMode, ClientServiceExt as _, NotificationContext, PeerRequestOptions,
    RequestHandle, RoleClient, RunningService,
};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::Value;
use tokio::sync::Mutex;

/// Which lifecycle the client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// `initialize`, sessions, notifications on the connection.
    Legacy,
    /// 2026-07-28: `server/discover`, everything in the request, `listen`.
    Modern,
}

impl Era {
    /// Both.
    pub const BOTH: [Era; 2] = [Era::Legacy, Era::Modern];

    fn lifecycle(self) -> ClientLifecycleMode {
        match self {
            Era::Legacy => ClientLifecycleMode::Initialize,
            Era::Modern => ClientLifecycleMode::Discover {
                preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            },
        }
    }
}

/// What the client heard besides answers.
#[derive(Clone, Debug, Default)]
struct Ears {
    changes: Arc<AtomicUsize>,
    progress: Arc<Mutex<Vec<String>>>,
}

impl ClientHandler for Ears {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(
            ClientCapabilities::default(),
            Implementation::new("toolpool-tests", "1"),
        )
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        self.progress
            .lock()
            .await
            .push(params.message.unwrap_or_default());
    }
}

/// A connected client.
#[derive(Debug)]
pub struct Client {
    running: RunningService<RoleClient, Ears>,
    ears: Ears,
    child: Option<tokio::process::Child>,
}

/// An answer to a call, or why there is none.
pub type Called = Result<Value, String>;

impl Client {
    /// Starts `command` and speaks to its stdin and stdout.
    ///
    /// # Errors
    ///
    /// When the session does not come about, as one line.
    pub async fn stdio(command: Command, era: Era) -> Result<Client, String> {
        let mut command = tokio::process::Command::from(command);
        command
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let pipes = (
            child.stdout.take().expect("stdout is piped"),
            child.stdin.take().expect("stdin is piped"),
        );
        let ears = Ears::default();
        let running = ears
            .clone()
            .serve_with_lifecycle(pipes, era.lifecycle())
            .await
            .map_err(|error| error.to_string())?;
        Ok(Client {
            running,
            ears,
            child: Some(child),
        })
    }

    /// Connects to `url`, with a bearer token where there is one.
    ///
    /// # Errors
    ///
    /// When the session does not come about, as one line.
    pub async fn http(url: &str, era: Era, token: Option<&str>) -> Result<Client, String> {
        let mut headers = HashMap::new();
        if let Some(token) = token {
            let value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|error| error.to_string())?;
            headers.insert(HeaderName::from_static("authorization"), value);
        }
        let config = StreamableHttpClientTransportConfig::with_uri(url).custom_headers(headers);
        let ears = Ears::default();
        let transport = StreamableHttpClientTransport::from_config(config);
        let running = ears
            .clone()
            .serve_with_lifecycle(transport, era.lifecycle())
            .await
            .map_err(|error| error.to_string())?;
        Ok(Client {
            running,
            ears,
            child: None,
        })
    }

    /// The tools as listed, all pages.
    ///
    /// # Panics
    ///
    /// When they can't be listed.
    pub async fn list(&self) -> Vec<Tool> {
        self.running
            .list_all_tools()
            .await
            .expect("tools can be listed")
    }

    /// The names of the tools as listed.
    ///
    /// # Panics
    ///
    /// When they can't be listed.
    pub async fn names(&self) -> Vec<String> {
        self.list()
            .await
            .into_iter()
            .map(|tool| tool.name.into_owned())
            .collect()
    }

    /// Calls a tool and gives its whole result.
    ///
    /// # Errors
    ///
    /// The protocol error, as one line.
    pub async fn call(&self, name: &str, arguments: Value) -> Called {
        let result = self
            .running
            .call_tool(params(name, arguments))
            .await
            .map_err(|error| error.to_string())?;
        Ok(serde_json::to_value(result).expect("a result is JSON"))
    }

    /// Calls a tool and gives all text of its result, a tool error marked as such.
    pub async fn say(&self, name: &str, arguments: Value) -> String {
        match self.call(name, arguments).await {
            Ok(result) => text_of(&result),
            Err(error) => format!("protocol error: {error}"),
        }
    }

    /// Calls `echo` of a server until the text comes back: until its server is up again.
    ///
    /// # Panics
    ///
    /// When it does not within half a minute.
    pub async fn until_echo(&self, server: &str) {
        let end = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            let said = self
                .say(
                    &format!("{server}__echo"),
                    serde_json::json!({"text": "again"}),
                )
                .await;
            if said == "again" {
                return;
            }
            assert!(
                tokio::time::Instant::now() < end,
                "`{server}` is not back: {said}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends a call and does not wait for its answer.
    ///
    /// # Panics
    ///
    /// When it can't be sent.
    pub async fn begin(&self, name: &str, arguments: Value) -> RequestHandle<RoleClient> {
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(params(name, arguments)));
        let sent = self
            .running
            .send_cancellable_request(request, PeerRequestOptions::no_options())
            .await;
        sent.expect("a request can be sent")
    }

    /// Counts changes of the list from now on: by a `listen` in the modern era, by notifications in the older one.
    ///
    /// # Panics
    ///
    /// When the hub does not accept the `listen`.
    pub async fn watch(&self, era: Era) {
        if era == Era::Legacy {
            return;
        }
        let mut filter = SubscriptionFilter::default();
        filter.tools_list_changed = Some(true);
        let mut subscription = self
            .running
            .listen(filter)
            .await
            .expect("the hub accepts a listen");
        let changes = Arc::clone(&self.ears.changes);
        tokio::spawn(async move {
            while let Ok(Some(_)) = subscription.next().await {
                changes.fetch_add(1, Ordering::SeqCst);
            }
        });
    }

    /// Waits until `wanted` holds of the listed names.
    ///
    /// # Panics
    ///
    /// When it does not after `limit`.
    #[track_caller]
    pub fn until_names(
        &self,
        limit: Duration,
        wanted: impl Fn(&[String]) -> bool,
    ) -> impl Future<Output = Vec<String>> {
        let caller = std::panic::Location::caller();
        async move {
            let end = tokio::time::Instant::now() + limit;
            loop {
                let names = self.names().await;
                if wanted(&names) {
                    return names;
                }
                assert!(
                    tokio::time::Instant::now() < end,
                    "{caller}: the list stayed {names:?}"
                );
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// How many changes of the list it heard of.
    pub fn changes(&self) -> usize {
        self.ears.changes.load(Ordering::SeqCst)
    }

    /// The progress messages it heard.
    pub async fn progress(&self) -> Vec<String> {
        self.ears.progress.lock().await.clone()
    }

    /// What the hub said about itself.
    pub fn instructions(&self) -> Option<String> {
        self.running
            .peer_info()
            .and_then(|info| info.instructions.clone())
    }

    /// The hub's process, over stdio.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(tokio::process::Child::id)
    }

    /// Closes the session; over stdio, also waits for the hub's end and gives its exit code.
    ///
    /// # Panics
    ///
    /// When the hub does not end within half a minute.
    pub async fn close(self) -> Option<i32> {
        // A session that is already closed is as closed as it can be.
        let _ = self.running.cancel().await;
        let mut child = self.child?;
        let ended = tokio::time::timeout(Duration::from_secs(30), child.wait()).await;
        ended
            .expect("the hub ends when its client leaves")
            .ok()?
            .code()
    }
}

/// The whole text of a result, a tool error marked as such.
pub fn text_of(result: &Value) -> String {
    let blocks = result["content"].as_array().cloned().unwrap_or_default();
    let texts: Vec<&str> = blocks
        .iter()
        .filter_map(|block| block["text"].as_str())
        .collect();
    let text = texts.join("\n");
    if result["isError"] == true {
        format!("tool error: {text}")
    } else {
        text
    }
}

/// The answer that a call begun earlier got, as its text.
pub async fn answer(handle: RequestHandle<RoleClient>) -> String {
    match handle.await_response().await {
        Ok(ServerResult::CallToolResult(result)) => {
            text_of(&serde_json::to_value(result).unwrap_or_default())
        }
        Ok(other) => format!("another result: {other:?}"),
        Err(error) => format!("protocol error: {error}"),
    }
}

fn params(name: &str, arguments: Value) -> CallToolRequestParams {
    let params = CallToolRequestParams::new(name.to_owned());
    match arguments {
        Value::Object(map) => params.with_arguments(map),
        _ => params,
    }
}
