//! How a scripted server is set up: whose way of speaking, its window, where its answers come from.

use std::collections::VecDeque;
use std::path::PathBuf;

use super::conversation::Conversation;
use super::script::{Answer, Rules};

/// Whose way of speaking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Dialect {
    /// llama.cpp's llama-server.
    LlamaCpp,
    /// Ollama, its native API and what it has of OpenAI's.
    Ollama,
    /// LM Studio.
    LmStudio,
    /// vLLM.
    Vllm,
    /// OpenAI's API and nothing else.
    OpenAi,
}

/// Where answers come from.
pub enum Script {
    /// One after the other; an answer that is to fail first stays until it was given.
    Queue(VecDeque<Answer>),
    /// A script file's rules.
    Rules(Rules),
    /// A function of the conversation.
    By(Box<dyn Fn(&Conversation) -> Answer + Send + Sync>),
}

/// How a scripted server is set up.
pub struct Setup {
    /// Whose way of speaking.
    pub dialect: Dialect,
    /// The model's name.
    pub model: String,
    /// Tokens of prompt and reply together. Ollama: what is loaded where the request does not say.
    pub window: u32,
    /// What the model was trained for, which is another number and must not be taken for the window.
    pub trained: u32,
    /// Where answers come from.
    pub script: Script,
    /// A real llama-server that counts, keeps the window and the cache; only the reply is scripted.
    pub front: Option<String>,
    /// Paths that this server does not have.
    pub hidden: Vec<String>,
    /// Overflow is not refused: the oldest messages are dropped without a word. Ollama does so unless the request forbids it.
    pub truncates: bool,
    /// A file to which every request is appended as a line of JSON.
    pub record: Option<PathBuf>,
    /// The port; 0 is any.
    pub port: u16,
}

impl Setup {
    /// An ordinary server of this kind with a window of 8,192 tokens and nothing to say.
    pub fn new(dialect: Dialect) -> Setup {
        Setup {
            dialect,
            model: "scripted".to_owned(),
            window: 8192,
            trained: 262_144,
            script: Script::Queue(VecDeque::new()),
            front: None,
            hidden: Vec::new(),
            truncates: false,
            record: None,
            port: 0,
        }
    }

    /// With this window.
    #[must_use]
    pub fn window(mut self, window: u32) -> Setup {
        self.window = window;
        self
    }

    /// With these answers, one after the other.
    #[must_use]
    pub fn queue(mut self, answers: impl IntoIterator<Item = Answer>) -> Setup {
        self.script = Script::Queue(answers.into_iter().collect());
        self
    }

    /// With answers by a function.
    #[must_use]
    pub fn by(mut self, answer: impl Fn(&Conversation) -> Answer + Send + Sync + 'static) -> Setup {
        self.script = Script::By(Box::new(answer));
        self
    }

    /// With a script file's text.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn rules(mut self, text: &str) -> Setup {
        self.script = Script::Rules(Rules::parse(text).unwrap_or_else(|error| panic!("{error}")));
        self
    }

    /// In front of a real llama-server.
    #[must_use]
    pub fn front(mut self, url: &str) -> Setup {
        self.front = Some(url.to_owned());
        self
    }

    /// Without these paths.
    #[must_use]
    pub fn hide(mut self, paths: &[&str]) -> Setup {
        self.hidden
            .extend(paths.iter().map(|&path| path.to_owned()));
        self
    }
}
