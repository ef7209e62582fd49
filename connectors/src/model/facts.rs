//! What a server says of itself, read: which one it is, which models it has, and how large their windows are.
//!
//! Pure. Told by shape and never by status: LM Studio answers 200 to everything, llama.cpp speaks a little Ollama, and every
//! one of them speaks OpenAI. A window is that of the loaded model; what a model was trained with is none.

use serde_json::Value;

use super::{Dialect, Named};

/// What was answered to the questions that tell servers apart; nothing where the answer was no JSON or none came.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// `/props`, llama.cpp's.
    pub(super) props: Value,
    /// `/v1/models`, everybody's.
    pub(super) models: Value,
    /// `/api/version`, Ollama's.
    pub(super) version: Value,
    /// `/api/tags`, Ollama's models.
    pub(super) tags: Value,
    /// `/api/ps`, Ollama's loaded models.
    pub(super) loaded: Value,
    /// `/api/v1/models`, LM Studio's.
    pub(super) studio: Value,
    /// `/api/v0/models`, that of older LM Studios.
    pub(super) studio_old: Value,
    /// Whether a question was answered with llama.cpp's word for it.
    pub(super) loading: bool,
}

/// The server and its chat models.
pub(super) fn read(answers: &Answers) -> Option<(Dialect, Vec<Named>)> {
    if is_llama(answers) {
        return Some((Dialect::LlamaCpp, llama(answers)));
    }
    if answers.version["version"].is_string() && answers.tags["models"].is_array() {
        return Some((Dialect::Ollama, ollama(&answers.tags, &answers.loaded)));
    }
    if let Some(models) = studio(&answers.studio).or_else(|| studio_old(&answers.studio_old)) {
        return Some((Dialect::LmStudio, models));
    }
    let models = list(&answers.models["data"])?;
    let window = |model: &Value| number(&model["max_model_len"]);
    let vllm = models.iter().any(|model| window(model).is_some());
    let named = models
        .iter()
        .filter(|model| !is_embedding(&model["id"]))
        .filter_map(|model| {
            Some(Named {
                name: text(&model["id"])?,
                loaded: vllm,
                window: window(model).or_else(|| stated(model).map(|(tokens, _)| tokens)),
            })
        })
        .collect();
    Some((if vllm { Dialect::Vllm } else { Dialect::OpenAi }, named))
}

fn is_llama(answers: &Answers) -> bool {
    answers.loading
        || answers.props["default_generation_settings"].is_object()
        || answers.models["data"][0]["owned_by"] == "llamacpp"
}

fn llama(answers: &Answers) -> Vec<Named> {
    let own = llama_window(&answers.props);
    let models = list(&answers.models["data"]).unwrap_or_default();
    let mut named: Vec<Named> = models
        .iter()
        .filter_map(|model| {
            // A router has a status for each; a plain server has the one model that it was started with.
            let status = &model["status"]["value"];
            Some(Named {
                name: text(&model["id"])?,
                loaded: status.is_null() || status == "loaded",
                window: number(&model["meta"]["n_ctx"]).or(own.filter(|_| models.len() == 1)),
            })
        })
        .collect();
    if named.is_empty() && !answers.loading {
        let props = &answers.props;
        named.extend(
            text(&props["model_alias"])
                .or_else(|| text(&props["model_path"]))
                .map(|name| Named {
                    name,
                    loaded: true,
                    window: own,
                }),
        );
    }
    named
}

/// The window of one slot, which is what one request has.
pub(super) fn llama_window(props: &Value) -> Option<u32> {
    number(&props["default_generation_settings"]["n_ctx"])
}

fn ollama(tags: &Value, loaded: &Value) -> Vec<Named> {
    let models = list(&tags["models"]).unwrap_or_default();
    models
        .iter()
        .filter(|model| {
            let can = list(&model["capabilities"]);
            let says_chat = can.is_none_or(|can| can.iter().any(|can| can == "completion"));
            let family = model["details"]["family"].as_str().unwrap_or_default();
            says_chat && !family.contains("bert") && !is_embedding(&model["name"])
        })
        .filter_map(|model| {
            let name = text(&model["name"]).or_else(|| text(&model["model"]))?;
            Some(Named {
                loaded: ollama_running(loaded, &name).is_some(),
                window: ollama_window(loaded, &name),
                name,
            })
        })
        .collect()
}

fn ollama_running<'a>(loaded: &'a Value, name: &str) -> Option<&'a Value> {
    let models = loaded["models"].as_array()?;
    models
        .iter()
        .find(|model| model["name"] == name || model["model"] == name)
}

