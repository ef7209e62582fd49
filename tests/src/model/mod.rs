//! The model whose replies are scripted: a real HTTP server that speaks as llama.cpp, Ollama, LM Studio, vLLM or plain OpenAI.
//!
//! ```text
//! setup (dialect, window, script) ─► ScriptedModel: a port on loopback
//!     request ─► recorded ─► the dialect's paths (llamacpp, ollama, openai) ─► world: counted, held against the window and the cache
//!                                 └─ script: the answer ─► reply: its pieces ─► faults: what the connection does ─► wire
//! ```
//!
//! It proves the plumbing and the loop, not that a model is understood: that is the real server's part (`llama/`), which this
//! one can also stand in front of (`front.rs`). Absent on purpose: chance, and time that nobody asked for.

mod chat;
mod conversation;
mod faults;
mod front;
mod llamacpp;
mod ollama;
mod openai;
mod process;
mod program;
mod reply;
mod script;
mod setup;
mod wire;
mod world;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, Uri};
use axum::response::Response;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use conversation::{Conversation, Said};
pub use faults::{Fail, Faults, Notation};
pub use process::ModelProcess;
pub use program::main;
pub use script::{Answer, Call, Rules};
pub use setup::{Dialect, Script, Setup};
pub use world::Recorded;
use world::World;

/// A scripted model that listens; it ends when this is dropped. It has a thread of its own, so a test may block.
pub struct ScriptedModel {
    /// Where it answers, without a path.
    pub url: String,
    world: Arc<World>,
    end: Option<oneshot::Sender<()>>,
}

impl ScriptedModel {
    /// Starts it.
    ///
    /// # Panics
    /// When it can't listen, or no real server is where one should be.
    pub fn start(setup: Setup) -> ScriptedModel {
        let (end, ended) = oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let runtime = runtime.expect("a runtime can be made");
            runtime.block_on(async move {
                let started = listen(setup).await;
                match started {
                    Ok((listener, address, world)) => {
                        // Nobody left to tell means that the test is over.
                        let _ = tell.send(Ok((address, Arc::clone(&world))));
                        tokio::select! {
                            () = serve(listener, world) => {}
                            _ = ended => {}
                        }
                    }
                    Err(error) => drop(tell.send(Err(error))),
                }
            });
            runtime.shutdown_background();
        });
        let started = told.recv().expect("the thread says how it went");
        let (address, world) = started.unwrap_or_else(|error| panic!("{error}"));
        ScriptedModel {
            url: format!("http://{address}"),
            world,
            end: Some(end),
        }
    }

    /// Every request so far, in the order they came.
    pub fn requests(&self) -> Vec<Recorded> {
        self.world.requests()
    }

    /// The requests for a reply, OpenAI's path and Ollama's.
    pub fn chats(&self) -> Vec<Recorded> {
        let mut requests = self.requests();
        requests.retain(|request| {
            request.path.ends_with("/chat/completions") || request.path == "/api/chat"
        });
        requests
    }

    /// Adds an answer to the queue; other scripts give way to a queue of this one.
    pub fn push(&self, answer: Answer) {
        self.world.push(answer);
    }

    /// Whether a reply is being sent: a slot is taken.
    pub fn is_busy(&self) -> bool {
        self.world.busy() > 0
    }

    /// The window of the model as it is loaded now; Ollama's is known only then.
    pub fn loaded(&self) -> Option<u32> {
        *world::locked(&self.world.loaded)
    }
}

impl Drop for ScriptedModel {
    fn drop(&mut self) {
        // A thread that is gone already needs no word.
        let _ = self.end.take().map(|end| end.send(()));
    }
}

async fn listen(setup: Setup) -> Result<(TcpListener, SocketAddr, Arc<World>), String> {
    let listener = TcpListener::bind(("127.0.0.1", setup.port)).await;
    let listener =
        listener.map_err(|error| format!("port {} can't be had: {error}", setup.port))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let world = Arc::new(World::new(setup).await?);
    Ok((listener, address, world))
}

async fn serve(listener: TcpListener, world: Arc<World>) {
    // Pieces leave when they are made. That it can't be set is no reason not to serve.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let router = Router::new().fallback(handle).with_state(world);
    // It only ends with its listener, which only ends with this future.
    let _ = axum::serve(listener, router).await;
}

async fn handle(State(world): State<Arc<World>>, method: Method, uri: Uri, raw: Bytes) -> Response {
    let asked = Recorded {
        method: method.to_string(),
        path: uri.path().to_owned(),
        body: serde_json::from_slice(&raw).unwrap_or_default(),
        raw: raw.to_vec(),
    };
    world.record(asked.clone());
    let dialect = world.setup.dialect;
    let hidden = world.setup.hidden.contains(&asked.path);
    let response = match dialect {
        _ if hidden => None,
        Dialect::LlamaCpp => llamacpp::route(&world, &asked).await,
        Dialect::Ollama => ollama::route(&world, &asked).await,
        Dialect::LmStudio | Dialect::Vllm | Dialect::OpenAi => openai::route(&world, &asked).await,
    };
    response.unwrap_or_else(|| match dialect {
        Dialect::LlamaCpp => llamacpp::unknown(),
        Dialect::Ollama => ollama::unknown(),
        other => openai::unknown(&asked, other),
    })
}

#[cfg(test)]
mod tests;
