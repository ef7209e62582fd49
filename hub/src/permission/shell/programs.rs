//! The programs that only read, and the flags that keep them so.
//!
//! A row is a claim about GNU, BSD and busybox alike: what means something else in one of them is left out. So is whatever makes a
//! program run another one, follow links, wait without end, or take its file names from a file.

use std::path::Path;

use super::options::{self, Operands, Reader};
use super::word::Plain;
use super::{Doubt, Gate, git, path as paths, special};

/// Judges one simple command.
pub(super) fn check(words: &[Plain], folder: &Path) -> Result<(), Doubt> {
    let Some((name, rest)) = words.split_first() else {
        return Err(Doubt::new(Gate::Program, ""));
    };
    if !name.bare() || name.glob {
        return Err(Doubt::new(Gate::Quoting, name.raw.as_str()));
    }
    match name.text.as_str() {
        "[" | "cd" | "command" | "date" | "echo" | "find" | "jq" | "printf" | "sed" | "test" => {
            special::check(&name.text, rest, folder)
        }
        "git" => git::check(rest, folder),
        // These run what they are given; their version is all that is known to be harmless.
        "python" | "python3" | "node" | "gcc" | "bash" => match rest {
            [only] if only.raw == "--version" => Ok(()),
            _ => Err(Doubt::new(Gate::Program, name.text.as_str())),
        },
        known => match READERS.iter().find(|reader| reader.name == known) {
            Some(reader) => options::read(reader, rest, folder).map(drop),
            None => Err(Doubt::new(Gate::Program, known)),
        },
    }
}

/// A word that is read as a path.
pub(super) fn path(word: &Plain, folder: &Path) -> Result<(), Doubt> {
    // The process's own files are named first: they are worse than merely outside.
    if paths::shows_process(&word.text) {
        return Err(Doubt::new(Gate::Process, word.raw.as_str()));
    }
    if paths::leads_outside(&word.text, folder) {
        return Err(Doubt::new(Gate::Outside, word.raw.as_str()));
    }
    if paths::holds_secrets(&word.text, word.glob) {
        return Err(Doubt::new(Gate::Secret, word.raw.as_str()));
    }
    Ok(())
}

/// A program that does no harm with a file that is named like a flag.
const fn tame(
    name: &'static str,
    letters: &'static str,
    valued: &'static str,
    long: &'static str,
) -> Reader {
    Reader {
        any_name: true,
        ..strict(name, letters, valued, long, Operands::Paths)
    }
}

/// A program that has flags that write or run.
pub(super) const fn strict(
    name: &'static str,
    letters: &'static str,
    valued: &'static str,
    long: &'static str,
    operands: Operands,
) -> Reader {
    Reader {
        name,
        letters,
        valued,
        long,
        operands,
        no_pattern: &[],
        any_name: false,
        digits: false,
    }
}

/// A program that takes a number for a flag.
const fn counting(reader: Reader) -> Reader {
    Reader {
        digits: true,
        ..reader
    }
}

/// A program whose first operand is a pattern, unless one of these flags is there.
pub(super) const fn matching(reader: Reader, no_pattern: &'static [&'static str]) -> Reader {
    Reader {
        operands: Operands::Pattern,
        digits: true,
        no_pattern,
        ..reader
    }
}

const SUMS: &str = "check tag quiet status warn strict binary text zero";
const GREP: &str = "after-context= before-context= context= count color=? colour=? exclude= exclude-dir= include= \
    extended-regexp fixed-strings perl-regexp basic-regexp files-with-matches files-without-match ignore-case \
    invert-match line-number line-regexp word-regexp max-count= no-filename with-filename no-messages null null-data \
    only-matching quiet silent recursive regexp= text binary-files= file=@ line-buffered byte-offset initial-tab label=";
const GREP_LETTERS: &str = "abcEFGhHiIlLnoPqrsTUvVwxyzZ";
const NO_PATTERN: &[&str] = &["-e", "-f", "--regexp", "--file"];
const RG: &str = "after-context= before-context= context= case-sensitive color= colors= column count count-matches crlf \
    encoding= files files-with-matches files-without-match fixed-strings glob= iglob= heading no-heading hidden \
    ignore-case invert-match json line-number no-line-number line-regexp max-columns= max-count= max-depth= multiline \
    no-config no-filename no-ignore no-messages null only-matching passthru pcre2 pretty quiet regexp= replace= \
    smart-case sort= sortr= stats text threads= trim type= type-not= type-list unrestricted vimgrep with-filename \
    word-regexp";

