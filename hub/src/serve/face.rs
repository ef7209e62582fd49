//! What a client sees: a list of tools and the calling of them, for whoever the request says is asking.
//!
//! Nothing is remembered of a connection but the hub itself. Each request is answered for its own
//! profile and deny list, so the same endpoint serves clients of both eras and of any profile.

use std::sync::Arc;

use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorCode,
    ErrorData, Implementation, ListToolsResult, MetaObject, PaginatedRequestParams,
    ProgressNotificationParam, ServerCapabilities, ServerConfig, SubscriptionFilter, Tool,
};
use rmcp::service::{NotificationContext, RequestContext, RoleServer, SubscriptionContext};
use rmcp::{Peer, ServerHandler};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use toolpool_config::fixed::PROGRESS_WAITING_MAX;
use toolpool_connectors::{CallError, Progress};
use toolpool_registry::{Fingerprint, Snapshot, ToolMeta};

use crate::caller::{Asks, Caller};
use crate::execute::{Answer, Call, Refusal};
use crate::hub::{Hub, missing};
use crate::search::{self, CALL, FIND};
use crate::serve::Asked;

/// The hub's face towards one client.
#[derive(Clone)]
pub(crate) struct Face {
    hub: Arc<Hub>,
    /// Who is asking where the transport carries one client only; over HTTP each request says it.
    fixed: Option<Asked>,
}

impl Face {
    pub(crate) fn new(hub: Arc<Hub>, fixed: Option<Asked>) -> Face {
        Face { hub, fixed }
    }

    /// The caller of this request. Fails closed: without a gate's word there is none.
    fn caller(&self, extensions: &rmcp::model::Extensions) -> Result<Caller, ErrorData> {
        let asked = match &self.fixed {
            Some(asked) => asked,
            None => extensions
                .get::<axum::http::request::Parts>()
                .and_then(|parts| parts.extensions.get::<Asked>())
                .ok_or_else(|| {
                    ErrorData::internal_error("the request did not pass the gate", None)
                })?,
        };
        Caller::new(
            &self.hub.config(),
            &asked.principal,
            asked.profile.as_deref(),
            &asked.deny,
        )
        .map(|caller| caller.asking(Asks::Client))
        .map_err(|error| ErrorData::invalid_request(error.to_string(), None))
    }

    /// The caller's list, in the order of names: every tool, or the pinned ones and the bridge.
    fn list(&self, caller: &Caller) -> Listing {
        let snapshot = self.hub.snapshot();
        let view = self.hub.view(&snapshot, caller);
        let all = self.hub.lists_all(&snapshot, &view, caller);
        let mut tools: Vec<Arc<ToolMeta>> = if all {
            view.rows()
                .map(|row| snapshot.tools()[row].clone())
                .collect()
        } else {
            let pinned = caller
                .pin
                .iter()
                .filter_map(|name| view.resolve(&snapshot, name));
            pinned.map(|row| snapshot.tools()[row].clone()).collect()
        };
        tools.sort_by(|a, b| a.exposed.cmp(&b.exposed));
        tools.dedup_by(|a, b| a.exposed == b.exposed);
        Listing {
            snapshot,
            tools,
            bridge: !all,
        }
    }

    async fn find(&self, caller: &Caller, arguments: &serde_json::Map<String, Value>) -> Value {
        match search::find_arguments(arguments, self.hub.config().limits.find_tools_max) {
            Ok(find) => {
                self.hub.first(true).await;
                self.hub.find(caller, &find).await
            }
            Err(sentence) => failed(&sentence),
        }
    }

    async fn call(
        &self,
        caller: &Caller,
        name: String,
        arguments: Option<Value>,
        context: &RequestContext<RoleServer>,
    ) -> Result<Answer, Refusal> {
        let (progress, forward) = match context.meta.get_progress_token() {
            Some(token) => {
                let (sender, receiver) = mpsc::channel(PROGRESS_WAITING_MAX);
                (
                    Some(sender),
                    Some(tokio::spawn(forward(context.peer.clone(), token, receiver))),
                )
            }
            None => (None, None),
        };
        let call = Call {
            cancel: context.ct.clone(),
            progress,
            ..Call::new(self.hub.next_call(), name, arguments)
        };
        let answer = self.hub.call(caller, call).await;
        if let Some(forward) = forward {
            // Its sender went with the call; the last reports leave before the answer does.
            let _ = forward.await;
        }
        answer
    }

