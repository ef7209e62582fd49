//! toolpool: many MCP servers, one registry, a small pool of tools for each request.
//!
//! ```text
//! config ─► hub ─ starts ─► connectors (servers, encoder)
//!            │                  │ events
//!            │               sync ─► snapshot (registry)
//!            ▼                          │
//! cli, serve ─ caller ─ view ───────────┤
//!            ├─ pool: what fits a request and a budget
//!            └─ execute: the one door to every server
//! ```
//!
//! The library neither prints nor reads the environment, except for `cli`, which does both.

pub mod agent;
pub mod approve;
pub mod artifact_tool;
pub mod audit;
pub mod budget;
pub mod cache;
pub mod caller;
pub mod cap;
pub mod catalog_file;
pub mod cli;
mod compact;
pub mod delegate;
pub mod encoder;
pub mod error;
pub mod event;
pub mod event_log;
pub mod execute;
pub mod hub;
pub mod journal;
pub mod manual;
pub mod memory;
pub mod near;
pub mod own;
pub mod permission;
pub mod repair;
pub mod repeat;
pub mod schedule;
pub mod search;
pub mod serve;
pub mod session;
mod sync;
mod turn;
pub mod utc;
pub mod verify;
pub mod workflow;
pub mod workspace;

pub use caller::Caller;
pub use error::Error;
pub use hub::{Hub, HubOptions};
pub use sync::Progress;
