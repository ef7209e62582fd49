//! The fleet against a scripted HTTP server: one request per connection, answers written out by hand.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use toolpool_config::{Limits, Secret, ServerConfig, Transport, Trust};
use toolpool_connectors::{CallError, CallRequest, Fleet, FleetEvent, FleetOptions, ServerStatus};
use toolpool_registry::Health;

const PATIENCE: Duration = Duration::from_secs(30);

/// A request as the script sees it.
struct Request {
    verb: String,
    headers: BTreeMap<String, String>,
    body: Value,
}

impl Request {
    fn method(&self) -> &str {
        self.body["method"].as_str().unwrap_or_default()
    }
}

/// What the script answers.
enum Answer {
    Json(u16, Value),
    /// Several messages as one event stream.
    Events(Vec<Value>),
    /// With a session id.
    Session(&'static str, Value),
    Status(u16, &'static str),
    /// The connection is closed without a word.
    Hangup,
}

fn result(request: &Request, result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": request.body["id"], "result": result})
}

fn error(request: &Request, code: i64) -> Value {
    json!({"jsonrpc": "2.0", "id": request.body["id"], "error": {"code": code, "message": "no"}})
}

/// Serves the script and records each request as `METHOD` or, where it has a session, `METHOD@SESSION`.
async fn serve(
    script: impl Fn(&Request) -> Answer + Send + Sync + 'static,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/mcp", listener.local_addr().expect("it is bound"));
    let received = Arc::new(Mutex::new(Vec::new()));
    let (script, record) = (Arc::new(script), Arc::clone(&received));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (script, record) = (Arc::clone(&script), Arc::clone(&record));
            tokio::spawn(async move {
                let mut stream = stream;
                let Some(request) = read(&mut stream).await else {
                    return;
                };
                let name = if request.verb == "POST" {
                    request.method()
                } else {
                    &request.verb
                };
                let session = request
                    .headers
                    .get("mcp-session-id")
                    .map(|id| format!("@{id}"))
                    .unwrap_or_default();
                record.lock().unwrap().push(format!("{name}{session}"));
                let answer = if request.verb == "POST" {
                    script(&request)
                } else {
                    Answer::Status(405, "")
                };
                if let Some(text) = write(answer) {
                    let _ = stream.write_all(text.as_bytes()).await;
                }
            });
        }
    });
    (url, received)
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        let count = stream
            .read(&mut chunk)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let mut lines = head.lines();
    let verb = lines.next()?.split(' ').next()?.to_owned();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers
        .get("content-length")
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    let mut body = bytes[end + 4..].to_vec();
    while body.len() < length {
        let count = stream
            .read(&mut chunk)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        body.extend_from_slice(&chunk[..count]);
    }
    Some(Request {
        verb,
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}

fn write(answer: Answer) -> Option<String> {
    let (status, kind, extra, body) = match answer {
        Answer::Json(status, body) => (status, "application/json", String::new(), body.to_string()),
        Answer::Session(id, body) => (
            200,
            "application/json",
            format!("mcp-session-id: {id}\r\n"),
            body.to_string(),
        ),
        Answer::Events(messages) => {
            let body = messages
                .iter()
                .map(|message| format!("data: {message}\n\n"))
                .collect();
            (200, "text/event-stream", String::new(), body)
        }
        Answer::Status(status, body) => (status, "text/plain", String::new(), body.to_owned()),
        Answer::Hangup => return None,
    };
    let length = body.len();
    Some(format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-type: {kind}\r\n{extra}content-length: {length}\r\n\r\n{body}"
    ))
}

struct World {
    fleet: Fleet,
    events: mpsc::UnboundedReceiver<FleetEvent>,
}

impl World {
    fn start(url: &str) -> Self {
        let headers = BTreeMap::from([("Authorization".to_owned(), Secret::new("Bearer k"))]);
        let config = ServerConfig {
            transport: Transport::Http {
                url: url.into(),
                headers,
            },
            enabled: true,
            timeout: PATIENCE,
            start_timeout: PATIENCE,
            trust: Trust::None,
            allow: Vec::new(),
            deny: Vec::new(),
            tools: BTreeMap::new(),
            unset: Vec::new(),
            description: None,
        };
        let options = FleetOptions {
            guard_program: None,
            limits: Limits {
                retry_first_ms: 20,
                ..Limits::default()
            },
            in_process: Arc::new(|_, _| panic!("no server here is in-process")),
            client_name: "toolpool".into(),
            client_version: "0".into(),
            roots: vec![Path::new("/").to_owned()],
            inherit_env: BTreeMap::new(),
            jitter_seed: 1,
        };
        let (fleet, events) = Fleet::start(&BTreeMap::from([("s".to_owned(), config)]), options);
        Self { fleet, events }
    }

