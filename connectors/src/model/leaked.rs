//! Calls that the server did not take for calls and left in the text, in the notations that models are trained on.
//!
//! Only a name that the request offered makes a call of a text, and never what is quoted: in backticks, or in a code fence
//! that more prose follows. While a reply streams, text that may be the beginning of a notation is held back ([`Hold`]), so
//! that a person does not see it appear and vanish.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::arguments::unfenced;
use super::think::partial;

/// A call found in the text: its name and the text of its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leak {
    pub(super) name: String,
    pub(super) arguments: String,
}

/// What the request offered: each tool's name and the schema of its arguments.
pub(super) type Offered = Vec<(String, Value)>;

/// Reads the tools of a request. Their text is ours, so what can't be read has no name to match.
pub(super) fn offered(tools: &[std::sync::Arc<str>]) -> Offered {
    let read = |tool: &std::sync::Arc<str>| {
        let mut tool: Value = serde_json::from_str(tool).ok()?;
        let function = tool.get_mut("function")?;
        let name = function.get("name")?.as_str()?.to_owned();
        let schema = function.get_mut("parameters").map(Value::take);
        Some((name, schema.unwrap_or_default()))
    };
    tools.iter().filter_map(read).collect()
}

const HERMES: &str = "<tool_call>";
const HERMES_END: &str = "</tool_call>";
const FUNCTION: &str = "<function=";
const FUNCTION_END: &str = "</function>";
const PYTHON: &str = "<|python_tag|>";
const MISTRAL: &str = "[TOOL_CALLS]";
const MARKS: [&str; 4] = [HERMES, FUNCTION, PYTHON, MISTRAL];
const FENCE: &str = "```";

/// The text without its calls, and the calls; nothing where there is none.
pub(super) fn find(text: &str, offered: &Offered) -> Option<(String, Vec<Leak>)> {
    if offered.is_empty() {
        return None;
    }
    let known = |leaks: &[Leak]| {
        !leaks.is_empty()
            && leaks
                .iter()
                .all(|leak| offered.iter().any(|(name, _)| *name == leak.name))
    };
    let whole = unfenced(text.trim());
    if whole.starts_with(['{', '[']) && !whole.starts_with(MISTRAL) {
        return bare(whole)
            .filter(|leaks| known(leaks))
            .map(|leaks| (String::new(), leaks));
    }
    let (start, stop) = place(text)?;
    let (leaks, behind) = notation(&text[start..stop], offered);
    if !known(&leaks) {
        return None;
    }
    let mut kept = before_fence(&text[..start]).trim_end().to_owned();
    let behind = behind.trim().trim_matches('`').trim();
    if !behind.is_empty() {
        kept.push_str("\n\n");
        kept.push_str(behind);
    }
    Some((kept.trim_start().to_owned(), leaks))
}

/// Where the first mark that is not quoted stands, and where its text ends.
fn place(text: &str) -> Option<(usize, usize)> {
    let mut from = 0;
    loop {
        let (at, mark) = MARKS
            .iter()
            .filter_map(|mark| Some((from + text[from..].find(mark)?, *mark)))
            .min()?;
        let before = &text[..at];
        from = at + mark.len();
        let fenced = before.matches(FENCE).count() % 2 == 1;
        if fenced {
            let end = text[at..].find(FENCE).map_or(text.len(), |end| at + end);
            let last = text[end..].trim_start_matches('`').trim().is_empty();
            if last {
                return Some((at, end));
            }
            from = end;
        } else if !before.ends_with('`') {
            return Some((at, text.len()));
        }
    }
}

/// The text without a fence that it opens at its end.
fn before_fence(text: &str) -> &str {
    match text.rfind(FENCE) {
        Some(at) if text.matches(FENCE).count() % 2 == 1 => &text[..at],
        _ => text,
    }
}

