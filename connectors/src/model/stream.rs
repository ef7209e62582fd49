//! One reply over the wire: tries, silence, the framing of a stream, and where it ends.
//!
//! A failure is tried again only while nothing has come of the reply: what was streamed can't be taken back, and a second
//! reply would begin otherwise. Dropping the future closes the connection, which is how a server knows to stop.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use sse_stream::SseStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use toolpool_config::fixed::{
    MODEL_LOADING_PAUSE, MODEL_QUEUED_AFTER, MODEL_REPLY_BYTES_MAX, MODEL_RETRY_FIRST,
    MODEL_TRIES_MAX,
};

use super::assemble::Assembler;
use super::chunk::Piece;
use super::wire::{Trouble, Wire, reason};
use super::{Delta, ModelError, Reply};

/// A request as its dialect made it.
pub(super) struct Ask<'a> {
    pub(super) path: &'static str,
    pub(super) body: Vec<u8>,
    pub(super) framing: Framing,
    pub(super) decode: fn(&str) -> Result<Vec<Piece>, String>,
    /// Definitions of the tools that were offered.
    pub(super) tools: &'a [Arc<str>],
}

/// How pieces follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Server-sent events, `[DONE]` the last.
    Events,
    /// A JSON value a line.
    Lines,
}

/// Sends the request and puts its reply together.
pub(super) async fn reply(
    wire: &Wire,
    ask: Ask<'_>,
    deltas: mpsc::Sender<Delta>,
    cancel: CancellationToken,
) -> Result<Reply, ModelError> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(ModelError::Cancelled),
        reply = tries(wire, &ask, &deltas) => reply,
    }
}

async fn tries(
    wire: &Wire,
    ask: &Ask<'_>,
    deltas: &mpsc::Sender<Delta>,
) -> Result<Reply, ModelError> {
    let mut attempt = 1;
    let mut pause = MODEL_RETRY_FIRST;
    let mut loading = None;
    loop {
        match once(wire, ask, deltas).await {
            Ok(reply) => return Ok(reply),
            Err(Trouble::Final(error)) => return Err(error),
            Err(Trouble::Loading) => {
                let since = *loading.get_or_insert_with(Instant::now);
                if since.elapsed() >= wire.silence() {
                    return Err(ModelError::Stalled {
                        after: wire.silence(),
                    });
                }
                tell(deltas, Delta::Loading).await;
                sleep(MODEL_LOADING_PAUSE).await;
            }
            Err(Trouble::Passing(error)) if attempt >= MODEL_TRIES_MAX => {
                return Err(tried(error, attempt));
            }
            Err(Trouble::Passing(error)) => {
                attempt += 1;
                let retrying = Delta::Retrying {
                    attempt,
                    after: pause,
                    why: error.to_string(),
                };
                tell(deltas, retrying).await;
                sleep(pause).await;
                pause *= 2;
            }
        }
    }
}

fn tried(error: ModelError, times: u32) -> ModelError {
    match error {
        ModelError::Failed { message } => ModelError::Failed {
            message: format!("{message}; tried {times} times"),
        },
        other => other,
    }
}

/// A full channel makes the stream wait, a closed one is no error.
async fn tell(deltas: &mpsc::Sender<Delta>, delta: Delta) {
    let _ = deltas.send(delta).await;
}

async fn once(wire: &Wire, ask: &Ask<'_>, deltas: &mpsc::Sender<Delta>) -> Result<Reply, Trouble> {
    let stalled = || {
        Trouble::Final(ModelError::Stalled {
            after: wire.silence(),
        })
    };
    let mut sending = std::pin::pin!(wire.send(ask.path, Some(ask.body.clone())));
    let soon = MODEL_QUEUED_AFTER.min(wire.silence());
    let response = match timeout(soon, &mut sending).await {
        Ok(response) => response?,
        Err(_) => {
            tell(deltas, Delta::Queued).await;
            let left = wire.silence().saturating_sub(soon);
            timeout(left, sending).await.map_err(|_| stalled())??
        }
    };
    let mut events = events(response, ask.framing, wire.silence());
    let mut assembler = Assembler::new(ask.tools);
    let (mut begun, mut done) = (false, false);
    while !done {
        let event = match events.next().await {
            None => break,
            Some(Err(Broken::Silent)) => return Err(stalled()),
            Some(Err(Broken::Wire(_))) if begun => break,
            Some(Err(Broken::Wire(message))) => {
                return Err(Trouble::Passing(ModelError::Failed { message }));
            }
            Some(Err(Broken::Shape(what))) => return Err(garbled(wire, &what)),
            Some(Ok(event)) => event,
        };
        if event.trim() == "[DONE]" {
            done = true;
            continue;
        }
        for piece in (ask.decode)(&event).map_err(|_| garbled(wire, &event))? {
            if let Piece::Error(body) = &piece {
                return Err(given_up(wire, body, begun));
            }
            begun |= !matches!(piece, Piece::Prefill { .. } | Piece::Usage(_));
            for delta in assembler.take(piece) {
                tell(deltas, delta).await;
            }
        }
    }
    if !begun && !done {
        return Err(Trouble::Passing(ModelError::Failed {
            message: "the answer ended before its first word".into(),
        }));
    }
    let ended = done || assembler.finished();
    let (rest, reply) = assembler.end(ended);
    for delta in rest {
        tell(deltas, delta).await;
    }
    Ok(reply)
}

