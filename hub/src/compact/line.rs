//! How a call is told in one line: what it was about and what it came to, and where all of it can be read.

use serde_json::Value;
use toolpool_config::fixed::{CALL_ABOUT_CHARS_MAX, CALL_RESULT_CHARS_MAX};

use crate::memory;

/// Digits of an artifact's name by which it is told: enough to be the only one of a session.
const ID_DIGITS: usize = 8;
/// Names of arguments that say what a call is about, where it is about no file.
const ABOUT: [&str; 12] = [
    "command", "cmd", "query", "pattern", "regex", "search", "url", "name", "title", "id", "key",
    "text",
];

/// The beginning of an artifact's name.
pub(crate) fn id(artifact: &str) -> &str {
    artifact.get(..ID_DIGITS).unwrap_or(artifact)
}

/// How the model is told to read what it does not see: the one form that every rung uses, and the door.
pub(crate) fn reference(artifact: &str, chars: usize) -> String {
    format!(
        "[whole result, {chars} characters: read_artifact {{\"id\":\"{}\"}}]",
        id(artifact)
    )
}

/// What a call was about: its file, its command, its question, or else all of its arguments; empty where it has none.
pub(crate) fn about(arguments: &Value) -> String {
    let paths = memory::paths(arguments);
    if !paths.is_empty() {
        return cut(&paths.join(" → "), CALL_ABOUT_CHARS_MAX);
    }
    let named = ABOUT
        .iter()
        .find_map(|name| arguments.get(*name)?.as_str())
        .filter(|text| !text.trim().is_empty());
    match (named, arguments) {
        (Some(text), _) => cut(text, CALL_ABOUT_CHARS_MAX),
        (None, Value::Object(object)) if object.is_empty() => String::new(),
        (None, Value::Null) => String::new(),
        (None, other) => cut(&other.to_string(), CALL_ABOUT_CHARS_MAX),
    }
}

/// The first line of what a call came to.
pub(crate) fn result(text: &str) -> String {
    let first = text.lines().find(|line| !line.trim().is_empty());
    cut(first.unwrap_or_default(), CALL_RESULT_CHARS_MAX)
}

/// The text in one line of at most so many characters.
pub(crate) fn cut(text: &str, chars_max: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(chars_max) {
        Some((at, _)) => format!("{}…", line[..at].trim_end()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_is_about_its_file_its_command_or_its_question() {
        for (arguments, wanted) in [
            (json!({"query": "x", "path": "src/a.rs"}), "src/a.rs"),
            (json!({"from": "a", "to": "b"}), "a → b"),
            (json!({"command": "cargo  test\n-q"}), "cargo test -q"),
            (json!({"n": 3}), "{\"n\":3}"),
            (json!({}), ""),
            (Value::Null, ""),
        ] {
            assert_eq!(about(&arguments), wanted, "{arguments}");
        }
        assert_eq!(
            about(&json!({"query": "é".repeat(500)})).chars().count(),
            81
        );
    }

    #[test]
    fn a_reference_is_a_call_that_can_be_made() {
        let told = reference(&"1a2b3c4d".repeat(8), 4_213);
        assert_eq!(
            told,
            "[whole result, 4213 characters: read_artifact {\"id\":\"1a2b3c4d\"}]"
        );
    }
}
