//! Promises about agent types, over random catalogs with random claims and trust, random types and random callers: whatever the
//! prompt says, the type holds at the view and at the decision.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use serde_json::json;
use toolpool_config::{
    AgentType, Config, Effect, Limits, NameSettings, ServerConfig, ToolOverride, Trust,
};
use toolpool_registry::{
    Fingerprint, Snapshot, TokenCounter, VectorStore, View, canonical, read_tools,
};

use super::super::*;
use crate::caller::{Caller, patterns};

static COUNTER: LazyLock<TokenCounter> = LazyLock::new(TokenCounter::bundled);

const SERVERS: [&str; 3] = ["a", "files", "workspace"];
const TOOLS: [&str; 5] = ["read", "write", "run_command", "delete", "call_tool"];

/// One server: whether it is trusted, its tools' hints, what the person says of them, and names that they give them.
type Listed = (bool, Vec<(usize, u8, Option<Effect>, Option<usize>)>);

fn effects() -> impl Strategy<Value = Effect> {
    prop::sample::select(Effect::ALL.to_vec())
}

fn listed() -> impl Strategy<Value = Listed> {
    let tool = (
        0..TOOLS.len(),
        0u8..8,
        proptest::option::weighted(0.3, effects()),
        proptest::option::weighted(0.3, 0..TOOLS.len()),
    );
    (any::<bool>(), prop::collection::vec(tool, 0..5))
}

fn lists() -> impl Strategy<Value = Vec<String>> {
    let all = vec![
        "a__*",
        "*write*",
        "files__read",
        "effect:mutating",
        "effect:read-only",
        "server:workspace",
        "run_command",
    ];
    prop::sample::subsequence(all, 0..3)
        .prop_map(|list| list.into_iter().map(str::to_owned).collect())
}

fn agents() -> impl Strategy<Value = AgentType> {
    let servers = prop::sample::subsequence(vec!["a", "f*", "workspace"], 0..3);
    (
        proptest::option::of(effects()),
        proptest::option::of(modes()),
        lists(),
        lists(),
        servers,
    )
        .prop_map(|(effects, mode, allow, deny, servers)| AgentType {
            effects,
            mode,
            allow: patterns(&allow).expect("patterns"),
            deny: patterns(&deny).expect("patterns"),
            servers: servers.into_iter().map(str::to_owned).collect(),
            ..AgentType::default()
        })
}

fn modes() -> impl Strategy<Value = Mode> {
    prop::sample::select(vec![Mode::Plan, Mode::Ask, Mode::Auto])
}

/// A caller whose profile and session say this.
fn callers() -> impl Strategy<Value = Caller> {
    (lists(), lists(), modes(), any::<bool>()).prop_map(|(allow, deny, mode, frees)| {
        let deny = patterns(&deny).expect("patterns");
        let mut caller =
            Caller::new(&Config::default(), "agent", None, &deny).expect("there is no profile");
        caller.rules.allow = patterns(&allow).expect("patterns");
        caller.rules.mode = mode;
        caller.allow_frees = frees;
        caller
    })
}

fn world(servers: &[Listed]) -> (Snapshot, Config) {
    let mut config = Config::default();
    let mut lists = Vec::new();
    for (name, (trusted, tools)) in SERVERS.iter().zip(servers) {
        let mut server: ServerConfig = config.servers["workspace"].clone();
        server.trust = match trusted {
            true => Trust::Annotations,
            false => Trust::None,
        };
        let mut raw = Vec::new();
        for (at, hints, said, renamed) in tools {
            let mut annotations = json!({});
            for (bit, hint) in ["readOnlyHint", "destructiveHint", "idempotentHint"]
                .iter()
                .enumerate()
            {
                if hints & (1 << bit) != 0 {
                    annotations[hint] = json!(bit != 1);
                }
            }
            let schema = json!({"type": "object"});
            raw.push(
                json!({"name": TOOLS[*at], "inputSchema": schema, "annotations": annotations}),
            );
            let said = ToolOverride {
                effect: *said,
                // Two tools may be given the same name, and one the name of a tool of the hub's own.
                name: renamed.map(|at| TOOLS[at].to_owned()),
                ..ToolOverride::default()
            };
            server.tools.insert(TOOLS[*at].to_owned(), said);
        }
        let list = read_tools(
            name,
            &raw,
            &server,
            &NameSettings::default(),
            &COUNTER,
            &Limits::default(),
            false,
        );
        lists.push(Arc::new(list));
        config.servers.insert((*name).to_owned(), server);
    }
    let snapshot = Snapshot::build(1, Vec::new(), lists, &VectorStore::default(), &config, None);
    (snapshot, config)
}

