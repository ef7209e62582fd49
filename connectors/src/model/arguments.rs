//! The arguments of a call as the model wrote them, made a JSON object or refused with a sentence.
//!
//! Small models slip: single quotes, Python's words, a trailing comma, a fence around it. What means one thing only is
//! repaired and said; what would have to be guessed is refused, since a guess may delete the wrong file. Valid JSON keeps
//! its bytes. Whether the arguments fit the tool's schema is somebody else's question.

use serde_json::{Map, Value};

use super::Arguments;
use toolpool_config::fixed::{ARGUMENTS_DEPTH_MAX, REPORTED_ARGUMENTS_CHARS_MAX};

/// What became of the text of some arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Read {
    /// The arguments; `{}` where there is a fault.
    pub(super) arguments: Arguments,
    /// What was repaired, in words.
    pub(super) repair: Option<String>,
    /// Why they can't be used: one sentence for the model.
    pub(super) fault: Option<String>,
}

/// Reads the text. `whole` says that the model came to its end: what merely breaks off is completed only then, since a
/// text that was cut may lack more than brackets.
pub(super) fn read(text: &str, whole: bool) -> Read {
    if !whole && text.trim().is_empty() {
        return fault("it breaks off before its first argument", text);
    }
    if let Ok(arguments) = Arguments::new(text) {
        return taken(arguments, Vec::new());
    }
    let mut repairs = Vec::new();
    match object(text, whole, &mut repairs) {
        Ok(arguments) => taken(arguments, repairs),
        Err(why) => fault(&why, text),
    }
}

fn taken(arguments: Arguments, mut repairs: Vec<&'static str>) -> Read {
    repairs.dedup();
    Read {
        arguments,
        repair: (!repairs.is_empty()).then(|| repairs.join(", ")),
        fault: None,
    }
}

