//! The command line: the one part of the crate that prints, reads the environment and picks exit codes.
//!
//! ```text
//! args ─► start (env, layers, catalogs) ─► Hub ─► wait ─► servers, tools, pool, call, doctor, state
//!                                            ├──────────► explorer
//!                                            ├─ endpoint (which model) ─► chat, once ◄─ ask (a person allows)
//!                                            └──────────► serve ◄─ watch (files that change)
//! ui owns stdout and stderr · columns and words lay text out · report ends it · log and signal listen
//! ```
//!
//! One file for each command. A renderer takes data and a `ui::Look` and gives text, so that what
//! people see is tested without a terminal.

mod agents;
mod args;
mod ask;
mod audit;
mod audit_text;
mod bare;
mod bug;
mod call;
mod chat;
mod columns;
mod completions;
mod config;
mod doctor;
mod doctor_text;
mod endpoint;
mod env;
mod explorer;
mod greeting;
mod import;
mod import_text;
mod log;
mod once;
mod pool;
mod pool_text;
mod prompt;
mod records;
mod report;
mod serve;
mod servers;
mod sessions;
mod sessions_text;
mod signal;
mod start;
mod state;
mod tool_text;
mod tools;
mod ui;
mod wait;
mod watch;
mod why;
mod why_text;
mod words;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use toolpool_config::Config;

use args::{Cli, Command};
use env::Surroundings;
use log::Volume;
use report::{BUG, DONE, Done, INTERRUPTED, NO, Usage, WRONG};
use signal::Signals;
use start::Context;
use ui::Ui;

use crate::hub::Hub;
use crate::journal::{Disk, RealDisk};
use crate::workspace::confined;

/// The hidden command that the guard process is started with.
const GUARD: &str = "__guard";
/// How long the end waits for files that are being written, such as the vector cache.
const WRITES_MAX: Duration = Duration::from_secs(5);
/// The same after Ctrl-C, when a thread may sit in a read that nothing ends.
const WRITES_MAX_STOPPED: Duration = Duration::from_millis(100);

/// Shorter stops are not told.
const STOP_QUIET: Duration = Duration::from_millis(500);

/// Runs the program.
pub fn main() -> ExitCode {
    main_on(Arc::new(RealDisk))
}

/// Runs the program with its journals on this disk.
pub fn main_on(disk: Arc<dyn Disk>) -> ExitCode {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == GUARD)
    {
        return toolpool_connectors::guard::main();
    }
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == confined::CONFINED)
    {
        return confined::main(std::env::args_os().skip(2));
    }
    bug::watch();
    let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(disk))).unwrap_or(BUG);
    ExitCode::from(if bug::seen() { BUG } else { code })
}

fn run(disk: Arc<dyn Disk>) -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(words) => {
            // Nobody is there to hear that the stream is gone.
            let _ = words.print();
            return if words.use_stderr() { WRONG } else { DONE };
        }
    };
    let surroundings = Surroundings::read();
    let ui = Ui::new(
        cli.global.color,
        cli.global.quiet,
        surroundings.as_ref().unwrap_or(&Surroundings::default()),
    );
    log::init(volume(&cli), ui.err);
    let look = ui.err;
    let result = surroundings
        .map_err(anyhow::Error::from)
        .and_then(|surroundings| enter(cli, ui, surroundings, disk));
    ui::clear();
    match result {
        Ok(Done::Yes) => DONE,
        Ok(Done::No) => NO,
        Err(error) => {
            let code = report::code(&error);
            match report::render(&error, &look) {
                Some(text) => ui::talk(text.trim_end()),
                // The terminal wrote `^C`; what comes next begins a line of its own.
                None if code == INTERRUPTED && std::io::stderr().is_terminal() => ui::talk(""),
                None => {}
            }
            code
        }
    }
}

fn volume(cli: &Cli) -> Volume {
    match (cli.global.quiet, cli.global.verbose) {
        (true, _) => Volume::Quiet,
        (false, 0) => Volume::Normal,
        (false, 1) => Volume::Verbose,
        (false, _) => Volume::Everything,
    }
}

fn enter(
    cli: Cli,
    ui: Ui,
    surroundings: Surroundings,
    disk: Arc<dyn Disk>,
) -> anyhow::Result<Done> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let (result, stopped) = runtime.block_on(async {
        let signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => return (Err(error.into()), false),
        };
        let context = Context {
            ui,
            global: cli.global.clone(),
            talk: cli.talk.clone(),
            surroundings,
            signals,
            disk,
            recorder: std::sync::OnceLock::new(),
        };
        let result = dispatch(&context, cli).await;
        context.recorder().flush();
        (result, context.signals.stop.is_cancelled())
    });
    runtime.shutdown_timeout(if stopped {
        WRITES_MAX_STOPPED
    } else {
        WRITES_MAX
    });
    result
}

async fn dispatch(context: &Context, cli: Cli) -> anyhow::Result<Done> {
    if cli.command.is_some() {
        if let Some(request) = &cli.request {
            return Err(two_requests(request).into());
        }
        if cli.budget.is_some() {
            return Err(Usage::new("`--budget` stands behind `pool`, or beside a request").into());
        }
        if let Some(flag) = cli.talk.given().first() {
            return Err(Usage::new(format!(
                "`{flag}` belongs to a request or a conversation, not to a command"
            ))
            .into());
        }
    }
    match cli.command {
        Some(Command::Servers) => servers::run(context).await,
        Some(Command::Tools(args)) => tools::run(context, &args).await,
        Some(Command::Pool(args)) => pool::run(context, &args).await,
        Some(Command::Call(args)) => call::run(context, args).await,
        Some(Command::Serve(args)) => serve::run(context, args).await,
        Some(Command::Config(command)) => config::run(context, command),
        Some(Command::Sessions(command)) => sessions::run(context, command),
        Some(Command::Audit(args)) => audit::run(context, *args),
        Some(Command::Why(command)) => why::run(context, command).await,
        Some(Command::Agents { command }) => agents::run(context, command),
        Some(Command::Doctor(args)) => doctor::run(context, args).await,
        Some(Command::Log(args)) => records::run(context, &args).await,
        Some(Command::Completions(args)) => completions::run(context, args.shell),
        None => bare::run(context, cli.request, cli.budget).await,
    }
}

/// `toolpool list tools` reads as a request and a command.
fn two_requests(request: &str) -> Usage {
    Usage::new(format!("`{request}` is no command"))
        .hint("put a request of several words in quotes: `toolpool \"list my open issues\"`")
}

/// Runs a command on a hub that is stopped afterwards, however the command ended.
pub(crate) async fn with_hub<T>(
    context: &Context,
    config: Config,
    work: impl AsyncFnOnce(&Arc<Hub>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let hub = context.start(config)?;
    let result = work(&hub).await;
    stop(context, &hub).await;
    result
}

/// Stops the servers. One that does not go when asked is ended, which takes its time.
pub(crate) async fn stop(context: &Context, hub: &Hub) {
    let told = async {
        tokio::time::sleep(STOP_QUIET).await;
        context.ui.progress("stopping servers");
        std::future::pending().await
    };
    tokio::select! {
        () = hub.shutdown() => {}
        () = told => {}
    }
    ui::clear();
}
