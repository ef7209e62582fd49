//! One world in which the task is done: its server, its model, its runs, and what is on the disk between them.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use toolpool::journal::entry::{CallId, EndHow};
use toolpool::journal::{Entry, Line, RealDisk, Store};
use toolpool::workflow::{CallRecord, Workflow};

use super::task::{self, ANSWER, SERVER, WORDS};
use super::verdict::{self, Look};
use super::{Case, Figures, Kill};
use crate::env::{RUN_MAX, TestEnv};
use crate::killing::{COUNT, KILL};
use crate::model::{Dialect, ScriptedModel, Setup};
use crate::server::FakeServer;
use crate::{processes, program};

/// What a killed hub leaves is gone within this.
const GONE: Duration = Duration::from_secs(20);

/// The world.
pub(super) struct Scene {
    env: TestEnv,
    notes: FakeServer,
    model: ScriptedModel,
}

/// What a run left.
#[derive(Debug)]
pub(super) struct Ran {
    /// Whether it was killed.
    pub(super) killed: bool,
    /// Its exit code, where it was not.
    pub(super) code: Option<i32>,
    /// The durable events that it printed.
    pub(super) events: Vec<Value>,
    /// What it told the person.
    pub(super) stderr: String,
    /// From the start to the first event.
    pub(super) heard: Duration,
    /// From the start to the end.
    pub(super) whole: Duration,
}

/// A session as it lies on the disk.
pub(super) struct Kept {
    /// Its id.
    pub(super) id: String,
    /// Its lines.
    pub(super) lines: Vec<Line>,
    /// Its calls.
    pub(super) workflow: Workflow,
}

impl Kept {
    fn has_words(&self) -> bool {
        let is_words = |line: &Line| matches!(line.entry, Entry::User { .. });
        self.lines.iter().any(is_words)
    }

    fn end(&self) -> Option<EndHow> {
        self.lines.iter().rev().find_map(|line| match line.entry {
            Entry::End { how, .. } => Some(how),
            _ => None,
        })
    }

    /// Calls in doubt: those that a person has to be asked about, or those that may simply be made again.
    fn doubts(&self, repeatable: bool) -> BTreeSet<CallId> {
        let open = |record: &&&CallRecord| {
            record.repeatable == repeatable && record.settled.is_none() && record.text.is_none()
        };
        let all = self.workflow.in_doubt();
        all.iter().filter(open).map(|record| record.call).collect()
    }
}

impl Scene {
    pub(super) fn new(linger_ms: u64) -> Scene {
        let env = TestEnv::new();
        let notes = FakeServer::new(&env, SERVER)
            .with("--only read_note,write_note,delete_note")
            .with(&format!("--linger-ms {linger_ms}"))
            .set("trust = \"annotations\"");
        env.servers(
            &format!(
                "[event_log]\nenabled = false\n\
                 [limits]\nstop_grace_ms = 200\nkill_grace_ms = 200\n\
                 [[rules]]\ndecision = \"allow\"\nserver = \"{SERVER}\"\n"
            ),
            &[&notes],
        );
        let model = ScriptedModel::start(Setup::new(Dialect::OpenAi).by(task::answer));
        Scene { env, notes, model }
    }

    /// Runs the hub for the task, from the beginning or from where it is.
    pub(super) fn run(
        &self,
        kept: Option<&Kept>,
        happened: bool,
        kill: Option<&Kill>,
        count: bool,
    ) -> Result<Ran, String> {
        let mut command = self.env.command(program::sibling("killed-hub"));
        match kept {
            None => command.arg(WORDS),
            Some(kept) if kept.has_words() => command
                .args(["--resume", &kept.id, "--in-doubt"])
                .arg(if happened { "happened" } else { "not-happened" }),
            Some(kept) => command.args([WORDS, "--resume", &kept.id]),
        };
        command.args(["--output-format", "stream-json"]);
        command.args(["--endpoint", &self.model.url]);
        if let Some(Kill::At(boundary)) = kill {
            command.env(KILL, boundary.to_string());
        }
        if count {
            command.env(COUNT, self.env.path("operations"));
        }
        let ran = watch(command, kill)?;
        if ran.killed {
            let left = processes::left_after(self.env.root(), GONE);
            if !left.is_empty() {
                return Err(format!("processes outlive the killed hub: {left:?}"));
            }
        }
        Ok(ran)
    }

