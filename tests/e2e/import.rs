//! `config import`: the servers of other clients, shown first, written only when told to.

use toolpool_tests::env::TestEnv;

const CLAUDE: &str = r#"{
  "mcpServers": {
    "files": { "command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "/data"] },
    "remote": { "type": "http", "url": "https://mcp.example.com/mcp", "headers": { "Authorization": "Bearer ${TOKEN}" } },
    "old": { "type": "sse", "url": "https://mcp.example.com/sse" }
  }
}"#;
const CODEX: &str = "[mcp_servers.notes]\ncommand = \"notes-mcp\"\nargs = [\"--vault\", \"/home/me/notes\"]\nenv = { KEY = \"value\" }\n";

#[test]
fn nothing_is_written_until_told() {
    let env = TestEnv::new();
    env.write("home/.claude.json", CLAUDE);
    env.write("home/.codex/config.toml", CODEX);
    env.config("");
    let before = std::fs::read_to_string(env.config_file()).expect("the file is there");
    let run = env.run(["config", "import"]).ok();
    for word in ["files", "remote", "notes"] {
        assert!(
            run.stdout.contains(word) || run.stderr.contains(word),
            "`{word}`\n{}",
            run.snapshot()
        );
    }
    assert_eq!(
        std::fs::read_to_string(env.config_file()).expect("the file is there"),
        before
    );

    env.run(["config", "import", "--write"]).ok();
    env.run(["config", "check"]).ok();
    let shown = env.run(["config", "show", "servers", "--json"]).ok().stdout;
    for word in [
        "server-filesystem",
        "https://mcp.example.com/mcp",
        "notes-mcp",
    ] {
        assert!(shown.contains(word), "`{word}`: {shown}");
    }
    // A second import finds nothing new, and changes nothing.
    let after = std::fs::read_to_string(env.config_file()).expect("the file is there");
    env.run(["config", "import", "--write"]).ok();
    assert_eq!(
        std::fs::read_to_string(env.config_file()).expect("the file is there"),
        after
    );
}

#[test]
fn every_known_client_and_any_file() {
    let one =
        |name: &str| format!("{{\"mcpServers\": {{\"{name}\": {{\"command\": \"{name}-mcp\"}}}}}}");
    let places = [
        ("home/.config/Claude/claude_desktop_config.json", "desktop"),
        ("home/.claude.json", "code"),
        ("home/.cursor/mcp.json", "cursor"),
        ("home/.codeium/windsurf/mcp_config.json", "windsurf"),
        ("home/.gemini/settings.json", "gemini"),
    ];
    let env = TestEnv::new();
    for (place, name) in places {
        env.write(place, &one(name));
    }
    env.write("home/.codex/config.toml", CODEX);
    env.write(
        "work/.vscode/mcp.json",
        "{\"servers\": {\"vscode\": {\"command\": \"vscode-mcp\"}}}",
    );
    let run = env.run(["config", "import"]).ok();
    for name in [
        "desktop", "code", "cursor", "windsurf", "gemini", "notes", "vscode",
    ] {
        assert!(run.stdout.contains(name), "`{name}`\n{}", run.snapshot());
    }
    let file = env.write("tmp/any.json", &one("anything"));
    let run = env
        .run(["config", "import", &file.display().to_string()])
        .ok();
    assert!(run.stdout.contains("anything"), "{}", run.snapshot());
}

#[test]
fn what_cannot_be_translated_is_said() {
    let env = TestEnv::new();
    let file = env.write("tmp/claude.json", CLAUDE);
    let run = env
        .run(["config", "import", &file.display().to_string()])
        .ok();
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(
        said.contains("old") && said.to_lowercase().contains("sse"),
        "{}",
        run.snapshot()
    );
    let broken = env.write("tmp/broken.json", "{\"mcpServers\": ");
    let run = env.run(["config", "import", &broken.display().to_string()]);
    assert_ne!(run.code(), 0, "{}", run.snapshot());
    assert!(run.stderr.contains("broken.json"), "{}", run.snapshot());
}
