//! Tests of `pool`.

use super::*;
use crate::rank::{Ranker, Score};
use crate::sample::{self, read, server, tool};
use crate::vectors::VectorStore;
use crate::view::ViewRules;
use serde_json::{Value, json};
use toolpool_config::Config;

mod promises;

fn allowance(tokens: u32, tools_max: usize, full_max: usize) -> Allowance {
    Allowance {
        tokens,
        tools_max,
        full_max,
    }
}

/// A ranking that puts `rows` in this order.
fn ranking(rows: &[Row]) -> Ranking {
    let score = |(place, row): (usize, &Row)| Score {
        row: *row,
        total: 10.0 - place as f32 / 100.0,
        meaning: Some(0.5),
        words: 0.5,
        boost: 0.0,
    };
    Ranking {
        scores: rows.iter().enumerate().map(score).collect(),
        ranked: rows.len(),
        ranker: Ranker::Words,
    }
}

fn settings() -> PoolSettings {
    PoolSettings::default()
}

fn whole(snapshot: &Snapshot) -> View {
    View::new(snapshot, &ViewRules::default())
}

/// Tools in and out by name, with shape or reason.
fn told(pool: &Pool, snapshot: &Snapshot) -> Vec<String> {
    let line = |line: &Line| match line.shape {
        Some(shape) => format!("+ {} {shape:?}: {}", line.tool, line.because),
        None => format!("- {}: {}", line.tool, line.because),
    };
    pool.lines(snapshot, usize::MAX).iter().map(line).collect()
}

#[test]
fn pinned_then_used_then_ranked() {
    let raw: Vec<Value> = ["a", "b", "c", "d", "e"]
        .map(|name| tool(name, "Does something."))
        .to_vec();
    let snapshot = sample::snapshot(&[("s", &raw)]);
    let (pinned, used) = (
        ["s__d".to_owned(), "s__none".to_owned(), "s__d".to_owned()],
        [ToolId::new("s", "b"), ToolId::new("s", "d")],
    );
    let want = Want {
        pinned: &pinned,
        in_use: &used,
        bridge: &[],
    };
    let pool = assemble(
        &snapshot,
        &whole(&snapshot),
        &ranking(&[4, 3, 2, 0]),
        allowance(100_000, 4, 1),
        want,
        &settings(),
    );
    assert_eq!(
        told(&pool, &snapshot),
        [
            "+ d Full: pinned",
            "+ b Full: in use",
            "+ e Full: ranked 1",
            "+ c Slim: ranked 3",
            "- a: beyond 4 tools",
        ]
    );
    assert_eq!(
        pool.rest(0).into_iter().collect::<Vec<_>>(),
        [("over-count", 1)]
    );
    assert_eq!(pool.lines(&snapshot, 0).len(), 4);
    assert!(pool.lines(&Snapshot::empty(), 9).is_empty());
}

#[test]
fn what_does_not_fit_is_skipped_and_slim_comes_before_nothing() {
    let long = "Word ".repeat(400);
    let raw = [
        tool("big", &long),
        tool("small", "Does it."),
        tool("tiny", "Does."),
        tool("never", "x"),
    ];
    let snapshot = sample::snapshot(&[("s", &raw)]);
    let row = |name: &str| snapshot.by_id(&ToolId::new("s", name)).unwrap();
    let slim: u32 = ["big", "small", "tiny"]
        .iter()
        .map(|name| snapshot.costs(row(name)).slim)
        .sum();
    let order = [row("big"), row("small"), row("tiny")];
    let pool = assemble(
        &snapshot,
        &whole(&snapshot),
        &ranking(&order),
        allowance(slim, 9, 0),
        Want::default(),
        &settings(),
    );
    assert_eq!(
        told(&pool, &snapshot),
        [
            "+ big Slim: ranked 1",
            "+ small Slim: ranked 2",
            "+ tiny Slim: ranked 3",
            "- never: not among the best"
        ]
    );
    let needed = snapshot.costs(row("big")).slim;
    let left = needed - 1;
    let pool = assemble(
        &snapshot,
        &whole(&snapshot),
        &ranking(&order),
        allowance(left, 9, 0),
        Want::default(),
        &settings(),
    );
    assert_eq!(
        told(&pool, &snapshot)[1],
        format!("- big: needs {needed} tokens, {left} left")
    );
    assert_eq!(&*pool.offered[0].exposed, "s__small");
}

#[test]
fn what_is_left_over_makes_slim_ones_full() {
    let raw = [
        tool("a", &"Word ".repeat(100)),
        tool("b", &"Word ".repeat(100)),
        tool("c", "x"),
    ];
    let snapshot = sample::snapshot(&[("s", &raw)]);
    let tokens = snapshot.costs(0).full + snapshot.costs(1).slim + snapshot.costs(2).full + 5;
    let pool = assemble(
        &snapshot,
        &whole(&snapshot),
        &ranking(&[0, 1, 2]),
        allowance(tokens, 9, 3),
        Want::default(),
        &settings(),
    );
    let shapes: Vec<Shape> = pool.offered.iter().map(|offered| offered.shape).collect();
    assert_eq!(shapes, [Shape::Full, Shape::Slim, Shape::Full]);
    assert!(pool.tokens <= tokens);
}

