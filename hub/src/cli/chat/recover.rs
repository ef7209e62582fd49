//! A session that is opened again: what was said last, what was found damaged, what was interrupted, and the calls of
//! which nobody knows whether they were carried out. Of those the person is asked, since nobody else can say.

use toolpool_connectors::model::Message;

use crate::agent::{Agent, Doubt, Opened};
use crate::cli::prompt::{Line, Terminal};
use crate::cli::report;
use crate::cli::start::Context;
use crate::cli::ui::{self, Look, Style};
use crate::cli::words::{self, one_line};

/// Turns whose words are shown.
const TURNS_SHOWN: usize = 2;

/// The last words of a session, a line each.
pub(super) fn recap(opened: &Opened, history: &[Message], look: &Look) -> String {
    let mut out = format!(
        "session {} {} {}\n",
        one_line(&opened.session),
        look.dot(),
        words::count(opened.turns, "turn")
    );
    let asked: Vec<usize> = history
        .iter()
        .enumerate()
        .filter(|(_, message)| matches!(message, Message::User { .. }))
        .map(|(at, _)| at)
        .collect();
    let shown = asked.len().saturating_sub(TURNS_SHOWN);
    for (place, at) in asked.iter().enumerate().skip(shown) {
        let end = asked.get(place + 1).copied().unwrap_or(history.len());
        if let Message::User { text } = &history[*at] {
            let line = words::cut(&one_line(text), look.width.saturating_sub(2));
            out.push_str(&format!("> {line}\n"));
        }
        let answer = history[*at..end]
            .iter()
            .rev()
            .find_map(|message| match message {
                Message::Assistant { text, .. } if !text.trim().is_empty() => Some(text),
                _ => None,
            });
        if let Some(answer) = answer {
            let line = words::cut(&one_line(answer), look.width.saturating_sub(2));
            out.push_str(&format!("  {}\n", look.paint(Style::Dim, &line)));
        }
    }
    out
}

/// What recovery found, one sentence each.
pub(crate) fn found(opened: &Opened) -> Vec<String> {
    let mut all: Vec<String> = opened.damage.iter().map(|text| one_line(text)).collect();
    if let Some(mode) = opened.mode {
        all.push(format!(
            "the session's mode is `{mode}`, which is not the configuration's; `--mode` or `/mode` sets it"
        ));
    }
    if let Some((turn, _)) = &opened.interrupted {
        all.push(format!(
            "turn {turn} was interrupted: the program ended in the middle of it"
        ));
    }
    all
}

/// A call in doubt, as it is told.
pub(crate) fn doubt(doubt: &Doubt) -> String {
    format!("in doubt: {}", one_line(&doubt.sentence))
}

/// What a person knows of a call in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Happened,
    DidNot,
    Nobody,
    /// They want to look first.
    Look,
}

fn known(typed: &str) -> Option<Known> {
    match typed.trim().to_lowercase().as_str() {
        "y" | "yes" | "happened" => Some(Known::Happened),
        "n" | "no" => Some(Known::DidNot),
        "d" | "don't know" | "?" => Some(Known::Nobody),
        "l" | "look" => Some(Known::Look),
        _ => None,
    }
}

fn choices(doubt: &Doubt, look: &Look) -> String {
    let dot = look.dot();
    let mut text = format!("y it happened {dot} n it did not {dot} d don't know");
    if let Some(probe) = &doubt.probe {
        text.push_str(&format!(" {dot} l look with {}", one_line(probe)));
    }
    text
}

