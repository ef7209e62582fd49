//! One line of a journal: an entry in an envelope that can tell whether it is whole, and what it stands behind.
//!
//! ```text
//! {"v":1,"seq":7,"at_ms":1795557181000,"prev":"<sum of line 6>","entry":{"kind":"user",...},"sum":"<sha-256>"}
//! └───────────────────────── what `sum` is taken over ───────────────────────────────────┘
//! ```
//!
//! One SHA-256 does both: it finds damage within the line, and as the next line's `prev` it ties the lines into a chain, so
//! that a line which is missing, moved or written by somebody else is found too. A CRC beside it would be one more thing to
//! explain, and hashing is not what reading a journal spends its time on. `sum` stands last and is taken over bytes, so
//! it can be checked before anything is parsed. This envelope is the same in every version; `v` is about what is inside.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::entry::{Entry, Line, VERSION};

/// What every line begins with, and nothing inside of a text can: there the quotes have backslashes.
pub(super) const HEAD: &[u8] = b"{\"v\":";
/// What stands before the sum.
const FOOT: &[u8] = b",\"sum\":\"";
/// What stands behind it.
const END: &[u8] = b"\"}";
/// Bytes from [`FOOT`] to the end of the line.
const FOOT_LENGTH: usize = FOOT.len() + 64 + END.len();

/// The sum of a line.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sum([u8; 32]);

impl Sum {
    /// What the first line stands behind.
    pub const NONE: Sum = Sum([0; 32]);

    pub(super) fn of(bytes: &[u8]) -> Sum {
        Sum(Sha256::digest(bytes).into())
    }

    fn read(hex: &[u8]) -> Option<Sum> {
        let digit = |c: u8| match c {
            b'0'..=b'9' => Some(c - b'0'),
            b'a'..=b'f' => Some(c - b'a' + 10),
            _ => None,
        };
        if hex.len() != 64 {
            return None;
        }
        let mut sum = [0; 32];
        for (byte, pair) in sum.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Sum(sum))
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Bytes as small letters and digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

/// A line as it was read, with its place in the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The line.
    pub line: Line,
    /// The sum of the line that it was written behind.
    pub prev: Sum,
    /// Its own.
    pub sum: Sum,
}

/// Why bytes are no line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not whole, or not as it was written.
    Damaged,
    /// It is as it was written, by a program that knows more.
    Newer(Newer),
}

/// A line that this program can't read, and that nothing is wrong with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {seq} was written by a newer program: {what}")]
pub struct Newer {
    /// The line's number.
    pub seq: u64,
    /// What is not known.
    pub what: String,
}

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    seq: u64,
    at_ms: u64,
    prev: String,
    entry: &'a Entry,
}

#[derive(Deserialize)]
struct Read<'a> {
    v: u32,
    seq: u64,
    at_ms: u64,
    prev: &'a str,
    entry: Entry,
}

#[derive(Deserialize)]
struct Glance {
    v: u32,
    seq: u64,
    entry: Kind,
}

#[derive(Deserialize)]
struct Kind {
    kind: String,
}

/// Writes a line with its line end. The same line behind the same sum gives the same bytes.
pub(super) fn encode(line: &Line, prev: Sum, out: &mut Vec<u8>) -> Result<Sum, serde_json::Error> {
    let begin = out.len();
    let written = Written {
        v: VERSION,
        seq: line.seq,
        at_ms: line.at_ms,
        prev: prev.to_string(),
        entry: &line.entry,
    };
    if let Err(error) = serde_json::to_writer(&mut *out, &written) {
        out.truncate(begin);
        return Err(error);
    }
    out.pop();
    let sum = Sum::of(&out[begin..]);
    out.extend_from_slice(FOOT);
    out.extend_from_slice(sum.to_string().as_bytes());
    out.extend_from_slice(END);
    out.push(b'\n');
    Ok(sum)
}

/// Reads a line without its line end.
pub(super) fn decode(bytes: &[u8]) -> Result<Record, Fault> {
    let sum = whole(bytes).ok_or(Fault::Damaged)?;
    let mut text = bytes[..bytes.len() - FOOT_LENGTH].to_vec();
    text.push(b'}');
    match serde_json::from_slice::<Read<'_>>(&text) {
        Ok(read) if read.v == VERSION => {
            let prev = Sum::read(read.prev.as_bytes()).ok_or(Fault::Damaged)?;
            let line = Line {
                seq: read.seq,
                at_ms: read.at_ms,
                entry: read.entry,
            };
            Ok(Record { line, prev, sum })
        }
        Ok(read) => Err(Fault::Newer(Newer {
            seq: read.seq,
            what: format!("its version is {}", read.v),
        })),
        Err(error) => Err(newer(&text, &error)),
    }
}