#[rustfmt::skip]
const READERS: &[Reader] = &[
    // Looking.
    tame("ls", "1aAbBcCdfFgGhHiklmnNopqQrRsStuUvxXZ", "ITw",
        "all almost-all author block-size= classify=? color=? directory format= full-time group-directories-first hide= \
         human-readable ignore= indicator-style= inode literal no-group numeric-uid-gid quote-name recursive reverse si \
         size sort= time= time-style= width= zero"),
    tame("cat", "AbeEnstTuv", "", "number number-nonblank show-all show-ends show-nonprinting show-tabs squeeze-blank"),
    counting(tame("head", "qvz", "cn", "bytes= lines= quiet silent verbose")),
    counting(tame("tail", "qvz", "cn", "bytes= lines= quiet silent verbose")),
    tame("wc", "clLmw", "", "bytes chars lines max-line-length words"),
    tame("stat", "Lx", "c", "dereference format= printf= terse"),
    tame("nl", "p", "bdfhilnsvw", ""),
    tame("tac", "br", "s", ""),
    tame("rev", "", "", ""),
    tame("od", "abcdfiloxsv", "AtNjw", ""),
    tame("hexdump", "bcCdovx", "ns", ""),
    tame("md5sum", "bctwz", "", SUMS),
    tame("sha1sum", "bctwz", "", SUMS),
    tame("sha256sum", "bctwz", "", SUMS),
    tame("sha512sum", "bctwz", "", SUMS),
    tame("cksum", "", "", ""),
    strict("file", "bhiLkN0r", "", "brief mime mime-type mime-encoding", Operands::Paths),
    strict("du", "0abcDhHkmsSx", "dB", "all apparent-size exclude= human-readable max-depth= si summarize total", Operands::Paths),
    strict("df", "ahHiklPT", "tBx", "all human-readable inodes output=? total type=", Operands::Paths),
    strict("tree", "adfghipstuACDFJNQqrSvx", "LPI", "charset= dirsfirst du filelimit= gitignore noreport prune si", Operands::Paths),
    strict("realpath", "emPqsz", "", "", Operands::Paths),
    strict("readlink", "efmnqsvz", "", "", Operands::Paths),
    strict("basename", "az", "s", "", Operands::Free),
    strict("dirname", "z", "", "", Operands::Free),
    strict("pwd", "LP", "", "", Operands::None),
    strict("which", "a", "", "", Operands::Free),
    strict("type", "aptP", "", "", Operands::Free),
    // Searching.
    matching(tame("grep", GREP_LETTERS, "ABCmdDe", GREP), NO_PATTERN),
    matching(tame("egrep", GREP_LETTERS, "ABCmdDe", GREP), NO_PATTERN),
    matching(tame("fgrep", GREP_LETTERS, "ABCmdDe", GREP), NO_PATTERN),
    matching(strict("rg", "0acFHIilnNopPqsSuUvwx", "ABCEgjmMrtTde", RG, Operands::Pattern),
        &["-e", "--regexp", "--files", "--type-list"]),
    matching(strict("fd", "aFgHIips", "cdeEStj",
        "absolute-path case-sensitive color= exclude= extension= fixed-strings full-path glob hidden ignore-case max-depth= \
         no-ignore size= type=", Operands::Pattern), &[]),
    // Shaping.
    strict("sort", "bcCdfghiMmnRrsuVz", "ktS",
        "check debug dictionary-order field-separator= general-numeric-sort human-numeric-sort ignore-case \
         ignore-leading-blanks key= month-sort numeric-sort parallel= random-sort reverse stable unique version-sort \
         zero-terminated", Operands::Paths),
    strict("uniq", "cdDiuz", "fsw",
        "all-repeated=? check-chars= count ignore-case repeated skip-chars= skip-fields= unique", Operands::PathsUpTo(1)),
    tame("cut", "nsz", "bcdf", "bytes= characters= complement delimiter= fields= only-delimited output-delimiter="),
    strict("tr", "cCdst", "", "complement delete squeeze-repeats", Operands::Free),
    strict("diff", "abBcdeEinNpqrstTuwy", "CIUWxF",
        "brief color=? context=? exclude= ignore-all-space ignore-blank-lines ignore-case ignore-space-change minimal \
         new-file recursive report-identical-files side-by-side strip-trailing-cr suppress-common-lines text unified=? \
         width=", Operands::Paths),
    strict("cmp", "bls", "in", "", Operands::Paths),
    strict("comm", "123iz", "", "", Operands::Paths),
    strict("paste", "sz", "d", "", Operands::Paths),
    strict("column", "tnex", "sco", "", Operands::Paths),
    tame("fold", "bcs", "w", "bytes spaces width="),
    tame("expand", "i", "t", ""),
    strict("base64", "di", "w", "decode ignore-garbage wrap=", Operands::PathsUpTo(1)),
    strict("xxd", "beipu", "cgls", "", Operands::PathsUpTo(1)),
    counting(strict("seq", "w", "fs", "", Operands::Free)),
    strict("expr", "", "", "", Operands::Free),
    // Asking the machine.
    strict("true", "", "", "", Operands::Free),
    strict("false", "", "", "", Operands::Free),
    strict(":", "", "", "", Operands::Free),
    strict("uname", "amnoprsv", "", "", Operands::None),
    strict("whoami", "", "", "", Operands::None),
    strict("id", "gGnru", "", "", Operands::Free),
    strict("hostname", "fs", "", "", Operands::None),
    strict("nproc", "", "", "all", Operands::None),
    strict("arch", "", "", "", Operands::None),
    strict("uptime", "ps", "", "", Operands::None),
];
