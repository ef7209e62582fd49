//! One small file per client, and what becomes of it.

use std::path::Path;

use super::*;
use crate::{Sources, load};

fn import(client: Client, file: &str, text: &str) -> Import {
    read(client, text, Path::new(file)).unwrap_or_else(|error| panic!("{error}"))
}

/// The servers as TOML, then what was said, as one text.
fn check(client: Client, file: &str, text: &str, servers: &str, said: &[&str]) {
    let import = import(client, file, text);
    let mut all = String::new();
    for server in &import.servers {
        all.push_str(&translate::document(&server.name, server.table.clone()).to_string());
    }
    assert_eq!(all.trim(), servers.trim(), "{client}");
    let heard: Vec<&String> = import.untranslated.iter().chain(&import.hints).collect();
    assert_eq!(heard, said, "{client}");
    loads(&merge("", &[import], Path::new("config.toml")).unwrap().text);
}

/// What import writes must be what load reads.
fn loads(text: &str) -> crate::Config {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    crate::write_atomically(&file, text).unwrap();
    let sources = Sources {
        user_file: Some(file),
        ..Sources::default()
    };
    load(&sources)
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
        .config
}

#[test]
fn claude_desktop_has_no_variables() {
    check(
        Client::ClaudeDesktop,
        "claude_desktop_config.json",
        r#"{"globalShortcut": "", "mcpServers": {"My Files!": {"command": "npx", "args": ["-y", "fs", "/a/$b"],
            "env": {"API_TOKEN": "pa$$", "LEVEL": 3}}}}"#,
        r#"
[servers.My-Files]
command = "npx"
args = ["-y", "fs", "/a/$$b"]

[servers.My-Files.env]
API_TOKEN = "pa$$$$"
LEVEL = "3"
"#,
        &[
            "server `My Files!`: `env.API_TOKEN` is a secret written out; move it to a variable and write `${API_TOKEN}`",
            "server `My Files!`: its name becomes `My-Files`",
        ],
    );
}

#[test]
fn claude_code_keeps_its_variables_and_its_projects() {
    check(
        Client::ClaudeCode,
        ".claude.json",
        r#"{"mcpServers": {"issues": {"type": "http", "url": "${BASE:-https://a.example}/mcp",
              "headers": {"Authorization": "Bearer ${KEY}"}, "oauth": {"clientId": "x"}}},
            "projects": {"/w/one": {"mcpServers": {"db": {"type": "stdio", "command": "db", "args": [], "env": {}}},
              "disabledMcpServers": ["db"]}, "/w/two": {"mcpServers": {}}}}"#,
        r#"
[servers.issues]
url = "${BASE:-https://a.example}/mcp"

[servers.issues.headers]
Authorization = "Bearer ${KEY}"
[servers.db]
command = "db"
cwd = "/w/one"
enabled = false
"#,
        &["server `issues`: `oauth` (signing in by OAuth) is not taken over"],
    );
}

#[test]
fn editors_ask_for_inputs_and_know_folders() {
    check(
        Client::VsCode,
        "/w/p/.vscode/mcp.json",
        r#"{
            // what the editor asks for
            "inputs": [{"type": "promptString", "id": "api-key", "description": "the key", "password": true},
                       {"type": "promptString", "id": "region", "default": "eu"}],
            "servers": {
                "cloud": {"type": "stdio", "command": "${workspaceFolder}/run", "args": ["--region=${input:region}"],
                          "env": {"KEY": "${input:api-key}", "U": "${env:USER}", "X": "${command:pick}"},
                          "envFile": "${workspaceFolder}/.env", "dev": {"watch": "x"}},
            },
        }"#,
        r#"
[servers.cloud]
command = "/w/p/run"
args = ["--region=${REGION:-eu}"]

[servers.cloud.env]
KEY = "${API_KEY}"
U = "${USER}"
X = "$${command:pick}"
"#,
        &[
            "server `cloud`: `${command:pick}` has no counterpart and is kept as plain text",
            "server `cloud`: `envFile` is not read; set its variables before toolpool starts",
            "server `cloud`: `dev` has no counterpart and is left out",
            "server `cloud`: set variable `REGION`, which the editor asked for as input `region`",
            "server `cloud`: set variable `API_KEY`, which the editor asked for as input `api-key`: the key",
        ],
    );
    check(
        Client::Cursor,
        "/home/me/.cursor/mcp.json",
        r#"{"mcpServers": {"a": {"url": "https://a.example/sse", "headers": {"X-Key": "${env:K}"}},
            "b": {"type": "sse", "url": "https://b.example/events", "auth": {"CLIENT_ID": "x"}}}}"#,
        r#"
