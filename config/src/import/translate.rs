//! One server of another client as a table of ours.
//!
//! The clients' keys hardly contradict each other, so one table of keys serves all of them; where two clients mean
//! different things by one key (the unit of `timeout`), the client decides.

use std::path::PathBuf;

use serde_json::{Map, Value};
use toml_edit::{Array, DocumentMut, Item, Table, value};

use super::dialect::{Dialect, is_name};
use super::{Client, Import, ImportedServer};
use crate::expand::reference;
use crate::limits::fixed::{IMPORT_SECONDS_MAX, NAME_LENGTH_MAX};
use crate::redact::{hide_arguments, hide_in_url, is_telling};

/// Keys that say nothing about how a server is reached or used.
const ABOUT: [&str; 9] = [
    "name", "title", "version", "gallery", "icon", "iconUrl", "_comment", "isActive", "tags",
];

/// The order of our keys in a server.
const ORDER: [&str; 12] = [
    "description",
    "command",
    "args",
    "cwd",
    "url",
    "enabled",
    "start_timeout_s",
    "timeout_s",
    "allow",
    "deny",
    "env",
    "headers",
];

/// Adds one server to the import, or a sentence why not.
pub(super) fn server(
    import: &mut Import,
    inputs: &[Value],
    scope: Option<&str>,
    off: &[&str],
    name: &str,
    server: &Value,
) {
    let file = import.file.clone();
    let mut dialect = Dialect::new(import.client, &file, inputs);
    let ours = legal_name(name);
    match server.as_object() {
        None => dialect.note("it is not an object".to_owned()),
        Some(object) => {
            if let Some(mut table) = table(object, import.client, &mut dialect) {
                if off.contains(&name) {
                    table["enabled"] = value(false);
                }
                if let (Some(scope), true) = (scope, table.contains_key("command")) {
                    table.entry("cwd").or_insert(value(scope));
                }
                sort(&mut table);
                if ours != name {
                    dialect.hints.push(format!("its name becomes `{ours}`"));
                }
                import.servers.push(ImportedServer {
                    name: ours,
                    scope: scope.map(PathBuf::from),
                    table,
                });
            }
        }
    }
    let about = |sentence: String| format!("server `{name}`: {sentence}");
    import
        .untranslated
        .extend(dialect.untranslated.into_iter().map(about));
    import.hints.extend(dialect.hints.into_iter().map(about));
}

fn table(from: &Map<String, Value>, client: Client, dialect: &mut Dialect<'_>) -> Option<Table> {
    let mut to = Table::new();
    let kind = text_of(from, &["type", "transport", "transportType"]).map(str::to_lowercase);
    let url = ["httpUrl", "http_url", "url", "serverUrl", "server_url"]
        .into_iter()
        .find_map(|key| Some((key, from.get(key)?.as_str()?)));
    let remote = match (url.is_some(), from.contains_key("command")) {
        (true, true) => {
            let remote = kind.as_deref().is_some_and(|kind| kind != "stdio");
            let (kept, left) = if remote {
                ("url", "command")
            } else {
                ("command", "url")
            };
            dialect.note(format!(
                "it has both a command and a url; the {kept} is taken, the {left} left"
            ));
            remote
        }
        (false, false) => {
            dialect.note("it has neither a command nor a url, so it is left out".to_owned());
            return None;
        }
        (remote, _) => remote,
    };
    match url {
        Some((_, url)) if remote => {
            to["url"] = value(dialect.text(url));
            older_transport(&mut to, kind.as_deref(), url, dialect);
        }
        _ => command(from, &mut to, dialect)?,
    }
    for (key, given) in from {
        setting(key, given, remote, client, &mut to, dialect);
    }
    if let Some(kind) = kind {
        let known = [
            "stdio",
            "local",
            "http",
            "sse",
            "remote",
            "streamable-http",
            "streamablehttp",
            "streamable_http",
        ];
        if !known.contains(&kind.as_str()) {
            dialect.note(format!("`type = \"{kind}\"` is not known and is left out"));
        }
    }
    secrets(&to, dialect);
    Some(to)
}

/// One order for all, whatever the reader of the client's file made of its keys.
fn sort(table: &mut Table) {
    let place = |key: &toml_edit::Key| ORDER.iter().position(|known| *known == key.get());
    table.sort_values_by(|a, _, b, _| place(a).cmp(&place(b)));
    for section in ["env", "headers"] {
        if let Some(pairs) = table.get_mut(section).and_then(Item::as_table_mut) {
            pairs.sort_values();
        }
    }
}

