//! The encoder in ONNX Runtime, through `fastembed`. Each text is a run of its own: dynamic int8 scales over the whole
//! tensor, so a text's neighbours in a batch would change its vector. Requests have a session apart from that of indexing,
//! so that a request never waits for a text of a new catalog; it uses two threads, since half of all requests are a single
//! text. Indexing has one, which leaves a core to everything else, and is loaded when there is something to index: a start
//! whose vectors are all cached does without its forty megabytes. (Tried: two sessions of one thread each for requests;
//! better for requests of many clauses, slower for the middle one, and half as much memory again.)

use std::num::NonZero;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use fastembed::{
    InitOptionsUserDefined, QuantizationMode, TextEmbedding, TokenizerFiles,
    UserDefinedEmbeddingModel,
};
use ort::environment::Environment;
use toolpool_config::fixed::ENCODER_TOKENS_MAX;

use super::{Embedder, ModelFiles, Pooling};
use crate::Error;

/// Threads of a request's run; more gain nothing on texts this short.
const QUERY_THREADS: usize = 2;

/// ONNX Runtime allows one environment in a process, and one library: the first that loads stays. A lock and not a
/// `OnceLock`, because loading can fail and be tried again with another library; held only while loading.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// A loaded model: what requests use, and what indexing uses.
#[derive(Clone)]
pub struct Encoder {
    query: Arc<dyn Embedder>,
    index: Arc<dyn Embedder>,
}

impl Encoder {
    /// Loads ONNX Runtime alone, so that another library can be tried where this one is too old or broken.
    ///
    /// # Errors
    /// [`Error::Runtime`] when there is no usable library at that path and none is loaded yet.
    pub fn load_runtime(library: &Path) -> Result<(), Error> {
        environment(library).map(drop)
    }

    /// Loads ONNX Runtime from `library` and `files` into it. A process has one library: once one is loaded, later calls use it
    /// whatever path they give.
    ///
    /// # Errors
    /// [`Error::Runtime`] when there is no usable library at that path, [`Error::Model`] when it refuses the model.
    pub fn load(library: &Path, files: ModelFiles) -> Result<Encoder, Error> {
        let environment = environment(library)?;
        let files = Arc::new(files);
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let session = |prefix: &str, threads, dims| Session {
            dims,
            files: files.clone(),
            environment: environment.clone(),
            prefix: prefix.to_owned(),
            threads,
            loaded: Mutex::new(None),
        };
        let mut query = session(&files.query_prefix, cores.min(QUERY_THREADS), 0);
        query.dims = query.embed("dimensions")?.len();
        let index = session(&files.document_prefix, 1, query.dims);
        Ok(Encoder {
            query: Arc::new(query),
            index: Arc::new(index),
        })
    }

    /// For requests.
    #[must_use]
    pub fn query(&self) -> &dyn Embedder {
        &*self.query
    }

    /// For the texts of tools.
    #[must_use]
    pub fn index(&self) -> &dyn Embedder {
        &*self.index
    }

    /// Names the model and its revision.
    #[must_use]
    pub fn model(&self) -> &str {
        self.query.model()
    }

    /// Entries of a vector.
    #[must_use]
    pub fn dims(&self) -> usize {
        self.query.dims()
    }
}

fn environment(library: &Path) -> Result<Environment, Error> {
    let fail = |source| Error::Runtime {
        library: library.to_path_buf(),
        source,
    };
    let mut loaded = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*loaded {
        return Ok(environment.clone());
    }
    // A relative path would be looked for beside the executable first, and a bare name wherever the loader likes.
    let absolute = std::path::absolute(library).map_err(|e| fail(e.into()))?;
    let environment = ort::init_from(&absolute)
        .map_err(|e| fail(e.into()))?
        .with_telemetry(false)
        .build()
        .map_err(|e| fail(e.into()))?;
    environment.set_log_level(ort::logging::LogLevel::Error);
    // A run has one text: handing it to a thread pool to be split into words takes longer than splitting it.
    tokenizers::utils::parallelism::set_parallelism(false);
    Ok(loaded.insert(environment).clone())
}

/// A session, made when it is first used.
struct Session {
    files: Arc<ModelFiles>,
    environment: Environment,
    dims: usize,
    prefix: String,
    threads: usize,
    /// A lock, because a session takes one text at a time; held for that text.
    loaded: Mutex<Option<TextEmbedding>>,
}

impl Embedder for Session {
    fn model(&self) -> &str {
        &self.files.name
    }

    fn dims(&self) -> usize {
        self.dims
    }

    fn embed(&self, text: &str) -> Result<Vec<f32>, Error> {
        let prefixed;
        let text = if self.prefix.is_empty() {
            text
        } else {
            prefixed = format!("{}{text}", self.prefix);
            &prefixed
        };
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let session = match &mut *loaded {
            Some(session) => session,
            none => none.insert(load(&self.environment, &self.files, self.threads)?),
        };
        let fail = |source| Error::Embed {
            model: self.files.name.clone(),
            source,
        };
        let mut vectors = session.embed([text], None).map_err(|e| fail(e.into()))?;
        vectors
            .pop()
            .ok_or_else(|| fail("the model gave no vector".into()))
    }
}

fn load(
    environment: &Environment,
    files: &ModelFiles,
    threads: usize,
) -> Result<TextEmbedding, Error> {
    let tokenizer = TokenizerFiles {
        tokenizer_file: files.tokenizer.to_vec(),
        config_file: files.config.to_vec(),
        special_tokens_map_file: files.special_tokens.to_vec(),
        tokenizer_config_file: files.tokenizer_config.to_vec(),
    };
    let pooling = match files.pooling {
        Pooling::Mean => fastembed::Pooling::Mean,
        Pooling::First => fastembed::Pooling::Cls,
    };
    let mut model = UserDefinedEmbeddingModel::new(files.onnx.to_vec(), tokenizer)
        .with_pooling(pooling)
        .with_quantization(QuantizationMode::Dynamic);
    for (name, bytes) in &files.external {
        model = model.with_external_initializer(name.clone(), bytes.clone());
    }
    let options = InitOptionsUserDefined::new()
        .with_environment(environment.clone())
        .with_max_length(ENCODER_TOKENS_MAX)
        .with_intra_threads(threads)
        // Else the weights lie in an arena that grows by doubling.
        .with_session_config("session.use_device_allocator_for_initializers", "1");
    TextEmbedding::try_new_from_user_defined(model, options).map_err(|e| Error::Model {
        model: files.name.clone(),
        source: e.into(),
    })
}
