//! Everything that can go wrong with a reply, each asked for by name. Nothing here happens by chance.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::script::Call;

/// What goes wrong with one reply. Pieces are the words, the parts of reasoning and the parts of calls; what a server sends around
/// them is not counted.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// Milliseconds before anything is sent.
    pub wait_ms: u64,
    /// Milliseconds between pieces.
    pub drip_ms: u64,
    /// After so many pieces nothing comes any more; the connection stays open.
    pub stall_after: Option<usize>,
    /// After so many pieces half of the next one comes, and the connection is closed inside it.
    pub cut_after: Option<usize>,
    /// So many requests are first told that the model is being loaded (503).
    pub loading: u32,
    /// So many requests then fail with a status; after that all is well.
    pub fail: Option<Fail>,
    /// The server generates everything and then can't parse it: llama.cpp's 500, inside the stream where there is one.
    pub parse_failure: bool,
    /// The server reads only this many tokens of the prompt, the oldest messages dropped, and says no word.
    pub truncate: Option<u32>,
    /// Why it ended, whatever happened: `length`, or a word nobody knows.
    pub finish: Option<String>,
    /// The stream ends in good order, without saying why and without a last mark.
    pub unfinished: bool,
    /// Calls come as text in this notation instead.
    pub leak: Option<Notation>,
    /// Nothing is said about tokens.
    pub no_usage: bool,
}

/// A failure with a status.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fail {
    /// HTTP status.
    pub status: u16,
    /// How often; 0 is for ever.
    #[serde(default)]
    pub times: u32,
    /// What it says.
    #[serde(default = "Fail::words")]
    pub message: String,
}

impl Fail {
    fn words() -> String {
        "the script wants this to fail".to_owned()
    }
}

/// How a model writes a call when its server does not take it for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notation {
    /// `<tool_call>{"name": .., "arguments": ..}</tool_call>`, Hermes and Qwen 2.5.
    Hermes,
    /// `<tool_call><function=..><parameter=..>`, Qwen 3 Coder.
    Qwen,
    /// `<|python_tag|>{"name": .., "parameters": ..}`, Llama 3.
    Llama,
    /// The same without the tag.
    LlamaBare,
    /// `[TOOL_CALLS][{"name": .., "arguments": ..}]`, Mistral.
    Mistral,
    /// `[TOOL_CALLS]name[ARGS]{..}`, later Mistral models.
    MistralArgs,
    /// JSON between three backticks.
    Fenced,
}

impl Notation {
    /// Every notation.
    pub const ALL: [Notation; 7] = [
        Notation::Hermes,
        Notation::Qwen,
        Notation::Llama,
        Notation::LlamaBare,
        Notation::Mistral,
        Notation::MistralArgs,
        Notation::Fenced,
    ];

    /// These calls as text.
    pub fn write(self, calls: &[Call]) -> String {
        // The arguments' own text is kept, since that may be no JSON.
        let object = |call: &Call, word: &str| {
            let name = Value::from(call.name.as_str());
            format!("{{\"name\": {name}, \"{word}\": {}}}", call.text())
        };
        let each = |write: &dyn Fn(&Call) -> String, between: &str| {
            calls.iter().map(write).collect::<Vec<_>>().join(between)
        };
        match self {
            Notation::Hermes => each(
                &|call| format!("<tool_call>\n{}\n</tool_call>", object(call, "arguments")),
                "\n",
            ),
            Notation::Qwen => each(&qwen, "\n"),
            Notation::Llama => each(
                &|call| format!("<|python_tag|>{}", object(call, "parameters")),
                "\n",
            ),
            Notation::LlamaBare => each(&|call| object(call, "parameters"), "; "),
            Notation::Mistral => {
                format!(
                    "[TOOL_CALLS][{}]",
                    each(&|call| object(call, "arguments"), ", ")
                )
            }
            Notation::MistralArgs => each(
                &|call| format!("[TOOL_CALLS]{}[ARGS]{}", call.name, call.text()),
                "",
            ),
            Notation::Fenced => each(
                &|call| format!("```json\n{}\n```", object(call, "arguments")),
                "\n",
            ),
        }
    }
}

fn qwen(call: &Call) -> String {
    let mut text = format!("<tool_call>\n<function={}>\n", call.name);
    for (name, value) in &call.arguments {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        text.push_str(&format!("<parameter={name}>\n{value}\n</parameter>\n"));
    }
    text + "</function>\n</tool_call>"
}

