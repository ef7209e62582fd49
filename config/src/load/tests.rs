//! Loading from real files in a folder of the test's own.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::{Confine, Confinement, Effect, Mode, Subject, Transport};

mod secrets;

struct Layers {
    folder: tempfile::TempDir,
    sources: Sources,
}

fn layers(user: &str, project: &str) -> Layers {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        crate::write_atomically(&file, text).unwrap();
        Some(file)
    };
    let sources = Sources {
        user_file: write("user.toml", user),
        project_file: write("project.toml", project),
        ..Sources::default()
    };
    Layers { folder, sources }
}

impl Layers {
    fn env(mut self, pairs: &[(&str, &str)]) -> Layers {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        self.sources.env = pairs.collect();
        self
    }

    fn flags(mut self, pairs: &[(&str, &str)]) -> Layers {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        self.sources.flags = pairs.collect();
        self
    }

    fn load(&self) -> Loaded {
        load(&self.sources).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Every mistake on a line of its own, folders cut away.
    fn mistakes(&self) -> String {
        let error = load(&self.sources).expect_err("a mistake was expected");
        let lines: Vec<String> = error
            .problems()
            .iter()
            .map(|problem| self.cut(problem))
            .collect();
        lines.join("\n")
    }

    fn cut(&self, text: impl ToString) -> String {
        let folder = format!("{}/", self.folder.path().display());
        text.to_string().replace(&folder, "")
    }
}

fn value<'a>(loaded: &'a Loaded, key: &str) -> &'a ValueAt {
    loaded
        .values
        .iter()
        .find(|value| value.key == key)
        .unwrap_or_else(|| panic!("no value `{key}`"))
}

#[test]
fn the_defaults_stand_alone() {
    let config = Config::default();
    assert_eq!(config.servers.len(), 1);
    let workspace = &config.servers["workspace"];
    assert!(matches!(workspace.transport, Transport::InProcess { .. }));
    assert_eq!(workspace.timeout, Duration::from_secs(60));
    assert_eq!(config.mode, Mode::Ask);
    assert_eq!(config.pool.allowance_tokens(), 1228);
    assert_eq!(config.limits.list_pages_max, 64);
    let loaded = load(&Sources::default()).unwrap();
    assert_eq!(loaded.warnings, Vec::<String>::new());
    assert!(matches!(
        value(&loaded, "mode").origin,
        Origin::Default { at: Some(_) }
    ));
}

#[test]
fn commands_are_confined_unless_the_person_says_otherwise() {
    let confinement = |config: &Config| match &config.servers["workspace"].transport {
        Transport::InProcess { confinement, .. } => confinement.clone(),
        other => panic!("the workspace is no {other:?}"),
    };
    assert_eq!(confinement(&Config::default()), Confinement::default());
    assert_eq!(Confinement::default().confine, Confine::Workspace);
    let loaded = layers(
        "[servers.workspace]\nconfine = \"none\"\nwrite_also = [\"/var/cache\", \"~/target\"]\n",
        "",
    )
    .env(&[("HOME", "/home/ada")])
    .load();
    let expected = Confinement {
        confine: Confine::None,
        write_also: vec!["/var/cache".into(), "/home/ada/target".into()],
    };
    assert_eq!(confinement(&loaded.config), expected);
}

#[test]
fn later_layers_win_and_say_so() {
    let layers = layers(
        "mode = \"plan\"\n[pool]\ntokens_max = 1000\n",
        "[pool]\ntokens_max = 900\nshare = 0.1\n",
    )
    .env(&[
        ("TOOLPOOL_POOL__TOKENS_MAX", "800"),
        ("TOOLPOOL_LOG", "debug"),
        ("TOOLPOOL_MODE", "auto"),
    ])
    .flags(&[("pool.tokens_max", "700")]);
    let loaded = layers.load();
    assert_eq!(loaded.config.pool.tokens_max, 700);
    assert_eq!(loaded.config.pool.share, 0.1);
    assert_eq!(loaded.config.mode, Mode::Auto);
    let tokens = value(&loaded, "pool.tokens_max");
    assert_eq!(layers.cut(&tokens.origin), "flag `pool.tokens_max`");
    let below: Vec<String> = tokens
        .overridden
        .iter()
        .map(|(value, origin)| format!("{value} {}", layers.cut(origin)))
        .collect();
    assert_eq!(
        below,
        [
            "800 environment variable `TOOLPOOL_POOL__TOKENS_MAX`",
            "900 project.toml:2:14",
            "1000 user.toml:3:14",
            "1500 default",
        ]
    );
}

