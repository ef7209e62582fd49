//! Rules against calls: what each matcher meets, narrowly for an allow and widely for a deny.

use std::path::Path;

use serde_json::json;

use super::*;
use crate::{Loaded, Sources, load};

/// Loads a user file and, where there is one, a project file.
fn loaded(user: &str, project: &str) -> Result<Loaded, crate::Error> {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        Some(file)
    };
    load(&Sources {
        user_file: file("user.toml", user),
        project_file: file("project.toml", project),
        ..Sources::default()
    })
}

fn rule(text: &str) -> Rule {
    let loaded = loaded(&format!("[[rules]]\n{text}\n"), "").unwrap();
    loaded.config.rules[0].clone()
}

fn meets(rule: &Rule, effect: Option<Effect>, arguments: Value, folder: Option<&str>) -> bool {
    let arguments = arguments.as_object().cloned().unwrap();
    rule.meets(&Proposed {
        tool: Subject {
            server: "files",
            tool: "write",
            exposed: "files__write",
            effect: effect.unwrap_or(Effect::Destructive),
        },
        believed: effect.is_some(),
        fingerprint: "0a1b",
        arguments: &arguments,
        folder: folder.map(Path::new),
    })
}

/// `(value of the argument, an allow meets it, a deny meets it)`, for a rule over the argument `a`.
fn check(matcher: &str, folder: Option<&str>, rows: &[(Value, bool, bool)]) {
    let of = |decision: &str| {
        rule(&format!(
            "decision = \"{decision}\"\nserver = \"files\"\narguments = {{ a = {{ {matcher} }} }}"
        ))
    };
    let (allow, deny) = (of("allow"), of("deny"));
    for (value, allowed, denied) in rows {
        let call = || json!({ "a": value });
        assert_eq!(
            meets(&allow, None, call(), folder),
            *allowed,
            "allow {matcher}: {value}"
        );
        assert_eq!(
            meets(&deny, None, call(), folder),
            *denied,
            "deny {matcher}: {value}"
        );
    }
}

#[test]
fn prefixes_of_paths() {
    check(
        "prefix = \"docs/\"",
        Some("/home/p"),
        &[
            (json!("docs/a.md"), true, true),
            (json!("docs"), true, true),
            (json!("./x/../docs/a"), true, true),
            (json!("/home/p/docs/a"), true, true),
            (json!(["docs/a", "docs/b"]), true, true),
            (json!(["docs/a", "src/b"]), false, true),
            (json!([]), false, false),
            (json!("documents/a"), false, false),
            (json!("docs/../src/a"), false, false),
            (json!("docs/../../p/docs/a"), false, true),
            (json!("../docs/a"), false, true),
            (json!("/etc/passwd"), false, false),
            (json!("/other/docs/a"), false, true),
            (json!("~/docs/a"), false, true),
            (json!("$HOME/docs/a"), false, true),
            (json!("DOCS/a"), false, true),
            (json!("docs\\a"), false, true),
            (json!("d\u{200b}ocs/a"), false, true),
            (json!("%64ocs/a"), false, true),
            (json!("%2564ocs/a"), false, true),
            (json!("file:///home/p/docs/a"), false, true),
            (json!({"deep": ["docs/a"]}), false, true),
            (json!(7), false, false),
            // Nothing believed is known of the tool, so what it is given may go with all below it.
            (json!("."), false, true),
            (json!("/home/p"), false, true),
            (json!(".."), false, true),
            (json!("../p"), false, true),
            (json!("../q"), false, false),
            (json!("src"), false, false),
        ],
    );
    check(
        "prefix = \"/home/ann/.ssh\"",
        None,
        &[
            (json!("/home/ann/.ssh/id"), true, true),
            (json!("/home/ann/x/../.ssh/id"), true, true),
            (json!("~/.ssh/id"), false, true),
            (json!("../.ssh/id"), false, true),
            (json!("/home/ann/.sshx"), false, false),
        ],
    );
    let reads =
        rule("decision = \"deny\"\ntool = \"write\"\narguments = { a = { prefix = \"docs\" } }");
    let call = || json!({"a": "."});
    assert!(!meets(&reads, Some(Effect::ReadOnly), call(), None));
    assert!(meets(&reads, Some(Effect::Mutating), call(), None));
}