    /// Sends `list_changed` whenever this caller's list is another one, until `send` fails.
    async fn watch<F, S>(&self, caller: impl Fn() -> Option<Caller>, send: S)
    where
        S: Fn() -> F,
        F: Future<Output = bool>,
    {
        let mut progress = self.hub.progress();
        let listed = || caller().map(|caller| self.list(&caller).fingerprint());
        let mut last = listed();
        while progress.changed().await.is_ok() {
            let now = listed();
            if std::mem::replace(&mut last, now.clone()) != now && !send().await {
                return;
            }
        }
    }
}

/// One caller's list on one snapshot.
struct Listing {
    snapshot: Arc<Snapshot>,
    tools: Vec<Arc<ToolMeta>>,
    bridge: bool,
}

impl Listing {
    fn fingerprint(&self) -> (bool, Vec<(Arc<str>, Fingerprint)>) {
        (
            self.bridge,
            self.tools
                .iter()
                .map(|tool| (tool.exposed.clone(), tool.fingerprint))
                .collect(),
        )
    }

    /// A page after `cursor`, which is the last name of the page before: stable whatever comes and
    /// goes in between.
    fn page(
        self,
        cursor: Option<&str>,
        page_max: usize,
        find_max: usize,
        missing: &[String],
    ) -> ListToolsResult {
        let mut tools: Vec<Tool> = Vec::new();
        if self.bridge && cursor.is_none() {
            for definition in [search::find_definition(find_max), search::call_definition()] {
                tools.extend(serde_json::from_value::<Tool>(definition).ok());
            }
        }
        let mut rest = self
            .tools
            .iter()
            .filter(|tool| cursor.is_none_or(|cursor| &*tool.exposed > cursor));
        let page: Vec<&Arc<ToolMeta>> = rest.by_ref().take(page_max).collect();
        let more = rest.next().is_some();
        let next = page
            .last()
            .filter(|_| more)
            .map(|tool| tool.exposed.to_string());
        tools.extend(page.into_iter().filter_map(|tool| wire(tool)));
        let mut result = ListToolsResult::with_all_items(tools)
            .with_ttl_ms(0)
            .with_cache_scope(CacheScope::Private);
        result.next_cursor = next;
        if !missing.is_empty() {
            let mut meta = MetaObject::default();
            meta.0.insert("toolpool/missing".into(), json!(missing));
            result.meta = Some(meta);
        }
        tracing::debug!(
            snapshot = self.snapshot.no(),
            tools = result.tools.len(),
            "listed"
        );
        result
    }
}

/// A definition as clients see it: the server's own, under the exposed name and the person's words.
fn wire(tool: &ToolMeta) -> Option<Tool> {
    let mut raw = tool.raw.value();
    let object = raw.as_object_mut()?;
    object.insert("name".into(), json!(tool.exposed));
    object.insert("description".into(), json!(tool.description));
    match serde_json::from_value(raw) {
        Ok(tool) => Some(tool),
        Err(error) => {
            // Something beside name and schema is malformed: the rest of the tool is not lost for it.
            tracing::debug!(tool = %tool.exposed, %error, "listed without its extras");
            let schema = tool.input_schema().as_object().cloned().unwrap_or_default();
            Some(Tool::new(
                tool.exposed.to_string(),
                tool.description.to_string(),
                schema,
            ))
        }
    }
}

async fn forward(
    peer: Peer<RoleServer>,
    token: rmcp::model::ProgressToken,
    mut reports: mpsc::Receiver<Progress>,
) {
    while let Some(report) = reports.recv().await {
        let mut param = ProgressNotificationParam::new(token.clone(), report.progress);
        param.total = report.total;
        param.message = report.message;
        if peer.notify_progress(param).await.is_err() {
            return;
        }
    }
}

/// A tool result that says, in one sentence, that nothing was done.
fn failed(sentence: &str) -> Value {
    json!({"content": [{"type": "text", "text": sentence}], "isError": true})
}

