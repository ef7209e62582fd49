//! `docs`: what toolpool says about itself, for an agent that answers questions about it. It only reads what is compiled in and
//! the settings in force, secrets left out.
//!
//! A section is a part of the README under one heading, or one section of the configuration: each setting with what the schema
//! says of it and its value now. Ranked by words, since the person asks in the words that stand there.

use serde_json::{Map, Value, json};
use toolpool_config::Config;
use toolpool_config::fixed::{DOCS_BYTES_MAX, DOCS_SECTIONS_MAX};

use crate::journal::Redactor;

/// Name of the tool that reads the manual.
pub const DOCS: &str = "docs";

const README: &str = include_str!("../../README.md");

/// A part of the manual.
struct Section {
    title: String,
    text: String,
}

/// The definition as a function of the chat API, as canonical JSON.
#[must_use]
pub fn definition() -> String {
    let definition = json!({
        "type": "function",
        "function": {
            "name": DOCS,
            "description": "Read toolpool's manual and the settings in force. Without a query: the list of sections.",
            "parameters": {
                "type": "object",
                "properties": {"query": {"type": "string", "description": "A few words, such as the name of a setting"}}
            }
        }
    });
    toolpool_registry::canonical(&definition)
}

/// Answers a call of `docs`.
#[must_use]
pub fn answer(arguments: &Map<String, Value>, config: &Config) -> String {
    let query = ["query", "topic", "question", "section", "words"]
        .iter()
        .find_map(|name| arguments.get(*name)?.as_str())
        .unwrap_or_default();
    let mut sections = readme(README);
    sections.extend(settings(config));
    let words = words(query);
    let found = match words.is_empty() {
        true => Vec::new(),
        false => best(&sections, &words),
    };
    let text = if found.is_empty() {
        let titles: Vec<String> = sections
            .iter()
            .map(|section| format!("- {}", section.title))
            .collect();
        let head = match words.is_empty() {
            true => "The sections:".to_owned(),
            false => format!("Nothing about `{query}`. The sections:"),
        };
        format!("{head}\n{}", titles.join("\n"))
    } else {
        let texts = found
            .iter()
            .map(|section| format!("# {}\n{}", section.title, section.text.trim()));
        texts.collect::<Vec<_>>().join("\n\n")
    };
    // Headers and variables are hidden by their type; this is for what stands elsewhere.
    let text = Redactor::of(config).hide(&text);
    let end = text.floor_char_boundary(DOCS_BYTES_MAX);
    match end < text.len() {
        true => format!("{}\n[cut; ask for less at once]", &text[..end]),
        false => text,
    }
}

fn best<'a>(sections: &'a [Section], words: &[String]) -> Vec<&'a Section> {
    let mut scored: Vec<(usize, &Section)> = sections
        .iter()
        .map(|section| {
            let (title, text) = (section.title.to_lowercase(), section.text.to_lowercase());
            let score = words
                .iter()
                .map(|word| {
                    3 * usize::from(title.contains(word)) + usize::from(text.contains(word))
                })
                .sum();
            (score, section)
        })
        .filter(|(score, _)| *score > 0)
        .collect();
    // Stable: of two that say as much the earlier one.
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    let sections = scored.into_iter().map(|(_, section)| section);
    sections.take(DOCS_SECTIONS_MAX).collect()
}

fn words(query: &str) -> Vec<String> {
    query
        .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| word.chars().count() > 2)
        .map(str::to_lowercase)
        .collect()
}

/// The README by its headings; what stands in a fence is none.
fn readme(text: &str) -> Vec<Section> {
    let (mut sections, mut fenced) = (Vec::<Section>::new(), false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let heading = line.trim_start_matches('#');
        if !fenced && line.starts_with('#') && heading.starts_with(' ') {
            sections.push(Section {
                title: heading.trim().to_owned(),
                text: String::new(),
            });
        } else if let Some(section) = sections.last_mut() {
            section.text.push_str(line);
            section.text.push('\n');
        }
    }
    sections.retain(|section| !section.text.trim().is_empty());
    sections
}

/// The configuration by its sections.
fn settings(config: &Config) -> Vec<Section> {
    let schema = toolpool_config::schema();
    let now = serde_json::to_value(config).unwrap_or_default();
    let (mut sections, mut top) = (Vec::new(), String::new());
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        let named = property["additionalProperties"]["$ref"].as_str();
        let inner = property["$ref"].as_str().or(named);
        let about = property["description"].as_str().unwrap_or_default();
        let Some(inner) = inner.and_then(|path| schema.pointer(path.strip_prefix('#')?)) else {
            top.push_str(&setting(key, property, &now[key.as_str()]));
            continue;
        };
        let mut text = format!("{about}\n");
        let prefix = match named {
            Some(_) => format!("{key}.NAME"),
            None => key.clone(),
        };
        for (name, property) in inner["properties"].as_object().into_iter().flatten() {
            let value = match named {
                Some(_) => &Value::Null,
                None => &now[key.as_str()][name.as_str()],
            };
            text.push_str(&setting(&format!("{prefix}.{name}"), property, value));
        }
        if named.is_some() {
            let names = now[key.as_str()].as_object();
            let names: Vec<&str> = names
                .into_iter()
                .flatten()
                .map(|(name, _)| name.as_str())
                .collect();
            text.push_str(&format!("There are now: {}\n", names.join(", ")));
        }
        sections.push(Section {
            title: format!("settings under [{prefix}]"),
            text,
        });
    }
    sections.push(Section {
        title: "settings at the top of the file".into(),
        text: top,
    });
    sections
}

fn setting(name: &str, property: &Value, now: &Value) -> String {
    let about = property["description"].as_str().unwrap_or_default();
    match now {
        Value::Null => format!("{name}: {about}\n"),
        now => format!("{name} = {now}: {about}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(query: &str) -> String {
        let arguments = json!({ "query": query });
        answer(
            arguments.as_object().expect("an object"),
            &Config::default(),
        )
    }

    #[test]
    fn settings_are_found_with_their_value_and_what_they_mean() {
        let said = ask("how many tools may a pool hold: tools_max?");
        assert!(
            said.contains("pool.tools_max = 16: The most tools in a pool"),
            "{said}"
        );
        assert!(ask("delegate depth_max").contains("delegate.depth_max = 2"));
        assert!(ask("agents").contains("explore, general, guide, plan, verify"));
    }

    #[test]
    fn what_is_not_there_is_answered_with_the_sections() {
        for query in ["", "xyzzyplugh"] {
            let said = ask(query);
            assert!(said.contains("- settings under [pool]"), "{said}");
        }
    }

    #[test]
    fn a_secret_is_never_said() {
        let mut config = Config::default();
        config.model.api_key = Some(toolpool_config::Secret::new("hunter2-hunter2"));
        let arguments = json!({"query": "model api_key"});
        let said = answer(arguments.as_object().expect("an object"), &config);
        assert!(
            said.contains("model.api_key") && !said.contains("hunter2"),
            "{said}"
        );
    }
}
