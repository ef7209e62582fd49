//! Takes the one library out of what a package client left, and lets it pass only if it is the pinned one.
//!
//! A wheel is a zip, an npm package a gzipped tar, and uv unpacks by itself. Nothing else is written to disk, so a hostile
//! archive finds no path to escape by.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::pinned::Pin;

/// Writes the library to `target` and returns; or says in one line why there is none.
pub(super) fn library(folder: &Path, pin: &Pin, target: &Path) -> Result<(), String> {
    let unpacked = folder.join(pin.member);
    if unpacked.is_file() {
        let file = File::open(&unpacked).map_err(|e| e.to_string())?;
        return take(file, pin, target);
    }
    let package = package_in(folder).ok_or("it left no package behind")?;
    let name = package
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let unreadable = |error: &dyn std::fmt::Display| format!("`{name}` could not be read: {error}");
    let file = File::open(&package).map_err(|e| unreadable(&e))?;
    if name.ends_with(".whl") {
        let mut archive = zip::ZipArchive::new(file).map_err(|e| unreadable(&e))?;
        let member = archive
            .by_name(pin.member)
            .map_err(|_| format!("`{name}` holds no `{}`", pin.member))?;
        take(member, pin, target)
    } else {
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(io::BufReader::new(file)));
        for entry in archive.entries().map_err(|e| unreadable(&e))? {
            let entry = entry.map_err(|e| unreadable(&e))?;
            if entry.path().is_ok_and(|path| path == Path::new(pin.member)) {
                return take(entry, pin, target);
            }
        }
        Err(format!("`{name}` holds no `{}`", pin.member))
    }
}

/// The one package in the folder.
fn package_in(folder: &Path) -> Option<PathBuf> {
    folder
        .read_dir()
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.ends_with(".whl") || name.ends_with(".tgz")
        })
}

/// Copies at most the pinned number of bytes, and removes the copy again unless its hash is the pinned one.
fn take(source: impl Read, pin: &Pin, target: &Path) -> Result<(), String> {
    let copied = copy(source, pin, target);
    if copied.is_err() {
        let _ = std::fs::remove_file(target);
    }
    copied
}

fn copy(source: impl Read, pin: &Pin, target: &Path) -> Result<(), String> {
    // One byte more than expected is enough to know that it is not the file.
    let mut source = source.take(pin.bytes + 1);
    let mut file =
        File::create_new(target).map_err(|e| format!("the library could not be written: {e}"))?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0_u8; 256 * 1024];
    loop {
        let read = match source.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(format!("the package is damaged: {error}")),
        };
        hash.update(&chunk[..read]);
        file.write_all(&chunk[..read])
            .map_err(|e| format!("the library could not be written: {e}"))?;
    }
    let actual: String = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if actual != pin.sha256 {
        return Err(format!(
            "the library in the package has SHA-256 {actual}, expected {}",
            pin.sha256
        ));
    }
    set_mode(&file)
        .and_then(|()| file.sync_all())
        .map_err(|e| format!("the library could not be written: {e}"))
}

/// Readable by all, writable by its owner, executable by nobody: a library is mapped, not run.
fn set_mode(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}
