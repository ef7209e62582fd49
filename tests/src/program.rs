//! Where the programs under test lie: beside the running test, as cargo puts them.
//!
//! The hub is run through `src/bin/hub.rs`, a shim of one line that cargo keeps as fresh as the tests themselves; a search for
//! `toolpool` in the target folder could find last week's. `TOOLPOOL_BIN` names another one, such as a release build.

use std::path::PathBuf;
use std::process::Command;

/// The hub's program.
pub fn hub() -> PathBuf {
    std::env::var_os("TOOLPOOL_BIN").map_or_else(|| sibling("hub"), PathBuf::from)
}

/// The program of the fixture server.
pub fn fixture() -> PathBuf {
    sibling("fixture")
}

/// A program of this crate, built now if a test was started without it.
pub fn sibling(name: &str) -> PathBuf {
    let running = std::env::current_exe().expect("a running test has a path");
    // Tests and benchmarks run from `deps/`, programs from its parent.
    let folder = running
        .ancestors()
        .skip(1)
        .find(|folder| !folder.ends_with("deps"));
    let folder = folder.expect("a program lies in a folder");
    let path = folder.join(name);
    if !path.exists() {
        build(name, folder.ends_with("release"));
    }
    assert!(
        path.exists(),
        "`{name}` is not beside the running test in `{}`",
        folder.display()
    );
    path
}

fn build(name: &str, release: bool) {
    let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--bin", name]);
    if release {
        cargo.arg("--release");
    }
    let status = cargo.status().expect("cargo runs where its tests run");
    assert!(status.success(), "could not build `{name}`");
}
