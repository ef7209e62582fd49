//! The gates as a table: each with its number, its name, what it decides and why, so that they can be printed and are tested row by row.
//!
//! A gate denies only what can have no honest use through this door; everything else that is doubtful is asked.

use toolpool_config::Decision;

/// One row of [`GATES`].
#[derive(Clone, Copy, Debug)]
pub struct GateInfo {
    /// The gate.
    pub gate: Gate,
    /// Its name, in words with dashes.
    pub name: &'static str,
    /// What it decides.
    pub decision: Decision,
    /// Why, as the end of "the command ...".
    pub reason: &'static str,
}

macro_rules! gates {
    ($($number:literal $gate:ident $name:literal $decision:ident $reason:literal)*) => {
        /// What stands between a command and running by itself.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Gate {
            $(
                #[doc = concat!("The command ", $reason, ".")]
                $gate = $number,
            )*
        }

        /// Every gate, by number.
        pub const GATES: &[GateInfo] = &[
            $(GateInfo { gate: Gate::$gate, name: $name, decision: Decision::$decision, reason: $reason },)*
        ];

        impl Gate {
            fn info(self) -> (Decision, &'static str) {
                match self {
                    $(Gate::$gate => (Decision::$decision, $reason),)*
                }
            }
        }
    };
}

gates! {
    1 Empty "empty" Deny "is empty"
    2 Control "control-characters" Deny "holds a control character, which hides what would run"
    3 Invisible "invisible-characters" Deny "holds a character that is invisible or turns the text around, which hides what would run"
    4 Odd "odd-characters" Ask "holds a character that only looks like one of the shell's"
    5 Long "too-long" Ask "is too long to be read"
    6 Deep "too-deep" Ask "is nested too deeply to be read"
    7 Unreadable "unreadable" Ask "is incomplete, or not what a shell understands"
    8 Parts "too-many-parts" Ask "has too many parts to be read"
    9 Comment "comment" Ask "has a comment or a continued line, which two readers can take for different things"
    10 Backslash "backslash" Ask "has a backslash outside of plain quotes"
    11 Newline "quoted-newline" Ask "has a line end inside quotes"
    12 Quoting "quoting" Ask "quotes in a way that hides a name or a flag"
    13 Substitution "substitution" Ask "runs another command inside a word"
    14 Expansion "expansion" Ask "depends on a variable or on arithmetic"
    15 Braces "braces" Ask "depends on brace expansion"
    16 Glob "glob" Ask "has a file pattern that could become a flag, a program or the folder above"
    17 Home "home" Ask "names a home folder"
    18 Environment "environment" Ask "changes a variable, and so perhaps what runs"
    19 Redirection "redirection" Ask "writes to a file or a connection by redirection"
    20 Document "here-document" Ask "carries a text of its own as input"
    21 Outside "outside" Ask "names a path outside the workspace"
    22 Secret "secret" Ask "names a file that usually holds secrets"
    23 Background "background" Ask "leaves something running in the background"
    24 Compound "compound" Ask "has a loop, a function or another part that is not followed"
    25 Program "program" Ask "runs a program that is not known to only read"
    26 Flag "flag" Ask "has a flag that is not known to only read"
    27 Operand "operand" Ask "gives a program something that could make it write"
    28 Script "script" Ask "carries a small program that is not known to only read"
    29 Repository "repository" Ask "uses git in a folder that may bring settings of its own"
    30 Ruin "ruin" Deny "would destroy files far beyond the workspace, or stop the machine"
    31 Settings "own-settings" Deny "would change the hub's own settings"
    32 Bomb "fork-bomb" Deny "starts itself again without end"
    33 Process "process-memory" Deny "reads the memory or the environment of a process"
}

impl Gate {
    /// Its number, from 1.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// What it decides.
    #[must_use]
    pub fn decision(self) -> Decision {
        self.info().0
    }

    /// Its reason as a sentence about what was found.
    pub(super) fn sentence(self, what: &str) -> String {
        match what {
            "" => format!("the command {}", self.info().1),
            what => format!("the command {}: `{what}`", self.info().1),
        }
    }
}