/// The raw result as the wire's type. What is none of MCP's content is passed as JSON text, so that
/// it is neither lost nor taken for success.
fn result(raw: Value) -> CallToolResult {
    let failed = raw.get("isError") == Some(&Value::Bool(true));
    match serde_json::from_value::<CallToolResult>(raw.clone()) {
        Ok(mut result) => {
            result.result_type = CallToolResult::success(Vec::new()).result_type;
            result
        }
        Err(error) => {
            let text = format!("the server's result is not a valid tool result ({error}): {raw}");
            let content = vec![ContentBlock::text(text)];
            let mut result = CallToolResult::error(content);
            result.is_error = Some(true);
            tracing::debug!(failed, "passed as text");
            result
        }
    }
}

/// What a direct call answers when it was refused: protocol errors where MCP has them, so that an
/// unknown, a hidden and a denied tool are one answer; a failed result for everything a model can mend.
fn refused(refusal: Refusal, direct: bool) -> Result<Value, ErrorData> {
    match refusal {
        Refusal::Unknown { .. } if direct => {
            Err(ErrorData::invalid_params(refusal.to_string(), None))
        }
        Refusal::Server {
            source:
                CallError::Rpc {
                    code,
                    message,
                    data,
                    ..
                },
            ..
        } if direct => {
            let code = i32::try_from(code).unwrap_or(ErrorCode::INTERNAL_ERROR.0);
            Err(ErrorData::new(ErrorCode(code), message, data))
        }
        other => Ok(failed(&other.to_string())),
    }
}

impl ServerHandler for Face {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build())
            .with_server_info(Implementation::new("toolpool", env!("CARGO_PKG_VERSION")).with_title("toolpool"))
            .with_instructions(
                "Tools of many MCP servers behind one. Where find_tools is listed, ask it for the tool you need and call \
                 what it returns with call_tool; a tool whose name you know can also be called directly.",
            )
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let caller = self.caller(&context.extensions)?;
        self.hub.first(false).await;
        let limits = &self.hub.config().limits;
        let listing = self.list(&caller);
        let missing = missing(&listing.snapshot, &caller);
        let cursor = request.and_then(|request| request.cursor);
        Ok(listing.page(
            cursor.as_deref(),
            limits.list_page_tools,
            limits.find_tools_max,
            &missing,
        ))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = self.caller(&context.extensions)?;
        let arguments = request.arguments.unwrap_or_default();
        let raw = match &*request.name {
            FIND => self.find(&caller, &arguments).await,
            CALL => match search::call_arguments(arguments) {
                Ok((name, arguments)) => {
                    match self.call(&caller, name, arguments, &context).await {
                        Ok(answer) => answer.result,
                        Err(refusal) => refused(refusal, false)?,
                    }
                }
                Err(sentence) => failed(&sentence),
            },
            name => match self
                .call(
                    &caller,
                    name.to_owned(),
                    Some(Value::Object(arguments)),
                    &context,
                )
                .await
            {
                Ok(answer) => answer.result,
                Err(refusal) => refused(refusal, true)?,
            },
        };
        Ok(result(raw).into())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        let mut accepted = SubscriptionFilter::default();
        accepted.tools_list_changed = requested.tools_list_changed;
        Some(accepted)
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let extensions = subscription.request_context().extensions.clone();
        self.caller(&extensions)?;
        let sink = subscription.sink().clone();
        let watch = self.watch(
            || self.caller(&extensions).ok(),
            || async { sink.notify_tool_list_changed().await.is_ok() },
        );
        tokio::select! {
            () = watch => {}
            () = subscription.cancelled() => {}
        }
        Ok(())
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        let (face, peer, extensions) = (self.clone(), context.peer, context.extensions);
        tokio::spawn(async move {
            let gone = async {
                while !peer.is_transport_closed() {
                    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
                }
            };
            let watch = face.watch(
                || face.caller(&extensions).ok(),
                || async { peer.notify_tool_list_changed().await.is_ok() },
            );
            tokio::select! {
                () = watch => {}
                () = gone => {}
            }
        });
    }
}
