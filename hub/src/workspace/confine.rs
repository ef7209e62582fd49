//! Keeps every path inside the folder.
//!
//! A path is resolved with all its links first, and refused if it ends up outside. The file is then opened by its resolved path
//! from a handle on the folder, with links forbidden (`openat2` on Linux), so that nobody can put a link in its place in
//! between; elsewhere what was opened is compared with what was checked. Opening never blocks, and what was opened must be a
//! plain file on a real file system: no pipes, devices, or files of `/proc`.
//!
//! A path that leads outside is refused whether or not anything is there.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::Refusal;

/// Version control's own folder: large, full of what looks like text, and able to hold credentials.
const HIDDEN: &str = ".git";

/// The folder that nothing leaves.
#[derive(Clone, Debug)]
pub(super) struct Root {
    /// Resolved, so that prefixes can be compared.
    path: PathBuf,
    /// As it was named, for absolute paths that name it the same way.
    named: PathBuf,
}

/// A path inside the folder, resolved, that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inside {
    /// Below the folder, without links; empty for the folder itself.
    pub(super) relative: PathBuf,
    /// The same from the root of the file system.
    pub(super) absolute: PathBuf,
}

impl Inside {
    /// The path as it is shown: with `/`, and `.` for the folder itself.
    pub(super) fn shown(&self) -> String {
        shown(&self.relative)
    }
}

/// A relative path as it is shown.
pub(super) fn shown(relative: &Path) -> String {
    if relative.as_os_str().is_empty() {
        ".".to_owned()
    } else {
        relative.to_string_lossy().into_owned()
    }
}

/// Why a path is none of ours.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outside {
    /// Nothing is there. The path is below the folder as it is written, without `.` and `..`.
    Missing(PathBuf),
    /// It cannot be had, for the reason given.
    Refused(Refusal),
}