    /// The operations that a counted run had.
    pub(super) fn operations(&self) -> Vec<String> {
        let counted = std::fs::read_to_string(self.env.path("operations"));
        let counted = counted.unwrap_or_default();
        counted.lines().map(str::to_owned).collect()
    }

    /// The session, once it has a line.
    pub(super) fn kept(&self) -> Result<Option<Kept>, String> {
        let store = Store::new(self.env.path("state/toolpool"), Arc::new(RealDisk));
        let mut found = Vec::new();
        for summary in store.list().map_err(|error| error.to_string())? {
            let read = store.read(&summary.id);
            let (lines, _) = read.map_err(|error| error.to_string())?;
            if !lines.is_empty() {
                found.push((summary.id, lines));
            }
        }
        if found.len() > 1 {
            return Err(format!("{} sessions where one was begun", found.len()));
        }
        Ok(found.pop().map(|(id, lines)| {
            let mut workflow = Workflow::default();
            for line in &lines {
                workflow.apply(line);
            }
            Kept {
                id,
                lines,
                workflow,
            }
        }))
    }

    fn look<'a>(&self, kept: &'a Kept, told: &'a [Value]) -> Look<'a> {
        Look {
            kept,
            told,
            ledger: self.notes.saw("call"),
            requests: self.model.chats(),
        }
    }
}

/// Plays a case to the task's end.
///
/// # Errors
/// What is not as it must be, with what there is to see.
pub fn play(case: &Case) -> Result<Figures, String> {
    let (text, result) = shown(case);
    result.map_err(|wrong| format!("{case}\n{wrong}\n{text}"))
}

/// Plays a case, with what there is to see of it afterwards.
pub fn shown(case: &Case) -> (String, Result<Figures, String>) {
    let scene = Scene::new(case.linger_ms);
    let mut said = String::new();
    let result = through(&scene, case, &mut said);
    let journal = match scene.kept() {
        Ok(Some(kept)) => verdict::text(&kept),
        Ok(None) => "  no session\n".to_owned(),
        Err(error) => error,
    };
    let calls = scene.notes.saw("call");
    let ledger: String = calls.iter().map(|call| format!("  {call}\n")).collect();
    (
        format!("journal:\n{journal}ledger:\n{ledger}said:\n{said}"),
        result,
    )
}

