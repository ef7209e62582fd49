//! The text of a tool that the two searches read, made once when its list arrives.
//!
//! Meaning reads `server: name words. description`: the server's name carries much of what generic tool names leave out.
//! Words read the same plus the names of the parameters. Parameter descriptions are left out: they help requests that
//! are all arguments and dilute every other. What is kept for words is their terms, not the text, so that a new snapshot
//! re-indexes thousands of tools without reading them again.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::lexical::terms;

/// Names a document's text for meaning; the key under which its vector is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentHash(pub [u8; 32]);

impl fmt::Debug for DocumentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..8]
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What is indexed of one tool.
#[derive(Clone, Debug)]
pub struct Document {
    /// What the encoder reads.
    pub meaning: Arc<str>,
    /// SHA-256 of `meaning`.
    pub hash: DocumentHash,
    /// The terms that BM25 counts, sorted, repeated as often as they occur.
    pub(crate) terms: Arc<[terms::Term]>,
}

impl Document {
    /// The document of the tool `name` of `server`. `schema` is its input schema, of which only the parameter names are read.
    #[must_use]
    pub fn of(server: &str, name: &str, description: &str, schema: &Value) -> Self {
        let meaning = meaning(server, name, description);
        let mut terms = Vec::with_capacity(64);
        terms::collect(server, &mut terms);
        // Twice: a name says in two words what the description says in twenty.
        terms::collect(name, &mut terms);
        terms::collect(name, &mut terms);
        terms::collect(description, &mut terms);
        for parameter in parameters(schema) {
            terms::collect(parameter, &mut terms);
        }
        terms.sort_unstable();
        Document {
            hash: DocumentHash(Sha256::digest(meaning.as_bytes()).into()),
            meaning: meaning.into(),
            terms: terms.into(),
        }
    }
}

fn meaning(server: &str, name: &str, description: &str) -> String {
    let mut text = String::with_capacity(server.len() + name.len() + description.len() + 8);
    terms::spell(server, &mut text);
    text.push_str(": ");
    terms::spell(name, &mut text);
    text.push('.');
    for word in description.split_whitespace() {
        text.push(' ');
        text.push_str(word);
    }
    text
}

fn parameters(schema: &Value) -> impl Iterator<Item = &String> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(serde_json::Map::keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn meaning_spells_names_out_and_folds_space() {
        let cases = [
            (
                "github",
                "create_issue",
                "Create  an\n issue",
                "github: create issue. Create an issue",
            ),
            (
                "my-server",
                "getHTTPStatus.v2",
                "",
                "my server: get HTTP Status v2.",
            ),
            ("数据", "查询", "查询天气", "数据: 查询. 查询天气"),
        ];
        for (server, name, description, expected) in cases {
            assert_eq!(meaning(server, name, description), expected);
        }
    }

    #[test]
    fn only_the_text_for_meaning_decides_the_hash() {
        let one = Document::of("s", "t", "d", &json!({"properties": {"path": {}}}));
        let other = Document::of("s", "t", "d", &json!({"properties": {"url": {}}}));
        assert_eq!(one.hash, other.hash);
        assert_ne!(one.terms, other.terms);
        assert_ne!(one.hash, Document::of("s", "t", "e", &json!(null)).hash);
    }
}
