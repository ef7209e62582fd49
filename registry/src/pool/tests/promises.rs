//! What every pool promises, held against three hundred catalogs made by chance.

use std::collections::BTreeSet;

use super::*;
use crate::sample::Chance;

/// A catalog, a ranking of part of it, what comes first and an allowance, all by chance.
struct Case {
    snapshot: Snapshot,
    rules: ViewRules,
    ranking: Ranking,
    pinned: Vec<String>,
    in_use: Vec<ToolId>,
    bridge: Vec<Rendering>,
    allowance: Allowance,
}

fn case(seed: u64) -> Case {
    let mut chance = Chance::new(seed);
    let words = [
        "read",
        "write",
        "list",
        "file",
        "issue",
        "mail",
        "of",
        "a",
        "the",
        "repository",
        "search",
    ];
    let mut lists = Vec::new();
    for server in ["alpha", "beta", "gamma"].iter().take(1 + chance.below(3)) {
        let count = chance.below(25);
        let raw: Vec<Value> = (0..count)
            .map(|i| {
                let length = chance.below(40);
                let text: Vec<&str> = (0..length).map(|_| *chance.pick(&words)).collect();
                let properties: serde_json::Map<String, Value> =
                    (0..chance.below(6)).map(|p| (format!("p{p}"), json!({"type": "string", "description": text.join(" ")}))).collect();
                let name = format!("{}_{}", chance.pick(&words), i % 7);
                json!({"name": name, "description": text.join(" "), "inputSchema": {"type": "object", "properties": properties}})
            })
            .collect();
        lists.push(read(server, &raw, &sample::server()));
    }
    let snapshot = sample::joined(seed, lists, None);
    let count = snapshot.tools().len();
    let mut rows: Vec<Row> = (0..count).collect();
    for at in (1..count).rev() {
        rows.swap(at, chance.below(at + 1));
    }
    let some = |chance: &mut Chance, most: usize| -> Vec<Row> {
        (0..chance.below(most + 1))
            .filter(|_| count > 0)
            .map(|_| chance.below(count.max(1)))
            .collect()
    };
    let (pinned, used) = (some(&mut chance, 4), some(&mut chance, 4));
    rows.truncate(count - chance.below(count / 4 + 1));
    let bridge = vec![
        Rendering {
            text: "x".into(),
            tokens: u32::try_from(chance.below(60)).unwrap()
        };
        chance.below(3)
    ];
    Case {
        rules: ViewRules {
            deny: if chance.below(2) == 0 {
                vec!["*write*".parse().unwrap()]
            } else {
                Vec::new()
            },
            ..ViewRules::default()
        },
        ranking: ranking(&rows),
        pinned: pinned
            .iter()
            .map(|row| snapshot.tools()[*row].exposed.to_string())
            .collect(),
        in_use: used
            .iter()
            .map(|row| snapshot.tools()[*row].id.clone())
            .collect(),
        allowance: allowance(
            u32::try_from(chance.below(1_500)).unwrap(),
            chance.below(20),
            chance.below(6),
        ),
        bridge,
        snapshot,
    }
}

#[test]
fn whatever_the_catalog_the_pool_keeps_its_promises() {
    for seed in 0..300 {
        let case = case(seed);
        let (snapshot, view) = (&case.snapshot, View::new(&case.snapshot, &case.rules));
        let want = Want {
            pinned: &case.pinned,
            in_use: &case.in_use,
            bridge: &case.bridge,
        };
        let pool = assemble(
            snapshot,
            &view,
            &case.ranking,
            case.allowance,
            want,
            &settings(),
        );

        let sum: u32 = pool.offered.iter().map(|offered| offered.tokens).sum();
        assert_eq!(pool.tokens, sum + pool.bridge_tokens, "seed {seed}");
        assert!(pool.tokens <= case.allowance.tokens, "seed {seed}");
        assert!(
            pool.offered.len() + pool.bridge_tools <= case.allowance.tools_max,
            "seed {seed}"
        );
        for offered in &pool.offered {
            let tool = &snapshot.tools()[offered.row];
            let rendering = if offered.shape == Shape::Full {
                &tool.full
            } else {
                &tool.slim
            };
            assert_eq!(
                (offered.tokens, &offered.exposed),
                (rendering.tokens, &tool.exposed),
                "seed {seed}"
            );
        }

        let both: Vec<Row> = pool
            .offered
            .iter()
            .map(|o| o.row)
            .chain(pool.left_out.iter().map(|o| o.row))
            .collect();
        let once: BTreeSet<Row> = both.iter().copied().collect();
        assert_eq!(both.len(), once.len(), "seed {seed}");
        assert_eq!(once, view.rows().collect(), "seed {seed}");

        let kinds: Vec<u8> = pool
            .offered
            .iter()
            .map(|offered| match offered.reason {
                Reason::Pinned => 0,
                Reason::InUse => 1,
                _ => 2,
            })
            .collect();
        assert!(kinds.is_sorted(), "seed {seed}");
        let visible = |name: &String| view.resolve(snapshot, name).is_some();
        let seen: BTreeSet<&String> = case.pinned.iter().filter(|name| visible(name)).collect();
        let room = case.allowance.tools_max - pool.bridge_tools;
        let slim: u32 = seen
            .iter()
            .map(|name| snapshot.costs(snapshot.by_exposed(name).unwrap()).least())
            .sum();
        if seen.len() <= room && slim <= case.allowance.tokens - pool.bridge_tokens {
            assert_eq!(
                kinds.iter().filter(|kind| **kind == 0).count(),
                seen.len(),
                "all that are pinned fit: seed {seed}"
            );
        }
        let scores: Vec<Option<f32>> = pool.left_out.iter().map(|out| out.score).collect();
        assert!(
            scores.is_sorted_by(|a, b| a.unwrap_or(f32::MIN) >= b.unwrap_or(f32::MIN)),
            "seed {seed}"
        );

        let again = assemble(
            snapshot,
            &view,
            &case.ranking,
            case.allowance,
            want,
            &settings(),
        );
        assert_eq!(pool, again, "seed {seed}");
    }
}
