//! Verification as the model and the person meet it: a broken write refused, a server that lies about a write, an answer that
//! says more than was done. What is a claim, a fault or a pair is proved beside the code.

use std::sync::Arc;

use serde_json::json;
use toolpool::event::{Event, What, replay};
use toolpool::journal::entry::{Checked, VerifiedNote};
use toolpool::journal::{Entry, Line, RealDisk, Store};
use toolpool_tests::env::TestEnv;
use toolpool_tests::model::{Answer, Conversation, Dialect, ScriptedModel, Setup};
use toolpool_tests::run::Run;
use toolpool_tests::server::FakeServer;

const FREE: &str = "[[rules]]\ndecision = \"allow\"\ntool = \"files__*\"\n";

struct World {
    env: TestEnv,
    model: ScriptedModel,
    files: FakeServer,
}

struct Heard {
    run: Run,
    lines: Vec<Line>,
    events: Vec<Event>,
}

impl World {
    fn new(files: &str, top: &str, answers: impl IntoIterator<Item = Answer>) -> World {
        let env = TestEnv::new();
        let files = FakeServer::new(&env, "files")
            .with(&format!("--only echo,fail --files {files}"))
            .set("trust = \"annotations\"");
        env.servers(&format!("{top}\n{FREE}"), &[&files]);
        World {
            env,
            model: ScriptedModel::start(Setup::new(Dialect::LlamaCpp).queue(answers)),
            files,
        }
    }

