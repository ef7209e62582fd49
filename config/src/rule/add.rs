//! Writes one more rule into the person's file, as an answer "always" asks for: comments and order stay, a crash leaves the
//! old file or the new one.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, value};

use crate::Decision;
use crate::error::{Error, Problem};
use crate::layer::Origin;
use crate::write::write_atomically;

/// A rule to be written. Server, tool and arguments are meant exactly: nothing in them is a glob.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRule {
    /// What happens to a call that meets it.
    pub decision: Decision,
    /// The server.
    pub server: String,
    /// The server's own name of the tool.
    pub tool: String,
    /// The fingerprint of the tool as it was when this was said; an allow holds for no other.
    pub fingerprint: Option<String>,
    /// Values that arguments must have; none where any will do.
    pub arguments: BTreeMap<String, Value>,
    /// Why it is there.
    pub reason: Option<String>,
}

/// Adds the rule to the end of the file's `[[rules]]`; a file that is not there is made. A rule that is there already is not
/// written twice.
///
/// # Errors
/// [`Error::Read`], [`Error::Write`], and [`Error::Invalid`] where the file is not TOML or its `rules` are no list; the file
/// is then as it was.
pub fn add_rule(file: &Path, rule: &NewRule) -> Result<(), Error> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(source) => {
            return Err(Error::Read {
                file: file.to_owned(),
                source,
            });
        }
    };
    let invalid = |message: String| Error::Invalid {
        problems: vec![Problem::new(message).at(Origin::User {
            file: file.to_owned(),
            at: None,
        })],
    };
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| invalid(format!("not TOML: {}", error.message())))?;
    let table = table_of(rule).map_err(&invalid)?;
    let rules = document
        .entry("rules")
        .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    if let Some(list) = rules.as_array_of_tables_mut() {
        if list.iter().any(|there| same(there, &table)) {
            return Ok(());
        }
        list.push(table);
    } else if let Some(list) = rules.as_array_mut() {
        let inline = table.into_inline_table();
        if list.iter().any(|there| {
            there
                .as_inline_table()
                .is_some_and(|there| there.to_string().trim() == inline.to_string().trim())
        }) {
            return Ok(());
        }
        list.push(inline);
    } else {
        return Err(invalid("`rules` must be a list".to_owned()));
    }
    write_atomically(file, &document.to_string())
}

fn same(there: &Table, table: &Table) -> bool {
    there.to_string().trim() == table.to_string().trim()
}

fn table_of(rule: &NewRule) -> Result<Table, String> {
    let mut table = Table::new();
    table.insert("decision", value(rule.decision.name()));
    table.insert("server", value(escaped(&rule.server)));
    table.insert("tool", value(escaped(&rule.tool)));
    if let Some(fingerprint) = &rule.fingerprint {
        table.insert("fingerprint", value(fingerprint.as_str()));
    }
    if !rule.arguments.is_empty() {
        let mut arguments = InlineTable::new();
        for (name, wanted) in &rule.arguments {
            let mut equals = InlineTable::new();
            equals.insert("equals", toml_of(wanted)?);
            arguments.insert(name, equals.into());
        }
        table.insert("arguments", value(arguments));
    }
    if let Some(reason) = &rule.reason {
        table.insert("reason", value(reason.as_str()));
    }
    Ok(table)
}

/// The name with the signs of a glob taken literally.
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for letter in name.chars() {
        if "*?[]{}\\!,".contains(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

fn toml_of(wanted: &Value) -> Result<toml_edit::Value, String> {
    Ok(match wanted {
        Value::String(text) => text.as_str().into(),
        Value::Bool(truth) => (*truth).into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.into(),
            (None, Some(real)) => real.into(),
            (None, None) => return Err(format!("`{number}` cannot be written as TOML")),
        },
        Value::Array(list) => {
            let items: Result<toml_edit::Array, String> = list.iter().map(toml_of).collect();
            toml_edit::Value::Array(items?)
        }
        Value::Object(object) => {
            let mut table = InlineTable::new();
            for (name, inner) in object {
                table.insert(name, toml_of(inner)?);
            }
            table.into()
        }
        Value::Null => return Err("TOML has no null".to_owned()),
    })
}
