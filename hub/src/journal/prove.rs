//! Whether a journal is as the program wrote it: its lines one after the other, each held against the one before.
//!
//! Not the reading of `recover`, which makes the best of what is there. Here nothing is put in order, parted or left out: the first line
//! that is not what must stand there is named, and nothing behind it is believed. Nothing is repaired and no lock is taken.
//!
//! What this finds: a changed byte, a line changed with its sum worked out again (the next one stands behind another), a line
//! that is gone, moved or twice, a beginning that is gone, a last line that is cut. What a chain alone can't find is that whole lines
//! are gone at the end, or that all were written anew from some line on. For that there are heads, kept in a second
//! place by the program and, by whoever wants to be sure, in a third.

use std::fmt;
use std::io;

use serde::Serialize;

use super::entry::{CallId, Entry};
use super::heads::{self, Head};
use super::line::{self, Fault, Sum};
use super::store::{JOURNAL, Store, StoreError, disk_error};

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Wrong {
    /// Its bytes are not those that its checksum was taken over.
    Checksum,
    /// It is no line of a journal.
    Unreadable {
        /// Why not, where more is known.
        why: Option<String>,
    },
    /// It has no end: cut, or half written.
    Cut,
    /// The file does not begin with the beginning of a session.
    NoBeginning,
    /// Lines before it are gone.
    Missing {
        /// The first of them.
        from: u64,
        /// The last.
        to: u64,
    },
    /// It stands a second time.
    Twice {
        /// Its number.
        seq: u64,
    },
    /// It stands behind one that was written later.
    Order {
        /// Its number.
        seq: u64,
        /// The number of the line before it.
        behind: u64,
    },
    /// It was written behind another line than the one that is there.
    Previous {
        /// The number of the line that is not the one it was written behind.
        seq: u64,
    },
    /// A call was sent that nothing before allowed.
    Undecided {
        /// The call.
        call: CallId,
    },
    /// The line is another one than when the session's end was written down.
    Rewritten {
        /// Its number.
        seq: u64,
    },
    /// The end is gone: it was written down further on.
    Short {
        /// The number of the last line when it was written down.
        seq: u64,
    },
    /// What was written down of its end can't be read.
    Witness,
    /// No line has the hash that was kept.
    Unexpected,
    /// The session's end was written down, and its journal is gone.
    Gone,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::Checksum => f.write_str("its checksum is not that of its bytes: it was changed"),
            Wrong::Unreadable { why: Some(why) } => write!(f, "it can't be read: {why}"),
            Wrong::Unreadable { why: None } => f.write_str("it is no line of a journal"),
            Wrong::Cut => f.write_str("it has no end: it was cut, or is half written"),
            Wrong::NoBeginning => f.write_str("the beginning of the session is missing before it"),
            Wrong::Missing { from, to } if from == to => {
                write!(f, "entry {from} is missing before it")
            }
            Wrong::Missing { from, to } => {
                write!(f, "entries {from} to {to} are missing before it")
            }
            Wrong::Twice { seq } => write!(f, "entry {seq} stands here a second time"),
            Wrong::Order { seq, behind } => {
                write!(
                    f,
                    "it is out of order: entry {seq} stands behind entry {behind}"
                )
            }
            Wrong::Previous { seq } => write!(
                f,
                "it was not written behind the entry {seq} that is there: that one was changed or replaced"
            ),
            Wrong::Undecided { call } => {
                write!(f, "call {call} was sent and nothing before allowed it")
            }
            Wrong::Rewritten { seq } => write!(
                f,
                "entry {seq} is another one than when the session's end was written down"
            ),
            Wrong::Short { seq } => write!(
                f,
                "the end is gone behind it: the session had {seq} entries when its end was written down"
            ),
            Wrong::Witness => f.write_str(
                "what was written down of the session's end can't be read: it was changed",
            ),
            Wrong::Unexpected => f.write_str(
                "no entry has the hash that was kept: the journal was cut or written anew",
            ),
            Wrong::Gone => {
                f.write_str("its journal is gone, and it was not deleted by the program")
            }
        }
    }
}

/// The first line that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bad {
    /// Its place in the file, from 1; 0 where there is no file.
    pub line: usize,
    /// What is wrong with it.
    #[serde(flatten)]
    pub wrong: Wrong,
}

