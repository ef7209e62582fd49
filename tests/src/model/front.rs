//! A real llama-server behind the scripted one: it counts, keeps the window and the cache; what it says is thrown away.
//!
//! Each chat request is sent on as it came, but for one token of reply, streamed, with its progress. So the hub works against real
//! numbers while the conversation makes sense.

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

/// The real server.
pub(super) struct Front {
    url: String,
    client: reqwest::Client,
    /// Its window.
    pub(super) window: u32,
}

/// What the real server said about a prompt.
#[derive(Clone, Debug)]
pub(super) struct Real {
    /// Tokens of the prompt.
    pub(super) prompt: u32,
    /// Of those, in its cache.
    pub(super) cached: u32,
    /// Its timings.
    pub(super) timings: Value,
    /// Its progress over the prompt, as it came.
    pub(super) progress: Vec<Value>,
}

impl Front {
    /// Asks it for its window.
    pub(super) async fn connect(url: &str) -> Result<Front, String> {
        let url = url.trim_end_matches('/').to_owned();
        let client = reqwest::Client::builder().no_proxy().build();
        let client = client.map_err(|error| error.to_string())?;
        let unknown =
            |error: reqwest::Error| format!("no llama-server answers at `{url}`: {error}");
        let answer = client
            .get(format!("{url}/props"))
            .send()
            .await
            .map_err(unknown)?;
        let props: Value = answer.json().await.map_err(unknown)?;
        let window = props["default_generation_settings"]["n_ctx"].as_u64();
        let window = window.and_then(|window| u32::try_from(window).ok());
        Ok(Front {
            window: window.ok_or_else(|| format!("`{url}` does not say its window"))?,
            url,
            client,
        })
    }

    /// Sends on a request that is not for a reply.
    pub(super) async fn pass(&self, method: &str, path: &str, raw: &[u8]) -> Response {
        let url = format!("{}{path}", self.url);
        let request = match method {
            "GET" => self.client.get(url),
            _ => self.client.post(url).body(raw.to_vec()),
        };
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
        };
        let status = answer.status();
        let kind = answer.headers().get(header::CONTENT_TYPE).cloned();
        let bytes = answer.bytes().await.unwrap_or_default();
        let mut response = (status, Body::from(bytes)).into_response();
        if let Some(kind) = kind {
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        response
    }

    /// What it says about this prompt; the error is its refusal.
    pub(super) async fn ask(&self, body: &Value) -> Result<Real, (u16, String)> {
        let gone = |error: reqwest::Error| {
            (
                502,
                json!({ "error": { "message": error.to_string() } }).to_string(),
            )
        };
        let mut body = body.clone();
        body["max_tokens"] = json!(1);
        body["stream"] = json!(true);
        body["return_progress"] = json!(true);
        body["stream_options"] = json!({ "include_usage": true });
        let request = self
            .client
            .post(format!("{}/v1/chat/completions", self.url));
        let answer = request.json(&body).send().await.map_err(gone)?;
        let status = answer.status().as_u16();
        let text = answer.text().await.map_err(gone)?;
        if status != 200 {
            return Err((status, text));
        }
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        let chunks: Vec<Value> = data
            .filter_map(|data| serde_json::from_str(data).ok())
            .collect();
        let last = chunks.last().cloned().unwrap_or_default();
        let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
        let progress = chunks.iter().map(|chunk| chunk["prompt_progress"].clone());
        match number(&last["usage"]["prompt_tokens"]) {
            Some(prompt) => Ok(Real {
                prompt,
                cached: number(&last["timings"]["cache_n"]).unwrap_or(0),
                timings: last["timings"].clone(),
                progress: progress.filter(|progress| !progress.is_null()).collect(),
            }),
            // An error inside the stream.
            None => Err((500, last.to_string())),
        }
    }
}
