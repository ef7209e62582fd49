//! From the typed file to [`Config`]: variables put in, seconds made durations, transports decided.
//!
//! Mistakes are gathered, never returned at the first one; the tree is asked where each value stands.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::Problem;
use crate::expand::{expand, has_variables, reference};
use crate::file::{File, ModelFile, RuleFile, ServeFile, ServerFile};
use crate::layer::{Config, Origin};
use crate::limits::Limits;
use crate::limits::fixed::SECONDS_MAX;
use crate::node::{Node, Value};
use crate::rule::Rule;
use crate::secret::Secret;
use crate::server::{Confinement, ServerConfig, Transport};
use crate::settings::{ModelSettings, ServeSettings, TokenConfig};

/// What the strings are filled from, and where mistakes are gathered.
pub(crate) struct Resolver<'a> {
    pub(crate) root: &'a Node,
    pub(crate) env: &'a BTreeMap<String, String>,
    /// What makes the configuration unusable.
    pub(crate) problems: Vec<Problem>,
    /// What is odd and can be lived with.
    pub(crate) warnings: Vec<Problem>,
}

impl Resolver<'_> {
    pub(crate) fn wrong(&mut self, keys: &[&str], message: String) -> &mut Problem {
        let problem = Problem::new(message).at(self.root.origin_of(keys));
        self.problems.push(problem);
        self.problems.last_mut().expect("one was just pushed")
    }

    pub(crate) fn odd(&mut self, keys: &[&str], message: String) -> &mut Problem {
        let problem = Problem::new(message).at(self.root.origin_of(keys));
        self.warnings.push(problem);
        self.warnings.last_mut().expect("one was just pushed")
    }

    /// The whole configuration; worth something only when no problem was found.
    pub(crate) fn config(&mut self, file: File) -> Config {
        let servers = file
            .servers
            .into_iter()
            .map(|(name, server)| {
                let server = self.server(&name, server, &file.limits);
                (name, server)
            })
            .collect();
        let mut embedding = file.embedding;
        embedding.model = self.needed(&["embedding", "model"], &embedding.model);
        embedding.runtime = embedding
            .runtime
            .map(|path| self.needed_path(&["embedding", "runtime"], path));
        let mut profiles = file.profiles;
        for (name, profile) in &mut profiles {
            let from = self.root.origin_of(&["profiles", name, "allow"]);
            profile.frees = !matches!(from, Origin::Project { .. });
        }
        Config {
            servers,
            profiles,
            agents: file.agents,
            rules: self.rules(file.rules),
            profile: file.profile,
            mode: file.mode,
            deny: without_repeats(file.deny),
            exposure: file.exposure,
            pin: file.pin,
            pool: file.pool,
            embedding,
            names: file.names,
            tokenizer: file
                .tokenizer
                .map(|path| self.needed_path(&["tokenizer"], path)),
            serve: self.serve(file.serve),
            model: self.model(file.model),
            budget: file.budget,
            compaction: file.compaction,
            agent: file.agent,
            verify: file.verify,
            delegate: file.delegate,
            event_log: file.event_log,
            limits: file.limits,
        }
    }

    /// The rules, each tried on its own examples. A rule that can't be read or fails one is a mistake: what it was meant to
    /// stop would pass.
    fn rules(&mut self, files: Vec<RuleFile>) -> Vec<Rule> {
        let places: Vec<Origin> = match self.root.get(&["rules"]).map(|node| &node.value) {
            Some(Value::List(list)) => list.iter().map(|node| node.origin.clone()).collect(),
            _ => Vec::new(),
        };
        let mut rules = Vec::with_capacity(files.len());
        for (index, file) in files.into_iter().enumerate() {
            let at = places.get(index).unwrap_or(&self.root.origin).clone();
            let home = |path: String| home(path, self.env);
            match Rule::from_file(file, at.to_string(), &home) {
                Err(why) => self
                    .problems
                    .push(Problem::new(format!("`rules[{index}]`: {why}")).at(at)),
                Ok((rule, examples)) => {
                    for why in examples.iter().filter_map(|example| example.fails(&rule)) {
                        self.problems
                            .push(Problem::new(format!("`rules[{index}]`: {why}")).at(at.clone()));
                    }
                    rules.push(rule);
                }
            }
        }
        rules
    }

    fn server(&mut self, name: &str, file: ServerFile, limits: &Limits) -> ServerConfig {
        let mut unset = Vec::new();
        let timeout = self.seconds(name, "timeout_s", file.timeout_s, limits.call_timeout_ms);
        let start_timeout = self.seconds(
            name,
            "start_timeout_s",
            file.start_timeout_s,
            limits.start_timeout_ms,
        );
        ServerConfig {
            transport: self.transport(name, &file, &mut unset),
            enabled: file.enabled.unwrap_or(true),
            timeout,
            start_timeout,
            trust: file.trust,
            allow: file.allow,
            deny: without_repeats(file.deny),
            tools: file.tools,
            unset,
            description: file.description,
        }
    }

    fn transport(&mut self, name: &str, file: &ServerFile, unset: &mut Vec<String>) -> Transport {
        let kinds = [
            ("command", file.command.is_some()),
            ("url", file.url.is_some()),
            ("builtin", file.builtin.is_some()),
        ];
        let given: Vec<&str> = kinds
            .iter()
            .filter(|kind| kind.1)
            .map(|kind| kind.0)
            .collect();
        match given[..] {
            [] => {
                self.wrong(
                    &["servers", name],
                    format!("server `{name}` has no `command`, `url` or `builtin`"),
                )
                .hint = Some(format!(
                    "say how `{name}` is reached, for instance `command = \"...\"`"
                ));
            }
            [first, second, ..] => {
                self.wrong(
                    &["servers", name, second],
                    format!("server `{name}` has both `{first}` and `{second}`"),
                )
                .hint = Some("keep one of them".to_owned());
            }
            [kind] => self.stray_keys(name, kind, file),
        }
        let at = |key: &'static str| ["servers".to_owned(), name.to_owned(), key.to_owned()];
        if let Some(url) = &file.url {
            let url = self.text(&at("url"), url, unset);
            return Transport::Http {
                headers: self.secrets(&at("headers"), &file.headers, unset),
                url,
            };
        }
        if let Some(builtin) = file.builtin {
            return Transport::InProcess {
                name: builtin,
                folder: self.folder(&at("folder"), file.folder.as_deref(), unset),
                confinement: Confinement {
                    confine: file.confine.unwrap_or_default(),
                    write_also: file
                        .write_also
                        .iter()
                        .filter_map(|path| self.folder(&at("write_also"), Some(path), unset))
                        .collect(),
                },
            };
        }
        let args = file
            .args
            .iter()
            .map(|argument| self.text(&at("args"), argument, unset))
            .collect();
        Transport::Stdio {
            command: home(
                self.text(&at("command"), file.command.as_deref().unwrap_or(""), unset),
                self.env,
            ),
            args,
            env: self.secrets(&at("env"), &file.env, unset),
            cwd: self.folder(&at("cwd"), file.cwd.as_deref(), unset),
        }
    }

    /// Keys that belong to another kind of server would be ignored in silence.
    fn stray_keys(&mut self, name: &str, kind: &str, file: &ServerFile) {
        let keys = [
            ("command", "args", !file.args.is_empty()),
            ("command", "env", !file.env.is_empty()),
            ("command", "cwd", file.cwd.is_some()),
            ("url", "headers", !file.headers.is_empty()),
            ("builtin", "folder", file.folder.is_some()),
            ("builtin", "confine", file.confine.is_some()),
            ("builtin", "write_also", !file.write_also.is_empty()),
        ];
        for (owner, key, _) in keys.into_iter().filter(|row| row.2 && row.0 != kind) {
            self.wrong(
                &["servers", name, key],
                format!("`{key}` belongs to a server with `{owner}`; `{name}` has `{kind}`"),
            )
            .hint = Some(format!("take `{key}` away"));
        }
    }

    fn seconds(&mut self, name: &str, key: &str, given: Option<f64>, default_ms: u64) -> Duration {
        match given {
            None => Duration::from_millis(default_ms),
            Some(seconds) if seconds > 0.0 && seconds <= SECONDS_MAX => {
                Duration::from_secs_f64(seconds).max(Duration::from_millis(1))
            }
            Some(seconds) => {
                self.wrong(
                    &["servers", name, key],
                    format!("`servers.{name}.{key}` must be more than 0 and at most {SECONDS_MAX} seconds, found {seconds}"),
                );
                Duration::from_millis(default_ms)
            }
        }
    }

    fn text(&mut self, keys: &[String; 3], text: &str, unset: &mut Vec<String>) -> String {
        match expand(text, self.env, unset) {
            Ok(text) => text,
            Err(reason) => {
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                self.wrong(&keys, format!("`{}`: {reason}", keys.join(".")));
                text.to_owned()
            }
        }
    }

    fn folder(
        &mut self,
        keys: &[String; 3],
        text: Option<&str>,
        unset: &mut Vec<String>,
    ) -> Option<PathBuf> {
        text.map(|text| PathBuf::from(home(self.text(keys, text, unset), self.env)))
    }

    fn secrets(
        &mut self,
        keys: &[String; 3],
        from: &BTreeMap<String, String>,
        unset: &mut Vec<String>,
    ) -> BTreeMap<String, Secret> {
        from.iter()
            .map(|(name, text)| (name.clone(), secret(text, self.text(keys, text, unset))))
            .collect()
    }

    fn serve(&mut self, file: ServeFile) -> ServeSettings {
        let mut tokens = BTreeMap::new();
        for (name, token) in file.tokens {
            let keys = ["serve", "tokens", name.as_str(), "secret"];
            let mut unset = Vec::new();
            match expand(token.secret.as_deref().unwrap_or(""), self.env, &mut unset) {
                Err(reason) => {
                    self.wrong(&keys, format!("`{}`: {reason}", keys.join(".")));
                }
                // A bearer who cannot be let in costs himself only; an empty token would let everybody in.
                Ok(_) if !unset.is_empty() => {
                    self.odd(
                        &keys,
                        format!(
                            "token `{name}` is left out: variable `{}` is not set",
                            unset[0]
                        ),
                    );
                }
                Ok(value) if value.trim().is_empty() => {
                    self.wrong(&keys, format!("token `{name}` has an empty `secret`"));
                }
                Ok(value) => {
                    let text = token.secret.as_deref().unwrap_or("");
                    let token = TokenConfig {
                        secret: secret(text, value),
                        profile: token.profile,
                    };
                    tokens.insert(name, token);
                }
            }
        }
        ServeSettings {
            address: self.needed(&["serve", "address"], &file.address),
            tokens,
            allowed_origins: file.allowed_origins,
            allowed_hosts: file.allowed_hosts,
            search_share: file.search_share,
        }
    }

    fn model(&mut self, file: ModelFile) -> ModelSettings {
        let endpoint = file
            .endpoint
            .map(|url| self.needed(&["model", "endpoint"], &url));
        let api_key = file.api_key.map(|text| {
            let value = self.needed(&["model", "api_key"], &text);
            secret(&text, value)
        });
        ModelSettings {
            endpoint,
            name: file.name,
            api_key,
            window: file.window,
            places: file.places,
            silence_s: file.silence_s,
            temperature: file.temperature,
            template_arguments: file.template_arguments,
        }
    }

    /// A text whose variables must be set, since no server stands for it.
    fn needed(&mut self, keys: &[&str], text: &str) -> String {
        let mut unset = Vec::new();
        match expand(text, self.env, &mut unset) {
            Err(reason) => {
                self.wrong(keys, format!("`{}`: {reason}", keys.join(".")));
            }
            Ok(_) if !unset.is_empty() => {
                self.wrong(
                    keys,
                    format!(
                        "`{}` needs variable `{}`, which is not set",
                        keys.join("."),
                        unset[0]
                    ),
                )
                .hint = Some(format!("set `{0}`, or write `${{{0}:-default}}`", unset[0]));
            }
            Ok(text) => return text,
        }
        text.to_owned()
    }

    fn needed_path(&mut self, keys: &[&str], path: PathBuf) -> PathBuf {
        let text = path.to_string_lossy().into_owned();
        PathBuf::from(home(self.needed(keys, &text), self.env))
    }
}

fn secret(text: &str, value: String) -> Secret {
    match has_variables(text) {
        true => Secret::referenced(value, reference(text)),
        false => Secret::new(value),
    }
}

/// `~/` at the start stands for the home folder, where one is known.
fn home(path: String, env: &BTreeMap<String, String>) -> String {
    match (path.strip_prefix("~/"), env.get("HOME")) {
        (Some(rest), Some(home)) => format!("{}/{rest}", home.trim_end_matches('/')),
        _ if path == "~" => env.get("HOME").cloned().unwrap_or(path),
        _ => path,
    }
}

fn without_repeats<T: PartialEq>(list: Vec<T>) -> Vec<T> {
    let mut kept: Vec<T> = Vec::with_capacity(list.len());
    for item in list {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}
