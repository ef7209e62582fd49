//! `steps`: how the model keeps its plan. The plan lives in the journal and is shown to the model behind its last message,
//! so that it survives whatever is taken out of the conversation.
//!
//! One tool that takes the whole list, since small models lose count when they edit a list by index. What they send is
//! read forgivingly: a list of strings, a list as JSON text, or the lines of a Markdown task list mean what they seem to.
//! The hub's other own tools, `find_tools` and `call_tool`, stand in `search`.

use serde_json::{Map, Value, json};
use toolpool_config::fixed::{STEP_CHARS_MAX, STEPS_MAX};

use crate::journal::entry::{StepItem, StepState};

/// Name of the tool that keeps the steps.
pub const STEPS: &str = "steps";

/// The definition of `steps` as a function of the chat API, as canonical JSON. Every token of it is paid in every request.
#[must_use]
pub fn steps_definition() -> String {
    let definition = json!({
        "type": "function",
        "function": {
            "name": STEPS,
            "description": "Keep your plan of a longer task: send all steps each time one changes.",
            "parameters": {
                "type": "object",
                "properties": {
                    "items": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {
                                "text": {"type": "string"},
                                "state": {"enum": ["open", "doing", "done"]}
                            }
                        }
                    }
                },
                "required": ["items"]
            }
        }
    });
    toolpool_registry::canonical(&definition)
}

/// Reads the arguments of `steps`.
///
/// # Errors
/// One sentence for the model.
pub fn steps_arguments(arguments: &Map<String, Value>) -> Result<Vec<StepItem>, String> {
    let items = ["items", "steps", "list", "plan", "todos"]
        .iter()
        .find_map(|name| arguments.get(*name))
        .or_else(|| arguments.values().next().filter(|_| arguments.len() == 1))
        .ok_or_else(|| format!("`{STEPS}` needs `items`: a list of `{{text, state}}`"))?;
    let items: Vec<StepItem> = match items {
        Value::Array(items) => items
            .iter()
            .map(item)
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .collect(),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(list @ Value::Array(_)) => {
                return steps_arguments(&Map::from_iter([("items".to_owned(), list)]));
            }
            _ => text.lines().filter_map(line).collect(),
        },
        Value::Null => Vec::new(),
        _ => return Err(format!("`items` of `{STEPS}` must be a list of steps")),
    };
    if items.len() > STEPS_MAX {
        return Err(format!(
            "`{STEPS}` takes at most {STEPS_MAX} items, and these are {}: join some",
            items.len()
        ));
    }
    Ok(items)
}

/// What `steps` answers: short, since the steps themselves are shown at the end of every request.
#[must_use]
pub fn steps_answer(items: &[StepItem]) -> String {
    let count = |state: StepState| items.iter().filter(|item| item.state == state).count();
    let (done, all) = (count(StepState::Done), items.len());
    match items.iter().find(|item| item.state != StepState::Done) {
        _ if items.is_empty() => "No steps are kept.".into(),
        None => "All steps are done.".into(),
        Some(next) => format!("{done} of {all} steps done. Next: {}", next.text),
    }
}

/// One item of the list; none where it is blank.
fn item(value: &Value) -> Result<Option<StepItem>, String> {
    match value {
        Value::String(text) => Ok(line(text)),
        Value::Object(object) => {
            let text = ["text", "step", "title", "content", "task", "description"]
                .iter()
                .find_map(|name| object.get(*name)?.as_str())
                .ok_or_else(|| format!("each item of `{STEPS}` needs `text`"))?;
            let said = ["state", "status", "done", "completed"]
                .iter()
                .find_map(|name| object.get(*name));
            let Some(mut item) = line(text) else {
                return Ok(None);
            };
            match said {
                None | Some(Value::Null) => {}
                Some(Value::Bool(done)) => {
                    item.state = if *done {
                        StepState::Done
                    } else {
                        StepState::Open
                    };
                }
                Some(value) => {
                    item.state = value.as_str().and_then(state).ok_or_else(|| {
                        format!("`state` is `open`, `doing` or `done`, and not `{value}`")
                    })?;
                }
            }
            Ok(Some(item))
        }
        other => Err(format!(
            "an item of `{STEPS}` is `{{text, state}}`, and not `{other}`"
        )),
    }
}