#[test]
fn mistakes_name_their_place_and_the_right_key() {
    let rows: &[(&str, &str)] = &[
        (
            "mod = \"ask\"",
            "user.toml:1:1: unknown key `mod`; did you mean `mode`?",
        ),
        (
            "[servers.git]\ncommand = \"git\"\ntimeout = 3",
            "user.toml:3:1: unknown key `timeout` in `servers.git`; did you mean `timeout_s`?",
        ),
        (
            "[pool]\nshare = \"much\"",
            "user.toml:2:9: `pool.share` must be a number, found the string \"much\"",
        ),
        (
            "mode = \"aks\"",
            "user.toml:1:8: `mode` must be one of `plan`, `ask`, `auto`, found `aks`; did you mean `ask`?",
        ),
        (
            "mode = 3",
            "user.toml:1:8: `mode` must be one of `plan`, `ask`, `auto`, found `3`",
        ),
        (
            "[limits]\nfind_tools_max = -1",
            "user.toml:2:18: `limits.find_tools_max` must be a whole number, 0 or more, found `-1`",
        ),
        (
            "pool = 3",
            "user.toml:1:8: `pool` must be a table, found `3`",
        ),
        (
            "deny = [\"ok__*\", \"effect:nice\"]",
            "user.toml:1:18: `deny[1]`: `nice` is not an effect; effects are `read-only`, `idempotent`, `mutating`, `destructive`",
        ),
        (
            "[servers.a]\ncommand = \"a\"\nenv = { TOKEN = 12345 }",
            "user.toml:3:17: `servers.a.env.TOKEN` must be a string",
        ),
        (
            "colour = 1\nmode = 2\n[servers.a]\ncomand = \"x\"",
            "user.toml:1:1: unknown key `colour`\n\
             user.toml:2:8: `mode` must be one of `plan`, `ask`, `auto`, found `2`\n\
             user.toml:4:1: unknown key `comand` in `servers.a`; did you mean `command`?",
        ),
        (
            "[servers.a]\ncommand = \"a\"\nurl = \"https://a\"",
            "user.toml:3:7: server `a` has both `command` and `url`",
        ),
        (
            "[servers.a]\nenabled = true",
            "user.toml:1:10: server `a` has no `command`, `url` or `builtin`",
        ),
        (
            "[servers.a]\nurl = \"https://a\"\nargs = [\"x\"]",
            "user.toml:3:8: `args` belongs to a server with `command`; `a` has `url`",
        ),
        (
            "[servers.a]\nurl = \"ftp://a\"",
            "user.toml:2:7: the `url` of server `a` is not an `http` or `https` address",
        ),
        (
            "[servers.a]\ncommand = \"a\"\ntimeout_s = 0",
            "user.toml:3:13: `servers.a.timeout_s` must be more than 0 and at most 86400 seconds, found 0",
        ),
        (
            "[servers.\"a b\"]\ncommand = \"a\"",
            "user.toml:1:10: `a b` is not a name for `servers`",
        ),
        (
            "[servers.a]\ncommand = \"${X\"",
            "user.toml:2:11: `servers.a.command`: a `${` is not closed by `}`; write `$$` for a dollar sign",
        ),
        (
            "profile = \"reviw\"\n[profiles.review]\n",
            "user.toml:1:11: `profile` names profile `reviw`, which does not exist",
        ),
        (
            "[serve.tokens.a]\nsecret = \"\"",
            "user.toml:2:10: token `a` has an empty `secret`",
        ),
        (
            "tokenizer = \"${NOWHERE}/t.json\"",
            "user.toml:1:13: `tokenizer` needs variable `NOWHERE`, which is not set",
        ),
        (
            "[limits]\nfind_tools_max = 0",
            "user.toml:2:18: `limits.find_tools_max` must be more than 0",
        ),
        (
            "[pool]\nshare = 1.5",
            "user.toml:2:9: `pool.share` must be from 0 to 1, found 1.5",
        ),
    ];
    for (text, expected) in rows {
        assert_eq!(layers(text, "").mistakes(), *expected, "in\n{text}");
    }
    let hint = load(&layers("mod = \"ask\"", "").sources)
        .unwrap_err()
        .hint();
    assert_eq!(hint.as_deref(), Some("write `mode`"));
}

