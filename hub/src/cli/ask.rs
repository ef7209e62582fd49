//! A person asked at the terminal whether a call may be made.
//!
//! ```text
//! agent ─ Approver::ask ─► Asker ─ channel ─► Desk ─ question, prompt ─► terminal
//!                            ▲                  └─ the answer ─┘
//!                            └──────── Said ◄───────┘
//! ```
//!
//! The agent asks from within a running turn, and the one line editor belongs to the conversation: so questions come to a
//! desk, where the conversation serves them one at a time while the turn goes on. Nothing that was typed before a question
//! was on the screen answers it, and an empty line is no answer.

use futures::future::BoxFuture;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use toolpool_config::Effect;

use crate::approve::{Approver, Question, Said};
use crate::cli::prompt::{Line, Terminal};
use crate::cli::ui::{self, Look, Style};
use crate::cli::words::{self, one_line, wrap};
use crate::journal::entry::ApproverKind;

/// Lines of arguments that are shown before `v` is typed.
const ARGUMENT_LINES: usize = 16;
/// Answers that are so short and not known are slips, and no words for the model.
const SLIP_CHARS: usize = 2;

/// A question on its way to the person.
struct Asked {
    question: Question,
    answer: oneshot::Sender<Said>,
}

/// The approver that the agent holds.
pub(crate) struct Asker(mpsc::UnboundedSender<Asked>);

impl Approver for Asker {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Said> {
        Box::pin(async {
            let (answer, said) = oneshot::channel();
            let question = question.clone();
            // Nobody is at the desk any more: that is a no, as is a desk that closes before it answered.
            let _ = self.0.send(Asked { question, answer });
            said.await.unwrap_or(Said::No { why: None })
        })
    }

    fn kind(&self) -> ApproverKind {
        ApproverKind::Terminal
    }
}

/// What happened at the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// A question is next: make room for it, then [`Desk::pose`] it.
    Next,
    /// It was answered or withdrawn.
    Over,
    /// Ctrl-C in place of an answer: it was no, and the turn is to stop.
    Interrupted,
    /// Ctrl-D in place of an answer: it was no, and the person wants to leave.
    End,
}

/// Where questions are served.
pub(crate) struct Desk {
    /// The terminal, which is free for other prompts while no question is being served.
    pub(crate) terminal: Terminal,
    questions: mpsc::UnboundedReceiver<Asked>,
    /// The question that is next or on the screen; the others wait in the channel.
    current: Option<Asked>,
    /// The file that `always` writes its rule into, as it is told.
    rules: String,
}

impl Desk {
    /// A desk, and the approver whose questions come to it.
    pub(crate) fn open(terminal: Terminal, rules: String) -> (Asker, Desk) {
        let (sender, questions) = mpsc::unbounded_channel();
        let desk = Desk {
            terminal,
            questions,
            current: None,
            rules,
        };
        (Asker(sender), desk)
    }

    /// Waits for the next thing to happen. Can be dropped and called again.
    pub(crate) async fn serve(&mut self, look: &Look) -> Served {
        let Some(asked) = &mut self.current else {
            return match self.questions.recv().await {
                Some(asked) => {
                    self.current = Some(asked);
                    Served::Next
                }
                None => std::future::pending().await,
            };
        };
        let line = tokio::select! {
            biased;
            () = asked.answer.closed() => {
                self.current = None;
                self.terminal.withdraw();
                ui::talk(&look.paint(Style::Dim, "the question is withdrawn"));
                return Served::Over;
            }
            line = self.terminal.entered() => line,
        };
        let (said, served) = match line {
            Line::Typed(typed) => match heard(&typed) {
                Heard::Said(said) => (said, Served::Over),
                Heard::All => {
                    ui::talk(&arguments(&asked.question.arguments, usize::MAX, look));
                    self.terminal.ask(PROMPT);
                    return Served::Over;
                }
                Heard::Nothing => {
                    self.terminal.ask(PROMPT);
                    return Served::Over;
                }
            },
            Line::Interrupted => (Said::No { why: None }, Served::Interrupted),
            Line::End => (Said::No { why: None }, Served::End),
        };
        if let Some(asked) = self.current.take() {
            // Whoever asked may have gone in this very moment.
            let _ = asked.answer.send(said);
        }
        served
    }

    /// Puts the next question on the screen.
    pub(crate) fn pose(&mut self, look: &Look) {
        if let Some(asked) = &self.current {
            ui::talk(text(&asked.question, &self.rules, look).trim_end());
            self.terminal.ask(PROMPT);
        }
    }
}

const PROMPT: &str = "allow? ";

/// What a person typed, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    Said(Said),
    /// They want to see all of it first.
    All,
    /// Nothing that could be an answer.
    Nothing,
}

fn heard(typed: &str) -> Heard {
    let typed = typed.trim();
    Heard::Said(match typed.to_lowercase().as_str() {
        "y" | "yes" => Said::Once,
        "s" | "session" => Said::Session,
        "a" | "always" => Said::Always,
        "n" | "no" => Said::No { why: None },
        "v" | "view" => return Heard::All,
        short if short.chars().count() <= SLIP_CHARS => return Heard::Nothing,
        _ => Said::No {
            why: Some(typed.to_owned()),
        },
    })
}

