//! The vectors of documents, kept by the hash of the text they were made from, in memory and in one file per model.
//!
//! A changed tool list costs only the texts that are new. The file is a cache: one that is damaged, of another model or
//! of another version is reported and left aside, never repaired. It is written whole to a temporary file and renamed, so
//! that a crash leaves the old one or the new one. Bytes: magic, model name, dims, count, then hash and entries of each
//! vector in the order of hashes, then the SHA-256 of all before it.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::Error;
use crate::document::DocumentHash;

const MAGIC: &[u8; 8] = b"tpvec\0\0\x01";

/// A vector of unit length, shared with every index built from its store.
pub type Vector = Arc<[f32]>;

/// The vectors of one model. Cloning copies the table and shares the vectors.
#[derive(Clone, Debug, Default)]
pub struct VectorStore {
    model: String,
    dims: usize,
    vectors: HashMap<DocumentHash, Vector>,
}

impl VectorStore {
    /// An empty store for the vectors of `model` with `dims` entries each.
    #[must_use]
    pub fn new(model: &str, dims: usize) -> Self {
        VectorStore {
            model: model.to_owned(),
            dims,
            vectors: HashMap::new(),
        }
    }

    /// The model that made the vectors; empty in a store that never had one, which ranks by words.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Entries of a vector.
    #[must_use]
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// How many vectors there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.vectors.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.vectors.is_empty()
    }

    /// The vector of a document.
    #[must_use]
    pub fn get(&self, hash: &DocumentHash) -> Option<&Vector> {
        self.vectors.get(hash)
    }

    /// Whether the vector of a document is there.
    #[must_use]
    pub fn contains(&self, hash: &DocumentHash) -> bool {
        self.vectors.contains_key(hash)
    }

    /// Keeps a vector; one of the wrong length is dropped, because a model that changes its mind cannot be compared.
    pub fn insert(&mut self, hash: DocumentHash, vector: impl Into<Vector>) {
        let vector = vector.into();
        if vector.len() == self.dims {
            self.vectors.insert(hash, vector);
        }
    }

    /// Drops the vectors that `keep` refuses: texts that no tool has any more.
    pub fn retain(&mut self, keep: impl Fn(&DocumentHash) -> bool) {
        self.vectors.retain(|hash, _| keep(hash));
    }

    /// Adds the vectors of this model from `path`; a missing file adds none.
    ///
    /// # Errors
    /// [`Error::Vectors`] when the file is damaged, or of another model or version; nothing is added then, and the file is left as it is.
    pub fn load(&mut self, path: &Path) -> Result<(), Error> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(failed(path, e)),
        };
        self.read(&bytes).map_err(|e| failed(path, e))
    }

    /// Writes all vectors to `path`, whose folder must be there.
    ///
    /// # Errors
    /// [`Error::Vectors`] when the file cannot be written; what was there before is then still there.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
        let written = self
            .write(&temporary)
            .and_then(|()| fs::rename(&temporary, path));
        written.map_err(|e| {
            // What cannot be renamed is of no use to anyone; that it cannot be removed either changes nothing.
            let _ = fs::remove_file(&temporary);
            failed(path, e)
        })
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let mut rows: Vec<_> = self.vectors.iter().collect();
        rows.sort_unstable_by_key(|(hash, _)| **hash);
        let mut bytes =
            Vec::with_capacity(64 + self.model.len() + rows.len() * (32 + 4 * self.dims));
        bytes.extend(self.header(rows.len()));
        for (hash, vector) in rows {
            bytes.extend(hash.0);
            bytes.extend(vector.iter().flat_map(|entry| entry.to_le_bytes()));
        }
        let sum: [u8; 32] = Sha256::digest(&bytes).into();
        bytes.extend(sum);
        let mut file = fs::File::create(path)?;
        file.write_all(&bytes)?;
        file.sync_all()
    }

    fn header(&self, count: usize) -> Vec<u8> {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
        let mut header = MAGIC.to_vec();
        header.extend(number(self.model.len()));
        header.extend(self.model.as_bytes());
        header.extend(number(self.dims));
        header.extend(number(count));
        header
    }

    fn read(&mut self, bytes: &[u8]) -> io::Result<()> {
        let bad = |what| io::Error::new(io::ErrorKind::InvalidData, what);
        let (body, sum) = bytes
            .split_last_chunk::<32>()
            .ok_or_else(|| bad("the file is too short"))?;
        let stated = self.header(0);
        let (head, rows) = body
            .split_at_checked(stated.len())
            .ok_or_else(|| bad("the file is too short"))?;
        let (head, count) = head.split_at(head.len() - 4);
        if !stated.starts_with(head) {
            return Err(bad("the vectors are of another model or version"));
        }
        let size = 32 + 4 * self.dims;
        let count = count.try_into().map_or(0, u32::from_le_bytes) as usize;
        if count.checked_mul(size) != Some(rows.len()) || Sha256::digest(body)[..] != sum[..] {
            return Err(bad("the file is damaged"));
        }
        self.vectors.reserve(count);
        for row in rows.chunks_exact(size) {
            let (hash, entries) = row
                .split_first_chunk::<32>()
                .ok_or_else(|| bad("the file is damaged"))?;
            let (entries, _) = entries.as_chunks::<4>();
            self.vectors.insert(
                DocumentHash(*hash),
                entries
                    .iter()
                    .map(|entry| f32::from_le_bytes(*entry))
                    .collect(),
            );
        }
        Ok(())
    }
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::Vectors {
        path: path.to_path_buf(),
        source: source.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> VectorStore {
        let mut store = VectorStore::new("m", 3);
        store.insert(DocumentHash([7; 32]), vec![1.0, 0.0, -0.5]);
        store.insert(DocumentHash([1; 32]), vec![0.0, f32::MIN_POSITIVE, 1.0]);
        store.insert(DocumentHash([2; 32]), vec![1.0]);
        store
    }

    fn loaded(path: &Path, model: &str, dims: usize) -> (VectorStore, bool) {
        let mut store = VectorStore::new(model, dims);
        let usable = store.load(path).is_ok();
        (store, usable)
    }

    #[test]
    fn what_is_saved_is_loaded_and_in_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one.vec"), folder.path().join("two.vec"));
        store().save(&one).unwrap();
        let (loaded, usable) = loaded(&one, "m", 3);
        assert!(usable);
        assert_eq!(loaded.vectors, store().vectors);
        assert_eq!(loaded.len(), 2);
        loaded.save(&two).unwrap();
        assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn an_unusable_file_is_reported_and_left_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.vec");
        store().save(&path).unwrap();
        let good = fs::read(&path).unwrap();
        let flipped = |at: usize| {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            bytes
        };
        let last = good.len() - 1;
        let cases = [
            Vec::new(),
            vec![0; 40],
            good[..last].to_vec(),
            flipped(3),
            flipped(20),
            flipped(60),
            flipped(last),
        ];
        for bytes in cases {
            fs::write(&path, &bytes).unwrap();
            let (store, usable) = loaded(&path, "m", 3);
            assert!(store.is_empty() && !usable, "{} bytes", bytes.len());
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
        fs::write(&path, &good).unwrap();
        assert!(!loaded(&path, "n", 3).1);
        assert!(!loaded(&path, "m", 4).1);
        assert!(loaded(&folder.path().join("none"), "m", 3).1);
    }
}
