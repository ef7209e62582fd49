//! A request made ready for ranking: its whole text and its clauses, each as terms and, where there is an encoder, as a
//! vector. Made once and ranked as often as wanted, since embedding is most of what a turn costs.

use toolpool_config::Limits;

use crate::Error;
use crate::clauses::clauses;
use crate::embed::Embedder;
use crate::lexical::terms::{self, Term};

/// A request, ready to be ranked against any snapshot.
#[derive(Clone, Debug)]
pub struct Query {
    text: String,
    /// The whole first, then its clauses.
    pub(crate) parts: Vec<Part>,
    pub(crate) model: Option<String>,
}

/// The whole of a request, or one clause.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) text: String,
    /// Each term once.
    pub(crate) terms: Vec<Term>,
    /// Empty in a query by words.
    pub(crate) vector: Vec<f32>,
}

impl Query {
    /// A query that is ranked by words alone. Text beyond the limit is left out.
    #[must_use]
    pub fn words(text: &str, limits: &Limits) -> Self {
        let end = text
            .char_indices()
            .nth(limits.query_chars_max)
            .map_or(text.len(), |(at, _)| at);
        let text = &text[..end];
        let mut parts = vec![Part::of(text)];
        parts.extend(
            clauses(text, limits.clauses_max, limits.clause_words_min)
                .into_iter()
                .map(Part::of),
        );
        Query {
            text: text.to_owned(),
            parts,
            model: None,
        }
    }

    /// A query ranked by meaning and words.
    ///
    /// # Errors
    /// When the encoder fails; the caller then has [`Query::words`].
    pub fn embedded(text: &str, embedder: &dyn Embedder, limits: &Limits) -> Result<Self, Error> {
        let mut query = Query::words(text, limits);
        let texts: Vec<&str> = query.parts.iter().map(|part| part.text.as_str()).collect();
        let vectors = embedder.embed_all(&texts)?;
        for (part, vector) in query.parts.iter_mut().zip(vectors) {
            part.vector = vector;
        }
        query.model = Some(embedder.model().to_owned());
        Ok(query)
    }

    /// The text as it is ranked.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The clauses that are ranked beside the whole; none when the request is one clause.
    pub fn clauses(&self) -> impl ExactSizeIterator<Item = &str> {
        self.parts[1..].iter().map(|part| part.text.as_str())
    }

    /// The encoder behind its vectors; none in a query by words.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }
}

impl Part {
    fn of(text: &str) -> Part {
        let mut terms = Vec::new();
        terms::collect(text, &mut terms);
        terms.sort_unstable();
        terms.dedup();
        Part {
            text: text.to_owned(),
            terms,
            vector: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_request_is_cut_at_a_character() {
        let limits = Limits {
            query_chars_max: 3,
            ..Limits::default()
        };
        assert_eq!(Query::words("日本語です", &limits).text(), "日本語");
    }

    #[test]
    fn clauses_stand_beside_the_whole() {
        let query = Query::words(
            "list my open issues, and then read the first file",
            &Limits::default(),
        );
        assert_eq!(
            query.clauses().collect::<Vec<_>>(),
            ["list my open issues", "read the first file"]
        );
        assert_eq!(
            Query::words("list my open issues", &Limits::default())
                .clauses()
                .len(),
            0
        );
    }
}
