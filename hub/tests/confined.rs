//! `run_command` as the program itself runs it: what a command may write to, and that nothing of it outlives its end or the hub's.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rmcp::ServiceExt;
use rmcp::model::{CallToolRequestParams, JsonObject};
use rustix::process::{Pid, test_kill_process};
use serde_json::{Value, json};
use toolpool::workspace::{Launch, factory};
use toolpool_config::{Builtin, Config, Confine, Confinement, Limits, Transport};

/// A workspace, and a folder beside it that is not part of it.
struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir_all(dir.path().join("work/sub")).expect("made");
        fs::create_dir(dir.path().join("beside")).expect("made");
        fs::write(dir.path().join("beside/kept.txt"), "kept").expect("written");
        World { dir }
    }

    fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    fn beside(&self) -> PathBuf {
        self.dir.path().join("beside")
    }

    async fn run(&self, confinement: Confinement, arguments: Value) -> Value {
        let mut config = Config::default()
            .servers
            .remove("workspace")
            .expect("the default server");
        config.transport = Transport::InProcess {
            name: Builtin::Workspace,
            folder: None,
            confinement,
        };
        let launch = Launch {
            program: Some(env!("CARGO_BIN_EXE_toolpool").into()),
            env: [("PATH".to_owned(), std::env::var("PATH").expect("a PATH"))].into(),
        };
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        factory(
            self.work(),
            Limits::default(),
            toolpool_config::WriteCheck::Refuse,
            launch,
        )(&config, theirs);
        let client = ().serve(ours).await.expect("connected");
        let arguments: JsonObject = serde_json::from_value(arguments).expect("an object");
        let request = CallToolRequestParams::new("run_command").with_arguments(arguments);
        let result = client.call_tool(request).await.expect("called");
        let value = result
            .structured_content
            .unwrap_or_else(|| panic!("{:?}", result.content));
        client.cancel().await.expect("ended");
        value
    }

    async fn sh(&self, command: &str) -> Value {
        self.run(Confinement::default(), json!({ "command": command }))
            .await
    }
}

/// Whether this kernel has Landlock: where it does not, nothing is confined and the results must say so.
fn has_landlock() -> bool {
    fs::read_to_string("/proc/kallsyms").is_ok_and(|symbols| symbols.contains("landlock"))
        || fs::read_to_string("/sys/kernel/security/lsm")
            .is_ok_and(|list| list.contains("landlock"))
}

#[tokio::test]
async fn a_command_writes_in_the_workspace_and_nowhere_else() {
    let world = World::new();
    let beside = world.beside();
    let beside = beside.display();
    std::os::unix::fs::symlink(world.beside(), world.work().join("link")).expect("linked");
    std::os::unix::fs::symlink(
        world.beside().join("kept.txt"),
        world.work().join("link.txt"),
    )
    .expect("linked");
    let inside = world
        .sh("echo a > a.txt && mkdir -p sub/new && mv a.txt sub/new/ && rm -r sub/new && echo b > sub/b.txt && cat sub/b.txt && echo x > /dev/null")
        .await;
    assert_eq!(
        (&inside["exit_code"], &inside["output"]),
        (&json!(0), &json!("b\n")),
        "{inside}"
    );
    let temporary = world
        .sh("echo t > \"$TMPDIR/t\" && cat \"$TMPDIR/t\" && echo $TMPDIR")
        .await;
    let output = temporary["output"].as_str().expect("a text");
    let folder = output.lines().nth(1).expect("its path");
    assert!(
        !Path::new(folder).exists(),
        "the temporary folder goes with the command"
    );
    let reading = world.sh(&format!("cat {beside}/kept.txt link.txt")).await;
    assert_eq!(reading["output"], "keptkept", "reading is free");
    if !has_landlock() {
        assert_eq!(inside["confined"], false);
        return;
    }
    assert_eq!(inside["confined"], true, "{inside}");
    for command in [
        format!("echo x > {beside}/new.txt"),
        format!("echo x >> {beside}/kept.txt"),
        format!("rm {beside}/kept.txt"),
        format!("mkdir {beside}/new"),
        format!("mv sub {beside}/sub"),
        format!("ln {beside}/kept.txt hard.txt && echo x > hard.txt"),
        format!("truncate -s 0 {beside}/kept.txt"),
        "echo x > link/new.txt".to_owned(),
        "echo x > link.txt".to_owned(),
        "echo x > ../out.txt".to_owned(),
        // Descendants, however they were made.
        format!("sh -c 'sh -c \"echo x > {beside}/new.txt\"'"),
        format!("(echo x > {beside}/new.txt) & wait $!"),
        format!("setsid sh -c 'echo x > {beside}/new.txt'"),
        format!("env -i sh -c 'echo x > {beside}/new.txt'"),
        // The hub itself.
        format!("kill -9 {}", std::process::id()),
    ] {
        let value = world.sh(&command).await;
        assert_ne!(value["exit_code"], 0, "{command}: {value}");
    }
    assert_eq!(
        fs::read_to_string(world.beside().join("kept.txt")).expect("there"),
        "kept"
    );
    assert_eq!(fs::read_dir(world.beside()).expect("a folder").count(), 1);
    assert!(world.work().join("sub").is_dir() && !world.dir.path().join("out.txt").exists());
}

