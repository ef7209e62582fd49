//! Fetches a named model's files over HTTPS into the cache.
//!
//! All files come from one commit: the hub's answer to the first names it, and the others are asked for by it. Large files come
//! with their SHA-256, which is checked. What has come stays in a folder named by the commit until the model is whole; then the
//! folder is renamed, so a model in the cache is always whole.
//!
//! Redirects are followed here rather than by the client, because the hub says size, hash and commit in the redirect itself.

use std::io::Read;
use std::path::{Path, PathBuf};

use reqwest::{Client, Response, StatusCode, Url, header};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use toolpool_config::fixed::{DOWNLOAD_HOPS_MAX, DOWNLOAD_SILENCE_MAX, DOWNLOAD_TRIES_MAX};

use super::error::ModelError;
use super::named::NamedModel;
use super::{FetchPhase, FetchProgress, ModelPlaces};
use crate::runtime::staging;

/// What a whole model's folder is called: the variants of one repository share it, so the graph's name is part of it.
fn whole(folder: &Path, named: &NamedModel) -> PathBuf {
    folder.join(named.graph.replace('/', "--"))
}

/// The folder of a model that was fetched before.
pub(super) fn cached(folder: &Path, named: &NamedModel) -> Option<PathBuf> {
    let whole = whole(folder, named);
    named
        .files()
        .iter()
        .all(|file| whole.join(file).is_file())
        .then_some(whole)
}

/// Fetches the model, under the lock of its folder.
pub(super) async fn fetch(
    folder: &Path,
    named: &NamedModel,
    places: &ModelPlaces,
    progress: &(dyn Fn(FetchProgress) + Send + Sync),
) -> Result<PathBuf, ModelError> {
    match tokio::time::timeout(
        places.limit,
        fetch_unbounded(folder, named, places, progress),
    )
    .await
    {
        Ok(result) => result,
        Err(_) => Err(ModelError::TimedOut {
            limit: places.limit,
        }),
    }
}

async fn fetch_unbounded(
    folder: &Path,
    named: &NamedModel,
    places: &ModelPlaces,
    progress: &(dyn Fn(FetchProgress) + Send + Sync),
) -> Result<PathBuf, ModelError> {
    let hub = address(&places.hub)?;
    let _lock = staging::lock(folder, || {
        progress(FetchProgress {
            phase: FetchPhase::Waiting,
            bytes: None,
            total: None,
        });
    })
    .await?;
    if let Some(whole) = cached(folder, named) {
        return Ok(whole);
    }
    let client = client().map_err(|source| ModelError::Http {
        url: hub.to_string(),
        source,
    })?;
    let mut fetching = Fetching {
        client,
        hub,
        named,
        left: places.bytes_max,
        bytes_max: places.bytes_max,
        commit: None,
    };
    let files = named.files();
    fetching.find_commit(files[0]).await?;
    let part = folder.join(match &fetching.commit {
        Some(commit) => format!(".part-{commit}"),
        None => ".part".to_owned(),
    });
    sweep(folder, &part, fetching.commit.is_some());
    for file in files {
        fetching.file(file, &part.join(file), progress).await?;
    }
    let whole = whole(folder, named);
    let failed = |source| ModelError::Io {
        doing: "write",
        path: whole.clone(),
        source,
    };
    // An incomplete one can only be there when somebody removed files from it.
    let _ = std::fs::remove_dir_all(&whole);
    std::fs::rename(&part, &whole).map_err(failed)?;
    std::fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)?;
    Ok(whole)
}

