//! The agent as people meet it: the hub's own binary, a scripted model, and fixtures for servers.
//!
//! What must hold for every run stands in `Talk::ask` and is checked in each of them: events are valid against the published
//! schema and the same as the journal's, every request's history is valid, fits the window and repeats the one before it
//! byte for byte, and nothing was sent to a server that was not decided on. The tests only say what is special.
//!
//! Absent on purpose: whether a model is understood; scripted ones prove the plumbing. The terminal is proved elsewhere.

mod budget;
mod cached;
mod calls;
mod faults;
mod found;
mod holds;
mod output;
mod permission;
mod sessions;
mod stopped;

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use toolpool::event::{Event, What};
use toolpool::journal::entry::CompactionNote;
use toolpool::journal::{Entry, Line, RealDisk, Store};
use toolpool_tests::env::TestEnv;
use toolpool_tests::model::{Answer, Conversation, Dialect, Recorded, ScriptedModel, Setup};
use toolpool_tests::run::Run;
use toolpool_tests::server::FakeServer;

/// A world with a scripted model in it.
struct Talk {
    env: TestEnv,
    model: ScriptedModel,
    /// What every request has to fit; none where the server lies about it.
    window: Option<u32>,
    /// Requests for a reply that were looked at before.
    seen: usize,
}

/// What was heard of one request.
struct Heard {
    run: Run,
    session: String,
    events: Vec<Event>,
    /// The whole journal.
    lines: Vec<Line>,
    /// The requests for a reply that it made.
    requests: Vec<Recorded>,
}

impl Talk {
    fn new(setup: Setup) -> Talk {
        Talk::within(TestEnv::new(), setup)
    }

    fn within(env: TestEnv, setup: Setup) -> Talk {
        env.servers("", &[]);
        Talk {
            env,
            window: Some(setup.window),
            model: ScriptedModel::start(setup),
            seen: 0,
        }
    }

    /// A model that says these things one after the other, as llama.cpp would, and a server `notes` of a few tools.
    fn saying(answers: impl IntoIterator<Item = Answer>) -> (Talk, FakeServer) {
        let talk = Talk::new(Setup::new(Dialect::LlamaCpp).queue(answers));
        let notes = talk.notes("");
        (talk, notes)
    }

    /// Configures a server `notes`, whose claims are believed; `top` comes first in the configuration.
    fn notes(&self, top: &str) -> FakeServer {
        let notes = FakeServer::new(&self.env, "notes")
            .with("--only echo,read_note,write_note,delete_note,slow,big,fail")
            .set("trust = \"annotations\"")
            .set("tools.slow = { effect = \"read-only\", concurrent = true }")
            .set("tools.big = { effect = \"read-only\", concurrent = false }")
            .set("tools.echo = { concurrent = false }")
            .set("tools.fail = { effect = \"read-only\" }");
        self.env.servers(top, &[&notes]);
        notes
    }

    /// The words of a command line behind the one that names the model.
    fn arguments<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let mut arguments = vec!["--endpoint", &self.model.url];
        arguments.extend(more);
        arguments
    }

    /// Runs the hub to its end.
    fn run(&self, arguments: &[&str]) -> Run {
        self.env.run(self.arguments(arguments))
    }

    /// Runs one request as `stream-json`, and holds it to everything that must always be so.
    #[track_caller]
    fn ask(&mut self, arguments: &[&str]) -> Heard {
        let mut all = self.arguments(arguments);
        all.extend(["--output-format", "stream-json"]);
        let run = self.env.run(all);
        self.heard(run)
    }

    /// What a run as `stream-json` was, held to everything that must always be so.
    #[track_caller]
    fn heard(&mut self, run: Run) -> Heard {
        let events = holds::events(&run);
        let session = events.first().map(|event| event.session.clone());
        let session = session.unwrap_or_else(|| panic!("there are events\n{}", run.snapshot()));
        let (lines, damage) = self.store().read(&session).expect("the journal is there");
        assert!(damage.is_empty(), "{damage:?}");
        let all = self.model.chats();
        let requests = all[self.seen..].to_vec();
        self.seen = all.len();
        holds::replayed(&lines, &session, &events);
        holds::decided(&lines);
        for request in &requests {
            holds::valid(&request.body);
            if let Some(window) = self.window {
                holds::fits(&request.body, window);
            }
        }
        let heard = Heard {
            run,
            session,
            events,
            lines,
            requests,
        };
        if !heard.was_cut() {
            for pair in heard.requests.windows(2) {
                holds::goes_on(&pair[0], &pair[1]);
            }
        }
        heard
    }

    fn state(&self) -> PathBuf {
        self.env.path("state/toolpool")
    }

    fn store(&self) -> Store {
        Store::new(self.state(), Arc::new(RealDisk))
    }
}

