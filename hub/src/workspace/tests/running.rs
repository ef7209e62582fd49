//! Commands without our own program: output, exit codes, time and cancellation. Confinement has its tests with the real program.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::World;

async fn run(world: &World, arguments: Value) -> (String, Value) {
    let answer = world
        .call("run_command", arguments)
        .await
        .expect("an answer");
    (answer.text, answer.structured.expect("structured"))
}

#[tokio::test]
async fn output_and_exit_code_come_back() {
    let world = World::project();
    let (text, value) = run(&world, json!({"command": "echo out; echo err >&2; exit 3"})).await;
    assert_eq!(
        text,
        "out\nerr\n[exit code 3; not confined: this system cannot hold a command to the workspace]"
    );
    assert_eq!(
        value,
        json!({"exit_code": 3, "output": "out\nerr\n", "timed_out": false, "truncated": false, "confined": false})
    );
    // Said once.
    let (text, _) = run(&world, json!({"command": "printf x"})).await;
    assert_eq!(text, "x\n[exit code 0]");
    let (text, _) = run(&world, json!({"command": "cat; pwd", "cwd": "src"})).await;
    assert!(text.ends_with("/work/src\n[exit code 0]"), "{text}");
    let (_, value) = run(&world, json!({"command": "kill -9 $$"})).await;
    assert_eq!(value["exit_code"], 137);
    let (_, value) = run(&world, json!({"command": "env"})).await;
    let output = value["output"].as_str().expect("a text");
    let mut names: Vec<&str> = output
        .lines()
        .filter_map(|line| line.split('=').next())
        .filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name))
        .collect();
    names.sort_unstable();
    let expected = [
        "GIT_OPTIONAL_LOCKS",
        "GIT_PAGER",
        "GIT_TERMINAL_PROMPT",
        "NO_COLOR",
        "PAGER",
        "PATH",
        "TERM",
        "TMPDIR",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn long_output_keeps_both_ends() {
    let mut world = World::project();
    world.limits.command_output_bytes_max = 100;
    let (_, value) = run(
        &world,
        json!({"command": "echo first; seq 1 10000; echo last"}),
    )
    .await;
    let output = value["output"].as_str().expect("a text");
    assert!(
        output.starts_with("first\n1\n") && output.ends_with("10000\nlast\n"),
        "{output}"
    );
    assert!(output.contains(" bytes left out]\n"), "{output}");
    assert_eq!(value["truncated"], true);
}

#[tokio::test]
async fn what_cannot_be_run_is_refused() {
    let world = World::project();
    for arguments in [
        json!({"command": " "}),
        json!({"command": "ls", "cwd": ".."}),
        json!({"command": "ls", "cwd": "README.md"}),
        json!({"command": "ls", "cwd": "gone"}),
        json!({"command": "ls", "timeout_s": 0}),
        json!({"command": "ls", "timeout_s": -1}),
        json!({"command": "ls", "shell": "zsh"}),
        json!({}),
    ] {
        world.refusal("run_command", arguments).await;
    }
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_stopped_with_its_children() {
    let world = World::project();
    let started = Instant::now();
    let command = "echo begun; (sleep 300; echo never) & sleep 300";
    let (text, value) = run(&world, json!({"command": command, "timeout_s": 0.5})).await;
    assert!(
        text.starts_with("begun\n[stopped after 0.5 s, its time limit"),
        "{text}"
    );
    assert_eq!(
        (&value["exit_code"], &value["timed_out"]),
        (&Value::Null, &json!(true))
    );
    assert!(
        started.elapsed() < Duration::from_secs(200),
        "the pipe ends with its holders"
    );
}

#[tokio::test]
async fn a_cancelled_command_ends() {
    let world = World::project();
    let server = super::server(world.folder(), world.limits.clone());
    let stop = CancellationToken::new();
    let arguments = json!({"command": "echo $$ > pid; exec sleep 300"});
    let arguments = arguments.as_object().cloned().expect("an object");
    let call = tokio::spawn({
        let stop = stop.clone();
        async move { server.call("run_command", arguments, stop).await }
    });
    let pid = loop {
        let written = std::fs::read_to_string(world.folder().join("pid")).unwrap_or_default();
        if let Ok(pid) = written.trim().parse::<i32>() {
            break rustix::process::Pid::from_raw(pid).expect("a number of a process");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    stop.cancel();
    let refusal = call.await.expect("joined").expect_err("cancelled");
    assert_eq!(refusal.0, "the call was cancelled");
    while rustix::process::test_kill_process(pid).is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
