//! What can be told without a model: words, bounds, and who says yes.

use serde_json::{Value, json};
use toolpool_config::Config;

use super::*;

fn read(given: Value) -> Result<Task, String> {
    let given = given.as_object().cloned().expect("an object");
    arguments(&given, &Config::default().agents)
}

#[test]
fn arguments_are_read_forgivingly() {
    let task = |agent: &str, text: &str, thoroughness| Task {
        agent: agent.into(),
        text: text.into(),
        thoroughness,
    };
    for (given, wanted) in [
        (
            json!({"agent": "explore", "task": "look"}),
            task("explore", "look", None),
        ),
        (
            json!({"type": "Explore", "prompt": " look "}),
            task("explore", "look", None),
        ),
        (
            json!({"agent": "plan", "task": "x", "thoroughness": "Quick"}),
            task("plan", "x", Some(Thoroughness::Quick)),
        ),
        // Whether it exists is told where it is looked up, with the names that are near.
        (
            json!({"agent": "nobody", "task": "x"}),
            task("nobody", "x", None),
        ),
    ] {
        assert_eq!(read(given.clone()), Ok(wanted), "{given}");
    }
    for (given, wanted) in [
        (
            json!({"task": "x"}),
            "`delegate` needs `agent`: one of `explore`, `general`, `guide`, `plan`, `verify`",
        ),
        (
            json!({"agent": "explore", "task": " "}),
            "`delegate` needs `task`: all that the agent has to know",
        ),
        (
            json!({"agent": "explore", "task": "x", "thoroughness": "very"}),
            "`thoroughness` is `quick`, `medium` or `thorough`, and not `very`",
        ),
    ] {
        assert_eq!(read(given), Err(wanted.to_owned()));
    }
}

#[test]
fn the_definition_is_small() {
    let definition = definition(&Config::default().agents);
    let tokens = TokenCounter::bundled().count(&definition);
    assert!(tokens < 200, "{tokens} tokens: {definition}");
}

#[test]
fn a_verdict_is_found_in_what_a_small_model_says() {
    let holds = Verdict {
        holds: true,
        findings: Vec::new(),
    };
    let not = Verdict {
        holds: false,
        findings: vec!["a.txt is not there".into()],
    };
    for (text, wanted) in [
        ("{\"holds\": true, \"findings\": []}", Some(holds.clone())),
        ("{\"holds\": true}", Some(holds)),
        (
            "Let me see {this}.\n```json\n{\"holds\": false, \"findings\": [\"a.txt is not there\"]}\n```\nThat is all.",
            Some(not),
        ),
        ("It holds.", None),
        ("{\"holds\": \"yes\"}", None),
    ] {
        assert_eq!(verdict(text), wanted, "{text}");
    }
}

#[test]
fn an_answer_is_cut_to_its_share_at_a_line() {
    let counter = TokenCounter::bundled();
    let text = "one line of some words\n".repeat(100);
    let cut = head(&text, 60, &counter);
    assert!(counter.count(cut) <= 60 && counter.count(cut) > 40, "{cut}");
    assert!(cut.ends_with("words") && text.starts_with(cut));
    assert_eq!(head("short", 60, &counter), "short");
    assert!(counter.count(head(&"x".repeat(5_000), 20, &counter)) <= 20);
}

#[test]
fn what_is_told_says_how_it_ended_and_what_changed() {
    let result = |how, changed: &[&str], artifact: Option<&str>| DelegateResult {
        agent: "explore".into(),
        session: "s1".into(),
        how,
        note: None,
        text: "Found it. More.".into(),
        shown: "Found it.".into(),
        artifact: artifact.map(str::to_owned),
        changed: changed.iter().map(|one| (*one).to_owned()).collect(),
    };
    assert_eq!(
        result(EndHow::Answered, &[], None).told(),
        "Found it.\n[agent `explore`, session s1: it changed nothing]"
    );
    assert_eq!(
        result(EndHow::StepLimit, &["a__b (done)"], Some("f00")).told(),
        "Found it.\n[cut; all of it is artifact f00]\n[agent `explore`, session s1 ended without an answer (step-limit); it changed something: a__b (done)]"
    );
}
