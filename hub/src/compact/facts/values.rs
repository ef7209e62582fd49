//! Facts of what is not prose: the arguments of a call, and results that are JSON.
//!
//! A value that stands alone is one, where prose of the same length has none: `{"state": "shipped"}` says what was changed. The names of
//! members belong to a tool's schema and are none, unless they look like nothing that a schema would call them.

use serde_json::{Number, Value};

use super::extract::{Kind, Piece, kind, pieces};

/// Every value that holds no others, with the name of the member it stands in.
pub(super) fn leaves(value: &Value, name: &str, take: &mut dyn FnMut(&str, &Value)) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                leaves(value, name, take);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| leaves(item, name, take)),
        value => take(name, value),
    }
}

/// Names of members that are paths, numbers or ids: `{"src/a.rs": ..}`, `{"ORD-17": ..}`.
pub(super) fn key_pieces(value: &Value) -> Vec<Piece> {
    let mut out = Vec::new();
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let own =
                    name.contains(['/', '\\', '.', ':', '@']) || name.chars().any(char::is_numeric);
                if let Some(kind) =
                    kind(name).filter(|_| own && !name.contains(char::is_whitespace))
                {
                    out.push(Piece {
                        kind,
                        text: name.clone(),
                    });
                }
                out.extend(key_pieces(value));
            }
        }
        Value::Array(items) => out.extend(items.iter().flat_map(key_pieces)),
        _ => {}
    }
    out
}

/// A short value is a fact by itself; of one with more words, what is in it.
pub(super) fn value_pieces(text: &str, words_max: usize) -> Vec<Piece> {
    let text = text.trim();
    let words = text.split_whitespace().count();
    if (1..=words_max).contains(&words) && !text.contains('\n') {
        let kind = kind(text).filter(|_| words == 1).unwrap_or(Kind::Quote);
        return vec![Piece {
            kind,
            text: text.to_owned(),
        }];
    }
    pieces(text)
}

/// A number.
pub(super) fn number_piece(number: &Number) -> Piece {
    Piece {
        kind: Kind::Number,
        text: number.to_string(),
    }
}

/// The facts of a result: prose, JSON, or lines of either.
pub(super) fn result_pieces(text: &str) -> Vec<Piece> {
    let mut out = Vec::new();
    if json_pieces(text, &mut out) {
        return out;
    }
    let mut prose = String::new();
    for line in text.lines() {
        if !json_pieces(line, &mut out) {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    out.extend(pieces(&prose));
    out
}

/// The facts of a text that is JSON; false where it is none.
fn json_pieces(text: &str, out: &mut Vec<Piece>) -> bool {
    let text = text.trim();
    if !text.starts_with(['{', '[']) {
        return false;
    }
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return false;
    };
    out.extend(key_pieces(&value));
    let mut inexact = false;
    leaves(&value, "", &mut |_, value| match value {
        // `1.50` and an id of 21 digits come out of a parser as other digits than the model has read.
        Value::Number(number) if number.is_f64() => inexact = true,
        Value::Number(number) => out.push(number_piece(number)),
        Value::String(text) => out.extend(value_pieces(text, 1)),
        _ => {}
    });
    if inexact {
        let found = pieces(text).into_iter();
        out.extend(found.filter(|piece| piece.kind == Kind::Number));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        result_pieces(text)
            .into_iter()
            .map(|piece| piece.text)
            .collect()
    }

    #[test]
    fn json_gives_its_values_as_they_were_written() {
        assert_eq!(
            found(r#"{"id": 4711, "state": "shipped", "note": "for item_9 only", "ok": true}"#),
            ["4711", "shipped", "item_9"]
        );
        assert_eq!(
            found(r#"{"id":123456789012345678901,"sum":1.50}"#),
            ["123456789012345678901", "1.50"]
        );
        assert_eq!(
            found(r#"{"ORD-17": {"plain": "x"}, "src/a.rs": 2}"#),
            ["ORD-17", "src/a.rs", "x", "2"]
        );
        assert_eq!(
            found("done: a_b\n{\"id\": \"xyz\"}\n[not json"),
            ["xyz", "a_b"]
        );
    }

    #[test]
    fn a_short_value_counts_whole_and_a_long_one_by_what_is_in_it() {
        let texts = |text: &str| -> Vec<String> {
            value_pieces(text, 3)
                .into_iter()
                .map(|piece| piece.text)
                .collect()
        };
        assert_eq!(texts(" Anna Maria Berg "), ["Anna Maria Berg"]);
        assert_eq!(texts("Anna asked for order 12"), ["12"]);
        assert!(texts("").is_empty());
    }
}
