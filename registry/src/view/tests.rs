//! Tests of `view`.

use super::*;
use crate::sample::{self, read, server, tool};
use crate::tool::ToolId;
use serde_json::json;
use std::sync::Arc;
use toolpool_config::{ToolOverride, Trust};

/// Two servers: `files` is trusted and one of its tools only reads, `web` says so too and is not trusted.
fn snapshot() -> Snapshot {
    let reading = |name: &str| {
        let mut raw = tool(name, "");
        raw["annotations"] = json!({"readOnlyHint": true});
        raw
    };
    let mut trusted = server();
    trusted.trust = Trust::Annotations;
    trusted.deny = vec!["secret*".parse().unwrap()];
    let mut named = server();
    named.tools.insert(
        "post".to_owned(),
        ToolOverride {
            effect: Some(toolpool_config::Effect::Mutating),
            ..Default::default()
        },
    );
    let files = read(
        "files",
        &[reading("read"), tool("write", ""), reading("secret_read")],
        &trusted,
    );
    let web = read("web", &[reading("get"), tool("post", "")], &named);
    sample::joined(1, vec![web, files], None)
}

fn rules(text: &str) -> ViewRules {
    let mut rules = ViewRules::default();
    for word in text.split_whitespace() {
        match word.split_once('=') {
            Some(("deny", pattern)) => rules.deny.push(pattern.parse().unwrap()),
            Some(("allow", pattern)) => rules.allow.push(pattern.parse().unwrap()),
            Some(("server", glob)) => rules.servers.push(glob.to_owned()),
            _ => rules.mode = Mode::Plan,
        }
    }
    rules
}

#[test]
fn rules_only_narrow() {
    let snapshot = snapshot();
    for (text, seen) in [
        ("", "files__read files__write web__get web__post"),
        ("server=f*", "files__read files__write"),
        ("server=[", ""),
        ("server=nobody", ""),
        ("deny=server:web", "files__read files__write"),
        ("deny=*read*", "files__write web__get web__post"),
        ("deny=FILES--Write", "files__read web__get web__post"),
        ("allow=effect:read-only", "files__read"),
        ("allow=files__*", "files__read files__write"),
        ("allow=files__* deny=files__read", "files__write"),
        ("allow=files__secret_read", ""),
        // What claims nothing, or is not believed, is denied whatever effect a rule names.
        ("deny=effect:destructive", "files__read web__post"),
        ("deny=effect:mutating", "files__read"),
        ("deny=effect:read-only", ""),
        ("plan", "files__read"),
    ] {
        let rules = rules(text);
        let view = View::new(&snapshot, &rules);
        let names: Vec<&str> = view
            .rows()
            .map(|row| &*snapshot.tools()[row].exposed)
            .collect();
        assert_eq!(names.join(" "), seen, "{text}");
        for (row, tool) in snapshot.tools().iter().enumerate() {
            assert_eq!(view.sees(row), rules.hides(tool).is_none());
            assert_eq!(
                view.resolve(&snapshot, &tool.exposed),
                view.sees(row).then_some(row)
            );
        }
        assert_eq!(view.len(), view.rows().len());
    }
}

#[test]
fn hidden_denied_and_unknown_are_alike() {
    let snapshot = snapshot();
    let view = View::new(&snapshot, &rules("deny=web__get server=web"));
    for name in [
        "files__read",
        "web__get",
        "files__secret_read",
        "no__such",
        "",
        "web/post",
        "WEB__POST",
    ] {
        assert_eq!(view.resolve(&snapshot, name), None, "{name}");
    }
    assert!(view.resolve(&snapshot, "web__post").is_some());
    assert!(!view.sees(99));
}

#[test]
fn a_view_of_another_snapshot_resolves_nothing() {
    let (one, view) = (snapshot(), View::new(&snapshot(), &ViewRules::default()));
    let lists = vec![
        read("aaa", &[tool("x", "")], &server()),
        read("files", &[tool("read", "")], &server()),
    ];
    let two = sample::joined(2, lists, Some(&one));
    assert!(view.resolve(&one, "files__read").is_some());
    assert_eq!(view.resolve(&two, "files__read"), None);
}

#[test]
fn the_person_is_told_why() {
    let snapshot = snapshot();
    let why = |text: &str, name: &str| {
        let (server, tool) = name.split_once('/').unwrap();
        let tool: &Arc<_> = &snapshot.tools()[snapshot.by_id(&ToolId::new(server, tool)).unwrap()];
        rules(text).hides(tool).map(|hidden| hidden.to_string())
    };
    for (text, name, reason) in [
        (
            "",
            "files/secret_read",
            "left out by its server's allow and deny",
        ),
        (
            "server=web",
            "files/read",
            "its server is not in the profile",
        ),
        ("deny=web__*", "web/get", "denied by `web__*`"),
        ("allow=web__*", "files/read", "not on the allow list"),
        (
            "plan",
            "web/get",
            "not known to be read-only, and the mode is plan",
        ),
    ] {
        assert_eq!(why(text, name).as_deref(), Some(reason));
    }
    assert_eq!(why("", "web/get"), None);
}
