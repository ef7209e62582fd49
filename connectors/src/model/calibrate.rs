//! Counting where the server can't be asked: a tokenizer here, held on the safe side by what replies were reported to cost.
//!
//! The count here is off in two ways: another vocabulary (a factor) and what a template adds (an offset). Both are learned
//! from pairs (counted, reported) so that no pair seen is ever undercounted; until there are pairs the factor is a
//! conservative one. Only the pairs on the upper hull bind a line that lies above all, so only those are kept and none is
//! lost by that. A truncated prompt reports fewer tokens than it has: such a pair lies below the hull and teaches nothing.

use std::io;
use std::sync::Mutex;

use serde_json::Value;
use serde_json::ser::Formatter;
use toolpool_registry::TokenCounter;

use super::{Counted, Message, Prompt};

/// The factor while nothing is learned, also beyond twice the largest prompt seen.
const FACTOR_UNKNOWN: f64 = 1.3;
/// The offset while nothing is learned: templates that explain tools at length.
const OFFSET_UNKNOWN: f64 = 64.0;
/// What is added to a learned factor, divided by the root of the number of pairs.
const SLACK: f64 = 0.1;
/// What is added at least.
const SLACK_LEAST: f64 = 0.02;
/// Tokens of a template around a message: its two marks, the role, line ends.
const PER_MESSAGE: u32 = 5;
/// Around a call: its mark-up, the words `name` and `arguments`.
const PER_CALL: u32 = 16;
/// Around a result.
const PER_RESULT: u32 = 8;
/// Around a tool's definition.
const PER_TOOL: u32 = 1;
/// What templates say about tools before the first.
const ANY_TOOLS: u32 = 80;
/// The first token and the mark of the reply.
const PER_PROMPT: u32 = 4;
/// What a template says to the model where the person's program says nothing.
const NO_SYSTEM: u32 = 20;

/// A line above all pairs seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Calibration {
    /// Upper hull of (raw, reported), by raw.
    hull: Vec<(u32, u32)>,
    /// Pairs taken in.
    pairs: u32,
    /// Sum of the raw counts of these, to weigh the line.
    raw_sum: u64,
    raw_largest: u32,
}

impl Calibration {
    /// Takes in what a prompt of `raw` was reported to cost.
    pub(super) fn learn(&mut self, raw: u32, reported: u32) {
        // Less than half is a truncation or a prompt that was cached and not counted.
        if raw == 0 || reported < raw / 2 {
            return;
        }
        self.pairs = self.pairs.saturating_add(1);
        self.raw_sum = self.raw_sum.saturating_add(u64::from(raw));
        self.raw_largest = self.raw_largest.max(raw);
        self.hull.push((raw, reported));
        self.hull.sort_unstable();
        let mut hull: Vec<(u32, u32)> = Vec::with_capacity(self.hull.len());
        for point in self.hull.drain(..) {
            while hull.len() >= 2 && !turns_right(hull[hull.len() - 2], hull[hull.len() - 1], point)
            {
                hull.pop();
            }
            if hull.last().is_some_and(|last| last.0 == point.0) {
                hull.pop();
            }
            hull.push(point);
        }
        self.hull = hull;
    }

    /// Tokens of a prompt of `raw`, never fewer than any such pair was reported with.
    pub(super) fn estimate(&self, raw: u32) -> u32 {
        let Some((factor, offset)) = self.line() else {
            return round(f64::from(raw) * FACTOR_UNKNOWN + OFFSET_UNKNOWN);
        };
        let slack = 1.0 + (SLACK / f64::from(self.pairs).sqrt()).max(SLACK_LEAST);
        let known = f64::from(raw.min(self.raw_largest.saturating_mul(2)));
        let beyond = f64::from(raw) - known;
        round((known * factor + offset) * slack + beyond * (factor * slack).max(FACTOR_UNKNOWN))
    }

