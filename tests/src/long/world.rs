//! One session: the program at a terminal, the office, the scripted model and the real server behind it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use toolpool::journal::{Line, RealDisk, Store};

use super::plan::Plan;
use super::player::{Notes, player};
use super::server;
use super::typist::Typist;
use crate::env::TestEnv;
use crate::llama::LlamaServer;
use crate::model::{Conversation, Dialect, ScriptedModel, Setup};
use crate::program;

/// No turn takes longer, on the slowest day.
pub(super) const TURN_MAX: Duration = Duration::from_secs(1_800);
/// What a person's next words come behind.
pub(super) const PROMPT: &str = "auto> ";

/// The world of a session.
pub(super) struct World {
    /// Its folder.
    pub(super) env: TestEnv,
    /// The model that is talked to.
    pub(super) model: ScriptedModel,
    /// What the model had before it.
    pub(super) notes: Notes,
    llama: LlamaServer,
}

impl World {
    /// A world for this plan with a window of so many tokens; `settings` come first in the configuration. None, said on stderr,
    /// where the real server, or the encoder that was asked for, can't be had.
    pub(super) fn new(plan: &Plan, window: u32, settings: &str, encoder: bool) -> Option<World> {
        let llama = LlamaServer::start(window, &[])?;
        let env = match encoder {
            true => TestEnv::with_encoder()?,
            false => TestEnv::new(),
        };
        let office = program::sibling("office").display().to_string();
        env.config(&format!(
            "mode = \"auto\"\n{settings}\n\
             [[rules]]\ndecision = \"allow\"\nserver = \"{name}\"\n\
             [[rules]]\ndecision = \"allow\"\nserver = \"workspace\"\n\
             [servers.{name}]\ncommand = {office:?}\ntrust = \"annotations\"\n",
            name = server::NAME
        ));
        for (path, text) in &plan.files {
            env.write(format!("work/{path}"), text);
        }
        std::fs::create_dir_all(env.path("work/out")).expect("the world is writable");
        let notes = Notes::default();
        let setup = Setup::new(Dialect::LlamaCpp).front(&llama.url);
        let model = ScriptedModel::start(setup.by(player(plan, Arc::clone(&notes))));
        Some(World {
            env,
            model,
            notes,
            llama,
        })
    }

    /// Opens the program at a terminal, with these words more on its command line.
    ///
    /// # Errors
    /// It does not come up.
    pub(super) fn open(&self, more: &[&str]) -> Result<Typist, String> {
        let mut words = vec!["--endpoint", self.model.url.as_str()];
        words.extend(more);
        Ok(Typist::start(self.env.hub(words)))
    }

    /// Opens it and waits until a person may speak.
    ///
    /// # Errors
    /// It does not come up.
    pub(super) fn sit_down(&self, more: &[&str]) -> Result<Typist, String> {
        let mut typist = self.open(more)?;
        typist.wait_for(PROMPT, TURN_MAX)?;
        Ok(typist)
    }

    /// The journal of its one session.
    ///
    /// # Errors
    /// There is none, or it can't be read.
    pub(super) fn journal(&self) -> Result<(String, Vec<Line>), String> {
        let store = Store::new(self.env.path("state/toolpool"), Arc::new(RealDisk));
        let all = store.list().map_err(|error| error.to_string())?;
        let newest = all.iter().max_by_key(|summary| summary.turns);
        let id = &newest.ok_or("there is no session")?.id;
        let (lines, damage) = store.read(id).map_err(|error| error.to_string())?;
        match damage.as_slice() {
            [] => Ok((id.clone(), lines)),
            damage => Err(damage.join("; ")),
        }
    }

    /// The requests for a reply, as the model read them.
    pub(super) fn requests(&self) -> Vec<Conversation> {
        let read = |body: &Value| Conversation::read(body);
        self.model
            .chats()
            .iter()
            .map(|chat| read(&chat.body))
            .collect()
    }

    /// Requests that the real server refused for their length, by its own log.
    pub(super) fn overflows(&self) -> usize {
        self.llama
            .log()
            .lines()
            .filter(|line| line.contains("exceeds the available context size"))
            .count()
    }
}

/// Says these words and waits for the end of the turn.
///
/// # Errors
/// It does not come.
pub(super) fn say(typist: &mut Typist, words: &str) -> Result<(), String> {
    typist.line(words);
    typist.wait_for(PROMPT, TURN_MAX)
}
