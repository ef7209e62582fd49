//! The fetch, step by step: one lock, one client after the other, one checked file moved into the cache.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::client::{self, Client, RunError};
use super::error::{Attempt, FetchError};
use super::pinned::{self, Pin};
use super::{RuntimePlaces, cache_folder, cached, staging, unpack};

/// What a fetch is doing. Shown, it is a few words for a progress line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchPhase {
    /// Another hub fetches; this one waits for it.
    Waiting,
    /// Bytes come in.
    Downloading {
        /// The package client's command, as it could be typed, or the file.
        what: String,
    },
    /// The library is taken out of the package and its hash is checked.
    Unpacking,
    /// What was fetched is in the cache.
    Done,
}

impl std::fmt::Display for FetchPhase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FetchPhase::Waiting => f.write_str("waiting for another hub's fetch"),
            FetchPhase::Downloading { what } => write!(f, "fetching: {what}"),
            FetchPhase::Unpacking => f.write_str("unpacking and checking"),
            FetchPhase::Done => f.write_str("fetched"),
        }
    }
}

/// One report of a fetch under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchProgress {
    /// What is being done.
    pub phase: FetchPhase,
    /// Bytes on disk so far. May pass `total` a little: clients write more than the package.
    pub bytes: Option<u64>,
    /// Bytes to expect, when known.
    pub total: Option<u64>,
}

/// Fetches the pinned library into the cache and returns its path; returns at once if it is there.
///
/// Two hubs fetch once: the second waits for the first. `limit` bounds everything, the waiting included. Dropping the
/// future ends the package client with all it started and leaves the cache as it was.
///
/// # Errors
///
/// [`FetchError`], each with a hint. None is a reason to stop: words alone can rank.
pub async fn fetch(
    places: &RuntimePlaces,
    limit: Duration,
    progress: impl Fn(FetchProgress) + Send + Sync,
) -> Result<PathBuf, FetchError> {
    fetch_with(
        &places.cache_dir,
        &pinned::for_this_machine(),
        &client::known(),
        limit,
        &progress,
    )
    .await
}

/// [`fetch`] with the pins and the clients handed in, for the tests.
pub(super) async fn fetch_with(
    cache_dir: &Path,
    pins: &[Pin],
    clients: &[Client],
    limit: Duration,
    progress: &(dyn Fn(FetchProgress) + Send + Sync),
) -> Result<PathBuf, FetchError> {
    match tokio::time::timeout(limit, fetch_unbounded(cache_dir, pins, clients, progress)).await {
        Ok(result) => result,
        Err(_) => Err(FetchError::TimedOut { limit }),
    }
}

async fn fetch_unbounded(
    cache_dir: &Path,
    pins: &[Pin],
    clients: &[Client],
    progress: &(dyn Fn(FetchProgress) + Send + Sync),
) -> Result<PathBuf, FetchError> {
    if pins.is_empty() {
        return Err(FetchError::Unsupported {
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
        });
    }
    let folder = cache_folder(cache_dir);
    let waiting = || {
        progress(FetchProgress {
            phase: FetchPhase::Waiting,
            bytes: None,
            total: None,
        })
    };
    let lock = staging::lock(&folder, waiting).await?;
    // Whoever held the lock before may have done the work.
    if let Some(path) = pins.iter().find_map(|pin| cached(cache_dir, pin)) {
        return Ok(path);
    }
    let mut attempts = Vec::new();
    let mut missing = Vec::new();
    for pin in pins {
        for client in clients.iter().filter(|client| client.serves(pin)) {
            let area = staging::fresh(&folder, &lock)?;
            match attempt(client, pin, area.path(), progress).await {
                Ok(library) => {
                    let target = folder.join(pin.file);
                    install(&library, &target, &folder)?;
                    progress(FetchProgress {
                        phase: FetchPhase::Done,
                        bytes: Some(pin.bytes),
                        total: Some(pin.bytes),
                    });
                    return Ok(target);
                }
                Err(RunError::Missing) => {
                    missing.push(client.program.to_string_lossy().into_owned())
                }
                Err(RunError::Failed(reason)) => attempts.push(Attempt {
                    command: client.shown(pin),
                    reason,
                }),
            }
        }
    }
    Err(if attempts.is_empty() {
        FetchError::NoClient { tried: missing }
    } else {
        FetchError::AllFailed { attempts }
    })
}

/// One client, from the start to a checked library in its staging folder.
async fn attempt(
    client: &Client,
    pin: &Pin,
    area: &Path,
    progress: &(dyn Fn(FetchProgress) + Send + Sync),
) -> Result<PathBuf, RunError> {
    const EVERY: Duration = Duration::from_millis(200);
    let total = Some(pin.package_bytes);
    let phase = FetchPhase::Downloading {
        what: client.shown(pin),
    };
    let grown = |bytes| {
        progress(FetchProgress {
            phase: phase.clone(),
            bytes: Some(bytes),
            total,
        })
    };
    client.run(pin, area, EVERY, &grown).await?;
    progress(FetchProgress {
        phase: FetchPhase::Unpacking,
        bytes: Some(pin.package_bytes),
        total,
    });
    let library = area.join(".library");
    let (area, pin, target) = (area.to_owned(), *pin, library.clone());
    tokio::task::spawn_blocking(move || unpack::library(&area, &pin, &target))
        .await
        .map_err(|e| RunError::Failed(e.to_string()))?
        .map_err(RunError::Failed)?;
    Ok(library)
}

/// Moves the checked file into place: whoever looks sees all of it or nothing.
fn install(library: &Path, target: &Path, folder: &Path) -> Result<(), FetchError> {
    let failed = |doing, path: &Path, source| FetchError::Io {
        doing,
        path: path.to_owned(),
        source,
    };
    std::fs::rename(library, target).map_err(|e| failed("write", target, e))?;
    std::fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|e| failed("sync the folder", folder, e))
}
