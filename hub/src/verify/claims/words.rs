//! An answer taken apart: sentences, clauses, words, and the paths among them. Code blocks are no claims and are left out.
//!
//! No grammar, on purpose. A clause is what stands between two words that join; who speaks in it, whether it is denied, asked
//! or only proposed is told by single words. What can't be told is no claim.

/// One word, a quoted piece of code as a whole.
#[derive(Clone, Debug)]
pub(super) struct Word {
    /// As it stands, without marks around it.
    pub(super) text: String,
    /// In small letters.
    pub(super) lower: String,
    /// Whether it stood in backticks.
    pub(super) code: bool,
}

impl Word {
    /// Whether it is the path of a file or folder, as far as that can be told.
    pub(super) fn is_path(&self) -> bool {
        is_path(&self.text, self.code)
    }
}

/// Words that belong together, with how they came to stand there.
#[derive(Clone, Debug, Default)]
pub(super) struct Clause {
    pub(super) words: Vec<Word>,
    /// Whether it is the first of its sentence.
    pub(super) first: bool,
    /// Whether a colon stands before it: what it lists belongs to what was said there.
    pub(super) listed: bool,
    /// Whether the sentence is a question.
    pub(super) asks: bool,
    /// Whether the sentence is said under a condition.
    pub(super) conditional: bool,
    /// Whether its line begins with a mark of something done.
    pub(super) ticked: bool,
}

/// Words that begin another clause.
const JOINS: &[&str] = &[
    "but", "which", "because", "since", "so", "while", "although", "however", "then", "that",
    "where", "und", "aber", "whereas",
];
const CONDITIONS: &[&str] = &[
    "if", "once", "when", "whether", "unless", "until", "wenn", "falls", "si", "assuming",
];

/// The clauses of an answer.
pub(super) fn clauses(answer: &str, is_verb: &dyn Fn(&str) -> bool) -> Vec<Clause> {
    let mut out = Vec::new();
    let mut fenced = false;
    let mut under = false;
    for line in answer.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with("```") || trimmed.starts_with("~~~") {
            fenced = !fenced;
            continue;
        }
        if fenced || trimmed.starts_with('>') || trimmed.starts_with('|') {
            continue;
        }
        if trimmed.is_empty() {
            continue;
        }
        let bullet = trimmed.starts_with(['-', '*', '+', '•'])
            || trimmed
                .split_once(['.', ')'])
                .is_some_and(|(number, rest)| {
                    rest.starts_with(' ')
                        && !number.is_empty()
                        && number.bytes().all(|byte| byte.is_ascii_digit())
                });
        let body = match bullet {
            true => trimmed.trim_start_matches(|letter: char| {
                letter.is_ascii_digit() || matches!(letter, '-' | '*' | '+' | '•' | '.' | ')' | ' ')
            }),
            false => trimmed,
        };
        let body = body.trim_start_matches(['#', ' ']);
        let ticked = ["✅", "✔", "☑", "✓", "[x]", "[X]"]
            .iter()
            .any(|mark| body.starts_with(mark));
        let body = body.trim_start_matches(|letter: char| {
            !letter.is_alphanumeric() && !matches!(letter, '`' | '.' | '/' | '~' | '"')
        });
        let body = body
            .strip_prefix("x] ")
            .or(body.strip_prefix("X] "))
            .unwrap_or(body);
        for (at, sentence) in sentences(body).into_iter().enumerate() {
            split(
                &sentence,
                (at == 0 && bullet && under, at == 0 && ticked),
                is_verb,
                &mut out,
            );
        }
        if !bullet {
            under = body.ends_with(':');
        }
    }
    out
}

/// A body's sentences. A point ends one only where a blank or nothing follows, so that paths and numbers stay whole.
fn sentences(body: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let letters: Vec<char> = body.chars().collect();
    let mut code = false;
    for (at, letter) in letters.iter().enumerate() {
        let last = out.last_mut().expect("it begins with one");
        last.push(*letter);
        if *letter == '`' {
            code = !code;
        }
        let ends = matches!(letter, '.' | '!' | '?' | '。')
            && letters.get(at + 1).is_none_or(|next| next.is_whitespace());
        if ends && !code {
            out.push(String::new());
        }
    }
    out.retain(|sentence| !sentence.trim().is_empty());
    out
}

fn split(
    sentence: &str,
    (listed, ticked): (bool, bool),
    is_verb: &dyn Fn(&str) -> bool,
    out: &mut Vec<Clause>,
) {
    let asks = sentence.trim_end().ends_with('?');
    let tokens = tokens(sentence);
    let conditional = tokens
        .iter()
        .any(|(word, _)| !word.code && CONDITIONS.contains(&&*word.lower));
    let new = |first: bool, listed: bool| Clause {
        first,
        listed,
        asks,
        conditional,
        ticked,
        ..Clause::default()
    };
    let mut now = new(true, listed);
    for (at, (word, mark)) in tokens.iter().enumerate() {
        let next = tokens[at + 1..].iter().map(|(word, _)| &*word.lower);
        let joins = !word.code
            && (JOINS.contains(&&*word.lower) || (word.lower == "and" && begins(next, is_verb)));
        if joins && !now.words.is_empty() {
            out.push(std::mem::replace(&mut now, new(false, false)));
        }
        if !(joins || now.words.is_empty() && word.lower == "and") {
            now.words.push(word.clone());
        }
        if let Some(mark) = mark {
            let begins = match mark {
                ':' => Some(true),
                ';' | '(' | ')' | '–' | '—' => Some(false),
                _ => None,
            };
            if let Some(colon) = begins
                && !now.words.is_empty()
            {
                out.push(std::mem::replace(&mut now, new(false, colon)));
            }
        }
    }
    if !now.words.is_empty() {
        out.push(now);
    }
}

