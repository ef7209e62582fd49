//! The thread that reads keys. It owns the line editor, since that blocks; prompts go in and lines come
//! out. The terminal's settings are put back when the explorer ends in the middle of a line.

use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc as blocking;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{CompletionType, Config, Editor, ExternalPrinter};
use tokio::sync::mpsc;

use super::complete::Complete;
use crate::caller::Caller;
use crate::cli::ui;
use crate::hub::Hub;

/// What came from the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line, entered.
    Typed(String),
    /// Ctrl-C: the line is dropped.
    Interrupted,
    /// Ctrl-D, or the terminal is gone.
    End,
}

/// A handle to the thread.
pub(super) struct Terminal {
    prompts: blocking::Sender<(String, String)>,
    lines: mpsc::UnboundedReceiver<Line>,
    caller: Arc<Mutex<Option<Caller>>>,
    color: bool,
    before: Option<Termios>,
    /// Whether a line is being typed, so that the editor has the terminal.
    typing: bool,
}

impl Terminal {
    /// Starts the thread. `history` is the file that lines are kept in.
    pub(super) fn open(hub: Arc<Hub>, history: PathBuf, color: bool) -> Terminal {
        let (prompts, waiting) = blocking::channel();
        let (sender, lines) = mpsc::unbounded_channel();
        let caller = Arc::new(Mutex::new(None));
        let complete = Complete {
            hub,
            caller: caller.clone(),
        };
        std::thread::spawn(move || read(complete, history, &waiting, &sender));
        Terminal {
            prompts,
            lines,
            caller,
            color,
            before: tcgetattr(std::io::stdin()).ok(),
            typing: false,
        }
    }

    /// From now on names are completed for this caller.
    pub(super) fn sees(&self, caller: Caller) {
        *self.caller.lock().unwrap_or_else(PoisonError::into_inner) = Some(caller);
    }

    /// Reads a line.
    pub(super) async fn line(&mut self, prompt: &str) -> Line {
        let styled = if self.color {
            format!("\x1b[36m{prompt}\x1b[0m")
        } else {
            prompt.to_owned()
        };
        if self.prompts.send((prompt.to_owned(), styled)).is_err() {
            return Line::End;
        }
        self.typing = true;
        let line = self.lines.recv().await.unwrap_or(Line::End);
        self.typing = false;
        line
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        ui::print_above(None);
        if !self.typing {
            return;
        }
        // What the editor would have done at the end of the line: no more bracketed paste, a new line.
        let _ = std::io::stdout().write_all(b"\x1b[?2004l\r\n");
        if let Some(before) = &self.before {
            // A terminal that is gone needs no settings.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}

fn read(
    complete: Complete,
    history: PathBuf,
    prompts: &blocking::Receiver<(String, String)>,
    lines: &mpsc::UnboundedSender<Line>,
) {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .history_ignore_space(true)
        .build();
    let mut editor = match Editor::<Complete, DefaultHistory>::with_config(config) {
        Ok(editor) => editor,
        Err(error) => return ui::talk(&format!("error: cannot read from the terminal: {error}")),
    };
    editor.set_helper(Some(complete));
    // The first time there is none; and without it everything else still works.
    let _ = history.parent().map(std::fs::create_dir_all);
    let _ = editor.load_history(&history);
    if let Ok(mut printer) = editor.create_external_printer() {
        ui::print_above(Some(Box::new(move |line| {
            // Nobody is there to hear that the terminal is gone.
            let _ = printer.print(format!("{line}\n"));
        })));
    }
    while let Ok(prompt) = prompts.recv() {
        let line = match editor.readline(&prompt) {
            Ok(line) => {
                if !line.trim().is_empty() && editor.add_history_entry(&line).unwrap_or(false) {
                    let _ = editor.append_history(&history);
                }
                Line::Typed(line)
            }
            Err(ReadlineError::Interrupted) => Line::Interrupted,
            Err(_) => Line::End,
        };
        if lines.send(line).is_err() {
            return;
        }
    }
}
