//! Tests of `name`.

use super::*;
use crate::sample::{self, Chance, joined, read, server, tool};

fn name(server: &str, tool: &str, length_max: usize) -> String {
    exposed(&ToolId::new(server, tool), None, length_max)
}

#[test]
fn a_name_is_the_join_unless_something_was_lost() {
    for (server, tool, whole) in [
        ("git", "git_status", true),
        ("a", "b__c", true),
        ("a", "_b", true),
        ("a-b", "C-d", true),
        ("a__b", "c", false),
        ("a_", "b", false),
        ("my server", "x", false),
        ("a", "x.y", false),
        ("a", "读取", false),
        ("a", &"x".repeat(80), false),
    ] {
        let name = name(server, tool, 64);
        assert_eq!(name == format!("{server}__{tool}"), whole, "{name}");
        assert!(name.len() <= 64 && name.chars().all(is_legal), "{name}");
    }
    assert_eq!(name("a", "x.y", 64), name("a", "x.y", 64));
    assert_ne!(name("a", "x.y", 64), name("a", "x_y", 64));
    assert_ne!(name("a", "x.y", 64), name("a", "x:y", 64));
}

#[test]
fn the_persons_name_is_kept_where_it_is_legal() {
    let id = ToolId::new("git", "git_status");
    assert_eq!(exposed(&id, Some("status"), 64), "status");
    for odd in ["the status", "call_tool", "find_tools", &"s".repeat(65)] {
        let name = exposed(&id, Some(odd), 64);
        assert!(
            name != odd && name.len() <= 64 && name.chars().all(is_legal),
            "{name}"
        );
    }
}

#[test]
fn names_of_different_ids_differ_and_stay_legal() {
    let letters = ["a", "b", "_", "__", "-", ".", "ü", " ", "xxxxxxxxxxxxxxxx"];
    for seed in 0..20 {
        let mut chance = Chance::new(seed);
        let mut word = |most: usize| {
            (0..=chance.below(most))
                .map(|_| *chance.pick(&letters))
                .collect::<String>()
        };
        let mut seen: BTreeMap<String, ToolId> = BTreeMap::new();
        for _ in 0..300 {
            let id = ToolId::new(word(3), word(6));
            let name = exposed(&id, None, 24);
            assert!(name.len() <= 24 && name.chars().all(is_legal), "{name}");
            let before = seen.insert(name, id.clone());
            assert!(before.is_none_or(|before| before == id), "{id}");
        }
    }
}

/// Names by id, of a snapshot whose servers arrived in this order.
fn names_of(lists: &[Arc<crate::ServerTools>]) -> BTreeMap<String, Arc<str>> {
    let snapshot = joined(1, lists.to_vec(), None);
    assert_eq!(snapshot.names().len(), snapshot.tools().len());
    for (row, tool) in snapshot.tools().iter().enumerate() {
        assert_eq!(snapshot.by_exposed(&tool.exposed), Some(row));
        assert!(
            tool.full
                .text
                .contains(&format!("\"name\":\"{}\"", tool.exposed))
        );
        assert!(tool.line.text.starts_with(&*tool.exposed));
    }
    snapshot
        .tools()
        .iter()
        .map(|tool| (tool.id.to_string(), Arc::clone(&tool.exposed)))
        .collect()
}

#[test]
fn a_collision_costs_the_loser_its_name_whatever_the_order() {
    let mut chosen = server();
    let said = toolpool_config::ToolOverride {
        name: Some("files__read".to_owned()),
        ..Default::default()
    };
    chosen.tools.insert("fetch".to_owned(), said.clone());
    let web = read("web", &[tool("fetch", "")], &chosen);
    let files = read("files", &[tool("read", ""), tool("write", "")], &server());
    let mut other = server();
    other.tools.insert("get".to_owned(), said);
    let zoo = read("zoo", &[tool("get", "")], &other);
    let forward = names_of(&[web.clone(), files.clone(), zoo.clone()]);
    let backward = names_of(&[zoo, files.clone(), web]);
    assert_eq!(forward, backward);
    assert_eq!(&*forward["web/fetch"], "files__read");
    assert!(forward["files/read"].starts_with("files__read_"));
    assert!(forward["zoo/get"].starts_with("files__read_"));
    assert_eq!(&*forward["files/write"], "files__write");
    assert_eq!(&*names_of(&[files])["files/read"], "files__read");
}

#[test]
fn a_forged_name_does_not_take_anothers() {
    let hashed = name("a", "x.y", 64);
    let forged = hashed.strip_prefix("a__").unwrap();
    for raw in [["x.y", forged], [forged, "x.y"]] {
        let snapshot = sample::snapshot(&[("a", &raw.map(|name| tool(name, "")))]);
        assert_eq!(snapshot.names().len(), 2);
        let of = |tool: &str| {
            snapshot.tools()[snapshot.by_id(&ToolId::new("a", tool)).unwrap()]
                .exposed
                .to_string()
        };
        assert_eq!(of(forged), hashed);
        assert_ne!(of("x.y"), hashed);
    }
}
