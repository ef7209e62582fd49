//! A definition as a model reads it. *Full* is the function of the chat API with the server's schema; *slim* is the same
//! envelope with one sentence and a schema cut to what a call needs; *line* is a name and a few words. Slim is the largest
//! lever on how many tools a budget holds, and still a legal definition that a grammar can be made from.
//!
//! Bytes are canonical: keywords of a schema come in one order whatever order they were sent in. The order of properties is
//! the server's and is kept, because models write arguments in it (a path before the content that goes there).

use serde_json::{Map, Value, json};
use toolpool_config::Effect;
use toolpool_config::fixed::{LINE_CHARS_MAX, SENTENCE_CHARS_MAX};

use crate::text;
use crate::tokens::TokenCounter;
use crate::tool::Rendering;

mod slim;

/// What is rendered.
#[derive(Clone, Copy, Debug)]
pub struct Definition<'a> {
    /// The name callers use.
    pub exposed: &'a str,
    /// The description, safe to show.
    pub description: &'a str,
    /// The input schema as the server sent it.
    pub schema: &'a Value,
    /// The effect to name: claimed by someone, or at least hinted. `None` says nothing, since nobody did.
    pub effect: Option<Effect>,
}

/// The three renderings of one tool.
#[derive(Clone, Debug)]
pub struct Renderings {
    /// See [`full`].
    pub full: Rendering,
    /// See [`slim`].
    pub slim: Rendering,
    /// See [`line()`].
    pub line: Rendering,
}

/// Renders all three.
#[must_use]
pub fn all(definition: &Definition<'_>, counter: &TokenCounter) -> Renderings {
    Renderings {
        full: full(definition, counter),
        slim: slim(definition, counter),
        line: line(definition, counter),
    }
}

/// The whole definition.
#[must_use]
pub fn full(definition: &Definition<'_>, counter: &TokenCounter) -> Rendering {
    let mut parameters = match ordered(definition.schema) {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    // Said by servers to their validators; to a model it is a dozen tokens of noise.
    parameters.shift_remove("$schema");
    // The API wants an object with properties even where a server left that unsaid, or said otherwise.
    if parameters.get("type") != Some(&json!("object")) {
        parameters.shift_remove("type");
        parameters.shift_insert(0, "type".to_owned(), json!("object"));
    }
    if !parameters.get("properties").is_some_and(Value::is_object) {
        parameters.insert("properties".to_owned(), json!({}));
    }
    function(
        definition.exposed,
        definition.description,
        Value::Object(parameters),
        counter,
    )
}

/// The definition cut to one sentence and the shape of its arguments.
#[must_use]
pub fn slim(definition: &Definition<'_>, counter: &TokenCounter) -> Rendering {
    let sentence = text::sentence(definition.description, SENTENCE_CHARS_MAX);
    let description = match (sentence.is_empty(), definition.effect) {
        (true, None) => sentence,
        (true, Some(effect)) => effect.name().to_owned(),
        (false, None) => sentence,
        (false, Some(effect)) => format!("{sentence} ({})", effect.name()),
    };
    function(
        definition.exposed,
        &description,
        slim::parameters(definition.schema),
        counter,
    )
}

/// The name and a few words.
#[must_use]
pub fn line(definition: &Definition<'_>, counter: &TokenCounter) -> Rendering {
    let words = text::sentence(definition.description, LINE_CHARS_MAX);
    let text = if words.is_empty() {
        definition.exposed.to_owned()
    } else {
        format!("{}: {words}", definition.exposed)
    };
    rendering(text, counter)
}

fn function(name: &str, description: &str, parameters: Value, counter: &TokenCounter) -> Rendering {
    let function = json!({
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    });
    rendering(function.to_string(), counter)
}

fn rendering(text: String, counter: &TokenCounter) -> Rendering {
    Rendering {
        tokens: counter.count(&text),
        text: text.into(),
    }
}

/// Keywords in the order they are best read in; those not named here follow by name.
const KEYWORDS: [&str; 14] = [
    "type",
    "title",
    "description",
    "enum",
    "const",
    "default",
    "format",
    "items",
    "properties",
    "required",
    "anyOf",
    "oneOf",
    "allOf",
    "additionalProperties",
];

/// `schema` with its keywords in order, its texts safe and everything else as it was.
fn ordered(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort_by_key(|key| {
                let place = KEYWORDS
                    .iter()
                    .position(|k| k == key)
                    .unwrap_or(KEYWORDS.len());
                (place, key.as_str())
            });
            let field = |key: &String| (key.clone(), keyword(key, &fields[key.as_str()]));
            Value::Object(keys.into_iter().map(field).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(ordered).collect()),
        scalar => scalar.clone(),
    }
}

fn keyword(key: &str, value: &Value) -> Value {
    match (key, value) {
        // Names that the server chose: their order is its, what they name is a schema.
        (
            "properties" | "$defs" | "definitions" | "patternProperties" | "dependentSchemas",
            Value::Object(named),
        ) => Value::Object(
            named
                .iter()
                .map(|(name, schema)| (name.clone(), ordered(schema)))
                .collect(),
        ),
        // Values, not schemas: a call must repeat them as they are.
        ("enum" | "const" | "default" | "examples" | "example" | "required", value) => {
            value.clone()
        }
        ("description" | "title" | "$comment", Value::String(words)) => {
            Value::String(text::safe(words, usize::MAX))
        }
        (_, value) => ordered(value),
    }
}

#[cfg(test)]
mod tests;
