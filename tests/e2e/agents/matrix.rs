//! Every agent type against every effect through every path, as the conversation itself and as its delegate: the servers'
//! ledgers say what was reached.

use std::collections::BTreeSet;

use serde_json::json;
use toolpool::journal::{Entry, Line};
use toolpool_tests::model::{Answer, Conversation};

use super::{ALLOWED, READER, TOOLS, World, arguments, at, directly, expected};

/// Nothing is stopped for failing often.
const ENDLESS: &str = "[agent]\nfailures_max = 1000\nrepeats_max = 1000\nsteps_max = 100\n";

fn bridged(path: &str) -> Answer {
    TOOLS.iter().fold(Answer::default(), |answer, (_, tool)| {
        let inner = json!({ "name": tool, "arguments": arguments(tool, path) });
        answer.and_call("call_tool", inner)
    })
}

/// Tries every path to every tool, then gives the same away.
fn tries_everything(asked: &Conversation) -> Answer {
    let (step, words) = at(asked);
    let give = |agent: &str, task: &str| json!({ "agent": agent, "task": task });
    match (words, step) {
        ("reach", 0) => directly("direct"),
        ("reach", 1) => bridged("call_tool"),
        ("reach", 2) => Answer::call(
            "find_tools",
            json!({ "query": "read write delete a note, return text" }),
        ),
        ("reach", 3) => bridged("late"),
        ("reach", 4) => Answer::call("delegate", give("general", "reach below")).and_call(
            "call_tool",
            json!({ "name": "delegate", "arguments": give("general", "reach below") }),
        ),
        ("reach below", 0) => directly("below").and_call(
            "call_tool",
            json!({ "name": "notes__delete_note", "arguments": { "title": "below" } }),
        ),
        (words, 0) if words.starts_with("give ") => {
            let agent = words.trim_start_matches("give ").to_owned();
            Answer::call("delegate", give(&agent, "reach"))
        }
        _ => Answer::say("done"),
    }
}

#[test]
fn every_type_reaches_what_it_may_by_every_path_and_nothing_else() {
    let all = TOOLS.map(|(effect, _)| effect);
    let (searched, every) = (
        ["direct", "call_tool", "late"],
        ["direct", "call_tool", "late", "below"],
    );
    let rows: [(&str, BTreeSet<(String, &'static str)>); 6] = [
        ("explore", expected(&searched, &["read-only"])),
        ("plan", expected(&searched, &["read-only"])),
        ("verify", expected(&searched, &["read-only"])),
        ("guide", expected(&[], &[])),
        ("general", expected(&every, &all)),
        ("reader", expected(&every, &["read-only"])),
    ];
    for (agent, wanted) in rows {
        for given in [false, true] {
            let world = World::new(&format!("{ALLOWED}{ENDLESS}{READER}"), tries_everything);
            let run = match given {
                false => world.run(&["--agent", agent, "reach"]),
                true => world.run(&[&format!("give {agent}")]),
            };
            assert_eq!(run.code(), 0, "{agent} {given}\n{}", run.snapshot());
            assert_eq!(
                world.reached(),
                wanted,
                "{agent}, given: {given}\n{}",
                run.snapshot()
            );
            for (_, lines) in world.journals() {
                decided(&lines);
            }
            hidden_like_unknown(&world, agent);
        }
    }
}

/// Nothing was sent that no decision allowed.
fn decided(lines: &[Line]) {
    let mut allowed = BTreeSet::new();
    for line in lines {
        match &line.entry {
            Entry::Decision(note) if note.allowed => _ = allowed.insert(note.call),
            Entry::Intent(intent) => assert!(allowed.contains(&intent.call), "{intent:?}"),
            _ => {}
        }
    }
}

/// What a type hides is in no list that the model is sent, and is answered like what does not exist.
fn hidden_like_unknown(world: &World, agent: &str) {
    if agent == "general" {
        return;
    }
    let mut refused = 0;
    for request in world.model.chats() {
        let asked = Conversation::read(&request.body);
        // The conversation that gives the task away has no type; its list may hold them.
        if at(&asked).1.starts_with("give ") {
            continue;
        }
        for (effect, tool) in TOOLS.iter().filter(|(effect, _)| *effect != "read-only") {
            assert!(
                !asked.tool_names().contains(tool),
                "{agent}: {effect} is offered"
            );
            let results = asked.messages.iter().filter(|said| said.is_result_of(tool));
            for result in results {
                assert!(
                    result.text.starts_with("unknown tool"),
                    "{agent}: {}",
                    result.text
                );
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "{agent} tried");
}
