//! The requests of streamable HTTP, made by us instead of rmcp's own client, so that results stay raw and bodies bounded.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use reqwest::{RequestBuilder, Response};
use rmcp::{
    model::{
        ClientJsonRpcMessage, ClientRequest, ErrorCode, ErrorData, RequestId, ServerJsonRpcMessage,
    },
    transport::streamable_http_client::{
        AuthRequiredError, InsufficientScopeError, SseError, StreamableHttpClient,
        StreamableHttpError, StreamableHttpPostResponse,
    },
};
use serde_json::Value;
use sse_stream::{Sse, SseStream};
use toolpool_config::fixed::ERROR_PAGE_BYTES_MAX;

use super::{
    message::{Read, read},
    tap::Tap,
    wire::Fault,
};

/// How much longer a list's stream stays open than its server keeps it. rmcp 3.11 learns the `Mcp-Param-*` headers from
/// a list only if it takes the message before it hears of the stream's end; ended at once, it sometimes hears that first.
const LINGER: Duration = Duration::from_millis(50);

const SESSION_ID: &str = "mcp-session-id";
const LAST_EVENT_ID: &str = "last-event-id";
const EVENT_STREAM: &str = "text/event-stream";
const JSON: &str = "application/json";

/// Makes the requests of one transport.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    tap: Arc<Tap>,
    bytes_max: usize,
}

/// Why a request has no usable answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("{}", in_full(.0))]
    Request(#[source] reqwest::Error),
    #[error("HTTP {status}{}{excerpt}", if .excerpt.is_empty() { "" } else { ": " })]
    Status { status: u16, excerpt: String },
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    #[error("the answer is no JSON-RPC message: {0}")]
    NoMessage(String),
}

impl HttpError {
    pub(crate) fn fault(&self) -> Fault {
        match self {
            Self::Request(error) if error.is_connect() => Fault::Unreachable(self.to_string()),
            Self::Request(_) => Fault::Broken(self.to_string()),
            Self::Status {
                status: 401 | 403, ..
            } => Fault::Unauthorized(self.to_string()),
            Self::Status { .. } | Self::TooLong(_) | Self::NoMessage(_) => {
                Fault::Status(self.to_string())
            }
        }
    }
}

/// An error with its causes on one line; without its address, which may hold credentials.
pub(super) fn in_full(error: &reqwest::Error) -> String {
    let mut words = if error.is_connect() {
        "could not connect".to_owned()
    } else {
        "the request failed".to_owned()
    };
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&error.to_string());
        cause = error.source();
    }
    words
}

type Failure = StreamableHttpError<HttpError>;
type Headers = HashMap<HeaderName, HeaderValue>;
type Events = BoxStream<'static, Result<Sse, SseError>>;

