//! What one argument is held against: a path, a host, a text, a value.
//!
//! Read narrowly, every part of the argument must match and anything unusual does not. Read widely, any string in it, at any
//! depth, is enough.

use std::path::Path;

use regex::{Regex, RegexBuilder};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;
use unicode_normalization::UnicodeNormalization;

use crate::pattern::is_unseen;
use crate::rule::host::Host;
use crate::rule::path::Prefix;

/// What one argument must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Matcher {
    /// A path at or below this one.
    Prefix(Prefix),
    /// A URL at this host.
    Host(Host),
    /// A text of this shape.
    Pattern(TextPattern),
    /// This value.
    Equals(Value),
}

/// A regular expression, compiled for both readings.
#[derive(Debug, Clone)]
pub struct TextPattern {
    text: String,
    whole: Regex,
    part: Regex,
}

impl PartialEq for TextPattern {
    fn eq(&self, other: &TextPattern) -> bool {
        self.text == other.text
    }
}

impl TextPattern {
    pub(crate) fn new(text: &str) -> Result<TextPattern, String> {
        // Alone first: what is wrong is said of the text as written, and an open bracket can't reach into what we add.
        Regex::new(text).map_err(|error| shortest(&error))?;
        let whole = Regex::new(&format!(r"\A(?:{text})\z")).map_err(|error| shortest(&error))?;
        let part = RegexBuilder::new(text)
            .case_insensitive(true)
            .dot_matches_new_line(true)
            .multi_line(true)
            .build()
            .map_err(|error| shortest(&error))?;
        Ok(TextPattern {
            text: text.to_owned(),
            whole,
            part,
        })
    }

    fn stops(&self, text: &str) -> bool {
        let plain: String = text.nfkc().filter(|letter| !is_hidden(*letter)).collect();
        self.part.is_match(text) || self.part.is_match(&plain)
    }
}

/// What takes no place on a screen, save for line ends and tabs, which a pattern may ask for.
fn is_hidden(letter: char) -> bool {
    is_unseen(letter) && !matches!(letter, '\n' | '\r' | '\t')
}

/// The last line of a syntax error says what is wrong; those before draw it.
fn shortest(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

impl Matcher {
    /// The reading of an allow.
    pub(crate) fn frees(&self, value: &Value, folder: Option<&Path>) -> bool {
        match self {
            Matcher::Equals(wanted) => value == wanted,
            Matcher::Prefix(prefix) => all_texts(value, &|text| prefix.frees(text, folder)),
            Matcher::Host(host) => all_texts(value, &|text| host.frees(text)),
            Matcher::Pattern(pattern) => all_texts(value, &|text| pattern.whole.is_match(text)),
        }
    }

    /// The reading of a deny or an ask. `changes`: the call may change what it reaches, so that a path counts with all below
    /// it.
    pub(crate) fn stops(&self, value: &Value, folder: Option<&Path>, changes: bool) -> bool {
        match self {
            Matcher::Equals(wanted) => any_value(value, &|value| alike(value, wanted)),
            Matcher::Prefix(prefix) => any_text(value, &|text| prefix.stops(text, folder, changes)),
            Matcher::Host(host) => any_text(value, &|text| host.stops(text)),
            Matcher::Pattern(pattern) => any_text(value, &|text| pattern.stops(text)),
        }
    }
}

/// A text, or a list of nothing but texts, that all pass.
fn all_texts(value: &Value, test: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => test(text),
        Value::Array(list) => {
            !list.is_empty() && list.iter().all(|item| item.as_str().is_some_and(test))
        }
        _ => false,
    }
}

fn any_text(value: &Value, test: &dyn Fn(&str) -> bool) -> bool {
    any_value(value, &|value| match value {
        Value::String(text) => test(text),
        Value::Number(_) | Value::Bool(_) => test(&value.to_string()),
        _ => false,
    })
}

fn any_value(value: &Value, test: &dyn Fn(&Value) -> bool) -> bool {
    test(value)
        || match value {
            Value::Array(list) => list.iter().any(|item| any_value(item, test)),
            Value::Object(object) => object.values().any(|item| any_value(item, test)),
            _ => false,
        }
}

/// Equal up to spelling: `"5"` and `5.0` are 5, and case, width and unseen letters make no difference.
fn alike(a: &Value, b: &Value) -> bool {
    let plain = |value: &Value| -> Option<String> {
        match value {
            Value::String(text) => Some(crate::pattern::letters(text).collect::<String>()),
            Value::Bool(truth) => Some(truth.to_string()),
            _ => None,
        }
        .map(|text| text.trim().to_owned())
    };
    let number = |value: &Value| match value {
        Value::String(text) => text.trim().parse::<f64>().ok(),
        _ => value.as_f64(),
    };
    a == b
        || matches!((number(a), number(b)), (Some(a), Some(b)) if a == b)
        || matches!((plain(a), plain(b)), (Some(a), Some(b)) if a == b)
}

impl Serialize for Matcher {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(1))?;
        match self {
            Matcher::Prefix(prefix) => map.serialize_entry("prefix", prefix.as_str())?,
            Matcher::Host(host) => map.serialize_entry("host", host.as_str())?,
            Matcher::Pattern(pattern) => map.serialize_entry("pattern", &pattern.text)?,
            Matcher::Equals(value) => map.serialize_entry("equals", value)?,
        }
        map.end()
    }
}