impl Heard {
    /// Itself, if the turn ended so and the exit code says the same.
    #[track_caller]
    fn ended(self, wanted: &str) -> Heard {
        let how = self.events.iter().find_map(|event| match &event.what {
            What::TurnEnd { how, .. } => Some(how.as_str()),
            _ => None,
        });
        assert_eq!(
            how,
            Some(wanted),
            "{}\n{}",
            self.told(),
            self.run.snapshot()
        );
        let code = match wanted {
            "answered" => 0,
            "cancelled" => 130,
            _ => 1,
        };
        assert_eq!(self.run.code(), code, "{wanted}\n{}", self.run.snapshot());
        self
    }

    /// Whether the prompt's front had to change: the conversation was compacted, or the tools are others.
    fn was_cut(&self) -> bool {
        let first = self.events.first().map_or(0, |event| event.seq);
        let new = self.lines.iter().filter(|line| line.seq >= first);
        let (mut pools, mut cut) = (0, false);
        for line in new {
            match &line.entry {
                Entry::Pool(_) => pools += 1,
                Entry::Compaction(_) => cut = true,
                _ => {}
            }
        }
        cut || pools > 1
    }

    /// The compactions of this run, each with the number of replies that came before it.
    fn compactions(&self) -> Vec<(usize, &CompactionNote)> {
        let first = self.events.first().map_or(0, |event| event.seq);
        let (mut replies, mut out) = (0, Vec::new());
        for line in &self.lines {
            match &line.entry {
                Entry::Reply { .. } => replies += 1,
                Entry::Compaction(note) if line.seq >= first => out.push((replies, note)),
                _ => {}
            }
        }
        out
    }

    /// Everything a person is told: warnings, and the note at the end.
    fn told(&self) -> String {
        let texts = self.events.iter().filter_map(|event| match &event.what {
            What::Warning { text, .. } => Some(text.as_str()),
            What::TurnEnd { note, .. } => note.as_deref(),
            _ => None,
        });
        texts.collect::<Vec<_>>().join("\n")
    }

    /// The model's last words.
    fn answer(&self) -> &str {
        let mut texts = self.events.iter().filter_map(|event| match &event.what {
            What::Reply { text, .. } => Some(text.as_str()),
            _ => None,
        });
        texts.next_back().unwrap_or_default()
    }

    /// What became of each call: its state and what the model is told, in the order they ended.
    fn finished(&self) -> Vec<(&str, &str)> {
        let ends = self.events.iter().filter_map(|event| match &event.what {
            What::CallFinished { state, text, .. } => Some((state.as_str(), text.as_str())),
            _ => None,
        });
        ends.collect()
    }

    /// The tools that a request offered.
    fn offered(&self, request: usize) -> Vec<String> {
        let asked = Conversation::read(&self.requests[request].body);
        asked.tool_names().into_iter().map(str::to_owned).collect()
    }

    /// The results that a request brought, in order.
    fn results(&self, request: usize) -> Vec<String> {
        let asked = Conversation::read(&self.requests[request].body);
        let results = asked
            .messages
            .into_iter()
            .filter(|said| said.role == "tool");
        results.map(|said| said.text).collect()
    }
}

/// The messages of a request.
fn messages(request: &Recorded) -> &[Value] {
    request.body["messages"]
        .as_array()
        .expect("a list")
        .as_slice()
}
