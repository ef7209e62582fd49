//! Variables as each client writes them, turned into ours.
//!
//! Claude Code writes `${VAR}` and `${VAR:-default}` as we do. The editors write `${env:VAR}`, `${input:ID}` and
//! `${workspaceFolder}`; Gemini CLI also `$VAR`; Claude Desktop and Codex have no variables, so that a `$` there is a
//! dollar sign.

use std::path::Path;

use serde_json::Value;

use super::Client;
use crate::expand::escaped;

/// What a client's strings may hold, and what is said about them on the way.
pub(super) struct Dialect<'a> {
    client: Client,
    file: &'a Path,
    inputs: &'a [Value],
    pub(super) untranslated: Vec<String>,
    pub(super) hints: Vec<String>,
}

impl<'a> Dialect<'a> {
    pub(super) fn new(client: Client, file: &'a Path, inputs: &'a [Value]) -> Dialect<'a> {
        Dialect {
            client,
            file,
            inputs,
            untranslated: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// The text in our own writing.
    pub(super) fn text(&mut self, text: &str) -> String {
        let (mut out, mut rest) = (String::new(), text);
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            let braced = after
                .strip_prefix('{')
                .and_then(|inside| Some((inside, inside.find('}')?)));
            if let Some((inside, end)) = braced {
                let ours = self.braced(&inside[..end]);
                out.push_str(&ours);
                rest = &inside[end + 1..];
            } else {
                let name = word(after);
                if self.client == Client::Gemini && !name.is_empty() {
                    out.push_str(&format!("${{{name}}}"));
                } else {
                    out.push_str("$$");
                    out.push_str(name);
                }
                rest = &after[name.len()..];
            }
        }
        out + rest
    }

    fn braced(&mut self, inside: &str) -> String {
        let editor = matches!(
            self.client,
            Client::VsCode | Client::Cursor | Client::Windsurf | Client::Other
        );
        let shell = matches!(
            self.client,
            Client::ClaudeCode | Client::Gemini | Client::Other
        );
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if shell && is_name(name) {
            return match default {
                Some(default) => format!("${{{name}:-{default}}}"),
                None => format!("${{{name}}}"),
            };
        }
        if editor {
            if let Some(name) = inside.strip_prefix("env:").filter(|name| is_name(name)) {
                return format!("${{{name}}}");
            }
            if let Some(id) = inside.strip_prefix("input:") {
                return self.input(id);
            }
            if let Some(text) = self.place(inside) {
                return text;
            }
        }
        if editor || shell {
            self.note(format!(
                "`${{{inside}}}` has no counterpart and is kept as plain text"
            ));
        }
        format!("$${{{}}}", escaped(inside))
    }

    /// An answer that the editor asks for becomes a variable.
    fn input(&mut self, id: &str) -> String {
        let mut name: String = id
            .to_uppercase()
            .chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() {
                    letter
                } else {
                    '_'
                }
            })
            .collect();
        if !is_name(&name) {
            name.insert_str(0, "INPUT_");
        }
        let input = self.inputs.iter().find(|input| input["id"] == id);
        let said = |key: &str| Some(input?.get(key)?.as_str()?.to_owned());
        let about = said("description").map_or_else(String::new, |about| format!(": {about}"));
        let hint =
            format!("set variable `{name}`, which the editor asked for as input `{id}`{about}");
        if !self.hints.contains(&hint) {
            self.hints.push(hint);
        }
        let is_secret = input.is_some_and(|input| input["password"] == true);
        match said("default").filter(|default| !is_secret && !default.contains('}')) {
            Some(default) => format!("${{{name}:-{}}}", escaped(&default)),
            None => format!("${{{name}}}"),
        }
    }

    /// Folders that the editor knows; the project is the folder that holds the settings folder.
    fn place(&self, inside: &str) -> Option<String> {
        let project = self
            .file
            .parent()
            .filter(|folder| folder.ends_with(".vscode") || folder.ends_with(".cursor"))
            .and_then(Path::parent);
        let text = match inside {
            "workspaceFolder" | "workspaceRoot" => project?.display().to_string(),
            "workspaceFolderBasename" => project?.file_name()?.to_string_lossy().into_owned(),
            "userHome" => return Some("${HOME}".to_owned()),
            "pathSeparator" | "/" => "/".to_owned(),
            _ => return None,
        };
        Some(escaped(&text))
    }

    pub(super) fn note(&mut self, sentence: String) {
        if !self.untranslated.contains(&sentence) {
            self.untranslated.push(sentence);
        }
    }
}

/// The letters, digits and `_` that a text begins with, unless it begins with a digit.
fn word(text: &str) -> &str {
    let end = text
        .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .unwrap_or(text.len());
    match is_name(&text[..end]) {
        true => &text[..end],
        false => "",
    }
}

/// Whether this can name a variable.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}
