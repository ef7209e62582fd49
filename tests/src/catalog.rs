//! A catalog of several hundred plausible tools of ours, for the explorer and for measurements without servers.
//!
//! The tables are `catalog/domains.txt`: what some fifty servers would offer, written by hand. This file joins things, verbs
//! and fields into definitions: names in the style of each server, descriptions, JSON Schemas, annotations. The same tables
//! give the same bytes. Absent on purpose: anything taken from a data set, so that the catalog can be shipped and
//! measurements on the data sets stay honest.

use serde_json::{Map, Value, json};

/// The tables.
const DOMAINS: &str = include_str!("catalog/domains.txt");

/// All tools, each with its `server`, in the order of the tables.
///
/// # Panics
///
/// When the tables are malformed, which a test rules out.
pub fn all() -> Vec<Value> {
    let mut tools = Vec::new();
    let mut server = Server::default();
    for line in DOMAINS
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let cells: Vec<&str> = line
            .trim_start_matches(['@', '+'])
            .split('|')
            .map(str::trim)
            .collect();
        match (line.as_bytes().first(), cells.as_slice()) {
            (Some(b'@'), [name, style, _about]) => server = Server { name, style },
            (Some(b'+'), [name, about, fields, effect]) => {
                tools.push(server.tool(
                    name,
                    &format!("{about}."),
                    fields_of(fields, name),
                    effect,
                ));
            }
            (_, [one, many, place, fields, verbs]) => {
                let thing = Thing {
                    one,
                    many,
                    place,
                    fields: fields_of(fields, one),
                };
                tools.extend(
                    verbs
                        .split_whitespace()
                        .map(|verb| thing.tool(&server, verb)),
                );
            }
            _ => panic!("malformed line in the tables: {line}"),
        }
    }
    tools
}

/// `count` of them, thinned evenly so that every domain stays; `None` when there are not that many.
pub fn some(count: usize) -> Option<Vec<Value>> {
    let tools = all();
    let total = tools.len();
    // The row at which the running share passes the next whole number is kept.
    let kept = tools
        .into_iter()
        .enumerate()
        .filter(|(row, _)| (row + 1) * count / total > row * count / total);
    (count <= total).then(|| kept.map(|(_, tool)| tool).collect())
}

#[derive(Default)]
struct Server<'a> {
    name: &'a str,
    style: &'a str,
}

struct Field<'a> {
    name: &'a str,
    required: bool,
    schema: Value,
}

struct Thing<'a> {
    one: &'a str,
    many: &'a str,
    place: &'a str,
    fields: Vec<Field<'a>>,
}

impl Server<'_> {
    fn tool(&self, name: &str, description: &str, fields: Vec<Field<'_>>, effect: &str) -> Value {
        let required: Vec<&str> = fields
            .iter()
            .filter(|field| field.required)
            .map(|field| field.name)
            .collect();
        let properties: Map<String, Value> = fields
            .iter()
            .map(|field| (field.name.to_owned(), field.schema.clone()))
            .collect();
        json!({
            "server": self.name,
            "name": name,
            "description": description,
            "inputSchema": { "type": "object", "properties": properties, "required": required },
            "annotations": {
                "readOnlyHint": effect == "r",
                "destructiveHint": effect == "d",
                "idempotentHint": matches!(effect, "r" | "i"),
            },
        })
    }

    /// The name of a verb on a thing, as this server's authors would write it.
    fn join(&self, verb: &str, thing: &str) -> String {
        let words: Vec<&str> = thing.split([' ', '-']).collect();
        match self.style {
            "camel" => words
                .iter()
                .fold(verb.to_owned(), |name, word| name + &capital(word)),
            "kebab" => format!("{verb}-{}", words.join("-")),
            "noun" => format!("{}_{verb}", words.join("_")),
            _ => format!("{verb}_{}", words.join("_")),
        }
    }
}