/// The window with which Ollama has the model loaded.
pub(super) fn ollama_window(loaded: &Value, name: &str) -> Option<u32> {
    number(&ollama_running(loaded, name)?["context_length"])
}

/// The most that Ollama's model was made for.
pub(super) fn ollama_most(show: &Value) -> Option<u32> {
    let info = show["model_info"].as_object()?;
    let architecture = info.get("general.architecture")?.as_str()?;
    number(info.get(&format!("{architecture}.context_length"))?)
}

fn studio(answer: &Value) -> Option<Vec<Named>> {
    let models = list(&answer["models"])?;
    let is_studio = models
        .iter()
        .all(|model| model["key"].is_string() && model["loaded_instances"].is_array());
    is_studio.then(|| {
        models
            .iter()
            .filter(|model| model["type"] == "llm" || model["type"] == "vlm")
            .filter_map(|model| {
                let instance = &model["loaded_instances"][0];
                Some(Named {
                    name: text(&instance["id"]).or_else(|| text(&model["key"]))?,
                    loaded: instance.is_object(),
                    window: number(&instance["config"]["context_length"]),
                })
            })
            .collect()
    })
}

fn studio_old(answer: &Value) -> Option<Vec<Named>> {
    let models = list(&answer["data"])?;
    models
        .iter()
        .all(|model| model["state"].is_string())
        .then(|| {
            models
                .iter()
                .filter(|model| model["type"] == "llm" || model["type"] == "vlm")
                .filter_map(|model| {
                    let loaded = model["state"] == "loaded";
                    Some(Named {
                        name: text(&model["id"])?,
                        loaded,
                        window: number(&model["loaded_context_length"]).filter(|_| loaded),
                    })
                })
                .collect()
        })
}

/// The window that an unknown server's list names for a model, and the field.
pub(super) fn stated(model: &Value) -> Option<(u32, &'static str)> {
    ["context_window", "context_length", "max_context_length"]
        .into_iter()
        .find_map(|field| Some((number(&model[field])?, field)))
}

/// The model of that name in the list of `/v1/models`.
pub(super) fn listed<'a>(models: &'a Value, name: &str) -> Option<&'a Value> {
    let models = models["data"].as_array()?;
    models.iter().find(|model| model["id"] == name)
}

/// The model that a person means: by its name, without the tag `latest`, or by the last part of a path; the loaded or the
/// first one where no name is given.
pub(super) fn choose<'a>(models: &'a [Named], name: Option<&str>) -> Option<&'a Named> {
    let Some(name) = name else {
        return models
            .iter()
            .find(|model| model.loaded)
            .or_else(|| models.first());
    };
    let alike = |model: &&Named| {
        let last = model.name.rsplit('/').next().unwrap_or_default();
        model.name.strip_suffix(":latest") == Some(name)
            || last == name
            || last.strip_suffix(".gguf") == Some(name)
            || model.name.eq_ignore_ascii_case(name)
    };
    models
        .iter()
        .find(|model| model.name == name)
        .or_else(|| models.iter().find(alike))
}

fn is_embedding(name: &Value) -> bool {
    name.as_str()
        .is_some_and(|name| name.to_lowercase().contains("embed"))
}

fn list(value: &Value) -> Option<&[Value]> {
    value.as_array().map(Vec::as_slice)
}

fn text(value: &Value) -> Option<String> {
    value
        .as_str()
        .filter(|text| !text.is_empty())
        .map(Into::into)
}