#[test]
fn broken_toml_names_its_line() {
    let text = layers("mode = \"ask\"\npool = {", "").mistakes();
    assert!(text.starts_with("user.toml:2:"), "{text}");
    assert!(text.contains("not TOML"), "{text}");
}

#[test]
fn a_later_layer_cannot_hide_a_mistake() {
    let layers = layers("mode = 3\n", "mode = \"ask\"\n");
    assert!(layers.mistakes().starts_with("user.toml:1:8: `mode`"));
}

#[test]
fn deny_adds_up_over_layers() {
    let layers = layers(
        "deny = [\"a__*\"]\n[servers.a]\ncommand = \"a\"\ndeny = [\"x\"]\n",
        "deny = []\n[servers.a]\ndeny = [\"y\"]\n",
    )
    .env(&[("TOOLPOOL_DENY", "b__{c,d}, a__*")])
    .flags(&[("deny", "effect:destructive"), ("deny", "c__*")]);
    let loaded = layers.load();
    let deny: Vec<String> = loaded.config.deny.iter().map(ToString::to_string).collect();
    assert_eq!(deny, ["a__*", "b__{c,d}", "effect:destructive", "c__*"]);
    let server = &loaded.config.servers["a"];
    assert!(!server.permits("x") && !server.permits("Y") && server.permits("z"));
    assert_eq!(
        layers.cut(&value(&loaded, "deny[0]").origin),
        "user.toml:1:9"
    );
    assert_eq!(value(&loaded, "deny[3]").value, "\"effect:destructive\"");
}

#[test]
fn variables_are_put_into_servers_and_missing_ones_are_named() {
    let text = "[servers.a]\ncommand = \"${BIN:-run}\"\nargs = [\"${X}\", \"$$\"]\ncwd = \"~/w\"\nenv = { T = \"tok ${X}\" }\n\
                [servers.b]\nurl = \"https://${HOST}/mcp\"\nheaders = { Authorization = \"Bearer ${KEY}\" }\n";
    let layers = layers(text, "").env(&[("X", "1"), ("HOME", "/home/me"), ("KEY", "k")]);
    let loaded = layers.load();
    let Transport::Stdio {
        command,
        args,
        env,
        cwd,
    } = &loaded.config.servers["a"].transport
    else {
        panic!("not stdio");
    };
    assert_eq!(
        (command.as_str(), args.as_slice()),
        ("run", ["1".to_owned(), "$".to_owned()].as_slice())
    );
    assert_eq!(cwd.as_deref(), Some(Path::new("/home/me/w")));
    assert_eq!((env["T"].reveal(), env["T"].shown()), ("tok 1", "***${X}"));
    assert_eq!(loaded.config.servers["a"].unset, Vec::<String>::new());
    assert_eq!(loaded.config.servers["b"].unset, ["HOST"]);
    let warnings: Vec<String> = loaded
        .warnings
        .iter()
        .map(|line| layers.cut(line))
        .collect();
    assert_eq!(
        warnings,
        ["user.toml:6:10: server `b` cannot start: `HOST` is not set"]
    );
}

#[test]
fn variables_find_names_whatever_their_case() {
    let text = "[servers.my-Git]\ncommand = \"git\"\n[serve]\nallowed_hosts = []\n";
    let loaded = layers(text, "")
        .env(&[
            ("TOOLPOOL_SERVERS__MY_GIT__ENABLED", "false"),
            ("TOOLPOOL_SERVERS__MY_GIT__DESCRIPTION", "123"),
            ("TOOLPOOL_SERVERS__MY_GIT__ENV__Path_X", "y"),
            ("TOOLPOOL_SERVE__ALLOWED_HOSTS", "a.example, b.example"),
            ("TOOLPOOL_WHATEVER", "left alone"),
        ])
        .load();
    let server = &loaded.config.servers["my-Git"];
    assert!(!server.enabled);
    assert_eq!(server.description.as_deref(), Some("123"));
    assert!(
        matches!(&server.transport, Transport::Stdio { env, .. } if env["Path_X"].reveal() == "y")
    );
    assert_eq!(
        loaded.config.serve.allowed_hosts,
        ["a.example", "b.example"]
    );
    let wrong = layers(text, "")
        .env(&[("TOOLPOOL_POOL__TOKENSMAX", "1")])
        .mistakes();
    assert_eq!(
        wrong,
        "environment variable `TOOLPOOL_POOL__TOKENSMAX`: unknown key `tokensmax` in `pool`; did you mean `tokens_max`?"
    );
    let wrong = layers(text, "")
        .flags(&[("mode", "nope"), ("a b", "1")])
        .mistakes();
    assert_eq!(wrong, "flag `a b`: `a b` is not a dotted key");
}