/// The bytes are as they were written, and still they can't be read.
fn newer(text: &[u8], error: &serde_json::Error) -> Fault {
    let Ok(glance) = serde_json::from_slice::<Glance>(text) else {
        return Fault::Damaged;
    };
    let what = if glance.v == VERSION {
        format!("`{}`: {error}", glance.entry.kind)
    } else {
        format!("its version is {}", glance.v)
    };
    Fault::Newer(Newer {
        seq: glance.seq,
        what,
    })
}

/// The sum, where it is that of the bytes before it.
fn whole(bytes: &[u8]) -> Option<Sum> {
    if !bytes.starts_with(HEAD) || !ends_a_line(bytes) {
        return None;
    }
    let foot = bytes.len() - FOOT_LENGTH;
    let sum = Sum::read(&bytes[foot + FOOT.len()..bytes.len() - END.len()])?;
    (Sum::of(&bytes[..foot]) == sum).then_some(sum)
}

/// Whether the bytes end as a line does.
pub(super) fn ends_a_line(bytes: &[u8]) -> bool {
    bytes.ends_with(END)
        && bytes
            .len()
            .checked_sub(FOOT_LENGTH)
            .is_some_and(|foot| bytes[foot..].starts_with(FOOT))
}

#[cfg(test)]
mod tests {
    use toolpool_config::Mode;

    use super::*;

    fn line(seq: u64) -> Line {
        Line {
            seq,
            at_ms: 1,
            entry: Entry::User {
                turn: 1,
                text: "{\"v\":1,\"sum\":\"\u{0}é\n".into(),
            },
        }
    }

    #[test]
    fn a_line_reads_back_and_any_changed_byte_is_found() {
        let mut bytes = Vec::new();
        let sum = encode(&line(1), Sum::NONE, &mut bytes).expect("it serializes");
        assert_eq!(bytes.pop(), Some(b'\n'));
        assert!(!bytes.contains(&b'\n') && !bytes.contains(&0));
        let record = decode(&bytes).expect("whole");
        assert_eq!(
            (record.line, record.prev, record.sum),
            (line(1), Sum::NONE, sum)
        );
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(decode(&changed), Err(Fault::Damaged), "byte {at}");
            assert_eq!(decode(&bytes[..at]), Err(Fault::Damaged), "cut at {at}");
        }
    }

    #[test]
    fn the_bytes_are_as_the_comment_above_shows_them() {
        let mut bytes = Vec::new();
        let line = Line {
            seq: 7,
            at_ms: 9,
            entry: Entry::Mode { mode: Mode::Plan },
        };
        encode(&line, Sum::NONE, &mut bytes).expect("it serializes");
        let text = String::from_utf8(bytes).expect("text");
        let wanted = format!(
            "{{\"v\":1,\"seq\":7,\"at_ms\":9,\"prev\":\"{}\",\"entry\":{{\"kind\":\"mode\",\"mode\":\"plan\"}},\"sum\":\"",
            "0".repeat(64)
        );
        assert!(text.starts_with(&wanted), "{text}");
    }

    #[test]
    fn a_newer_kind_or_version_is_no_damage() {
        for (v, entry, wanted) in [
            (1, "{\"kind\":\"dream\"}", "`dream`"),
            (2, "{\"kind\":\"dream\"}", "version is 2"),
            (
                3,
                "{\"kind\":\"mode\",\"mode\":\"plan\"}",
                "its version is 3",
            ),
        ] {
            let head = format!(
                "{{\"v\":{v},\"seq\":4,\"at_ms\":0,\"prev\":\"{}\",\"entry\":{entry}",
                Sum::NONE
            );
            let text = format!("{head},\"sum\":\"{}\"}}", Sum::of(head.as_bytes()));
            match decode(text.as_bytes()) {
                Err(Fault::Newer(newer)) => {
                    assert_eq!(newer.seq, 4);
                    assert!(newer.what.contains(wanted), "{newer}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
