//! What types cannot say: names that must exist, numbers that must make sense.
//!
//! A mistake that could widen what someone may do, or that leaves a setting without meaning, is a problem and the
//! configuration is refused. What merely has no effect is a warning.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::error::nearest;
use crate::layer::{Config, Origin};
use crate::limits::fixed::{AGENT_DESCRIPTION_CHARS_MAX, NAME_LENGTH_MAX, SECONDS_MAX, WINDOW_MIN};
use crate::pattern::{Glob, Pattern};
use crate::resolve::Resolver;
use crate::server::Transport;

/// Checks the configuration against itself.
pub(crate) fn check(config: &Config, to: &mut Resolver<'_>) {
    names(config, to);
    servers(config, to);
    profiles(config, to);
    agents(config, to);
    pins(config, to);
    patterns(config, to);
    numbers(config, to);
}

fn names(config: &Config, to: &mut Resolver<'_>) {
    let servers = config.servers.keys().map(|name| ("servers", name));
    let profiles = config.profiles.keys().map(|name| ("profiles", name));
    let agents = config.agents.keys().map(|name| ("agents", name));
    for (section, name) in servers.chain(profiles).chain(agents) {
        let legal = !name.is_empty()
            && name.len() <= NAME_LENGTH_MAX
            && name
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-');
        if !legal {
            to.wrong(
                &[section, name],
                format!("`{name}` is not a name for `{section}`"),
            )
            .hint = Some(format!(
                "use letters, digits, `-` and `_`, at most {NAME_LENGTH_MAX}"
            ));
        }
    }
    let mut seen = BTreeMap::<String, &String>::new();
    for name in config.servers.keys() {
        let folded = name.to_lowercase().replace('-', "_");
        if let Some(other) = seen.insert(folded, name) {
            to.odd(
                &["servers", name],
                format!("servers `{other}` and `{name}` differ only in spelling, so a deny of one stops both"),
            );
        }
    }
}

fn servers(config: &Config, to: &mut Resolver<'_>) {
    for (name, server) in &config.servers {
        match &server.transport {
            Transport::Http { url, headers } => {
                check_url(name, url, !server.unset.is_empty(), to);
                for header in headers.keys().filter(|header| !is_header(header)) {
                    to.wrong(
                        &["servers", name, "headers", header],
                        format!("`{header}` is not a header name"),
                    );
                }
            }
            Transport::Stdio { command, args, .. } => {
                if command.trim().is_empty() && server.unset.is_empty() {
                    // Said already when there is no command at all.
                    if to.root.get(&["servers", name, "command"]).is_some() {
                        to.wrong(
                            &["servers", name, "command"],
                            format!("server `{name}` has an empty `command`"),
                        );
                    }
                } else if command.contains(' ') && args.is_empty() && !command.contains('/') {
                    to.odd(
                        &["servers", name, "command"],
                        format!(
                            "server `{name}` has a space in `command`; there is no shell between"
                        ),
                    )
                    .hint = Some("put each argument into `args`".to_owned());
                }
                let origin = to.root.origin_of(&["servers", name, "command"]);
                if matches!(origin, Origin::Project { .. }) && server.enabled {
                    to.odd(
                        &["servers", name, "command"],
                        format!("the project file starts `{command}` as server `{name}`"),
                    )
                    .hint = Some(format!(
                        "add `servers.{name}.enabled = false` if you do not want that"
                    ));
                }
            }
            Transport::InProcess { .. } => {}
        }
        for (tool, said) in &server.tools {
            if said
                .read_back
                .as_ref()
                .is_some_and(|back| back.tool() == tool)
            {
                to.wrong(
                    &["servers", name, "tools", tool, "read_back"],
                    format!("`{tool}` of server `{name}` can't be read back by itself"),
                )
                .hint = Some("name the tool that reads".to_owned());
            }
        }
        if !server.unset.is_empty() && server.enabled {
            let list = server.unset.join("`, `");
            to.odd(
                &["servers", name],
                format!("server `{name}` cannot start: `{list}` is not set"),
            )
            .hint = Some(format!(
                "set it, or write `${{{}:-default}}`",
                server.unset[0]
            ));
        }
    }
}

fn check_url(name: &str, url: &str, unset: bool, to: &mut Resolver<'_>) {
    let lower = url.to_ascii_lowercase();
    let rest = lower
        .strip_prefix("http://")
        .or_else(|| lower.strip_prefix("https://"));
    let wrong = match rest {
        // The scheme or host may be what is not set.
        None => !unset || lower.contains("://"),
        Some(rest) => {
            !unset
                && (rest.is_empty() || rest.starts_with('/') || rest.contains(char::is_whitespace))
        }
    };
    if wrong {
        to.wrong(
            &["servers", name, "url"],
            format!("the `url` of server `{name}` is not an `http` or `https` address"),
        )
        .hint = Some("write `https://host/path`".to_owned());
    }
}

fn is_header(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter))
}

