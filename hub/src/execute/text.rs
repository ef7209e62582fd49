//! A tool result as text: the one place where what a model reads is made from what a server sent.

use serde_json::Value;

use crate::cap::head_and_tail;

/// What a result says, block by block; its structured content where it says nothing else.
pub fn text_of(result: &Value) -> String {
    let blocks = result.get("content").and_then(Value::as_array);
    let texts: Vec<String> = blocks.into_iter().flatten().map(block_text).collect();
    let text = texts.join("\n");
    if !text.trim().is_empty() {
        return text;
    }
    match result.get("structuredContent") {
        Some(structured) => structured.to_string(),
        None if result.get("isError") == Some(&Value::Bool(true)) => {
            "the tool failed and says nothing more".into()
        }
        None => "done; the tool returned nothing".into(),
    }
}

/// What one block of content says; of what is no text, what it is.
pub fn block_text(block: &Value) -> String {
    let text = |key: &str| block.get(key).and_then(Value::as_str).unwrap_or_default();
    let bytes = |data: &str| data.trim_end_matches('=').len() * 3 / 4;
    match text("type") {
        "text" => text("text").to_owned(),
        kind @ ("image" | "audio") => format!(
            "[{kind} {}, {} bytes]",
            text("mimeType"),
            bytes(text("data"))
        ),
        "resource_link" => format!("[resource {}]", text("uri")),
        "resource" => {
            let resource = &block["resource"];
            match resource.get("text").and_then(Value::as_str) {
                Some(text) => text.to_owned(),
                None => {
                    let blob = resource
                        .get("blob")
                        .and_then(Value::as_str)
                        .unwrap_or_default();
                    format!(
                        "[resource {}, {} bytes]",
                        resource["uri"].as_str().unwrap_or_default(),
                        bytes(blob)
                    )
                }
            }
        }
        _ => block.to_string(),
    }
}

/// Cuts a text to about `bytes_max`, head and tail kept, and says so; true where it was cut.
pub(super) fn fit(text: String, bytes_max: usize) -> (String, bool) {
    if text.len() <= bytes_max {
        return (text, false);
    }
    (head_and_tail(&text, bytes_max), true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_result_is_read_block_by_block() {
        let rows = [
            (
                json!({"content": [{"type": "text", "text": "a"}, {"type": "image", "mimeType": "image/png", "data": "AAAA"}]}),
                "a\n[image image/png, 3 bytes]",
            ),
            (
                json!({"content": [], "structuredContent": {"n": 1}}),
                "{\"n\":1}",
            ),
            (
                json!({"content": [{"type": "resource", "resource": {"uri": "a:b", "text": "inside"}}]}),
                "inside",
            ),
            (json!({"content": []}), "done; the tool returned nothing"),
            (
                json!({"isError": true}),
                "the tool failed and says nothing more",
            ),
        ];
        for (result, wanted) in rows {
            assert_eq!(text_of(&result), wanted);
        }
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        assert_eq!(fit("short".into(), 10), ("short".into(), false));
        let (text, cut) = fit("x".repeat(5_000), 1_000);
        assert!(cut && text.len() < 1_200 && text.contains("of 5000 bytes left out"));
    }
}
