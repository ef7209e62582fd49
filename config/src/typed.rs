//! From the tree to the types of [`crate::file`], by serde, with every mistake at its place.
//!
//! serde stops at the first mistake. To report several, the wrong value is taken back to what lies below it and the
//! tree is read again, until nothing is wrong or enough is.

use std::fmt;

use serde::de::value::StringDeserializer;
use serde::de::{self, Deserialize, DeserializeSeed, IntoDeserializer, Unexpected, Visitor};

use crate::error::{Problem, nearest};
use crate::layer::Origin;
use crate::limits::fixed::PROBLEMS_MAX;
use crate::node::{Entry, Node, Step, Value, dotted};
use crate::read::list_of;
use crate::redact::is_secret;

/// Reads the tree; on mistakes gives them all.
pub(crate) fn typed<T: for<'de> Deserialize<'de>>(root: &Node) -> Result<T, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut root = root.clone();
    loop {
        match T::deserialize(&root) {
            Ok(value) if problems.is_empty() => return Ok(value),
            Ok(_) => return Err(problems),
            Err(mut wrong) => {
                wrong.path.reverse();
                let path = wrong.path.clone();
                problems.push(wrong.problem(&root.origin));
                if problems.len() >= PROBLEMS_MAX || !root.undo(&path) {
                    return Err(problems);
                }
            }
        }
    }
}

/// A mistake on its way up; the path grows from the inside.
#[derive(Debug)]
pub(crate) struct Wrong {
    what: What,
    path: Vec<Step>,
    origin: Option<Origin>,
}

#[derive(Debug)]
enum What {
    Type {
        found: String,
        expected: String,
    },
    UnknownKey {
        key: String,
        known: Vec<&'static str>,
    },
    UnknownWord {
        word: String,
        known: Vec<&'static str>,
    },
    Other(String),
}

impl Wrong {
    fn new(what: What) -> Wrong {
        Wrong {
            what,
            path: Vec::new(),
            origin: None,
        }
    }

    fn under(mut self, step: Step, origin: &Origin) -> Wrong {
        self.path.push(step);
        self.origin.get_or_insert_with(|| origin.clone());
        self
    }

    /// The sentence; `self.path` runs from the outside here.
    fn problem(self, root: &Origin) -> Problem {
        let at = self.origin.unwrap_or_else(|| root.clone());
        let place = dotted(&self.path);
        let secret = is_secret(&self.path);
        let problem = match self.what {
            What::Type { expected, .. } if secret => {
                Problem::new(format!("`{place}` must be {expected}"))
            }
            What::Type { found, expected } => {
                Problem::new(format!("`{place}` must be {expected}, found {found}"))
            }
            What::UnknownKey { key, known } => {
                let table = dotted(&self.path[..self.path.len().saturating_sub(1)]);
                let message = match table.is_empty() {
                    true => format!("unknown key `{key}`"),
                    false => format!("unknown key `{key}` in `{table}`"),
                };
                suggest(Problem::new(message), &key, &known)
            }
            What::UnknownWord { word, known } => suggest(
                Problem::new(format!(
                    "`{place}` must be one of {}, found `{word}`",
                    ticked(&known)
                )),
                &word,
                &known,
            ),
            What::Other(message) => Problem::new(format!("`{place}`: {message}")),
        };
        problem.at(at)
    }
}

