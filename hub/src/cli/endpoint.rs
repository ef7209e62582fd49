//! Which model is talked to: flags before configuration before what is found on the usual ports. Says which one on
//! which server, with what window and how that is known, since a wrong guess here is paid for in every turn.
//!
//! A server that was named and does not answer is an error where a flag named it, and otherwise a warning: the person
//! may want to look at the tools all the same.

use toolpool_config::Config;
use toolpool_connectors::model::{
    About, Counts, Dialect, Found, ModelError, Options, SharedModel, WindowSource, connect,
    discover,
};
use toolpool_registry::TokenCounter;

use crate::cli::report::Usage;
use crate::cli::start::Context;
use crate::cli::ui::{Look, Ui};
use crate::cli::words::{number, one_line};
use crate::error::list;

/// Models of one server that are named where one is to be chosen.
const NAMED_MAX: usize = 6;

/// A model, and what is to be said about how it was chosen.
pub(crate) struct Chosen {
    /// The model.
    pub(crate) model: SharedModel,
    /// Why this one, where there were others.
    pub(crate) because: Option<String>,
}

/// Finds the model; none where no server answers and none was named by a flag.
///
/// # Errors
/// A server or a model that was named by a flag is not there, or can't be used.
pub(crate) async fn find(
    context: &Context,
    config: &Config,
    counter: &TokenCounter,
) -> anyhow::Result<Option<Chosen>> {
    let settings = &config.model;
    let named = context.talk.endpoint.is_some() || context.talk.model.is_some();
    if let Some(url) = &settings.endpoint {
        let connecting = connect(
            url,
            settings.name.as_deref(),
            Options::new(settings, counter.clone()),
        );
        return match context.signals.unless_stopped(connecting).await? {
            Ok(model) => Ok(Some(Chosen {
                model,
                because: None,
            })),
            Err(error) if named => Err(error.into()),
            Err(error) => {
                context.ui.warn(&one_line(&error.to_string()));
                if let Some(hint) = error.hint() {
                    context.ui.hint(&hint);
                }
                Ok(None)
            }
        };
    }
    let options_now = Options::new(settings, counter.clone());
    let looking = discover(&settings.places, &options_now);
    let found = context.signals.unless_stopped(looking).await?;
    let Some(picked) = pick(&found, settings.name.as_deref())? else {
        return if named {
            Err(nothing_answers(&settings.places).into())
        } else {
            Ok(None)
        };
    };
    let connecting = connect(
        picked.url,
        picked.name,
        Options::new(settings, counter.clone()),
    );
    match context.signals.unless_stopped(connecting).await? {
        Ok(model) => Ok(Some(Chosen {
            model,
            because: picked.because,
        })),
        Err(error) if named => Err(error.into()),
        Err(error) => {
            context.ui.warn(&one_line(&error.to_string()));
            Ok(None)
        }
    }
}

/// Nothing was found where a model was asked for.
pub(crate) fn nothing_answers(places: &[String]) -> Usage {
    let what = match places {
        [] => "no model server was named, and `model.places` names none".to_owned(),
        places => format!("no model server answers at {}", list(places)),
    };
    Usage::new(what)
        .hint("start one (`ollama serve`, `llama-server -m MODEL.gguf --jinja`), or name it with `--endpoint URL`")
}

#[derive(Debug, PartialEq, Eq)]
struct Picked<'a> {
    url: &'a str,
    name: Option<&'a str>,
    because: Option<String>,
}

/// The first place that answers, or the first one that has the model of that name.
fn pick<'a>(found: &'a [Found], name: Option<&'a str>) -> Result<Option<Picked<'a>>, ModelError> {
    let Some(first) = found.first() else {
        return Ok(None);
    };
    let Some(name) = name else {
        let others: Vec<String> = found[1..].iter().map(place).collect();
        let because = (!others.is_empty()).then(|| {
            format!(
                "the first of `model.places` that answers; `--endpoint URL` chooses another: {}",
                others.join(", ")
            )
        });
        return Ok(Some(Picked {
            url: &first.url,
            name: None,
            because,
        }));
    };
    let has = |server: &&Found| server.models.iter().any(|model| model.name == name);
    match found.iter().find(has) {
        Some(server) => Ok(Some(Picked {
            url: &server.url,
            name: Some(name),
            because: None,
        })),
        // A server may take a name that it does not list (llama.cpp takes any): the one place there is gets to say.
        None if found.len() == 1 => Ok(Some(Picked {
            url: &first.url,
            name: Some(name),
            because: None,
        })),
        None => Err(ModelError::NoModel {
            url: found
                .iter()
                .map(|server| server.url.as_str())
                .collect::<Vec<_>>()
                .join(", "),
            model: name.to_owned(),
            known: found
                .iter()
                .flat_map(|server| &server.models)
                .map(|model| model.name.clone())
                .collect(),
        }),
    }
}

/// `http://127.0.0.1:11434 (Ollama: qwen3:8b, llama3.2)`.
fn place(server: &Found) -> String {
    let mut names: Vec<String> = server
        .models
        .iter()
        .take(NAMED_MAX)
        .map(|model| one_line(&model.name))
        .collect();
    if server.models.len() > NAMED_MAX {
        names.push("...".into());
    }
    let names = if names.is_empty() {
        String::new()
    } else {
        format!(": {}", names.join(", "))
    };
    format!("{} ({}{names})", server.url, server.dialect)
}

