//! A name in a folder that is held open: where writing, moving and removing happen.
//!
//! The folder is found as reading finds it, through links and inside the workspace, and opened from the workspace's own handle;
//! from then on only plain names are used in it, so that no link put in between can lead a write elsewhere. The name itself is
//! never followed. What is written comes to its name in one step, complete or not at all.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;
use toolpool_config::fixed::{DELETE_DEPTH_MAX, DELETE_ENTRIES_MAX};

use super::confine::{self, Inside, Outside, Root};
use super::{Refusal, Setting, suggest};

/// The hub's own settings in a project: whoever writes them decides what the hub may do.
const OWN_SETTINGS: &str = ".toolpool.toml";

/// A name in an open folder.
#[derive(Debug)]
pub(super) struct Place {
    folder: OwnedFd,
    name: OsString,
    /// Below the workspace, its folder without links.
    pub(super) relative: PathBuf,
}

/// What to do about folders on the way that are not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parents {
    /// They are made.
    Make,
    /// The path leads nowhere.
    Need,
}

/// Finds a place for `path`, whose last part need not exist.
pub(super) fn find(setting: &Setting, path: &str, parents: Parents) -> Result<Place, Refusal> {
    let root = &setting.root;
    let below = root.below(path)?;
    let Some(name) = below.file_name().map(OsString::from) else {
        return Err(Refusal(
            "the workspace folder itself cannot be changed; name something in it".to_owned(),
        ));
    };
    let above = below.parent().unwrap_or_else(|| Path::new(""));
    let (inside, missing) = match parents {
        Parents::Need => (
            suggest::resolve(setting, &confine::shown(above))?,
            Vec::new(),
        ),
        Parents::Make => deepest(root, above)?,
    };
    let mut folder = root.open_folder(&inside)?;
    let mut relative = inside.relative;
    for part in missing {
        relative.push(&part);
        let failed = |error: Errno| fails(&relative, "cannot be made", error);
        match rustix::fs::mkdirat(&folder, &*part, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(failed(error)),
        }
        folder = subfolder(&folder, &part).map_err(failed)?;
    }
    relative.push(&name);
    own_settings(&relative)?;
    Ok(Place {
        folder,
        name,
        relative,
    })
}

/// The deepest folder of `path` that exists, and the names below it that don't.
fn deepest(root: &Root, path: &Path) -> Result<(Inside, Vec<OsString>), Refusal> {
    let mut missing = Vec::new();
    let mut above = path.to_owned();
    loop {
        match root.resolve(&confine::shown(&above)) {
            Ok(inside) if inside.absolute.is_dir() => {
                missing.reverse();
                return Ok((inside, missing));
            }
            Ok(inside) => {
                return Err(Refusal(format!(
                    "`{}` is a file, so nothing can be put below it",
                    inside.shown()
                )));
            }
            Err(Outside::Refused(refusal)) => return Err(refusal),
            Err(Outside::Missing(_)) => {
                missing.extend(above.file_name().map(OsString::from));
                if !above.pop() {
                    return Err(Refusal("the workspace folder is gone".to_owned()));
                }
            }
        }
    }
}

fn own_settings(relative: &Path) -> Result<(), Refusal> {
    let own = relative
        .file_name()
        .is_some_and(|name| name.eq_ignore_ascii_case(OWN_SETTINGS));
    match own {
        true => Err(Refusal(format!(
            "`{OWN_SETTINGS}` holds the hub's own settings; only the person changes them"
        ))),
        false => Ok(()),
    }
}

fn subfolder(folder: &OwnedFd, name: &OsString) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    rustix::fs::openat(folder, &**name, flags, Mode::empty())
}

fn fails(path: &Path, what: &str, error: Errno) -> Refusal {
    Refusal(format!(
        "`{}` {what}: {}",
        confine::shown(path),
        confine::plain(&io::Error::from(error))
    ))
}

impl Place {
    /// The path as it is shown.
    pub(super) fn shown(&self) -> String {
        confine::shown(&self.relative)
    }

    /// What is there, a link being a link; `None` where nothing is.
    pub(super) fn there(&self) -> Result<Option<Stat>, Refusal> {
        match rustix::fs::statat(&self.folder, &*self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(fails(&self.relative, "cannot be looked at", error)),
        }
    }

