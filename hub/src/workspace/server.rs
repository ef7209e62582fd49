//! The MCP side: lists the tools, reads arguments, and runs each call on a thread that may block.

use std::path::PathBuf;
use std::sync::Arc;

use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData,
    Implementation, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig,
    Tool,
};
use rmcp::service::{RequestContext, RoleServer};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use toolpool_config::{Limits, WriteCheck};

use super::command::{self, Commands};
use super::seen::Seen;
use super::{
    Answer, Refusal, Setting, change, confine, edit, find, info, list, read, search, tools, write,
};

/// One workspace server.
#[derive(Clone)]
pub(super) struct Workspace {
    folder: PathBuf,
    limits: Limits,
    edits: WriteCheck,
    commands: Arc<Commands>,
    /// Of this server alone: what one client has read, another has not.
    seen: Seen,
}

impl Workspace {
    pub(super) fn new(
        folder: PathBuf,
        limits: Limits,
        edits: WriteCheck,
        commands: Arc<Commands>,
    ) -> Workspace {
        Workspace {
            folder,
            limits,
            edits,
            commands,
            seen: Seen::default(),
        }
    }

    /// Runs one call. Returns early when it is cancelled; the thread then stops at its next look.
    pub(super) async fn call(
        &self,
        name: &str,
        arguments: Map<String, Value>,
        stop: CancellationToken,
    ) -> Result<Answer, Refusal> {
        let (server, name, stopped) = (self.clone(), name.to_owned(), stop.clone());
        let work = tokio::task::spawn_blocking(move || {
            let setting = Setting {
                root: confine::Root::open(&server.folder)?,
                limits: server.limits,
                seen: server.seen,
                edits: server.edits,
                commands: server.commands,
                stop,
            };
            run(&setting, &name, arguments)
        });
        tokio::select! {
            done = work => done.unwrap_or_else(|error| Err(Refusal(format!("the tool failed: {error}")))),
            () = stopped.cancelled() => Err(Refusal("the call was cancelled".to_owned())),
        }
    }
}

fn run(setting: &Setting, name: &str, arguments: Map<String, Value>) -> Result<Answer, Refusal> {
    match name {
        "delete_file" => change::delete(setting, read_as(arguments)?),
        "edit_file" => edit::run(setting, read_as(arguments)?),
        "file_info" => info::run(setting, read_as(arguments)?),
        "find_files" => find::run(setting, read_as(arguments)?),
        "list_files" => list::run(setting, read_as(arguments)?),
        "move_file" => change::rename(setting, read_as(arguments)?),
        "read_file" => read::run(setting, read_as(arguments)?),
        "run_command" => command::run(setting, read_as(arguments)?),
        "search_files" => search::run(setting, read_as(arguments)?),
        "write_file" => write::run(setting, read_as(arguments)?),
        _ => Err(Refusal(format!("there is no tool `{name}`"))),
    }
}

fn read_as<T: DeserializeOwned>(arguments: Map<String, Value>) -> Result<T, Refusal> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|error| Refusal(format!("the arguments do not fit the tool: {error}")))
}

impl ServerHandler for Workspace {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(
                Implementation::new("workspace", env!("CARGO_PKG_VERSION")).with_title("Workspace"),
            )
            .with_instructions("Reads and changes the files of one folder, and runs commands in it. Paths are relative to it.")
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::all()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::all().into_iter().find(|tool| tool.name == name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if self.get_tool(&request.name).is_none() {
            return Err(ErrorData::invalid_params(
                format!("there is no tool `{}`", request.name),
                None,
            ));
        }
        let result = match self
            .call(
                &request.name,
                request.arguments.unwrap_or_default(),
                context.ct,
            )
            .await
        {
            Ok(Answer { text, structured }) => {
                let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
                result.structured_content = structured;
                result
            }
            Err(Refusal(sentence)) => CallToolResult::error(vec![ContentBlock::text(sentence)]),
        };
        Ok(result.into())
    }
}
