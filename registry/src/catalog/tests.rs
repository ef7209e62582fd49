//! Tests of `catalog`.

use super::*;
use crate::sample;
use serde_json::json;
use toolpool_config::Effect;

fn schema() -> Value {
    json!({"type": "object"})
}

#[test]
fn the_good_tools_of_a_bad_list_are_kept_and_the_bad_ones_named() {
    let mut deep = json!({});
    for _ in 0..200 {
        deep = json!({"items": deep});
    }
    let raw = vec![
        json!({"name": "first", "inputSchema": schema()}),
        json!("tool"),
        json!(null),
        json!({"inputSchema": schema()}),
        json!({"name": 7, "inputSchema": schema()}),
        json!({"name": "  ", "inputSchema": schema()}),
        json!({"name": "x".repeat(300), "inputSchema": schema()}),
        json!({"name": "bare"}),
        json!({"name": "listed", "inputSchema": []}),
        json!({"name": "true", "inputSchema": true}),
        json!({"name": "first", "description": "again", "inputSchema": schema()}),
        json!({"name": "deep", "inputSchema": deep}),
        json!({"name": "huge", "inputSchema": schema(), "description": "y".repeat(2_000_000)}),
        json!({"name": "odd", "description": 5, "title": [], "annotations": "no", "inputSchema": {"type": 3, "properties": []}}),
        json!({"name": "\u{1b}[2Jlast", "inputSchema": schema()}),
    ];
    let list = sample::read("s", &raw, &sample::server());
    let kept: Vec<&str> = list.tools.iter().map(|tool| &*tool.id.name).collect();
    assert_eq!(kept, ["first", "odd", "\u{1b}[2Jlast"]);
    let reasons: Vec<String> = list
        .rejected
        .iter()
        .map(|r| {
            format!(
                "{}: {}",
                r.name
                    .as_deref()
                    .unwrap_or("-")
                    .chars()
                    .take(10)
                    .collect::<String>(),
                r.reason
            )
        })
        .collect();
    let limits = Limits::default();
    assert_eq!(
        reasons,
        [
            "-: it is a string and not an object".to_owned(),
            "-: it is null and not an object".to_owned(),
            "-: it has no name".to_owned(),
            "-: its name is a number and not a string".to_owned(),
            ": its name is empty".to_owned(),
            "xxxxxxxxxx: its name is longer than 256 characters".to_owned(),
            "bare: it has no input schema".to_owned(),
            "listed: its input schema is a list and not an object".to_owned(),
            "true: its input schema is a boolean and not an object".to_owned(),
            "first: a tool of this name came before it in the list".to_owned(),
            format!(
                "deep: it is nested deeper than {} levels",
                limits.schema_depth_max
            ),
            format!(
                "huge: its definition is larger than {} bytes",
                limits.tool_bytes_max
            ),
        ]
    );
    assert_eq!(list.tools[2].raw.value()["name"], "\u{1b}[2Jlast");
    assert!(!list.tools[2].exposed.contains('\u{1b}'));
}

#[test]
fn a_list_is_kept_up_to_its_bound() {
    let limits = Limits {
        tools_per_server_max: 2,
        ..Limits::default()
    };
    let raw: Vec<Value> = (0..4).map(|i| sample::tool(&format!("t{i}"), "")).collect();
    let list = read_tools(
        "s",
        &raw,
        &sample::server(),
        &NameSettings::default(),
        &TokenCounter::bundled(),
        &limits,
        true,
    );
    assert_eq!((list.tools.len(), list.rejected.len()), (2, 2));
    assert_eq!(
        list.rejected[0].reason,
        "beyond the 2 tools a server may have"
    );
    assert!(list.tools.iter().all(|tool| tool.offline));
}

#[test]
fn what_is_shown_is_safe_and_what_was_sent_is_kept() {
    let description = "Reads\u{1b}[31m a\u{202e} file.\u{e0041} Then more.";
    let raw = json!({
        "name": "read", "title": "Read\u{7} it", "description": description, "x-own": {"z": 1, "a": 2},
        "inputSchema": {"type": "object", "properties": {"p\u{202e}": {"type": "string", "description": "the\u{200b} path"}}},
        "outputSchema": {"type": "object"},
    });
    let tool = &sample::read("s", std::slice::from_ref(&raw), &sample::server()).tools[0];
    assert_eq!(&*tool.description, "Reads a file. Then more.");
    assert_eq!(tool.title.as_deref(), Some("Read it"));
    assert_eq!(tool.raw.text(), raw.to_string());
    assert_eq!(tool.input_schema(), raw["inputSchema"]);
    assert_eq!(tool.output_schema(), Some(json!({"type": "object"})));
    assert!(tool.full.text.contains("the path") && !tool.full.text.contains("31m"));
}

#[test]
fn the_person_overrides_and_the_server_filters() {
    let mut config = sample::server();
    config.deny = vec!["drop*".parse().unwrap()];
    config.tools.insert(
        "read".to_owned(),
        ToolOverride {
            name: Some("cat".to_owned()),
            description: Some("Show a file.".to_owned()),
            effect: Some(Effect::ReadOnly),
            concurrent: None,
            read_back: None,
        },
    );
    let list = sample::read(
        "s",
        &[sample::tool("read", "x"), sample::tool("drop_all", "y")],
        &config,
    );
    let (read, drop) = (&list.tools[0], &list.tools[1]);
    assert_eq!(
        (&*read.exposed, &*read.description, read.permitted),
        ("cat", "Show a file.", true)
    );
    assert!(read.claims.read_only() && read.named_by_person);
    assert!(read.slim.text.contains("Show a file. (read-only)"));
    assert!(!drop.permitted);
    let plain = &sample::read("s", &[sample::tool("read", "x")], &sample::server()).tools[0];
    assert_eq!(
        plain.fingerprint, read.fingerprint,
        "the fingerprint is of what the server sent"
    );
}

#[test]
fn a_title_stands_in_for_a_missing_description() {
    let raw =
        json!({"name": "a", "annotations": {"title": "Adds numbers"}, "inputSchema": schema()});
    let tool = &sample::read("s", &[raw], &sample::server()).tools[0];
    assert!(tool.description.is_empty());
    assert_eq!(&*tool.line.text, "s__a: Adds numbers");
}
