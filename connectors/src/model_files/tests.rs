//! Folders as exports lay them out, and a model hub on this machine that serves well and badly.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use toolpool_registry::embed::Pooling;

use super::*;

fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("created");
    fs::write(path, content).expect("written");
}

fn tokenizer_files(folder: &Path) {
    for file in ["tokenizer.json", "config.json", "tokenizer_config.json"] {
        write(&folder.join(file), b"{}");
    }
}

fn places(cache: &Path) -> ModelPlaces {
    ModelPlaces {
        cache_dir: cache.to_owned(),
        hub: DEFAULT_HUB.to_owned(),
        may_fetch: false,
        bytes_max: 1 << 20,
        limit: Duration::from_secs(30),
    }
}

async fn folder(path: &Path) -> Result<ModelFiles, ModelError> {
    get(
        path.to_str().expect("utf-8"),
        &places(Path::new("/nowhere")),
        |_| {},
    )
    .await
}

#[tokio::test]
async fn folders_as_exports_lay_them_out() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (name, graph, also, pooling, query) in [
        ("plain", "model.onnx", None, Pooling::Mean, ""),
        ("in-onnx", "onnx/model.onnx", None, Pooling::Mean, ""),
        ("any-name", "onnx/model_O4.onnx", None, Pooling::Mean, ""),
        (
            "multilingual-e5-small",
            "model.onnx",
            None,
            Pooling::Mean,
            "query: ",
        ),
        (
            "bge-base-en-v1.5",
            "model.onnx",
            None,
            Pooling::First,
            "Represent this sentence for searching relevant passages: ",
        ),
        (
            "says-first",
            "model.onnx",
            Some((
                "1_Pooling/config.json",
                r#"{"pooling_mode_cls_token":true}"#,
            )),
            Pooling::First,
            "",
        ),
        (
            "bge-says-mean-en",
            "model.onnx",
            Some((
                "1_Pooling/config.json",
                r#"{"pooling_mode_cls_token":false}"#,
            )),
            Pooling::Mean,
            "Represent this sentence for searching relevant passages: ",
        ),
        (
            "prompts",
            "model.onnx",
            Some((
                "config_sentence_transformers.json",
                r#"{"prompts":{"query":"q: ","document":""}}"#,
            )),
            Pooling::Mean,
            "q: ",
        ),
    ] {
        let path = dir.path().join(name);
        tokenizer_files(&path);
        write(&path.join(graph), b"graph");
        write(&path.join(format!("{graph}_data")), b"weights");
        if let Some((file, content)) = also {
            write(&path.join(file), content.as_bytes());
        }
        let files = folder(&path).await.expect(name);
        assert_eq!(&*files.onnx, b"graph", "{name}");
        assert_eq!(
            (files.pooling, files.query_prefix.as_str()),
            (pooling, query),
            "{name}"
        );
        let weights = format!(
            "{}_data",
            Path::new(graph)
                .file_name()
                .expect("named")
                .to_str()
                .expect("utf-8")
        );
        assert_eq!(files.external, [(weights, b"weights".to_vec())], "{name}");
        assert_eq!(&*files.special_tokens, b"{}", "the optional file");
        assert!(
            files.name.starts_with(&format!("{name}@")),
            "{}",
            files.name
        );
        // Its graph names it too.
        let same = folder(&path.join(graph)).await.expect(name);
        assert_eq!((same.name, same.pooling), (files.name, pooling));
    }
}

#[tokio::test]
async fn the_compiled_in_model_is_a_folder_like_any_other() {
    let builtin = get(BUILTIN, &places(Path::new("/nowhere")), |_| {})
        .await
        .expect("compiled in");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../registry/model");
    let mut at = places(Path::new("/nowhere"));
    at.bytes_max = 100 << 20;
    let read = get(path.to_str().expect("utf-8"), &at, |_| {})
        .await
        .expect("read");
    assert!(
        read.onnx == builtin.onnx && read.tokenizer == builtin.tokenizer,
        "the bytes are the same"
    );
    assert_eq!(read.pooling, builtin.pooling);
}

#[tokio::test]
async fn folders_that_are_none() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    tokenizer_files(&dir.path().join("no-graph"));
    write(&dir.path().join("no-tokenizer/model.onnx"), b"graph");
    tokenizer_files(&dir.path().join("large"));
    fs::File::create(dir.path().join("large/model.onnx"))
        .and_then(|f| f.set_len(2 << 20))
        .expect("sized");
    for (name, expected) in [
        ("no-graph", "there is no `model.onnx`"),
        ("no-tokenizer", "there is no `tokenizer.json`"),
        ("large", "too large"),
        ("nowhere", "could not read the folder"),
    ] {
        let error = folder(&dir.path().join(name)).await.expect_err(name);
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.hint().is_some());
    }
}

