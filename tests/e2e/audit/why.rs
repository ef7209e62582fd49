//! Explanations in text: a tool, a call, and what was in the window at a step.

use super::World;

#[test]
fn why_explains_a_tool_a_call_and_a_step() {
    let world = World::new();
    let why = |arguments: &[&str]| world.env.run(["why"].iter().chain(arguments));

    let tool = why(&["tool", "notes__slow"]).ok().stdout;
    assert!(
        tool.contains("`notes__slow` is")
            && tool.contains("the pool of turn 1, chosen for `write it`"),
        "{tool}"
    );
    assert!(tool.contains("deny") && tool.contains("rule at "), "{tool}");
    assert!(tool.contains("`--now` also ranks again"), "{tool}");
    let now = why(&["tool", "notes__slow", "--now"]).ok().stdout;
    assert!(
        now.contains(
            "ranked again now, with the servers and configuration of today: `notes__slow` would"
        ),
        "{now}"
    );

    let call = world.rows(&["--decision", "allow"])[0]["call"].clone();
    let call = call.as_str().expect("an id");
    let story = why(&["call", call]).ok().stdout;
    for wanted in [
        "notes__write_note",
        "decision   allow by rule",
        "approver   autonomous",
        "proposed: notes__write_note",
        "allowed: ",
        "may be sent again without harm",
        "completed in ",
    ] {
        assert!(story.contains(wanted), "{wanted}\n{story}");
    }
    let refused = world.rows(&["--decision", "refused"])[0]["call"].clone();
    let refused = why(&["call", refused.as_str().expect("an id")]).ok().stdout;
    assert!(refused.contains("not sent: unknown"), "{refused}");

    let step = why(&["step", "1.2"]).ok().stdout;
    for wanted in [
        "turn 1, step 2",
        "window",
        "chosen for \"write it\"",
        "cache: ",
        "6 messages as shown then",
    ] {
        assert!(step.contains(wanted), "{wanted}\n{step}");
    }
    assert!(
        !step.contains("call_tool {"),
        "what came later is not there\n{step}"
    );
    let full = why(&["step", "1.3", "--full"]).ok().stdout;
    assert!(
        full.contains("call_tool {") && full.contains("the note called a"),
        "{full}"
    );
    let value = why(&["step", "1.1", "--json"]).ok().json();
    assert_eq!(value["messages"].as_array().map(Vec::len), Some(1));

    let missing = why(&["step", "9.9"]).failed_with(2);
    assert!(
        missing
            .stderr
            .contains("the session has no step 9.9: the last is 1.3"),
        "{}",
        missing.stderr
    );
    let missing = why(&["call", "zzzzzzzzz"]).failed_with(2);
    assert!(
        missing.stderr.contains("there is no call `zzzzzzzzz`"),
        "{}",
        missing.stderr
    );
}