impl Thing<'_> {
    fn tool(&self, server: &Server<'_>, verb: &str) -> Value {
        let Thing {
            one, many, place, ..
        } = self;
        let article = if one.starts_with(['a', 'e', 'i', 'o', 'u']) && !one.starts_with("user") {
            "an"
        } else {
            "a"
        };
        let named = self
            .fields
            .iter()
            .filter(|field| field.required)
            .map(|field| words(field.name));
        let named = listed(&named.collect::<Vec<_>>());
        let optional = self
            .fields
            .iter()
            .filter(|field| !field.required)
            .map(|field| words(field.name));
        let optional = listed(&optional.collect::<Vec<_>>());
        let (what, description, effect) = match verb {
            "list" if optional.is_empty() => (*many, format!("List the {many} {place}."), "r"),
            "list" => (
                *many,
                format!("List the {many} {place}, if wanted only those with a certain {optional}."),
                "r",
            ),
            "search" => (
                *many,
                format!(
                    "Search the {many} {place} by free text and return the best matches first."
                ),
                "r",
            ),
            "get" => (
                *one,
                format!("Get one {one} {place} with all its details."),
                "r",
            ),
            "create" => (
                *one,
                format!("Create {article} {one} {place} from its {named}."),
                "m",
            ),
            "update" => (
                *one,
                format!(
                    "Change the {named} of an existing {one} {place}; what is not given stays."
                ),
                "i",
            ),
            "delete" => (
                *one,
                format!("Delete {article} {one} {place} for good."),
                "d",
            ),
            "archive" => (
                *one,
                format!("Archive {article} {one} {place} so that it no longer shows up in lists."),
                "i",
            ),
            "export" => (
                *one,
                format!("Export {article} {one} {place} as a file."),
                "r",
            ),
            other => panic!("no such verb in the tables: {other}"),
        };
        server.tool(
            &server.join(verb, what),
            &description,
            self.fields_for(verb),
            effect,
        )
    }

    fn fields_for(&self, verb: &str) -> Vec<Field<'_>> {
        let id = || Field {
            name: "id",
            required: true,
            schema: json!({ "type": "string", "description": format!("Which {}", self.one) }),
        };
        let of = |keep: &dyn Fn(&&Field<'_>) -> bool,
                  required: &dyn Fn(&Field<'_>) -> bool|
         -> Vec<Field<'_>> {
            let fields = self.fields.iter().filter(keep);
            fields
                .map(|field| Field {
                    name: field.name,
                    required: required(field),
                    schema: field.schema.clone(),
                })
                .collect()
        };
        match verb {
            // A list is filtered by what is optional; what it lies in stays required.
            "list" => {
                let mut fields = of(&|field| !field.required, &|_| false);
                fields.extend(of(&|field| field.required && is_place(field.name), &|_| {
                    true
                }));
                fields.push(Field {
                    name: "page",
                    required: false,
                    schema: json!({ "type": "integer", "minimum": 1 }),
                });
                fields
            }
            "search" => {
                let text = json!({ "type": "string", "description": format!("Words to look for in {}", self.many) });
                let mut fields = of(&|field| !field.required, &|_| false);
                fields.insert(
                    0,
                    Field {
                        name: "query",
                        required: true,
                        schema: text,
                    },
                );
                fields.dedup_by(|b, a| a.name == b.name);
                fields
            }
            "create" => of(&|_| true, &|field| field.required),
            "update" => {
                let mut fields = of(&|_| true, &|_| false);
                fields.insert(0, id());
                fields
            }
            "export" => {
                let format = json!({ "type": "string", "enum": ["csv", "json", "pdf"] });
                vec![
                    id(),
                    Field {
                        name: "format",
                        required: false,
                        schema: format,
                    },
                ]
            }
            _ => vec![id()],
        }
    }
}

/// Fields that say where a thing lies rather than what it is like.
fn is_place(name: &str) -> bool {
    const PLACES: [&str; 14] = [
        "repository",
        "namespace",
        "schema",
        "bucket",
        "zone",
        "project",
        "workspace",
        "space",
        "calendar",
        "channel",
        "vault",
        "spreadsheet",
        "release",
        "stream",
    ];
    PLACES.contains(&name)
}

fn fields_of<'a>(cell: &'a str, owner: &str) -> Vec<Field<'a>> {
    let field = |text: &'a str| {
        let (name, kind) = text
            .split_once(':')
            .unwrap_or_else(|| panic!("a field without its type: {text}"));
        let required = kind.ends_with('!');
        let about = format!("{} of the {}", capital(&words(name)), words(owner));
        Field {
            name,
            required,
            schema: schema_of(kind.trim_end_matches('!'), &about),
        }
    };
    cell.split_whitespace().map(field).collect()
}

fn schema_of(kind: &str, about: &str) -> Value {
    match kind {
        "s" => json!({ "type": "string", "description": about }),
        "i" => json!({ "type": "integer", "description": about }),
        "n" => json!({ "type": "number", "description": about }),
        "b" => json!({ "type": "boolean" }),
        "d" => json!({ "type": "string", "format": "date-time", "description": about }),
        "l" => json!({ "type": "array", "items": { "type": "string" }, "description": about }),
        "o" => {
            json!({ "type": "object", "additionalProperties": { "type": "string" }, "description": about })
        }
        values => json!({ "type": "string", "enum": values.split('/').collect::<Vec<_>>() }),
    }
}

/// `trial_days` and `trialDays` as `trial days`.
fn words(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        match c {
            '_' | '-' => text.push(' '),
            c if c.is_uppercase() => text.extend([' ', c.to_ascii_lowercase()]),
            c => text.push(c),
        }
    }
    text
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
        .unwrap_or_default()
}

/// `a`, `a or b`, `a, b or c`.
fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{all, some};

    #[test]
    fn there_are_enough_and_none_twice() {
        let tools = all();
        assert!(tools.len() >= 500, "{}", tools.len());
        let ids: BTreeSet<_> = tools
            .iter()
            .map(|tool| (tool["server"].to_string(), tool["name"].to_string()))
            .collect();
        assert_eq!(ids.len(), tools.len());
        let texts: BTreeSet<_> = tools
            .iter()
            .map(|tool| tool["description"].to_string())
            .collect();
        assert!(
            texts.len() + 5 >= tools.len(),
            "descriptions are near-identical: {} of {}",
            texts.len(),
            tools.len()
        );
    }

    #[test]
    fn every_tool_is_well_formed() {
        for tool in all() {
            let name = tool["name"].as_str().unwrap();
            assert!(
                name.len() <= 40
                    && name
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)),
                "{name}"
            );
            let properties = tool["inputSchema"]["properties"].as_object().unwrap();
            for required in tool["inputSchema"]["required"].as_array().unwrap() {
                assert!(
                    properties.contains_key(required.as_str().unwrap()),
                    "{tool}"
                );
            }
        }
    }

    #[test]
    fn some_keeps_every_server_and_the_count() {
        let tools = some(500).unwrap();
        assert_eq!(tools.len(), 500);
        let servers: BTreeSet<_> = tools
            .iter()
            .map(|tool| tool["server"].to_string())
            .collect();
        assert!(servers.len() >= 45, "{}", servers.len());
        assert!(some(1_000_000).is_none());
        assert_eq!(some(0), Some(Vec::new()));
    }
}
