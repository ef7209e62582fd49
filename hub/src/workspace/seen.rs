//! What the model has seen of each file: the hash of the content when it was last read or written here.
//!
//! An edit must find the file as it was seen. Times and sizes are not asked: they are the same more often than content is.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use toolpool_config::fixed::SEEN_FILES_MAX;

/// A content's SHA-256.
pub(super) type Hash = [u8; 32];

/// Shared by all calls of one server.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen(
    /// By path below the workspace, without links. A plain mutex: held for a look-up, never across an await.
    Arc<Mutex<Files>>,
);

#[derive(Debug, Default)]
struct Files {
    hashes: HashMap<PathBuf, (u64, Hash)>,
    count: u64,
}

impl Seen {
    fn lock(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The content was read or written.
    pub(super) fn note(&self, path: &Path, hash: Hash) {
        let mut files = self.lock();
        files.count += 1;
        let count = files.count;
        files.hashes.insert(path.to_owned(), (count, hash));
        if files.hashes.len() > SEEN_FILES_MAX {
            let oldest = files.hashes.iter().min_by_key(|(_, (at, _))| *at);
            if let Some(path) = oldest.map(|(path, _)| path.clone()) {
                files.hashes.remove(&path);
            }
        }
    }

    /// The content as it was last seen.
    pub(super) fn of(&self, path: &Path) -> Option<Hash> {
        self.lock().hashes.get(path).map(|(_, hash)| *hash)
    }

    /// The file has another name now.
    pub(super) fn moved(&self, from: &Path, to: &Path) {
        let mut files = self.lock();
        if let Some(seen) = files.hashes.remove(from) {
            files.hashes.insert(to.to_owned(), seen);
        }
    }

    /// The file is gone.
    pub(super) fn gone(&self, path: &Path) {
        self.lock().hashes.retain(|seen, _| !seen.starts_with(path));
    }
}

/// The hash of some content.
pub(super) fn hash(content: &[u8]) -> Hash {
    Sha256::digest(content).into()
}

/// A hash as it is shown.
pub(super) fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
