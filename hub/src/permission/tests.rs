//! The decision over modes, effects, claims, rules, grants and gates: as a table, and as promises over random cases.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;
use toolpool_config::{Config, Limits, NameSettings, Sources, load};
use toolpool_registry::{TokenCounter, read_tools};

use super::*;
use crate::caller::patterns;

mod agents;

static COUNTER: LazyLock<TokenCounter> = LazyLock::new(TokenCounter::bundled);

/// Servers of every kind and trust, with rules of every kind. The rules stand by themselves: each test picks some.
static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let rule =
        |decision: &str, rest: &str| format!("[[rules]]\ndecision = \"{decision}\"\n{rest}\n");
    let mut text = String::from(
        r#"
[servers.open]
command = "x"
[servers.trusted]
command = "x"
trust = "annotations"
[servers.web]
url = "https://web.example/mcp"
trust = "annotations"
"#,
    );
    for decision in ["allow", "ask", "deny"] {
        for rest in [
            "server = \"*\"",
            "server = \"open\"",
            "server = \"workspace\"\ntool = \"run_command\"",
            "tool = \"*read*\"",
            "effect = \"read-only\"",
            "effect = \"mutating\"",
            "effect = \"destructive\"",
            "server = \"*\"\narguments = { path = { prefix = \"docs\" } }",
            "server = \"*\"\narguments = { url = { host = \"*.example\" } }",
            "server = \"workspace\"\narguments = { command = { pattern = \"git .*\" } }",
            "server = \"*\"\narguments = { command = { equals = \"git push\" } }",
        ] {
            text.push_str(&rule(decision, rest));
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.toml");
    std::fs::write(&file, text).expect("a file");
    let sources = Sources {
        user_file: Some(file),
        ..Sources::default()
    };
    load(&sources).expect("a configuration").config
});

fn tool(server: &str, name: &str, annotations: Value) -> ToolMeta {
    let raw = json!({"name": name, "inputSchema": {"type": "object"}, "annotations": annotations});
    let list = read_tools(
        server,
        &[raw],
        &CONFIG.servers[server],
        &NameSettings::default(),
        &COUNTER,
        &Limits::default(),
        false,
    );
    (*list.tools[0]).clone()
}

/// Gates that tell commands by their first word.
fn gates(arguments: &Value, _: &Path) -> shell::Judged {
    let decision = match arguments["command"]
        .as_str()
        .map(|text| text.split(' ').next())
    {
        Some(Some("ls")) => Decision::Allow,
        None | Some(Some("rm")) => Decision::Deny,
        Some(Some(_) | None) => Decision::Ask,
    };
    shell::Judged {
        decision,
        gate: 7,
        reason: "of its first word".into(),
    }
}

const HASH: &str = "the hash of the arguments";

/// What a test sets; the rest is as in a fresh session.
#[derive(Clone, Debug)]
struct Case {
    tool: ToolMeta,
    arguments: Map<String, Value>,
    view: ViewRules,
    frees: bool,
    rules: Vec<Rule>,
    grants: Vec<Grant>,
    asks: Asks,
}

impl Case {
    fn new(tool: ToolMeta, arguments: Value) -> Case {
        Case {
            tool,
            arguments: arguments.as_object().cloned().unwrap_or_else(Map::new),
            view: ViewRules::default(),
            frees: false,
            rules: Vec::new(),
            grants: Vec::new(),
            asks: Asks::Hub,
        }
    }

    fn judged(&self) -> Judged {
        let proposal = Proposal {
            tool: &self.tool,
            server: CONFIG.servers.get(&*self.tool.id.server),
            folder: Path::new("/home/p"),
            arguments: &self.arguments,
            arguments_sha256: HASH,
        };
        let policy = Policy {
            view: &self.view,
            frees: self.frees,
            rules: &self.rules,
            grants: &self.grants,
            asks: self.asks,
        };
        decide_with(&proposal, &policy, &gates)
    }

    fn grant(&self, exact: bool) -> Grant {
        Grant {
            server: self.tool.id.server.to_string(),
            tool: self.tool.id.name.to_string(),
            fingerprint: self.tool.fingerprint.to_string(),
            arguments_sha256: exact.then(|| HASH.to_owned()),
        }
    }

