//! Calls as a model would make them: arguments by the tool's own schema, with a fact in one of them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::office::{self, Size};
use super::plan::Act;
use super::server;

/// What this many tries do not find is not there.
const TRIES: usize = 2_000;

/// Tools of one department that a part of the task uses.
pub(super) struct Department {
    /// Lists or searches, page by page.
    pub(super) reader: &'static Value,
    /// Shows one thing by its number.
    pub(super) getter: &'static Value,
    /// Change something and take a text.
    pub(super) changers: Vec<&'static Value>,
}

/// The departments that have all of that, in the catalog's order.
pub(super) fn departments() -> Vec<Department> {
    let mut seen = BTreeSet::new();
    let names = office::catalog().iter().map(|tool| text(&tool["server"]));
    let names = names.filter(|name| seen.insert(*name));
    names.filter_map(department).collect()
}

fn department(name: &str) -> Option<Department> {
    let tools: Vec<&'static Value> = office::catalog()
        .iter()
        .filter(|tool| tool["server"] == name)
        .collect();
    let (readers, others): (Vec<&'static Value>, Vec<&'static Value>) = tools
        .into_iter()
        .partition(|tool| tool["annotations"]["readOnlyHint"] == true);
    let has_page = |tool: &&&Value| properties(tool).contains_key("page");
    let by_number = |tool: &&&Value| tool["inputSchema"]["required"] == json!(["id"]);
    let harmless = |tool: &&Value| tool["annotations"]["destructiveHint"] == false;
    let changers: Vec<&Value> = others
        .into_iter()
        .filter(harmless)
        .filter(|tool| holder(tool).is_some())
        .collect();
    let department = Department {
        reader: readers.iter().find(has_page)?,
        getter: readers.iter().find(by_number)?,
        changers,
    };
    (department.changers.len() >= 2).then_some(department)
}

/// A page of a tool that reads, of this size; `salt` tells pages apart.
pub(super) fn read(tool: &Value, salt: usize, wanted: Size) -> Act {
    let name = text(&tool["name"]);
    let arguments = (0..TRIES).map(|at| {
        let mut arguments = filled(tool, "north");
        arguments["page"] = json!(1 + at + salt * TRIES);
        arguments
    });
    let found = arguments
        .into_iter()
        .find(|arguments| office::size(name, arguments) == wanted);
    call(tool, found.expect("some page has this size"))
}

/// A look at something by its number, which must be found in the conversation.
pub(super) fn look(tool: &Value, number: &str) -> Act {
    let mut arguments = filled(tool, "");
    arguments["id"] = json!(format!("{{{{{number}}}}}"));
    call(tool, arguments)
}

/// A change with a fact in its arguments, and the fact. `locked`: it fails when it is made for the first time.
pub(super) fn change(tool: &Value, locked: bool, numbers: &mut Numbers) -> (Act, String) {
    let name = text(&tool["name"]);
    for _ in 0..TRIES {
        let number = numbers.take();
        let fact = match number % 3 {
            0 => format!("REF-{number}"),
            1 => format!("/srv/out/{number}.md"),
            _ => format!("https://wiki.example/p/{number}"),
        };
        let arguments = filled(tool, &fact);
        if office::fails_first(name, &arguments) == locked {
            return (call(tool, arguments), fact);
        }
    }
    unreachable!("one call in four fails at first")
}

/// What a change will say that it made.
pub(super) fn outcome(act: &Act) -> String {
    let Act::Call {
        tool, arguments, ..
    } = act
    else {
        return String::new();
    };
    let tool = office::catalog()
        .iter()
        .find(|known| exposed(known) == *tool)
        .expect("a change is made with one of the office's tools");
    office::made(text(&tool["name"]), arguments)
}

/// A call of the workspace.
pub(super) fn file(tool: &str, arguments: Value) -> Act {
    Act::Call {
        tool: format!("workspace__{tool}"),
        arguments,
        query: format!("{} of the workspace", tool.replace('_', " ")),
    }
}

/// The hub's own tool that keeps the plan.
pub(super) fn steps(part: usize, now: &str) -> Act {
    let items = [
        json!({ "text": format!("part {part}: {now}"), "state": "doing" }),
        json!({ "text": format!("part {part}: change and write"), "state": "open" }),
    ];
    Act::Call {
        tool: "steps".to_owned(),
        arguments: json!({ "items": items }),
        query: String::new(),
    }
}

/// A call of one of the office's tools.
pub(super) fn call(tool: &Value, arguments: Value) -> Act {
    Act::Call {
        tool: exposed(tool),
        arguments,
        query: words_of(tool),
    }
}

/// The arguments that a tool demands; the first free text is this one.
pub(super) fn filled(tool: &Value, first: &str) -> Value {
    let holder = holder(tool);
    let required = tool["inputSchema"]["required"].as_array();
    let required = required.into_iter().flatten().filter_map(Value::as_str);
    let all = required.map(|name| {
        let value = match holder == Some(name) {
            true => json!(first),
            false => any(&properties(tool)[name]),
        };
        (name.to_owned(), value)
    });
    Value::Object(all.collect())
}

/// What a tool does, as a person would ask for it.
pub(super) fn words_of(tool: &Value) -> String {
    let mut words = String::new();
    for letter in text(&tool["name"]).chars() {
        match letter {
            '_' | '-' => words.push(' '),
            upper if upper.is_uppercase() => words.extend([' ', upper.to_ascii_lowercase()]),
            other => words.push(other),
        }
    }
    words
}

/// A file that is long enough to matter in a small window.
pub(super) fn notes_of(part: usize) -> String {
    let lines = (1..=30).map(|line| {
        format!(
            "{part}.{line} the ledger of week {line} was closed by hand and not counted again\n"
        )
    });
    lines.collect()
}

/// The name by which the hub offers it.
pub(super) fn exposed(tool: &Value) -> String {
    format!("{}__{}", server::NAME, text(&tool["name"]))
}

/// The first demanded argument that takes any text.
fn holder(tool: &Value) -> Option<&str> {
    let required = tool["inputSchema"]["required"].as_array()?;
    let names = required.iter().filter_map(Value::as_str);
    names.into_iter().find(|name| {
        let schema = &properties(tool)[*name];
        *name != "id"
            && schema["type"] == "string"
            && schema.get("enum").is_none()
            && schema.get("format").is_none()
    })
}

fn properties(tool: &Value) -> &Map<String, Value> {
    tool["inputSchema"]["properties"]
        .as_object()
        .expect("the catalog's tools have properties")
}

fn any(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    match schema["type"].as_str() {
        Some("integer" | "number") => json!(7),
        Some("boolean") => json!(true),
        Some("array") => json!(["north"]),
        Some("object") => json!({}),
        _ if schema["format"] == "date-time" => json!("2026-03-02T09:00:00Z"),
        _ => json!("north"),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Numbers of five digits, each once.
#[derive(Default)]
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn take(&mut self) -> u64 {
        self.0 += 1;
        10_000 + self.0 * 7_919 % 90_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_departments_can_do_a_part() {
        assert!(departments().len() >= 12, "{}", departments().len());
    }

    #[test]
    fn arguments_are_what_the_schema_says() {
        for tool in office::catalog() {
            let validator = jsonschema::validator_for(&tool["inputSchema"]).expect("a schema");
            let arguments = filled(tool, "REF-1");
            assert!(validator.is_valid(&arguments), "{tool} {arguments}");
        }
    }
}
