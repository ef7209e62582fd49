//! Which calls write a whole content to a path, told by the names of their arguments, whichever server they go to.

use serde_json::{Map, Value};

use crate::memory::PATHS;

/// Names of arguments that hold a content.
const CONTENTS: [&str; 7] = [
    "content",
    "contents",
    "text",
    "file_text",
    "new_text",
    "data",
    "body",
];
/// Names of arguments by which a content is only a piece of what will stand there, or no text.
const PIECES: [&str; 18] = [
    "old",
    "old_text",
    "old_str",
    "old_string",
    "find",
    "search",
    "pattern",
    "edits",
    "insert_line",
    "line",
    "lines",
    "start_line",
    "start",
    "offset",
    "range",
    "position",
    "anchor",
    "after",
];

/// A content that is to stand at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Write<'a> {
    /// Where.
    pub path: &'a str,
    /// All of what stands there then.
    pub content: &'a str,
}

/// The contents that a call of this tool writes whole; none where it adds to what is there, or replaces a part of it.
pub fn writes<'a>(tool: &str, arguments: &'a Map<String, Value>) -> Vec<Write<'a>> {
    let tool = tool.to_lowercase();
    let adds = [
        "append", "edit", "insert", "patch", "replace", "prepend", "diff",
    ];
    if adds.iter().any(|word| tool.contains(word)) {
        return Vec::new();
    }
    let Some(files) = arguments.get("files").and_then(Value::as_array) else {
        return write(arguments).into_iter().collect();
    };
    files
        .iter()
        .filter_map(|file| write(file.as_object()?))
        .collect()
}

fn write(arguments: &Map<String, Value>) -> Option<Write<'_>> {
    let given = |name: &str| {
        arguments
            .get(name)
            .is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false)))
    };
    let text = |name: &&str| arguments.get(*name).and_then(Value::as_str);
    let adds = given("append")
        || text(&"mode").is_some_and(|mode| {
            !matches!(mode, "w" | "write" | "overwrite" | "create" | "rewrite")
        });
    let encoded = text(&"encoding").is_some_and(|encoding| {
        !matches!(
            &*encoding.to_lowercase(),
            "utf-8" | "utf8" | "text" | "ascii"
        )
    });
    if adds || encoded || PIECES.iter().any(|name| given(name)) {
        return None;
    }
    Some(Write {
        path: PATHS.iter().find_map(text)?,
        content: CONTENTS.iter().find_map(text)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_whole_content_is_told_from_a_piece() {
        let of = |tool: &str, arguments: Value| {
            let arguments = arguments.as_object().expect("an object").clone();
            writes(tool, &arguments)
                .iter()
                .map(|write| format!("{}={}", write.path, write.content))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            of("write_file", json!({"path": "a", "content": "x"})),
            ["a=x"]
        );
        assert_eq!(
            of(
                "create",
                json!({"file_path": "a", "file_text": "x", "overwrite": true})
            ),
            ["a=x"]
        );
        assert_eq!(
            of(
                "save",
                json!({"uri": "a", "data": "x", "append": false, "mode": "overwrite"})
            ),
            ["a=x"]
        );
        assert_eq!(
            of(
                "push_files",
                json!({"branch": "b", "files": [{"path": "a", "content": "x"}, {"path": "b", "content": "y"}]})
            ),
            ["a=x", "b=y"]
        );
        for (tool, arguments) in [
            ("append_file", json!({"path": "a", "content": "x"})),
            (
                "write_file",
                json!({"path": "a", "content": "x", "append": true}),
            ),
            (
                "write_file",
                json!({"path": "a", "content": "x", "mode": "a"}),
            ),
            (
                "write_file",
                json!({"path": "a", "content": "eA==", "encoding": "base64"}),
            ),
            (
                "str_replace",
                json!({"path": "a", "old_str": "y", "text": "x"}),
            ),
            (
                "write_lines",
                json!({"path": "a", "text": "x", "start_line": 3}),
            ),
            ("write_note", json!({"title": "a", "text": "x"})),
            ("write_file", json!({"path": "a", "content": {"x": 1}})),
        ] {
            assert!(of(tool, arguments.clone()).is_empty(), "{tool} {arguments}");
        }
    }
}
