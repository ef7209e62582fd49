//! The thread that reads keys. It owns the line editor, since that blocks; prompts go in and lines come
//! out. The terminal's settings are put back when a sitting ends in the middle of a line.
//!
//! A question that is withdrawn while it is on the screen can't be taken from the editor. So the line that is typed there
//! answers nothing, whatever is asked meanwhile: the next prompt comes when it was entered.

use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc as blocking;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::termios::{OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr};
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{CompletionType, Config, Editor, ExternalPrinter};
use tokio::sync::mpsc;

use super::commands::Commands;
use super::complete::{Complete, Seen, joined};
use crate::cli::ui;
use crate::hub::Hub;

/// What came from the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line, entered; several where they were carried on or pasted.
    Typed(String),
    /// Ctrl-C: the line is dropped.
    Interrupted,
    /// Ctrl-D, or the terminal is gone.
    End,
}

struct Prompt {
    plain: String,
    styled: String,
    /// Whether a request or a command is typed, which is completed and kept in the history, and not an answer.
    commanding: bool,
}

/// A handle to the thread.
pub(crate) struct Terminal {
    prompts: blocking::Sender<Prompt>,
    lines: mpsc::UnboundedReceiver<Line>,
    seen: Arc<Mutex<Option<Seen>>>,
    color: bool,
    before: Option<Termios>,
    /// Whether a line is being typed, so that the editor has the terminal.
    typing: bool,
    /// Whether that line answers nothing any more.
    stale: bool,
    /// The prompt that comes after such a line.
    next: Option<Prompt>,
}

impl Terminal {
    /// Starts the thread. `history` is the file that lines are kept in.
    pub(crate) fn open(
        hub: Arc<Hub>,
        commands: Commands,
        history: PathBuf,
        color: bool,
    ) -> Terminal {
        let (prompts, waiting) = blocking::channel();
        let (sender, lines) = mpsc::unbounded_channel();
        let seen = Arc::new(Mutex::new(None));
        let complete = Complete {
            hub,
            commands,
            seen: seen.clone(),
            commanding: true,
        };
        std::thread::spawn(move || read(complete, history, &waiting, &sender));
        Terminal {
            prompts,
            lines,
            seen,
            color,
            before: tcgetattr(std::io::stdin()).ok(),
            typing: false,
            stale: false,
            next: None,
        }
    }

    /// From now on names are completed for this session.
    pub(crate) fn sees(&self, seen: Seen) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
    }

    /// Whether the editor has the terminal: then only whole lines may be written, through [`ui::talk`].
    pub(crate) fn typing(&self) -> bool {
        self.typing
    }

    /// Reads a request or a command.
    pub(crate) async fn line(&mut self, prompt: &str) -> Line {
        self.begin(prompt, true);
        self.entered().await
    }

    /// Puts a question. What was typed before it was on the screen is no answer to it.
    pub(crate) fn ask(&mut self, prompt: &str) {
        if !self.typing {
            // A terminal that is gone has nothing to throw away.
            let _ = tcflush(std::io::stdin(), QueueSelector::IFlush);
        }
        self.begin(prompt, false);
    }

    /// The question is withdrawn: the line that is being typed answers nothing.
    pub(crate) fn withdraw(&mut self) {
        self.stale = self.typing;
        self.next = None;
    }

    fn begin(&mut self, prompt: &str, commanding: bool) {
        let styled = if self.color {
            format!("\x1b[36m{prompt}\x1b[0m")
        } else {
            prompt.to_owned()
        };
        let prompt = Prompt {
            plain: prompt.to_owned(),
            styled,
            commanding,
        };
        if self.typing {
            ui::talk("press Enter to go on");
            self.stale = true;
            self.next = Some(prompt);
        } else {
            self.typing = self.prompts.send(prompt).is_ok();
        }
    }

    /// The line that answers the prompt on the screen. Can be dropped and called again.
    pub(crate) async fn entered(&mut self) -> Line {
        loop {
            if !self.typing {
                return Line::End;
            }
            let line = self.lines.recv().await.unwrap_or(Line::End);
            self.typing = false;
            let stale = std::mem::take(&mut self.stale);
            match self.next.take() {
                Some(next) if stale && matches!(line, Line::Typed(_)) => {
                    self.typing = self.prompts.send(next).is_ok();
                }
                _ => return line,
            }
        }
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
    prompts: &blocking::Receiver<Prompt>,
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
        if let Some(complete) = editor.helper_mut() {
            complete.commanding = prompt.commanding;
        }
        let line = match editor.readline(&(prompt.plain, prompt.styled)) {
            Ok(line) => {
                let kept = prompt.commanding && !line.trim().is_empty();
                if kept && editor.add_history_entry(&line).unwrap_or(false) {
                    let _ = editor.append_history(&history);
                }
                Line::Typed(joined(&line))
            }
            Err(ReadlineError::Interrupted) => Line::Interrupted,
            Err(_) => Line::End,
        };
        if lines.send(line).is_err() {
            return;
        }
    }
}