impl StreamableHttpClient for Client {
    type Error = HttpError;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        _auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        self.tap.sent(&message);
        let asked = Asked::of(&message);
        let in_session = session_id.is_some();
        let request = self
            .http
            .post(uri.as_ref())
            .header(header::ACCEPT, format!("{JSON}, {EVENT_STREAM}"));
        let response = send(
            request.json(&message),
            session_id.as_deref(),
            custom_headers,
        )
        .await?;
        let status = response.status();
        if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        if status == StatusCode::NOT_FOUND && in_session {
            return Err(StreamableHttpError::SessionExpired);
        }
        if !status.is_success() {
            return self.refused(response, asked, in_session).await;
        }
        let session = response
            .headers()
            .get(SESSION_ID)
            .and_then(|id| id.to_str().ok())
            .map(str::to_owned);
        match content_type(&response).as_deref() {
            Some(EVENT_STREAM) => {
                let events = self.events(response);
                let events = match lists_tools(&message) {
                    true => linger(events),
                    false => events,
                };
                Ok(StreamableHttpPostResponse::Sse(events, session))
            }
            Some(JSON) => {
                let body = self.whole(response).await?;
                match (self.message(&body), asked) {
                    (Some(message), _) => Ok(StreamableHttpPostResponse::Json(message, session)),
                    (None, None) => Ok(StreamableHttpPostResponse::Accepted),
                    (None, Some(_)) => Err(StreamableHttpError::Client(HttpError::NoMessage(
                        excerpt(&body),
                    ))),
                }
            }
            // Whatever it says to a notification, nobody waits for it.
            _ if asked.is_none() => Ok(StreamableHttpPostResponse::Accepted),
            other => Err(StreamableHttpError::UnexpectedContentType(
                other.map(str::to_owned),
            )),
        }
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        _auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<Events, Failure> {
        let mut request = self
            .http
            .get(uri.as_ref())
            .header(header::ACCEPT, EVENT_STREAM);
        if let Some(id) = last_event_id {
            request = request.header(LAST_EVENT_ID, id);
        }
        let response = send(request, session_id.as_deref(), custom_headers).await?;
        match response.status() {
            StatusCode::METHOD_NOT_ALLOWED => Err(StreamableHttpError::ServerDoesNotSupportSse),
            status if !status.is_success() => Err(status_error(response).await),
            _ if content_type(&response).as_deref() == Some(EVENT_STREAM) => {
                Ok(self.events(response))
            }
            _ => Err(StreamableHttpError::ServerDoesNotSupportSse),
        }
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        _auth_header: Option<String>,
        custom_headers: Headers,
    ) -> Result<(), Failure> {
        // Politeness: a server that cannot, or will not, forgets the session by itself.
        send(
            self.http.delete(uri.as_ref()),
            Some(&session_id),
            custom_headers,
        )
        .await
        .map(drop)
    }
}

fn lists_tools(message: &ClientJsonRpcMessage) -> bool {
    matches!(message, ClientJsonRpcMessage::Request(request)
        if matches!(request.request, ClientRequest::ListToolsRequest(_)))
}

fn linger(events: Events) -> Events {
    let end = stream::once(tokio::time::sleep(LINGER)).filter_map(|()| async { None });
    events.chain(end).boxed()
}

impl Client {
    /// A client whose answers may be `bytes_max` long.
    pub(super) fn new(http: reqwest::Client, tap: Arc<Tap>, bytes_max: usize) -> Self {
        Self {
            http,
            tap,
            bytes_max,
        }
    }

    /// What a status outside 2xx amounts to: a JSON-RPC error where there is one, and for a discovery always one, since that is how a
    /// legacy server shows itself.
    async fn refused(
        &self,
        response: Response,
        asked: Option<Asked>,
        in_session: bool,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let status = response.status();
        let is_json = content_type(&response).as_deref() == Some(JSON);
        let Some(asked) =
            asked.filter(|_| status.is_client_error() || (is_json && status.is_server_error()))
        else {
            return Err(status_error(response).await);
        };
        let body = if is_json {
            self.whole(response).await?
        } else {
            start_of(response).await
        };
        let error = match self.message(&body) {
            Some(ServerJsonRpcMessage::Error(error)) => error.error,
            _ if asked.discovery && !in_session && status.is_client_error() => ErrorData::new(
                ErrorCode::INVALID_REQUEST,
                format!("HTTP {}", status.as_u16()),
                None,
            ),
            _ => {
                let error = HttpError::Status {
                    status: status.as_u16(),
                    excerpt: excerpt(&body),
                };
                return Err(StreamableHttpError::Client(error));
            }
        };
        // The id is put right: what answers in front of the server often could not read it.
        Ok(StreamableHttpPostResponse::Json(
            ServerJsonRpcMessage::error(error, Some(asked.id)),
            None,
        ))
    }

    fn message(&self, body: &[u8]) -> Option<ServerJsonRpcMessage> {
        match read(serde_json::from_slice(body).ok()?, &self.tap) {
            Read::Message(message) => Some(message),
            Read::Answer(_) | Read::Nothing => None,
        }
    }

