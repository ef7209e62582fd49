//! What a line typed in a conversation means. A line is for the model unless it begins with a slash and a word; a path
//! such as `/etc/hosts` is no command.

use toolpool_config::Mode;

use crate::cli::args;
use crate::cli::prompt::{Command, Commands, Follows};
use crate::cli::report::Usage;
use crate::cli::ui::Look;

/// A line, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Nothing,
    Request(String),
    Help,
    Tools(String),
    Pool(Option<String>),
    Why(String),
    Budget { json: bool },
    Compact(Option<String>),
    Compacted,
    Cache { json: bool },
    Mode(Option<Mode>),
    Agent,
    Deny(Option<String>),
    Allow(String),
    Pin(Option<String>),
    Unpin(String),
    Servers,
    Sessions,
    Retry,
    Undo,
    Thoughts,
    Quit,
}

/// The commands, in the order of the help.
pub(super) const COMMANDS: Commands = Commands {
    sign: '/',
    list: &[
        Command::new("/help", "", "Show this", Follows::Free),
        Command::new(
            "/tools",
            "[WORDS]",
            "List the tools that hold all the words, or show the one of that name",
            Follows::Tool,
        ),
        Command::new(
            "/pool",
            "[REQUEST]",
            "Show the tools that the model is offered, or would be for a request",
            Follows::Free,
        ),
        Command::new(
            "/why",
            "TOOL|CALL|STEP",
            "Say why a tool is in the pool or not, what became of a call, or what was in the window at `3.2`",
            Follows::Tool,
        ),
        Command::new(
            "/budget",
            "[--json]",
            "Show what takes the room of the window",
            Follows::Free,
        ),
        Command::new(
            "/compact",
            "[FOCUS|show]",
            "Make the conversation smaller, or show what was made smaller",
            Follows::Free,
        ),
        Command::new(
            "/cache",
            "[--json]",
            "Show what the server had of each prompt in its cache, and what took the rest",
            Follows::Free,
        ),
        Command::new(
            "/mode",
            "[MODE]",
            "What may be done without asking: plan, ask, auto",
            Follows::Mode,
        ),
        Command::new(
            "/agent",
            "",
            "Say which agent type this is; `toolpool --agent NAME` begins as one",
            Follows::Free,
        ),
        Command::new(
            "/deny",
            "[PATTERN]",
            "Hide tools for this session; nothing lists what is denied",
            Follows::Pattern,
        ),
        Command::new(
            "/allow",
            "PATTERN",
            "Lift what `/deny` added",
            Follows::Denied,
        ),
        Command::new(
            "/pin",
            "[TOOL | PATH]",
            "Always offer a tool, or show a file in every fresh window; nothing lists the pinned ones",
            Follows::Tool,
        ),
        Command::new(
            "/unpin",
            "TOOL | PATH",
            "Lift what `/pin` added",
            Follows::Pinned,
        ),
        Command::new(
            "/servers",
            "",
            "List the servers and how they are",
            Follows::Free,
        ),
        Command::new(
            "/sessions",
            "",
            "List the sessions; `toolpool --resume ID` goes on with one",
            Follows::Free,
        ),
        Command::new(
            "/retry",
            "",
            "Take the last turn back and ask the same again",
            Follows::Free,
        ),
        Command::new(
            "/undo",
            "",
            "Take the last turn back; what its calls did stays done",
            Follows::Free,
        ),
        Command::new("/thoughts", "", "Show the last reasoning", Follows::Free),
        Command::new(
            "/quit",
            "",
            "Leave, as Ctrl-D and Ctrl-C twice do",
            Follows::Free,
        ),
        Command::new("/exit", "", "", Follows::Free),
    ],
};

