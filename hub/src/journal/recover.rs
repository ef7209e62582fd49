//! From the bytes of a journal to its lines, whatever happened to the bytes.
//!
//! ```text
//! bytes ── scan, pure ──► records in order, what is no line, sentences about it
//!                           └─ repair ──► nothing to do | cut the tail | quarantine, then rewrite through a rename
//! ```
//!
//! What is no line is never skipped in silence: a half-written tail is cut and said, everything else goes into a
//! `quarantine-N.bin` beside the journal and is said. Lines that are whole are kept byte for byte, also behind damage; the hole is
//! said, and what is appended later stands behind the last of them. A repair that is itself cut off is done again at the next open.

use std::io::{self, BufRead};
use std::ops::Range;
use std::path::Path;

use toolpool_config::fixed::JOURNAL_ENDS_MAX;

use super::disk::Disk;
use super::entry::Entry;
use super::line::{self, Fault, Newer, Record, Sum};

/// What a journal's bytes hold.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Its lines by number, each with where its bytes are.
    pub(super) records: Vec<(Record, Range<usize>)>,
    /// What is no line, or one too many.
    pub(super) bad: Vec<Range<usize>>,
    /// Where the half-written tail begins, if there is one.
    pub(super) tail: Option<usize>,
    /// Whether the last line is whole but for its end.
    pub(super) unended: bool,
    /// Whether the file has to be written anew even where nothing is bad: lines have run together or changed places.
    moved: bool,
    /// What is odd about the bytes, one sentence each: gone once it is repaired.
    odd: Vec<String>,
    /// Breaks of the chain by the place of the record behind them: they stay.
    breaks: Vec<(usize, String)>,
}

impl Scan {
    /// All that is wrong, one sentence each.
    pub(super) fn damage(&self) -> Vec<String> {
        let breaks = self.breaks.iter().map(|(_, sentence)| sentence);
        self.odd.iter().chain(breaks).cloned().collect()
    }

    /// What is wrong and was not told yet: a break that an [`Entry::Resumed`] with damage stands behind is an old story.
    pub(super) fn fresh_damage(&self) -> Vec<String> {
        let told = self.records.iter().rposition(
            |(record, _)| matches!(&record.line.entry, Entry::Resumed { damage, .. } if !damage.is_empty()),
        );
        let fresh = self
            .breaks
            .iter()
            .filter(|(at, _)| told.is_none_or(|told| *at > told))
            .map(|(_, sentence)| sentence);
        self.odd.iter().chain(fresh).cloned().collect()
    }

    /// The number and the sum that the next line stands behind.
    pub(super) fn last(&self) -> (u64, Sum) {
        self.records
            .last()
            .map_or((0, Sum::NONE), |(record, _)| (record.line.seq, record.sum))
    }
}

/// Finds the lines.
///
/// # Errors
/// A line of a newer program. Then nothing else is to be done with the file.
pub(super) fn scan(bytes: &[u8]) -> Result<Scan, Newer> {
    let mut scan = Scan::default();
    let mut at = 0;
    while at < bytes.len() {
        let (length, ended) = first_line(&bytes[at..]);
        let segment = at..at + length;
        at = segment.end + 1;
        match line::decode(&bytes[segment.clone()]) {
            Ok(record) => {
                scan.unended = !ended;
                scan.records.push((record, segment));
            }
            Err(Fault::Newer(newer)) => return Err(newer),
            Err(Fault::Damaged) => scan.take_apart(bytes, segment, ended)?,
        }
    }
    if scan.unended {
        scan.odd
            .push("the last line lacked its end, which was added".into());
    }
    scan.order(bytes);
    scan.chain();
    Ok(scan)
}

/// The length of the first line without its end, and whether it has one.
fn first_line(bytes: &[u8]) -> (usize, bool) {
    // The standard library's search is fast in a debug build too, and a slice is never refused.
    let mut rest = bytes;
    let length = rest.skip_until(b'\n').unwrap_or(bytes.len());
    if bytes[..length].ends_with(b"\n") {
        (length - 1, true)
    } else {
        (length, false)
    }
}

impl Scan {
    /// Looks for whole lines within bytes that are not one.
    fn take_apart(
        &mut self,
        bytes: &[u8],
        segment: Range<usize>,
        ended: bool,
    ) -> Result<(), Newer> {
        let found = parts(bytes, segment.clone())?;
        if found.is_empty() {
            if ended {
                self.note_bad(bytes, segment);
            } else {
                self.note_tail(bytes, segment);
            }
            return Ok(());
        }
        self.moved = true;
        if found.len() > 1 {
            let sentence = format!(
                "lines {} to {} had run together and were parted",
                found[0].0.line.seq,
                found[found.len() - 1].0.line.seq
            );
            self.odd.push(sentence);
        }
        let mut at = segment.start;
        for (record, place) in found {
            if at < place.start {
                self.note_bad(bytes, at..place.start);
            }
            at = place.end;
            self.records.push((record, place));
        }
        if at < segment.end {
            self.note_bad(bytes, at..segment.end);
        }
        Ok(())
    }

    fn after(&self) -> String {
        match self.records.last() {
            Some((record, _)) => format!("after line {}", record.line.seq),
            None => "at the beginning".into(),
        }
    }

    fn note_tail(&mut self, bytes: &[u8], range: Range<usize>) {
        let length = range.len();
        let sentence = if is_zeros(&bytes[range.clone()]) {
            format!("{length} zero bytes at the end were cut off")
        } else {
            format!("the last line was half written: its {length} bytes were cut off")
        };
        self.odd.push(sentence);
        self.tail = Some(range.start);
    }

