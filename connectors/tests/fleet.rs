//! The fleet against scripted servers that behave as no SDK would. What real servers and larger worlds do is tested in `tests/`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;
use toolpool_config::{Builtin, Limits, Secret, ServerConfig, Transport, Trust};
use toolpool_connectors::{
    CallError, CallReply, CallRequest, Fleet, FleetEvent, FleetOptions, Progress, ServerStatus,
};
use toolpool_registry::Health;

/// Long enough for anything that should happen; what should not happen is never waited for.
const PATIENCE: Duration = Duration::from_secs(40);

struct World {
    folder: TempDir,
    fleet: Fleet,
    events: mpsc::UnboundedReceiver<FleetEvent>,
    seen: Vec<FleetEvent>,
}

impl World {
    fn start(plans: &[(&str, Value)]) -> Self {
        Self::start_with(plans, |_| {})
    }

    fn start_with(plans: &[(&str, Value)], change: impl Fn(&mut ServerConfig)) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let servers = plans
            .iter()
            .map(|(name, plan)| {
                let mut config = scripted(folder.path(), name, plan);
                change(&mut config);
                ((*name).to_owned(), config)
            })
            .collect();
        Self::with(folder, &servers)
    }

    fn with(folder: TempDir, servers: &BTreeMap<String, ServerConfig>) -> Self {
        let (fleet, events) = Fleet::start(servers, options(folder.path()));
        Self {
            folder,
            fleet,
            events,
            seen: Vec::new(),
        }
    }

    /// Takes events until one fits.
    async fn until<T>(&mut self, what: &str, fits: impl Fn(&FleetEvent) -> Option<T>) -> T {
        let found = timeout(PATIENCE, async {
            loop {
                let event = self.events.recv().await.expect("the fleet lives");
                let found = fits(&event);
                self.seen.push(event);
                if let Some(found) = found {
                    return found;
                }
            }
        });
        match found.await {
            Ok(found) => found,
            Err(_) => panic!("never {what}; seen: {:#?}", self.seen),
        }
    }

    async fn ready(&mut self, server: &str) -> ServerStatus {
        self.until("ready", |event| match event {
            FleetEvent::Status(status)
                if status.server == server && status.health == Health::Ready =>
            {
                Some(status.clone())
            }
            _ => None,
        })
        .await
    }

    async fn not_ready(&mut self, server: &str) -> ServerStatus {
        self.until("down or retrying", |event| match event {
            FleetEvent::Status(status)
                if status.server == server && status.health.reason().is_some() =>
            {
                Some(status.clone())
            }
            _ => None,
        })
        .await
    }

    async fn tools(&mut self, server: &str) -> (Vec<Value>, bool) {
        self.until("a list", |event| match event {
            FleetEvent::Tools {
                server: of,
                tools,
                truncated,
                ..
            } if of == server => Some((tools.clone(), *truncated)),
            _ => None,
        })
        .await
    }

    async fn call(&self, server: &str, tool: &str) -> Result<CallReply, CallError> {
        self.fleet
            .call_tool(server, CallRequest::new(tool, PATIENCE))
            .await
    }

    /// What each connection of a server received, one list per process in order of their start.
    fn received(&self, server: &str) -> Vec<Vec<String>> {
        let log = std::fs::read_to_string(log_file(self.folder.path(), server)).unwrap_or_default();
        let mut processes: Vec<(&str, Vec<String>)> = Vec::new();
        for (pid, text) in log.lines().filter_map(|line| line.split_once(' ')) {
            match processes.iter_mut().find(|(known, _)| *known == pid) {
                Some((_, texts)) => texts.push(text.to_owned()),
                None => processes.push((pid, vec![text.to_owned()])),
            }
        }
        processes.into_iter().map(|(_, texts)| texts).collect()
    }
}

fn log_file(folder: &Path, server: &str) -> PathBuf {
    folder.join(format!("{server}.log"))
}

