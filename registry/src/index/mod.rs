//! What a snapshot is searched with: terms, vectors, and which rows share a server. Built once per snapshot from what
//! its tools already carry, so that a changed list costs milliseconds.

mod codes;
mod dot;
mod exact;
mod graph;

use std::sync::Arc;

use crate::document::Document;
use crate::lexical::LexicalIndex;
use crate::vectors::{Vector, VectorStore};

pub use exact::VectorIndex;

/// Everything that ranking needs of a snapshot's tools, row by row.
#[derive(Debug, Default)]
pub struct SearchIndex {
    pub(crate) words: LexicalIndex,
    pub(crate) vectors: VectorIndex,
    /// The server of each row as a number, ascending with the rows.
    pub(crate) servers: Vec<u32>,
}

impl SearchIndex {
    /// Indexes `tools`: the server and the document of each row, in the order of rows, the tools of a server side by side.
    /// Rows whose vector is not in `store` yet are ranked by words. From `graph_from` vectors on there is a graph, made from that of
    /// `previous` where there is one.
    #[must_use]
    pub fn build<'a>(
        tools: impl Iterator<Item = (&'a str, &'a Document)>,
        store: &VectorStore,
        graph_from: usize,
        previous: Option<&SearchIndex>,
    ) -> Self {
        let mut documents = Vec::new();
        let mut servers: Vec<u32> = Vec::new();
        let mut last: Option<&str> = None;
        for (server, document) in tools {
            let number = servers.last().copied().unwrap_or(0);
            servers.push(number + u32::from(last.is_some_and(|last| last != server)));
            last = Some(server);
            documents.push(document);
        }
        let vectors = documents
            .iter()
            .map(|document| (document.hash, store.get(&document.hash).map(Arc::clone)))
            .collect();
        let previous = previous.map(|previous| &previous.vectors);
        SearchIndex {
            words: LexicalIndex::build(documents),
            vectors: VectorIndex::new(store.model(), vectors, graph_from, previous),
            servers,
        }
    }

    /// The vector of a row, of unit length; none while it is not embedded.
    #[must_use]
    pub fn vector(&self, row: usize) -> Option<&Vector> {
        self.vectors.vector(row)
    }

    /// How many rows have a vector.
    #[must_use]
    pub fn embedded(&self) -> usize {
        self.vectors.embedded()
    }
}