fn through(scene: &Scene, case: &Case, said: &mut String) -> Result<Figures, String> {
    let mut figures = Figures::default();
    let mut told: Vec<Value> = Vec::new();
    let mut kept: Option<Kept> = None;
    let mut kills = case.kills.iter();
    loop {
        let kill = kills.next();
        let before = kept.as_ref();
        let open = before.map(|kept| kept.doubts(false)).unwrap_or_default();
        let repeatable = before.map(|kept| kept.doubts(true)).unwrap_or_default();
        let ran = scene.run(before, case.happened, kill, false)?;
        said.push_str(&ran.stderr);
        figures.runs += 1;
        figures.kills += usize::from(ran.killed);
        figures.missed += usize::from(kill.is_some() && !ran.killed);
        figures.events += ran.events.len();
        told.extend(ran.events.iter().cloned());
        if !ran.killed && ran.code != Some(0) {
            return Err(format!("the run ended with {:?}", ran.code));
        }

        let now = scene.kept()?;
        match &now {
            None if told.is_empty() && scene.model.chats().is_empty() => {}
            None => return Err("something was told or asked, and there is no session".into()),
            Some(now) => {
                let look = scene.look(now, &told);
                figures.states += verdict::states(&look)?;
                verdict::nothing_is_lost(&look)?;
                figures.histories = verdict::histories(&look)?;
                if !now.has_words() && !look.requests.is_empty() {
                    return Err("the model was asked before the words were kept".into());
                }
                if !ran.killed {
                    verdict::told_of_doubts(&open, before, &ran.stderr)?;
                    verdict::settled(&look, &open, case.happened)?;
                }
                let fresh = now.doubts(false);
                let is_fresh = |call: &&CallId| !open.contains(call);
                for call in fresh.iter().filter(is_fresh) {
                    figures.doubts += 1;
                    figures.doubts_true += usize::from(look.times(*call) > 0);
                }
                let again = |call: &&CallId| look.times(**call) > 1;
                figures.repeated += repeatable.iter().filter(again).count();
            }
        }
        kept = now;
        if !ran.killed || kept.as_ref().is_some_and(|kept| kept.end().is_some()) {
            break;
        }
    }
    let Some(kept) = &kept else {
        return Err("the task ended and left no session".into());
    };
    if kept.end() != Some(EndHow::Answered) {
        return Err(format!("the turn ended with {:?}", kept.end()));
    }
    let last = kept.lines.iter().rev().find_map(|line| match &line.entry {
        Entry::Reply { text, .. } => Some(text.as_str()),
        _ => None,
    });
    if last != Some(ANSWER) {
        return Err(format!("the last words are {last:?}"));
    }
    let look = scene.look(kept, &told);
    figures.twice_asked += verdict::nothing_twice(&look)?;
    Ok(figures)
}

/// Starts a hub and kills it when it is time; one that does not end by itself is an error.
fn watch(mut command: Command, kill: Option<&Kill>) -> Result<Ran, String> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = command
        .spawn()
        .map_err(|error| format!("the hub can't be started: {error}"))?;
    let stdout = child.stdout.take().expect("stdout is piped");
    let mut stderr = child.stderr.take().expect("stderr is piped");
    let (first, heard) = mpsc::channel();
    let lines = thread::spawn(move || {
        let mut lines = Vec::new();
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            // Nobody waits for it where it is killed by itself.
            let _ = first.send(started.elapsed());
            lines.push(line);
        }
        lines
    });
    let words = thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is still worth showing.
        let _ = stderr.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    });

    let wait = match kill {
        Some(Kill::Started(after)) => Some(*after),
        Some(Kill::Heard(after)) => {
            let first = heard.recv_timeout(RUN_MAX).ok();
            first.map(|first| (first + *after).saturating_sub(started.elapsed()))
        }
        Some(Kill::At(_)) | None => None,
    };
    if let Some(wait) = wait {
        thread::sleep(wait);
        // It may have ended by then, which is no error.
        let _ = child.kill();
    }
    let status = ended(&mut child, RUN_MAX)?;
    let whole = started.elapsed();
    let heard = match heard.recv_timeout(Duration::ZERO) {
        Ok(first) => first,
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => whole,
    };
    let lines = lines.join().expect("a reader does not panic");
    let killed = status.signal() == Some(Signal::KILL.as_raw());
    let mut events = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        match serde_json::from_slice::<Value>(line) {
            // Passing events are gone when they were seen.
            Ok(event) if event["passing"] == 0 => events.push(event),
            Ok(_) => {}
            Err(_) if killed && place + 1 == lines.len() => {}
            Err(error) => return Err(format!("a printed line is no event: {error}")),
        }
    }
    Ok(Ran {
        killed,
        code: status.code(),
        events,
        stderr: words.join().expect("a reader does not panic"),
        heard,
        whole,
    })
}

fn ended(child: &mut Child, limit: Duration) -> Result<std::process::ExitStatus, String> {
    let end = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if Instant::now() < end => thread::sleep(Duration::from_millis(2)),
            Ok(None) => {
                // It is gone either way; what matters is that it did not go by itself.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("the hub ran longer than {limit:?}"));
            }
            Err(error) => return Err(format!("the hub can't be waited for: {error}")),
        }
    }
}