/// What the chain of one journal says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// The session.
    pub session: String,
    /// How many lines are good, from the first on.
    pub lines: usize,
    /// The sum of the last of them: what to keep elsewhere.
    pub head: String,
    /// The end as it was written down in the second place, if it was.
    pub noted: Option<Head>,
    /// The place of the hash that was expected, where there was one and it was found.
    pub expected: Option<usize>,
    /// The first line that is wrong.
    pub bad: Option<Bad>,
}

/// The walk over the lines.
struct Walk {
    proof: Proof,
    seq: u64,
    sum: Sum,
    /// Calls that may be sent.
    allowed: std::collections::HashSet<CallId>,
}

/// Walks the lines of a journal. `noted` is its end as written down, `expect` a sum that must be among them.
pub fn walk(session: &str, bytes: &[u8], noted: Option<Head>, expect: Option<&str>) -> Proof {
    let mut walk = Walk {
        proof: Proof {
            session: session.to_owned(),
            lines: 0,
            head: Sum::NONE.to_string(),
            noted,
            expected: None,
            bad: None,
        },
        seq: 0,
        sum: Sum::NONE,
        allowed: Default::default(),
    };
    let wrong = walk.lines(bytes, expect).or_else(|| walk.end(expect));
    let mut proof = walk.proof;
    proof.bad = wrong;
    proof
}

impl Walk {
    fn lines(&mut self, bytes: &[u8], expect: Option<&str>) -> Option<Bad> {
        let mut last: &[u8] = b"";
        for (segment, line) in bytes.split_inclusive(|byte| *byte == b'\n').zip(1..) {
            let bad = |wrong| Some(Bad { line, wrong });
            let Some(text) = segment.strip_suffix(b"\n") else {
                return bad(Wrong::Cut);
            };
            if self.seq > 0 && text == last {
                return bad(Wrong::Twice { seq: self.seq });
            }
            if let Some(wrong) = self.line(text) {
                return bad(wrong);
            }
            self.proof.lines = line;
            self.proof.head = self.sum.to_string();
            if expect == Some(&*self.proof.head) {
                self.proof.expected = Some(line);
            }
            let noted = self.proof.noted.as_ref();
            if noted.is_some_and(|head| head.seq == self.seq && head.sum != self.proof.head) {
                return bad(Wrong::Rewritten { seq: self.seq });
            }
            last = text;
        }
        None
    }

    /// What is wrong with a line, given those before it.
    fn line(&mut self, text: &[u8]) -> Option<Wrong> {
        let record = match line::decode(text) {
            Ok(record) => record,
            Err(Fault::Newer(newer)) => {
                return Some(Wrong::Unreadable {
                    why: Some(newer.to_string()),
                });
            }
            Err(Fault::Damaged) if text.starts_with(line::HEAD) && line::ends_a_line(text) => {
                return Some(Wrong::Checksum);
            }
            Err(Fault::Damaged) => return Some(Wrong::Unreadable { why: None }),
        };
        let seq = record.line.seq;
        if self.seq == 0 && (seq != 1 || !matches!(record.line.entry, Entry::Begin(_))) {
            return Some(Wrong::NoBeginning);
        }
        if seq <= self.seq {
            return Some(Wrong::Order {
                seq,
                behind: self.seq,
            });
        }
        if seq > self.seq + 1 {
            return Some(Wrong::Missing {
                from: self.seq + 1,
                to: seq - 1,
            });
        }
        if record.prev != self.sum {
            return Some(Wrong::Previous { seq: self.seq });
        }
        match &record.line.entry {
            Entry::Decision(note) if note.allowed => {
                self.allowed.insert(note.call);
            }
            Entry::Intent(note) if !self.allowed.contains(&note.call) => {
                return Some(Wrong::Undecided { call: note.call });
            }
            _ => {}
        }
        (self.seq, self.sum) = (seq, record.sum);
        None
    }

