//! The tools over real folders, friendly and hostile, and the server over its pipe.

mod hostile;
mod looking;
mod reading;
mod running;
mod serving;
mod writing;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use toolpool_config::{Confinement, Limits, WriteCheck};

use super::command::Commands;
use super::server::Workspace;
use super::{Answer, Launch, Refusal};

/// A workspace below a folder that also holds what is outside of it.
struct World {
    dir: tempfile::TempDir,
    limits: Limits,
    /// The server that remembers; made by the first call.
    server: std::sync::OnceLock<Workspace>,
}

/// A server without our own program: commands run, unconfined.
fn server(folder: PathBuf, limits: Limits) -> Workspace {
    let path = std::env::var("PATH").expect("a PATH");
    let launch = Launch {
        program: None,
        env: [("PATH".to_owned(), path)].into(),
    };
    let commands = Commands::new(launch, Confinement::default(), Duration::from_secs(600));
    Workspace::new(folder, limits, WriteCheck::Refuse, commands)
}

impl World {
    fn new() -> World {
        let world = World {
            dir: tempfile::tempdir().expect("a temporary folder"),
            limits: Limits::default(),
            server: std::sync::OnceLock::new(),
        };
        world.file("../secret.txt", "the secret");
        world
    }

    /// A small project.
    fn project() -> World {
        let world = World::new();
        for (path, content) in [
            (".gitignore", "target/\n*.log\n"),
            (".git/config", "[core] Needle"),
            (".github/ci.yml", "on: push"),
            ("README.md", "# Demo\nThe Needle is here.\n"),
            (
                "src/main.rs",
                "fn main() {\n    needle();\n}\n\nfn needle() {}\n",
            ),
            ("src/deep/er/mod.rs", "// nothing\n"),
            ("target/debug/out.txt", "needle"),
            ("run.log", "needle"),
        ] {
            world.file(path, content);
        }
        world.bytes("logo.png", b"\x89PNG\r\n\x1a\nneedle");
        world.bytes("data.bin", b"needle\0needle");
        world
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    fn file(&self, path: &str, content: &str) {
        self.bytes(path, content.as_bytes());
    }

    fn bytes(&self, path: &str, content: &[u8]) {
        fs::create_dir_all(self.folder()).expect("created");
        let path = self.folder().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("created");
        fs::write(path, content).expect("written");
    }

    fn link(&self, target: impl AsRef<Path>, path: &str) {
        std::os::unix::fs::symlink(target, self.folder().join(path)).expect("linked");
    }

    async fn call(&self, tool: &str, arguments: Value) -> Result<Answer, Refusal> {
        let Value::Object(arguments) = arguments else {
            panic!("arguments are an object")
        };
        let server = self
            .server
            .get_or_init(|| server(self.folder(), self.limits.clone()));
        server.call(tool, arguments, CancellationToken::new()).await
    }

    async fn text(&self, tool: &str, arguments: Value) -> String {
        self.call(tool, arguments).await.expect("an answer").text
    }

    async fn refusal(&self, tool: &str, arguments: Value) -> String {
        match self.call(tool, arguments.clone()).await {
            Ok(answer) => panic!("{tool} {arguments} answered {answer:?}"),
            Err(Refusal(sentence)) => sentence,
        }
    }
}

#[tokio::test]
async fn a_path_that_leads_nowhere_is_answered_with_the_nearest() {
    let world = World::project();
    for (path, expected) in [
        (
            "main.rs",
            "there is no `main.rs` in the workspace; did you mean `src/main.rs`?",
        ),
        (
            "src/mian.rs",
            "there is no `src/mian.rs` in the workspace; did you mean `src/main.rs`?",
        ),
        (
            "scr/main.rs",
            "there is no `scr/main.rs` in the workspace; did you mean `src/main.rs`?",
        ),
        (
            "readme.md/x",
            "there is no `readme.md/x` in the workspace; did you mean `README.md`?",
        ),
        (
            "zzz",
            "there is no `zzz` in the workspace; list_files and find_files show what there is",
        ),
    ] {
        assert_eq!(
            world.refusal("read_file", json!({ "path": path })).await,
            expected
        );
    }
}

#[tokio::test]
async fn a_missing_folder_and_a_cancelled_call() {
    let world = World::project();
    let gone = server(world.folder().join("gone"), Limits::default());
    let refusal = gone
        .call(
            "list_files",
            serde_json::Map::new(),
            CancellationToken::new(),
        )
        .await
        .expect_err("refused");
    assert!(
        refusal.0.starts_with("the workspace folder `") && refusal.0.contains("cannot be opened"),
        "{refusal:?}"
    );
    let stop = CancellationToken::new();
    stop.cancel();
    let here = server(world.folder(), Limits::default());
    let refusal = here
        .call("list_files", serde_json::Map::new(), stop)
        .await
        .expect_err("refused");
    assert_eq!(refusal.0, "the call was cancelled");
}
