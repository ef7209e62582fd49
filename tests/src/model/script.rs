//! The script: what the model says to what.
//!
//! A script file is a list of rules over the conversation and nothing else, so that it can go on after the hub was killed and
//! came back: what the model is sent is all it knows. The first rule that holds gives the answer.
//!
//! ```json
//! { "rules": [
//!     { "when": { "user": "rename", "without": ["move_file"] },
//!       "then": { "say": "I move it.", "calls": [{ "name": "move_file", "arguments": { "from": "a", "to": "b" } }] } },
//!     { "when": { "of": "move_file", "result": "moved to (\\S+)" }, "then": { "say": "It is `{{1}}` now." } } ],
//!   "otherwise": { "say": "Done." } }
//! ```

use regex::Regex;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::conversation::Conversation;
use super::faults::Faults;

/// What the model says, and what goes wrong on the way.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Answer {
    /// The text. `{{1}}` and on are the groups of the rule's `result`, or of its `user` where it has no `result`.
    pub say: String,
    /// What it thinks first.
    pub reasoning: Option<String>,
    /// What it wants called.
    pub calls: Vec<Call>,
    /// What goes wrong.
    pub faults: Faults,
}

/// One call.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Call {
    /// The tool's name.
    pub name: String,
    /// Its arguments; texts in it may have `{{1}}` as well.
    pub arguments: Map<String, Value>,
    /// The arguments' text as the model writes it, also where that is no JSON; instead of `arguments`.
    pub raw: Option<String>,
}

impl Answer {
    /// Only words.
    pub fn say(text: &str) -> Answer {
        Answer {
            say: text.to_owned(),
            ..Answer::default()
        }
    }

    /// One call, no words.
    pub fn call(name: &str, arguments: Value) -> Answer {
        Answer::default().and_call(name, arguments)
    }

    /// One call more. Arguments that are no object are sent as the text they are.
    #[must_use]
    pub fn and_call(mut self, name: &str, arguments: Value) -> Answer {
        let (arguments, raw) = match arguments {
            Value::Object(arguments) => (arguments, None),
            Value::String(raw) => (Map::new(), Some(raw)),
            other => (Map::new(), Some(other.to_string())),
        };
        self.calls.push(Call {
            name: name.to_owned(),
            arguments,
            raw,
        });
        self
    }

    /// Thinks first.
    #[must_use]
    pub fn thinking(mut self, reasoning: &str) -> Answer {
        self.reasoning = Some(reasoning.to_owned());
        self
    }

    /// With these faults.
    #[must_use]
    pub fn with(mut self, faults: Faults) -> Answer {
        self.faults = faults;
        self
    }
}

impl Call {
    /// The text of the arguments.
    pub fn text(&self) -> String {
        let text = || serde_json::to_string(&self.arguments).expect("an object has a text");
        self.raw.clone().unwrap_or_else(text)
    }
}

/// When a rule holds: everything that is said must be so. Texts are regular expressions, found anywhere.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct When {
    /// In the person's last words.
    pub user: Option<Pattern>,
    /// The last message's role.
    pub last: Option<String>,
    /// The last message is a result of this tool, or of `call_tool` for it.
    pub of: Option<String>,
    /// The last message is a result, and this is in it.
    pub result: Option<Pattern>,
    /// Each of these tools has a result since the person's last words.
    pub with: Vec<String>,
    /// None of these tools has.
    pub without: Vec<String>,
    /// So many results have come since the person's last words.
    pub results: Option<usize>,
    /// So many times the person has spoken.
    pub turn: Option<usize>,
    /// In the system message.
    pub system: Option<Pattern>,
    /// Anywhere in the conversation.
    pub anywhere: Option<Pattern>,
    /// Nowhere in the conversation.
    pub nowhere: Option<Pattern>,
    /// Each of these tools was sent along.
    pub offered: Vec<String>,
    /// None of these tools was.
    pub unoffered: Vec<String>,
}

/// A regular expression, refused when the script is read.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Pattern, D::Error> {
        Regex::new(&String::deserialize(from)?)
            .map(Pattern)
            .map_err(D::Error::custom)
    }
}

