//! How a server is. Connectors decides it and everyone shows it; it lives here because a snapshot says it beside the tools.
//! What a server wrote on stderr is absent: that is for `doctor`, not for a catalog.

use std::fmt;

use serde::Serialize;

/// The state of one server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Health {
    /// Switched off in the configuration.
    Disabled,
    /// Coming up for the first time.
    Starting,
    /// Answering.
    Ready,
    /// Failed, and tried again after a pause.
    Retrying {
        /// Why the last try failed, one phrase.
        reason: String,
        /// How many tries have failed in a row.
        attempt: u32,
    },
    /// Failed in a way that another try cannot mend, such as an unset variable.
    Down {
        /// Why, one phrase.
        reason: String,
    },
    /// Its tools come from a catalog file; there is no server.
    Offline,
}

impl Health {
    /// Whether its tools can be called now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self, Health::Ready)
    }

    /// Whether the first attempt is over, well or badly.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !matches!(self, Health::Starting)
    }

    /// Why it is not ready, where there is more to say than the state.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Health::Retrying { reason, .. } | Health::Down { reason } => Some(reason),
            _ => None,
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Health::Disabled => f.write_str("disabled"),
            Health::Starting => f.write_str("starting"),
            Health::Ready => f.write_str("ready"),
            Health::Retrying { reason, attempt } => {
                write!(f, "retrying after {attempt} failed: {reason}")
            }
            Health::Down { reason } => write!(f, "down: {reason}"),
            Health::Offline => f.write_str("offline"),
        }
    }
}
