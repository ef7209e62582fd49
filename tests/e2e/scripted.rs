//! The scripted model as a program: a task goes on from what is sent, also when the program is another one.

use serde_json::{Value, json};
use toolpool_tests::env::TestEnv;
use toolpool_tests::model::ModelProcess;

const TASK: &str = r#"{ "rules": [
    { "when": { "user": "(?i)tidy (\\w+)", "without": ["list"] },
      "then": { "say": "I look. ", "calls": [{ "name": "list", "arguments": { "folder": "{{1}}" } }] } },
    { "when": { "of": "list", "result": "(\\S+)\\.tmp" },
      "then": { "calls": [{ "name": "call_tool", "arguments": { "name": "remove", "arguments": { "path": "{{1}}.tmp" } } }] } },
    { "when": { "of": "remove", "result": "removed" }, "then": { "say": "It is tidy." } },
    { "when": { "of": "remove" }, "then": { "say": "It could not be removed." } } ] }"#;

/// Asks for a reply, and returns its message.
async fn ask(model: &ModelProcess, messages: &[Value]) -> Value {
    let url = format!("{}/v1/chat/completions", model.url);
    let request = reqwest::Client::new().post(url);
    let sent = request.json(&json!({ "messages": messages })).send().await;
    let mut answer: Value = sent
        .expect("it answers")
        .json()
        .await
        .expect("it speaks JSON");
    answer["choices"][0]["message"].take()
}

fn result(message: &Value, text: &str) -> Value {
    json!({ "role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": text })
}

#[tokio::test]
async fn a_task_goes_on_in_another_process() {
    let env = TestEnv::new();
    let model = ModelProcess::start(&env, TASK, "--dialect llama-cpp --window 4096");
    let mut messages = vec![json!({ "role": "user", "content": "Tidy downloads" })];
    let first = ask(&model, &messages).await;
    assert_eq!(first["content"], "I look. ");
    let call = &first["tool_calls"][0]["function"];
    assert_eq!(call["arguments"], "{\"folder\":\"downloads\"}");
    messages.extend([first.clone(), result(&first, "a.txt\nb.tmp")]);
    drop(model);

    let model = ModelProcess::start(&env, TASK, "--dialect open-ai");
    let second = ask(&model, &messages).await;
    let call = &second["tool_calls"][0]["function"];
    let arguments = "{\"name\":\"remove\",\"arguments\":{\"path\":\"b.tmp\"}}";
    assert_eq!(
        (&call["name"], &call["arguments"]),
        (&json!("call_tool"), &json!(arguments))
    );
    messages.extend([second.clone(), result(&second, "removed b.tmp")]);
    assert_eq!(ask(&model, &messages).await["content"], "It is tidy.");
    messages.pop();
    messages.push(result(&second, "denied"));
    assert_eq!(
        ask(&model, &messages).await["content"],
        "It could not be removed."
    );

    let requests = model.requests();
    assert_eq!(requests.len(), 4, "both processes wrote to one record");
    assert_eq!(
        requests[0]["body"]["messages"][0]["content"],
        "Tidy downloads"
    );
}
