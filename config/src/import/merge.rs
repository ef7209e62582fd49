//! Imported servers put into the text of our file; its comments and its order survive.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use toml_edit::{DocumentMut, Item, Table};

use super::{Import, translate};
use crate::error::Error;

/// Names that are taken even when the file does not use them.
const TAKEN: [&str; 1] = ["workspace"];

/// New tables come after all others; toml_edit sorts by this.
const LAST: isize = 1_000_000;

/// What merging gives. Nothing is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The new text of the file.
    pub text: String,
    /// Names of the servers that were added, as they stand in the text.
    pub added: Vec<String>,
    /// Servers that were not added, and those that got another name, one sentence each.
    pub notes: Vec<String>,
}

/// Puts the servers of all imports into the text. A server that is already there with the same definition is skipped;
/// another one of the same name gets a number.
///
/// # Errors
/// [`Error::Import`] when the text is not TOML or its `servers` is no table.
pub fn merge(existing: &str, imports: &[Import], file: &Path) -> Result<Merged, Error> {
    let wrong = |reason: String| Error::Import {
        file: file.to_owned(),
        reason,
    };
    let mut document: DocumentMut = existing
        .parse()
        .map_err(|error| wrong(format!("{error}")))?;
    let known: Value = toml::from_str(existing).map_err(|error| wrong(error.to_string()))?;
    let mut there: BTreeMap<String, Value> = known
        .get("servers")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, server)| (name.clone(), server.clone()))
        .collect();

    // Comments at the end of the text belong before what is added.
    let mut before = document.trailing().as_str().unwrap_or_default().to_owned();
    let servers = document.entry("servers").or_insert_with(implicit);
    let inline = servers.is_inline_table();
    let servers = servers
        .as_table_like_mut()
        .ok_or_else(|| wrong("its `servers` is not a table".to_owned()))?;
    let (mut added, mut notes) = (Vec::new(), Vec::new());
    for import in imports {
        for server in &import.servers {
            let definition = definition(&server.table);
            let same = there.iter().find(|(_, known)| **known == definition);
            if let Some((name, _)) = same {
                notes.push(format!(
                    "`{}` of {} is already there as `{name}`",
                    server.name, import.client
                ));
                continue;
            }
            let name = free_name(&server.name, &there);
            if name != server.name {
                notes.push(format!(
                    "`{}` of {} becomes `{name}`, since that name is taken",
                    server.name, import.client
                ));
            }
            let item = match inline {
                true => toml_edit::value(server.table.clone().into_inline_table()),
                false => {
                    let mut table = server.table.clone();
                    table.set_position(Some(LAST + added.len() as isize));
                    if !before.is_empty() || !there.is_empty() || !added.is_empty() {
                        before.push('\n');
                    }
                    before.push_str(&format!(
                        "# From {}, {}\n",
                        import.client,
                        import.file.display()
                    ));
                    table.decor_mut().set_prefix(std::mem::take(&mut before));
                    Item::Table(table)
                }
            };
            servers.insert(&name, item);
            there.insert(name.clone(), definition);
            added.push(name);
        }
    }
    if !added.is_empty() && !inline {
        document.set_trailing("");
    }
    let text = match added.is_empty() {
        true => existing.to_owned(),
        false => document.to_string(),
    };
    Ok(Merged { text, added, notes })
}

fn implicit() -> Item {
    let mut servers = Table::new();
    servers.set_implicit(true);
    Item::Table(servers)
}

fn definition(table: &Table) -> Value {
    let text = translate::document("one", table.clone()).to_string();
    let root: Value = toml::from_str(&text).expect("what toml_edit writes is TOML");
    root["servers"]["one"].clone()
}

/// The name, or the first one with a number that is not taken; spelling makes no difference.
fn free_name(name: &str, there: &BTreeMap<String, Value>) -> String {
    let fold = |text: &str| text.to_lowercase().replace('-', "_");
    let taken = |name: &str| {
        let own = TAKEN.into_iter().chain(there.keys().map(String::as_str));
        own.into_iter().any(|known| fold(known) == fold(name))
    };
    if !taken(name) {
        return name.to_owned();
    }
    let stem = &name[..name.len().min(36)];
    (2..)
        .map(|number| format!("{stem}-{number}"))
        .find(|name| !taken(name))
        .expect("numbers do not end")
}