fn profiles(config: &Config, to: &mut Resolver<'_>) {
    let mut named = vec![(vec!["profile".to_owned()], config.profile.clone())];
    for (token, settings) in &config.serve.tokens {
        let keys = ["serve", "tokens", token, "profile"].map(str::to_owned);
        named.push((keys.to_vec(), settings.profile.clone()));
    }
    for (keys, profile) in named {
        let Some(profile) = profile.filter(|profile| !config.profiles.contains_key(profile)) else {
            continue;
        };
        let near = nearest(&profile, config.profiles.keys().map(String::as_str));
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        to.wrong(
            &keys,
            format!(
                "`{}` names profile `{profile}`, which does not exist",
                keys.join(".")
            ),
        )
        .hint = Some(match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add a `[profiles.{profile}]`"),
        });
    }
    for (name, profile) in &config.profiles {
        for text in &profile.servers {
            let keys = ["profiles", name.as_str(), "servers"];
            match Glob::from_str(text) {
                Err(error) => {
                    to.wrong(&keys, format!("`profiles.{name}.servers`: {error}"));
                }
                Ok(glob) if !config.servers.keys().any(|server| glob.allows(server)) => {
                    let near = nearest(text, config.servers.keys().map(String::as_str));
                    to.odd(
                        &keys,
                        format!("profile `{name}` names server `{text}`, which does not exist"),
                    )
                    .hint = near.map(|near| format!("did you mean `{near}`?"));
                }
                Ok(_) => {}
            }
        }
    }
}

/// A type without a line about itself can't be chosen, and one without a prompt is no type.
fn agents(config: &Config, to: &mut Resolver<'_>) {
    for (name, agent) in &config.agents {
        let key = |key: &'static str| ["agents", name.as_str(), key];
        for (what, text) in [
            ("description", &agent.description),
            ("prompt", &agent.prompt),
        ] {
            if text.trim().is_empty() {
                to.wrong(&key(what), format!("agent type `{name}` has no `{what}`"));
            }
        }
        let long = agent.description.chars().count() > AGENT_DESCRIPTION_CHARS_MAX;
        if long || agent.description.contains('\n') {
            let most = format!(
                "`agents.{name}.description` must be one line of at most {AGENT_DESCRIPTION_CHARS_MAX} characters"
            );
            to.wrong(&key("description"), most);
        }
        for glob in &agent.servers {
            if let Err(error) = Glob::from_str(glob) {
                to.wrong(&key("servers"), format!("`agents.{name}.servers`: {error}"));
            }
        }
        share(&key("window_share"), agent.window_share, to);
        if let Some(result) = agent.result_share {
            share(&key("result_share"), result, to);
        }
        let levels = agent.thoroughness.values().map(|level| level.steps_max);
        if levels
            .chain([agent.steps_max])
            .any(|steps| steps == Some(0))
        {
            to.wrong(
                &key("steps_max"),
                format!("`agents.{name}.steps_max` must be more than 0"),
            );
        }
    }
    share(
        &["delegate", "result_share"],
        config.delegate.result_share,
        to,
    );
}

fn pins(config: &Config, to: &mut Resolver<'_>) {
    let own = config.pin.iter().map(|pin| (vec!["pin"], pin));
    let theirs = config.profiles.iter().flat_map(|(name, profile)| {
        let keys = vec!["profiles", name.as_str(), "pin"];
        profile.pin.iter().map(move |pin| (keys.clone(), pin))
    });
    for (keys, pin) in own.chain(theirs) {
        let of_a_server = config
            .servers
            .keys()
            .any(|server| pin.starts_with(&format!("{server}__")));
        // An override may have given a tool any name at all.
        let of_an_override = config
            .servers
            .values()
            .flat_map(|server| server.tools.values())
            .any(|tool| tool.name.as_deref().is_some_and(|name| pin.ends_with(name)));
        if !of_a_server && !of_an_override {
            to.odd(
                &keys,
                format!(
                    "`{}` names tool `{pin}`, which belongs to no server",
                    keys.join(".")
                ),
            )
            .hint = Some("pins are exposed names, as `server__tool`".to_owned());
        }
    }
}

/// A `server:` pattern that meets no server is most likely a slip, and a slip in a deny list lets something through.
fn patterns(config: &Config, to: &mut Resolver<'_>) {
    let mut lists: Vec<(Vec<&str>, &[Pattern])> = vec![(vec!["deny"], &config.deny)];
    for (name, profile) in &config.profiles {
        lists.push((vec!["profiles", name, "deny"], &profile.deny));
        lists.push((vec!["profiles", name, "allow"], &profile.allow));
    }
    for (name, agent) in &config.agents {
        lists.push((vec!["agents", name, "deny"], &agent.deny));
        lists.push((vec!["agents", name, "allow"], &agent.allow));
    }
    for (keys, list) in lists {
        for glob in list.iter().filter_map(Pattern::server) {
            if !config.servers.keys().any(|server| glob.denies(server)) {
                to.odd(
                    &keys,
                    format!(
                        "`{}` names server `{glob}`, which does not exist",
                        keys.join(".")
                    ),
                );
            }
        }
    }
}