#[test]
fn the_bridge_comes_whole_or_not_at_all() {
    let snapshot = sample::snapshot(&[("s", &[tool("a", "x")])]);
    let part = Rendering {
        text: "find".into(),
        tokens: 40,
    };
    let bridge = [part.clone(), part];
    let with = |tokens, tools_max| {
        let want = Want {
            bridge: &bridge,
            ..Want::default()
        };
        assemble(
            &snapshot,
            &whole(&snapshot),
            &ranking(&[0]),
            allowance(tokens, tools_max, 5),
            want,
            &settings(),
        )
    };
    for (tokens, tools_max, tools, cost) in [
        (1_000, 9, 2, 80),
        (79, 9, 0, 0),
        (1_000, 1, 0, 0),
        (80, 9, 2, 80),
    ] {
        let pool = with(tokens, tools_max);
        assert_eq!(
            (pool.bridge_tools, pool.bridge_tokens),
            (tools, cost),
            "{tokens} {tools_max}"
        );
        assert!(pool.tokens <= tokens && pool.tokens >= cost);
    }
    assert!(with(80, 9).offered.is_empty());
    assert_eq!(with(1_000, 2).offered.len(), 0);
}

#[test]
fn the_same_tool_of_another_server_is_folded() {
    let lists = vec![
        read(
            "git",
            &[
                tool("list_issues", "List issues of a repository."),
                tool("blame", "Who wrote a line."),
            ],
            &server(),
        ),
        read(
            "hub",
            &[
                tool("list-issues", "List issues of a repository"),
                tool("search", ""),
            ],
            &server(),
        ),
        read(
            "web",
            &[tool("find_issues", "Issues, found."), tool("search", "")],
            &server(),
        ),
    ];
    let mut vectors = VectorStore::new("m", 2);
    let plain = sample::joined(1, lists.clone(), None);
    let of = |server: &str, tool: &str| plain.by_id(&ToolId::new(server, tool)).unwrap();
    for (row, vector) in [
        (of("git", "list_issues"), [1.0, 0.0]),
        (of("web", "find_issues"), [0.96, 0.28]),
        (of("git", "blame"), [1.0, 0.0]),
    ] {
        vectors.insert(plain.tools()[row].document.hash, vector.to_vec());
    }
    let snapshot = Snapshot::build(1, Vec::new(), lists, &vectors, &Config::default(), None);
    let view = whole(&snapshot);
    let order = [
        of("git", "list_issues"),
        of("hub", "list-issues"),
        of("web", "find_issues"),
        of("git", "blame"),
        of("hub", "search"),
        of("web", "search"),
    ];
    let names = |want| {
        let pool = assemble(
            &snapshot,
            &view,
            &ranking(&order),
            allowance(100_000, 20, 0),
            want,
            &settings(),
        );
        told(&pool, &snapshot)
    };
    assert_eq!(
        names(Want::default()),
        [
            "+ list_issues Slim: ranked 1",
            "+ blame Slim: ranked 4",
            "+ search Slim: ranked 5",
            "+ search Slim: ranked 6",
            "- list-issues: same as git__list_issues",
            "- find_issues: same as git__list_issues",
        ]
    );
    let used = [ToolId::new("hub", "list-issues")];
    let told = names(Want {
        in_use: &used,
        ..Want::default()
    });
    assert!(
        told.contains(&"+ list-issues Full: in use".to_owned()),
        "{told:?}"
    );
    assert!(
        told.contains(&"- list_issues: same as hub__list-issues".to_owned()),
        "{told:?}"
    );
}

#[test]
fn what_has_nothing_in_common_is_offered_only_where_everything_fits() {
    let snapshot = sample::snapshot(&[("s", &[tool("a", "x"), tool("b", "y"), tool("c", "z")])]);
    let mut ranking = ranking(&[0, 1, 2]);
    for score in &mut ranking.scores[1..] {
        (score.meaning, score.words) = (None, 0.0);
    }
    let told = |tools_max| {
        let allowance = allowance(1_000, tools_max, 9);
        let pool = assemble(
            &snapshot,
            &whole(&snapshot),
            &ranking,
            allowance,
            Want::default(),
            &settings(),
        );
        told(&pool, &snapshot)
    };
    assert_eq!(
        told(2),
        [
            "+ a Full: ranked 1",
            "- b: nothing in common",
            "- c: nothing in common"
        ]
    );
    assert_eq!(
        told(3),
        [
            "+ a Full: ranked 1",
            "+ b Full: ranked 2",
            "+ c Full: ranked 3"
        ]
    );
}
