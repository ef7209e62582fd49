//! Damage of every kind, as bytes in and lines out; then the same against the real disk.

use proptest::prelude::*;

use super::*;
use crate::journal::disk::RealDisk;
use crate::journal::entry::Line;

/// A journal of `count` lines, and where each ends.
fn journal(count: u64) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut ends, mut sum) = (Vec::new(), Vec::new(), Sum::NONE);
    for seq in 1..=count {
        let line = Line {
            seq,
            at_ms: seq,
            entry: Entry::User {
                turn: 1,
                text: format!("words {seq} {{\"v\":1}}"),
            },
        };
        sum = line::encode(&line, sum, &mut bytes).expect("it serializes");
        ends.push(bytes.len());
    }
    (bytes, ends)
}

fn seqs(scan: &Scan) -> Vec<u64> {
    scan.records
        .iter()
        .map(|(record, _)| record.line.seq)
        .collect()
}

/// Repairs on the real disk, twice, and returns what is there and what is quarantined.
fn repaired(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let root = tempfile::tempdir().expect("a folder");
    let path = root.path().join("journal.jsonl");
    std::fs::write(&path, bytes).expect("written");
    let scan = scan(bytes).expect("nothing is newer");
    repair(&RealDisk, &path, bytes, &scan).expect("repaired");
    let after = std::fs::read(&path).expect("there");
    let again = super::scan(&after).expect("nothing is newer");
    assert_eq!(again.records.len(), scan.records.len());
    assert!(again.odd.is_empty(), "{:?}", again.odd);
    // As if the first repair had been cut off before its rename.
    std::fs::write(&path, bytes).expect("written");
    repair(&RealDisk, &path, bytes, &scan).expect("repaired");
    assert_eq!(std::fs::read(&path).expect("there"), after);
    assert!(!root.path().join("quarantine-2.bin").exists());
    let kept = std::fs::read(root.path().join("quarantine-1.bin")).unwrap_or_default();
    (after, kept)
}

#[track_caller]
fn check(bytes: &[u8], seqs_wanted: &[u64], damage: &[&str], quarantined: &[u8]) {
    let scan = scan(bytes).expect("nothing is newer");
    assert_eq!(seqs(&scan), seqs_wanted);
    assert_eq!(scan.damage(), damage);
    assert_eq!(repaired(bytes).1, quarantined);
}

#[test]
fn nothing_is_wrong_with_whole_lines() {
    let (bytes, _) = journal(3);
    check(&bytes, &[1, 2, 3], &[], b"");
    assert_eq!(repaired(&bytes).0, bytes);
    check(b"", &[], &[], b"");
}

#[test]
fn a_torn_tail_is_cut_wherever_it_is_torn() {
    let (bytes, ends) = journal(3);
    for cut in ends[1] + 1..ends[2] - 1 {
        let torn = &bytes[..cut];
        let scan = scan(torn).expect("nothing is newer");
        assert_eq!((seqs(&scan), scan.tail), (vec![1, 2], Some(ends[1])));
    }
    let torn = &bytes[..ends[1] + 10];
    check(
        torn,
        &[1, 2],
        &["the last line was half written: its 10 bytes were cut off"],
        b"",
    );
    assert_eq!(repaired(torn).0, bytes[..ends[1]]);
    // All but the line end was written: the line is whole.
    let unended = &bytes[..ends[2] - 1];
    check(
        unended,
        &[1, 2, 3],
        &["the last line lacked its end, which was added"],
        b"",
    );
    assert_eq!(repaired(unended).0, bytes);
}

