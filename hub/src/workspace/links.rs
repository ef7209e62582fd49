//! Whether the workspace has a link that leads outside of it.
//!
//! The gates over commands read a command and no disk, so to them `link/secret` is a file of the workspace. A command that
//! they let run by itself is therefore held against the disk once more, where it is about to run. What is deep below many
//! thousand files is not found: the look is for what somebody put there to be followed, and every listing shows those.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use toolpool_config::fixed::LINKS_LOOKED_AT_MAX;

/// The first link in `folder`, the highest ones first, that leads outside; relative to it. A link to nothing leads nowhere.
#[must_use]
pub fn leading_outside(folder: &Path) -> Option<PathBuf> {
    let root = fs::canonicalize(folder).ok()?;
    let mut folders = VecDeque::from([root.clone()]);
    let mut left = LINKS_LOOKED_AT_MAX;
    while let Some(next) = folders.pop_front() {
        for entry in fs::read_dir(&next).ok().into_iter().flatten().flatten() {
            left = left.checked_sub(1)?;
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() {
                folders.push_back(entry.path());
            } else if kind.is_symlink()
                && fs::canonicalize(entry.path()).is_ok_and(|target| !target.starts_with(&root))
            {
                return entry.path().strip_prefix(&root).ok().map(Path::to_owned);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_that_lead_outside_are_found_and_others_are_not() {
        let world = tempfile::tempdir().expect("a folder");
        let work = world.path().join("work");
        fs::create_dir_all(work.join("deep/er")).expect("a folder");
        fs::write(world.path().join("secret"), "s").expect("a file");
        fs::write(work.join("file"), "f").expect("a file");
        symlink("file", work.join("inside")).expect("a link");
        symlink("nothing", work.join("broken")).expect("a link");
        assert_eq!(leading_outside(&work), None);
        symlink("../../../secret", work.join("deep/er/out")).expect("a link");
        assert_eq!(leading_outside(&work), Some("deep/er/out".into()));
        symlink("..", work.join("up")).expect("a link");
        assert_eq!(leading_outside(&work), Some("up".into()));
        assert_eq!(leading_outside(&world.path().join("gone")), None);
    }
}