    /// What is wrong behind the last line.
    fn end(&self, expect: Option<&str>) -> Option<Bad> {
        let line = self.proof.lines;
        let bad = |wrong| Some(Bad { line, wrong });
        if self.seq == 0 {
            return Some(Bad {
                line: 1,
                wrong: Wrong::NoBeginning,
            });
        }
        let noted = self.proof.noted.as_ref().map_or(0, |head| head.seq);
        if noted > self.seq {
            return bad(Wrong::Short { seq: noted });
        }
        if expect.is_some() && self.proof.expected.is_none() {
            return bad(Wrong::Unexpected);
        }
        None
    }
}

impl Store {
    /// Holds a session's journal against its own chain, against its end as it was written down, and against a hash that
    /// somebody kept. Nothing is changed, and a session that is in use can be asked about.
    ///
    /// # Errors
    /// It can't be read.
    pub fn prove(&self, id: &str, expect: Option<&str>) -> Result<Proof, StoreError> {
        let path = self.folder(id).join(JOURNAL);
        let cannot = || disk_error("read", id);
        // Read before the journal, so that a session which goes on meanwhile is not ahead of itself.
        let (noted, broken) = match heads::read(&path) {
            Ok(noted) => (noted, false),
            // Said of this session, so that the others are proved all the same.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => (None, true),
            Err(error) => return Err(cannot()(error)),
        };
        let mut bytes = match self.known(id).and_then(|()| {
            let read = self.disk.read(&path);
            read.map_err(cannot())
        }) {
            Ok(bytes) => bytes,
            Err(error) if (noted.is_some() || broken) && is_gone(&error) => {
                return Ok(Proof {
                    session: id.to_owned(),
                    lines: 0,
                    head: Sum::NONE.to_string(),
                    noted,
                    expected: None,
                    bad: Some(Bad {
                        line: 0,
                        wrong: Wrong::Gone,
                    }),
                });
            }
            Err(error) => return Err(error),
        };
        if !bytes.ends_with(b"\n") {
            // The last line may just be on its way.
            bytes = self.disk.read(&path).map_err(cannot())?;
        }
        let mut proof = walk(id, &bytes, noted, expect);
        if broken && proof.bad.is_none() {
            proof.bad = Some(Bad {
                line: proof.lines,
                wrong: Wrong::Witness,
            });
        }
        Ok(proof)
    }

    /// Every session that can be asked about: those that are there, and those whose end was written down.
    ///
    /// # Errors
    /// A folder can't be read.
    pub fn provable(&self) -> Result<Vec<String>, StoreError> {
        let mut ids = self.sessions()?;
        let root = self.folder("");
        if let Some(state) = root.parent() {
            let noted = heads::sessions(state).map_err(disk_error("list", "*"))?;
            ids.extend(noted.into_iter().filter(|id| super::store::is_id(id)));
        }
        ids.sort();
        ids.dedup();
        Ok(ids)
    }
}