    fn gate(&self) -> Option<Decision> {
        let commands = runs_commands(&self.tool, CONFIG.servers.get(&*self.tool.id.server));
        let command = self.arguments.get(COMMAND).and_then(Value::as_str);
        commands.then(|| {
            command.map_or(Decision::Deny, |text| {
                gates(&json!({"command": text}), Path::new("/")).decision
            })
        })
    }
}

fn rules_of(decision: Decision) -> Vec<Rule> {
    let of = |rule: &&Rule| rule.decision == decision;
    CONFIG.rules.iter().filter(of).cloned().collect()
}

/// The rule over everything.
fn sweeping(decision: Decision) -> Rule {
    rules_of(decision)[0].clone()
}

#[test]
fn modes_by_effects_by_claims() {
    use Decision::{Allow, Ask, Deny};
    let hints = [
        json!({"readOnlyHint": true}),
        json!({"readOnlyHint": false, "destructiveHint": false, "idempotentHint": true}),
        json!({"readOnlyHint": false, "destructiveHint": false}),
        json!({"destructiveHint": true}),
        json!({}),
    ];
    // Of each hint in turn, believed or not.
    let table = [
        (Mode::Plan, "trusted", [Allow, Deny, Deny, Deny, Deny]),
        (Mode::Plan, "open", [Deny, Deny, Deny, Deny, Deny]),
        (Mode::Ask, "trusted", [Allow, Ask, Ask, Ask, Ask]),
        (Mode::Ask, "open", [Ask, Ask, Ask, Ask, Ask]),
        (Mode::Auto, "trusted", [Allow, Ask, Ask, Ask, Ask]),
        (Mode::Auto, "open", [Ask, Ask, Ask, Ask, Ask]),
    ];
    for (mode, server, wanted) in table {
        for (hint, wanted) in hints.iter().zip(wanted) {
            let mut case = Case::new(tool(server, "t", hint.clone()), json!({}));
            case.view.mode = mode;
            assert_eq!(case.judged().decision, wanted, "{mode} {server} {hint}");
            // A client asks by itself, and who typed a call has said yes; a deny stands.
            for asks in [Asks::Client, Asks::Typed] {
                case.asks = asks;
                let held = if wanted == Deny { Deny } else { Allow };
                assert_eq!(
                    case.judged().decision,
                    held,
                    "{asks:?} {mode} {server} {hint}"
                );
            }
        }
    }
}

#[test]
fn the_worst_rule_wins_in_any_order() {
    let case = Case::new(tool("open", "t", json!({})), json!({}));
    let with = |rules: &[Decision]| Case {
        rules: rules.iter().copied().map(sweeping).collect(),
        ..case.clone()
    };
    use Decision::{Allow, Ask, Deny};
    for (rules, wanted) in [
        (&[Allow][..], Allow),
        (&[Allow, Ask], Ask),
        (&[Ask, Allow], Ask),
        (&[Deny, Allow, Ask], Deny),
        (&[Allow, Ask, Deny], Deny),
    ] {
        let judged = with(rules).judged();
        assert_eq!(
            (judged.decision, judged.source),
            (wanted, DecisionSource::Rule)
        );
        assert!(!judged.hides);
    }
    // What the person said for the session outlives an ask rule, never a deny rule.
    let mut asked = with(&[Ask]);
    asked.grants.push(asked.grant(false));
    assert_eq!(asked.judged().source, DecisionSource::Grant);
    let mut denied = with(&[Deny]);
    denied.grants.push(denied.grant(false));
    assert_eq!(denied.judged().decision, Deny);
}

#[test]
fn a_rule_that_asks_holds_for_clients_and_not_for_who_typed_the_call() {
    let mut case = Case::new(
        tool("trusted", "t", json!({"readOnlyHint": true})),
        json!({}),
    );
    case.rules = vec![sweeping(Decision::Ask)];
    for (asks, wanted, source) in [
        (Asks::Hub, Decision::Ask, DecisionSource::Rule),
        (Asks::Client, Decision::Ask, DecisionSource::Rule),
        (Asks::Typed, Decision::Allow, DecisionSource::Person),
    ] {
        case.asks = asks;
        let judged = case.judged();
        assert_eq!(
            (judged.decision, judged.source),
            (wanted, source),
            "{asks:?}"
        );
    }
}

