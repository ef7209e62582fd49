//! Arguments in, results out.

use super::*;
use serde_json::json;

#[test]
fn arguments_are_json_or_nothing() {
    assert_eq!(parse(" ").ok(), Some(None));
    assert_eq!(parse("{\"a\": 1}").ok(), Some(Some(json!({"a": 1}))));
    let error = parse("{a: 1}").expect_err("not JSON");
    assert!(
        error
            .to_string()
            .starts_with("the arguments are not JSON: key must be a string"),
        "{error}"
    );
}

#[test]
fn results_by_kind_of_block() {
    let result = json!({"content": [
        {"type": "text", "text": "note: repaired"},
        {"type": "text", "text": "one"},
        {"type": "image", "mimeType": "image/png", "data": "AAAA"},
        {"type": "resource", "resource": {"uri": "file:///a", "text": "inside"}},
        {"type": "resource", "resource": {"uri": "file:///b", "blob": "AA=="}},
        {"type": "resource_link", "uri": "file:///c", "name": "c"},
        {"type": "new", "x": 1}
    ]});
    let wanted = "one\n[image image/png, 3 bytes]\ninside\n[resource file:///b, 1 bytes]\n[resource file:///c]\n{\"type\":\"new\",\"x\":1}";
    assert_eq!(text(&result, true), wanted);
    assert_eq!(
        text(&json!({"structuredContent": {"a": 1}}), false),
        "{\n  \"a\": 1\n}"
    );
    assert_eq!(text(&json!({}), false), "");
}

#[test]
fn progress_as_a_line() {
    let report = |total, message: Option<&str>| Progress {
        progress: 3.0,
        total,
        message: message.map(Into::into),
    };
    assert_eq!(
        progress(&report(Some(10.0), Some("still\nhere"))),
        "progress 3 of 10: still here"
    );
    assert_eq!(progress(&report(None, None)), "progress 3");
}
