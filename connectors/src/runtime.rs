//! Where ONNX Runtime is on this machine, and how it gets here once when it is not.
//!
//! The encoder needs one shared library. It is looked for where a person or a distribution would have put it; when it is
//! nowhere, it is taken out of a package that the person's own package client downloads (pip, uv or npm), so that their
//! mirror, proxy and certificate settings hold and this crate needs none of its own. The library inside is pinned by
//! SHA-256, so the client and the mirror need not be trusted.
//!
//! Deliberately absent: loading the library (the registry does, and says when a found one is too old), the environment
//! (paths are handed in; only the package clients inherit it), and Windows. Linking the library statically was left: its
//! download needs a host that is often out of reach, and the program would grow by 30 MB.
//!
//! ```text
//! candidates: configured, ORT_DYLIB_PATH, beside the executable, system folders, cache
//!      └─ none, or none that loads
//!           └─ fetch: lock ─ client into a staging folder ─ unpack and hash ─ rename into the cache
//! ```

mod client;
mod error;
mod fetch;
mod pinned;
pub(crate) mod staging;
mod unpack;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use error::FetchError;
pub use fetch::{FetchPhase, FetchProgress, fetch};

/// Where the library may be. Everything here is handed in, nothing is read from the environment.
#[derive(Clone, Debug, Default)]
pub struct RuntimePlaces {
    /// The path from the configuration: a library file, or a folder that holds one.
    pub configured: Option<PathBuf>,
    /// The value of `ORT_DYLIB_PATH`, if it is set.
    pub env: Option<PathBuf>,
    /// The folder of the running executable.
    pub exe_dir: Option<PathBuf>,
    /// Folders of the system's libraries, in order; [`system_folders`] for those of this platform.
    pub system: Vec<PathBuf>,
    /// The program's cache folder. A fetched library lives in its `onnxruntime` folder.
    pub cache_dir: PathBuf,
}

/// Who put a library where it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeSource {
    /// Named in the configuration.
    Configured,
    /// Named by `ORT_DYLIB_PATH`.
    Environment,
    /// Lies beside the executable.
    Executable,
    /// Lies in a folder of the system's libraries.
    System,
    /// Fetched by an earlier run.
    Cache,
}

impl std::fmt::Display for RuntimeSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            RuntimeSource::Configured => "configured",
            RuntimeSource::Environment => "ORT_DYLIB_PATH",
            RuntimeSource::Executable => "beside the executable",
            RuntimeSource::System => "the system's libraries",
            RuntimeSource::Cache => "the cache",
        })
    }
}

/// A library file that exists. Whether it loads is for the encoder to find out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The file.
    pub path: PathBuf,
    /// Where it was found.
    pub source: RuntimeSource,
}

/// The oldest minor version (of `1.x`) that the bindings accept; files whose name says that they are older are passed over.
pub const MINOR_MIN: u32 = 24;

/// Every library that could be tried, in the order to try them. A later one is the fallback when an earlier one does not load.
#[must_use]
pub fn candidates(places: &RuntimePlaces) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut add = |paths: Vec<PathBuf>, source| {
        for path in paths {
            if !found.iter().any(|f| f.path == path) {
                found.push(Found { path, source });
            }
        }
    };
    // What a person named is tried whatever it is called; what we come across must look right.
    let named = |path: &Option<PathBuf>| match path {
        Some(path) if path.is_dir() => libraries_in(path),
        Some(path) if path.is_file() => vec![path.clone()],
        _ => Vec::new(),
    };
    add(named(&places.configured), RuntimeSource::Configured);
    add(named(&places.env), RuntimeSource::Environment);
    if let Some(folder) = &places.exe_dir {
        add(libraries_in(folder), RuntimeSource::Executable);
    }
    for folder in &places.system {
        add(libraries_in(folder), RuntimeSource::System);
    }
    let cached = pinned::for_this_machine()
        .into_iter()
        .filter_map(|pin| cached(&places.cache_dir, &pin));
    add(cached.collect(), RuntimeSource::Cache);
    found
}

/// The first of [`candidates`].
#[must_use]
pub fn locate(places: &RuntimePlaces) -> Option<PathBuf> {
    candidates(places)
        .into_iter()
        .next()
        .map(|found| found.path)
}

/// The folders in which distributions of this platform install libraries.
#[must_use]
pub fn system_folders() -> Vec<PathBuf> {
    let folders: &[&str] = if cfg!(target_os = "macos") {
        &["/opt/homebrew/lib", "/usr/local/lib"]
    } else if cfg!(target_arch = "aarch64") {
        &[
            "/usr/local/lib",
            "/usr/lib/aarch64-linux-gnu",
            "/usr/lib64",
            "/usr/lib",
        ]
    } else {
        &[
            "/usr/local/lib",
            "/usr/lib/x86_64-linux-gnu",
            "/usr/lib64",
            "/usr/lib",
        ]
    };
    folders.iter().map(PathBuf::from).collect()
}

/// The folder of fetched libraries.
fn cache_folder(cache_dir: &Path) -> PathBuf {
    cache_dir.join("onnxruntime")
}

/// The fetched file of `pin`, if it is whole. Its hash was checked before it was moved there, so its size is proof enough
/// against anything but tampering, and whoever can write there can replace the program too.
fn cached(cache_dir: &Path, pin: &pinned::Pin) -> Option<PathBuf> {
    let path = cache_folder(cache_dir).join(pin.file);
    let whole = path
        .metadata()
        .is_ok_and(|m| m.is_file() && m.len() == pin.bytes);
    whole.then_some(path)
}

/// The ONNX Runtime libraries of one folder: the plain name first, then by version, newest first.
fn libraries_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = folder.read_dir() else {
        return Vec::new();
    };
    let mut found: Vec<(Option<Version>, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = library_version(name.to_str()?)?;
            let path = entry.path();
            // A plain name is usually a link to the versioned file, whose name then tells more.
            let version = version.or_else(|| {
                let target = path.canonicalize().ok()?;
                library_version(target.file_name()?.to_str()?)?
            });
            let fresh = version.is_none_or(|v| v >= Version(1, MINOR_MIN, 0));
            (fresh && path.is_file()).then_some((version, path))
        })
        .collect();
    found.sort_by(|(a, a_path), (b, b_path)| b.cmp(a).then_with(|| a_path.cmp(b_path)));
    found.into_iter().map(|(_, path)| path).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32, u32);

/// `None`: not the library. `Some(None)`: the library, its name says no full version (`.so`, `.so.1`).
fn library_version(name: &str) -> Option<Option<Version>> {
    let rest = name.strip_prefix("libonnxruntime.")?;
    let version = match rest.strip_suffix("dylib") {
        Some(version) => version.trim_end_matches('.'),
        None => rest.strip_prefix("so")?.trim_start_matches('.'),
    };
    let parts: Vec<u32> = version
        .split('.')
        .filter(|part| !part.is_empty())
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    Some(match parts[..] {
        [major, minor] => Some(Version(major, minor, 0)),
        [major, minor, patch] => Some(Version(major, minor, patch)),
        _ => None,
    })
}
