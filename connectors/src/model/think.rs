//! Reasoning that a server left in the content, told apart as it streams: `<think>…</think>` at the very beginning.
//!
//! Tags further on are text: a model may speak about them. Some templates open the tag themselves, so that only its end
//! comes out; that is seen when the reply is whole ([`unopened`]).

const TAGS: [(&str, &str); 3] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("[THINK]", "[/THINK]"),
];

/// A piece of content, told apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Said.
    Text(String),
    /// Thought.
    Reasoning(String),
}

/// Where in the content the stream is.
#[derive(Debug, Default)]
pub(super) enum Splitter {
    /// Nothing but what may become a tag has come; it is held here.
    #[default]
    Unsure,
    /// As [`Splitter::Unsure`], with what is held.
    Held(String),
    /// Inside; held is what may be the beginning of the end tag.
    Inside {
        /// The tag that ends it.
        end: &'static str,
        /// Not given out yet.
        held: String,
    },
    /// Behind the end tag, before the first word.
    Behind,
    /// In the text, for good.
    Text,
}

impl Splitter {
    /// Takes a piece of content.
    pub(super) fn push(&mut self, piece: &str) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut piece = piece.to_owned();
        loop {
            match self {
                Splitter::Unsure => *self = Splitter::Held(String::new()),
                Splitter::Held(held) => {
                    held.push_str(&piece);
                    let begin = held.trim_start();
                    if let Some((start, end)) =
                        TAGS.iter().find(|(start, _)| begin.starts_with(start))
                    {
                        piece = begin[start.len()..].to_owned();
                        let held = String::new();
                        *self = Splitter::Inside { end, held };
                        continue;
                    }
                    if TAGS.iter().any(|(start, _)| start.starts_with(begin)) {
                        return parts;
                    }
                    piece = std::mem::take(held);
                    *self = Splitter::Text;
                }
                Splitter::Inside { end, held } => {
                    held.push_str(&piece);
                    if let Some(at) = held.find(*end) {
                        piece = held[at + end.len()..].to_owned();
                        held.truncate(at);
                        give(&mut parts, Part::Reasoning(std::mem::take(held)));
                        *self = Splitter::Behind;
                        continue;
                    }
                    let sure = held.len() - partial(held, end);
                    let rest = held.split_off(sure);
                    give(&mut parts, Part::Reasoning(std::mem::replace(held, rest)));
                    return parts;
                }
                Splitter::Behind => {
                    piece = piece.trim_start().to_owned();
                    if piece.is_empty() {
                        return parts;
                    }
                    *self = Splitter::Text;
                }
                Splitter::Text => {
                    give(&mut parts, Part::Text(piece));
                    return parts;
                }
            }
        }
    }

    /// What was held when nothing more comes.
    pub(super) fn end(&mut self) -> Vec<Part> {
        let mut parts = Vec::new();
        match std::mem::replace(self, Splitter::Text) {
            Splitter::Held(held) => give(&mut parts, Part::Text(held)),
            Splitter::Inside { held, .. } => give(&mut parts, Part::Reasoning(held)),
            Splitter::Unsure | Splitter::Behind | Splitter::Text => {}
        }
        parts
    }
}

fn give(parts: &mut Vec<Part>, part: Part) {
    let (Part::Text(text) | Part::Reasoning(text)) = &part;
    if !text.is_empty() {
        parts.push(part);
    }
}

/// How many bytes at the end of `text` are the beginning of `mark`.
pub(super) fn partial(text: &str, mark: &str) -> usize {
    (1..mark.len())
        .rev()
        .filter(|length| mark.is_char_boundary(*length))
        .find(|length| text.ends_with(&mark[..*length]))
        .unwrap_or(0)
}

/// (reasoning, text), where the text has an end tag on a line of its own, once, that nothing opened.
pub(super) fn unopened(text: &str) -> Option<(&str, &str)> {
    let (start, end) = TAGS[0];
    let (before, behind) = text.split_once(end)?;
    let alone = (before.ends_with('\n') || before.is_empty())
        && (behind.starts_with('\n') || behind.is_empty());
    (alone && !before.contains(start) && !behind.contains(end))
        .then(|| (before.trim(), behind.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same however the content is cut into pieces.
    #[track_caller]
    fn check(content: &str, reasoning: &str, text: &str) {
        let chars: Vec<char> = content.chars().collect();
        for size in 1..=chars.len().max(1) {
            let mut splitter = Splitter::default();
            let mut parts = Vec::new();
            for piece in chars.chunks(size) {
                parts.extend(splitter.push(&piece.iter().collect::<String>()));
            }
            parts.extend(splitter.end());
            let (mut thought, mut said) = (String::new(), String::new());
            for part in parts {
                match part {
                    Part::Text(piece) => said.push_str(&piece),
                    Part::Reasoning(piece) => {
                        assert!(said.is_empty(), "reasoning behind text");
                        thought.push_str(&piece);
                    }
                }
            }
            assert_eq!(
                (thought.as_str(), said.as_str()),
                (reasoning, text),
                "{size}"
            );
        }
    }

    #[test]
    fn reasoning_at_the_beginning_is_told_apart() {
        check("<think>a < b</think>\n\nYes", "a < b", "Yes");
        check("\n<think>\n</think>\n\nYes", "\n", "Yes");
        check("<thinking>x</thinking>y", "x", "y");
        check("[THINK]x[/THINK]y", "x", "y");
        check("<think>never closed </thin", "never closed </thin", "");
        check(
            "<think>a</think>b <think>c</think>",
            "a",
            "b <think>c</think>",
        );
    }

    #[test]
    fn other_text_stays_as_it_is() {
        check("  <thin air", "", "  <thin air");
        check("plain <think>x</think>", "", "plain <think>x</think>");
        check("<", "", "<");
        check("", "", "");
        check("\n", "", "\n");
    }

    #[test]
    fn an_end_that_nothing_opened() {
        assert_eq!(unopened("so\n</think>\n\nYes"), Some(("so", "Yes")));
        for text in ["use `</think>` there", "a\n<think>\n</think>\nb", "no"] {
            assert_eq!(unopened(text), None, "{text}");
        }
    }
}
