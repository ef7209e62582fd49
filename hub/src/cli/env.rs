//! The one place where the process's surroundings are read: environment variables, standard folders,
//! our own program. Everything else is handed what it needs.
//!
//! Every variable that means something to toolpool is a constant here; settings have one more way in,
//! [`SETTINGS`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toolpool_config::Config;
use toolpool_connectors::model_files::{DEFAULT_HUB, ModelPlaces};
use toolpool_connectors::runtime::{RuntimePlaces, system_folders};

use crate::encoder::EncoderPlaces;

/// Path of your configuration file, in place of the one in the standard folder.
pub(crate) const CONFIG: &str = "TOOLPOOL_CONFIG";
/// What variables that hold settings begin with: `TOOLPOOL_POOL__TOOLS_MAX=8`.
pub(crate) const SETTINGS: &str = "TOOLPOOL_";
/// The ONNX Runtime library, as `ort` and its users know it.
pub(crate) const ORT_DYLIB_PATH: &str = "ORT_DYLIB_PATH";
/// A mirror of the model hub, as its own programs know it.
pub(crate) const HF_ENDPOINT: &str = "HF_ENDPOINT";
/// Set to anything but nothing: no colours.
pub(crate) const NO_COLOR: &str = "NO_COLOR";
/// Your home folder.
pub(crate) const HOME: &str = "HOME";
/// Where configuration is kept, else `~/.config`.
pub(crate) const XDG_CONFIG_HOME: &str = "XDG_CONFIG_HOME";
/// Where caches are kept, else `~/.cache`.
pub(crate) const XDG_CACHE_HOME: &str = "XDG_CACHE_HOME";
/// Where history is kept, else `~/.local/state`.
pub(crate) const XDG_STATE_HOME: &str = "XDG_STATE_HOME";
/// `dumb`: a terminal without colours and bars.
pub(crate) const TERM: &str = "TERM";
/// The locale, strongest first; one that names another encoding than UTF-8 gets plain characters.
pub(crate) const LOCALE: [&str; 3] = ["LC_ALL", "LC_CTYPE", "LANG"];

/// Our configuration file in a project's folder.
pub(crate) const PROJECT_FILE: &str = ".toolpool.toml";

/// Variables that servers are started with, by name or by their beginning (`*`). Everything else of
/// your environment stays with you: a server gets what programs need to run, find their packages and
/// reach the network; secrets it gets by name, in its `env`.
const INHERITED: [&str; 39] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "TERM",
    "COLORTERM",
    "TMPDIR",
    "XDG_*",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "NPM_*",
    "npm_config_*",
    "NODE_EXTRA_CA_CERTS",
    "NVM_*",
    "VOLTA_HOME",
    "FNM_*",
    "PIP_*",
    "UV_*",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "DENO_*",
    "BUN_INSTALL",
    "SSL_CERT_*",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
];

/// What the process was started in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    /// The environment; names and values that are not Unicode are left out.
    pub(crate) env: BTreeMap<String, String>,
    /// The working folder.
    pub(crate) folder: PathBuf,
    /// Our own program.
    pub(crate) program: Option<PathBuf>,
}

impl Surroundings {
    /// Reads them from the process.
    pub(crate) fn read() -> std::io::Result<Surroundings> {
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Ok(Surroundings {
            env,
            folder: std::env::current_dir()?,
            program: std::env::current_exe().ok(),
        })
    }

    /// A variable that is set and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.env
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The home folder; the working folder where there is none.
    pub(crate) fn home(&self) -> PathBuf {
        self.get(HOME)
            .map_or_else(|| self.folder.clone(), PathBuf::from)
    }

    /// A standard folder of ours. Relative paths in the variable are invalid and ignored, as the
    /// XDG specification says.
    fn standard(&self, variable: &str, below_home: &str) -> PathBuf {
        let base = self
            .get(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute());
        base.unwrap_or_else(|| self.home().join(below_home))
            .join("toolpool")
    }

    /// The person's file.
    pub(crate) fn user_file(&self) -> PathBuf {
        match self.get(CONFIG) {
            Some(file) => PathBuf::from(file),
            None => self
                .standard(XDG_CONFIG_HOME, ".config")
                .join("config.toml"),
        }
    }

    /// The person's folder of agent types.
    pub(crate) fn agents_folder(&self) -> PathBuf {
        self.standard(XDG_CONFIG_HOME, ".config").join("agents")
    }

    /// The file of the working folder.
    pub(crate) fn project_file(&self) -> PathBuf {
        self.folder.join(PROJECT_FILE)
    }

    /// Caches: all of it can be removed at any time.
    pub(crate) fn cache(&self) -> PathBuf {
        self.standard(XDG_CACHE_HOME, ".cache")
    }

    /// Sessions, and the lines typed at prompts.
    pub(crate) fn state(&self) -> PathBuf {
        self.standard(XDG_STATE_HOME, ".local/state")
    }

    /// The environment as the configuration reads it: settings, and whatever `${VAR}` names. Our own
    /// switches are no settings.
    pub(crate) fn for_config(&self) -> BTreeMap<String, String> {
        let mut env = self.env.clone();
        env.remove(CONFIG);
        env
    }

    /// The environment of servers.
    pub(crate) fn inherited(&self) -> BTreeMap<String, String> {
        let passes = |name: &str| {
            INHERITED.iter().any(|rule| match rule.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == *rule,
            })
        };
        self.env
            .iter()
            .filter(|(name, _)| passes(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// Where the encoder's parts may be.
    pub(crate) fn encoder_places(&self, config: &Config) -> EncoderPlaces {
        let limit = Duration::from_millis(config.limits.fetch_timeout_ms);
        let exe_dir = self
            .program
            .as_deref()
            .and_then(Path::parent)
            .map(Path::to_owned);
        EncoderPlaces {
            runtime: RuntimePlaces {
                configured: config.embedding.runtime.clone(),
                env: self.get(ORT_DYLIB_PATH).map(PathBuf::from),
                exe_dir,
                system: system_folders(),
                cache_dir: self.cache(),
            },
            models: ModelPlaces {
                cache_dir: self.cache(),
                hub: self.get(HF_ENDPOINT).unwrap_or(DEFAULT_HUB).to_owned(),
                may_fetch: config.embedding.fetch,
                bytes_max: config.limits.model_bytes_max,
                limit,
            },
            fetch_limit: limit,
        }
    }

    /// Whether this is a place for block characters.
    pub(crate) fn unicode(&self) -> bool {
        let locale = LOCALE.iter().find_map(|name| self.get(name));
        let utf8 = locale.is_none_or(|locale| {
            let plain = locale.to_ascii_lowercase().replace('-', "");
            plain.contains("utf8")
        });
        utf8 && self.get(TERM) != Some("dumb")
    }
}

#[cfg(test)]
mod tests;
