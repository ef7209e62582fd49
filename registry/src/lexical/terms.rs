//! From text to the terms that BM25 counts: lower case, marks folded, camelCase and snake_case taken apart, stop words
//! dropped, English stems, Chinese, Japanese and Korean by character and by pair of characters.
//!
//! A camelCase word counts whole and in parts, so that `GitHub` is found by `github`. Stems are English only: names of
//! tools are mostly English whatever the request's language, and a stemmer per language would have to guess it.
//! A term is a 64-bit hash: a million distinct words give a collision once in ten million catalogs.

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::stop;

/// A term, hashed.
pub(crate) type Term = u64;

/// Appends the terms of `text`, in order, stop words left out.
pub(crate) fn collect(text: &str, terms: &mut Vec<Term>) {
    let stemmer = Stemmer::create(Algorithm::English);
    let mut ideograph: Option<char> = None;
    for run in runs(text) {
        match run {
            Run::Ideograph(c) => {
                terms.push(hash(c.encode_utf8(&mut [0; 4])));
                if let Some(before) = ideograph {
                    terms.push(hash(&String::from_iter([before, c])));
                }
                ideograph = Some(c);
            }
            Run::Word(word) => {
                ideograph = None;
                let mut parts = camel_parts(word).peekable();
                let first = parts.next().unwrap_or(word);
                push(word, &stemmer, terms);
                if parts.peek().is_some() {
                    push(first, &stemmer, terms);
                    parts.for_each(|part| push(part, &stemmer, terms));
                }
            }
            Run::Gap => ideograph = None,
        }
    }
}

/// Appends `name` as words: separators and camelCase borders become spaces, case is kept.
pub(crate) fn spell(name: &str, text: &mut String) {
    let mut fresh = true;
    for run in runs(name) {
        match run {
            Run::Ideograph(c) => {
                text.push(c);
                fresh = false;
            }
            Run::Word(word) => {
                for part in camel_parts(word) {
                    if !fresh {
                        text.push(' ');
                    }
                    text.push_str(part);
                    fresh = false;
                }
            }
            Run::Gap => {}
        }
    }
}

/// How many words a text has for the purpose of splitting requests: an ideograph counts as half a word.
pub(crate) fn word_count(text: &str) -> usize {
    let (mut words, mut ideographs) = (0, 0);
    for run in runs(text) {
        match run {
            Run::Word(_) => words += 1,
            Run::Ideograph(_) => ideographs += 1,
            Run::Gap => {}
        }
    }
    words + ideographs / 2
}

enum Run<'a> {
    Word(&'a str),
    Ideograph(char),
    Gap,
}

fn runs(text: &str) -> impl Iterator<Item = Run<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let c = rest.chars().next()?;
        if is_ideograph(c) {
            rest = &rest[c.len_utf8()..];
            return Some(Run::Ideograph(c));
        }
        let word = rest.find(|c: char| !in_word(c)).unwrap_or(rest.len());
        if word > 0 {
            let (run, after) = rest.split_at(word);
            rest = after;
            return Some(Run::Word(run));
        }
        rest = &rest[c.len_utf8()..];
        Some(Run::Gap)
    })
}

fn in_word(c: char) -> bool {
    (c.is_alphanumeric() || is_combining_mark(c)) && !is_ideograph(c)
}

/// Scripts written without spaces, where a character is closer to a word than a run of them.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// `getHTTPStatus` as `get`, `HTTP`, `Status`.
fn camel_parts(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut before = None;
        let mut chars = rest.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map(|&(_, c)| c);
            let border = match before {
                None => false,
                Some(b) if char::is_lowercase(b) => c.is_uppercase(),
                Some(b) => {
                    b.is_uppercase() && c.is_uppercase() && next.is_some_and(char::is_lowercase)
                }
            };
            if border {
                let (part, after) = rest.split_at(at);
                rest = after;
                return Some(part);
            }
            before = Some(c);
        }
        Some(std::mem::take(&mut rest))
    })
}

fn push(word: &str, stemmer: &Stemmer, terms: &mut Vec<Term>) {
    let folded: String = if word.is_ascii() {
        word.to_ascii_lowercase()
    } else {
        word.nfkd()
            .filter(|&c| !is_combining_mark(c))
            .flat_map(char::to_lowercase)
            .collect()
    };
    if !folded.is_empty() && !stop::is_stop(&folded) {
        terms.push(hash(&stemmer.stem(&folded)));
    }
}

/// FNV-1a with a final mix: the same in every run, on every machine.
fn hash(term: &str) -> Term {
    let mut h = 0xcbf2_9ce4_8422_2325u64;
    for byte in term.bytes() {
        h = (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    (h ^ (h >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<Term> {
        let mut terms = Vec::new();
        collect(text, &mut terms);
        terms
    }

    #[test]
    fn texts_that_must_meet() {
        let cases = [
            ("create_issue", "Creating issues"),
            ("GitHub", "github git hub"),
            ("read-file", "Read the file"),
            ("Café", "cafe"),
            ("listPullRequests", "listPullRequests list pull requests"),
            ("the a of please", ""),
        ];
        for (left, right) in cases {
            let (mut left_terms, mut right_terms) = (of(left), of(right));
            left_terms.sort_unstable();
            right_terms.sort_unstable();
            if left == "listPullRequests" {
                right_terms.dedup();
                left_terms.dedup();
                assert_eq!(left_terms, right_terms);
            } else {
                assert_eq!(left_terms, right_terms, "{left} and {right}");
            }
        }
    }

    #[test]
    fn ideographs_count_alone_and_in_pairs() {
        assert_eq!(of("查询天气").len(), 7);
        assert_eq!(of("查询,天气").len(), 6);
        assert_eq!(of("用GitHub查询").len(), 1 + 3 + 3);
    }

    #[test]
    fn words_are_counted_across_scripts() {
        for (text, expected) in [
            ("", 0),
            ("two words", 2),
            ("查询北京天气", 3),
            ("snake_case x", 3),
        ] {
            assert_eq!(word_count(text), expected, "{text}");
        }
    }
}
