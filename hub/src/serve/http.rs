//! Serving many clients over streamable HTTP, both protocol eras on `/mcp` and `/mcp/<profile>`.
//!
//! Loopback needs no token unless tokens are configured; every other address needs one. Host and
//! Origin are checked against what the hub is known as, so that a page in a browser can't reach it by
//! rebinding a name. `/health` answers whether the process lives and nothing else.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use toolpool_config::Config;

use crate::error::Error;
use crate::hub::Hub;
use crate::serve::face::Face;
use crate::serve::gate::{Refused, admit};

/// Path that the hub is served under; a profile follows it.
const PATH: &str = "/mcp";

/// A server that is listening.
pub struct Served {
    /// The address, with the port that was really taken.
    pub address: SocketAddr,
    /// Ends with the server.
    pub done: tokio::task::JoinHandle<std::io::Result<()>>,
}

#[derive(Clone)]
struct Door {
    hub: Arc<Hub>,
    token_required: bool,
}

/// Listens on `address` and serves until `stop` is cancelled.
///
/// # Errors
/// [`Error::NoToken`] for an address beyond this machine without tokens; [`Error::Listen`] where the
/// address can't be had.
pub async fn serve_http(
    hub: Arc<Hub>,
    address: &str,
    stop: CancellationToken,
) -> Result<Served, Error> {
    let fail = |source| Error::Listen {
        address: address.to_owned(),
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(fail)?;
    let bound = listener.local_addr().map_err(fail)?;
    let config = hub.config();
    let token_required = !bound.ip().is_loopback();
    if token_required && config.serve.tokens.is_empty() {
        return Err(Error::NoToken {
            address: address.to_owned(),
        });
    }
    let face = hub.clone();
    let service = StreamableHttpService::new(
        move || Ok(Face::new(face.clone(), None)),
        LocalSessionManager::default().into(),
        transport(&config, bound, &stop),
    );
    let door = Door {
        hub,
        token_required,
    };
    let mcp = Router::new()
        .nest_service(PATH, service)
        .layer(middleware::from_fn_with_state(door, gate));
    let app = Router::new()
        .route("/health", get(|| async { "ok" }))
        .merge(mcp);
    // An answer leaves in several writes; without this the kernel holds the last one back for 40 ms.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection stays slow");
        }
    });
    let done = tokio::spawn(async move {
        axum::serve(listener, app)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
    });
    Ok(Served {
        address: bound,
        done,
    })
}

fn transport(
    config: &Config,
    bound: SocketAddr,
    stop: &CancellationToken,
) -> StreamableHttpServerConfig {
    let mut hosts = config.serve.allowed_hosts.clone();
    hosts.extend(["localhost".into(), "127.0.0.1".into(), "::1".into()]);
    hosts.push(match bound.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => ip.to_string(),
    });
    StreamableHttpServerConfig::default()
        .with_allowed_hosts(hosts)
        .with_allowed_origins(config.serve.allowed_origins.clone())
        .enforce_origin_validation()
        .with_cancellation_token(stop.child_token())
        .with_max_request_body_bytes(config.limits.request_bytes_max as usize)
}

/// Lets a request in with the word of who is asking, or answers why not.
async fn gate(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let profile = path
        .strip_prefix(PATH)
        .map(|rest| rest.trim_matches('/').to_owned());
    let query = request.uri().query().unwrap_or_default().to_owned();
    let asked = match &profile {
        Some(profile) if profile.contains('/') => Err(Refused::Profile),
        profile => admit(
            &door.hub.config(),
            door.token_required,
            profile.as_deref(),
            &query,
            bearer(request.headers()),
        ),
    };
    match asked {
        Ok(asked) => {
            request.extensions_mut().insert(asked);
            next.run(request).await
        }
        Err(refused) => answer(&refused),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn answer(refused: &Refused) -> Response {
    let status = StatusCode::from_u16(refused.status()).expect("a gate's status is a valid one");
    let mut response = (status, format!("{refused}\n")).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(
            header::WWW_AUTHENTICATE,
            header::HeaderValue::from_static("Bearer"),
        );
    }
    response
}