#[test]
fn oddities_are_warnings() {
    let text = "deny = [\"server:gti*\"]\npin = [\"nobody__tool\", \"git__status\"]\n[servers.git]\ncommand = \"git\"\n\
                [profiles.p]\nservers = [\"gitt\", \"g*\"]\n[serve.tokens.t]\nsecret = \"${NONE}\"\n";
    let layers = layers(text, "");
    let loaded = layers.load();
    let warnings: Vec<String> = loaded
        .warnings
        .iter()
        .map(|line| layers.cut(line))
        .collect();
    assert_eq!(
        warnings,
        [
            "user.toml:8:10: token `t` is left out: variable `NONE` is not set",
            "user.toml:6:11: profile `p` names server `gitt`, which does not exist",
            "user.toml:2:7: `pin` names tool `nobody__tool`, which belongs to no server",
            "user.toml:1:8: `deny` names server `gti*`, which does not exist",
        ]
    );
    assert!(loaded.config.serve.tokens.is_empty());
    assert_eq!(
        loaded.problems[1].hint.as_deref(),
        Some("did you mean `git`?")
    );
}

#[test]
fn profiles_and_overrides_are_read() {
    let text = "profile = \"p\"\n[servers.git]\ncommand = \"git\"\nallow = [\"git_*\"]\n\
                tools.git_log = { effect = \"read-only\", concurrent = true, name = \"log\" }\n\
                [profiles.p]\nallow = [\"git__*\"]\nmode = \"plan\"\npool = { tools_max = 3 }\n";
    let config = layers(text, "").load().config;
    assert_eq!(
        config.servers["git"].tools["git_log"].effect,
        Some(Effect::ReadOnly)
    );
    let profile = &config.profiles["p"];
    assert_eq!(config.pool.with(&profile.pool).tools_max, 3);
    assert_eq!(
        config.pool.with(&profile.pool).full_max,
        config.pool.full_max
    );
    let subject = Subject {
        server: "git",
        tool: "git_log",
        exposed: "git__log",
        effect: Effect::ReadOnly,
    };
    assert!(profile.allow[0].allows(&subject));
}

#[test]
fn equality_tells_which_servers_changed() {
    let text =
        "[servers.a]\ncommand = \"a\"\nenv = { T = \"${T}\" }\n[servers.b]\ncommand = \"b\"\n";
    let layers = layers(text, "");
    let one = layers.env(&[("T", "1")]);
    let first = one.load().config;
    let second = one.env(&[("T", "2")]).load().config;
    assert_ne!(first.servers["a"], second.servers["a"]);
    assert_eq!(first.servers["b"], second.servers["b"]);
}

#[test]
fn the_starter_file_changes_nothing_and_works_when_switched_on() {
    let loaded = layers(crate::starter(), "").load();
    assert_eq!(loaded.config, Config::default());
    let lines = crate::starter().lines().map(|line| {
        let text = line.strip_prefix("# ").unwrap_or(line);
        let setting = text.contains(" = ") || text.starts_with('[');
        if setting { text } else { "" }
    });
    let on: Vec<&str> = lines.collect();
    let loaded = layers(&on.join("\n"), "")
        .env(&[("TOOLPOOL_TOKEN_LAPTOP", "x"), ("ISSUES_TOKEN", "y")])
        .load();
    assert_eq!(loaded.config.servers.len(), 3);
    assert_eq!(
        loaded.config.serve.tokens["laptop"].profile.as_deref(),
        Some("review")
    );
}

#[test]
fn an_unreadable_file_is_an_error_and_a_missing_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut sources = Sources {
        user_file: Some(folder.path().join("none.toml")),
        env: BTreeMap::new(),
        ..Sources::default()
    };
    assert_eq!(load(&sources).unwrap().config, Config::default());
    sources.user_file = Some(folder.path().to_owned());
    assert!(matches!(load(&sources), Err(Error::Read { .. })));
}
