//! The command line's grammar. What each command does stands in its own file; here are only words,
//! flags and their help. Parsing what flags mean (patterns, numbers, shells) happens once, here or in
//! the command, so that a command sees values and not text.

mod audit;
mod talk;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use audit::{AuditArgs, AuditCommand, AuditFlags, WhyCommand, step};
pub(crate) use talk::{Format, InDoubt, Talk, mode};

use crate::event_log::{Category, Level};

/// Put many MCP servers behind one small local model
///
/// With a request: have the model do it with the few tools that fit, and print its answer; what is
/// piped in joins the request. Without one: a conversation on a terminal. A model server on its usual
/// port is found by itself (llama.cpp, Ollama, LM Studio, vLLM). Without any, a request prints the pool
/// of tools for it, and a terminal gets the pool explorer.
#[derive(Debug, Parser)]
#[command(name = "toolpool", version, max_term_width = 100, after_long_help = AFTER)]
pub(crate) struct Cli {
    /// What you want done, in quotes
    #[arg(value_name = "REQUEST")]
    pub(crate) request: Option<String>,

    /// Tokens that the pool may take [default: as configured]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) budget: Option<u32>,

    #[command(flatten)]
    pub(crate) talk: Talk,

    #[command(flatten)]
    pub(crate) global: Global,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const AFTER: &str = "\
Examples:
  toolpool                                      a conversation; /help lists its commands
  toolpool \"read the notes and find the open tasks\"
  git diff | toolpool --mode plan \"what does this change?\"
  toolpool --continue \"and now in Spanish\" --output-format stream-json
  toolpool pool \"read the notes\"               which tools a request gets, and why
  toolpool call workspace__list_files '{\"path\": \".\"}'
  toolpool serve --http

Keys in a conversation: Tab completes; a line that ends in `\\` goes on; Ctrl-C stops what is running, twice leaves

Files:
  ~/.config/toolpool/config.toml   yours; start one with `toolpool config init`
  ./.toolpool.toml                 the project's, laid over yours
  ~/.local/state/toolpool/         sessions and what you typed

Exit codes: 0 done, 1 the answer is no, 2 wrong usage or configuration, 130 interrupted, 255 a bug of ours";

/// Flags that every command takes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Use this file in place of your own configuration
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Set one setting, such as `pool.tools_max=8`; wins over files and environment
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = setting)]
    pub(crate) set: Vec<(String, String)>,

    /// Add the tools of a catalog file: what `tools --json` prints, or a saved `tools/list`
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) catalog: Vec<PathBuf>,

    /// Act under this profile
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// Hide tools, on top of what is denied already: a glob over `server__tool`, `server:GLOB` or
    /// `effect:EFFECT`
    #[arg(long, global = true, value_name = "PATTERN")]
    pub(crate) deny: Vec<String>,

    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// When to use colours
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value_t,
        hide_default_value = true
    )]
    pub(crate) color: Color,

    /// Wait at most so long for servers to come up [default: `limits.settle_timeout_ms`]
    #[arg(long, global = true, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) wait: Option<Duration>,

    /// Say less on stderr
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Say more on stderr; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Even into a pipe
    Always,
    /// Not at all
    Never,
}

impl std::fmt::Display for Color {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        })
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the servers and how they are
    Servers,
    /// List the tools, or show one in full
    Tools(ToolsArgs),
    /// Show which tools a request gets, and why
    Pool(PoolArgs),
    /// Call a tool
    Call(CallArgs),
    /// Serve all of it as one MCP server
    Serve(ServeArgs),
    /// Start, check, show or import configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// List conversations that are kept, show, export or delete one
    #[command(subcommand)]
    Sessions(SessionsCommand),
    /// Show every decision on a call: who allowed it by which rule, and what came of it
    ///
    /// Of all sessions, also those of `serve` and `call`, the newest last. Calls of a delegate stand under
    /// the call that began it. Without --lines, --json or --csv: the last 100. `why call` tells all of one,
    /// `audit verify` whether the journals are as they were written.
    Audit(Box<AuditArgs>),
    /// Explain what happened: why a tool was offered or not, a call, what was in the window at a step
    ///
    /// Read from the journal of the last conversation, or of the one that --session names. `audit` lists the
    /// calls, `sessions show` the turns and steps; `/why` in a conversation tells the same of it.
    #[command(subcommand)]
    Why(WhyCommand),
    /// List the kinds of agents, or show what one may do
    ///
    /// A type is a prompt with bounds on tools, mode and steps. `--agent NAME` runs a conversation as one, and
    /// the model may give tasks to them. Write your own as `[agents.NAME]` in the configuration, or as
    /// `agents/NAME.md` beside it.
    Agents {
        /// What to do with them
        #[command(subcommand)]
        command: Option<AgentsCommand>,
    },
    /// Find out what is wrong, and what to do about it
    Doctor(DoctorArgs),
    /// Show what happened, from the event log of every toolpool process
    ///
    /// Without --since, --lines or --json: the last 100 records.
    Log(LogArgs),
    /// Print completions for a shell
    Completions(CompletionsArgs),
}

/// Flags of `tools`.
#[derive(Debug, Default, Args)]
pub(crate) struct ToolsArgs {
    /// Only of this server
    #[arg(long, value_name = "NAME")]
    pub(crate) server: Option<String>,
    /// Only with this effect, as its server hints it or you set it; tools that claim nothing count as
    /// destructive
    #[arg(long, value_name = "EFFECT", value_parser = effect)]
    pub(crate) effect: Option<toolpool_config::Effect>,
    /// Show this one tool with its parameters
    #[arg(long, value_name = "TOOL", conflicts_with_all = ["server", "effect"])]
    pub(crate) name: Option<String>,
}