/// A number of tokens; a server that says 0 does not know.
pub(super) fn number(value: &Value) -> Option<u32> {
    value
        .as_u64()
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(name: &str, loaded: bool, window: Option<u32>) -> Named {
        Named {
            name: name.into(),
            loaded,
            window,
        }
    }

    #[test]
    fn each_server_is_told_by_its_shape() {
        let llama_models = json!({"data": [{"id": "q.gguf", "owned_by": "llamacpp", "meta": {"n_ctx": 8192, "n_ctx_train": 32768}}]});
        let tags = json!({"models": [
            {"name": "nomic-embed-text:latest", "details": {"family": "nomic-bert"}},
            {"name": "qwen3:8b", "details": {"family": "qwen3"}},
            {"name": "other:latest"},
        ]});
        for (name, answers, expected) in [
            (
                "llama.cpp",
                Answers {
                    props: json!({"default_generation_settings": {"n_ctx": 8192}}),
                    models: llama_models,
                    tags: json!({"models": []}),
                    ..Answers::default()
                },
                Some((Dialect::LlamaCpp, vec![named("q.gguf", true, Some(8_192))])),
            ),
            (
                "llama.cpp of before `meta.n_ctx`",
                Answers {
                    props: json!({"default_generation_settings": {"n_ctx": 4096}, "model_path": "/m/q.gguf"}),
                    ..Answers::default()
                },
                Some((
                    Dialect::LlamaCpp,
                    vec![named("/m/q.gguf", true, Some(4_096))],
                )),
            ),
            (
                "llama.cpp as it loads",
                Answers {
                    loading: true,
                    ..Answers::default()
                },
                Some((Dialect::LlamaCpp, vec![])),
            ),
            (
                "llama.cpp as a router",
                Answers {
                    models: json!({"data": [
                        {"id": "a", "owned_by": "llamacpp", "status": {"value": "unloaded"}},
                        {"id": "b", "owned_by": "llamacpp", "status": {"value": "loaded"}},
                    ]}),
                    ..Answers::default()
                },
                Some((
                    Dialect::LlamaCpp,
                    vec![named("a", false, None), named("b", true, None)],
                )),
            ),
            (
                "Ollama",
                Answers {
                    version: json!({"version": "0.14.0"}),
                    tags,
                    loaded: json!({"models": [{"name": "qwen3:8b", "context_length": 4096}]}),
                    models: json!({"data": [{"id": "qwen3:8b", "owned_by": "library"}]}),
                    ..Answers::default()
                },
                Some((
                    Dialect::Ollama,
                    vec![
                        named("qwen3:8b", true, Some(4_096)),
                        named("other:latest", false, None),
                    ],
                )),
            ),
            (
                "LM Studio",
                Answers {
                    studio: json!({"models": [
                        {"type": "embedding", "key": "e", "loaded_instances": []},
                        {"type": "llm", "key": "p/q", "max_context_length": 131072, "loaded_instances": []},
                        {"type": "llm", "key": "q", "max_context_length": 131072, "loaded_instances": [{"id": "q:2", "config": {"context_length": 4096}}]},
                    ]}),
                    props: json!({"error": "Unexpected endpoint or method. (GET /props). Returning 200 anyway"}),
                    ..Answers::default()
                },
                Some((
                    Dialect::LmStudio,
                    vec![named("p/q", false, None), named("q:2", true, Some(4_096))],
                )),
            ),
            (
                "older LM Studio",
                Answers {
                    studio: json!({"error": "Unexpected endpoint"}),
                    studio_old: json!({"data": [{"id": "q", "type": "llm", "state": "loaded", "max_context_length": 131072, "loaded_context_length": 4096}]}),
                    models: json!({"data": [{"id": "q"}]}),
                    ..Answers::default()
                },
                Some((Dialect::LmStudio, vec![named("q", true, Some(4_096))])),
            ),
            (
                "vLLM",
                Answers {
                    models: json!({"data": [{"id": "q", "owned_by": "vllm", "max_model_len": 32768}]}),
                    version: json!({"version": "0.11.0"}),
                    ..Answers::default()
                },
                Some((Dialect::Vllm, vec![named("q", true, Some(32_768))])),
            ),
            (
                "another",
                Answers {
                    models: json!({"data": [{"id": "text-embedding-3"}, {"id": "q", "context_length": 0}]}),
                    ..Answers::default()
                },
                Some((Dialect::OpenAi, vec![named("q", false, None)])),
            ),
            (
                "no model server",
                Answers {
                    models: json!({"error": "not found"}),
                    ..Answers::default()
                },
                None,
            ),
        ] {
            assert_eq!(read(&answers), expected, "{name}");
        }
    }

    #[test]
    fn a_model_is_chosen_as_people_name_it() {
        let models = [
            named("first", false, None),
            named("/m/Qwen3-8B.gguf", true, None),
            named("qwen3:latest", false, None),
        ];
        for (name, expected) in [
            (None, Some(1)),
            (Some("first"), Some(0)),
            (Some("Qwen3-8B.gguf"), Some(1)),
            (Some("Qwen3-8B"), Some(1)),
            (Some("qwen3"), Some(2)),
            (Some("FIRST"), Some(0)),
            (Some("qwen"), None),
        ] {
            assert_eq!(
                choose(&models, name),
                expected.map(|at: usize| &models[at]),
                "{name:?}"
            );
        }
        assert_eq!(
            choose(&models[..1], None),
            Some(&models[0]),
            "the first where none is loaded"
        );
    }

    #[test]
    fn ollama_s_most_is_the_architecture_s() {
        let show =
            json!({"model_info": {"general.architecture": "qwen3", "qwen3.context_length": 40960}});
        assert_eq!(ollama_most(&show), Some(40_960));
        assert_eq!(ollama_most(&json!({})), None);
    }
}