#[test]
fn hosts_of_urls() {
    check(
        "host = \"example.com\"",
        None,
        &[
            (json!("https://example.com/a?b#c"), true, true),
            (json!("HTTPS://EXAMPLE.com"), true, true),
            (json!("https://example.com:443/"), true, true),
            (json!("https://example.com./"), true, true),
            (json!("https://example.com:8443/"), false, true),
            (json!("https://example.com@evil.test/"), false, true),
            (json!("https://user:pw@example.com/"), false, true),
            (json!("https://evil.test\\@example.com/"), false, true),
            (json!("https://evil.test/\\example.com"), false, true),
            (json!("https://www.example.com/"), false, false),
            (json!("https://example.com.evil.test/"), false, false),
            (json!("https://notexample.com/"), false, false),
            (json!("ftp://example.com/"), false, true),
            (json!("example.com/a"), false, true),
            (json!("//example.com/a"), false, true),
            (json!("https:example.com"), false, true),
            (json!("https://exa\tmple.com/"), false, true),
            (json!("https://%65xample.com/"), false, true),
            (json!("https://ｅxample.com/"), false, true),
            (json!("curl https://example.com -o x"), false, true),
            (json!("https://evil.test/"), false, false),
        ],
    );
    check(
        "host = \"*.example.com\"",
        None,
        &[
            (json!("https://a.b.example.com/"), true, true),
            (json!("https://example.com/"), false, true),
            (json!("https://xexample.com/"), false, false),
        ],
    );
    check(
        "host = \"bücher.example\"",
        None,
        &[
            (json!("https://xn--bcher-kva.example/"), true, true),
            (json!("https://bücher.example/x"), true, true),
            (json!("https://BÜCHER.example/x"), true, true),
            (json!("https://bucher.example/"), false, false),
        ],
    );
    check(
        "host = \"127.0.0.1:8080\"",
        None,
        &[
            (json!("http://127.0.0.1:8080/"), true, true),
            (json!("http://0x7f.1:8080/"), true, true),
            (json!("http://2130706433:8080/"), true, true),
            (json!("http://127.0.0.1/"), false, false),
        ],
    );
}

#[test]
fn patterns_and_values() {
    check(
        "pattern = \"git (status|log)\"",
        None,
        &[
            (json!("git status"), true, true),
            (json!("git status; rm -rf /"), false, true),
            (json!("x\ngit status"), false, true),
            (json!("GIT STATUS"), false, true),
            (json!("git\u{200b} status"), false, true),
            (json!("git push"), false, false),
        ],
    );
    check(
        "equals = 5",
        None,
        &[
            (json!(5), true, true),
            (json!(5.0), false, true),
            (json!("5"), false, true),
            (json!([4, 5]), false, true),
            (json!(6), false, false),
        ],
    );
}

#[test]
fn what_is_spelled_out_is_one_value_or_where_that_is_enough_a_shape() {
    let of = |matcher: &str| {
        rule(&format!(
            "decision = \"allow\"\nserver = \"files\"\narguments = {{ a = {{ {matcher} }} }}"
        ))
    };
    for (matcher, exactly, in_shape) in [
        ("equals = 5", true, true),
        ("pattern = \"git .*\"", false, true),
        ("prefix = \"docs\"", false, false),
        ("host = \"a.example\"", false, false),
    ] {
        let rule = of(matcher);
        assert_eq!(rule.spells_out("a", false), exactly, "{matcher}");
        assert_eq!(rule.spells_out("a", true), in_shape, "{matcher}");
        assert!(!rule.spells_out("b", true), "{matcher}");
    }
}

#[test]
fn an_argument_is_named_exactly_by_an_allow_and_anywhere_by_a_deny() {
    let matcher = "server = \"files\"\narguments = { file_path = { prefix = \"docs\" } }";
    let allow = rule(&format!("decision = \"allow\"\n{matcher}"));
    let ask = rule(&format!("decision = \"ask\"\n{matcher}"));
    for (arguments, allowed, asked) in [
        (json!({"file_path": "docs/a"}), true, true),
        (json!({"File-Path": "docs/a"}), false, true),
        (json!({"options": [{"file_path": "docs/a"}]}), false, true),
        (json!({"path": "docs/a"}), false, false),
        (json!({}), false, false),
    ] {
        assert_eq!(
            meets(&allow, None, arguments.clone(), None),
            allowed,
            "{arguments}"
        );
        assert_eq!(
            meets(&ask, None, arguments.clone(), None),
            asked,
            "{arguments}"
        );
    }
}

