//! Reads a model out of a folder, as exports and model hubs lay them out.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde_json::Value;
use toolpool_config::fixed::MODEL_HINT_BYTES_MAX;
use toolpool_registry::embed::{ModelFiles, Pooling};

use super::error::ModelError;
use super::family;
use super::named::NamedModel;

/// Where graphs are, in the order of preference: plain before quantized, because it is the one the others are made of.
const GRAPHS: [&str; 6] = [
    "model.onnx",
    "onnx/model.onnx",
    "model_quantized.onnx",
    "onnx/model_quantized.onnx",
    "model_optimized.onnx",
    "onnx/model_int8.onnx",
];

/// Counts what may still be read.
struct Reader {
    left: u64,
    bytes_max: u64,
}

impl Reader {
    fn new(bytes_max: u64) -> Reader {
        Reader {
            left: bytes_max,
            bytes_max,
        }
    }

    fn read(&mut self, path: &Path) -> Result<Vec<u8>, ModelError> {
        let failed = |source| ModelError::Io {
            doing: "read",
            path: path.to_owned(),
            source,
        };
        let data = path.metadata().map_err(failed)?;
        if !data.is_file() {
            return Err(failed(std::io::Error::new(
                std::io::ErrorKind::InvalidInput,
                "not a file",
            )));
        }
        self.left = self
            .left
            .checked_sub(data.len())
            .ok_or_else(|| ModelError::TooLarge {
                file: path.display().to_string(),
                bytes_max: self.bytes_max,
            })?;
        std::fs::read(path).map_err(failed)
    }
}

/// Reads the model in `path`: a folder, or one graph in it.
pub(super) fn read(path: &Path, bytes_max: u64) -> Result<ModelFiles, ModelError> {
    let (folder, graph) = locate(path)?;
    let mut reader = Reader::new(bytes_max);
    let hints = Hints::of(&folder);
    let name = folder
        .canonicalize()
        .ok()
        .and_then(|f| Some(f.file_name()?.to_string_lossy().into_owned()));
    let name = name.unwrap_or_else(|| "model".to_owned());
    let external = weights_beside(&graph);
    let mut files = assemble(&mut reader, &folder, &graph, &external, name)?;
    files.pooling = hints.pooling;
    (files.query_prefix, files.document_prefix) = (hints.query_prefix, hints.document_prefix);
    Ok(files.with_revision())
}

/// Reads a fetched model, whose files and pooling are known.
pub(super) fn read_named(
    folder: &Path,
    named: &NamedModel,
    bytes_max: u64,
) -> Result<ModelFiles, ModelError> {
    let external: Vec<PathBuf> = named
        .external
        .iter()
        .map(|file| folder.join(file))
        .collect();
    let mut reader = Reader::new(bytes_max);
    let mut files = assemble(
        &mut reader,
        folder,
        &folder.join(&named.graph),
        &external,
        named.name.clone(),
    )?;
    files.pooling = named.pooling();
    let (query, document) = named.prefixes();
    (files.query_prefix, files.document_prefix) = (query.to_owned(), document.to_owned());
    Ok(files.with_revision())
}

fn assemble(
    reader: &mut Reader,
    folder: &Path,
    graph: &Path,
    external: &[PathBuf],
    name: String,
) -> Result<ModelFiles, ModelError> {
    let mut needed = |file: &str| -> Result<Cow<'static, [u8]>, ModelError> {
        let path = folder.join(file);
        if !path.exists() {
            return Err(ModelError::Missing {
                folder: folder.to_owned(),
                file: file.to_owned(),
            });
        }
        reader.read(&path).map(Cow::Owned)
    };
    let tokenizer = needed("tokenizer.json")?;
    let config = needed("config.json")?;
    let tokenizer_config = needed("tokenizer_config.json")?;
    // Newer exports leave it out: what it says stands in `tokenizer.json` too.
    let special_tokens = match needed("special_tokens_map.json") {
        Err(ModelError::Missing { .. }) => Cow::Borrowed(&b"{}"[..]),
        other => other?,
    };
    let onnx = Cow::Owned(reader.read(graph)?);
    let external = external
        .iter()
        .map(|path| {
            // The graph calls its weights by the name beside it.
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            Ok((name, reader.read(path)?))
        })
        .collect::<Result<_, ModelError>>()?;
    Ok(ModelFiles {
        name,
        onnx,
        external,
        tokenizer,
        config,
        special_tokens,
        tokenizer_config,
        pooling: Pooling::Mean,
        query_prefix: String::new(),
        document_prefix: String::new(),
    })
}