[servers.a]
url = "https://a.example/sse"

[servers.a.headers]
X-Key = "${K}"
[servers.b]
url = "https://b.example/events"
enabled = false
"#,
        &[
            "server `a`: its url looks like the older HTTP+SSE transport; it is read as streamable HTTP",
            "server `b`: it speaks the older HTTP+SSE transport, so it is added disabled; enable it with the address of its streamable HTTP",
            "server `b`: `auth` (signing in by OAuth) is not taken over",
        ],
    );
}

#[test]
fn windsurf_and_gemini_have_keys_of_their_own() {
    check(
        Client::Windsurf,
        "mcp_config.json",
        r#"{"mcpServers": {"w": {"serverUrl": "https://w.example/mcp", "disabled": true, "disabledTools": ["rm", "a*b"],
            "alwaysAllow": ["ls"]}}}"#,
        r#"
[servers.w]
url = "https://w.example/mcp"
enabled = false
deny = ["rm", "a[*]b"]
"#,
        &[
            "server `w`: `alwaysAllow` says which calls need no asking; choose a `mode`, or an `effect` per tool, yourself",
        ],
    );
    check(
        Client::Gemini,
        "settings.json",
        r#"{"theme": "x", "mcpServers": {"g": {"httpUrl": "https://g.example", "timeout": 2500, "trust": true,
            "includeTools": ["one"], "excludeTools": ["two"]}, "l": {"command": "l", "env": {"A": "$HOME/x", "B": "${B}", "C": "5$"},
            "cwd": "./s", "trust": false}}}"#,
        r#"
[servers.g]
url = "https://g.example"
timeout_s = 2.5
allow = ["one"]
deny = ["two"]
[servers.l]
command = "l"
cwd = "./s"

[servers.l.env]
A = "${HOME}/x"
B = "${B}"
C = "5$$"
"#,
        &[
            "server `g`: `trust` says which calls need no asking; choose a `mode`, or an `effect` per tool, yourself",
        ],
    );
}

#[test]
fn codex_is_toml() {
    check(
        Client::Codex,
        "config.toml",
        "model = \"x\"\n[mcp_servers.c]\ncommand = \"c\"\nenv_vars = [\"PASS\"]\nstartup_timeout_sec = 20\ntool_timeout_sec = 1.5\n\
         enabled_tools = [\"a\"]\n[mcp_servers.c.env]\nK = \"v\"\n[mcp_servers.r]\nurl = \"https://r.example\"\n\
         bearer_token_env_var = \"TOK\"\nhttp_headers = { A = \"b\" }\nenv_http_headers = { B = \"BVAR\" }\nenabled = false\n",
        r#"
[servers.c]
command = "c"
start_timeout_s = 20
timeout_s = 1.5
allow = ["a"]

[servers.c.env]
K = "v"
PASS = "${PASS}"
[servers.r]
url = "https://r.example"
enabled = false

[servers.r.headers]
A = "b"
Authorization = "Bearer ${TOK}"
B = "${BVAR}"
"#,
        &[],
    );
}