/// A line of a list: `- [x] text`, `2. text`, or the text alone.
fn line(text: &str) -> Option<StepItem> {
    let mut rest = text.trim();
    let bullet = rest.trim_start_matches(['-', '*', '•']);
    if bullet.starts_with([' ', '[']) {
        rest = bullet.trim_start();
    }
    let number = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    if number.len() < rest.len()
        && let Some(after) = number
            .strip_prefix(". ")
            .or_else(|| number.strip_prefix(") "))
    {
        rest = after.trim_start();
    }
    let mut state = StepState::Open;
    for (mark, means) in [
        ("[ ]", StepState::Open),
        ("[]", StepState::Open),
        ("[x]", StepState::Done),
        ("[X]", StepState::Done),
        ("[~]", StepState::Doing),
        ("[-]", StepState::Doing),
        ("[>]", StepState::Doing),
    ] {
        if let Some(after) = rest.strip_prefix(mark) {
            (rest, state) = (after, means);
            break;
        }
    }
    let words: Vec<&str> = rest.split_whitespace().collect();
    let text: String = words.join(" ").chars().take(STEP_CHARS_MAX).collect();
    (!text.is_empty()).then_some(StepItem { text, state })
}

fn state(word: &str) -> Option<StepState> {
    let word: String = word
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect::<String>()
        .to_lowercase();
    match word.as_str() {
        "open" | "todo" | "pending" | "notstarted" | "new" | "" => Some(StepState::Open),
        "doing" | "inprogress" | "active" | "current" | "started" | "running" => {
            Some(StepState::Doing)
        }
        "done" | "completed" | "complete" | "finished" | "x" | "true" => Some(StepState::Done),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use toolpool_registry::TokenCounter;

    use super::*;

    fn read(value: Value) -> Result<String, String> {
        let items = steps_arguments(value.as_object().expect("an object"))?;
        let shown = items.iter().map(|item| {
            let mark = match item.state {
                StepState::Open => ' ',
                StepState::Doing => '~',
                StepState::Done => 'x',
            };
            format!("[{mark}] {}", item.text)
        });
        Ok(shown.collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn what_models_send_means_what_it_seems_to() {
        let wanted = Ok("[x] read it; [~] change it; [ ] test it".to_owned());
        for sent in [
            json!({"items": [{"text": "read it", "state": "done"}, {"text": "change it", "state": "doing"}, {"text": "test it"}]}),
            json!({"items": ["[x] read it", "- [~] change  it", "test it"]}),
            json!({"items": "- [x] read it\n- [~] change it\n\n- [ ] test it\n"}),
            json!({"items": "[{\"text\": \"read it\", \"state\": \"completed\"}, \"[~] change it\", \"test it\"]"}),
            json!({"steps": [{"step": "1. read it", "status": "Completed"}, {"title": "change it", "status": "in_progress"}, {"content": "test it", "done": false}]}),
            json!({"whatever": ["[X] read it", "[-] change it", "* test it"]}),
        ] {
            assert_eq!(read(sent.clone()), wanted, "{sent}");
        }
        assert_eq!(read(json!({"items": []})), Ok(String::new()));
        assert_eq!(
            read(json!({"items": ["3 files", "-v flag"]})),
            Ok("[ ] 3 files; [ ] -v flag".into())
        );
    }

    #[test]
    fn what_has_no_meaning_is_refused_in_a_sentence() {
        for bad in [
            json!({}),
            json!({"items": 3}),
            json!({"items": [3]}),
            json!({"items": [{"state": "done"}]}),
            json!({"items": [{"text": "a", "state": "nearly"}]}),
            json!({"items": vec!["a"; STEPS_MAX + 1]}),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
        let long = read(json!({"items": ["a".repeat(2 * STEP_CHARS_MAX)]})).expect("cut");
        assert_eq!(long.len(), STEP_CHARS_MAX + 4);
    }

    #[test]
    fn the_definition_is_small_and_the_answer_names_the_next_step() {
        let tokens = TokenCounter::bundled().count(&steps_definition());
        assert!(tokens < 90, "{tokens} tokens");
        let items =
            |value: Value| steps_arguments(value.as_object().expect("an object")).expect("steps");
        assert_eq!(
            steps_answer(&items(json!({"items": ["[x] a", "b"]}))),
            "1 of 2 steps done. Next: b"
        );
        assert_eq!(
            steps_answer(&items(json!({"items": ["[x] a"]}))),
            "All steps are done."
        );
        assert_eq!(steps_answer(&[]), "No steps are kept.");
    }
}
