//! Goes through what is below a folder, in order of names, leaving out what `.gitignore` leaves out.
//!
//! Links are shown and not followed, so a walk stays inside and ends. Hidden files other than `.git` are there: `.github` and
//! `.env.example` are part of a project. A person's own global ignore file is not read: it is not part of the folder.

use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use ignore::{DirEntry, Walk, WalkBuilder};

use super::Refusal;
use super::confine::{self, Inside, Root};

/// What is below `start`, itself left out; `depth` folders deep, or all.
pub(super) fn below(
    root: &Root,
    start: &Inside,
    depth: Option<usize>,
    with_ignored: bool,
) -> impl Iterator<Item = Entry> + use<> {
    let base = root.path().to_owned();
    walk(&start.absolute, depth, with_ignored)
        .flatten()
        .filter(|entry| entry.depth() > 0)
        .filter_map(move |entry| Entry::of(&base, &entry))
}

fn walk(start: &Path, depth: Option<usize>, with_ignored: bool) -> Walk {
    WalkBuilder::new(start)
        .max_depth(depth)
        .hidden(false)
        .parents(!with_ignored)
        .ignore(!with_ignored)
        .git_ignore(!with_ignored)
        .git_exclude(!with_ignored)
        .git_global(false)
        // The files say what to leave out also where nobody ran `git init`.
        .require_git(false)
        .follow_links(false)
        .filter_entry(|entry| !confine::is_hidden(entry.file_name()))
        .sort_by_file_name(|a, b| a.cmp(b))
        .build()
}

/// One thing below the folder.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// From the workspace's folder.
    pub(super) relative: PathBuf,
    pub(super) absolute: PathBuf,
    pub(super) kind: Kind,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    /// A pipe, a socket or a device.
    Special,
}

impl Kind {
    pub(super) fn of(kind: std::fs::FileType) -> Kind {
        if kind.is_symlink() {
            Kind::Link
        } else if kind.is_dir() {
            Kind::Folder
        } else if kind.is_file() {
            Kind::File
        } else {
            Kind::Special
        }
    }

    /// The word for it in results.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::File => "file",
            Kind::Folder => "folder",
            Kind::Link => "link",
            Kind::Special => "special",
        }
    }
}

impl Entry {
    fn of(base: &Path, entry: &DirEntry) -> Option<Entry> {
        Some(Entry {
            relative: entry.path().strip_prefix(base).ok()?.to_owned(),
            absolute: entry.path().to_owned(),
            kind: Kind::of(entry.file_type()?),
        })
    }

    /// Bytes of a file; nothing else has a size worth telling.
    pub(super) fn bytes(&self) -> Option<u64> {
        (self.kind == Kind::File)
            .then(|| self.absolute.symlink_metadata().ok().map(|data| data.len()))
            .flatten()
    }

    /// The path as it is shown: a folder ends in a slash.
    pub(super) fn shown(&self) -> String {
        let path = confine::shown(&self.relative);
        if self.kind == Kind::Folder {
            format!("{path}/")
        } else {
            path
        }
    }
}

/// A glob over paths: without a slash it is about names, with one about paths from the workspace's folder or from where the
/// search starts.
pub(super) struct Glob {
    matcher: GlobMatcher,
    whole_path: bool,
    start: PathBuf,
}

impl Glob {
    pub(super) fn new(glob: &str, start: &Inside) -> Result<Glob, Refusal> {
        let glob = glob.trim_start_matches("./");
        let built = GlobBuilder::new(glob)
            .literal_separator(true)
            .case_insensitive(true)
            .build();
        let matcher = built.map_err(|error| {
            Refusal(format!(
                "`{glob}` is not a glob: {}; an example is `*.rs`",
                error.kind()
            ))
        })?;
        Ok(Glob {
            matcher: matcher.compile_matcher(),
            whole_path: glob.contains('/'),
            start: start.relative.clone(),
        })
    }

    pub(super) fn matches(&self, relative: &Path) -> bool {
        if !self.whole_path {
            return relative
                .file_name()
                .is_some_and(|name| self.matcher.is_match(name));
        }
        let from_start = relative.strip_prefix(&self.start).unwrap_or(relative);
        self.matcher.is_match(relative) || self.matcher.is_match(from_start)
    }
}

/// A size for people.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut value, mut unit) = (bytes as f64 / 1024.0, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}
