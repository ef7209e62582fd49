//! Agent types and delegates: what a type can reach, by every path there is, with the servers' own ledgers as witnesses; and what
//! a task that was given away leaves behind.
//!
//! The model tries everything: it calls each tool by its name, through `call_tool`, after `find_tools`, and by giving the task
//! away. A rule allows every call, so that nothing but the type stands between it and the server.

mod matrix;

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use toolpool::journal::{Entry, Line, RealDisk, Store};
use toolpool_tests::env::TestEnv;
use toolpool_tests::model::{
    Answer, Conversation, Dialect, Faults, Recorded, ScriptedModel, Setup,
};
use toolpool_tests::processes;
use toolpool_tests::run::Run;
use toolpool_tests::server::{FakeServer, wait_until};

const SOON: Duration = Duration::from_secs(60);
/// Everything is allowed.
const ALLOWED: &str = "[[rules]]\ndecision = \"allow\"\nserver = \"*\"\n";
/// A type of the person's own that only reads, and may give tasks away.
const READER: &str = "[agents.reader]\ndescription = \"reads\"\nprompt = \"Read.\"\neffects = \"read-only\"\n\
                      own = [\"steps\", \"find\", \"delegate\"]\n";

/// Each effect with the tool that has it. The last one claims to read, and nobody believes its server.
const TOOLS: [(&str, &str); 5] = [
    ("read-only", "notes__read_note"),
    ("idempotent", "notes__write_note"),
    ("mutating", "notes__echo"),
    ("destructive", "notes__delete_note"),
    ("unbelieved", "wild__read_note"),
];

struct World {
    env: TestEnv,
    model: ScriptedModel,
    servers: [FakeServer; 2],
}

impl World {
    fn new(top: &str, answer: impl Fn(&Conversation) -> Answer + Send + Sync + 'static) -> World {
        let env = TestEnv::new();
        let setup = Setup::new(Dialect::LlamaCpp).window(32_768).by(answer);
        let notes = FakeServer::new(&env, "notes")
            .with("--only echo,read_note,write_note,delete_note")
            .set("trust = \"annotations\"")
            .set("tools.echo = { effect = \"mutating\" }");
        let wild = FakeServer::new(&env, "wild").with("--only read_note");
        env.servers(top, &[&notes, &wild]);
        World {
            env,
            model: ScriptedModel::start(setup),
            servers: [notes, wild],
        }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let mut all = vec!["--endpoint", &self.model.url];
        all.extend(arguments);
        self.env.run(all)
    }

    /// What reached a server: the path that it came by, and the effect.
    fn reached(&self) -> BTreeSet<(String, &'static str)> {
        let mut reached = BTreeSet::new();
        for server in &self.servers {
            for call in server.saw("call") {
                let name = format!(
                    "{}__{}",
                    server.name,
                    call["tool"].as_str().expect("a name")
                );
                let (effect, _) = TOOLS
                    .iter()
                    .find(|(_, tool)| *tool == name)
                    .expect("one of ours");
                let arguments = &call["arguments"];
                let by = arguments["title"].as_str().or(arguments["text"].as_str());
                reached.insert((by.expect("each call says its path").to_owned(), *effect));
            }
        }
        reached
    }

    fn store(&self) -> Store {
        Store::new(self.env.path("state/toolpool"), Arc::new(RealDisk))
    }

    /// Every session's lines, conversations before delegates.
    fn journals(&self) -> Vec<(String, Vec<Line>)> {
        let store = self.store();
        let mut sessions = store.list().expect("the sessions can be read");
        // Two of one second have no order of their own.
        sessions.sort_by_key(|session| session.parent.is_some());
        let lines = |id: String| {
            let (lines, damage) = store.read(&id).expect("it can be read");
            assert!(damage.is_empty(), "{damage:?}");
            (id, lines)
        };
        sessions
            .into_iter()
            .map(|session| lines(session.id))
            .collect()
    }
}

/// How often the model has spoken since the person's words, and those.
fn at(asked: &Conversation) -> (usize, &str) {
    let last = asked
        .messages
        .iter()
        .rposition(|said| said.role == "user")
        .expect("somebody asks");
    let spoken = asked.messages[last..]
        .iter()
        .filter(|said| said.role == "assistant")
        .count();
    (spoken, &asked.messages[last].text)
}

fn arguments(tool: &str, path: &str) -> Value {
    match tool {
        "notes__echo" => json!({ "text": path }),
        "notes__write_note" => json!({ "title": path, "text": "x" }),
        _ => json!({ "title": path }),
    }
}