#[test]
fn a_grant_is_bound_to_server_tool_schema_and_arguments() {
    let case = Case::new(tool("open", "t", json!({})), json!({}));
    let good = case.grant(true);
    let with = |grant: Grant| Case {
        grants: vec![grant],
        ..case.clone()
    };
    assert_eq!(with(good.clone()).judged().decision, Decision::Allow);
    let other = |change: &dyn Fn(&mut Grant)| {
        let mut grant = good.clone();
        change(&mut grant);
        with(grant).judged().decision
    };
    assert_eq!(other(&|grant| grant.server = "x".into()), Decision::Ask);
    assert_eq!(other(&|grant| grant.tool = "x".into()), Decision::Ask);
    assert_eq!(
        other(&|grant| grant.fingerprint = "x".into()),
        Decision::Ask
    );
    assert_eq!(
        other(&|grant| grant.arguments_sha256 = Some("x".into())),
        Decision::Ask
    );
}

#[test]
fn commands_are_judged_by_the_gates() {
    use Decision::{Allow, Ask, Deny};
    // The worst of annotations, and the best: neither matters.
    for hint in [json!({}), json!({"readOnlyHint": true})] {
        for (mode, command, wanted) in [
            (Mode::Plan, "ls -l", Allow),
            (Mode::Plan, "git push", Deny),
            (Mode::Ask, "ls -l", Allow),
            (Mode::Ask, "git push", Ask),
            (Mode::Auto, "git push", Ask),
            (Mode::Auto, "rm x", Deny),
        ] {
            let run = tool("workspace", RUNS_COMMANDS, hint.clone());
            let mut case = Case::new(run, json!({"command": command}));
            case.view.mode = mode;
            let judged = case.judged();
            assert_eq!(judged.decision, wanted, "{mode} {command} {hint}");
            assert!(!judged.hides);
        }
    }
}

#[test]
fn a_gates_doubt_is_settled_only_for_the_command_itself() {
    let run = || tool("workspace", RUNS_COMMANDS, json!({}));
    let case = Case::new(run(), json!({"command": "git push"}));
    assert!(case.judged().exact);
    let allows = rules_of(Decision::Allow);
    for (index, rule) in allows.into_iter().enumerate() {
        let names_it = rule.spells_out(COMMAND, true);
        let decision = Case {
            rules: vec![rule],
            ..case.clone()
        }
        .judged()
        .decision;
        let wanted = if names_it {
            Decision::Allow
        } else {
            Decision::Ask
        };
        assert_eq!(decision, wanted, "rule {index}");
    }
    for (exact, wanted) in [(false, Decision::Ask), (true, Decision::Allow)] {
        let grants = vec![case.grant(exact)];
        assert_eq!(
            Case {
                grants,
                ..case.clone()
            }
            .judged()
            .decision,
            wanted
        );
    }
    // A gate's deny is final.
    let mut denied = Case::new(run(), json!({"command": "rm x"}));
    denied.rules = rules_of(Decision::Allow);
    denied.grants = vec![denied.grant(true)];
    denied.asks = Asks::Typed;
    let judged = denied.judged();
    assert_eq!(
        (judged.decision, judged.source),
        (Decision::Deny, DecisionSource::Gate)
    );
    // Another server's tool of that name is a tool like others.
    let other = Case::new(
        tool("open", RUNS_COMMANDS, json!({})),
        json!({"command": "ls"}),
    );
    assert_eq!(other.judged().source, DecisionSource::Mode);
}

/// A rule as the file has it, on its own.
fn rule_of(arguments: &str) -> Rule {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.toml");
    let text = format!(
        "[[rules]]\ndecision = \"allow\"\nserver = \"workspace\"\narguments = {arguments}\n"
    );
    std::fs::write(&file, text).expect("a file");
    let sources = Sources {
        user_file: Some(file),
        ..Sources::default()
    };
    load(&sources).expect("a configuration").config.rules[0].clone()
}

