//! A line or body from a server read into a message of rmcp, forgiving what can be forgiven.
//!
//! Nothing a server writes is fatal here: a request that cannot be read is answered with an error, an odd error is made a plain one,
//! anything else that is no message is skipped and counted.

use std::borrow::Cow;

use rmcp::model::{
    ClientJsonRpcMessage, CustomResult, ErrorCode, ErrorData, RequestId, ServerJsonRpcMessage,
    ServerResult,
};
use serde_json::Value;

use super::tap::{self, Tap};

/// What a piece of JSON from a server amounts to.
#[derive(Debug)]
pub(crate) enum Read {
    /// A message for rmcp.
    Message(ServerJsonRpcMessage),
    /// A request that can only be answered with this.
    Answer(ClientJsonRpcMessage),
    /// No message.
    Nothing,
}

/// Reads one line: a message, or the batch of them that one old revision allows.
pub(crate) fn read_line(line: &[u8], tap: &Tap) -> Vec<Read> {
    match serde_json::from_slice(line) {
        Ok(Value::Array(batch)) => batch.into_iter().map(|value| read(value, tap)).collect(),
        Ok(value) => vec![read(value, tap)],
        Err(_) => vec![Read::Nothing],
    }
}

/// Reads one message, after the tap has had it.
pub(crate) fn read(mut value: Value, tap: &Tap) -> Read {
    tap.received(&mut value);
    let Some(members) = value.as_object_mut() else {
        return Read::Nothing;
    };
    if !members.contains_key("jsonrpc") {
        return Read::Nothing;
    }
    let is_request = members.contains_key("method");
    let id = members.get("id").cloned();
    if !is_request && let Some(result) = members.get_mut("result") {
        let Some(id) = id.as_ref().and_then(response_id) else {
            return Read::Nothing;
        };
        return match tap::only_raw(result.take()) {
            // The short way: no typed reading at all, which for a long result costs more than anything else.
            Ok(raw) => Read::Message(ServerJsonRpcMessage::response(
                ServerResult::CustomResult(CustomResult(tap::wrap(raw))),
                id,
            )),
            Err(plain) => {
                *result = plain;
                typed(value)
            }
        };
    }
    if !is_request && let Some(error) = members.get("error") {
        return Read::Message(ServerJsonRpcMessage::error(
            error_data(error),
            id.as_ref().and_then(response_id),
        ));
    }
    match (typed(value), id.as_ref().and_then(own_id)) {
        (Read::Nothing, Some(id)) if is_request => {
            let error = ErrorData::new(
                ErrorCode::INVALID_REQUEST,
                "the request could not be read",
                None,
            );
            Read::Answer(ClientJsonRpcMessage::error(error, Some(id)))
        }
        (read, _) => read,
    }
}

/// The error that stands in for an answer beyond the bound on one message, where the head tells which request it was for.
pub(crate) fn too_long(head: &[u8], bytes_max: usize, tap: &Tap) -> Option<ServerJsonRpcMessage> {
    let id = answered_id(head)?;
    tap.awaits(&id).then(|| {
        let message = format!("the answer is longer than {bytes_max} bytes");
        ServerJsonRpcMessage::error(
            ErrorData::new(ErrorCode::INTERNAL_ERROR, message, None),
            Some(id),
        )
    })
}

fn typed(value: Value) -> Read {
    serde_json::from_value(value).map_or(Read::Nothing, Read::Message)
}

fn response_id(value: &Value) -> Option<RequestId> {
    tap::request_id(value).or_else(|| own_id(value))
}

/// An id as the server wrote it: answers to its requests must carry it unchanged.
fn own_id(value: &Value) -> Option<RequestId> {
    serde_json::from_value(value.clone()).ok()
}

/// An error as far as it can be understood.
fn error_data(error: &Value) -> ErrorData {
    let code = error.get("code").and_then(|code| {
        code.as_i64()
            .or_else(|| code.as_f64().map(|code| code as i64))
    });
    let message = match (error.get("message"), error) {
        (Some(Value::String(message)), _) | (None, Value::String(message)) => message.clone(),
        _ => error.to_string(),
    };
    ErrorData {
        code: ErrorCode(
            code.and_then(|code| i32::try_from(code).ok())
                .unwrap_or(ErrorCode::INTERNAL_ERROR.0),
        ),
        message: Cow::Owned(message),
        data: error.get("data").cloned(),
    }
}

