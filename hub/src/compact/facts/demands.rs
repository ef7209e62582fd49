//! What the person demanded or forbade: sentences that say so, word for word. No number and no name need stand in them, and what
//! they rule out is what a summary turns into its opposite first.
//!
//! ```text
//! "Read a.csv, limit 12; never share the plans of Oslo. Then write."   ─►   never share the plans of Oslo
//! ```
//!
//! Known by words of a few languages, and by nothing cleverer: a sentence kept needlessly costs its tokens, no more.

use toolpool_config::fixed::FACT_QUOTE_CHARS_MAX;

use super::extract::{Kind, Piece};

/// Words that forbid, limit or demand. English, German, French, Spanish, Italian, Portuguese, Dutch.
const WORDS: &[&str] = &[
    "never",
    "not",
    "no",
    "nobody",
    "nothing",
    "only",
    "must",
    "mustn't",
    "always",
    "don't",
    "dont",
    "cannot",
    "can't",
    "won't",
    "shouldn't",
    "without",
    "except",
    "unless",
    "avoid",
    "forbidden",
    "nie",
    "niemals",
    "nicht",
    "nichts",
    "kein",
    "keine",
    "keinen",
    "keinem",
    "keiner",
    "nur",
    "muss",
    "müssen",
    "immer",
    "ohne",
    "jamais",
    "pas",
    "aucun",
    "aucune",
    "seulement",
    "toujours",
    "sans",
    "doit",
    "nunca",
    "solo",
    "sólo",
    "siempre",
    "sin",
    "debe",
    "mai",
    "non",
    "sempre",
    "senza",
    "não",
    "apenas",
    "sem",
    "deve",
    "nooit",
    "niet",
    "geen",
    "alleen",
    "altijd",
    "zonder",
];
/// The same where words are not divided by spaces.
const MARKS: &[&str] = &[
    "不",
    "别",
    "勿",
    "必须",
    "必須",
    "只能",
    "禁止",
    "だけ",
    "ないで",
];

/// The sentences of a text that demand or forbid something, each as it stands there.
#[must_use]
pub(super) fn demands(text: &str) -> Vec<Piece> {
    let mut found: Vec<Piece> = Vec::new();
    for sentence in sentences(text).filter(|sentence| demands_something(sentence)) {
        // Of a long one the part that says it.
        let parts: Vec<&str> = match sentence.chars().count() > FACT_QUOTE_CHARS_MAX {
            true => sentence.split(", ").map(str::trim).collect(),
            false => vec![sentence],
        };
        for part in parts {
            let short = part.chars().count() <= FACT_QUOTE_CHARS_MAX;
            if short && demands_something(part) && found.iter().all(|piece| piece.text != part) {
                found.push(Piece {
                    kind: Kind::Quote,
                    text: part.to_owned(),
                });
            }
        }
    }
    found
}

/// Split where a sentence ends: at a line's end, and at a mark with a space behind it, since a point in `a.rs` ends nothing.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| {
        let mut rest = line;
        let mut out = Vec::new();
        while let Some(at) = end(rest) {
            out.push(rest[..at].trim());
            rest = rest[at..].trim_start_matches(is_end);
        }
        out.push(rest.trim());
        out.into_iter().filter(|sentence| !sentence.is_empty())
    })
}

fn is_end(c: char) -> bool {
    matches!(c, '.' | ';' | '!' | '?' | '。' | '；' | '！' | '？')
}

fn end(text: &str) -> Option<usize> {
    text.char_indices().find_map(|(at, c)| {
        let mut behind = text[at + c.len_utf8()..].chars();
        let ends = is_end(c) && (!c.is_ascii() || behind.next().is_none_or(char::is_whitespace));
        ends.then_some(at)
    })
}

fn demands_something(text: &str) -> bool {
    let lower = text.to_lowercase().replace('’', "'");
    let mut words = lower.split(|c: char| !c.is_alphanumeric() && c != '\'');
    words.any(|word| WORDS.contains(&word)) || MARKS.iter().any(|mark| text.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        demands(text).into_iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn what_is_forbidden_is_kept_word_for_word() {
        assert_eq!(
            found("Read a.csv, limit 12.5; never share the plans of Oslo. Then write."),
            ["never share the plans of Oslo"]
        );
        assert_eq!(found("Bitte nur lesen!\nDanke"), ["Bitte nur lesen"]);
        assert_eq!(found("先读一遍。不要删除文件。"), ["不要删除文件"]);
        assert_eq!(found("Don’t use a.rs. Don’t use a.rs."), ["Don’t use a.rs"]);
        assert!(found("Ship order 4711 to Anna, please.").is_empty());
    }

    #[test]
    fn of_a_long_sentence_the_part_that_says_it() {
        let long = format!("take {}, but never b.rs, and go on", "one more ".repeat(40));
        assert_eq!(found(&long), ["but never b.rs"]);
    }
}