#[test]
fn an_allow_rule_settles_a_doubt_only_where_it_spells_out_every_argument() {
    let make = "{ command = { equals = \"make\" } }";
    let there = "{ command = { equals = \"make\" }, cwd = { equals = \"vendor/x\" } }";
    for (arguments, call, wanted) in [
        (make, json!({"command": "make"}), Decision::Allow),
        (
            make,
            json!({"command": "make", "cwd": "vendor/x"}),
            Decision::Ask,
        ),
        (
            make,
            json!({"command": "make", "timeout_s": 1}),
            Decision::Ask,
        ),
        (
            there,
            json!({"command": "make", "cwd": "vendor/x"}),
            Decision::Allow,
        ),
        (there, json!({"command": "make"}), Decision::Ask),
        (
            "{ command = { equals = \"make\" }, cwd = { prefix = \"vendor\" } }",
            json!({"command": "make", "cwd": "vendor/x"}),
            Decision::Ask,
        ),
    ] {
        let mut case = Case::new(tool("workspace", RUNS_COMMANDS, json!({})), call);
        case.rules = vec![rule_of(arguments)];
        let (arguments, call) = (arguments, &case.arguments);
        assert_eq!(case.judged().decision, wanted, "{arguments} {call:?}");
    }
}

#[test]
fn a_pattern_settles_one_simple_command_and_equals_any() {
    let pattern = rule_of("{ command = { pattern = \"git .*\" } }");
    for (command, wanted) in [
        ("git log", Decision::Allow),
        ("git commit -m 'a; b'", Decision::Allow),
        ("git log; curl x | sh", Decision::Ask),
        ("git log && curl x", Decision::Ask),
        ("git log | sh", Decision::Ask),
        ("git log & curl x", Decision::Ask),
        ("git log &", Decision::Ask),
        ("git log $(curl x)", Decision::Ask),
        ("git log `curl x`", Decision::Ask),
        ("git log <(curl x)", Decision::Ask),
        ("git log > ~/.profile", Decision::Ask),
        ("git log $IFS", Decision::Ask),
    ] {
        let run = tool("workspace", RUNS_COMMANDS, json!({}));
        let mut case = Case::new(run, json!({"command": command}));
        case.rules = vec![pattern.clone()];
        assert_eq!(case.judged().decision, wanted, "{command}");
        let exactly = toml_text(command);
        case.rules = vec![rule_of(&format!(
            "{{ command = {{ equals = {exactly} }} }}"
        ))];
        assert_eq!(case.judged().decision, Decision::Allow, "{command}");
    }
    assert!(!shell::is_simple("A=1 git log") && !shell::is_simple("! git log"));
    assert!(!shell::is_simple("time git log") && !shell::is_simple("git log\ncurl x"));
    assert!(!shell::is_simple("(git log)") && !shell::is_simple(""));
}

/// The text as TOML writes it; JSON does for what has no odd characters.
fn toml_text(text: &str) -> String {
    Value::from(text).to_string()
}

#[test]
fn what_a_gate_doubts_is_not_left_to_a_client() {
    let run = tool("workspace", RUNS_COMMANDS, json!({}));
    let mut case = Case::new(run, json!({"command": "git push"}));
    for (asks, wanted, source) in [
        (Asks::Hub, Decision::Ask, DecisionSource::Gate),
        (Asks::Client, Decision::Ask, DecisionSource::Gate),
        (Asks::Typed, Decision::Allow, DecisionSource::Person),
    ] {
        case.asks = asks;
        let judged = case.judged();
        assert_eq!(
            (judged.decision, judged.source),
            (wanted, source),
            "{asks:?}"
        );
    }
    case.asks = Asks::Client;
    case.arguments.insert(COMMAND.into(), json!("ls"));
    assert_eq!(case.judged().decision, Decision::Allow);
}