/// The calls of a text that begins with a mark, and what stands behind them.
fn notation<'a>(text: &'a str, offered: &Offered) -> (Vec<Leak>, &'a str) {
    let mut leaks = Vec::new();
    let mut rest = text;
    loop {
        let text = rest.trim_start();
        let (found, behind) = if let Some(body) = text.strip_prefix(HERMES) {
            hermes(body, offered)
        } else if text.starts_with(FUNCTION) {
            function(text, offered)
        } else if let Some(body) = text.strip_prefix(PYTHON) {
            python(body)
        } else if let Some(body) = text.strip_prefix(MISTRAL) {
            mistral(body)
        } else {
            return (leaks, rest);
        };
        if found.is_empty() {
            return (leaks, rest);
        }
        leaks.extend(found);
        rest = behind;
    }
}

/// `{json}</tool_call>`, or the XML of Qwen3-coder inside it; the end may be missing.
fn hermes<'a>(body: &'a str, offered: &Offered) -> (Vec<Leak>, &'a str) {
    let body = body.trim_start();
    if body.starts_with(FUNCTION) {
        let (leaks, rest) = function(body, offered);
        let rest = rest.trim_start();
        return (leaks, rest.strip_prefix(HERMES_END).unwrap_or(rest));
    }
    // A value that can be read shows its own end, also where a string in it holds the end mark.
    if let Some((leaks, rest)) = first_value(body) {
        let rest = rest.trim_start();
        return (leaks, rest.strip_prefix(HERMES_END).unwrap_or(rest));
    }
    let end = [HERMES_END, HERMES]
        .iter()
        .filter_map(|mark| body.find(mark))
        .min();
    let (body, rest) = body.split_at(end.unwrap_or(body.len()));
    let leak = named_loosely(unfenced(body.trim()));
    (
        leak.into_iter().collect(),
        rest.strip_prefix(HERMES_END).unwrap_or(rest),
    )
}

/// `<function=name>` with `<parameter=x>value</parameter>` or a JSON object.
fn function<'a>(text: &'a str, offered: &Offered) -> (Vec<Leak>, &'a str) {
    let body = &text[FUNCTION.len()..];
    let Some((name, body)) = body.split_once('>') else {
        return (Vec::new(), text);
    };
    let name = name.trim().trim_matches('"').to_owned();
    let closed = body.find(FUNCTION_END).or_else(|| body.find(HERMES_END));
    let (inside, rest) = body.split_at(closed.unwrap_or(body.len()));
    let rest = rest.strip_prefix(FUNCTION_END).unwrap_or(rest);
    let inside = inside.trim();
    let arguments = if inside.starts_with('{') || inside.is_empty() {
        inside.to_owned()
    } else if inside.starts_with("<parameter=") {
        let schema = offered.iter().find(|(known, _)| *known == name);
        Value::Object(parameters(inside, schema.map(|(_, schema)| schema))).to_string()
    } else {
        return (Vec::new(), text);
    };
    // Without its end mark it may have been cut off, in the middle of a value too. Its arguments are then left open as well:
    // they are completed where the reply came to its end, and refused where it did not.
    let arguments = match (closed, arguments.strip_suffix('}')) {
        (None, Some(open)) => open.to_owned(),
        (None, None) | (Some(_), _) => arguments,
    };
    (vec![Leak { name, arguments }], rest)
}

fn parameters(inside: &str, schema: Option<&Value>) -> Map<String, Value> {
    let mut object = Map::new();
    for piece in inside.split("<parameter=").skip(1) {
        let Some((name, value)) = piece.split_once('>') else {
            continue;
        };
        let value = value
            .rfind("</parameter>")
            .map_or(value, |end| &value[..end]);
        let value = value.strip_prefix('\n').unwrap_or(value);
        let value = value.strip_suffix('\n').unwrap_or(value);
        let name = name.trim().to_owned();
        let kind = schema.map_or(&Value::Null, |schema| &schema["properties"][&name]["type"]);
        object.insert(name, typed(value, kind));
    }
    object
}

