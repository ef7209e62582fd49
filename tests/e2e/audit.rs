//! The audit trail as people read it: decisions of all sources joined with what came of them, journals that were tampered with, and
//! explanations in text.
//!
//! Journals are written by the program itself; a tamperer is a test that edits the file as an editor would. What a fold makes of
//! entries is proved beside it.

mod delegates;
mod tampered;
mod why;

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use toolpool_tests::env::TestEnv;
use toolpool_tests::model::{Answer, Dialect, ScriptedModel, Setup};
use toolpool_tests::run::Run;
use toolpool_tests::server::FakeServer;

const RULES: &str = "[[rules]]\ndecision = \"allow\"\nserver = \"notes\"\ntool = \"write_note\"\n\n\
[[rules]]\ndecision = \"deny\"\nserver = \"notes\"\ntool = \"slow\"\nreason = \"it takes too long\"\n";

/// A world in which one session made a call of each kind.
struct World {
    env: TestEnv,
    session: String,
}

impl World {
    /// `rule`, `mode` for what only reads, `no-person`, a deny rule, unknown, invalid, a gate, `call_tool`.
    fn new() -> World {
        let env = TestEnv::new();
        let notes = FakeServer::new(&env, "notes")
            .with("--only echo,read_note,write_note,delete_note,slow,fail")
            .set("trust = \"annotations\"");
        env.servers(RULES, &[&notes]);
        let write = json!({ "title": "a", "text": "x" });
        let answers = [
            Answer::call("notes__write_note", write.clone())
                .and_call("notes__read_note", json!({ "title": "a" }))
                .and_call("notes__delete_note", json!({ "title": "a" }))
                .and_call("notes__slow", json!({ "ms": 1 })),
            Answer::call("notes__nothing_like_it", json!({}))
                .and_call("notes__write_note", json!({ "title": 7 }))
                .and_call(
                    "call_tool",
                    json!({ "name": "notes__write_note", "arguments": write }),
                ),
            Answer::say("done"),
        ];
        let model = ScriptedModel::start(Setup::new(Dialect::LlamaCpp).queue(answers));
        let run = env.run([
            "--endpoint",
            &model.url,
            "--output-format",
            "stream-json",
            "write it",
        ]);
        let first = run.stdout.lines().next().unwrap_or_default();
        let event: Value = serde_json::from_str(first)
            .unwrap_or_else(|error| panic!("no event: {error}\n{}", run.snapshot()));
        let session = event["session"]
            .as_str()
            .expect("events name their session");
        World {
            session: session.to_owned(),
            env,
        }
    }

    fn audit(&self, arguments: &[&str]) -> Run {
        self.env.run(["audit"].iter().chain(arguments))
    }

    /// The calls that a filter keeps.
    #[track_caller]
    fn rows(&self, arguments: &[&str]) -> Vec<Value> {
        let run = self.audit(&[arguments, &["--json"]].concat()).ok();
        let rows = run.stdout.lines();
        rows.map(|line| serde_json::from_str(line).expect("each line is an object"))
            .collect()
    }

    fn journal(&self) -> PathBuf {
        self.env.path(format!(
            "state/toolpool/sessions/{}/journal.jsonl",
            self.session
        ))
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.journal()).expect("the journal is there");
        text.lines().map(str::to_owned).collect()
    }

    fn write(&self, lines: &[String]) {
        let mut text = lines.join("\n");
        text.push('\n');
        fs::write(self.journal(), text).expect("the world is writable");
    }
}

fn words(rows: &[Value], names: &[&str]) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    rows.iter()
        .map(|row| {
            let words: Vec<String> = names.iter().map(|name| word(&row[*name])).collect();
            words.join(" ")
        })
        .collect()
}

