//! A hub-like process is killed with SIGKILL, and nothing of its servers may be left, not even those that ignore everything.
//!
//! This binary plays all parts, hence no test harness: the test, the hub (`hub FOLDER`) and the guard (`__guard`).
#![expect(
    clippy::print_stdout,
    reason = "the harness protocol and the hub's readiness are lines on stdout"
)]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use toolpool_config::{Limits, Secret, ServerConfig, Transport, Trust};
use toolpool_connectors::{Fleet, FleetEvent, FleetOptions, guard};
use toolpool_registry::Health;

const NAME: &str = "nothing_outlives_a_killed_hub";
const SERVERS: usize = 3;
const ROUNDS: usize = 5;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("__guard") => return guard::main(),
        Some("hub") => return hub(Path::new(&args[1])),
        _ if args.iter().any(|arg| arg == "--list") => {
            if !args.iter().any(|arg| arg == "--ignored") {
                println!("{NAME}: test");
            }
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    for round in 0..ROUNDS {
        // Early rounds kill while the servers are still starting, late ones when all are up.
        nothing_outlives_a_killed_hub(round);
    }
    println!("test {NAME} ... ok");
    ExitCode::SUCCESS
}

fn nothing_outlives_a_killed_hub(round: usize) {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let mut hub = Command::new(std::env::current_exe().expect("this binary has a path"))
        .arg("hub")
        .arg(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the hub starts");
    let mut lines = BufReader::new(hub.stdout.take().expect("it is a pipe")).lines();
    let wait_for = if round < 2 { "started" } else { "ready" };
    assert!(
        lines.any(|line| line.is_ok_and(|line| line == wait_for)),
        "the hub never said `{wait_for}`"
    );
    if round == 0 {
        thread::sleep(Duration::from_millis(30));
    }
    hub.kill().and_then(|()| hub.wait()).expect("it is killed");
    if round >= 2 {
        assert_eq!(
            all_of(folder.path()).len(),
            2 * SERVERS,
            "every server and grandchild was up when the hub died"
        );
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let left: Vec<PathBuf> = processes_of(folder.path());
        if left.is_empty() {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "round {round}: left behind: {left:?}"
        );
        thread::sleep(Duration::from_millis(20));
    }
}

/// The hub: stubborn servers under a guard, until it is killed.
fn hub(folder: &Path) -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let servers = (0..SERVERS)
            .map(|at| (format!("s{at}"), stubborn(folder)))
            .collect();
        let options = FleetOptions {
            guard_program: std::env::current_exe().ok(),
            limits: Limits::default(),
            in_process: Arc::new(|_, _| {}),
            client_name: "hub".into(),
            client_version: "0".into(),
            roots: Vec::new(),
            inherit_env: std::env::vars()
                .filter(|(name, _)| name == "PATH")
                .collect(),
            jitter_seed: 0,
        };
        let (_fleet, mut events) = Fleet::start(&servers, options);
        let mut ready = 0;
        println!("started");
        while let Some(event) = events.recv().await {
            match event {
                FleetEvent::Status(status) if status.health == Health::Ready => ready += 1,
                FleetEvent::Warning { message } => panic!("{message}"),
                _ => {}
            }
            if ready == SERVERS {
                println!("ready");
            }
        }
    });
    ExitCode::SUCCESS
}

fn stubborn(folder: &Path) -> ServerConfig {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scripted.py");
    let text = |path: &Path| Secret::new(path.to_str().expect("a plain path"));
    ServerConfig {
        transport: Transport::Stdio {
            command: "python3".into(),
            args: vec![script.into(), r#"{"stubborn": true}"#.into()],
            env: BTreeMap::from([
                ("LOG".into(), text(&folder.join("log"))),
                ("MARK".into(), text(folder)),
            ]),
            cwd: None,
        },
        enabled: true,
        timeout: Duration::from_secs(30),
        start_timeout: Duration::from_secs(30),
        trust: Trust::None,
        allow: Vec::new(),
        deny: Vec::new(),
        tools: BTreeMap::new(),
        unset: Vec::new(),
        description: None,
    }
}

/// Servers and grandchildren that have ever logged themselves.
fn all_of(folder: &Path) -> std::collections::BTreeSet<String> {
    let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    log.lines()
        .flat_map(|line| match line.split_once(" grandchild ") {
            Some((server, grandchild)) => vec![server.to_owned(), grandchild.to_owned()],
            None => Vec::new(),
        })
        .collect()
}

/// Running processes whose environment carries the folder's mark, which a fork cannot shake off.
fn processes_of(folder: &Path) -> Vec<PathBuf> {
    let mark = format!("MARK={}", folder.display());
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| {
            std::fs::read(path.join("environ")).is_ok_and(|environ| {
                environ
                    .split(|byte| *byte == 0)
                    .any(|entry| entry == mark.as_bytes())
            })
        })
        .collect()
}