    /// (factor, offset) of the line above all pairs that is nearest to them in sum; of nearly equal ones that with the
    /// smallest offset, which reads prompts larger than those seen on the safe side.
    fn line(&self) -> Option<(f64, f64)> {
        let least = self.hull.iter().map(|pair| pair.1).min()?;
        let sum = |(factor, offset): (f64, f64)| {
            factor * self.raw_sum as f64 + offset * f64::from(self.pairs)
        };
        let lines = (0..=16u32).map(|part| {
            let offset = f64::from(least) * f64::from(part) / 32.0;
            let factor = self
                .hull
                .iter()
                .map(|(raw, reported)| (f64::from(*reported) - offset) / f64::from(*raw))
                .fold(0.0, f64::max);
            (factor, offset)
        });
        let best = lines.clone().map(sum).fold(f64::INFINITY, f64::min);
        lines.into_iter().find(|line| sum(*line) <= best * 1.01)
    }
}

/// Whether `b` lies above the line from `a` to `c`.
fn turns_right(a: (u32, u32), b: (u32, u32), c: (u32, u32)) -> bool {
    let wide = |n: u32| i128::from(n);
    let cross = (wide(b.0) - wide(a.0)) * (wide(c.1) - wide(a.1))
        - (wide(b.1) - wide(a.1)) * (wide(c.0) - wide(a.0));
    cross < 0
}

fn round(tokens: f64) -> u32 {
    // The cast saturates.
    tokens.ceil() as u32
}

/// A counter that learns.
#[derive(Debug)]
pub(super) struct Local {
    counter: TokenCounter,
    /// Held for a few sums and never across an await.
    calibration: Mutex<Calibration>,
}

impl Local {
    pub(super) fn new(counter: TokenCounter) -> Local {
        Local {
            counter,
            calibration: Mutex::default(),
        }
    }

    pub(super) fn count(&self, prompt: &Prompt) -> Counted {
        let raw = raw(prompt, &self.counter);
        let calibration = self
            .calibration
            .lock()
            .unwrap_or_else(|held| held.into_inner());
        Counted {
            tokens: calibration.estimate(raw),
            raw,
            exact: false,
        }
    }

    pub(super) fn learn(&self, counted: Counted, reported: u32) {
        if !counted.exact {
            let mut calibration = self
                .calibration
                .lock()
                .unwrap_or_else(|held| held.into_inner());
            calibration.learn(counted.raw, reported);
        }
    }
}

/// Tokens of a prompt by the tokenizer here, with what templates usually add.
fn raw(prompt: &Prompt, counter: &TokenCounter) -> u32 {
    let mut tokens = PER_PROMPT;
    let mut add = |more: u32| tokens = tokens.saturating_add(more);
    if !matches!(prompt.messages.first(), Some(Message::System { .. })) {
        add(NO_SYSTEM);
    }
    for message in &prompt.messages {
        add(PER_MESSAGE);
        match message {
            Message::System { text } | Message::User { text } => add(text_tokens(text, counter)),
            Message::Tool { name, text, .. } => {
                add(PER_RESULT);
                add(text_tokens(name, counter));
                add(text_tokens(text, counter));
            }
            Message::Assistant { text, calls, .. } => {
                add(text_tokens(text, counter));
                for call in calls {
                    add(PER_CALL);
                    add(text_tokens(&call.id, counter));
                    add(text_tokens(&call.name, counter));
                    add(text_tokens(&spaced(call.arguments.text()), counter));
                }
            }
        }
    }
    if !prompt.tools.is_empty() {
        add(ANY_TOOLS);
    }
    for tool in &prompt.tools {
        add(PER_TOOL);
        add(text_tokens(&spaced(tool), counter));
    }
    tokens
}

/// Tokens of a text. The model's own tokenizer is taken at its word; the bundled one is older than the models of today, which
/// have single digits where it has numbers of three, and learned far more of other scripts than the Latin one.
fn text_tokens(text: &str, counter: &TokenCounter) -> u32 {
    let count = counter.count(text);
    if counter.name() != TokenCounter::bundled().name() {
        return count;
    }
    let mut digits = 0u32;
    let mut run = 0u32;
    for byte in text.bytes().chain([b' ']) {
        if byte.is_ascii_digit() {
            run += 1;
        } else {
            digits = digits.saturating_add(run - run.div_ceil(3));
            run = 0;
        }
    }
    let foreign: u32 = text
        .split_whitespace()
        .filter(|word| word.bytes().filter(u8::is_ascii).count() < word.len() / 2)
        .map(|word| counter.count(word))
        .fold(0, u32::saturating_add);
    count
        .saturating_sub(foreign / 10 * 3)
        .saturating_add(digits)
}

