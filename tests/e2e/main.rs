//! The end-to-end proofs, one binary: the hub as people and clients meet it, and the architecture as tests.
//!
//! Lower is better: what a pure function does is proved beside it. Here stand the wiring, the faults of servers, what
//! processes leave behind, and what people read.

mod access;
mod agent;
mod agents;
mod audit;
mod cache;
mod cli;
mod clients;
mod crash;
mod doctor;
mod door;
mod encoder;
mod faults;
mod import;
mod journal;
mod kill;
mod llama;
mod long;
mod model;
mod proxy;
mod real;
mod reload;
mod rules;
mod scripted;
mod tidy;
mod vectors;
mod verify;