    /// Puts `content` there in one step. What was there keeps its mode; a link or a folder is refused before.
    pub(super) fn write(&self, content: &[u8]) -> Result<(), Refusal> {
        let failed = |error: io::Error| {
            Refusal(format!(
                "`{}` cannot be written: {}",
                self.shown(),
                confine::plain(&error)
            ))
        };
        let mode = self.there()?.map(|stat| Mode::from_raw_mode(stat.st_mode));
        let temporary = temporary_name();
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let fresh = Mode::from_raw_mode(0o666);
        let file = rustix::fs::openat(&self.folder, &temporary, flags, fresh)
            .map_err(|error| failed(error.into()))?;
        let mut file = File::from(file);
        let done = file
            .write_all(content)
            .and_then(|()| match mode {
                Some(mode) => rustix::fs::fchmod(&file, mode).map_err(io::Error::from),
                None => Ok(()),
            })
            .and_then(|()| file.sync_all())
            .and_then(|()| {
                rustix::fs::renameat(&self.folder, &temporary, &self.folder, &*self.name)
                    .map_err(io::Error::from)
            });
        done.map_err(|error| {
            // It is ours alone, and of no use to anybody.
            let _ = rustix::fs::unlinkat(&self.folder, &temporary, AtFlags::empty());
            failed(error)
        })
    }

    /// Moves what is here to `to`; what is there goes only if `overwrite` says so.
    pub(super) fn move_to(&self, to: &Place, overwrite: bool) -> Result<(), Refusal> {
        let flags = match overwrite {
            true => RenameFlags::empty(),
            false => RenameFlags::NOREPLACE,
        };
        match rustix::fs::renameat_with(&self.folder, &*self.name, &to.folder, &*to.name, flags) {
            Ok(()) => Ok(()),
            Err(Errno::EXIST | Errno::NOTEMPTY) => Err(Refusal(format!(
                "`{}` is there already; set overwrite to replace a file, or give another name",
                to.shown()
            ))),
            Err(Errno::INVAL) if to.relative.starts_with(&self.relative) => Err(Refusal(format!(
                "`{}` cannot be moved into itself",
                self.shown()
            ))),
            Err(error) => Err(fails(&self.relative, "cannot be moved", error)),
        }
    }

    /// Removes a file, a link or an empty folder.
    pub(super) fn remove(&self, is_folder: bool) -> Result<(), Refusal> {
        let flags = match is_folder {
            true => AtFlags::REMOVEDIR,
            false => AtFlags::empty(),
        };
        match rustix::fs::unlinkat(&self.folder, &*self.name, flags) {
            Ok(()) => Ok(()),
            Err(Errno::NOTEMPTY | Errno::EXIST) => Err(Refusal(format!(
                "`{}` is a folder with something in it; set recursive to delete all of it",
                self.shown()
            ))),
            Err(error) => Err(fails(&self.relative, "cannot be deleted", error)),
        }
    }

    /// Removes a folder and all that is in it, and counts what went. Nothing goes where something in it may not.
    pub(super) fn remove_all(&self, setting: &Setting) -> Result<usize, Refusal> {
        let mut count = 0;
        below(
            setting,
            &self.folder,
            &self.name,
            &self.relative,
            0,
            &mut count,
            Pass::Look,
        )?;
        let mut gone = 0;
        below(
            setting,
            &self.folder,
            &self.name,
            &self.relative,
            0,
            &mut gone,
            Pass::Remove,
        )?;
        Ok(gone)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    Look,
    Remove,
}

/// Goes through a folder by its handles, and the folder itself last.
fn below(
    setting: &Setting,
    folder: &OwnedFd,
    name: &OsString,
    relative: &Path,
    depth: usize,
    count: &mut usize,
    pass: Pass,
) -> Result<(), Refusal> {
    setting.go_on()?;
    if depth > DELETE_DEPTH_MAX || *count > DELETE_ENTRIES_MAX {
        return Err(Refusal(format!(
            "`{}` holds too much to be deleted at once; delete its parts",
            confine::shown(relative)
        )));
    }
    let failed = |error: Errno| fails(relative, "cannot be deleted", error);
    let this = subfolder(folder, name).map_err(failed)?;
    for entry in Dir::read_from(&this).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let bytes = entry.file_name().to_bytes();
        if bytes == b"." || bytes == b".." {
            continue;
        }
        let name = OsString::from(std::ffi::OsStr::from_bytes(bytes));
        let path = relative.join(&name);
        if confine::is_hidden(&name) {
            return Err(Refusal(format!(
                "`{}` holds a repository of its own (`.git`), which is not part of the workspace",
                confine::shown(relative)
            )));
        }
        own_settings(&path)?;
        let stat = rustix::fs::statat(&this, &*name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            below(setting, &this, &name, &path, depth + 1, count, pass)?;
        } else {
            *count += 1;
            if pass == Pass::Remove {
                rustix::fs::unlinkat(&this, &*name, AtFlags::empty()).map_err(failed)?;
            }
        }
    }
    *count += 1;
    match pass {
        Pass::Look => Ok(()),
        Pass::Remove => rustix::fs::unlinkat(folder, &**name, AtFlags::REMOVEDIR).map_err(failed),
    }
}

/// A name that nobody else uses: other processes have another number, and this one counts.
fn temporary_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!(
        ".toolpool-{}-{}.tmp",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}
