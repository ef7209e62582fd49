//! How answers reach the socket: JSON at once, or frames one by one with their faults.

use std::collections::VecDeque;
use std::io;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::stream;
use serde_json::Value;

use super::faults::{Faults, Frame, Step, steps};
use super::world::Slot;

/// An answer in one go.
pub(super) fn json(status: u16, body: &Value) -> Response {
    text(status, body.to_string())
}

/// JSON that is a text already.
pub(super) fn text(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    (status, kind, body).into_response()
}

/// A server-sent event.
pub(super) fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

/// A body in frames. The slot is taken until the last is sent, or the client leaves.
pub(super) fn stream(
    kind: &'static str,
    frames: Vec<Frame>,
    faults: &Faults,
    slot: Slot,
) -> Response {
    let steps: VecDeque<Step> = steps(frames, faults).into();
    let body = stream::unfold((steps, slot), |(mut steps, slot)| async move {
        loop {
            match steps.pop_front()? {
                Step::Send(text) => return Some((Ok(Bytes::from(text)), (steps, slot))),
                Step::Wait(time) => tokio::time::sleep(time).await,
                Step::Stall => std::future::pending().await,
                // An error in the body makes the server close the connection where it stands; it sends what it has before that
                // only if it is left alone for a moment.
                Step::Cut => {
                    tokio::task::yield_now().await;
                    let cut = io::Error::other("cut by the script");
                    return Some((Err(cut), (steps, slot)));
                }
            }
        }
    });
    let kind = [(header::CONTENT_TYPE, kind)];
    (kind, Body::from_stream(body)).into_response()
}

/// A whole body that is answered with the faults of a stream, as one piece.
pub(super) fn whole(body: &Value, faults: &Faults, slot: Slot) -> Response {
    let frames = vec![Frame::Piece(body.to_string())];
    stream("application/json; charset=utf-8", frames, faults, slot)
}
