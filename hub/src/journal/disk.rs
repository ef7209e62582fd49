//! What the journal asks of a disk: little enough that a disk which lies, fills up or dies half-way can stand in for it.
//!
//! The real one is `std::fs`. Locks are the kernel's, on an open file, so a crash frees them and nobody ever deletes a lock
//! file by hand. Deliberately absent: reading at a place, writing at a place, memory maps. A journal is read whole and
//! written at its end.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A disk.
///
/// The contract: what [`Disk::append`] wrote may be lost or be there in part until [`Disk::sync`] has returned well, and is there
/// for good afterwards, as long as the name was made by [`Disk::open`], [`Disk::create`] or [`Disk::replace`]. [`Disk::replace`]
/// leaves the old bytes or the new ones, at any instant. A method that fails may have done a part of its work. Nothing is retried here:
/// after a failed sync nobody knows what is on the disk, and whoever asked must act on that.
pub trait Disk: Send + Sync {
    /// Makes a folder with those above it, for its owner alone. One that is there is left as it is.
    fn folder(&self, path: &Path) -> io::Result<()>;

    /// The names in a folder, in order.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;

    /// A whole file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Opens a file that is there, to append to it.
    fn open(&self, path: &Path) -> io::Result<Handle>;

    /// Makes a file that is not there yet, to append to it.
    fn create(&self, path: &Path) -> io::Result<Handle>;

    /// Writes behind the file's last byte.
    fn append(&self, to: &Handle, bytes: &[u8]) -> io::Result<()>;

    /// Waits until all of the file is on the disk.
    fn sync(&self, handle: &Handle) -> io::Result<()>;

    /// Cuts the file to `len` bytes.
    fn truncate(&self, handle: &Handle, len: u64) -> io::Result<()>;

    /// Gives a file new content, or makes it; durable when it returns.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Removes a folder with all that is in it.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Takes the lock that a file stands for, without waiting.
    fn lock(&self, path: &Path) -> io::Result<Locked>;
}

/// A file open for appending.
#[derive(Debug)]
pub struct Handle {
    path: PathBuf,
    file: File,
}

impl Handle {
    /// Of a file that was opened for appending.
    pub fn new(path: PathBuf, file: File) -> Handle {
        Handle { path, file }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.file
    }
}

/// What became of the wish for a lock.
#[derive(Debug)]
pub enum Locked {
    /// It is held until this is dropped, or the process ends in whatever way.
    Ours(Lock),
    /// Another process, or another part of this one, holds it.
    Theirs {
        /// Which process, if it managed to write that down.
        pid: Option<u32>,
    },
}

/// A lock that is held.
#[derive(Debug)]
pub struct Lock(File);

impl Drop for Lock {
    /// Gives it up by name. Closing the file is not enough: a child of this process has a copy of it between its fork and its exec.
    fn drop(&mut self) {
        // What fails here is left to the end of the process.
        let _ = self.0.unlock();
    }
}

/// The disk of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn folder(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        let parent = parent(path);
        self.folder(parent)?;
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => sync_folder(parent),
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            // A name that is not Unicode is none of ours.
            names.extend(entry?.file_name().into_string());
        }
        names.sort();
        Ok(names)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn open(&self, path: &Path) -> io::Result<Handle> {
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Handle::new(path.to_owned(), file))
    }

    fn create(&self, path: &Path) -> io::Result<Handle> {
        let file = private().append(true).create_new(true).open(path)?;
        sync_folder(parent(path))?;
        Ok(Handle::new(path.to_owned(), file))
    }

    fn append(&self, to: &Handle, bytes: &[u8]) -> io::Result<()> {
        (&to.file).write_all(bytes)
    }

    fn sync(&self, handle: &Handle) -> io::Result<()> {
        handle.file.sync_data()
    }

    fn truncate(&self, handle: &Handle, len: u64) -> io::Result<()> {
        handle.file.set_len(len)
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let fresh = beside(path);
        let mut file = private()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        sync_folder(parent(path))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)?;
        sync_folder(parent(path))
    }

    fn lock(&self, path: &Path) -> io::Result<Locked> {
        let mut file = private()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0)?;
                file.rewind()?;
                file.write_all(std::process::id().to_string().as_bytes())?;
                Ok(Locked::Ours(Lock(file)))
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // It may be empty for the moment between taking the lock and writing the number.
                let pid = file.read_to_string(&mut text).ok();
                Ok(Locked::Theirs {
                    pid: pid.and_then(|_| text.trim().parse().ok()),
                })
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// The name under which new content is written before it takes the place of the old.
pub fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A new name is on the disk when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn files_are_the_owners_alone_and_locks_name_their_holder() {
        let root = tempfile::tempdir().expect("a folder");
        let disk = RealDisk;
        let folder = root.path().join("a/b");
        disk.folder(&folder).expect("made");
        disk.folder(&folder).expect("it may be there");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);

        let path = folder.join("f");
        let handle = disk.create(&path).expect("made");
        disk.append(&handle, b"one").expect("written");
        disk.append(&disk.open(&path).expect("opened"), b"two")
            .expect("written");
        disk.sync(&handle).expect("synced");
        assert_eq!(disk.read(&path).expect("read"), b"onetwo");
        disk.truncate(&handle, 3).expect("cut");
        disk.append(&handle, b"!").expect("written");
        assert_eq!(disk.read(&path).expect("read"), b"one!");
        assert!(disk.create(&path).is_err());
        disk.replace(&path, b"new").expect("replaced");
        assert_eq!(disk.read(&path).expect("read"), b"new");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(disk.list(&folder).expect("listed"), ["f"]);

        let lock = folder.join("lock");
        let Ok(Locked::Ours(held)) = disk.lock(&lock) else {
            panic!("it was free")
        };
        match disk.lock(&lock) {
            Ok(Locked::Theirs { pid }) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
        let copy = held
            .0
            .try_clone()
            .expect("as a child has it before its exec");
        drop(held);
        assert!(matches!(disk.lock(&lock), Ok(Locked::Ours(_))));
        drop(copy);
        disk.remove(&folder).expect("removed");
        assert!(!folder.exists());
    }
}
