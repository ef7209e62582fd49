//! What goes in and out of a tap, against rmcp's own reading of it.

use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CancelledNotification, CancelledNotificationParam,
    ListToolsRequest, NumberOrString, ServerJsonRpcMessage,
};

use super::*;

fn ask(tap: &Tap, id: i64, request: ClientRequest) {
    tap.sent(&ClientJsonRpcMessage::request(
        request,
        RequestId::Number(id),
    ));
}

fn call() -> ClientRequest {
    ClientRequest::CallToolRequest(CallToolRequest::new(CallToolRequestParams::new("t")))
}

fn list() -> ClientRequest {
    ClientRequest::ListToolsRequest(ListToolsRequest::default())
}

/// What comes out after the tap and rmcp's own reading of the text, as over HTTP.
fn through(tap: &Tap, mut message: Value) -> ServerResult {
    tap.received(&mut message);
    match serde_json::from_str(&message.to_string()).unwrap() {
        ServerJsonRpcMessage::Response(response) => response.result,
        other => panic!("{other:?}"),
    }
}

#[test]
fn results_of_calls_come_out_of_rmcp_as_they_came_in() {
    for raw in [
        json!({"content": [{"type": "text", "text": "hi", "extra": {"z": 1, "a": 2}}], "isError": false, "unknown": [1]}),
        json!({"resultType": "complete", "content": [], "structuredContent": 7}),
        json!({"resultType": "input_required", "inputRequests": {}}),
        json!({"tools": [], "content": "not even a list"}),
        json!({}),
        json!("text"),
        Value::Null,
    ] {
        let tap = Tap::new(true);
        ask(&tap, 3, call());
        let result = through(&tap, json!({"jsonrpc": "2.0", "id": 3, "result": raw}));
        assert_eq!(
            unwrap(result).as_ref().map(Value::to_string),
            Some(raw.to_string())
        );
        assert!(!tap.awaits(&RequestId::Number(3)));
    }
}

#[test]
fn a_list_keeps_malformed_tools_and_unknown_members_and_rmcp_reads_the_good_ones() {
    let good = json!({"name": "good", "inputSchema": {"type": "object"}, "execution": {"taskSupport": "optional"}});
    let raw = json!({"tools": [good, {"name": "bad"}, {"name": "worse", "inputSchema": true}, 5], "nextCursor": "c", "new": 1});
    for typed in [true, false] {
        let tap = Tap::new(typed);
        ask(&tap, 0, list());
        let result = through(&tap, json!({"jsonrpc": "2.0", "id": 0, "result": raw}));
        match &result {
            ServerResult::ListToolsResult(list) => {
                assert!(typed);
                assert_eq!(
                    list.tools
                        .iter()
                        .map(|tool| tool.name.as_ref())
                        .collect::<Vec<_>>(),
                    ["good"]
                );
            }
            ServerResult::CustomResult(_) => assert!(!typed),
            other => panic!("{other:?}"),
        }
        assert_eq!(unwrap(result).unwrap().to_string(), raw.to_string());
    }
}

#[test]
fn only_answers_to_lists_and_calls_are_touched() {
    let tap = Tap::new(false);
    ask(&tap, 1, call());
    for mut untouched in [
        json!({"jsonrpc": "2.0", "id": 2, "result": {"content": []}}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}),
        json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {}}),
        json!([1, 2]),
    ] {
        let before = untouched.clone();
        assert!(!tap.received(&mut untouched));
        assert_eq!(untouched, before);
    }
    assert!(tap.awaits(&RequestId::Number(1)));
    assert!(
        tap.received(&mut json!({"jsonrpc": "2.0", "id": "1", "result": {}})),
        "an id sent back as text"
    );
}

#[test]
fn progress_reaches_its_own_call_in_order() {
    let tap = Tap::new(false);
    let mut mine = tap.route(&ProgressToken(NumberOrString::Number(4)));
    let report = |token: Value, progress: f64| json!({"method": "notifications/progress", "params": {"progressToken": token, "progress": progress, "total": 3}});
    for mut message in [
        report(json!(4), 1.0),
        report(json!(9), 7.0),
        report(json!("4"), 2.0),
        json!({"method": "notifications/progress"}),
    ] {
        tap.received(&mut message);
    }
    assert_eq!(seen(&mut mine), [1.0, 2.0]);
    drop(mine);
    assert!(lock(&tap.routes).is_empty());
}

fn seen(route: &mut Route) -> Vec<f64> {
    std::iter::from_fn(|| route.next_now())
        .map(|report| report.progress)
        .collect()
}

#[test]
fn progress_before_anyone_listens_is_kept() {
    let tap = Tap::new(false);
    let token = ProgressToken(NumberOrString::Number(4));
    let mut request = call();
    request.get_meta_mut().set_progress_token(token.clone());
    ask(&tap, 1, request.clone());
    for step in 1..=3 {
        tap.received(&mut json!({"method": "notifications/progress", "params": {"progressToken": 4, "progress": step}}));
    }
    tap.received(&mut json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
    let mut mine = tap.route(&token);
    assert_eq!(seen(&mut mine), [1.0, 2.0, 3.0]);
    drop(mine);
    // A caller that is gone before its request leaves has cancelled it, and leaves no route behind.
    ask(&tap, 2, request);
    let cancelled = CancelledNotificationParam::new(Some(RequestId::Number(2)), None);
    tap.sent(&ClientJsonRpcMessage::notification(
        CancelledNotification::new(cancelled).into(),
    ));
    assert!(lock(&tap.routes).is_empty());
}