fn suggest(mut problem: Problem, wrong: &str, known: &[&'static str]) -> Problem {
    match nearest(wrong, known.iter().copied()) {
        Some(right) => {
            problem
                .message
                .push_str(&format!("; did you mean `{right}`?"));
            problem.hint(format!("write `{right}`"))
        }
        None => problem.hint(format!("known here: {}", ticked(known))),
    }
}

fn ticked(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.what)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Wrong {
        Wrong::new(What::Other(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Wrong {
        Wrong::new(What::Type {
            found: said(found),
            expected: plain(&expected.to_string()),
        })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn de::Expected) -> Wrong {
        Self::invalid_type(found, expected)
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Wrong {
        Wrong::new(What::UnknownKey {
            key: key.to_owned(),
            known: known.to_vec(),
        })
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Wrong {
        Wrong::new(What::UnknownWord {
            word: word.to_owned(),
            known: known.to_vec(),
        })
    }
}

/// serde names Rust types and structs; people wrote TOML.
fn plain(expected: &str) -> String {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more".to_owned(),
        "i64" => "a whole number".to_owned(),
        "f64" | "f32" => "a number".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a table".to_owned(),
        other if other.starts_with("struct ") => "a table".to_owned(),
        other => other.to_owned(),
    }
}

fn said(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(truth) => format!("`{truth}`"),
        Unexpected::Signed(number) => format!("`{number}`"),
        Unexpected::Float(number) => format!("`{number}`"),
        Unexpected::Str(text) => format!("the string {text:?}"),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a table".to_owned(),
        other => other.to_string(),
    }
}

fn described(value: &Value) -> String {
    match value {
        Value::Text(text) => said(Unexpected::Str(text)),
        Value::Whole(number) => said(Unexpected::Signed(*number)),
        Value::Real(number) => said(Unexpected::Float(*number)),
        Value::Truth(truth) => said(Unexpected::Bool(*truth)),
        Value::Time(time) => format!("the date {time}"),
        Value::List(_) => said(Unexpected::Seq),
        Value::Table(_) => said(Unexpected::Map),
    }
}

impl<'de> de::Deserializer<'de> for &Node {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.value {
            Value::Text(text) | Value::Time(text) => visitor.visit_str(text),
            Value::Whole(number) => visitor.visit_i64(*number),
            Value::Real(number) => visitor.visit_f64(*number),
            Value::Truth(truth) => visitor.visit_bool(*truth),
            Value::List(list) => visitor.visit_seq(Items(list.iter().enumerate())),
            Value::Table(table) => visitor.visit_map(Entries {
                entries: table.iter(),
                value: None,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match (&self.raw, &self.value) {
            (Some(_), Value::Text(text)) => visitor.visit_str(text),
            (Some(raw), _) => visitor.visit_str(raw),
            (None, value @ Value::Time(_)) => Err(de::Error::invalid_type(
                Unexpected::Other(&described(value)),
                &visitor,
            )),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match (&self.raw, &self.value) {
            (Some(raw), value) if !matches!(value, Value::List(_) | Value::Table(_)) => {
                list_of(raw, &self.origin).deserialize_any(visitor)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match (&self.value, &self.raw) {
            (Value::Text(word), _) | (_, Some(word)) => {
                let word: StringDeserializer<Wrong> = word.clone().into_deserializer();
                visitor.visit_enum(word)
            }
            (value, _) => Err(Wrong::new(What::Type {
                found: described(value),
                expected: format!("one of {}", ticked(words)),
            })),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct
        map struct identifier ignored_any
    }
}

struct Items<'a>(std::iter::Enumerate<std::slice::Iter<'a, Node>>);

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Wrong> {
        let Some((index, node)) = self.0.next() else {
            return Ok(None);
        };
        seed.deserialize(node)
            .map(Some)
            .map_err(|wrong| wrong.under(Step::Index(index), &node.origin))
    }
}

struct Entries<'a> {
    entries: std::collections::btree_map::Iter<'a, String, Entry>,
    value: Option<(&'a String, &'a Node)>,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Wrong> {
        let Some((key, entry)) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some((key, &entry.node));
        let name: StringDeserializer<Wrong> = key.clone().into_deserializer();
        seed.deserialize(name)
            .map(Some)
            .map_err(|wrong| wrong.under(Step::Key(key.clone()), &entry.key))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Wrong> {
        let (key, node) = self
            .value
            .take()
            .ok_or_else(|| Wrong::new(What::Other("value asked for before its key".to_owned())))?;
        seed.deserialize(node)
            .map_err(|wrong| wrong.under(Step::Key(key.clone()), &node.origin))
    }
}
