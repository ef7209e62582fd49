//! The door over a server that speaks just enough of the protocol, with a journal that is read back.

mod full;

use std::sync::{Mutex, PoisonError};

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use toolpool_config::{Decision, Mode};
use toolpool_connectors::{FleetEvent, FleetOptions};
use toolpool_registry::{TokenCounter, VectorStore, read_tools};

use super::*;
use crate::approve::{NoPerson, Said};
use crate::caller::Asks;
use crate::journal::Line;
use crate::journal::entry::{ApproverKind, DecisionSource, RefusedWhy, Verdict};

type Shared<T> = Arc<Mutex<T>>;

fn of<T: Clone>(shared: &Shared<T>) -> T {
    shared
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

/// What reached the server: the parameters of each call, and how many entries the journal had by then.
type Calls = Shared<Vec<(Value, usize)>>;

struct World {
    config: Config,
    snapshot: Arc<Snapshot>,
    fleet: Fleet,
    schemas: Schemas,
    journal: Journal,
    entries: Shared<Vec<Entry>>,
    calls: Calls,
    /// What the door finds once a person has answered, where that is something else.
    later: Option<(Config, Arc<Snapshot>)>,
    kept: Shared<Vec<String>>,
}

fn definitions(change: &str) -> Vec<Value> {
    ["echo", "fail", "refuse", "hang", "big"]
        .map(|name| {
            json!({"name": name, "description": change, "inputSchema": {
                "type": "object", "properties": {"text": {"type": "string"}, "n": {"type": "integer"}}}})
        })
        .to_vec()
}

fn snapshot(no: u64, change: &str, config: &Config) -> Arc<Snapshot> {
    let list = read_tools(
        "s",
        &definitions(change),
        &config.servers["s"],
        &config.names,
        &TokenCounter::bundled(),
        &config.limits,
        false,
    );
    let vectors = VectorStore::default();
    Arc::new(Snapshot::build(
        no,
        Vec::new(),
        vec![Arc::new(list)],
        &vectors,
        config,
        None,
    ))
}

async fn serve(pipe: tokio::io::DuplexStream, calls: Calls, entries: Shared<Vec<Entry>>) {
    let (read, mut write) = tokio::io::split(pipe);
    let mut lines = BufReader::new(read).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let message: Value = serde_json::from_str(&line).expect("JSON");
        let (Some(id), Some(method)) = (message.get("id"), message["method"].as_str()) else {
            continue;
        };
        let text = |text: &str, failed: bool| json!({"result": {"content": [{"type": "text", "text": text}], "isError": failed}});
        let mut answer = match method {
            "initialize" => json!({"result": {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "s", "version": "1"}}}),
            "tools/list" => json!({"result": {"tools": definitions("")}}),
            "tools/call" => {
                let seen = of(&entries).len();
                calls
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((message["params"].clone(), seen));
                match message["params"]["name"].as_str() {
                    Some("hang") => continue,
                    Some("fail") => text("no luck", true),
                    Some("refuse") => json!({"error": {"code": -32000, "message": "not today"}}),
                    Some("big") => text(&"x".repeat(100_000), false),
                    _ => text("done with hunter2-hunter2", false),
                }
            }
            _ => json!({"error": {"code": -32601, "message": "no such method"}}),
        };
        answer["jsonrpc"] = json!("2.0");
        answer["id"] = id.clone();
        let line = format!("{answer}\n");
        if write.write_all(line.as_bytes()).await.is_err() {
            return;
        }
    }
}