fn numbers(config: &Config, to: &mut Resolver<'_>) {
    for (name, value) in [
        ("share", config.pool.share),
        ("words_weight", config.pool.words_weight),
        ("clause_weight", config.pool.clause_weight),
        ("server_boost", config.pool.server_boost),
        ("duplicate_cosine", config.pool.duplicate_cosine),
    ] {
        share(&["pool", name], value, to);
    }
    share(&["serve", "search_share"], config.serve.search_share, to);
    share(
        &["budget", "reserve_share"],
        config.budget.reserve_share,
        to,
    );
    share(&["budget", "margin_share"], config.budget.margin_share, to);
    share(&["budget", "warn_share"], config.budget.warn_share, to);
    let compaction = &config.compaction;
    for (name, value) in [
        ("target_share", compaction.target_share),
        ("protect_share", compaction.protect_share),
        ("digest_share", compaction.digest_share),
        ("least_share", compaction.least_share),
    ] {
        share(&["compaction", name], value, to);
    }
    model(config, to);
    for (name, profile) in &config.profiles {
        let pool = &profile.pool;
        for (key, value) in [
            ("share", pool.share),
            ("words_weight", pool.words_weight),
            ("clause_weight", pool.clause_weight),
            ("server_boost", pool.server_boost),
            ("duplicate_cosine", pool.duplicate_cosine),
        ] {
            if let Some(value) = value {
                share(&["profiles", name, "pool", key], value, to);
            }
        }
        if pool.window == Some(0) {
            to.wrong(
                &["profiles", name, "pool", "window"],
                format!("`profiles.{name}.pool.window` must be more than 0"),
            );
        }
    }
    if config.pool.window == 0 {
        to.wrong(
            &["pool", "window"],
            "`pool.window` must be more than 0".to_owned(),
        );
    }
    if !(16..=128).contains(&config.names.length_max) {
        to.wrong(
            &["names", "length_max"],
            format!(
                "`names.length_max` must be from 16 to 128, found {}",
                config.names.length_max
            ),
        );
    }
    let port = config
        .serve
        .address
        .rsplit_once(':')
        .map(|(_, port)| port.parse::<u16>());
    if !matches!(port, Some(Ok(_))) {
        to.wrong(
            &["serve", "address"],
            format!(
                "`serve.address` is not a host and a port: `{}`",
                config.serve.address
            ),
        )
        .hint = Some("write `127.0.0.1:7332`".to_owned());
    }
    limits(config, to);
}

fn model(config: &Config, to: &mut Resolver<'_>) {
    if config
        .model
        .window
        .is_some_and(|window| window < WINDOW_MIN)
    {
        to.wrong(
            &["model", "window"],
            format!("`model.window` must be at least {WINDOW_MIN} tokens"),
        )
        .hint = Some("a smaller window has no room for a request, a tool and a reply".to_owned());
    }
    if !(config.model.silence_s > 0.0 && config.model.silence_s <= SECONDS_MAX) {
        to.wrong(
            &["model", "silence_s"],
            format!("`model.silence_s` must be more than 0 and at most {SECONDS_MAX} seconds"),
        );
    }
    let places = config.model.places.iter().map(|url| ("places", url));
    let endpoint = config.model.endpoint.iter().map(|url| ("endpoint", url));
    for (key, url) in places.chain(endpoint) {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            to.wrong(
                &["model", key],
                format!("`model.{key}`: `{url}` is not an `http` or `https` address"),
            )
            .hint = Some("write `http://127.0.0.1:8080`".to_owned());
        }
    }
    for (key, value) in [
        ("steps_max", config.agent.steps_max),
        ("failures_max", config.agent.failures_max),
        ("repeats_max", config.agent.repeats_max),
    ] {
        if value == 0 {
            to.wrong(
                &["agent", key],
                format!("`agent.{key}` must be more than 0"),
            );
        }
    }
}

fn share(keys: &[&str], value: f64, to: &mut Resolver<'_>) {
    if !(0.0..=1.0).contains(&value) {
        to.wrong(
            keys,
            format!("`{}` must be from 0 to 1, found {value}", keys.join(".")),
        );
    }
}

/// A bound of zero stops everything it bounds; only pauses may be zero.
fn limits(config: &Config, to: &mut Resolver<'_>) {
    let limits = serde_json::to_value(&config.limits).expect("limits are plain numbers");
    for (key, value) in limits.as_object().into_iter().flatten() {
        let pause = key.ends_with("_ms") && !key.contains("timeout") && !key.contains("retry");
        let may_be_zero = pause || key == "graph_from" || key == "stderr_tail_bytes";
        if value.as_u64() == Some(0) && !may_be_zero {
            to.wrong(
                &["limits", key],
                format!("`limits.{key}` must be more than 0"),
            );
        }
    }
}
