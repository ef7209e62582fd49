//! The line under a turn: tokens in use of the window, the pool, the mode, and how much of the prompt came from the cache.

use crate::cli::ui::Look;
use crate::cli::words::{self, number, one_line};
use crate::event::{Step, What};

/// What is known of a session between two turns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Tokens of the window.
    window: u32,
    /// The mode.
    pub(crate) mode: String,
    /// Tools of the pool and the tokens of their definitions.
    pool: Option<(usize, u32)>,
    /// Tokens of the last prompt and its reply.
    used: Option<u32>,
    /// Whether the server counted them.
    exact: bool,
    /// Cached tokens and all tokens of the last prompt.
    cached: Option<(u32, u32)>,
}

impl Standing {
    /// A session before its first turn: its window, its mode, and what is offered already.
    pub(crate) fn new(window: u32, mode: String, pool: Option<(usize, u32)>) -> Standing {
        Standing {
            window,
            mode,
            pool,
            ..Standing::default()
        }
    }

    /// Takes in what changes it.
    pub(super) fn event(&mut self, what: &What) {
        match what {
            What::PoolChanged { tools, tokens, .. } => self.pool = Some((tools.len(), *tokens)),
            What::Budget { window, .. } => self.window = *window,
            What::Reply { usage, .. } => {
                let prompt = usage.prompt.unwrap_or(usage.counted);
                self.exact = usage.prompt.is_some();
                self.used = Some(prompt.saturating_add(usage.reply.unwrap_or(0)));
                self.cached = usage.cached.map(|cached| (cached, prompt));
            }
            What::Session {
                mode: Some(mode), ..
            } => self.mode = one_line(mode),
            What::Setting { name, value } if name == "mode" => self.mode = one_line(value),
            _ => {}
        }
    }

    /// The line.
    pub(super) fn line(&self, look: &Look) -> String {
        let number = |tokens: u32| number(u64::from(tokens));
        let mut parts = vec![match self.used {
            Some(used) => {
                let about = if self.exact { "" } else { "about " };
                format!("{about}{} of {} tokens", number(used), number(self.window))
            }
            None => format!("window {}", number(self.window)),
        }];
        if let Some((tools, tokens)) = self.pool {
            parts.push(format!(
                "{} ({} tokens)",
                words::count(tools, "tool"),
                number(tokens)
            ));
        }
        if !self.mode.is_empty() {
            parts.push(format!("mode {}", self.mode));
        }
        if let Some((cached, prompt)) = self.cached
            && prompt > 0
        {
            let percent = u64::from(cached) * 100 / u64::from(prompt);
            parts.push(format!("{percent} % from the cache"));
        }
        parts.join(&format!(" {} ", look.dot()))
    }
}

/// The steps in one line: how many are done, and which one is worked on.
pub(super) fn steps(items: &[Step], look: &Look) -> Option<String> {
    if items.is_empty() {
        return None;
    }
    let done = items.iter().filter(|item| item.state == "done").count();
    let mut text = format!("{done} of {} done", words::count(items.len(), "step"));
    if let Some(doing) = items.iter().find(|item| item.state == "doing") {
        text.push_str(&format!(" {} now: {}", look.dot(), one_line(&doing.text)));
    }
    Some(text)
}