/// HTTP+SSE is an older transport than the streamable HTTP that a `url` means here.
fn older_transport(to: &mut Table, kind: Option<&str>, url: &str, dialect: &mut Dialect<'_>) {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    match kind {
        Some("sse") => {
            to["enabled"] = value(false);
            dialect.note(
                "it speaks the older HTTP+SSE transport, so it is added disabled; enable it with the address of its streamable HTTP"
                    .to_owned(),
            );
        }
        None if path.trim_end_matches('/').ends_with("/sse") => {
            dialect.note(
                "its url looks like the older HTTP+SSE transport; it is read as streamable HTTP"
                    .to_owned(),
            );
        }
        _ => {}
    }
}

fn command(from: &Map<String, Value>, to: &mut Table, dialect: &mut Dialect<'_>) -> Option<()> {
    let (command, mut args) = match from.get("command") {
        Some(Value::String(command)) => (command.clone(), Vec::new()),
        Some(Value::Array(words)) => {
            let mut words = words.iter().filter_map(Value::as_str).map(str::to_owned);
            (words.next().unwrap_or_default(), words.collect())
        }
        // Zed keeps both in an object of their own.
        Some(Value::Object(object)) => {
            let path = object
                .get("path")
                .and_then(Value::as_str)
                .unwrap_or_default();
            (path.to_owned(), texts(object.get("args")))
        }
        _ => (String::new(), Vec::new()),
    };
    if command.trim().is_empty() {
        dialect.note("its command is empty, so it is left out".to_owned());
        return None;
    }
    args.extend(texts(from.get("args")));
    to["command"] = value(dialect.text(&command));
    if !args.is_empty() {
        let args: Array = args.iter().map(|argument| dialect.text(argument)).collect();
        to["args"] = value(args);
    }
    Some(())
}

fn setting(
    key: &str,
    given: &Value,
    remote: bool,
    client: Client,
    to: &mut Table,
    dialect: &mut Dialect<'_>,
) {
    match key {
        "command" | "args" | "type" | "transport" | "transportType" => {}
        "httpUrl" | "http_url" | "url" | "serverUrl" | "server_url" => {}
        "env" | "environment" if !remote => pairs(to, "env", given, dialect),
        "headers" | "http_headers" | "requestInit" if remote => {
            let given = given
                .get("headers")
                .filter(|_| key == "requestInit")
                .unwrap_or(given);
            pairs(to, "headers", given, dialect);
        }
        "env_http_headers" if remote => {
            for (header, variable) in given.as_object().into_iter().flatten() {
                named_variable(to, "headers", header, "", variable.as_str(), dialect);
            }
        }
        "bearer_token_env_var" if remote => {
            named_variable(
                to,
                "headers",
                "Authorization",
                "Bearer ",
                given.as_str(),
                dialect,
            );
        }
        "env_vars" if !remote => {
            for variable in texts(Some(given)) {
                named_variable(to, "env", &variable, "", Some(&variable), dialect);
            }
        }
        "cwd" | "workingDirectory" | "working_directory" if !remote => {
            if let Some(folder) = given.as_str() {
                to["cwd"] = value(dialect.text(folder));
            }
        }
        "disabled" => {
            if given == &Value::Bool(true) {
                to["enabled"] = value(false);
            }
        }
        "enabled" => {
            if given == &Value::Bool(false) {
                to["enabled"] = value(false);
            }
        }
        "description" => {
            if let Some(text) = given.as_str() {
                to["description"] = value(text);
            }
        }
        "timeout" => {
            let in_ms = matches!(client, Client::Gemini | Client::ClaudeCode);
            let by = given
                .as_f64()
                .filter(|time| in_ms || *time >= IMPORT_SECONDS_MAX);
            seconds(
                to,
                "timeout_s",
                given,
                if by.is_some() { 1_000.0 } else { 1.0 },
                dialect,
            );
        }
        "tool_timeout_sec" => seconds(to, "timeout_s", given, 1.0, dialect),
        "startup_timeout_sec" => seconds(to, "start_timeout_s", given, 1.0, dialect),
        "startup_timeout_ms" => seconds(to, "start_timeout_s", given, 1_000.0, dialect),
        "includeTools" | "enabled_tools" | "enabledTools" | "allowedTools" => {
            globs(to, "allow", given);
            if given.as_array().is_some_and(Vec::is_empty) {
                dialect.note(format!(
                    "an empty `{key}` lets nothing through there; here it is left out"
                ));
            }
        }
        "excludeTools" | "disabled_tools" | "disabledTools" | "blockedTools" => {
            globs(to, "deny", given)
        }
        "autoApprove"
        | "alwaysAllow"
        | "always_allow"
        | "trust"
        | "default_tools_approval_mode"
        | "autoApproval"
        | "tools" => {
            if given != &Value::Bool(false) && !is_empty(given) {
                dialect.note(format!(
                    "`{key}` says which calls need no asking; choose a `mode`, or an `effect` per tool, yourself"
                ));
            }
        }
        "oauth"
        | "auth"
        | "authProviderType"
        | "oauth_resource"
        | "oauthScopes"
        | "scopes"
        | "oauth_client_id"
        | "authorization"
        | "authorization_token" => {
            dialect.note(format!("`{key}` (signing in by OAuth) is not taken over"));
        }
        "envFile" | "env_file" => {
            dialect.note(format!(
                "`{key}` is not read; set its variables before toolpool starts"
            ));
        }
        _ if ABOUT.contains(&key) => {}
        _ if is_empty(given) => {}
        _ => dialect.note(format!("`{key}` has no counterpart and is left out")),
    }
}

