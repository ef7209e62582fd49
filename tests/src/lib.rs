//! The closed world in which the hub is proved: an environment with nothing in it, servers that misbehave on purpose, real
//! servers and real clients at pinned versions.
//!
//! | file | what |
//! |---|---|
//! | `env.rs` | `TestEnv`: cleared environment, own HOME, own folders |
//! | `run.rs` | one command to its end, filtered for snapshots |
//! | `program.rs` | where the programs under test lie |
//! | `fixture/` | the server with scripted faults; `server.rs` puts one into a configuration |
//! | `real/` | servers and clients from npm and PyPI, pinned, in the user's cache |
//! | `llama/` | a real llama-server with a tiny model, built from PyPI's packages |
//! | `model/` | the model whose replies and faults are scripted, in every server's dialect |
//! | `client.rs` | an MCP client of both eras; `raw.rs` is HTTP without an SDK; `serving.rs` starts the hub for them |
//! | `processes.rs` | who is still there |
//! | `disk.rs` | a disk that fails, lies and loses power; `journaling.rs` is a session to play on it |
//! | `long/` | a task of a hundred steps in a small window, the prompt cache under it, and what a person sees |
//! | `killing.rs` | a disk that kills the hub at a chosen write |
//! | `crash/` | a task that is killed anywhere and gone on with, and what must then be true |
//!
//! `e2e/` holds the proofs, `src/bin/` the programs that tests and measurements start. This crate alone may read the
//! environment and print where it says so: it is no library of the hub.

pub mod catalog;
pub mod client;
pub mod crash;
pub mod disk;
pub mod env;
pub mod fixture;
pub mod journaling;
pub mod killing;
pub mod llama;
pub mod long;
pub mod model;
pub mod processes;
pub mod program;
pub mod ranking;
pub mod raw;
pub mod real;
pub mod run;
pub mod server;
pub mod serving;
