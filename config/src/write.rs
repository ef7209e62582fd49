//! The one way this crate writes: a crash leaves the old file or the new one, never half of either.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Puts the text in place of the file: written beside it, synced, renamed, the folder synced.
///
/// The file is for its owner only (0600, which `tempfile` gives it), since it may hold secrets. Missing folders are
/// made. A link is followed, so that a file kept elsewhere stays there.
///
/// # Errors
/// [`Error::Write`]; what stood there before is untouched.
pub fn write_atomically(file: &Path, text: &str) -> Result<(), Error> {
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    replace(&target, text).map_err(|source| Error::Write {
        file: file.to_owned(),
        source,
    })
}

fn replace(target: &Path, text: &str) -> std::io::Result<()> {
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    fs::create_dir_all(&folder)?;
    let mut beside = tempfile::NamedTempFile::new_in(&folder)?;
    beside.write_all(text.as_bytes())?;
    beside.as_file().sync_all()?;
    beside.persist(target).map_err(|error| error.error)?;
    // Only now is the new name sure to outlive a crash.
    File::open(&folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/config.toml");
        write_atomically(&file, "a = 1\n").unwrap();
        write_atomically(&file, "a = 2\n").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "a = 2\n");
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt, symlink};
            assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
            let link = folder.path().join("link.toml");
            symlink(&file, &link).unwrap();
            write_atomically(&link, "a = 3\n").unwrap();
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(fs::read_to_string(&file).unwrap(), "a = 3\n");
        }
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("file");
        fs::write(&blocked, "old").unwrap();
        let error = write_atomically(&blocked.join("config.toml"), "new").unwrap_err();
        assert!(matches!(error, Error::Write { .. }));
        assert_eq!(fs::read_to_string(&blocked).unwrap(), "old");
    }
}