/// Removes what is left of other commits; of this one only if its files may have changed since.
fn sweep(folder: &Path, part: &Path, keep: bool) {
    for left in folder.read_dir().into_iter().flatten().flatten() {
        let path = left.path();
        if left.file_name().to_string_lossy().starts_with(".part") && !(keep && path == part) {
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

fn client() -> reqwest::Result<Client> {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(DOWNLOAD_SILENCE_MAX)
        .read_timeout(DOWNLOAD_SILENCE_MAX)
        .user_agent(concat!("toolpool/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// The hub's address, ending in a slash so that paths join below it.
fn address(hub: &str) -> Result<Url, ModelError> {
    let url = Url::parse(&format!("{}/", hub.trim_end_matches('/')))
        .ok()
        .filter(secure);
    url.ok_or_else(|| ModelError::Hub {
        hub: hub.to_owned(),
    })
}

fn secure(url: &Url) -> bool {
    let here = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    url.scheme() == "https" || (url.scheme() == "http" && here)
}

struct Fetching<'a> {
    client: Client,
    hub: Url,
    named: &'a NamedModel,
    left: u64,
    bytes_max: u64,
    commit: Option<String>,
}

/// An answer whose body is the file, and what was said on the way to it.
struct Answer {
    response: Response,
    said: header::HeaderMap,
}

impl Fetching<'_> {
    fn url(&self, file: &str) -> String {
        let revision = self.commit.as_deref().unwrap_or("main");
        format!(
            "{}{}/resolve/{revision}/{file}",
            self.hub, self.named.repository
        )
    }

    async fn find_commit(&mut self, file: &str) -> Result<(), ModelError> {
        let answer = self.get(&self.url(file), 0).await?;
        let commit = answer
            .said
            .get("x-repo-commit")
            .and_then(|value| value.to_str().ok());
        // It becomes part of a path, here and there.
        self.commit = commit
            .filter(|c| c.len() == 40 && c.bytes().all(|b| b.is_ascii_hexdigit()))
            .map(str::to_owned);
        Ok(())
    }

    /// Follows redirects to the answer with the file; `from` is the byte to start at.
    async fn get(&self, url: &str, from: u64) -> Result<Answer, ModelError> {
        let refused = |reason: String| ModelError::Refused {
            url: url.to_owned(),
            reason,
        };
        let mut said = header::HeaderMap::new();
        let mut next = Url::parse(url).map_err(|e| refused(e.to_string()))?;
        for _ in 0..DOWNLOAD_HOPS_MAX {
            let mut request = self.client.get(next.clone());
            if from > 0 {
                request = request.header(header::RANGE, format!("bytes={from}-"));
            }
            let response = request.send().await.map_err(|source| ModelError::Http {
                url: url.to_owned(),
                source,
            })?;
            for (name, value) in response.headers() {
                // The first to say something is the hub; who serves the bytes knows less.
                said.entry(name).or_insert_with(|| value.clone());
            }
            let status = response.status();
            if status.is_redirection() {
                let to = response
                    .headers()
                    .get(header::LOCATION)
                    .and_then(|value| value.to_str().ok());
                next = to
                    .and_then(|to| next.join(to).ok())
                    .ok_or_else(|| refused(format!("{status} to nowhere")))?;
                if !secure(&next) {
                    return Err(refused("it leads to an address without https".to_owned()));
                }
                continue;
            }
            let resumed = from > 0
                && matches!(
                    status,
                    StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE
                );
            return if status == StatusCode::OK || resumed {
                Ok(Answer { response, said })
            } else {
                Err(refused(format!("the hub answered {status}")))
            };
        }
        Err(refused(format!("more than {DOWNLOAD_HOPS_MAX} redirects")))
    }

    /// Fetches one file to `path`, going on from what is there, and tries again when the line breaks.
    async fn file(
        &mut self,
        file: &str,
        path: &Path,
        progress: &(dyn Fn(FetchProgress) + Send + Sync),
    ) -> Result<(), ModelError> {
        if let Ok(data) = path.metadata() {
            return self.spend(file, data.len());
        }
        let mut tries = 1;
        let size = loop {
            match self.pull(file, path, progress).await {
                Ok(size) => break size,
                Err(ModelError::Http { source, .. })
                    if tries < DOWNLOAD_TRIES_MAX && !source.is_connect() =>
                {
                    tries += 1
                }
                Err(error) => return Err(error),
            }
        };
        self.spend(file, size)
    }

    fn spend(&mut self, file: &str, bytes: u64) -> Result<(), ModelError> {
        self.left = self
            .left
            .checked_sub(bytes)
            .ok_or_else(|| self.too_large(file))?;
        Ok(())
    }

    fn too_large(&self, file: &str) -> ModelError {
        ModelError::TooLarge {
            file: file.to_owned(),
            bytes_max: self.bytes_max,
        }
    }

    /// One try. Returns the size of the file, which is then whole and at `path`.
    async fn pull(
        &self,
        file: &str,
        path: &Path,
        progress: &(dyn Fn(FetchProgress) + Send + Sync),
    ) -> Result<u64, ModelError> {
        /// Reports come this far apart: a chunk is far smaller than what a person can see.
        const REPORT_BYTES: u64 = 256 * 1024;
        let coming = PathBuf::from(format!("{}.coming", path.display()));
        let failed = |source| ModelError::Io {
            doing: "write",
            path: coming.clone(),
            source,
        };
        if let Some(parent) = path.parent() {
            tokio::fs::create_dir_all(parent).await.map_err(failed)?;
        }
        let mut bytes = tokio::fs::metadata(&coming)
            .await
            .map_or(0, |data| data.len());
        let url = self.url(file);
        let Answer { mut response, said } = self.get(&url, bytes).await?;
        let whole_already = response.status() == StatusCode::RANGE_NOT_SATISFIABLE;
        if response.status() == StatusCode::OK {
            bytes = 0;
        }
        let number = |name: &str| {
            said.get(name)
                .and_then(|value| value.to_str().ok()?.parse::<u64>().ok())
        };
        let linked = number("x-linked-size");
        if whole_already && linked.is_none() {
            // What is there cannot be shown to be the file.
            let _ = tokio::fs::remove_file(&coming).await;
            return Err(ModelError::Refused {
                url,
                reason: "what was fetched before does not fit; it was removed".to_owned(),
            });
        }
        let total = linked.or_else(|| Some(bytes + response.content_length()?));
        if total.is_some_and(|total| total > self.left) {
            return Err(self.too_large(file));
        }
        let mut out = tokio::fs::OpenOptions::new()
            .create(true)
            .write(true)
            .append(bytes > 0)
            .truncate(bytes == 0)
            .open(&coming)
            .await
            .map_err(failed)?;
        let phase = FetchPhase::Downloading {
            what: format!("{} of {}", file, self.named.name),
        };
        let report = |bytes| {
            progress(FetchProgress {
                phase: phase.clone(),
                bytes: Some(bytes),
                total,
            })
        };
        report(bytes);
        let mut told = bytes;
        let broke = |source| ModelError::Http {
            url: url.clone(),
            source,
        };
        while !whole_already && let Some(chunk) = response.chunk().await.map_err(broke)? {
            bytes += chunk.len() as u64;
            if bytes > self.left {
                return Err(self.too_large(file));
            }
            out.write_all(&chunk).await.map_err(failed)?;
            if bytes >= told + REPORT_BYTES {
                told = bytes;
                report(bytes);
            }
        }
        report(bytes);
        out.sync_all().await.map_err(failed)?;
        drop(out);
        if let Err(reason) = check(&coming, bytes, total, sha256_said(&said)).await {
            let _ = tokio::fs::remove_file(&coming).await;
            return Err(ModelError::Refused { url, reason });
        }
        tokio::fs::rename(&coming, path).await.map_err(failed)?;
        Ok(bytes)
    }
}

/// The hub's hash of a large file stands in a header of its own, in quotes. Small files have a hash of another kind.
fn sha256_said(said: &header::HeaderMap) -> Option<String> {
    let value = said
        .get("x-linked-etag")?
        .to_str()
        .ok()?
        .trim_matches('"')
        .to_ascii_lowercase();
    (value.len() == 64 && value.bytes().all(|b| b.is_ascii_hexdigit())).then_some(value)
}

async fn check(
    path: &Path,
    bytes: u64,
    total: Option<u64>,
    sha256: Option<String>,
) -> Result<(), String> {
    if let Some(total) = total.filter(|total| *total != bytes) {
        return Err(format!("{bytes} bytes came, expected {total}"));
    }
    let Some(expected) = sha256 else {
        return Ok(());
    };
    let path = path.to_owned();
    let hashed = tokio::task::spawn_blocking(move || {
        let (mut file, mut hash) = (std::fs::File::open(path)?, Sha256::new());
        let mut chunk = vec![0_u8; 256 * 1024];
        loop {
            match file.read(&mut chunk)? {
                0 => return Ok::<_, std::io::Error>(hash.finalize()),
                read => hash.update(&chunk[..read]),
            }
        }
    });
    let hash = hashed
        .await
        .map_err(|e| e.to_string())?
        .map_err(|e| e.to_string())?;
    let actual: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    if actual == expected {
        Ok(())
    } else {
        Err(format!("it has SHA-256 {actual}, expected {expected}"))
    }
}
