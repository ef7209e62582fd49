//! Everything that can hang, lie or die: MCP servers and what must be fetched.
//!
//! Across this crate go our own types plus the raw JSON; decisions are somebody else's. `rmcp` is named in `mcp/` only.
//!
//! ```text
//! fleet ── what the hub holds: start, apply, call, status, shutdown
//!   └─ mcp/ ── one owner task per server: connect (which era), list, listen, call, stop
//!        └─ guard ── a second process that ends the servers when this one is killed
//! ```

mod call;
mod error;
mod fleet;
pub mod guard;
mod mcp;
pub mod model;
pub mod model_files;
pub mod runtime;

pub use call::{CallReply, CallRequest, Progress};
pub use error::CallError;
pub use fleet::{Fleet, FleetEvent, FleetOptions, InProcessFactory, ServerStatus};
