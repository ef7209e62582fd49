//! The package clients and their command lines: what each is asked, and how one run of it is bounded, watched and ended.
//!
//! The clients inherit the environment and read their own configuration files: that is the point of using them. No option
//! here names an index, a proxy or a certificate.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use toolpool_config::fixed::CLIENT_WORDS_BYTES_MAX;

use super::pinned::{Package, Pin};
use super::staging;

/// A package client, as a program and the arguments that lead to it (`python3 -m pip`).
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) kind: Kind,
    pub(super) program: OsString,
    pub(super) lead: &'static [&'static str],
}

/// How a client wants to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Pip,
    Uv,
    Npm,
}

/// How one run of a client ended, when it did not deliver.
#[derive(Debug)]
pub(super) enum RunError {
    /// There is no such program.
    Missing,
    /// It ran and failed, or could not be run; in one line.
    Failed(String),
}

/// The clients to try, in order. `pip download` comes first because it works also where installing is forbidden.
pub(super) fn known() -> Vec<Client> {
    let client = |kind, program: &str, lead| Client {
        kind,
        program: program.into(),
        lead,
    };
    vec![
        client(Kind::Pip, "python3", &["-m", "pip"]),
        client(Kind::Pip, "pip3", &[]),
        client(Kind::Uv, "uv", &[]),
        client(Kind::Npm, "npm", &[]),
    ]
}

impl Client {
    /// Whether the package of `pin` is one that this client deals in.
    pub(super) fn serves(&self, pin: &Pin) -> bool {
        (self.kind == Kind::Npm) == (pin.package == Package::Npm)
    }

    /// The command line that leaves the package of `pin` in `folder`.
    pub(super) fn arguments(&self, pin: &Pin, folder: &Path) -> Vec<OsString> {
        let mut line: Vec<OsString> = self.lead.iter().map(OsString::from).collect();
        let mut add = |parts: &[&str]| line.extend(parts.iter().map(OsString::from));
        match (self.kind, pin.package) {
            (Kind::Pip, Package::Wheel { platform }) => {
                // A fixed Python: the library is the same for all, and old interpreters have no wheel of their own.
                add(&[
                    "download",
                    "--no-deps",
                    "--only-binary=:all:",
                    "--disable-pip-version-check",
                    "--no-input",
                ]);
                add(&[
                    "--quiet",
                    "--retries",
                    "1",
                    "--platform",
                    platform,
                    "--implementation",
                    "cp",
                ]);
                add(&["--python-version", "312", "--abi", "cp312", "--dest"]);
            }
            (Kind::Uv, _) => {
                add(&[
                    "pip",
                    "install",
                    "--no-deps",
                    "--only-binary",
                    "onnxruntime",
                    "--no-progress",
                    "--quiet",
                ]);
                add(&[
                    "--python-version",
                    "3.12",
                    "--no-python-downloads",
                    "--target",
                ]);
            }
            (Kind::Npm | Kind::Pip, _) => {
                add(&[
                    "pack",
                    "--ignore-scripts",
                    "--loglevel=error",
                    "--fetch-retries=1",
                    "--pack-destination",
                ]);
            }
        }
        line.push(folder.into());
        if self.kind != Kind::Pip {
            // Downloads land in the client's cache first: keep that one beside us, to see it grow and to leave nothing behind.
            line.push(
                if self.kind == Kind::Uv {
                    "--cache-dir"
                } else {
                    "--cache"
                }
                .into(),
            );
            line.push(folder.join("client-cache").into());
        }
        line.push(match pin.package {
            Package::Wheel { .. } => format!("onnxruntime=={}", pin.version).into(),
            Package::Npm => format!("onnxruntime-node@{}", pin.version).into(),
        });
        line
    }

    /// The command without what only we need, for messages.
    pub(super) fn shown(&self, pin: &Pin) -> String {
        let lead = std::iter::once(self.program.to_string_lossy().into_owned())
            .chain(self.lead.iter().map(|part| (*part).to_owned()))
            .collect::<Vec<_>>()
            .join(" ");
        match self.kind {
            Kind::Pip => format!("{lead} download --no-deps onnxruntime=={}", pin.version),
            Kind::Uv => format!(
                "{lead} pip install --no-deps --target DIR onnxruntime=={}",
                pin.version
            ),
            Kind::Npm => format!("{lead} pack onnxruntime-node@{}", pin.version),
        }
    }

    /// Runs the client until it ends, reporting once it runs and then every `every` how many bytes lie under `folder`.
    /// Dropping the future kills the client and whatever it started.
    pub(super) async fn run(
        &self,
        pin: &Pin,
        folder: &Path,
        every: Duration,
        grown: &(dyn Fn(u64) + Sync),
    ) -> Result<(), RunError> {
        let spawned = Command::new(&self.program)
            .args(self.arguments(pin, folder))
            .current_dir(folder)
            // pip unpacks its stream into the temporary folder: here it can be watched, and goes when the staging folder goes.
            .env("TMPDIR", folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(RunError::Missing);
            }
            Err(error) => return Err(RunError::Failed(error.to_string())),
        };
        let _group = Group::of(&child);
        let words = child.stderr.take().map(|pipe| tokio::spawn(tail(pipe)));
        // Not left to the first tick: a client that is quick may end before it.
        grown(0);
        let mut ticks = tokio::time::interval(every);
        ticks.reset();
        let status = loop {
            tokio::select! {
                status = child.wait() => break status,
                _ = ticks.tick() => grown(staging::bytes_under(folder)),
            }
        };
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => {
                // A grandchild may hold the pipe open: what was said by now must do.
                let said = match words {
                    Some(task) => tokio::time::timeout(Duration::from_secs(1), task)
                        .await
                        .ok()
                        .and_then(Result::ok),
                    None => None,
                };
                Err(RunError::Failed(reason(status, &said.unwrap_or_default())))
            }
            Err(error) => Err(RunError::Failed(error.to_string())),
        }
    }
}

/// The last line in which the client complained, or its exit status when it was silent.
fn reason(status: std::process::ExitStatus, said: &str) -> String {
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let complaint = lines()
        .rev()
        .find(|line| line.to_ascii_lowercase().contains("error"))
        .or_else(|| lines().next_back());
    match complaint {
        Some(line) => line.chars().take(300).collect(),
        None => format!("ended with {status}"),
    }
}

/// The last few thousand bytes of what a client said.
async fn tail(mut pipe: tokio::process::ChildStderr) -> String {
    let mut kept: Vec<u8> = Vec::new();
    let mut chunk = [0_u8; 1024];
    while let Ok(read) = pipe.read(&mut chunk).await {
        if read == 0 {
            break;
        }
        kept.extend_from_slice(&chunk[..read]);
        if kept.len() > 2 * CLIENT_WORDS_BYTES_MAX {
            kept.drain(..kept.len() - CLIENT_WORDS_BYTES_MAX);
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// The process group of a client: killed as a whole when the run is over, however it ended, so that no helper downloads on.
struct Group(Option<rustix::process::Pid>);

impl Group {
    fn of(child: &Child) -> Group {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Group(id.and_then(rustix::process::Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // The leader may be reaped already; its number stays the group's as long as anyone is in it, else this finds nobody.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}