#[tokio::test]
async fn names() {
    for (name, found) in [
        ("MultilingualE5Small", "MultilingualE5Small"),
        ("multilinguale5small", "MultilingualE5Small"),
        ("intfloat/multilingual-e5-small", "MultilingualE5Small"),
        ("multilingual-e5-small", "MultilingualE5Small"),
        ("nomic-embed-text-v1.5", "NomicEmbedTextV15"),
        ("NomicEmbedTextV15Q", "NomicEmbedTextV15Q"),
    ] {
        assert_eq!(named::find(name).expect(name).expect(name).name, found);
    }
    let e5 = named::find("MultilingualE5Large")
        .expect("known")
        .expect("usable");
    assert_eq!(
        (e5.prefixes(), e5.pooling()),
        (("query: ", "passage: "), Pooling::Mean)
    );
    assert!(e5.files().contains(&"model.onnx_data"));
    let error = get(
        "multilingual-e5-smal",
        &places(Path::new("/nowhere")),
        |_| {},
    )
    .await
    .expect_err("a slip");
    assert!(
        matches!(&error, ModelError::Unknown { nearest, .. } if nearest[0] == "MultilingualE5Small"),
        "{error:?}"
    );
    let error = get("EmbeddingGemma300M", &places(Path::new("/nowhere")), |_| {})
        .await
        .expect_err("own output");
    assert!(matches!(error, ModelError::Unusable { .. }));
    let error = get("BGESmallENV15", &places(Path::new("/nowhere")), |_| {})
        .await
        .expect_err("not there");
    assert!(matches!(error, ModelError::NotFetched { .. }));
    let error = ModelError::Hub { hub: String::new() };
    for hub in ["http://example.org", "ftp://x", "nothing"] {
        let places = ModelPlaces {
            hub: hub.to_owned(),
            may_fetch: true,
            ..places(&std::env::temp_dir())
        };
        let got = get("BGESmallENV15", &places, |_| {}).await.expect_err(hub);
        assert_eq!(
            std::mem::discriminant(&got),
            std::mem::discriminant(&error),
            "{got}"
        );
    }
}

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A model hub: `files` by name; asked paths and ranges are noted.
#[derive(Clone, Default)]
struct Hub {
    files: BTreeMap<&'static str, Vec<u8>>,
    /// Says this hash of the graph in place of its own.
    hash: Option<String>,
    /// Breaks off the first answer with the graph after so many bytes.
    breaks_after: Option<usize>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Hub {
    fn with(graph: &[u8]) -> Hub {
        let mut files: BTreeMap<&'static str, Vec<u8>> = named::TOKENIZER_FILES
            .iter()
            .map(|file| (*file, b"{}".to_vec()))
            .collect();
        files.insert("model.onnx", graph.to_vec());
        Hub {
            files,
            ..Hub::default()
        }
    }

    async fn serve(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(socket.read_u8().await.expect("a whole request"));
                }
                let answer =
                    self.answer(&String::from_utf8(head).expect("utf-8").to_ascii_lowercase());
                let _ = socket.write_all(&answer).await;
                let _ = socket.shutdown().await;
            }
        });
        address
    }

    fn answer(&self, head: &str) -> Vec<u8> {
        let path = head.split_ascii_whitespace().nth(1).expect("a path");
        let from: Option<usize> = head.split("range: bytes=").nth(1).map(|r| {
            r.split('-')
                .next()
                .expect("a start")
                .parse()
                .expect("a number")
        });
        self.asked
            .lock()
            .expect("not poisoned")
            .push(format!("{path} {}", from.unwrap_or(0)));
        let file = path.rsplit('/').next().expect("a name");
        let Some(content) = self.files.get(file) else {
            return b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec();
        };
        // Large files are elsewhere, as on the real one.
        if file == "model.onnx" && !path.starts_with("/elsewhere/") {
            let own: String = Sha256::digest(content)
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect();
            let hash = self.hash.clone().unwrap_or(own);
            return format!(
                "HTTP/1.1 302 Found\r\nlocation: /elsewhere/model.onnx\r\nx-linked-etag: \"{hash}\"\r\nx-linked-size: {}\r\nx-repo-commit: {COMMIT}\r\ncontent-length: 0\r\n\r\n",
                content.len()
            )
            .into_bytes();
        }
        let rest = &content[from.unwrap_or(0)..];
        let status = if from.is_some() {
            "206 Partial Content"
        } else {
            "200 OK"
        };
        let mut answer = format!(
            "HTTP/1.1 {status}\r\nx-repo-commit: {COMMIT}\r\ncontent-length: {}\r\n\r\n",
            rest.len()
        )
        .into_bytes();
        let cut = self
            .breaks_after
            .filter(|_| file == "model.onnx" && from.is_none())
            .unwrap_or(rest.len());
        answer.extend_from_slice(&rest[..cut]);
        answer
    }
}