/// One rule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// When it holds; always, if nothing is said.
    #[serde(default)]
    pub when: When,
    /// The answer.
    pub then: Answer,
}

/// A script file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// The rules, tried in order.
    pub rules: Vec<Rule>,
    /// The answer where none holds; without it that is an error, told with what was asked.
    pub otherwise: Option<Answer>,
}

impl Rules {
    /// Reads a script file's text.
    ///
    /// # Errors
    /// When it is no such file, in words.
    pub fn parse(text: &str) -> Result<Rules, String> {
        serde_json::from_str(text).map_err(|error| format!("the script can't be read: {error}"))
    }

    /// The answer, and which rule gave it.
    pub fn answer(&self, asked: &Conversation) -> Option<(usize, Answer)> {
        let held = self
            .rules
            .iter()
            .enumerate()
            .find(|(_, rule)| rule.when.holds(asked));
        match held {
            Some((place, rule)) => Some((place, filled(&rule.then, &rule.when.groups(asked)))),
            None => self
                .otherwise
                .clone()
                .map(|answer| (self.rules.len(), answer)),
        }
    }
}

impl When {
    fn holds(&self, asked: &Conversation) -> bool {
        let found = |pattern: &Option<Pattern>, text: Option<&str>| {
            pattern
                .as_ref()
                .is_none_or(|pattern| text.is_some_and(|text| pattern.0.is_match(text)))
        };
        let last = asked.last();
        let since = asked.since_user();
        let results = since.iter().filter(|said| said.role == "tool").count();
        let answered = |tool: &String| since.iter().any(|said| said.is_result_of(tool));
        let offered = asked.tool_names();
        let offered = |tool: &String| offered.contains(&tool.as_str());
        let turns = asked
            .messages
            .iter()
            .filter(|said| said.role == "user")
            .count();
        let system = asked.messages.iter().find(|said| said.role == "system");
        let result = last.filter(|said| said.role == "tool");
        let mut texts = asked.messages.iter().map(|said| said.text.as_str());
        let all = texts.clone().collect::<Vec<_>>().join("\n");

        found(&self.user, asked.user().map(|said| said.text.as_str()))
            && self
                .last
                .as_deref()
                .is_none_or(|role| last.is_some_and(|said| said.role == role))
            && self
                .of
                .as_deref()
                .is_none_or(|tool| last.is_some_and(|said| said.is_result_of(tool)))
            && found(&self.result, result.map(|said| said.text.as_str()))
            && self.with.iter().all(answered)
            && !self.without.iter().any(answered)
            && self.results.is_none_or(|wanted| wanted == results)
            && self.turn.is_none_or(|wanted| wanted == turns)
            && found(&self.system, system.map(|said| said.text.as_str()))
            && found(&self.anywhere, Some(&all))
            && !self
                .nowhere
                .as_ref()
                .is_some_and(|pattern| texts.any(|text| pattern.0.is_match(text)))
            && self.offered.iter().all(offered)
            && !self.unoffered.iter().any(offered)
    }

    /// The groups that `{{1}}` and on stand for.
    fn groups(&self, asked: &Conversation) -> Vec<String> {
        let (pattern, text) = match (&self.result, &self.user) {
            (Some(pattern), _) => (pattern, asked.last()),
            (None, Some(pattern)) => (pattern, asked.user()),
            (None, None) => return Vec::new(),
        };
        let captures = text.and_then(|said| pattern.0.captures(&said.text));
        captures.map_or_else(Vec::new, |captures| {
            let group = |group: Option<regex::Match<'_>>| {
                group.map_or("", |found| found.as_str()).to_owned()
            };
            captures.iter().map(group).collect()
        })
    }
}

