//! From flags and surroundings to a running hub: the layers of configuration, the catalogs, the
//! tokenizer, the folders.

use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use toolpool_config::{Config, Loaded, Sources};
use toolpool_registry::TokenCounter;

use crate::caller::{Caller, patterns};
use crate::catalog_file::{self, Offline};
use crate::cli::args::{Global, Talk};
use crate::cli::env::Surroundings;
use crate::cli::records;
use crate::cli::report::Usage;
use crate::cli::signal::Signals;
use crate::cli::ui::Ui;
use crate::event_log::Recorder;
use crate::hub::{Hub, HubOptions};
use crate::journal::{Disk, Redactor, Store};

/// What every command has at hand.
pub(crate) struct Context {
    /// The terminal.
    pub(crate) ui: Ui,
    /// Flags that every command takes.
    pub(crate) global: Global,
    /// Flags of the bare command.
    pub(crate) talk: Talk,
    /// What the process was started in.
    pub(crate) surroundings: Surroundings,
    /// Ctrl-C and its kin.
    pub(crate) signals: Signals,
    /// Where journals are kept.
    pub(crate) disk: Arc<dyn Disk>,
    /// The event log, from the start of a hub on.
    pub(crate) recorder: OnceLock<Recorder>,
}

impl Context {
    /// Where configuration is read from.
    pub(crate) fn sources(&self) -> Sources {
        let user_file = self
            .global
            .config
            .clone()
            .unwrap_or_else(|| self.surroundings.user_file());
        Sources {
            user_file: Some(user_file),
            agents_folder: Some(self.surroundings.agents_folder()),
            project_file: Some(self.surroundings.project_file()),
            env: self.surroundings.for_config(),
            flags: [self.global.set.clone(), self.talk.settings()].concat(),
        }
    }

    /// Reads the configuration, and says what is odd about it.
    ///
    /// # Errors
    /// The configuration's own, and a `--config` file that is not there.
    pub(crate) fn load(&self) -> anyhow::Result<Loaded> {
        if let Some(file) = &self.global.config
            && !file.exists()
        {
            return Err(Usage::new(format!("there is no file `{}`", file.display()))
                .hint("`--config` names a file that exists; `toolpool config init` writes your own")
                .into());
        }
        let loaded = toolpool_config::load(&self.sources())?;
        for warning in &loaded.warnings {
            self.ui.warn(warning);
        }
        Ok(loaded)
    }

    /// Whom one-shot commands and the explorer act for.
    ///
    /// # Errors
    /// A profile that does not exist, a pattern that can't be read.
    pub(crate) fn caller(&self, config: &Config) -> Result<Caller, crate::Error> {
        let deny = patterns(&self.global.deny)?;
        Caller::new(config, "local", self.global.profile.as_deref(), &deny)
    }

    /// Starts the hub. Profile and patterns are checked first, so that nothing starts for a caller
    /// who is refused.
    ///
    /// # Errors
    /// Configuration, catalogs, tokenizer.
    pub(crate) fn start(&self, config: Config) -> anyhow::Result<Arc<Hub>> {
        self.caller(&config)?;
        let settings = config.event_log.clone();
        let folder = self.surroundings.state().join(records::FOLDER);
        let start = || match settings.enabled {
            true => Recorder::start(folder, settings.content),
            false => Recorder::off(),
        };
        let recorder = self.recorder.get_or_init(start).clone();
        let options = HubOptions {
            folder: self.surroundings.folder.clone(),
            cache: Some(self.surroundings.cache()),
            encoder: self.surroundings.encoder_places(&config),
            guard_program: self.surroundings.program.clone(),
            inherit_env: self.surroundings.inherited(),
            counter: counter(&config)?,
            offline: self.offline()?,
            seed: u64::from(std::process::id()),
            store: Some(self.store(&config)),
            recorder,
        };
        Ok(Hub::start(config, options))
    }

    /// The event log; one that nobody writes where there is none.
    pub(crate) fn recorder(&self) -> Recorder {
        self.recorder.get().cloned().unwrap_or_default()
    }

    /// Where sessions are kept. What the configuration was given as a secret is not written there.
    pub(crate) fn store(&self, config: &Config) -> Store {
        Store::new(self.surroundings.state(), self.disk.clone()).with_redactor(Redactor::of(config))
    }

    fn offline(&self) -> anyhow::Result<Offline> {
        let mut all = Offline::new();
        for file in &self.global.catalog {
            for (server, tools) in catalog_file::read(file)? {
                all.entry(server).or_default().extend(tools);
            }
        }
        Ok(all)
    }
}

/// The tokenizer that the configuration names.
///
/// # Errors
/// The file can't be read or is no tokenizer.
pub(crate) fn counter(config: &Config) -> anyhow::Result<TokenCounter> {
    let Some(file) = &config.tokenizer else {
        return Ok(TokenCounter::bundled());
    };
    let name = file.display().to_string();
    let bytes =
        std::fs::read(file).with_context(|| format!("cannot read the tokenizer `{name}`"))?;
    TokenCounter::from_file_bytes(&name, &bytes)
        .with_context(|| format!("cannot use the tokenizer `{name}`"))
}