#[test]
fn zeros_are_cut_at_the_end_and_quarantined_in_the_middle() {
    let (bytes, ends) = journal(4);
    let mut tail = bytes.clone();
    tail.extend([0; 100]);
    check(
        &tail,
        &[1, 2, 3, 4],
        &["100 zero bytes at the end were cut off"],
        b"",
    );
    assert_eq!(repaired(&tail).0, bytes);

    // A program that did not look wrote on behind zeros.
    let mut middle = bytes[..ends[1]].to_vec();
    middle.extend([0; 7]);
    middle.extend(&bytes[ends[1]..]);
    check(
        &middle,
        &[1, 2, 3, 4],
        &["7 zero bytes after line 2 were quarantined"],
        b"\0\0\0\0\0\0\0\n",
    );
    assert_eq!(repaired(&middle).0, bytes);

    // A block was never written, and what came behind it was.
    let mut lost = bytes.clone();
    lost[ends[0]..ends[1]].fill(0);
    let scan = scan(&lost).expect("nothing is newer");
    assert_eq!(seqs(&scan), [1, 3, 4]);
    assert_eq!(
        scan.damage(),
        [
            &*format!(
                "{} zero bytes after line 1 were quarantined",
                ends[1] - ends[0]
            ),
            "line 2 is missing"
        ]
    );
}

#[test]
fn lines_that_ran_together_are_parted() {
    let (bytes, ends) = journal(3);
    let mut joined = bytes.clone();
    joined.remove(ends[0] - 1);
    check(
        &joined,
        &[1, 2, 3],
        &["lines 1 to 2 had run together and were parted"],
        b"",
    );
    assert_eq!(repaired(&joined).0, bytes);

    // A torn line that the next one was written behind.
    let mut fused = bytes[..ends[0] + 20].to_vec();
    fused.extend(&bytes[ends[1]..]);
    check(
        &fused,
        &[1, 3],
        &[
            "20 damaged bytes after line 1 were quarantined",
            "line 2 is missing",
        ],
        b"{\"v\":1,\"seq\":2,\"at_m\n",
    );
}

#[test]
fn damage_in_the_middle_is_quarantined_and_the_good_lines_stay() {
    let (bytes, ends) = journal(5);
    let mut changed = bytes.clone();
    changed[ends[1] + 120] ^= 4;
    changed[ends[2] + 120] ^= 4;
    let scan = scan(&changed).expect("nothing is newer");
    assert_eq!(seqs(&scan), [1, 2, 5]);
    assert_eq!(scan.damage().len(), 3, "{:?}", scan.damage());
    assert_eq!(scan.damage()[2], "lines 3 to 4 are missing");
    let (after, kept) = repaired(&changed);
    assert_eq!(
        after,
        [&bytes[..ends[1]], &bytes[ends[3]..]].concat(),
        "good lines keep their bytes"
    );
    assert_eq!(kept, changed[ends[1]..ends[3]]);
}

#[test]
fn blocks_that_changed_places_and_lines_that_are_there_twice_are_put_in_order() {
    let (bytes, ends) = journal(4);
    let part = |from: usize, to: usize| &bytes[ends[from]..ends[to]];
    let swapped = [&bytes[..ends[0]], part(1, 2), part(0, 1), part(2, 3)].concat();
    let said = "lines stood out of order or twice, and were put in order";
    check(&swapped, &[1, 2, 3, 4], &[said], b"");
    assert_eq!(repaired(&swapped).0, bytes);
    let twice = [&bytes[..ends[1]], part(0, 3)].concat();
    check(&twice, &[1, 2, 3, 4], &[said], b"");
    assert_eq!(repaired(&twice).0, bytes);
}

#[test]
fn a_line_that_was_written_anew_with_its_sum_breaks_the_chain() {
    let (bytes, ends) = journal(3);
    let first = line::decode(&bytes[..ends[0] - 1]).expect("whole");
    let forged = Line {
        seq: 2,
        at_ms: 2,
        entry: Entry::User {
            turn: 1,
            text: "other words".into(),
        },
    };
    let mut edited = bytes[..ends[0]].to_vec();
    line::encode(&forged, first.sum, &mut edited).expect("it serializes");
    edited.extend(&bytes[ends[1]..]);
    check(
        &edited,
        &[1, 2, 3],
        &["line 3 was not written behind the line 2 that is there"],
        b"",
    );
}

