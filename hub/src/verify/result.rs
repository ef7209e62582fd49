//! A result's text as a model should read it, and what a result says of a failure without calling itself one.
//!
//! Only what the model reads is made plain; what a client gets are the server's own bytes. Nothing that a person could read is
//! taken out: colours, control characters and base64 say nothing to a model and cost tokens.

use serde_json::Value;
use toolpool_config::fixed::{BASE64_SHOWN_MAX, FAILURE_WORDS_CHARS_MAX};

/// The text without terminal codes and control characters, line ends as `\n`, and long base64 named in place of shown. True
/// where something was left out that an artifact should keep.
#[must_use]
pub fn plain(text: &str) -> (String, bool) {
    let escapes = |letter: char| letter.is_control() && letter != '\n' && letter != '\t';
    let text = match text.contains(escapes) || text.starts_with('\u{feff}') {
        true => without_controls(text),
        false => text.to_owned(),
    };
    match text.len() >= BASE64_SHOWN_MAX {
        true => without_base64(text),
        false => (text, false),
    }
}

fn without_controls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => escape(&mut letters),
            // The one letter form of the same.
            '\u{9b}' => control(&mut letters),
            '\r' => {
                letters.next_if_eq(&'\n');
                out.push('\n');
            }
            '\n' | '\t' => out.push(letter),
            // What was typed over.
            '\u{8}' => drop(out.pop()),
            letter if letter.is_control() => {}
            letter => out.push(letter),
        }
    }
    out
}

type Letters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// What follows an escape: a control sequence, a string such as a window's title, or one letter.
fn escape(letters: &mut Letters<'_>) {
    match letters.peek() {
        Some('[') => {
            letters.next();
            control(letters);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            letters.next();
            while let Some(letter) = letters.next() {
                let ended = letter == '\u{7}'
                    || (letter == '\u{1b}' && letters.next_if_eq(&'\\').is_some());
                // A string that is never ended does not swallow the text behind its line.
                if ended || letters.peek() == Some(&'\n') {
                    break;
                }
            }
        }
        Some('(' | ')' | '#' | '%') => {
            letters.next();
            letters.next();
        }
        Some(letter) if letter.is_ascii_graphic() => drop(letters.next()),
        _ => {}
    }
}

/// Parameters and the letter that ends them.
fn control(letters: &mut Letters<'_>) {
    while letters
        .next_if(|letter| ('\u{20}'..='\u{3f}').contains(letter))
        .is_some()
    {}
    letters.next_if(|letter| ('\u{40}'..='\u{7e}').contains(letter));
}

fn without_base64(text: String) -> (String, bool) {
    let of_base64 = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_')
    };
    let (bytes, mut out, mut at, mut cut) = (text.as_bytes(), String::new(), 0, false);
    while at < bytes.len() {
        let run = bytes[at..]
            .iter()
            .take_while(|byte| of_base64(byte))
            .count();
        let piece = &text[at..at + run];
        if run >= BASE64_SHOWN_MAX && is_data(piece) {
            out.push_str(&format!(
                "[base64, {} bytes]",
                piece.trim_end_matches('=').len() * 3 / 4
            ));
            cut = true;
        } else {
            out.push_str(piece);
        }
        at += run;
        let rest = bytes[at..]
            .iter()
            .take_while(|byte| !of_base64(byte))
            .count();
        out.push_str(&text[at..at + rest]);
        at += rest;
    }
    (out, cut)
}

/// Whether a long run of such letters is data: it has small and capital letters and digits, as `xxxx…` and a long word have not.
fn is_data(piece: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| piece.bytes().any(|byte| kind(&byte));
    has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit)
}

