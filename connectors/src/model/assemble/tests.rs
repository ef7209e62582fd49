//! Streams as servers really cut them, and the replies they make.

use super::*;

fn tools() -> Vec<Arc<str>> {
    ["look", "read_file"]
        .map(|name| {
            format!(r#"{{"type":"function","function":{{"name":"{name}","parameters":{{"type":"object"}}}}}}"#)
                .into()
        })
        .to_vec()
}

fn text(piece: &str) -> Piece {
    Piece::Text(piece.into())
}

fn piece(index: Option<u64>, id: Option<&str>, name: Option<&str>, arguments: &str) -> Piece {
    Piece::Call(CallPiece {
        index,
        id: id.map(Into::into),
        name: name.map(Into::into),
        arguments: arguments.into(),
    })
}

/// Puts the pieces together; what was streamed must be the beginning of what was said.
fn assemble(pieces: Vec<Piece>, ended: bool) -> (Vec<Delta>, Reply) {
    let mut assembler = Assembler::new(&tools());
    let mut deltas = Vec::new();
    for piece in pieces {
        deltas.extend(assembler.take(piece));
    }
    let (rest, reply) = assembler.end(ended);
    deltas.extend(rest);
    (deltas, reply)
}

fn streamed(deltas: &[Delta]) -> String {
    let texts = deltas.iter().filter_map(|delta| match delta {
        Delta::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

fn calls(reply: &Reply) -> Vec<(&str, &str)> {
    let calls = reply.calls.iter();
    calls
        .map(|call| (call.name.as_str(), call.arguments.text()))
        .collect()
}

#[test]
fn text_and_reasoning_stay_apart() {
    let (deltas, reply) = assemble(
        vec![
            text("<th"),
            text("ink>so"),
            text("</think>\n"),
            text("Yes"),
            text("!"),
            Piece::Finish(Stop::Done),
        ],
        true,
    );
    assert_eq!(reply.text, "Yes!");
    assert_eq!(reply.reasoning.as_deref(), Some("so"));
    assert_eq!(reply.stop, Stop::Done);
    assert_eq!(
        deltas,
        [
            Delta::Reasoning("so".into()),
            Delta::Text("Yes".into()),
            Delta::Text("!".into())
        ]
    );
    let (_, reply) = assemble(vec![text("thinking…\n</think>\n\nYes")], true);
    assert_eq!(reply.text, "Yes");
    assert_eq!(reply.reasoning.as_deref(), Some("thinking…"));
}

#[test]
fn pieces_of_calls_find_their_call() {
    let two = [("look", r#"{"a":1}"#), ("read_file", r#"{"b":2}"#)];
    for (name, pieces) in [
        (
            "by index",
            vec![
                piece(Some(0), Some("x"), Some("look"), ""),
                piece(Some(0), None, None, "{\"a\":"),
                piece(Some(1), Some("y"), Some("read_file"), "{\"b\""),
                piece(Some(0), None, None, "1}"),
                piece(Some(1), None, None, ":2}"),
            ],
        ),
        (
            "whole calls, all with index 0",
            vec![
                piece(Some(0), Some("x"), Some("look"), r#"{"a":1}"#),
                piece(Some(0), Some("y"), Some("read_file"), r#"{"b":2}"#),
            ],
        ),
        (
            "whole calls, all with index 0, no id",
            vec![
                piece(Some(0), None, Some("look"), r#"{"a":1}"#),
                piece(Some(0), None, Some("read_file"), r#"{"b":2}"#),
            ],
        ),
        (
            "no index, no id",
            vec![
                piece(None, None, Some("look"), "{\"a\""),
                piece(None, None, None, ":1}"),
                piece(None, None, Some("read_file"), r#"{"b":2}"#),
            ],
        ),
        (
            "by id",
            vec![
                piece(None, Some("x"), Some("look"), "{\"a\""),
                piece(None, Some("y"), Some("read_file"), "{\"b\""),
                piece(None, Some("x"), None, ":1}"),
                piece(None, Some("y"), None, ":2}"),
            ],
        ),
        (
            "names in pieces, names repeated",
            vec![
                piece(Some(0), Some("x"), Some("lo"), ""),
                piece(Some(0), None, Some("ok"), ""),
                piece(Some(0), Some("x"), Some("look"), "{\"a\""),
                piece(Some(0), Some("x"), Some("look"), ":1}"),
                piece(Some(1), Some("y"), Some("read_file"), r#"{"b":2}"#),
            ],
        ),
    ] {
        let mut pieces = pieces;
        pieces.push(Piece::Finish(Stop::Calls));
        let (_, reply) = assemble(pieces, true);
        assert_eq!(calls(&reply), two, "{name}");
        assert_eq!(reply.stop, Stop::Calls, "{name}");
    }
    // The same call twice is two calls.
    let same = piece(None, None, Some("look"), "{\"a\":1}");
    let (_, reply) = assemble(vec![same.clone(), same], true);
    assert_eq!(reply.calls.len(), 2);
}

#[test]
fn a_call_is_told_when_its_name_is_known() {
    let (deltas, reply) = assemble(
        vec![
            piece(Some(0), Some("x"), Some("look"), ""),
            piece(Some(0), None, None, "{'a':1}"),
        ],
        true,
    );
    assert_eq!(
        deltas,
        [Delta::Call {
            index: 0,
            name: "look".into()
        }]
    );
    assert!(reply.calls[0].repair.is_some());
    assert_eq!(reply.stop, Stop::Calls, "whatever the server calls it");
}

#[test]
fn a_cut_reply_keeps_what_came_and_never_completes_a_call() {
    let (_, reply) = assemble(vec![text("half a")], false);
    assert_eq!((reply.text.as_str(), reply.stop), ("half a", Stop::Cut));
    for (stop, finish) in [(Stop::Cut, None), (Stop::Length, Some(Stop::Length))] {
        let mut pieces = vec![
            piece(Some(0), None, Some("look"), r#"{"a":1}"#),
            piece(Some(1), None, Some("look"), r#"{"path":"/et"#),
        ];
        pieces.extend(finish.map(Piece::Finish));
        let (_, reply) = assemble(pieces, finish.is_some());
        assert_eq!(reply.stop, stop);
        assert_eq!(reply.calls[0].fault, None);
        assert!(reply.calls[1].fault.is_some());
        assert_eq!(reply.calls[1].arguments.text(), "{}");
    }
}

#[test]
fn a_leaked_call_is_held_back_and_taken_out() {
    let (deltas, reply) = assemble(
        vec![
            text("Looking. <tool"),
            text("_call>{\"name\": \"look\", \"argu"),
            text("ments\": {\"a\": 1}}</tool_call>"),
            Piece::Finish(Stop::Done),
        ],
        true,
    );
    assert_eq!(calls(&reply), [("look", r#"{"a": 1}"#)]);
    assert!(reply.calls[0].leaked);
    assert_eq!((reply.text.as_str(), reply.stop), ("Looking.", Stop::Calls));
    assert_eq!(streamed(&deltas).trim_end(), "Looking.");
}

#[test]
fn what_was_held_and_is_no_call_comes_out_at_the_end() {
    for whole in [
        "A <tool_call>{\"name\": \"rm\"} is no call",
        "{\"name\": \"Ada\"}",
        "ends in <tool_",
        "<thi",
    ] {
        let (deltas, reply) = assemble(vec![text(whole)], true);
        assert_eq!(reply.text, whole);
        assert_eq!(streamed(&deltas), whole);
    }
    let (_, reply) = assemble(
        vec![
            text("{\"name\": \"look\", \"arguments\": {}}"),
            piece(Some(0), None, Some("look"), "{}"),
        ],
        true,
    );
    assert_eq!(reply.calls.len(), 1, "a proper call is enough");
}

#[test]
fn usage_comes_together_from_several_pieces() {
    let (_, reply) = assemble(
        vec![
            Piece::Finish(Stop::Length),
            Piece::Usage(Usage {
                prompt_tokens: Some(7),
                ..Usage::default()
            }),
            Piece::Usage(Usage {
                prompt_ms: Some(3),
                ..Usage::default()
            }),
        ],
        true,
    );
    assert_eq!(reply.usage.prompt_tokens, Some(7));
    assert_eq!(reply.usage.prompt_ms, Some(3));
    assert_eq!(reply.stop, Stop::Length);
}

#[test]
fn where_nothing_is_offered_nothing_is_held_back() {
    let mut assembler = Assembler::new(&[]);
    let delta = assembler.take(text("{\"name\": \"Ada\"} <tool_call>"));
    assert_eq!(
        delta,
        [Delta::Text("{\"name\": \"Ada\"} <tool_call>".into())]
    );
    let (rest, reply) = assembler.end(true);
    assert_eq!((rest.len(), reply.calls.len()), (0, 0));
}