impl Root {
    /// Resolves the folder itself.
    pub(super) fn open(folder: &Path) -> Result<Root, Refusal> {
        let unusable = |what: &str| {
            Refusal(format!(
                "the workspace folder `{}` {what}",
                folder.display()
            ))
        };
        let path = folder
            .canonicalize()
            .map_err(|error| unusable(&format!("cannot be opened: {}", plain(&error))))?;
        if !path.is_dir() {
            return Err(unusable("is not a folder"));
        }
        Ok(Root {
            path,
            named: folder.to_owned(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The path below the folder as it is written: relative to it, or absolute and inside of it.
    pub(super) fn below(&self, path: &str) -> Result<PathBuf, Refusal> {
        let escapes = || {
            Refusal(format!(
                "`{path}` is outside the workspace; give a path relative to it, such as `.` or `src`"
            ))
        };
        if path.contains('\0') {
            return Err(Refusal("a path cannot contain a NUL character".to_owned()));
        }
        let written = Path::new(path);
        let below = match written.is_absolute() {
            true => {
                let tidy = tidy(written).ok_or_else(escapes)?;
                let below = tidy
                    .strip_prefix(&self.path)
                    .or_else(|_| tidy.strip_prefix(&self.named));
                below.map_err(|_| escapes())?.to_owned()
            }
            // What climbs above the folder as it is written is refused before the file system is asked anything.
            false => tidy(written).ok_or_else(escapes)?,
        };
        if names_hidden(&below) {
            return Err(Refusal(format!("`{HIDDEN}` is not part of the workspace")));
        }
        Ok(below)
    }

    /// Finds what `path` means, through all its links.
    pub(super) fn resolve(&self, path: &str) -> Result<Inside, Outside> {
        let refused = |why: String| Outside::Refused(Refusal(why));
        let below = self.below(path).map_err(Outside::Refused)?;
        let absolute = match self.path.join(&below).canonicalize() {
            Ok(absolute) => absolute,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Outside::Missing(below));
            }
            // A file was taken for a folder: nothing is there either.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(Outside::Missing(below));
            }
            Err(error) => {
                return Err(refused(format!(
                    "`{path}` cannot be opened: {}",
                    plain(&error)
                )));
            }
        };
        let relative = match absolute.strip_prefix(&self.path) {
            Ok(relative) => relative.to_owned(),
            Err(_) => {
                return Err(refused(format!(
                    "`{path}` is a link to outside the workspace"
                )));
            }
        };
        if names_hidden(&relative) {
            return Err(refused(format!("`{HIDDEN}` is not part of the workspace")));
        }
        Ok(Inside { relative, absolute })
    }

    /// Opens a plain file for reading.
    pub(super) fn open_file(&self, inside: &Inside) -> Result<File, Refusal> {
        let refused = |why: &str| Refusal(format!("`{}` {why}", inside.shown()));
        let cannot = |error: io::Error| refused(&format!("cannot be opened: {}", plain(&error)));
        // Asked first, because opening some devices does something.
        if !inside
            .absolute
            .symlink_metadata()
            .map_err(cannot)?
            .is_file()
        {
            return Err(refused("is not a plain file"));
        }
        let file = self.open_beneath(inside, FLAGS).map_err(cannot)?;
        if !file.metadata().map_err(cannot)?.is_file() || is_synthetic(&file) {
            return Err(refused("is not a plain file"));
        }
        Ok(file)
    }

    /// Opens a folder, to name things in it by their own names only.
    pub(super) fn open_folder(&self, inside: &Inside) -> Result<OwnedFd, Refusal> {
        let cannot = |error: io::Error| {
            Refusal(format!(
                "`{}` cannot be opened: {}",
                inside.shown(),
                plain(&error)
            ))
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        self.open_beneath(inside, flags)
            .map(OwnedFd::from)
            .map_err(cannot)
    }

    #[cfg(target_os = "linux")]
    fn open_beneath(&self, inside: &Inside, flags: OFlags) -> io::Result<File> {
        use rustix::fs::ResolveFlags;
        let folder = rustix::fs::open(
            &self.path,
            OFlags::DIRECTORY | OFlags::PATH | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let relative = match inside.relative.as_os_str().is_empty() {
            true => Path::new("."),
            false => &inside.relative,
        };
        match rustix::fs::openat2(&folder, relative, flags, Mode::empty(), resolve) {
            Ok(file) => Ok(file.into()),
            // Old kernels lack the call, and sandboxes forbid it.
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => {
                open_and_compare(inside, flags)
            }
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn open_beneath(&self, inside: &Inside, flags: OFlags) -> io::Result<File> {
        open_and_compare(inside, flags)
    }
}

const FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NOCTTY);

/// Opens by path, and makes sure that the path still leads to what was opened, through no link.
fn open_and_compare(inside: &Inside, flags: OFlags) -> io::Result<File> {
    use std::os::unix::fs::MetadataExt;
    let file: File = rustix::fs::open(&inside.absolute, flags, Mode::empty())?.into();
    let opened = file.metadata()?;
    let there = inside.absolute.canonicalize()?;
    let named = there.symlink_metadata()?;
    let same =
        there == inside.absolute && (named.dev(), named.ino()) == (opened.dev(), opened.ino());
    if same {
        Ok(file)
    } else {
        Err(io::Error::other("it changed while it was opened"))
    }
}

/// Whether a file is made up by the kernel as it is read.
#[cfg(target_os = "linux")]
fn is_synthetic(file: &File) -> bool {
    /// procfs, sysfs, debugfs, tracefs, cgroup and cgroup2, from the kernel's `magic.h`.
    const MAGIC: [u64; 6] = [
        0x9fa0,
        0x6265_6572,
        0x6462_6720,
        0x7472_6163,
        0x0027_e0eb,
        0x6367_7270,
    ];
    // The type of this number differs between platforms.
    rustix::fs::fstatfs(file).is_ok_and(|system| MAGIC.contains(&(system.f_type as u64)))
}

#[cfg(not(target_os = "linux"))]
fn is_synthetic(_file: &File) -> bool {
    false
}

/// The path without `.` and `..`, as it is written; `None` if it climbs above its start.
fn tidy(path: &Path) -> Option<PathBuf> {
    let mut tidy = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if !tidy.pop() {
                    return None;
                }
            }
            other => tidy.push(other),
        }
    }
    Some(tidy)
}

fn names_hidden(path: &Path) -> bool {
    path.components()
        .any(|component| is_hidden(component.as_os_str()))
}

/// Whether a file or folder of this name is left out everywhere.
pub(super) fn is_hidden(name: &std::ffi::OsStr) -> bool {
    name.eq_ignore_ascii_case(HIDDEN)
}

/// What the system says, without its number.
pub(super) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_lowercase().chain(letters).collect())
        .unwrap_or_default()
}