    /// One request, with its journal, whose replay must be what was heard.
    #[track_caller]
    fn ask(&self, words: &str) -> Heard {
        let arguments = [
            "--endpoint",
            &self.model.url,
            "--output-format",
            "stream-json",
            words,
        ];
        let run = self.env.run(arguments);
        let events: Vec<Event> = run
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect("an event"))
            .collect();
        let session = events.first().map(|event| event.session.clone());
        let session = session.unwrap_or_else(|| panic!("there are events\n{}", run.snapshot()));
        let store = Store::new(self.env.path("state/toolpool"), Arc::new(RealDisk));
        let (lines, damage) = store.read(&session).expect("the journal is there");
        assert!(damage.is_empty(), "{damage:?}");
        let live: Vec<&Event> = events.iter().filter(|event| event.passing == 0).collect();
        let again = replay(&lines, &session);
        assert_eq!(live, again.iter().collect::<Vec<_>>(), "replay equals live");
        Heard { run, lines, events }
    }

    /// The messages of the last request.
    fn last_asked(&self) -> Conversation {
        Conversation::read(&self.model.chats().last().expect("a request").body)
    }

    fn request(&self, at: usize) -> Conversation {
        Conversation::read(&self.model.chats()[at].body)
    }

    fn called(&self) -> Vec<String> {
        let calls = self.files.saw("call");
        calls
            .iter()
            .map(|call| call["tool"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

impl Heard {
    fn verified(&self) -> Vec<&VerifiedNote> {
        let notes = self.lines.iter().filter_map(|line| match &line.entry {
            Entry::Verified(note) => Some(note),
            _ => None,
        });
        notes.collect()
    }

    /// How the turn ended, and what the person is told.
    fn end(&self) -> (String, Option<String>) {
        let end = self.events.iter().find_map(|event| match &event.what {
            What::TurnEnd { how, note } => Some((how.clone(), note.clone())),
            _ => None,
        });
        end.unwrap_or_else(|| panic!("it ended\n{}", self.run.snapshot()))
    }
}

fn write(path: &str, content: &str) -> Answer {
    Answer::call(
        "files__write_file",
        json!({ "path": path, "content": content }),
    )
}

#[test]
fn a_broken_content_is_refused_and_repaired_by_the_model() {
    let world = World::new(
        "kept",
        "",
        [
            write("a.json", "{\"a\": 1"),
            write("a.json", "{\"a\": 1}"),
            Answer::say("I wrote `a.json`."),
        ],
    );
    let heard = world.ask("write a.json");
    assert_eq!(
        heard.end(),
        ("answered".into(), None),
        "{}",
        heard.run.snapshot()
    );
    let asked = world.last_asked();
    let results: Vec<&str> = asked
        .messages
        .iter()
        .filter(|said| said.role == "tool")
        .map(|said| &*said.text)
        .collect();
    assert!(
        results[0].contains("invalid arguments for `files__write_file`: the content for `a.json`: it is not valid JSON: line 1, column 7"),
        "{results:?}"
    );
    assert!(results[1].contains("wrote a.json"), "{results:?}");
    // The broken one reached nobody, and the good one was read back.
    assert_eq!(world.called(), ["write_file", "read_file"]);
    let said: Vec<_> = heard
        .verified()
        .iter()
        .map(|note| (note.what, note.holds))
        .collect();
    assert_eq!(said, [(Checked::Format, false), (Checked::Effect, true)]);
}

#[test]
fn a_broken_content_is_written_where_the_person_wants_it_so() {
    let broken = || [write("a.json", "{"), Answer::say("I wrote `a.json`.")];
    for (how, findings) in [("warn", 1), ("off", 0)] {
        let top = format!("verify.writes = \"{how}\"\nverify.effects = false");
        let world = World::new("kept", &top, broken());
        let heard = world.ask("write it");
        assert_eq!(
            world.called(),
            ["write_file"],
            "{how}\n{}",
            heard.run.snapshot()
        );
        assert_eq!(heard.verified().len(), findings, "{how}");
        let asked = world.last_asked();
        let told = asked
            .last()
            .map(|said| said.text.contains("is not valid JSON"));
        assert_eq!(told, Some(findings == 1), "{how}");
    }
}

#[test]
fn a_server_that_lies_about_a_write_is_found_out() {
    let world = World::new(
        "lost",
        "",
        [
            write("notes.md", "# Today\nrain\n"),
            Answer::say(
                "Writing `notes.md` failed: the server says it was written, and it is not there.",
            ),
        ],
    );
    let heard = world.ask("save my notes");
    assert_eq!(
        heard.end(),
        ("answered".into(), None),
        "{}",
        heard.run.snapshot()
    );
    assert_eq!(world.called(), ["write_file", "read_file"]);
    let asked = world.last_asked();
    let result = asked
        .last()
        .map(|said| said.text.clone())
        .unwrap_or_default();
    assert!(
        result.starts_with("wrote notes.md") && result.contains("reading it back with `read_file` shows that the call did not do what it says: `notes.md` can't be read"),
        "{result}"
    );
    let verified = heard.verified();
    assert_eq!(
        (verified[0].what, verified[0].holds),
        (Checked::Effect, false)
    );
    // The call itself stays what it was, and the read has a decision of its own.
    let decisions = heard
        .lines
        .iter()
        .filter(|line| matches!(line.entry, Entry::Decision(_)))
        .count();
    assert_eq!(decisions, 2);
}

#[test]
fn an_answer_that_says_more_than_was_done_is_sent_back_once() {
    let world = World::new(
        "kept",
        "",
        [
            Answer::say("I wrote `notes.md` for you."),
            write("notes.md", "rain"),
            Answer::say("I wrote `notes.md`."),
        ],
    );
    let heard = world.ask("save my notes");
    assert_eq!(
        heard.end(),
        ("answered".into(), None),
        "{}",
        heard.run.snapshot()
    );
    assert_eq!(world.called(), ["write_file", "read_file"]);
    let verified = heard.verified();
    let said: Vec<_> = verified
        .iter()
        .map(|note| (note.what, note.holds, note.told.is_some()))
        .collect();
    assert_eq!(
        said,
        [
            (Checked::Claims, false, true),
            (Checked::Effect, true, false),
            (Checked::Claims, true, false),
        ]
    );
    let asked = world.last_asked();
    let roles: Vec<&str> = asked.messages.iter().map(|said| &*said.role).collect();
    assert_eq!(
        roles,
        ["system", "user", "assistant", "user", "assistant", "tool"]
    );
    assert!(
        asked.messages[3]
            .text
            .contains("`notes.md` was written, and no call did that")
    );
}

#[test]
fn a_second_lie_is_told_to_the_person() {
    let world = World::new(
        "kept",
        "",
        [
            Answer::say("I saved your notes to `notes.md`."),
            Answer::say("Yes, I saved them to `notes.md`."),
        ],
    );
    let heard = world.ask("save my notes");
    let (how, note) = heard.end();
    let note = note.unwrap_or_default();
    assert_eq!(how, "answered");
    assert!(
        note.contains("the answer does not hold") && note.contains("`notes.md`"),
        "{note}"
    );
    assert_eq!(world.model.chats().len(), 2);
    // Switched off, the first answer stands.
    let world = World::new(
        "kept",
        "verify.claims = \"off\"",
        [Answer::say("I saved your notes to `notes.md`.")],
    );
    let heard = world.ask("save my notes");
    assert_eq!(heard.end(), ("answered".into(), None));
    assert!(heard.verified().is_empty());
}

#[test]
fn a_verify_agent_gives_its_verdict_where_it_is_asked_for_one() {
    let world = World::new(
        "kept",
        "verify.claims = \"agent\"",
        [
            write("a.txt", "rain"),
            Answer::say("It will be sunny; see `a.txt`."),
            // It looks for itself, and can change nothing.
            Answer::call("files__read_file", json!({ "path": "a.txt" })).and_call(
                "files__write_file",
                json!({ "path": "a.txt", "content": "sun" }),
            ),
            Answer::say(
                "{\"holds\": false, \"findings\": [\"the file says rain, and the answer says sunny\"]}",
            ),
            Answer::say("I wrote `a.txt`: rain."),
        ],
    );
    let heard = world.ask("write down the weather");
    assert_eq!(
        heard.end(),
        ("answered".into(), None),
        "{}",
        heard.run.snapshot()
    );
    let verdict = heard
        .verified()
        .into_iter()
        .find(|note| note.what == Checked::Verdict)
        .expect("a verdict");
    assert_eq!((verdict.holds, verdict.told.is_some()), (false, true));
    assert_eq!(world.model.chats().len(), 5);
    assert_eq!(
        world.called(),
        ["write_file", "read_file", "read_file"],
        "written and read back, and read once more"
    );
    let asked = world.request(2);
    let task = &asked.messages[1].text;
    for part in [
        "write down the weather",
        "files__write_file",
        "It will be sunny",
    ] {
        assert!(task.contains(part), "{part}: {task}");
    }
    assert!(
        !asked.tool_names().contains(&"files__write_file"),
        "{:?}",
        asked.tool_names()
    );
    let read = world.request(3);
    assert!(
        read.messages
            .iter()
            .any(|said| said.text.contains("rain") && said.role == "tool")
    );
    assert!(
        world
            .last_asked()
            .last()
            .is_some_and(|said| said.text.contains("the answer says sunny"))
    );
    // It is a delegate that nobody's model asked for, and stands in the trail.
    let call = verdict.call.expect("its own call").to_string();
    let delegated = heard.events.iter().any(|event| {
        matches!(&event.what, What::Delegated { call: of, agent, .. } if *of == call && agent == "verify")
    });
    assert!(delegated);
    let rows = world.env.run(["audit", "--decision", "own", "--json"]).ok();
    let row = rows
        .stdout
        .lines()
        .find(|row| row.contains(&call))
        .unwrap_or_else(|| panic!("{}", rows.stdout));
    assert!(
        row.contains("\"name\":\"delegate\"") && row.contains("\"agent\":\"verify\""),
        "{row}"
    );
}

#[test]
fn an_answer_without_a_verdict_stands_and_is_told_to_be_unchecked() {
    for (top, why, requests) in [
        ("verify.claims = \"agent\"", "what it said is no verdict", 3),
        (
            "verify.claims = \"agent\"\nagents.verify.effects = \"mutating\"",
            "does more than read",
            2,
        ),
    ] {
        let world = World::new(
            "kept",
            top,
            [
                write("a.txt", "rain"),
                Answer::say("I wrote `a.txt`: rain."),
                Answer::say("Looks good to me!"),
            ],
        );
        let heard = world.ask("write down the weather");
        let (how, note) = heard.end();
        let note = note.unwrap_or_default();
        assert_eq!(how, "answered", "{}", heard.run.snapshot());
        assert!(
            note.starts_with("the answer was not checked: ") && note.ends_with(why),
            "{note}"
        );
        assert_eq!(world.model.chats().len(), requests);
        let verdicts = heard.verified();
        assert!(
            verdicts.iter().all(|note| note.what != Checked::Verdict),
            "{verdicts:?}"
        );
    }
}