#[test]
fn a_break_is_told_once() {
    let (bytes, ends) = journal(3);
    let mut holed = [&bytes[..ends[0]], &bytes[ends[1]..]].concat();
    let scan_before = scan(&holed).expect("nothing is newer");
    assert_eq!(scan_before.fresh_damage(), ["line 2 is missing"]);
    let (seq, sum) = scan_before.last();
    let line = Line {
        seq: seq + 1,
        at_ms: 0,
        entry: Entry::Resumed {
            program: "0".into(),
            damage: scan_before.fresh_damage(),
        },
    };
    line::encode(&line, sum, &mut holed).expect("it serializes");
    let scan_after = scan(&holed).expect("nothing is newer");
    assert!(scan_after.fresh_damage().is_empty());
    assert_eq!(scan_after.damage(), ["line 2 is missing"]);
}

/// What can happen to a file.
#[derive(Clone, Debug)]
enum Harm {
    Flip(usize, u8),
    Zero(usize, usize),
    Cut(usize),
    Remove(usize, usize),
    Insert(usize, Vec<u8>),
    Swap(usize, usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    let at = 0usize..4000;
    prop_oneof![
        (at.clone(), 1u8..).prop_map(|(at, bits)| Harm::Flip(at, bits)),
        (at.clone(), 1usize..900).prop_map(|(at, length)| Harm::Zero(at, length)),
        at.clone().prop_map(Harm::Cut),
        (at.clone(), 1usize..900).prop_map(|(at, length)| Harm::Remove(at, length)),
        (at.clone(), proptest::collection::vec(any::<u8>(), 1..40))
            .prop_map(|(at, bytes)| Harm::Insert(at, bytes)),
        (at, 1usize..900).prop_map(|(at, length)| Harm::Swap(at, length)),
    ]
}

fn apply(bytes: &mut Vec<u8>, harm: &Harm) {
    let length = bytes.len();
    let within = |at: usize| at % length.max(1);
    if length == 0 {
        return;
    }
    match harm {
        Harm::Flip(at, bits) => bytes[within(*at)] ^= bits,
        Harm::Zero(at, count) => {
            let at = within(*at);
            let end = (at + count).min(length);
            bytes[at..end].fill(0);
        }
        Harm::Cut(at) => bytes.truncate(within(*at)),
        Harm::Remove(at, count) => {
            let at = within(*at);
            bytes.drain(at..(at + count).min(length));
        }
        Harm::Insert(at, more) => {
            let at = within(*at);
            bytes.splice(at..at, more.iter().copied());
        }
        Harm::Swap(at, count) => {
            let at = within(*at);
            let count = (*count).min((length - at) / 2);
            let (left, right) = bytes[at..].split_at_mut(count);
            left.swap_with_slice(&mut right[..count]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens to the bytes: no panic, and every line whose bytes are still there is found.
    #[test]
    fn no_line_that_is_whole_is_lost(harms in proptest::collection::vec(harm(), 1..5)) {
        let (before, ends) = journal(8);
        let mut bytes = before.clone();
        for harm in &harms {
            apply(&mut bytes, harm);
        }
        let scan = scan(&bytes).expect("nothing is newer");
        let found = seqs(&scan);
        let mut from = 0;
        for (seq, end) in (1..).zip(&ends) {
            let line = &before[from..end - 1];
            let there = bytes.windows(line.len()).any(|window| window == line);
            prop_assert_eq!(there, found.contains(&seq), "line {}", seq);
            from = *end;
        }
        // Bytes that are no line are in the quarantine, or were said to be cut off.
        let lines: usize = scan.records.iter().map(|(_, place)| place.len()).sum();
        let bad: usize = scan.bad.iter().map(|range| range.len()).sum();
        if lines + bad + 8 < bytes.len() {
            prop_assert!(!scan.damage().is_empty());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// The same on the disk: a repair leaves a file with nothing left to repair, and can be done again.
    #[test]
    fn a_repair_is_the_last_one(harms in proptest::collection::vec(harm(), 1..5)) {
        let (mut bytes, _) = journal(8);
        for harm in &harms {
            apply(&mut bytes, harm);
        }
        repaired(&bytes);
    }
}
