//! `git`: the subcommands that only look, each with its own flags.
//!
//! Git runs what its settings name: pagers, monitors, converters. The settings of the workspace's own repository are the
//! person's, since nothing writes them without being asked about; whatever brings other settings for one command is a doubt.

use std::path::Path;

use super::options::{self, Operands, Reader};
use super::programs::{matching, strict};
use super::word::Plain;
use super::{Doubt, Gate};

/// Judges a command by the words after `git`.
pub(super) fn check(words: &[Plain], folder: &Path) -> Result<(), Doubt> {
    let words = match words.split_first() {
        Some((first, rest)) if first.raw == "--no-pager" => rest,
        Some((first, [])) if first.raw == "--version" => return Ok(()),
        _ => words,
    };
    let Some((name, rest)) = words.split_first() else {
        return Err(Doubt::new(Gate::Program, "git"));
    };
    if name.text.starts_with('-') {
        return Err(Doubt::new(Gate::Flag, format!("git {}", name.raw)));
    }
    let unknown = || Doubt::new(Gate::Program, format!("git {}", name.raw));
    if !name.bare() || name.glob {
        return Err(unknown());
    }
    let sub = |allowed: &[&str]| {
        rest.split_first()
            .filter(|(first, _)| allowed.contains(&first.raw.as_str()))
            .map(|(_, rest)| rest)
            .ok_or_else(|| Doubt::new(Gate::Operand, format!("git {}", name.raw)))
    };
    let (reader, rest) = match name.text.as_str() {
        "stash" if rest.first().is_some_and(|first| first.raw == "list") => (&LOG, sub(&["list"])?),
        "stash" => (&LOG, sub(&["show"])?),
        "worktree" => (&REMOTE, sub(&["list"])?),
        "reflog" if rest.first().is_some_and(|first| first.raw == "show") => {
            (&LOG, sub(&["show"])?)
        }
        // Its first word could be a subcommand that forgets.
        "reflog" => (&REFLOG, rest),
        name => match READERS.iter().find(|reader| reader.name == name) {
            Some(reader) => (reader, rest),
            None => return Err(unknown()),
        },
    };
    let read = options::read(reader, rest, folder)?;
    // A format can ask for a signature, which a program of the settings checks.
    if let Some(word) = rest.iter().find(|word| word.text.contains("%G")) {
        return Err(Doubt::new(Gate::Script, word.raw.as_str()));
    }
    // Without being told to list, a name makes a new branch or tag.
    let lists =
        read.flags.contains(&"--list") || (reader.name == "tag" && read.flags.contains(&"-l"));
    match read.operands.first() {
        Some(word) if matches!(reader.name, "branch" | "tag") && !lists => {
            Err(Doubt::new(Gate::Operand, word.raw.as_str()))
        }
        _ => Ok(()),
    }
}

/// What the commands that show changes have in common.
const SHOW: &str = "abbrev=? abbrev-commit after= all author= author-date-order before= boundary branches=? cached cc check \
    cherry cherry-pick color=? committer= compact-summary date= date-order decorate=? diff-filter= dirstat=? exit-code \
    extended-regexp find-renames=? first-parent fixed-strings follow format= full-history graph grep= histogram \
    ignore-all-space ignore-blank-lines ignore-case ignore-space-change invert-grep left-only left-right max-count= \
    merge-base merges minimal name-only name-status no-color no-decorate no-ext-diff no-merges no-patch no-renames \
    no-textconv numstat oneline patch patience pretty=? quiet raw relative-date remotes=? reverse right-only shortstat \
    simplify-by-decoration since= skip= source staged stat=? summary tags=? topo-order unified= until= word-diff=?";

/// A command of git that takes revisions and paths.
#[rustfmt::skip]
const fn looks(name: &'static str, letters: &'static str, valued: &'static str, long: &'static str) -> Reader {
    Reader { digits: true, ..strict(name, letters, valued, long, Operands::Paths) }
}

const LOG: Reader = looks("log", "puszicmgEFPRtw", "nSGLU", SHOW);
const REMOTE: Reader = strict("remote", "v", "", "verbose porcelain", Operands::None);
const REFLOG: Reader = Reader {
    operands: Operands::None,
    ..LOG
};

#[rustfmt::skip]
const READERS: &[Reader] = &[
    LOG,
    REMOTE,
    looks("diff", "puszbBwRa", "SGU", SHOW),
    looks("show", "puszw", "SGU", SHOW),
    looks("rev-list", "", "n", SHOW),
    looks("status", "bsvz", "", "ahead-behind branch ignored=? long no-renames porcelain=? short show-stash untracked-files=? verbose"),
    looks("branch", "avr", "", "all color=? column=? contains= format= list merged=? no-contains= no-merged=? points-at= \
        remotes show-current sort= verbose"),
    looks("tag", "ln", "", "column=? contains= format= list merged=? no-merged=? points-at= sort="),
    looks("ls-files", "cdmosktz", "x", "cached deleted error-unmatch exclude= exclude-standard full-name ignored modified others stage unmerged"),
    looks("ls-tree", "rtdlz", "", "full-name full-tree long name-only"),
    looks("blame", "wlstefnp", "L", "date= line-porcelain porcelain root show-email show-name show-number"),
    looks("describe", "", "", "abbrev= all always candidates= contains dirty=? exact-match exclude= first-parent long match= tags"),
    looks("cat-file", "tspe", "", ""),
    looks("show-ref", "sd", "", "heads tags dereference hash=? verify"),
    strict("rev-parse", "q", "", "abbrev-ref=? absolute-git-dir all git-dir is-inside-work-tree short=? show-prefix \
        show-toplevel symbolic-full-name verify", Operands::Free),
    strict("merge-base", "a", "", "all fork-point is-ancestor octopus", Operands::Free),
    strict("shortlog", "snec", "", "all email no-merges numbered since= summary until=", Operands::Paths),
    strict("count-objects", "vH", "", "", Operands::None),
    matching(strict("grep", "acEFGhHiIlLnoPpqvwW", "ABCme", "after-context= all-match and before-context= break cached color=? \
        context= count extended-regexp files-with-matches fixed-strings function-context heading ignore-case line-number \
        max-depth= name-only not only-matching or perl-regexp show-function untracked word-regexp", Operands::Pattern), &["-e"]),
];