fn options(root: &Path) -> FleetOptions {
    FleetOptions {
        guard_program: None,
        limits: Limits {
            retry_first_ms: 50,
            stop_grace_ms: 300,
            kill_grace_ms: 300,
            list_settle_ms: 50,
            frame_bytes_max: 100_000,
            ..Limits::default()
        },
        in_process: Arc::new(|_, _| panic!("no server here is in-process")),
        client_name: "toolpool".into(),
        client_version: "0".into(),
        roots: vec![root.to_owned()],
        inherit_env: std::env::vars()
            .filter(|(name, _)| name == "PATH")
            .collect(),
        jitter_seed: 1,
    }
}

fn server(transport: Transport) -> ServerConfig {
    ServerConfig {
        transport,
        enabled: true,
        timeout: PATIENCE,
        start_timeout: PATIENCE,
        trust: Trust::None,
        allow: Vec::new(),
        deny: Vec::new(),
        tools: BTreeMap::new(),
        unset: Vec::new(),
        description: None,
    }
}

fn stdio(command: &str, args: &[&str], env: &[(&str, &str)]) -> ServerConfig {
    server(Transport::Stdio {
        command: command.into(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        env: env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Secret::new(*value)))
            .collect(),
        cwd: None,
    })
}

fn scripted(folder: &Path, name: &str, plan: &Value) -> ServerConfig {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scripted.py");
    let log = log_file(folder, name);
    stdio(
        "python3",
        &[script, &plan.to_string()],
        &[("LOG", log.to_str().expect("a plain path"))],
    )
}

fn is_alive(pid: u32) -> bool {
    // A zombie is gone for all purposes but its parent's.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| !rest.trim_start().starts_with(['Z', 'X']))
    })
}

fn names(tools: &[Value]) -> Vec<&str> {
    tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap_or("?"))
        .collect()
}

#[tokio::test]
async fn each_server_negotiates_its_own_era() {
    let mut world = World::start_with(
        &[
            ("modern", json!({"discover": "modern"})),
            ("legacy", json!({"discover": "legacy"})),
            ("unsupported", json!({"discover": "unsupported"})),
            ("fatal", json!({"discover": "die"})),
        ],
        |_| {},
    );
    let same = vec![
        "server/discover",
        "initialize",
        "notifications/initialized",
        "tools/list",
    ];
    let anew = [
        vec!["server/discover"],
        vec!["initialize", "notifications/initialized", "tools/list"],
    ];
    for (server, protocol, info, received) in [
        (
            "modern",
            "2026-07-28",
            None,
            vec![vec![
                "server/discover",
                "tools/list",
                "subscriptions/listen",
            ]],
        ),
        ("legacy", "2025-11-25", Some("scripted"), vec![same]),
        ("unsupported", "2025-11-25", Some("scripted"), anew.to_vec()),
        ("fatal", "2025-11-25", Some("scripted"), anew.to_vec()),
    ] {
        let status = match world
            .fleet
            .status()
            .into_iter()
            .find(|status| status.server == server)
        {
            Some(status) if status.health == Health::Ready => status,
            _ => world.ready(server).await,
        };
        assert_eq!(status.protocol.as_deref(), Some(protocol), "{server}");
        assert_eq!(
            status.info.as_ref().map(|(name, _)| name.as_str()),
            info,
            "{server}"
        );
        assert!(world.call(server, "echo").await.is_ok(), "{server}");
        let mut seen = world.received(server);
        seen.iter_mut()
            .for_each(|methods| methods.retain(|method| method != "tools/call"));
        assert_eq!(seen, received, "{server}");
    }
    world.fleet.shutdown().await;
}

#[tokio::test]
async fn a_server_that_describes_itself_late_is_still_modern() {
    // Longer than the ten seconds that rmcp's own probing would wait.
    let mut world = World::start(&[("late", json!({"discover": "modern", "delay": 10.5}))]);
    let status = world.ready("late").await;
    assert_eq!(status.protocol.as_deref(), Some("2026-07-28"));
    assert!(status.start_ms >= Some(10_500), "{status:?}");
    world.fleet.shutdown().await;
}

#[tokio::test]
async fn silence_costs_one_start_limit_and_is_remembered() {
    let mut world = World::start_with(&[("silent", json!({"discover": "silent"}))], |config| {
        config.start_timeout = Duration::from_secs(2);
    });
    assert_eq!(
        world.ready("silent").await.protocol.as_deref(),
        Some("2025-11-25")
    );
    let error = world.call("silent", "crash").await.expect_err("it crashes");
    assert!(
        matches!(error, CallError::Crashed { sent: true, .. }),
        "{error:?}"
    );
    world.ready("silent").await;
    let first: Vec<String> = world
        .received("silent")
        .iter()
        .map(|methods| methods[0].clone())
        .collect();
    assert_eq!(
        first,
        ["server/discover", "initialize", "initialize"],
        "the third process was not probed again"
    );
    world.fleet.shutdown().await;
}

