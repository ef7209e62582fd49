//! Either kind of wire under one type, and a way to lend it: rmcp's `Discover` swallows its transport even when the server turns out to
//! be a legacy one on a sound connection, and `Initialize` must then go over that same connection.

use std::{
    future::Future,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use futures::future::BoxFuture;
use rmcp::{
    RoleClient,
    model::{ClientJsonRpcMessage, ServerJsonRpcMessage},
    transport::{
        DynamicTransportError, StreamableHttpClientTransport, Transport,
        streamable_http_client::StreamableHttpError,
    },
};

use super::{
    exchange::{Client, HttpError},
    pipes::Pipes,
};

/// A connection to a server, before rmcp serves it.
pub(crate) enum Wire {
    /// JSON lines.
    Pipes(Pipes),
    /// Streamable HTTP.
    Http(Box<StreamableHttpClientTransport<Client>>),
}

/// Why a message could not be sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error("could not write to the server")]
    Pipes(#[source] io::Error),
    #[error("{0}")]
    Http(StreamableHttpError<HttpError>),
}

impl Transport<RoleClient> for Wire {
    type Error = WireError;

    fn send(
        &mut self,
        item: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), WireError>> + Send + 'static {
        let sending: BoxFuture<'static, Result<(), WireError>> = match self {
            Self::Pipes(pipes) => {
                let sending = pipes.send(item);
                Box::pin(async move { sending.await.map_err(WireError::Pipes) })
            }
            Self::Http(http) => {
                let sending = http.send(item);
                Box::pin(async move { sending.await.map_err(WireError::Http) })
            }
        };
        sending
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        match self {
            Self::Pipes(pipes) => pipes.receive().await,
            Self::Http(http) => http.receive().await,
        }
    }

    async fn close(&mut self) -> Result<(), WireError> {
        match self {
            Self::Pipes(pipes) => pipes.close().await.map_err(WireError::Pipes),
            Self::Http(http) => http.close().await.map_err(WireError::Http),
        }
    }
}

/// Where a lent wire comes back to. The mutex is a plain one, held for one move.
#[derive(Clone, Default)]
pub(crate) struct Home(Arc<Mutex<Option<Wire>>>);

impl Home {
    /// Lends a wire that comes back here when its borrower drops it.
    pub(crate) fn lend(&self, wire: Wire) -> Lent {
        Lent {
            wire: Some(wire),
            home: self.clone(),
        }
    }

    /// The wire, if its borrower is gone.
    pub(crate) fn take(&self) -> Option<Wire> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A wire on loan.
pub(crate) struct Lent {
    wire: Option<Wire>,
    home: Home,
}

impl Lent {
    fn wire(&mut self) -> &mut Wire {
        self.wire
            .as_mut()
            .expect("the wire leaves only when the loan is dropped")
    }
}

impl Transport<RoleClient> for Lent {
    type Error = WireError;

    fn send(
        &mut self,
        item: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), WireError>> + Send + 'static {
        self.wire().send(item)
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        self.wire().receive().await
    }

    async fn close(&mut self) -> Result<(), WireError> {
        self.wire().close().await
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        *self.home.0.lock().unwrap_or_else(PoisonError::into_inner) = self.wire.take();
    }
}

/// What a failed send says about the server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fault {
    /// It wants credentials that it was not given, or not these.
    Unauthorized(String),
    /// It was not reached, so it has seen nothing.
    Unreachable(String),
    /// It answered with an HTTP status that is no MCP answer; it is there.
    Status(String),
    /// The connection broke at some point.
    Broken(String),
}

impl Fault {
    /// Reads rmcp's error.
    pub(crate) fn of(error: &DynamicTransportError) -> Self {
        match error.error.downcast_ref::<WireError>() {
            Some(WireError::Http(StreamableHttpError::AuthRequired(required))) => {
                Self::Unauthorized(match required.www_authenticate_header.as_str() {
                    "" => "HTTP 401".to_owned(),
                    challenge => format!("HTTP 401 ({challenge})"),
                })
            }
            Some(WireError::Http(StreamableHttpError::InsufficientScope(_))) => {
                Self::Unauthorized("HTTP 403, the credentials do not reach far enough".to_owned())
            }
            Some(WireError::Http(StreamableHttpError::Client(error))) => error.fault(),
            Some(WireError::Http(StreamableHttpError::HttpStatus(status))) => {
                Self::Status(status.to_string())
            }
            Some(WireError::Http(error)) => Self::Broken(error.to_string()),
            Some(WireError::Pipes(error)) => Self::Broken(error.to_string()),
            None => Self::Broken(error.error.to_string()),
        }
    }

    /// It in words.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Unauthorized(reason)
            | Self::Unreachable(reason)
            | Self::Status(reason)
            | Self::Broken(reason) => reason,
        }
    }
}
