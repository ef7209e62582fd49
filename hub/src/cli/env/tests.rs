//! Where files are, and what of the environment goes where.

use super::*;

fn at(pairs: &[(&str, &str)]) -> Surroundings {
    let env = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Surroundings {
        env,
        folder: "/home/ann".into(),
        program: Some("/opt/bin/toolpool".into()),
    }
}

#[test]
fn files_are_where_the_standard_says() {
    let rows = [
        (at(&[("HOME", "/h")]), "/h/.config/toolpool/config.toml"),
        (
            at(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "/c")]),
            "/c/toolpool/config.toml",
        ),
        (
            at(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "relative")]),
            "/h/.config/toolpool/config.toml",
        ),
        (
            at(&[("HOME", "/h"), ("TOOLPOOL_CONFIG", "/x.toml")]),
            "/x.toml",
        ),
        (at(&[]), "/home/ann/.config/toolpool/config.toml"),
    ];
    for (surroundings, file) in rows {
        assert_eq!(
            surroundings.user_file(),
            Path::new(file),
            "{:?}",
            surroundings.env
        );
    }
    let both = at(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/c")]);
    assert_eq!(both.cache(), Path::new("/c/toolpool"));
    assert_eq!(both.state(), Path::new("/h/.local/state/toolpool"));
    assert_eq!(both.project_file(), Path::new("/home/ann/.toolpool.toml"));
}

#[test]
fn servers_get_what_programs_need_and_no_secrets() {
    let from = at(&[
        ("PATH", "/bin"),
        ("LC_TIME", "C"),
        ("UV_INDEX_URL", "u"),
        ("npm_config_registry", "r"),
        ("https_proxy", "p"),
        ("GITHUB_TOKEN", "secret"),
        ("PATHS", "no"),
    ]);
    let names: Vec<String> = from.inherited().into_keys().collect();
    assert_eq!(
        names,
        [
            "LC_TIME",
            "PATH",
            "UV_INDEX_URL",
            "https_proxy",
            "npm_config_registry"
        ]
    );
}

#[test]
fn block_characters_only_where_they_are_known() {
    for (pairs, wanted) in [
        (vec![], true),
        (vec![("LANG", "de_DE.UTF-8")], true),
        (vec![("LANG", "C")], false),
        (vec![("LANG", "C.utf8"), ("LC_ALL", "POSIX")], false),
        (vec![("LANG", "C.UTF-8"), ("TERM", "dumb")], false),
    ] {
        assert_eq!(at(&pairs).unicode(), wanted, "{pairs:?}");
    }
}

#[test]
fn our_switches_are_no_settings() {
    let env = at(&[("TOOLPOOL_CONFIG", "/x"), ("TOOLPOOL_POOL__TOOLS_MAX", "3")]).for_config();
    assert!(env.keys().all(|name| name.starts_with(SETTINGS)));
    assert_eq!(env.len(), 1);
}
