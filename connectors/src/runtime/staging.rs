//! The corner of the cache in which a package is downloaded and unpacked: locked, so that two hubs do not fetch at once, and
//! empty again afterwards, also after a crash.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::FetchError;

const PREFIX: &str = ".fetch-";

/// Holds the kernel's lock on the folder of fetched libraries; freed on drop and by a crash.
pub(crate) struct Lock {
    _file: File,
}

/// Waits until no other process fetches. `waiting` is called once if one does. Unbounded: the caller's limit holds.
pub(crate) async fn lock(folder: &Path, waiting: impl Fn()) -> Result<Lock, FetchError> {
    let failed = |doing, path: &Path, source| FetchError::Io {
        doing,
        path: path.to_owned(),
        source,
    };
    std::fs::create_dir_all(folder).map_err(|e| failed("create the folder", folder, e))?;
    let path = folder.join(".lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|e| failed("open", &path, e))?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(TryLockError::Error(source)) => return Err(failed("lock", &path, source)),
            Err(TryLockError::WouldBlock) if !told => {
                told = true;
                waiting();
            }
            // Polled, because a wait inside the kernel could not be cancelled.
            Err(TryLockError::WouldBlock) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// A fresh folder to download into. Must be called under the lock: it sweeps away what a crashed fetch has left.
pub(crate) fn fresh(folder: &Path, _held: &Lock) -> Result<tempfile::TempDir, FetchError> {
    for left in folder.read_dir().into_iter().flatten().flatten() {
        if left.file_name().to_string_lossy().starts_with(PREFIX) {
            let _ = std::fs::remove_dir_all(left.path());
        }
    }
    tempfile::Builder::new()
        .prefix(PREFIX)
        .tempdir_in(folder)
        .map_err(|source| FetchError::Io {
            doing: "create a folder in",
            path: folder.to_owned(),
            source,
        })
}

/// How many bytes lie in files under `folder`. What vanishes while it counts is not counted; links are not followed.
pub(crate) fn bytes_under(folder: &Path) -> u64 {
    let mut bytes = 0;
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(data) if data.is_dir() => folders.push(entry.path()),
                Ok(data) if data.is_file() => bytes += data.len(),
                _ => {}
            }
        }
    }
    bytes
}