fn judged(
    tool: &ToolMeta,
    caller: &Caller,
    config: &Config,
    rules: &[Rule],
    grants: bool,
) -> Judged {
    let arguments = Map::from_iter([("command".to_owned(), json!("rm -rf x"))]);
    let sha = Fingerprint::of_text(&canonical(&Value::Object(arguments.clone()))).to_string();
    let grant = Grant {
        server: tool.id.server.to_string(),
        tool: tool.id.name.to_string(),
        fingerprint: tool.fingerprint.to_string(),
        arguments_sha256: Some(sha.clone()),
    };
    let proposal = Proposal {
        tool,
        server: config.servers.get(&*tool.id.server),
        folder: Path::new("/home/p"),
        arguments: &arguments,
        arguments_sha256: &sha,
    };
    let policy = Policy {
        view: &caller.rules,
        frees: caller.allow_frees,
        rules,
        grants: if grants {
            std::slice::from_ref(&grant)
        } else {
            &[]
        },
        asks: caller.asks,
    };
    decide(&proposal, &policy)
}

/// A rule that allows every call there is.
fn allows_all() -> Vec<Rule> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.toml");
    std::fs::write(&file, "[[rules]]\ndecision = \"allow\"\nserver = \"*\"\n").expect("a file");
    let sources = toolpool_config::Sources {
        user_file: Some(file),
        ..toolpool_config::Sources::default()
    };
    toolpool_config::load(&sources)
        .expect("a configuration")
        .config
        .rules
}

static ALLOWS_ALL: LazyLock<Vec<Rule>> = LazyLock::new(allows_all);

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// With every rule, grant and typed yes against it, a type that only reads sees and is allowed nothing but what reads.
    #[test]
    fn a_read_only_type_reaches_no_write(
        servers in prop::collection::vec(listed(), 3),
        mut agent in agents(),
        inner in agents(),
        caller in callers(),
        typed in any::<bool>(),
    ) {
        agent.effects = Some(Effect::ReadOnly);
        let (snapshot, config) = world(&servers);
        let asks = if typed { Asks::Typed } else { Asks::Hub };
        let reader = caller.clone().as_agent("reader", &agent).asking(asks);
        // One that it gives a task, of any type, in a session that allows more.
        let delegate = caller.asking(asks).below(&reader).as_agent("inner", &inner);
        for caller in [&reader, &delegate] {
            let view = View::new(&snapshot, &caller.rules);
            for (row, tool) in snapshot.tools().iter().enumerate() {
                let reads = tool.claims.believed() && tool.claims.effect == Effect::ReadOnly;
                prop_assert!(reads || !view.sees(row), "{} is seen", tool.exposed);
                let resolved = view.resolve(&snapshot, &tool.exposed);
                prop_assert!(reads || resolved.is_none(), "{} is found", tool.exposed);
                let judged = judged(tool, caller, &config, &ALLOWS_ALL, true);
                prop_assert!(reads || judged.decision == Decision::Deny, "{}: {judged:?}", tool.exposed);
                prop_assert!(reads || judged.hides);
            }
        }
    }

    /// A delegate has exactly what its type lets through and its caller may do: no more, and no less.
    #[test]
    fn a_delegates_rights_are_the_intersection(
        servers in prop::collection::vec(listed(), 3),
        outer in agents(),
        inner in agents(),
        caller in callers(),
        grants in any::<bool>(),
    ) {
        let (snapshot, config) = world(&servers);
        let above = caller.clone().as_agent("outer", &outer);
        let alone = caller.clone().as_agent("inner", &inner);
        let delegate = caller.below(&above).as_agent("inner", &inner);
        for tool in snapshot.tools() {
            let (both, delegates) = (
                above.rules.hides(tool).is_none() && alone.rules.hides(tool).is_none(),
                delegate.rules.hides(tool).is_none(),
            );
            prop_assert_eq!(both, delegates, "{}", tool.exposed);
            for rules in [&[][..], &ALLOWS_ALL] {
                let of = |caller: &Caller| judged(tool, caller, &config, rules, grants).decision;
                prop_assert!(of(&delegate) >= of(&above) && of(&delegate) >= of(&alone), "{}", tool.exposed);
            }
        }
    }

    /// What its caller denies later, it is denied from then on; what another configuration lets through, it does not get.
    #[test]
    fn a_deny_above_acts_below(
        servers in prop::collection::vec(listed(), 3),
        inner in agents(),
        caller in callers(),
        more in lists(),
    ) {
        let (snapshot, config) = world(&servers);
        let mut above = caller.clone();
        above.rules.deny.extend(patterns(&more).expect("patterns"));
        let delegate = caller.below(&above).as_agent("inner", &inner);
        let again = delegate.rules_now(&config).expect("there is no profile to be gone");
        for tool in snapshot.tools() {
            if above.rules.hides(tool).is_some() {
                prop_assert!(delegate.rules.hides(tool).is_some() && again.hides(tool).is_some());
            }
        }
    }
}

#[test]
fn what_the_type_hides_is_said_to_be_the_types() {
    let (snapshot, config) = world(&[
        (false, vec![(1, 0, None, None)]),
        (true, vec![]),
        (true, vec![]),
    ]);
    let caller = Caller::new(&Config::default(), "agent", None, &[]).expect("there is no profile");
    let caller = caller.as_agent("explore", &Config::default().agents["explore"]);
    let judged = judged(&snapshot.tools()[0], &caller, &config, &ALLOWS_ALL, true);
    assert_eq!(judged.source, DecisionSource::AgentType);
    assert_eq!(
        judged.reason,
        "not for agent `explore`: not known to be read-only or milder"
    );
}
