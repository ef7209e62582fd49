//! JSON lines over two byte streams, as a transport for rmcp: a child's standard streams or an in-memory pipe.
//!
//! One task owns each stream. A message is handed to the writing task whole, so that a dropped send never leaves half a line, and the
//! reading task hands on messages in the order of the wire.

use std::{future::Future, io, sync::Arc};

use rmcp::{
    RoleClient,
    model::{ClientJsonRpcMessage, ServerJsonRpcMessage},
    transport::Transport,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{mpsc, oneshot},
};
use toolpool_config::fixed::MESSAGES_WAITING_MAX;

use super::{
    lines::{Line, Lines},
    message::{Read, read_line, too_long},
    tap::Tap,
};

/// Bytes read at once.
const CHUNK_BYTES: usize = 64 * 1024;

struct Outgoing {
    line: Vec<u8>,
    done: Option<oneshot::Sender<io::Result<()>>>,
}

/// The transport. Dropping or closing it closes the stream we write to; the other side ends when it pleases.
pub(crate) struct Pipes {
    outgoing: Option<mpsc::Sender<Outgoing>>,
    incoming: mpsc::Receiver<ServerJsonRpcMessage>,
    tap: Arc<Tap>,
}

impl Pipes {
    /// Starts the two tasks.
    pub(crate) fn new(
        reader: impl AsyncRead + Unpin + Send + 'static,
        writer: impl AsyncWrite + Unpin + Send + 'static,
        tap: Arc<Tap>,
        frame_bytes_max: usize,
    ) -> Self {
        let (outgoing, lines) = mpsc::channel(MESSAGES_WAITING_MAX);
        let (messages, incoming) = mpsc::channel(MESSAGES_WAITING_MAX);
        tokio::spawn(write(writer, lines));
        // The reading task answers through a weak sender: it must not keep the stream open that we write to.
        tokio::spawn(read(
            reader,
            messages,
            outgoing.downgrade(),
            Arc::clone(&tap),
            frame_bytes_max,
        ));
        Self {
            outgoing: Some(outgoing),
            incoming,
            tap,
        }
    }
}

impl Transport<RoleClient> for Pipes {
    type Error = io::Error;

    fn send(
        &mut self,
        item: ClientJsonRpcMessage,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        self.tap.sent(&item);
        let line = encode(&item);
        let outgoing = self.outgoing.clone();
        async move {
            let closed =
                || io::Error::new(io::ErrorKind::BrokenPipe, "the server's input is closed");
            let (done, written) = oneshot::channel();
            let message = Outgoing {
                line: line?,
                done: Some(done),
            };
            outgoing
                .ok_or_else(closed)?
                .send(message)
                .await
                .map_err(|_| closed())?;
            written.await.map_err(|_| closed())?
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        self.incoming.recv().await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.outgoing = None;
        Ok(())
    }
}

fn encode(message: &ClientJsonRpcMessage) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

async fn write(mut writer: impl AsyncWrite + Unpin, mut lines: mpsc::Receiver<Outgoing>) {
    while let Some(Outgoing { line, done }) = lines.recv().await {
        let written = match writer.write_all(&line).await {
            Ok(()) => writer.flush().await,
            Err(error) => Err(error),
        };
        let broken = written.is_err();
        if let Some(done) = done {
            // Whoever sent it may have stopped waiting; the line is written all the same.
            let _ = done.send(written);
        }
        if broken {
            return;
        }
    }
    let _ = writer.shutdown().await;
}

async fn read(
    mut reader: impl AsyncRead + Unpin,
    messages: mpsc::Sender<ServerJsonRpcMessage>,
    answers: mpsc::WeakSender<Outgoing>,
    tap: Arc<Tap>,
    frame_bytes_max: usize,
) {
    let mut lines = Lines::new(frame_bytes_max);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        // An error reads like an end: either way nothing more can come.
        let count = reader.read(&mut chunk).await.unwrap_or(0);
        let complete = match count {
            0 => lines.finish().into_iter().collect(),
            count => lines.feed(&chunk[..count]),
        };
        for line in complete {
            let read = match line {
                Line::Whole(line) => read_line(&line, &tap),
                Line::TooLong { head } => {
                    vec![
                        too_long(&head, frame_bytes_max, &tap).map_or(Read::Nothing, Read::Message),
                    ]
                }
            };
            for item in read {
                match item {
                    Read::Message(message) => {
                        if messages.send(message).await.is_err() {
                            return;
                        }
                    }
                    Read::Answer(answer) => {
                        if let (Some(answers), Ok(line)) = (answers.upgrade(), encode(&answer)) {
                            let _ = answers.send(Outgoing { line, done: None }).await;
                        }
                    }
                    Read::Nothing => tap.skip(),
                }
            }
        }
        if count == 0 {
            return;
        }
    }
}
