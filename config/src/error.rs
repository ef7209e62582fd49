//! What can go wrong in this crate, and what the person can do about it.

use std::fmt;
use std::path::PathBuf;

use crate::layer::Origin;

/// Why a configuration cannot be loaded, written or imported.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is there and cannot be read.
    #[error("cannot read `{}`", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file cannot be written; what stood there before is untouched.
    #[error("cannot write `{}`", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What the layers say cannot be used. All mistakes that could be found together are listed.
    #[error("{}", listed(problems))]
    Invalid {
        /// The mistakes, in the order of the layers; never empty.
        problems: Vec<Problem>,
    },
    /// Another client's file cannot be understood.
    #[error("cannot import `{}`: {reason}", file.display())]
    Import {
        /// The file.
        file: PathBuf,
        /// What is wrong with it, with its line where known.
        reason: String,
    },
}

impl Error {
    /// What to do about it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Read { .. } => Some("check that the file is yours to read".to_owned()),
            Error::Write { .. } => Some("check that its folder is yours to write".to_owned()),
            Error::Invalid { problems } => problems.iter().find_map(|problem| problem.hint.clone()),
            Error::Import { .. } => Some(
                "expected JSON with `mcpServers` or `servers`, or TOML with `mcp_servers`"
                    .to_owned(),
            ),
        }
    }

    /// The mistakes one by one; empty unless this is [`Error::Invalid`].
    pub fn problems(&self) -> &[Problem] {
        match self {
            Error::Invalid { problems } => problems,
            _ => &[],
        }
    }
}

fn listed(problems: &[Problem]) -> String {
    match problems {
        [one] => one.to_string(),
        many => {
            let lines: Vec<String> = many
                .iter()
                .map(|problem| format!("\n  {problem}"))
                .collect();
            format!(
                "the configuration has {} mistakes:{}",
                many.len(),
                lines.concat()
            )
        }
    }
}

/// One thing that is wrong or odd, and where.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// What, in one sentence, without the place.
    pub message: String,
    /// Where.
    pub origin: Option<Origin>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>) -> Problem {
        Problem {
            message: message.into(),
            origin: None,
            hint: None,
        }
    }

    pub(crate) fn at(mut self, origin: Origin) -> Problem {
        self.origin = Some(origin);
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(origin) => write!(f, "{origin}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// The right key or word that a wrong one was probably meant to be.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let fold = |text: &str| text.to_lowercase().replace(['-', '_'], "");
    let wrong = fold(word);
    known
        .map(|right| {
            let folded = fold(right);
            // `timeout` for `timeout_s`: one begins with the other.
            let begins = folded.starts_with(&wrong) || wrong.starts_with(&folded);
            let floor = match begins && wrong.len().min(folded.len()) >= 3 {
                true => 0.9,
                false => 0.0,
            };
            let close = strsim::normalized_damerau_levenshtein(&wrong, &folded).max(floor);
            (close, right)
        })
        .filter(|(close, _)| *close >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .map(|(_, right)| right)
}
