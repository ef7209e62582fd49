//! What is no ONNX Runtime is refused with an error. In a file of its own, because a process keeps the first library
//! that loads.

use std::error::Error as _;
use std::path::Path;

use toolpool_registry::{Encoder, Error, ModelFiles};

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test is told where the library is"
)]
fn a_library_that_is_missing_or_another_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("libonnxruntime.so");
    std::fs::write(&text, "not a library").unwrap();
    let mut cases = vec![
        folder.path().join("none.so"),
        text,
        folder.path().to_path_buf(),
        "libonnxruntime.so".into(),
    ];
    // The C library loads and is not ONNX Runtime.
    cases.extend(
        Some(Path::new("/lib/x86_64-linux-gnu/libc.so.6").to_path_buf())
            .filter(|path| path.exists()),
    );
    for library in cases {
        let Err(error) = Encoder::load(&library, ModelFiles::builtin()) else {
            panic!("{} was taken", library.display())
        };
        assert!(matches!(error, Error::Runtime { .. }), "{error:?}");
        assert!(error.source().is_some() && error.hint().is_some());
    }
    // What failed does not stand in the way of a library that works.
    if let Some(library) = std::env::var_os("ORT_DYLIB_PATH") {
        let mut broken = ModelFiles::builtin();
        broken.onnx = vec![1, 2, 3].into();
        assert!(matches!(
            Encoder::load(library.as_ref(), broken),
            Err(Error::Model { .. })
        ));
        Encoder::load(library.as_ref(), ModelFiles::builtin()).unwrap();
    }
}
