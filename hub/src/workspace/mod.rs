//! The embedded `workspace` server: the files of one folder, and commands in it, for a model.
//!
//! It is a real MCP server on an in-memory pipe, so nothing about it is special to the rest of the hub: its tools are
//! listed, ranked, gated and called like anybody's.
//!
//! What may be done is not decided here: every tool says what it is, and permission asks or refuses before a call arrives. What
//! is held here is the folder: nothing outside of it is read or written by the tools, nor written by commands. Deliberately
//! absent: watching, and anything in `.git`. Line numbers are left out of what is read, because a
//! model that quotes a file must quote the file. Refusals are results with `isError`, in one sentence that says what to do
//! instead, never protocol errors: those do not reach the model.
//!
//! ```text
//! server ── names a tool, reads its arguments ── tools (the definitions)
//!   └─ read, list, find, search, info, write, edit, change ── each a plain blocking function
//!        ├─ confine ── every path, before and after it is opened
//!        ├─ place ── a name in an open folder, where something is written
//!        ├─ seen ── what the model knows of each file
//!        ├─ walk ── below a folder, as .gitignore says, never into .git
//!        └─ text ── what is text, and what the rest is
//!   └─ command ── our own program as `__confined` (confined), then the shell
//! ```

mod change;
mod command;
mod confine;
pub mod confined;
mod edit;
mod find;
mod info;
pub mod links;
mod list;
mod output;
mod place;
mod read;
mod search;
mod seen;
mod server;
mod suggest;
mod text;
mod tools;
mod walk;
mod write;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use rmcp::ServiceExt;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use toolpool_config::{Confinement, Limits, Transport, WriteCheck};
use toolpool_connectors::InProcessFactory;

pub use command::Launch;

/// Runs a workspace server on each pipe it is handed, over the folder that the server's configuration names, else over
/// `default_folder`. The folder need not exist yet: a call into a missing one says so.
#[must_use]
pub fn factory(
    default_folder: PathBuf,
    limits: Limits,
    edits: WriteCheck,
    launch: Launch,
) -> InProcessFactory {
    Arc::new(move |config, pipe| {
        // A relative folder is below the default one; joining leaves an absolute one as it is.
        let (folder, confinement) = match &config.transport {
            Transport::InProcess {
                folder,
                confinement,
                ..
            } => (
                folder.as_ref().map_or_else(
                    || default_folder.clone(),
                    |folder| default_folder.join(folder),
                ),
                Confinement {
                    confine: confinement.confine,
                    write_also: confinement
                        .write_also
                        .iter()
                        .map(|folder| default_folder.join(folder))
                        .collect(),
                },
            ),
            _ => (default_folder.clone(), Confinement::default()),
        };
        let commands = command::Commands::new(launch.clone(), confinement, config.timeout);
        let server = server::Workspace::new(folder, limits.clone(), edits, commands);
        tokio::spawn(async move {
            match server.serve(pipe).await {
                Ok(running) => drop(running.waiting().await),
                Err(error) => tracing::debug!(%error, "a workspace server did not come up"),
            }
        });
    })
}

/// What a tool gives back.
#[derive(Debug)]
struct Answer {
    /// For the model.
    text: String,
    /// The same for programs, as the tool's output schema says; `None` for tools without one.
    structured: Option<Value>,
}

/// Why a tool gives nothing: one sentence that its caller can act on.
#[derive(Debug, PartialEq, Eq)]
struct Refusal(String);

/// What every tool needs.
#[derive(Clone)]
struct Setting {
    root: confine::Root,
    limits: Limits,
    seen: seen::Seen,
    /// What becomes of an edit that breaks the format of its file.
    edits: WriteCheck,
    commands: Arc<command::Commands>,
    stop: CancellationToken,
}

impl Setting {
    /// Called wherever a tool could go on for long.
    fn go_on(&self) -> Result<(), Refusal> {
        if self.stop.is_cancelled() {
            Err(Refusal("the call was cancelled".to_owned()))
        } else {
            Ok(())
        }
    }
}
