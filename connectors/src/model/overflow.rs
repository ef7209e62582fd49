//! The errors by which servers say that a prompt does not fit, told by their shape.
//!
//! Only llama.cpp gives the numbers as fields; the others put them into a sentence, and some none at all.

use serde_json::Value;

use super::ModelError;

/// The error as [`ModelError::Overflow`], where it says that. `body` is the answer's text, JSON or not.
pub(super) fn recognise(body: &str) -> Option<ModelError> {
    let value: Value = serde_json::from_str(body).unwrap_or(Value::Null);
    let message = words(&value).unwrap_or_else(|| body.trim().to_owned());
    let error = value.get("error").unwrap_or(&value);
    if error["type"] == "exceed_context_size_error" {
        return Some(ModelError::Overflow {
            prompt: number(&error["n_prompt_tokens"]),
            window: number(&error["n_ctx"]),
            message,
        });
    }
    let lower = message.to_lowercase();
    let coded = error["code"] == "context_length_exceeded";
    let said = SIGNS
        .iter()
        .any(|signs| signs.iter().all(|sign| lower.contains(sign)));
    (coded || said).then(|| {
        let (prompt, window) = numbers(&lower);
        ModelError::Overflow {
            prompt,
            window,
            message,
        }
    })
}

/// All words of one row together are one server's way of saying it.
const SIGNS: &[&[&str]] = &[
    // llama.cpp, also where a proxy in front drops the type.
    &["exceeds the available context size"],
    // Ollama, of the prompt and of its runner.
    &["prompt is longer than the context length"],
    &["input length exceeds"],
    &["exceeded context length"],
    // vLLM, of the prompt alone and with the room for the reply.
    &["maximum context length is"],
    &["maximum model length"],
    // LM Studio.
    &["trying to keep the first", "context"],
    &["context length", "not enough"],
    &["context_length_exceeded"],
    &["reached context length"],
];

/// The words of an error answer: of its `error`, an object or a text, or of its `message`.
pub(super) fn words(value: &Value) -> Option<String> {
    let error = value.get("error");
    [
        error.and_then(|error| error.get("message")),
        error,
        value.get("message"),
        value.get("detail"),
    ]
    .into_iter()
    .flatten()
    .find_map(Value::as_str)
    .map(|words| words.trim().to_owned())
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|number| u32::try_from(number).ok())
}

/// (tokens of the prompt, tokens of the window), each where the sentence names it.
fn numbers(lower: &str) -> (Option<u32>, Option<u32>) {
    let window = after(lower, "maximum context length is")
        .or_else(|| after(lower, "maximum model length of"))
        .or_else(|| after(lower, "available context size ("))
        .or_else(|| after(lower, "context length of only"))
        .or_else(|| after(lower, "context length of"))
        .or_else(|| after(lower, "limit ("));
    let prompt = after(lower, "prompt contains at least")
        .or_else(|| after(lower, "request ("))
        .or_else(|| after(lower, "keep the first"))
        .or_else(|| after(lower, "your messages resulted in"))
        .or_else(|| after(lower, "tokens ("))
        .or_else(|| after(lower, "you requested"))
        .or_else(|| after(lower, "prompt length ("));
    (prompt, window)
}

fn after(text: &str, mark: &str) -> Option<u32> {
    let rest = text[text.find(mark)? + mark.len()..].trim_start();
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_is_recognised_by_its_shape() {
        for (body, prompt, window) in [
            (
                r#"{"error":{"code":400,"type":"exceed_context_size_error","message":"request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it","n_prompt_tokens":9000,"n_ctx":8192}}"#,
                Some(9_000),
                Some(8_192),
            ),
            (
                r#"{"error":{"message":"request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it"}}"#,
                Some(9_000),
                Some(8_192),
            ),
            (
                r#"{"error":"the prompt is longer than the context length currently available"}"#,
                None,
                None,
            ),
            (
                r#"{"error":"input length exceeds maximum context length"}"#,
                None,
                None,
            ),
            (
                r#"{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5020 tokens (4508 in the messages, 512 in the completion). Please reduce the length of the messages or completion.","type":"BadRequestError","code":400}"#,
                Some(4_508),
                Some(4_096),
            ),
            (
                r#"{"error":{"message":"This model's maximum context length is 4096 tokens. However, you requested 512 output tokens and your prompt contains at least 3585 input tokens, for a total of at least 4097 tokens.","type":"BadRequestError","code":400}}"#,
                Some(3_585),
                Some(4_096),
            ),
            (
                r#"{"error":"Trying to keep the first 5230 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough. Try to load the model with a larger context length, or provide a shorter input"}"#,
                Some(5_230),
                Some(4_096),
            ),
            (
                r#"{"error":{"message":"Too long.","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
                None,
                None,
            ),
            (
                r#"{"error":{"message":"This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.","code":"context_length_exceeded"}}"#,
                Some(9_001),
                Some(8_192),
            ),
        ] {
            match recognise(body) {
                Some(ModelError::Overflow {
                    prompt: p,
                    window: w,
                    message,
                }) => {
                    assert_eq!((p, w), (prompt, window), "{body}");
                    assert!(!message.contains('{'), "{message}");
                }
                other => panic!("{body}: {other:?}"),
            }
        }
    }

    #[test]
    fn other_errors_are_not() {
        for body in [
            r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
            r#"{"error":"model 'x' not found"}"#,
            r#"{"error":{"message":"Failed to parse input at pos 12"}}"#,
            r#"{"error":"context: something else"}"#,
            "",
            "<html>bad gateway</html>",
        ] {
            assert!(recognise(body).is_none(), "{body}");
        }
    }
}
