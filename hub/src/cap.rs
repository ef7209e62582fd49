//! Caps the size of a result, so that one answer can't fill a small window or a client's memory.
//!
//! What is cut is always said in the result itself, with the sizes. Text keeps its head and its
//! tail, since both ends of a log or a file carry more than its middle; what can't be cut in two
//! (an image, structured content) is left out whole. Keeping the whole result is the door's business.

use serde_json::{Map, Value, json};

/// Cuts a tool result (`content`, `structuredContent`, ...) to about `bytes_max` and says whether
/// anything was cut. Results within the bound come back untouched, byte for byte.
pub fn cap(result: Value, bytes_max: usize) -> (Value, bool) {
    if size(&result) <= bytes_max {
        return (result, false);
    }
    let Value::Object(mut object) = result else {
        return (refused(bytes_max), true);
    };
    drop_large(&mut object, "structuredContent", bytes_max / 2);
    drop_large(&mut object, "_meta", bytes_max / 4);
    let rest = object
        .iter()
        .filter(|(key, _)| *key != "content")
        .map(|(_, value)| size(value))
        .sum::<usize>();
    let room = bytes_max.saturating_sub(rest);
    if let Some(Value::Array(blocks)) = object.get_mut("content") {
        cap_blocks(blocks, room);
    }
    let capped = Value::Object(object);
    if size(&capped) > bytes_max + bytes_max / 4 {
        return (refused(bytes_max), true);
    }
    (capped, true)
}

/// Length of the value as compact JSON, in bytes, without building the text.
pub fn size(value: &Value) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value)
        .expect("a JSON value always serialises into a counter");
    count.0
}

fn drop_large(object: &mut Map<String, Value>, key: &str, bytes_max: usize) {
    let Some(bytes) = object.get(key).map(size) else {
        return;
    };
    if bytes > bytes_max {
        object.remove(key);
        note(
            object,
            format!(
                "[`{key}` of {bytes} bytes left out: it is over the limit of {bytes_max} bytes]"
            ),
        );
    }
}

fn note(object: &mut Map<String, Value>, text: String) {
    let block = json!({"type": "text", "text": text});
    match object.get_mut("content") {
        Some(Value::Array(blocks)) => blocks.push(block),
        _ => {
            object.insert("content".into(), Value::Array(vec![block]));
        }
    }
}

/// Gives each block its share of the room: small blocks pass whole, the large ones share the rest.
fn cap_blocks(blocks: &mut [Value], room: usize) {
    let mut sizes: Vec<usize> = blocks.iter().map(size).collect();
    let total: usize = sizes.iter().sum();
    if total <= room {
        return;
    }
    sizes.sort_unstable();
    let (mut left, mut share) = (room, 0);
    for (index, bytes) in sizes.iter().enumerate() {
        share = left / (sizes.len() - index);
        if *bytes > share {
            break;
        }
        left -= bytes;
    }
    for block in blocks.iter_mut() {
        let bytes = size(block);
        if bytes <= share {
            continue;
        }
        let cut = match block.get("text").and_then(Value::as_str) {
            Some(text) => head_and_tail(text, share.saturating_sub(120)),
            None => {
                let kind = block
                    .get("type")
                    .and_then(Value::as_str)
                    .unwrap_or("unknown");
                format!(
                    "[a block of type `{kind}` with {bytes} bytes left out: it is over the limit]"
                )
            }
        };
        *block = json!({"type": "text", "text": cut});
    }
}

/// Two thirds of the room from the front, one third from the end, cut at characters.
pub(crate) fn head_and_tail(text: &str, room: usize) -> String {
    // JSON escapes can double a text; cutting by its own share keeps the bound either way.
    let scale = serde_json::to_string(text)
        .map_or(2.0, |json| json.len() as f64 / text.len().max(1) as f64);
    let room = (room as f64 / scale.max(1.0)) as usize;
    let head = floor(text, room * 2 / 3);
    let tail = ceil(text, text.len().saturating_sub(room / 3)).max(head);
    format!(
        "{}\n[... {} of {} bytes left out ...]\n{}",
        &text[..head],
        tail - head,
        text.len(),
        &text[tail..]
    )
}

fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn ceil(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

fn refused(bytes_max: usize) -> Value {
    json!({
        "content": [{"type": "text", "text": format!("the result was left out: it can't be cut to the limit of {bytes_max} bytes")}],
        "isError": true
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(result: &Value, index: usize) -> &str {
        result["content"][index]["text"]
            .as_str()
            .unwrap_or_default()
    }

    #[test]
    fn a_result_within_the_bound_is_untouched() {
        let result = json!({"content": [{"type": "text", "text": "short"}], "extra": 1});
        assert_eq!(cap(result.clone(), 1000), (result, false));
    }

    #[test]
    fn long_text_keeps_head_and_tail_and_says_what_is_missing() {
        let text = format!("HEAD{}TAIL", "é\n".repeat(50_000));
        let (capped, cut) = cap(json!({"content": [{"type": "text", "text": text}]}), 10_000);
        assert!(cut);
        assert!(size(&capped) <= 10_000, "{}", size(&capped));
        let kept = text_of(&capped, 0);
        assert!(kept.starts_with("HEAD") && kept.ends_with("TAIL"));
        assert!(kept.contains("bytes left out"));
    }

    #[test]
    fn small_blocks_survive_beside_a_large_one() {
        let (capped, _) = cap(
            json!({"content": [
                {"type": "text", "text": "the answer is 42"},
                {"type": "image", "data": "x".repeat(100_000), "mimeType": "image/png"},
                {"type": "text", "text": "y".repeat(100_000)}
            ]}),
            20_000,
        );
        assert_eq!(text_of(&capped, 0), "the answer is 42");
        assert!(text_of(&capped, 1).contains("`image`"));
        assert!(size(&capped) <= 20_000);
    }

    #[test]
    fn structured_content_goes_whole_and_is_named() {
        let (capped, cut) = cap(
            json!({"content": [], "structuredContent": {"rows": vec!["z"; 50_000]}}),
            5_000,
        );
        assert!(cut && capped.get("structuredContent").is_none());
        assert!(text_of(&capped, 0).contains("`structuredContent`"));
    }

    #[test]
    fn what_is_no_result_object_is_refused() {
        let (capped, cut) = cap(Value::String("x".repeat(9_000)), 1_000);
        assert!(cut && capped["isError"] == true);
    }
}