fn fault(why: &str, text: &str) -> Read {
    let mut shown: String = text.chars().take(REPORTED_ARGUMENTS_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    Read {
        arguments: Arguments::none(),
        repair: None,
        fault: Some(format!(
            "the arguments are not a JSON object ({why}), so the call was not made: write them as one JSON object; they were: {shown}"
        )),
    }
}

fn object(text: &str, whole: bool, repairs: &mut Vec<&'static str>) -> Result<Arguments, String> {
    let mut text = text.trim();
    let inner = unfenced(text);
    if inner != text {
        repairs.push("a code fence was taken off");
        text = inner;
    }
    // The strict parser first: a JSON string that holds an object keeps the object's bytes.
    if let Ok(Value::String(inner)) = serde_json::from_str(text) {
        repairs.push("an object inside a string was unpacked");
        if let Ok(arguments) = Arguments::new(&inner) {
            return Ok(arguments);
        }
        return loose(inner.trim(), whole, repairs);
    }
    if text == "null" || text == "None" {
        repairs.push("nothing was read as no arguments");
        return Ok(Arguments::none());
    }
    if let Ok(arguments) = Arguments::new(text) {
        return Ok(arguments);
    }
    loose(text, whole, repairs)
}

/// The text without a code fence around the whole of it.
pub(super) fn unfenced(text: &str) -> &str {
    let Some(rest) = text.strip_prefix("```") else {
        return text;
    };
    let Some((language, body)) = rest.split_once('\n') else {
        return text;
    };
    if language.contains(['{', '"', '`']) {
        return text;
    }
    let body = body.trim_end();
    body.strip_suffix("```").unwrap_or(body).trim()
}

fn loose(text: &str, whole: bool, repairs: &mut Vec<&'static str>) -> Result<Arguments, String> {
    let mut reader = Reader {
        rest: text,
        whole,
        repairs,
    };
    let value = reader.value(0)?;
    reader.space();
    let left = reader.rest;
    // Closing brackets too many change nothing of what was said before them.
    if !left.is_empty() {
        if !left
            .chars()
            .all(|c| matches!(c, '}' | ']' | ';' | '`') || c.is_whitespace())
        {
            return Err(format!(
                "there is more behind its end, from `{}`",
                head(left)
            ));
        }
        repairs.push("what stood behind the end was left out");
    }
    let object = match value {
        Value::Object(object) => object,
        Value::Array(mut items) if items.len() == 1 && items[0].is_object() => {
            repairs.push("a list around the object was taken off");
            match items.remove(0) {
                Value::Object(object) => object,
                _ => Map::new(),
            }
        }
        Value::Null => return Err("it holds nothing".into()),
        other => return Err(format!("it is {}", kind(&other))),
    };
    Arguments::new(&Value::Object(object).to_string())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn head(text: &str) -> String {
    text.chars().take(12).collect()
}

/// A reader of what people and models write for JSON.
struct Reader<'a, 'r> {
    rest: &'a str,
    whole: bool,
    repairs: &'r mut Vec<&'static str>,
}

impl Reader<'_, '_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn skip(&mut self, c: char) {
        self.rest = &self.rest[c.len_utf8()..];
    }

    fn said(&mut self, what: &'static str) {
        if !self.repairs.contains(&what) {
            self.repairs.push(what);
        }
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// What a text that ends here means.
    fn broken_off(&mut self) -> Result<(), String> {
        if self.whole {
            self.said("missing brackets at the end were added");
            Ok(())
        } else {
            Err("it breaks off".into())
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > ARGUMENTS_DEPTH_MAX {
            return Err("it is nested too deep".into());
        }
        self.space();
        match self.peek() {
            Some('{') => self.members(depth),
            Some('[') => self.items(depth),
            Some(quote @ ('"' | '\'')) => self.text(quote).map(Value::String),
            Some(_) => self.word(),
            None => Err("it breaks off before a value".into()),
        }
    }

    fn members(&mut self, depth: usize) -> Result<Value, String> {
        self.skip('{');
        let mut object = Map::new();
        loop {
            self.space();
            match self.peek() {
                None => {
                    self.broken_off()?;
                    break;
                }
                Some('}') => {
                    self.skip('}');
                    break;
                }
                Some(',') => {
                    self.skip(',');
                    self.said("commas too many were left out");
                    continue;
                }
                Some(_) => {}
            }
            let key = self.key()?;
            self.space();
            match self.peek() {
                Some(':') => self.skip(':'),
                _ => return Err(format!("the key `{}` has no value", head(&key))),
            }
            let value = self.value(depth + 1)?;
            if object.insert(key.clone(), value).is_some() {
                return Err(format!("the key `{}` is there twice", head(&key)));
            }
            self.comma('}')?;
        }
        Ok(Value::Object(object))
    }

    fn items(&mut self, depth: usize) -> Result<Value, String> {
        self.skip('[');
        let mut items = Vec::new();
        loop {
            self.space();
            match self.peek() {
                None => {
                    self.broken_off()?;
                    break;
                }
                Some(']') => {
                    self.skip(']');
                    break;
                }
                Some(',') => {
                    self.skip(',');
                    self.said("commas too many were left out");
                    continue;
                }
                Some(_) => {}
            }
            items.push(self.value(depth + 1)?);
            self.comma(']')?;
        }
        Ok(Value::Array(items))
    }

    /// Between two members; a comma before the end is a slip, none before a new member is not understood.
    fn comma(&mut self, end: char) -> Result<(), String> {
        self.space();
        match self.peek() {
            Some(',') => {
                self.skip(',');
                self.space();
                if self.peek() == Some(end) {
                    self.said("a trailing comma was left out");
                }
                Ok(())
            }
            Some(c) if c == end => Ok(()),
            None => Ok(()),
            Some('"') => {
                self.said("a missing comma was added");
                Ok(())
            }
            Some(_) => Err(format!("it is not understood from `{}`", head(self.rest))),
        }
    }

    fn key(&mut self) -> Result<String, String> {
        if let Some(quote @ ('"' | '\'')) = self.peek() {
            return self.text(quote);
        }
        let end = self
            .rest
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '.')))
            .unwrap_or(self.rest.len());
        let (key, rest) = self.rest.split_at(end);
        if key.is_empty() {
            return Err(format!("it is not understood from `{}`", head(self.rest)));
        }
        self.rest = rest;
        self.said("keys were put in quotes");
        Ok(key.to_owned())
    }

    fn text(&mut self, quote: char) -> Result<String, String> {
        self.skip(quote);
        if quote == '\'' {
            self.said("single quotes were made double");
        }
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.skip(c);
            match c {
                '\\' => self.escape(&mut text)?,
                c if c == quote => return Ok(text),
                c if c.is_control() => {
                    self.said("line ends and control characters in strings were escaped");
                    text.push(c);
                }
                c => text.push(c),
            }
        }
        if !self.whole {
            return Err("it breaks off inside a text".into());
        }
        self.said("a text that had no end was closed");
        Ok(text)
    }

    fn escape(&mut self, text: &mut String) -> Result<(), String> {
        let Some(c) = self.peek() else {
            return Ok(());
        };
        self.skip(c);
        match c {
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            '"' | '\\' | '/' => text.push(c),
            '\'' => text.push(c),
            'u' => {
                let unit = self.unit()?;
                let c = if (0xD800..0xDC00).contains(&unit) && self.rest.starts_with("\\u") {
                    self.rest = &self.rest[2..];
                    let low = self.unit()?;
                    char::decode_utf16([unit, low]).next().and_then(Result::ok)
                } else {
                    char::from_u32(u32::from(unit))
                };
                text.push(c.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            // Patterns and paths of Windows: the backslash was meant as one.
            other => {
                self.said("a single backslash was doubled");
                text.push('\\');
                text.push(other);
            }
        }
        Ok(())
    }

    fn unit(&mut self) -> Result<u16, String> {
        let digits = self.rest.get(..4).ok_or("an escape breaks off")?;
        let unit = u16::from_str_radix(digits, 16).map_err(|_| "an escape is not understood")?;
        self.rest = &self.rest[4..];
        Ok(unit)
    }

    /// A number, or a word of JSON, Python or JavaScript.
    fn word(&mut self) -> Result<Value, String> {
        let end = self
            .rest
            .find(|c: char| c.is_whitespace() || matches!(c, ',' | '}' | ']' | ':' | '{' | '['))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        let value = match word {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            "True" => self.python(Value::Bool(true)),
            "False" => self.python(Value::Bool(false)),
            "None" | "undefined" => self.python(Value::Null),
            _ => match serde_json::from_str::<serde_json::Number>(word) {
                Ok(number) if !rest.is_empty() || self.whole => Value::Number(number),
                Ok(_) => return Err("it breaks off inside a number".into()),
                Err(_) => {
                    return Err(format!("`{}` is neither a value nor in quotes", head(word)));
                }
            },
        };
        self.rest = rest;
        Ok(value)
    }

    fn python(&mut self, value: Value) -> Value {
        self.said("words of another language were made JSON's");
        value
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slips_are_repaired_and_said() {
        for (text, expected, said) in [
            (r#"{"a":1,}"#, r#"{"a":1}"#, "trailing comma"),
            (r#"{"a":[1,2,],}"#, r#"{"a":[1,2]}"#, "trailing comma"),
            (r#"{'a': 'it\'s'}"#, r#"{"a":"it's"}"#, "single quotes"),
            (r#"{a: 1, b-c: "x"}"#, r#"{"a":1,"b-c":"x"}"#, "keys"),
            (
                r#"{"a": True, "b": None}"#,
                r#"{"a":true,"b":null}"#,
                "another language",
            ),
            ("```json\n{\"a\": 1}\n```", r#"{"a": 1}"#, "code fence"),
            ("```\n{\"a\": 1,}\n```", r#"{"a":1}"#, "code fence"),
            (r#""{\"a\":  1}""#, r#"{"a":  1}"#, "inside a string"),
            (r#""{'a': 1}""#, r#"{"a":1}"#, "inside a string"),
            ("{\"a\": \"one\ntwo\"}", r#"{"a":"one\ntwo"}"#, "line ends"),
            (
                r#"{"a": {"b": [1, 2"#,
                r#"{"a":{"b":[1,2]}}"#,
                "missing brackets",
            ),
            (r#"{"a": "on"#, r#"{"a":"on"}"#, "no end"),
            (r#"{"a": 1}}"#, r#"{"a":1}"#, "behind the end"),
            (r#"[{"a": 1}]"#, r#"{"a":1}"#, "a list around"),
            (r#"{"a": 1 "b": 2}"#, r#"{"a":1,"b":2}"#, "missing comma"),
            (r#"{"p": "C:\dir\x"}"#, r#"{"p":"C:\\dir\\x"}"#, "backslash"),
            ("null", "{}", "no arguments"),
            (
                r#"{"a": "\u00e4\ud83d\ude00",}"#,
                "{\"a\":\"ä😀\"}",
                "trailing",
            ),
        ] {
            let read = read(text, true);
            assert_eq!(read.arguments.text(), expected, "{text}: {read:?}");
            assert!(
                read.repair
                    .as_deref()
                    .is_some_and(|note| note.contains(said)),
                "{text}: {read:?}"
            );
            assert_eq!(read.fault, None, "{text}");
        }
    }

    #[test]
    fn what_would_be_a_guess_is_refused() {
        for text in [
            "hello",
            "[1,2]",
            "3",
            r#""text""#,
            r#"{"a": 1} and {"b": 2}"#,
            r#"{"a": hello}"#,
            r#"{"a"}"#,
            r#"{"a": 1, 'a': 2}"#,
            "{\"a\": ",
            "{:1}",
            "{\"a\": \"\\u12\"",
        ] {
            let read = read(text, true);
            assert!(read.fault.is_some(), "{text}: {read:?}");
            assert_eq!(read.arguments, Arguments::none());
        }
    }

    #[test]
    fn a_text_that_was_cut_is_never_completed() {
        for text in [
            r#"{"path": "/etc/pas"#,
            r#"{"path": "/etc""#,
            r#"{"count": 12"#,
            r#"{"a": [1, 2"#,
            "{",
        ] {
            assert!(read(text, false).fault.is_some(), "{text}");
        }
        assert_eq!(read(r#"{"a": 1,}"#, false).fault, None);
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_overflow() {
        for text in ["[".repeat(200_000), "{'a':".repeat(200_000)] {
            assert!(read(&text, true).fault.is_some());
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::String),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map("[a-z]{1,5}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn anything_is_an_object_or_a_fault(text in any::<String>(), whole: bool) {
            let read = read(&text, whole);
            prop_assert!(Arguments::new(read.arguments.text()).is_ok());
            if read.fault.is_some() {
                prop_assert_eq!(read.arguments, Arguments::none());
            }
        }

        #[test]
        fn near_json_is_an_object_or_a_fault(text in "[{}\\[\\],:'\"`a\\\\nTu0-9 \n]{0,40}", whole: bool) {
            let read = read(&text, whole);
            prop_assert!(Arguments::new(read.arguments.text()).is_ok());
        }

        #[test]
        fn valid_json_keeps_its_bytes(value in json(), pretty: bool) {
            let object = serde_json::json!({"v": value});
            let text = if pretty { serde_json::to_string_pretty(&object) } else { serde_json::to_string(&object) };
            let text = text.unwrap();
            let read = read(&text, false);
            prop_assert_eq!(read.arguments.text(), text.as_str());
            prop_assert_eq!((read.repair, read.fault), (None, None));
        }

        #[test]
        fn a_cut_never_turns_into_other_values(value in json(), at in 0usize..200) {
            let text = serde_json::json!({"v": value}).to_string();
            let at = text.char_indices().map(|(at, _)| at).take_while(|found| *found <= at).last().unwrap_or(0);
            if at > 0 && at < text.len() {
                prop_assert!(read(&text[..at], false).fault.is_some());
            }
        }
    }
}