/// Understands a line.
///
/// # Errors
/// A command that does not exist or lacks what it needs.
pub(super) fn parse(line: &str) -> Result<Input, Usage> {
    let line = line.trim();
    if line.is_empty() {
        return Ok(Input::Nothing);
    }
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let is_command = word
        .strip_prefix('/')
        .is_some_and(|name| name.chars().all(|c| c.is_ascii_alphabetic()));
    if !is_command {
        return Ok(Input::Request(line.to_owned()));
    }
    let rest = rest.trim();
    let some = || (!rest.is_empty()).then(|| rest.to_owned());
    let needed = |what: &str| some().ok_or_else(|| Usage::new(format!("`{word}` needs {what}")));
    let json = || match rest {
        "" => Ok(false),
        "--json" => Ok(true),
        _ => Err(Usage::new(format!("`{word}` takes `--json` or nothing"))),
    };
    Ok(match COMMANDS.full(word)? {
        "/help" => Input::Help,
        "/tools" => Input::Tools(rest.to_owned()),
        "/pool" => Input::Pool(some()),
        "/why" => Input::Why(needed("a tool, a call or a step")?),
        "/budget" => Input::Budget { json: json()? },
        "/cache" => Input::Cache { json: json()? },
        "/compact" if rest == "show" => Input::Compacted,
        "/compact" => Input::Compact(some()),
        "/mode" => Input::Mode(
            some()
                .map(|mode| args::mode(&mode))
                .transpose()
                .map_err(|error| Usage::new(format!("`{rest}` is no mode: {error}")))?,
        ),
        "/agent" => Input::Agent,
        "/deny" => Input::Deny(some()),
        "/allow" => Input::Allow(needed("the pattern to lift")?),
        "/pin" => Input::Pin(some()),
        "/unpin" => Input::Unpin(needed("the name of a tool, or a path")?),
        "/servers" => Input::Servers,
        "/sessions" => Input::Sessions,
        "/retry" => Input::Retry,
        "/undo" => Input::Undo,
        "/thoughts" => Input::Thoughts,
        _ => Input::Quit,
    })
}

/// The help.
pub(super) fn help(look: &Look) -> String {
    COMMANDS.help(
        "Anything else goes to the model. A line that ends in `\\` goes on; pasted lines stay one message.",
        look,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_understood() {
        let rows = [
            (" ", Input::Nothing),
            (
                "fix the build\nplease",
                Input::Request("fix the build\nplease".into()),
            ),
            (
                "/etc/hosts says what?",
                Input::Request("/etc/hosts says what?".into()),
            ),
            ("/tools git log", Input::Tools("git log".into())),
            ("/to", Input::Tools(String::new())),
            ("/pool", Input::Pool(None)),
            ("/pool read it", Input::Pool(Some("read it".into()))),
            ("/why git__log", Input::Why("git__log".into())),
            ("/budget", Input::Budget { json: false }),
            ("/budget --json", Input::Budget { json: true }),
            ("/compact", Input::Compact(None)),
            ("/compact show", Input::Compacted),
            (
                "/compact the port numbers",
                Input::Compact(Some("the port numbers".into())),
            ),
            ("/cache", Input::Cache { json: false }),
            ("/cache --json", Input::Cache { json: true }),
            ("/mode", Input::Mode(None)),
            ("/mode Plan", Input::Mode(Some(Mode::Plan))),
            ("/agent", Input::Agent),
            ("/deny", Input::Deny(None)),
            (
                "/deny effect:destructive",
                Input::Deny(Some("effect:destructive".into())),
            ),
            ("/allow x", Input::Allow("x".into())),
            ("/pin", Input::Pin(None)),
            ("/pin a__b", Input::Pin(Some("a__b".into()))),
            ("/unpin a__b", Input::Unpin("a__b".into())),
            ("/pin docs/a b.md", Input::Pin(Some("docs/a b.md".into()))),
            ("/servers", Input::Servers),
            ("/sessions", Input::Sessions),
            ("/retry", Input::Retry),
            ("/undo", Input::Undo),
            ("/thoughts", Input::Thoughts),
            ("/q", Input::Quit),
            ("/exit", Input::Quit),
        ];
        for (line, wanted) in rows {
            assert_eq!(parse(line).ok(), Some(wanted), "{line}");
        }
    }

    #[test]
    fn lines_that_are_refused_say_what_is_missing() {
        for (line, wanted) in [
            ("/", "`/` is no command"),
            ("/tolls", "`/tolls` is no command; did you mean `/tools`?"),
            ("/why", "`/why` needs a tool, a call or a step"),
            ("/mode yolo", "`yolo` is no mode: modes are plan, ask, auto"),
            ("/allow", "`/allow` needs the pattern to lift"),
            ("/budget all", "`/budget` takes `--json` or nothing"),
        ] {
            let error = parse(line).map_err(|error| error.to_string());
            assert_eq!(error, Err(wanted.to_owned()), "{line}");
        }
    }
}
