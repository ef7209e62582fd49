//! Patterns of deny and allow lists, matched so that spelling cannot dodge a deny.
//!
//! The two lists read a pattern differently, because doubt must go to the safe side in both. A *deny* matches widely:
//! case, `-` for `_`, odd characters and full-width letters make no difference, and a pattern without `__` is also
//! tried on the tool's own name, where it would otherwise deny nothing in silence. An *allow* matches the names as
//! they are written. On effects a deny means "this or worse", an allow "this or milder".

use std::fmt;
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use unicode_normalization::UnicodeNormalization;

use crate::Effect;

/// What a pattern is held against: one tool of one server.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The server's name in the configuration.
    pub server: &'a str,
    /// The tool's name as its server gave it.
    pub tool: &'a str,
    /// The name under which clients and the model see it.
    pub exposed: &'a str,
    /// The effect as gates read it: a missing claim is the worst one.
    pub effect: Effect,
}

/// Why a pattern cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing is written there.
    #[error("a pattern cannot be empty")]
    Empty,
    /// `effect:` with a word that is no effect.
    #[error(
        "`{0}` is not an effect; effects are `read-only`, `idempotent`, `mutating`, `destructive`"
    )]
    Effect(String),
    /// The glob is broken, for instance by an open bracket.
    #[error("`{glob}` is not a glob: {reason}")]
    Glob {
        /// The text as written.
        glob: String,
        /// What the glob reader said.
        reason: String,
    },
}

/// A glob over names (`*`, `?`, `[a-z]`, `{a,b}`), compiled once.
#[derive(Debug, Clone)]
pub struct Glob {
    text: String,
    exact: GlobMatcher,
    folded: GlobMatcher,
}

impl Glob {
    /// Matches the name as it is written, case and all: the reading of an allow list.
    pub fn allows(&self, name: &str) -> bool {
        self.exact.is_match(name)
    }

    /// Matches the name also when only its spelling differs: the reading of a deny list.
    pub fn denies(&self, name: &str) -> bool {
        self.exact.is_match(name) || self.folded.is_match(fold(name))
    }

    /// The glob as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Glob {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Glob, PatternError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        Ok(Glob {
            exact: compile(text, text)?,
            folded: compile(&fold_glob(text), text)?,
            text: text.to_owned(),
        })
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Glob) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

/// One entry of a deny or allow list: `effect:destructive`, `server:git*`, else a glob over `server__tool`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Effect(Effect),
    Server(Glob),
    Name(Glob),
}

impl Pattern {
    /// The reading of a deny list: in doubt it matches.
    ///
    /// `effect:E` matches E and everything worse, so that `effect:mutating` also stops a tool that claims nothing.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        match &self.0 {
            Kind::Effect(effect) => subject.effect >= *effect,
            Kind::Server(glob) => glob.denies(subject.server),
            Kind::Name(glob) => {
                glob.denies(&full_name(subject))
                    || glob.denies(subject.exposed)
                    || (!glob.text.contains("__") && glob.denies(subject.tool))
            }
        }
    }

    /// The reading of an allow list: in doubt it does not match.
    ///
    /// `effect:E` matches E and everything milder. Names match as written.
    pub fn allows(&self, subject: &Subject<'_>) -> bool {
        match &self.0 {
            Kind::Effect(effect) => subject.effect <= *effect,
            Kind::Server(glob) => glob.allows(subject.server),
            Kind::Name(glob) => glob.allows(&full_name(subject)) || glob.allows(subject.exposed),
        }
    }

    /// The effect, when this is an `effect:` pattern.
    pub fn effect(&self) -> Option<Effect> {
        match &self.0 {
            Kind::Effect(effect) => Some(*effect),
            _ => None,
        }
    }

    /// The glob over server names, when this is a `server:` pattern.
    pub fn server(&self) -> Option<&Glob> {
        match &self.0 {
            Kind::Server(glob) => Some(glob),
            _ => None,
        }
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Pattern, PatternError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        let kind = match text.split_once(':') {
            Some((word, rest)) if word.trim().eq_ignore_ascii_case("effect") => Kind::Effect(
                Effect::from_name(rest)
                    .ok_or_else(|| PatternError::Effect(rest.trim().to_owned()))?,
            ),
            Some((word, rest)) if word.trim().eq_ignore_ascii_case("server") => {
                Kind::Server(rest.parse()?)
            }
            _ => Kind::Name(text.parse()?),
        };
        Ok(Pattern(kind))
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Effect(effect) => write!(f, "effect:{effect}"),
            Kind::Server(glob) => write!(f, "server:{glob}"),
            Kind::Name(glob) => write!(f, "{glob}"),
        }
    }
}

fn full_name(subject: &Subject<'_>) -> String {
    format!("{}__{}", subject.server, subject.tool)
}

fn compile(glob: &str, written: &str) -> Result<GlobMatcher, PatternError> {
    GlobBuilder::new(glob)
        .literal_separator(false)
        .backslash_escape(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| PatternError::Glob {
            glob: written.to_owned(),
            reason: error.kind().to_string(),
        })
}

/// One spelling for all that look alike: compatibility forms joined, lower case, unseen letters dropped, `_` for what is
/// neither letter nor digit.
pub(crate) fn fold(name: &str) -> String {
    letters(name).map(plain).collect()
}

pub(crate) fn letters(text: &str) -> impl Iterator<Item = char> {
    text.nfkc()
        .filter(|letter| !is_unseen(*letter))
        .flat_map(char::to_lowercase)
}

fn plain(letter: char) -> char {
    if letter.is_alphanumeric() {
        letter
    } else {
        '_'
    }
}

/// Letters that take no place on a screen: joiners, marks of direction, variation selectors, soft hyphens, tags.
pub(crate) fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{feff}' | '\u{115f}' | '\u{1160}' | '\u{3164}'
        )
        || matches!(letter, '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(letter, '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
}

/// [`fold`] for the literal parts of a glob; its signs stay.
fn fold_glob(glob: &str) -> String {
    let (mut out, mut in_class, mut escaped) = (String::new(), false, false);
    for letter in letters(glob) {
        if escaped {
            out.push(plain(letter));
            escaped = false;
            continue;
        }
        match letter {
            '\\' => escaped = true,
            '[' => {
                in_class = true;
                out.push('[');
            }
            ']' => {
                in_class = false;
                out.push(']');
            }
            '-' | '!' | '^' if in_class => out.push(letter),
            '*' | '?' | '{' | '}' | ',' => out.push(letter),
            _ => out.push(plain(letter)),
        }
    }
    out
}

macro_rules! as_text {
    ($type:ty, $name:literal, $about:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "minLength": 1, "description": $about })
            }
        }
    };
}

as_text!(
    Glob,
    "Glob",
    "A glob over names: `*`, `?`, `[a-z]`, `{a,b}`."
);
as_text!(
    Pattern,
    "Pattern",
    "`effect:destructive`, `server:git*`, or a glob over `server__tool`."
);

#[cfg(test)]
mod tests;