fn garbled(wire: &Wire, what: &str) -> Trouble {
    Trouble::Final(ModelError::Garbled {
        what: wire.words(what),
    })
}

/// An error in the middle of a stream, which comes with status 200.
fn given_up(wire: &Wire, body: &str, begun: bool) -> Trouble {
    let value: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let status = value["error"]["code"]
        .as_u64()
        .and_then(|code| u16::try_from(code).ok())
        .filter(|code| (400..600).contains(code))
        .unwrap_or(500);
    match wire.failure(status, body) {
        Trouble::Passing(error) if begun => Trouble::Final(error),
        other => other,
    }
}

/// Why a stream broke.
#[derive(Debug)]
enum Broken {
    /// Not a byte came for too long. A comment that keeps the connection alive is a sign of life.
    Silent,
    /// The connection did.
    Wire(String),
    /// What came is no stream of this kind.
    Shape(String),
}

type Events = BoxStream<'static, Result<String, Broken>>;

fn events(response: Response, framing: Framing, silence: Duration) -> Events {
    let whole = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/json"));
    let state = (response.bytes_stream(), 0usize);
    let pieces = stream::try_unfold(state, move |(mut body, mut bytes)| async move {
        let piece = match timeout(silence, body.next()).await {
            Err(_) => return Err(Inner(Broken::Silent)),
            Ok(None) => return Ok(None),
            Ok(Some(piece)) => piece.map_err(|error| Inner(Broken::Wire(reason(&error))))?,
        };
        bytes += piece.len();
        if bytes > MODEL_REPLY_BYTES_MAX {
            let what = format!("a reply of more than {MODEL_REPLY_BYTES_MAX} bytes");
            return Err(Inner(Broken::Shape(what)));
        }
        Ok(Some((piece, (body, bytes))))
    });
    match framing {
        // A server that does not stream says it all at once, which is a line of its own, however it is broken.
        Framing::Events if whole => lines(pieces.boxed(), false),
        Framing::Lines => lines(pieces.boxed(), true),
        Framing::Events => SseStream::from_bytes_stream(pieces)
            .filter_map(|event| async {
                match event {
                    Ok(event) => event.data.map(Ok),
                    Err(sse_stream::Error::Body(error)) => {
                        Some(Err(match error.downcast::<Inner>() {
                            Ok(inner) => inner.0,
                            Err(error) => Broken::Wire(error.to_string()),
                        }))
                    }
                    Err(error) => Some(Err(Broken::Shape(error.to_string()))),
                }
            })
            .boxed(),
    }
}

/// Why a stream broke, on its way through the reader of events, which takes errors only.
#[derive(Debug, thiserror::Error)]
#[error("the stream broke")]
struct Inner(Broken);

/// Lines, or the body as one. What is left at the end is a line if it is JSON, else it was cut.
fn lines<B: AsRef<[u8]> + Send + 'static>(
    pieces: BoxStream<'static, Result<B, Inner>>,
    split: bool,
) -> Events {
    let state = (pieces, Vec::<u8>::new(), false);
    stream::unfold(state, move |(mut pieces, mut held, mut over)| async move {
        loop {
            let end = held
                .iter()
                .position(|byte| *byte == b'\n')
                .filter(|_| split);
            if let Some(end) = end {
                let line: Vec<u8> = held.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line).trim().to_owned();
                if line.is_empty() {
                    continue;
                }
                return Some((Ok(line), (pieces, held, over)));
            }
            if over {
                let rest = String::from_utf8_lossy(&held).trim().to_owned();
                held.clear();
                let is_whole = serde_json::from_str::<serde::de::IgnoredAny>(&rest).is_ok();
                return is_whole.then_some((Ok(rest), (pieces, held, over)));
            }
            match pieces.next().await {
                Some(Ok(piece)) => held.extend_from_slice(piece.as_ref()),
                Some(Err(inner)) => return Some((Err(inner.0), (pieces, held, true))),
                None => over = true,
            }
        }
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(pieces: &[&'static str], split: bool) -> Vec<String> {
        let pieces: Vec<Result<&'static str, Inner>> =
            pieces.iter().map(|piece| Ok(*piece)).collect();
        lines(stream::iter(pieces).boxed(), split)
            .filter_map(|line| async { line.ok() })
            .collect()
            .await
    }

    #[tokio::test]
    async fn lines_are_put_together_from_pieces() {
        assert_eq!(
            read(&["{\"a\":1}\n{\"b\"", ":2}\r\n\n{\"c\":", "3}"], true).await,
            ["{\"a\":1}", "{\"b\":2}", "{\"c\":3}"]
        );
        assert_eq!(read(&["{\"a\":1}\n{\"b\""], true).await, ["{\"a\":1}"]);
        assert_eq!(read(&["{\n\"a\"", ":1\n}"], false).await, ["{\n\"a\":1\n}"]);
    }
}
