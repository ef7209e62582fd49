//! The hub as one MCP server in front of many, over stdio and streamable HTTP.
//!
//! ```text
//! stdio ─────────────────────────────────┐
//! HTTP ─ Host, Origin ─ gate (who asks) ─┴─► Face (both protocol eras) ─► list: view and exposure
//!                                                                      └► call: the one door
//! ```
//!
//! Here and in `workspace` the wire's types are known; the rest of the hub speaks its own.

mod face;
mod gate;
mod http;
mod stdio;

pub use gate::{Asked, Refused, admit};
pub use http::{Served, serve_http};
pub use stdio::serve_stdio;
