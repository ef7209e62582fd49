//! The embedded `workspace` server: the files of one folder, read only, for a model.
//!
//! It is a real MCP server on an in-memory pipe, so nothing about it is special to the rest of the hub: its tools are
//! listed, ranked, gated and called like anybody's.
//!
//! Deliberately absent: writing, running commands, and watching. Line numbers are left out of what is read, because a
//! model that quotes a file must quote the file. Refusals are results with `isError`, in one sentence that says what to do
//! instead, never protocol errors: those do not reach the model.
//!
//! ```text
//! server ── names a tool, reads its arguments ── tools (the definitions)
//!   └─ read, list, find, search, info ── each a plain blocking function
//!        ├─ confine ── every path, before and after it is opened
//!        ├─ walk ── below a folder, as .gitignore says, never into .git
//!        └─ text ── what is text, and what the rest is
//! ```

mod confine;
mod find;
mod info;
mod list;
mod read;
mod search;
mod server;
mod suggest;
mod text;
mod tools;
mod walk;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use rmcp::ServiceExt;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use toolpool_config::{Limits, Transport};
use toolpool_connectors::InProcessFactory;

/// Runs a workspace server on each pipe it is handed, over the folder that the server's configuration names, else over
/// `default_folder`. The folder need not exist yet: a call into a missing one says so.
#[must_use]
pub fn factory(default_folder: PathBuf, limits: Limits) -> InProcessFactory {
    Arc::new(move |config, pipe| {
        let folder = match &config.transport {
            // A relative folder is below the default one; joining leaves an absolute one as it is.
            Transport::InProcess {
                folder: Some(folder),
                ..
            } => default_folder.join(folder),
            _ => default_folder.clone(),
        };
        let server = server::Workspace::new(folder, limits.clone());
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