/// The question as a person reads it.
fn text(question: &Question, rules: &str, look: &Look) -> String {
    let dot = look.dot();
    let style = match question.effect {
        Effect::ReadOnly | Effect::Idempotent => Style::Good,
        Effect::Mutating => Style::Warn,
        Effect::Destructive => Style::Bad,
    };
    let mut out = format!(
        "{} wants to run {dot} server {} {dot} {}\n",
        look.paint(Style::Bold, &one_line(&question.name)),
        one_line(&question.server),
        look.paint(style, question.effect.name())
    );
    let about = words::cut(
        &one_line(&question.description),
        look.width.saturating_sub(2),
    );
    if !about.is_empty() {
        out.push_str(&format!("  {}\n", look.paint(Style::Dim, &about)));
    }
    out.push_str(&arguments(&question.arguments, ARGUMENT_LINES, look));
    out.push_str(&format!("\nasked, since {}\n", one_line(&question.reason)));
    let (what, which) = match question.exact {
        true => ("this call", "these arguments only"),
        false => ("this tool", "whatever its arguments"),
    };
    out.push_str(&format!(
        "y yes, once {dot} s {what} for the session, {which} {dot} a always, {which}, as a rule in {rules}\n\
         n no {dot} anything else is a no, and your words go to the model\n"
    ));
    out
}

/// The arguments, indented, no more than `lines` of them. Nothing of a line is left out and nothing in it is invisible:
/// what is approved is what was read.
fn arguments(arguments: &Value, lines: usize, look: &Look) -> String {
    let pretty = serde_json::to_string_pretty(arguments).unwrap_or_default();
    let columns = look.width.saturating_sub(4).max(1);
    let mut all = Vec::new();
    for line in visible(&pretty).lines() {
        let words = line.trim_start();
        let indent = line.len() - words.len();
        for part in wrap(words, columns.saturating_sub(indent).max(1)) {
            all.push(format!("  {}{part}", " ".repeat(indent)));
        }
    }
    let more = all.len().saturating_sub(lines);
    if more > 0 {
        all.truncate(lines);
        all.push(format!(
            "  {}",
            look.paint(
                Style::Warn,
                &format!("{} not shown; v shows all", words::count(more, "more line"))
            )
        ));
    }
    all.join("\n")
}

/// Characters that a terminal would obey or not show, spelt out.
fn visible(text: &str) -> String {
    text.chars()
        .map(|c| {
            let odd = (c.is_control() && c != '\n')
                || matches!(
                    c,
                    '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                );
            if odd {
                c.escape_unicode().to_string()
            } else {
                c.to_string()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PLAIN: Look = Look {
        width: 60,
        color: false,
        unicode: true,
    };

    fn question(arguments: Value) -> Question {
        Question {
            call: "001001000".into(),
            server: "shop".into(),
            tool: "refund".into(),
            name: "shop__refund".into(),
            description: "Give the\nmoney back".into(),
            arguments,
            effect: Effect::Destructive,
            exact: false,
            reason: "mode `ask` asks for what is not read-only".into(),
        }
    }

    #[test]
    fn answers() {
        let no = |why: &str| {
            Heard::Said(Said::No {
                why: Some(why.into()),
            })
        };
        for (typed, wanted) in [
            ("y", Heard::Said(Said::Once)),
            (" YES ", Heard::Said(Said::Once)),
            ("s", Heard::Said(Said::Session)),
            ("always", Heard::Said(Said::Always)),
            ("n", Heard::Said(Said::No { why: None })),
            ("v", Heard::All),
            ("", Heard::Nothing),
            ("ok", Heard::Nothing),
            ("yes please", no("yes please")),
            ("use the other account", no("use the other account")),
        ] {
            assert_eq!(heard(typed), wanted, "{typed}");
        }
    }

    #[test]
    fn a_question_shows_all_that_is_approved() {
        let wanted = "\
shop__refund wants to run · server shop · destructive
  Give the money back
  {
    \"id\": 3,
    \"note\": \"a\\u{202e}b\"
  }
asked, since mode `ask` asks for what is not read-only
y yes, once · s this tool for the session, whatever its arguments · a always, whatever its arguments, as a rule in ~/x.toml
n no · anything else is a no, and your words go to the model
";
        let mut question = question(json!({"id": 3, "note": "a\u{202e}b"}));
        assert_eq!(text(&question, "~/x.toml", &PLAIN), wanted);
        question.exact = true;
        let exact = text(&question, "~/x.toml", &PLAIN);
        assert!(
            exact.contains("a always, these arguments only,") && !exact.contains("whatever"),
            "{exact}"
        );
    }

    #[test]
    fn long_arguments_are_wrapped_and_what_is_missing_is_said() {
        let value = json!({"text": "word ".repeat(30)});
        let all = arguments(&value, usize::MAX, &PLAIN);
        assert_eq!(all.matches("word").count(), 30);
        assert!(all.lines().all(|line| words::width(line) <= 60), "{all}");
        let some = arguments(&value, 2, &PLAIN);
        assert_eq!(some.lines().count(), 3);
        assert!(
            some.ends_with("more lines not shown; v shows all"),
            "{some}"
        );
    }

    #[tokio::test]
    async fn a_desk_that_is_gone_says_no() {
        let (sender, questions) = mpsc::unbounded_channel();
        drop(questions);
        let said = Asker(sender).ask(&question(json!({}))).await;
        assert_eq!(said, Said::No { why: None });
    }
}