    async fn until(&mut self, fits: impl Fn(&ServerStatus) -> bool) -> (ServerStatus, Vec<Value>) {
        let mut listed = Vec::new();
        let found = timeout(PATIENCE, async {
            loop {
                match self.events.recv().await.expect("the fleet lives") {
                    FleetEvent::Status(status) if fits(&status) => return status,
                    FleetEvent::Tools { tools, .. } => listed = tools,
                    _ => {}
                }
            }
        });
        let status = found
            .await
            .unwrap_or_else(|_| panic!("never: {:?}", self.fleet.status()));
        (status, listed)
    }

    async fn ready(&mut self) -> (ServerStatus, Vec<Value>) {
        self.until(|status| status.health == Health::Ready).await
    }
}

fn described() -> Value {
    json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}})
}

fn initialized() -> Value {
    json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}})
}

fn tools() -> Value {
    json!([
        {"name": "t", "inputSchema": {"type": "object", "properties": {"q": {"type": "string", "x-mcp-header": "Query"}}}, "new": {"z": 1, "a": 2}},
        {"name": "malformed"},
    ])
}

#[tokio::test]
async fn modern_results_stay_raw_in_bodies_and_in_events() {
    for in_events in [false, true] {
        let raw = json!({"resultType": "complete", "content": [{"type": "text", "text": "hi", "new": 1}], "future": [1.5]});
        let answered = raw.clone();
        let headers = Arc::new(Mutex::new(BTreeMap::new()));
        let seen = Arc::clone(&headers);
        let (url, _) = serve(move |request| {
            let answer = match request.method() {
                "server/discover" => described(),
                "tools/list" => json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "tools": tools()}),
                "tools/call" => {
                    *seen.lock().unwrap() = request.headers.clone();
                    answered.clone()
                }
                _ => return Answer::Json(404, error(request, -32601)),
            };
            let answer = result(request, answer);
            if in_events { Answer::Events(vec![answer]) } else { Answer::Json(200, answer) }
        })
        .await;
        let mut world = World::start(&url);
        let (status, listed) = world.ready().await;
        assert_eq!(status.protocol.as_deref(), Some("2026-07-28"));
        assert_eq!(Value::from(listed).to_string(), tools().to_string());
        let mut request = CallRequest::new("t", PATIENCE);
        request.arguments.insert("q".into(), json!("find"));
        let reply = world
            .fleet
            .call_tool("s", request)
            .await
            .expect("it answers");
        assert_eq!(reply.result.to_string(), raw.to_string());
        let headers = headers.lock().unwrap().clone();
        for (name, value) in [
            ("authorization", "Bearer k"),
            ("mcp-method", "tools/call"),
            ("mcp-name", "t"),
            ("mcp-param-query", "find"),
            ("mcp-protocol-version", "2026-07-28"),
        ] {
            assert_eq!(
                headers.get(name).map(String::as_str),
                Some(value),
                "{name}, in events: {in_events}"
            );
        }
        world.fleet.shutdown().await;
    }
}

