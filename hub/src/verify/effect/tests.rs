//! Pairs of writes and readers, and what the readers show.

use serde_json::json;
use toolpool_config::{Config, ReadBack, Trust};
use toolpool_registry::{ServerTools, TokenCounter, read_tools};

use super::*;

fn tools(list: Value) -> std::sync::Arc<ServerTools> {
    let config = Config::default();
    let mut server = config.servers["workspace"].clone();
    server.trust = Trust::Annotations;
    let list = list.as_array().expect("a list").clone();
    let read = read_tools(
        "s",
        &list,
        &server,
        &config.names,
        &TokenCounter::bundled(),
        &config.limits,
        false,
    );
    std::sync::Arc::new(read)
}

fn tool(name: &str, reads: bool, required: &[&str], shows: &[&str]) -> Value {
    let properties = |names: &[&str]| {
        names
            .iter()
            .map(|name| ((*name).to_owned(), json!({})))
            .collect::<Map<String, Value>>()
    };
    let mut tool = json!({
        "name": name,
        "inputSchema": {"type": "object", "properties": properties(required), "required": required},
        "annotations": {"readOnlyHint": reads},
    });
    if !shows.is_empty() {
        tool["outputSchema"] = json!({"type": "object", "properties": properties(shows)});
    }
    tool
}

fn world() -> std::sync::Arc<ServerTools> {
    tools(json!([
        tool("write_file", false, &["path", "content"], &[]),
        tool("append_file", false, &["path", "content"], &[]),
        tool("delete_file", false, &["path"], &[]),
        tool("read_file", true, &["path"], &[]),
        tool("get_file_info", true, &["path"], &[]),
        tool("update_order", false, &["id", "status"], &[]),
        tool("get_order", true, &["id"], &["id", "status", "total"]),
        tool("create_order", false, &["status"], &[]),
        tool("delete_note", false, &["title"], &[]),
        tool("read_note", true, &["title"], &[]),
        tool("set_user", false, &["id", "name"], &[]),
        tool("get_user", false, &["id"], &["id", "name"]),
    ]))
}

fn plan_of(
    name: &str,
    arguments: Value,
    result: Value,
    said: Option<ToolOverride>,
) -> Option<Plan> {
    let world = world();
    let tool = world
        .tools
        .iter()
        .find(|tool| &*tool.id.name == name)
        .expect("a tool");
    let arguments = arguments.as_object().expect("an object").clone();
    let done = Done {
        tool,
        arguments: &arguments,
        result: &result,
    };
    plan(done, said.as_ref(), world.tools.iter().map(|tool| &**tool))
}

#[test]
fn a_write_finds_its_reader() {
    let plan = plan_of(
        "write_file",
        json!({"path": "a", "content": "x"}),
        Value::Null,
        None,
    )
    .expect("a plan");
    assert_eq!(plan.reader, "read_file");
    assert_eq!(Value::Object(plan.arguments), json!({"path": "a"}));
    assert_eq!(
        plan.wanted,
        Wanted::Content {
            path: "a".into(),
            content: "x".into()
        }
    );
    let plan = plan_of(
        "update_order",
        json!({"id": 7, "status": "paid"}),
        Value::Null,
        None,
    )
    .expect("a plan");
    assert_eq!(plan.reader, "get_order");
    assert_eq!(
        plan.wanted,
        Wanted::Fields(vec![("status".into(), json!("paid"))])
    );
    let plan = plan_of("delete_file", json!({"path": "a"}), Value::Null, None).expect("a plan");
    assert_eq!(plan.wanted, Wanted::Gone);
}

#[test]
fn what_has_no_reader_is_left_alone() {
    for (name, arguments) in [
        ("append_file", json!({"path": "a", "content": "x"})),
        ("write_file", json!({"path": "a", "content": ""})),
        // Nothing names the order before it is made, and a title is no key.
        ("create_order", json!({"status": "new"})),
        ("delete_note", json!({"title": "a"})),
        // Its reader is not known to only read.
        ("set_user", json!({"id": 1, "name": "x"})),
        ("read_file", json!({"path": "a"})),
    ] {
        assert_eq!(plan_of(name, arguments, Value::Null, None), None, "{name}");
    }
}