#[test]
fn any_file_is_read_by_its_shape() {
    let rows = [
        (r#"{"mcpServers": {"a": {"command": "a"}}}"#, 1),
        (r#"{"servers": {"a": {"command": "a"}}}"#, 1),
        (r#"{"mcp": {"servers": {"a": {"url": "http://a"}}}}"#, 1),
        (
            r#"{"context_servers": {"a": {"command": {"path": "a", "args": ["b"]}}}}"#,
            1,
        ),
        (
            r#"{"mcpServers": [{"name": "a", "command": "a"}, {"name": "b", "url": "http://b"}]}"#,
            2,
        ),
        (r#"{"a": {"command": "a"}, "b": {"url": "https://b"}}"#, 2),
        ("[mcp_servers.a]\ncommand = \"a\"", 1),
        (
            r#"{"mcpServers": {"a": {}, "b": 3, "c": {"command": ""}}}"#,
            0,
        ),
    ];
    for (text, count) in rows {
        assert_eq!(
            import(Client::Other, "x", text).servers.len(),
            count,
            "{text}"
        );
    }
    for text in ["{}", "[]", "{\"a\": 1}", "{\"mcpServers\": "] {
        assert!(read(Client::Other, text, Path::new("x")).is_err(), "{text}");
    }
    let said = import(Client::Other, "x", rows[7].0).untranslated;
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(
        import(Client::ClaudeCode, "x", "{\"projects\": {}}")
            .servers
            .is_empty()
    );
}

#[test]
fn what_is_shown_hides_secrets() {
    let text = r#"{"mcpServers": {"a": {"command": "a", "args": ["--api-key", "hush", "--token=hush", "on"], "env": {"K": "hush"}},
        "b": {"url": "https://u:hush@b.example/?key=hush", "headers": {"Authorization": "Bearer ${T}"}}}}"#;
    let import = import(Client::ClaudeCode, "x", text);
    let shown: Vec<String> = import.servers.iter().map(ImportedServer::shown).collect();
    let all = shown.concat();
    assert!(!all.contains("hush"), "{all}");
    assert!(
        all.contains("\"on\"") && all.contains("Bearer ${T}"),
        "{all}"
    );
    assert!(import.servers[0].table.to_string().contains("hush"));
}

#[test]
fn merging_keeps_comments_and_settles_names() {
    let existing = "# mine\nmode = \"plan\" # careful\n\n[servers.git]\ncommand = \"git\" # the one\n\n[profiles.p]\nmode = \"ask\"\n# the end\n";
    let first = import(
        Client::Cursor,
        "/c.json",
        r#"{"mcpServers": {"git": {"command": "git"}, "Git": {"command": "other"}, "workspace": {"command": "w"}}}"#,
    );
    let second = import(
        Client::Codex,
        "/c.toml",
        "[mcp_servers.again]\ncommand = \"other\"\n[mcp_servers.new]\nurl = \"https://n\"\nhttp_headers = { A = \"b\" }",
    );
    let merged = merge(existing, &[first.clone(), second], Path::new("config.toml")).unwrap();
    assert_eq!(merged.added, ["Git-2", "workspace-2", "new"]);
    assert_eq!(
        merged.notes,
        [
            "`git` of Cursor is already there as `git`",
            "`Git` of Cursor becomes `Git-2`, since that name is taken",
            "`workspace` of Cursor becomes `workspace-2`, since that name is taken",
            "`again` of Codex is already there as `Git-2`",
        ]
    );
    let expected = format!(
        "{existing}\n# From Cursor, /c.json\n[servers.Git-2]\ncommand = \"other\"\n\n# From Cursor, /c.json\n[servers.workspace-2]\n\
         command = \"w\"\n\n# From Codex, /c.toml\n[servers.new]\nurl = \"https://n\"\n\n[servers.new.headers]\nA = \"b\"\n"
    );
    assert_eq!(merged.text, expected);
    assert_eq!(loads(&merged.text).servers.len(), 5);
    let again = merge(&merged.text, &[first], Path::new("config.toml")).unwrap();
    assert_eq!((again.text, again.added), (merged.text, Vec::new()));
}

#[test]
fn merging_into_any_existing_file_gives_one_that_loads() {
    let server = import(
        Client::Other,
        "/x",
        r#"{"a": {"command": "a", "env": {"K": "v"}}}"#,
    );
    for existing in [
        "",
        crate::starter(),
        "servers = { b = { command = \"b\" } }\n",
        "servers.b.command = \"b\"\n",
        "[servers]\n",
    ] {
        let merged = merge(existing, std::slice::from_ref(&server), Path::new("c")).unwrap();
        assert!(
            loads(&merged.text).servers.contains_key("a"),
            "{}",
            merged.text
        );
        assert!(
            merged.text.starts_with(
                existing
                    .lines()
                    .next()
                    .unwrap_or("")
                    .split('{')
                    .next()
                    .unwrap_or("")
            )
        );
    }
    for broken in ["servers = 3\n", "a = ", "a = 1\na = 2\n"] {
        assert!(merge(broken, std::slice::from_ref(&server), Path::new("c")).is_err());
    }
}

#[test]
fn known_files_are_those_that_exist() {
    let home = tempfile::tempdir().unwrap();
    let cwd = tempfile::tempdir().unwrap();
    for file in [
        home.path().join(".claude.json"),
        home.path().join(".codex/config.toml"),
        cwd.path().join(".mcp.json"),
    ] {
        crate::write_atomically(&file, "{}").unwrap();
    }
    let found = known_files(home.path(), cwd.path());
    let clients: Vec<Client> = found.iter().map(|(client, _)| *client).collect();
    assert_eq!(
        clients,
        [Client::ClaudeCode, Client::Codex, Client::ClaudeCode]
    );
    assert_eq!(known_files(home.path(), home.path()).len(), 2);
}
