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
pub mod document;
pub mod effect;
mod error;
pub mod fingerprint;
pub mod health;
pub mod name;
pub mod render;
mod text;
pub mod tokens;
pub mod tool;

pub use catalog::{Rejected, ServerState, ServerTools, read_tools};
pub use effect::{ClaimSource, Claims};
pub use error::{Cause, Error};
pub use fingerprint::{Fingerprint, canonical};
pub use health::Health;
pub use name::NameTable;
pub use tokens::TokenCounter;
pub use tool::{Json, Rendering, Row, ToolId, ToolMeta};