#[test]
fn a_person_says_how_it_is_read_back() {
    let said = |back: ReadBack| {
        Some(ToolOverride {
            read_back: Some(back),
            ..ToolOverride::default()
        })
    };
    let table = ReadBackTable {
        tool: "get_order".into(),
        arguments: [("id".to_owned(), "{result.id}".to_owned())].into(),
        compare: [
            ("status".to_owned(), "{status}".to_owned()),
            ("link".to_owned(), "o/{result.id}".to_owned()),
        ]
        .into(),
        gone: false,
    };
    let result = json!({"structuredContent": {"id": 12}});
    let plan = plan_of(
        "create_order",
        json!({"status": "new"}),
        result,
        said(ReadBack::Table(table)),
    )
    .expect("a plan");
    assert_eq!(Value::Object(plan.arguments), json!({"id": 12}));
    assert_eq!(
        plan.wanted,
        Wanted::Fields(vec![
            ("link".into(), json!("o/12")),
            ("status".into(), json!("new"))
        ])
    );
    let plan = plan_of(
        "set_user",
        json!({"id": 1, "name": "x"}),
        Value::Null,
        said(ReadBack::Tool("get_user".into())),
    )
    .expect("a plan");
    assert_eq!(
        plan.wanted,
        Wanted::Fields(vec![("name".into(), json!("x"))])
    );
    assert_eq!(
        plan_of(
            "set_user",
            json!({"id": 1, "name": "x"}),
            Value::Null,
            said(ReadBack::Tool("gone".into()))
        ),
        None
    );
}

fn text(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}

#[test]
fn a_content_is_there_or_the_first_missing_line_is_named() {
    let wanted = Wanted::Content {
        path: "a".into(),
        content: "one\n\n  two\nthree".into(),
    };
    for holds in [
        "one\n\n  two\nthree\n",
        "one\r\n\r\n  two\r\nthree",
        "1\tone\n2\t\n3\t  two\n4\tthree",
        "File: a\n---\none\n\n  two  \nthree\n[4 lines]",
        "{\"content\": \"one\\n\\n  two\\nthree\"}",
    ] {
        assert_eq!(compare(&wanted, Ok(&text(holds))), Ok(None), "{holds}");
    }
    let says = |shown: &str| {
        compare(&wanted, Ok(&text(shown)))
            .expect("it can be told")
            .unwrap_or_default()
    };
    assert_eq!(says("one\n  two\n"), "line 4 is not there: `three`");
    assert_eq!(says("something else"), "line 1 is not there: `one`");
    assert_eq!(says("three\ntwo\none"), "line 3 is not there: `two`");
    let failed = |said: &str| json!({"isError": true, "content": [{"type": "text", "text": said}]});
    for absent in [
        "ENOENT: no such file",
        "`a` not found",
        "the file doesn't exist",
    ] {
        assert_eq!(
            compare(&wanted, Ok(&failed(absent))),
            Ok(Some("`a` can't be read".into()))
        );
    }
    // A reader with another root, a quota, a bad day.
    for other in [
        "",
        "access denied - path outside allowed directories",
        "rate limit",
    ] {
        assert!(compare(&wanted, Ok(&failed(other))).is_err(), "{other}");
    }
    assert!(compare(&wanted, Err("no")).is_err());
}

#[test]
fn a_reader_that_stops_early_says_nothing_of_the_rest() {
    let lines = |count: usize| {
        let lines = (1..=count).map(|at| format!("line number {at}\n"));
        lines.collect::<String>()
    };
    let wanted = Wanted::Content {
        path: "a".into(),
        content: lines(400),
    };
    for shown in [
        format!("{}[lines 1 to 20 of `a`; go on with offset 21]", lines(20)),
        format!("{}... (truncated)", lines(20)),
        lines(200),
        format!("{}end of page", lines(200)),
    ] {
        assert!(compare(&wanted, Ok(&text(&shown))).is_err(), "{shown}");
    }
    let other = format!("{}other\nother\nother\n", lines(200));
    for gone in [lines(20), other] {
        assert!(matches!(compare(&wanted, Ok(&text(&gone))), Ok(Some(_))));
    }
}

#[test]
fn fields_are_compared_where_they_are_shown() {
    let wanted = Wanted::Fields(vec![
        ("status".into(), json!("paid")),
        ("total".into(), json!(5)),
    ]);
    let of = |value: Value| compare(&wanted, Ok(&json!({"structuredContent": value})));
    assert_eq!(of(json!({"status": "PAID", "total": 5.0})), Ok(None));
    assert_eq!(
        of(json!({"order": {"status": "paid", "total": "5"}})),
        Ok(None)
    );
    assert_eq!(
        of(json!({"status": "open"})),
        Ok(Some("`status` is \"open\" and not \"paid\"".into()))
    );
    assert!(of(json!({"state": 1})).is_err());
    assert_eq!(
        compare(&wanted, Ok(&text("{\"status\": \"paid\"}"))),
        Ok(None)
    );
}

#[test]
fn what_was_deleted_must_not_be_found() {
    let failed = json!({"isError": true, "content": [{"type": "text", "text": "no such file"}]});
    assert_eq!(compare(&Wanted::Gone, Ok(&failed)), Ok(None));
    assert_eq!(
        compare(&Wanted::Gone, Ok(&text("the text"))),
        Ok(Some("it is still there".into()))
    );
    assert!(compare(&Wanted::Gone, Ok(&text("{\"archived\": true}"))).is_err());
    assert!(compare(&Wanted::Gone, Err("timeout")).is_err());
}
