//! Programs whose words are a language of their own: `find`, `test`, `sed`, `jq`, `date` and a few builtins.
//!
//! Of `sed` only the printing of lines by number is understood. `awk` is absent: its programs write and run with plain words.

use std::path::Path;

use super::options::{self, Operands};
use super::programs::{path, strict};
use super::word::Plain;
use super::{Doubt, Gate};

/// Judges a command by the words after its name.
pub(super) fn check(name: &str, words: &[Plain], folder: &Path) -> Result<(), Doubt> {
    let doubt = |gate: Gate, word: &Plain| Err(Doubt::new(gate, word.raw.as_str()));
    match name {
        "echo" => Ok(()),
        "printf" => match words.first() {
            Some(format) if !format.text.starts_with('-') && !format.glob => Ok(()),
            Some(format) => doubt(Gate::Flag, format),
            None => Err(Doubt::new(Gate::Operand, name)),
        },
        // Home and back are places that are not known; so is a folder that a pattern finds.
        "cd" => match words {
            [folder_word] if folder_word.glob || folder_word.text.starts_with('-') => {
                doubt(Gate::Outside, folder_word)
            }
            [folder_word] if !folder_word.text.is_empty() => path(folder_word, folder),
            _ => Err(Doubt::new(Gate::Outside, "cd")),
        },
        "command" => match words {
            [flag, _name] if flag.raw == "-v" || flag.raw == "-V" => Ok(()),
            _ => Err(Doubt::new(Gate::Program, name)),
        },
        "date" => date(words, folder),
        "find" => find(words, folder),
        "jq" => jq(words, folder),
        "sed" => sed(words, folder),
        "test" => test(words, folder),
        "[" => match words.split_last() {
            Some((last, rest)) if last.raw == "]" => test(rest, folder),
            _ => Err(Doubt::new(Gate::Unreadable, name)),
        },
        other => Err(Doubt::new(Gate::Program, other)),
    }
}

/// An operand that begins with `+` is a format; any other sets the clock.
fn date(words: &[Plain], folder: &Path) -> Result<(), Doubt> {
    const DATE: options::Reader = strict(
        "date",
        "uRI",
        "d",
        "date= iso-8601=? rfc-3339= rfc-email utc universal",
        Operands::Free,
    );
    let read = options::read(&DATE, words, folder)?;
    match read
        .operands
        .iter()
        .find(|word| !word.text.starts_with('+'))
    {
        Some(word) => Err(Doubt::new(Gate::Operand, word.raw.as_str())),
        None => Ok(()),
    }
}

/// Tests and actions of `find` that take no value.
const FIND_ALONE: &str = "-not -o -or -a -and ! ( ) -print -print0 -prune -empty -ls -quit -true -false -depth -xdev -mount \
    -daystart -readable -writable -executable -nouser -nogroup -noleaf";
/// Those that take a word.
const FIND_WORD: &str = "-name -iname -path -ipath -wholename -iwholename -regex -iregex -regextype -lname -ilname -type -xtype \
    -maxdepth -mindepth -size -mtime -mmin -atime -amin -ctime -cmin -perm -user -group -uid -gid -links -inum -printf \
    -fstype -newermt";
/// Those that take a path.
const FIND_PATH: &str = "-newer -anewer -cnewer -samefile";

fn find(words: &[Plain], folder: &Path) -> Result<(), Doubt> {
    let mut rest = words.iter();
    let mut starts = true;
    while let Some(word) = rest.next() {
        let text = word.text.as_str();
        if word.glob_first {
            return Err(Doubt::new(Gate::Glob, word.raw.as_str()));
        }
        if starts && !text.starts_with(['-', '(', ')', '!', ',']) {
            path(word, folder)?;
            continue;
        }
        starts = false;
        let among = |list: &str| list.split_whitespace().any(|known| known == text);
        if !word.bare() || word.glob {
            return Err(Doubt::new(Gate::Quoting, word.raw.as_str()));
        }
        if among(FIND_ALONE) {
            continue;
        }
        let value = match among(FIND_WORD) || among(FIND_PATH) {
            true => rest.next(),
            false => None,
        };
        match value {
            Some(value) if value.glob => return Err(Doubt::new(Gate::Glob, value.raw.as_str())),
            Some(value) if among(FIND_PATH) => path(value, folder)?,
            Some(_) => {}
            None => return Err(Doubt::new(Gate::Flag, text)),
        }
    }
    Ok(())
}

