//! Real servers and real clients, at pinned versions, in the user's cache.
//!
//! They are installed on first use by the package client that is there (npm, pip), so that the person's own mirror settings
//! hold. Where Node or Python is missing the tests that need it are skipped by name, on stderr; under `CI=true` that is a
//! failure, because there they must run. Versions are pinned: tools differ from release to release.

mod install;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub use install::cache;
use install::{Packages, install};

/// The npm servers, all in one folder.
const NODE: Packages = Packages::Npm {
    folder: "node",
    packages: &[
        "@modelcontextprotocol/server-everything@2026.8.31",
        "@modelcontextprotocol/server-filesystem@2026.8.31",
        "@modelcontextprotocol/server-memory@2026.8.31",
        "@modelcontextprotocol/server-sequential-thinking@2026.8.31",
    ],
};
/// The Python servers that work with `mcp` 2, and that SDK, which is one of the clients.
const PYTHON: Packages = Packages::Pip {
    folder: "python",
    packages: &[
        "mcp==2.3.0",
        "mcp-server-git==2026.10.19",
        "mcp-server-time==2026.10.19",
        "mcp-server-fetch==2026.10.24",
    ],
};
/// The server that needs the older SDK, and that SDK as a client.
const PYTHON_OLD: Packages = Packages::Pip {
    folder: "python-mcp1",
    packages: &["mcp==1.30.0", "mcp-server-sqlite==2025.4.25"],
};
/// A client by another hand.
const FASTMCP: Packages = Packages::Pip {
    folder: "python-fastmcp",
    packages: &["fastmcp==4.1.2"],
};
/// The library the encoder runs on.
const ONNX: Packages = Packages::Target {
    folder: "onnxruntime",
    packages: &["onnxruntime==1.31.1"],
};

/// Why a real thing can't be had here.
#[derive(Clone, Debug)]
pub struct Missing {
    /// What is skipped.
    pub what: String,
    /// Why.
    pub why: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "skipped: {}: {}", self.what, self.why)
    }
}

/// Takes what can be had; says on stderr what can't.
///
/// # Panics
///
/// Under `CI=true`, where nothing may be skipped.
#[expect(clippy::print_stderr, reason = "a skipped test says so by name")]
pub fn ready<T>(thing: Result<T, Missing>) -> Option<T> {
    match thing {
        Ok(thing) => Some(thing),
        Err(missing) => {
            eprintln!("{missing}");
            assert!(!ci(), "nothing may be skipped where CI=true: {missing}");
            None
        }
    }
}

/// Whether this runs where everything must.
pub fn ci() -> bool {
    std::env::var_os("CI")
        .is_some_and(|value| !value.is_empty() && value != "false" && value != "0")
}

