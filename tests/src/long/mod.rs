//! A task of a hundred steps in a small window, and what is left of it at the end.
//!
//! ```text
//! plan: turns, steps, facts ─► player: the next reply, from the conversation that it is sent and nothing else
//!   │                              │
//!   │                      scripted model ─► real llama-server: window, counts, overflow, cache
//!   │                              │
//!   └─► world: the hub's own program at a terminal (typist) ─► office: 500 tools, large results
//!         └─► figures: from the journal, the last request as it was sent, and the server's own log
//! ```
//!
//! | file | what |
//! |---|---|
//! | `office.rs`, `server.rs` | five hundred tools and what they say |
//! | `plan.rs` | what is to be done, and the facts that must not be lost |
//! | `player.rs` | the model's side |
//! | `typist.rs` | the person's side |
//! | `world.rs` | one session of both |
//! | `task.rs` | the long task, and its figures for each window |
//! | `reuse.rs` | the same conversation under four ways to keep a pool |
//! | `person.rs` | what a person sees of it |
//!
//! Absent on purpose: the hub's own judgement. Whether a fact is there is a plain search in the text that was sent.

mod calls;
mod office;
mod person;
mod plan;
mod player;
mod reuse;
mod server;
mod task;
mod typist;
mod world;

pub use person::{Seen, person};
pub use plan::{Fact, From, Plan, Shape};
pub use reuse::{Policy, Reuse, reuse, reuse_table};
pub use server::main as office_main;
pub use task::{ByHand, Figures, Played, Task, play, table};
pub use typist::Typist;
