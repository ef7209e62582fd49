//! `config init|check|show|schema`; `import` has a file of its own.
//!
//! `check --json`: `{"ok", "files": [{path, exists}], "problems": [problem], "warnings": [problem]}` with
//! each problem `{message, origin, hint}`. `show --json`: a list of `{key, value, origin, overridden:
//! [[value, origin]]}`; values are TOML with secrets hidden. `schema` prints JSON anyway.

use std::path::{Path, PathBuf};

use serde::Serialize;
use toolpool_config::{
    Loaded, Origin, Problem, Sources, ValueAt, load, schema, starter, write_atomically,
};

use crate::cli::args::ConfigCommand;
use crate::cli::env::SETTINGS;
use crate::cli::import;
use crate::cli::report::{Done, Usage};
use crate::cli::start::Context;
use crate::cli::ui::{Look, Style};
use crate::cli::words;

/// Runs one of the commands. None of them starts a server.
pub(crate) fn run(context: &Context, command: ConfigCommand) -> anyhow::Result<Done> {
    match command {
        ConfigCommand::Init { project } => init(context, project),
        ConfigCommand::Check => check(context),
        ConfigCommand::Show { origin, key } => show(context, origin, key.as_deref()),
        ConfigCommand::Schema => {
            context.ui.json(&schema())?;
            Ok(Done::Yes)
        }
        ConfigCommand::Import(args) => import::run(context, args),
    }
}

fn init(context: &Context, project: bool) -> anyhow::Result<Done> {
    let sources = context.sources();
    let file = if project {
        sources.project_file
    } else {
        sources.user_file
    };
    let Some(file) = file else {
        return Ok(Done::No);
    };
    if file.exists() {
        context.ui.warn(&format!(
            "`{}` is already there and was left as it is",
            file.display()
        ));
        context.ui.hint("edit it, then run `toolpool config check`");
        return Ok(Done::No);
    }
    write_atomically(&file, starter())?;
    context.ui.print(&file.display().to_string())?;
    context.ui.hint("edit it, then run `toolpool config check`; `toolpool config import` takes over other clients' servers");
    Ok(Done::Yes)
}

#[derive(Serialize)]
struct Checked {
    ok: bool,
    files: Vec<FileAt>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

/// A file that is read where it is there.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FileAt {
    pub(crate) path: PathBuf,
    pub(crate) exists: bool,
}

/// The files of the layers.
pub(crate) fn files(sources: &Sources) -> Vec<FileAt> {
    let files = [&sources.user_file, &sources.project_file];
    let at = |path: &PathBuf| FileAt {
        path: path.clone(),
        exists: path.exists(),
    };
    files.into_iter().flatten().map(at).collect()
}

fn check(context: &Context) -> anyhow::Result<Done> {
    let sources = context.sources();
    let files = files(&sources);
    if !context.global.json {
        let loaded = context.load()?;
        let hints = loaded
            .problems
            .iter()
            .filter_map(|problem| problem.hint.as_deref());
        hints.for_each(|hint| context.ui.hint(hint));
        let variables: Vec<&String> = sources
            .env
            .keys()
            .filter(|name| name.starts_with(SETTINGS))
            .collect();
        context
            .ui
            .print(&checked(&files, &variables, &loaded, &context.ui.out))?;
        return Ok(Done::Yes);
    }
    match load(&sources) {
        Ok(Loaded {
            problems: warnings, ..
        }) => {
            context.ui.json(&Checked {
                ok: true,
                files,
                problems: Vec::new(),
                warnings,
            })?;
            Ok(Done::Yes)
        }
        Err(error) => {
            let problems = error.problems().to_vec();
            context.ui.json(&Checked {
                ok: false,
                files,
                problems,
                warnings: Vec::new(),
            })?;
            Err(error.into())
        }
    }
}

fn checked(files: &[FileAt], variables: &[&String], loaded: &Loaded, look: &Look) -> String {
    let mut out = String::new();
    for file in files {
        let state = if file.exists {
            look.paint(Style::Good, "read     ")
        } else {
            look.paint(Style::Dim, "not there")
        };
        out.push_str(&format!("{state}  {}\n", file.path.display()));
    }
    for variable in variables {
        out.push_str(&format!(
            "{}  {variable}\n",
            look.paint(Style::Good, "set      ")
        ));
    }
    let config = &loaded.config;
    let rules = match config.rules.len() {
        0 => String::new(),
        some => format!(", {}", words::count(some, "rule")),
    };
    out.push_str(&format!(
        "{} {}, {}{rules}\n",
        look.paint(Style::Good, "ok:"),
        words::count(config.servers.len(), "server"),
        words::count(config.profiles.len(), "profile")
    ));
    out
}

