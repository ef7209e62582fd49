//! Replies: put together from every dialect's stream, and what is made of one that goes wrong.

use std::time::Duration;

use serde_json::{Value, json};
use toolpool_connectors::model::{Delta, ModelError, Options, Stop};
use toolpool_tests::model::{Answer, Dialect, Fail, Faults, Notation, ScriptedModel, Setup};

use super::{DIALECTS, reply, said, take_up, take_up_with, user, with_tools};

#[tokio::test]
async fn a_stream_is_put_together_in_every_dialect() {
    for (dialect, _) in DIALECTS {
        let answer = Answer::say("I look at it. ").thinking("What is there?");
        let answer = answer.and_call("read_file_0", json!({ "path": "ä b.txt", "lines": 3 }));
        let faults = Faults {
            drip_ms: 1,
            ..Faults::default()
        };
        let server = ScriptedModel::start(Setup::new(dialect).queue([answer.with(faults)]));
        let model = take_up(&server.url).await;
        let (reply, deltas) = reply(&model, with_tools(user("look"), 2), 200).await;
        let reply = reply.expect("a reply");
        assert_eq!(
            (reply.text.trim_end(), reply.stop),
            ("I look at it.", Stop::Calls),
            "{dialect:?}"
        );
        assert_eq!(
            reply.reasoning.as_deref().map(str::trim),
            Some("What is there?")
        );
        assert_eq!(reply.calls.len(), 1);
        assert_eq!(
            Value::from(reply.calls[0].arguments.object()),
            json!({ "path": "ä b.txt", "lines": 3 })
        );
        assert!(!reply.calls[0].leaked && reply.calls[0].fault.is_none());
        assert!(reply.usage.prompt_tokens > Some(10), "{dialect:?}");
        let streamed: String = deltas
            .iter()
            .filter_map(|delta| match delta {
                Delta::Text(text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(streamed.trim_end(), reply.text.trim_end());
        assert!(
            deltas
                .iter()
                .any(|delta| matches!(delta, Delta::Call { name, .. } if name == "read_file_0"))
        );
    }
}

#[tokio::test]
async fn calls_that_leaked_into_the_text_are_found() {
    for notation in Notation::ALL {
        let faults = Faults {
            leak: Some(notation),
            ..Faults::default()
        };
        let answer = Answer::say("")
            .and_call("read_file_0", json!({ "path": "a.txt" }))
            .with(faults);
        let server = ScriptedModel::start(Setup::new(Dialect::OpenAi).queue([answer]));
        let model = take_up(&server.url).await;
        let reply = said(&model, with_tools(user("look"), 2)).await;
        assert_eq!(reply.calls.len(), 1, "{notation:?}: {reply:?}");
        assert!(reply.calls[0].leaked && reply.calls[0].name == "read_file_0");
        assert_eq!(
            Value::from(reply.calls[0].arguments.object()),
            json!({ "path": "a.txt" })
        );
    }
}

#[tokio::test]
async fn arguments_that_are_no_json_never_pass_for_some() {
    for raw in [
        "{\"path\": \"a.txt\"",
        "{path: 'a.txt'}",
        "please read a.txt",
        "[1, 2",
    ] {
        let answer = Answer::call("read_file_0", json!(raw));
        let server = ScriptedModel::start(Setup::new(Dialect::LlamaCpp).queue([answer]));
        let model = take_up(&server.url).await;
        let reply = said(&model, with_tools(user("look"), 1)).await;
        let call = reply.calls.first().expect("the call is kept");
        assert!(
            call.repair.is_some() != call.fault.is_some(),
            "{raw}: {call:?}"
        );
    }
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_does_not_is_told() {
    let fail = |status, times| Faults {
        fail: Some(Fail {
            status,
            times,
            message: "out of luck".into(),
        }),
        ..Faults::default()
    };
    let setup = Setup::new(Dialect::OpenAi).queue([
        Answer::say("late").with(fail(500, 1)),
        Answer::say("never").with(fail(422, 0)),
    ]);
    let server = ScriptedModel::start(setup);
    let model = take_up(&server.url).await;
    let (late, deltas) = reply(&model, user("one"), 20).await;
    assert_eq!(late.expect("the second try").text, "late");
    assert!(
        deltas
            .iter()
            .any(|delta| matches!(delta, Delta::Retrying { attempt: 2, .. }))
    );
    let (never, _) = reply(&model, user("two"), 20).await;
    assert!(
        matches!(never, Err(ModelError::Refused { status: 422, .. })),
        "{never:?}"
    );
    assert_eq!(server.chats().len(), 3);

    let loading = Faults {
        loading: 1,
        ..Faults::default()
    };
    let server = ScriptedModel::start(
        Setup::new(Dialect::LlamaCpp).queue([Answer::say("there").with(loading)]),
    );
    let model = take_up(&server.url).await;
    let (reply, deltas) = reply(&model, user("one"), 20).await;
    assert_eq!(reply.expect("a reply").text, "there");
    assert!(deltas.contains(&Delta::Loading));
}

#[tokio::test]
async fn a_stream_that_ends_badly_is_told_as_what_it_is() {
    let with = |faults: Faults| Answer::say("one two three").with(faults);
    let none = Faults::default;
    let setup = Setup::new(Dialect::LlamaCpp).queue([
        with(Faults {
            cut_after: Some(2),
            ..none()
        }),
        with(Faults {
            unfinished: true,
            ..none()
        }),
        with(Faults {
            finish: Some("length".into()),
            ..none()
        }),
        with(Faults {
            parse_failure: true,
            ..none()
        }),
        with(Faults {
            stall_after: Some(1),
            ..none()
        }),
    ]);
    let server = ScriptedModel::start(setup);
    let options = Options {
        silence: Duration::from_secs(1),
        ..Options::default()
    };
    let model = take_up_with(&server.url, options).await;
    let cut = said(&model, user("one")).await;
    assert_eq!((cut.text.trim_end(), cut.stop), ("one two", Stop::Cut));
    assert_eq!(said(&model, user("two")).await.stop, Stop::Cut);
    assert_eq!(said(&model, user("three")).await.stop, Stop::Length);
    let (unparsed, _) = reply(&model, user("four"), 20).await;
    assert!(
        matches!(
            unparsed,
            Err(ModelError::Failed { .. } | ModelError::Garbled { .. })
        ),
        "{unparsed:?}"
    );
    let (stalled, _) = reply(&model, user("five"), 20).await;
    assert!(
        matches!(stalled, Err(ModelError::Stalled { .. })),
        "{stalled:?}"
    );
    assert_eq!(server.chats().len(), 5, "what had begun is not asked again");
}
