//! A table of commands: what begins one, what may follow it, what it does. Parsing, completion and help read the same
//! table, so that none of them knows a command that the others don't.

use crate::cli::columns::{self, Align, Cell};
use crate::cli::report::Usage;
use crate::cli::ui::{Look, Style};

/// What is known of what follows a command, for completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follows {
    /// Nothing, or nothing that can be guessed.
    Free,
    /// The name of a tool.
    Tool,
    /// The name of a tool, then its arguments.
    Call,
    /// A profile.
    Profile,
    /// A pattern over tools.
    Pattern,
    /// A pattern that the session denies.
    Denied,
    /// A tool that the session pins.
    Pinned,
    /// A mode.
    Mode,
}

/// One command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Command {
    /// Its name, with the sign that begins it.
    pub(crate) name: &'static str,
    /// What may follow, for people.
    pub(crate) takes: &'static str,
    /// What it does; empty for a second name, which the help leaves out.
    pub(crate) about: &'static str,
    /// What may follow, for completion.
    pub(crate) follows: Follows,
}

impl Command {
    /// A row of a table.
    pub(crate) const fn new(
        name: &'static str,
        takes: &'static str,
        about: &'static str,
        follows: Follows,
    ) -> Command {
        Command {
            name,
            takes,
            about,
            follows,
        }
    }
}

/// A table of commands, in the order of the help.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Commands {
    /// What every command begins with.
    pub(crate) sign: char,
    /// The commands.
    pub(crate) list: &'static [Command],
}

impl Commands {
    /// The command that a word or its beginning names.
    ///
    /// # Errors
    /// No command or more than one; the nearest is suggested.
    pub(crate) fn full(&self, word: &str) -> Result<&'static str, Usage> {
        let known = || self.list.iter().map(|command| command.name);
        if let Some(exact) = known().find(|name| *name == word) {
            return Ok(exact);
        }
        let mut starting = known().filter(|name| name.starts_with(word));
        if let (Some(name), None) = (starting.next(), starting.next())
            && word.len() > 1
        {
            return Ok(name);
        }
        let wrong = format!("`{word}` is no command");
        Err(match self.near(word) {
            Some(near) => Usage::new(format!("{wrong}; did you mean `{near}`?")),
            None => Usage::new(wrong),
        }
        .hint(format!("`{}help` lists the commands", self.sign)))
    }

    /// The command that differs in the fewest letters, if those are few.
    fn near(&self, word: &str) -> Option<&'static str> {
        let room = word.chars().count().div_ceil(3);
        self.list
            .iter()
            .map(|command| (strsim::osa_distance(word, command.name), command.name))
            .filter(|(edits, _)| *edits <= room)
            .min_by_key(|(edits, _)| *edits)
            .map(|(_, name)| name)
    }

    /// The row of a command's name.
    pub(crate) fn row(&self, name: &str) -> Option<&'static Command> {
        self.list.iter().find(|command| command.name == name)
    }

    /// The help.
    pub(crate) fn help(&self, first: &str, look: &Look) -> String {
        let shown = self.list.iter().filter(|command| !command.about.is_empty());
        let rows: Vec<Vec<Cell>> = shown
            .map(|command| {
                let typed = format!("{} {}", command.name, command.takes);
                vec![
                    Cell::styled(Style::Name, typed.trim_end()),
                    Cell::new(command.about),
                ]
            })
            .collect();
        let heads = [("", Align::Left), ("", Align::Left)];
        format!("{first}\n\n{}", columns::table(&heads, &rows, 2, look))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: Commands = Commands {
        sign: '/',
        list: &[
            Command::new("/tools", "[WORDS]", "List the tools", Follows::Tool),
            Command::new("/thoughts", "", "Show the thoughts", Follows::Free),
            Command::new("/quit", "", "Leave", Follows::Free),
            Command::new("/exit", "", "", Follows::Free),
        ],
    };

    #[test]
    fn a_beginning_is_enough_and_a_slip_is_named() {
        for (word, wanted) in [
            ("/tools", Ok("/tools")),
            ("/to", Ok("/tools")),
            ("/q", Ok("/quit")),
            ("/exit", Ok("/exit")),
            ("/t", Err("`/t` is no command")),
            ("/", Err("`/` is no command")),
            (
                "/toosl",
                Err("`/toosl` is no command; did you mean `/tools`?"),
            ),
            ("/weather", Err("`/weather` is no command")),
        ] {
            let found = SOME.full(word).map_err(|error| error.to_string());
            assert_eq!(found, wanted.map_err(str::to_owned), "{word}");
        }
    }

    #[test]
    fn help_shows_each_command_once_and_no_second_names() {
        let look = Look {
            width: 80,
            color: false,
            unicode: true,
        };
        let wanted = "\
Say something.

  /tools [WORDS]  List the tools
  /thoughts       Show the thoughts
  /quit           Leave
";
        assert_eq!(SOME.help("Say something.", &look), wanted);
    }
}