#[test]
fn an_effect_is_believed_for_an_allow_and_doubted_for_a_deny() {
    let allow = rule("decision = \"allow\"\neffect = \"mutating\"");
    let deny = rule("decision = \"deny\"\neffect = \"mutating\"");
    for (effect, allowed, denied) in [
        (None, false, true),
        (Some(Effect::ReadOnly), true, false),
        (Some(Effect::Idempotent), true, false),
        (Some(Effect::Mutating), true, true),
        (Some(Effect::Destructive), false, true),
    ] {
        assert_eq!(
            meets(&allow, effect, json!({}), None),
            allowed,
            "{effect:?}"
        );
        assert_eq!(meets(&deny, effect, json!({}), None), denied, "{effect:?}");
    }
}

/// A server chooses the names of its tools, so without the server's name an allow reads exposed names only.
#[test]
fn an_allow_does_not_take_a_servers_word_for_its_name() {
    let alone = rule("decision = \"allow\"\ntool = \"write\"");
    assert!(!meets(&alone, None, json!({}), None));
    for text in [
        "tool = \"files__write\"",
        "tool = \"write\"\nserver = \"files\"",
    ] {
        assert!(meets(
            &rule(&format!("decision = \"allow\"\n{text}")),
            None,
            json!({}),
            None
        ));
    }
    let deny = rule("decision = \"deny\"\ntool = \"WRITE\"");
    assert!(meets(&deny, None, json!({}), None));
}

#[test]
fn an_allow_with_a_fingerprint_holds_for_that_definition_only() {
    for (fingerprint, wanted) in [("0a1b", true), ("0A1B", true), ("0a1c", false)] {
        let rule = rule(&format!(
            "decision = \"allow\"\nserver = \"files\"\nfingerprint = \"{fingerprint}\""
        ));
        assert_eq!(meets(&rule, None, json!({}), None), wanted, "{fingerprint}");
    }
}

#[test]
fn a_rule_that_fails_its_example_is_refused_and_named() {
    let error = loaded(
        r#"
[[rules]]
decision = "allow"
server = "files"
arguments = { path = { prefix = "docs" } }
match = [{ server = "files", tool = "write", arguments = { path = "docs/a" } }]
no_match = [{ server = "files", tool = "write", arguments = { path = "docs/b" } }]
"#,
        "",
    )
    .unwrap_err();
    let [problem] = error.problems() else {
        panic!("{error}");
    };
    assert_eq!(
        problem.message,
        "`rules[0]`: the rule meets its `no_match` example `files__write` with {\"path\":\"docs/b\"}"
    );
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    for (text, wanted) in [
        ("decision = \"deny\"", "names no server"),
        (
            "decision = \"perhaps\"\nserver = \"a\"",
            "`rules[0].decision` must be one of",
        ),
        (
            "decision = \"deny\"\narguments = { a = {} }",
            "exactly one of",
        ),
        (
            "decision = \"deny\"\narguments = { a = { prefix = \"../x\" } }",
            "climbs out",
        ),
        (
            "decision = \"deny\"\narguments = { a = { prefix = \"docs/*\" } }",
            "not a plain path",
        ),
        (
            "decision = \"deny\"\narguments = { a = { host = \"https://a\" } }",
            "not a host",
        ),
        (
            "decision = \"deny\"\narguments = { a = { pattern = \"(\" } }",
            "not a regular expression",
        ),
        (
            "decision = \"deny\"\narguments = { a = { pattern = \"a)|(b\" } }",
            "not a regular expression",
        ),
        (
            "decision = \"deny\"\nserver = \"a\"\nfingerprint = \"0a\"",
            "belongs to a rule that allows",
        ),
        (
            "decision = \"allow\"\nserver = \"a\"\nfingerprint = \"xyz\"",
            "not hexadecimal",
        ),
        (
            "decision = \"deny\"\nservers = \"a\"",
            "unknown key `servers`",
        ),
    ] {
        let error = loaded(&format!("[[rules]]\n{text}\n"), "")
            .unwrap_err()
            .to_string();
        assert!(error.contains(wanted), "{text}: {error}");
        assert!(error.contains("user.toml:"), "{text}: {error}");
    }
}

