//! A turn, watched: what it does is shown while it runs, questions are put, Ctrl-C is heard. The conversation and the
//! single request differ only in what they do with an event.

use std::io;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use super::screen::Output;
use crate::cli::ask::{Desk, Served};
use crate::cli::start::Context;
use crate::cli::ui::{self, Ui};
use crate::event::Event;

/// What there is to show.
pub(crate) enum Show<'a> {
    /// An event.
    Event(&'a Event),
    /// Something else is about to be written: end what is open.
    Close,
}

/// How watching ended.
pub(crate) enum Watched<T> {
    /// With what was watched.
    Done(T),
    /// With what was watched, after which the person wants to leave.
    Leaving(T),
    /// The person did not wait for it.
    Left,
}

/// Runs `work` to its end, showing its events.
///
/// The first Ctrl-C cancels `cancel` and waits for the work to end by itself, so that the history stays valid. The next one
/// leaves.
///
/// # Errors
/// What could not be shown; the work is then cancelled and waited for.
pub(crate) async fn watch<T>(
    context: &Context,
    work: impl Future<Output = T>,
    cancel: &CancellationToken,
    events: &mut UnboundedReceiver<Event>,
    mut desk: Option<&mut Desk>,
    mut show: impl FnMut(Show<'_>, bool) -> io::Result<()>,
) -> anyhow::Result<Watched<T>> {
    let mut shown: io::Result<()> = Ok(());
    let mut show = |what: Show<'_>, typing: bool| {
        if shown.is_ok() {
            shown = show(what, typing);
            if shown.is_err() {
                cancel.cancel();
            }
        }
    };
    let interrupted = context.signals.interrupted();
    tokio::pin!(work, interrupted);
    let mut heard = false;
    let mut leaving = false;
    let mut open = true;
    let done = loop {
        let look = context.ui.now();
        let typing = desk.as_ref().is_some_and(|desk| desk.terminal.typing());
        let served = async {
            match &mut desk {
                Some(desk) => desk.serve(&look).await,
                None => std::future::pending().await,
            }
        };
        // In this order, so that a question does not overtake what led to it, and the end comes last.
        let served = tokio::select! {
            biased;
            () = &mut interrupted, if !(heard && context.signals.stop.is_cancelled()) => Served::Interrupted,
            event = events.recv(), if open => {
                match event {
                    Some(event) => show(Show::Event(&event), typing),
                    None => open = false,
                }
                continue;
            }
            served = served => served,
            done = &mut work => break done,
        };
        match served {
            Served::Next => {
                show(Show::Close, false);
                if let Some(desk) = &mut desk {
                    desk.pose(&look);
                }
            }
            Served::Over => {}
            Served::Interrupted if heard => {
                context.signals.leave();
                return Ok(Watched::Left);
            }
            Served::Interrupted => {
                heard = true;
                cancel.cancel();
                interrupted.set(context.signals.interrupted());
                show(Show::Close, typing);
                ui::talk("stopping; Ctrl-C again leaves");
            }
            Served::End => {
                leaving = true;
                cancel.cancel();
            }
        }
    };
    while let Ok(event) = events.try_recv() {
        show(Show::Event(&event), false);
    }
    show(Show::Close, false);
    shown?;
    Ok(if leaving {
        Watched::Leaving(done)
    } else {
        Watched::Done(done)
    })
}

/// Writes what a screen puts out. While a line is `typing`, only whole lines can be written.
pub(crate) fn put(ui: &Ui, outputs: Vec<Output>, typing: bool) -> io::Result<()> {
    for output in outputs {
        match output {
            Output::Piece(piece) if typing => ui::talk(piece.trim_end_matches('\n')),
            Output::Piece(piece) => ui.piece(&piece)?,
            Output::Line(line) => ui::talk(&line),
            Output::Changing(_) if typing => {}
            Output::Changing(line) if line.is_empty() => ui::clear(),
            Output::Changing(line) => ui.progress(&line),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Color, Global, Talk};
    use crate::cli::env::Surroundings;
    use crate::cli::signal::Signals;
    use crate::event::{VERSION, What};
    use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

    fn context() -> Context {
        let surroundings = Surroundings::default();
        let context = Context {
            ui: Ui::new(Color::Never, true, &surroundings),
            global: Global::default(),
            talk: Talk::default(),
            surroundings,
            signals: Signals::default(),
            disk: std::sync::Arc::new(crate::journal::RealDisk),
            recorder: std::sync::OnceLock::new(),
        };
        context.signals.pass_on();
        context
    }

    fn say(events: &UnboundedSender<Event>, text: &str) {
        let event = Event {
            v: VERSION,
            session: "s".into(),
            turn: 1,
            seq: 1,
            passing: 0,
            at_ms: 0,
            what: What::Text { text: text.into() },
        };
        events.send(event).expect("somebody listens");
    }

    fn text(shown: &Show<'_>) -> String {
        match shown {
            Show::Event(Event {
                what: What::Text { text },
                ..
            }) => text.clone(),
            Show::Event(_) => "?".into(),
            Show::Close => "|".into(),
        }
    }

    #[tokio::test]
    async fn every_event_is_shown_before_the_end() {
        let (sender, mut events) = unbounded_channel();
        let cancel = CancellationToken::new();
        let mut seen = String::new();
        let work = async {
            say(&sender, "a");
            tokio::task::yield_now().await;
            say(&sender, "b");
            7
        };
        let show = |shown: Show<'_>, _: bool| {
            seen.push_str(&text(&shown));
            Ok(())
        };
        let context = context();
        let watched = watch(&context, work, &cancel, &mut events, None, show).await;
        assert!(matches!(watched, Ok(Watched::Done(7))));
        assert_eq!(seen, "ab|");
        assert!(!cancel.is_cancelled());
    }

    #[tokio::test]
    async fn the_first_ctrl_c_cancels_and_waits_and_the_second_leaves() {
        let context = context();
        let cancel = CancellationToken::new();
        let (_sender, mut events) = unbounded_channel();
        let work = async {
            context.signals.press();
            cancel.cancelled().await;
            "stopped in order"
        };
        let watched = watch(&context, work, &cancel, &mut events, None, |_, _| Ok(())).await;
        assert!(matches!(watched, Ok(Watched::Done("stopped in order"))));
        assert!(!context.signals.stop.is_cancelled(), "the sitting goes on");

        let cancel = CancellationToken::new();
        let work = async {
            context.signals.press();
            cancel.cancelled().await;
            tokio::task::yield_now().await;
            context.signals.press();
            std::future::pending::<()>().await;
        };
        let watched = watch(&context, work, &cancel, &mut events, None, |_, _| Ok(())).await;
        assert!(matches!(watched, Ok(Watched::Left)));
        assert!(context.signals.stop.is_cancelled(), "all is to end");
    }

    #[tokio::test]
    async fn a_reader_that_went_away_stops_the_turn_in_order() {
        let context = context();
        let cancel = CancellationToken::new();
        let (sender, mut events) = unbounded_channel();
        let mut ended = false;
        let work = async {
            say(&sender, "a");
            cancel.cancelled().await;
            ended = true;
        };
        let broken = |_: Show<'_>, _: bool| Err(io::Error::from(io::ErrorKind::BrokenPipe));
        let watched = watch(&context, work, &cancel, &mut events, None, broken).await;
        assert!(watched.is_err());
        assert!(ended, "the turn came to its own end");
    }
}
