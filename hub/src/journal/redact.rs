//! Secrets leave an entry before it is written, so that what is live and what is replayed are the same bytes.
//!
//! A secret is a value that the hub was given as one. Only free text is looked through: ids, names of kinds and hashes are ours,
//! and a secret that happens to look like one of them must not make an entry unreadable. Every kind of entry says here which of its strings are free, so a new
//! kind can't be forgotten.

use serde_json::Value;
use toolpool_config::Config;
use toolpool_config::fixed::SECRET_CHARS_MIN;
use toolpool_connectors::model::Arguments;

use super::entry::{Entry, PoolTool};

/// What stands in a secret's place.
pub const PLACE: &str = "[secret]";

/// The secrets to be replaced.
#[derive(Clone, Default)]
pub struct Redactor(Vec<String>);

/// The secrets themselves are never shown.
impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} secrets)", self.0.len())
    }
}

impl Redactor {
    /// Replaces these. Very short ones are left alone: they would take every text apart and hide nothing.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Redactor {
        let mut all: Vec<String> = Vec::new();
        for secret in secrets {
            if secret.chars().count() < SECRET_CHARS_MIN {
                continue;
            }
            // As it stands inside of JSON, which is what many results are.
            let escaped = Value::from(secret.as_str()).to_string();
            let escaped = escaped[1..escaped.len() - 1].to_owned();
            if escaped != secret {
                all.push(escaped);
            }
            all.push(secret);
        }
        // One that holds another goes first.
        all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        all.dedup();
        Redactor(all)
    }

    /// Replaces every value that a configuration was given as a secret.
    pub fn of(config: &Config) -> Redactor {
        Redactor::new(config.secrets().into_iter().map(str::to_owned))
    }

    /// A text without the secrets.
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        let mut text = text.to_owned();
        self.text(&mut text);
        text
    }

    /// A value without the secrets.
    #[must_use]
    pub fn hide_in(&self, value: &Value) -> Value {
        let mut value = value.clone();
        self.value(&mut value);
        value
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a secret is in the text.
    pub fn finds(&self, text: &str) -> bool {
        self.0.iter().any(|secret| text.contains(secret.as_str()))
    }

    /// Replaces the secrets in a text.
    pub fn text(&self, text: &mut String) {
        for secret in &self.0 {
            if text.contains(secret.as_str()) {
                *text = text.replace(secret.as_str(), PLACE);
            }
        }
    }

    /// Replaces the secrets in every string of a value, names of members too, and numbers that are one.
    pub fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(members) => {
                if members.keys().any(|key| self.finds(key)) {
                    *members = std::mem::take(members)
                        .into_iter()
                        .map(|(mut key, value)| {
                            self.text(&mut key);
                            (key, value)
                        })
                        .collect();
                }
                members.values_mut().for_each(|member| self.value(member));
            }
            Value::Number(number) if self.finds(&number.to_string()) => {
                *value = PLACE.into();
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Replaces the secrets in the text of arguments, whose bytes stay where there are none.
    fn arguments(&self, arguments: &mut Arguments) {
        let mut value = Value::Object(arguments.object());
        let before = value.clone();
        self.value(&mut value);
        if value != before || self.finds(arguments.text()) {
            *arguments = Arguments::new(&value.to_string()).unwrap_or_else(|_| Arguments::none());
        }
    }

    fn tools(&self, tools: &mut [PoolTool]) {
        for tool in tools {
            self.text(&mut tool.definition);
            self.text(&mut tool.reason);
        }
    }

    /// Replaces the secrets in an entry.
    pub fn entry(&self, entry: &mut Entry) {
        if self.is_empty() {
            return;
        }
        let option = |text: &mut Option<String>| {
            if let Some(text) = text {
                self.text(text);
            }
        };
        match entry {
            Entry::Resumed { damage, .. } => damage.iter_mut().for_each(|text| self.text(text)),
            Entry::User { text, .. }
            | Entry::Refused { text, .. }
            | Entry::Own { text, .. }
            | Entry::Settled { text, .. }
            | Entry::Warning { text, .. } => self.text(text),
            Entry::Border(border) => self.tools(&mut border.disclosed),
            Entry::Pool(pool) => {
                self.text(&mut pool.query);
                self.tools(&mut pool.tools);
                pool.best_out
                    .iter_mut()
                    .for_each(|out| self.text(&mut out.reason));
            }
            Entry::Reply {
                text,
                reasoning,
                calls,
                faults,
                ..
            } => {
                self.text(text);
                option(reasoning);
                faults.values_mut().for_each(|fault| self.text(fault));
                calls
                    .iter_mut()
                    .for_each(|call| self.arguments(&mut call.arguments));
            }
            Entry::Decision(decision) => self.text(&mut decision.reason),
            Entry::Compaction(note) => {
                self.text(&mut note.text);
                option(&mut note.focus);
                note.cleared
                    .iter_mut()
                    .for_each(|cleared| self.text(&mut cleared.line));
            }
            Entry::Cache(note) => option(&mut note.place),
            Entry::Verified(note) => {
                note.findings.iter_mut().for_each(|text| self.text(text));
                option(&mut note.told);
            }
            Entry::Delegated(note) => self.text(&mut note.task),
            Entry::Intent(intent) => self.value(&mut intent.arguments),
            Entry::Outcome(outcome) => {
                self.text(&mut outcome.text);
                outcome.repairs.iter_mut().for_each(|text| self.text(text));
            }
            Entry::Steps { items, .. } => {
                items.iter_mut().for_each(|item| self.text(&mut item.text));
            }
            Entry::End { note, .. } => option(note),
            // A deny pattern with something else in it would deny something else.
            Entry::Begin(_)
            | Entry::Deny { .. }
            | Entry::Allow { .. }
            | Entry::Fit { .. }
            | Entry::Mode { .. }
            | Entry::Pin { .. }
            | Entry::PinFile { .. }
            | Entry::Grant { .. }
            | Entry::Undo { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_go_from_texts_values_and_arguments_and_nothing_else_moves() {
        let redactor = Redactor::new([
            "hunter2!".to_owned(),
            "a\"b\ncde".into(),
            "ab".into(),
            "12345678".into(),
        ]);
        let mut text = "ab hunter2! {\"x\":\"a\\\"b\\ncde\"} a\"b\ncde".to_owned();
        redactor.text(&mut text);
        assert_eq!(text, "ab [secret] {\"x\":\"[secret]\"} [secret]");

        let mut value = json!({ "hunter2!": ["hunter2!", 12_345_678, 1], "k": null });
        redactor.value(&mut value);
        assert_eq!(
            value,
            json!({ "[secret]": ["[secret]", "[secret]", 1], "k": null })
        );

        let mut kept = Arguments::new("{ \"a\" :1}").expect("an object");
        redactor.arguments(&mut kept);
        assert_eq!(kept.text(), "{ \"a\" :1}");
        let mut changed = Arguments::new("{ \"a\" :\"a\\u0022b\\ncde\"}").expect("an object");
        redactor.arguments(&mut changed);
        assert_eq!(changed.text(), "{\"a\":\"[secret]\"}");
        assert_eq!(format!("{redactor:?}"), "Redactor(4 secrets)");
    }
}