/// XML has texts only: what the schema does not call a text is read as JSON where it is that.
fn typed(text: &str, kind: &Value) -> Value {
    if kind == "string" {
        return Value::String(text.to_owned());
    }
    match text.trim() {
        "True" => Value::Bool(true),
        "False" => Value::Bool(false),
        "None" => Value::Null,
        trimmed => serde_json::from_str(trimmed).unwrap_or_else(|_| Value::String(text.to_owned())),
    }
}

/// Objects one after the other, with `;` between them.
fn python(body: &str) -> (Vec<Leak>, &str) {
    let mut leaks = Vec::new();
    let mut rest = body;
    while let Some((found, behind)) = first_value(rest.trim_start_matches([';', ' ', '\n'])) {
        leaks.extend(found);
        rest = behind;
    }
    if leaks.is_empty() {
        leaks.extend(named_loosely(body.trim()));
        rest = "";
    }
    (leaks, rest)
}

/// `[{"name":…}]`, or `name[ARGS]{…}`, the latter also with an id before the arguments or without the mark.
fn mistral(body: &str) -> (Vec<Leak>, &str) {
    let body = body.trim_start();
    if body.starts_with(['[', '{']) {
        return match first_value(body) {
            Some(found) => found,
            None => (named_loosely(body.trim()).into_iter().collect(), ""),
        };
    }
    let Some(at) = body.find(['[', '{']) else {
        return (Vec::new(), body);
    };
    let name = body[..at].trim().to_owned();
    let arguments = match body.find("[ARGS]") {
        Some(mark) => &body[mark + "[ARGS]".len()..],
        None => &body[at..],
    };
    let arguments = arguments.trim_start();
    let (text, rest) = match raw_value(arguments) {
        Some((value, rest)) => (value.get().to_owned(), rest),
        None => {
            let end = arguments.find(MISTRAL).unwrap_or(arguments.len());
            (arguments[..end].trim().to_owned(), &arguments[end..])
        }
    };
    let leak = Leak {
        name,
        arguments: text,
    };
    (vec![leak], rest)
}

/// A call as the whole answer: an object, or a list of them.
fn bare(text: &str) -> Option<Vec<Leak>> {
    match first_value(text) {
        Some((leaks, rest)) => {
            let mut leaks = leaks;
            let mut rest = rest.trim_start_matches([';', '\n', ' ']);
            while let Some((more, behind)) = first_value(rest) {
                leaks.extend(more);
                rest = behind.trim_start_matches([';', '\n', ' ']);
            }
            rest.trim().is_empty().then_some(leaks)
        }
        None => text
            .starts_with('{')
            .then(|| named_loosely(text).into_iter().collect()),
    }
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(default)]
    name: Option<String>,
    #[serde(default, borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(default, borrow)]
    parameters: Option<&'a RawValue>,
    #[serde(default, borrow)]
    function: Option<&'a RawValue>,
}

impl Named<'_> {
    fn leak(self) -> Option<Leak> {
        if let Some(function) = self.function {
            return match serde_json::from_str::<Named<'_>>(function.get()) {
                Ok(inner) if inner.function.is_none() => inner.leak(),
                _ => {
                    let name: String = serde_json::from_str(function.get()).ok()?;
                    let arguments = self.arguments.or(self.parameters)?.get().to_owned();
                    Some(Leak { name, arguments })
                }
            };
        }
        Some(Leak {
            name: self.name?,
            arguments: self.arguments.or(self.parameters)?.get().to_owned(),
        })
    }
}

/// The calls of the JSON value that the text begins with, and what stands behind it.
fn first_value(text: &str) -> Option<(Vec<Leak>, &str)> {
    let (value, rest) = raw_value(text)?;
    let leaks: Option<Vec<Leak>> = if value.get().starts_with('[') {
        let items: Vec<Named<'_>> = serde_json::from_str(value.get()).ok()?;
        items.into_iter().map(Named::leak).collect()
    } else {
        let named: Named<'_> = serde_json::from_str(value.get()).ok()?;
        named.leak().map(|leak| vec![leak])
    };
    Some((leaks?, rest))
}