/// Asks of every call in doubt; false where the person leaves. What they do not know stays open, and the model is told.
///
/// # Errors
/// The journal's; and nobody reads any more.
pub(super) async fn settle(
    context: &Context,
    agent: &mut Agent,
    terminal: &mut Terminal,
    doubts: &[Doubt],
) -> anyhow::Result<bool> {
    for open in doubts {
        let look = context.ui.now();
        let arguments = words::cut(
            &one_line(&open.arguments.to_string()),
            look.width.saturating_sub(2),
        );
        ui::talk(&format!(
            "{}\n  {} {}\n{}",
            look.paint(Style::Warn, &doubt(open)),
            one_line(&open.name),
            look.paint(Style::Dim, &arguments),
            choices(open, &look)
        ));
        // What is known, once it is: `None` inside where nobody knows.
        let known_now = loop {
            terminal.ask("did it happen? ");
            let line = tokio::select! {
                line = terminal.entered() => line,
                () = context.signals.stop.cancelled() => return Ok(false),
            };
            let typed = match line {
                Line::Typed(typed) => typed,
                // Not answered: it stays in doubt, and is asked again when the session is opened again.
                Line::Interrupted => break None,
                Line::End => return Ok(false),
            };
            match (known(&typed), &open.probe) {
                (Some(Known::Happened), _) => break Some(Some(true)),
                (Some(Known::DidNot), _) => break Some(Some(false)),
                (Some(Known::Nobody), _) => break Some(None),
                (Some(Known::Look), Some(probe)) => {
                    ui::talk(&format!("{} says:", one_line(probe)));
                    // A tool that can't be asked settles nothing, and is no reason to leave.
                    match agent.look(open.call).await {
                        Ok(said) => context.ui.print(&words::safe(&said))?,
                        Err(error) => report::tell(&context.ui, &error.into())?,
                    }
                }
                (Some(Known::Look), None) | (None, _) => ui::talk(&choices(open, &look)),
            }
        };
        if let Some(happened) = known_now {
            agent.settle(open.call, happened).await?;
        }
    }
    Ok(true)
}

/// Asks whether the turn that was interrupted goes on; `None` where the person leaves.
pub(super) async fn goes_on(
    context: &Context,
    terminal: &mut Terminal,
    turn: u32,
    asked: &str,
    look: &Look,
) -> Option<bool> {
    let asked = words::cut(&one_line(asked), look.width.saturating_sub(2));
    ui::talk(&format!(
        "turn {turn} was: {}",
        look.paint(Style::Dim, &asked)
    ));
    loop {
        terminal.ask("go on with it? y/n ");
        let line = tokio::select! {
            line = terminal.entered() => line,
            () = context.signals.stop.cancelled() => return None,
        };
        match line {
            Line::Typed(typed) => match known(&typed) {
                Some(Known::Happened) => return Some(true),
                Some(Known::DidNot) => return Some(false),
                _ => ui::talk("y goes on, n ends it where it stopped"),
            },
            Line::Interrupted => return Some(false),
            Line::End => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Look = Look {
        width: 40,
        color: false,
        unicode: true,
    };

    #[test]
    fn the_last_turns_are_recalled_in_a_line_each() {
        let user = |text: &str| Message::User { text: text.into() };
        let said = |text: &str| Message::Assistant {
            text: text.into(),
            reasoning: None,
            calls: Vec::new(),
        };
        let tool = Message::Tool {
            call: "a".into(),
            name: "x".into(),
            text: "result".into(),
        };
        let history = [
            Message::System { text: "s".into() },
            user("first"),
            said("one"),
            user("read the\nnotes"),
            said(""),
            tool,
            said("The notes hold three open tasks, of which one is late."),
            user("and now?"),
        ];
        let opened = Opened {
            session: "abc".into(),
            turns: 3,
            ..Opened::default()
        };
        let wanted = "\
session abc · 3 turns
> read the notes
  The notes hold three open tasks, of w…
> and now?
";
        assert_eq!(recap(&opened, &history, &PLAIN), wanted);
    }

    #[test]
    fn findings_are_sentences() {
        let opened = Opened {
            damage: vec!["line 7 was damaged".into()],
            interrupted: Some((2, "x".into())),
            ..Opened::default()
        };
        assert_eq!(
            found(&opened),
            [
                "line 7 was damaged",
                "turn 2 was interrupted: the program ended in the middle of it"
            ]
        );
    }

    #[test]
    fn answers_about_a_call_in_doubt() {
        for (typed, wanted) in [
            ("y", Some(Known::Happened)),
            (" N ", Some(Known::DidNot)),
            ("d", Some(Known::Nobody)),
            ("look", Some(Known::Look)),
            ("", None),
            ("maybe", None),
        ] {
            assert_eq!(known(typed), wanted, "{typed}");
        }
    }
}
