//! Verification: arguments and results against the tool's own schemas, and in the files below what schemas do not say.
//!
//! ```text
//! before a write   write, format, source   is the content what its path names?        refused, or a warning
//! a result         schema, result          what it declares; plain text; a failure that is not reported
//! after a write    effect                  read back and compared                     a sentence in its result
//! the answer       claims, agent           held against what was done                 one repair turn
//! ```
//!
//! External references are never fetched: a schema that needs one does not compile, and then the
//! call fails closed with a sentence that says so. Compiled schemas are kept by fingerprint, since
//! compiling costs more than checking.

pub(crate) mod agent;
pub(crate) mod answer;
pub mod claims;
pub mod effect;
pub mod format;
pub mod result;
#[cfg(feature = "source-check")]
pub mod source;
pub mod write;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::Value;
use toolpool_config::fixed::FAULTS_SHOWN_MAX;

/// Compiled schemas by (fingerprint, which of the two). A plain mutex: it is held for a look-up or
/// an insertion and never across an await.
#[derive(Default)]
pub struct Schemas(
    Mutex<HashMap<(String, Side), Arc<Validator>>>,
    /// Contents that a grammar refused, by hash, the oldest first: who sends one again means it.
    Mutex<VecDeque<String>>,
);

/// Which of a tool's two schemas is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// What goes to the server.
    Input,
    /// What comes back.
    Output,
}

impl Schemas {
    /// Checks a value and says what is wrong with it in one phrase.
    ///
    /// # Errors
    /// The faults with their places, or why the schema itself can't be used.
    pub fn check(
        &self,
        fingerprint: &str,
        side: Side,
        schema: &Value,
        value: &Value,
    ) -> Result<(), String> {
        let validator = self.compiled(fingerprint, side, schema)?;
        let faults: Vec<String> = validator
            .iter_errors(value)
            .map(|error| fault(&error))
            .collect();
        if faults.is_empty() {
            return Ok(());
        }
        let more = faults.len().saturating_sub(FAULTS_SHOWN_MAX);
        let mut text = faults[..faults.len().min(FAULTS_SHOWN_MAX)].join("; ");
        if more > 0 {
            text.push_str(&format!("; and {more} more"));
        }
        Err(text)
    }

    fn compiled(
        &self,
        fingerprint: &str,
        side: Side,
        schema: &Value,
    ) -> Result<Arc<Validator>, String> {
        let key = (fingerprint.to_owned(), side);
        if let Some(found) = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
        {
            return Ok(found.clone());
        }
        let made = jsonschema::validator_for(schema)
            .map(Arc::new)
            .map_err(|error| format!("its schema can't be used: {error}"))?;
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, made.clone());
        Ok(made)
    }

    /// Whether this very content for this path was refused before. If not, it is remembered as refused now.
    pub fn insists(&self, path: &str, content: &str, kept_max: usize) -> bool {
        let key = crate::journal::artifacts::sha256(format!("{path}\0{content}").as_bytes());
        let mut refused = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.contains(&key) {
            return true;
        }
        if refused.len() >= kept_max {
            refused.pop_front();
        }
        refused.push_back(key);
        false
    }

    /// Forgets the schemas of tools that are gone, so that a server whose list changes all the time
    /// does not fill the memory.
    pub fn keep(&self, wanted: impl Fn(&str) -> bool) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|(fingerprint, _), _| wanted(fingerprint));
    }
}

fn fault(error: &jsonschema::ValidationError<'_>) -> String {
    let place = error
        .instance_path()
        .as_str()
        .trim_start_matches('/')
        .replace('/', ".");
    let text: String = error.to_string().chars().take(200).collect();
    if place.is_empty() {
        text
    } else {
        format!("`{place}`: {text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn faults_are_named_with_their_place() {
        let schemas = Schemas::default();
        let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n", "m"]});
        assert_eq!(
            schemas.check("a", Side::Input, &schema, &json!({"n": 1, "m": 2})),
            Ok(())
        );
        let text = schemas
            .check("a", Side::Input, &schema, &json!({"n": "x"}))
            .unwrap_err();
        assert!(
            text.contains("`n`") && text.contains("integer") && text.contains("\"m\""),
            "{text}"
        );
    }

    #[test]
    fn a_schema_that_needs_the_network_fails_closed() {
        let schemas = Schemas::default();
        let schema = json!({"$ref": "https://example.com/schema.json"});
        let text = schemas
            .check("a", Side::Input, &schema, &json!({}))
            .unwrap_err();
        assert!(text.starts_with("its schema can't be used"), "{text}");
    }

    #[test]
    fn both_sides_of_one_tool_are_kept_apart() {
        let schemas = Schemas::default();
        assert_eq!(
            schemas.check("a", Side::Input, &json!({"type": "object"}), &json!({})),
            Ok(())
        );
        assert!(
            schemas
                .check("a", Side::Output, &json!({"type": "array"}), &json!({}))
                .is_err()
        );
        schemas.keep(|fingerprint| fingerprint != "a");
        assert!(
            schemas
                .check("a", Side::Input, &json!({"type": "array"}), &json!({}))
                .is_err()
        );
    }
}
