//! What must be so in every run, whatever was asked and whatever went wrong.

use std::collections::{BTreeSet, VecDeque};
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Deserializer, Map, Value};
use toolpool::event::{Event, replay, schema};
use toolpool::journal::{Entry, Line};
use toolpool_tests::model::{Conversation, Recorded};
use toolpool_tests::run::Run;

use super::messages;

static SCHEMA: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::validator_for(&schema()).expect("the published schema is one"));

/// The events that were printed: each a line that is valid, all of one session, numbered in order.
#[track_caller]
pub(super) fn events(run: &Run) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for line in run.stdout.lines() {
        let value: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let wrong: Vec<String> = SCHEMA
            .iter_errors(&value)
            .map(|error| error.to_string())
            .collect();
        assert!(wrong.is_empty(), "{wrong:?}: {line}");
        let event: Event = serde_json::from_value(value).expect("what is valid is an event");
        assert!(!event.session.is_empty(), "{line}");
        if let Some(before) = events.last() {
            assert_eq!(before.session, event.session);
            let (was, is) = ((before.seq, before.passing), (event.seq, event.passing));
            // A line may give several durable events, each with its number.
            assert!(
                was < is || (was == is && event.passing == 0),
                "{was:?} then {is:?}: {line}"
            );
        }
        events.push(event);
    }
    events
}

/// The durable events that were printed are those that the journal gives, from the first of this run to the last.
#[track_caller]
pub(super) fn replayed(lines: &[Line], session: &str, events: &[Event]) {
    let live: Vec<&Event> = events.iter().filter(|event| event.passing == 0).collect();
    let all = replay(lines, session);
    let begin = all
        .iter()
        .rposition(|event| matches!(event.what, toolpool::event::What::Session { .. }));
    let again: Vec<&Event> = all[begin.expect("a session begins")..].iter().collect();
    assert_eq!(live, again);
}

/// Nothing went to a server without a decision that allowed this very call.
#[track_caller]
pub(super) fn decided(lines: &[Line]) {
    let mut allowed = BTreeSet::new();
    for line in lines {
        match &line.entry {
            Entry::Decision(note) if note.allowed => {
                allowed.insert((note.call, note.fingerprint.clone()));
            }
            Entry::Intent(note) => {
                let decided = (note.call, note.fingerprint.clone());
                assert!(allowed.contains(&decided), "{note:?}");
            }
            _ => {}
        }
    }
}

/// Every call of the history is an object's and has its one answer, right behind and in order.
#[track_caller]
pub(super) fn valid(body: &Value) {
    let mut open: VecDeque<&Value> = VecDeque::new();
    let list = body["messages"].as_array().expect("messages are a list");
    for (at, message) in list.iter().enumerate() {
        let role = message["role"].as_str().expect("a role");
        if role == "tool" {
            let call = open
                .pop_front()
                .unwrap_or_else(|| panic!("{at} answers nothing: {body:#}"));
            match message["tool_call_id"].as_str() {
                Some(id) => assert_eq!(call["id"], id, "{at}: {body:#}"),
                None => assert_eq!(
                    call["function"]["name"], message["tool_name"],
                    "{at}: {body:#}"
                ),
            }
            continue;
        }
        assert!(
            open.is_empty(),
            "before {at} there is no answer to {open:?}: {body:#}"
        );
        assert!((role == "system") == (at == 0), "{at}: {body:#}");
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let arguments = &call["function"]["arguments"];
            let is_object = match arguments.as_str() {
                Some(text) => serde_json::from_str::<Map<String, Value>>(text).is_ok(),
                None => arguments.is_object(),
            };
            assert!(is_object, "{arguments}");
            open.push_back(call);
        }
    }
    assert!(open.is_empty(), "no answer to {open:?}: {body:#}");
}

/// What the model itself counts, with the room for the reply, is no more than its window.
#[track_caller]
pub(super) fn fits(body: &Value, window: u32) {
    let reply = body["max_tokens"]
        .as_u64()
        .or(body["options"]["num_predict"].as_u64());
    let reply = reply.expect("the room for the reply is said");
    let prompt = Conversation::read(body).tokens();
    assert!(
        u64::from(prompt) + reply <= u64::from(window),
        "{prompt} and {reply} in {window}"
    );
}

/// The next request of a turn repeats the one before it byte for byte, up to what stands at its tail.
#[track_caller]
pub(super) fn goes_on(before: &Recorded, after: &Recorded) {
    assert_eq!(tools(before), tools(after), "the tools are the same bytes");
    let last = messages(before).last().expect("there is one");
    let last = last["content"].to_string();
    let text = String::from_utf8_lossy(&before.raw);
    let front = text
        .rfind(&last)
        .expect("the last message was sent as it stands");
    assert!(
        after.raw.len() > front && before.raw[..front] == after.raw[..front],
        "the front was sent again as it was\n{text}\n{}",
        String::from_utf8_lossy(&after.raw)
    );
}

/// The bytes of the tools' definitions.
fn tools(request: &Recorded) -> String {
    let text = String::from_utf8_lossy(&request.raw);
    let Some(at) = text.find("\"tools\":") else {
        return String::new();
    };
    let rest = &text[at + "\"tools\":".len()..];
    let mut values = Deserializer::from_str(rest).into_iter::<Value>();
    assert!(matches!(values.next(), Some(Ok(_))));
    rest[..values.byte_offset()].to_owned()
}
