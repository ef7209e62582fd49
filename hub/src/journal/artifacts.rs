//! Results that were too long for the journal, kept whole beside it: a file each, named by the hash of what is in it, so that
//! nothing is kept twice and a file that was changed can be told.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::disk::Disk;
use super::line::hex;
use super::redact::Redactor;

/// The artifacts of one session.
#[derive(Clone)]
pub struct Artifacts {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) folder: PathBuf,
    pub(super) redactor: Redactor,
}

impl Artifacts {
    /// Keeps a text and returns its name. Secrets are replaced first. Blocks for as long as the disk takes.
    ///
    /// # Errors
    /// The disk's own.
    pub fn put(&self, text: &str) -> io::Result<String> {
        let mut text = text.to_owned();
        self.redactor.text(&mut text);
        let name = sha256(text.as_bytes());
        self.disk.folder(&self.folder)?;
        let path = self.folder.join(&name);
        if self
            .disk
            .read(&path)
            .is_ok_and(|there| there == text.as_bytes())
        {
            return Ok(name);
        }
        self.disk.replace(&path, text.as_bytes())?;
        Ok(name)
    }

    /// What is kept under a name.
    ///
    /// # Errors
    /// Nothing is, or it is not what was put there.
    pub fn get(&self, name: &str) -> io::Result<Vec<u8>> {
        if !is_name(name) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("`{name}` is no artifact's name"),
            ));
        }
        let bytes = self.disk.read(&self.folder.join(name))?;
        if sha256(&bytes) == name {
            Ok(bytes)
        } else {
            Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the artifact `{name}` is not what was kept"),
            ))
        }
    }

    /// The names that begin with these digits, in order. Blocks for as long as the disk takes.
    ///
    /// # Errors
    /// The disk's own.
    pub fn names(&self, digits: &str) -> io::Result<Vec<String>> {
        let mut names = match self.disk.list(&self.folder) {
            Ok(names) => names,
            // The folder is made with the first of them.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        names.retain(|name| is_name(name) && name.starts_with(digits));
        Ok(names)
    }

    /// Where they are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// The SHA-256 of bytes, as artifacts are named by it.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn is_name(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}
