//! The models that `fastembed` knows by name: which files they are, and how their tokens are pooled.
//!
//! Its list is asked at run time, so a newer `fastembed` brings newer names. Its download is not used: it blocks, prints its
//! progress, and reads the environment.

use fastembed::{EmbeddingModel, ModelInfo, TextEmbedding};
use toolpool_registry::embed::Pooling;

use super::error::ModelError;
use super::family;

/// One model that can be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedModel {
    /// The name to configure, such as `MultilingualE5Small`.
    pub name: String,
    /// The repository on the model hub, which names it too. Where several share one, the plainest has it.
    pub repository: String,
    /// What `fastembed` says of it.
    pub description: String,
    /// Numbers in one vector.
    pub dims: usize,
    pub(super) graph: String,
    pub(super) external: Vec<String>,
    pub(super) first_token: bool,
    /// Which of its outputs to read, when that is not the usual one.
    pub(super) own_output: bool,
}

/// The tokenizer's files, which every model has.
pub(super) const TOKENIZER_FILES: [&str; 4] = [
    "tokenizer.json",
    "config.json",
    "special_tokens_map.json",
    "tokenizer_config.json",
];

impl NamedModel {
    fn of(info: ModelInfo<EmbeddingModel>) -> NamedModel {
        let first_token =
            TextEmbedding::get_default_pooling_method(&info.model) == Some(fastembed::Pooling::Cls);
        NamedModel {
            name: format!("{:?}", info.model),
            repository: info.model_code,
            description: info.description,
            dims: info.dim,
            graph: info.model_file,
            external: info.additional_files,
            first_token,
            own_output: info.output_key.is_some(),
        }
    }

    /// Every file of the model, small ones first, so that what is wrong shows early.
    pub(super) fn files(&self) -> Vec<&str> {
        let external = self.external.iter().map(String::as_str);
        TOKENIZER_FILES
            .into_iter()
            .chain([self.graph.as_str()])
            .chain(external)
            .collect()
    }

    pub(super) fn pooling(&self) -> Pooling {
        if self.first_token {
            Pooling::First
        } else {
            Pooling::Mean
        }
    }

    pub(super) fn prefixes(&self) -> (&'static str, &'static str) {
        family::prefixes(&self.repository)
    }
}

/// Every model that can be fetched by name, sorted by name.
#[must_use]
pub fn names() -> Vec<NamedModel> {
    let mut all = all();
    all.retain(|model| !model.own_output);
    all
}

fn all() -> Vec<NamedModel> {
    let mut all: Vec<NamedModel> = TextEmbedding::list_supported_models()
        .into_iter()
        .map(NamedModel::of)
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// The model of that name, of that repository, or of that last part of a repository, whatever the case.
pub(super) fn find(name: &str) -> Option<Result<NamedModel, ModelError>> {
    let all = all();
    let same = |a: &str| a.eq_ignore_ascii_case(name);
    // Shortest name first: of a repository's variants that is the one without suffix, unless it has only quantized ones.
    let by = |matches: &dyn Fn(&NamedModel) -> bool| {
        all.iter()
            .filter(|model| matches(model))
            .min_by_key(|model| model.name.len())
            .cloned()
    };
    let found = by(&|model| same(&model.name))
        .or_else(|| by(&|model| same(&model.repository)))
        .or_else(|| by(&|model| model.repository.rsplit('/').next().is_some_and(same)))?;
    Some(if found.own_output {
        Err(ModelError::Unusable {
            model: found.name,
            reason: "its vectors are in an output of its own name",
        })
    } else {
        Ok(found)
    })
}

/// The names closest to one that is unknown.
pub(super) fn nearest(name: &str) -> Vec<String> {
    let name = name.to_ascii_lowercase();
    let name = name.rsplit('/').next().unwrap_or_default();
    let likeness = |model: &NamedModel| {
        let repository = model.repository.to_ascii_lowercase();
        let last = repository.rsplit('/').next().unwrap_or_default();
        strsim::jaro_winkler(name, &model.name.to_ascii_lowercase())
            .max(strsim::jaro_winkler(name, last))
    };
    let mut all = names();
    all.sort_by(|a, b| {
        likeness(b)
            .total_cmp(&likeness(a))
            .then_with(|| a.name.cmp(&b.name))
    });
    all.into_iter().take(3).map(|model| model.name).collect()
}
