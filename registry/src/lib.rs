//! What the hub knows of tools, and how it picks the few that a request needs. Pure: the same inputs give the same
//! bytes. No async, no sockets, no clock, no environment; `clippy.toml` beside this crate's manifest holds it to that.
//!
//! ```text
//! tools/list ── catalog::read_tools ─► ServerTools ─┐
//!                 effect, name, render,             ├─ Snapshot::build ─► Snapshot (numbered, immutable)
//!                 tokens, fingerprint               │                        │
//! server states ────────────────────────────────────┘             View::new ─┤ what this caller may see
//!                                                                  rank ─────┤ a query's scores over the view
//!                                                                  assemble ─┴► Pool: each tool in or out, and why
//! ```

pub mod catalog;
mod clauses;
pub mod document;
pub mod effect;
pub mod embed;
mod error;
pub mod fingerprint;
pub mod health;
pub mod index;
pub mod lexical;
pub mod name;
pub mod pool;
pub mod query;
pub mod rank;
pub mod reason;
pub mod record;
pub mod render;
#[cfg(test)]
mod sample;
pub mod snapshot;
mod text;
pub mod tokens;
pub mod tool;
pub mod vectors;
pub mod view;

pub use catalog::{Rejected, ServerState, ServerTools, read_tools};
pub use clauses::clauses;
pub use document::{Document, DocumentHash};
pub use effect::{ClaimSource, Claims};
pub use embed::{Embedder, Encoder, ModelFiles};
pub use error::{Cause, Error};
pub use fingerprint::{Fingerprint, canonical};
pub use health::Health;
pub use index::SearchIndex;
pub use name::NameTable;
pub use pool::{Allowance, LeftOut, Offered, Pool, Shape, Want, assemble};
pub use query::Query;
pub use rank::{Ranker, Ranking, Score, rank};
pub use reason::Reason;
pub use record::ToolRecord;
pub use snapshot::{Costs, Snapshot};
pub use tokens::TokenCounter;
pub use tool::{Json, Rendering, Row, ToolId, ToolMeta};
pub use vectors::VectorStore;
pub use view::{Bounds, Hidden, View, ViewRules, narrower};