#[tokio::test]
async fn lists_and_results_keep_what_nobody_knows_yet() {
    let tools = json!([
        {"name": "echo", "inputSchema": {"type": "object"}, "execution": {"taskSupport": "optional"}, "annotations": {"z": 1, "readOnlyHint": true, "a": 2}},
        {"name": "no schema"},
        {"name": "odd schema", "inputSchema": true},
        17,
    ]);
    for discover in ["modern", "legacy"] {
        let mut world = World::start(&[(
            "s",
            json!({"discover": discover, "tools": tools, "page": 3}),
        )]);
        let (listed, truncated) = world.tools("s").await;
        assert_eq!(
            Value::from(listed).to_string(),
            tools.to_string(),
            "{discover}"
        );
        assert!(!truncated);
        world.ready("s").await;
        let mut request = CallRequest::new("echo", PATIENCE);
        request.arguments.insert("q".into(), json!("ü"));
        request.meta.insert("traceparent".into(), json!("00-1"));
        let reply = world
            .fleet
            .call_tool("s", request)
            .await
            .expect("it echoes");
        assert_eq!(reply.result["future"].to_string(), r#"{"z":1,"a":[1.5]}"#);
        let echoed: Value =
            serde_json::from_str(reply.result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(echoed["arguments"], json!({"q": "ü"}));
        assert_eq!(echoed["_meta"]["traceparent"], "00-1");
        world.fleet.shutdown().await;
    }
}

#[tokio::test]
async fn garbage_and_answers_beyond_the_bound_cost_only_themselves() {
    let mut world = World::start(&[(
        "s",
        json!({"garbage": ["starting...", "{\"level\": 3}", "\u{1b}[1m["]}),
    )]);
    world.ready("s").await;
    let mut request = CallRequest::new("long", PATIENCE);
    request.arguments.insert("length".into(), json!(200_000));
    let error = world
        .fleet
        .call_tool("s", request)
        .await
        .expect_err("it is too long");
    assert!(
        matches!(&error, CallError::Rpc { message, .. } if message.contains("100000 bytes")),
        "{error:?}"
    );
    assert!(world.call("s", "echo").await.is_ok());
    assert_eq!(world.fleet.status()[0].skipped_lines, 3);
    world.fleet.shutdown().await;
}

#[tokio::test]
async fn a_crash_answers_every_call_and_the_server_comes_back() {
    let mut world = World::start(&[("s", json!({}))]);
    world.ready("s").await;
    let hang = || {
        let fleet = world.fleet.clone();
        tokio::spawn(async move {
            fleet
                .call_tool("s", CallRequest::new("hang", PATIENCE))
                .await
        })
    };
    let hanging = [hang(), hang(), hang()];
    // The server has all three before it crashes: it handles one message after the other.
    while world.received("s")[0]
        .iter()
        .filter(|method| *method == "tools/call")
        .count()
        < 3
    {
        tokio::task::yield_now().await;
    }
    let crashed = world.call("s", "crash").await;
    for answer in [crashed].into_iter().chain(futures_join(hanging).await) {
        match answer {
            Err(error @ CallError::Crashed { sent: true, .. }) => {
                assert!(error.may_have_run());
                assert!(
                    error.to_string().contains("status 7: boom: no more disk"),
                    "{error}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    let status = world.not_ready("s").await;
    assert!(
        matches!(&status.health, Health::Retrying { attempt: 1, .. }),
        "{status:?}"
    );
    assert!(status.stderr_tail.contains("boom"));
    let again = world.ready("s").await;
    assert_eq!(again.attempts, 2);
    assert!(world.call("s", "echo").await.is_ok());
    let lists = world
        .seen
        .iter()
        .filter(|event| matches!(event, FleetEvent::Tools { .. }))
        .count();
    assert_eq!(lists, 1, "the same list after a restart is no news");
    world.fleet.shutdown().await;
}

async fn futures_join<const N: usize>(
    tasks: [tokio::task::JoinHandle<Result<CallReply, CallError>>; N],
) -> Vec<Result<CallReply, CallError>> {
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.expect("no panic"));
    }
    answers
}

#[tokio::test]
async fn errors_are_told_apart() {
    let mut world = World::start(&[("s", json!({"discover": "modern"}))]);
    world.ready("s").await;
    let error = world.call("s", "refuse").await.expect_err("it refuses");
    assert!(
        matches!(&error, CallError::Rpc { code: -32602, data: Some(data), .. } if data["why"] == "because"),
        "{error:?}"
    );
    let error = world.call("s", "input").await.expect_err("not supported");
    assert!(
        matches!(&error, CallError::Unsupported { what, .. } if what.contains("elicitation/create")),
        "{error:?}"
    );
    let error = world
        .fleet
        .call_tool("s", CallRequest::new("hang", Duration::from_millis(200)))
        .await;
    assert!(
        matches!(&error, Err(CallError::Timeout { .. })),
        "{error:?}"
    );
    let cancel = CancellationToken::new();
    let mut request = CallRequest::new("hang", PATIENCE);
    request.cancel = cancel.clone();
    let fleet = world.fleet.clone();
    let call = tokio::spawn(async move { fleet.call_tool("s", request).await });
    cancel.cancel();
    let error = call.await.expect("no panic");
    assert!(
        matches!(&error, Err(CallError::Cancelled { .. })),
        "{error:?}"
    );
    let dropped = world
        .fleet
        .call_tool("s", CallRequest::new("hang", PATIENCE));
    assert!(timeout(Duration::from_millis(200), dropped).await.is_err());
    let error = world
        .call("nobody", "x")
        .await
        .expect_err("there is no such server");
    assert!(
        matches!(error, CallError::UnknownServer { .. }),
        "{error:?}"
    );
    // Nobody waits for the word that a dropped call is not wanted any more, so it may come after the answer to the next one.
    let told = async {
        let cancelled = |world: &World| {
            let received = &world.received("s")[0];
            received
                .iter()
                .filter(|method| *method == "notifications/cancelled")
                .count()
        };
        while cancelled(&world) < 2 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, told)
        .await
        .expect("the server is told of the late and the abandoned call");
    world.call("s", "echo").await.expect("it echoes");
    world.fleet.shutdown().await;
}

#[tokio::test]
async fn progress_is_handed_on_and_keeps_a_call_alive() {
    let mut world = World::start(&[("s", json!({}))]);
    world.ready("s").await;
    let (sender, mut reports) = mpsc::channel(16);
    // In all it takes 750 ms, but it is never quiet for longer than 150 ms.
    let mut request = CallRequest::new("progress", Duration::from_millis(500));
    request.progress = Some(sender);
    world.fleet.call_tool("s", request).await.expect("it ends");
    let mut seen = Vec::new();
    while let Ok(Progress {
        progress,
        total,
        message,
    }) = reports.try_recv()
    {
        assert_eq!(
            (total, message),
            (Some(5.0), Some(format!("step {progress}")))
        );
        seen.push(progress);
    }
    assert_eq!(seen, [1.0, 2.0, 3.0, 4.0, 5.0]);
    world.fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_burst_of_progress_keeps_its_order_and_comes_before_the_answer() {
    let mut world = World::start(&[("s", json!({}))]);
    world.ready("s").await;
    for round in 0..20 {
        let (sender, mut reports) = mpsc::channel(64);
        let mut request = CallRequest::new("burst", PATIENCE);
        request.progress = Some(sender);
        world.fleet.call_tool("s", request).await.expect("it ends");
        let mut seen = Vec::new();
        while let Ok(report) = reports.try_recv() {
            seen.push(report.progress);
        }
        let all: Vec<f64> = (1..=30).map(f64::from).collect();
        assert_eq!(seen, all, "round {round}");
    }
    world.fleet.shutdown().await;
}

#[tokio::test]
async fn whatever_a_server_asks_it_gets_an_answer() {
    let mut world = World::start(&[("s", json!({}))]);
    world.ready("s").await;
    let call = world
        .fleet
        .call_tool("s", CallRequest::new("ask", PATIENCE));
    let answered = async {
        loop {
            if let Some(line) = world.received("s")[0]
                .iter()
                .find_map(|line| line.strip_prefix("answers ").map(str::to_owned))
            {
                return serde_json::from_str::<Value>(&line).expect("the script writes JSON");
            }
            tokio::task::yield_now().await;
        }
    };
    let answers = tokio::select! {
        _ = call => unreachable!("`ask` never answers"),
        answers = timeout(PATIENCE, answered) => answers.expect("four answers"),
    };
    let root = format!("file://{}", world.folder.path().display());
    assert_eq!(answers["mine-1"], json!({"roots": [{"uri": root}]}));
    assert_eq!(answers["mine-2"]["code"], -32601);
    assert_eq!(answers["mine-3"], json!({}));
    assert_eq!(answers["mine-4"]["code"], -32601);
    world.fleet.shutdown().await;
}

#[tokio::test]
async fn a_storm_of_changes_is_one_new_list() {
    let mut world = World::start(&[("s", json!({}))]);
    world.tools("s").await;
    world.ready("s").await;
    world.call("s", "change").await.expect("it changes");
    let (tools, _) = world.tools("s").await;
    assert_eq!(names(&tools), ["echo", "new1"]);
    let lists = world.received("s")[0]
        .iter()
        .filter(|method| *method == "tools/list")
        .count();
    assert!(lists <= 3, "500 changes were read {lists} times");
    world.fleet.shutdown().await;
}

#[tokio::test]
async fn modern_servers_are_listened_to() {
    let mut world = World::start(&[("s", json!({"discover": "modern", "listen_change": true}))]);
    assert_eq!(names(&world.tools("s").await.0), ["echo"]);
    assert_eq!(names(&world.tools("s").await.0), ["echo", "heard"]);
    world.fleet.shutdown().await;
}

#[tokio::test]
async fn what_cannot_come_up_says_why_and_costs_nobody_else() {
    let folder = TempDir::new().expect("a temporary folder");
    let mut servers = BTreeMap::from([
        (
            "good".to_owned(),
            scripted(folder.path(), "good", &json!({})),
        ),
        (
            "missing".to_owned(),
            stdio("no-such-command-anywhere", &[], &[]),
        ),
        (
            "exits".to_owned(),
            scripted(
                folder.path(),
                "exits",
                &json!({"say": "no key given", "exit": 9}),
            ),
        ),
        (
            "refused".to_owned(),
            server(Transport::Http {
                url: "http://127.0.0.1:1/mcp".into(),
                headers: BTreeMap::new(),
            }),
        ),
        (
            "unset".to_owned(),
            ServerConfig {
                unset: vec!["TOKEN".into()],
                ..stdio("true", &[], &[])
            },
        ),
        (
            "off".to_owned(),
            ServerConfig {
                enabled: false,
                ..stdio("true", &[], &[])
            },
        ),
    ]);
    let mut world = World::with(folder, &servers);
    world.ready("good").await;
    for (server, down, words) in [
        ("missing", true, "`no-such-command-anywhere` was not found"),
        ("unset", true, "the variable `TOKEN` is not set"),
        ("exits", false, "it exited with status 9: no key given"),
        ("refused", false, "could not connect"),
    ] {
        let mut status = world
            .fleet
            .status()
            .into_iter()
            .find(|status| status.server == server)
            .expect("it is listed");
        if status.health.reason().is_none() {
            status = world.not_ready(server).await;
        }
        assert_eq!(
            matches!(status.health, Health::Down { .. }),
            down,
            "{status:?}"
        );
        assert!(
            status
                .health
                .reason()
                .is_some_and(|reason| reason.contains(words)),
            "{status:?}"
        );
        let error = world.call(server, "x").await.expect_err("it is not up");
        assert!(
            matches!(&error, CallError::NotReady { reason, .. } if reason.contains(words)),
            "{error:?}"
        );
    }
    let off = world
        .fleet
        .status()
        .into_iter()
        .find(|status| status.server == "off")
        .expect("it is listed");
    assert_eq!(off.health, Health::Disabled);

    // Only what changed reconnects.
    let before = world
        .fleet
        .status()
        .into_iter()
        .find(|status| status.server == "good")
        .and_then(|status| status.pid);
    let good = servers.get_mut("good").expect("it was put in");
    good.trust = Trust::Annotations;
    good.timeout = Duration::from_secs(5);
    servers.retain(|name, _| name == "good");
    let late = scripted(world.folder.path(), "late", &json!({}));
    servers.insert("late".into(), late);
    world.fleet.apply(&servers).await;
    world.ready("late").await;
    let names: Vec<String> = world
        .fleet
        .status()
        .into_iter()
        .map(|status| status.server)
        .collect();
    assert_eq!(names, ["good", "late"]);
    let gone = world
        .seen
        .iter()
        .filter(|event| matches!(event, FleetEvent::Gone { .. }))
        .count();
    assert_eq!(gone, 5);
    let after = world
        .fleet
        .status()
        .into_iter()
        .find(|status| status.server == "good")
        .and_then(|status| status.pid);
    assert!(
        before.is_some() && before == after,
        "a server whose connection is the same was restarted"
    );
    world.fleet.shutdown().await;
}

#[tokio::test]
async fn a_server_that_ignores_everything_is_ended_with_its_grandchild() {
    let mut world = World::start(&[("s", json!({"stubborn": true}))]);
    let pid = world.ready("s").await.pid.expect("it is a process");
    let received = world.received("s");
    let grandchild = received[0]
        .iter()
        .find_map(|line| line.strip_prefix("grandchild ")?.parse().ok());
    let grandchild: u32 = grandchild.expect("it was logged");
    assert!(is_alive(pid) && is_alive(grandchild));
    world.fleet.shutdown().await;
    assert!(!is_alive(pid) && !is_alive(grandchild));
}

#[tokio::test]
async fn in_process_servers_come_through_the_factory() {
    let made = Arc::new(AtomicUsize::new(0));
    let folders = Arc::new(Mutex::new(Vec::new()));
    let config = server(Transport::InProcess {
        name: Builtin::Workspace,
        folder: Some("/somewhere".into()),
        confinement: toolpool_config::Confinement::default(),
    });
    let mut options = options(Path::new("/"));
    options.in_process = Arc::new({
        let (made, folders) = (Arc::clone(&made), Arc::clone(&folders));
        move |config, pipe| {
            made.fetch_add(1, Ordering::Relaxed);
            folders.lock().unwrap().push(config.transport.clone());
            tokio::spawn(answer_everything(pipe));
        }
    });
    let (fleet, events) =
        Fleet::start(&BTreeMap::from([("w".to_owned(), config.clone())]), options);
    let folder = TempDir::new().expect("a temporary folder");
    let mut world = World {
        folder,
        fleet,
        events,
        seen: Vec::new(),
    };
    assert_eq!(world.ready("w").await.pid, None);
    assert_eq!(
        world.call("w", "any").await.expect("it answers").result,
        json!({"content": []})
    );
    assert_eq!(made.load(Ordering::Relaxed), 1);
    assert_eq!(*folders.lock().unwrap(), [config.transport]);
    world.fleet.shutdown().await;
}

/// The smallest legacy server there is.
async fn answer_everything(pipe: tokio::io::DuplexStream) {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let (reader, mut writer) = tokio::io::split(pipe);
    let mut lines = BufReader::new(reader).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let message: Value = serde_json::from_str(&line).expect("the fleet writes JSON");
        let Some(id) = message.get("id") else {
            continue;
        };
        let result = match message["method"].as_str() {
            Some("initialize") => {
                json!({"result": {"protocolVersion": "2024-11-05", "capabilities": {"tools": {}}, "serverInfo": {"name": "w", "version": "1"}}})
            }
            Some("tools/list") => json!({"result": {"tools": []}}),
            Some("tools/call") => json!({"result": {"content": []}}),
            _ => json!({"error": {"code": -32601, "message": "no"}}),
        };
        let mut answer = json!({"jsonrpc": "2.0", "id": id});
        answer
            .as_object_mut()
            .unwrap()
            .extend(result.as_object().unwrap().clone());
        let line = format!("{answer}\n");
        if writer.write_all(line.as_bytes()).await.is_err() {
            return;
        }
    }
}
