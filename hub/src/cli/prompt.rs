//! What a person types at a prompt: the thread that reads keys, the completion, and tables of commands. The pool
//! explorer and the conversation have one each of [`Commands`] and share everything else.
//!
//! ```text
//! terminal thread (keys) ─ line ─► commands (what it means) ─► whoever asked
//!         ▲                                                      │
//!         └────────── prompt, what can be completed ◄────────────┘
//! ```

mod commands;
mod complete;
mod terminal;

pub(crate) use commands::{Command, Commands, Follows};
pub(crate) use complete::Seen;
pub(crate) use terminal::{Line, Terminal};