/// The model in one line: `qwen3:8b · Ollama at http://127.0.0.1:11434 · window 32,768 by /api/ps · tokens counted by it`.
pub(crate) fn line(about: &About, look: &Look) -> String {
    let known = match &about.window.source {
        WindowSource::Server { field } => format!(" by {}", one_line(field)),
        WindowSource::Person => " as you set it".into(),
        WindowSource::Assumed { .. } => " assumed".into(),
    };
    let counts = match about.counts {
        Counts::Exact => "tokens counted by the server",
        Counts::Calibrated => "tokens estimated, never under",
    };
    let at = match about.dialect {
        Dialect::OpenAi => about.url.clone(),
        dialect => format!("{dialect} at {}", about.url),
    };
    format!(
        "{} {dot} {at} {dot} window {}{known} {dot} {counts}",
        one_line(&about.model),
        number(u64::from(about.window.tokens)),
        dot = look.dot()
    )
}

/// What is to be seen before the first request: that the window is a guess.
pub(crate) fn warning(about: &About) -> Option<String> {
    let WindowSource::Assumed { why } = &about.window.source else {
        return None;
    };
    Some(format!(
        "the window of `{}` is not known ({}): {} tokens are assumed; say what it is with `--window TOKENS`",
        one_line(&about.model),
        one_line(why),
        number(u64::from(about.window.tokens)),
    ))
}

/// Tells the model that was chosen on stderr, for a run that has no greeting.
pub(crate) fn tell(ui: &Ui, chosen: &Chosen) {
    let about = chosen.model.about();
    ui.say(
        &ui.err
            .paint(crate::cli::ui::Style::Dim, &line(about, &ui.err)),
    );
    if let Some(because) = &chosen.because {
        ui.say(&ui.err.paint(crate::cli::ui::Style::Dim, because));
    }
    if let Some(warning) = warning(about) {
        ui.warn(&warning);
    }
}

/// How to get a model, in two lines.
pub(crate) const HOW_TO: &str = "\
No model server was found, so this is the pool explorer. To talk to a model, start one and come back:
`ollama serve` and `ollama pull qwen3:4b`, or `llama-server -hf Qwen/Qwen3-4B-GGUF --jinja -c 16384`.
";

/// The same for a run that printed a pool in place of an answer.
pub(crate) const HOW_TO_LINE: &str = "no model server was found, so this is the pool only; start one \
(`ollama serve`, `llama-server -m MODEL.gguf --jinja`) or name one with `--endpoint URL` to get an answer";

#[cfg(test)]
mod tests {
    use super::*;
    use toolpool_connectors::model::Named;
    use toolpool_connectors::model::Window;

    fn found(url: &str, dialect: Dialect, models: &[&str]) -> Found {
        Found {
            url: url.into(),
            dialect,
            models: models
                .iter()
                .map(|name| Named {
                    name: (*name).into(),
                    loaded: false,
                    window: None,
                })
                .collect(),
        }
    }

    #[test]
    fn the_first_place_wins_and_says_so() {
        let all = [
            found("http://a", Dialect::LlamaCpp, &["one"]),
            found("http://b", Dialect::Ollama, &["two", "three"]),
            found("http://c", Dialect::Vllm, &[]),
        ];
        let picked = |found: &[Found], name: Option<&str>| {
            pick(found, name)
                .map(|picked| picked.map(|picked| (picked.url.to_owned(), picked.because)))
                .map_err(|error| error.to_string())
        };
        let others = "the first of `model.places` that answers; `--endpoint URL` chooses another: \
                      http://b (Ollama: two, three), http://c (vLLM)";
        for (found, name, wanted) in [
            (&all[..0], None, Ok(None)),
            (&all[..1], None, Ok(Some(("http://a".into(), None)))),
            (
                &all[..],
                None,
                Ok(Some(("http://a".into(), Some(others.into())))),
            ),
            (&all[..], Some("three"), Ok(Some(("http://b".into(), None)))),
            (&all[..1], Some("any"), Ok(Some(("http://a".into(), None)))),
            (
                &all[..],
                Some("four"),
                Err("the server at `http://a, http://b, http://c` has no model `four`".into()),
            ),
        ] {
            assert_eq!(picked(found, name), wanted, "{name:?}");
        }
    }

    fn about(source: WindowSource, counts: Counts) -> About {
        About {
            dialect: Dialect::Ollama,
            url: "http://127.0.0.1:11434".into(),
            model: "qwen3:8b".into(),
            window: Window {
                tokens: 32_768,
                source,
            },
            counts,
            template: None,
        }
    }

    #[test]
    fn the_line_says_how_the_window_is_known() {
        let look = Look {
            width: 80,
            color: false,
            unicode: true,
        };
        let server = WindowSource::Server {
            field: "/api/ps context_length".into(),
        };
        let assumed = WindowSource::Assumed {
            why: "it does not say".into(),
        };
        for (source, counts, wanted) in [
            (
                server,
                Counts::Exact,
                "qwen3:8b · Ollama at http://127.0.0.1:11434 · window 32,768 by /api/ps context_length · tokens counted by the server",
            ),
            (
                WindowSource::Person,
                Counts::Calibrated,
                "qwen3:8b · Ollama at http://127.0.0.1:11434 · window 32,768 as you set it · tokens estimated, never under",
            ),
            (
                assumed.clone(),
                Counts::Calibrated,
                "qwen3:8b · Ollama at http://127.0.0.1:11434 · window 32,768 assumed · tokens estimated, never under",
            ),
        ] {
            assert_eq!(line(&about(source, counts), &look), wanted);
        }
        assert_eq!(
            warning(&about(assumed, Counts::Calibrated)).as_deref(),
            Some(
                "the window of `qwen3:8b` is not known (it does not say): 32,768 tokens are assumed; \
                 say what it is with `--window TOKENS`"
            )
        );
        assert_eq!(warning(&about(WindowSource::Person, Counts::Exact)), None);
    }
}