fn show(context: &Context, origin: bool, key: Option<&str>) -> anyhow::Result<Done> {
    let loaded = context.load()?;
    let values: Vec<&ValueAt> = loaded
        .values
        .iter()
        .filter(|value| key.is_none_or(|key| is_under(&value.key, key)))
        .collect();
    if let Some(key) = key
        && values.is_empty()
    {
        return Err(Usage::new(format!("nothing is set under `{key}`"))
            .hint("`toolpool config show` lists all keys")
            .into());
    }
    if context.global.json {
        context.ui.json(&values)?;
    } else {
        context.ui.print(&listing(
            &values,
            origin,
            &context.surroundings.folder,
            &context.ui.out,
        ))?;
    }
    Ok(Done::Yes)
}

fn is_under(key: &str, wanted: &str) -> bool {
    key.strip_prefix(wanted)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The settings as lines of TOML, with origins as comments.
fn listing(values: &[&ValueAt], origin: bool, folder: &Path, look: &Look) -> String {
    let mut out = String::new();
    let widest = values
        .iter()
        .map(|value| line_width(value))
        .filter(|width| *width <= 48)
        .max()
        .unwrap_or(0);
    for value in values {
        out.push_str(&format!(
            "{} = {}",
            look.paint(Style::Name, &value.key),
            value.value
        ));
        if origin {
            let pad = " ".repeat(widest.saturating_sub(line_width(value)) + 2);
            out.push_str(&format!(
                "{pad}{}",
                look.paint(Style::Dim, &format!("# {}", place(&value.origin, folder)))
            ));
            for (lower, origin) in &value.overridden {
                let line = format!("#   in place of {lower} from {}", place(origin, folder));
                out.push_str(&format!("\n{}", look.paint(Style::Dim, &line)));
            }
        }
        out.push('\n');
    }
    out
}

fn line_width(value: &ValueAt) -> usize {
    words::width(&value.key) + 3 + words::width(&value.value)
}

/// An origin, with files of the working folder by their short names and flags as they are typed.
fn place(origin: &Origin, folder: &Path) -> String {
    if let Origin::Flag { flag } = origin {
        return format!("--set {flag}");
    }
    let text = origin.to_string();
    match text.strip_prefix(&format!("{}/", folder.display())) {
        Some(short) => short.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Look = Look {
        width: 80,
        color: false,
        unicode: true,
    };

    #[test]
    fn settings_with_their_origins() {
        let at = |key: &str, value: &str, origin: Origin| ValueAt {
            key: key.into(),
            value: value.into(),
            origin,
            overridden: Vec::new(),
        };
        let project = Origin::Project {
            file: "/home/ann/.toolpool.toml".into(),
            at: None,
        };
        let values = [
            at("mode", "\"ask\"", Origin::Default { at: None }),
            ValueAt {
                overridden: vec![("16".into(), Origin::Default { at: None })],
                ..at("pool.tools_max", "8", project)
            },
        ];
        let values: Vec<&ValueAt> = values.iter().collect();
        let wanted = "\
mode = \"ask\"        # default
pool.tools_max = 8  # .toolpool.toml
#   in place of 16 from default
";
        assert_eq!(
            listing(&values, true, Path::new("/home/ann"), &PLAIN),
            wanted
        );
        assert_eq!(
            listing(&values, false, Path::new("/home/ann"), &PLAIN),
            "mode = \"ask\"\npool.tools_max = 8\n"
        );
    }

    #[test]
    fn a_key_selects_what_is_under_it() {
        for (key, wanted, under) in [
            ("pool.share", "pool", true),
            ("deny[0]", "deny", true),
            ("pool", "pool", true),
            ("pools.x", "pool", false),
            ("pool", "pool.share", false),
        ] {
            assert_eq!(is_under(key, wanted), under, "{key} {wanted}");
        }
    }
}