impl World {
    async fn new(settings: &str) -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config.toml");
        let text = format!("{settings}\n[servers.s]\nbuiltin = \"workspace\"\n");
        std::fs::write(&file, text).expect("a file");
        let sources = toolpool_config::Sources {
            user_file: Some(file),
            ..Default::default()
        };
        let mut config = toolpool_config::load(&sources)
            .expect("a configuration")
            .config;
        config.servers.retain(|name, _| name == "s");
        let (entries, calls) = (Shared::<Vec<Entry>>::default(), Calls::default());
        let (to_calls, to_entries) = (calls.clone(), entries.clone());
        let (fleet, mut events) = Fleet::start(
            &config.servers,
            FleetOptions {
                guard_program: None,
                limits: config.limits.clone(),
                in_process: Arc::new(move |_, pipe| {
                    tokio::spawn(serve(pipe, to_calls.clone(), to_entries.clone()));
                }),
                client_name: "test".into(),
                client_version: "1".into(),
                roots: Vec::new(),
                inherit_env: Default::default(),
                jitter_seed: 1,
            },
        );
        while !matches!(
            events.recv().await.expect("the server comes up"),
            FleetEvent::Tools { .. }
        ) {}
        let keep = entries.clone();
        let journal = Journal::memory(Box::new(move |line: &Line| {
            keep.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(line.entry.clone());
        }));
        World {
            snapshot: snapshot(1, "", &config),
            config,
            fleet,
            schemas: Schemas::default(),
            journal,
            entries,
            calls,
            later: None,
            kept: Shared::default(),
        }
    }

    fn caller(&self, asks: Asks) -> Caller {
        Caller::new(&self.config, "agent", None, &[])
            .expect("a caller")
            .asking(asks)
    }

    async fn call(&self, desk: &Desk<'_>, asks: Asks, call: Call) -> Result<Answer, Refusal> {
        let caller = self.caller(asks);
        let view = View::new(&self.snapshot, &caller.rules);
        let now = || {
            let (config, snapshot) = match &self.later {
                Some((config, snapshot)) => (config.clone(), snapshot.clone()),
                None => (self.config.clone(), self.snapshot.clone()),
            };
            Now {
                config: Arc::new(config),
                snapshot,
            }
        };
        let door = Door {
            snapshot: &self.snapshot,
            view: &view,
            schemas: &self.schemas,
            fleet: &self.fleet,
            config: &self.config,
            folder: Path::new("/home/p"),
            now: &now,
            desk,
        };
        execute(&door, &caller, call).await
    }

    /// A call of the agent's with `said` as the person's answer.
    async fn ask(&self, name: &str, said: Said) -> Result<Answer, Refusal> {
        let person = Person(said);
        let kept = self.kept.clone();
        let remember = move |rule: &NewRule| {
            kept.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(format!(
                    "rule {} {} {}",
                    rule.server,
                    rule.tool,
                    rule.fingerprint.as_deref().unwrap_or("of any schema")
                ));
            Ok(())
        };
        let desk = Desk {
            remember: Some(&remember),
            ..Desk::new(&self.journal, "session", &person)
        };
        self.call(&desk, Asks::Hub, call(name)).await
    }

    /// The kinds of entries so far, with what tells them apart.
    fn told(&self) -> Vec<String> {
        of(&self.entries).iter().map(shown).collect()
    }

    fn sent(&self) -> usize {
        of(&self.calls).len()
    }
}

fn shown(entry: &Entry) -> String {
    match entry {
        Entry::Decision(note) => format!("decision {} {:?}", note.allowed, note.source),
        Entry::Intent(note) => format!("intent {}", note.key),
        Entry::Outcome(note) => format!("outcome {:?}", note.verdict),
        Entry::Refused { why, .. } => format!("refused {why:?}"),
        Entry::Grant { grant } => format!("grant {}", grant.tool),
        Entry::Warning { text, .. } => format!("warning {text}"),
        other => format!("{other:?}"),
    }
}

fn call(name: &str) -> Call {
    let id = "001002000".parse().expect("an id");
    Call::new(id, name, Some(json!({"text": "a"})))
}

struct Person(Said);

impl Approver for Person {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Said> {
        assert!(!question.reason.is_empty());
        Box::pin(async { self.0.clone() })
    }

    fn kind(&self) -> ApproverKind {
        ApproverKind::Terminal
    }
}

/// Never answers.
struct Silent;

impl Approver for Silent {
    fn ask<'a>(&'a self, _: &'a Question) -> BoxFuture<'a, Said> {
        Box::pin(futures::future::pending())
    }

    fn kind(&self) -> ApproverKind {
        ApproverKind::Terminal
    }
}

#[tokio::test]
async fn a_call_is_decided_intended_made_and_its_outcome_kept_in_this_order() {
    let world = World::new("").await;
    let answer = world.ask("s__echo", Said::Once).await.expect("an answer");
    assert_eq!(answer.text, "done with hunter2-hunter2");
    assert_eq!(
        world.told(),
        [
            "decision true Person",
            "intent session:001002000",
            "outcome Completed"
        ]
    );
    let calls = of(&world.calls);
    let [(params, entries_before)] = &calls[..] else {
        panic!("{calls:?}");
    };
    assert_eq!(
        *entries_before, 2,
        "decision and intent are written before the server hears"
    );
    assert_eq!(
        params["_meta"]["toolpool/idempotency-key"],
        "session:001002000"
    );
}

