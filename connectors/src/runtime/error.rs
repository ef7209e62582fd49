//! Why ONNX Runtime could not be fetched. None of these ends the hub: it ranks by words alone and says so.

use std::path::PathBuf;
use std::time::Duration;

/// Why a fetch of ONNX Runtime failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No release is pinned for this machine.
    #[error("no release of ONNX Runtime is known for {os} on {arch}")]
    Unsupported {
        /// The operating system.
        os: &'static str,
        /// The processor.
        arch: &'static str,
    },
    /// Not one package client could be started.
    #[error("no package client was found to fetch ONNX Runtime with (tried {})", tried.join(", "))]
    NoClient {
        /// The programs that were looked for.
        tried: Vec<String>,
    },
    /// Package clients are there, and none of them delivered.
    #[error("no package client could fetch ONNX Runtime{}", list(attempts))]
    AllFailed {
        /// One for each client that could be started.
        attempts: Vec<Attempt>,
    },
    /// The fetch ran out of its time.
    #[error("ONNX Runtime was not fetched within {} s", limit.as_secs())]
    TimedOut {
        /// The time it was given.
        limit: Duration,
    },
    /// Reading or writing in the cache failed.
    #[error("could not {doing} `{}`", path.display())]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// What one package client did instead of delivering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The command, as it could be typed.
    pub command: String,
    /// Why it did not serve.
    pub reason: String,
}

impl FetchError {
    /// What the person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let by_hand = "name a library of your own as `embedding.runtime`, or in ORT_DYLIB_PATH";
        Some(match self {
            FetchError::Unsupported { .. } => format!(
                "install ONNX Runtime 1.{} or newer and {by_hand}",
                super::MINOR_MIN
            ),
            FetchError::NoClient { .. } => {
                format!("install Python with pip, uv, or npm; or {by_hand}")
            }
            FetchError::AllFailed { .. } => {
                format!(
                    "run the command by hand to see what your package registry says; or {by_hand}"
                )
            }
            FetchError::TimedOut { .. } => format!("try again on a faster line; or {by_hand}"),
            FetchError::Io { .. } => {
                "check that the cache folder can be written and has 200 MB free".to_owned()
            }
        })
    }
}

fn list(attempts: &[Attempt]) -> String {
    let mut text = String::new();
    for Attempt { command, reason } in attempts {
        text.push_str(&format!("\n  `{command}`: {reason}"));
    }
    text
}
