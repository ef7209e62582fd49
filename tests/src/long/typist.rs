//! A person at a terminal: the real program in a conversation, line by line, over a pseudoterminal.
//!
//! The terminal says that it is a dumb one, so that what is read are lines and not the keystrokes of an editor. Waiting is for
//! a text on the screen, with a bound that no machine in working order meets.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// A line of a terminal has at most 4,095 bytes; longer ones are carried on.
const LINE_MAX: usize = 2_000;
const COLUMNS: u16 = 110;

/// A program at the other end of a pseudoterminal. It is killed when this is dropped.
pub struct Typist {
    child: Child,
    keys: File,
    /// A plain mutex: held to append or to copy.
    screen: Arc<Mutex<Vec<u8>>>,
    /// Up to where the screen was waited for.
    seen: usize,
}

impl Typist {
    /// Starts the program.
    ///
    /// # Panics
    /// When there is no pseudoterminal or no such program.
    pub fn start(mut command: Command) -> Typist {
        let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there is a terminal");
        grantpt(&near).expect("it is ours");
        unlockpt(&near).expect("it is ours");
        let name = ptsname(&near, Vec::new()).expect("it has a name");
        let path = std::ffi::OsStr::from_bytes(name.as_bytes());
        let far = File::options().read(true).write(true).open(path);
        let far = far.expect("its other end can be opened");
        let size = Winsize {
            ws_row: 50,
            ws_col: COLUMNS,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&far, size).expect("it has a size");
        let end = || far.try_clone().expect("a file can be shared");
        command.env("TERM", "dumb");
        command.stdin(end()).stdout(end()).stderr(end());
        let child = command.spawn().expect("the program can be started");
        drop((command, far));
        let keys = File::from(near);
        let mut paper = keys.try_clone().expect("a file can be shared");
        let screen = Arc::new(Mutex::new(Vec::new()));
        let writes = Arc::clone(&screen);
        thread::spawn(move || {
            let mut piece = [0; 8192];
            // It ends with an error when the last end over there is closed.
            while let Ok(read @ 1..) = paper.read(&mut piece) {
                let mut screen = writes.lock().unwrap_or_else(PoisonError::into_inner);
                screen.extend_from_slice(&piece[..read]);
            }
        });
        Typist {
            child,
            keys,
            screen,
            seen: 0,
        }
    }

    /// Types a line. What is on the screen by now counts as seen.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn line(&mut self, text: &str) {
        self.seen = self.bytes().len();
        let mut rest = text;
        while rest.len() > LINE_MAX {
            let at = rest[..LINE_MAX].rfind(' ').expect("words are short");
            self.write(&format!("{} \\\n", &rest[..at]));
            rest = &rest[at + 1..];
        }
        self.write(&format!("{rest}\n"));
    }

    fn write(&mut self, text: &str) {
        self.keys
            .write_all(text.as_bytes())
            .expect("the terminal is there");
    }

    /// Waits until this is on the screen behind what was seen.
    ///
    /// # Errors
    /// It is not within `limit`, or the program ended: what is there instead.
    pub fn wait_for(&mut self, text: &str, limit: Duration) -> Result<(), String> {
        self.wait_for_one(&[text], limit).map(drop)
    }

    /// Waits until one of these is on the screen behind what was seen, and says which: the first of them on the screen.
    ///
    /// # Errors
    /// None is within `limit`, or the program ended: what is there instead.
    pub fn wait_for_one(&mut self, texts: &[&str], limit: Duration) -> Result<usize, String> {
        let end = Instant::now() + limit;
        loop {
            let ended = matches!(self.child.try_wait(), Ok(Some(_)));
            let bytes = self.bytes();
            let new = &bytes[self.seen..];
            let place = |text: &str| {
                let mut windows = new.windows(text.len());
                windows.position(|window| window == text.as_bytes())
            };
            let all = texts.iter().enumerate();
            let found = all.filter_map(|(which, text)| Some((place(text)? + text.len(), which)));
            if let Some((at, which)) = found.min() {
                self.seen += at;
                return Ok(which);
            }
            if ended || Instant::now() > end {
                let tail = String::from_utf8_lossy(new).into_owned();
                return Err(format!(
                    "waited for `{}`, and there is:\n{tail}",
                    texts.join("`, `")
                ));
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills the program as `kill -9` does.
    pub fn kill(&mut self) {
        // Gone already is what it should be.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for the program's own end.
    ///
    /// # Errors
    /// It did not end within `limit`.
    pub fn ended(&mut self, limit: Duration) -> Result<ExitStatus, String> {
        let end = Instant::now() + limit;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if Instant::now() < end => thread::sleep(Duration::from_millis(10)),
                Ok(None) => return Err(format!("the program did not end:\n{}", self.text())),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Everything that was on the screen, as lines.
    pub fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes()).into_owned();
        text.replace("\r\n", "\n").replace('\r', "")
    }

    fn bytes(&self) -> Vec<u8> {
        self.screen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Typist {
    fn drop(&mut self) {
        self.kill();
    }
}
