//! What a listing may show of a value.
//!
//! Values of `env`, `headers` and tokens are secrets by their place. Elsewhere a secret may still stand: as a password or
//! a query parameter of a URL, as the argument after `--api-key`. Those are guessed by name; too much hidden is cheap.

use crate::expand;
use crate::node::{Node, Step, Value, dotted};

/// What stands in place of a secret.
const HIDDEN: &str = "***";

/// Words in the name of an argument or a parameter that make its value a secret.
const TELLING: [&str; 9] = [
    "key",
    "token",
    "secret",
    "password",
    "passwd",
    "auth",
    "credential",
    "bearer",
    "signature",
];

/// Whether the values at this place are secrets whatever they hold.
pub(crate) fn is_secret(path: &[Step]) -> bool {
    let keys: Vec<&str> = path
        .iter()
        .map(|step| match step {
            Step::Key(key) => key.as_str(),
            Step::Index(_) => "",
        })
        .collect();
    matches!(
        keys[..],
        ["servers", _, "env" | "headers", ..]
            | ["serve", "tokens", _, "secret"]
            | ["model", "api_key"]
    ) || matches!(keys[..], ["serve", "tokens", _])
}

/// Whether the place is one for secrets and its name says that this is one; `LOG_LEVEL` in an `env` is none.
pub(crate) fn is_telling_secret(path: &[Step]) -> bool {
    is_secret(path) && matches!(path.last(), Some(Step::Key(name)) if is_telling(name))
}

/// The value as TOML, with secrets hidden.
pub(crate) fn shown(path: &[Step], node: &Node) -> String {
    match &node.value {
        Value::Table(table) => {
            let key = |key: &str| dotted(&[Step::Key(key.to_owned())]);
            let pairs: Vec<String> = table
                .iter()
                .map(|(name, entry)| format!("{} = {}", key(name), shown(&[], &entry.node)))
                .collect();
            match pairs[..] {
                [] => "{}".to_owned(),
                _ => format!("{{ {} }}", pairs.join(", ")),
            }
        }
        Value::Text(text) if is_secret(path) => quoted(&expand::reference(text)),
        _ if is_secret(path) => quoted(HIDDEN),
        Value::Text(text) => quoted(&hide_in_url(text)),
        Value::Time(time) => time.clone(),
        Value::Whole(number) => number.to_string(),
        Value::Real(number) => toml::Value::Float(*number).to_string(),
        Value::Truth(truth) => truth.to_string(),
        Value::List(list) => {
            let texts: Vec<String> = list.iter().map(|item| shown(&[], item)).collect();
            format!("[{}]", hide_arguments(texts).join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Hides `--token=x`, and the word after `--token`, in a list of shown arguments.
pub(crate) fn hide_arguments(arguments: Vec<String>) -> Vec<String> {
    let mut hide_next = false;
    arguments
        .into_iter()
        .map(|argument| {
            let word = argument.trim_matches(['"', '\'']).to_owned();
            let flag = word.starts_with('-');
            if std::mem::take(&mut hide_next) && !flag {
                return quoted(&expand::reference(&word));
            }
            match word.split_once('=') {
                Some((name, value)) if is_telling(name) => {
                    quoted(&format!("{name}={}", expand::reference(value)))
                }
                Some(_) => argument,
                None => {
                    hide_next = flag && is_telling(&word);
                    argument
                }
            }
        })
        .collect()
}

/// Hides the password and telling query parameters of a URL; other texts stay.
pub(crate) fn hide_in_url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let (address, query) = match rest.split_once('?') {
        Some((address, query)) => (address, Some(query)),
        None => (rest, None),
    };
    let host_end = address.find('/').unwrap_or(address.len());
    let address = match address[..host_end].rfind('@') {
        Some(at) => format!("{HIDDEN}{}", &address[at..]),
        None => address.to_owned(),
    };
    let query = query.map(|query| {
        let pairs: Vec<String> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((name, value)) if is_telling(name) => {
                    format!("{name}={}", expand::reference(value))
                }
                _ => pair.to_owned(),
            })
            .collect();
        format!("?{}", pairs.join("&"))
    });
    format!("{scheme}://{address}{}", query.unwrap_or_default())
}

pub(crate) fn is_telling(name: &str) -> bool {
    let name = name.to_lowercase();
    TELLING.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_arguments_lose_their_secrets() {
        let urls = [
            ("https://a.example/mcp", "https://a.example/mcp"),
            ("https://me:pw@a.example/x@y", "https://***@a.example/x@y"),
            (
                "https://a.example/mcp?api_key=abc&page=2&token=${T}",
                "https://a.example/mcp?api_key=***&page=2&token=${T}",
            ),
            ("plain text", "plain text"),
        ];
        for (text, expected) in urls {
            assert_eq!(hide_in_url(text), expected);
        }
        let arguments = [
            "\"-y\"",
            "\"--api-key\"",
            "\"sk-1\"",
            "\"--token=x\"",
            "\"a=b\"",
        ];
        assert_eq!(
            hide_arguments(arguments.map(str::to_owned).to_vec()),
            [
                "\"-y\"",
                "\"--api-key\"",
                "\"***\"",
                "\"--token=***\"",
                "\"a=b\""
            ]
        );
    }
}
