//! The listing and its JSON.

use super::*;

const PLAIN: Look = Look {
    width: 100,
    color: false,
    unicode: true,
};

fn row(name: &str, state: &'static str) -> Row {
    Row {
        name: name.into(),
        state,
        reason: None,
        protocol: None,
        tools: 0,
        tokens: Tokens::default(),
        rejected: Vec::new(),
        title: None,
        version: None,
        start_ms: None,
        transport: "stdio",
        description: None,
        instructions: None,
    }
}

#[test]
fn a_listing() {
    let servers = [
        Row {
            protocol: Some("2025-11-25".into()),
            tools: 12,
            tokens: Tokens {
                full: 3210,
                slim: 900,
            },
            title: Some("mcp-git".into()),
            version: Some("1.2".into()),
            start_ms: Some(1240),
            ..row("git", "ready")
        },
        Row {
            reason: Some("`TOKEN` is not set".into()),
            ..row("hub", "down")
        },
        Row {
            start_ms: Some(3),
            ..row("empty", "ready")
        },
    ];
    let wanted = "\
SERVER  STATE  TOOLS  TOKENS  START  PROTOCOL    ABOUT
git     ready     12   3,210   1.2s  2025-11-25  mcp-git 1.2
hub     down                                     `TOKEN` is not set
empty   ready      0       0    3ms
";
    assert_eq!(text(&servers, &PLAIN), wanted);
    assert_eq!(text(&[], &PLAIN), "no servers\n");
}

#[test]
fn json_has_a_stable_shape() {
    let listing = Listing {
        snapshot: 3,
        servers: vec![row("git", "starting")],
    };
    let value = serde_json::to_value(&listing).expect("it serializes");
    let keys: Vec<&str> = value["servers"][0]
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    let wanted = [
        "name",
        "state",
        "reason",
        "protocol",
        "tools",
        "tokens",
        "rejected",
        "title",
        "version",
        "start_ms",
        "transport",
        "description",
        "instructions",
    ];
    assert_eq!(
        (value["snapshot"].as_u64(), keys),
        (Some(3), wanted.to_vec())
    );
}
