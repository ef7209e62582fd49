//! Reload while serving: the configuration files are looked at now and then, and a changed one takes
//! effect. A broken one keeps the last good configuration and says what is wrong.
//!
//! Time and length are compared, by polling: it works on every file system, through links and
//! containers, and a second's delay is nothing to a person who just saved a file.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use toolpool_config::{Config, Sources, load};

use crate::cli::report;
use crate::cli::serve::narrow;
use crate::cli::start::Context;
use crate::cli::ui::Style;
use crate::error::list;
use crate::hub::Hub;

/// A file must be the same for so long before it is read: some editors write in two steps.
const SETTLE: Duration = Duration::from_millis(100);

/// Watches until dropped.
pub(crate) async fn run(context: &Context, hub: &Arc<Hub>) {
    let sources = context.sources();
    let mut last = stamps(&sources);
    loop {
        tokio::time::sleep(Duration::from_millis(hub.config().limits.reload_poll_ms)).await;
        let mut now = stamps(&sources);
        if now == last {
            continue;
        }
        loop {
            tokio::time::sleep(SETTLE).await;
            let again = stamps(&sources);
            if again == now {
                break;
            }
            now = again;
        }
        last = now;
        reload(context, hub, &sources).await;
    }
}

async fn reload(context: &Context, hub: &Arc<Hub>, sources: &Sources) {
    let config = load(sources)
        .map_err(anyhow::Error::from)
        .and_then(|loaded| {
            loaded
                .warnings
                .iter()
                .for_each(|warning| context.ui.warn(warning));
            Ok(narrow(loaded.config, &context.global)?)
        });
    match config {
        Ok(config) => {
            let old = hub.config();
            if *old == config {
                return;
            }
            let said = changes(&old, &config);
            hub.reload(config).await;
            context.ui.say(&said);
        }
        Err(error) => {
            let reason = format!("{error:#}");
            let snapshot = hub.snapshot().no();
            context.recorder().config(snapshot, Err(reason));
            let look = &context.ui.err;
            context.ui.say(&look.paint(
                Style::Warn,
                "the changed configuration is not used; the last good one stays in force",
            ));
            context
                .ui
                .say(report::render(&error, look).unwrap_or_default().trim_end());
        }
    }
}

/// What changed, as a line.
fn changes(old: &Config, new: &Config) -> String {
    let added: Vec<&String> = new
        .servers
        .keys()
        .filter(|name| !old.servers.contains_key(*name))
        .collect();
    let gone: Vec<&String> = old
        .servers
        .keys()
        .filter(|name| !new.servers.contains_key(*name))
        .collect();
    let changed: Vec<&String> = new
        .servers
        .iter()
        .filter(|(name, server)| old.servers.get(*name).is_some_and(|old| old != *server))
        .map(|(name, _)| name)
        .collect();
    let mut said = vec!["configuration reloaded".to_owned()];
    for (word, names) in [("new", added), ("gone", gone), ("changed", changed)] {
        if !names.is_empty() {
            said.push(format!("{word} {}", list(&names)));
        }
    }
    let fixed: Vec<&str> = [
        ("embedding", old.embedding != new.embedding),
        ("tokenizer", old.tokenizer != new.tokenizer),
        ("serve.address", old.serve.address != new.serve.address),
        ("limits", old.limits != new.limits),
    ]
    .into_iter()
    .filter_map(|(key, differs)| differs.then_some(key))
    .collect();
    if !fixed.is_empty() {
        said.push(format!("{} in full only at the next start", list(&fixed)));
    }
    said.join("; ")
}

type Stamp = Option<(SystemTime, u64)>;

fn stamps(sources: &Sources) -> [Stamp; 2] {
    [&sources.user_file, &sources.project_file].map(|file| file.as_deref().and_then(stamp))
}

fn stamp(file: &Path) -> Stamp {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_told_by_name() {
        let old = Config::default();
        let workspace = old
            .servers
            .values()
            .next()
            .expect("the embedded server")
            .clone();
        let mut new = old.clone();
        new.servers.insert("files".into(), workspace);
        assert_eq!(changes(&old, &new), "configuration reloaded; new `files`");
        assert_eq!(changes(&new, &old), "configuration reloaded; gone `files`");
        let mut slower = old.clone();
        slower
            .servers
            .values_mut()
            .for_each(|server| server.timeout += Duration::from_secs(1));
        slower.embedding.enabled = !slower.embedding.enabled;
        assert_eq!(
            changes(&old, &slower),
            "configuration reloaded; changed `workspace`; `embedding` in full only at the next start"
        );
    }

    #[test]
    fn a_stamp_differs_with_the_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("config.toml");
        let sources = Sources {
            user_file: Some(file.clone()),
            ..Sources::default()
        };
        let none = stamps(&sources);
        assert_eq!(none, [None, None]);
        std::fs::write(&file, "a").expect("write");
        let first = stamps(&sources);
        assert_ne!(first, none);
        std::fs::write(&file, "ab").expect("write");
        assert_ne!(stamps(&sources), first);
    }
}
