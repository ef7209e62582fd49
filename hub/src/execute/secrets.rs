//! Takes secrets out of what is written down or shown to a model: live and replay then see the same bytes.
//!
//! Only values that the hub was given as secrets are known here; what else may be private is the person's own business.

use serde_json::Value;
use toolpool_config::Config;

/// What stands in place of a secret.
const HIDDEN: &str = "***";

/// The values to be replaced, the longest first, so that one which holds another goes whole.
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    pub(super) fn of(config: &Config) -> Secrets {
        Secrets(config.secrets().into_iter().map(str::to_owned).collect())
    }

    pub(super) fn hide(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| {
            if text.contains(secret.as_str()) {
                text.replace(secret.as_str(), HIDDEN)
            } else {
                text
            }
        })
    }

    /// The value with secrets replaced in its strings and keys, at any depth.
    pub(super) fn hide_in(&self, value: &Value) -> Value {
        if self.0.is_empty() {
            return value.clone();
        }
        match value {
            Value::String(text) => Value::String(self.hide(text)),
            Value::Array(list) => list.iter().map(|item| self.hide_in(item)).collect(),
            Value::Object(object) => object
                .iter()
                .map(|(key, item)| (self.hide(key), self.hide_in(item)))
                .collect(),
            other => other.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_go_from_texts_and_values() {
        let secrets = Secrets(vec!["Bearer abcdefgh".into(), "abcdefgh".into()]);
        assert_eq!(secrets.hide("x Bearer abcdefgh, abcdefgh"), "x ***, ***");
        assert_eq!(
            secrets.hide_in(&json!({"a": ["abcdefgh", 1], "abcdefgh": null})),
            json!({"a": ["***", 1], "***": null})
        );
    }
}
