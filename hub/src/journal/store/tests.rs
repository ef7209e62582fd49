//! Sessions as files: found, listed, forked, deleted, and never anything outside of their folder.

use toolpool_config::Mode;

use std::path::Path;

use super::error::chain;
use super::*;
use crate::journal::Sync;
use crate::journal::disk::RealDisk;
use crate::journal::entry::{EndHow, OutcomeNote, TurnNo, Verdict};
use crate::journal::tests::{begin, seen, user};

fn store(root: &Path) -> Store {
    Store::new(root.to_owned(), Arc::new(RealDisk)).with_clock(|| 1_795_557_181_000)
}

fn end(turn: TurnNo) -> Entry {
    Entry::End {
        turn,
        how: EndHow::Answered,
        note: None,
    }
}

async fn session(store: &Store, entries: Vec<Entry>) -> String {
    let (journal, id) = store.create(begin(), seen().0).expect("begun");
    for entry in entries {
        journal.append(entry, Sync::Later).await.expect("kept");
    }
    journal.close().await.expect("closed");
    id
}

#[test]
fn an_id_is_never_a_path() {
    let root = tempfile::tempdir().expect("a folder");
    let store = store(root.path());
    std::fs::create_dir_all(root.path().join("sessions")).expect("made");
    for bad in [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "-x",
        "A",
        "a\0",
        "é",
        &"a".repeat(65),
    ] {
        assert!(
            matches!(store.open(bad, seen().0), Err(StoreError::Id(_))),
            "{bad}"
        );
        assert!(matches!(store.delete(bad), Err(StoreError::Id(_))), "{bad}");
        assert!(matches!(store.read(bad), Err(StoreError::Id(_))), "{bad}");
        assert!(store.artifacts(bad).is_err(), "{bad}");
    }
    assert!(matches!(store.read("a-b"), Err(StoreError::Unknown(_))));
    assert!(matches!(store.delete("a-b"), Err(StoreError::Unknown(_))));
    for _ in 0..100 {
        assert!(is_id(&fresh_id(1_795_557_181_000)));
    }
    assert!(fresh_id(0) < fresh_id(1_000));
}

#[tokio::test]
async fn sessions_are_listed_found_and_deleted() {
    let root = tempfile::tempdir().expect("a folder");
    let store = store(root.path());
    assert_eq!(store.list().expect("no folder yet"), []);
    assert!(matches!(store.find("last"), Err(StoreError::Unknown(_))));
    let words = format!("  fix\n the {}", "build ".repeat(30));
    let one = session(&store, vec![user(1, &words), end(1), user(2, "and then")]).await;
    let list = store.list().expect("listed");
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].id, one);
    assert_eq!((list[0].turns, list[0].open_turn), (2, Some(2)));
    assert_eq!(list[0].folder.as_deref(), Some("/w"));
    let title = list[0].first_words.as_deref().expect("words");
    assert!(
        title.starts_with("fix the build") && title.ends_with('…'),
        "{title}"
    );
    assert_eq!(store.find("last").expect("found"), one);
    assert_eq!(store.find("2026").expect("found"), one);
    assert_eq!(
        store.newest(Path::new("/w")).expect("read"),
        Some(one.clone())
    );
    assert_eq!(store.newest(Path::new("/v")).expect("read"), None);

    let two = session(&store, Vec::new()).await;
    assert!(matches!(store.find("2026"), Err(StoreError::Several { ids, .. }) if ids.len() == 2));
    assert_eq!(store.find(&two).expect("found"), two);

    // One that can't be read does not hide the others.
    std::fs::write(store.folder(&two).join(JOURNAL), b"").expect("written");
    let list = store.list().expect("listed");
    let empty = list
        .iter()
        .find(|session| session.id == two)
        .expect("there");
    assert!(empty.damage[0].contains("is empty"), "{:?}", empty.damage);
    assert!(matches!(
        store.open(&two, seen().0),
        Err(StoreError::Empty(_))
    ));
    store.delete(&two).expect("deleted");
    assert_eq!(store.list().expect("listed").len(), 1);
}