#[tokio::test]
async fn what_comes_of_a_call_is_told_apart() {
    let world = World::new("").await;
    for (name, verdict) in [
        ("s__echo", Verdict::Completed),
        ("s__fail", Verdict::Failed),
        ("s__refuse", Verdict::Failed),
    ] {
        let result = world.ask(name, Said::Once).await;
        let last = of(&world.entries).pop();
        let Some(Entry::Outcome(note)) = last else {
            panic!("{last:?}");
        };
        assert_eq!(note.verdict, verdict, "{name}");
        match result {
            Ok(answer) => assert_eq!(answer.text, note.text),
            Err(refusal) => assert_eq!(
                (refusal.to_string(), refusal.verdict()),
                (note.text, verdict)
            ),
        }
    }
}

#[tokio::test]
async fn a_call_cancelled_or_dropped_while_it_runs_is_in_doubt() {
    for drop_it in [false, true] {
        let world = World::new("").await;
        let person = Person(Said::Once);
        let desk = Desk::new(&world.journal, "session", &person);
        let call = call("s__hang");
        let cancel = call.cancel.clone();
        let running = world.call(&desk, Asks::Hub, call);
        let mut running = Box::pin(running);
        while world.sent() == 0 {
            let _ = futures::poll!(&mut running);
            tokio::task::yield_now().await;
        }
        if drop_it {
            drop(running);
        } else {
            cancel.cancel();
            let refusal = running.await.expect_err("no answer");
            assert_eq!(refusal.verdict(), Verdict::InDoubt);
        }
        while world.told().len() < 3 {
            tokio::task::yield_now().await;
        }
        assert_eq!(world.told()[2], "outcome InDoubt", "dropped: {drop_it}");
    }
}

#[tokio::test]
async fn a_no_and_nobody_are_told_and_nothing_is_sent() {
    let world = World::new("").await;
    let no = world
        .ask(
            "s__echo",
            Said::No {
                why: Some("use the other one".into()),
            },
        )
        .await
        .expect_err("a no");
    assert!(no.to_string().contains("said no") && no.to_string().contains("use the other one"));
    let nobody = world
        .ask("s__echo", Said::Nobody)
        .await
        .expect_err("nobody");
    assert!(nobody.to_string().contains("nobody is there"), "{nobody}");
    assert_eq!(
        world.told(),
        [
            "decision false Person",
            "refused Denied",
            "decision false NoPerson",
            "refused Denied"
        ]
    );
    assert_eq!(world.sent(), 0);
}

#[tokio::test]
async fn a_question_is_withdrawn_by_cancelling() {
    let world = World::new("").await;
    let waiting = Arc::new(Mutex::new(0));
    let heard = waiting.clone();
    let notify = move |what: What| {
        assert!(matches!(what, What::WaitingForApproval { .. }));
        *heard.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    };
    let desk = Desk {
        notify: Some(&notify),
        ..Desk::new(&world.journal, "session", &Silent)
    };
    let call = call("s__echo");
    let cancel = call.cancel.clone();
    let mut running = Box::pin(world.call(&desk, Asks::Hub, call));
    assert!(futures::poll!(&mut running).is_pending());
    assert_eq!(of(&waiting), 1);
    cancel.cancel();
    let refusal = running.await.expect_err("cancelled");
    assert!(matches!(refusal, Refusal::Cancelled { .. }));
    assert_eq!(world.told(), ["refused Cancelled"]);
}

#[tokio::test]
async fn for_the_session_is_a_grant_and_always_a_rule_too() {
    let world = World::new("").await;
    world
        .ask("s__echo", Said::Session)
        .await
        .expect("an answer");
    assert_eq!(world.told()[1], "grant echo");
    assert!(of(&world.kept).is_empty());
    world.ask("s__echo", Said::Always).await.expect("an answer");
    let mut tools = world.snapshot.tools().iter();
    let tool = tools.find(|tool| &*tool.id.name == "echo").expect("a tool");
    assert_eq!(
        of(&world.kept),
        [format!("rule s echo {}", tool.fingerprint)]
    );
    let grants: Vec<Grant> = of(&world.entries)
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Grant { grant } => Some(grant),
            _ => None,
        })
        .collect();
    let desk = Desk {
        grants: &grants,
        ..Desk::new(&world.journal, "session", &NoPerson)
    };
    let before = world.told().len();
    world
        .call(&desk, Asks::Hub, call("s__echo"))
        .await
        .expect("granted");
    assert_eq!(world.told()[before], "decision true Grant");
    let other = world.call(&desk, Asks::Hub, call("s__fail")).await;
    assert!(other.is_err(), "the grant is for one tool");
}

