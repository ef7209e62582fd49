//! HTTP without an SDK: what a status, a header or a malformed request gets is seen here as it is on the wire.

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use serde_json::{Value, json};

/// A response as it came.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: String,
}

impl Response {
    /// The JSON-RPC message in the body, plain or as the last event of a stream.
    pub fn message(&self) -> Value {
        let line = self
            .body
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("data: "))
            .unwrap_or(&self.body);
        serde_json::from_str(line).unwrap_or_default()
    }
}

/// Posts a body with these headers besides the usual ones.
///
/// # Panics
///
/// When nobody answers.
pub async fn post(url: &str, headers: &[(&str, &str)], body: &Value) -> Response {
    let client = reqwest::Client::new();
    let mut request = client
        .post(url)
        .header(ACCEPT, "application/json, text/event-stream")
        .header(CONTENT_TYPE, "application/json")
        .body(body.to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expect("somebody answers");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Response {
        status,
        headers,
        body: response.text().await.unwrap_or_default(),
    }
}

/// A request of the modern era, whole in itself.
pub fn modern(id: u64, method: &str, params: Value) -> Value {
    let mut params = params;
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "raw", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// Posts a modern request with the headers that go with it.
///
/// # Panics
///
/// When nobody answers.
pub async fn ask(url: &str, method: &str, params: Value) -> Response {
    let name = params["name"].as_str().unwrap_or_default().to_owned();
    let mut headers = vec![
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", method),
    ];
    if !name.is_empty() {
        headers.push(("mcp-name", &name));
    }
    post(url, &headers, &modern(1, method, params)).await
}
