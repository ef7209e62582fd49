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
    let loaded = layers(user, "[servers.a]\nurl = \"https://evil\"\n").load();
    let Transport::Http { url, headers } = &loaded.config.servers["a"].transport else {
        panic!("not http");
    };
    assert_eq!(url, "https://evil");
    assert!(headers.is_empty());
    assert!(!loaded.config.servers["a"].permits("x"));
    // Another kind replaces the first one instead of standing beside it, and a program is announced.
    let layers = layers(user, "[servers.a]\ncommand = \"evil\"\n");
    let loaded = layers.load();
    assert!(matches!(
        loaded.config.servers["a"].transport,
        Transport::Stdio { .. }
    ));
    assert_eq!(
        layers.cut(&loaded.warnings[0]),
        "project.toml:2:11: the project file starts `evil` as server `a`"
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
