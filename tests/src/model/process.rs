//! The scripted model as a process beside the hub, in a test's world.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::env::TestEnv;
use crate::program;

/// A scripted model in a process of its own; it ends when this is dropped, and with the process that holds this.
#[derive(Debug)]
pub struct ModelProcess {
    /// Where it answers, without a path.
    pub url: String,
    child: Child,
    record: PathBuf,
}

impl ModelProcess {
    /// Starts one with this script file's text; `flags` as one would type them.
    ///
    /// # Panics
    /// When it does not say where it listens.
    pub fn start(env: &TestEnv, script: &str, flags: &str) -> ModelProcess {
        let file = env.write("model/script.json", script);
        let record = env.path("model/requests.jsonl");
        let mut command = env.command(program::sibling("scripted-model"));
        command.arg("--tied").arg("--script").arg(file);
        command.arg("--record").arg(&record);
        command.args(flags.split_whitespace());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the scripted model can be started");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("the scripted model says where it listens");
        let said: Value = serde_json::from_str(&line).expect("it says so in JSON");
        let url = said["listening"].as_str().expect("it names its URL");
        ModelProcess {
            url: url.to_owned(),
            child,
            record,
        }
    }

    /// Every request so far, also those of a process before it in the same world: `method`, `path`, `body`, `raw`.
    pub fn requests(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.record).unwrap_or_default();
        let lines = text.lines().map(serde_json::from_str);
        lines.filter_map(Result::ok).collect()
    }
}

impl Drop for ModelProcess {
    fn drop(&mut self) {
        // Already gone is what it should be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
