//! The encoder in ONNX Runtime, through `fastembed`. Each text is a run of its own: dynamic int8 scales over the whole
//! tensor, so a text's neighbours in a batch would change its vector. What runs side by side are sessions of one thread
//! each, which gain more on two cores than one session of two threads does. Requests have sessions apart from those of
//! indexing, so that a request never waits for a text of a new catalog.

use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fastembed::{
    InitOptionsUserDefined, QuantizationMode, TextEmbedding, TokenizerFiles,
    UserDefinedEmbeddingModel,
};
use ort::environment::Environment;

use super::{Embedder, ModelFiles, Pooling};
use crate::Error;

/// Tokens of a text that are read; what the built-in model was trained on.
const TOKENS_MAX: usize = 256;

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
    /// Loads ONNX Runtime from `library` and `files` into it. A process has one library: once one is loaded, later calls use it
    /// whatever path they give.
    ///
    /// # Errors
    /// [`Error::Runtime`] when there is no usable library at that path, [`Error::Model`] when it refuses the model.
    pub fn load(library: &Path, files: ModelFiles) -> Result<Encoder, Error> {
        let environment = environment(library)?;
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let query = Sessions::load(&environment, &files, &files.query_prefix, cores.min(2))?;
        let index = Sessions::load(&environment, &files, &files.document_prefix, cores.min(2))?;
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
    Ok(loaded.insert(environment).clone())
}

/// Sessions of one model that take texts side by side.
struct Sessions {
    model: String,
    dims: usize,
    prefix: String,
    /// A lock each, because a session takes one text at a time; held for that text, never across another lock.
    sessions: Vec<Mutex<TextEmbedding>>,
    /// Which session the next single text tries first.
    next: AtomicUsize,
}

impl Sessions {
    fn load(
        environment: &Environment,
        files: &ModelFiles,
        prefix: &str,
        count: usize,
    ) -> Result<Sessions, Error> {
        let sessions = (0..count)
            .map(|_| session(environment, files).map(Mutex::new))
            .collect::<Result<_, _>>()?;
        let mut made = Sessions {
            model: files.name.clone(),
            dims: 0,
            prefix: prefix.to_owned(),
            sessions,
            next: AtomicUsize::new(0),
        };
        made.dims = made.embed("dimensions")?.len();
        Ok(made)
    }

    fn run(&self, session: &Mutex<TextEmbedding>, text: &str) -> Result<Vec<f32>, Error> {
        let prefixed;
        let text = if self.prefix.is_empty() {
            text
        } else {
            prefixed = format!("{}{text}", self.prefix);
            &prefixed
        };
        let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
        let fail = |source| Error::Embed {
            model: self.model.clone(),
            source,
        };
        let mut vectors = session.embed([text], None).map_err(|e| fail(e.into()))?;
        vectors
            .pop()
            .ok_or_else(|| fail("the model gave no vector".into()))
    }
}

impl Embedder for Sessions {
    fn model(&self) -> &str {
        &self.model
    }

    fn dims(&self) -> usize {
        self.dims
    }

    fn embed(&self, text: &str) -> Result<Vec<f32>, Error> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        self.run(&self.sessions[first % self.sessions.len()], text)
    }

    fn embed_all(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
        // Longest first, so that no session is left with a long text when the others are done.
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(texts[at].len()));
        let next = AtomicUsize::new(0);
        let work = |session: &Mutex<TextEmbedding>| {
            let mut done = Vec::new();
            while let Some(&at) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                done.push((at, self.run(session, texts[at])));
            }
            done
        };
        let workers = self.sessions.len().min(texts.len());
        let done = std::thread::scope(|scope| {
            let others: Vec<_> = self.sessions[..workers]
                .iter()
                .skip(1)
                .map(|session| scope.spawn(|| work(session)))
                .collect();
            let mut done = self.sessions.first().map(&work).unwrap_or_default();
            for other in others {
                done.extend(
                    other
                        .join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                );
            }
            done
        });
        let mut vectors = vec![Vec::new(); texts.len()];
        for (at, vector) in done {
            vectors[at] = vector?;
        }
        Ok(vectors)
    }
}

fn session(environment: &Environment, files: &ModelFiles) -> Result<TextEmbedding, Error> {
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
        .with_max_length(TOKENS_MAX)
        .with_intra_threads(1);
    TextEmbedding::try_new_from_user_defined(model, options).map_err(|e| Error::Model {
        model: files.name.clone(),
        source: e.into(),
    })
}