#[tokio::test]
async fn always_does_not_write_a_rule_that_an_ask_rule_would_beat() {
    let world = World::new("[[rules]]\ndecision = \"ask\"\nserver = \"s\"").await;
    world.ask("s__echo", Said::Always).await.expect("an answer");
    assert!(of(&world.kept).is_empty());
    assert!(
        world
            .told()
            .iter()
            .any(|line| line.starts_with("warning allowed for this session only"))
    );
}

#[tokio::test]
async fn always_writes_no_rule_of_a_call_that_holds_a_secret() {
    let world = World::new("[serve.tokens.t]\nsecret = \"hunter2-hunter2\"").await;
    let person = Person(Said::Always);
    let remember = |_: &NewRule| -> Result<(), String> { panic!("nothing is to be written") };
    let desk = Desk {
        remember: Some(&remember),
        ..Desk::new(&world.journal, "session", &person)
    };
    let with = Call {
        arguments: Some(json!({"text": "with hunter2-hunter2"})),
        ..call("s__echo")
    };
    world.call(&desk, Asks::Hub, with).await.expect("an answer");
    assert!(
        world
            .told()
            .iter()
            .any(|line| line.contains("for this session only: a secret")),
        "{:?}",
        world.told()
    );
}

#[tokio::test]
async fn a_yes_does_not_count_for_what_changed_meanwhile() {
    let denies = "[[rules]]\ndecision = \"deny\"\nserver = \"s\"\nreason = \"not this one\"";
    let mut world = World::new("").await;
    let changed = snapshot(2, "now it does something else", &world.config);
    let gone = Arc::new(Snapshot::empty());
    let denied = World::new(denies).await.config;
    let listed = World::new("deny = [\"s__echo\"]").await.config;
    let same = world.snapshot.clone();
    for (config, snapshot, says) in [
        (world.config.clone(), changed, "changed while its approval"),
        (world.config.clone(), gone, "changed while its approval"),
        (denied, same.clone(), "not this one"),
        (listed, same, "unknown tool"),
    ] {
        world.later = Some((config, snapshot));
        let refusal = world
            .ask("s__echo", Said::Always)
            .await
            .expect_err("refused");
        assert!(refusal.to_string().contains(says), "{refusal}");
    }
    assert_eq!(world.sent(), 0);
    assert!(of(&world.kept).is_empty());
    assert!(world.told().iter().all(|line| !line.starts_with("grant")));
}

#[tokio::test]
async fn a_rule_denies_with_its_reason_and_a_list_hides() {
    let world = World::new(
        "deny = [\"s__fail\"]\n[[rules]]\ndecision = \"deny\"\ntool = \"echo\"\narguments = { text = { equals = \"a\" } }\nreason = \"never a\"",
    )
    .await;
    for asks in [Asks::Hub, Asks::Client, Asks::Typed] {
        let desk = Desk::new(&world.journal, "session", &NoPerson);
        let refusal = world
            .call(&desk, asks, call("s__echo"))
            .await
            .expect_err("denied");
        let text = refusal.to_string();
        assert!(
            text.contains("the person's rule: never a") && text.contains("do not try it again"),
            "{text}"
        );
        assert!(!text.contains("config.toml"), "{text}");
        let hidden = world
            .call(&desk, asks, call("s__fail"))
            .await
            .expect_err("hidden");
        let unknown = world
            .call(&desk, asks, call("s__nail"))
            .await
            .expect_err("unknown");
        let alike = |refusal: &Refusal| {
            refusal
                .to_string()
                .replace("s__fail", "X")
                .replace("s__nail", "X")
        };
        assert_eq!(alike(&hidden), alike(&unknown));
    }
    assert_eq!(world.sent(), 0);
    let whys: Vec<RefusedWhy> = of(&world.entries)
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Refused { why, .. } => Some(why),
            _ => None,
        })
        .collect();
    assert_eq!(
        whys[..3],
        [RefusedWhy::Denied, RefusedWhy::Unknown, RefusedWhy::Unknown]
    );
}

