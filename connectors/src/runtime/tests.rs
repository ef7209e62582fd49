//! The search and the fetch, against scripts that play a package client well and badly. One ignored test uses a real one.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::client::{Client, Kind};
use super::fetch::fetch_with;
use super::pinned::{Package, Pin};
use super::*;

const LONG: Duration = Duration::from_secs(60);
const CONTENT: &[u8] = b"the library, as pinned";

struct World {
    dir: tempfile::TempDir,
    phases: Mutex<Vec<FetchPhase>>,
}

impl World {
    fn new() -> World {
        World {
            dir: tempfile::tempdir().expect("a temporary folder"),
            phases: Mutex::default(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn cache(&self) -> PathBuf {
        self.path("cache")
    }

    /// A client that is a shell script; `$W` is this world, the target folder is its working folder.
    fn client(&self, kind: Kind, script: &str) -> Client {
        let file = self.path(&format!(
            "client-{}.sh",
            fs::read_dir(self.dir.path()).expect("readable").count()
        ));
        let world = self.dir.path().display();
        fs::write(
            &file,
            format!("W='{world}'\necho run >> \"$W/runs\"\n{script}\n"),
        )
        .expect("written");
        let lead: &'static [&'static str] =
            vec![&*file.to_str().expect("utf-8").to_owned().leak()].leak();
        Client {
            kind,
            program: "sh".into(),
            lead,
        }
    }

    fn runs(&self) -> usize {
        fs::read_to_string(self.path("runs"))
            .unwrap_or_default()
            .lines()
            .count()
    }

    async fn fetch(
        &self,
        pins: &[Pin],
        clients: &[Client],
        limit: Duration,
    ) -> Result<PathBuf, FetchError> {
        let note = |p: FetchProgress| self.phases.lock().expect("not poisoned").push(p.phase);
        fetch_with(&self.cache(), pins, clients, limit, &note).await
    }

    /// What lies in the cache besides the lock.
    fn cached_files(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.cache().join("onnxruntime"))
            .into_iter()
            .flatten()
            .map(|entry| {
                entry
                    .expect("readable")
                    .file_name()
                    .into_string()
                    .expect("utf-8")
            })
            .filter(|name| name != ".lock")
            .collect();
        names.sort();
        names
    }
}

fn pin(package: Package) -> Pin {
    let sha256: String = Sha256::digest(CONTENT)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    Pin {
        os: "any",
        arch: "any",
        package,
        version: "1.31.1",
        member: "onnxruntime/capi/libonnxruntime.so.1.31.1",
        file: "libonnxruntime.so.1.31.1",
        sha256: sha256.leak(),
        bytes: CONTENT.len() as u64,
        package_bytes: 100,
    }
}

const WHEEL: Package = Package::Wheel {
    platform: "manylinux_2_28_x86_64",
};

fn wheel(path: &Path, content: &[u8]) {
    let mut zip = zip::ZipWriter::new(fs::File::create(path).expect("created"));
    let options = zip::write::SimpleFileOptions::default();
    for (name, content) in [
        ("onnxruntime/LICENSE", &b"MIT"[..]),
        ("onnxruntime/capi/libonnxruntime.so.1.31.1", content),
    ] {
        zip.start_file(name, options).expect("started");
        zip.write_all(content).expect("written");
    }
    zip.finish().expect("finished");
}

fn tarball(path: &Path, content: &[u8]) {
    let gzip = flate2::write::GzEncoder::new(
        fs::File::create(path).expect("created"),
        flate2::Compression::fast(),
    );
    let mut tar = tar::Builder::new(gzip);
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_cksum();
    tar.append_data(
        &mut header,
        "onnxruntime/capi/libonnxruntime.so.1.31.1",
        content,
    )
    .expect("appended");
    tar.into_inner()
        .expect("finished")
        .finish()
        .expect("finished");
}

#[tokio::test]
async fn each_client_delivers() {
    use std::os::unix::fs::PermissionsExt;
    let unpacked =
        "mkdir -p onnxruntime/capi && cp \"$W/raw\" onnxruntime/capi/libonnxruntime.so.1.31.1";
    for (kind, package, script) in [
        (Kind::Pip, WHEEL, "cp \"$W/good.whl\" ."),
        (Kind::Uv, WHEEL, unpacked),
        (Kind::Npm, Package::Npm, "cp \"$W/good.tgz\" ."),
    ] {
        let world = World::new();
        wheel(&world.path("good.whl"), CONTENT);
        tarball(&world.path("good.tgz"), CONTENT);
        fs::write(world.path("raw"), CONTENT).expect("written");
        let clients = [world.client(kind, script)];
        let path = world
            .fetch(&[pin(package)], &clients, LONG)
            .await
            .expect("fetched");
        assert_eq!(fs::read(&path).expect("readable"), CONTENT, "{kind:?}");
        assert_eq!(
            path.metadata().expect("there").permissions().mode() & 0o777,
            0o644
        );
        assert_eq!(
            world.cached_files(),
            ["libonnxruntime.so.1.31.1"],
            "nothing is left but the library"
        );
        let phases = world.phases.lock().expect("not poisoned").clone();
        assert!(
            matches!(phases.first(), Some(FetchPhase::Downloading { .. })),
            "{phases:?}"
        );
        assert_eq!(
            phases[phases.len() - 2..],
            [FetchPhase::Unpacking, FetchPhase::Done]
        );
        // The second fetch finds it.
        world
            .fetch(&[pin(package)], &clients, LONG)
            .await
            .expect("there");
        assert_eq!(world.runs(), 1);
    }
}

#[tokio::test]
async fn a_bad_package_is_refused_and_leaves_nothing() {
    let other: Vec<u8> = CONTENT.iter().rev().copied().collect();
    for (content, script, expected) in [
        (&other[..], "cp \"$W/p.whl\" .", "SHA-256"),
        (&[7; 5000][..], "cp \"$W/p.whl\" .", "SHA-256"),
        (
            CONTENT,
            "head -c 100 \"$W/p.whl\" > p.whl",
            "could not be read",
        ),
        (CONTENT, "true", "left no package"),
        (
            CONTENT,
            "echo 'noise'; echo 'ERROR: no such release' >&2; echo bye >&2; exit 1",
            "ERROR: no such release",
        ),
        (CONTENT, "exit 3", "exit status: 3"),
    ] {
        let world = World::new();
        wheel(&world.path("p.whl"), content);
        let error = world
            .fetch(&[pin(WHEEL)], &[world.client(Kind::Pip, script)], LONG)
            .await
            .expect_err("refused");
        let FetchError::AllFailed { attempts } = &error else {
            panic!("{error}")
        };
        assert!(
            attempts[0].reason.contains(expected),
            "{script}: {attempts:?}"
        );
        assert!(error.hint().is_some());
        assert!(
            world.cached_files().is_empty(),
            "{:?}",
            world.cached_files()
        );
    }
}

#[tokio::test]
async fn the_next_client_is_tried_and_a_missing_one_is_not_a_failure() {
    let world = World::new();
    wheel(&world.path("good.whl"), CONTENT);
    let missing = Client {
        kind: Kind::Pip,
        program: world.path("no-such").into(),
        lead: &[],
    };
    let error = world
        .fetch(&[pin(WHEEL)], std::slice::from_ref(&missing), LONG)
        .await
        .expect_err("nobody there");
    assert!(matches!(error, FetchError::NoClient { .. }), "{error}");
    let clients = [
        missing,
        world.client(Kind::Pip, "exit 1"),
        world.client(Kind::Pip, "cp \"$W/good.whl\" ."),
    ];
    world
        .fetch(&[pin(WHEEL)], &clients, LONG)
        .await
        .expect("fetched by the third");
    assert_eq!(world.runs(), 2);
    let none = world.fetch(&[], &clients, LONG).await.expect_err("no pin");
    assert!(matches!(none, FetchError::Unsupported { .. }));
}

#[tokio::test]
async fn two_hubs_fetch_once_and_a_crashed_fetch_is_swept() {
    let world = World::new();
    wheel(&world.path("good.whl"), CONTENT);
    fs::create_dir_all(world.cache().join("onnxruntime/.fetch-crashed/deep")).expect("created");
    // The first waits inside its client until the second is seen to wait for it.
    let script = "while ! [ -e \"$W/go\" ]; do sleep 0.02; done; cp \"$W/good.whl\" .";
    let clients = [world.client(Kind::Pip, script)];
    let pins = [pin(WHEEL)];
    let go = world.path("go");
    let watch = |p: FetchProgress| {
        if p.phase == FetchPhase::Waiting {
            fs::write(&go, "").expect("written");
        }
    };
    let cache = world.cache();
    let one = fetch_with(&cache, &pins, &clients, LONG, &watch);
    let two = fetch_with(&cache, &pins, &clients, LONG, &watch);
    let (one, two) = tokio::join!(one, two);
    assert_eq!(one.expect("fetched"), two.expect("found"));
    assert_eq!(world.runs(), 1);
    assert_eq!(world.cached_files(), ["libonnxruntime.so.1.31.1"]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_limit_ends_the_client_and_its_children() {
    let world = World::new();
    let script = "sleep 600 & echo $! > \"$W/pid.tmp\"; mv \"$W/pid.tmp\" \"$W/pid\"; wait";
    let clients = [world.client(Kind::Pip, script)];
    let pins = [pin(WHEEL)];
    let pid_file = world.path("pid");
    let started = async {
        while !pid_file.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    // Dropping the future is what both the limit and a cancelled caller do.
    tokio::select! {
        result = world.fetch(&pins, &clients, LONG) => panic!("{result:?}"),
        () = started => {}
    }
    let pid = fs::read_to_string(&pid_file)
        .expect("readable")
        .trim()
        .to_owned();
    let ended = || match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat.contains(") Z "),
        Err(_) => true,
    };
    while !ended() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(
        world.cached_files().is_empty(),
        "{:?}",
        world.cached_files()
    );
    let error = world
        .fetch(&pins, &clients, Duration::from_millis(300))
        .await
        .expect_err("too long");
    assert!(matches!(error, FetchError::TimedOut { .. }), "{error}");
}

#[test]
fn library_names() {
    for (name, expected) in [
        ("libonnxruntime.so", Some(None)),
        ("libonnxruntime.so.1", Some(None)),
        ("libonnxruntime.so.1.31.1", Some(Some(Version(1, 31, 1)))),
        ("libonnxruntime.1.24.dylib", Some(Some(Version(1, 24, 0)))),
        ("libonnxruntime.dylib", Some(None)),
        ("libonnxruntime_providers_shared.so", None),
        ("libonnxruntime.so.1.31.1.debug", None),
        ("libonnxruntime.a", None),
    ] {
        assert_eq!(library_version(name), expected, "{name}");
    }
}

#[test]
fn places_are_searched_in_order_and_old_libraries_passed_over() {
    let world = World::new();
    let file = |name: &str| {
        let path = world.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("created");
        fs::write(&path, "x").expect("written");
        path
    };
    let configured = file("own/ort.so");
    let env = file("env/libonnxruntime.so");
    let beside = file("exe/libonnxruntime.so");
    file("exe/libonnxruntime_providers_shared.so");
    file("sys/libonnxruntime.so.1.16.3");
    std::os::unix::fs::symlink(
        "libonnxruntime.so.1.16.3",
        world.path("sys/libonnxruntime.so"),
    )
    .expect("linked");
    let newer = file("sys/libonnxruntime.so.1.31.0");
    let new = file("sys/libonnxruntime.so.1.24.0");
    let mut places = RuntimePlaces {
        configured: Some(configured.clone()),
        env: Some(world.path("env")),
        exe_dir: Some(world.path("exe")),
        system: vec![world.path("nowhere"), world.path("sys")],
        cache_dir: world.cache(),
    };
    let paths: Vec<PathBuf> = candidates(&places)
        .into_iter()
        .map(|found| found.path)
        .collect();
    assert_eq!(paths, [configured, env, beside, newer, new]);
    places.configured = Some(world.path("typo.so"));
    assert_eq!(locate(&places), Some(world.path("env/libonnxruntime.so")));
    // A cached file of the wrong size is none.
    if let Some(pin) = pinned::for_this_machine().first() {
        let cached = file(&format!("cache/onnxruntime/{}", pin.file));
        assert!(!candidates(&places).iter().any(|found| found.path == cached));
        fs::File::options()
            .write(true)
            .open(&cached)
            .and_then(|f| f.set_len(pin.bytes))
            .expect("sized");
        assert_eq!(
            candidates(&places).last().map(|found| found.source),
            Some(RuntimeSource::Cache)
        );
    }
}

#[tokio::test]
#[ignore = "downloads up to 180 MB through the package clients of this machine"]
async fn each_real_client_delivers() {
    let mut delivered = Vec::new();
    for client in super::client::known() {
        let world = World::new();
        match world
            .fetch(
                &pinned::for_this_machine(),
                std::slice::from_ref(&client),
                LONG * 5,
            )
            .await
        {
            Ok(path) => {
                let places = RuntimePlaces {
                    cache_dir: world.cache(),
                    ..RuntimePlaces::default()
                };
                assert_eq!(locate(&places), Some(path));
                assert_eq!(world.cached_files().len(), 1);
                delivered.push(client.kind);
            }
            Err(FetchError::NoClient { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(!delivered.is_empty(), "no package client on this machine");
}
