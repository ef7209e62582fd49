//! The end-to-end proofs, one binary.