    fn note_bad(&mut self, bytes: &[u8], range: Range<usize>) {
        let (length, after) = (range.len(), self.after());
        let sentence = if length == 0 {
            format!("an empty line {after} was taken out")
        } else if is_zeros(&bytes[range.clone()]) {
            format!("{length} zero bytes {after} were quarantined")
        } else {
            format!("{length} damaged bytes {after} were quarantined")
        };
        self.odd.push(sentence);
        self.bad.push(range);
    }

    /// Lines in the order of their numbers, each number once.
    fn order(&mut self, bytes: &[u8]) {
        if self.records.is_sorted_by_key(|(record, _)| record.line.seq)
            && !self
                .records
                .windows(2)
                .any(|two| two[0].0.line.seq == two[1].0.line.seq)
        {
            return;
        }
        self.moved = true;
        self.odd
            .push("lines stood out of order or twice, and were put in order".into());
        self.records.sort_by_key(|(record, _)| record.line.seq);
        let mut kept: Vec<(Record, Range<usize>)> = Vec::with_capacity(self.records.len());
        for (record, place) in std::mem::take(&mut self.records) {
            let Some((last, last_place)) = kept.last_mut() else {
                kept.push((record, place));
                continue;
            };
            if last.line.seq != record.line.seq {
                kept.push((record, place));
            } else if bytes[last_place.clone()] != bytes[place.clone()] {
                // Two lines claim one number: the one that was there first stays.
                let sentence = format!("a second line {} was quarantined", record.line.seq);
                self.odd.push(sentence);
                self.bad.push(place);
            }
        }
        self.records = kept;
    }

    /// Where a line does not stand behind the one that is there.
    fn chain(&mut self) {
        let (mut seq, mut sum) = (0, Sum::NONE);
        for (at, (record, _)) in self.records.iter().enumerate() {
            let next = record.line.seq;
            let sentence = if next == seq + 2 {
                Some(format!("line {} is missing", seq + 1))
            } else if next != seq + 1 {
                Some(format!("lines {} to {} are missing", seq + 1, next - 1))
            } else if record.prev != sum {
                Some(format!(
                    "line {next} was not written behind the line {seq} that is there"
                ))
            } else {
                None
            };
            self.breaks.extend(sentence.map(|sentence| (at, sentence)));
            (seq, sum) = (next, record.sum);
        }
    }
}

fn is_zeros(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| *byte == 0)
}

/// Whole lines among bytes that hold more than one, or other things besides.
fn parts(bytes: &[u8], range: Range<usize>) -> Result<Vec<(Record, Range<usize>)>, Newer> {
    let inside = &bytes[range.clone()];
    let heads: Vec<usize> = inside
        .windows(line::HEAD.len())
        .enumerate()
        .filter(|(_, window)| *window == line::HEAD)
        .map(|(at, _)| at)
        .collect();
    let ends: Vec<usize> = inside
        .windows(2)
        .enumerate()
        .filter(|(at, window)| *window == b"\"}" && line::ends_a_line(&inside[..at + 2]))
        .map(|(at, _)| at + 2)
        .collect();
    let mut found = Vec::new();
    let mut from = 0;
    for head in heads {
        if head < from {
            continue;
        }
        let behind = ends.partition_point(|end| *end <= head);
        for end in ends[behind..].iter().take(JOURNAL_ENDS_MAX) {
            match line::decode(&inside[head..*end]) {
                Ok(record) => {
                    let place = range.start + head..range.start + end;
                    found.push((record, place));
                    from = *end;
                    break;
                }
                Err(Fault::Newer(newer)) => return Err(newer),
                Err(Fault::Damaged) => {}
            }
        }
    }
    Ok(found)
}

/// Brings the file into the state that was read from it. Whatever instant this is cut off at, the next one ends the same.
pub(super) fn repair(disk: &dyn Disk, journal: &Path, bytes: &[u8], scan: &Scan) -> io::Result<()> {
    if scan.bad.is_empty() && !scan.moved {
        if let Some(tail) = scan.tail {
            let handle = disk.open(journal)?;
            disk.truncate(&handle, tail as u64)?;
            disk.sync(&handle)?;
        } else if scan.unended {
            let handle = disk.open(journal)?;
            disk.append(&handle, b"\n")?;
            disk.sync(&handle)?;
        }
        return Ok(());
    }
    quarantine(disk, journal, bytes, &scan.bad)?;
    let mut fresh = Vec::with_capacity(bytes.len());
    for (_, place) in &scan.records {
        fresh.extend_from_slice(&bytes[place.clone()]);
        fresh.push(b'\n');
    }
    disk.replace(journal, &fresh)
}

/// Keeps what is no line, each piece in a line of its own.
fn quarantine(
    disk: &dyn Disk,
    journal: &Path,
    bytes: &[u8],
    bad: &[Range<usize>],
) -> io::Result<()> {
    let mut kept = Vec::new();
    for range in bad.iter().filter(|range| !range.is_empty()) {
        kept.extend_from_slice(&bytes[range.clone()]);
        kept.push(b'\n');
    }
    if kept.is_empty() {
        return Ok(());
    }
    let folder = journal.parent().unwrap_or(Path::new("."));
    let there = disk.list(folder)?;
    let mut number = 1;
    let name = loop {
        let name = format!("quarantine-{number}.bin");
        // The same bytes are there where a repair was cut off behind this.
        if !there.contains(&name) || disk.read(&folder.join(&name))? == kept {
            break name;
        }
        number += 1;
    };
    disk.replace(&folder.join(name), &kept)
}

#[cfg(test)]
mod tests;
