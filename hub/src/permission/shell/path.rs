//! Paths by their letters: what leads outside the workspace, and what usually holds secrets.

use std::path::{Component, Path};

/// Names of files and folders that usually hold secrets, in small letters.
const SECRETS: [&str; 22] = [
    ".env",
    ".git",
    ".ssh",
    ".aws",
    ".gnupg",
    ".kube",
    ".docker",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    ".htpasswd",
    ".git-credentials",
    ".envrc",
    "credentials",
    "credentials.json",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "secrets.yml",
    "secrets.yaml",
];
/// Ends of the names of keys.
const KEYS: [&str; 7] = [".pem", ".key", ".p12", ".pfx", ".kdbx", ".jks", ".keystore"];

/// Whether the word, or a part of it that a program could take for a path, leads outside of `folder`.
pub(super) fn leads_outside(word: &str, folder: &Path) -> bool {
    let attached = word
        .strip_prefix('-')
        .filter(|rest| !rest.starts_with('-'))
        .and_then(|rest| rest.find('/').map(|at| &rest[at..]));
    word.split(['=', ':', ','])
        .chain([word])
        .chain(attached)
        .any(|part| outside(part, folder))
}

fn outside(part: &str, folder: &Path) -> bool {
    if part == "/dev/null" {
        return false;
    }
    let path = Path::new(part);
    part.starts_with('~')
        || path
            .components()
            .any(|component| component == Component::ParentDir)
        || (path.is_absolute() && !path.starts_with(folder))
}

/// Whether the word names something that usually holds secrets, or is a pattern that could.
pub(super) fn holds_secrets(word: &str, glob: bool) -> bool {
    let word = word.to_lowercase();
    word.split(['/', '=', ':', ',']).any(|name| {
        let named = SECRETS.contains(&name)
            || KEYS.iter().any(|end| name.ends_with(end))
            || (name.starts_with(".env.") && name != ".env.example");
        named || (glob && could_be_secret(name))
    })
}

/// A pattern of stars and question marks alone is no more than "everything".
fn could_be_secret(pattern: &str) -> bool {
    let says_something = pattern.chars().any(char::is_alphanumeric);
    if !says_something || !pattern.contains(['*', '?', '[']) {
        return false;
    }
    // A pattern that cannot be read could be anything.
    globset::Glob::new(pattern).map_or(true, |glob| {
        let matcher = glob.compile_matcher();
        SECRETS
            .iter()
            .chain(&["x.pem", "x.key", "key.pem", "server.key"])
            .any(|name| matcher.is_match(name))
    })
}

/// Whether the path belongs to a process and shows its memory or environment.
pub(super) fn shows_process(word: &str) -> bool {
    let word = word.to_lowercase();
    word.contains("/proc/")
        && ["environ", "/mem", "/maps", "/auxv"]
            .iter()
            .any(|part| word.contains(part))
}

/// Whether the path is the hub's own configuration.
pub(super) fn is_own_settings(word: &str) -> bool {
    word.split(['=', ':']).any(|path| {
        let mut parts = path.rsplit('/');
        matches!(
            (parts.next(), parts.next()),
            (Some(".toolpool.toml"), _) | (Some("config.toml" | ""), Some("toolpool"))
        )
    })
}