/// Words that reach out of a filter: variables, modules, and programs in builds that run them.
const JQ_REACHES_OUT: [&str; 10] = [
    "env",
    "ENV",
    "import",
    "include",
    "modulemeta",
    "get_search_list",
    "system",
    "exec",
    "input_filename",
    "__loc__",
];

fn jq(words: &[Plain], folder: &Path) -> Result<(), Doubt> {
    const JQ: options::Reader = options::Reader {
        operands: Operands::Pattern,
        ..strict(
            "jq",
            "rcnsSjeMCaR",
            "",
            "ascii-output color-output compact-output exit-status join-output monochrome-output null-input raw-input \
             raw-output slurp sort-keys stream tab",
            Operands::Pattern,
        )
    };
    let read = options::read(&JQ, words, folder)?;
    let Some(filter) = read.operands.first() else {
        return Err(Doubt::new(Gate::Operand, "jq"));
    };
    let reaches_out = filter
        .text
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .any(|token| JQ_REACHES_OUT.contains(&token));
    match reaches_out || filter.glob {
        true => Err(Doubt::new(Gate::Script, filter.raw.as_str())),
        false => Ok(()),
    }
}

/// `sed -n '10,20p' files`, and nothing else.
fn sed(words: &[Plain], folder: &Path) -> Result<(), Doubt> {
    let [quiet, script, files @ ..] = words else {
        return Err(Doubt::new(Gate::Script, "sed"));
    };
    if quiet.raw != "-n" {
        return Err(Doubt::new(Gate::Flag, quiet.raw.as_str()));
    }
    if script.glob || !prints_lines(&script.text) {
        return Err(Doubt::new(Gate::Script, script.raw.as_str()));
    }
    for file in files {
        if file.glob_first {
            return Err(Doubt::new(Gate::Glob, file.raw.as_str()));
        }
        if file.text.starts_with('-') {
            return Err(Doubt::new(Gate::Flag, file.raw.as_str()));
        }
        path(file, folder)?;
    }
    Ok(())
}

/// Whether the script is a number, or two with a comma, or a number to the end, and `p`.
fn prints_lines(script: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match script.strip_suffix('p') {
        Some(lines) => match lines.split_once(',') {
            Some((from, to)) => number(from) && (number(to) || to == "$"),
            None => number(lines) || lines == "$",
        },
        None => false,
    }
}

/// A subscript is evaluated, and so is what stands where a number should: neither may be there.
fn test(words: &[Plain], folder: &Path) -> Result<(), Doubt> {
    const FILES_AND_TEXTS: [&str; 18] = [
        "-e", "-f", "-d", "-r", "-w", "-x", "-s", "-L", "-h", "-z", "-n", "=", "==", "!=", "!",
        "-nt", "-ot", "-ef",
    ];
    const NUMBERS: [&str; 6] = ["-eq", "-ne", "-lt", "-le", "-gt", "-ge"];
    let known = |word: &&Plain| FILES_AND_TEXTS.contains(&word.raw.as_str());
    let compares = |word: &&Plain| NUMBERS.contains(&word.raw.as_str());
    let numbers = words.iter().any(|word| compares(&word));
    for word in words.iter().filter(|word| !known(word) && !compares(word)) {
        let is_number = word
            .text
            .strip_prefix('-')
            .unwrap_or(&word.text)
            .bytes()
            .all(|byte| byte.is_ascii_digit());
        if word.glob || word.text.contains(['[', '(', ')']) || (numbers && !is_number) {
            return Err(Doubt::new(Gate::Operand, word.raw.as_str()));
        }
        if word.text.starts_with('-') && !is_number {
            return Err(Doubt::new(Gate::Flag, word.raw.as_str()));
        }
        path(word, folder)?;
    }
    Ok(())
}
