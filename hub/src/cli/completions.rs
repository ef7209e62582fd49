//! `completions SHELL`: words for the shell's own completion, from the same grammar that parses them.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::args::Cli;
use crate::cli::report::Done;
use crate::cli::start::Context;

/// Prints them.
pub(crate) fn run(context: &Context, shell: Shell) -> anyhow::Result<Done> {
    context.ui.print(&script(shell))?;
    Ok(Done::Yes)
}

fn script(shell: Shell) -> String {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "toolpool", &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_gets_our_commands() {
        for shell in [
            Shell::Bash,
            Shell::Zsh,
            Shell::Fish,
            Shell::PowerShell,
            Shell::Elvish,
        ] {
            let script = script(shell);
            for word in ["toolpool", "doctor", "catalog"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
            assert!(!script.contains("__guard"), "{shell}");
        }
    }
}