/// One thing that is sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Frame {
    /// A piece of the reply.
    Piece(String),
    /// What the server sends around it.
    Around(String),
}

/// One thing that the connection does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Sends these bytes.
    Send(String),
    /// Lets time pass.
    Wait(Duration),
    /// Does nothing any more.
    Stall,
    /// Closes the connection in the middle.
    Cut,
}

/// What the connection does to send these frames with these faults.
pub(super) fn steps(frames: Vec<Frame>, faults: &Faults) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut pieces = 0;
    for frame in frames {
        let (text, is_piece) = match frame {
            Frame::Piece(text) => (text, true),
            Frame::Around(text) => (text, false),
        };
        // What comes before the first piece is never the place of a fault.
        let begun = is_piece || pieces > 0;
        if begun && faults.stall_after.is_some_and(|after| pieces >= after) {
            steps.push(Step::Stall);
            return steps;
        }
        if begun && faults.cut_after.is_some_and(|after| pieces >= after) {
            let half = text.floor_char_boundary(text.len() / 2);
            steps.extend([Step::Send(text[..half].to_owned()), Step::Cut]);
            return steps;
        }
        if is_piece {
            if faults.drip_ms > 0 {
                steps.push(Step::Wait(Duration::from_millis(faults.drip_ms)));
            }
            pieces += 1;
        }
        steps.push(Step::Send(text));
    }
    steps
}

/// What llama.cpp says when it can't parse what its model wrote.
pub(super) fn parse_failure(written: &str) -> Value {
    let at = written.len() / 2;
    let message = format!("Failed to parse input at pos {at}: {written}");
    json!({ "error": { "code": 500, "message": message, "type": "server_error" } })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Faults, Frame, Notation, Step, steps};
    use crate::model::script::Answer;

    fn frames() -> Vec<Frame> {
        let piece = |text: &str| Frame::Piece(text.to_owned());
        let around = |text: &str| Frame::Around(text.to_owned());
        vec![around("head"), piece("one"), piece("twö2"), around("tail")]
    }

    #[test]
    fn faults_fall_between_pieces_and_a_cut_inside_one() {
        let send = |text: &str| Step::Send(text.to_owned());
        let with = |faults: Faults| steps(frames(), &faults);
        assert_eq!(with(Faults::default()).len(), 4);
        let stall_after = Some(0);
        assert_eq!(
            with(Faults {
                stall_after,
                ..Faults::default()
            }),
            [send("head"), Step::Stall]
        );
        let cut_after = Some(1);
        assert_eq!(
            with(Faults {
                cut_after,
                ..Faults::default()
            }),
            [send("head"), send("one"), send("tw"), Step::Cut]
        );
        // Past the last piece a fault hits what the server sends at the end.
        let cut_after = Some(2);
        assert_eq!(
            with(Faults {
                cut_after,
                ..Faults::default()
            })[3..],
            [send("ta"), Step::Cut]
        );
        let drip = with(Faults {
            drip_ms: 5,
            ..Faults::default()
        });
        assert_eq!(
            drip.iter()
                .filter(|step| matches!(step, Step::Wait(_)))
                .count(),
            2
        );
    }

    #[test]
    fn calls_leak_in_every_notation() {
        let calls = Answer::call("f", json!({ "a": "x", "n": 1 })).calls;
        for (notation, text) in Notation::ALL.into_iter().zip([
            "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\":\"x\",\"n\":1}}\n</tool_call>",
            "<tool_call>\n<function=f>\n<parameter=a>\nx\n</parameter>\n<parameter=n>\n1\n</parameter>\n</function>\n</tool_call>",
            "<|python_tag|>{\"name\": \"f\", \"parameters\": {\"a\":\"x\",\"n\":1}}",
            "{\"name\": \"f\", \"parameters\": {\"a\":\"x\",\"n\":1}}",
            "[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {\"a\":\"x\",\"n\":1}}]",
            "[TOOL_CALLS]f[ARGS]{\"a\":\"x\",\"n\":1}",
            "```json\n{\"name\": \"f\", \"arguments\": {\"a\":\"x\",\"n\":1}}\n```",
        ]) {
            assert_eq!(notation.write(&calls), text, "{notation:?}");
        }
    }
}
