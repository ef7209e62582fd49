//! JSON with comments and trailing commas, made plain.
//!
//! What goes is replaced by spaces of the same length, so that the JSON reader's lines and columns stay true.

/// The text without comments and trailing commas.
pub(super) fn plain(text: &str) -> String {
    let mut out = without_comments(text).into_bytes();
    let mut comma = None;
    let mut in_string = false;
    let mut at = 0;
    while at < out.len() {
        match out[at] {
            b'\\' if in_string => at += 1,
            b'"' => {
                in_string = !in_string;
                comma = None;
            }
            _ if in_string => {}
            b',' => comma = Some(at),
            b'}' | b']' => {
                if let Some(comma) = comma.take() {
                    out[comma] = b' ';
                }
            }
            byte if byte.is_ascii_whitespace() => {}
            _ => comma = None,
        }
        at += 1;
    }
    String::from_utf8(out).expect("only ASCII was replaced, by ASCII")
}

fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_string = false;
    while let Some(letter) = rest.chars().next() {
        let skipped = match letter {
            '\\' if in_string => {
                let escaped = rest.chars().take(2).map(char::len_utf8).sum();
                out.push_str(&rest[..escaped]);
                rest = &rest[escaped..];
                continue;
            }
            '"' => {
                in_string = !in_string;
                0
            }
            '/' if !in_string && rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if !in_string && rest.starts_with("/*") => {
                rest.find("*/").map_or(rest.len(), |end| end + 2)
            }
            _ => 0,
        };
        if skipped == 0 {
            out.push(letter);
            rest = &rest[letter.len_utf8()..];
        } else {
            let blank = rest[..skipped].chars();
            out.extend(blank.map(|letter| if letter == '\n' { '\n' } else { ' ' }));
            rest = &rest[skipped..];
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn comments_and_trailing_commas_go() {
        let rows = [
            (
                r#"{"a": 1, // one
                 "b": [1, 2,], /* two
                 */ "c": {"d": "x",},}"#,
                r#"{"a":1,"b":[1,2],"c":{"d":"x"}}"#,
            ),
            (
                r#"{"url": "https://x//y", "s": "a,]", "q": "\"//,}"}"#,
                r#"{"url":"https://x//y","s":"a,]","q":"\"//,}"}"#,
            ),
            ("{} // end", "{}"),
            ("{} /* open", "{}"),
            (r#"{"ü": "ä" /* ö */}"#, r#"{"ü":"ä"}"#),
        ];
        for (text, expected) in rows {
            let value: serde_json::Value = serde_json::from_str(&plain(text)).unwrap();
            assert_eq!(value.to_string(), expected);
        }
    }
}
