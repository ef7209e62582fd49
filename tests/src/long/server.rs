//! The office as an MCP server over stdio.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::{ErrorData, ServerHandler, ServiceExt as _};
use serde_json::{Value, json};

use super::office;

/// Its name in a configuration.
pub(super) const NAME: &str = "office";

/// Which calls were made, and how often. A plain mutex: held to count, never across an await.
#[derive(Clone, Default)]
struct Office {
    made: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl ServerHandler for Office {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new(NAME, "1.0.0"))
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = office::catalog().iter().map(|tool| {
            let mut tool = tool.clone();
            // The department is no field of MCP's.
            tool.as_object_mut().map(|tool| tool.remove("server"));
            serde_json::from_value::<Tool>(tool)
        });
        let tools = tools
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        Ok(ListToolsResult::with_all_items(tools))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.to_string();
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let key = json!([name, arguments]).to_string();
        let times = {
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            let times = made.entry(key).or_default();
            *times += 1;
            *times - 1
        };
        let said = office::respond(&name, &arguments, times)
            .ok_or_else(|| ErrorData::invalid_params(format!("unknown tool: {name}"), None))?;
        let content = vec![ContentBlock::text(said.text)];
        let result = match said.failed {
            true => CallToolResult::error(content),
            false => CallToolResult::success(content),
        };
        Ok(result.into())
    }
}

/// Serves stdin and stdout until stdin ends.
pub fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return ExitCode::FAILURE;
    };
    let served = runtime.block_on(async {
        let pipes = (tokio::io::stdin(), tokio::io::stdout());
        let running = Office::default().serve(pipes).await.ok()?;
        running.waiting().await.ok()
    });
    // A read of standard input can't be interrupted, so the runtime is left rather than waited for.
    runtime.shutdown_background();
    match served {
        Some(_) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    }
}