/// Whether what follows an `and` is a clause of its own.
fn begins<'a>(mut next: impl Iterator<Item = &'a str>, is_verb: &dyn Fn(&str) -> bool) -> bool {
    let fill = [
        "also",
        "then",
        "now",
        "i",
        "i've",
        "we",
        "successfully",
        "have",
        "just",
    ];
    let first = next.find(|word| !fill.contains(word));
    let second = next.next();
    first.is_some_and(is_verb)
        || first.is_some_and(|word| {
            matches!(
                word,
                "it" | "there" | "everything" | "all" | "they" | "the" | "this"
            )
        }) && second.is_some()
}

/// The words, each with the mark behind it.
fn tokens(sentence: &str) -> Vec<(Word, Option<char>)> {
    let mut out = Vec::new();
    for (at, piece) in sentence.split('`').enumerate() {
        if at % 2 == 1 {
            push(&mut out, piece, true, None);
            continue;
        }
        for raw in piece.split_whitespace() {
            let bare = raw.trim_matches(|letter: char| {
                matches!(
                    letter,
                    ',' | ';'
                        | ':'
                        | '!'
                        | '?'
                        | '('
                        | ')'
                        | '['
                        | ']'
                        | '"'
                        | '\''
                        | '*'
                        | '“'
                        | '”'
                        | '–'
                        | '—'
                        | '…'
                )
            });
            // A point in front belongs to a name such as `.env`, one behind it to the sentence.
            let bare = bare.trim_end_matches('.');
            let mark = raw
                .chars()
                .rev()
                .find(|letter| matches!(letter, ':' | ';' | ')' | '(' | '–' | '—'));
            if bare.is_empty() {
                if let (Some((_, last)), Some(mark)) = (out.last_mut(), mark) {
                    *last = Some(mark);
                }
                continue;
            }
            // Bold and quoted words keep their letters only.
            push(&mut out, bare.trim_matches('_'), false, mark);
        }
    }
    out
}

fn push(out: &mut Vec<(Word, Option<char>)>, text: &str, code: bool, mark: Option<char>) {
    let text = text.trim();
    if text.is_empty() {
        return;
    }
    let word = Word {
        text: text.to_owned(),
        lower: text.to_lowercase().replace('’', "'"),
        code,
    };
    out.push((word, mark));
}

/// Endings of names of files that people have; others are too often something else.
const ENDINGS: &[&str] = &[
    "rs", "py", "pyi", "js", "mjs", "cjs", "jsx", "ts", "tsx", "json", "jsonc", "jsonl", "toml",
    "yaml", "yml", "md", "mdx", "txt", "html", "htm", "css", "scss", "csv", "tsv", "sh", "bash",
    "zsh", "go", "c", "h", "cc", "cpp", "hpp", "java", "kt", "rb", "php", "swift", "cs", "xml",
    "sql", "lock", "cfg", "ini", "conf", "log", "env", "pdf", "png", "jpg", "jpeg", "gif", "svg",
    "docx", "xlsx", "pptx", "zip", "tar", "gz", "bak", "old", "orig", "db", "sqlite", "ipynb",
    "lua", "pl", "ps1", "bat", "vue", "svelte", "proto", "tf", "rst", "tex", "patch", "diff",
    "tmpl", "service", "ics",
];
const WHOLE: &[&str] = &[
    "makefile",
    "dockerfile",
    "license",
    ".env",
    ".gitignore",
    ".dockerignore",
    ".npmrc",
    ".editorconfig",
    ".bashrc",
];
/// Programs and libraries that are called like files.
const PRODUCTS: &[&str] = &[
    "node.js",
    "next.js",
    "vue.js",
    "express.js",
    "three.js",
    "chart.js",
    "d3.js",
    "nuxt.js",
];

fn is_path(text: &str, code: bool) -> bool {
    let odd = |letter: char| {
        letter.is_whitespace()
            || matches!(
                letter,
                '(' | ')' | '<' | '>' | '=' | '{' | '}' | '*' | '$' | '|' | '"' | ','
            )
    };
    if text.contains("://") || text.starts_with(['-', '@']) || text.contains(odd) {
        return false;
    }
    let lower = text.to_lowercase();
    let name = lower
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default();
    if WHOLE.contains(&name) {
        return code || name.starts_with('.');
    }
    if lower.ends_with('/') {
        return lower.len() > 2 && lower.chars().any(char::is_alphabetic);
    }
    if PRODUCTS.contains(&&*lower) {
        return false;
    }
    let Some((stem, ending)) = name.rsplit_once('.') else {
        return false;
    };
    !stem.is_empty() && stem != "*" && ENDINGS.contains(&ending)
}
