//! `TestEnv`: a folder that is the whole world of one test.
//!
//! The hub runs with a cleared environment, its own HOME and XDG folders and its own working folder, all inside one temporary
//! folder. So nothing of the person's leaks in, and every process that stems from the test can be told by that folder
//! (`processes.rs`). The encoder is off unless a test asks for it: most tests are about wiring, and loading it costs time.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::run::{self, Run};
use crate::server::FakeServer;
use crate::{program, real};

/// No command of a test runs longer than this.
pub const RUN_MAX: Duration = Duration::from_secs(120);

/// One test's world. Its folder goes with it.
#[derive(Debug)]
pub struct TestEnv {
    root: tempfile::TempDir,
    variables: BTreeMap<String, String>,
    settings: String,
}

impl Default for TestEnv {
    fn default() -> Self {
        TestEnv::new()
    }
}

impl TestEnv {
    /// An empty world without the encoder: ranking is by words.
    pub fn new() -> TestEnv {
        TestEnv::with_settings("[embedding]\nenabled = false\n")
    }

    /// A world in which the encoder runs, on an ONNX Runtime kept in the user's cache; `None`, said on stderr, where that
    /// runtime can't be had.
    pub fn with_encoder() -> Option<TestEnv> {
        let library = real::ready(real::onnx_runtime())?;
        let mut env = TestEnv::with_settings("");
        env.set("ORT_DYLIB_PATH", &library.display().to_string());
        Some(env)
    }

    fn with_settings(settings: &str) -> TestEnv {
        let root = tempfile::Builder::new().prefix("toolpool-test-").tempdir();
        let env = TestEnv {
            root: root.expect("a temporary folder can be made"),
            variables: BTreeMap::new(),
            settings: settings.to_owned(),
        };
        for folder in [
            "home", "work", "config", "cache", "state", "data", "run", "tmp",
        ] {
            fs::create_dir(env.path(folder)).expect("a fresh folder has room");
        }
        env
    }

    /// The world's folder.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// A path inside the world.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.path().join(relative)
    }

    /// The folder in which the hub runs.
    pub fn work(&self) -> PathBuf {
        self.path("work")
    }

    /// The user's configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.path("config/toolpool/config.toml")
    }

    /// Sets a variable of the hub's environment.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Writes the user's configuration; the encoder's setting is added unless `toml` has its own `[embedding]`.
    pub fn config(&self, toml: &str) {
        let settings = if toml.contains("[embedding]") {
            ""
        } else {
            &self.settings
        };
        // A model server that happens to run on this machine is the person's.
        let model = if toml.contains("[model]") {
            ""
        } else {
            "[model]\nplaces = []\n"
        };
        // Through a rename, so that a hub that watches the file never reads half of it.
        let fresh = self.path("tmp/config.toml");
        fs::write(&fresh, format!("{toml}\n{settings}{model}")).expect("the world is writable");
        fs::create_dir_all(self.path("config/toolpool")).expect("the world is writable");
        fs::rename(fresh, self.config_file()).expect("both lie in the world");
    }

    /// Writes a configuration of these servers and no workspace; `top` comes first, for keys outside of any table.
    pub fn servers(&self, top: &str, servers: &[&FakeServer]) {
        let tables: String = servers.iter().map(|server| server.toml()).collect();
        self.config(&format!(
            "{top}\n[servers.workspace]\nenabled = false\n\n{tables}"
        ));
    }

    /// Writes a file of the world, with its folders.
    pub fn write(&self, relative: impl AsRef<Path>, text: &str) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().expect("a path in the world has a parent"))
            .expect("the world is writable");
        fs::write(&path, text).expect("the world is writable");
        path
    }

    /// A program in this world: nothing in its environment but what the world gives.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .current_dir(self.work())
            .stdin(Stdio::null());
        // Python, Node and git are found through PATH; everything else would be the person's.
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
            .env("LANG", "C.UTF-8")
            .env("NO_COLOR", "1")
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"));
        for (name, folder) in [
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_RUNTIME_DIR", "run"),
        ] {
            command.env(name, self.path(folder));
        }
        command.envs(&self.variables);
        command
    }

    /// The hub in this world, not started yet. The configuration file is written if there is none.
    pub fn hub<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        if !self.config_file().exists() {
            self.config("");
        }
        let mut command = self.command(program::hub());
        command.arg0("toolpool").args(arguments);
        command
    }

    /// Runs the hub to its end.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Run {
        run::run(self.hub(arguments), self.root(), None, RUN_MAX)
    }

    /// Runs the hub to its end with `input` on its stdin.
    pub fn run_with_input<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
        input: &str,
    ) -> Run {
        run::run(self.hub(arguments), self.root(), Some(input), RUN_MAX)
    }
}