#[tokio::test]
async fn the_person_may_widen_it() {
    let world = World::new();
    let command = format!("echo x > {}/new.txt", world.beside().display());
    let also = Confinement {
        confine: Confine::Workspace,
        write_also: vec![world.beside()],
    };
    let value = world.run(also, json!({ "command": command })).await;
    assert_eq!(
        (&value["exit_code"], &value["confined"]),
        (&json!(0), &json!(has_landlock()))
    );
    let none = Confinement {
        confine: Confine::None,
        write_also: Vec::new(),
    };
    fs::remove_file(world.beside().join("new.txt")).expect("it was made");
    let value = world.run(none, json!({ "command": command })).await;
    assert_eq!(
        (&value["exit_code"], &value["confined"]),
        (&json!(0), &json!(false))
    );
    assert!(world.beside().join("new.txt").exists());
}

/// The process that a command wrote into a file, once it has.
fn process(file: &Path) -> Pid {
    loop {
        let written = fs::read_to_string(file).unwrap_or_default();
        if let (true, Ok(pid)) = (written.ends_with('\n'), written.trim().parse()) {
            return Pid::from_raw(pid).expect("a number of a process");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits for as long as a slow machine may need; what does not end at all fails.
fn gone(pid: Pid) {
    let started = Instant::now();
    while test_kill_process(pid).is_ok() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "{pid:?} is still there"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test]
async fn whatever_a_command_started_ends_with_it() {
    let world = World::new();
    let leaves = "setsid sh -c 'echo $$ > left; exec sleep 600' & sleep 600 & echo $! > group; \
                  until [ -s left ]; do sleep 0.01; done; echo done";
    let value = world.sh(leaves).await;
    assert_eq!(
        (&value["exit_code"], &value["output"]),
        (&json!(0), &json!("done\n"))
    );
    gone(process(&world.work().join("group")));
    gone(process(&world.work().join("left")));
    let late =
        json!({ "command": "setsid sh -c 'echo $$ > late; exec sleep 600'", "timeout_s": 1 });
    let value = world.run(Confinement::default(), late).await;
    assert_eq!(value["timed_out"], true);
    gone(process(&world.work().join("late")));
}

#[test]
fn when_the_hub_is_gone_the_command_is_ended() {
    let world = World::new();
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a pair");
    let mut held = Command::new(env!("CARGO_BIN_EXE_toolpool"))
        .arg("__confined")
        .arg(world.work())
        .args([
            "--",
            "/bin/sh",
            "-c",
            "setsid sh -c 'echo $$ > left; exec sleep 600' & echo $$ > first; wait",
        ])
        .current_dir(world.work())
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
        .spawn()
        .expect("started");
    let (first, left) = (
        process(&world.work().join("first")),
        process(&world.work().join("left")),
    );
    // A killed hub closes its end, and nothing else.
    drop(ours);
    gone(first);
    gone(left);
    held.wait().expect("it ends by itself");
}
