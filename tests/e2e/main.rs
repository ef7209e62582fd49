//! The end-to-end proofs, one binary: the hub as people and clients meet it, and the architecture as tests.
//!
//! Lower is better: what a pure function does is proved beside it. Here stand the wiring, the faults of servers, what
//! processes leave behind, and what people read.

mod access;
mod faults;
mod kill;
mod proxy;
mod reload;
mod tidy;