fn pairs(to: &mut Table, key: &str, given: &Value, dialect: &mut Dialect<'_>) {
    for (name, given) in given.as_object().into_iter().flatten() {
        let text = match given {
            Value::String(text) => dialect.text(text),
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            _ => {
                dialect.note(format!("`{key}.{name}` is not a string and is left out"));
                continue;
            }
        };
        put_pair(to, key, name, text);
    }
}

fn put_pair(to: &mut Table, key: &str, name: &str, text: String) {
    let item = to.entry(key).or_insert_with(|| Item::Table(Table::new()));
    if let Some(table) = item.as_table_like_mut() {
        table.insert(name, value(text));
    }
}

fn named_variable(
    to: &mut Table,
    key: &str,
    name: &str,
    before: &str,
    variable: Option<&str>,
    dialect: &mut Dialect<'_>,
) {
    match variable.filter(|variable| is_name(variable)) {
        Some(variable) => put_pair(to, key, name, format!("{before}${{{variable}}}")),
        None => dialect.note(format!(
            "`{key}.{name}` does not name a variable and is left out"
        )),
    }
}

fn seconds(to: &mut Table, key: &str, given: &Value, divisor: f64, dialect: &mut Dialect<'_>) {
    match given.as_f64().map(|time| time / divisor) {
        Some(time) if time > 0.0 && time <= 86_400.0 => {
            to[key] = match time.fract() == 0.0 {
                true => value(time as i64),
                false => value(time),
            };
        }
        _ => dialect.note(format!("a time of {given} is left out")),
    }
}

/// Names of tools as globs that match nothing else.
fn globs(to: &mut Table, key: &str, given: &Value) {
    let names = texts(Some(given));
    if !names.is_empty() {
        let names: Array = names.iter().map(|name| globset::escape(name)).collect();
        to[key] = value(names);
    }
}

/// Secrets that are written out get a hint.
fn secrets(table: &Table, dialect: &mut Dialect<'_>) {
    for section in ["env", "headers"] {
        let pairs = table.get(section).and_then(Item::as_table_like);
        for (name, text) in pairs.into_iter().flat_map(|pairs| pairs.iter()) {
            let text = text.as_str().unwrap_or_default();
            if is_telling(name) && reference(text).contains("***") {
                let variable: String = name
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
                dialect.hints.push(format!(
                    "`{section}.{name}` is a secret written out; move it to a variable and write `${{{variable}}}`"
                ));
            }
        }
    }
}

/// The definition as TOML, secrets hidden.
pub(super) fn shown(name: &str, table: &Table) -> String {
    let mut table = table.clone();
    for section in ["env", "headers"] {
        if let Some(pairs) = table.get_mut(section).and_then(Item::as_table_like_mut) {
            for (_, item) in pairs.iter_mut() {
                *item = value(reference(item.as_str().unwrap_or_default()));
            }
        }
    }
    if let Some(url) = table.get("url").and_then(Item::as_str) {
        table["url"] = value(hide_in_url(url));
    }
    if let Some(args) = table.get("args").and_then(Item::as_array) {
        let words = args
            .iter()
            .filter_map(|word| word.as_str())
            .map(|word| value(hide_in_url(word)).to_string().trim().to_owned())
            .collect();
        let hidden = hide_arguments(words).join(", ");
        if let Ok(array) = format!("[{hidden}]").parse::<toml_edit::Value>() {
            table["args"] = Item::Value(array);
        }
    }
    document(name, table).to_string()
}

/// A document of this one server.
pub(super) fn document(name: &str, table: Table) -> DocumentMut {
    let mut servers = Table::new();
    servers.set_implicit(true);
    servers.insert(name, Item::Table(table));
    let mut document = DocumentMut::new();
    document.insert("servers", Item::Table(servers));
    document
}

fn legal_name(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' => out.push(letter),
            _ if out.ends_with('-') => {}
            _ => out.push('-'),
        }
    }
    out.truncate(NAME_LENGTH_MAX);
    match out.trim_matches('-') {
        "" => "server".to_owned(),
        out => out.to_owned(),
    }
}

fn text_of<'a>(from: &'a Map<String, Value>, keys: &[&str]) -> Option<&'a str> {
    keys.iter().find_map(|key| from.get(*key)?.as_str())
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|item| match item {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(item.to_string()),
        _ => None,
    })
    .collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}