#[tokio::test]
async fn a_legacy_server_is_initialized_and_a_lost_session_made_anew_without_the_call_sent_twice() {
    let sessions = Arc::new(AtomicUsize::new(0));
    let (url, received) = serve(move |request| {
        let session = request.headers.get("mcp-session-id").map(String::as_str);
        match (request.method(), session) {
            // What a server without a clue says, not even with our id.
            ("server/discover", _) => Answer::Json(400, json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "no session"}})),
            ("initialize", _) => {
                let id = ["one", "two"][sessions.fetch_add(1, Ordering::Relaxed)];
                Answer::Session(id, result(request, initialized()))
            }
            ("notifications/initialized", _) => Answer::Status(202, ""),
            ("tools/list", _) => Answer::Json(200, result(request, json!({"tools": tools()}))),
            ("tools/call", Some("one")) => Answer::Status(404, ""),
            ("tools/call", Some("two")) => Answer::Events(vec![result(request, json!({"content": [], "new": 1}))]),
            _ => Answer::Status(500, "what?"),
        }
    })
    .await;
    let mut world = World::start(&url);
    let (status, listed) = world.ready().await;
    assert_eq!(status.protocol.as_deref(), Some("2025-11-25"));
    assert_eq!(Value::from(listed).to_string(), tools().to_string());
    // The session is gone, and whether the call was looked at before that was found out is not known.
    let lost = world
        .fleet
        .call_tool("s", CallRequest::new("t", PATIENCE))
        .await
        .expect_err("its session is gone");
    assert!(
        matches!(lost, CallError::Crashed { sent: true, .. }),
        "{lost:?}"
    );
    world.until(|status| status.health != Health::Ready).await;
    world.ready().await;
    let reply = world
        .fleet
        .call_tool("s", CallRequest::new("t", PATIENCE))
        .await
        .expect("it answers");
    assert_eq!(reply.result, json!({"content": [], "new": 1}));
    let calls: Vec<String> = received
        .lock()
        .unwrap()
        .iter()
        .filter(|name| name.starts_with("tools/call"))
        .cloned()
        .collect();
    assert_eq!(calls, ["tools/call@one", "tools/call@two"]);
    world.fleet.shutdown().await;
    assert!(
        received.lock().unwrap().contains(&"DELETE@two".to_owned()),
        "the session is given back"
    );
}

#[tokio::test]
async fn refused_credentials_are_for_a_person_to_mend() {
    for when in ["server/discover", "tools/list", "tools/call"] {
        let (url, _) = serve(move |request| match request.method() {
            method if method == when => Answer::Status(401, ""),
            "server/discover" => Answer::Json(200, result(request, described())),
            _ => Answer::Json(200, result(request, json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "tools": []}))),
        })
        .await;
        let mut world = World::start(&url);
        if when == "tools/call" {
            world.ready().await;
            let error = world
                .fleet
                .call_tool("s", CallRequest::new("t", PATIENCE))
                .await
                .expect_err("it is refused");
            assert!(
                matches!(&error, CallError::NotReady { reason, .. } if reason.contains("401")),
                "{error:?}"
            );
        }
        let (status, _) = world
            .until(|status| matches!(status.health, Health::Down { .. }))
            .await;
        assert!(
            status
                .health
                .reason()
                .is_some_and(|reason| reason.contains("HTTP 401")),
            "{when}: {status:?}"
        );
        assert!(
            status
                .hint
                .is_some_and(|hint| hint.contains("[servers.s.headers]")),
            "{when}"
        );
        world.fleet.shutdown().await;
    }
}

#[tokio::test]
async fn failures_of_single_calls_are_told_apart() {
    let calls = Arc::new(AtomicUsize::new(0));
    let (url, _) = serve(move |request| match request.method() {
        "server/discover" => Answer::Json(200, result(request, described())),
        "tools/list" => Answer::Json(
            200,
            result(
                request,
                json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "tools": []}),
            ),
        ),
        _ => match calls.fetch_add(1, Ordering::Relaxed) {
            0 => Answer::Status(502, "<html>bad gateway</html>"),
            1 => Answer::Json(400, error(request, -32602)),
            2 => Answer::Json(200, json!({"odd": true})),
            3 => Answer::Events(Vec::new()),
            _ => Answer::Hangup,
        },
    })
    .await;
    let mut world = World::start(&url);
    world.ready().await;
    let mut errors = Vec::new();
    for _ in 0..5 {
        errors.push(
            world
                .fleet
                .call_tool("s", CallRequest::new("t", PATIENCE))
                .await
                .expect_err("it fails"),
        );
    }
    assert!(
        matches!(&errors[0], CallError::Crashed { reason, sent: true, .. } if reason.contains("502: <html>bad")),
        "{errors:?}"
    );
    assert!(
        matches!(&errors[1], CallError::Rpc { code: -32602, .. }),
        "{errors:?}"
    );
    assert!(
        matches!(&errors[2], CallError::Crashed { reason, .. } if reason.contains("no JSON-RPC")),
        "{errors:?}"
    );
    assert!(
        matches!(&errors[3], CallError::Crashed { sent: true, .. }),
        "{errors:?}"
    );
    assert!(
        matches!(&errors[4], CallError::Crashed { sent: true, .. }),
        "{errors:?}"
    );
    // Only the last one says that the server itself may be gone, so it is connected to anew.
    let (status, _) = world.ready().await;
    assert_eq!(status.attempts, 2);
    world.fleet.shutdown().await;
}
