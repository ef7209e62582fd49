//! Every trouble has something to do about it.

use super::*;

pub(crate) fn status(health: Health) -> ServerStatus {
    ServerStatus {
        server: "git".into(),
        health,
        protocol: None,
        info: None,
        instructions: None,
        start_ms: None,
        stderr_tail: String::new(),
        skipped_lines: 0,
        pid: None,
        attempts: 1,
        hint: None,
    }
}

#[test]
fn every_trouble_has_something_to_do() {
    assert_eq!(
        todo(&status(Health::Ready), "stdio", &[]),
        Vec::<String>::new()
    );
    assert_eq!(
        todo(&status(Health::Disabled), "stdio", &[]),
        Vec::<String>::new()
    );
    let down = ServerStatus {
        hint: Some("set `TOKEN`".into()),
        ..status(Health::Down {
            reason: "no".into(),
        })
    };
    assert_eq!(todo(&down, "stdio", &[]), ["set `TOKEN`"]);
    let odd = ServerStatus {
        skipped_lines: 2,
        ..status(Health::Ready)
    };
    let rejected = [Rejected {
        name: None,
        reason: "it has no name".into(),
    }];
    assert_eq!(todo(&odd, "http", &rejected).len(), 2);
    assert_eq!(todo(&status(Health::Starting), "stdio", &[]).len(), 1);
}

#[test]
fn one_server_is_looked_at_alone() {
    let mut config = Config::default();
    assert!(only(&mut config, "nope").is_err());
    only(&mut config, "workspace").expect("the embedded server");
    assert!(!config.embedding.enabled);
    assert_eq!(config.servers.len(), 1);
}

#[test]
fn a_folder_is_measured_with_what_is_below_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("a")).expect("create");
    std::fs::write(folder.path().join("a/b"), "12345").expect("write");
    std::fs::write(folder.path().join("c"), "678").expect("write");
    assert_eq!(size(folder.path()), 8);
    assert_eq!(size(&folder.path().join("gone")), 0);
}