    async fn whole(&self, mut response: Response) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(request_error)? {
            if body.len() + chunk.len() > self.bytes_max {
                return Err(StreamableHttpError::Client(HttpError::TooLong(
                    self.bytes_max,
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The events of a body, each through the tap.
    fn events(&self, response: Response) -> Events {
        let tap = Arc::clone(&self.tap);
        let since_event = Arc::new(AtomicUsize::new(0));
        let bytes = bounded(
            response.bytes_stream().map_err(HttpError::Request),
            Arc::clone(&since_event),
            self.bytes_max,
        );
        SseStream::from_bytes_stream(bytes)
            .map_ok(move |mut event| {
                since_event.store(0, Ordering::Relaxed);
                if let Some(data) = &event.data
                    && let Ok(mut message) = serde_json::from_str::<Value>(data)
                    && tap.received(&mut message)
                {
                    event.data = Some(message.to_string());
                }
                event
            })
            .boxed()
    }
}

/// Fails when more than `bytes_max` come without an event.
fn bounded<B: AsRef<[u8]>>(
    bytes: impl Stream<Item = Result<B, HttpError>> + Send + 'static,
    since_event: Arc<AtomicUsize>,
    bytes_max: usize,
) -> impl Stream<Item = Result<B, HttpError>> + Send + 'static {
    bytes.map(move |chunk| {
        let chunk = chunk?;
        let length = chunk.as_ref().len();
        let total = since_event
            .fetch_add(length, Ordering::Relaxed)
            .saturating_add(length);
        if total > bytes_max {
            Err(HttpError::TooLong(bytes_max))
        } else {
            Ok(chunk)
        }
    })
}

/// The request that a posted message is.
struct Asked {
    id: RequestId,
    discovery: bool,
}

impl Asked {
    fn of(message: &ClientJsonRpcMessage) -> Option<Self> {
        let ClientJsonRpcMessage::Request(request) = message else {
            return None;
        };
        let discovery = matches!(request.request, ClientRequest::DiscoverRequest(_));
        Some(Self {
            id: request.id.clone(),
            discovery,
        })
    }
}

async fn send(
    request: RequestBuilder,
    session: Option<&str>,
    headers: Headers,
) -> Result<Response, Failure> {
    let mut request = request.headers(headers.into_iter().collect());
    if let Some(session) = session {
        request = request.header(SESSION_ID, session);
    }
    let response = request.send().await.map_err(request_error)?;
    let challenge = || {
        let challenge = response.headers().get(header::WWW_AUTHENTICATE);
        challenge
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    match response.status() {
        StatusCode::UNAUTHORIZED => Err(StreamableHttpError::AuthRequired(AuthRequiredError::new(
            challenge(),
        ))),
        StatusCode::FORBIDDEN if !challenge().is_empty() => Err(
            StreamableHttpError::InsufficientScope(InsufficientScopeError::new(challenge(), None)),
        ),
        _ => Ok(response),
    }
}

fn request_error(error: reqwest::Error) -> Failure {
    StreamableHttpError::Client(HttpError::Request(error))
}

async fn status_error(response: Response) -> Failure {
    let status = response.status().as_u16();
    let body = start_of(response).await;
    StreamableHttpError::Client(HttpError::Status {
        status,
        excerpt: excerpt(&body),
    })
}

/// The start of a body, as much of it as helps to say what it was.
async fn start_of(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < ERROR_PAGE_BYTES_MAX
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    body
}

fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(ERROR_PAGE_BYTES_MAX)]);
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(200)
        .collect()
}

/// The media type without its parameters, in lower case.
fn content_type(response: &Response) -> Option<String> {
    let value = response
        .headers()
        .get(header::CONTENT_TYPE)?
        .to_str()
        .ok()?;
    Some(value.split(';').next()?.trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_without_an_event_are_bounded() {
        let chunks = futures::stream::iter((0..5).map(|_| Ok::<_, HttpError>([0u8; 4])));
        let seen: Vec<bool> = bounded(chunks, Arc::default(), 10)
            .map(|chunk| chunk.is_ok())
            .collect()
            .await;
        assert_eq!(seen, [true, true, false, false, false]);
    }
}