#[tokio::test]
async fn clients_and_typed_calls_have_their_yes_with_them() {
    let world = World::new("").await;
    let desk = Desk::new(&world.journal, "process", &NoPerson);
    for (asks, source) in [
        (Asks::Client, DecisionSource::Mode),
        (Asks::Typed, DecisionSource::Person),
    ] {
        let before = world.told().len();
        world
            .call(&desk, asks, call("s__echo"))
            .await
            .expect("an answer");
        assert_eq!(world.told()[before], format!("decision true {source:?}"));
    }
    let asking = World::new("[[rules]]\ndecision = \"ask\"\nserver = \"s\"").await;
    let desk = Desk::new(&asking.journal, "process", &NoPerson);
    let refusal = asking
        .call(&desk, Asks::Client, call("s__echo"))
        .await
        .expect_err("nobody");
    assert!(refusal.to_string().contains("nobody is there"), "{refusal}");
}

#[tokio::test]
async fn a_second_opinion_can_only_turn_an_allow_into_an_ask() {
    let rules = "mode = \"auto\"\n[[rules]]\ndecision = \"allow\"\nserver = \"s\"\ntool = \"echo\"";
    let world = World::new(rules).await;
    assert_eq!(world.config.mode, Mode::Auto);
    assert_eq!(world.config.rules[0].decision, Decision::Allow);
    for (doubt, wanted) in [(None, true), (Some("odd"), false)] {
        let second = move |_: Question| -> BoxFuture<'static, Option<String>> {
            Box::pin(async move { doubt.map(str::to_owned) })
        };
        let desk = Desk {
            second: Some(&second),
            ..Desk::new(&world.journal, "session", &NoPerson)
        };
        let result = world.call(&desk, Asks::Hub, call("s__echo")).await;
        assert_eq!(result.is_ok(), wanted);
        // What is asked about anyway stays so, whatever the model thinks of it.
        assert!(world.call(&desk, Asks::Hub, call("s__fail")).await.is_err());
    }
}

#[tokio::test]
async fn a_long_result_is_cut_for_the_model_and_kept_whole() {
    let world = World::new("").await;
    let sizes = Shared::<Vec<usize>>::default();
    let keep = sizes.clone();
    let artifact = move |bytes: &[u8]| {
        keep.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(bytes.len());
        Some("a-1".to_owned())
    };
    let desk = Desk {
        artifact: Some(&artifact),
        text_bytes_max: 2_000,
        ..Desk::new(&world.journal, "session", &NoPerson)
    };
    let answer = world
        .call(&desk, Asks::Typed, call("s__big"))
        .await
        .expect("an answer");
    assert!(answer.text.len() < 2_500 && answer.text.contains("bytes left out"));
    assert!(
        answer
            .text
            .ends_with("characters: read_artifact {\"id\":\"a-1\"}]")
    );
    assert!(!answer.cut, "for a client it is not too long");
    assert!(of(&sizes)[0] > 100_000);
    let Some(Entry::Outcome(note)) = of(&world.entries).pop() else {
        panic!("an outcome");
    };
    assert_eq!(
        (note.text, note.artifact.as_deref()),
        (answer.text, Some("a-1"))
    );
    world
        .call(&desk, Asks::Typed, call("s__echo"))
        .await
        .expect("an answer");
    assert_eq!(of(&sizes).len(), 1, "a short one is not kept apart");
}

#[tokio::test]
async fn secrets_are_in_no_entry_and_in_nothing_the_model_reads() {
    let world = World::new("[serve.tokens.t]\nsecret = \"hunter2-hunter2\"").await;
    let desk = Desk::new(&world.journal, "session", &NoPerson);
    let with = Call {
        arguments: Some(json!({"text": "with hunter2-hunter2"})),
        ..call("s__echo")
    };
    let answer = world
        .call(&desk, Asks::Typed, with)
        .await
        .expect("an answer");
    assert_eq!(answer.text, "done with [secret]");
    assert_eq!(
        of(&world.calls)[0].0["arguments"]["text"],
        "with hunter2-hunter2"
    );
    let written = serde_json::to_string(&of(&world.entries)).expect("JSON");
    assert!(!written.contains("hunter2"), "{written}");
}