#[test]
fn every_decision_is_joined_with_its_rule_and_what_came_of_it() {
    let world = World::new();
    let rows = world.rows(&[]);
    assert_eq!(
        words(
            &rows,
            &[
                "name", "via", "decision", "source", "approver", "refused", "verdict"
            ]
        ),
        [
            "notes__write_note - allow rule autonomous - completed",
            "notes__read_note - allow mode autonomous - completed",
            "notes__delete_note - deny no-person autonomous denied -",
            "notes__slow - deny rule autonomous denied -",
            "notes__nothing_like_it - refused - - unknown -",
            "notes__write_note - refused - - arguments -",
            "notes__write_note call_tool allow rule autonomous - completed",
        ]
    );
    let config = world.env.config_file();
    let rule = rows[0]["rule"].as_str().expect("a rule");
    assert!(
        rule.starts_with(&format!("rule at {}:", config.display())),
        "{rule}"
    );
    assert_eq!(rows[2]["rule"], "mode `ask`");
    for row in &rows {
        let sent = row["sent"] == true;
        assert_eq!(sent, row["decision"] == "allow", "{row}");
        assert_eq!(sent, row["result_sha256"].is_string(), "{row}");
        assert!(row["session"] == *world.session && row["what"] == "session");
    }
    // The same arguments under the same name have the same hash.
    assert_eq!(rows[0]["arguments_sha256"], rows[6]["arguments_sha256"]);
}

#[test]
fn filters_of_the_command_line_keep_what_they_say() {
    let world = World::new();
    for (arguments, wanted) in [
        (&["--decision", "deny"][..], 2),
        (&["--decision", "refused"], 2),
        (&["--decision", "allow", "--source", "rule"], 2),
        (&["--tool", "*write*"], 3),
        (&["--tool", "slow"], 1),
        (&["--server", "notes"], 5),
        (&["--server", "git*"], 0),
        (&["--rule", "too long"], 1),
        (&["--rule", "MODE"], 2),
        (&["--approver", "terminal"], 0),
        (&["--verdict", "completed"], 3),
        (&["--since", "1h"], 7),
        (&["--until", "1h"], 0),
        (
            &["--since", "2020-01-01", "--until", "2020-01-02T00:00:00Z"],
            0,
        ),
        (&["--session", "last"], 7),
        (&["--session", "all", "-n", "2"], 2),
        (&["--agent", "explore"], 0),
    ] {
        assert_eq!(world.rows(arguments).len(), wanted, "{arguments:?}");
    }
    world.audit(&["--decision", "maybe"]).failed_with(2);
    world.audit(&["--since", "yesterday"]).failed_with(2);
    let none = world.audit(&["--server", "git"]).ok();
    assert_eq!(
        (none.stdout.as_str(), none.stderr.trim()),
        ("", "no call of that kind is in the journals")
    );
}

#[test]
fn the_table_is_calm_and_the_csv_is_whole() {
    let world = World::new();
    let table = world.audit(&[]).ok();
    let lines: Vec<&str> = table.stdout.lines().collect();
    assert_eq!(lines.len(), 8, "{}", table.stdout);
    for word in ["WHEN", "CALL", "WHO", "TOOL", "DECISION", "END", "WHY"] {
        assert!(lines[0].contains(word), "{}", lines[0]);
    }
    assert!(!lines[0].contains("SESSION"), "{}", lines[0]);
    assert!(
        lines[3].contains("deny") && lines[3].contains("nobody there"),
        "{}",
        lines[3]
    );
    assert!(
        lines[7].contains("notes__write_note (call_tool)"),
        "{}",
        lines[7]
    );

    let csv = world.audit(&["--csv", "--decision", "refused"]).ok();
    let rows: Vec<&str> = csv.stdout.lines().collect();
    assert_eq!(rows.len(), 3, "{}", csv.stdout);
    let commas = |line: &str| line.matches(',').count();
    assert!(
        rows[0].starts_with("time,session,what,depth,"),
        "{}",
        rows[0]
    );
    assert_eq!(commas(rows[0]), 31);
    assert!(
        rows[1].contains(",notes__nothing_like_it,,,,,refused,,,,"),
        "{}",
        rows[1]
    );
    world.audit(&["--csv", "--json"]).failed_with(2);
}

#[test]
fn what_was_typed_is_its_persons_decision_and_stands_beside_sessions() {
    let world = World::new();
    let arguments = "{\"title\": \"a\"}";
    world
        .env
        .run(["call", "notes__delete_note", arguments])
        .ok();
    let rows = world.rows(&["--approver", "terminal"]);
    assert_eq!(
        words(&rows, &["what", "principal", "name", "source", "verdict"]),
        ["process local notes__delete_note person completed"]
    );
    assert_eq!(world.rows(&[]).len(), 8);
    assert!(world.audit(&[]).ok().stdout.contains("SESSION"));
}
