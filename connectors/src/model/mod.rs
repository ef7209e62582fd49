//! Model endpoints: a server that runs a local model, found, asked for its window, and spoken to in its own dialect.
//!
//! ```text
//! discover ─► Found (what answers on the usual ports) ─► connect ─► Model
//!                                                                     ├─ about   window, dialect, how tokens are counted
//!                                                                     ├─ count   tokens of a prompt, never under
//!                                                                     └─ reply   a Request, streamed; a Request fits by construction
//! ```
//!
//! The window is discovered, never assumed in silence: see [`Window`]. Decisions (what to leave out, whether to ask again)
//! are somebody else's.

mod arguments;
mod assemble;
mod body;
mod calibrate;
mod chunk;
mod connect;
mod discover;
mod facts;
mod leaked;
mod llama;
mod message;
mod ollama;
mod openai;
mod oracle;
mod overflow;
mod slots;
mod stream;
mod think;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use connect::{Options, connect};
pub use discover::{Found, Named, discover};
pub use message::{Arguments, Message, Prompt, Reply, ReplyCall, Stop, ToolCall, Usage};
pub use slots::Slot;

/// A model behind an endpoint.
///
/// The contract: nothing here panics, blocks a thread, or lives longer than its future; a dropped future or a cancelled
/// token closes the connection, so that the server stops working on it. Failures are values.
pub trait Model: Send + Sync {
    /// What it is.
    fn about(&self) -> &About;

    /// Tokens that the server will read for this prompt: exact where it can be asked, else never fewer than that.
    fn count<'a>(&'a self, prompt: &'a Prompt) -> BoxFuture<'a, Result<Counted, ModelError>>;

    /// Takes in what a reply was reported to cost against what was counted, which teaches a counter that can't ask.
    fn learn(&self, counted: Counted, reported: u32);

    /// Streams a reply. Deltas are passing: a full channel makes the stream wait, a closed one is no error. What they said
    /// is in the reply again.
    fn reply<'a>(
        &'a self,
        request: Request,
        deltas: mpsc::Sender<Delta>,
        cancel: CancellationToken,
    ) -> BoxFuture<'a, Result<Reply, ModelError>>;

    /// The slot that requests go to, as the server shows it now; none where it shows none.
    fn slot(&self) -> BoxFuture<'_, Option<Slot>> {
        std::future::ready(None).boxed()
    }

    /// The same model in a slot of its own, for a conversation beside this one; none where the server has no other.
    fn beside(&self) -> BoxFuture<'_, Option<SharedModel>> {
        std::future::ready(None).boxed()
    }

    /// The same model pinned to a slot; none where the server has no such slot to pin to.
    fn pinned(&self, slot: u32) -> Option<SharedModel> {
        let _ = slot;
        None
    }
}

/// What a model is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct About {
    /// Which server's way of speaking.
    pub dialect: Dialect,
    /// Where it answers, without a path.
    pub url: String,
    /// The model's name as the server has it.
    pub model: String,
    /// How many tokens it has room for.
    pub window: Window,
    /// Whether [`Model::count`] asks the server.
    pub counts: Counts,
    /// What its template is told beyond the conversation, as JSON: the same in every request, or the prompt is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<Arc<str>>,
}

/// Which server's way of speaking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// llama.cpp's llama-server.
    LlamaCpp,
    /// Ollama's own API.
    Ollama,
    /// LM Studio: OpenAI's API, the window from its own.
    LmStudio,
    /// vLLM: OpenAI's API, with `max_model_len` and `/tokenize`.
    Vllm,
    /// OpenAI's API and nothing known beyond it.
    OpenAi,
}

impl Dialect {
    /// The name people know it by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Dialect::LlamaCpp => "llama.cpp",
            Dialect::Ollama => "Ollama",
            Dialect::LmStudio => "LM Studio",
            Dialect::Vllm => "vLLM",
            Dialect::OpenAi => "OpenAI-compatible",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The window and how it is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Window {
    /// Tokens of prompt and reply together.
    pub tokens: u32,
    /// How that is known.
    pub source: WindowSource,
}

/// How a window is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum WindowSource {
    /// The server said so.
    Server {
        /// Where: path and field.
        field: String,
    },
    /// The person said so, and it is no more than the server has.
    Person,
    /// Nobody said: a conservative value. To be told as a warning.
    Assumed {
        /// Why it could not be learned.
        why: String,
    },
}

/// How tokens are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counts {
    /// By the server, with its own template and tokenizer.
    Exact,
    /// By a tokenizer here, with a factor learned from what was reported, on the safe side.
    Calibrated,
}

/// How many tokens a prompt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Tokens.
    pub tokens: u32,
    /// Before calibration, where the server was not asked: what the factor is learned against.
    pub raw: u32,
    /// Whether the server counted.
    pub exact: bool,
}

/// A request that fits. There is no other way to make one than [`Request::within`], so an over-budget request can't exist.
#[derive(Clone, Debug)]
pub struct Request {
    prompt: Prompt,
    reply_max: u32,
    counted: Counted,
}

