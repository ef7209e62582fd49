//! The model's side: the next reply, from the conversation that it is sent and nothing else.
//!
//! How far it is it knows from its own words, each of which names its step; what a call needs to say it looks up in the text
//! before it; a tool it calls only where its definition stands in this very request, and otherwise searches for it first. What
//! was taken out of the conversation it has therefore forgotten, does again or can't do, as a model would.
//!
//! Kept beside it are notes of what it had before it at each step. It does not read them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use regex::{Captures, Regex};
use serde_json::{Value, json};

use super::plan::{Act, Plan, Turn};
use crate::model::{Answer, Conversation};

static STEP: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\[step (\d+)\]").expect("it is one"));
static SEARCH: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\[search (\d+)\]").expect("it is one"));
static PART: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"Part (\d+) of").expect("it is one"));
static NEEDED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\{\{([^{}]+)\}\}").expect("it is one"));

/// Searches for one tool before it is called by its name all the same.
const SEARCHES_MAX: usize = 2;

/// What the model had before it when a step was due for the first time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Note {
    /// The tool, where the step is a call.
    pub tool: Option<String>,
    /// Whether its definition was in the list of tools.
    pub listed: bool,
    /// Whether its definition was in the text.
    pub in_text: bool,
    /// What it should have found in the text and did not.
    pub forgotten: Vec<String>,
    /// Whether the tool was called without a definition, since no search brought it.
    pub blind: bool,
    /// How many searches it took.
    pub searches: usize,
    /// Whether it was taken, and not only searched for.
    pub taken: bool,
}

/// Notes by step.
pub(super) type Notes = Arc<Mutex<BTreeMap<usize, Note>>>;

/// The model's side of a plan.
pub(super) fn player(
    plan: &Plan,
    notes: Notes,
) -> impl Fn(&Conversation) -> Answer + Send + Sync + 'static {
    let turns = plan.turns.clone();
    move |asked| reply(&turns, asked, &notes)
}

fn reply(turns: &[Turn], asked: &Conversation, notes: &Notes) -> Answer {
    let text = text(asked);
    if let Some(summary) = summary(asked) {
        return Answer::say(&summary);
    }
    let words = asked.user().map_or("", |said| &said.text);
    let part = last(&PART, words).or_else(|| last(&PART, &text));
    let turn = turns
        .iter()
        .rev()
        .find(|turn| number(&PART, &turn.words) <= part)
        .unwrap_or(&turns[0]);
    let done = last(&STEP, &text).unwrap_or(0);
    let at = (done + 1)
        .saturating_sub(turn.first)
        .min(turn.acts.len() - 1);
    let step = turn.first + at;
    let mut note = Note::default();
    let answer = match &turn.acts[at] {
        Act::Answer(words) => {
            note.taken = true;
            Answer::say(&format!("[step {step}] {words}"))
        }
        Act::Call {
            tool,
            arguments,
            query,
        } => {
            note.tool = Some(tool.clone());
            note.listed = asked.tool_names().contains(&tool.as_str());
            note.in_text = asked
                .messages
                .iter()
                .any(|said| said.text.contains(&format!("\"name\":\"{tool}\"")));
            note.searches = searches(asked, step);
            let blind = !note.listed && !note.in_text && note.searches >= SEARCHES_MAX;
            note.blind = blind;
            note.taken = note.listed || note.in_text || blind;
            match note.taken {
                false => search(step, query, note.searches),
                true => {
                    let arguments = known(arguments, &text, &mut note.forgotten);
                    say_and_call(step, tool, arguments, note.listed)
                }
            }
        }
    };
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    let first = notes.entry(step).or_insert_with(|| note.clone());
    first.searches = first.searches.max(note.searches);
    first.blind |= note.blind;
    first.taken |= note.taken;
    for forgotten in note.forgotten {
        if !first.forgotten.contains(&forgotten) {
            first.forgotten.push(forgotten);
        }
    }
    answer
}

fn say_and_call(step: usize, tool: &str, arguments: Value, listed: bool) -> Answer {
    let (name, arguments) = match listed {
        true => (tool, arguments),
        false => ("call_tool", json!({ "name": tool, "arguments": arguments })),
    };
    Answer::say(&format!("[step {step}]")).and_call(name, arguments)
}

fn search(step: usize, query: &str, before: usize) -> Answer {
    let query = match before {
        0 => query.to_owned(),
        _ => format!("a tool to {query}"),
    };
    Answer::say(&format!("[search {step}]")).and_call("find_tools", json!({ "query": query }))
}

/// How often a step's tool was searched for, as far as is still to be seen.
fn searches(asked: &Conversation, step: usize) -> usize {
    let own = asked
        .messages
        .iter()
        .filter(|said| said.role == "assistant");
    own.filter(|said| number(&SEARCH, &said.text) == Some(step))
        .count()
}

/// The arguments with what must be found put in.
fn known(arguments: &Value, text: &str, forgotten: &mut Vec<String>) -> Value {
    match arguments {
        Value::String(template) => {
            let filled = NEEDED.replace_all(template, |found: &Captures<'_>| {
                if !text.contains(&found[1]) {
                    forgotten.push(found[1].to_owned());
                    return "0".to_owned();
                }
                found[1].to_owned()
            });
            json!(filled)
        }
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| (name.clone(), known(value, text, forgotten)));
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}

/// Everything that is said in a conversation, arguments of calls included.
pub(super) fn text(asked: &Conversation) -> String {
    let mut text = String::new();
    for said in &asked.messages {
        text.push_str(&said.text);
        text.push('\n');
        for (name, arguments) in &said.calls {
            text.push_str(name);
            text.push(' ');
            strings(arguments, &mut text);
            text.push('\n');
        }
    }
    text
}

/// The texts and numbers of arguments, as a reader sees them and not as JSON escapes them.
fn strings(value: &Value, text: &mut String) {
    match value {
        Value::String(string) => text.push_str(string),
        Value::Array(items) => items.iter().for_each(|item| strings(item, text)),
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            text.push_str(name);
            text.push('=');
            strings(member, text);
        }),
        other => text.push_str(&other.to_string()),
    }
    text.push(' ');
}

/// A poor summary where one is asked for: it forgets nearly everything, as small models do.
fn summary(asked: &Conversation) -> Option<String> {
    let words = asked.last().filter(|said| said.role == "user")?;
    let words = words.text.to_lowercase();
    if !words.contains("summary") || !words.contains("headings") {
        return None;
    }
    let step = last(&STEP, &text(asked)).unwrap_or(0);
    Some(format!(
        "Goal: finish the parts.\nConstraints: as the user said.\nDone: all up to [step {step}].\nState: at work.\n\
         Open: the other parts.\nNext: the step behind it."
    ))
}

fn number(pattern: &Regex, text: &str) -> Option<usize> {
    pattern.captures(text)?[1].parse().ok()
}

/// The highest of them: later ones may be quoted before earlier ones.
fn last(pattern: &Regex, text: &str) -> Option<usize> {
    let all = pattern.captures_iter(text);
    all.filter_map(|found| found[1].parse().ok()).max()
}