#[tokio::test]
async fn a_newer_journal_is_left_exactly_as_it_is() {
    let root = tempfile::tempdir().expect("a folder");
    let store = store(root.path());
    let id = session(&store, vec![user(1, "x")]).await;
    let path = store.folder(&id).join(JOURNAL);
    let mut bytes = std::fs::read(&path).expect("there");
    let head = format!(
        "{{\"v\":1,\"seq\":3,\"at_ms\":0,\"prev\":\"{}\",\"entry\":{{\"kind\":\"dream\"}}",
        "0".repeat(64)
    );
    let sum = crate::journal::artifacts::sha256(head.as_bytes());
    // Torn behind it, which would be cut off if the file were ours to repair.
    bytes.extend(format!("{head},\"sum\":\"{sum}\"}}\n{{\"v\":1,\"se").bytes());
    std::fs::write(&path, &bytes).expect("written");
    let error = store.open(&id, seen().0).err().expect("refused");
    assert!(
        chain(&error).contains("line 3 was written by a newer program: `dream`"),
        "{}",
        chain(&error)
    );
    assert!(
        error
            .hint()
            .expect("a hint")
            .contains("nothing was changed")
    );
    assert_eq!(std::fs::read(&path).expect("there"), bytes);
}

#[tokio::test]
async fn a_fork_stands_alone_and_keeps_what_was_denied() {
    let root = tempfile::tempdir().expect("a folder");
    let store = store(root.path());
    let (journal, id) = store.create(begin(), seen().0).expect("begun");
    let whole = store
        .artifacts(&id)
        .expect("an id")
        .put("whole")
        .expect("kept");
    let outcome = Entry::Outcome(OutcomeNote {
        call: "001001000".parse().expect("an id"),
        verdict: Verdict::Completed,
        text: "cut".into(),
        result_sha256: None,
        artifact: Some(whole.clone()),
        elapsed_ms: 1,
        repairs: Vec::new(),
    });
    let deny = Entry::Deny {
        pattern: "git__*".into(),
    };
    for entry in [
        user(1, "one"),
        outcome,
        end(1),
        Entry::Mode { mode: Mode::Plan },
        user(2, "two"),
        deny.clone(),
        end(2),
    ] {
        journal.append(entry, Sync::Later).await.expect("kept");
    }
    let fork = store.fork(&id, Some(1)).expect("forked while in use");
    journal.close().await.expect("closed");
    let (lines, damage) = store.read(&fork).expect("read");
    assert_eq!(damage, Vec::<String>::new());
    let Entry::Begin(first) = &lines[0].entry else {
        panic!("{:?}", lines[0])
    };
    assert_eq!(first.session, fork);
    let forked = first.forked.as_ref().expect("it is a fork");
    assert_eq!((forked.session.as_str(), forked.turn), (id.as_str(), 1));
    let kinds: Vec<_> = lines[1..].iter().map(|line| line.entry.clone()).collect();
    let plan = Entry::Mode { mode: Mode::Plan };
    assert_eq!(kinds.len(), 5);
    assert_eq!(
        (&kinds[0], &kinds[2..]),
        (&user(1, "one"), &[end(1), plan, deny][..])
    );

    store.delete(&id).expect("deleted");
    assert_eq!(
        store
            .artifacts(&fork)
            .expect("an id")
            .get(&whole)
            .expect("copied"),
        b"whole"
    );
    let (journal, _) = store.open(&fork, seen().0).expect("opened");
    assert_eq!(
        journal
            .append(user(2, "other"), Sync::Now)
            .await
            .expect("kept"),
        7
    );
    journal.close().await.expect("closed");
    // The turn that was begun here is still open: a fork goes on from the one before it, and not in the middle.
    assert!(matches!(
        store.fork(&fork, Some(2)),
        Err(StoreError::OpenTurn { turn: 2, .. })
    ));
    let (lines, _) = store
        .read(&store.fork(&fork, None).expect("forked"))
        .expect("read");
    assert!(lines.iter().all(|line| line.entry != user(2, "other")));
    assert!(matches!(
        store.fork(&fork, Some(9)),
        Err(StoreError::NoTurn { turn: 9, .. })
    ));
    let (all, _) = store
        .read(&store.fork(&fork, None).expect("forked"))
        .expect("read");
    assert_eq!(all.len(), 6);
}