/// More tokens than there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{prompt} tokens of prompt and {reply} for the reply do not fit a window of {window}")]
pub struct Overflow {
    /// Tokens of the prompt.
    pub prompt: u32,
    /// Tokens kept for the reply.
    pub reply: u32,
    /// Tokens of the window.
    pub window: u32,
}

impl Request {
    /// A request, if its prompt and the room for its reply fit the window of `about`.
    ///
    /// # Errors
    /// [`Overflow`] with the three numbers; also where no token is left for a reply.
    pub fn within(
        about: &About,
        prompt: Prompt,
        counted: Counted,
        reply_max: u32,
    ) -> Result<Request, Overflow> {
        let window = about.window.tokens;
        let fits = reply_max > 0
            && counted
                .tokens
                .checked_add(reply_max)
                .is_some_and(|all| all <= window);
        if fits {
            Ok(Request {
                prompt,
                reply_max,
                counted,
            })
        } else {
            Err(Overflow {
                prompt: counted.tokens,
                reply: reply_max,
                window,
            })
        }
    }

    /// The prompt.
    #[must_use]
    pub fn prompt(&self) -> &Prompt {
        &self.prompt
    }

    /// Tokens that the reply may have; sent to the server, which stops there.
    #[must_use]
    pub fn reply_max(&self) -> u32 {
        self.reply_max
    }

    /// What the prompt was counted as.
    #[must_use]
    pub fn counted(&self) -> Counted {
        self.counted
    }
}

/// Something that happens while a reply comes. None of it is kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta {
    /// The server has the request and does not work on it yet.
    Queued,
    /// The server loads the model.
    Loading,
    /// The server reads the prompt.
    Prefill {
        /// Tokens of the prompt.
        total: u32,
        /// Of those, found in the cache.
        cached: u32,
        /// Read so far, cached ones among them.
        processed: u32,
    },
    /// A piece of reasoning.
    Reasoning(String),
    /// A piece of the answer.
    Text(String),
    /// A call has begun; its arguments are still coming.
    Call {
        /// Its place among the reply's calls.
        index: usize,
        /// The tool's name as far as it is known.
        name: String,
    },
    /// The request failed in a way that passes, and is sent again.
    Retrying {
        /// Which try comes next, from 2.
        attempt: u32,
        /// After this pause.
        after: Duration,
        /// What failed.
        why: String,
    },
}

/// What can go wrong with an endpoint, told apart by what its listener may do next.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Nothing answers there.
    #[error("no model server answers at `{url}`: {reason}")]
    Unreachable {
        /// The address.
        url: String,
        /// What the connection said.
        reason: String,
    },
    /// The server has no such model.
    #[error("the server at `{url}` has no model `{model}`")]
    NoModel {
        /// The address.
        url: String,
        /// The name asked for; empty where none was, and the server has none.
        model: String,
        /// The models it has.
        known: Vec<String>,
    },
    /// The server says that the prompt does not fit its window.
    #[error("the server says that the prompt does not fit: {message}")]
    Overflow {
        /// Tokens it counted, where it says.
        prompt: Option<u32>,
        /// Tokens it has, where it says.
        window: Option<u32>,
        /// Its words.
        message: String,
    },
    /// The server refused for another reason; asking again gives the same.
    #[error("the model server refused: {message} ({status})")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its words.
        message: String,
    },
    /// The server failed, also when asked again.
    #[error("the model server failed: {message}")]
    Failed {
        /// What happened, with how often it was tried.
        message: String,
    },
    /// The stream went silent for longer than the limit.
    #[error("the model server said nothing for {} s", .after.as_secs())]
    Stalled {
        /// How long.
        after: Duration,
    },
    /// The answer is nothing this dialect knows.
    #[error("the model server answered with something that is not understood: {what}")]
    Garbled {
        /// What was read.
        what: String,
    },
    /// The caller cancelled; the connection is closed.
    #[error("the request was cancelled")]
    Cancelled,
}

impl ModelError {
    /// What a person can do about it, when that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreachable { .. } => {
                Some("start the model server, or name another with `--endpoint URL`".into())
            }
            Self::NoModel { known, .. } if known.is_empty() => {
                Some("load a model in the server first, such as `ollama pull qwen3:8b`".into())
            }
            Self::NoModel { known, .. } => Some(format!(
                "choose one with `--model NAME`: {}",
                known.join(", ")
            )),
            Self::Overflow { .. } => {
                Some("start the server with a larger window, or shorten the request".into())
            }
            Self::Refused { .. } | Self::Failed { .. } | Self::Garbled { .. } => {
                Some("the model server's own log says more".into())
            }
            Self::Stalled { .. } => {
                Some("raise `model.silence_s` if the model is that slow".into())
            }
            Self::Cancelled => None,
        }
    }
}

/// A shared handle to a model.
pub type SharedModel = Arc<dyn Model>;
