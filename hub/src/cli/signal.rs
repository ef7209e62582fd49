//! Ctrl-C, TERM and a terminal that was closed.
//!
//! The first asks for a clean end: servers stopped, files whole. A second one ends us at once; the
//! guard then ends the servers. In the explorer and in a conversation Ctrl-C belongs to what is running, so
//! there it is passed on and asks for nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::cli::report::{INTERRUPTED, Interrupted};

/// What the person (or the system) asked of the process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    /// Cancelled when the command is to end.
    pub(crate) stop: CancellationToken,
    /// Told of every Ctrl-C while one ends only what is running.
    interrupt: Arc<Notify>,
    passed_on: Arc<AtomicBool>,
}

impl Signals {
    /// Listens from now on. Must be called inside the runtime.
    pub(crate) fn listen() -> std::io::Result<Signals> {
        let signals = Signals::default();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let heard = signals.clone();
        tokio::spawn(async move {
            loop {
                let by_hand = tokio::select! {
                    _ = interrupt.recv() => true,
                    _ = terminate.recv() => false,
                    _ = hangup.recv() => false,
                };
                heard.hear(by_hand);
            }
        });
        Ok(signals)
    }

    fn hear(&self, by_hand: bool) {
        if by_hand && self.passed_on.load(Ordering::Relaxed) {
            self.interrupt.notify_waiters();
        } else if self.stop.is_cancelled() {
            at_once();
        } else {
            self.stop.cancel();
        }
    }

    /// From now on Ctrl-C ends what is running and not the command.
    pub(crate) fn pass_on(&self) {
        self.passed_on.store(true, Ordering::Relaxed);
    }

    /// The person leaves without waiting: all is to end, and the next Ctrl-C ends us at once.
    pub(crate) fn leave(&self) {
        self.passed_on.store(false, Ordering::Relaxed);
        self.stop.cancel();
    }

    /// Acts as if Ctrl-C had been pressed.
    #[cfg(test)]
    pub(crate) fn press(&self) {
        self.hear(true);
    }

    /// Completes at the next Ctrl-C that is passed on, or when all is to end.
    pub(crate) async fn interrupted(&self) {
        tokio::select! {
            () = self.interrupt.notified() => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// Awaits something unless the command is to end first.
    ///
    /// # Errors
    /// [`Interrupted`].
    pub(crate) async fn unless_stopped<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, Interrupted> {
        tokio::select! {
            done = work => Ok(done),
            () = self.stop.cancelled() => Err(Interrupted),
        }
    }
}

#[expect(
    clippy::exit,
    reason = "the person asked a second time, and a clean end is what they would not wait for"
)]
fn at_once() {
    crate::cli::ui::clear();
    std::process::exit(i32::from(INTERRUPTED));
}