fn raw_value(text: &str) -> Option<(&RawValue, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let value = values.next()?.ok()?;
    Some((value, &text[values.byte_offset()..]))
}

/// The name and the arguments' text of an object that is no valid JSON; what is wrong with it lies in the arguments, which
/// are repaired like any others.
fn named_loosely(text: &str) -> Option<Leak> {
    let quote = |c| matches!(c, '"' | '\'');
    let rest = text.strip_prefix('{')?.trim_start();
    let rest = rest.trim_start_matches(quote).strip_prefix("name")?;
    let rest = rest.trim_start_matches(quote).trim_start();
    let rest = rest.strip_prefix(':')?.trim_start().strip_prefix(quote)?;
    let (name, rest) = rest.split_once(quote)?;
    let rest = rest.trim_start().strip_prefix(',')?.trim_start();
    let rest = rest.trim_start_matches(quote);
    let rest = rest
        .strip_prefix("arguments")
        .or_else(|| rest.strip_prefix("parameters"))?;
    let rest = rest
        .trim_start_matches(quote)
        .trim_start()
        .strip_prefix(':')?;
    let arguments = rest.trim();
    // The last bracket closes the call and not its arguments; too many are taken off by the repair, too few added.
    let arguments = match arguments.strip_suffix('}') {
        Some(inner) if inner.trim_end().ends_with('}') => inner.trim_end(),
        _ => arguments,
    };
    Some(Leak {
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    })
}

/// Text on its way to the person, held back from where it may be a call.
#[derive(Debug, Default)]
pub(super) struct Hold {
    /// Nothing was offered, so nothing can be a call.
    open: bool,
    text: String,
    given: usize,
}

/// How an answer begins that may be a call as a whole, without spaces.
const BEGINNINGS: [&str; 6] = [
    "{\"name\"",
    "[{\"name\"",
    "{\"type\":\"function\"",
    "{\"function\"",
    "{\"arguments\"",
    "{\"parameters\"",
];

impl Hold {
    /// For a request that offered tools, or one that did not.
    pub(super) fn new(offers: bool) -> Hold {
        Hold {
            open: !offers,
            ..Hold::default()
        }
    }

    /// Takes a piece; what is certain to be text comes back.
    pub(super) fn push(&mut self, piece: &str) -> Option<String> {
        self.text.push_str(piece);
        if self.open {
            self.given = self.text.len();
            return (!piece.is_empty()).then(|| piece.to_owned());
        }
        if maybe_whole(&self.text) {
            return None;
        }
        let waiting = &self.text[self.given..];
        let sure = MARKS
            .iter()
            .filter_map(|mark| waiting.find(mark))
            .min()
            .unwrap_or_else(|| {
                let held = MARKS.iter().map(|mark| partial(waiting, mark)).max();
                waiting.len() - held.unwrap_or(0)
            });
        let given = waiting[..sure].to_owned();
        self.given += sure;
        (!given.is_empty()).then_some(given)
    }

    /// The whole text, and how much of it was given out.
    pub(super) fn end(self) -> (String, usize) {
        (self.text, self.given)
    }
}

/// Whether the text so far may be a call as a whole, in a fence or not.
fn maybe_whole(text: &str) -> bool {
    let mut text = text.trim_start();
    if text.is_empty() {
        return false;
    }
    if FENCE.starts_with(text) {
        return true;
    }
    if let Some(rest) = text.strip_prefix(FENCE) {
        match rest.split_once('\n') {
            Some((language, body)) if language.len() < 16 => text = body,
            None if rest.len() < 16 => return true,
            _ => return false,
        }
    }
    let compact: String = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .take(24)
        .collect();
    BEGINNINGS
        .iter()
        .any(|begin| begin.starts_with(&compact) || compact.starts_with(begin))
}

#[cfg(test)]
mod tests;
