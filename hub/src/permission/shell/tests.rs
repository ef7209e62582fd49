//! The gates against the commands in `cases/`, against mutations of them, and against anything at all.

mod mutate;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{Decision, GATES, judge, judge_call};

/// Rows by topic.
type Cases = BTreeMap<String, Vec<Vec<String>>>;

const FOLDER: &str = "/home/ada/project";

fn cases(text: &str) -> Cases {
    toml::from_str(text).expect("the cases are TOML")
}

fn hostile() -> Vec<(String, Decision)> {
    rows(cases(include_str!("cases/hostile.toml")))
}

fn harmless() -> Vec<(String, Decision)> {
    rows(cases(include_str!("cases/harmless.toml")))
}

fn rows(cases: Cases) -> Vec<(String, Decision)> {
    let word = |word: &str| match word {
        "allow" => Decision::Allow,
        "ask" => Decision::Ask,
        "deny" => Decision::Deny,
        other => panic!("`{other}` is no decision"),
    };
    let rows = cases.into_values().flatten();
    rows.map(|row| (row[1].clone(), word(&row[0]))).collect()
}

fn here(command: &str) -> super::Judged {
    judge(command, Path::new(FOLDER))
}

#[test]
fn hostile_commands_are_never_allowed() {
    let hostile = hostile();
    assert!(hostile.len() >= 200);
    let wrong: Vec<String> = hostile
        .iter()
        .filter_map(|(command, expected)| {
            let judged = here(command);
            (judged.decision < *expected).then(|| format!("{command:?}: {judged:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn harmless_commands_run_and_honest_ones_are_asked() {
    let harmless = harmless();
    let free = harmless.iter().filter(|row| row.1 == Decision::Allow);
    assert!(free.count() >= 100);
    let wrong: Vec<String> = harmless
        .iter()
        .filter_map(|(command, expected)| {
            let judged = here(command);
            (judged.decision != *expected).then(|| format!("{command:?}: {judged:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn commands_of_somebody_who_had_not_seen_the_gates() {
    let mut second = cases(include_str!("cases/second.toml"));
    let reading = second
        .remove("reading")
        .expect("a list of reading commands");
    let hostile = rows(second);
    assert!(hostile.len() >= 50);
    let allowed: Vec<&String> = hostile
        .iter()
        .filter(|(command, _)| here(command).decision == Decision::Allow)
        .map(|(command, _)| command)
        .collect();
    assert!(allowed.is_empty(), "{allowed:#?}");
    let asked: Vec<&String> = reading
        .iter()
        .map(|row| &row[1])
        .filter(|command| here(command).decision != Decision::Allow)
        .collect();
    assert!(asked.is_empty(), "{asked:#?}");
}

#[test]
fn what_is_asked_is_not_denied_without_need() {
    // A person may want any of these; only the rows marked `deny` have no honest use.
    let denied: Vec<String> = hostile()
        .into_iter()
        .filter(|(command, expected)| {
            *expected == Decision::Ask && here(command).decision == Decision::Deny
        })
        .map(|(command, _)| format!("{command:?}: {}", here(&command).reason))
        .collect();
    assert!(denied.is_empty(), "{}", denied.join("\n"));
}

#[test]
fn mutations_of_hostile_commands_are_never_allowed() {
    let mut random = mutate::Random::new(0x70_6f_6f_6c);
    let hostile = hostile();
    let friendly: Vec<String> = harmless()
        .into_iter()
        .filter(|row| row.1 == Decision::Allow)
        .map(|row| row.0)
        .collect();
    let (mut count, mut wrong) = (0, Vec::new());
    // Nothing, joined with something harmless, is that; and half a pipe may be made whole.
    let something = |command: &str| {
        !matches!(command.trim(), "" | "# only a comment") && !command.ends_with(['|', '&'])
    };
    for (command, _) in hostile.iter().filter(|row| something(&row.0)) {
        for _ in 0..40 {
            let mutated = mutate::hostile(command, &friendly, &mut random);
            let judged = here(&mutated);
            if judged.decision == Decision::Allow {
                wrong.push(format!("{mutated:?}, made of {command:?}"));
            }
            count += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 10_000, "{count}");
}

#[test]
fn harmless_commands_joined_stay_harmless() {
    let free: Vec<String> = harmless()
        .into_iter()
        .filter(|row| row.1 == Decision::Allow && !row.0.contains("git") && !row.0.contains("cd "))
        .map(|row| row.0)
        .collect();
    for pair in free.windows(2) {
        for between in ["; ", " && ", " || ", " | ", "\n"] {
            let joined = format!("{}{between}{}", pair[0], pair[1]);
            // A pipe can't be turned around in its middle.
            if between != " | " || !pair[1].starts_with('!') {
                assert_eq!(here(&joined).decision, Decision::Allow, "{joined:?}");
            }
        }
        let nested = format!("if {}; then ({}); fi", pair[0], pair[1]);
        assert_eq!(here(&nested).decision, Decision::Allow, "{nested:?}");
    }
}

#[test]
fn each_gate_has_its_number_its_reason_and_cases_of_its_own() {
    let cases: BTreeMap<String, Vec<String>> =
        toml::from_str(include_str!("cases/gates.toml")).expect("the cases are TOML");
    assert_eq!(cases.len(), GATES.len(), "one list for each gate");
    let mut wrong = Vec::new();
    for (at, info) in GATES.iter().enumerate() {
        assert_eq!(usize::from(info.gate.number()), at + 1, "{}", info.name);
        assert_eq!(info.gate.decision(), info.decision);
        let own = cases.get(info.name).expect("each gate has cases");
        assert!(!own.is_empty(), "{}", info.name);
        for command in own {
            // What is too long to be read is too long to be written down.
            let command = &command.replace("LONG", &"x".repeat(10_000));
            let judged = here(command);
            if judged.gate != info.gate.number() || judged.decision != info.decision {
                wrong.push(format!("{} for {command:?}: {judged:?}", info.name));
            }
            assert!(
                judged.reason.starts_with("the command ") && judged.reason.contains(info.reason)
                    || judged.gate != info.gate.number(),
                "{judged:?}"
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_folder_of_the_calls_own_is_doubted() {
    let judged = |arguments: serde_json::Value| judge_call(&arguments, Path::new(FOLDER)).decision;
    let json = |text: &str| serde_json::from_str(text).expect("JSON");
    for (arguments, expected) in [
        (r#"{"command": "ls"}"#, Decision::Allow),
        (r#"{"command": "ls", "cwd": "src"}"#, Decision::Allow),
        (r#"{"command": "ls", "cwd": "."}"#, Decision::Allow),
        (r#"{"command": "git status", "cwd": null}"#, Decision::Allow),
        (
            r#"{"command": "git status", "cwd": "vendor"}"#,
            Decision::Ask,
        ),
        (r#"{"command": "ls", "cwd": ".."}"#, Decision::Ask),
        (r#"{"command": "ls", "cwd": "/etc"}"#, Decision::Ask),
        (r#"{"command": "ls", "cwd": 5}"#, Decision::Ask),
        (r#"{"command": "rm x", "cwd": "src"}"#, Decision::Ask),
        (r#"{"command": 5}"#, Decision::Deny),
        (r#"{}"#, Decision::Deny),
        (r#"[]"#, Decision::Deny),
    ] {
        assert_eq!(judged(json(arguments)), expected, "{arguments}");
    }
}

#[test]
fn nesting_up_to_the_bound_is_read_in_time_and_beyond_it_not_at_all() {
    let max = toolpool_config::fixed::SHELL_OPENINGS_MAX;
    for (open, close) in [
        ("(", ")"),
        ("{ ", "; }"),
        ("$(", ")"),
        ("((", "))"),
        ("${a:-", "}"),
        ("if ", ""),
        ("<(", ")"),
        ("a[", "]"),
        ("`", "`"),
        ("while ", ""),
        ("! ", ""),
        ("case x in x) ", ";; esac"),
        ("f() { ", "; }"),
        ("@(", ")"),
        ("$((", "))"),
        ("[[ ", " ]]"),
        ("\"$(", ")\""),
        ("<<a ", ""),
        ("ls; ", ""),
        ("ls | ", ""),
        ("ls && ", ""),
        ("a=(", ")"),
        ("time ", ""),
        ("> ", ""),
    ] {
        for depth in [1, max / 2, max - 1, max, max + 1, 2_000] {
            let command = format!("{}ls{}", open.repeat(depth), close.repeat(depth));
            let started = Instant::now();
            let _ = here(&command);
            // The aim is that it comes back at all; a slow machine is given its time.
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "{open} {depth}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_judged(text in any::<String>()) {
        let judged = here(&text);
        prop_assert_eq!(judged.gate == 0, judged.decision == Decision::Allow);
    }

    #[test]
    fn any_shell_like_text_is_judged(text in "[a-z $'\"`(){}\\[\\]<>|&;*?!~#=\\\\\n/.-]{0,60}") {
        let judged = here(&text);
        prop_assert_eq!(judged.gate == 0, judged.decision == Decision::Allow);
        prop_assert_eq!(judged, here(&text));
    }
}