/// What a result says of a failure although it does not report one. For the model to judge: the hub guesses no verdict, since
/// a field `error` may be what was asked for.
#[must_use]
pub fn failure_words(result: &Value) -> Option<String> {
    if result.get("isError") == Some(&Value::Bool(true)) {
        return None;
    }
    let parsed;
    let fields = match result.get("structuredContent") {
        Some(structured) => structured.as_object()?,
        None => {
            let [block] = result.get("content")?.as_array()?.as_slice() else {
                return None;
            };
            parsed = serde_json::from_str::<Value>(block.get("text")?.as_str()?).ok()?;
            parsed.as_object()?
        }
    };
    let says = |key: &str| match fields.get(key)? {
        Value::Null | Value::Bool(false) => None,
        Value::String(text) if text.trim().is_empty() => None,
        Value::Array(items) if items.is_empty() => None,
        Value::Object(items) if items.is_empty() => None,
        Value::Number(number) if number.as_f64() == Some(0.0) => None,
        value => Some(format!(
            "`{key}`: {}",
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        )),
    };
    let denies = |key: &str| {
        (fields.get(key) == Some(&Value::Bool(false))).then(|| format!("`{key}`: false"))
    };
    let status = || {
        let status = fields.get("status")?.as_str()?;
        let failed = matches!(&*status.to_lowercase(), "error" | "failed" | "failure");
        failed.then(|| format!("`status`: {status}"))
    };
    let words = says("error")
        .or_else(|| says("errors"))
        .or_else(|| denies("success"))
        .or_else(|| denies("ok"))
        .or_else(status)?;
    Some(words.chars().take(FAILURE_WORDS_CHARS_MAX).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_terminal_s_codes_are_no_text() {
        let rows = [
            ("plain\ttext\n", "plain\ttext\n"),
            ("a\r\nb\rc", "a\nb\nc"),
            ("\u{1b}[1;31merror\u{1b}[0m: x", "error: x"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}]never ended\nnext", "\nnext"),
            ("\u{9b}32mgreen", "green"),
            ("a\0b\u{7}c\u{7f}", "abc"),
            ("\u{feff}bom", "bom"),
            ("ab\u{8}c", "ac"),
            ("\u{1b}(Bx\u{1b}=y\u{1b}", "xy"),
            ("ümläut 漢字 \u{fffd}", "ümläut 漢字 \u{fffd}"),
        ];
        for (text, wanted) in rows {
            assert_eq!(plain(text), (wanted.to_owned(), false), "{text:?}");
        }
    }

    #[test]
    fn base64_is_named_and_a_long_word_is_not() {
        let data = "aGVsbG8gd29ybGQ5".repeat(100);
        let (text, cut) = plain(&format!("data:image/png;base64,{data}==\nend é"));
        assert_eq!(text, "data:image/png;base64,[base64, 1200 bytes]\nend é");
        assert!(cut);
        for kept in ["x".repeat(5_000), "path/".repeat(900), "ab12 ".repeat(900)] {
            assert_eq!(plain(&kept), (kept.clone(), false));
        }
    }

    #[test]
    fn a_failure_that_is_not_reported_is_only_said() {
        let says = |value: Value| failure_words(&json!({"structuredContent": value}));
        assert_eq!(
            says(json!({"error": "quota exceeded"})),
            Some("`error`: quota exceeded".into())
        );
        assert_eq!(
            says(json!({"success": false})),
            Some("`success`: false".into())
        );
        assert_eq!(
            says(json!({"status": "failed", "id": 1})),
            Some("`status`: failed".into())
        );
        for fine in [
            json!({"error": null}),
            json!({"errors": []}),
            json!({"error": ""}),
            json!({"error": false}),
            json!({"success": true}),
            json!([]),
        ] {
            assert_eq!(says(fine.clone()), None, "{fine}");
        }
        let text = json!({"content": [{"type": "text", "text": "{\"error\": {\"code\": 7}}"}]});
        assert_eq!(failure_words(&text), Some("`error`: {\"code\":7}".into()));
        let reported = json!({"isError": true, "structuredContent": {"error": "x"}});
        assert_eq!(failure_words(&reported), None, "it says so itself");
        assert_eq!(
            failure_words(&json!({"content": [{"type": "text", "text": "error: x"}]})),
            None
        );
    }
}