/// Flags of `pool`.
#[derive(Debug, Args)]
pub(crate) struct PoolArgs {
    /// What you want done
    pub(crate) request: String,
    /// Tokens that the pool may take [default: as configured]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) budget: Option<u32>,
    /// List every tool that is out, not only the best
    #[arg(long)]
    pub(crate) all: bool,
}

/// Flags of `call`.
#[derive(Debug, Args)]
pub(crate) struct CallArgs {
    /// The tool by its exposed name, as `tools` lists it
    pub(crate) name: String,
    /// Its arguments as JSON; `-` reads them from stdin
    #[arg(value_name = "JSON", allow_hyphen_values = true)]
    pub(crate) arguments: Option<String>,
}

/// Flags of `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Serve one client on stdin and stdout [default when stdin is not a terminal]
    #[arg(long, conflicts_with = "http")]
    pub(crate) stdio: bool,
    /// Serve clients over streamable HTTP, at `serve.address` unless given [default on a terminal]
    #[arg(long, value_name = "ADDR", num_args = 0..=1)]
    pub(crate) http: Option<Option<String>>,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Write a commented file to start from; never overwrites one
    Init {
        /// Write the project's `./.toolpool.toml` in place of your own file
        #[arg(long)]
        project: bool,
    },
    /// Check the files, the environment and the flags
    Check,
    /// Print the settings in force
    Show {
        /// Say where each value comes from, and what it replaced
        #[arg(long)]
        origin: bool,
        /// Only this key and what is under it, such as `pool` or `servers.git`
        key: Option<String>,
    },
    /// Print the JSON Schema of the file
    Schema,
    /// Take over the servers of other MCP clients
    ///
    /// Without FILE, looks where Claude Desktop, Claude Code, Cursor, VS Code, Windsurf, Gemini CLI and
    /// Codex keep theirs. Shows what it would add and what it can't translate; writes only with --write.
    Import(ImportArgs),
}

/// Flags of `config import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Read this file
    pub(crate) file: Option<PathBuf>,
    /// Which client's file it is [default: told by its place and shape]
    #[arg(long, value_name = "NAME")]
    pub(crate) client: Option<String>,
    /// Add the servers to your configuration
    #[arg(long)]
    pub(crate) write: bool,
}

/// What to do with sessions. SESSION is the name of one, the beginning of it where only one begins so, or `last`.
#[derive(Debug, Subcommand)]
pub(crate) enum SessionsCommand {
    /// List them, the last used first
    List {
        /// Also the journals of serving processes
        #[arg(long)]
        all: bool,
    },
    /// Show what was said and what was called
    Show {
        /// The session: its name, the beginning of it, or `last`
        session: String,
        /// Show results whole, and what stood in place of what was compacted
        #[arg(long)]
        full: bool,
    },
    /// Print all of one, to be kept elsewhere
    Export {
        /// The session: its name, the beginning of it, or `last`
        session: String,
        /// `jsonl` is the journal as it is, `markdown` is for reading
        #[arg(long, value_name = "FORMAT", default_value = "jsonl")]
        format: ExportFormat,
    },
    /// Delete one with all that is kept of it; refused while it is in use
    Delete {
        /// The session: its name, the beginning of it, or `last`
        session: String,
    },
}

/// What to do with agent types.
#[derive(Debug, Subcommand)]
pub(crate) enum AgentsCommand {
    /// List them
    List,
    /// Show one as it is in force: what it may do, what it is told, where it is written
    Show {
        /// Its name
        name: String,
    },
}

/// In what form a session is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// The journal's lines, byte for byte
    Jsonl,
    /// A transcript
    Markdown,
}

/// Flags of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Only this server
    pub(crate) server: Option<String>,
}

/// Flags of `log`.
#[derive(Debug, Default, Args)]
pub(crate) struct LogArgs {
    /// Go on as more happens, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only this category: context, registry, server, config, pool, budget, permission, tool, model,
    /// cache or recovery; may be given again
    #[arg(long, value_name = "CATEGORY")]
    pub(crate) category: Vec<Category>,
    /// Only of the session whose id begins so
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Only of so long ago until now, such as `90s`, `10m`, `2h` or `1d`
    #[arg(long, value_name = "TIME", value_parser = ago)]
    pub(crate) since: Option<Duration>,
    /// Only what matters at least so much: debug, info, warn or error
    #[arg(long, value_name = "LEVEL")]
    pub(crate) level: Option<Level>,
    /// Only the last so many records
    #[arg(short = 'n', long, value_name = "COUNT")]
    pub(crate) lines: Option<usize>,
    /// Print the JSON Schema of a session's events, as `stream-json` writes them
    #[arg(long, exclusive = true)]
    pub(crate) schema: bool,
}

/// Flags of `completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err("it has the form KEY=VALUE".into()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "it is a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| "it is a number of seconds from 0 up".to_owned())
}

fn ago(text: &str) -> Result<Duration, String> {
    let wrong = || "it is a number with `s`, `m`, `h` or `d` behind it".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number: u64 = text[..text.len() - unit.len_utf8()]
        .parse()
        .map_err(|_| wrong())?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

fn effect(text: &str) -> Result<toolpool_config::Effect, String> {
    toolpool_config::Effect::from_name(text)
        .ok_or_else(|| "effects are read-only, idempotent, mutating, destructive".to_owned())
}

#[cfg(test)]
mod tests;
