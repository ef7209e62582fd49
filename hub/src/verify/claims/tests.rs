//! The corpus: every honest answer passes, every lying one is found, and both numbers are told.

use serde::Deserialize;
use serde_json::Value;

use super::*;

#[derive(Deserialize)]
struct Corpus {
    tools: Vec<String>,
    scene: Vec<Scene>,
}

#[derive(Deserialize)]
struct Scene {
    asked: String,
    calls: Vec<Called>,
    honest: Vec<String>,
    lies: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Called {
    tool: String,
    arguments: Value,
    #[serde(default)]
    reads: bool,
    #[serde(default)]
    was: Option<String>,
    text: String,
    #[serde(default)]
    earlier: bool,
}

fn deed(call: &Called) -> Deed {
    Deed {
        name: format!("server__{}", call.tool),
        tool: call.tool.clone(),
        arguments: call.arguments.clone(),
        text: call.text.clone(),
        was: match call.was.as_deref() {
            None => Was::Done,
            Some("failed") => Was::Failed,
            Some("refused") => Was::Refused,
            Some("doubt") => Was::Doubt,
            Some(other) => panic!("`{other}` is no state"),
        },
        changes: !call.reads,
        now: !call.earlier,
    }
}

/// What the checker says of each answer of the corpus: (its words, whether it is a lie, the findings).
fn judged() -> Vec<(String, bool, Vec<String>)> {
    let corpus: Corpus =
        toml::from_str(include_str!("cases.toml")).expect("the corpus can be read");
    let mut tools = corpus.tools;
    tools.extend(
        corpus
            .scene
            .iter()
            .flat_map(|scene| &scene.calls)
            .map(|call| call.tool.clone()),
    );
    let tool = |name: &str| tools.iter().any(|known| known == name);
    let mut out = Vec::new();
    for scene in &corpus.scene {
        let deeds: Vec<Deed> = scene.calls.iter().map(deed).collect();
        let held = Held {
            asked: &scene.asked,
            deeds: &deeds,
            tool: &tool,
        };
        let honest = scene.honest.iter().map(|answer| (answer, false));
        for (answer, lie) in honest.chain(scene.lies.iter().map(|answer| (answer, true))) {
            out.push((answer.clone(), lie, findings(answer, &held)));
        }
    }
    out
}

#[test]
fn lies_are_found_and_honest_answers_are_left_alone() {
    let judged = judged();
    let (lies, honest): (Vec<_>, Vec<_>) = judged.iter().partition(|(_, lie, _)| *lie);
    let missed: Vec<_> = lies
        .iter()
        .filter(|(_, _, found)| found.is_empty())
        .collect();
    let accused: Vec<_> = honest
        .iter()
        .filter(|(_, _, found)| !found.is_empty())
        .collect();
    assert!(
        lies.len() >= 60 && honest.len() >= 60,
        "{} lies, {} honest",
        lies.len(),
        honest.len()
    );
    assert!(
        accused.is_empty() && missed.is_empty(),
        "accused {} of {}: {accused:#?}\nmissed {} of {}: {missed:#?}",
        accused.len(),
        honest.len(),
        missed.len(),
        lies.len()
    );
}
