//! What a real session says of its server's prompt cache, with the real llama-server behind the scripted model: compactions,
//! requests of its own on the one slot, and how often the pool changes.

use std::time::Duration;

use serde_json::json;
use toolpool::journal::entry::{CacheCause, CacheNote, CompactReason, PoolNote};
use toolpool::journal::{Entry, Line};
use toolpool_tests::llama::LlamaServer;
use toolpool_tests::long::Typist;
use toolpool_tests::model::{Answer, Conversation, Dialect, Setup};
use toolpool_tests::server::FakeServer;

use super::{Heard, Talk};

/// No answer takes longer, on the slowest day.
const SHOWN_MAX: Duration = Duration::from_secs(300);

/// Turns within which the window was full twice.
const TURNS_MAX: u32 = 24;

/// A talk before a real server with one slot and nothing but that slot to remember in; none where it can't be had.
fn talk(
    window: u32,
    settings: &str,
    answer: impl Fn(&Conversation) -> Answer + Send + Sync + 'static,
) -> Option<(Talk, FakeServer, LlamaServer)> {
    let llama = LlamaServer::start(window, &["--cache-ram", "0"])?;
    let mut talk = Talk::new(Setup::new(Dialect::LlamaCpp).front(&llama.url).by(answer));
    // The server counts, and refuses what does not fit: a refusal would be a compaction for another reason.
    talk.window = None;
    let notes = talk.notes(settings);
    Some((talk, notes, llama))
}

/// Calls this once a turn, then answers.
fn once(tool: &str, arguments: &serde_json::Value, asked: &Conversation) -> Answer {
    match asked.last().map(|said| said.role.as_str()) {
        Some("tool") => Answer::say("It is done."),
        _ => Answer::call(tool, arguments.clone()),
    }
}

fn reads(lines: &[Line]) -> Vec<&CacheNote> {
    let notes = lines.iter().filter_map(|line| match &line.entry {
        Entry::Cache(note) => Some(note),
        _ => None,
    });
    notes.collect()
}

fn pools(heard: &Heard) -> (Vec<&PoolNote>, usize) {
    let pools = heard.lines.iter().filter_map(|line| match &line.entry {
        Entry::Pool(note) => Some(note),
        _ => None,
    });
    let weighed = |line: &&Line| matches!(line.entry, Entry::Border(_));
    (pools.collect(), heard.lines.iter().filter(weighed).count())
}

#[test]
fn a_compaction_is_the_cause_of_what_it_costs_and_a_person_sees_it() {
    let big = json!({ "bytes": 200_000 });
    let greedy = move |asked: &Conversation| once("notes__big", &big, asked);
    let Some((mut talk, _notes, _llama)) = talk(4096, "", greedy) else {
        return;
    };
    let mut last: Option<Heard> = None;
    let mut compactions = 0;
    for turn in 1..=TURNS_MAX {
        let words = format!("turn {turn}: fetch it all");
        let arguments = match turn {
            1 => vec![words.as_str()],
            _ => vec!["--continue", &words],
        };
        let heard = talk.ask(&arguments).ended("answered");
        compactions += usize::from(!heard.compactions().is_empty());
        last = Some(heard);
        if compactions == 2 {
            break;
        }
    }
    let heard = last.expect("there were turns");
    let (mut compacted, mut after, mut others) = (false, Vec::new(), Vec::new());
    for line in &heard.lines {
        match &line.entry {
            Entry::Compaction(note) => {
                assert_eq!(note.reason, CompactReason::Room);
                compacted = true;
            }
            Entry::Cache(note) if std::mem::take(&mut compacted) => after.push(note),
            Entry::Cache(note) => others.push(note),
            _ => {}
        }
    }
    assert_eq!(after.len(), 2, "{others:#?}");
    for note in after {
        assert_eq!(note.cause, Some(CacheCause::Compaction), "{note:#?}");
        assert!(note.again > 0 && note.place.is_some(), "{note:#?}");
    }
    for note in others {
        assert_eq!(note.cause, None, "{note:#?}");
    }
    // The same in a chat that goes on with it.
    let mut typist = Typist::start(talk.env.hub(talk.arguments(&["--continue"])));
    typist.wait_for("> ", SHOWN_MAX).expect("it begins");
    typist.line("/cache");
    let shown = typist.wait_for("what had been read before", SHOWN_MAX);
    shown.expect("the sums stand below");
    let text = typist.text();
    for words in ["LOST TO", "compaction: message", "tokens from the cache"] {
        assert!(text.contains(words), "`{words}` in {text}");
    }
    typist.line("/quit");
    assert!(typist.ended(SHOWN_MAX).expect("it ends").success());
}

#[test]
fn an_opinion_on_the_only_slot_is_not_somebody_else() {
    let note = json!({ "title": "a", "text": "b" });
    let answer = move |asked: &Conversation| match asked.messages.first() {
        Some(first) if first.text.starts_with("You check one tool call") => Answer::say("OK"),
        _ => once("notes__write_note", &note, asked),
    };
    let settings = "mode = \"auto\"\nagent.model_approver = true\n\
                    rules = [{ decision = \"allow\", server = \"notes\" }]\n";
    let Some((talk, _notes, _llama)) = talk(8192, settings, answer) else {
        return;
    };
    talk.run(&["write it"]).ok();
    let store = talk.store();
    let session = &store.list().expect("it can be read")[0].id;
    let (lines, _) = store.read(session).expect("it is there");
    let reads = reads(&lines);
    assert_eq!(reads.len(), 2, "{reads:#?}");
    assert_eq!(reads[1].cause, Some(CacheCause::OwnRequest), "{reads:#?}");
    assert_eq!(
        reads[1].place.as_deref(),
        Some("slot 0: 1 of our own came between")
    );
}

#[test]
fn a_pool_is_never_built_again_or_in_every_step_where_that_is_set() {
    for (rebuild, more_than_one) in [("never", false), ("step", true)] {
        let settings = format!("[pool]\nrebuild = {rebuild:?}\ntools_max = 6\n");
        let echo = json!({ "text": "a" });
        let answer = move |asked: &Conversation| once("notes__echo", &echo, asked);
        let Some((mut talk, _notes, _llama)) = talk(8192, &settings, answer) else {
            return;
        };
        talk.ask(&["delete the note"]).ended("answered");
        talk.ask(&["--continue", "a slow and big failure"])
            .ended("answered");
        let heard = talk
            .ask(&["--continue", "delete the note"])
            .ended("answered");
        let (pools, weighed) = pools(&heard);
        assert_eq!(weighed, 0, "there is nothing to weigh");
        assert_eq!(pools[0].border, "first");
        assert!(pools[1..].iter().all(|pool| pool.border == "step"));
        assert_eq!(pools.len() > 1, more_than_one, "{rebuild}: {pools:#?}");
        let changed = reads(&heard.lines).iter().any(|note| {
            matches!(
                note.cause,
                Some(CacheCause::ToolsChanged | CacheCause::ToolOrder | CacheCause::ToolBytes)
            )
        });
        assert_eq!(changed, more_than_one, "{rebuild}");
    }
}