fn fetching(hub: String, cache: PathBuf) -> ModelPlaces {
    ModelPlaces {
        hub,
        may_fetch: true,
        ..places(&cache)
    }
}

#[tokio::test]
async fn a_named_model_is_fetched_once_from_one_commit() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let hub = Hub::with(b"the graph");
    let asked = hub.asked.clone();
    let places = fetching(hub.serve().await, dir.path().to_owned());
    let seen = Mutex::new(Vec::new());
    let files = get("AllMiniLML6V2", &places, |p| {
        seen.lock().expect("not poisoned").push(p)
    })
    .await
    .expect("fetched");
    assert_eq!(&*files.onnx, b"the graph");
    assert_eq!(files.pooling, Pooling::Mean);
    let last = seen
        .lock()
        .expect("not poisoned")
        .last()
        .cloned()
        .expect("progress");
    assert_eq!(
        last,
        FetchProgress {
            phase: FetchPhase::Downloading {
                what: "model.onnx of AllMiniLML6V2".to_owned()
            },
            bytes: Some(9),
            total: Some(9)
        }
    );
    let paths = asked.lock().expect("not poisoned").clone();
    assert!(
        paths[0].starts_with("/qdrant/all-minilm-l6-v2-onnx/resolve/main/"),
        "{paths:?}"
    );
    assert!(
        paths[1..]
            .iter()
            .all(|p| p.contains(COMMIT) || p.starts_with("/elsewhere/")),
        "{paths:?}"
    );
    // From then on it is there, with the hub gone and fetching off.
    let again = ModelPlaces {
        may_fetch: false,
        hub: "https://127.0.0.1:1".to_owned(),
        ..places
    };
    assert_eq!(
        get("AllMiniLML6V2", &again, |_| {})
            .await
            .expect("cached")
            .name,
        files.name
    );
}

#[tokio::test]
async fn a_broken_line_is_taken_up_where_it_broke() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let hub = Hub {
        breaks_after: Some(6),
        ..Hub::with(b"twelve bytes")
    };
    let asked = hub.asked.clone();
    let places = fetching(hub.serve().await, dir.path().to_owned());
    let files = get("AllMiniLML6V2", &places, |_| {})
        .await
        .expect("fetched");
    assert_eq!(&*files.onnx, b"twelve bytes");
    assert_eq!(
        asked
            .lock()
            .expect("not poisoned")
            .last()
            .map(String::as_str),
        Some("/elsewhere/model.onnx 6")
    );
}

#[tokio::test]
async fn what_a_hub_may_not_do() {
    let mut without_tokenizer = Hub::with(b"graph");
    without_tokenizer.files.remove("tokenizer_config.json");
    let large = Hub::with(&vec![0; (1 << 20) + 1]);
    for (hub, expected) in [
        (
            Hub {
                hash: Some("0".repeat(64)),
                ..Hub::with(b"graph")
            },
            "SHA-256",
        ),
        (without_tokenizer, "404"),
        (large, "too large"),
    ] {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let places = fetching(hub.serve().await, dir.path().to_owned());
        let error = get("AllMiniLML6V2", &places, |_| {})
            .await
            .expect_err(expected);
        assert!(error.to_string().contains(expected), "{error}");
        let cached = dir
            .path()
            .join("models/Qdrant--all-MiniLM-L6-v2-onnx/model.onnx");
        assert!(!cached.exists(), "nothing half is called whole");
    }
    let nobody = fetching(
        "http://127.0.0.1:1".to_owned(),
        tempfile::tempdir()
            .expect("a temporary folder")
            .path()
            .to_owned(),
    );
    let error = get("AllMiniLML6V2", &nobody, |_| {})
        .await
        .expect_err("nobody there");
    assert!(matches!(error, ModelError::Http { .. }), "{error}");
}
