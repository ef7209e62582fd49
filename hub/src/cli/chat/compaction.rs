//! `/compact` and `/compact show`: making the conversation smaller by hand, and looking behind what stands for it.

use tokio_util::sync::CancellationToken;
use toolpool_connectors::model::Message;

use super::sitting::{Next, Sitting};
use super::turn::{Show, Watched, put, watch};
use crate::cli::ui::{Look, Style};
use crate::cli::words::{count, cut, number, one_line, safe};
use crate::journal::entry::{CompactReason, CompactionNote, Rung};
use crate::session::{Session, Stored};

impl Sitting<'_> {
    /// Compacts the conversation. Ctrl-C leaves it as it was.
    pub(super) async fn compact(&mut self, focus: Option<String>) -> anyhow::Result<Next> {
        let Sitting {
            context,
            agent,
            events,
            screen,
            desk,
            ..
        } = self;
        let ui = &context.ui;
        screen.resized(ui.now());
        let cancel = CancellationToken::new();
        let work = agent.compact(focus, cancel.clone());
        let show = |what: Show<'_>, typing: bool| {
            let outputs = match what {
                Show::Event(event) => screen.event(event),
                Show::Close => screen.close(),
            };
            put(ui, outputs, typing)
        };
        let (next, done) = match watch(context, work, &cancel, events, Some(desk), show).await? {
            Watched::Done(done) => (Next::Line, done?),
            Watched::Leaving(done) => (Next::Leave, done?),
            Watched::Left => return Ok(Next::Stop),
        };
        // What was done has been shown, as an event.
        if done.is_none() {
            ui.say("nothing was compacted: what the last step needs is all there is, or it would not be shorter");
        }
        Ok(next)
    }
}

/// The compactions in force, each with what it shows and what it stands for.
pub(super) fn show(session: &Session, look: &Look) -> String {
    if session.compactions().is_empty() {
        return "nothing of this conversation was compacted".into();
    }
    let whole = session.messages_whole();
    let mut out = Vec::new();
    for made in session.compactions() {
        let note = &made.note;
        out.push(look.paint(Style::Bold, &heading(note)));
        for cleared in &note.cleared {
            if note.text.is_empty() {
                out.push(format!("  {}", one_line(&cleared.line)));
            }
        }
        if !note.text.is_empty() {
            out.extend(safe(&note.text).lines().map(|line| format!("  {line}")));
        }
        let originals = originals(note, &whole, look);
        if !originals.is_empty() {
            out.push(look.paint(Style::Dim, "  in place of:"));
            out.extend(originals);
        }
    }
    out.join("\n")
}

/// What a compaction was, in one line.
fn heading(note: &CompactionNote) -> String {
    let focus = note.focus.as_deref().map(one_line);
    let focus = focus.map_or(String::new(), |focus| format!(", with `{focus}` in view"));
    format!(
        "turn {}: {}, since {}{focus}: {} to {} tokens",
        note.turn,
        rung_words(note.rung, note.cleared.len()),
        reason_words(note.reason),
        number(u64::from(note.before)),
        number(u64::from(note.after)),
    )
}

/// The messages that it covers, or whose results it cleared, a line each.
fn originals(note: &CompactionNote, whole: &[Stored], look: &Look) -> Vec<String> {
    let covered = |stored: &&Stored| match note.text.is_empty() {
        true => note.cleared.iter().any(|cleared| cleared.seq == stored.seq),
        false => stored.seq <= note.to,
    };
    let line = |stored: &Stored| {
        let text = match &stored.message {
            Message::System { text } => text.clone(),
            Message::User { text } => format!("you: {text}"),
            Message::Assistant { text, calls, .. } => {
                let calls = calls
                    .iter()
                    .map(|call| format!("{} {}", call.name, call.arguments.text()));
                let said = Some(text.clone()).filter(|text| !text.trim().is_empty());
                let all: Vec<String> = said.into_iter().chain(calls).collect();
                format!("model: {}", all.join(" · "))
            }
            Message::Tool { name, text, .. } => format!("{name}: {text}"),
        };
        let text = cut(&one_line(&text), look.width.saturating_sub(4));
        look.paint(Style::Dim, &format!("    {text}"))
    };
    whole.iter().filter(covered).map(line).collect()
}

fn rung_words(rung: Rung, cleared: usize) -> String {
    match rung {
        Rung::Clear => format!("{} cleared", count(cleared, "result")),
        Rung::Digest => "digested".into(),
        Rung::Summary => "summarised by the model".into(),
        Rung::Reset => "begun anew".into(),
    }
}

fn reason_words(reason: CompactReason) -> &'static str {
    match reason {
        CompactReason::Room => "the next request would not have fit",
        CompactReason::Overflow => "the server said that it does not fit",
        CompactReason::Truncated => "the server read less than was sent",
        CompactReason::Asked => "you asked for it",
    }
}

/// What the person is told when it happens, from the event.
pub(super) fn told(rung: &str, cleared: usize, before: u32, after: u32) -> String {
    let how = match rung {
        "clear" => format!("{} became one line each", count(cleared, "old result")),
        "digest" => "older steps became a list of what was done".into(),
        "summary" => "older steps became a summary".into(),
        _ => "the conversation went on in a fresh window".into(),
    };
    format!(
        "to make room, {how}: {} tokens, and {} before",
        number(u64::from(after)),
        number(u64::from(before))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::entry::{Cleared, EndHow, Entry, Line};

    const PLAIN: Look = Look {
        width: 80,
        color: false,
        unicode: true,
    };

    fn fold(entries: Vec<Entry>) -> Session {
        let mut session = Session::default();
        for (entry, seq) in entries.into_iter().zip(1..) {
            session.apply(&Line {
                seq,
                at_ms: 0,
                entry,
            });
        }
        session
    }

    #[test]
    fn what_was_compacted_is_shown_with_what_it_stands_for() {
        let user = |turn, text: &str| Entry::User {
            turn,
            text: text.into(),
        };
        let end = |turn| Entry::End {
            turn,
            how: EndHow::Cancelled,
            note: None,
        };
        let mut entries = vec![user(1, "look at it"), end(1), user(2, "and now")];
        assert_eq!(
            show(&fold(entries.clone()), &PLAIN),
            "nothing of this conversation was compacted"
        );
        entries.push(Entry::Compaction(CompactionNote {
            turn: 2,
            step: 1,
            rung: Rung::Digest,
            reason: CompactReason::Room,
            focus: None,
            from: 1,
            to: 2,
            sha256: String::new(),
            before: 3_400,
            after: 1_200,
            cleared: vec![Cleared {
                seq: 1,
                artifact: "a".into(),
                line: "[cleared]".into(),
            }],
            text: "The user said:\n- look at it".into(),
            appended: Some(0),
        }));
        assert_eq!(
            show(&fold(entries), &PLAIN).lines().collect::<Vec<_>>(),
            [
                "turn 2: digested, since the next request would not have fit: 3,400 to 1,200 tokens",
                "  The user said:",
                "  - look at it",
                "  in place of:",
                "    you: look at it",
                "    model: [stopped by the person]",
            ]
        );
        assert_eq!(
            told("clear", 2, 3_400, 1_200),
            "to make room, 2 old results became one line each: 1,200 tokens, and 3,400 before"
        );
    }
}
