//! The server as a client meets it: over its pipe, and by its definitions.

use rmcp::ServiceExt;
use rmcp::model::CallToolRequestParams;
use serde_json::{Value, json};
use toolpool_config::{Builtin, Config, Confinement, Limits, Transport};

use super::World;
use crate::workspace::{Launch, factory, tools};

#[tokio::test]
async fn over_the_pipe_it_is_a_server_like_any_other() {
    let world = World::project();
    let mut config = Config::default()
        .servers
        .remove("workspace")
        .expect("the default server");
    config.transport = Transport::InProcess {
        name: Builtin::Workspace,
        folder: Some("work".into()),
        confinement: Confinement::default(),
    };
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    factory(
        world.dir.path().to_owned(),
        Limits::default(),
        toolpool_config::WriteCheck::Refuse,
        Launch::default(),
    )(&config, theirs);
    let client = ().serve(ours).await.expect("connected");
    let listed = client.list_all_tools().await.expect("listed");
    let names: Vec<&str> = listed.iter().map(|tool| &*tool.name).collect();
    assert_eq!(
        names,
        [
            "delete_file",
            "edit_file",
            "file_info",
            "find_files",
            "list_files",
            "move_file",
            "read_file",
            "run_command",
            "search_files",
            "write_file"
        ]
    );
    for tool in &listed {
        let annotations = tool.annotations.as_ref().expect("annotated");
        let changes = [
            "delete_file",
            "edit_file",
            "move_file",
            "run_command",
            "write_file",
        ];
        let changes = changes.contains(&&*tool.name);
        assert_eq!(
            (annotations.read_only_hint, annotations.destructive_hint),
            (Some(!changes), Some(changes)),
            "{}",
            tool.name
        );
        assert_eq!(
            annotations.open_world_hint,
            Some(tool.name == "run_command")
        );
    }
    let call = |name: &'static str, arguments: Value| {
        let request = CallToolRequestParams::new(name)
            .with_arguments(arguments.as_object().cloned().expect("an object"));
        client.call_tool(request)
    };
    let read = call("read_file", json!({"path": "src/main.rs"}))
        .await
        .expect("called");
    assert_eq!(read.is_error, Some(false));
    assert!(
        read.content[0]
            .as_text()
            .expect("a text")
            .text
            .starts_with("fn main")
    );
    let refused = call("read_file", json!({"path": "../secret.txt"}))
        .await
        .expect("an answer, not a protocol error");
    assert_eq!(refused.is_error, Some(true));
    client.cancel().await.expect("ended");
}

#[tokio::test]
async fn definitions_are_valid_and_answers_fit_them() {
    let world = World::project();
    world.text("read_file", json!({"path": "README.md"})).await;
    for tool in tools::all() {
        jsonschema::validator_for(&Value::Object((*tool.input_schema).clone()))
            .expect("a valid input schema");
        let Some(output) = &tool.output_schema else {
            continue;
        };
        let schema = jsonschema::validator_for(&Value::Object((**output).clone()))
            .expect("a valid output schema");
        let arguments = match &*tool.name {
            "find_files" => json!({"glob": "*"}),
            "search_files" => json!({"query": "needle"}),
            "file_info" => json!({"path": "src"}),
            "write_file" => json!({"path": "new/file.txt", "content": "text"}),
            "edit_file" => json!({"path": "README.md", "old": "Demo", "new": "Other"}),
            "move_file" => json!({"from": "run.log", "to": "logs/run.log"}),
            "delete_file" => json!({"path": "logo.png"}),
            "run_command" => json!({"command": "echo hello"}),
            _ => json!({}),
        };
        let structured = world
            .call(&tool.name, arguments)
            .await
            .expect("an answer")
            .structured
            .expect("structured");
        assert!(schema.is_valid(&structured), "{}: {structured}", tool.name);
    }
}
