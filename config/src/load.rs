//! Loading: the layers in order, checked, merged, typed, resolved.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::agent;
use crate::check::check;
use crate::error::{Error, Problem};
use crate::file::File;
use crate::layer::{Config, Loaded, Origin, Position, Sources, ValueAt};
use crate::merge::merge;
use crate::node::Node;
use crate::project::only_stricter;
use crate::read::{self, leaves};
use crate::redact::{is_telling_secret, shown};
use crate::resolve::Resolver;
use crate::typed::typed;

/// The lowest layer, as text.
pub(crate) const DEFAULTS: &str = concat!(
    include_str!("../defaults/config.toml"),
    include_str!("../defaults/agents.toml")
);

static DEFAULT: LazyLock<Config> = LazyLock::new(|| {
    load(&Sources::default())
        .expect("the compiled-in defaults are read by a test")
        .config
});

impl Default for Config {
    /// The compiled-in defaults: the in-process `workspace` server and nothing else.
    fn default() -> Config {
        DEFAULT.clone()
    }
}

/// Reads all layers. A missing file is an empty one.
///
/// # Errors
/// [`Error::Read`] for a file that is there and cannot be read; [`Error::Invalid`] with every mistake that could be
/// found in one go.
pub fn load(sources: &Sources) -> Result<Loaded, Error> {
    let mut root = defaults();
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    for (file, origin) in files(sources) {
        match read_file(file, &origin)? {
            None => {}
            Some(Err(wrong)) => problems.extend(wrong),
            Some(Ok(mut layer)) => {
                warnings.extend(open_secrets(file, &layer));
                problems.extend(wrong_in(&layer));
                if matches!(layer.origin, Origin::Project { .. }) {
                    warnings.extend(only_stricter(&mut layer, &root));
                }
                merge(&mut root, layer);
            }
        }
    }
    if let Some(folder) = &sources.agents_folder {
        for (file, layer) in agent::layers(folder)? {
            match layer {
                Err(wrong) => problems.extend(wrong),
                Ok(layer) => {
                    problems.extend(wrong_in(&layer));
                    problems.extend(said_twice(&file, &layer, &root));
                    merge(&mut root, layer);
                }
            }
        }
    }
    // The rest looks names up in the files below, so these must be right first.
    stop_on(&problems)?;
    let top = top_keys(&root);
    let variables = read::variables(&sources.env, &root, &top);
    problems.extend(wrong_in(&variables));
    merge(&mut root, variables);
    match read::flags(&sources.flags) {
        Err(wrong) => problems.extend(wrong),
        Ok(flags) => {
            for flag in flags {
                problems.extend(wrong_in(&flag));
                merge(&mut root, flag);
            }
        }
    }
    stop_on(&problems)?;

    let file: File = typed(&root).map_err(|problems| Error::Invalid { problems })?;
    let mut resolver = Resolver {
        root: &root,
        env: &sources.env,
        problems,
        warnings,
    };
    let config = resolver.config(file);
    check(&config, &mut resolver);
    let Resolver {
        problems, warnings, ..
    } = resolver;
    stop_on(&problems)?;
    Ok(Loaded {
        config,
        values: values(&root),
        warnings: warnings.iter().map(Problem::to_string).collect(),
        problems: warnings,
    })
}

/// A type that another file of the person's has as well: neither is what the person would find in force.
fn said_twice(file: &Path, layer: &Node, below: &Node) -> Option<Problem> {
    let (name, _) = layer.get(&["agents"])?.table()?.first_key_value()?;
    let there = below.get(&["agents"])?.table()?.get(name)?;
    let mut origins = there.node.table()?.values().map(|entry| &entry.key);
    let other = origins.find(|origin| !matches!(origin, Origin::Default { .. }))?;
    let what = format!("agent type `{name}` is also written at {other}");
    let at = Origin::User {
        file: file.to_owned(),
        at: None,
    };
    Some(Problem::new(what).at(at).hint("keep one of them"))
}

fn stop_on(problems: &[Problem]) -> Result<(), Error> {
    match problems {
        [] => Ok(()),
        some => Err(Error::Invalid {
            problems: some.to_vec(),
        }),
    }
}

pub(crate) fn defaults() -> Node {
    read::toml_text(DEFAULTS, &|at| Origin::Default { at })
        .expect("the compiled-in defaults are read by a test")
}

type PlaceOf = Box<dyn Fn(Option<Position>) -> Origin>;

fn files(sources: &Sources) -> Vec<(&PathBuf, PlaceOf)> {
    let mut files: Vec<(&PathBuf, PlaceOf)> = Vec::new();
    if let Some(file) = &sources.user_file {
        let name = file.clone();
        files.push((
            file,
            Box::new(move |at| Origin::User {
                file: name.clone(),
                at,
            }),
        ));
    }
    if let Some(file) = &sources.project_file {
        let name = file.clone();
        files.push((
            file,
            Box::new(move |at| Origin::Project {
                file: name.clone(),
                at,
            }),
        ));
    }
    files
}

type Layer = Result<Node, Vec<Problem>>;

fn read_file(file: &Path, origin: &PlaceOf) -> Result<Option<Layer>, Error> {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(Error::Read {
                file: file.to_owned(),
                source,
            });
        }
    };
    let Ok(text) = String::from_utf8(bytes) else {
        return Ok(Some(Err(vec![
            Problem::new("not text in UTF-8").at(origin(None)),
        ])));
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(Some(read::toml_text(text, origin)))
}

/// Mistakes of one layer: laid alone over the defaults, so that another layer cannot hide them.
fn wrong_in(layer: &Node) -> Vec<Problem> {
    let mut alone = defaults();
    merge(&mut alone, layer.clone());
    typed::<File>(&alone).err().unwrap_or_default()
}

/// The keys of the top level, by which a variable without a section is known to be a setting.
fn top_keys(root: &Node) -> Vec<String> {
    let optional = ["profile", "tokenizer", "profiles"].map(str::to_owned);
    let known = root
        .table()
        .into_iter()
        .flat_map(|table| table.keys().cloned());
    known.chain(optional).collect()
}

/// A file with secrets in it that others may read.
#[cfg(unix)]
fn open_secrets(file: &Path, layer: &Node) -> Option<Problem> {
    use std::os::unix::fs::MetadataExt;

    let mode = std::fs::metadata(file).ok()?.mode();
    let mut secret = None;
    leaves(layer, &mut Vec::new(), &mut |_, path, node| {
        if is_telling_secret(path) && shown(path, node).contains("***") {
            secret.get_or_insert_with(|| node.origin.clone());
        }
    });
    let at = secret.filter(|_| mode & 0o077 != 0)?;
    let problem = Problem::new("a secret is written out in a file that others may read").at(at);
    Some(problem.hint(format!(
        "move it to a variable and write `${{VAR}}`, or `chmod 600 {}`",
        file.display()
    )))
}

#[cfg(not(unix))]
fn open_secrets(_: &Path, _: &Node) -> Option<Problem> {
    None
}

fn values(root: &Node) -> Vec<ValueAt> {
    let mut values = Vec::new();
    leaves(root, &mut Vec::new(), &mut |key, path, node| {
        values.push(ValueAt {
            key,
            value: shown(path, node),
            origin: node.origin.clone(),
            overridden: node
                .below
                .iter()
                .map(|below| (shown(path, below), below.origin.clone()))
                .collect(),
        });
    });
    values
}

#[cfg(test)]
mod tests;
