//! The client side of MCP, and the only place in this crate that names `rmcp`.
//!
//! ```text
//! owner ── one task per server: begin, follow, end, begin again after a pause (supervise)
//!   ├─ begin ── a wire: child's pipes (child, pipes), HTTP (http, exchange), in-memory pipe; then the era (negotiate)
//!   ├─ list, listen ── tools as raw JSON, again whenever they change (changes)
//!   ├─ request ── one tools/call, straight through the live connection, not through the owner
//!   └─ tap ── between wire and rmcp: keeps results raw, routes progress in order
//! ```
//!
//! `rmcp` keeps the protocol: ids, metadata of either era, HTTP sessions, headers, subscriptions. Its typed results are not used,
//! since they drop unknown members and fail a whole list for one bad tool; its child process is not used, since it makes no
//! process group; its `Auto` era is not used, since it gives every server the same ten seconds.

mod begin;
mod changes;
mod child;
mod exchange;
mod handler;
mod http;
mod lines;
mod list;
mod listen;
mod message;
mod negotiate;
mod owner;
mod pipes;
mod request;
mod supervise;
mod tail;
mod tap;
mod wire;

pub(crate) use owner::{Owner, Shared, same_connection};
pub(crate) use request::{Live, call};
pub(crate) use tail::Tail;
