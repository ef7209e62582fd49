//! Reading the log, from its start or as it grows. A line that is not understood, which a newer program may have written,
//! is counted and passed over.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::{Category, Level, Place, Record};

/// Which records are wanted; none of the conditions is set at first.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of one of these; of any where it is empty.
    pub categories: Vec<Category>,
    /// Of the session whose id begins so.
    pub session: Option<String>,
    /// Not older.
    pub since_ms: Option<u64>,
    /// At least so important.
    pub level: Option<Level>,
}

impl Filter {
    /// Whether a record is wanted.
    #[must_use]
    pub fn passes(&self, record: &Record) -> bool {
        let session = |wanted: &String| match &record.place {
            Place::Session { session, .. } => session.starts_with(wanted.as_str()),
            Place::Hub { .. } => false,
        };
        (self.categories.is_empty() || self.categories.contains(&record.detail.category()))
            && self.session.as_ref().is_none_or(session)
            && self.since_ms.is_none_or(|since| record.at_ms >= since)
            && self.level.is_none_or(|level| record.level >= level)
    }
}

/// A place in the log.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    number: u64,
    offset: u64,
    passed_over: usize,
}

impl Reader {
    /// At the log's start.
    #[must_use]
    pub fn new(folder: &Path) -> Reader {
        Reader {
            folder: folder.to_owned(),
            number: 0,
            offset: 0,
            passed_over: 0,
        }
    }

    /// What has been written since the last call, in whole lines. A file that can't be read now is read the next time.
    pub fn poll(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        for number in numbers(&self.folder) {
            if number < self.number {
                continue;
            }
            if number > self.number {
                (self.number, self.offset) = (number, 0);
            }
            let Ok(text) = self.more() else { break };
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                match serde_json::from_str(line) {
                    Ok(record) => records.push(record),
                    Err(_) => self.passed_over += 1,
                }
            }
        }
        records
    }

    /// Lines that were not understood so far.
    #[must_use]
    pub fn passed_over(&self) -> usize {
        self.passed_over
    }

    /// The rest of the current file up to its last whole line.
    fn more(&mut self) -> std::io::Result<String> {
        let mut file = File::open(path(&self.folder, self.number))?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        self.offset += whole as u64;
        Ok(String::from_utf8_lossy(&bytes[..whole]).into_owned())
    }
}

/// The numbers of the log's files, in order. None where there is no log.
pub(super) fn numbers(folder: &Path) -> Vec<u64> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut numbers: Vec<u64> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            name.strip_suffix(".jsonl")?.parse().ok()
        })
        .collect();
    numbers.sort_unstable();
    numbers
}

pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:06}.jsonl"))
}