/// The JSON as templates write it, which is with spaces.
fn spaced(text: &str) -> String {
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return text.to_owned();
    };
    let mut bytes = Vec::with_capacity(text.len() * 5 / 4);
    let mut writer = serde_json::Serializer::with_formatter(&mut bytes, Spaced);
    match serde::Serialize::serialize(&value, &mut writer) {
        Ok(()) => String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned()),
        Err(_) => text.to_owned(),
    }
}

/// `{"a": 1, "b": [2, 3]}`.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        to: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { to.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        to: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { to.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, to: &mut W) -> io::Result<()> {
        to.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taught(pairs: &[(u32, u32)]) -> Calibration {
        let mut calibration = Calibration::default();
        for (raw, reported) in pairs {
            calibration.learn(*raw, *reported);
        }
        calibration
    }

    #[test]
    fn nothing_learned_is_conservative_and_more_pairs_are_tighter() {
        assert_eq!(Calibration::default().estimate(1_000), 1_364);
        let excess = |count: usize| taught(&vec![(1_000, 1_000); count]).estimate(1_000) - 1_000;
        assert!(
            excess(1) > excess(5) && excess(5) > excess(20),
            "{} {} {}",
            excess(1),
            excess(5),
            excess(20)
        );
        assert!(excess(5) <= 50 && excess(20) <= 25);
    }

    #[test]
    fn a_template_s_constant_is_an_offset_and_does_not_spoil_the_factor() {
        let pairs: Vec<(u32, u32)> = (1..=20).map(|n| (n * 100, n * 100 + 90)).collect();
        let estimate = taught(&pairs).estimate(2_000);
        assert!((2_090..2_180).contains(&estimate), "{estimate}");
    }

    #[test]
    fn what_lies_far_beyond_is_not_trusted_to_a_small_factor() {
        let small = taught(&[(100, 60)]);
        assert!(small.estimate(100) < 100);
        assert!(small.estimate(10_000) > 12_000);
    }

    #[test]
    fn a_truncated_prompt_teaches_nothing() {
        let mut calibration = taught(&[(1_000, 1_100)]);
        let before = calibration.clone();
        calibration.learn(8_000, 2_050);
        assert_eq!(calibration, before);
    }

    #[test]
    fn a_prompt_s_parts_all_count() {
        let counter = TokenCounter::bundled();
        let mut prompt = Prompt {
            messages: vec![Message::User {
                text: "Hello".into(),
            }],
            tools: Vec::new(),
        };
        let mut last = raw(&prompt, &counter);
        let mut grows = |prompt: &Prompt| {
            let now = raw(prompt, &counter);
            assert!(now > last, "{prompt:?}");
            last = now;
        };
        prompt.tools.push(r#"{"type":"function"}"#.into());
        grows(&prompt);
        prompt.messages.push(Message::Tool {
            call: "c".into(),
            name: "t".into(),
            text: "12345".into(),
        });
        grows(&prompt);
        assert_eq!(spaced(r#"{"a":[1,2],"b":{}}"#), r#"{"a": [1, 2], "b": {}}"#);
        assert_eq!(text_tokens("12345", &counter), 5);
    }

    proptest! {
        #[test]
        fn no_pair_seen_is_ever_undercounted(pairs in prop::collection::vec((1u32..200_000, 1u32..400_000), 1..60)) {
            let calibration = taught(&pairs);
            for (raw, reported) in &pairs {
                if *reported >= raw / 2 {
                    prop_assert!(calibration.estimate(*raw) >= *reported, "{raw} {reported}");
                }
            }
        }

        #[test]
        fn more_text_never_counts_less(pairs in prop::collection::vec((1u32..50_000, 1u32..100_000), 0..20), raw in 0u32..100_000, more in 0u32..1_000) {
            let calibration = taught(&pairs);
            prop_assert!(calibration.estimate(raw) <= calibration.estimate(raw + more));
        }
    }
}
