//! Each notation as it is seen in the wild, and what only looks like one.

use std::sync::Arc;

use super::*;

fn tools() -> Offered {
    let tool = |name: &str, properties: &str| -> Arc<str> {
        format!(
            r#"{{"type":"function","function":{{"name":"{name}","parameters":{{"type":"object","properties":{properties}}}}}}}"#
        )
        .into()
    };
    offered(&[
        tool(
            "read_file",
            r#"{"path":{"type":"string"},"lines":{"type":"integer"}}"#,
        ),
        tool("call_tool", "{}"),
    ])
}

#[track_caller]
fn check(text: &str, kept: &str, calls: &[(&str, &str)]) {
    let (found, leaks) = find(text, &tools()).unwrap_or_else(|| panic!("nothing in {text}"));
    let leaks: Vec<(&str, &str)> = leaks
        .iter()
        .map(|leak| (leak.name.as_str(), leak.arguments.as_str()))
        .collect();
    assert_eq!((found.as_str(), leaks.as_slice()), (kept, calls), "{text}");
}

const A: (&str, &str) = ("read_file", r#"{"path": "a"}"#);
const B: (&str, &str) = ("read_file", r#"{"path": "b"}"#);

#[test]
fn hermes() {
    check(
        r#"<tool_call>{"name": "read_file", "arguments": {"path": "a"}}</tool_call>"#,
        "",
        &[A],
    );
    check(
        "Let me look.\n<tool_call>\n{\"name\": \"read_file\", \"arguments\": {\"path\": \"a\"}}\n</tool_call>\n<tool_call>\n{\"name\": \"read_file\", \"arguments\": {\"path\": \"b\"}}\n</tool_call>",
        "Let me look.",
        &[A, B],
    );
    // Never closed; a string that holds the end; behind it more text; a bracket short.
    check(
        r#"<tool_call>{"name": "read_file", "arguments": {"path": "a"}}"#,
        "",
        &[A],
    );
    check(
        r#"<tool_call>{"name": "read_file", "arguments": {"path": "</tool_call>"}}</tool_call>"#,
        "",
        &[("read_file", r#"{"path": "</tool_call>"}"#)],
    );
    check(
        r#"<tool_call>{"name": "read_file", "arguments": {"path": "a"}}</tool_call> Then more."#,
        "Then more.",
        &[A],
    );
    check(
        r#"<tool_call>{"name": "read_file", "arguments": {"path": "a"}</tool_call>"#,
        "",
        &[A],
    );
    check(
        r#"<tool_call>{'name': 'read_file', 'arguments': {'path': 'a'}}</tool_call>"#,
        "",
        &[("read_file", "{'path': 'a'}")],
    );
    check(
        "Here:\n```\n<tool_call>{\"name\": \"read_file\", \"arguments\": {\"path\": \"a\"}}</tool_call>\n```\n",
        "Here:",
        &[A],
    );
}

#[test]
fn xml_of_qwen_coder_takes_types_from_the_schema() {
    check(
        "<tool_call>\n<function=read_file>\n<parameter=path>\n12\n</parameter>\n<parameter=lines>\n12\n</parameter>\n</function>\n</tool_call>",
        "",
        &[("read_file", r#"{"path":"12","lines":12}"#)],
    );
    check(
        "<function=read_file>\n<parameter=path>\nline one\nline two\n</parameter>\n</function>",
        "",
        &[("read_file", r#"{"path":"line one\nline two"}"#)],
    );
    check(r#"<function=read_file>{"path": "a"}</function>"#, "", &[A]);
}

#[test]
fn llama() {
    check(
        r#"<|python_tag|>{"name": "read_file", "parameters": {"path": "a"}}"#,
        "",
        &[A],
    );
    check(
        r#"<|python_tag|>{"name": "read_file", "parameters": {"path": "a"}}; {"name": "read_file", "parameters": {"path": "b"}}"#,
        "",
        &[A, B],
    );
    check(
        r#"{"name": "read_file", "parameters": {"path": "a"}}"#,
        "",
        &[A],
    );
    check(
        r#"{"type": "function", "name": "read_file", "parameters": {"path": "a"}}"#,
        "",
        &[A],
    );
    check(
        r#"{"type": "function", "function": {"name": "read_file", "arguments": {"path": "a"}}}"#,
        "",
        &[A],
    );
    check(
        "```json\n{\"name\": \"read_file\", \"arguments\": {\"path\": \"a\"}}\n```",
        "",
        &[A],
    );
    check(
        r#"[{"name": "read_file", "arguments": {"path": "a"}}]"#,
        "",
        &[A],
    );
}

#[test]
fn mistral() {
    check(
        r#"[TOOL_CALLS][{"name": "read_file", "arguments": {"path": "a"}}, {"name": "read_file", "arguments": {"path": "b"}}]"#,
        "",
        &[A, B],
    );
    check(
        r#"Well. [TOOL_CALLS]read_file[ARGS]{"path": "a"}[TOOL_CALLS]read_file[ARGS]{"path": "b"}"#,
        "Well.",
        &[A, B],
    );
    check(
        r#"[TOOL_CALLS]read_file[CALL_ID]abcdefghi[ARGS]{"path": "a"}"#,
        "",
        &[A],
    );
    check(r#"[TOOL_CALLS]read_file{"path": "a"}"#, "", &[A]);
}

#[test]
fn what_only_looks_like_a_call_stays_text() {
    for text in [
        "Nothing here.",
        r#"<tool_call>{"name": "rm", "arguments": {}}</tool_call>"#,
        r#"{"name": "Ada", "parameters": {"age": 36}}"#,
        r#"{"name": "read_file"}"#,
        r#"Write {"name": "read_file", "arguments": {}} to read."#,
        "Write `<tool_call>{\"name\": \"read_file\", \"arguments\": {}}</tool_call>` to read.",
        "So:\n```\n<tool_call>{\"name\": \"read_file\", \"arguments\": {}}</tool_call>\n```\nThat is how.",
        "```json\n{\"name\": \"read_file\", \"arguments\": {}}\n```\nThat is how.",
        "<function=",
        "[TOOL_CALLS]",
        "<tool_call>",
        "",
    ] {
        assert_eq!(find(text, &tools()), None, "{text}");
    }
    assert_eq!(
        find(
            r#"<tool_call>{"name": "read_file", "arguments": {}}</tool_call>"#,
            &Vec::new()
        ),
        None,
        "nothing was offered"
    );
}

#[test]
fn what_may_become_a_call_is_held_back() {
    for (pieces, given) in [
        (&["Hello ", "you"][..], "Hello you"),
        (&["Hello <to", "ol_call>{\"na"][..], "Hello "),
        (&["a <tool", "box> b"][..], "a <toolbox> b"),
        (&["[TOOL", "_CALLS][{"][..], ""),
        (&["{\"na", "me\": \"x\""][..], ""),
        (&["{\"age\": ", "3}"][..], "{\"age\": 3}"),
        (&["```js", "on\n{\"na"][..], ""),
        (&["```rust\nfn", " main()"][..], "```rust\nfn main()"),
    ] {
        let mut hold = Hold::default();
        let out: String = pieces.iter().filter_map(|piece| hold.push(piece)).collect();
        assert_eq!(out, given, "{pieces:?}");
        let (text, at) = hold.end();
        assert_eq!(text, pieces.concat());
        assert_eq!(&text[..at], given);
    }
}

proptest::proptest! {
    #[test]
    fn never_panics(text in "(<tool_call>|</tool_call>|<function=|>|</function>|<parameter=|\\[TOOL_CALLS\\]|\\[ARGS\\]|<\\|python_tag\\|>|```|`|\\{|\\}|\"|'|name|read_file|arguments|:|,|ä|\n| ){0,24}") {
        let _ = find(&text, &tools());
        let mut hold = Hold::default();
        let mut out = String::new();
        for c in text.chars() {
            out.extend(hold.push(&c.to_string()));
        }
        let (whole, given) = hold.end();
        proptest::prop_assert_eq!(&whole[..given], out.as_str());
    }
}