#[test]
fn rules_of_all_layers_add_up_and_a_project_may_not_free_calls() {
    let loaded = loaded(
        "[[rules]]\ndecision = \"allow\"\nserver = \"a\"\n[profiles.mine]\nallow = [\"a__*\"]\n",
        r#"
mode = "auto"
profile = "theirs"
[[rules]]
decision = "allow"
server = "b"
[[rules]]
decision = "deny"
server = "c"
[servers.a]
command = "a"
trust = "annotations"
[servers.a.tools.x]
effect = "read-only"
[servers.a.tools.y]
effect = "destructive"
[profiles.theirs]
mode = "auto"
allow = ["b__*"]
"#,
    )
    .unwrap();
    let config = &loaded.config;
    let rules: Vec<(Decision, String)> = config
        .rules
        .iter()
        .map(|rule| (rule.decision, rule.server.as_ref().unwrap().to_string()))
        .collect();
    assert_eq!(
        rules,
        [
            (Decision::Allow, "a".to_owned()),
            (Decision::Deny, "c".to_owned())
        ]
    );
    assert_eq!(config.mode, crate::Mode::Ask);
    assert_eq!(config.profiles["theirs"].mode, None);
    assert!(!config.profiles["theirs"].frees && config.profiles["mine"].frees);
    let server = &config.servers["a"];
    assert_eq!(server.trust, crate::Trust::None);
    assert!(!server.tools.contains_key("x"));
    assert_eq!(server.tools["y"].effect, Some(Effect::Destructive));
    let warned = loaded
        .warnings
        .iter()
        .filter(|line| line.contains("left out"))
        .count();
    assert_eq!(warned, 5, "{:#?}", loaded.warnings);
    let value = |key: &str| loaded.values.iter().find(|value| value.key == key).unwrap();
    assert_eq!(
        value("rules[1]").value,
        "{ decision = \"deny\", server = \"c\" }"
    );
}

#[test]
fn a_rule_is_added_with_comments_kept_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let new = NewRule {
        decision: Decision::Allow,
        server: "files".into(),
        tool: "read[1]".into(),
        fingerprint: Some("0a1b".into()),
        arguments: BTreeMap::from([("command".to_owned(), json!("git status \"x\""))]),
        reason: Some("allowed at the prompt".into()),
    };
    add_rule(&file, &new).unwrap();
    std::fs::write(
        &file,
        format!(
            "# mine\nmode = \"plan\" # careful\n{}",
            std::fs::read_to_string(&file).unwrap()
        ),
    )
    .unwrap();
    let other = NewRule {
        arguments: BTreeMap::new(),
        ..new.clone()
    };
    add_rule(&file, &other).unwrap();
    add_rule(&file, &other).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        text.starts_with("# mine\nmode = \"plan\" # careful\n"),
        "{text}"
    );
    let config = load(&Sources {
        user_file: Some(file.clone()),
        ..Sources::default()
    })
    .unwrap()
    .config;
    assert_eq!(config.rules.len(), 2);
    let spelled = |rule: usize| config.rules[rule].spells_out("command", false);
    assert!(spelled(0) && !spelled(1));
    assert_eq!(config.rules[0].fingerprint.as_deref(), Some("0a1b"));
    let call = |tool: &str| {
        config.rules[1].meets(&Proposed {
            tool: Subject {
                server: "files",
                tool,
                exposed: "x",
                effect: Effect::Destructive,
            },
            believed: false,
            fingerprint: "0a1b",
            arguments: &Map::new(),
            folder: None,
        })
    };
    assert!(call("read[1]") && !call("read1"));
    std::fs::write(&file, "rules = 1\n").unwrap();
    assert!(add_rule(&file, &new).is_err());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "rules = 1\n");
    std::fs::write(&file, "rules = [] # none\n").unwrap();
    add_rule(&file, &new).unwrap();
    assert!(
        load(&Sources {
            user_file: Some(file),
            ..Sources::default()
        })
        .unwrap()
        .config
        .rules
        .len()
            == 1
    );
}
