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
    /// The person left before that.
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
            Served::Interrupted if heard => return Ok(Watched::Left),
            Served::Interrupted => {
                heard = true;
                cancel.cancel();
                interrupted.set(context.signals.interrupted());
                show(Show::Close, typing);
                ui::talk("stopping; Ctrl-C again leaves");
            }
            Served::End => {
                cancel.cancel();
                return Ok(Watched::Left);
            }
        }
    };
    while let Ok(event) = events.try_recv() {
        show(Show::Event(&event), false);
    }
    show(Show::Close, false);
    shown?;
    Ok(Watched::Done(done))
}

/// Writes what a screen puts out. While a line is `typing`, only whole lines can be written.
pub(crate) fn put(ui: &Ui, outputs: Vec<Output>, typing: bool) -> io::Result<()> {
    for output in outputs {
        match output {
            Output::Piece(piece) if typing => ui::talk(piece.trim_end_matches('\n')),
            Output::Piece(piece) => ui.piece(&piece)?,
            Output::Line(line) => ui.say(&line),
            Output::Changing(_) if typing => {}
            Output::Changing(line) if line.is_empty() => ui::clear(),
            Output::Changing(line) => ui.progress(&line),
        }
    }
    Ok(())
}