#[test]
fn a_profiles_allow_list_frees_only_in_auto_and_only_where_it_may() {
    let listed = |mode, frees, pattern: &str, hint| {
        let mut case = Case::new(tool("trusted", "t", hint), json!({}));
        case.view.mode = mode;
        case.frees = frees;
        case.view.allow = patterns(&[pattern]).expect("a pattern");
        case.judged().decision
    };
    let mutating = || json!({"readOnlyHint": false, "destructiveHint": false});
    for (mode, frees, pattern, hint, wanted) in [
        (Mode::Auto, true, "trusted__*", json!({}), Decision::Allow),
        (Mode::Auto, false, "trusted__*", json!({}), Decision::Ask),
        (Mode::Ask, true, "trusted__*", json!({}), Decision::Ask),
        (
            Mode::Auto,
            true,
            "effect:mutating",
            mutating(),
            Decision::Allow,
        ),
        // Nobody believed says what it does, so that a list of effects does not free it, even of the worst.
        (
            Mode::Auto,
            true,
            "effect:destructive",
            json!({}),
            Decision::Ask,
        ),
        (Mode::Auto, true, "other__*", json!({}), Decision::Deny),
    ] {
        assert_eq!(
            listed(mode, frees, pattern, hint),
            wanted,
            "{mode} {frees} {pattern}"
        );
    }
}

#[test]
fn a_server_that_is_not_configured_any_more_is_not_called() {
    let case = Case::new(tool("open", "t", json!({})), json!({}));
    let proposal = Proposal {
        tool: &case.tool,
        server: None,
        folder: Path::new("/home/p"),
        arguments: &case.arguments,
        arguments_sha256: HASH,
    };
    let rules = [sweeping(Decision::Allow)];
    let policy = Policy {
        view: &case.view,
        frees: true,
        rules: &rules,
        grants: &[],
        asks: Asks::Typed,
    };
    assert_eq!(decide(&proposal, &policy).decision, Decision::Deny);
}

fn hints() -> impl Strategy<Value = Value> {
    let hint = || proptest::option::of(any::<bool>());
    (hint(), hint(), hint()).prop_map(|(read_only, destructive, idempotent)| {
        let said = [
            ("readOnlyHint", read_only),
            ("destructiveHint", destructive),
            ("idempotentHint", idempotent),
        ];
        let said: BTreeMap<&str, bool> = said
            .into_iter()
            .filter_map(|(key, hint)| Some((key, hint?)))
            .collect();
        json!(said)
    })
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "ls",
            "rm -rf /",
            "git push",
            "git status",
            "docs/a",
            "docs/../x",
            "../docs",
            "/etc",
            "~",
            "https://a.example/",
            "https://a.example@b.test",
            "http://[::1",
            "",
            "%2e%2e/docs",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ]
}

fn arguments() -> impl Strategy<Value = Value> {
    let value = prop_oneof![
        4 => texts().prop_map(Value::String),
        1 => prop::collection::vec(texts(), 0..3).prop_map(|list| json!(list)),
        1 => texts().prop_map(|text| json!({"path": {"url": text}})),
        1 => any::<f64>().prop_map(|number| json!(number)),
        1 => Just(Value::Null),
    ];
    let name = prop_oneof![
        prop::sample::select(vec!["command", "path", "url", "Path"]).prop_map(str::to_owned),
        any::<String>(),
    ];
    prop::collection::btree_map(name, value, 0..4).prop_map(|arguments| json!(arguments))
}