/// A server from npm or PyPI, as a configuration starts it.
#[derive(Clone, Debug)]
pub struct RealServer {
    /// Its name in the configuration.
    pub name: &'static str,
    /// Its program.
    pub command: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment besides what it inherits.
    pub environment: Vec<(&'static str, String)>,
    /// How many tools it offers to a client that can answer `roots/list`.
    pub tools: usize,
}

impl RealServer {
    /// Its table for the configuration.
    pub fn toml(&self) -> String {
        let command = self.command.display().to_string();
        let mut text = format!(
            "[servers.{:?}]\ncommand = {command:?}\nargs = {:?}\n",
            self.name, self.arguments
        );
        if !self.environment.is_empty() {
            let pairs: Vec<String> = self
                .environment
                .iter()
                .map(|(name, value)| format!("{name} = {value:?}"))
                .collect();
            text.push_str(&format!("env = {{ {} }}\n", pairs.join(", ")));
        }
        text.push('\n');
        text
    }
}

/// All eight, working in `folder`, which gets a repository, a database and a note. What can't be had is in its place.
pub fn servers(folder: &Path) -> Vec<Result<RealServer, Missing>> {
    let at = |name: &str| folder.join(name).display().to_string();
    let node = |name,
                program: &str,
                arguments: Vec<String>,
                environment: Vec<(&'static str, String)>,
                tools| {
        let home = install(&NODE).map_err(|why| missing(name, why))?;
        let command = home.join("node_modules/.bin").join(program);
        Ok(RealServer {
            name,
            command,
            arguments,
            environment,
            tools,
        })
    };
    let python = |name, packages: &Packages, arguments: Vec<String>, tools| {
        let home = install(packages).map_err(|why| missing(name, why))?;
        let command = home.join("bin").join(format!("mcp-server-{name}"));
        Ok(RealServer {
            name,
            command,
            arguments,
            environment: Vec::new(),
            tools,
        })
    };
    vec![
        node("everything", "mcp-server-everything", vec![], vec![], 13),
        node(
            "filesystem",
            "mcp-server-filesystem",
            vec![at("files")],
            vec![],
            14,
        ),
        node(
            "memory",
            "mcp-server-memory",
            vec![],
            vec![("MEMORY_FILE_PATH", at("memory.jsonl"))],
            9,
        ),
        node(
            "sequential-thinking",
            "mcp-server-sequential-thinking",
            vec![],
            vec![],
            1,
        ),
        repository(&folder.join("repository"))
            .map_err(|why| missing("git", why))
            .and_then(|()| {
                python(
                    "git",
                    &PYTHON,
                    vec!["--repository".to_owned(), at("repository")],
                    12,
                )
            }),
        python("time", &PYTHON, vec![], 2),
        python("fetch", &PYTHON, vec![], 1),
        python(
            "sqlite",
            &PYTHON_OLD,
            vec!["--db-path".to_owned(), at("notes.db")],
            6,
        ),
    ]
}

/// The npm memory server as most people start it: behind `npx`, which puts a process between.
pub fn behind_npx() -> Result<RealServer, Missing> {
    let home = install(&NODE).map_err(|why| missing("npx", why))?;
    let arguments = [
        "--offline",
        "--prefix",
        &home.display().to_string(),
        "mcp-server-memory",
    ];
    Ok(RealServer {
        name: "npx-memory",
        command: PathBuf::from("npx"),
        arguments: arguments.map(str::to_owned).to_vec(),
        environment: Vec::new(),
        tools: 9,
    })
}

/// Client programs that nobody here wrote, by their Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// The Python SDK, 2.x: speaks both eras.
    Mcp2,
    /// The Python SDK, 1.x: speaks the older revisions.
    Mcp1,
    /// The client of `fastmcp`.
    FastMcp,
}

impl Client {
    /// All of them.
    pub const ALL: [Client; 3] = [Client::Mcp2, Client::Mcp1, Client::FastMcp];

    /// The script of ours that drives it, relative to this crate.
    pub fn script(self) -> PathBuf {
        let name = match self {
            Client::Mcp2 => "mcp2.py",
            Client::Mcp1 => "mcp1.py",
            Client::FastMcp => "fast.py",
        };
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src/clients")
            .join(name)
    }

    /// A Python in which it is installed.
    ///
    /// # Errors
    ///
    /// When there is no Python, or the packages can't be had.
    pub fn python(self) -> Result<PathBuf, Missing> {
        let packages = match self {
            Client::Mcp2 => &PYTHON,
            Client::Mcp1 => &PYTHON_OLD,
            Client::FastMcp => &FASTMCP,
        };
        let home = install(packages).map_err(|why| missing(&format!("client {self:?}"), why))?;
        Ok(home.join("bin/python"))
    }
}

/// The ONNX Runtime library the encoder's tests run on.
///
/// # Errors
///
/// When there is no Python, or the package can't be had.
pub fn onnx_runtime() -> Result<PathBuf, Missing> {
    let home = install(&ONNX).map_err(|why| missing("encoder", why))?;
    let folder = home.join("onnxruntime/capi");
    let entries =
        std::fs::read_dir(&folder).map_err(|error| missing("encoder", error.to_string()))?;
    let library = entries.flatten().map(|entry| entry.path()).find(|path| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        name.starts_with("libonnxruntime.") && !name.contains("providers")
    });
    library.ok_or_else(|| missing("encoder", format!("no library in `{}`", folder.display())))
}

fn missing(what: &str, why: String) -> Missing {
    Missing {
        what: what.to_owned(),
        why,
    }
}

/// A git repository with one commit in `folder`, made once.
fn repository(folder: &Path) -> Result<(), String> {
    let files = folder.with_file_name("files");
    std::fs::create_dir_all(&files).map_err(|error| error.to_string())?;
    std::fs::write(files.join("note.txt"), "a note for the servers\n")
        .map_err(|error| error.to_string())?;
    if folder.join(".git").exists() {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(folder).args([
            "-c",
            "user.name=tests",
            "-c",
            "user.email=tests@localhost",
        ]);
        match command.args(arguments).output() {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => Err(format!("no git: {error}")),
        }
    };
    git(&["init", "--quiet"])?;
    git(&["commit", "--quiet", "--allow-empty", "-m", "Start"])
}
