//! The installing: one folder per set of packages, under a lock, marked when it is whole.
//!
//! A folder without its mark is the trace of an install that was cut off: it is made anew. The set of packages is part of the
//! mark, so that a changed pin makes the folder anew as well.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A set of packages that live in one folder.
pub(super) enum Packages {
    /// `npm install` into the folder.
    Npm {
        /// Its name in the cache.
        folder: &'static str,
        /// Names with their versions.
        packages: &'static [&'static str],
    },
    /// A Python environment of their own.
    Pip {
        /// Its name in the cache.
        folder: &'static str,
        /// Names with their versions.
        packages: &'static [&'static str],
    },
    /// Only the files of Python packages, without what they depend on: no interpreter runs them.
    Target {
        /// Its name in the cache.
        folder: &'static str,
        /// Names with their versions.
        packages: &'static [&'static str],
    },
}

/// Where everything is kept: the user's cache, so that it outlives `cargo clean`.
///
/// # Panics
///
/// When neither `XDG_CACHE_HOME` nor `HOME` is set.
pub fn cache() -> PathBuf {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    base.expect("tests need HOME or XDG_CACHE_HOME")
        .join("toolpool-tests")
}

/// The folder of these packages, installed now if it is not yet. The error is one line.
pub(super) fn install(packages: &Packages) -> Result<PathBuf, String> {
    let (name, list) = packages.parts();
    let cache = cache();
    let folder = cache.join(name);
    install_into(packages, &folder, &list.join("\n")).map(|()| folder)
}

fn install_into(packages: &Packages, folder: &Path, mark: &str) -> Result<(), String> {
    let said = |error: io::Error| error.to_string();
    let marked = folder.with_extension("installed");
    fs::create_dir_all(folder.parent().unwrap_or(folder)).map_err(said)?;
    let lock = File::create(folder.with_extension("lock")).map_err(said)?;
    // Freed by the kernel when the file is closed, also by a crash.
    lock.lock().map_err(said)?;
    if fs::read_to_string(&marked).is_ok_and(|found| found == mark) && folder.exists() {
        return Ok(());
    }
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(said(error)),
        _ => {}
    }
    let _ = fs::remove_file(&marked);
    fs::create_dir_all(folder).map_err(said)?;
    packages.fetch(folder)?;
    fs::write(&marked, mark).map_err(said)
}

impl Packages {
    fn parts(&self) -> (&'static str, &'static [&'static str]) {
        match self {
            Packages::Npm { folder, packages }
            | Packages::Pip { folder, packages }
            | Packages::Target { folder, packages } => (folder, packages),
        }
    }

    fn fetch(&self, folder: &Path) -> Result<(), String> {
        let (_, packages) = self.parts();
        let at = folder.display().to_string();
        let python = |arguments: &[&str]| ran("python3", arguments, &[], "no Python");
        match self {
            Packages::Npm { .. } => {
                ran("node", &["--version"], &[], "no Node")?;
                let arguments = [
                    "install",
                    "--prefix",
                    &at,
                    "--no-audit",
                    "--no-fund",
                    "--loglevel",
                    "error",
                ];
                ran("npm", &arguments, packages, "no npm")
            }
            Packages::Pip { .. } => {
                python(&["-m", "venv", &at])?;
                let pip = folder.join("bin/python").display().to_string();
                ran(
                    &pip,
                    &["-m", "pip", "install", "--quiet"],
                    packages,
                    "no pip",
                )
            }
            Packages::Target { .. } => {
                let arguments = [
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--no-deps",
                    "--target",
                    &at,
                ];
                ran("python3", &arguments, packages, "no Python")
            }
        }
    }
}

/// Runs a package client; the error is its last line, or `absent` when it is not there.
fn ran(program: &str, arguments: &[&str], packages: &[&str], absent: &str) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(arguments).args(packages).stdin(Stdio::null());
    match command.output() {
        Err(_) => Err(absent.to_owned()),
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let last = said.lines().last().unwrap_or("it said nothing").to_owned();
            Err(format!(
                "`{program}` could not install {}: {last}",
                packages.join(" ")
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Packages, install_into};

    #[test]
    fn a_marked_folder_is_left_alone_and_another_pin_makes_it_anew() {
        let cache = tempfile::tempdir().unwrap();
        let folder = cache.path().join("things");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("kept"), "").unwrap();
        fs::write(folder.with_extension("installed"), "thing==1").unwrap();
        let none = Packages::Pip {
            folder: "things",
            packages: &[],
        };
        install_into(&none, &folder, "thing==1").unwrap();
        assert!(folder.join("kept").exists());

        // npm with a name no package can have: the install fails, and the cut-off folder is not taken for whole.
        let bad = Packages::Npm {
            folder: "things",
            packages: &["file:/nowhere/at/all"],
        };
        assert!(install_into(&bad, &folder, "thing==2").is_err());
        assert!(!folder.join("kept").exists());
        assert!(!folder.with_extension("installed").exists());
    }
}