fn cases() -> impl Strategy<Value = Case> {
    let server = prop::sample::select(vec!["open", "trusted", "web", "workspace"]);
    let name = prop::sample::select(vec!["run_command", "read_file", "write", "ｗrite"]);
    let tools = (server, name, hints()).prop_map(|(server, name, hint)| tool(server, name, hint));
    let mode = prop::sample::select(vec![Mode::Plan, Mode::Ask, Mode::Auto]);
    let list = || {
        prop::sample::subsequence(
            vec![
                "open__*",
                "*write",
                "effect:destructive",
                "effect:mutating",
                "server:web",
            ],
            0..2,
        )
        .prop_map(|list| patterns(&list).expect("patterns"))
    };
    let asks = prop::sample::select(vec![Asks::Hub, Asks::Hub, Asks::Client, Asks::Typed]);
    let rules = prop::sample::subsequence(CONFIG.rules.clone(), 0..4).prop_shuffle();
    let grant = proptest::option::of((any::<bool>(), any::<bool>()));
    (
        tools,
        arguments(),
        mode,
        list(),
        list(),
        any::<bool>(),
        asks,
        rules,
        grant,
    )
        .prop_map(
            |(tool, arguments, mode, allow, deny, frees, asks, rules, grant)| {
                let mut case = Case::new(tool, arguments);
                case.view.mode = mode;
                (case.view.allow, case.view.deny) = (allow, deny);
                (case.frees, case.asks, case.rules) = (frees, asks, rules);
                if let Some((exact, fits)) = grant {
                    let mut grant = case.grant(exact);
                    if !fits {
                        grant.fingerprint.push('x');
                    }
                    case.grants.push(grant);
                }
                case
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_global_rejects: 100_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// No text and no mixture of settings makes it panic, and what it says is in keeping with itself.
    #[test]
    fn a_deny_list_is_never_an_allow(mut case in cases()) {
        case.view.deny.extend(patterns(&[format!("*{}", case.tool.id.name)]).expect("a pattern"));
        let judged = case.judged();
        prop_assert_eq!(judged.decision, Decision::Deny);
        prop_assert!(judged.hides);
    }

    #[test]
    fn an_allow_has_a_believed_claim_a_rule_a_grant_or_a_person(case in cases()) {
        let judged = case.judged();
        prop_assume!(judged.decision == Decision::Allow);
        let fingerprint = case.tool.fingerprint.to_string();
        let call = Proposed {
            tool: Subject {
                server: &case.tool.id.server,
                tool: &case.tool.id.name,
                exposed: &case.tool.exposed,
                effect: case.tool.claims.effect,
            },
            believed: case.tool.claims.believed(),
            fingerprint: &fingerprint,
            arguments: &case.arguments,
            folder: Some(Path::new("/home/p")),
        };
        let doubted = case.gate() == Some(Decision::Ask);
        let by_rule = case.rules.iter().any(|rule| {
            rule.decision == Decision::Allow && rule.meets(&call) && (!doubted || settles(rule, &case.arguments))
        });
        let fitting = case.grant(true).fingerprint;
        let by_grant = case.grants.iter().any(|grant| {
            grant.fingerprint == fitting && (!doubted || grant.arguments_sha256.is_some())
        });
        let by_claim = case.gate().is_none() && case.tool.claims.read_only();
        let by_list = case.gate().is_none() && case.frees && case.view.mode == Mode::Auto && !case.view.allow.is_empty();
        let by_gate = case.gate() == Some(Decision::Allow);
        let elsewhere = case.asks != Asks::Hub;
        prop_assert!(by_rule || by_grant || by_claim || by_list || by_gate || elsewhere, "{:?}", judged);
        // Whoever says yes, these hold.
        prop_assert!(case.gate() != Some(Decision::Deny));
        prop_assert!(!case.rules.iter().any(|rule| rule.decision == Decision::Deny && rule.meets(&call)));
    }

    #[test]
    fn plan_mode_allows_only_what_reads(mut case in cases()) {
        case.view.mode = Mode::Plan;
        if case.judged().decision == Decision::Allow {
            let reads = match case.gate() {
                Some(gate) => gate == Decision::Allow,
                None => case.tool.claims.read_only(),
            };
            prop_assert!(reads);
        }
    }

    #[test]
    fn another_deny_or_ask_never_makes_it_milder(case in cases(), at in 0usize..22) {
        let stricter: Vec<Rule> = [rules_of(Decision::Ask), rules_of(Decision::Deny)].concat();
        let before = case.judged();
        let mut after = case.clone();
        after.rules.insert(0, stricter[at].clone());
        let after = after.judged();
        if case.asks == Asks::Typed {
            // A typed call is never asked about.
            prop_assert!(after.decision != Decision::Ask);
        }
        prop_assert!(after.decision >= before.decision, "{:?} then {:?}", before, after);
    }

    #[test]
    fn the_order_of_rules_does_not_matter(case in cases()) {
        let mut turned = case.clone();
        turned.rules.reverse();
        prop_assert_eq!(case.judged().decision, turned.judged().decision);
    }
}
