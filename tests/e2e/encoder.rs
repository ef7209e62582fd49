//! The encoder produced the vectors, not the words-only fallback; and every printed figure names its ranker.

use toolpool_tests::env::TestEnv;
use toolpool_tests::server::FakeServer;

#[test]
fn the_pool_is_ranked_by_the_encoder() {
    let Some(env) = TestEnv::with_encoder() else {
        return;
    };
    let alpha = FakeServer::new(&env, "alpha").with("--tools 130");
    env.servers("", &[&alpha]);
    let run = env
        .run(["pool", "look at the maritime ships", "--json"])
        .ok();
    let pool = run.json();
    let ranker = pool["ranker"].to_string();
    assert!(
        ranker.to_lowercase().contains("minilm"),
        "{}",
        run.snapshot()
    );
    // No word of the request is in the tool's text: only meaning finds the ten that are about vessels.
    let best = pool["offered"][0]["exposed"].as_str().unwrap_or_default();
    assert!(best.starts_with("alpha__tool_0007"), "{}", run.snapshot());
    let text = env.run(["pool", "look at the maritime ships"]).ok();
    assert!(
        text.stdout.to_lowercase().contains("minilm"),
        "{}",
        text.snapshot()
    );
}

#[test]
fn without_a_runtime_it_ranks_by_words_and_says_so_once() {
    let env = TestEnv::new();
    let alpha = FakeServer::new(&env, "alpha").with("--tools 130");
    env.config(&format!(
        "[servers.workspace]\nenabled = false\n[embedding]\nfetch = false\n{}",
        alpha.toml()
    ));
    let request = "inspect the vessel records";
    let pool = env.run(["pool", request, "--json"]).ok().json();
    assert_eq!(
        pool["offered"][0]["exposed"], "alpha__tool_00077",
        "{pool:#}"
    );
    let run = env.run(["pool", request]).ok();
    // A runtime of the system's own may be found even in a closed world; then there is nothing to say.
    if pool["ranker"]["kind"] == "words" {
        assert_eq!(run.stderr.matches("ONNX").count(), 1, "{}", run.snapshot());
        assert!(run.stdout.contains("words"), "{}", run.snapshot());
    }
}

#[test]
fn vectors_are_kept_from_one_run_to_the_next() {
    let Some(env) = TestEnv::with_encoder() else {
        return;
    };
    let alpha = FakeServer::new(&env, "alpha").with("--tools 50");
    env.servers("", &[&alpha]);
    let first = env.run(["pool", "archive the parcels", "--json"]).ok();
    let kept = env.path("cache/toolpool");
    assert!(
        kept.exists() && std::fs::read_dir(&kept).is_ok_and(|mut entries| entries.next().is_some()),
        "nothing in the cache"
    );
    let second = env.run(["pool", "archive the parcels", "--json"]).ok();
    assert_eq!(
        first.json()["offered"],
        second.json()["offered"],
        "the same request, the same pool"
    );
}
