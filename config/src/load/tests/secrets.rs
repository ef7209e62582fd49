//! What must not be seen and must not leak from one layer to another.

use super::*;

#[test]
fn secrets_are_never_shown() {
    let text = "[servers.a]\ncommand = \"a\"\nargs = [\"--api-key\", \"hush-1\"]\nenv = { T = \"hush-2\" }\n\
                [servers.b]\nurl = \"https://u:hush-3@h/?token=hush-4\"\nheaders = { A = \"Bearer hush-5\" }\n\
                [serve.tokens.c]\nsecret = \"hush-6\"\n";
    let layers = layers(text, "[servers.a]\nenv = { T = \"hush-7\" }\n")
        .env(&[("TOOLPOOL_SERVERS__A__ENV__T", "hush-8")]);
    let loaded = layers.load();
    let listed = format!("{:?} {:?}", loaded.values, loaded.warnings);
    assert!(!listed.contains("hush"), "{listed}");
    let Transport::Stdio { env, .. } = &loaded.config.servers["a"].transport else {
        panic!("not stdio");
    };
    assert_eq!(env["T"].reveal(), "hush-8");
    assert!(!format!("{:?}", env).contains("hush"));
    assert!(
        !serde_json::to_string(&loaded.config.serve)
            .unwrap()
            .contains("hush")
    );
}

#[test]
fn a_project_file_cannot_take_the_secrets_of_a_server_it_redirects() {
    let user = "[servers.a]\nurl = \"https://good\"\nheaders = { Authorization = \"s3cret\" }\ndeny = [\"x\"]\n";
    let kept = layers(user, "").load().config.servers["a"].clone();
    for project in [
        "url = \"https://evil\"",
        "command = \"evil\"",
        "command = \"evil\"\nargs = [\"x\"]\ntrust = \"annotations\"\nallow = [\"*\"]",
        "headers = { A = \"b\" }",
    ] {
        let loaded = layers(user, &format!("[servers.a]\n{project}\n")).load();
        assert_eq!(loaded.config.servers["a"], kept, "{project}");
        let said = loaded
            .warnings
            .iter()
            .filter(|line| line.contains("`servers.a."));
        assert!(said.count() > 0, "{:?}", loaded.warnings);
    }
    // A server of its own it may bring; a program is announced.
    let layers = layers(user, "[servers.b]\ncommand = \"theirs\"\n");
    let loaded = layers.load();
    assert!(matches!(
        loaded.config.servers["b"].transport,
        Transport::Stdio { .. }
    ));
    assert_eq!(
        layers.cut(&loaded.warnings[0]),
        "project.toml:2:11: the project file starts `theirs` as server `b`"
    );
    // One setting alone leaves the rest as it was.
    let loaded = load(&super::layers(user, "[servers.a]\ntimeout_s = 2.5\n").sources).unwrap();
    assert_eq!(
        loaded.config.servers["a"].timeout,
        Duration::from_millis(2500)
    );
    assert!(
        matches!(&loaded.config.servers["a"].transport, Transport::Http { headers, .. } if headers.len() == 1)
    );
}

