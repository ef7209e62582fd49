//! Splits a request into the things it asks for, without a model: at sentence ends, line breaks, and where one errand
//! follows another (`, and`, `then`, `also` ...). A request of several errands then finds the tools of each; the whole
//! text still counts as much as its best part, so that a bad cut cannot hide what the request is about.

use crate::lexical::terms::word_count;

/// Words between errands, in the languages that the tests know. Each starts a new clause and is not part of it.
const JOINTS: &[&str] = &[
    "and",
    "then",
    "also",
    "finally",
    "additionally",
    "afterwards",
    "und",
    "dann",
    "danach",
    "außerdem",
    "y",
    "luego",
    "después",
    "además",
];

/// Of `JOINTS`, those that part clauses only after a comma: alone they join words.
const AFTER_COMMA: &[&str] = &["and", "und", "y"];

/// The clauses of `text` with at least `words_min` words, in order, at most `clauses_max`; none when `text` is one clause.
#[must_use]
pub fn clauses(text: &str, clauses_max: usize, words_min: usize) -> Vec<&str> {
    let mut found = Vec::new();
    for sentence in sentences(text) {
        let mut from = 0;
        for (at, len) in joints(sentence) {
            found.push(&sentence[from..at]);
            from = at + len;
        }
        found.push(&sentence[from..]);
    }
    let mut kept: Vec<&str> = Vec::new();
    for clause in found {
        let clause = clause.trim_matches(|c: char| {
            c.is_whitespace() || matches!(c, ',' | ';' | ':' | '.' | '，' | '、' | '-' | '*')
        });
        if word_count(clause) >= words_min && !kept.contains(&clause) {
            kept.push(clause);
        }
    }
    // A text that is one clause but for a word or two is not worth a second run of the encoder.
    if kept.len() == 1 && word_count(kept[0]) + 2 > word_count(text) {
        return Vec::new();
    }
    kept.truncate(clauses_max);
    kept
}

fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut chars = rest.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let space_next = chars.peek().is_none_or(|&(_, next)| next.is_whitespace());
            let end = match c {
                '\n' | '。' | '！' | '？' | '；' => true,
                '.' | '!' | '?' | ';' => space_next,
                _ => false,
            };
            if end {
                let (sentence, after) = rest.split_at(at + c.len_utf8());
                rest = after;
                return Some(sentence);
            }
        }
        Some(std::mem::take(&mut rest))
    })
}

/// Where clauses of a sentence part: byte offset and length of what stands between them.
fn joints(sentence: &str) -> Vec<(usize, usize)> {
    let mut joints: Vec<(usize, usize)> = Vec::new();
    let mut comma: Option<usize> = None;
    let mut words = sentence.char_indices().peekable();
    while let Some((at, c)) = words.next() {
        if !c.is_alphabetic() {
            match c {
                ',' => comma = Some(at),
                c if c.is_whitespace() => {}
                _ => comma = None,
            }
            continue;
        }
        let mut end = at + c.len_utf8();
        while let Some((next, c)) =
            words.next_if(|&(_, c)| c.is_alphanumeric() || matches!(c, '_' | '\''))
        {
            end = next + c.len_utf8();
        }
        let word = sentence[at..end].to_lowercase();
        if JOINTS.contains(&word.as_str())
            && (comma.is_some() || !AFTER_COMMA.contains(&word.as_str()))
        {
            let from = comma.unwrap_or(at);
            match joints.last_mut() {
                // `, and then` is one joint.
                Some((start, len)) if sentence[*start + *len..from].trim().is_empty() => {
                    *len = end - *start
                }
                _ => joints.push((from, end - from)),
            }
        }
        comma = None;
    }
    joints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_their_clauses() {
        let cases: &[(&str, &[&str])] = &[
            ("what is the weather", &[]),
            ("salt and pepper for the soup", &[]),
            (
                "Find me a hotel in Rome, and book a table nearby. Finally, write it all to trip.md",
                &[
                    "Find me a hotel in Rome",
                    "book a table nearby",
                    "write it all to trip.md",
                ],
            ),
            (
                "read the log file then send it to Ann",
                &["read the log file", "send it to Ann"],
            ),
            (
                "open the page, and then also take a screenshot",
                &["open the page", "take a screenshot"],
            ),
            (
                "Well done. Now list all the files.",
                &["Now list all the files"],
            ),
            ("Thanks. Now list all the files.", &[]),
            (
                "查询北京的天气。把结果写入文件",
                &["查询北京的天气。", "把结果写入文件"],
            ),
            (
                "Lies die Datei bericht.txt und, danach sende sie an Ann",
                &["Lies die Datei bericht.txt und", "sende sie an Ann"],
            ),
            (
                "one line with words\n- another line with words",
                &["one line with words", "another line with words"],
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(clauses(text, 12, 3), *expected, "{text}");
        }
    }

    #[test]
    fn their_number_is_bounded() {
        let text = "send the mail now. ".repeat(3)
            + "read the file now. write the file now. list the files now.";
        assert_eq!(
            clauses(&text, 2, 3),
            ["send the mail now", "read the file now"]
        );
    }
}