fn directly(path: &str) -> Answer {
    TOOLS.iter().fold(Answer::default(), |answer, (_, tool)| {
        answer.and_call(tool, arguments(tool, path))
    })
}

fn expected(paths: &[&str], effects: &[&'static str]) -> BTreeSet<(String, &'static str)> {
    let pairs = paths
        .iter()
        .flat_map(|path| effects.iter().map(|effect| ((*path).to_owned(), *effect)));
    pairs.collect()
}

#[test]
fn a_delegate_is_linked_both_ways_and_listed_below_its_caller() {
    let world = World::new(ALLOWED, |asked| match at(asked) {
        (0, "ask around") => Answer::call(
            "delegate",
            json!({ "agent": "explore", "task": "look", "thoroughness": "quick" }),
        ),
        (0, "look") => directly("direct"),
        (_, "look") => Answer::say("It is called a."),
        _ => Answer::say("They say it is called a."),
    });
    let run = world
        .run(&["--output-format", "stream-json", "ask around"])
        .ok();
    let journals = world.journals();
    let [(parent, above), (child, below)] = &journals[..] else {
        panic!("two sessions: {journals:?}");
    };
    let Entry::Begin(begin) = &below[0].entry else {
        panic!("it begins");
    };
    assert_eq!(begin.agent.as_deref(), Some("explore"));
    let link = begin.parent.as_ref().expect("it has a parent");
    assert_eq!((&link.session, link.depth), (parent, 1));
    assert_eq!(link.thoroughness.as_deref(), Some("quick"));
    let notes: Vec<_> = above
        .iter()
        .filter_map(|line| match &line.entry {
            Entry::Delegated(note) => Some(note),
            _ => None,
        })
        .collect();
    assert_eq!(notes.len(), 1);
    assert_eq!((&notes[0].session, notes[0].call), (child, link.call));
    // What came back, and what it did: the caller reads both.
    let told = result(&world, "delegate");
    assert!(
        told.starts_with("It is called a.\n[agent `explore`, session "),
        "{told}"
    );
    assert!(told.ends_with(": it changed nothing]"), "{told}");
    // The delegate saw its own prompt and nothing of the conversation.
    let asked = asked_for(&world, "look");
    assert!(
        asked.messages[0].text.contains("Be quick"),
        "{}",
        asked.messages[0].text
    );
    assert!(
        asked
            .messages
            .iter()
            .all(|said| !said.text.contains("ask around"))
    );
    assert!(!asked.tool_names().contains(&"delegate"));
    // Its steps show in the caller's stream, one calm line each.
    assert!(
        run.stdout.contains("explore: step 1, notes__read_note"),
        "{}",
        run.stdout
    );
    // Listed, and never gone on with by itself.
    let listed = world.env.run(["sessions", "list", "--json"]).ok().json();
    let sessions = listed["sessions"].as_array().expect("a list");
    assert_eq!(sessions[0]["id"], **parent);
    assert_eq!(sessions[1]["parent"], **parent);
    assert_eq!(sessions[1]["agent"], "explore");
    let text = world.env.run(["sessions", "list"]).ok().stdout;
    assert!(text.contains(&format!("\n  {child}")), "{text}");
    world.run(&["--continue", "and now?"]).ok();
    assert_eq!(world.journals().len(), 2);
    let (_, lines) = &world.journals()[0];
    assert!(
        lines
            .iter()
            .any(|line| matches!(&line.entry, Entry::User { text, .. } if text == "and now?"))
    );
}

/// The last result of a tool that any request brought.
fn result(world: &World, tool: &str) -> String {
    let chats = world.model.chats();
    let results = chats.iter().rev().find_map(|request: &Recorded| {
        let asked = Conversation::read(&request.body);
        let said = asked
            .messages
            .into_iter()
            .rev()
            .find(|said| said.is_result_of(tool))?;
        Some(said.text)
    });
    results.unwrap_or_else(|| panic!("no result of `{tool}`"))
}

/// The first request of a conversation that began with these words.
fn asked_for(world: &World, words: &str) -> Conversation {
    let chats = world.model.chats();
    let mut asked = chats
        .iter()
        .map(|request| Conversation::read(&request.body));
    asked
        .find(|asked| at(asked).1 == words)
        .expect("somebody asked for it")
}

#[test]
fn a_long_answer_comes_back_within_its_share_and_the_rest_is_kept() {
    let long = "a line of the long answer\n".repeat(2_000);
    let world = World::new("", move |asked| match at(asked) {
        (0, "ask") => Answer::call(
            "delegate",
            json!({ "agent": "explore", "task": "tell all" }),
        ),
        (_, "tell all") => Answer::say(&long),
        _ => Answer::say("done"),
    });
    world.run(&["ask"]).ok();
    let told = result(&world, "delegate");
    // 0.1 of 32,768 tokens, at six tokens a line.
    assert!(told.len() < 20_000 && told.len() > 5_000, "{}", told.len());
    let name = told.split("artifact ").nth(1).expect("it is named");
    let name: String = name.chars().take_while(char::is_ascii_hexdigit).collect();
    let (parent, _) = &world.journals()[0];
    let kept = world
        .store()
        .artifacts(parent)
        .expect("a folder")
        .get(&name);
    let kept = kept.expect("it is kept");
    assert!(kept.len() > told.len() && kept.starts_with(&told.as_bytes()[..1_000]));
}

#[test]
fn depth_and_number_are_bounded_and_said() {
    let digs = |asked: &Conversation| match at(asked) {
        (0, words) if words.starts_with("dig") => Answer::call(
            "call_tool",
            json!({ "name": "delegate", "arguments": { "agent": "general", "task": "dig deeper" } }),
        ),
        (0, "many") => (0..3).fold(Answer::default(), |answer, _| {
            answer.and_call("delegate", json!({ "agent": "explore", "task": "look" }))
        }),
        _ => Answer::say("done"),
    };
    let world = World::new("[delegate]\ndepth_max = 2\n", digs);
    world.run(&["dig"]).ok();
    assert_eq!(world.journals().len(), 3);
    let world = World::new("[delegate]\ntotal_max = 2\n", digs);
    world.run(&["many"]).ok();
    assert_eq!(world.journals().len(), 3);
    let told = result(&world, "delegate");
    assert!(
        told.contains("this conversation has begun 2 already"),
        "{told}"
    );
    // Also after the session is opened again.
    world.run(&["--continue", "many"]);
    assert_eq!(world.journals().len(), 3);
}

#[test]
fn a_coordinator_says_yes_to_what_its_caller_may_do_and_to_nothing_else() {
    let types = "[agents.hand]\ndescription = \"does\"\nprompt = \"Do.\"\napprover = \"coordinator\"\nmode = \"ask\"\n\
                 [agents.alone]\ndescription = \"does\"\nprompt = \"Do.\"\napprover = \"autonomous\"\nmode = \"ask\"\n\
                 [agents.person]\ndescription = \"does\"\nprompt = \"Do.\"\nmode = \"ask\"\n";
    let profile = "profile = \"p\"\n[profiles.p]\nallow = [\"notes__write_note\", \"notes__read_note\"]\nmode = \"auto\"\n";
    for (agent, wanted) in [
        ("hand", expected(&["direct"], &["read-only", "idempotent"])),
        ("alone", expected(&["direct"], &["read-only"])),
        // Nobody is at the terminal.
        ("person", expected(&["direct"], &["read-only"])),
    ] {
        let world = World::new(&format!("{profile}{types}"), move |asked| match at(asked) {
            (0, "ask") => Answer::call("delegate", json!({ "agent": agent, "task": "do" })),
            (0, "do") => directly("direct"),
            _ => Answer::say("done"),
        });
        let run = world.run(&["ask"]).ok();
        assert_eq!(world.reached(), wanted, "{agent}\n{}", run.snapshot());
    }
}

/// A delegate that writes something and then waits for ever.
fn writes_and_waits(asked: &Conversation) -> Answer {
    match at(asked) {
        (0, "ask") => Answer::call("delegate", json!({ "agent": "general", "task": "write" })),
        (0, "write") => Answer::call(
            "notes__write_note",
            json!({ "title": "direct", "text": "x" }),
        ),
        (_, "write") => Answer::say("I begin and stop").with(Faults {
            stall_after: Some(2),
            ..Faults::default()
        }),
        _ => Answer::say("done"),
    }
}

/// Starts the request, and waits until its delegate has written and waits.
fn until_it_waits(world: &World) -> std::process::Child {
    let mut command = world.env.hub(["--endpoint", &world.model.url, "ask"]);
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the hub can be started");
    wait_until("the delegate to wait", SOON, || {
        (world.model.chats().len() == 3 && world.model.is_busy()).then_some(())
    });
    child
}

#[test]
fn a_delegate_that_a_crash_cut_off_is_told_of_and_not_begun_again() {
    let world = World::new(ALLOWED, writes_and_waits);
    let mut child = until_it_waits(&world);
    child.kill().expect("it runs");
    child.wait().expect("it is ours");
    world.run(&["--continue"]).ok();
    let told = result(&world, "delegate");
    assert!(
        told.contains("had answered, and it was not started again"),
        "{told}"
    );
    assert!(
        told.contains("it changed something: notes__write_note (done)"),
        "{told}"
    );
    assert_eq!(world.journals().len(), 2);
    assert_eq!(world.servers[0].saw("call").len(), 1);
}

#[test]
fn a_delegate_that_a_person_goes_on_with_keeps_the_types_above_it() {
    let world = World::new(&format!("{ALLOWED}{READER}"), |asked| match at(asked) {
        (0, "ask") => Answer::call("delegate", json!({ "agent": "reader", "task": "pass" })),
        (0, "pass") => Answer::call("delegate", json!({ "agent": "general", "task": "look" })),
        (0, "try") => directly("resumed"),
        _ => Answer::say("done"),
    });
    world.run(&["ask"]).ok();
    let journals = world.journals();
    let general = journals.iter().find(|(_, lines)| {
        matches!(&lines[0].entry, Entry::Begin(begin) if begin.agent.as_deref() == Some("general"))
    });
    let (id, _) = general.expect("the innermost");
    world.run(&["--resume", id, "try"]).ok();
    assert_eq!(world.reached(), expected(&["resumed"], &["read-only"]));
    // Nor does a copy of it lose them.
    world.run(&["--fork", id, "try"]).ok();
    assert_eq!(world.reached(), expected(&["resumed"], &["read-only"]));
    assert_eq!(world.servers[0].saw("call").len(), 2);
}

#[test]
fn ctrl_c_ends_a_delegate_with_its_caller() {
    let world = World::new(ALLOWED, writes_and_waits);
    let mut child = until_it_waits(&world);
    processes::interrupt(child.id());
    let ended = wait_until("the hub to end", SOON, || child.try_wait().ok().flatten());
    assert_eq!(ended.code(), Some(130));
    for (session, lines) in world.journals() {
        let ends = lines.iter().filter_map(|line| match &line.entry {
            Entry::End { how, .. } => serde_json::to_value(how).ok(),
            _ => None,
        });
        assert_eq!(ends.collect::<Vec<_>>(), ["cancelled"], "{session}");
    }
    wait_until("the slot to be free", SOON, || {
        (!world.model.is_busy()).then_some(())
    });
}

#[test]
fn types_are_listed_shown_and_asked_for_by_name() {
    let world = World::new(READER, |_| Answer::say("done"));
    world.env.write(
        "config/toolpool/agents/logs.md",
        "---\ndescription: reads logs\neffects: read-only\n---\nRead the logs.\n",
    );
    let listed = world.env.run(["agents", "--json"]).ok().json();
    let names: Vec<&str> = listed["agents"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|agent| agent["name"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "explore", "general", "guide", "logs", "plan", "reader", "verify"
        ]
    );
    let shown = world.env.run(["agents", "show", "logs"]).ok().stdout;
    assert!(
        shown.contains("logs.md:2:1") && shown.contains("Read the logs."),
        "{shown}"
    );
    for (arguments, hint) in [
        (vec!["agents", "show", "plam"], "did you mean `plan`?"),
        (
            vec!["--endpoint", &world.model.url, "--agent", "xyz", "go"],
            "the agent types are `explore`",
        ),
    ] {
        let run = world.env.run(&arguments);
        assert_ne!(run.code(), 0, "{}", run.snapshot());
        assert!(
            run.stderr.contains("there is no agent type `") && run.stderr.contains(hint),
            "{}",
            run.snapshot()
        );
    }
    // A session keeps its type.
    world.run(&["--agent", "plan", "go"]).ok();
    world.run(&["--continue", "go on"]).ok();
    let refused = world.run(&["--continue", "--agent", "general", "go on"]);
    assert!(
        refused
            .stderr
            .contains("is not one of agent type `general`"),
        "{}",
        refused.snapshot()
    );
    let system = Conversation::read(&world.model.chats().last().expect("it was asked").body);
    assert!(
        system.messages[0]
            .text
            .contains("You plan and do not carry out")
    );
}

#[test]
fn the_guide_answers_from_the_manual_and_the_settings() {
    let world = World::new("[pool]\ntools_max = 9\n", |asked| match at(asked).0 {
        0 => Answer::call("docs", json!({ "query": "tools_max" })),
        _ => Answer::say("Set pool.tools_max."),
    });
    world.run(&["--agent", "guide", "how many tools?"]).ok();
    let told = result(&world, "docs");
    assert!(told.contains("pool.tools_max = 9"), "{told}");
    // Nobody else has it.
    world.run(&["how many tools?"]).ok();
    assert!(
        result(&world, "docs").starts_with("unknown tool"),
        "{}",
        result(&world, "docs")
    );
}
