//! What a delegate did, read from its journal: the same words for one that has just ended and for one that a crash cut off.

use toolpool_config::Effect;
use toolpool_config::fixed::DELEGATE_CHANGES_MAX;

use super::{DELEGATE, Delegates};
use crate::agent::Agent;
use crate::error::Error;
use crate::journal::entry::{DelegatedNote, EndHow, Entry, Verdict};
use crate::journal::{Store, Sync};
use crate::session::Session;
use crate::workflow::Workflow;

/// What a session and its delegates did to the world.
#[derive(Default)]
pub(super) struct Changes {
    named: Vec<String>,
    /// Its last words, where its turn was answered.
    answer: Option<String>,
    /// Sessions whose journal can't be read.
    unread: Vec<String>,
}

impl Changes {
    pub(super) fn of(store: &Store, session: &str) -> Changes {
        let mut changes = Changes::default();
        changes.add(store, session, 0);
        changes
    }

    pub(super) fn named(self) -> Vec<String> {
        let unread = self.unread.into_iter();
        let unread = unread
            .map(|session| format!("whatever session {session} did, whose journal can't be read"));
        self.named.into_iter().chain(unread).collect()
    }

    /// A journal that names itself would have no end; the depth has one.
    fn add(&mut self, store: &Store, session: &str, depth: u32) {
        const DEEP: u32 = 16;
        let Ok((lines, _)) = store
            .read(session)
            .map_err(|error| tracing::warn!(%error, session, "unread"))
        else {
            self.unread.push(session.to_owned());
            return;
        };
        let (mut talk, mut workflow, mut delegates) = (
            Session::default(),
            Workflow::default(),
            Delegates::default(),
        );
        let mut end = None;
        for line in &lines {
            talk.apply(line);
            workflow.apply(line);
            delegates.apply(line);
            if let Entry::End { turn, how, .. } = &line.entry {
                end = Some((*turn, *how));
            }
        }
        if let (0, Some((turn, EndHow::Answered))) = (depth, end) {
            self.answer = Some(talk.last_words(turn).unwrap_or_default());
        }
        for record in workflow.calls() {
            let changes = record.intended && record.effect != Some(Effect::ReadOnly);
            if changes && record.verdict != Verdict::NotStarted {
                let state = match record.verdict {
                    Verdict::Completed => "done",
                    Verdict::Failed => "failed",
                    Verdict::InDoubt | Verdict::NotStarted => "not known whether it was done",
                };
                self.named.push(format!("{} ({state})", record.name));
            }
        }
        for note in delegates.all().filter(|_| depth < DEEP) {
            self.add(store, &note.session, depth + 1);
        }
    }
}

/// The changes in a few words.
pub(super) fn listed(changed: &[String]) -> String {
    if changed.is_empty() {
        return "it changed nothing".into();
    }
    let named: Vec<&str> = changed
        .iter()
        .take(DELEGATE_CHANGES_MAX)
        .map(String::as_str)
        .collect();
    let more = match changed.len() - named.len() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!("it changed something: {}{more}", named.join(", "))
}

/// How a turn ended, as the journal writes it.
pub(super) fn ending(how: EndHow) -> String {
    let word = serde_json::to_value(how).unwrap_or_default();
    word.as_str().unwrap_or("unknown").to_owned()
}

/// What is known of a delegate whose caller's process ended, and whether that is a failure.
pub(super) fn told(store: &Store, note: &DelegatedNote) -> (String, bool) {
    let changes = Changes::of(store, &note.session);
    let answer = changes.answer.clone();
    let changes = listed(&changes.named());
    let who = format!("agent `{}` (session {})", note.agent, note.session);
    match answer {
        Some(answer) => (
            format!("{answer}\n[the program was restarted after {who} had answered; {changes}]"),
            false,
        ),
        None => (
            format!(
                "the program was restarted before {who} had answered, and it was not started again; {changes}. Look at what is there before you give the task again"
            ),
            true,
        ),
    }
}

/// Says in the journal what became of the delegates that a crash cut off, before something else is begun.
///
/// # Errors
/// The journal's.
pub(crate) async fn settle(agent: &Agent) -> Result<(), Error> {
    let open: Vec<DelegatedNote> = {
        let folds = agent.folds();
        let unanswered = |note: &&DelegatedNote| {
            let record = folds.workflow.call(note.call);
            record.is_some_and(|record| record.text.is_none())
        };
        folds.delegates.all().filter(unanswered).cloned().collect()
    };
    for note in open {
        let (text, failed) = told(agent.store(), &note);
        let entry = Entry::Own {
            call: note.call,
            name: DELEGATE.to_owned(),
            text,
            failed,
        };
        agent.append(entry, Sync::Later).await?;
    }
    Ok(())
}

/// How many delegates stand below those of a journal that is opened again.
pub(crate) fn begun_below(store: &Store, delegates: &Delegates) -> u32 {
    let below = |note: &DelegatedNote| {
        let Ok((lines, _)) = store.read(&note.session) else {
            return 0;
        };
        let mut theirs = Delegates::default();
        lines.iter().for_each(|line| theirs.apply(line));
        // One that is its own delegate was written by somebody else.
        let is_own = theirs.all().any(|inner| inner.session == note.session);
        if is_own {
            0
        } else {
            begun_below(store, &theirs)
        }
    };
    delegates.count() + delegates.all().map(below).sum::<u32>()
}
