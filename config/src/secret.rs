//! A value the hub was given as a secret, which no formatter prints.
//!
//! It also remembers the text it came from (`Bearer ${TOKEN}`), so that listings can say where it is from. What stood
//! literally in that text is hidden as well, save for the usual scheme words.

use std::fmt;

use serde::{Serialize, Serializer};

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
