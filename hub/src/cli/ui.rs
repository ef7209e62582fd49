//! Who is looking, and at what: the one owner of stdout and of the line on stderr that changes.
//!
//! stdout is data and stderr is talk. Colour is only for a person; everything reads the same without.
//! A reader that went away (`| head`) is no error: it ends the command quietly.

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::sync::PoisonError;

use serde::Serialize;

use crate::cli::args::Color;
use crate::cli::env::{self, Surroundings};

/// Columns where nobody says how many there are.
const WIDTH_UNKNOWN: usize = 100;
/// Lines where nobody says how many there are.
const ROWS_UNKNOWN: usize = 50;
/// Narrower than this is not laid out for.
const WIDTH_MIN: usize = 40;

/// How text is drawn: all that a renderer needs to know of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// Columns.
    pub(crate) width: usize,
    /// With colours.
    pub(crate) color: bool,
    /// With block characters and dots.
    pub(crate) unicode: bool,
}

/// A way to set words apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A heading.
    Bold,
    /// Less important.
    Dim,
    /// As it should be.
    Good,
    /// To be looked at.
    Warn,
    /// Wrong.
    Bad,
    /// A name to type.
    Name,
}

impl Look {
    /// `text` in `style`. Padding comes before this: escapes have no width.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let code = match style {
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Good => "32",
            Style::Warn => "33",
            Style::Bad => "31",
            Style::Name => "36",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// What stands between two facts of a line.
    pub(crate) fn dot(&self) -> &'static str {
        if self.unicode { "·" } else { "-" }
    }
}

/// The terminal, or what stands in its place.
#[derive(Debug)]
pub(crate) struct Ui {
    /// How stdout is drawn.
    pub(crate) out: Look,
    /// How stderr is drawn.
    pub(crate) err: Look,
    /// Whether a person types on stdin and reads stdout.
    pub(crate) interactive: bool,
    terminal: bool,
    /// Whether a changing line on stderr makes sense.
    progress: bool,
    quiet: bool,
}

impl Ui {
    /// Looks at the three streams.
    pub(crate) fn new(color: Color, quiet: bool, surroundings: &Surroundings) -> Ui {
        let (stdin, stdout, stderr) = (
            io::stdin().is_terminal(),
            io::stdout().is_terminal(),
            io::stderr().is_terminal(),
        );
        let dumb = surroundings.get(env::TERM) == Some("dumb");
        let colored = |terminal: bool| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !dumb && surroundings.get(env::NO_COLOR).is_none(),
        };
        let width = columns().unwrap_or(WIDTH_UNKNOWN).max(WIDTH_MIN);
        let unicode = surroundings.unicode();
        let look = |terminal: bool| Look {
            width: if terminal { width } else { WIDTH_UNKNOWN },
            color: colored(terminal),
            unicode,
        };
        Ui {
            out: look(stdout),
            err: look(stderr),
            interactive: stdin && stdout,
            terminal: stdout,
            progress: stderr && !dumb && !quiet,
            quiet,
        }
    }

    /// Whether stdout is a terminal, which other people's bytes could steer.
    pub(crate) fn to_terminal(&self) -> bool {
        self.terminal
    }

    /// How stdout is drawn now; a terminal can have been resized.
    pub(crate) fn now(&self) -> Look {
        let width = if io::stdout().is_terminal() {
            columns()
        } else {
            None
        };
        Look {
            width: width.map_or(self.out.width, |width| width.max(WIDTH_MIN)),
            ..self.out
        }
    }

    /// Lines of the terminal.
    pub(crate) fn rows(&self) -> usize {
        rustix::termios::tcgetwinsize(io::stdout())
            .ok()
            .filter(|size| size.ws_row > 0)
            .map_or(ROWS_UNKNOWN, |size| usize::from(size.ws_row))
    }

    /// Writes data.
    ///
    /// # Errors
    /// The stream's own, a broken pipe too.
    pub(crate) fn print(&self, text: &str) -> io::Result<()> {
        clear();
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        if !text.is_empty() && !text.ends_with('\n') {
            stdout.write_all(b"\n")?;
        }
        stdout.flush()
    }

    /// Writes a piece of data as it is, without ending its line.
    ///
    /// # Errors
    /// The stream's own, a broken pipe too.
    pub(crate) fn piece(&self, text: &str) -> io::Result<()> {
        clear();
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }

    /// Writes data as JSON, indented for people and programs alike.
    ///
    /// # Errors
    /// The stream's own, a broken pipe too.
    pub(crate) fn json<T: Serialize>(&self, value: &T) -> io::Result<()> {
        self.print(&serde_json::to_string_pretty(value).map_err(io::Error::from)?)
    }

    /// Says something on stderr, unless asked to be quiet.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            talk(text);
        }
    }

    /// Says that something is not as it should be.
    pub(crate) fn warn(&self, text: &str) {
        self.say(&format!(
            "{} {text}",
            self.err.paint(Style::Warn, "warning:")
        ));
    }

    /// Says what to do.
    pub(crate) fn hint(&self, text: &str) {
        self.say(&format!("{} {text}", self.err.paint(Style::Name, "hint:")));
    }

    /// Shows a line that the next thing said or printed replaces. Only a person sees it.
    pub(crate) fn progress(&self, text: &str) {
        if !self.progress {
            return;
        }
        let line = crate::cli::words::cut(text, self.err.width.saturating_sub(1));
        let line = self.err.paint(Style::Dim, &line);
        let mut shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stderr = io::stderr().lock();
        // Nobody is there to hear that stderr is gone.
        let _ = write!(stderr, "\r\x1b[2K{line}").and_then(|()| stderr.flush());
        *shown = true;
    }

    /// Whether as little as possible is to be said.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether a changing line is shown at all.
    pub(crate) fn shows_progress(&self) -> bool {
        self.progress
    }
}

/// Whether a changing line stands on stderr now. Held for a write, never across an await.
static SHOWN: Mutex<bool> = Mutex::new(false);

/// Prints lines above a line that is being typed.
type Above = Box<dyn FnMut(&str) + Send>;

/// Set while a person types a line. Held for a write, never across an await.
static ABOVE: Mutex<Option<Above>> = Mutex::new(None);

/// From now on talk goes above the line that is being typed; `None` ends that.
pub(crate) fn print_above(printer: Option<Above>) {
    *ABOVE.lock().unwrap_or_else(PoisonError::into_inner) = printer;
}

/// Writes a line on stderr, in place of a changing line.
pub(crate) fn talk(text: &str) {
    clear();
    if let Some(above) = ABOVE
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .as_mut()
    {
        return above(text);
    }
    let mut stderr = io::stderr().lock();
    // Nobody is there to hear that stderr is gone.
    let _ = writeln!(stderr, "{text}");
}

/// Takes the changing line away.
pub(crate) fn clear() {
    let mut shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if std::mem::take(&mut *shown) {
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "\r\x1b[2K").and_then(|()| stderr.flush());
    }
}

/// Columns of the terminal, by whichever stream is one.
fn columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout())
        .or_else(|_| rustix::termios::tcgetwinsize(io::stderr()))
        .ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}
