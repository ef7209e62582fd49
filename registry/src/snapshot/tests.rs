//! Tests of `snapshot`.

use super::*;
use crate::health::Health;
use crate::sample::{self, joined, read, server, snapshot, tool};
use toolpool_config::Config;

#[test]
fn tools_stand_by_id_whatever_order_they_came_in() {
    let (a, b) = (
        read("a", &[tool("z", ""), tool("c", "")], &server()),
        read("b", &[tool("a", "")], &server()),
    );
    let forward = joined(1, vec![a.clone(), b.clone()], None);
    let backward = joined(1, vec![b.clone(), a, b], None);
    let ids = |s: &Snapshot| {
        s.tools()
            .iter()
            .map(|t| t.id.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&forward), ["a/c", "a/z", "b/a"]);
    assert_eq!(ids(&forward), ids(&backward));
    assert_eq!(
        forward.by_server(),
        [("a".into(), 0..2), ("b".into(), 2..3)]
    );
    for (row, tool) in forward.tools().iter().enumerate() {
        assert_eq!(forward.by_id(&tool.id), Some(row));
        assert_eq!(forward.by_exposed(&tool.exposed), Some(row));
        assert_eq!(
            forward.costs(row),
            Costs {
                full: tool.full.tokens,
                slim: tool.slim.tokens
            }
        );
    }
    assert_eq!(forward.by_exposed("a__"), None);
}

#[test]
fn servers_are_there_without_tools() {
    let states = vec![
        ServerState::new("z", Health::Starting),
        ServerState::new("a", Health::Ready),
    ];
    let snapshot = Snapshot::build(
        3,
        states,
        Vec::new(),
        &VectorStore::default(),
        &Config::default(),
        None,
    );
    assert_eq!(snapshot.no(), 3);
    assert_eq!(
        snapshot.server("z").map(|s| &s.health),
        Some(&Health::Starting)
    );
    assert!(snapshot.server("m").is_none() && snapshot.tools().is_empty());
    assert_eq!(Snapshot::empty().no(), 0);
}

#[test]
fn the_index_is_shared_until_something_it_holds_changes() {
    let config = Config::default();
    let lists = vec![read("a", &[tool("x", "one"), tool("y", "two")], &server())];
    let mut vectors = VectorStore::new("m", 2);
    let build =
        |no, lists: &[Arc<ServerTools>], vectors: &VectorStore, previous: Option<&Snapshot>| {
            Snapshot::build(no, Vec::new(), lists.to_vec(), vectors, &config, previous)
        };
    let one = build(1, &lists, &vectors, None);
    let again = vec![read("a", &[tool("x", "one"), tool("y", "two")], &server())];
    let two = build(2, &again, &vectors, Some(&one));
    assert!(Arc::ptr_eq(&one.search, &two.search));

    vectors.insert(two.tools()[0].document.hash, vec![1.0, 0.0]);
    let three = build(3, &again, &vectors, Some(&two));
    assert!(!Arc::ptr_eq(&two.search, &three.search));
    assert_eq!((two.embedded(), three.embedded()), (0, 1));
    assert_eq!(three.vector(0).map(|v| v[0]), Some(1.0));

    let changed = vec![read(
        "a",
        &[tool("x", "other"), tool("y", "two")],
        &server(),
    )];
    let four = build(4, &changed, &vectors, Some(&three));
    assert!(!Arc::ptr_eq(&three.search, &four.search));
    let other_model = build(5, &changed, &VectorStore::new("n", 2), Some(&four));
    assert!(!Arc::ptr_eq(&four.search, &other_model.search));
}

#[test]
fn a_tool_that_lost_its_name_is_kept_from_snapshot_to_snapshot() {
    let mut chosen = server();
    let said = toolpool_config::ToolOverride {
        name: Some("files__read".to_owned()),
        ..Default::default()
    };
    chosen.tools.insert("fetch".to_owned(), said);
    let lists = vec![
        read("web", &[tool("fetch", "")], &chosen),
        read("files", &[tool("read", "")], &server()),
    ];
    let one = joined(1, lists.clone(), None);
    let two = joined(2, lists, Some(&one));
    assert!(
        one.tools()
            .iter()
            .zip(two.tools())
            .all(|(a, b)| Arc::ptr_eq(a, b))
    );
}

#[test]
fn a_record_can_be_read_back_as_a_list() {
    let raw = tool("x", "Does x.");
    let snapshot = snapshot(&[("a", std::slice::from_ref(&raw))]);
    let record = serde_json::to_value(crate::ToolRecord::of(&snapshot, 0)).unwrap();
    assert_eq!(record["raw"], raw);
    assert_eq!(
        (&record["server"], &record["tool"], &record["exposed"]),
        (&"a".into(), &"x".into(), &"a__x".into())
    );
    assert_eq!(
        (&record["effect"], &record["source"]),
        (&"destructive".into(), &"unclaimed".into())
    );
    let back = sample::snapshot(&[("a", &[record["raw"].clone()])]);
    assert_eq!(back.tools()[0].fingerprint, snapshot.tools()[0].fingerprint);
    assert!(crate::ToolRecord::of(&snapshot, 1).is_none());
}
