//! Paths as they are written, compared part by part. No file system is asked: a rule means the same on every machine.
//!
//! An allow takes a path only where its text can mean one thing: no `~`, `$`, `\`, no scheme, no unseen letters, and never one
//! that climbs out of its folder. A deny also takes other spellings, absolute and climbing paths that hold the parts it
//! names, and, where the call may change things, a folder *above* what it names: deleting that takes the rest along.

use std::path::Path;

use crate::pattern::{is_unseen, letters};

/// The folder or file that a path must lie at or below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    text: String,
    absolute: bool,
    parts: Vec<String>,
    /// The same in one spelling.
    folded: Vec<String>,
}

/// A path as the wide reading takes it.
struct Wide {
    absolute: bool,
    /// It begins at a place that is not known: above its folder, or at `~` or a variable.
    adrift: bool,
    parts: Vec<String>,
}

impl Prefix {
    pub(crate) fn new(text: &str) -> Result<Prefix, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("a prefix cannot be empty; `.` is the folder itself".to_owned());
        }
        if text.contains(['*', '?', '[', '\\', '$']) || text.starts_with('~') {
            return Err(format!(
                "`{text}` is not a plain path; a prefix has no wildcards, variables or `\\`"
            ));
        }
        let parts = resolved(text).ok_or_else(|| format!("`{text}` climbs out of its folder"))?;
        Ok(Prefix {
            folded: parts.iter().map(|part| spelled(part)).collect(),
            absolute: text.starts_with('/'),
            parts,
            text: text.to_owned(),
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn frees(&self, path: &str, folder: Option<&Path>) -> bool {
        let odd = path.is_empty()
            || path.starts_with('~')
            || path.contains("://")
            || path
                .chars()
                .any(|letter| matches!(letter, '\\' | '$' | '`') || is_unseen(letter));
        let Some(parts) = resolved(path).filter(|_| !odd) else {
            return false;
        };
        let base = || folder.and_then(Path::to_str).and_then(resolved);
        let parts = match (self.absolute, path.starts_with('/')) {
            (true, true) | (false, false) => Some(parts),
            (true, false) => base().map(|base| [base, parts].concat()),
            (false, true) => {
                base().and_then(|base| parts.strip_prefix(&base[..]).map(<[_]>::to_vec))
            }
        };
        parts.is_some_and(|parts| parts.starts_with(&self.parts))
    }

    pub(crate) fn stops(&self, path: &str, folder: Option<&Path>, changes: bool) -> bool {
        let folder = folder
            .and_then(Path::to_str)
            .map(|folder| Wide::read(folder).parts);
        spellings(path).iter().any(|path| {
            let path = Wide::read(path);
            self.holds(&path, folder.as_deref())
                || (changes && self.lies_in(&path, folder.as_deref()))
        })
    }

    /// Whether the path may be at or below this one.
    fn holds(&self, path: &Wide, folder: Option<&[String]>) -> bool {
        let wanted = &self.folded[..];
        if wanted.is_empty() {
            return true;
        }
        match (self.absolute, path.absolute) {
            (true, true) => path.parts.starts_with(wanted),
            (true, false) => match folder.filter(|_| !path.adrift) {
                Some(folder) => [folder, &path.parts].concat().starts_with(wanted),
                // Where it begins is not known, so any end of the wanted path may be what it names.
                None => (0..wanted.len()).any(|from| path.parts.starts_with(&wanted[from..])),
            },
            (false, false) if !path.adrift => path.parts.starts_with(wanted),
            (false, _) => path
                .parts
                .windows(wanted.len())
                .any(|window| window == wanted),
        }
    }

    /// Whether this one may lie below the path.
    fn lies_in(&self, path: &Wide, folder: Option<&[String]>) -> bool {
        let wanted = &self.folded[..];
        match (self.absolute, path.absolute) {
            (_, false) if path.adrift && path.parts.is_empty() => true,
            (true, true) => wanted.starts_with(&path.parts),
            (false, true) => {
                folder.is_some_and(|folder| [folder, wanted].concat().starts_with(&path.parts))
            }
            (false, false) if !path.adrift => wanted.starts_with(&path.parts),
            // It may come back to the folder from above.
            (false, false) => folder.is_none_or(|folder| folder.ends_with(&path.parts)),
            (true, false) => match folder.filter(|_| !path.adrift) {
                Some(folder) => wanted.starts_with(&[folder, &path.parts].concat()),
                None => (1..=wanted.len()).any(|to| wanted[..to].ends_with(&path.parts)),
            },
        }
    }
}

impl Wide {
    fn read(path: &str) -> Wide {
        let (mut parts, mut adrift) = (Vec::<String>::new(), false);
        let absolute = path.starts_with('/');
        for part in path.split('/').map(str::trim) {
            match part {
                "" | "." => {}
                ".." => adrift |= parts.pop().is_none() && !absolute,
                home if parts.is_empty() && home.starts_with(['~', '$', '%']) => adrift = true,
                part => parts.push(part.to_owned()),
            }
        }
        Wide {
            absolute,
            adrift,
            parts,
        }
    }
}

/// The parts of a path without `.` and `..`; nothing where it climbs above its beginning.
fn resolved(path: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part.to_owned()),
        }
    }
    Some(parts)
}

/// One spelling for those that a file system or a server may take for the same.
fn spelled(text: &str) -> String {
    let plain: String = letters(text).collect();
    plain.trim().replace('\\', "/")
}

/// The path as it is and as a server that decodes it would read it.
fn spellings(path: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut text = path.to_owned();
    // Twice, since what is decoded once may still be encoded.
    for _ in 0..3 {
        let plain = spelled(&text);
        let local = match plain.strip_prefix("file:") {
            Some(rest) => format!(
                "/{}",
                rest.trim_start_matches('/')
                    .trim_start_matches("localhost/")
            ),
            None => plain,
        };
        all.push(local);
        text = decoded(&text);
    }
    all.dedup();
    all
}

/// `%2e` and its like as the characters that they stand for.
pub(super) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let hex = |at: usize| {
        bytes
            .get(at)
            .and_then(|byte| char::from(*byte).to_digit(16))
    };
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        match (bytes[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