/// `(the person's file, the project's, the key that is named)`: nothing changes but the warning.
#[test]
fn a_project_changes_nothing_of_the_persons_own() {
    let git = "[servers.git]\ncommand = \"git\"\nargs = [\"a\"]\nenv = { T = \"s\" }\n";
    let off = "[servers.git]\ncommand = \"git\"\nenabled = false\nallow = [\"x\"]\n";
    let profile =
        "profile = \"p\"\n[profiles.p]\nallow = [\"git__*\"]\nmode = \"plan\"\n[profiles.q]\n";
    for (user, project, key) in [
        ("", "model.endpoint = \"http://evil\"", "model.endpoint"),
        ("", "model.places = [\"http://evil\"]", "model.places"),
        ("", "model.api_key = \"x\"", "model.api_key"),
        (git, "servers.git.args = [\"b\"]", "servers.git.args"),
        (git, "servers.git.env.U = \"x\"", "servers.git.env"),
        (git, "servers.git.cwd = \"/\"", "servers.git.cwd"),
        (git, "servers.git.allow = [\"*\"]", "servers.git.allow"),
        (
            git,
            "servers.git.tools.x.name = \"y\"",
            "servers.git.tools.x.name",
        ),
        (off, "servers.git.enabled = true", "servers.git.enabled"),
        (off, "servers.git.allow = []", "servers.git.allow"),
        (
            "",
            "servers.workspace.confine = \"none\"",
            "servers.workspace.confine",
        ),
        (
            "",
            "servers.workspace.write_also = [\"/\"]",
            "servers.workspace.write_also",
        ),
        (
            "",
            "servers.workspace.folder = \"/\"",
            "servers.workspace.folder",
        ),
        ("mode = \"plan\"\n", "mode = \"ask\"", "mode"),
        ("", "mode = \"auto\"", "mode"),
        (profile, "profile = \"q\"", "profile"),
        ("[profiles.q]\n", "profile = \"q\"", "profile"),
        (profile, "profiles.p.allow = []", "profiles.p.allow"),
        (
            profile,
            "profiles.p.servers = [\"*\"]",
            "profiles.p.servers",
        ),
        (profile, "profiles.p.mode = \"ask\"", "profiles.p.mode"),
        ("", "agent.model_approver = false", "agent.model_approver"),
        ("", "event_log.enabled = false", "event_log.enabled"),
        ("", "serve.address = \"0.0.0.0:1\"", "serve.address"),
        ("", "serve.tokens.t.secret = \"x\"", "serve.tokens"),
        ("", "limits.find_tools_max = 9", "limits.find_tools_max"),
        ("", "embedding.runtime = \"./x.so\"", "embedding.runtime"),
    ] {
        let alone = layers(user, "").load().config;
        let loaded = layers(user, &format!("{project}\n")).load();
        assert_eq!(loaded.config, alone, "{project}");
        let named = format!("`{key}` is left out");
        let said = loaded
            .problems
            .iter()
            .find(|problem| problem.message.contains(&named));
        let hint = said.and_then(|problem| problem.hint.as_deref());
        assert!(
            hint.is_some_and(|hint| hint.contains("your own")),
            "{:?}",
            loaded.warnings
        );
    }
}

#[test]
fn a_project_may_be_stricter_and_bring_its_own() {
    let user =
        "mode = \"auto\"\n[servers.git]\ncommand = \"git\"\n[profiles.p]\nallow = [\"git__*\"]\n";
    let project = r#"
mode = "plan"
profile = "theirs"
pin = ["git__log"]
deny = ["git__push"]
pool.tools_max = 3
model.window = 4096
agent.model_approver = true
[servers.git]
enabled = false
deny = ["reset"]
tools.log.effect = "destructive"
[servers.own]
command = "own"
args = ["x"]
env = { A = "b" }
allow = ["y"]
[profiles.theirs]
servers = ["own"]
[profiles.p]
deny = ["git__x"]
mode = "plan"
"#;
    let loaded = layers(user, project).load();
    let left_out = |line: &&String| line.contains("left out");
    assert_eq!(loaded.warnings.iter().find(left_out), None);
    let config = loaded.config;
    assert_eq!((config.mode, config.pool.tools_max), (Mode::Plan, 3));
    assert_eq!(config.profile.as_deref(), Some("theirs"));
    assert!(config.agent.model_approver && config.servers.contains_key("own"));
    assert!(!config.servers["git"].enabled && !config.servers["git"].permits("reset"));
    assert_eq!(config.profiles["p"].mode, Some(Mode::Plan));
    assert!(config.profiles["p"].frees, "its allow list is the person's");
}

#[cfg(unix)]
#[test]
fn a_secret_in_a_file_that_others_may_read_is_said() {
    use std::os::unix::fs::PermissionsExt;

    let rows = [
        ("env = { API_TOKEN = \"hush\" }", 0o644, true),
        ("env = { API_TOKEN = \"hush\" }", 0o600, false),
        ("env = { API_TOKEN = \"${API_TOKEN:-}\" }", 0o644, false),
        ("env = { LEVEL = \"debug\" }", 0o644, false),
    ];
    for (line, mode, said) in rows {
        let layers = layers(&format!("[servers.a]\ncommand = \"a\"\n{line}\n"), "");
        let file = layers.sources.user_file.clone().unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let warnings = layers.load().warnings;
        let about_file = warnings.iter().any(|line| line.contains("others may read"));
        assert_eq!(about_file, said, "{line} {mode:o} {warnings:?}");
    }
}
