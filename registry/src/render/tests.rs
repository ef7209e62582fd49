//! Tests of `render`.

use super::*;
use crate::sample::Chance;

fn slimmed(schema: &Value) -> Value {
    slim::parameters(schema)
}

/// The slim form of one optional property.
fn property(schema: Value) -> Value {
    let whole = json!({
        "type": "object",
        "properties": {"p": schema},
        "$defs": {
            "Color": {"enum": ["red", "green"]},
            "Loop": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Loop"}, "v": {"type": "integer"}}},
            "Self": {"$ref": "#/$defs/Self"},
        },
    });
    slimmed(&whole)["properties"]["p"].clone()
}

#[test]
fn a_property_keeps_what_a_call_needs() {
    for (schema, slim) in [
        (
            json!({"type": "string", "description": "d", "minLength": 3, "title": "P", "default": "x"}),
            json!({"type": "string"}),
        ),
        (
            json!({"enum": ["a", "b"]}),
            json!({"type": "string", "enum": ["a", "b"]}),
        ),
        (json!({"enum": [1, "b"]}), json!({"enum": [1, "b"]})),
        (
            json!({"enum": (0..100).collect::<Vec<_>>()}),
            json!({"type": "integer"}),
        ),
        (
            json!({"const": "x"}),
            json!({"type": "string", "enum": ["x"]}),
        ),
        (
            json!({"type": ["string", "null"]}),
            json!({"type": "string"}),
        ),
        (
            json!({"type": ["string", "integer"]}),
            json!({"type": ["string", "integer"]}),
        ),
        (
            json!({"anyOf": [{"type": "string"}, {"type": "null"}], "default": null}),
            json!({"type": "string"}),
        ),
        (
            json!({"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 1}]}),
            json!({"type": ["string", "integer"]}),
        ),
        (
            json!({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
            json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
        ),
        (json!({"anyOf": [{"type": "string"}, true]}), json!({})),
        (
            json!({"$ref": "#/$defs/Color", "description": "x"}),
            json!({"type": "string", "enum": ["red", "green"]}),
        ),
        (
            json!({"allOf": [{"$ref": "#/$defs/Color"}]}),
            json!({"type": "string", "enum": ["red", "green"]}),
        ),
        (json!({"$ref": "#/$defs/Missing"}), json!({})),
        (json!({"$ref": "https://example.org/x.json"}), json!({})),
        (json!({"$ref": "#/$defs/Self"}), json!({})),
        (json!(true), json!({})),
        (json!({}), json!({})),
        (
            json!({"type": "array"}),
            json!({"type": "array", "items": {}}),
        ),
        (
            json!({"items": {"type": "number"}}),
            json!({"type": "array", "items": {"type": "number"}}),
        ),
        (
            json!({"type": "array", "items": [{"type": "string"}]}),
            json!({"type": "array", "items": {}}),
        ),
        (
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
            json!({"type": "object"}),
        ),
        (
            json!({"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "object", "properties": {"c": {}}}}}}, "required": ["a"]}),
            json!({"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "object"}}}}, "required": ["a"]}),
        ),
        (json!({"type": "file"}), json!({})),
        (json!({"type": 3}), json!({})),
        (
            json!({"allOf": [{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}, {"properties": {"b": {"type": "integer"}}}]}),
            json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a"]}),
        ),
    ] {
        assert_eq!(property(schema.clone()), slim, "{schema}");
    }
    assert_eq!(
        property(json!({"$ref": "#/$defs/Loop"})),
        json!({"type": "object", "properties": {
            "next": {"type": "object", "properties": {"next": {"type": "object"}, "v": {"type": "integer"}}},
            "v": {"type": "integer"},
        }})
    );
}

#[test]
fn null_stays_where_it_may_have_to_be_said() {
    let schema = json!({
        "type": "object",
        "properties": {"a": {"type": ["string", "null"]}, "b": {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "c": {"enum": ["x", null]}},
        "required": ["a", "b", "c", "ghost"],
    });
    assert_eq!(
        slimmed(&schema),
        json!({
            "type": "object",
            "properties": {"a": {"type": ["string", "null"]}, "b": {"type": ["integer", "null"]}, "c": {"enum": ["x", null]}},
            "required": ["a", "b", "c"],
        })
    );
}

#[test]
fn odd_roots_still_make_an_object() {
    for schema in [
        json!({}),
        json!({"type": "object"}),
        json!(true),
        json!(null),
        json!({"properties": 5}),
        json!({"$ref": "#"}),
    ] {
        assert_eq!(
            slimmed(&schema),
            json!({"type": "object", "properties": {}}),
            "{schema}"
        );
    }
    let branches = json!({"anyOf": [
        {"properties": {"a": {"type": "string"}, "x": {"type": "string"}}, "required": ["a"]},
        {"properties": {"b": {"type": "string"}, "x": {"type": "integer"}}, "required": ["b"]},
    ]});
    assert_eq!(
        slimmed(&branches),
        json!({"type": "object", "properties": {"a": {"type": "string"}, "x": {}, "b": {"type": "string"}}})
    );
}

fn definition<'a>(
    schema: &'a Value,
    description: &'a str,
    effect: Option<Effect>,
) -> Definition<'a> {
    Definition {
        exposed: "s__t",
        description,
        schema,
        effect,
    }
}

#[test]
fn the_three_renderings_of_one_tool() {
    let schema: Value = serde_json::from_str(
        r##"{"$schema":"x","required":["path"],"properties":{"path":{"description":"Where","type":"string"},"all":{"default":false,"type":"boolean"}},"additionalProperties":false}"##,
    )
    .unwrap();
    let all = all(
        &definition(
            &schema,
            "Lists a folder. Hidden files too.",
            Some(Effect::ReadOnly),
        ),
        &TokenCounter::bundled(),
    );
    assert_eq!(
        &*all.full.text,
        r#"{"type":"function","function":{"name":"s__t","description":"Lists a folder. Hidden files too.","parameters":{"type":"object","properties":{"path":{"type":"string","description":"Where"},"all":{"type":"boolean","default":false}},"required":["path"],"additionalProperties":false}}}"#
    );
    assert_eq!(
        &*all.slim.text,
        r#"{"type":"function","function":{"name":"s__t","description":"Lists a folder. (read-only)","parameters":{"type":"object","properties":{"path":{"type":"string"},"all":{"type":"boolean"}},"required":["path"]}}}"#
    );
    assert_eq!(&*all.line.text, "s__t: Lists a folder.");
    assert!(all.line.tokens < all.slim.tokens && all.slim.tokens < all.full.tokens);
}

#[test]
fn bytes_do_not_depend_on_the_order_of_keywords() {
    let one: Value = serde_json::from_str(r#"{"type":"object","properties":{"b":{"type":"string","enum":["z","a"]},"a":{}},"required":["b"]}"#).unwrap();
    let two: Value = serde_json::from_str(r#"{"required":["b"],"properties":{"b":{"enum":["z","a"],"type":"string"},"a":{}},"type":"object"}"#).unwrap();
    let counter = TokenCounter::bundled();
    let text = |schema: &Value| all(&definition(schema, "d", None), &counter).full.text;
    assert_eq!(text(&one), text(&two));
    assert!(
        text(&one).find("\"b\"") < text(&one).find("\"a\":{}"),
        "properties keep the server's order"
    );
}

/// A schema of any shape, wild ones among them.
fn wild(chance: &mut Chance, depth: usize) -> Value {
    let leaf = |chance: &mut Chance| {
        chance
            .pick(&[
                json!(true),
                json!({}),
                json!(null),
                json!("x"),
                json!({"type": "string"}),
                json!({"type": ["integer", "null"]}),
                json!({"enum": ["a", null, 3]}),
                json!({"const": {"a": 1}}),
                json!({"$ref": "#/properties/a"}),
                json!({"$ref": "#"}),
                json!({"type": []}),
                json!({"items": true, "type": "array"}),
            ])
            .clone()
    };
    if depth == 0 {
        return leaf(chance);
    }
    let key = *chance.pick(&["properties", "items", "anyOf", "allOf", "oneOf", "leaf"]);
    match key {
        "leaf" => leaf(chance),
        "properties" => json!({
            "type": "object",
            "properties": {"a": wild(chance, depth - 1), "b": wild(chance, depth - 1)},
            "required": ["a", 5, "c"],
        }),
        "items" => json!({"type": "array", "items": wild(chance, depth - 1)}),
        _ => json!({key: [wild(chance, depth - 1), wild(chance, depth - 1)]}),
    }
}

/// What function definitions of chat endpoints must be.
fn is_legal(schema: &Value) -> bool {
    let Some(fields) = schema.as_object() else {
        return false;
    };
    let known = [
        "string", "number", "integer", "boolean", "array", "object", "null",
    ];
    let kind = |kind: &Value| kind.as_str().is_some_and(|kind| known.contains(&kind));
    fields
        .iter()
        .all(|(key, value)| match (key.as_str(), value) {
            ("type", Value::Array(kinds)) => !kinds.is_empty() && kinds.iter().all(kind),
            ("type", one) => kind(one) && (one != "array" || fields.contains_key("items")),
            ("properties", Value::Object(named)) => named.values().all(is_legal),
            ("required", Value::Array(names)) => {
                !names.is_empty()
                    && names.iter().all(|name| {
                        fields["properties"]
                            .get(name.as_str().unwrap_or(""))
                            .is_some()
                    })
            }
            ("items", items) => is_legal(items),
            ("enum", Value::Array(values)) => !values.is_empty(),
            ("anyOf", Value::Array(branches)) => {
                branches.len() > 1 && branches.iter().all(is_legal)
            }
            _ => false,
        })
}

#[test]
fn slim_is_legal_for_any_schema() {
    let counter = TokenCounter::bundled();
    for seed in 0..2_000 {
        let schema = wild(&mut Chance::new(seed), 5);
        let slim = slimmed(&schema);
        assert!(
            is_legal(&slim) && slim["type"] == "object" && slim["properties"].is_object(),
            "{schema} gave {slim}"
        );
        if seed % 50 == 0 {
            let full: Value =
                serde_json::from_str(&full(&definition(&schema, "", None), &counter).text).unwrap();
            assert_eq!(full["function"]["parameters"]["type"], "object");
        }
    }
}