/// The model's folder, and the graph in it or below it.
fn locate(path: &Path) -> Result<(PathBuf, PathBuf), ModelError> {
    if path.is_file() {
        let parent = path
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."))
            .to_owned();
        let above = parent
            .parent()
            .map(Path::to_owned)
            .filter(|above| above.join("tokenizer.json").is_file());
        let folder = if parent.join("tokenizer.json").is_file() {
            parent
        } else {
            above.unwrap_or(parent)
        };
        return Ok((folder, path.to_owned()));
    }
    path.read_dir().map_err(|source| ModelError::Io {
        doing: "read the folder",
        path: path.to_owned(),
        source,
    })?;
    let preferred = GRAPHS
        .iter()
        .map(|graph| path.join(graph))
        .find(|graph| graph.is_file());
    let graph = preferred
        .or_else(|| any_graph(path))
        .or_else(|| any_graph(&path.join("onnx")))
        .ok_or_else(|| ModelError::Missing {
            folder: path.to_owned(),
            file: "model.onnx".to_owned(),
        })?;
    Ok((path.to_owned(), graph))
}

/// Any graph of a folder: the first by name, so that the choice does not depend on the file system.
fn any_graph(folder: &Path) -> Option<PathBuf> {
    let entries = folder.read_dir().ok()?.flatten().map(|entry| entry.path());
    entries
        .filter(|path| path.extension().is_some_and(|e| e == "onnx") && path.is_file())
        .min()
}

/// Weights that large exports keep beside the graph: `model.onnx_data`, `model.onnx.data`, numbered or not.
fn weights_beside(graph: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (
        graph.parent(),
        graph.file_name().and_then(|name| name.to_str()),
    ) else {
        return Vec::new();
    };
    let stems = [format!("{name}_data"), format!("{name}.data")];
    let mut found: Vec<PathBuf> = folder
        .read_dir()
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            entry
                .file_name()
                .to_str()
                .is_some_and(|name| stems.iter().any(|stem| name.starts_with(stem)))
        })
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

/// What the folder says about its use, or its name where it says nothing.
struct Hints {
    pooling: Pooling,
    query_prefix: String,
    document_prefix: String,
}

impl Hints {
    fn of(folder: &Path) -> Hints {
        let json = |file: &str| -> Value {
            Reader::new(MODEL_HINT_BYTES_MAX)
                .read(&folder.join(file))
                .ok()
                .and_then(|bytes| serde_json::from_slice(&bytes).ok())
                .unwrap_or_default()
        };
        let path = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let own_name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let trained_as = json("config.json")["_name_or_path"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let names = [own_name, trained_as];

        let first_token = match json("1_Pooling/config.json")["pooling_mode_cls_token"].as_bool() {
            Some(first) => first,
            None => names.iter().any(|name| family::reads_first_token(name)),
        };
        let prompts = json("config_sentence_transformers.json")["prompts"].take();
        let prompt = |keys: &[&str]| {
            keys.iter()
                .find_map(|key| prompts[key].as_str().map(str::to_owned))
        };
        let known = names
            .iter()
            .map(|name| family::prefixes(name))
            .find(|known| *known != ("", ""));
        let (query, document) = known.unwrap_or_default();
        Hints {
            pooling: if first_token {
                Pooling::First
            } else {
                Pooling::Mean
            },
            query_prefix: prompt(&["query", "search_query"]).unwrap_or_else(|| query.to_owned()),
            document_prefix: prompt(&["document", "passage", "search_document"])
                .unwrap_or_else(|| document.to_owned()),
        }
    }
}