fn filled(answer: &Answer, groups: &[String]) -> Answer {
    let mut answer = answer.clone();
    let fill = |text: &mut String| {
        for (place, group) in groups.iter().enumerate() {
            *text = text.replace(&format!("{{{{{place}}}}}"), group);
        }
    };
    fill(&mut answer.say);
    if let Some(reasoning) = &mut answer.reasoning {
        fill(reasoning);
    }
    for call in &mut answer.calls {
        if let Some(raw) = &mut call.raw {
            fill(raw);
        }
        for value in call.arguments.values_mut() {
            each_text(value, &fill);
        }
    }
    answer
}

fn each_text(value: &mut Value, change: &impl Fn(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, change)),
        Value::Object(members) => members
            .values_mut()
            .for_each(|member| each_text(member, change)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Rules;
    use crate::model::conversation::Conversation;

    /// A task of two steps, told from the conversation alone.
    const TASK: &str = r#"{ "rules": [
        { "when": { "user": "rename (\\w+)", "without": ["read_file"] },
          "then": { "calls": [{ "name": "read_file", "arguments": { "path": "{{1}}.txt", "deep": [{ "of": "{{1}}" }] } }] } },
        { "when": { "of": "read_file", "result": "(?s)size (\\d+).*" },
          "then": { "say": "{{1}} bytes", "calls": [{ "name": "move_file", "raw": "{\"to\": {{1}}}" }] } },
        { "when": { "with": ["read_file", "move_file"], "last": "tool", "results": 2, "offered": ["move_file"] },
          "then": { "say": "moved" } } ] }"#;

    fn say(messages: Value, tools: &[&str]) -> Option<(usize, super::Answer)> {
        let tools: Vec<Value> = tools
            .iter()
            .map(|name| json!({ "function": { "name": name } }))
            .collect();
        let asked = Conversation::read(&json!({ "messages": messages, "tools": tools }));
        Rules::parse(TASK).expect("a script").answer(&asked)
    }

    #[test]
    fn a_task_goes_on_from_the_conversation_alone() {
        let user = json!({ "role": "user", "content": "rename notes" });
        let call = |name: &str| json!({ "role": "assistant", "tool_calls": [{ "function": { "name": name, "arguments": {} } }] });
        let result =
            |name: &str, text: &str| json!({ "role": "tool", "tool_name": name, "content": text });

        let (rule, answer) = say(json!([user]), &[]).expect("the first");
        assert_eq!(rule, 0);
        let arguments = Value::from(answer.calls[0].arguments.clone());
        assert_eq!(
            arguments,
            json!({ "path": "notes.txt", "deep": [{ "of": "notes" }] })
        );

        let step = json!([
            user,
            call("read_file"),
            result("read_file", "a file, size 17\nmore")
        ]);
        let (rule, answer) = say(step.clone(), &[]).expect("the second");
        assert_eq!((rule, answer.say.as_str()), (1, "17 bytes"));
        assert_eq!(answer.calls[0].text(), "{\"to\": 17}");

        let mut done = step.as_array().expect("a list").clone();
        done.extend([call("move_file"), result("move_file", "ok")]);
        assert_eq!(say(json!(done), &["move_file"]).expect("the third").0, 2);
        assert!(say(json!(done), &[]).is_none(), "the tool is not offered");
    }

    #[test]
    fn the_script_in_the_documentation_is_one() {
        let lines = include_str!("script.rs").lines();
        let block = lines
            .skip_while(|line| *line != "//! ```json")
            .skip(1)
            .take_while(|line| *line != "//! ```");
        let text: String = block.map(|line| line.trim_start_matches("//!")).collect();
        assert_eq!(Rules::parse(&text).expect("a script").rules.len(), 2);
    }

    #[test]
    fn a_script_with_a_slip_is_refused_in_words() {
        for (text, word) in [
            (
                r#"{ "rules": [{ "when": { "usr": "x" }, "then": {} }] }"#,
                "usr",
            ),
            (
                r#"{ "rules": [{ "when": { "user": "(" }, "then": {} }] }"#,
                "unclosed",
            ),
            (r#"{ "rules": [{ "when": {} }] }"#, "then"),
        ] {
            let error = Rules::parse(text).expect_err(text);
            assert!(error.contains(word), "{error}");
        }
    }
}
