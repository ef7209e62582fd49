//! Where each session's chain ended when it was last whole, in a second place: `<state>/heads/<session>`.
//!
//! A chain of hashes shows an edit in the middle and can't show that its end is gone, or that everything from some line on
//! was written anew. A head does: the line of that number must have that sum. It is replaced after a turn's end is on the disk
//! and when a journal is closed, so that it never runs ahead of what a crash leaves.
//!
//! The limit of it: who can write this folder as well can write both, and then only a head that was kept elsewhere tells, which is
//! what `audit verify --expect` takes. A witness and not a part of the journal: it goes past [`super::Disk`], and what fails here
//! is said and stops nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The folder in the state folder.
const FOLDER: &str = "heads";

/// Where a chain ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The number of its last line.
    pub seq: u64,
    /// That line's sum, in hex.
    pub sum: String,
}

/// The file of a session whose journal lies at this path.
fn file(journal: &Path) -> Option<PathBuf> {
    let session = journal.parent()?;
    let state = session.parent()?.parent()?;
    Some(state.join(FOLDER).join(session.file_name()?))
}

/// Writes down where a journal ends.
pub(super) fn note(journal: &Path, head: &Head) {
    let Some(file) = file(journal) else { return };
    if let Err(error) = write(&file, head) {
        tracing::warn!(%error, file = %file.display(), "the end of a journal was not written down a second time");
    }
}

fn write(file: &Path, head: &Head) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let fresh = file.with_extension("new");
    fs::write(&fresh, serde_json::to_vec(head)?)?;
    fs::rename(fresh, file)
}

/// What was written down of a session's end.
///
/// # Errors
/// It is there and can't be read, which is not the same as that it is not there.
pub(super) fn read(journal: &Path) -> io::Result<Option<Head>> {
    let Some(file) = file(journal) else {
        return Ok(None);
    };
    match fs::read(file) {
        // What a power cut leaves of a file that was replaced and not synced, which would cost every turn its wait.
        Ok(bytes) if bytes.iter().all(|byte| *byte == 0) => Ok(None),
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Forgets a session that is deleted.
pub(super) fn forget(journal: &Path) {
    if let Some(file) = file(journal) {
        // What stays is told as a session that is gone, which it is.
        let _ = fs::remove_file(file);
    }
}

/// The sessions of which an end is written down, in order.
pub(super) fn sessions(state: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(state.join(FOLDER)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = entries
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<String>>>()?;
    names.sort();
    Ok(names)
}