fn is_gone(error: &StoreError) -> bool {
    match error {
        StoreError::Unknown(_) => true,
        StoreError::Disk { source, .. } => source.kind() == io::ErrorKind::NotFound,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use toolpool_config::Mode;

    use super::*;
    use crate::journal::Line;
    use crate::journal::entry::{Begin, JournalKind};
    use crate::journal::line::encode;

    fn begin() -> Entry {
        Entry::Begin(Begin {
            session: "s".into(),
            what: JournalKind::Session,
            program: "test".into(),
            folder: "/work".into(),
            model: None,
            profile: None,
            mode: Mode::Ask,
            deny: Vec::new(),
            forked: None,
            agent: None,
            parent: None,
        })
    }

    fn user(text: &str) -> Entry {
        Entry::User {
            turn: 1,
            text: text.into(),
        }
    }

    /// The lines of a journal, each with its end.
    fn written(entries: &[Entry]) -> Vec<Vec<u8>> {
        let mut prev = Sum::NONE;
        let entries = entries.iter().zip(1..);
        let lines = entries.map(|(entry, seq)| {
            let line = Line {
                seq,
                at_ms: 1,
                entry: entry.clone(),
            };
            let mut bytes = Vec::new();
            prev = encode(&line, prev, &mut bytes).expect("it serializes");
            bytes
        });
        lines.collect()
    }

    fn four() -> Vec<Vec<u8>> {
        written(&[begin(), user("one"), user("two"), user("three")])
    }

    #[track_caller]
    fn check(lines: &[Vec<u8>], wanted: Option<(usize, Wrong)>) {
        let proof = walk("s", &lines.concat(), None, None);
        assert_eq!(proof.bad.map(|bad| (bad.line, bad.wrong)), wanted);
    }

    /// A line with other words and the sum that belongs to them.
    fn forged(line: &[u8], old: &str, new: &str) -> Vec<u8> {
        let text = String::from_utf8(line.to_vec()).expect("text");
        let (body, _) = text.rsplit_once(",\"sum\":\"").expect("a sum");
        let body = body.replace(old, new);
        format!("{body},\"sum\":\"{}\"}}\n", Sum::of(body.as_bytes())).into_bytes()
    }

    #[test]
    fn a_journal_as_it_was_written_is_good_and_has_a_head() {
        let lines = four();
        check(&lines, None);
        let proof = walk("s", &lines.concat(), None, None);
        assert_eq!(proof.lines, 4);
        assert!(String::from_utf8_lossy(&lines[3]).contains(&proof.head));
    }

    #[test]
    fn the_first_bad_line_is_named() {
        let with = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
            let mut lines = four();
            change(&mut lines);
            lines
        };
        let rows: [(Vec<Vec<u8>>, usize, Wrong); 10] = [
            (with(&|lines| lines[1][70] ^= 1), 2, Wrong::Checksum),
            (
                with(&|lines| lines[1] = b"hello\n".to_vec()),
                2,
                Wrong::Unreadable { why: None },
            ),
            (
                with(&|lines| lines[1] = b"\n".to_vec()),
                2,
                Wrong::Unreadable { why: None },
            ),
            (
                with(&|lines| drop(lines.remove(1))),
                2,
                Wrong::Missing { from: 2, to: 2 },
            ),
            (
                with(&|lines| drop(lines.drain(1..3))),
                2,
                Wrong::Missing { from: 2, to: 3 },
            ),
            (with(&|lines| drop(lines.remove(0))), 1, Wrong::NoBeginning),
            (
                with(&|lines| lines.swap(2, 3)),
                3,
                Wrong::Missing { from: 3, to: 3 },
            ),
            (
                with(&|lines| lines.insert(2, lines[1].clone())),
                3,
                Wrong::Twice { seq: 2 },
            ),
            (
                with(&|lines| lines.insert(3, lines[1].clone())),
                4,
                Wrong::Order { seq: 2, behind: 3 },
            ),
            (with(&|lines| lines[3].truncate(50)), 4, Wrong::Cut),
        ];
        for (lines, line, wrong) in rows {
            check(&lines, Some((line, wrong)));
        }
        check(&[], Some((1, Wrong::NoBeginning)));
    }

    #[test]
    fn a_line_with_its_sum_worked_out_again_is_found_at_the_next() {
        let mut lines = four();
        lines[1] = forged(&lines[1], "one", "won");
        check(&lines, Some((3, Wrong::Previous { seq: 2 })));
    }

    #[test]
    fn what_a_chain_cannot_show_a_head_shows() {
        let lines = four();
        let whole = walk("s", &lines.concat(), None, None);
        let head = Head {
            seq: 4,
            sum: whole.head.clone(),
        };
        let cut = lines[..3].concat();
        let anew =
            written(&[begin(), user("one"), user("2"), user("three"), user("four")]).concat();
        let longer = written(&[
            begin(),
            user("one"),
            user("two"),
            user("three"),
            user("four"),
        ])
        .concat();
        let rows = [
            (&cut, None, None, None),
            (&anew, None, None, None),
            (&cut, Some(&head), None, Some((3, Wrong::Short { seq: 4 }))),
            (
                &anew,
                Some(&head),
                None,
                Some((4, Wrong::Rewritten { seq: 4 })),
            ),
            (&longer, Some(&head), None, None),
            (&cut, None, Some(&*whole.head), Some((3, Wrong::Unexpected))),
            (
                &anew,
                None,
                Some(&*whole.head),
                Some((5, Wrong::Unexpected)),
            ),
            (&longer, None, Some(&*whole.head), None),
        ];
        for (bytes, noted, expect, wanted) in rows {
            let proof = walk("s", bytes, noted.cloned(), expect);
            assert_eq!(proof.bad.map(|bad| (bad.line, bad.wrong)), wanted);
        }
    }
}
