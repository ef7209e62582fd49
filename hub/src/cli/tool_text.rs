//! One tool in full, for `tools --name`: what it is, what it costs, what it takes.
//!
//! Parameters come from the schema as far as a table can show them; the raw definition is what
//! `--json` is for.

use serde_json::Value;
use toolpool_registry::{ClaimSource, ToolMeta};

use crate::cli::columns::{self, Align, Cell};
use crate::cli::ui::{Look, Style};
use crate::cli::words::{number, one_line, safe, wrap};

/// The tool as text.
pub(crate) fn detail(tool: &ToolMeta, look: &Look) -> String {
    let mut out = look.paint(Style::Bold, &tool.exposed);
    out.push('\n');
    let mut facts = vec![
        ("server", one_line(&tool.id.server)),
        ("tool", one_line(&tool.id.name)),
        ("effect", claim(tool)),
        (
            "tokens",
            format!(
                "{} full, {} slim, {} as a line",
                number(u64::from(tool.full.tokens)),
                number(u64::from(tool.slim.tokens)),
                number(u64::from(tool.line.tokens))
            ),
        ),
        ("fingerprint", tool.fingerprint.to_string()),
    ];
    if let Some(title) = &tool.title {
        facts.insert(0, ("title", one_line(title)));
    }
    if tool.offline {
        facts.push((
            "offline",
            "it comes from a catalog file and can't be called".into(),
        ));
    }
    let rows: Vec<Vec<Cell>> = facts
        .into_iter()
        .map(|(key, value)| vec![Cell::styled(Style::Dim, key), Cell::new(value)])
        .collect();
    // The fingerprint must not be cut: it is there to be compared.
    let wide = Look {
        width: look.width.max(84),
        ..*look
    };
    out.push_str(&columns::table(
        &[("", Align::Left), ("", Align::Left)],
        &rows,
        0,
        &wide,
    ));
    if !tool.description.is_empty() {
        out.push('\n');
        out.push_str(&paragraphs(&tool.description, look));
    }
    out.push_str(&schema("parameters", &tool.input_schema(), look));
    if let Some(output) = tool.output_schema() {
        out.push_str(&schema("result", &output, look));
    }
    out
}

fn claim(tool: &ToolMeta) -> String {
    let effect = tool.claims.effect;
    match (tool.claims.source, tool.claims.hinted) {
        (ClaimSource::Person, _) => format!("{effect}, by your configuration"),
        (ClaimSource::Trusted, _) => format!("{effect}, as its server says, which you trust"),
        (ClaimSource::Untrusted, Some(hinted)) => {
            format!("{hinted} by its server's word alone; gates read it as {effect}")
        }
        _ => format!("unknown; gates read it as {effect}"),
    }
}

fn paragraphs(text: &str, look: &Look) -> String {
    let lines = wrap(&safe(text), look.width.min(100));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn schema(title: &str, schema: &Value, look: &Look) -> String {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    let rows: Vec<Vec<Cell>> = properties
        .into_iter()
        .flatten()
        .map(|(name, property)| {
            let is_required = required.contains(&name.as_str());
            vec![
                Cell::styled(Style::Name, one_line(name)),
                Cell::new(kind(property)),
                Cell::styled(Style::Dim, if is_required { "required" } else { "" }),
                Cell::new(about(property)),
            ]
        })
        .collect();
    let mut out = format!("\n{}\n", look.paint(Style::Bold, title));
    if rows.is_empty() {
        out.push_str("  none\n");
    } else {
        let heads = [
            ("", Align::Left),
            ("", Align::Left),
            ("", Align::Left),
            ("", Align::Left),
        ];
        out.push_str(&columns::table(&heads, &rows, 2, look));
    }
    out
}

/// The type in a word or two.
fn kind(property: &Value) -> String {
    if let Some(options) = property.get("enum").and_then(Value::as_array) {
        let shown: Vec<String> = options.iter().take(6).map(plain).collect();
        let more = if options.len() > 6 { " | ..." } else { "" };
        return one_line(&format!("{}{more}", shown.join(" | ")));
    }
    match property.get("type") {
        Some(Value::String(name)) if name == "array" => match property.get("items") {
            Some(items) if items.get("type").is_some() || items.get("enum").is_some() => {
                format!("list of {}", kind(items))
            }
            _ => "list".into(),
        },
        Some(Value::String(name)) => one_line(name),
        Some(Value::Array(names)) => {
            one_line(&names.iter().map(plain).collect::<Vec<_>>().join(" | "))
        }
        _ => match property
            .get("anyOf")
            .or_else(|| property.get("oneOf"))
            .and_then(Value::as_array)
        {
            Some(any) => any.iter().map(kind).collect::<Vec<_>>().join(" | "),
            None => "any".into(),
        },
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn about(property: &Value) -> String {
    let mut text = property
        .get("description")
        .and_then(Value::as_str)
        .map(one_line)
        .unwrap_or_default();
    if let Some(default) = property.get("default").filter(|default| !default.is_null()) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&one_line(&format!("[default: {}]", plain(default))));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PLAIN: Look = Look {
        width: 60,
        color: false,
        unicode: true,
    };

    #[test]
    fn parameters_as_a_table() {
        let value = json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "Where\nto look"},
                "kinds": {"type": "array", "items": {"type": "string"}},
                "mode": {"enum": ["fast", 2], "default": "fast"},
                "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": null},
                "extra": {}
            },
            "required": ["path"]
        });
        let wanted = "
parameters
  path   string          required  Where to look
  kinds  list of string
  mode   fast | 2                  [default: fast]
  limit  integer | null
  extra  any
";
        assert_eq!(schema("parameters", &value, &PLAIN), wanted);
        assert_eq!(
            schema("parameters", &json!({"type": "object"}), &PLAIN),
            "\nparameters\n  none\n"
        );
    }
}