/// The id in the head of an answer. Servers write it before the result, which is all that must hold for this to work.
fn answered_id(head: &[u8]) -> Option<RequestId> {
    let head = String::from_utf8_lossy(head);
    let before = head.split("\"result\"").next()?;
    let after = before
        .split("\"id\"")
        .nth(1)?
        .trim_start()
        .strip_prefix(':')?
        .trim_start();
    let digits: String = after
        .trim_start_matches('"')
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().ok().map(RequestId::Number)
}

#[cfg(test)]
mod tests {
    use rmcp::model::{CallToolRequest, CallToolRequestParams, ClientRequest};
    use serde_json::json;

    use super::*;

    fn kinds(line: &str) -> Vec<String> {
        let tap = Tap::new(false);
        read_line(line.as_bytes(), &tap)
            .into_iter()
            .map(|read| match read {
                Read::Message(ServerJsonRpcMessage::Response(_)) => "response".to_owned(),
                Read::Message(ServerJsonRpcMessage::Error(error)) => {
                    format!("error {} {}", error.error.code.0, error.error.message)
                }
                Read::Message(ServerJsonRpcMessage::Request(_)) => "request".to_owned(),
                Read::Message(ServerJsonRpcMessage::Notification(_)) => "notification".to_owned(),
                Read::Answer(_) => "answer".to_owned(),
                Read::Nothing => "nothing".to_owned(),
            })
            .collect()
    }

    #[test]
    fn what_servers_write() {
        for (line, expected) in [
            (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, "response"),
            (r#"{"jsonrpc":"2.0","id":"1","result":{"x":1}}"#, "response"),
            (
                r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}"#,
                "error -32601 no",
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601.0}}"#,
                r#"error -32601 {"code":-32601.0}"#,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"error":"odd"}"#,
                "error -32603 odd",
            ),
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, "request"),
            (
                r#"{"jsonrpc":"2.0","id":"a","method":"roots/list"}"#,
                "request",
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"custom/thing","params":{"a":1}}"#,
                "request",
            ),
            (
                r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#,
                "notification",
            ),
            (r#"{"level":"info","msg":"starting"}"#, "nothing"),
            ("Server running on stdio", "nothing"),
            ("17", "nothing"),
            ("{", "nothing"),
        ] {
            assert_eq!(kinds(line), [expected], "{line}");
        }
        assert_eq!(
            kinds(
                r#"[{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":2,"method":"ping"}]"#
            ),
            ["response", "request"]
        );
        assert_eq!(
            kinds(r#"{"jsonrpc":"2.0","id":1,"method":7}"#),
            ["answer"],
            "an unreadable request gets an answer"
        );
    }

    #[test]
    fn an_answer_beyond_the_bound_becomes_an_error_for_its_own_request() {
        let tap = Tap::new(false);
        tap.sent(&ClientJsonRpcMessage::request(
            ClientRequest::CallToolRequest(CallToolRequest::new(CallToolRequestParams::new("t"))),
            RequestId::Number(12),
        ));
        for (head, found) in [
            (
                r#"{"jsonrpc":"2.0","id":12,"result":{"content":[{"text":"xxx"#,
                true,
            ),
            (r#"{"jsonrpc": "2.0", "id": 12, "result": {"#, true),
            (r#"{"id":13,"result":{"#, false),
            (r#"{"result":{"id":12"#, false),
            ("plain text", false),
        ] {
            assert_eq!(
                too_long(head.as_bytes(), 10, &tap).is_some(),
                found,
                "{head}"
            );
        }
    }

    #[test]
    fn wrapped_results_take_the_short_way() {
        let tap = Tap::new(false);
        match read(
            json!({"jsonrpc": "2.0", "id": 4, "result": tap::wrap(json!({"content": 1}))}),
            &tap,
        ) {
            Read::Message(ServerJsonRpcMessage::Response(response)) => {
                assert_eq!(tap::unwrap(response.result), Some(json!({"content": 1})));
            }
            other => panic!("{other:?}"),
        }
    }
}
