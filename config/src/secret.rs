//! A value the hub was given as a secret, which no formatter prints.
//!
//! It also remembers the text it came from (`Bearer ${TOKEN}`), so that listings can say where it is from. What stood
//! literally in that text is hidden as well, save for the usual scheme words.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::Config;
use crate::limits::fixed::SECRET_CHARS_MIN;
use crate::redact::is_telling;
use crate::server::Transport;

/// What every formatter shows in place of a secret.
const HIDDEN: &str = "***";

/// A secret string: compared by value, shown as `***`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret {
    value: String,
    reference: Option<String>,
}

impl Secret {
    /// A secret that was written as it is.
    pub fn new(value: impl Into<String>) -> Secret {
        Secret {
            value: value.into(),
            reference: None,
        }
    }

    /// A secret that was put together from a text with variables; `reference` is that text made safe to show.
    pub fn referenced(value: impl Into<String>, reference: impl Into<String>) -> Secret {
        Secret {
            value: value.into(),
            reference: Some(reference.into()),
        }
    }

    /// The value itself. Call it only where the value leaves for the place it is meant for.
    pub fn reveal(&self) -> &str {
        &self.value
    }

    /// The text it came from, such as `Bearer ${TOKEN}`, with literal parts hidden; nothing when it was written out.
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    /// What a listing shows: the reference where there is one, else `***`.
    pub fn shown(&self) -> &str {
        self.reference.as_deref().unwrap_or(HIDDEN)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(HIDDEN)
    }
}

impl Config {
    /// The values that must not be written down, the longest first: tokens, keys, and what stands in variables and headers
    /// whose names say that they hold one. Of `Bearer x` also `x` alone.
    pub fn secrets(&self) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        let tokens = self.serve.tokens.values().map(|token| &token.secret);
        all.extend(tokens.chain(&self.model.api_key).map(Secret::reveal));
        for server in self.servers.values() {
            let named = match &server.transport {
                Transport::Stdio { env, .. } => env,
                Transport::Http { headers, .. } => headers,
                Transport::InProcess { .. } => continue,
            };
            for (_, secret) in named.iter().filter(|(name, _)| is_telling(name)) {
                all.push(secret.reveal());
                all.extend(secret.reveal().split_whitespace().last());
            }
        }
        all.retain(|value| value.chars().count() >= SECRET_CHARS_MIN);
        all.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        all.dedup();
        all
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_must_not_be_written_down() {
        let text = r#"
[servers.a]
command = "a"
env = { API_KEY = "key-12345678", NODE_ENV = "production", TOKEN = "short" }
[servers.b]
url = "https://b.example/mcp"
headers = { Authorization = "Bearer abcdefghij", Accept = "application/json" }
[serve.tokens.ann]
secret = "ann-secret-1"
"#;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        std::fs::write(&file, text).unwrap();
        let sources = crate::Sources {
            user_file: Some(file),
            ..crate::Sources::default()
        };
        let config = crate::load(&sources).unwrap().config;
        assert_eq!(
            config.secrets(),
            [
                "Bearer abcdefghij",
                "ann-secret-1",
                "key-12345678",
                "abcdefghij"
            ]
        );
    }
}
